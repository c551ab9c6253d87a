"""report.html: one offline file with every figure and table of the thesis, theirs beside ours."""

import base64
import csv
import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote

from n2v.files import read_json, write_bytes
from n2v.publish.thesis import BY_ID, ITEMS

PAGES = ("pages", "demos")  # folders of a run with pages of their own, made by the notebooks
FULL, PART, NOT = "measured", "partly measured", "not run"
NEEDS = {"gpu": "a GPU", "weights file": "a file of pretrained ResNet50 weights"}
STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:#0060a8}
@media (prefers-color-scheme:dark){:root{--link:#7fc1f5}}
body{font:16px/1.55 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.3rem}
h2{font-size:1.15rem;margin-top:2.2rem;border-top:1px solid var(--line);padding-top:1rem}
a{color:var(--link)}figure{margin:.8rem 0}
img{max-width:100%;background:#fff;border-radius:4px}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.86rem}
th,td{border-bottom:1px solid var(--line);padding:.25rem .7rem;text-align:left;white-space:nowrap}
.summary td{white-space:normal;vertical-align:top}.summary .tag{margin:0;white-space:nowrap}
th{background:var(--soft)}td.n{text-align:right;font-variant-numeric:tabular-nums}
.tag{font:600 .74rem/1 system-ui;padding:.2rem .55rem;border-radius:1rem;margin-left:.6rem;vertical-align:middle}
.tag.measured{background:#0a53;border:1px solid #0a5a}.tag.partly-measured{background:#08c3;border:1px solid #08ca}
.tag.not-run{background:#e903;border:1px solid #e90a}
.tag.failed{background:#c003;border:1px solid #c00a}
.failures{border:2px solid #c00a;border-radius:6px;padding:.2rem 1rem;margin:1rem 0}
.failures h2{border:0;margin:0;padding:.6rem 0 0}
.theirs{font-size:.9rem;background:var(--soft);padding:.5rem .9rem;border-left:3px solid #e69f00}
.theirs .pair{display:inline-block;margin-right:1.2rem}
figcaption,.caption{font-size:.88rem;opacity:.85}
@media print{:root{color-scheme:light}body{max-width:none;margin:0}nav{display:none}h2{break-after:avoid}
figure,tr,.failures{break-inside:avoid}.wide{overflow:visible}td,th{white-space:normal}}
nav{columns:15rem 3;font-size:.86rem;margin:1rem 0}nav div{break-inside:avoid}
"""


def write_report(run_folder: Path) -> Path:
    """Gather a run folder's items into report.html: failures and summary first, thesis items in order, extras."""
    folder = Path(run_folder)
    records = _read_items(folder)
    run = read_json(folder / "run.json") if (folder / "run.json").exists() else {}
    extras = sorted(item_id for item_id in records if item_id not in BY_ID)
    statuses = {item_id: _status(item_id, records.get(item_id, []), folder) for item_id in [*BY_ID, *extras]}
    parts = [_head(run, statuses), _failures(run), _summary(records, statuses, folder), _contents(extras, statuses)]
    parts.append(_links(folder))
    parts += [_section(item_id, records.get(item_id, []), folder, status) for item_id, status in statuses.items()]
    parts += [_times(run), _environment(run), _numbers(folder)]
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>n2v report</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
    path = folder / "report.html"
    write_bytes(path, page.encode())
    return path


def _read_items(folder: Path) -> dict[str, list[dict]]:
    """Records by item; what was measured before what was not."""
    records: dict[str, list[dict]] = {}
    for path in sorted((folder / "items").glob("*.json")):
        record = read_json(path)
        if record["kind"] != "verdict":
            records.setdefault(record["item"], []).append(record)
    return {item_id: sorted(found, key=lambda record: record["status"]) for item_id, found in records.items()}


def _status(item_id: str, found: list[dict], folder: Path) -> str:
    """In full, in part, or not; a table with one row or cell that was not run is measured in part."""
    done = [record for record in found if record["status"] == FULL]
    if not done:
        return NOT
    if any(not _file_of(item_id, record, folder).is_file() for record in done):
        return "failed"
    cells = [cell for record in done if record["kind"] == "table" for row in _rows(item_id, folder) for cell in row]
    return PART if len(done) < len(found) or any(_is_not_run(cell) for cell in cells) else FULL


def _is_not_run(cell: str) -> bool:
    return cell.strip().lower().startswith(NOT)


def _file_of(item_id: str, record: dict, folder: Path) -> Path:
    place, suffix = ("figures", ".png") if record["kind"] == "figure" else ("tables", ".csv")
    return folder / place / f"{item_id}{suffix}"


def _rows(item_id: str, folder: Path) -> list[list[str]]:
    """A table's lines, names of the columns first."""
    with open(folder / "tables" / f"{item_id}.csv", newline="") as file:
        return list(csv.reader(file))


def _tag(status: str) -> str:
    return f'<span class="tag {escape(status.replace(" ", "-"), quote=True)}">{escape(status)}</span>'


def _head(run: dict, statuses: dict[str, str]) -> str:
    n = {status: sum(statuses[item.item_id] == status for item in ITEMS) for status in (FULL, PART)}
    profile, minutes = escape(str(run.get("profile", "unknown"))), run.get("wall_s", 0) / 60
    return (
        f"<h1>n2v: the thesis and what we measured</h1><p>Profile <b>{profile}</b>, {minutes:.1f} minutes; "
        f"<b>{n[FULL]} of {len(ITEMS)}</b> figures and tables of the thesis measured in full, <b>{n[PART]}</b> in part "
        f"(some rows not run), <b>{len(ITEMS) - sum(n.values())}</b> not. The thesis used ShapeNet objects and a "
        "GPU. This run uses the collection counted under Table 3.1, so its numbers show trends; they are not "
        "expected to equal the thesis's.</p>"
    )


def _summary(records: dict[str, list[dict]], statuses: dict[str, str], folder: Path) -> str:
    """Every thesis item in one line: the thesis's numbers, our headline, what became of it."""
    lines = []
    for item in ITEMS:
        pairs = [f"{name}: {value}" for name, value in item.values.items()]
        theirs = "; ".join(pairs) if len(pairs) <= 5 else pairs[-1]
        ours = _headline(item.item_id, records.get(item.item_id, []), folder)
        link = f'<a href="#{item.item_id}">{escape(item.title)}</a>'
        cells = (link, escape(item.shows), escape(theirs), escape(ours), _tag(statuses[item.item_id]))
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("item", "what it shows", "thesis", "ours", "status"))
    return f'<div class="wide summary"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _headline(item_id: str, found: list[dict], folder: Path) -> str:
    """What the notebook named as its one number, else the first row of its table that was measured here."""
    named = [record["headline"] for record in found if record.get("headline")]
    if named:
        return named[0]
    if not any(record["kind"] == "table" and _file_of(item_id, record, folder).is_file() for record in found):
        return ""
    header, *rows = _rows(item_id, folder)
    rows = [row for row in rows if not row[0].lower().startswith("thesis")]
    whole = [row for row in rows if not any(map(_is_not_run, row))]
    return next(filter(None, (_first_number(header, row) for row in whole or rows)), "")


def _first_number(header: list[str], row: list[str]) -> str:
    """A row's words and its first measurement: whole numbers are sizes and counts, unless there is nothing else."""
    numbers = [i for i, cell in enumerate(row) if i and _is_number(cell) and cell != "-" and "thesis" not in header[i]]
    fractions = [i for i in numbers if "." in row[i] or row[i].endswith("%")]
    if not numbers:
        return ""
    chosen = (fractions or numbers)[0]
    words = ", ".join(cell for cell in row[: numbers[0]] if cell)
    return f"{words}: {header[chosen].replace('_', ' ')} {row[chosen]}"


def _failures(run: dict) -> str:
    lines = []
    for name, one in run.get("notebooks", {}).items():
        if one["status"] != "ok":
            cell = f", cell {one['cell']}" if one.get("cell") is not None else ""
            error = escape(str(one.get("error", "")))
            lines.append(f"<li>notebook <b>{escape(name)}</b>{cell}{_tag(one['status'])}<br>{error}</li>")
    return f'<div class="failures"><h2>What went wrong</h2><ul>{"".join(lines)}</ul></div>' if lines else ""


def _contents(extras: list[str], statuses: dict[str, str]) -> str:
    """Links to what the thesis does not have."""
    lines = []
    for item_id in extras:
        note = "" if statuses[item_id] == FULL else f" ({statuses[item_id]})"
        lines.append(f'<div><a href="#{escape(item_id, quote=True)}">{escape(_extra_title(item_id))}</a>{note}</div>')
    return f"<p>Beyond the thesis:</p><nav>{''.join(lines)}</nav>" if lines else ""


def _links(folder: Path) -> str:
    """Links to the run's other pages: objects and demos that move, executed notebooks."""
    lines = []
    for place in (*PAGES, "notebooks"):
        for path in sorted((folder / place).rglob("*.html")):
            address = escape(quote(path.relative_to(folder).as_posix()), quote=True)
            lines.append(f'<div><a href="{address}">{escape(page_title(path))}</a></div>')
    return f"<p>Pages of this run, beside this file:</p><nav>{''.join(lines)}</nav>" if lines else ""


def page_title(path: Path) -> str:
    """Of an HTML file; its name when it has none."""
    with open(path, encoding="utf-8") as file:
        found = re.search(r"<title>([^<]+)</title>", file.read(10_000))
    return unescape(found[1]).strip() if found else path.stem.replace("_", " ")


def _extra_title(item_id: str) -> str:
    return item_id.removeprefix("extra-").replace("-", " ").capitalize()


def _section(item_id: str, found: list[dict], folder: Path, status: str) -> str:
    item = BY_ID.get(item_id)
    title = f"{item.title}. {item.shows}" if item else _extra_title(item_id)
    parts = [f'<h2 id="{escape(item_id, quote=True)}">{escape(title)}{_tag(status)}</h2>']
    if item and item.values:
        pairs = [
            f'<span class="pair">{escape(name)}: <b>{escape(value)}</b></span>' for name, value in item.values.items()
        ]
        parts.append(f'<p class="theirs">Thesis: {" ".join(pairs)}</p>')
    if not found:
        parts.append(f"<p>Not run: notebook {item.notebook if item else '?'} did not get to it.</p>")
    if item and item.needs in NEEDS:
        parts.append(f'<p class="caption">In full it takes {NEEDS[item.needs]}.</p>')
    return "".join([*parts, *[_content(item_id, record, folder) for record in found]])


def _content(item_id: str, record: dict, folder: Path) -> str:
    caption = escape(record["caption"])
    if record["kind"] == "not run":
        return f"<p>Not run: {caption}</p>"
    path = _file_of(item_id, record, folder)
    if not path.is_file():
        return f"<p>{_tag('failed')} {escape(f'{path.parent.name}/{path.name}')} is missing. {caption}</p>"
    if record["kind"] == "figure":
        alt = escape(record.get("alt") or record["caption"], quote=True)
        data = base64.b64encode(path.read_bytes()).decode()
        image = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    header, *rows = _rows(item_id, folder)
    return f'{_table([name.replace("_", " ") for name in header], rows)}<p class="caption">{caption}</p>'


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Escaped; numbers to the right."""
    names = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = []
    for row in rows:
        cells = [(str(value), ' class="n"' if _is_number(value) else "") for value in row]
        lines.append("<tr>" + "".join(f"<td{kind}>{escape(text)}</td>" for text, kind in cells) + "</tr>")
    return f'<div class="wide"><table><tr>{names}</tr>{"".join(lines)}</table></div>'


def _is_number(value: object) -> bool:
    try:
        float(str(value).removesuffix(" %"))
    except ValueError:
        return value == "-"
    return True


def _times(run: dict) -> str:
    rows = [(name, one["status"], f"{one['seconds']:.0f}") for name, one in run.get("notebooks", {}).items()]
    return f"<h2>Wall time</h2>{_table(('notebook', 'status', 'seconds'), rows)}"


def _environment(run: dict) -> str:
    facts = {name: run.get(name) for name in ("n2v", "commit", "python", "platform", "threads", "device", "seed")}
    facts |= run.get("packages") or {}
    rows = [(name, "-" if value is None else value) for name, value in facts.items()]
    return f"<h2>Environment</h2>{_table(('what', 'found'), rows)}"


def _numbers(folder: Path) -> str:
    metrics = read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    rows = [
        (notebook, name, "-" if value is None else f"{value:.4g}")
        for notebook, values in sorted(metrics.items())
        for name, value in sorted(values.items())
    ]
    return f"<h2>All numbers</h2>{_table(('notebook', 'name', 'value'), rows)}" if rows else ""
