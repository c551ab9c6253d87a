"""report.html: one offline file with every figure and table of the thesis, theirs beside ours."""

import csv
import re
from collections import Counter
from html import escape, unescape
from pathlib import Path
from textwrap import shorten
from urllib.parse import quote

from n2v import profiles
from n2v.errors import BadInput
from n2v.files import write_bytes
from n2v.lessons.verdict import AGREES, CANNOT_TELL, DISAGREES
from n2v.publish.html import figure_html, render, table_html
from n2v.publish.record import KINDS, read_if_there, records
from n2v.publish.thesis import BY_ID, ITEMS, ThesisItem
from n2v.tasks.metrics import wilson_interval
from n2v.zoo.store import Zoo

PAGES = ("pages", "demos")  # folders of a run with pages of their own, made by the notebooks
TEMPLATES = Path(__file__).parent / "templates"
FULL, PART, NOT, FAILED, DIAGRAM = "measured", "in part", "not run", "failed", "diagram"
NEEDS = {"gpu": "a GPU", "weights file": "a file of pretrained ResNet50 weights"}
GENERAL = (
    "The thesis used ShapeNet objects and a GPU. Numbers of another collection show trends; they are not expected to "
    "equal the thesis's."
)


def write_report(run_folder: Path) -> Path:
    """Gather a run folder's items into report.html: failures and summary first, thesis items in order, extras."""
    folder = Path(run_folder)
    run, metrics = read_if_there(folder / "run.json"), read_if_there(folder / "metrics.json")
    found: dict[str, list[dict]] = {item_id: [] for item_id in BY_ID}
    for record in sorted(records(folder), key=lambda one: (one["notebook"], one["item"], KINDS.index(one["kind"]))):
        found.setdefault(record["item"], []).append(record)
    items = [_item(item_id, mine, folder, run) for item_id, mine in found.items()]
    books = [{"name": name, "cell": None, **one} for name, one in run.get("notebooks", {}).items()]
    sizes, conclusion = _sizes(folder, str(run.get("profile")))
    numbers = [(book, *pair) for book, values in sorted(metrics.items()) for pair in sorted(values.items())]
    facts = ("n2v", "commit", "python", "platform", "threads", "device", "seed")
    environment = {**{name: run.get(name) for name in facts}, **(run.get("packages") or {})}
    page = render(
        TEMPLATES / "report.html",
        profile=run.get("profile", "unknown"), minutes=f"{run.get('wall_s', 0) / 60:.1f}", sizes=sizes,
        conclusion=conclusion, n=_counts(items), failures=[one for one in books if one["status"] != "ok"],
        items=items, pages=pages_of(folder, (*PAGES, "notebooks")),
        times=table_html(
            ("notebook", "status", "seconds"), [(one["name"], one["status"], round(one["seconds"])) for one in books]
        ),
        environment=table_html(("what", "found"), environment.items()),
        numbers=numbers and table_html(("notebook", "name", "value"), numbers),
    )  # fmt: skip
    write_bytes(folder / "report.html", page.encode())
    return folder / "report.html"


def _item(item_id: str, found: list[dict], folder: Path, run: dict) -> dict:
    """What the page says about one item."""
    thesis, parts = BY_ID.get(item_id), [record for record in found if record["kind"] != "verdict"]
    verdicts = [one for record in found if record["kind"] == "verdict" for one in record["verdicts"]]
    pairs = [f"{name}: {value}" for name, value in thesis.values.items()] if thesis else []
    ours = [record["headline"] for record in parts if record.get("headline")]
    tables = {id(record): _rows(folder, item_id) for record in parts if record["kind"] == "table"}
    return {
        "id": item_id,
        "thesis": thesis,
        "title": f"{thesis.title}. {thesis.shows}" if thesis else _extra_title(found),
        "theirs": "; ".join(pairs) if len(pairs) <= 5 else pairs[-1],
        "ours": next(iter([*ours, *(one["measured"] for one in verdicts)]), ""),
        "n": next((one["n"] for one in verdicts if one["n"]), ""),
        "verdicts": verdicts,
        "status": _status(thesis, parts, folder, tables, run.get("device", "cpu") != "cpu"),
        "needs": NEEDS.get(thesis.needs) if thesis else None,
        "contents": [_content(record, folder, tables.get(id(record))) for record in parts],
    }


