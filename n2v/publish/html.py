"""Pieces of pages: templates filled in, pictures with their captions, tables."""

import base64
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path

from n2v.lessons.verdict import shown

NUMBER = re.compile(r"-|-?\d[\d.,]*(e[-+]?\d+)?( %)?")
UNIT = re.compile(r"_(db|s|px|deg|ms|kb)(?= |$)")  # at the end of a column's name
UNITS = {"db": "dB", "deg": "degrees", "kb": "kB"}


def render(template: Path, **values: object) -> str:
    """A page from a template and what that includes; values are escaped, but for `|safe` and `|tojson`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(template.parent), autoescape=True, undefined=StrictUndefined)
    pages.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return pages.get_template(template.name).render(**values)


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
