"""Small pictures of NeRFs, from the front."""

from n2v.files import progress
from n2v.nerf.nerf import Picture
from n2v.zoo.store import Zoo


def thumbnails(zoo: Zoo, object_ids: list[str], size_px: int = 64) -> list[Picture]:
    """Each object's own NeRF, with a progress bar."""
    return [zoo[name].render(size_px=size_px) for name in progress(object_ids, desc="thumbnails", unit="NeRF")]
