"""What a notebook found, shown below its cell and kept on disk: figures, tables, verdicts and numbers."""

import csv
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from numbers import Integral, Real
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import read_json, write_bytes, write_json
from n2v.lessons.verdict import Verdict, verdict
from n2v.publish.html import figure_html, table_html
from n2v.publish.thesis import BY_ID, check_item

SVG_LIMIT = 200_000  # bytes
KINDS = ("figure", "table", "not-run", "verdict")  # in the order in which a cell's records are shown
PLACES = ("figures/{}.png", "figures/{}.svg", "tables/{}.csv", *(f"items/{{}}.{kind}.json" for kind in KINDS))


class Recorder:
    """Shows a notebook's results with caption and number, and writes them into the run folder.

    figures/<item>.png (and .svg of a small plot), tables/<item>.csv, items/<item>.<kind>.json (caption,
    notebook), metrics.json. One item may have a figure, a table, verdicts and a part that was not run; the first record
    of an item replaces those of earlier runs. All are shown when the cell has ended, figures first.

    Raises (every method that takes an item):
        BadInput: an item that is neither the thesis's nor begins with extra-, or that another notebook has recorded.
    """

    def __init__(self, out_dir: str | Path, notebook: str) -> None:
        self.folder, self.notebook = Path(out_dir), notebook
        self._begun: dict[str, int] = {}  # item -> its number in this notebook
        self._verdicts: dict[str, list[dict]] = {}
        self._waiting: list[tuple[int, str]] = []
        ipython = sys.modules.get("IPython")
        if ipython and (shell := ipython.get_ipython()):
            shell.events.register("post_run_cell", lambda *_: self._show_waiting())

    def figure(self, item_id: str, figure, caption: str, alt: str = "", headline: str = "") -> None:
        """Show and save a matplotlib figure as the picture of an item, and close it; a plot without pixels also as SVG.

        Args:
            item_id: The thesis's item, or one that begins with extra-.
            figure: A matplotlib figure.
            caption: One sentence under the picture.
            alt: What a reader who cannot see it needs to know; the caption when empty.
            headline: The one number of ours that goes beside the thesis's, such as "26.3 dB".
        """
        from matplotlib import pyplot as plt

        alt = alt or caption
        if not alt.strip():
            raise BadInput(f"the figure of '{item_id}' has neither caption nor alt text", fix="say what it shows")
        named = self._begin(item_id, f"Figure {{}}. {caption}")
        picture, drawing = figure_png(figure), _svg(figure)
        write_bytes(self.folder / "figures" / f"{item_id}.png", picture)
        if drawing:
            write_bytes(self.folder / "figures" / f"{item_id}.svg", drawing)
        plt.close(figure)  # shown here, so not once more at the end of the cell
        html = figure_html(picture, named, alt, round(100 * figure.get_figwidth()))
        self._keep(item_id, "figure", caption, html, alt=alt, headline=headline)

    def table(self, item_id: str, rows: Sequence[dict], caption: str, headline: str = "") -> None:
        """Show and save rows as the table of an item; without rows it was not run.

        Readers see three significant digits, the file has six. `headline` is the one number of ours that goes beside
        the thesis's.
        """
        if not rows:
            self.not_run(item_id, "no rows were measured")
            return
        named = self._begin(item_id, f"Table {{}}. {caption}")
        columns = list(dict.fromkeys(key for row in rows for key in row))
        cells, buffer = [[row.get(column, "") for column in columns] for row in rows], io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([columns, *(map(_kept, row) for row in cells)])
        write_bytes(self.folder / "tables" / f"{item_id}.csv", buffer.getvalue().encode())
        self._keep(item_id, "table", caption, table_html(columns, cells, named), headline=headline)

    def verdict(self, item_id: str, claim: str, value: float, low: float, high: float, **more) -> Verdict:
        """Say whether a claim agrees with what was measured, and keep it for the report: see n2v.lessons.verdict.

        An item may have several; the report shows the first beside the thesis's numbers.
        """
        found = replace(verdict(claim, value, low, high, **more), recorded=True)
        self._begin(item_id)
        told = {"claim": claim, "word": found.word, "measured": found.measured, "n": found.n, "sentence": str(found)}
        kept = self._verdicts.setdefault(item_id, [])
        kept.append(told)
        self._keep(item_id, "verdict", claim, found._repr_html_(), verdicts=kept)
        return found

    def metric(self, name: str, value: float) -> None:
        """Keep one number under notebook and name."""
        metrics = read_if_there(self.folder / "metrics.json")
        metrics.setdefault(self.notebook, {})[name] = float(value) if math.isfinite(value) else None
        write_json(self.folder / "metrics.json", metrics)

    def not_run(self, item_id: str, why: str) -> None:
        """Say that an item was not measured, and why."""
        named = self._begin(item_id, f"Item {{}}. not run: {why}")
        self._keep(item_id, "not-run", why, f"<p>{escape(named)}</p>")

    def _begin(self, item_id: str, caption: str = "") -> str:
        """Check an item and take it over; its caption with its number, and the thesis's name of it, for {}."""
        check_item(item_id)
        if item_id not in self._begun:
            others = {one["notebook"] for one in records(self.folder, item_id)} - {self.notebook}
            if others:
                raise BadInput(
                    f"notebooks {', '.join(sorted(others))} and {self.notebook} both record '{item_id}'",
                    where=self.folder, fix="give one of them another id; what an older version left goes with --fresh",
                )  # fmt: skip
            _remove(self.folder, item_id)
            self._begun[item_id] = len(self._begun) + 1
        theirs = f" (thesis: {BY_ID[item_id].title})" if item_id in BY_ID else ""
        return caption.replace("{}", f"{self.notebook}.{self._begun[item_id]}{theirs}", 1)

    def _keep(self, item_id: str, kind: str, caption: str, html: str, **more: object) -> None:
        """Write a record, and show it when the cell has ended."""
        content = {"item": item_id, "kind": kind, "notebook": self.notebook, "caption": caption, **more}
        write_json(self.folder / "items" / f"{item_id}.{kind}.json", content)
        self._waiting.append((KINDS.index(kind), html))

    def _show_waiting(self) -> None:
        waiting, self._waiting = sorted(self._waiting, key=lambda one: one[0]), []
        for _, html in waiting:
            from IPython.display import HTML, display

            display(HTML(html))


