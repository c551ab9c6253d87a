"""A NeRF in one file: an offline page that holds its weights and renders it live in the browser's graphics card.

The page's parts are in `viewer`: `page.html`, `nerf.glsl` (field and compositing), `render.js`, `page.js`. Its pictures
agree with n2v.nerf.render to 40 dB and more (tests/browser/test_live_nerf.py); nothing is loaded from anywhere. Where
WebGL2 is missing it shows a picture that was rendered here.
"""

import base64
import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from n2v.errors import BadInput
from n2v.files import write_bytes
from n2v.nerf.layout import N_WEIGHTS, split_weights
from n2v.nerf.march import occupied_bounds
from n2v.nerf.nerf import Nerf
from n2v.publish.html import render
from n2v.scenes.cameras import CAMERA_ANGLE_X
from n2v.scenes.objects import AABB
from n2v.zoo.store import Zoo

LIMIT_BYTES = 150_000
START = {"azimuth": -105.0, "elevation": 25.0, "distance": 1.8}  # degrees and scene units: front_camera()
TEMPLATE = Path(__file__).parent / "viewer" / "page.html"


def nerf_page(nerf: Nerf, size_px: int = 256) -> str:
    """The page as one HTML text of at most LIMIT_BYTES.

    Args:
        nerf: What to show.
        size_px: Side of the picture when it rests; `#size=...` in the address overrides it.

    Raises:
        BadInput: weights of another shape or beyond float16; a grid that makes the page too large.
    """
    weights = nerf.field_weights.half()
    if weights.shape != (N_WEIGHTS,) or not weights.isfinite().all():
        raise BadInput("not 18,432 weights within float16's range", where=nerf.object_id, fix="fit it again")
    rows = np.concatenate([matrix[0].T.numpy().ravel() for matrix in split_weights(weights[None])])
    resolution, bounds = len(nerf.occupied), occupied_bounds(nerf.occupied[None])
    cells = zlib.compress(nerf.occupied.numpy().astype(np.uint8).tobytes(), 9)
    data = {
        "weights": _text(rows.astype("<f2").tobytes()), "occupancy": _text(cells), "resolution": resolution,
        "box": [AABB[0], AABB[3]], "lowest": bounds[:3], "highest": bounds[3:], "angle": CAMERA_ANGLE_X,
        "step": nerf.step, "start": {**START, "size": size_px},
    }  # fmt: skip
    page = render(TEMPLATE, nerf=nerf, data=data, n_weights=N_WEIGHTS, picture=_text(_picture(nerf)))
    if len(page.encode()) > LIMIT_BYTES:
        what = f"a page of {len(page.encode()):,} bytes: its grid of {resolution} cells a side takes {len(cells):,}"
        raise BadInput(what, where=nerf.object_id, fix=f"{LIMIT_BYTES:,} is the limit: write .png or .gif instead")
    return page


def _picture(nerf: Nerf, size_px: int = 256) -> bytes:
    """PNG of 64 colours for browsers that cannot draw: the page's first view."""
    buffer = io.BytesIO()
    picture = Image.fromarray(np.asarray(nerf.render(size_px=size_px)))
    picture.quantize(64, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write_page(nerf: Nerf, path: Path, size_px: int = 256) -> Path:
    """The page of one NeRF, written to a file."""
    write_bytes(path, nerf_page(nerf, size_px).encode())
    return Path(path)


def write_pages(zoo: Zoo, folder: Path) -> list[dict]:
    """A page of each class's best NeRF as <folder>/<object id>.html.

    Returns:
        A row a page: class, object, psnr_db, kB and file.
    """
    best = {}
    for i in sorted(range(len(zoo)), key=lambda i: zoo.rows[i].psnr_db or 0):
        best[zoo.rows[i].class_name] = i
    table = []
    for name, i in sorted(best.items()):
        nerf = zoo[i]
        path = write_page(nerf, Path(folder) / f"{nerf.object_id}.html")
        told = {"class": name, "object": nerf.object_id, "psnr_db": nerf.psnr_db}
        table.append({**told, "kB": path.stat().st_size / 1e3, "file": path.name})
    return table
