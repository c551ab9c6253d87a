"""A zoo in the authors' layout, so that their code, and other people's, can read it."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.files import progress, read_json
from n2v.formats.published import GMNERF, GRID, KEY, LIST_NAMES, RESOLUTION, ROWS, WEIGHTS, versioned, write_tensors
from n2v.nerf.occupancy import pack_bits
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_cameras
from n2v.scenes.classes import CLASSES, SYNSETS, label_of
from n2v.scenes.views import TRAIN, find_views, read_record, read_views, write_views
from n2v.zoo.manifest import Row, row_digest
from n2v.zoo.store import Zoo

COMPRESSED = "transforms_train_compressed.json"  # cameras without spaces: the name the authors' loaders open
N_POSES = 36  # of an object without pictures: the authors train on rays of its NeRF from poses alone
LAYOUTS = ("nf2vec", "gmnerf")
EXACT_WARNING = """
WARNING: {n} of these NeRFs were fitted with an accurate sine (encoding "exact" in {rows}). tiny-cuda-nn computes the
frequency encoding with three roundings, so its pictures of them differ from those they were fitted to give: by 38 to
44 dB over eight fits at 64 px, whose PSNR on held-out views changed by -0.23 to +0.05 dB. Do not mix them with NeRFs
that tiny-cuda-nn fitted itself without saying so.
"""


def export_published(
    zoo: Zoo, out: Path, *, views: Path | None = None, force: bool = False, layout: str = "nf2vec"
) -> dict:
    """Write every readable NeRF of a zoo as a folder of the published layout; the whole of `out` or nothing.

    Weights are stored as float32, grids as sparse 96^3; coarser grids are refined exactly; cameras always go along,
    36 around the object where there are no pictures. Beside the folders: split lists, a README.txt, and the zoo's
    manifest lines, from which an import gets identity and provenance back.

    Args:
        zoo: Any zoo whose grid side divides 96.
        out: Folder to make; the authors' code expects it as ./data.
        views: Folder of view sets whose pictures and cameras go along, by object id.
        force: Replace an earlier export. Nothing else is ever replaced.
        layout: "nf2vec" (a root a version, JSON lists) or "gmnerf" (one root, lists of <synset>/<id>).

    Returns:
        Counts, how many grids were refined, and object ids without a readable NeRF.

    Raises:
        BadInput: `out` is in use, a grid cannot be refined, or an object id cannot name a folder.
    """
    out = Path(out)
    _refuse_if_used(out, force)
    if RESOLUTION % zoo.resolution:
        fix = f"fit it with a side that divides {RESOLUTION}, such as 48 or 96"
        raise BadInput(f"occupancy of {zoo.resolution} cells a side", where=zoo.folder, fix=fix)
    places = _places(zoo.rows, layout)
    folders = [] if views is None else find_views(views)
    pictures = {str(read_record(folder / TRAIN).get("object_id") or folder.name): folder for folder in folders}
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        fresh = Path(scratch) / "new"
        fresh.mkdir(mode=0o755)
        written, broken = [], []
        for index, row in enumerate(progress(zoo.rows, desc="exporting NeRFs", unit="NeRF")):
            try:
                weights, occupied = zoo.field_weights(index)[0], zoo.occupied(index)[0]
            except BadInput:
                broken.append(row.object_id)
                continue
            place = places[row.object_id]
            written.append((place, _write_one(fresh / place, row, weights, occupied, pictures.get(row.object_id))))
        _write_lists(fresh, written, layout)
        _write_papers(fresh, written, zoo.resolution, layout)
        os.sync()  # once for all: syncs of single files take longer than the work
        if out.exists():
            out.rename(Path(scratch) / "old")
        fresh.rename(out)
    return {
        "out": str(out),
        "exported": len(written),
        "with_pictures": sum(row.object_id in pictures for _, row in written),
        "refined_grids": len(written) if zoo.resolution != RESOLUTION else 0,
        "accurate_sine": sum(row.encoding == "exact" for _, row in written),
        "unreadable": broken,
        "ok": not broken,
    }


def _refuse_if_used(out: Path, force: bool) -> None:
    """Only an empty folder, or with `force` an earlier export, may be replaced."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise BadInput("there is something else already", where=out, fix="choose another folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / ROWS).is_file():
        raise BadInput("the folder holds something else than an export", where=out, fix="choose another folder")
    if not force:
        raise BadInput("there is an export already", where=out, fix="add --force to replace it, or choose another")