def read_if_there(path: Path) -> dict:
    """A JSON object from a file; empty without one."""
    return read_json(path) if path.exists() else {}


def records(folder: Path, item_id: str | None = None) -> list[dict]:
    """What a run folder's notebooks recorded, of all items or of one."""
    found = [read_json(path) for path in sorted((Path(folder) / "items").glob(f"{item_id or ''}*.json"))]
    return [one for one in found if item_id in (None, one["item"])]


def forget(out_dir: str | Path, notebook: str) -> None:
    """Remove what earlier runs of a notebook recorded, so that nothing old passes for new.

    Args:
        out_dir: Run folder.
        notebook: Its number; recorders may carry the number or the whole name.
    """
    folder = Path(out_dir)
    for record in records(folder):
        if record["notebook"].startswith(notebook):
            _remove(folder, record["item"])
    metrics = read_if_there(folder / "metrics.json")
    kept = {name: values for name, values in metrics.items() if not name.startswith(notebook)}
    if kept != metrics:
        write_json(folder / "metrics.json", kept)


def results(out_dir: str | Path, notebook: str) -> list[str]:
    """Files that a notebook recorded, relative to the run folder."""
    mine = {one["item"] for one in records(out_dir) if one["notebook"].startswith(notebook)}
    found = [place.format(item_id) for item_id in sorted(mine) for place in PLACES]
    return [name for name in found if (Path(out_dir) / name).is_file()]


def _remove(folder: Path, item_id: str) -> None:
    for place in PLACES:
        (folder / place.format(item_id)).unlink(missing_ok=True)


def figure_png(figure, **options) -> bytes:
    """A matplotlib figure as PNG; `options` are those of savefig."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", **options)
    return buffer.getvalue()


def _svg(figure) -> bytes | None:
    """The same bytes for the same plot; None for pictures and for plots of more than SVG_LIMIT bytes."""
    import matplotlib as mpl

    if any(axis.images for axis in figure.axes):
        return None
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "n2v"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue() if buffer.tell() <= SVG_LIMIT else None


def _kept(value: object) -> object:
    """Floats with six significant digits; NaN and None as a dash."""
    if value is None or (isinstance(value, Real) and not math.isfinite(value)):
        return "-"
    return f"{value:.6g}" if isinstance(value, Real) and not isinstance(value, Integral) else value
