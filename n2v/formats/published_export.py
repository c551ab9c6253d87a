"""A zoo in the authors' layout, so that their code, and other people's, can read it."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.files import progress, read_json
from n2v.formats.published import GMNERF, GRID, KEY, LIST_NAMES, RESOLUTION, WEIGHTS
from n2v.formats.published_import import ROWS
from n2v.nerf.occupancy import pack_bits
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_cameras
from n2v.scenes.classes import CLASSES, SYNSETS, label_of
from n2v.scenes.objects import AABB
from n2v.scenes.views import TRAIN, find_views, read_record, read_views, write_views
from n2v.zoo.manifest import Row, row_digest
from n2v.zoo.store import Zoo

COMPRESSED = "transforms_train_compressed.json"  # cameras without spaces: the name the authors' loaders open
N_POSES = 36  # of an object without pictures: the authors train on rays of its NeRF from poses alone
README = "README.txt"
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
    pictures = _pictures(views)
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
            written.append(_write_one(fresh, places[row.object_id], row, weights, occupied, pictures))
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


def refine(occupied: Bool[np.ndarray, "g g g"], resolution: int = RESOLUTION) -> Bool[np.ndarray, "r r r"]:
    """The same occupied space in smaller cells; `resolution` must be a multiple of the grid's side."""
    times = resolution // len(occupied)
    return occupied.repeat(times, 0).repeat(times, 1).repeat(times, 2)


@dataclass(frozen=True)
class OldSparse:
    """Pickled, a sparse tensor in three items, as torch 1.12 reads it; today's torch writes four, and reads both."""

    dense: torch.Tensor

    def __reduce__(self) -> tuple:
        sparse = self.dense.to_sparse()
        return torch._utils._rebuild_sparse_tensor, (
            sparse.layout,
            (sparse._indices(), sparse._values(), sparse.size()),
        )


def grid_tensors(occupied: Bool[np.ndarray, "g g g"]) -> dict[str, torch.Tensor | OldSparse]:
    """Content of grid.pth."""
    return {
        "_roi_aabb": torch.tensor(AABB).half(),
        "_binary": OldSparse(torch.from_numpy(np.ascontiguousarray(occupied))),
        "resolution": torch.tensor([len(occupied)] * 3).half(),
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
        suffix = f"_A{row.version}" if row.version else ""
        usual = f"{row.base_id}{suffix}"
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


def _pictures(views: Path | None) -> dict[str, Path]:
    """Folders of view sets by object id."""
    folders = [] if views is None else find_views(views)
    return {str(read_record(folder / TRAIN).get("object_id") or folder.name): folder for folder in folders}


def _write_one(
    root: Path,
    place: str,
    row: Row,
    weights: Float[np.ndarray, "w"],
    occupied: Bool[np.ndarray, "g g g"],
    pictures: dict[str, Path],
) -> tuple[str, Row]:
    """Write one object's folder; returns its place and its manifest line with the checksum of what was written."""
    folder = root / place
    if row.object_id in pictures:
        write_views(read_views(pictures[row.object_id]), folder)
    folder.mkdir(parents=True, exist_ok=True)
    cameras = read_json(folder / TRAIN) if row.object_id in pictures else _poses()
    (folder / COMPRESSED).write_text(json.dumps(cameras, separators=(",", ":")))
    fine = refine(occupied)
    torch.save({KEY: torch.from_numpy(weights)}, folder / WEIGHTS)
    torch.save(grid_tensors(fine), folder / GRID)
    return place, replace(row, shard="", row=-1, sha256=row_digest(weights, pack_bits(fine)))


@cache
def _poses() -> dict:
    """Cameras around an object that has no pictures."""
    frames = [
        {"file_path": f"./train/r_{i:03d}", "transform_matrix": c2w.tolist()}
        for i, c2w in enumerate(orbit_cameras(N_POSES, seed=0))
    ]
    return {"camera_angle_x": CAMERA_ANGLE_X, "frames": frames}


def _write_papers(root: Path, written: list[tuple[str, Row]], resolution: int, layout: str) -> None:
    """Split lists, manifest lines and the explanation."""
    for split, (name, *_) in LIST_NAMES.items():
        listed = [place for place, row in written if row.split == split]
        if layout == "gmnerf":
            text = "".join(f"{place.removeprefix(f'{GMNERF}/mlp/')}\n" for place in listed)
            (root / GMNERF).mkdir(parents=True, exist_ok=True)
            (root / GMNERF / f"{split}.txt").write_text(text)
        else:
            (root / f"{name}.json").write_text(json.dumps([f"./data/{place}" for place in listed]))
    lines = [json.dumps({"folder": place, **asdict(row)}, allow_nan=False) for place, row in written]
    (root / ROWS).write_text("".join(f"{line}\n" for line in lines))
    n_exact = sum(row.encoding == "exact" for _, row in written)
    text = (
        f"{len(written)} NeRFs in the layout of {layout}, written by n2v. Put this folder at ./data of their code.\n"
        f"Each <synset>/<object id> holds {WEIGHTS} (key '{KEY}', float32) and {GRID} ({RESOLUTION} cells a side"
        + (f", refined from {resolution}" if resolution != RESOLUTION else "")
        + f").\n{ROWS} tells of each NeRF its source, licence, recipe, PSNR and checksum.\n"
        f"Sources: {_kinds(row.source for _, row in written)}. Licences: {_kinds(row.licence for _, row in written)}.\n"
    )
    (root / README).write_text(text + (EXACT_WARNING.format(n=n_exact, rows=ROWS) if n_exact else ""))


def _kinds(values) -> str:
    return ", ".join(sorted(set(values))) or "none"
