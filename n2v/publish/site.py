"""The course as a folder of static pages: syllabus, search, executed notebooks, report and demos; no server needed."""

import json
import shutil
from html import escape
from pathlib import Path
from urllib.parse import quote

from n2v.errors import BadInput
from n2v.files import read_json, write_bytes
from n2v.publish.links import Page, problems
from n2v.publish.notebook_page import notebook_page
from n2v.publish.report import PAGES, STYLE, page_title, write_report
from n2v.publish.syllabus import syllabus

MORE_STYLE = """
input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}
#found a{display:block;padding:.25rem 0}#found small{opacity:.7;margin-left:.5rem}
td{white-space:normal;vertical-align:top}
"""
SEARCH = """
const headings = JSON.parse(document.getElementById("headings").textContent);
const field = document.getElementById("search"), found = document.getElementById("found");
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  const hits = words.length ? headings.filter(one => words.every(word => one.text.toLowerCase().includes(word))) : [];
  found.replaceChildren(...hits.slice(0, 40).map(one => {
    const link = document.createElement("a"), place = document.createElement("small");
    link.href = one.href; link.textContent = one.text; place.textContent = one.page; link.append(place);
    return link;
  }));
  document.getElementById("count").textContent = words.length ? `${hits.length} headings` : "";
});
"""


def write_site(run_folder: Path, notebooks: Path) -> Path:
    """Write RUN/site from what a run left; returns its index.html.

    Raises:
        BadInput: no run there, or a page with a broken link, a part from the network or a picture without alt text.
    """
    run = Path(run_folder)
    if not (run / "run.json").exists():
        raise BadInput("no run here", where=run, fix="make reproduce first")
    rows, site = syllabus(notebooks), run / "site.part"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    shutil.copyfile(write_report(run), site / "report.html")
    for place in PAGES:
        if (run / place).is_dir():
            shutil.copytree(run / place, site / place)
    done = [row for row in rows if (run / "notebooks" / _stem(row)).with_suffix(".ipynb").is_file()]
    for row, navigation in zip(done, _navigations(done), strict=True):
        page = notebook_page((run / "notebooks" / _stem(row)).with_suffix(".ipynb"), navigation)
        write_bytes(site / "notebooks" / f"{_stem(row)}.html", page.encode())
    write_bytes(site / "index.html", _index(site, rows, read_json(run / "run.json")).encode())
    wrong = problems(site)
    if wrong:
        raise BadInput(
            f"{len(wrong)} faults, first: {wrong[0]}", where=site, fix="mend the notebook that made the page"
        )
    shutil.rmtree(run / "site", ignore_errors=True)
    site.rename(run / "site")
    return run / "site" / "index.html"


def _stem(row: dict[str, str]) -> str:
    return Path(row["file"]).stem


def _navigations(rows: list[dict[str, str]]) -> list[str]:
    """For each notebook: links to the index, the one before, the one after and the report."""
    links = [f'<a href="{_stem(row)}.html">{row["number"]} · {escape(row["title"])}</a>' for row in rows]
    home, report = '<a href="../index.html">Syllabus and search</a>', '<a href="../report.html">Report</a>'
    bars = []
    for place in range(len(rows)):
        before = f"<span>← {links[place - 1]}</span>" if place else ""
        after = f"<span>{links[place + 1]} →</span>" if place + 1 < len(links) else ""
        bars.append(home + before + after + report)
    return bars


def _index(site: Path, rows: list[dict[str, str]], run: dict) -> str:
    lines = "".join(_line(site, row, run) for row in rows)
    names = ("notebook", "you will", "minutes on two cores", "thesis items", "this run")
    table = f"<table><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>{lines}</table>"
    demos = [path for place in PAGES for path in sorted((site / place).rglob("*.html"))]
    links = "".join(f"<div>{_link(path.relative_to(site), page_title(path))}</div>" for path in demos)
    data = json.dumps(_headings(site)).replace("<", "\\u003c")
    profile = escape(str(run.get("profile", "unknown")))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>n2v: the course</title>'
        f"<style>{STYLE}{MORE_STYLE}</style></head><body><h1>n2v: the course</h1>"
        f'<p>Executed notebooks of profile <b>{profile}</b>; the thesis beside our numbers: <a href="report.html">the '
        'report</a>. Everything here works without a network.</p><label>Search the headings<input id="search" '
        'type="search" autocomplete="off"></label><p id="count" class="caption" aria-live="polite"></p>'
        f'<div id="found"></div><h2>Syllabus</h2><div class="wide">{table}</div>'
        + (f"<h2>Pages that move</h2><nav>{links}</nav>" if links else "")
        + f'<script type="application/json" id="headings">{data}</script><script>{SEARCH}</script></body></html>\n'
    )


def _line(site: Path, row: dict[str, str], run: dict) -> str:
    name, title = Path("notebooks") / f"{_stem(row)}.html", f"{row['number']} · {row['title']}"
    there = (site / name).is_file()
    record = run["notebooks"].get(_stem(row), {"status": "not run"})
    cells = [_link(name, title) if there else escape(title)]
    cells += [escape(row[column]) for column in ("goal", "minutes", "items")]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in [*cells, escape(record["status"])]) + "</tr>"


def _link(path: Path, title: str) -> str:
    return f'<a href="{escape(quote(path.as_posix()), quote=True)}">{escape(title)}</a>'


def _headings(site: Path) -> list[dict[str, str]]:
    """Every heading with an address, for the search."""
    found = []
    for path in [*sorted((site / "notebooks").glob("*.html")), site / "report.html"]:
        place = path.relative_to(site).as_posix()
        for one in Page(path.read_text(encoding="utf-8")).headings:
            if one["id"] and one["text"]:
                found.append({"text": one["text"], "page": path.stem, "href": f"{place}#{quote(one['id'])}"})
    return found
