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
from n2v.files import read_json, write_bytes
from n2v.lessons.verdict import AGREES, CANNOT_TELL, DISAGREES
from n2v.publish.record import ORDER, figure_html, records, table_html
from n2v.publish.thesis import BY_ID, ITEMS
from n2v.tasks.metrics import wilson_interval
from n2v.zoo.store import Zoo

PAGES = ("pages", "demos")  # folders of a run with pages of their own, made by the notebooks
TEMPLATES = Path(__file__).parent / "templates"
FULL, PART, NOT, FAILED, DIAGRAM = "measured", "in part", "not run", "failed", "diagram"
NEEDS = {"gpu": "a GPU", "weights file": "a file of pretrained ResNet50 weights"}


def write_report(run_folder: Path) -> Path:
    """Gather a run folder's items into report.html: failures and summary first, thesis items in order, extras."""
    folder = Path(run_folder)
    run = read_json(folder / "run.json") if (folder / "run.json").exists() else {}
    found: dict[str, list[dict]] = {}
    for record in sorted(records(folder), key=lambda one: (one["notebook"], one["item"], ORDER.index(one["kind"]))):
        found.setdefault(record["item"], []).append(record)
    extras = [item_id for item_id in found if item_id not in BY_ID]
    items = [_item(item_id, found.get(item_id, []), folder, run) for item_id in [*BY_ID, *extras]]
    failures = [{"name": name, "cell": None, **one} for name, one in run.get("notebooks", {}).items()]
    sizes, conclusion = _sizes(folder, str(run.get("profile")))
    metrics = read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    numbers = [(book, *pair) for book, values in sorted(metrics.items()) for pair in sorted(values.items())]
    page = render(
        "report.html",
        profile=run.get("profile", "unknown"), minutes=f"{run.get('wall_s', 0) / 60:.1f}", sizes=sizes,
        conclusion=conclusion, n=_counts(items), failures=[one for one in failures if one["status"] != "ok"],
        items=items, extras=[item for item in items if item["extra"]], pages=_pages(folder),
        times=table_html(
            ("notebook", "status", "seconds"), [(one["name"], one["status"], round(one["seconds"])) for one in failures]
        ),
        environment=table_html(("what", "found"), _environment(run)),
        numbers=numbers and table_html(("notebook", "name", "value"), numbers),
    )  # fmt: skip
    write_bytes(folder / "report.html", page.encode())
    return folder / "report.html"


def render(name: str, **values: object) -> str:
    """A page from a template beside this file; what it is given is escaped there."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    pages = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return pages.get_template(name).render(style=Markup((TEMPLATES / "style.css").read_text()), **values)


def _item(item_id: str, found: list[dict], folder: Path, run: dict) -> dict:
    """What the page says about one item."""
    thesis, parts = BY_ID.get(item_id), [record for record in found if record["kind"] != "verdict"]
    verdicts = [one for record in found if record["kind"] == "verdict" for one in record["verdicts"]]
    values = thesis.values if thesis else {}
    pairs = [f"{name}: {value}" for name, value in values.items()]
    measured = " ".join(one["measured"] for one in verdicts[:1])
    return {
        "id": item_id,
        "extra": thesis is None,
        "name": thesis.title if thesis else "",
        "shows": thesis.shows if thesis else "",
        "title": f"{thesis.title}. {thesis.shows}" if thesis else _extra_title(found),
        "values": values,
        "theirs": "; ".join(pairs) if len(pairs) <= 5 else pairs[-1],
        "ours": _headline(item_id, parts, folder) or measured,
        "n": next((one["n"] for one in verdicts if one["n"]), ""),
        "verdicts": verdicts,
        "status": _status(item_id, parts, folder, run),
        "needs": NEEDS.get(thesis.needs) if thesis else None,
        "notebook": thesis.notebook if thesis else "",
        "contents": [_content(record, folder) for record in parts],
    }


def _extra_title(found: list[dict]) -> str:
    """Notebook and the first sentence of the caption."""
    sentence = re.split(r"\.(?:\s|$)", found[0]["caption"])[0]
    return f"Notebook {found[0]['notebook']}: {shorten(sentence, 90, placeholder=' …')}"


def _status(item_id: str, found: list[dict], folder: Path, run: dict) -> str:
    """In full, in part, or not; a table with one row or cell that was not run, or one without its GPU, is in part."""
    thesis, done = BY_ID.get(item_id), [record for record in found if record["status"] == "measured"]
    if not done:
        return NOT
    if not all(_file_of(record, folder).is_file() for record in done):
        return FAILED
    if thesis and thesis.is_diagram:
        return DIAGRAM
    cells = [cell for record in done if record["kind"] == "table" for row in _rows(record, folder) for cell in row]
    without_gpu = thesis and thesis.needs == "gpu" and run.get("device", "cpu") == "cpu"
    return PART if without_gpu or len(done) < len(found) or any(map(_is_not_run, cells)) else FULL


def _counts(items: list[dict]) -> dict:
    """How many items of the thesis have which status, and how many claims which answer."""
    n = Counter(item["status"] for item in items if not item["extra"])
    n_items = len([item for item in ITEMS if not item.is_diagram])
    words = Counter(one["word"] for item in items for one in item["verdicts"])
    return {
        "items": n_items, "measured": n[FULL], "in_part": n[PART], "missing": n_items - n[FULL] - n[PART],
        "diagrams": n[DIAGRAM], "words": {word: words[word] for word in (AGREES, DISAGREES, CANNOT_TELL)},
    }  # fmt: skip


def _sizes(folder: Path, profile: str) -> tuple[str, str]:
    """How large the run is, and what its size lets a reader conclude."""
    general = (
        "The thesis used ShapeNet objects and a GPU. Numbers of another collection show trends; they are not expected "
        "to equal the thesis's."
    )
    try:
        rows = list(Zoo(folder / "zoo").rows)
    except (BadInput, OSError):
        return "", general
    n = {split: len({row.base_id for row in rows if row.split == split}) for split in ("train", "val", "test")}
    text = f"{len(rows):,} NeRFs of {sum(n.values()):,} objects in {len({row.class_name for row in rows})} classes"
    text += f", {n['test']:,} of the objects for testing"
    if profile in profiles.PROFILES:
        text += f"; NeRFs of {profiles.get(profile).fit.n_steps:,} steps"
    if not n["test"]:
        return text, general
    low, high = wilson_interval(0.8 * n["test"], n["test"])
    return text, (
        f"With {n['test']:,} test objects an accuracy of 80 % is known to lie between {100 * low:.0f} and "
        f"{100 * high:.0f} %; smaller differences say nothing unless their own interval is given. {general}"
    )


def _is_not_run(cell: str) -> bool:
    return cell.strip().lower().startswith(NOT)


NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?%?")  # a cell that is one, and not a sentence that begins with one


def _file_of(record: dict, folder: Path) -> Path:
    place, suffix = ("figures", ".png") if record["kind"] == "figure" else ("tables", ".csv")
    return folder / place / f"{record['item']}{suffix}"


def _rows(record: dict, folder: Path) -> list[list[str]]:
    """A table's lines, names of the columns first."""
    with open(_file_of(record, folder), newline="") as file:
        return list(csv.reader(file))


