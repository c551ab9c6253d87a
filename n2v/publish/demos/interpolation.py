"""From one object to another: what lies between two embeddings, from any side; as an offline page too."""

from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.files import progress
from n2v.lessons.drawing.pictures import to_rgb
from n2v.nerf.nerf import Field
from n2v.publish.demos.page import sprite, write_page
from n2v.publish.demos.progressive import DecodedObject, Quality, View
from n2v.tasks.interpolate import WAYS, lerp, weights_field
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


def between_weights(zoo: Zoo, pair: tuple[int, int], gammas) -> list[Field]:
    """The fields on the straight way between the raw weights of two NeRFs."""
    (one, other), encoding = zoo.occupied(pair), zoo.rows[int(pair[0])].encoding
    return [weights_field(weights, one | other, encoding) for weights in lerp(*zoo.field_weights(pair), gammas)]


def write_interpolation_page(
    path: Path,
    model: Nerf2Vec,
    zoo: Zoo,
    object_ids: list[str],
    *,
    n_gammas: int = 9,
    n_azimuths: int = 12,
    size_px: int = 128,
    elevation_deg: float = 25.0,
) -> Path:
    """Pre-render the straight way between any two of some objects, all around: through embeddings and through weights.

    Args:
        path: Page to write.
        model: Embeds and decodes.
        zoo: Holds the NeRFs, shown at both ends.
        object_ids: The objects to choose from: n of them make n (n - 1) / 2 ways.
        n_gammas: Places on the way, ends included.
        n_azimuths: Views of one full turn.
        size_px: Side of a picture.
        elevation_deg: Of the camera.
    """
    if len(set(object_ids)) < 2 or n_gammas < 2 or n_azimuths < 1:
        told = f"{len(set(object_ids))} objects, {n_gammas} gammas, {n_azimuths} views"
        raise BadInput(told, fix="use at least 2 objects, 2 gammas, 1 view")
    gammas = [round(float(gamma), 4) for gamma in np.linspace(0, 1, n_gammas)]
    azimuths = [round(View().azimuth_deg + 360 * i / n_azimuths, 1) for i in range(n_azimuths)]

    def around(fields: list[Field]) -> dict:
        cameras = [View(azimuth, elevation_deg).c2w() for azimuth in azimuths]
        return sprite([to_rgb(field.image(c2w, size_px).numpy()) for field in fields for c2w in cameras], n_azimuths)

    nerfs = [zoo[name] for name in object_ids]
    embeddings = [np.asarray(model.embed(nerf)) for nerf in nerfs]
    ways = {}
    for i, j in progress(list(combinations(range(len(nerfs)), 2)), desc="rendering", unit="pair"):
        pair = zoo.index_of(object_ids[i]), zoo.index_of(object_ids[j])
        decoded = [model.decode(one) for one in lerp(embeddings[i], embeddings[j], gammas)]
        ways[f"{i} {j}"] = {"embeddings": around(decoded), "weights": around(between_weights(zoo, pair, gammas))}
    objects = [{"id": name, "picture": around([nerf])} for name, nerf in zip(object_ids, nerfs, strict=True)]
    data = {"gammas": gammas, "azimuths": azimuths, "objects": objects, "ways": ways}
    return write_page(path, "Between two objects", "interpolation", data)
