"""What an embedding still shows: the field that it decodes to."""

import math
from copy import copy, deepcopy
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.embed.decoder import Decoder
from n2v.nerf.march import cell_indices
from n2v.nerf.nerf import Field
from n2v.nerf.occupancy import cell_centres
from n2v.nerf.render import Query, psnr

OPACITY_FLOOR = 0.1  # a cell counts as empty when a sample of one step in it blocks less light than this


class DecodedField(Field):
    """What one embedding describes.

    An embedding has no occupancy of its own: without one given, the decoder is asked at the centres of `resolution`
    cells a side, with samples of `step` (scene units), when it is first needed.
    """

    def __init__(
        self,
        decoder: Decoder,
        embedding: Float[torch.Tensor, "e"] | Float[np.ndarray, "e"],
        resolution: int = 32,
        step: float = 0.04,
        occupied: Bool[torch.Tensor, "g g g"] | None = None,
    ) -> None:
        self.decoder, self.resolution, self.shown_step = decoder, resolution, step
        if occupied is not None:
            self.occupied = occupied
        with torch.no_grad():
            there = {"dtype": torch.float32, "device": next(decoder.parameters()).device}
            self._share = decoder.embedding_share(torch.as_tensor(embedding, **there)[None])

    def to(self, device: torch.device | str) -> "DecodedField":
        """The same, with a decoder of its own, on a device."""
        other = copy(self)
        other.decoder = deepcopy(self.decoder).to(device)
        other._share = tuple(part.to(device) for part in self._share)
        if "occupied" in vars(self):
            other.occupied = self.occupied.to(device)
        return other

    @torch.no_grad()
    def query(self, positions: Float[torch.Tensor, "n 3"]) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities (n,) per scene unit and colours (n, 3) in [0, 1] at positions in scene units."""
        sigmas, rgbs = self.decoder.from_share(self._share, positions[None])
        return sigmas[0], rgbs[0]

    @cached_property
    def occupied(self) -> Bool[torch.Tensor, "g g g"]:
        """Cells where the field is not empty, grown by one cell."""
        return query_occupancy(self.query, self.resolution, self.shown_step, device=self._share[0].device)


def query_occupancy(
    query: Query,
    resolution: int = 32,
    step: float = 0.04,
    within: Bool[torch.Tensor, "k k k"] | None = None,
    device: torch.device | str = "cpu",
) -> Bool[torch.Tensor, "g g g"]:
    """Cells whose centre blocks more than OPACITY_FLOOR of the light in one step, grown by one cell."""
    return grown(cell_opacity(query, resolution, step, within, device) > OPACITY_FLOOR)


def cell_opacity(
    query: Query,
    resolution: int,
    step: float,
    within: Bool[torch.Tensor, "k k k"] | None = None,
    device: torch.device | str = "cpu",
) -> Float[torch.Tensor, "g g g"]:
    """Share of light that a sample of one step at each cell's centre blocks.

    Only cells that lie in a coarser grid `within` are looked at, when one is given; it is 0 in the others. `query`
    must answer on `device`.
    """
    centres = cell_centres(resolution, device)
    chosen = torch.arange(len(centres), device=device)
    if within is not None:
        chosen = within.reshape(-1)[cell_indices(centres, within.shape[-1])].nonzero()[:, 0]
    opacity = torch.zeros(len(centres), device=device)
    for part in chosen.split(1 << 15):
        opacity[part] = -torch.expm1(-query(centres[part])[0] * step)
    return opacity.view(resolution, resolution, resolution)


def grown(dense: Bool[torch.Tensor, "g g g"]) -> Bool[torch.Tensor, "g g g"]:
    """Cells that are dense or touch one that is, at a face, an edge or a corner."""
    return torch.nn.functional.max_pool3d(dense[None, None].float(), 3, 1, 1)[0, 0] > 0


def foreground_psnr(
    shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"], opacity_floor: float = 0.05
) -> float:
    """PSNR (dB) over the pixels where the truth is not background."""
    mask = truth[..., 3] > opacity_floor
    return psnr(shown[..., :3][mask], truth[..., :3][mask]) if bool(mask.any()) else math.nan
