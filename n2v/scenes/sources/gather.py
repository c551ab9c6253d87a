"""Import other people's pictures: recognise the layout, place each object in the box, write view sets.

One bad object never stops a collection: it is quarantined by name with its reason. Every finished object gets a line
in imported.jsonl, and an object whose line, files and settings are unchanged is kept when the import runs again.
"""

import json
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from math import radians
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import provenance, sha256_of, write_bytes, write_json
from n2v.scenes.collection import QUARANTINE, work_through
from n2v.scenes.raycast import linear_to_srgb, srgb_to_linear
from n2v.scenes.sources.layouts import LAYOUTS, find, recognise
from n2v.scenes.sources.pictures import Found
from n2v.scenes.sources.placement import Placement, place
from n2v.scenes.views import TRAIN, ViewSet, check_views, is_whole_picture, write_views

LINES, RECORD = "imported.jsonl", "import.json"
SECONDS_A_VIEW = 0.02  # measured on one core at 224 px, to decide how many processes pay


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
        Summary: out, layout, took, held_out, n_objects (whole view sets now), n_imported, n_kept, n_quarantined,
        quarantine, classes, wall_s.

    Raises:
        BadInput: Unknown or ambiguous layout, every object refused, or `out` cannot be written.
    """
    started, root, out = time.monotonic(), Path(root), Path(out)
    layout, took = recognise(root, layout)
    config = ImportConfig(layout, **settings)
    found, refused = find(root, layout, config.difficulty, class_name, labels)
    try:
        out.mkdir(parents=True, exist_ok=True)
        lines = _read_lines(out) if resume else {}
        waiting = [item for item in found if not _is_imported(item, out, config, lines)]
        fresh = _import_all(waiting, out, config, workers, lines)
        refused += fresh["refused"]
        _write_records(out, lines, refused, config, root, time.monotonic() - started)
    except OSError as error:
        fix = "free space, or choose another"
        raise BadInput(f"cannot be written ({error.strerror})", where=out, fix=fix) from error
    bad = {entry["file"] for entry in refused}
    good = [item for item in found if item.file not in bad]
    if not good:
        alone = refused[0]["reason"] if len(refused) == 1 else f"all {len(refused)} objects were refused"
        raise BadInput(alone, where=root, fix=f"see {out / QUARANTINE}")
    return {
        "out": str(out),
        "layout": layout,
        "took": took,
        "held_out": _held_out_rule(config),
        "n_objects": len(good),
        "n_imported": fresh["n"],
        "n_kept": len(found) - len(waiting),
        "n_quarantined": len(refused),
        "quarantine": refused,
        "classes": dict(Counter(item.class_name for item in good)),
        "wall_s": round(time.monotonic() - started, 2),
    }


def _held_out_rule(config: ImportConfig) -> str:
    k = config.held_out_every
    every = f"1 view in {k} (numbers {k - 1}, {2 * k - 1}, ... from 0)" if k else "none"
    return f"the source's test views, else {every}" if config.layout in ("blender", "nerfstudio") else every


def _import_all(items: list[Found], out: Path, config: ImportConfig, workers: int | None, lines: dict) -> dict:
    """Import what is waiting; each success is a line on disk before the next is taken."""
    refused, n = [], 0
    seconds = len(items) * 36 * SECONDS_A_VIEW
    with open(out / LINES, "a", encoding="utf-8") as log:
        for item, result in work_through(import_one, items, out, config, workers, seconds, "import"):
            if isinstance(result, str):
                refused.append({"file": item.file, "reason": result})
                continue
            lines[item.file], n = result, n + 1
            log.write(json.dumps(result) + "\n")
            log.flush()
            os.fsync(log.fileno())
    return {"refused": refused, "n": n}


def import_one(item: Found, out: Path, config: ImportConfig) -> dict | str:
    """Import one object; its line for imported.jsonl, or the reason it was refused."""
    try:
        key = _fingerprint(item, config)
        view_set, line = read_one(item, config)
    except BadInput as error:
        where = f"{Path(error.where).name}: " if error.where else ""
        return f"{where}{error.what}; {error.fix}" if error.fix else f"{where}{error.what}"
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    write_views(view_set, _folder(item, out))
    return {**line, "key": key}


def read_one(item: Found, config: ImportConfig) -> tuple[ViewSet, dict]:
    """An object's view set in the box, and how it got there.

    Raises:
        BadInput: Its files cannot be used, or the silhouettes do not fit the box.
    """
    layout = LAYOUTS[config.layout]
    shot = layout.read(item)
    if config.fov_deg is not None:
        shot = replace(shot, camera_angle_x=radians(config.fov_deg))
    c2w, placement = place(shot, config.scale_of(layout.scale))
    train, held_out = _divide(len(shot.images), shot.held_out, config.held_out_every)
    images = shrunk(shot.images, config.shrink)
    view_set = ViewSet(
        object_id=item.object_id,
        class_name=item.class_name,
        images=images[train],
        c2w=c2w[train],
        shape_group=item.shape_group,
        source=config.source or layout.source,
        licence=config.licence or layout.licence,
        camera_angle_x=shot.camera_angle_x,
        held_out_images=images[held_out],
        held_out_c2w=c2w[held_out],
    )
    check_views(view_set, item.folder)
    return view_set, _line(item, placement, train, held_out)


def _line(item: Found, placement: Placement, train: np.ndarray, held_out: np.ndarray) -> dict:
    return {
        "file": item.file,
        "object_id": item.object_id,
        "class_name": item.class_name,
        "n_train": len(train),
        "held_out_views": held_out.tolist(),
        **asdict(placement),
    }


def _divide(n: int, held_out: tuple[int, ...], every: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out places of n views: the source's own division, else every `every`-th (the last of each)."""
    places = np.arange(n)
    apart = np.isin(places, held_out)
    if not held_out and every:
        apart = places % every == every - 1
    return places[~apart], places[apart]


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


