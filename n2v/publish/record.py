"""What a notebook made, on disk: figures, tables and numbers, each with its caption, for the report to gather."""

import csv
import html
import io
import math
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import read_json, write_bytes, write_json
from n2v.publish.thesis import check_item

SVG_LIMIT = 200_000


class Table(list):
    """Rows as shown; a notebook displays them as an HTML table."""

    def _repr_html_(self) -> str:
        columns = list(dict.fromkeys(key for row in self for key in row))
        head = "".join(f"<th>{html.escape(column.replace('_', ' '))}</th>" for column in columns)
        lines = ["".join(f"<td>{html.escape(str(row.get(column, '')))}</td>" for column in columns) for row in self]
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


class Recorder:
    """Writes a notebook's results into a run folder.

    figures/<item>.png (and .svg of a small plot), tables/<item>.csv, items/<item>.<kind>.json (caption, status,
    notebook), metrics.json.
    One item may have a figure, a table and a part that was not run; the first record of an item replaces those of
    earlier runs.
    """

    def __init__(self, out_dir: str | Path, notebook: str) -> None:
        self.folder, self.notebook = Path(out_dir), notebook
        self._begun: set[str] = set()

    def figure(self, item_id: str, figure, caption: str, alt: str = "", headline: str = "") -> None:
        """Save a matplotlib figure as the picture of an item; a plot without pixels also as SVG.

        Args:
            item_id: The thesis's item, or one that begins with extra-.
            figure: A matplotlib figure.
            caption: One sentence under the picture.
            alt: What a reader who cannot see it needs to know; the caption when empty.
            headline: The one number of ours that goes beside the thesis's, such as "26.3 dB".
        """
        if not (alt or caption).strip():
            raise BadInput(f"the figure of '{item_id}' has neither caption nor alt text", fix="say what it shows")
        self._begin(item_id)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        write_bytes(self.folder / "figures" / f"{item_id}.png", buffer.getvalue())
        drawing = _svg(figure)
        if drawing:
            write_bytes(self.folder / "figures" / f"{item_id}.svg", drawing)
        self._item(item_id, "figure", caption, alt=alt or caption, headline=headline)

    def table(self, item_id: str, rows: list[dict], caption: str, headline: str = "") -> Table:
        """Save rows as the table of an item, and return them as shown: numbers rounded to four digits.

        `headline` is the one number of ours that goes beside the thesis's; when empty, the report takes it from the
        first row.
        """
        self._begin(item_id)
        if not rows:
            return self.not_run(item_id, "no rows were measured")
        columns = list(dict.fromkeys(key for row in rows for key in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        shown = [{column: _shown(row.get(column, "")) for column in columns} for row in rows]
        writer.writerows(shown)
        write_bytes(self.folder / "tables" / f"{item_id}.csv", buffer.getvalue().encode())
        self._item(item_id, "table", caption, headline=headline)
        return Table(shown)

    def metric(self, name: str, value: float) -> None:
        """Keep one number under notebook and name."""
        path = self.folder / "metrics.json"
        metrics = read_json(path) if path.exists() else {}
        metrics.setdefault(self.notebook, {})[name] = float(value) if math.isfinite(value) else None
        write_json(path, metrics)

    def not_run(self, item_id: str, why: str) -> Table:
        """Say that an item was not measured, and why."""
        self._begin(item_id)
        self._item(item_id, "not run", why)
        return Table([{"status": f"not run: {why}"}])

    def _begin(self, item_id: str) -> None:
        check_item(item_id)
        if item_id not in self._begun:
            _remove(self.folder, item_id)
            self._begun.add(item_id)

    def _item(self, item_id: str, kind: str, caption: str, **more: str) -> None:
        status = "not run" if kind == "not run" else "measured"
        content = {"item": item_id, "kind": kind, "status": status, "notebook": self.notebook, "caption": caption}
        write_json(self.folder / "items" / f"{item_id}.{kind.replace(' ', '-')}.json", {**content, **more})


def forget(out_dir: str | Path, notebook: str) -> None:
    """Remove what earlier runs of a notebook recorded, so that nothing old passes for new.

    Args:
        out_dir: Run folder.
        notebook: Its number; recorders may carry the number or the whole name.
    """
    folder = Path(out_dir)
    for record in _items_of(folder, notebook):
        _remove(folder, record["item"])
    path = folder / "metrics.json"
    metrics = read_json(path) if path.exists() else {}
    kept = {name: values for name, values in metrics.items() if not name.startswith(notebook)}
    if kept != metrics:
        write_json(path, kept)


def results(out_dir: str | Path, notebook: str) -> list[str]:
    """Files that a notebook recorded, relative to the run folder."""
    folder, names = Path(out_dir), []
    for record in _items_of(folder, notebook):
        item_id, kind = record["item"], record["kind"]
        names.append(f"items/{item_id}.{kind.replace(' ', '-')}.json")
        names += {"figure": [f"figures/{item_id}.png"], "table": [f"tables/{item_id}.csv"]}.get(kind, [])
    return names


def _items_of(folder: Path, notebook: str) -> list[dict]:
    found = [read_json(path) for path in sorted((folder / "items").glob("*.json"))]
    return [record for record in found if record["notebook"].startswith(notebook)]


def _remove(folder: Path, item_id: str) -> None:
    for suffix in (".png", ".svg"):
        (folder / "figures" / f"{item_id}{suffix}").unlink(missing_ok=True)
    (folder / "tables" / f"{item_id}.csv").unlink(missing_ok=True)
    for kind in ("figure", "table", "not-run"):
        (folder / "items" / f"{item_id}.{kind}.json").unlink(missing_ok=True)


def _svg(figure) -> bytes | None:
    """The same bytes for the same plot; None for pictures and for plots of more than SVG_LIMIT bytes."""
    import matplotlib as mpl

    if any(axis.images for axis in figure.axes):
        return None
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "n2v"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue() if buffer.tell() <= SVG_LIMIT else None


def _shown(value: object) -> object:
    """Floats with four significant digits; NaN and None as a dash."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else value
