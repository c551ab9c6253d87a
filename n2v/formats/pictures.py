"""Import other people's pictures: recognise the layout, place each object in the box, write view sets.

Layouts' cameras are guesses until the silhouettes agree: the visual hull inside the box must explain the opaque pixels.
Wrong cameras, an object that moves between views, or one that reaches out of the box leave some unexplained.
"""

from dataclasses import dataclass, replace
from math import atan, radians, sqrt, tan
from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.formats.picture_layouts import LAYOUTS, find, recognise
from n2v.formats.picture_readers import Shot
from n2v.nerf.occupancy import SIDE, carve, cell_centres, explained_share
from n2v.scenes.items import Item
from n2v.scenes.making import Task, make_all
from n2v.scenes.objects import RADIUS
from n2v.scenes.views import ViewSet

SECONDS_AN_OBJECT = 36 * 0.02  # 36 views, measured on one core at 224 px, to decide how many processes pay
MIN_EXPLAINED = 0.98  # share of opaque pixels; 1.00 for the DISN authors' sample, 0.10 for its broken "hard" views
MIN_HALF_DIAGONAL = 0.2  # scene units; a placed object has 0.65
CELLS = 64  # a side of the hull's grid
SMALL_PX = 96  # at least so large are the silhouettes looked at
MAX_VIEWS = 48  # and so many of them, evenly spread


@dataclass(frozen=True)
class ImportConfig:
    """How pictures become view sets.

    `scale`: "auto" (the layout's: ShapeNet's unit becomes 1.3, other scenes by their silhouettes), "silhouettes", or
    scene units a source unit becomes. Every `held_out_every`-th view is held out (0: none) where the source has no
    test views of its own. `fov_deg` is the horizontal field of view where the source's own is not to be believed or not
    written down.
    """

    layout: str
    scale: str = "auto"
    held_out_every: int = 6
    fov_deg: float | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if self.held_out_every < 0 or self.held_out_every == 1:
            raise BadInput(f"every {self.held_out_every}. view held out", fix="use 0 (none), or at least 2")
        if self.fov_deg is not None and not 0 < self.fov_deg < 180:
            raise BadInput(f"field of view {self.fov_deg}", fix="give degrees between 0 and 180")
        self.scale_of(None)

    def scale_of(self, usual: float | None) -> float | None:
        """Scene units a source unit becomes, None for the silhouettes to tell; `usual` is the layout's own."""
        if self.scale in ("auto", "silhouettes"):
            return usual if self.scale == "auto" else None
        try:
            scale = float(self.scale)
        except ValueError:
            scale = float("nan")
        if not (np.isfinite(scale) and scale > 0):
            raise BadInput(f"scale '{self.scale}'", fix="use auto, silhouettes or a number above 0")
        return scale

    def held_out(self, shot: Shot) -> np.ndarray:
        """True for views that are held out: the source's own, else every k-th (the last of each k)."""
        places, k = np.arange(len(shot.images)), self.held_out_every
        return places % k == k - 1 if k and not shot.held_out else np.isin(places, shot.held_out)


def import_pictures(
    root: Path,
    out: Path,
    layout: str = "auto",
    *,
    class_name: str | None = None,
    labels: Path | None = None,
    workers: int | None = None,
    resume: bool = True,
    **settings: object,
) -> dict:
    """Import every object under `root` as a view set `out/<class>/<object_id>`.

    Args:
        root: Folder in one of the layouts, or a part of it down to one object.
        out: Folder for the view sets, with quarantine.jsonl and import.json.
        layout: A name of `picture_layouts.LAYOUTS`, or "auto" to recognise it.
        class_name: Class of objects that neither the table nor a folder names.
        labels: A table (file: the object's folder or one above it, class) that has the first word.
        workers: Processes; None: all cores where that pays.
        resume: Keep view sets whose files and settings are unchanged.
        settings: More fields of ImportConfig.

    Returns:
        Summary of `make_all`, and layout.

    Raises:
        BadInput: Unknown or ambiguous layout, every object refused, or `out` cannot be written.
    """
    known = recognise(root, layout)
    config = ImportConfig(known.name, **settings)
    found = find(root, known, class_name, labels)
    summary, _ = make_all(Task("import", read_one, config, SECONDS_AN_OBJECT), found, Path(root), out, workers, resume)
    return {**summary, "layout": known.name}


def read_one(item: Item, config: ImportConfig) -> tuple[ViewSet, dict]:
    """An object's view set in the box, and how it got there (`placed`).

    Raises:
        BadInput: Its files cannot be used, or the silhouettes do not fit the box.
    """
    layout = LAYOUTS[config.layout]
    shot = layout.read(item.path)
    if not np.isfinite(shot.c2w).all():
        raise BadInput("a transform_matrix has NaN or infinite entries", where=item.path, fix="restore it")
    if config.fov_deg is not None:
        shot = replace(shot, camera_angle_x=radians(config.fov_deg))
    c2w, placement = placed(shot, config.scale_of(layout.scale))
    apart = config.held_out(shot)
    told = {"source": config.source or layout.source, "licence": config.licence or layout.licence}
    view_set = ViewSet(
        **item.identity | told, images=shot.images[~apart], c2w=c2w[~apart], camera_angle_x=shot.camera_angle_x,
        held_out_images=shot.images[apart], held_out_c2w=c2w[apart],
    )  # fmt: skip
    return view_set, {"held_out_views": np.flatnonzero(apart).tolist(), **placement}


