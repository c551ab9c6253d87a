"""Which cells of the box can hold matter: carved from silhouettes, learned from density, packed into bits.

Before a fit the hull answers another question, too: do pictures and cameras belong together? It must explain every
silhouette.
"""

import itertools
import math
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from n2v.errors import BadInput
from n2v.nerf.field import evaluate
from n2v.nerf.march import camera_rays, march
from n2v.nerf.recipe import THESIS_STEP
from n2v.scenes.cameras import check_cameras, other_conventions
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet

SIDE = AABB[3] - AABB[0]  # scene units
DENSITY_FLOOR = 0.01 / THESIS_STEP  # published grids: density * thesis step > 1e-2
EXPLAINED_FLOOR = 0.9  # share of the object's pixels that the hull must explain; measured shares: CONVENTIONS.md
MOST_RAYS = 4000
CHUNK = 1 << 16  # positions evaluated at a time
UNKNOWN = "check pictures, cameras (their order too) and box"


def pack_bits(occupied: Bool[np.ndarray, "*n g g g"]) -> UInt8[np.ndarray, "*n b"]:
    """Occupancy grids to bits, most significant first, [x, y, z] order; g^3 must divide by 8."""
    occupied = np.asarray(occupied, bool)
    return np.packbits(occupied.reshape(*occupied.shape[:-3], -1), axis=-1)


def unpack_bits(packed: UInt8[np.ndarray, "*n b"], resolution: int) -> Bool[np.ndarray, "*n g g g"]:
    """Inverse of pack_bits."""
    bits = np.unpackbits(np.asarray(packed), axis=-1, count=resolution**3).astype(bool)
    return bits.reshape(*bits.shape[:-1], resolution, resolution, resolution)


def cell_centres(resolution: int, device: torch.device | str = "cpu") -> Float[torch.Tensor, "c 3"]:
    """Centres of all cells in scene units, flat [x, y, z] order."""
    axis = AABB[0] + (torch.arange(resolution, device=device) + 0.5) * (SIDE / resolution)
    return torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def carve(view_set: ViewSet, resolution: int = 48, device: torch.device | str = "cpu") -> Bool[torch.Tensor, "g g g"]:
    """Visual hull: cells that no silhouette rules out (space carving over the training views).

    Each cell is tested at 2 x 2 x 2 points; a point is ruled out by a view in which no pixel within the reach of
    its sub-cell has any opacity. Points outside a view's frame or behind its camera are not ruled out by it.
    The hull stays on `device`, and whatever a fit prepares from it is made there.
    """
    focal_px = 0.5 * view_set.size_px / math.tan(view_set.camera_angle_x / 2)
    masks = torch.from_numpy(np.ascontiguousarray(view_set.images[..., 3] > 0)).to(device)
    cameras = torch.as_tensor(view_set.c2w, dtype=torch.float32, device=device)
    views = list(zip(masks, cameras, strict=True))
    reach = math.sqrt(3) * SIDE / resolution / 2
    centres = cell_centres(resolution, device)
    alive = torch.arange(len(centres), device=device)
    for mask, c2w in views:  # whole cells first: it drops what none of its sub-cells would survive
        alive = alive[_not_ruled_out(centres[alive], mask, c2w, focal_px, reach, spare_px=2)]
    quarter = SIDE / resolution / 4
    corners = torch.tensor(list(itertools.product((-quarter, quarter), repeat=3)), device=device)
    cells = alive.repeat_interleave(8)
    points = (centres[alive, None] + corners).reshape(-1, 3)
    for mask, c2w in views:
        kept = _not_ruled_out(points, mask, c2w, focal_px, reach / 2)
        cells, points = cells[kept], points[kept]
    hull = torch.zeros(len(centres), dtype=torch.bool, device=device)
    hull[cells] = True
    return hull.view(resolution, resolution, resolution)


def _not_ruled_out(points, mask, c2w, focal_px: float, reach: float, spare_px: int = 0) -> torch.Tensor:
    """True for points whose neighbourhood of radius `reach` (scene units) projects onto an opaque pixel.

    Neighbourhoods that leave the picture or come within reach of the camera are not ruled out either.
    """
    size, pad = mask.shape[0], torch.nn.functional.pad
    columns = torch.stack([c2w[:3, 0] * focal_px, -c2w[:3, 1] * focal_px, -c2w[:3, 2]], 1)
    right, down, depth = torch.addmm(-c2w[:3, 3] @ columns, points, columns).unbind(1)
    behind = depth <= reach
    front = depth[~behind]
    radius = math.ceil(focal_px * reach / float(front.min())) + spare_px if len(front) else size
    radius = min(radius, size)
    # A border of "opaque" stands for all that lies outside. Where no pixel is to spare it does not grow itself: a
    # point inside the picture is judged by the picture
    wide = pad(mask[None, None].float(), (1, 1, 1, 1), value=float(spare_px > 0))
    wide = torch.nn.functional.max_pool2d(wide, 2 * radius + 1, 1, radius)[0, 0] > 0
    wide = wide | (pad(torch.zeros_like(mask), (1, 1, 1, 1), value=1) > 0)
    column = (right / depth + (size / 2 + 1)).clamp_(0, size + 1).long()
    row = (down / depth + (size / 2 + 1)).clamp_(0, size + 1).long()
    return wide[row, column] | behind


