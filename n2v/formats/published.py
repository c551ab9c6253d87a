"""The authors' files, one folder an object: whose it is, its weights and its occupancy, read without running code.

<any>/<synset>/<object id>[_A1|_A2]/nerf_weights.pth   {'mlp_base.params': float32 (18432,)}
                                    grid.pth           {'_roi_aabb': float16 (6,), '_binary': sparse bool (96, 96, 96),
                                                        'resolution': float16 (3,)}
                                    transforms_train.json, train/*.png      optional
Lists of a split are JSON lists of such folders (train.json, validation.json, test.json), or one path a line (.txt), as
in gmnerf's nerf/shapenet/train.txt beside nerf/shapenet/mlp/<synset>/<object id>.
"""

import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.files import read_json, read_text
from n2v.identity import Identity
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.occupancy import learned_occupancy
from n2v.scenes.classes import CLASSES, label_of
from n2v.scenes.objects import AABB
from n2v.scenes.views import TRAIN

WEIGHTS, GRID = "nerf_weights.pth", "grid.pth"
KEY = "mlp_base.params"
RESOLUTION = 96
ROWS = "n2v_rows.jsonl"  # beside an export: the manifest lines of the zoo it came from
GMNERF = "nerf/shapenet"  # where gmnerf keeps its lists, and below a folder an architecture
LIST_NAMES = {"train": ("train",), "val": ("validation", "val"), "test": ("test",)}
MAX_WEIGHTS, MAX_GRID = 1 << 20, 32 << 20  # bytes; a sound file has 75 kB, a grid without an empty cell 22 MB
BOX_TOLERANCE = 1e-3  # scene units; 0.7 in float16 is 0.70020


def identify(path: str | Path) -> Identity:
    """Class, base id and version from the last parts of a folder's path; Windows separators are accepted.

    Raises:
        BadInput: The parent folder is none of the thirteen classes.
    """
    parts = PurePosixPath(str(path).replace("\\", "/")).parts
    if len(parts) < 2:
        raise BadInput("no class folder above it", where=path, fix="keep the layout <synset>/<object id>")
    class_name = CLASSES[label_of(parts[-2])]
    name = re.fullmatch(r"(.+?)(?:_A([12]))?", parts[-1])
    root = re.search(r"_A([12])$", parts[-3]) if len(parts) > 2 else None
    version = int(name[2] or (root[1] if root else 0))
    return Identity(versioned(name[1], version), class_name, base_id=name[1], version=version)


def versioned(base_id: str, version: int) -> str:
    """A base id with the version's suffix."""
    return f"{base_id}_A{version}" if version else base_id


