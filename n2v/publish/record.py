"""What a notebook found, shown below its cell and kept on disk: figures, tables, verdicts and numbers."""

import base64
import csv
import io
import math
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from html import escape
from numbers import Integral, Real
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import read_json, write_bytes, write_json
from n2v.lessons.verdict import Verdict, shown, verdict
from n2v.publish.thesis import BY_ID, check_item

SVG_LIMIT = 200_000
NUMBER = re.compile(r"-|-?\d[\d.,]*(e[-+]?\d+)?( %)?")
UNIT = re.compile(r"_(db|s|px|deg|ms|kb)(?= |$)")  # at the end of a column's name
UNITS = {"db": "dB", "deg": "degrees", "kb": "kB"}
ORDER = ("figure", "table", "not run", "verdict")  # how a cell's records are shown


class Recorder:
    """Shows a notebook's results with caption and number, and writes them into the run folder.

    figures/<item>.png (and .svg of a small plot), tables/<item>.csv, items/<item>.<kind>.json (caption, status,
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
        shell = _shell()
        if shell:
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

        if not (alt or caption).strip():
            raise BadInput(f"the figure of '{item_id}' has neither caption nor alt text", fix="say what it shows")
        self._begin(item_id)
        picture, drawing = figure_png(figure), _svg(figure)
        write_bytes(self.folder / "figures" / f"{item_id}.png", picture)
        if drawing:
            write_bytes(self.folder / "figures" / f"{item_id}.svg", drawing)
        plt.close(figure)  # shown here, so not once more at the end of the cell
        self._keep(item_id, "figure", caption, alt=alt or caption, headline=headline)
        width = round(100 * figure.get_figwidth())
        self._wait("figure", figure_html(picture, self._named(item_id, "Figure", caption), alt or caption, width))

    def table(self, item_id: str, rows: Sequence[dict], caption: str, headline: str = "") -> None:
        """Show and save rows as the table of an item.

        Readers see three significant digits, the file has six. `headline` is the one number of ours that goes beside
        the thesis's; when empty, the report takes it from the first row.
        """
        if not rows:
            return self.not_run(item_id, "no rows were measured")
        self._begin(item_id)
        columns = list(dict.fromkeys(key for row in rows for key in row))
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([columns, *[[_kept(row.get(column, "")) for column in columns] for row in rows]])
        write_bytes(self.folder / "tables" / f"{item_id}.csv", buffer.getvalue().encode())
        self._keep(item_id, "table", caption, headline=headline)
        cells = [[row.get(column, "") for column in columns] for row in rows]
        self._wait("table", table_html(columns, cells, self._named(item_id, "Table", caption)))
        return None

    def verdict(self, item_id: str, claim: str, value: float, low: float, high: float, **more) -> Verdict:
        """Say whether a claim agrees with what was measured, and keep it for the report: see n2v.lessons.verdict.

        An item may have several; the report shows the first beside the thesis's numbers.
        """
        found = replace(verdict(claim, value, low, high, **more), recorded=True)
        self._begin(item_id)
        told = {"claim": claim, "word": found.word, "measured": found.measured, "n": found.n, "sentence": str(found)}
        self._verdicts.setdefault(item_id, []).append(told)
        self._keep(item_id, "verdict", claim, verdicts=self._verdicts[item_id])
        self._wait("verdict", found._repr_html_())
        return found

    def metric(self, name: str, value: float) -> None:
        """Keep one number under notebook and name."""
        path = self.folder / "metrics.json"
        metrics = read_json(path) if path.exists() else {}
        metrics.setdefault(self.notebook, {})[name] = float(value) if math.isfinite(value) else None
        write_json(path, metrics)

    def not_run(self, item_id: str, why: str) -> None:
        """Say that an item was not measured, and why."""
        self._begin(item_id)
        self._keep(item_id, "not run", why)
        self._wait("not run", f"<p>{escape(self._named(item_id, 'Item', f'not run: {why}'))}</p>")

    def _begin(self, item_id: str) -> None:
        check_item(item_id)
        if item_id in self._begun:
            return
        others = {one["notebook"] for one in records(self.folder, item_id)} - {self.notebook}
        if others:
            raise BadInput(
                f"notebooks {', '.join(sorted(others))} and {self.notebook} both record '{item_id}'",
                where=self.folder, fix="give one of them another id; what an older version left goes with --fresh",
            )  # fmt: skip
        _remove(self.folder, item_id)
        self._begun[item_id] = len(self._begun) + 1

    def _keep(self, item_id: str, kind: str, caption: str, **more: object) -> None:
        status = "not run" if kind == "not run" else "measured"
        content = {"item": item_id, "kind": kind, "status": status, "notebook": self.notebook, "caption": caption}
        write_json(self.folder / "items" / f"{item_id}.{kind.replace(' ', '-')}.json", {**content, **more})

    def _named(self, item_id: str, kind: str, caption: str) -> str:
        """A caption with its number, and the thesis's name of the item."""
        theirs = f" (thesis: {BY_ID[item_id].title})" if item_id in BY_ID else ""
        return f"{kind} {self.notebook}.{self._begun[item_id]}{theirs}. {caption}"

    def _wait(self, kind: str, html: str) -> None:
        self._waiting.append((ORDER.index(kind), html))

    def _show_waiting(self) -> None:
        waiting, self._waiting = sorted(self._waiting, key=lambda one: one[0]), []
        if waiting:
            from IPython.display import HTML, display

            for _, html in waiting:
                display(HTML(html))


