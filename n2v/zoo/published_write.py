"""A zoo in the authors' layout, so that their code, and other people's, can read it."""

import io
import json
import os
import re
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.files import progress, read_json, sync_folder
from n2v.nerf.occupancy import pack_bits
from n2v.scenes.classes import CLASSES, SYNSETS, label_of
from n2v.scenes.objects import AABB
from n2v.scenes.views import TRAIN, find_views, read_views, write_views
from n2v.zoo.published import GRID, KEY, LIST_NAMES, RESOLUTION, WEIGHTS
from n2v.zoo.published_read import ROWS
from n2v.zoo.store import Row, Zoo, row_digest

COMPRESSED = "transforms_train_compressed.json"  # the same cameras without spaces: the name the authors' loader opens
README = "README.txt"
EXACT_WARNING = """
WARNING: {n} of these NeRFs were fitted with an accurate sine (encoding "exact" in {rows}). tiny-cuda-nn computes the
frequency encoding with three roundings, so its pictures of them differ from those they were fitted to give: by 38 to
44 dB over eight fits at 64 px, whose PSNR on held-out views changed by -0.23 to +0.05 dB. Do not mix them with NeRFs
that tiny-cuda-nn fitted itself without saying so.
"""


def export_published(zoo: Zoo, out: Path, *, views: Path | None = None, force: bool = False) -> dict:
    """Write every readable NeRF of a zoo as a folder of the published layout; the whole of `out` or nothing.

    Weights are stored as float32, grids as sparse 96^3; coarser grids are refined exactly. Beside the folders:
    split lists, a README.txt, and the zoo's manifest lines, from which an import gets identity and provenance back.

    Args:
        zoo: Any zoo whose grid side divides 96.
        out: Folder to make; the authors' code expects it as ./data.
        views: Folder of view sets whose pictures and cameras go along, by object id.
        force: Replace an earlier export. Nothing else is ever replaced.

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
    places = _places(zoo.rows)
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
        _write_papers(fresh, written, zoo.resolution)
        sync_folder(fresh)
        if out.exists():
            out.rename(Path(scratch) / "old")
        fresh.rename(out)
    sync_folder(out.absolute().parent)
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


def grid_tensors(occupied: Bool[np.ndarray, "g g g"]) -> dict[str, torch.Tensor]:
    """Content of grid.pth."""
    return {
        "_roi_aabb": torch.tensor(AABB).half(),
        "_binary": torch.from_numpy(np.ascontiguousarray(occupied)).to_sparse(),
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


def _places(rows: list[Row]) -> dict[str, str]:
    """Folder of every object id inside the export."""
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
        place = f"data_TRAINED{suffix}/{synset}/{name}"
        if place in taken:
            raise BadInput(f"would share the folder {place} with {taken[place]}", where=row.object_id, fix="rename one")
        places[row.object_id], taken[place] = place, row.object_id
    return places


def _pictures(views: Path | None) -> dict[str, Path]:
    """Folders of view sets by object id."""
    if views is None:
        return {}
    found = {}
    for folder in find_views(views):
        header = read_json(folder / TRAIN)
        name = header.get("object_id") if isinstance(header, dict) else None
        found[str(name or folder.name)] = folder
    return found


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
        cameras = json.dumps(read_json(folder / TRAIN), separators=(",", ":"))
        _write(folder / COMPRESSED, cameras.encode())
    folder.mkdir(parents=True, exist_ok=True)
    fine = refine(occupied)
    _write(folder / WEIGHTS, _saved({KEY: torch.from_numpy(weights)}))
    _write(folder / GRID, _saved(grid_tensors(fine)))
    sync_folder(folder)
    return place, replace(row, shard="", row=-1, sha256=row_digest(weights, pack_bits(fine)))


def _write_papers(root: Path, written: list[tuple[str, Row]], resolution: int) -> None:
    """Split lists, manifest lines and the explanation."""
    for split, (name, *_) in LIST_NAMES.items():
        listed = [f"./data/{place}" for place, row in written if row.split == split]
        _write(root / f"{name}.json", json.dumps(listed).encode())
    lines = [json.dumps({"folder": place, **asdict(row)}, allow_nan=False) for place, row in written]
    _write(root / ROWS, "".join(f"{line}\n" for line in lines).encode())
    n_exact = sum(row.encoding == "exact" for _, row in written)
    text = (
        f"{len(written)} NeRFs in the layout of nf2vec, written by n2v. Put this folder at ./data of their code.\n"
        f"Each <synset>/<object id> holds {WEIGHTS} (key '{KEY}', float32) and {GRID} ({RESOLUTION} cells a side"
        + (f", refined from {resolution}" if resolution != RESOLUTION else "")
        + f").\n{ROWS} tells of each NeRF its source, licence, recipe, PSNR and checksum.\n"
        f"Sources: {_kinds(row.source for _, row in written)}. Licences: {_kinds(row.licence for _, row in written)}.\n"
    )
    _write(root / README, (text + (EXACT_WARNING.format(n=n_exact, rows=ROWS) if n_exact else "")).encode())


def _kinds(values) -> str:
    return ", ".join(sorted(set(values))) or "none"


def _saved(tensors: dict[str, torch.Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Write and sync; the whole export is renamed into place afterwards."""
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
