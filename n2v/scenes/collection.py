"""Whole collections: procedural objects written as mesh files, and folders of meshes rendered to view sets."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import progress
from n2v.scenes.augment import augment as augmented
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.classes import CLASSES
from n2v.scenes.glb import save_glb
from n2v.scenes.items import Item, find_items, find_meshes, write_index
from n2v.scenes.making import Task, make_all
from n2v.scenes.meshes import load_mesh
from n2v.scenes.objects import SceneObject
from n2v.scenes.raycast import render_rgba
from n2v.scenes.views import ViewSet
from n2v.seeds import child_seed

SECONDS_A_RAY, SECONDS_AN_OBJECT = 2.5e-7, 0.05  # measured on one core, to decide how many processes pay


@dataclass(frozen=True)
class RenderConfig:
    """How every object of a collection is photographed; defaults are the thesis's (224 px there)."""

    n_views: int = 36
    n_held_out: int = 6
    size_px: int = 128
    supersample: int = 2
    seed: int = 0
    up: str = "auto"

    def __post_init__(self) -> None:
        if self.n_views < 1 or self.n_held_out < 0:
            what = f"{self.n_views} views and {self.n_held_out} held-out views"
            raise BadInput(what, fix="ask for at least 1 view and 0 held-out views")
        if not 8 <= self.size_px <= 2048 or not 1 <= self.supersample <= 8:
            what = f"size {self.size_px} px with supersample {self.supersample}"
            raise BadInput(what, fix="use 8 to 2048 px and a supersample of 1 to 8")

    @property
    def n_rays(self) -> int:
        """Rays cast for one object."""
        return (self.n_views + self.n_held_out) * (self.size_px * self.supersample) ** 2

    def cameras(self, object_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Training and held-out c2w of an object; they depend on the seed and its id alone."""
        train = orbit_cameras(self.n_views, child_seed(self.seed, "cameras", object_id))
        return train, orbit_cameras(self.n_held_out, child_seed(self.seed, "held-out cameras", object_id))


def write_shapes(
    out: Path,
    per_class: int,
    augment: int = 2,
    classes: tuple[str, ...] = CLASSES,
    seed: int = 0,
    frequencies: str = "balanced",
) -> dict:
    """Make procedural objects and their augmented versions as .glb files in class folders, with an index.csv.

    Args:
        out: Folder; it must not hold other meshes.
        per_class: Base objects a class, on average.
        augment: Augmented versions of each base object (thesis: 2).
        classes: Which of the thirteen classes.
        seed: Same seed, same files.
        frequencies: "balanced", "thesis" (Table 3.1) or "half" (`n2v.scenes.shapes.counts`).

    Returns:
        Summary: out, n_objects, n_base, classes, wall_s.
    """
    from n2v.scenes.shapes import make_collection

    started, out = time.monotonic(), Path(out)
    if per_class < 1 or augment < 0:
        raise BadInput(f"{per_class} objects and {augment} versions asked for", fix="use at least 1 and 0")
    made, bases = {}, make_collection(per_class, seed, classes, frequencies)
    _refuse_strangers(out, {f"{base.class_name}/{base.object_id}" for base in bases})
    for base in progress(bases, desc="shapes", unit="object"):
        for obj in (base, *(augmented(base, version, seed) for version in range(1, augment + 1))):
            file = f"{obj.class_name}/{obj.object_id}.glb"
            save_glb(obj, out / file)
            made[file] = obj
    write_index(out, made)
    counts = {"n_objects": len(made), "n_base": len(bases)}
    classes = dict(Counter(obj.class_name for obj in made.values()))
    return {"out": str(out), **counts, "classes": classes, "wall_s": round(time.monotonic() - started, 2)}


def _refuse_strangers(out: Path, own: set[str]) -> None:
    """Meshes of another call would join the collection unnoticed."""
    for path in find_meshes(out) if out.is_dir() else ():
        name = path.relative_to(out).with_suffix("").as_posix()
        if name.rsplit("_A", 1)[0] not in own:
            raise BadInput(f"already holds another mesh, {path.name}", where=out, fix="use a new folder")


def render_collection(
    source: Path,
    out: Path,
    *,
    class_name: str | None = None,
    labels: Path | None = None,
    augment: int = 0,
    workers: int | None = None,
    resume: bool = True,
    **settings: object,
) -> dict:
    """Render a mesh file, or every mesh in a folder, to view sets `out/<class>/<object_id>`; settings: RenderConfig's.

    A mesh's class is its row in the table `labels` (file, class), else in `source/index.csv`, else the nearest folder
    named like one of the thirteen classes (or its synset), else `class_name`, else the first folder below `source`.
    `resume` keeps view sets made from the same files with the same settings; `workers`: as in `make_all`. Worker
    processes start afresh, so a script needs the usual `if __name__ == "__main__":`.
    With `augment` n, each base object is also rendered as its n augmented versions, made from `seed`.

    Returns:
        Summary of `make_all`, and warnings: file and what was lost of each mesh rendered now that is not whole.

    Raises:
        BadInput: Nothing to render, every mesh refused, a single mesh refused, or `out` cannot be written.
    """
    source, config = Path(source), RenderConfig(**settings)
    if augment < 0:
        raise BadInput(f"{augment} augmented versions asked for", fix="use at least 0")
    items, refused = find_items(source, class_name, labels)
    found = [version for item in items for version in item.versions(augment)], refused
    task = Task("render", photograph, config, config.n_rays * SECONDS_A_RAY + SECONDS_AN_OBJECT)
    summary, made = make_all(task, found, source, out, workers, resume)
    warned = [{"file": one["file"], "warning": note} for one in made for note in one["warnings"]]
    return {**summary, "warnings": sorted(warned, key=lambda entry: entry["file"])}


def photograph(item: Item, config: RenderConfig) -> tuple[ViewSet, dict]:
    """The view set of a mesh file, and what of the mesh was lost."""
    notes: list[str] = []
    obj = load_item(item, config, notes)
    c2w, held_out_c2w = config.cameras(obj.object_id)
    images = render_rgba(obj, np.concatenate([c2w, held_out_c2w]), config.size_px, supersample=config.supersample)
    n = config.n_views
    held_out = {"held_out_images": images[n:], "held_out_c2w": held_out_c2w}
    return ViewSet(**item.identity, images=images[:n], c2w=c2w, **held_out), {"warnings": notes}


def load_item(item: Item, config: RenderConfig, notes: list[str] | None = None) -> SceneObject:
    """The object of a mesh file, or the augmented version of it that the item asks for; `notes` as in `load_mesh`."""
    up = config.up if item.up == "auto" else item.up
    if not item.augment:
        return load_mesh(item.path, up=up, notes=notes, **item.identity)
    base = item.identity | {"object_id": item.base_id, "version": 0}
    return augmented(load_mesh(item.path, up=up, notes=notes, **base), item.augment, config.seed)