def _shell():
    """The running notebook or IPython; None elsewhere."""
    ipython = sys.modules.get("IPython")
    return ipython and ipython.get_ipython()


def figure_html(png: bytes, caption: str, alt: str, width_px: int | None = None) -> str:
    """A picture with its caption, in one piece that needs no file."""
    data, wide = base64.b64encode(png).decode(), f' style="width:{width_px}px"' if width_px else ""
    image = f'<img alt="{escape(alt, quote=True)}"{wide} src="data:image/png;base64,{data}">'
    return f'<figure style="margin:.5em 0">{image}<figcaption>{escape(caption)}</figcaption></figure>'


def table_html(header: Iterable[str], rows: Iterable[Sequence], caption: str = "") -> str:
    """Escaped, as `shown`, numbers to the right; a wide one scrolls inside itself."""
    head = "".join(f"<th>{escape(heading(name))}</th>" for name in header)
    lines = [f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows]
    below = f'<p class="caption">{escape(caption)}</p>' if caption else ""
    return f'<div class="wide" style="overflow-x:auto"><table><tr>{head}</tr>{"".join(lines)}</table></div>{below}'


def heading(name: str) -> str:
    """A column's name for readers.

    >>> [heading(one) for one in ("psnr_db", "foreground_db ±", "fit_s", "n_seeds")]
    ['PSNR (dB)', 'foreground (dB) ±', 'fit (s)', 'n seeds']
    """
    told = UNIT.sub(lambda unit: f" ({UNITS.get(unit[1], unit[1])})", name)
    return re.sub(r"\bpsnr\b", "PSNR", told.replace("_", " "))


def _cell(value: object) -> str:
    """Of a number, or of the text of one."""
    if isinstance(value, str) and not value.isdigit():
        with suppress(ValueError):
            value = float(value)
    text = shown(value)
    kind = ' class="n"' if NUMBER.fullmatch(text) else ""
    return f"<td{kind}>{escape(text)}</td>"


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
    path = folder / "metrics.json"
    metrics = read_json(path) if path.exists() else {}
    kept = {name: values for name, values in metrics.items() if not name.startswith(notebook)}
    if kept != metrics:
        write_json(path, kept)


def results(out_dir: str | Path, notebook: str) -> list[str]:
    """Files that a notebook recorded, relative to the run folder."""
    folder = Path(out_dir)
    mine = {one["item"] for one in records(folder) if one["notebook"].startswith(notebook)}
    return [path.relative_to(folder).as_posix() for item_id in sorted(mine) for path in _files(folder, item_id)]


def _files(folder: Path, item_id: str) -> list[Path]:
    """All files of an item that are there."""
    kinds = [kind.replace(" ", "-") for kind in ORDER]
    named = [folder / "figures" / f"{item_id}{suffix}" for suffix in (".png", ".svg")]
    named += [folder / "tables" / f"{item_id}.csv", *(folder / "items" / f"{item_id}.{kind}.json" for kind in kinds)]
    return [path for path in named if path.is_file()]


def _remove(folder: Path, item_id: str) -> None:
    for path in _files(folder, item_id):
        path.unlink()


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
