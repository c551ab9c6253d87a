"""Pages in one file: markup, style, script, data and pictures together; nothing is fetched."""

import base64
import html
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

from n2v.errors import BadInput
from n2v.files import progress, write_bytes
from n2v.nerf.nerf import Picture
from n2v.zoo.store import Zoo

ASSETS = Path(__file__).parent / "assets"
MAX_SIDE = 16_383  # of a WebP picture, pixels
LIMIT = 8_000_000  # bytes of a page


def sprite(pictures: list[np.ndarray], columns: int, quality: int = 82) -> dict:
    """Equal uint8 RGB pictures side by side, row by row, in one WebP: its data URI, columns and rows."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    if max(columns * width, rows * height) > MAX_SIDE:
        raise BadInput(f"{len(pictures)} pictures of {width} px do not fit one file", fix="use fewer or smaller ones")
    canvas = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        canvas[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    return {"uri": data_uri(canvas, "WEBP", quality=quality), "columns": columns, "rows": rows}


def thumbnails(zoo: Zoo, object_ids: list[str], size_px: int = 64) -> list[Picture]:
    """Each object's own NeRF from the front, with a progress bar."""
    return [zoo[name].render(size_px=size_px) for name in progress(object_ids, desc="thumbnails", unit="NeRF")]


def data_uri(picture: np.ndarray, kind: str = "PNG", **options) -> str:
    """A uint8 RGB picture as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def page(title: str, name: str, data: dict) -> str:
    """The page of one demo: assets/NAME.html and assets/NAME.js around its data."""
    parts = {
        "TITLE": html.escape(title),
        "STYLE": _asset("page.css"),
        "BODY": _asset(f"{name}.html"),
        "DATA": json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        "SCRIPT": _asset("page.js") + _asset(f"{name}.js"),
    }
    text = _asset("page.html")
    for key, value in parts.items():
        text = text.replace(f"<!--{key}-->", value, 1)
    return text


def write_page(path: Path, title: str, name: str, data: dict) -> Path:
    """Write the page of a demo, whole or not at all.

    Raises:
        BadInput: larger than LIMIT.
    """
    content = page(title, name, data).encode()
    if len(content) > LIMIT:
        raise BadInput(f"{len(content) / 1e6:.1f} MB", where=path, fix="show fewer or smaller pictures")
    write_bytes(path, content)
    return Path(path)


def _asset(name: str) -> str:
    return (ASSETS / name).read_text()