def placed(shot: Shot, scale: float | None) -> tuple[Float[np.ndarray, "n 4 4"], dict]:
    """Cameras in the project's box, and how the object got there.

    Args:
        shot: Pictures with cameras in the source's units.
        scale: Scene units a source unit becomes, the source's origin staying the origin; None: the silhouettes'
            bounding box is centred and its half diagonal becomes 0.65.

    Returns:
        c2w, and scale and centre: scene point = scale * (source point - centre); explained: the share of opaque pixels
        which the hull inside the box accounts for; half_diagonal: that of the hull's bounding box. The hull contains
        the object, so both can only flatter it.

    Raises:
        BadInput: The silhouettes agree on nothing, do not fit the box or show a speck.
    """
    some = np.unique(np.linspace(0, len(shot.images) - 1, MAX_VIEWS).astype(int))
    seen = ViewSet("", "", images=_small(shot.images[some]), c2w=shot.c2w[some], camera_angle_x=shot.camera_angle_x)
    centre = np.zeros(3)
    if scale is None:
        centre, half_diagonal = _bounds(seen)
        scale = RADIUS / half_diagonal
    c2w = _moved(shot.c2w, centre, scale)
    seen = replace(seen, c2w=c2w[some])
    hull = carve(seen, CELLS)
    low, high = _corners(hull)
    share, span = explained_share(seen, hull), float(np.linalg.norm(high - low)) / 2
    _check(share, span, float(np.linalg.norm(c2w[:, :3, 3], axis=1).min()))
    placement = {"scale": float(scale), "centre": centre.tolist(), "explained": share, "half_diagonal": span}
    return c2w, placement


def _check(share: float, span: float, nearest: float) -> None:
    """Of the opaque pixels explained, the hull's half diagonal, and the nearest camera's distance."""
    if share < MIN_EXPLAINED:
        what = f"only {share:.0%} of the opaque pixels come from points of the box that all views show"
        fix = "the cameras are wrong, the object moves between views, or the scale is: try --scale silhouettes"
        raise BadInput(what, fix=fix)
    if span < MIN_HALF_DIAGONAL or nearest < SIDE / 2:  # from inside the box, cameras do not see all of it
        where = f"cameras come as near as {nearest:.2g}" if nearest < SIDE / 2 else f"half diagonal {span:.2g}"
        what = f"object is a speck in a box of side {SIDE:.2g} ({where})"
        raise BadInput(what, fix="give a larger --scale, or --scale silhouettes")


def _moved(c2w: np.ndarray, centre: np.ndarray, scale: float) -> np.ndarray:
    """Cameras which see `scale` * (point - centre) where these see a point."""
    moved = np.array(c2w, np.float64)
    moved[:, :3, 3] = (moved[:, :3, 3] - centre) * scale
    return moved.astype(np.float32)


def _corners(hull) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest centre of a hull's cells, scene units."""
    points = cell_centres(len(hull))[hull.flatten()].double().numpy()
    if not len(points):
        fix = "cameras and pictures disagree: check the camera convention"
        raise BadInput("no point is covered by the object in all views", fix=fix)
    return points.min(0), points.max(0)


def _bounds(seen: ViewSet) -> tuple[np.ndarray, float]:
    """Centre and half diagonal of the visual hull's bounding box, source units; it holds the object.

    Carved three times, each time in a cube around what was left. The hull of an object seen only from above bulges
    below it and, less, above it.
    """
    c2w, seen = np.asarray(seen.c2w, float), _widened(seen)
    across = np.eye(3) - c2w[:, :3, 2, None] * c2w[:, None, :3, 2]
    centre = np.linalg.lstsq(across.sum(0), np.einsum("nij,nj->i", across, c2w[:, :3, 3]), rcond=None)[0]
    half = np.linalg.norm(c2w[:, :3, 3] - centre, axis=1).min() / sqrt(3)  # so that no camera is inside
    if not half > 0:
        raise BadInput("a camera stands at the point all cameras look at", fix="check the camera matrices")
    for _ in range(3):
        unit = 2 * half / SIDE  # source units of a scene unit
        low, high = _corners(carve(replace(seen, c2w=_moved(c2w, centre, 1 / unit)), CELLS))
        centre, sides = centre + (low + high) / 2 * unit, (high - low) / 2 * unit
        half = sides.max() + 4 * half / CELLS
    return centre, float(np.linalg.norm(sides))


def _small(images: np.ndarray) -> np.ndarray:
    """Pictures whose alpha is the mean of blocks of pixels, rounded up: none becomes empty. Their colours are gone."""
    n, side = images.shape[:2]
    block = max(k for k in range(1, side + 1) if side % k == 0 and side // k >= min(side, SMALL_PX))
    alpha = np.ceil(images[..., 3].reshape(n, side // block, block, side // block, block).mean((2, 4)))
    return alpha.astype(np.uint8)[..., None].repeat(4, -1)


def _widened(seen: ViewSet) -> ViewSet:
    """Solid pictures in an empty frame, unless the object is cut off: beyond a picture nothing is ruled out."""
    solid = np.uint8(255) * (seen.images >= 128)
    if solid[:, [0, -1]].any() or solid[:, :, [0, -1]].any():
        return replace(seen, images=solid)
    wide = np.pad(solid, [(0, 0), *[(seen.size_px, seen.size_px)] * 2, (0, 0)])
    return replace(seen, images=wide, camera_angle_x=2 * atan(3 * tan(seen.camera_angle_x / 2)))
