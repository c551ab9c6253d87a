"""Which cells of the box can hold matter: carved from silhouettes, learned from density, packed into bits."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from n2v.nerf.field import evaluate
from n2v.nerf.march import cell_indices
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet

SIDE = AABB[3] - AABB[0]  # scene units
DENSITY_FLOOR = 0.01 / (1.4 * math.sqrt(3) / 1024)  # published grids: density * thesis step > 1e-2


def pack_bits(occupied: Bool[np.ndarray, "*n g g g"]) -> UInt8[np.ndarray, "*n b"]:
    """Occupancy grids to bits, most significant first, [x, y, z] order; g^3 must divide by 8."""
    occupied = np.asarray(occupied, bool)
    return np.packbits(occupied.reshape(*occupied.shape[:-3], -1), axis=-1)


def unpack_bits(packed: UInt8[np.ndarray, "*n b"], resolution: int) -> Bool[np.ndarray, "*n g g g"]:
    """Inverse of pack_bits."""
    bits = np.unpackbits(np.asarray(packed), axis=-1, count=resolution**3).astype(bool)
    return bits.reshape(*bits.shape[:-1], resolution, resolution, resolution)


def cell_centres(resolution: int) -> Float[torch.Tensor, "c 3"]:
    """Centres of all cells in scene units, flat [x, y, z] order."""
    axis = torch.tensor(AABB[0]) + (torch.arange(resolution) + 0.5) * (SIDE / resolution)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def carve(view_set: ViewSet, resolution: int = 48) -> Bool[torch.Tensor, "g g g"]:
    """Visual hull: cells that no silhouette rules out (space carving over the training views).

    Each cell is tested at 2 x 2 x 2 points; a point is ruled out by a view in which no pixel within the reach of
    its sub-cell has any opacity. Points outside a view's frame or behind its camera are not ruled out by it.
    """
    fine = 2 * resolution
    points = cell_centres(fine)
    alive = torch.arange(len(points))
    reach = math.sqrt(3) * SIDE / fine / 2
    focal_px = 0.5 * view_set.size_px / math.tan(view_set.camera_angle_x / 2)
    masks = torch.from_numpy(np.ascontiguousarray(view_set.images[..., 3] > 0))
    for mask, c2w in zip(masks, torch.as_tensor(view_set.c2w, dtype=torch.float32), strict=True):
        alive = alive[_not_ruled_out(points[alive], mask, c2w, focal_px, reach)]
    hull = torch.zeros(len(points), dtype=torch.bool)
    hull[alive] = True
    return hull.view(resolution, 2, resolution, 2, resolution, 2).amax((1, 3, 5))


def _not_ruled_out(points, mask, c2w, focal_px: float, reach: float) -> torch.Tensor:
    """True for points whose neighbourhood of radius `reach` (scene units) projects onto some opaque pixel."""
    local = (points - c2w[:3, 3]) @ c2w[:3, :3]
    depth = -local[:, 2]
    size = mask.shape[0]
    column = local[:, 0] / depth * focal_px + size / 2
    row = -local[:, 1] / depth * focal_px + size / 2
    outside = (depth <= reach) | (column < 0) | (row < 0) | (column >= size) | (row >= size)
    nearest = depth[depth > reach].min() if bool((depth > reach).any()) else torch.tensor(1.0)
    radius = math.ceil(focal_px * reach / float(nearest))
    wide = torch.nn.functional.max_pool2d(mask[None, None].float(), 2 * radius + 1, 1, radius)[0, 0] > 0
    seen = wide[row.long().clamp(0, size - 1), column.long().clamp(0, size - 1)]
    return seen | outside


@torch.no_grad()
def learned_occupancy(
    field_weights: Float[torch.Tensor, "w"],
    hull: Bool[torch.Tensor, "g g g"],
    encoding: str = "exact",
    density_floor: float = DENSITY_FLOOR,
    n_points: int = 8,
    seed: int = 0,
) -> Bool[torch.Tensor, "g g g"]:
    """Hull cells in which the fitted density exceeds `density_floor` (per scene unit) at some of `n_points` points.

    The published grids are rebuilt the same way after training: 20 updates at random points, threshold 1e-2 on
    density times the thesis's step.
    """
    resolution = hull.shape[0]
    cells = hull.reshape(-1).nonzero()[:, 0]
    if not len(cells):
        return hull.clone()
    corner = cell_centres(resolution)[cells] - SIDE / resolution / 2
    generator = torch.Generator().manual_seed(seed)
    shifts = torch.rand(n_points, len(cells), 3, generator=generator)
    shifts[0] = 0.5
    dense = torch.zeros(len(cells), dtype=torch.bool)
    for shift in shifts:
        sigmas, _ = evaluate(field_weights[None], (corner + shift * SIDE / resolution)[None], encoding)
        dense |= sigmas[0] > density_floor
    occupied = torch.zeros(resolution**3, dtype=torch.bool)
    occupied[cells[dense]] = True
    return occupied.view_as(hull)


def is_occupied(positions: Float[torch.Tensor, "n 3"], occupied: Bool[torch.Tensor, "g g g"]) -> torch.Tensor:
    """True for positions (scene units) in an occupied cell."""
    return occupied.reshape(-1)[cell_indices(positions, occupied.shape[0])]
