"""Small pictures of NeRFs, from the front."""

import numpy as np
from jaxtyping import UInt8

from n2v.files import progress
from n2v.show.journeys import nerf_picture
from n2v.show.pictures import to_rgb
from n2v.zoo.store import Zoo


def thumbnail(zoo: Zoo, object_id: str, size_px: int = 64) -> UInt8[np.ndarray, "h w 3"]:
    """An object's own NeRF, RGB on white."""
    return to_rgb(nerf_picture(zoo, zoo.index_of(object_id), size_px).numpy())


def thumbnails(zoo: Zoo, object_ids: list[str], size_px: int = 64) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Many of them, with a progress bar."""
    return [thumbnail(zoo, name, size_px) for name in progress(object_ids, desc="thumbnails", unit="NeRF")]
