"""Rays from cameras, and the samples on them that lie in occupied cells."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int

from n2v.scenes.objects import AABB


@dataclass(frozen=True)
class Samples:
    """Packed samples of n_rays rays, ray by ray and nearest first, as in nerfacc.

    Shapes: ray_indices (s,) int64; t_starts, t_ends (s,) float32, scene units from the ray's origin.
    """

    ray_indices: Int[torch.Tensor, "s"]
    t_starts: Float[torch.Tensor, "s"]
    t_ends: Float[torch.Tensor, "s"]
    n_rays: int

    def positions(self, origins: torch.Tensor, directions: torch.Tensor) -> Float[torch.Tensor, "s 3"]:
        """Sample midpoints in scene units: o + d * (t_start + t_end) / 2, in that order of operations."""
        t_mids = (self.t_starts + self.t_ends) / 2
        return origins[self.ray_indices] + directions[self.ray_indices] * t_mids[:, None]

    def where(self, kept: Bool[torch.Tensor, "s"]) -> "Samples":
        """Those of the samples, on the same rays."""
        return Samples(self.ray_indices[kept], self.t_starts[kept], self.t_ends[kept], self.n_rays)

    def counts(self) -> Int[torch.Tensor, "r"]:
        """Samples on each ray."""
        return torch.bincount(self.ray_indices, minlength=self.n_rays)


def camera_rays(
    c2w: Float[torch.Tensor, "4 4"], size_px: int, camera_angle_x: float
) -> tuple[Float[torch.Tensor, "r 3"], Float[torch.Tensor, "r 3"]]:
    """Origins and unit directions through the pixel centres of a square picture, row by row from the top left.

    OpenGL camera: +X right, +Y up, looking along -Z.
    """
    focal_px = 0.5 * size_px / math.tan(camera_angle_x / 2)
    centre = torch.arange(size_px, dtype=torch.float32, device=c2w.device) + 0.5 - size_px / 2
    down, right = torch.meshgrid(centre, centre, indexing="ij")
    local = torch.stack([right / focal_px, -down / focal_px, -torch.ones_like(right)], -1).reshape(-1, 3)
    directions = (local[:, None, :] * c2w[:3, :3]).sum(-1)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    return c2w[:3, 3].expand_as(directions), directions


def box_corners(aabb, like: torch.Tensor) -> tuple[Float[torch.Tensor, "3"], Float[torch.Tensor, "3"]]:
    """Lowest and highest corner of a box on a tensor's device; a box asked for again is not uploaded again."""
    return _corners(tuple(map(float, aabb)), like.dtype, like.device)


@lru_cache(64)
def _corners(aabb: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.tensor(part, dtype=dtype, device=device) for part in (aabb[:3], aabb[3:]))


def box_range(
    origins: Float[torch.Tensor, "r 3"], directions: Float[torch.Tensor, "r 3"], aabb=AABB
) -> tuple[Float[torch.Tensor, "r"], Float[torch.Tensor, "r"]]:
    """Where each ray enters and leaves the box (scene units, at least 0); leaving <= entering means a miss."""
    safe = torch.where(directions.abs() < 1e-12, torch.full_like(directions, 1e-12), directions)
    low, high = box_corners(aabb, origins)
    first, second = (low - origins) / safe, (high - origins) / safe
    return torch.minimum(first, second).amax(-1).clamp(min=0), torch.maximum(first, second).amin(-1)


def march(
    origins: Float[torch.Tensor, "r 3"],
    directions: Float[torch.Tensor, "r 3"],
    occupied: Bool[torch.Tensor, "*k g g g"],
    step: float,
    grid_indices: Int[torch.Tensor, "r"] | None = None,
) -> Samples:
    """Samples [i * step, (i + 1) * step] whose midpoint's cell is occupied.

    Only the lattice inside the smallest box around the occupied cells is looked at; the samples do not depend on it.

    Args:
        origins: Scene units.
        directions: Unit length.
        occupied: Occupancy grids of k objects over the box, indexed [x, y, z].
        step: Sample length, scene units; the lattice is anchored at the ray's origin (as nerfacc 0.5.3).
        grid_indices: Which grid each ray runs through; None: the first.
    """
    if occupied.dim() == 3:
        occupied = occupied[None]
    t_near, t_far = box_range(origins, directions, occupied_bounds(occupied))
    first = torch.ceil(t_near / step - 0.5)
    n_steps = (torch.ceil(t_far / step - 0.5) - first).clamp(min=0).long()
    ray_indices = torch.repeat_interleave(n_steps)
    offsets = torch.cumsum(n_steps, 0) - n_steps
    lattice = (torch.arange(len(ray_indices), device=ray_indices.device) - offsets[ray_indices]) + first[ray_indices]
    candidates = Samples(ray_indices, lattice * step, lattice * step + step, len(origins))
    cells = cell_indices(candidates.positions(origins, directions), occupied.shape[-1])
    if grid_indices is not None:
        cells = cells + grid_indices[ray_indices] * occupied[0].numel()
    return candidates.where(occupied.reshape(-1)[cells])


def occupied_bounds(occupied: Bool[torch.Tensor, "k g g g"]) -> tuple[float, ...]:
    """Smallest box (min xyz, max xyz) around the occupied cells of all grids; the whole box if there are none."""
    union = occupied.view(torch.uint8).amax(0)  # torch finds the maximum of bytes much faster than any() of bools
    low, high = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = union.amax(others).nonzero()[:, 0]
        if not len(hit):
            return AABB
        cell = (AABB[3 + axis] - AABB[axis]) / union.shape[axis]
        low.append(AABB[axis] + int(hit[0]) * cell)
        high.append(AABB[axis] + (int(hit[-1]) + 1) * cell)
    return (*low, *high)


def cell_indices(positions: Float[torch.Tensor, "n 3"], resolution: int) -> Int[torch.Tensor, "n"]:
    """Flat [x, y, z] index of the cell that holds each position; outside positions take the nearest cell."""
    low, high = box_corners(AABB, positions)
    cells = ((positions - low) / (high - low) * resolution).long().clamp_(0, resolution - 1)
    return (cells[:, 0] * resolution + cells[:, 1]) * resolution + cells[:, 2]