def _extra_title(found: list[dict]) -> str:
    """Notebook and the first sentence of the caption."""
    sentence = re.split(r"\.(?:\s|$)", found[0]["caption"])[0]
    return f"Notebook {found[0]['notebook']}: {shorten(sentence, 90, placeholder=' …')}"


def _status(
    thesis: ThesisItem | None, parts: list[dict], folder: Path, tables: dict[int, list | None], on_gpu: bool
) -> str:
    """In full, in part, or not; a table with one row or cell that was not run, or one without its GPU, is in part."""
    done = [record for record in parts if record["kind"] != "not-run"]
    if not done:
        return NOT
    if None in tables.values() or any(not _picture(one, folder).is_file() for one in done if one["kind"] == "figure"):
        return FAILED
    if thesis and thesis.is_diagram:
        return DIAGRAM
    skipped = any(cell.strip().lower().startswith(NOT) for rows in tables.values() for row in rows for cell in row)
    without_gpu = thesis and thesis.needs == "gpu" and not on_gpu
    return PART if without_gpu or skipped or len(done) < len(parts) else FULL


def _counts(items: list[dict]) -> dict:
    """How many items of the thesis have which status, and how many claims which answer."""
    n = Counter(item["status"] for item in items if item["thesis"])
    n_items = len([item for item in ITEMS if not item.is_diagram])
    words = Counter(one["word"] for item in items for one in item["verdicts"])
    return {
        "items": n_items, "measured": n[FULL], "in_part": n[PART], "missing": n_items - n[FULL] - n[PART],
        "diagrams": n[DIAGRAM], "words": {word: words[word] for word in (AGREES, DISAGREES, CANNOT_TELL)},
    }  # fmt: skip


def _sizes(folder: Path, profile: str) -> tuple[str, str]:
    """How large the run is, and what its size lets a reader conclude."""
    try:
        rows = list(Zoo(folder / "zoo").rows)
    except (BadInput, OSError):
        return "", GENERAL
    n = {split: len({row.base_id for row in rows if row.split == split}) for split in ("train", "val", "test")}
    text = f"{len(rows):,} NeRFs of {sum(n.values()):,} objects in {len({row.class_name for row in rows})} classes"
    text += f", {n['test']:,} of the objects for testing"
    if profile in profiles.PROFILES:
        text += f"; NeRFs of {profiles.get(profile).fit.n_steps:,} steps"
    if not n["test"]:
        return text, GENERAL
    low, high = wilson_interval(0.8 * n["test"], n["test"])
    return text, (
        f"With {n['test']:,} test objects an accuracy of 80 % is known to lie between {100 * low:.0f} and "
        f"{100 * high:.0f} %; smaller differences say nothing unless their own interval is given. {GENERAL}"
    )


def _picture(record: dict, folder: Path) -> Path:
    return folder / "figures" / f"{record['item']}.png"


def _rows(folder: Path, item_id: str) -> list[list[str]] | None:
    """A table's lines, names of the columns first; None without the file."""
    path = folder / "tables" / f"{item_id}.csv"
    return list(csv.reader(path.read_text().splitlines(keepends=True))) if path.is_file() else None


def _content(record: dict, folder: Path, rows: list[list[str]] | None) -> str:
    """HTML of a figure, a table, or why it was not run."""
    caption, path = record["caption"], _picture(record, folder)
    if record["kind"] == "not-run":
        return f"<p>Not run: {escape(caption)}</p>"
    if record["kind"] == "figure" and path.is_file():
        return figure_html(path.read_bytes(), caption, record.get("alt") or caption)
    if rows:
        return table_html(rows[0], rows[1:], caption)
    return f"<p>The {record['kind']} of {escape(record['item'])} is missing. {escape(caption)}</p>"


def pages_of(folder: Path, places: tuple[str, ...] = PAGES) -> list[tuple[str, str]]:
    """Address and title of the pages in some folders of a run or site."""
    paths = [path for place in places for path in sorted((folder / place).rglob("*.html"))]
    return [(quote(path.relative_to(folder).as_posix()), _page_title(path)) for path in paths]


def _page_title(path: Path) -> str:
    """Of an HTML file; its name when it has none."""
    with open(path, encoding="utf-8") as file:
        found = re.search(r"<title>([^<]+)</title>", file.read(10_000))
    return unescape(found[1]).strip() if found else path.stem.replace("_", " ")