def _folder(item: Found, out: Path) -> Path:
    return Path(out) / item.class_name / item.object_id


def _fingerprint(item: Found, config: ImportConfig) -> str:
    """Changes with the settings and with any file of the object's folder (its name, size or time)."""
    files = sorted(
        (path.relative_to(item.folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in item.folder.rglob("*")
        if path.is_file()
    )
    identity = [item.object_id, item.class_name, item.shape_group]
    return sha256_of(json.dumps([identity, asdict(config), files]).encode())[:32]


def _is_imported(item: Found, out: Path, config: ImportConfig, lines: dict) -> bool:
    """Is the object's view set there, whole, and made from these files with these settings?"""
    line, folder = lines.get(item.file), _folder(item, out)
    if line is None or line.get("key") != _fingerprint(item, config) or not (folder / TRAIN).is_file():
        return False
    n_views = line.get("n_train", 0) + len(line.get("held_out_views", ()))
    return sum(map(is_whole_picture, folder.glob("*/r_*.png"))) == n_views


def _read_lines(out: Path) -> dict[str, dict]:
    """Lines of imported.jsonl by file, the last one of a file; a torn line counts as none."""
    lines = {}
    path = out / LINES
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
            lines[line["file"]] = line
        except (ValueError, KeyError, TypeError):
            continue
    return lines


def _write_records(out: Path, lines: dict, refused: list, config: ImportConfig, root: Path, wall_s: float) -> None:
    """imported.jsonl without repeats, quarantine.jsonl and import.json."""
    bad = {entry["file"] for entry in refused}
    kept = [line for file, line in sorted(lines.items()) if file not in bad]
    write_bytes(out / LINES, "".join(json.dumps(line) + "\n" for line in kept).encode())
    entries = sorted(refused, key=lambda entry: entry["file"])
    write_bytes(out / QUARANTINE, "".join(json.dumps(entry) + "\n" for entry in entries).encode())
    write_json(out / RECORD, provenance(config=asdict(config), source=root.name, wall_s=round(wall_s, 2)))
