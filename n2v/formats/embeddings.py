"""Published embeddings (HDF5 files of nf2vec and gmnerf).

Both write one file an object, <split>/<number>.h5: `embedding` (e,), `class_id` (nf2vec: label 0..12; gmnerf: the
synset) and, when present, `data_dir` (nf2vec: the NeRF's folder) or `nerf_id` (gmnerf: the object's id).
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput, MissingPart
from n2v.files import plain_file, progress
from n2v.formats.published import identify, versioned
from n2v.identity import Identity
from n2v.scenes.classes import CLASSES, SYNSETS, label_of
from n2v.zoo.manifest import UNLISTED

SPLIT_FOLDERS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
MOST_NUMBERS = 1 << 20  # in one dataset
FIX = "give a .h5 file, or the folder of them that the authors' export made"


def read_h5(path: Path) -> tuple[Float[np.ndarray, "n e"], list[Identity], list[str]]:
    """Values, objects and splits of a file, or of every .h5 file at or below a folder, in the order of their numbers.

    The folder a file lies in (train, val, validation, test) is its split. Without `data_dir` or `nerf_id` an object
    is named after its split and number, and counts as a base object. An id in a second class gets that class's
    synset before it, as in n2v.formats.published_import.

    Raises:
        MissingPart: h5py is not installed.
        BadInput: No or broken files, data outside them, values that are not finite, or of different lengths.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(path.rglob("*.h5"), key=_order)
    if not files:
        raise BadInput("no .h5 file here", where=path, fix=FIX)
    values, objects, splits = [], {}, []
    for file in progress(files, desc="reading embeddings", unit="file"):
        one, who, split = _read_file(file)
        name = who.object_id if who.object_id not in objects else f"{SYNSETS[who.class_name]}_{who.object_id}"
        if name in objects:
            raise BadInput(f"object '{name}' is there twice", where=path, fix="read one model's embeddings at a time")
        objects[name] = replace(who, object_id=name)
        values.append(one)
        splits.append(split)
    lengths = sorted({len(one) for one in values})
    if len(lengths) > 1:
        raise BadInput(f"embeddings of lengths {lengths}", where=path, fix="read one model's at a time")
    return np.stack(values), list(objects.values()), splits


def write_h5(values: Float[np.ndarray, "n e"], objects: Sequence[Identity], splits: Sequence[str], out: Path) -> None:
    """Write embeddings as nf2vec's classifier and retrieval read them, the whole folder `out` or nothing.

    Shape groups are not in that form: read back, every base object is its own.

    Raises:
        MissingPart: h5py is not installed.
        BadInput: A class without a ShapeNet synset.
    """
    h5py, out = _h5py(), Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as scratch:
        fresh = Path(scratch) / "new"
        numbers = dict.fromkeys(splits, 0)
        for one, who, split in zip(values, objects, splits, strict=True):
            label, name = label_of(who.class_name), versioned(who.base_id, who.version)
            root = versioned("./data/data_TRAINED", who.version)
            (fresh / split).mkdir(parents=True, exist_ok=True)
            with h5py.File(fresh / split / f"{numbers[split]}.h5", "w") as file:
                file["data_dir"] = f"{root}/{SYNSETS[who.class_name]}/{name}"
                file["embedding"] = one.astype(np.float32)
                file["class_id"] = np.int64(label)
            numbers[split] += 1
        fresh.rename(out)


def _h5py():
    try:
        import h5py
    except ImportError:
        raise MissingPart("h5py", "published") from None
    return h5py


def _order(file: Path) -> tuple[str, int, str]:
    return str(file.parent), int(file.stem) if file.stem.isdecimal() else -1, file.stem


def _read_file(path: Path) -> tuple[np.ndarray, Identity, str]:
    """The embedding in one file, finite, its object and split."""
    h5py = _h5py()
    try:
        with h5py.File(plain_file(path), "r") as file:
            names = ("embedding", "class_id", "data_dir", "nerf_id")
            values, class_id, *told = (_value(file, name, path) for name in names)
    except (OSError, RuntimeError, KeyError, UnicodeDecodeError) as error:
        raise BadInput(f"not a readable HDF5 file ({type(error).__name__})", where=path, fix=FIX) from None
    values = np.asarray(values)
    if values.dtype.kind != "f" or values.ndim != 1 or not values.size:
        raise BadInput("no 'embedding' of one dimension", where=path, fix=FIX)
    if not np.isfinite(values).all():
        raise BadInput("embeddings are not finite", where=path, fix="restore the file")
    if np.ndim(class_id) or class_id is None:
        raise BadInput("class_id is missing", where=path, fix=FIX)
    split = SPLIT_FOLDERS.get(path.absolute().parent.name, UNLISTED)
    name = next((one for one in told if one is not None), f"{split}-{path.stem}")
    return values.astype(np.float32), _identity(name, class_id, path), split


def _value(file, name: str, path: Path):
    """What a dataset holds, texts decoded, or None; only bytes in this very file: a link could read any file."""
    import h5py

    link = file.get(name, getlink=True)
    if link is None:
        return None
    found = file.get(name) if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise BadInput(f"'{name}' is no dataset of the file itself", where=path, fix=FIX)
    if found.size is None or found.size > MOST_NUMBERS:
        raise BadInput(f"'{name}' holds {found.size} numbers", where=path, fix=f"at most {MOST_NUMBERS} are read")
    value = found[()]
    return value.decode() if isinstance(value, bytes) else value


def _identity(name: object, class_id: object, path: Path) -> Identity:
    """Identity from a folder or id and a label or synset, which must agree."""
    try:
        label = label_of(class_id) if isinstance(class_id, str) else int(class_id)
        class_name = dict(enumerate(CLASSES)).get(label, "")
        told = str(name).replace("\\", "/").rstrip("/")
        found = identify(told if "/" in told else f"{class_name}/{told}")
    except (BadInput, TypeError, ValueError) as error:
        raise BadInput(f"class_id {class_id} of '{name}': {error}", where=path, fix="restore the file") from None
    if found.class_name != class_name:
        raise BadInput(f"class_id {class_id} is {class_name}, but the NeRF is in {told}", where=path, fix="check both")
    return found
