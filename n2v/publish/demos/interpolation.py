"""From one object to another: what lies between two embeddings, from any side; as an offline page too."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from n2v.embed.embeddings import Embeddings
from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.files import progress
from n2v.lessons.drawing.pictures import to_rgb
from n2v.publish.demos.page import sprite, write_page
from n2v.publish.demos.progressive import DecodedObject, Quality, View
from n2v.tasks.interpolate import WAYS
from n2v.zoo.store import Zoo


class DecodedWay:
    """The way between two embeddings; each place on it is decoded once and kept."""

    def __init__(
        self,
        model: Nerf2Vec,
        start: Float[np.ndarray, "e"],
        end: Float[np.ndarray, "e"],
        way: str = "linear",
        quality: Quality | None = None,
    ) -> None:
        if way not in WAYS:
            raise BadInput(f"unknown way '{way}'", fix=f"use one of: {', '.join(WAYS)}")
        self._model, self._ends, self._way, self._quality = model, (start, end), WAYS[way], quality
        self.at = lru_cache(maxsize=64)(self._at)

    def _at(self, gamma: float) -> DecodedObject:
        """The object at gamma: 0 is the start, 1 the end."""
        if not 0 <= gamma <= 1:
            raise BadInput(f"gamma = {gamma}", fix="use 0 to 1")
        embedding = self._way(*self._ends, (gamma,))[0]
        return DecodedObject(self._model, torch.from_numpy(embedding), self._quality)


def write_interpolation_page(
    path: Path,
    model: Nerf2Vec,
    embeddings: Embeddings,
    zoo: Zoo,
    pairs: list[tuple[str, str]],
    *,
    n_gammas: int = 9,
    n_azimuths: int = 8,
    size_px: int = 64,
    elevation_deg: float = 25.0,
) -> Path:
    """Pre-render the straight way between pairs of objects, all around, behind two sliders.

    Args:
        path: Page to write.
        model: Decodes.
        embeddings: Of the objects.
        zoo: Holds the objects' own NeRFs, shown beside the ends.
        pairs: Object ids of start and end.
        n_gammas: Places on the way, ends included.
        n_azimuths: Views of one full turn.
        size_px: Side of a picture.
        elevation_deg: Of the camera.
    """
    if not pairs or n_gammas < 2 or n_azimuths < 1:
        raise BadInput(
            f"{len(pairs)} pairs, {n_gammas} gammas, {n_azimuths} views", fix="use at least 1 pair, 2 gammas, 1 view"
        )
    gammas = [round(float(gamma), 4) for gamma in np.linspace(0, 1, n_gammas)]
    azimuths = [round(View().azimuth_deg + 360 * i / n_azimuths, 1) for i in range(n_azimuths)]
    quality = Quality(refined_px=size_px)
    walks = []
    for first, second in progress(pairs, desc="rendering", unit="pair"):
        ends = [embeddings.values[embeddings.index_of(name)] for name in (first, second)]
        way = DecodedWay(model, *ends, quality=quality)
        frames = [
            to_rgb(way.at(gamma).refined_picture(View(azimuth, elevation_deg)).numpy())
            for gamma in gammas
            for azimuth in azimuths
        ]
        originals = [zoo[name].render(size_px=size_px) for name in (first, second)]
        walks.append(
            {"first": first, "second": second, "frames": sprite(frames, n_azimuths), "ends": sprite(originals, 2)}
        )
    data = {"gammas": gammas, "azimuths": azimuths, "walks": walks}
    return write_page(path, "Between two objects", "interpolation", data)
