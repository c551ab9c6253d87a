"""Pictures of objects: sheets, strips, turntables."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from n2v.files import atomic_path


def to_rgb(picture: np.ndarray, background: float = 1.0) -> np.ndarray:
    """uint8 RGB of a picture in [0, 1] or uint8: RGBA pictures in uint8 have straight alpha and go over a background;
    float pictures with four channels come from the renderer and are over their background already."""
    picture = np.asarray(picture)
    if picture.dtype == np.uint8:
        if picture.shape[-1] == 3:
            return picture
        alpha = picture[..., 3:].astype(np.float32) / 255
        return np.round(picture[..., :3] * alpha + 255 * background * (1 - alpha)).astype(np.uint8)
    return np.round(255 * np.clip(picture[..., :3], 0, 1)).astype(np.uint8)


def sheet(rows: list[list[np.ndarray]], row_titles=None, column_titles=None, cell_inch: float = 1.1):
    """Matplotlib figure of a grid of square pictures; a missing picture (None) leaves its cell white."""
    import matplotlib.pyplot as plt

    n_columns = max(len(row) for row in rows)
    figure, axes = plt.subplots(
        len(rows), n_columns, figsize=(cell_inch * n_columns + 0.8, cell_inch * len(rows) + 0.4), squeeze=False
    )
    for i, row in enumerate(rows):
        for j in range(n_columns):
            axis = axes[i][j]
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(False)
            for spine in axis.spines.values():
                spine.set_visible(False)
            if j < len(row) and row[j] is not None:
                axis.imshow(to_rgb(row[j]))
            if j == 0 and row_titles:
                axis.set_ylabel(row_titles[i], rotation=0, ha="right", va="center", fontsize=9)
            if i == 0 and column_titles and j < len(column_titles):
                axis.set_title(column_titles[j], fontsize=9)
    figure.subplots_adjust(wspace=0.04, hspace=0.04)
    return figure


def png_bytes(picture: np.ndarray) -> bytes:
    """PNG of one picture."""
    buffer = io.BytesIO()
    Image.fromarray(to_rgb(picture)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_gif(frames: list[np.ndarray], path: Path, seconds: float = 3.0) -> None:
    """Endless animation of a turn."""
    images = [Image.fromarray(to_rgb(frame)).quantize(128) for frame in frames]
    with atomic_path(Path(path)) as temporary:
        images[0].save(
            temporary,
            "GIF",
            save_all=True,
            append_images=images[1:],
            duration=int(1000 * seconds / len(frames)),
            loop=0,
        )