def explained_share(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"]) -> float:
    """Share of the object's pixels (at most 4,000 drawn of all views) whose ray meets the hull; 1 is perfect.

    With wrong cameras the silhouettes rule out each other's cells, and little or nothing is left to explain them.
    """
    opaque = np.argwhere(view_set.images[..., 3] > 127)
    if not len(opaque):
        return 1.0  # nothing to explain; the fit itself will say that no ray meets the object
    drawn = np.random.default_rng(0).permutation(len(opaque))[:MOST_RAYS]
    chosen = torch.from_numpy(opaque[np.sort(drawn)]).to(hull.device)
    rays = []
    for view, c2w in enumerate(torch.as_tensor(view_set.c2w, dtype=torch.float32, device=hull.device)):
        _, rows, columns = chosen[chosen[:, 0] == view].unbind(1)
        pixels = rows * view_set.size_px + columns
        rays.append([part[pixels] for part in camera_rays(c2w, view_set.size_px, view_set.camera_angle_x)])
    origins, directions = map(torch.cat, zip(*rays, strict=True))
    return float((march(origins, directions, hull, SIDE / hull.shape[0] / 2).counts() > 0).float().mean())


def check_silhouettes(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"]) -> None:
    """Refuse a view set whose silhouettes contradict its cameras.

    Raises:
        BadInput: Names how much is explained, and the camera convention under which all would be.
    """
    share = explained_share(view_set, hull)
    if share >= EXPLAINED_FLOOR:
        return
    shares = {
        name: explained_share(other, carve(other, hull.shape[0], hull.device))
        for name, other in _other_readings(view_set).items()
    }
    best = max(shares, key=shares.__getitem__)
    found = f"under another reading {shares[best]:.0%} would be: {best}"
    raise BadInput(
        f"the cameras explain only {share:.0%} of the object's pixels",
        where=view_set.object_id,
        fix=f"{found if shares[best] >= EXPLAINED_FLOOR else UNKNOWN}; or fit it all the same with --force",
    )


def _other_readings(view_set: ViewSet) -> dict[str, ViewSet]:
    """The pictures with their cameras in other conventions, and the cameras with their pictures turned over."""
    readings, images = {}, view_set.images
    for name, c2w in other_conventions(np.asarray(view_set.c2w, float)).items():
        with suppress(BadInput):  # cameras that cannot see the box rule nothing out, so they would explain everything
            check_cameras(c2w, None, view_set.aabb, view_set.camera_angle_x)
            readings[name] = replace(view_set, c2w=c2w.astype(np.float32))
    turned = {
        "the pictures look upside down: flip them": images[:, ::-1].copy(),
        "the pictures look mirrored: flip them left to right": images[:, :, ::-1].copy(),
    }
    return readings | {name: replace(view_set, images=other) for name, other in turned.items()}


@torch.no_grad()
def learned_occupancy(
    field_weights: Float[torch.Tensor, "w"],
    hull: Bool[torch.Tensor, "g g g"],
    encoding: str = "exact",
    n_points: int = 8,
) -> Bool[torch.Tensor, "g g g"]:
    """Hull cells in which the fitted density exceeds DENSITY_FLOOR (per scene unit) at some of `n_points` points.

    The published grids are rebuilt the same way after training: 20 updates at random points, threshold 1e-2 on
    density times the thesis's step.
    """
    resolution = hull.shape[0]
    cells = hull.reshape(-1).nonzero()[:, 0]
    if not len(cells):
        return hull.clone()
    corner = cell_centres(resolution, hull.device)[cells] - SIDE / resolution / 2
    generator = torch.Generator().manual_seed(0)
    shifts = torch.rand(n_points, len(cells), 3, generator=generator).to(hull.device)
    shifts[0] = 0.5
    dense = torch.zeros(len(cells), dtype=torch.bool, device=hull.device)
    for shift in shifts:
        parts = (corner + shift * SIDE / resolution).split(CHUNK)
        sigmas = torch.cat([evaluate(field_weights[None], part[None], encoding)[0][0] for part in parts])
        dense |= sigmas > DENSITY_FLOOR
    occupied = torch.zeros(resolution**3, dtype=torch.bool, device=hull.device)
    occupied[cells[dense]] = True
    return occupied.view_as(hull)


def grids_of(
    field_weights: Float[torch.Tensor, "w"], hull: Bool[torch.Tensor, "g g g"], encoding: str = "exact"
) -> tuple[Bool[torch.Tensor, "g g g"], Bool[torch.Tensor, "g g g"]]:
    """The grid stored with a NeRF (dense cells of its hull), and the one that its weights alone tell (of the box).

    Cells outside the hull are looked at in four points instead of eight: there are ten times as many.
    """
    occupied = learned_occupancy(field_weights, hull, encoding)
    return occupied, occupied | learned_occupancy(field_weights, ~hull, encoding, n_points=4)
