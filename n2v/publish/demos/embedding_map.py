"""Embeddings laid out in two dimensions, with the object behind each mark: a page for the lab and for offline."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.embed.embeddings import Embeddings
from n2v.errors import BadInput
from n2v.lessons.drawing.style import class_look
from n2v.publish.demos.page import sprite, thumbnails, write_page
from n2v.zoo.store import Zoo


def unit_square(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Points moved and scaled into [0, 1]^2 (one scale for both axes), y downwards as on a screen."""
    centred = points - (points.min(0) + points.max(0)) / 2
    return 0.5 + centred * (1, -1) / max(float(np.ptp(points, axis=0).max()), 1e-9)


def marker_outline(label: int) -> str:
    """A class's marker as an SVG path within [-1, 1]^2: the one that matplotlib draws."""
    from matplotlib.markers import MarkerStyle

    style = MarkerStyle(class_look(label)[1])
    (outline,) = style.get_path().transformed(style.get_transform()).to_polygons(closed_only=False)
    outline = np.asarray(outline) * (1, -1) / np.abs(outline).max()
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in outline) + "Z"


def write_map_page(
    path: Path, layouts: dict[str, Float[np.ndarray, "n 2"]], objects: Embeddings, zoo: Zoo, *, size_px: int = 64
) -> Path:
    """Every object as a mark that shows it when pointed at.

    Args:
        path: Page to write.
        layouts: Name of a layout to its points, in the order of `objects`; the first is shown first.
        objects: Who they are.
        zoo: Holds their NeRFs.
        size_px: Side of a picture.
    """
    if not layouts or any(len(points) != len(objects) for points in layouts.values()):
        raise BadInput(f"{len(layouts)} layouts for {len(objects)} objects", fix="give one point an object, in order")
    identity = zip(objects.object_ids, objects.class_names, objects.splits, strict=True)
    data = {
        "objects": [{"id": name, "class_name": kind, "split": split} for name, kind, split in identity],
        "classes": {
            name: {"path": marker_outline(label), "colour": class_look(label)[0]}
            for label, name in sorted({*zip(objects.labels.tolist(), objects.class_names, strict=True)})
        },
        "layouts": {name: np.round(unit_square(points), 4).tolist() for name, points in layouts.items()},
        "pictures": sprite(thumbnails(zoo, objects.object_ids, size_px), 24),
    }
    return write_page(path, "A map of embeddings", "embedding_map", data)
