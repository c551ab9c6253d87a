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


def show(axis, picture: np.ndarray | None, title: str = "", below: str = "") -> None:
    """A picture on an axis without ticks, grid and frame; None leaves it white."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(below, fontsize=8, labelpad=2)
    if picture is not None:
        axis.imshow(to_rgb(picture), interpolation="nearest" if len(picture) < 32 else None)


def close_up(pictures: list[np.ndarray | None]) -> list[np.ndarray | None]:
    """The same square pictures, all cut to the smallest centred share that holds what any of them shows on white."""
    reach = 0.05
    for picture in pictures:
        if picture is not None and len(picture) > 1:
            places = np.argwhere(to_rgb(picture).min(-1) < 245)
            middle = (len(picture) - 1) / 2
            reach = max(reach, *(np.abs(places - middle).max(0) + 1.5) / middle) if len(places) else reach

    def cut(picture: np.ndarray) -> np.ndarray:
        margin = max(0, int((1 - reach) * (len(picture) - 1) / 2))
        return picture[margin : len(picture) - margin, margin : len(picture) - margin]

    return [picture if picture is None else cut(picture) for picture in pictures]


def sheet(rows: list[list[np.ndarray]], row_titles=None, column_titles=None, cell_inch: float = 1.1, below=None):
    """Matplotlib figure of a grid of square pictures, closed up on; a missing picture (None) leaves its cell white.

    `below` has a text for each picture, row by row.
    """
    import matplotlib.pyplot as plt

    near = iter(close_up([picture for row in rows for picture in row]))
    rows = [[next(near) for _ in row] for row in rows]
    n_columns = max(len(row) for row in rows)
    text_inch = 0.15 * max((text.count("\n") + 1 for line in below or () for text in line), default=0)
    size = (cell_inch * n_columns + 0.8, (cell_inch + text_inch) * len(rows) + 0.4)
    figure, axes = plt.subplots(len(rows), n_columns, figsize=size, squeeze=False)
    for i, row in enumerate(rows):
        for j, axis in enumerate(axes[i]):
            title = column_titles[j] if i == 0 and column_titles and j < len(column_titles) else ""
            show(axis, row[j] if j < len(row) else None, title, below[i][j] if below and j < len(below[i]) else "")
        if row_titles:
            axes[i, 0].set_ylabel(row_titles[i], rotation=0, ha="right", va="center", fontsize=9)
    figure.subplots_adjust(wspace=0.04, hspace=0.04 + text_inch / cell_inch)
    return figure


def png_bytes(picture: np.ndarray) -> bytes:
    """PNG of one picture."""
    buffer = io.BytesIO()
    Image.fromarray(to_rgb(picture)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_gif(frames: list[np.ndarray], path: Path, seconds: float = 3.0) -> None:
    """Endless animation of a turn."""
    first, *others = (Image.fromarray(to_rgb(frame)).quantize(128) for frame in frames)
    turn = {"save_all": True, "append_images": others, "duration": int(1000 * seconds / len(frames)), "loop": 0}
    with atomic_path(Path(path)) as temporary:
        first.save(temporary, "GIF", **turn)
