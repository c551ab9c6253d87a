"""How an object in its source's units comes into the box every NeRF uses, and the silhouettes' proof that it fits.

The proof is the visual hull inside the box. Every opaque pixel must be the picture of some point of it: wrong
cameras, an object that moves between views, or one that reaches out of the box leave pixels unexplained.
"""

from dataclasses import dataclass
from math import ceil, sqrt, tan

import numpy as np
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.scenes.objects import AABB, RADIUS
from n2v.scenes.sources.layout import Shot

MIN_EXPLAINED = 0.98  # share of opaque pixels; 1.00 for the DISN authors' sample, 0.10 for its broken "hard" views
MIN_HALF_DIAGONAL = 0.2  # scene units; a placed object has 0.65
CHECK_CELLS = 64  # a side, of the box
FINE_CELLS = 64  # a side, of the silhouettes' bounding box
MAX_VIEWS = 48  # silhouettes looked at, evenly spread: 800 px pictures take much memory


@dataclass(frozen=True)
class Placement:
    """scene point = scale * (source point - centre), and what the silhouettes say of it.

    `explained` is the share of opaque pixels which the hull inside the box accounts for; `half_diagonal` that of the
    hull's bounding box in scene units. The hull contains the object, so both can only flatter it.
    """

    scale: float
    centre: tuple[float, float, float]
    explained: float
    half_diagonal: float


@dataclass(frozen=True)
class Silhouettes:
    """Which pixels are covered, and the cameras that saw them."""

    masks: Bool[np.ndarray, "n h w"]
    c2w: Float[np.ndarray, "n 4 4"]
    camera_angle_x: float

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return 0.5 * self.masks.shape[1] / tan(self.camera_angle_x / 2)


def place(shot: Shot, scale: float | None) -> tuple[Float[np.ndarray, "n 4 4"], Placement]:
    """Cameras in the project's box, and how the object got there.

    Args:
        shot: Pictures with cameras in the source's units.
        scale: Scene units a source unit becomes, the source's origin staying the origin; None: the silhouettes'
            bounding box is centred and its half diagonal becomes 0.65.

    Raises:
        BadInput: The silhouettes agree on nothing, do not fit the box or show a speck.
    """
    centre = np.zeros(3)
    if scale is None:
        low, high = silhouette_bounds(shot)
        centre, scale = (low + high) / 2, RADIUS / (np.linalg.norm(high - low) / 2)
    c2w = np.array(shot.c2w, float)
    c2w[:, :3, 3] = (c2w[:, :3, 3] - centre) * scale
    some = _spread(len(c2w))
    alpha, box = shot.images[some, ..., 3], np.array(AABB).reshape(2, 3)
    points, cell = visual_hull(Silhouettes(alpha > 0, c2w[some], shot.camera_angle_x), *box, CHECK_CELLS)
    share = explained(Silhouettes(alpha >= 128, c2w[some], shot.camera_angle_x), points, cell)
    span = np.linalg.norm(np.ptp(points, axis=0)) / 2 if len(points) else 0.0
    placement = Placement(float(scale), tuple(float(x) for x in centre), share, float(span))
    _check(placement)
    return c2w.astype(np.float32), placement


def _check(placement: Placement) -> None:
    if placement.explained < MIN_EXPLAINED:
        what = f"only {placement.explained:.0%} of the opaque pixels come from points of the box that all views show"
        fix = "the cameras are wrong, the object moves between views, or the scale is: try --scale silhouettes"
        raise BadInput(what, fix=fix)
    if placement.half_diagonal < MIN_HALF_DIAGONAL:
        what = f"object is a speck of half diagonal {placement.half_diagonal:.2g} in a box of side 1.4"
        raise BadInput(what, fix="give a larger --scale, or --scale silhouettes")


def silhouette_bounds(shot: Shot) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Lowest and highest corner of the visual hull, source units; it holds the object.

    The hull of an object seen only from above bulges below it and, less, above it.

    Raises:
        BadInput: No point is covered in all views.
    """
    some = _spread(len(shot.images))
    seen = Silhouettes(shot.images[some, ..., 3] >= 128, np.asarray(shot.c2w, float)[some], shot.camera_angle_x)
    target = _looked_at(seen.c2w)
    half = np.linalg.norm(seen.c2w[:, :3, 3] - target, axis=1).min() / sqrt(3)  # so that no camera is inside
    if not half > 0:
        raise BadInput("a camera stands at the point all cameras look at", fix="check the camera matrices")
    low, high = target - half, target + half
    for _ in range(2):
        points, cell = visual_hull(seen, low, high, FINE_CELLS)
        if not len(points):
            fix = "cameras and pictures disagree: check the camera convention"
            raise BadInput("no point is covered by the object in all views", fix=fix)
        low, high = points.min(0) - cell, points.max(0) + cell
    return points.min(0), points.max(0)


def _spread(n_views: int) -> np.ndarray:
    """Places of at most MAX_VIEWS views, evenly spread."""
    return np.unique(np.linspace(0, n_views - 1, MAX_VIEWS).astype(int))


def _looked_at(c2w: np.ndarray) -> np.ndarray:
    """Point (3,) nearest to all cameras' axes, least squares."""
    across = np.eye(3) - c2w[:, :3, 2, None] * c2w[:, None, :3, 2]
    return np.linalg.lstsq(across.sum(0), np.einsum("nij,nj->i", across, c2w[:, :3, 3]), rcond=None)[0]


