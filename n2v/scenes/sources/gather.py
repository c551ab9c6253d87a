"""Import other people's pictures: recognise the layout, place each object in the box, write view sets."""

from dataclasses import asdict, dataclass, replace
from math import radians
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.items import Item
from n2v.scenes.making import make_all
from n2v.scenes.raycast import linear_to_srgb, srgb_to_linear
from n2v.scenes.sources.layouts import LAYOUTS, find, recognise
from n2v.scenes.sources.placement import place
from n2v.scenes.views import ViewSet

SECONDS_AN_OBJECT = 36 * 0.02  # 36 views, measured on one core at 224 px, to decide how many processes pay


@dataclass(frozen=True)
class ImportConfig:
    """How pictures become view sets.

    `scale`: "auto" (the layout's: ShapeNet's unit becomes 1.3, other scenes by their silhouettes), "silhouettes", or
    scene units a source unit becomes. Every `held_out_every`-th view is held out (0: none) where the source has no
    test views of its own. `shrink` averages blocks of pixels in linear light. `fov_deg` is the horizontal field of view
    where the source's own is not to be believed or not written down.
    """

    layout: str
    difficulty: str = "easy"
    scale: str = "auto"
    held_out_every: int = 6
    shrink: int = 1
    fov_deg: float | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if self.held_out_every < 0 or self.held_out_every == 1:
            raise BadInput(f"every {self.held_out_every}. view held out", fix="use 0 (none), or at least 2")
        if self.shrink < 1:
            raise BadInput(f"shrink by {self.shrink}", fix="use 1, 2, 3, ...")
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

    def divided(self, n: int, held_out: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Training and held-out places of n views: the source's division, else every k-th (the last of each k)."""
        places, k = np.arange(n), self.held_out_every
        apart = places % k == k - 1 if k and not held_out else np.isin(places, held_out)
        return places[~apart], places[apart]

    @property
    def held_out_rule(self) -> str:
        """What is held out, in words."""
        k = self.held_out_every
        every = f"1 view in {k} (numbers {k - 1}, {2 * k - 1}, ... from 0)" if k else "none"
        return f"the source's test views, else {every}" if LAYOUTS[self.layout].keeps_apart else every


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
        out: Folder for the view sets, with imported.jsonl, quarantine.jsonl and import.json.
        layout: A name of `layouts.LAYOUTS`, or "auto" to recognise it.
        class_name: Class of objects that neither the table nor a folder names.
        labels: A table (file: the object's folder or one above it, class) that has the first word.
        workers: Processes; None: all cores where that pays.
        resume: Keep view sets whose files and settings are unchanged.
        settings: More fields of ImportConfig.

    Returns:
        Summary of `make_all`, and layout, took (why it was taken) and held_out.

    Raises:
        BadInput: Unknown or ambiguous layout, every object refused, or `out` cannot be written.
    """
    known, took = recognise(root, layout)
    config = ImportConfig(known.name, **settings)
    found = find(root, known, config.difficulty, class_name, labels)
    summary, _ = make_all(
        "import", read_one, found, Path(root), Path(out), config,
        seconds_each=SECONDS_AN_OBJECT, workers=workers, resume=resume,
    )  # fmt: skip
    return {**summary, "layout": known.name, "took": took, "held_out": config.held_out_rule}


def read_one(item: Item, config: ImportConfig) -> tuple[ViewSet, dict]:
    """An object's view set in the box, and how it got there.

    Raises:
        BadInput: Its files cannot be used, or the silhouettes do not fit the box.
    """
    layout = LAYOUTS[config.layout]
    shot = layout.read(item.path)
    if config.fov_deg is not None:
        shot = replace(shot, camera_angle_x=radians(config.fov_deg))
    c2w, placement = place(shot, config.scale_of(layout.scale))
    train, held_out = config.divided(len(shot.images), shot.held_out)
    images = shrunk(shot.images, config.shrink)
    told = {"source": config.source or layout.source, "licence": config.licence or layout.licence}
    view_set = ViewSet(
        **item.identity | told, images=images[train], c2w=c2w[train], camera_angle_x=shot.camera_angle_x,
        held_out_images=images[held_out], held_out_c2w=c2w[held_out],
    )  # fmt: skip
    return view_set, {"held_out_views": held_out.tolist(), **asdict(placement)}


def shrunk(images: np.ndarray, factor: int) -> np.ndarray:
    """RGBA pictures (n, h, w, 4) with blocks of factor x factor pixels averaged, as linear light weighted by alpha.

    Raises:
        BadInput: The side is no multiple of `factor`.
    """
    if factor == 1:
        return images
    n, size = images.shape[:2]
    if size % factor:
        raise BadInput(f"pictures of {size} px cannot be shrunk by {factor}", fix="use a divisor of their side")
    small = np.zeros((n, size // factor, size // factor, 4), np.uint8)
    for index, image in enumerate(images):
        alpha = image[..., 3:] / np.float32(255)
        light = np.concatenate([srgb_to_linear(image[..., :3] / np.float32(255)) * alpha, alpha], -1)
        light = light.reshape(size // factor, factor, size // factor, factor, 4).mean((1, 3))
        colour = linear_to_srgb(light[..., :3] / np.maximum(light[..., 3:], 1e-6))
        small[index] = np.rint(255 * np.concatenate([colour, light[..., 3:]], -1))
    return small
