"""A NeRF in one file: an offline page that holds its weights and renders it live in the browser's graphics card.

The page's parts are in this folder: `page.html`, `nerf.glsl` (field and compositing), `render.js`, `page.js`.
Its pictures agree with n2v.nerf.render to 40 dB and more (tests/browser/test_live_nerf.py); nothing is loaded from
anywhere. Where WebGL2 is missing it shows a picture that was rendered here.
"""

import base64
import io
import json
import re
import zlib
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from n2v.errors import BadInput
from n2v.files import write_bytes
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.nerf import Nerf
from n2v.nerf.occupancy import pack_bits
from n2v.scenes.cameras import CAMERA_ANGLE_X
from n2v.scenes.objects import AABB
from n2v.zoo.manifest import Row
from n2v.zoo.store import Zoo

LIMIT_BYTES = 150_000
START = {"azimuth": -105.0, "elevation": 25.0, "distance": 1.8}  # degrees and scene units: front_camera()
PARTS = {"shader": "nerf.glsl", "render": "render.js", "page": "page.js"}


def _about(nerf: Nerf) -> str:
    """Class, quality, origin and licence, as a sentence."""
    quality = f"{nerf.psnr_db:.1f} dB on held-out pictures" if nerf.psnr_db is not None else "quality not recorded"
    return f"Class: {nerf.class_name}. {quality}. Source: {nerf.source}. Licence of the object: {nerf.licence}."


def nerf_page(nerf: Nerf, size_px: int = 256) -> str:
    """The page as one HTML text of at most LIMIT_BYTES.

    Args:
        nerf: What to show.
        size_px: Side of the picture when it rests; `#size=...` in the address overrides it.

    Raises:
        BadInput: weights of another shape or beyond float16; a grid that makes the page too large.
    """
    title = f"{nerf.object_id} ({nerf.class_name})"
    with np.errstate(over="ignore"):
        weights = np.asarray(nerf.field_weights, "<f2")
    if weights.shape != (N_WEIGHTS,) or not np.isfinite(weights).all():
        raise BadInput("not 18,432 weights within float16's range", where=nerf.object_id, fix="fit it again")
    resolution = nerf.occupied.shape[0]
    cells = zlib.compress(pack_bits(nerf.occupied.numpy()).tobytes(), 9)
    data = {
        "weights": _text(weights.tobytes()), "occupancy": _text(cells), "resolution": resolution,
        "box": [AABB[0], AABB[3]], "angle": CAMERA_ANGLE_X, "step": nerf.step, "start": {**START, "size": size_px},
    }  # fmt: skip
    words = {
        "title": title, "alt": f"{title}, rendered from its network's weights on white.",
        "caption": _caption(resolution), "about": f"{_about(nerf)} {_sine(nerf.encoding)}".strip(),
        "step": f"{nerf.step:.3g}",
    }  # fmt: skip
    sources = {name: _source(file) for name, file in PARTS.items()}
    filled = {name: escape(text, quote=True) for name, text in words.items()} | sources
    filled |= {"picture": _text(_picture(nerf)), "nerf": json.dumps(data).replace("<", "\\u003c")}
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], _source("page.html"))
    if len(page.encode()) > LIMIT_BYTES:
        what = f"a page of {len(page.encode()):,} bytes: its grid of {resolution} cells a side takes {len(cells):,}"
        raise BadInput(what, where=nerf.object_id, fix=f"{LIMIT_BYTES:,} is the limit: write .png or .gif instead")
    return page


def _caption(resolution: int) -> str:
    return (
        f"The browser asks a network of {N_WEIGHTS:,} weights for density and colour wherever one of {resolution}³ "
        "cells may hold matter, and blends what it says along each pixel's ray, over white."
    )


def _sine(encoding: str) -> str:
    """The page computes the accurate sine: a word where the NeRF was fitted with another."""
    if encoding == "exact":
        return ""
    return (
        f"Fitted with the encoding “{encoding}”, whose high octaves round differently from the accurate sine of this "
        "page: expect small differences (about 41 dB in one test scene)."
    )


def _picture(nerf: Nerf, size_px: int = 256) -> bytes:
    """PNG of 64 colours for browsers that cannot draw: the page's first view."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(nerf.render(size_px=size_px)))
    picture.quantize(64, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _source(name: str) -> str:
    return files("n2v.publish.viewer").joinpath(name).read_text(encoding="utf-8")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write_page(nerf: Nerf, path: Path, size_px: int = 256) -> Path:
    """The page of one NeRF, written to a file."""
    write_bytes(path, nerf_page(nerf, size_px).encode())
    return Path(path)


def write_pages(zoo: Zoo, folder: Path, one_per_class: bool = True) -> list[dict]:
    """Pages of a zoo's NeRFs as <folder>/<object id>.html; of each class the one of best quality, or all.

    Returns:
        A row a page: class, object, psnr_db, kB and file.
    """
    best: dict[str, int] = {}
    for i, row in enumerate(zoo.rows):
        key = row.class_name if one_per_class else row.object_id
        if key not in best or _quality(row) > _quality(zoo.rows[best[key]]):
            best[key] = i
    table = []
    for _, i in sorted(best.items()):
        row = zoo.rows[i]
        path = write_page(zoo[i], Path(folder) / f"{row.object_id}.html")
        told = {"class": row.class_name, "object": row.object_id, "psnr_db": row.psnr_db}
        table.append({**told, "kB": path.stat().st_size / 1e3, "file": path.name})
    return table


def _quality(row: Row) -> float:
    return -np.inf if row.psnr_db is None else row.psnr_db
