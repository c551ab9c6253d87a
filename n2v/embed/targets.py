"""What each NeRF shows, asked once: samples on its own rays with the light that reaches them, and empty points.

The rays of `n2v.embed.batches` are rendered anew in every step, which the thesis's decoder, slow as it is, can
afford. A decoder that costs a fiftieth a sample would wait for them; so they are drawn once a NeRF, and a step takes
a part.
"""

import math
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Float16, Int, Int16, UInt8

from n2v.embed.sampling import aimed_rays, empty_points, uniform
from n2v.nerf.composite import depths_before
from n2v.nerf.field import evaluate
from n2v.nerf.march import march
from n2v.scenes.objects import AABB
from n2v.seeds import child_seed

N_RAYS, N_SAMPLES, N_EMPTY = 512, 4096, 3072  # a NeRF
STEP = 0.03  # of the samples, scene units
DARK = 0.02  # samples that less of the light reaches are left out
GRAIN = 40_000  # positions are kept in steps of 1/40,000 scene unit


@dataclass(frozen=True)
class PointBatch:
    """Samples of b NeRFs: first n on rays, ray after ray, then m of empty space.

    Shapes: positions (b, n + m, 3) scene units; opacity and light (b, n + m), of a sample of STEP and the share of
    light that reaches it (0 where no sample stands, 1 at points outside the object); rgbs (b, n + m, 3); rays (b, n)
    the number of each sample's ray, non-decreasing over the whole batch.
    """

    positions: Float[torch.Tensor, "b points 3"]
    opacity: Float[torch.Tensor, "b points"]
    light: Float[torch.Tensor, "b points"]
    rgbs: Float[torch.Tensor, "b points 3"]
    rays: Int[torch.Tensor, "b n"]


@dataclass(frozen=True)
class Targets:
    """The samples of n NeRFs, 18 bytes each; made by `ask_targets`."""

    positions: Int16[torch.Tensor, "n s 3"]
    values: Float16[torch.Tensor, "n s 5"]  # opacity, light, RGB
    rays: Int16[torch.Tensor, "n r"]

    @classmethod
    def of(cls, each: list["Targets"], device: torch.device | str = "cpu") -> "Targets":
        """Those of several NeRFs together, on a device."""
        return cls(*(torch.cat([getattr(one, field.name) for one in each]).to(device) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.rays)

    def batch(self, chosen: Int[torch.Tensor, "b"], n: int, m: int, generator: torch.Generator) -> PointBatch:
        """n samples that follow each other from a random one on, and m random empty points, of each chosen NeRF.

        Of a NeRF that has fewer than n samples all of them, and padding without light.
        """
        rows = chosen[:, None].to(self.rays.device)
        there = (self.values[rows[:, 0], :N_SAMPLES, 1] > 0).sum(1, keepdim=True).clamp(min=n)
        start = (uniform((len(chosen), 1), generator) * there).long()
        seen = ((start + torch.arange(n, device=start.device)) % there).sort(1)[0]
        empty = N_SAMPLES + (uniform((len(chosen), m), generator) * N_EMPTY).long()
        places = torch.cat([seen, empty], 1)
        values = self.values[rows, places].float()
        positions = self.positions[rows, places].float() / GRAIN
        rays = self.rays[rows, seen].long() + torch.arange(len(rows), device=start.device)[:, None] * N_RAYS
        return PointBatch(positions, values[..., 0], values[..., 1], values[..., 2:], rays)


@torch.no_grad()
def ask_targets(
    field_weights: Float[torch.Tensor, "w"], occupied: Bool[torch.Tensor, "g g g"], encoding: str, digest: str
) -> Targets:
    """Samples of one NeRF, drawn from a stream that its digest names.

    Rays as in `aimed_rays`; light is the exponential of minus the optical depth before a sample. Oracle: the NeRF
    itself (tests/embed/test_targets.py, to 1e-3).
    """
    stream = torch.Generator().manual_seed(child_seed(0, "targets", digest))
    origins, directions = (part[0] for part in aimed_rays(occupied[None], N_RAYS, stream))
    samples = march(origins, directions, occupied, STEP)
    positions = samples.positions(origins, directions).mul(GRAIN).round().div(GRAIN)  # as they are kept
    sigmas, rgbs = (part[0] for part in evaluate(field_weights[None], positions[None], encoding))
    depths = (sigmas * STEP).clamp(max=1e4)
    light = torch.exp(-depths_before(depths, samples.ray_indices, N_RAYS)).float()
    seen = (light > DARK).nonzero()[:N_SAMPLES, 0]
    empty, is_empty = (part[0] for part in empty_points(occupied[None], N_EMPTY, stream))
    places, values = torch.zeros(N_SAMPLES + N_EMPTY, 3), torch.zeros(N_SAMPLES + N_EMPTY, 5)
    places[: len(seen)], places[N_SAMPLES:] = positions[seen], empty
    values[: len(seen), 0], values[: len(seen), 1] = -torch.expm1(-depths[seen]), light[seen]
    values[: len(seen), 2:], values[N_SAMPLES:, 1] = rgbs[seen], is_empty.float()
    rays = torch.full((N_SAMPLES,), N_RAYS - 1)
    rays[: len(seen)] = samples.ray_indices[seen]
    return Targets(places.mul(GRAIN).round().short()[None], values.half()[None], rays.short()[None])


def augmented(
    answers: UInt8[torch.Tensor, "b 4 g g g"], batch: PointBatch, stretch: float, generator: torch.Generator
) -> tuple[Float[torch.Tensor, "b 4 g g g"], PointBatch]:
    """Half of the NeRFs mirrored left to right, all with their colour channels in a random order and stretched.

    Each axis is scaled by a factor between 1 / (1 + stretch) and 1 + stretch / 2 about the centre; what leaves the box
    is gone.
    """
    b, values = len(answers), answers.float() / 255
    mirrored = uniform((b,), generator) < 0.5
    values = torch.where(mirrored[:, None, None, None, None], values.flip(2), values)
    side = torch.ones(b, 1, 3, device=values.device)
    side[:, 0, 0] = torch.where(mirrored, -1.0, 1.0)
    channels = torch.argsort(uniform((b, 3), generator), 1)
    taken = channels[:, :, None, None, None].expand(-1, -1, *values.shape[2:])
    values = torch.cat([values[:, :1], values[:, 1:].gather(1, taken)], 1)
    rgbs = batch.rgbs.gather(2, channels[:, None].expand(-1, batch.rgbs.shape[1], -1))
    positions, light = batch.positions * side, batch.light
    if stretch:
        low, high = -math.log1p(stretch), math.log1p(stretch / 2)
        factors = torch.exp(low + (high - low) * uniform((b, 3), generator))
        back = torch.diag_embed(1 / factors.flip(1))  # torch counts z first
        where = torch.nn.functional.affine_grid(torch.nn.functional.pad(back, (0, 1)), list(values.shape), False)
        values = torch.nn.functional.grid_sample(values, where, align_corners=False)
        positions = positions * factors[:, None]
        light = light * (positions.abs() < AABB[3]).all(-1)
    return values, replace(batch, positions=positions, light=light, rgbs=rgbs)