def _headline(item_id: str, found: list[dict], folder: Path) -> str:
    """What the notebook named as its one number, else the first number of the first row that was measured here."""
    named = [record["headline"] for record in found if record.get("headline")]
    tables = [record for record in found if record["kind"] == "table" and _file_of(record, folder).is_file()]
    if named or not tables:
        return named[0] if named else ""
    header, *rows = _rows(tables[0], folder)
    ours = [row for row in rows if not row[0].lower().startswith("thesis") and not any(map(_is_not_run, row))]
    return next(filter(None, (_first_number(header, row) for row in ours)), "")


def _first_number(header: list[str], row: list[str]) -> str:
    """A row's words and its first measurement: whole numbers are sizes and counts, unless there is nothing else."""
    numbers = [i for i, cell in enumerate(row) if i and NUMBER.fullmatch(cell) and "thesis" not in header[i]]
    fractions = [i for i in numbers if "." in row[i] or row[i].endswith("%")]
    if not numbers:
        return ""
    chosen = (fractions or numbers)[0]
    value = row[chosen] if row[chosen].endswith("%") else f"{float(row[chosen]):.3g}"
    return f"{', '.join(filter(None, row[: numbers[0]]))}: {header[chosen].replace('_', ' ')} {value}"


def _content(record: dict, folder: Path) -> str:
    """HTML of a figure, a table, or why it was not run."""
    caption = record["caption"]
    if record["kind"] == "not run":
        return f"<p>Not run: {escape(caption)}</p>"
    path = _file_of(record, folder)
    if not path.is_file():
        return f"<p>{escape(f'{path.parent.name}/{path.name}')} is missing. {escape(caption)}</p>"
    if record["kind"] == "figure":
        return figure_html(path.read_bytes(), caption, record.get("alt") or caption)
    header, *rows = _rows(record, folder)
    return table_html(header, rows, caption)


def _pages(folder: Path) -> list[tuple[str, str]]:
    """Address and title of the run's other pages: objects and demos that move, executed notebooks."""
    paths = [path for place in (*PAGES, "notebooks") for path in sorted((folder / place).rglob("*.html"))]
    return [(quote(path.relative_to(folder).as_posix()), page_title(path)) for path in paths]


def page_title(path: Path) -> str:
    """Of an HTML file; its name when it has none."""
    with open(path, encoding="utf-8") as file:
        found = re.search(r"<title>([^<]+)</title>", file.read(10_000))
    return unescape(found[1]).strip() if found else path.stem.replace("_", " ")


def _environment(run: dict) -> list[tuple[str, object]]:
    facts = {name: run.get(name) for name in ("n2v", "commit", "python", "platform", "threads", "device", "seed")}
    return list({**facts, **(run.get("packages") or {})}.items())
