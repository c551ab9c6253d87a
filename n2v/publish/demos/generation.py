"""Objects that never were, in a grid that turns: a page for the lab and for offline."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.files import progress
from n2v.lessons.drawing.pictures import to_rgb
from n2v.publish.demos.page import sprite, write_page
from n2v.publish.demos.progressive import View


def write_generation_page(
    path: Path,
    model: Nerf2Vec,
    made: dict[str, Float[np.ndarray, "n e"]],
    *,
    n_azimuths: int = 12,
    size_px: int = 128,
    elevation_deg: float = 25.0,
) -> Path:
    """Pre-render new objects of each class, all around.

    Args:
        path: Page to write.
        model: Decodes.
        made: New embeddings by class.
        n_azimuths: Views of one full turn.
        size_px: Side of a picture.
        elevation_deg: Of the camera.
    """
    if not made or not all(len(group) for group in made.values()):
        raise BadInput("nothing was made", where="generation page", fix="give at least 1 embedding of each class")
    azimuths = [round(View().azimuth_deg + 360 * i / n_azimuths, 1) for i in range(n_azimuths)]
    cameras = [View(azimuth, elevation_deg).c2w() for azimuth in azimuths]
    classes = []
    for name, group in progress(made.items(), desc="rendering", unit="class"):
        fields = [model.decode(one) for one in group]
        frames = [to_rgb(field.image(c2w, size_px).numpy()) for field in fields for c2w in cameras]
        classes.append({"name": name, "n": len(group), "frames": sprite(frames, n_azimuths)})
    return write_page(path, "Objects that never were", "generation", {"azimuths": azimuths, "classes": classes})
