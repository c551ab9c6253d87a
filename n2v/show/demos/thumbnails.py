"""Small pictures of many NeRFs."""

import numpy as np

from n2v.files import progress
from n2v.show.journeys import nerf_picture
from n2v.show.pictures import to_rgb
from n2v.zoo.store import Zoo


def thumbnails(zoo: Zoo, object_ids: list[str], size_px: int = 48) -> list[np.ndarray]:
    """uint8 RGB (size_px, size_px, 3) of each object's own NeRF, from the front."""
    shown = progress(object_ids, desc="thumbnails", unit="NeRF")
    return [to_rgb(nerf_picture(zoo, zoo.index_of(name), size_px).numpy()) for name in shown]
