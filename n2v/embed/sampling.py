"""Where a training step looks: rays from above to occupied cells, and points of empty space. Any device."""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.nerf.march import cell_indices
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_cameras
from n2v.scenes.objects import AABB


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