def find_folders(root: Path) -> list[Path]:
    """Object folders at or below `root`, sorted: those with one of the files, and all in a folder named by a synset.

    A linked folder is listed only when it leads outside (to be refused): inside, its target is found anyway.
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput("no such folder", where=root, fix="give the folder that holds the published NeRFs")
    found = []
    for place, names, files in os.walk(root):
        folder = Path(place)
        in_class = re.fullmatch(r"0\d{7}", folder.absolute().parent.name) is not None
        if in_class or not {WEIGHTS, GRID, TRAIN}.isdisjoint(files):
            found.append(folder)
            names.clear()  # its pictures are no objects
        names[:] = [name for name in names if not name.startswith(".")]
        linked = [folder / name for name in names if (folder / name).is_symlink()]
        found += [path for path in linked if not stays_inside(path, root)]
    return sorted(found)


def stays_inside(path: Path, root: Path) -> bool:
    """Whether a path, its links followed, is in `root`."""
    return path.resolve().is_relative_to(Path(root).resolve())


def read_lists(folder: Path) -> dict[Identity, str]:
    """Split of every object that the lists in `folder`, or where the two layouts have them, name; empty without lists.

    One that is in several lists counts as held out (test, then val).

    Raises:
        BadInput: A list is no list of folder paths, or names an unknown class.
    """
    for place in (Path(folder), Path(folder) / "data", Path(folder) / GMNERF):
        splits = {}
        for split, stems in LIST_NAMES.items():
            paths = [place / f"{stem}.{suffix}" for stem in stems for suffix in ("json", "txt")]
            for path in [path for path in paths if path.is_file()][:1]:
                splits |= {who: split for who in _read_list(path)}
        if splits:
            return splits
    return {}


def _read_list(path: Path) -> list[Identity]:
    entries = read_json(path) if path.suffix == ".json" else read_text(path).split()
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise BadInput("not a list of folder paths", where=path, fix="give a JSON list of texts")
    try:
        return [identify(entry) for entry in entries]
    except BadInput as error:
        raise BadInput(str(error), where=path, fix="take the entry out") from None


def load_tensors(path: Path, most_bytes: int) -> dict[str, torch.Tensor]:
    """A dictionary of tensors from a .pth file, whose size is checked, packed and unpacked, before it is loaded.

    Raises:
        BadInput: Missing, too big, truncated, or holding anything but tensors (loading that could run code).
    """
    if not path.is_file():
        raise BadInput(f"{path.name} is missing")
    try:
        size = path.stat().st_size
        if size <= most_bytes:
            with zipfile.ZipFile(path) as archive:
                size = max(size, sum(member.file_size for member in archive.infolist()))
    except zipfile.BadZipFile:
        raise BadInput(f"{path.name} is truncated or no PyTorch file") from None
    if size > most_bytes:
        raise BadInput(f"{path.name} holds {size} bytes, at most {most_bytes} are expected")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        if type(error).__name__ == "UnpicklingError":
            raise BadInput(f"{path.name} holds more than tensors; not loaded, as that could run code") from None
        raise BadInput(f"{path.name} cannot be read ({type(error).__name__})") from None
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise BadInput(f"{path.name} holds no dictionary of tensors")
    return content


def read_weights(folder: Path) -> Float[np.ndarray, "w"]:
    """The 18,432 weights of one object, float32 and finite."""
    content = load_tensors(Path(folder) / WEIGHTS, MAX_WEIGHTS)
    if KEY not in content:
        raise BadInput(f"{WEIGHTS} has no '{KEY}' but {', '.join(map(repr, list(content)[:4])) or 'nothing'}")
    others = [str(key) for key, value in content.items() if key != KEY and value.numel()]
    if others:
        raise BadInput(f"{WEIGHTS} also holds '{others[0]}': a NeRF of another architecture")
    vector = content[KEY]
    if vector.layout is not torch.strided or tuple(vector.shape) != (N_WEIGHTS,):
        raise BadInput(f"{WEIGHTS} holds weights of shape {tuple(vector.shape)} instead of ({N_WEIGHTS},)")
    if vector.dtype is not torch.float32:
        raise BadInput(f"{WEIGHTS} holds {str(vector.dtype).removeprefix('torch.')} instead of float32")
    if not bool(torch.isfinite(vector).all()):
        raise BadInput(f"{WEIGHTS} holds weights that are not finite")
    return vector.detach().contiguous().numpy()


def read_grid(folder: Path) -> Bool[np.ndarray, "g g g"]:
    """The occupancy grid of one object over the project's box, [x, y, z].

    Raises:
        BadInput: The file is unusable, or its grid is over another box or of another resolution.
    """
    content = load_tensors(Path(folder) / GRID, MAX_GRID)
    missing = [key for key in ("_roi_aabb", "_binary", "resolution") if key not in content]
    if missing:
        raise BadInput(f"{GRID} has no '{missing[0]}'")
    box, cells, binary = content["_roi_aabb"], content["resolution"], content["_binary"]
    if box.numel() != 6 or not np.allclose(box.double().flatten(), AABB, rtol=0, atol=BOX_TOLERANCE):
        shown = [round(float(bound), 4) for bound in box.double().flatten()[:6]]
        raise BadInput(f"{GRID} is over the box {shown}, ours is {list(AABB)}")
    sides = {int(side) for side in cells.double().flatten()} if cells.numel() in (1, 3) else set()
    if sides != {RESOLUTION} or tuple(binary.shape) != (RESOLUTION,) * 3:
        raise BadInput(f"{GRID} is {' x '.join(map(str, binary.shape))} cells, not {RESOLUTION} a side")
    if binary.dtype is not torch.bool:
        raise BadInput(f"{GRID} holds {str(binary.dtype).removeprefix('torch.')} cells instead of bool")
    return _dense(binary)


def _dense(binary: torch.Tensor) -> np.ndarray:
    """A dense copy; the indices are checked here because PyTorch loads them unchecked and writes where they point."""
    if binary.layout is torch.strided:
        return binary.contiguous().numpy().copy()
    if binary.layout is not torch.sparse_coo:
        raise BadInput(f"{GRID} is stored as {binary.layout}")
    indices, values = binary._indices(), binary._values()
    fits = indices.shape == (3, len(values)) and values.dim() == 1 and len(values) <= RESOLUTION**3
    if not fits or (len(values) and not 0 <= int(indices.min()) <= int(indices.max()) < RESOLUTION):
        raise BadInput(f"{GRID} has cells outside its grid")
    occupied = np.zeros((RESOLUTION,) * 3, bool)
    occupied[tuple(indices[:, values].numpy())] = True
    return occupied


def rebuild_grid(field_weights: Float[np.ndarray, "w"]) -> Bool[np.ndarray, "g g g"]:
    """Occupancy of a NeRF that came without a grid, from all cells of the box; see `learned_occupancy`."""
    everywhere = torch.ones((RESOLUTION,) * 3, dtype=torch.bool)
    return learned_occupancy(torch.from_numpy(field_weights), everywhere, "tcnn").numpy()


@dataclass(frozen=True)
class OldSparse:
    """Pickled, a sparse tensor in three items, as torch 1.12 reads it; today's torch writes four, and reads both."""

    dense: torch.Tensor

    def __reduce__(self) -> tuple:
        sparse = self.dense.to_sparse()
        parts = sparse._indices(), sparse._values(), sparse.size()
        return torch._utils._rebuild_sparse_tensor, (sparse.layout, parts)


def write_tensors(folder: Path, weights: Float[np.ndarray, "w"], occupied: Bool[np.ndarray, "g g g"]) -> None:
    """Both files of one object."""
    torch.save({KEY: torch.from_numpy(weights)}, folder / WEIGHTS)
    grid = {
        "_roi_aabb": torch.tensor(AABB).half(),
        "_binary": OldSparse(torch.from_numpy(np.ascontiguousarray(occupied))),
        "resolution": torch.tensor([len(occupied)] * 3).half(),
    }
    torch.save(grid, folder / GRID)
