"""Whole collections: procedural objects written as mesh files, and folders of meshes rendered to view sets.

One bad mesh never stops a collection: it is quarantined (listed with its reason) and the rest goes on.
"""

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from n2v.errors import BadInput
from n2v.files import progress, provenance, read_json, write_bytes, write_json
from n2v.machine import available_cores
from n2v.scenes.augment import augment as augmented
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.classes import CLASSES, label_of
from n2v.scenes.index import Item, find_items, find_meshes, write_index
from n2v.scenes.meshes import load_mesh, save_glb
from n2v.scenes.objects import SceneObject
from n2v.scenes.raycast import render_rgba
from n2v.scenes.views import TEST, TRAIN, ViewSet, is_whole_picture, write_views
from n2v.seeds import child_seed

QUARANTINE, RECORD = "quarantine.jsonl", "render.json"
SECONDS_A_RAY, SECONDS_AN_OBJECT = 2.5e-7, 0.05  # measured on one core, to decide how many processes pay
WORKER_S = 3.0  # work that is worth another process: each takes 1 to 2 s to start


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
    classes = tuple(CLASSES[label_of(name)] for name in classes)
    items, bases = [], make_collection(per_class, seed, classes, frequencies)
    _refuse_strangers(out, {f"{base.class_name}/{base.object_id}" for base in bases})
    for base in progress(bases, desc="shapes", unit="object"):
        versions = [augmented(base, version, seed) for version in range(1, augment + 1)]
        for obj in (base, *versions):
            path = save_glb(obj, out / obj.class_name / f"{obj.object_id}.glb")
            items.append(Item.of(obj, path, path.relative_to(out).as_posix()))
    write_index(out, items)
    return {
        "out": str(out),
        "n_objects": len(items),
        "n_base": len(bases),
        "classes": dict(Counter(item.class_name for item in items)),
        "wall_s": round(time.monotonic() - started, 2),
    }


def _refuse_strangers(out: Path, own: set[str]) -> None:
    """Meshes of another call would join the collection unnoticed."""
    if not out.is_dir():
        return
    for path in find_meshes(out):
        name = path.relative_to(out).with_suffix("").as_posix()
        if name.rsplit("_A", 1)[0] not in own:
            raise BadInput(f"already holds another mesh, {path.name}", where=out, fix="use a new folder")


def render_collection(
    source: Path,
    out: Path,
    n_views: int = 36,
    n_held_out: int = 6,
    size_px: int = 128,
    seed: int = 0,
    *,
    supersample: int = 2,
    class_name: str | None = None,
    labels: Path | None = None,
    up: str = "auto",
    workers: int | None = None,
    resume: bool = True,
    augment: int = 0,
) -> dict:
    """Render a mesh file, or every mesh in a folder, to view sets `out/<class>/<object_id>`.

    A mesh's class is its row in the table `labels` (file, class), else in `source/index.csv`, else the nearest folder
    named like one of the thirteen classes (or its synset), else `class_name`, else the first folder below `source`.
    View sets already made with the same settings are kept when `resume`.
    More than one worker process starts afresh, so a script needs the usual `if __name__ == "__main__":`.
    With `augment` n, each base object is also rendered as its n augmented versions, made from `seed`.

    Returns:
        Summary: out, n_objects (whole view sets now), n_rendered, n_kept, n_quarantined, quarantine
        (file and reason of each refused mesh, also in out/quarantine.jsonl), warnings (file and what was lost of
        each mesh rendered now that is not whole), classes, wall_s.

    Raises:
        BadInput: Nothing to render, every mesh refused, a single mesh refused, or `out` cannot be written.
    """
    started, source, out = time.monotonic(), Path(source), Path(out)
    config = RenderConfig(n_views, n_held_out, size_px, supersample, seed, up)
    items, refused = find_items(source, class_name, labels)
    if augment < 0:
        raise BadInput(f"{augment} augmented versions asked for", fix="use at least 0")
    items = [version for item in items for version in item.versions(augment)]
    done, warned = Counter(), []
    try:
        out.mkdir(parents=True, exist_ok=True)
        resume = resume and _looked_alike(out, config)
        waiting = [item for item in items if not (resume and is_rendered(item, out, config))]
        done["kept"] = len(items) - len(waiting)
        for item, (reason, notes) in _render_all(waiting, out, config, workers):
            done["refused" if reason else "rendered"] += 1
            warned += [{"file": item.file, "warning": note} for note in notes]
            if reason:
                refused.append({"file": item.file, "reason": reason})
        lines = "".join(json.dumps(entry) + "\n" for entry in sorted(refused, key=lambda entry: entry["file"]))
        write_bytes(out / QUARANTINE, lines.encode())
        wall_s = round(time.monotonic() - started, 2)
        write_json(out / RECORD, provenance(config=asdict(config), source=source.name, wall_s=wall_s))
    except OSError as error:
        raise BadInput(
            f"cannot be written ({error.strerror})", where=out, fix="free space, or choose another"
        ) from error
    if not done["kept"] + done["rendered"]:
        alone = refused[0]["reason"] if len(refused) == 1 else f"all {len(refused)} meshes were refused"
        raise BadInput(alone, where=source, fix=f"see {out / QUARANTINE}")
    bad = {entry["file"] for entry in refused}
    return {
        "out": str(out),
        "n_objects": done["kept"] + done["rendered"],
        "n_rendered": done["rendered"],
        "n_kept": done["kept"],
        "n_quarantined": len(refused),
        "quarantine": refused,
        "warnings": sorted(warned, key=lambda entry: entry["file"]),
        "classes": dict(Counter(item.class_name for item in items if item.file not in bad)),
        "wall_s": wall_s,
    }


