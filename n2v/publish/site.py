"""The course as a folder of static pages: syllabus, search, executed notebooks, report and demos; no server needed."""

import shutil
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from n2v.errors import BadInput
from n2v.files import read_json, write_bytes
from n2v.publish.html import render
from n2v.publish.notebook_page import notebook_page
from n2v.publish.notebooks import require
from n2v.publish.report import PAGES, TEMPLATES, pages_of, write_report
from n2v.publish.syllabus import syllabus

FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}


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
    if wrong := problems(site):
        what = f"{len(wrong)} faults, first: {wrong[0]}"
        raise BadInput(what, where=site, fix="mend the notebook that made the page")
    shutil.rmtree(run / "site", ignore_errors=True)
    site.rename(run / "site")
    return run / "site" / "index.html"


def _write_notebooks(site: Path, run: Path, rows: list[dict[str, str]]) -> None:
    """The executed ones, each with links to the index, the one before, the one after and the report."""
    paths = {run / "notebooks" / f"{row['stem']}.ipynb": row["name"] for row in rows}
    done = [None, *((path, name) for path, name in paths.items() if path.is_file()), None]
    for before, (path, _), after in zip(done, done[1:-1], done[2:], strict=False):
        bar = '<a href="../index.html">Syllabus and search</a>'
        for arrow, other in (("← ", before), ("→ ", after)):
            if other:
                bar += f'<span>{arrow}<a href="{other[0].stem}.html">{escape(other[1])}</a></span>'
        page = notebook_page(path, f'{bar}<a href="../report.html">Report</a>')
        write_bytes(site / "notebooks" / f"{path.stem}.html", page.encode())


def _write_index(site: Path, rows: list[dict[str, str]], run: dict) -> None:
    shown, found = [], []
    for row in rows:
        address = f"notebooks/{row['stem']}.html"
        status = run["notebooks"].get(row["stem"], {"status": "not run"})["status"]
        shown.append({**row, "address": (site / address).is_file() and address, "status": status})
    for path in [*sorted((site / "notebooks").glob("*.html")), site / "report.html"]:
        place = path.relative_to(site).as_posix()
        found += [{"text": text, "page": path.stem, "href": f"{place}#{quote(at)}"} for at, text in _headings(path)]
    page = render(
        TEMPLATES / "index.html", profile=run.get("profile", "unknown"), rows=shown, demos=pages_of(site),
        headings=found,
    )  # fmt: skip
    write_bytes(site / "index.html", page.encode())


def read_page(path: Path):
    """An HTML file, parsed by Beautiful Soup."""
    return require("bs4").BeautifulSoup(Path(path).read_text(encoding="utf-8"), "html.parser")


def _headings(path: Path) -> list[tuple[str, str]]:
    """Anchor and text of each heading that has both, without the link sign of notebooks."""
    found = read_page(path).find_all(["h1", "h2", "h3", "h4"], id=True)
    told = [(one["id"], " ".join(one.get_text().replace("¶", "").split())) for one in found]
    return [(anchor, text) for anchor, text in told if anchor and text]


def problems(folder: Path) -> list[str]:
    """What is wrong with the pages of a folder, one line each: links that lead nowhere, parts that would come from the
    network, pictures without words. Links to other sites are not followed."""
    folder = Path(folder).resolve()
    pages = {path: read_page(path) for path in sorted(folder.rglob("*.html"))}
    anchors = {
        path: {one.get(key) for one in page.find_all() for key in ("id", "name")} for path, page in pages.items()
    }
    found = []
    for path, page in pages.items():
        wrong = ["a picture has no alt text" for one in page.find_all("img") if not (one.get("alt") or "").strip()]
        for tag in page.find_all(["a", *FETCHED]):
            address = tag.get(FETCHED.get(tag.name, "href"))
            if address and (why := _wrong(path, address, tag.name in FETCHED, anchors, folder)):
                wrong.append(f"{address[:100]} {why}")
        found += [f"{path.relative_to(folder)}: {why}" for why in wrong]
    return found


def _wrong(path: Path, address: str, is_fetched: bool, anchors: dict[Path, set], folder: Path) -> str:
    """Why an address on a page is wrong; empty when it is right."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return "is fetched from the network" if is_fetched and parts.scheme not in ("data", "blob") else ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(folder):
        return "leaves the site"
    if not target.is_file():
        return "does not exist"
    known = {parts.fragment, unquote(parts.fragment)} & anchors.get(target, {parts.fragment})
    return "names no place on that page" if parts.fragment and not known else ""
