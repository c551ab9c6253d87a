"""report.html: one offline file with every figure and table of the thesis, theirs beside ours."""

import base64
import csv
import html
from pathlib import Path

from n2v.files import read_json, write_bytes
from n2v.show.thesis import BY_ID, ITEMS

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.4rem;border-top:1px solid var(--line);padding-top:1rem}
img{max-width:100%;background:#fff;border-radius:4px}
table{border-collapse:collapse;font-size:.86rem;margin:.6rem 0;display:block;overflow-x:auto}
th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left;white-space:nowrap}
th{background:var(--soft)}td{font-variant-numeric:tabular-nums}
.tag{font-size:.78rem;padding:.1rem .5rem;border-radius:1rem;background:var(--soft);margin-left:.6rem}
.measured{background:#0093}.not-run{background:#e692}.failed{background:#c003}
.theirs{font-size:.9rem;background:var(--soft);padding:.4rem .8rem;border-left:3px solid #E69F00}
figcaption,.caption{font-size:.88rem;opacity:.85}nav{columns:3;font-size:.85rem}
"""


def write_report(run_folder: Path) -> Path:
    """Gather a run folder's items into report.html: failures first, thesis items in order, extras, environment."""
    folder = Path(run_folder)
    records = _read_items(folder)
    run = read_json(folder / "run.json") if (folder / "run.json").exists() else {}
    parts = [_head(run, records), _failures(run)]
    parts += [_section(item.item_id, records.get(item.item_id, []), folder) for item in ITEMS]
    extras = sorted(item_id for item_id in records if item_id not in BY_ID)
    parts += [_section(item_id, records[item_id], folder) for item_id in extras]
    parts.append(_environment(run, folder))
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>n2v report</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>"
    )
    path = folder / "report.html"
    write_bytes(path, page.encode())
    return path


def _read_items(folder: Path) -> dict[str, list[dict]]:
    """Records by item; a measurement replaces a 'not run' of an earlier attempt."""
    records: dict[str, list[dict]] = {}
    for path in sorted((folder / "items").glob("*.json")):
        record = read_json(path)
        records.setdefault(record["item"], []).append(record)
    for item_id, found in records.items():
        measured = [record for record in found if record["status"] == "measured"]
        records[item_id] = measured or found
    return records


def _status(found: list[dict]) -> str:
    return found[0]["status"] if found else "not run"


def _head(run: dict, records: dict) -> str:
    missing = {item.item_id for item in ITEMS if _status(records.get(item.item_id, [])) != "measured"}
    links = "".join(
        f'<div><a href="#{item.item_id}">{item.title}</a>{" (not run)" * (item.item_id in missing)}</div>'
        for item in ITEMS
    )
    profile = html.escape(str(run.get("profile", "?")))
    minutes = run.get("wall_s", 0) / 60
    return (
        f"<h1>n2v: the thesis and what we measured</h1><p>Profile <b>{profile}</b>, {minutes:.1f} minutes. "
        f"{len(ITEMS) - len(missing)} of {len(ITEMS)} figures and tables measured. The thesis used 39,666 ShapeNet "
        "objects and a GPU; this run uses the collection stated in Table 3.1 below, so its numbers show trends and "
        f"not the thesis's values.</p><nav>{links}</nav>"
    )


def _failures(run: dict) -> str:
    failed = [(name, one) for name, one in run.get("notebooks", {}).items() if one["status"] != "ok"]
    rows = "".join(
        f'<li><span class="tag failed">{html.escape(one["status"])}</span> notebook {html.escape(name)}'
        f"{', cell ' + str(one['cell']) if one.get('cell') is not None else ''}: {html.escape(str(one.get('error', '')))}</li>"
        for name, one in failed
    )
    return f"<h2>Failures</h2><ul>{rows}</ul>" if rows else ""


def _section(item_id: str, found: list[dict], folder: Path) -> str:
    item = BY_ID.get(item_id)
    status = _status(found)
    title = f"{item.title}. {item.shows}" if item else item_id.removeprefix("extra-").replace("-", " ").capitalize()
    tag = f'<span class="tag {status.replace(" ", "-")}">{status}</span>'
    parts = [f'<h2 id="{item_id}">{html.escape(title)}{tag}</h2>']
    if item and item.values:
        theirs = "; ".join(f"{html.escape(name)}: <b>{html.escape(value)}</b>" for name, value in item.values.items())
        parts.append(f'<p class="theirs">Thesis: {theirs}</p>')
    if not found:
        parts.append(f"<p>Not run: notebook {item.notebook if item else '?'} did not get to it.</p>")
    for record in found:
        parts.append(_content(item_id, record, folder))
    return "".join(parts)


def _content(item_id: str, record: dict, folder: Path) -> str:
    caption = html.escape(record["caption"])
    if record["kind"] == "figure":
        path = folder / "figures" / f"{item_id}.png"
        data = base64.b64encode(path.read_bytes()).decode()
        alt = html.escape(record.get("alt", ""), quote=True)
        return (
            f'<figure><img alt="{alt}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
        )
    if record["kind"] == "table":
        with open(folder / "tables" / f"{item_id}.csv", newline="") as file:
            header, *rows = csv.reader(file)
        cells = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in header)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(value)}</td>' for value in row)}</tr>" for row in rows)
        return f'<table><tr>{cells}</tr>{body}</table><p class="caption">{caption}</p>'
    return f"<p>Not run: {caption}</p>"


def _environment(run: dict, folder: Path) -> str:
    times = [(name, one["status"], f"{one.get('seconds', 0):.0f} s") for name, one in run.get("notebooks", {}).items()]
    names = ("n2v", "commit", "python", "platform", "threads", "device", "packages", "seed")
    facts = [(name, run.get(name)) for name in names]
    metrics = read_json(folder / "metrics.json") if (folder / "metrics.json").exists() else {}
    numbers = [
        (notebook, name, "-" if value is None else f"{value:.4g}")
        for notebook, values in sorted(metrics.items())
        for name, value in sorted(values.items())
    ]
    return (
        f"<h2>Times</h2><table><tr><th>notebook</th><th>status</th><th>wall</th></tr>{_rows(times)}</table>"
        f"<h2>Environment</h2><table>{_rows(facts)}</table>"
        f"<h2>All numbers</h2><table><tr><th>notebook</th><th>name</th><th>value</th></tr>{_rows(numbers)}</table>"
    )


def _rows(lines: list[tuple]) -> str:
    """HTML table rows."""
    return "".join(f"<tr>{''.join(f'<td>{html.escape(str(value))}</td>' for value in line)}</tr>" for line in lines)
