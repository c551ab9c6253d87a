"""What each NeRF shows, asked once: samples on its own rays with the light that reaches them, and empty points.

The rays of `n2v.embed.batches` are rendered anew in every step, which the thesis's decoder, slow as it is, can
afford. A decoder that costs a fiftieth a sample would wait for them; so they are drawn once a NeRF, and a step takes
a part.
"""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Float16, Int, Int16

from n2v.embed.sampling import aimed_rays, empty_points, uniform
from n2v.nerf.composite import depths_before
from n2v.nerf.field import evaluate
from n2v.nerf.march import march
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
        """n samples that follow each other from a random one on, and m random empty points, of each chosen NeRF."""
        start = (uniform((len(chosen), 1), generator) * N_SAMPLES).long()
        seen = ((start + torch.arange(n, device=start.device)) % N_SAMPLES).sort(1)[0]
        empty = N_SAMPLES + (uniform((len(chosen), m), generator) * N_EMPTY).long()
        places = torch.cat([seen, empty], 1)
        rows = chosen[:, None].to(start.device)
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
