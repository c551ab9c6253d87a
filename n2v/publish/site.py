"""The course as a folder of static pages: syllabus, search, executed notebooks, report and demos; no server needed."""

import shutil
from html import escape
from pathlib import Path
from urllib.parse import quote

from n2v.errors import BadInput
from n2v.files import read_json, write_bytes
from n2v.publish.links import headings, problems
from n2v.publish.notebook_page import notebook_page
from n2v.publish.report import PAGES, page_title, render, write_report
from n2v.publish.syllabus import syllabus


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
    _write_notebooks(site, run, rows)
    _write_index(site, rows, read_json(run / "run.json"))
    wrong = problems(site)
    if wrong:
        raise BadInput(
            f"{len(wrong)} faults, first: {wrong[0]}", where=site, fix="mend the notebook that made the page"
        )
    shutil.rmtree(run / "site", ignore_errors=True)
    site.rename(run / "site")
    return run / "site" / "index.html"


def _name(row: dict[str, str]) -> str:
    return f"{row['number']} · {row['title']}"


def _write_notebooks(site: Path, run: Path, rows: list[dict[str, str]]) -> None:
    """The executed ones, each with links to the index, the one before, the one after and the report."""
    paths = {run / "notebooks" / Path(row["file"]).with_suffix(".ipynb"): row for row in rows}
    done = [None, *((path, _name(row)) for path, row in paths.items() if path.is_file()), None]
    for before, this, after in zip(done, done[1:], done[2:], strict=False):
        bar = '<a href="../index.html">Syllabus and search</a>'
        for arrow, other in (("← ", before), ("→ ", after)):
            if other:
                bar += f'<span>{arrow}<a href="{other[0].stem}.html">{escape(other[1])}</a></span>'
        page = notebook_page(this[0], f'{bar}<a href="../report.html">Report</a>')
        write_bytes(site / "notebooks" / f"{this[0].stem}.html", page.encode())


def _write_index(site: Path, rows: list[dict[str, str]], run: dict) -> None:
    shown = []
    for row in rows:
        stem = Path(row["file"]).stem
        address = f"notebooks/{stem}.html"
        there, record = (site / address).is_file(), run["notebooks"].get(stem, {"status": "not run"})
        shown.append({**row, "name": _name(row), "address": there and address, "status": record["status"]})
    found = []
    for path in [*sorted((site / "notebooks").glob("*.html")), site / "report.html"]:
        place = path.relative_to(site).as_posix()
        found += [
            {"text": text, "page": path.stem, "href": f"{place}#{quote(anchor)}"} for anchor, text in headings(path)
        ]
    demos = [path for place in PAGES for path in sorted((site / place).rglob("*.html"))]
    titles = [(quote(path.relative_to(site).as_posix()), page_title(path)) for path in demos]
    page = render("index.html", profile=run.get("profile", "unknown"), rows=shown, demos=titles, headings=found)
    write_bytes(site / "index.html", page.encode())
