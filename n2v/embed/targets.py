"""Where a training step looks, and what each NeRF shows there, asked once.

Rays from above to occupied cells and points of empty space, on any device (below); samples on a NeRF's own rays with
the light that reaches them, and empty points (`Targets`).

The rays of `n2v.embed.batches` are rendered anew in every step, which the thesis's decoder, slow as it is, can
afford. A decoder that costs a fiftieth a sample would wait for them; so they are drawn once a NeRF, and a step takes
a part.
"""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float16, Int, Int16, UInt8

from n2v.nerf.composite import depths_before
from n2v.nerf.field import evaluate
from n2v.nerf.march import cell_indices, march
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_cameras
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


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Float[torch.Tensor, "*n"]:
    """Numbers in [0, 1) on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def aimed_rays(
    occupied: Bool[torch.Tensor, "b g g g"], n_rays: int, generator: torch.Generator
) -> tuple[Float[torch.Tensor, "b r 3"], Float[torch.Tensor, "b r 3"]]:
    """Rays from random cameras of the collection's distribution (upper half, 1.6 to 2.1 away) to occupied cells."""
    origins = upper_half_points((len(occupied), n_rays), generator)
    target = occupied_points(occupied, n_rays, generator)
    directions = target - origins
    return origins, directions / directions.norm(dim=-1, keepdim=True)


def pixel_rays(
    n_nerfs: int, n_rays: int, generator: torch.Generator, size_px: int = 224
) -> tuple[Float[torch.Tensor, "b r 3"], Float[torch.Tensor, "b r 3"]]:
    """Rays through random pixels of 36 fixed cameras, as the authors draw them; a zoo keeps no cameras of its own."""
    cameras = torch.from_numpy(orbit_cameras(36, seed=0)).to(generator.device)
    c2w = cameras[(uniform((n_nerfs, n_rays), generator) * len(cameras)).long()]
    pixel = (uniform((n_nerfs, n_rays, 2), generator) * size_px).floor() + 0.5 - size_px / 2
    pixel = pixel / (0.5 * size_px / math.tan(CAMERA_ANGLE_X / 2))
    local = torch.stack([pixel[..., 0], -pixel[..., 1], -torch.ones_like(pixel[..., 0])], -1)
    directions = (c2w[..., :3, :3] @ local[..., None])[..., 0]
    return c2w[..., :3, 3], directions / directions.norm(dim=-1, keepdim=True)


def upper_half_points(shape: tuple[int, ...], generator: torch.Generator) -> Float[torch.Tensor, "*n 3"]:
    """Camera positions: any azimuth, elevation 0 to 60 degrees, distance 1.6 to 2.1 scene units."""
    azimuth, elevation, distance = uniform((3, *shape), generator)
    azimuth, elevation = azimuth * 2 * math.pi, elevation * math.pi / 3
    level = torch.cos(elevation)
    points = torch.stack([level * torch.cos(azimuth), level * torch.sin(azimuth), torch.sin(elevation)], -1)
    return points * (1.6 + 0.5 * distance)[..., None]


def empty_points(
    occupied: Bool[torch.Tensor, "b g g g"], n_points: int, generator: torch.Generator, near_share: float = 0.5
) -> tuple[Float[torch.Tensor, "b m 3"], Bool[torch.Tensor, "b m"]]:
    """Points in the box, the last `near_share` of them within three cells of the object; whether each is outside it.

    Uniform points alone almost never fall near the surface, and a decoder trained on them inflates every object.
    """
    b, side = len(occupied), occupied.shape[-1]
    size = AABB[3] - AABB[0]
    points = uniform((b, n_points, 3), generator) * size + AABB[0]
    near = points[:, n_points - int(n_points * near_share) :]
    shift = (uniform(near.shape, generator) * 2 - 1) * 3 * size / side
    near.copy_((occupied_points(occupied, near.shape[1], generator) + shift).clamp(AABB[0], AABB[3]))
    return points, ~in_cells(occupied, points)


def in_cells(
    occupied: Bool[torch.Tensor, "b g g g"], positions: Float[torch.Tensor, "b n 3"]
) -> Bool[torch.Tensor, "b n"]:
    """Whether each position (scene units) lies in an occupied cell of its own NeRF."""
    cells = cell_indices(positions.reshape(-1, 3), occupied.shape[-1]).view(positions.shape[:2])
    return occupied.reshape(len(occupied), -1).gather(1, cells)


def occupied_points(
    occupied: Bool[torch.Tensor, "b g g g"], n_points: int, generator: torch.Generator
) -> Float[torch.Tensor, "b m 3"]:
    """Uniform points in occupied cells (at the box's corner for an empty grid)."""
    b, side = len(occupied), occupied.shape[-1]
    filled = filled_cells(occupied)
    edges = torch.searchsorted(filled, torch.arange(b + 1, device=filled.device) * side**3)
    first, count = edges[:-1, None], edges.diff()[:, None]
    drawn = (uniform((b, n_points), generator) * count).long().clamp(max=count - 1)
    cells = torch.nn.functional.pad(filled, (0, 1))[first + drawn.clamp(min=0)] % side**3
    cells = torch.where(count > 0, cells, 0)
    corners = torch.stack([cells // side**2, cells // side % side, cells % side], -1)
    return (corners + uniform(corners.shape, generator)) / side * (AABB[3] - AABB[0]) + AABB[0]


def filled_cells(occupied: Bool[torch.Tensor, "b g g g"]) -> Int[torch.Tensor, "f"]:
    """Flat positions of the occupied cells, NeRF after NeRF (on a CPU by numpy, which takes an eighth of the time)."""
    if occupied.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(occupied.numpy()))
    return occupied.reshape(-1).nonzero()[:, 0]