def _looked_alike(out: Path, config: RenderConfig) -> bool:
    """Was the last whole run into `out` made with the settings that cameras and sizes do not show?"""
    try:
        before = read_json(out / RECORD)["config"]
        return all(before[name] == getattr(config, name) for name in ("up", "supersample"))
    except (BadInput, KeyError, TypeError):  # no run was finished: what is there is its beginning
        return True


def _render_all(items: list[Item], out: Path, config: RenderConfig, workers: int | None) -> Iterator[tuple]:
    """(item, what `render_item` says of it) as they come, with a progress bar."""
    seconds = len(items) * (config.n_rays * SECONDS_A_RAY + SECONDS_AN_OBJECT)
    yield from work_through(render_item, items, out, config, workers, seconds, "render")


def work_through(
    work: Callable, items: list, out: Path, config: object, workers: int | None, seconds: float, desc: str
) -> Iterator[tuple]:
    """(item, work(item, out, config)) as they come, with a progress bar.

    Args:
        work: A function at the top of a module; other processes import it.
        items: What to work on.
        out: Passed on.
        config: Passed on.
        workers: Processes; None: one a core, as far as the work is worth their start.
        seconds: How long the work takes one process, roughly.
        desc: Names the progress bar.
    """
    if workers is None:
        workers = max(1, min(available_cores(), int(seconds / WORKER_S)))
    if workers < 1:
        raise BadInput(f"{workers} workers", fix="use at least 1")
    done = _in_turn(work, items, out, config) if workers == 1 else _at_once(work, items, out, config, workers)
    with progress(total=len(items), desc=desc, unit="object") as bar:
        for result in done:
            bar.update()
            yield result


def _in_turn(work: Callable, items: list, out: Path, config: object) -> Iterator[tuple]:
    for item in items:
        yield item, work(item, out, config)


def _at_once(work: Callable, items: list, out: Path, config: object, workers: int) -> Iterator[tuple]:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, max(len(items), 1)), mp_context=context)
    try:
        waiting = {pool.submit(work, item, out, config): item for item in items}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    except BrokenProcessPool:
        fix = "run again with --workers 1: finished view sets are kept"
        raise BadInput("a worker process died, perhaps out of memory", fix=fix) from None
    finally:
        pool.shutdown(cancel_futures=True)


def render_item(item: Item, out: Path, config: RenderConfig) -> tuple[str, list[str]]:
    """Render one mesh to its folder; the reason it was refused, or an empty string, and what of it was lost."""
    notes: list[str] = []
    try:
        obj = load_item(item, config, notes)
        c2w, held_out_c2w = config.cameras(obj.object_id)
        images = render_rgba(obj, np.concatenate([c2w, held_out_c2w]), config.size_px, supersample=config.supersample)
        view_set = ViewSet(
            **item.identity,
            images=images[: config.n_views],
            c2w=c2w,
            held_out_images=images[config.n_views :],
            held_out_c2w=held_out_c2w,
        )
        write_views(view_set, item.folder(out))
    except OSError:
        raise
    except BadInput as error:
        return (f"{error.what}; {error.fix}" if error.fix else error.what), notes
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}", notes
    return "", notes


def load_item(item: Item, config: RenderConfig, notes: list[str] | None = None) -> SceneObject:
    """The object of a mesh file, or the augmented version of it that the item asks for; `notes` as in `load_mesh`."""
    up = config.up if item.up == "auto" else item.up
    if not item.augment:
        return load_mesh(item.path, up=up, notes=notes, **item.identity)
    base = item.identity | {"object_id": item.base_id, "version": 0}
    return augmented(load_mesh(item.path, up=up, notes=notes, **base), item.augment, config.seed)


def is_rendered(item: Item, out: Path, config: RenderConfig) -> bool:
    """Is the item's view set there, whole, with these cameras and this size?"""
    folder = item.folder(out)
    try:
        for name, c2w in zip((TRAIN, TEST), config.cameras(item.object_id), strict=True):
            if not len(c2w):
                continue
            frames = json.loads((folder / name).read_text())["frames"]
            found = np.array([frame["transform_matrix"] for frame in frames], np.float32)
            if found.shape != c2w.shape or not np.allclose(found, c2w, atol=1e-6):
                return False
            pictures = [folder / f"{frame['file_path']}.png" for frame in frames]
            with Image.open(pictures[0]) as picture:
                size = picture.size
            if size != (config.size_px, config.size_px) or not all(map(is_whole_picture, pictures)):
                return False
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True