def _places(rows: Sequence[Row], layout: str) -> dict[str, str]:
    """Folder of every object id inside the export."""
    if layout not in LAYOUTS:
        raise BadInput(f"unknown layout '{layout}'", fix=f"use one of: {', '.join(LAYOUTS)}")
    places, taken = {}, {}
    for row in rows:
        suffix, usual = versioned("", row.version), versioned(row.base_id, row.version)
        synset = SYNSETS[CLASSES[label_of(row.class_name)]]
        name = usual if row.object_id in (usual, f"{synset}_{usual}") else row.object_id
        name = name if name.endswith(suffix) else name + suffix
        if row.version not in (0, 1, 2) or (not suffix and re.search(r"_A[12]$", name)):
            raise BadInput(f"version {row.version}", where=row.object_id, fix="the layout knows a base, _A1 and _A2")
        if not re.fullmatch(r"[\w\-][\w\-.]*", name):
            raise BadInput(f"'{name}' cannot name a folder", where=row.object_id, fix="use letters, digits, _ - .")
        place = f"{GMNERF}/mlp/{synset}/{name}" if layout == "gmnerf" else f"data_TRAINED{suffix}/{synset}/{name}"
        if place in taken:
            raise BadInput(f"would share the folder {place} with {taken[place]}", where=row.object_id, fix="rename one")
        places[row.object_id], taken[place] = place, row.object_id
    return places


def _write_one(
    folder: Path, row: Row, weights: Float[np.ndarray, "w"], occupied: Bool[np.ndarray, "g g g"], pictures: Path | None
) -> Row:
    """Write one object's folder; returns its manifest line with the checksum of what was written."""
    if pictures:
        write_views(read_views(pictures), folder)
    folder.mkdir(parents=True, exist_ok=True)
    cameras = read_json(folder / TRAIN) if pictures else _poses()
    (folder / COMPRESSED).write_text(json.dumps(cameras, separators=(",", ":")))
    times = RESOLUTION // len(occupied)
    fine = occupied.repeat(times, 0).repeat(times, 1).repeat(times, 2)
    write_tensors(folder, weights, fine)
    return replace(row, shard="", row=-1, sha256=row_digest(weights, pack_bits(fine)))


@cache
def _poses() -> dict:
    """Cameras around an object that has no pictures."""
    frames = [
        {"file_path": f"./train/r_{i:03d}", "transform_matrix": c2w.tolist()}
        for i, c2w in enumerate(orbit_cameras(N_POSES, seed=0))
    ]
    return {"camera_angle_x": CAMERA_ANGLE_X, "frames": frames}


def _write_lists(root: Path, written: list[tuple[str, Row]], layout: str) -> None:
    for split, (name, *_) in LIST_NAMES.items():
        listed = [place for place, row in written if row.split == split]
        if layout == "gmnerf":
            text = "".join(f"{place.removeprefix(f'{GMNERF}/mlp/')}\n" for place in listed)
            (root / GMNERF).mkdir(parents=True, exist_ok=True)
            (root / GMNERF / f"{split}.txt").write_text(text)
        else:
            (root / f"{name}.json").write_text(json.dumps([f"./data/{place}" for place in listed]))


def _write_papers(root: Path, written: list[tuple[str, Row]], resolution: int, layout: str) -> None:
    """Manifest lines and the explanation."""
    lines = [json.dumps({"folder": place, **asdict(row)}, allow_nan=False) for place, row in written]
    (root / ROWS).write_text("".join(f"{line}\n" for line in lines))
    n_exact = sum(row.encoding == "exact" for _, row in written)
    sources, licences = (
        ", ".join(sorted({getattr(row, name) for _, row in written})) or "none" for name in ("source", "licence")
    )
    text = (
        f"{len(written)} NeRFs in the layout of {layout}, written by n2v. Put this folder at ./data of their code.\n"
        f"Each <synset>/<object id> holds {WEIGHTS} (key '{KEY}', float32) and {GRID} ({RESOLUTION} cells a side"
        + (f", refined from {resolution}" if resolution != RESOLUTION else "")
        + f").\n{ROWS} tells of each NeRF its source, licence, recipe, PSNR and checksum.\n"
        f"Sources: {sources}. Licences: {licences}.\n"
    )
    (root / "README.txt").write_text(text + (EXACT_WARNING.format(n=n_exact, rows=ROWS) if n_exact else ""))
