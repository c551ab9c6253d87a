"""One NeRF of a zoo to look at: a still, a turntable, or a page with a slider."""

from pathlib import Path

import numpy as np
import torch

from n2v.files import progress, write_bytes
from n2v.nerf.render import field_query, render_image
from n2v.scenes.cameras import turntable_cameras
from n2v.show.pictures import png_bytes, slider_page, write_gif
from n2v.zoo.store import Zoo


def render_turn(zoo: Zoo, object_id: str, size_px: int, n_frames: int) -> list[np.ndarray]:
    """Pictures (size_px, size_px, 4) in [0, 1] over white, of cameras evenly spaced on one turn.

    The NeRF is evaluated with the encoding and the sample length it was fitted with.
    """
    index = zoo.index_of(object_id)
    row = zoo.rows[index]
    query = field_query(torch.from_numpy(zoo.field_weights([index])[0]), row.encoding)
    occupied = torch.from_numpy(zoo.occupied([index])[0])
    cameras = turntable_cameras(n_frames)
    return [
        render_image(query, occupied, torch.from_numpy(c2w), size_px, step=row.step).numpy()
        for c2w in progress(cameras, desc=object_id, unit="picture")
    ]


def write_turn(pictures: list[np.ndarray], path: Path, title: str) -> None:
    """Write .png (the first picture), .gif (an endless turn) or .html (a slider, offline), a whole file or nothing."""
    kind = Path(path).suffix.lower()
    if kind == ".png":
        write_bytes(path, png_bytes(pictures[0]))
    elif kind == ".gif":
        write_gif(pictures, path)
    else:
        angles = [f"{round(360 * i / len(pictures))}°" for i in range(len(pictures))]
        write_bytes(path, slider_page(pictures, title, angles).encode())