def visual_hull(
    seen: Silhouettes, low: np.ndarray, high: np.ndarray, n_cells: int
) -> tuple[Float[np.ndarray, "p 3"], Float[np.ndarray, "3"]]:
    """Centres of the cells of a cuboid that no silhouette rules out, and the cells' sides.

    A cell survives a view in which some covered pixel lies within the reach of its corners; cells are halved from
    an eighth of `n_cells` a side upwards. Outside its frame a view rules everything out, unless the object is cut
    off by the frame.
    """
    tables = [_summed(mask) for mask in seen.masks]
    cut_off = [bool(m[0].any() or m[-1].any() or m[:, 0].any() or m[:, -1].any()) for m in seen.masks]
    n_first = max(1, ceil(n_cells / 8))
    cell = (np.asarray(high, float) - low) / n_first
    axes = [low[i] + (np.arange(n_first) + 0.5) * cell[i] for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    for level in range(4):
        if level:
            corners = np.stack(np.meshgrid(*[(-0.25, 0.25)] * 3, indexing="ij"), -1).reshape(-1, 3)
            points = (points[:, None] + corners * cell).reshape(-1, 3)
            cell = cell / 2
        for table, matrix, open_frame in zip(tables, seen.c2w, cut_off, strict=True):
            points = points[_covered(points, np.linalg.norm(cell) / 2, table, matrix, seen.focal_px, open_frame)]
    return points, cell


def _summed(mask: np.ndarray) -> np.ndarray:
    """Summed-area table (h + 1, w + 1)."""
    return np.pad(mask.astype(np.int32).cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _windows(
    points: np.ndarray, reach: float, c2w: np.ndarray, focal_px: float, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel (n, 2: row, column) which balls of radius `reach` may touch; behind a camera: all."""
    local = (points - c2w[:3, 3]) @ c2w[:3, :3]
    depth = -local[:, 2]
    near = depth <= reach
    safe = np.where(near, 1.0, depth)
    centre = np.stack([-local[:, 1], local[:, 0]], 1) / safe[:, None] * focal_px + size / 2
    radius = (focal_px * reach / safe)[:, None]
    first, last = np.floor(centre - radius), np.floor(centre + radius)
    first[near], last[near] = -1, size
    return np.clip(first, -1, size).astype(int), np.clip(last, -1, size).astype(int)


def _covered(
    points: np.ndarray, reach: float, table: np.ndarray, c2w: np.ndarray, focal_px: float, open_frame: bool
) -> np.ndarray:
    """True for balls (n) around points whose picture meets a covered pixel, or may do so outside an open frame."""
    size = len(table) - 1
    first, last = _windows(points, reach, c2w, focal_px, size)
    top, bottom = np.clip(first, 0, size), np.clip(last + 1, 0, size)
    inside = table[bottom[:, 0], bottom[:, 1]] - table[top[:, 0], bottom[:, 1]]
    inside = inside - table[bottom[:, 0], top[:, 1]] + table[top[:, 0], top[:, 1]]
    beyond = (first < 0).any(1) | (last >= size).any(1)
    return (inside > 0) | (beyond & open_frame)


def explained(seen: Silhouettes, points: Float[np.ndarray, "p 3"], cell: Float[np.ndarray, "3"]) -> float:
    """Share of covered pixels, over all views, which the cells around `points` may be seen in."""
    n_covered, n_explained, size = int(seen.masks.sum()), 0, seen.masks.shape[1]
    for mask, matrix in zip(seen.masks, seen.c2w, strict=True):
        first, last = _windows(points, np.linalg.norm(cell) / 2, matrix, seen.focal_px, size)
        top, end = np.clip(first, 0, size), np.clip(last + 1, 0, size)
        painted = np.zeros((size + 1, size + 1), np.int64)
        np.add.at(painted, (top[:, 0], top[:, 1]), 1)
        np.add.at(painted, (end[:, 0], end[:, 1]), 1)
        np.add.at(painted, (top[:, 0], end[:, 1]), -1)
        np.add.at(painted, (end[:, 0], top[:, 1]), -1)
        n_explained += int((mask & (painted.cumsum(0).cumsum(1)[:size, :size] > 0)).sum())
    return n_explained / n_covered if n_covered else 0.0
