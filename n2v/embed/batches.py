"""Training batches: rays aimed at each NeRF, and what the NeRF itself shows along them (thesis 3.3.5)."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.nerf.field import evaluate
from n2v.nerf.march import cell_indices, march
from n2v.nerf.occupancy import unpack_bits
from n2v.nerf.render import blend_weights
from n2v.scenes.objects import AABB
from n2v.zoo.store import Zoo


@dataclass(frozen=True)
class SampleConfig:
    """How many coordinates a NeRF gives a training step; defaults: the thesis (section 3.3.1)."""

    n_foreground: int = 25_000
    n_background: int = 10_000
    step: float = 1.4 * math.sqrt(3) / 1024  # sample length on rays, scene units
    n_rays: int = 4096  # rays tried; those beyond the foreground budget are dropped whole

    @classmethod
    def laptop(cls, n_foreground: int = 384, n_background: int = 128) -> "SampleConfig":
        """Coarse samples for two cores."""
        return cls(n_foreground, n_background, step=0.04, n_rays=n_foreground // 4)


@dataclass(frozen=True)
class RayBatch:
    """Foreground samples of b NeRFs, packed ray after ray, and empty points.

    Shapes: positions (b, n, 3) scene units; slots (b, n) ray of each sample, non-decreasing, counted over the whole
    batch; lengths (b, n) scene units, 0 for padding; targets (b, r, 4) premultiplied colour and opacity as the NeRF
    renders it; is_ray (b, r); empty (b, m, 3) points, of which is_empty (b, m) lie outside the occupied cells.
    """

    positions: Float[torch.Tensor, "b n 3"]
    slots: Int[torch.Tensor, "b n"]
    lengths: Float[torch.Tensor, "b n"]
    targets: Float[torch.Tensor, "b r 4"]
    is_ray: Bool[torch.Tensor, "b r"]
    empty: Float[torch.Tensor, "b m 3"]
    is_empty: Bool[torch.Tensor, "b m"]


class TrainingSet:
    """The NeRFs of one split in the machine's memory: weights as float32, occupancy as bits.

    Those that cannot be read or are not finite are left out; `skipped` has the reasons by object id. Batches are made
    on `device`: only their NeRFs' numbers and bits travel to it.
    """

    def __init__(self, zoo: Zoo, split: str | None = "train", device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.indices, self.skipped = zoo.readable(zoo.indices(split))
        if not len(self.indices):
            raise BadInput(f"no usable NeRF in split '{split}'", where=zoo.folder, fix="run: n2v zoo verify")
        self.field_weights = torch.from_numpy(zoo.field_weights(self.indices))
        self.packed, self.resolution = zoo.packed(self.indices), zoo.resolution
        encodings = {zoo.rows[i].encoding for i in self.indices}
        if len(encodings) > 1:
            raise BadInput(f"encodings {', '.join(sorted(encodings))} in one zoo", where=zoo.folder, fix="train on one")
        self.encoding = encodings.pop()

    def __len__(self) -> int:
        return len(self.indices)

    def weights(self, chosen: Int[torch.Tensor, "b"]) -> Float[torch.Tensor, "b w"]:
        """Field weights of the chosen NeRFs, on the device."""
        return self.field_weights[chosen].to(self.device)

    def occupied(self, chosen: Int[torch.Tensor, "b"]) -> Bool[torch.Tensor, "b g g g"]:
        """Occupancy grids of the chosen NeRFs, on the device."""
        return torch.from_numpy(unpack_bits(self.packed[chosen.numpy()], self.resolution)).to(self.device)

    def batch(self, chosen: Int[torch.Tensor, "b"], config: SampleConfig, generator: torch.Generator) -> RayBatch:
        """Rays through random occupied cells of the chosen NeRFs, rendered by the NeRFs themselves."""
        return ray_batch(self.weights(chosen), self.occupied(chosen), self.encoding, config, generator)


@torch.no_grad()
def ray_batch(
    field_weights: Float[torch.Tensor, "b w"],
    occupied: Bool[torch.Tensor, "b g g g"],
    encoding: str,
    config: SampleConfig,
    generator: torch.Generator,
) -> RayBatch:
    """Sample, march and render one batch. Whole rays are dropped when they exceed the budget of samples."""
    b, device = len(field_weights), field_weights.device
    nerfs = torch.arange(b, device=device)
    origins, directions = aimed_rays(occupied, config.n_rays, generator)
    flat = origins.view(-1, 3), directions.view(-1, 3)
    samples = march(*flat, occupied, config.step, nerfs.repeat_interleave(config.n_rays))
    counts = samples.counts().view(b, config.n_rays)
    ends = counts.cumsum(1)
    is_ray = (ends <= config.n_foreground) & (counts > 0)
    kept = is_ray.view(-1)[samples.ray_indices]
    ray_indices = samples.ray_indices[kept]
    owner = ray_indices // config.n_rays
    first_of_owner = torch.searchsorted(owner, nerfs)
    place = torch.arange(len(owner), device=device) - first_of_owner[owner]

    positions = torch.zeros(b, config.n_foreground, 3, device=device)
    positions[owner, place] = samples.positions(*flat)[kept]
    lengths = torch.zeros(b, config.n_foreground, device=device)
    lengths[owner, place] = config.step
    slots = ((nerfs + 1) * config.n_rays - 1)[:, None].repeat(1, config.n_foreground)
    slots[owner, place] = ray_indices
    sigmas, rgbs = evaluate(field_weights, positions, encoding)
    targets = blend(sigmas, rgbs, lengths, slots, b * config.n_rays).view(b, config.n_rays, 4)
    empty, is_empty = empty_points(occupied, config.n_background, generator)
    return RayBatch(positions, slots, lengths, targets, is_ray, empty, is_empty)


def blend(sigmas, rgbs, lengths, slots, n_rays: int) -> Float[torch.Tensor, "r 4"]:
    """Premultiplied colour and opacity of each ray, once (the authors' code adds the background twice)."""
    weights = blend_weights((sigmas * lengths).view(-1), slots.view(-1), n_rays)
    blended = torch.cat([weights[:, None] * rgbs.reshape(-1, 3), weights[:, None]], -1)
    return blended.new_zeros(n_rays, 4).index_add(0, slots.view(-1), blended)


def aimed_rays(
    occupied: Bool[torch.Tensor, "b g g g"], n_rays: int, generator: torch.Generator
) -> tuple[Float[torch.Tensor, "b r 3"], Float[torch.Tensor, "b r 3"]]:
    """Rays from random cameras of the collection's distribution (upper half, 1.6 to 2.1 away) to occupied cells."""
    origins = upper_half_points((len(occupied), n_rays), generator)
    target = occupied_points(occupied, n_rays, generator)
    directions = target - origins
    return origins, directions / directions.norm(dim=-1, keepdim=True)


def upper_half_points(shape: tuple[int, ...], generator: torch.Generator) -> Float[torch.Tensor, "*n 3"]:
    """Camera positions: any azimuth, elevation 0 to 60 degrees, distance 1.6 to 2.1 scene units."""
    azimuth, elevation, distance = uniform((3, *shape), generator)
    azimuth, elevation = azimuth * 2 * math.pi, elevation * math.pi / 3
    level = torch.cos(elevation)
    points = torch.stack([level * torch.cos(azimuth), level * torch.sin(azimuth), torch.sin(elevation)], -1)
    return points * (1.6 + 0.5 * distance)[..., None]


def empty_points(
    occupied: Bool[torch.Tensor, "b g g g"], n_points: int, generator: torch.Generator
) -> tuple[Float[torch.Tensor, "b m 3"], Bool[torch.Tensor, "b m"]]:
    """Half uniform in the box, half within three cells of the object, and whether each lies outside its cells.

    Uniform points alone almost never fall near the surface, and a decoder trained on them inflates every object.
    """
    b, side = len(occupied), occupied.shape[-1]
    size = AABB[3] - AABB[0]
    points = uniform((b, n_points, 3), generator) * size + AABB[0]
    near = points[:, n_points // 2 :]
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
    filled = occupied.reshape(-1).nonzero()[:, 0]  # NeRF after NeRF
    edges = torch.searchsorted(filled, torch.arange(b + 1, device=filled.device) * side**3)
    first, count = edges[:-1, None], edges.diff()[:, None]
    drawn = (uniform((b, n_points), generator) * count).long().clamp(max=count - 1)
    cells = torch.nn.functional.pad(filled, (0, 1))[first + drawn.clamp(min=0)] % side**3
    cells = torch.where(count > 0, cells, 0)
    corners = torch.stack([cells // side**2, cells // side % side, cells % side], -1)
    return (corners + uniform(corners.shape, generator)) / side * (AABB[3] - AABB[0]) + AABB[0]


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Float[torch.Tensor, "*n"]:
    """Numbers in [0, 1) on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)


def epoch_order(n: int, batch_size: int, generator: torch.Generator) -> list[Int[torch.Tensor, "b"]]:
    """A shuffled epoch cut into batches; a last batch of one joins the one before (batch norm needs two)."""
    order = torch.randperm(n, generator=generator)
    parts = list(order.split(batch_size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts
