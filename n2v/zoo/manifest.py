"""The manifest of a zoo: one JSON line a NeRF, only ever appended to, and the rule that settles what the lines say.

A line is about a copy of a NeRF, named by shard, row and checksum. `status` "ok" offers the copy; any other status
together with a shard withdraws exactly that copy; any other status without a shard says that an object has no NeRF.
An object's NeRF is the copy offered last among those not withdrawn since. So a later failure displaces nothing, a
damaged copy gives way to an older sound one, and a line about one copy cannot touch another.

A line carries a digest of its own values; a line whose digest or values cannot be right is refused: its object has no
NeRF by it, and `n2v zoo verify` names it. Lines without a digest (of 0.2 and before) are read by their values alone.
"""

import fcntl
import json
import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.files import sha256_of, sync_folder
from n2v.identity import Identity
from n2v.nerf.encoding import ENCODINGS
from n2v.scenes.classes import CLASSES
from n2v.zoo.splits import SPLITS

MANIFEST = "manifest.jsonl"
REFUSED = "refused: "  # begins the status of a line that is whole but may not be followed
DIGEST = "line_sha256"
UNLISTED = "unlisted"  # split of a NeRF that a published collection's lists leave out


@dataclass(frozen=True)
class Row(Identity):
    """One line of the manifest: a NeRF's identity, provenance, quality and place.

    `step` is the sample length in scene units it was fitted with; `psnr_db` is over held-out views on white, at samples
    of `psnr_step` (unknown in zoos before 0.3, which measured at `step`); `psnr_alone_db` is the same with a grid
    rebuilt from the weights alone: far below where a NeRF does not contain its emptiness; `split` is by the corrected
    rule, the other two by theirs; `status` is "ok" or the reason why there is no NeRF (then `shard` is empty, or names
    a damaged copy).
    """

    label: int
    split: str
    seed: int
    init_hash: str
    encoding: str
    backend: str
    steps: int
    step: float
    psnr_db: float | None
    fit_s: float | None
    split_novel: str = ""
    split_as_published: str = ""
    status: str = "ok"
    shard: str = ""
    row: int = -1
    sha256: str = ""
    psnr_alone_db: float | None = None
    psnr_step: float | None = None


# Columns that lines of earlier versions may lack
LATER = {"family", "slots", "split_novel", "split_as_published", "status", "shard", "row", "sha256"}
LATER |= {"psnr_alone_db", "psnr_step"}
DEFAULTS = {field.name: field.default for field in fields(Row) if field.name in LATER}
NAMES = tuple(field.name for field in fields(Row))
TEXTS = tuple(field.name for field in fields(Row) if field.type is str)
INTEGERS = tuple(field.name for field in fields(Row) if field.type is int)
FLOATS = tuple(field.name for field in fields(Row) if field.name not in TEXTS + INTEGERS)


def row_digest(weights: np.ndarray, packed: np.ndarray) -> str:
    """SHA-256 over one NeRF's stored weights and occupancy bits."""
    return sha256_of(weights.tobytes() + packed.tobytes())


def lines_of(rows: Iterable[Row]) -> bytes:
    """Rows as manifest lines, each with its digest."""
    told = [asdict(row) for row in rows]
    lines = [json.dumps({**values, DIGEST: _digest(values)}, allow_nan=False) for values in told]
    return "".join(f"{line}\n" for line in lines).encode()


def _digest(values: dict) -> str:
    """SHA-256 over a line's values in a fixed order, whatever their names."""
    text = json.dumps({name: value for name, value in values.items() if name != DIGEST}, sort_keys=True)
    return sha256_of(text.encode())


def append(folder: Path, rows: list[Row]) -> None:
    """Add lines at the manifest's end, all of them or none, and sync them to disk.

    Writers take turns by a lock on the file, which goes when it is closed. A line that a crash tore is closed first, so
    that it spoils no other.

    Raises:
        BadInput: The disk is full.
    """
    if not rows:
        return
    path = Path(folder) / MANIFEST
    data = lines_of(rows)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    locked = False
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
            locked = True
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            data = b"\n" + data
        if os.write(handle, data) != len(data):
            if locked:  # else another writer's lines could be cut off
                os.ftruncate(handle, size)
            raise BadInput("the disk is full", where=path, fix="free space and run again with --resume")
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(folder)


def read_lines(folder: Path) -> tuple[list[dict], list[str]]:
    """The usable lines of a zoo's manifest, also those that later ones replaced, and notes on the others.

    Raises:
        BadInput: There is no manifest.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise BadInput("no zoo here (no manifest.jsonl)", where=folder, fix="make one with: n2v fit VIEWS --out ZOO")
    return parse(path.read_bytes(), path)


def parse(data: bytes, where: Path) -> tuple[list[dict], list[str]]:
    """The usable lines of a manifest in order, and notes on the others."""
    lines, notes = [], []
    for number, text in enumerate(data.decode(errors="replace").split("\n"), 1):
        if not text.strip():
            continue
        try:
            told = json.loads(text)
            values = {name: told[name] if name in told else DEFAULTS[name] for name in NAMES}
            usable = _fits(values)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            usable = False
        if not usable:
            notes.append(f"{where} line {number}: torn or not a NeRF's line; ignored")
            continue
        altered = DIGEST in told and _digest(told) != told[DIGEST]
        problem = wrong(values) or ("altered (its checksum)" if altered else "")
        lines.append(_refused(values, problem) if problem else values)
        notes += [f"{where} line {number}: {problem}; refused"] if problem else []
    return lines, notes


def _refused(values: dict, problem: str) -> dict:
    """A line that names an object and says why it has no NeRF by this line."""
    gone = {name: 0.0 if name == "step" else None for name in FLOATS}
    nowhere = {"shard": "", "row": -1, "sha256": "", "class_name": "", "label": -1, "split": ""}
    return {**values, **gone, **nowhere, "object_id": shown(values["object_id"]), "status": f"{REFUSED}{problem}"}


def is_inside(path: str) -> bool:
    """True for a relative path without "..": the cheap check; opening a shard also follows links (n2v.files.inside)."""
    return not path.startswith("/") and ".." not in path.split("/")


def is_name(text: str) -> bool:
    """Whether a text can be an object's id: something printable that leads out of no folder."""
    return bool(text.strip()) and text.isprintable() and is_inside(text)


def shown(name: str) -> str:
    """An object's id, with everything escaped where it can be none."""
    return name if is_name(name) else ascii(name).replace("/", "|")


def _between(low: float, high: float) -> Callable[[float | None], bool]:
    """Of a number that may be unknown."""
    return lambda value: value is None or low <= value <= high


SANE = {  # what a column of a NeRF's line may hold
    **dict.fromkeys(("object_id", "base_id", "class_name", "shape_group"), is_name),
    **dict.fromkeys(("init_hash", "backend", "family", "slots"), str.isprintable),
    **dict.fromkeys(("split_novel", "split_as_published"), (*SPLITS, "").__contains__),
    **dict.fromkeys(("version", "seed", "steps", "fit_s"), _between(0, math.inf)),
    **dict.fromkeys(("psnr_db", "psnr_alone_db"), _between(-100, 400)),  # what float32 pictures can have
    **dict.fromkeys(("step", "psnr_step"), _between(1e-9, 10)),  # scene units
    "split": (*SPLITS, UNLISTED).__contains__,
    "encoding": ENCODINGS.__contains__,
}


def wrong(values: dict) -> str:
    """What cannot be right in a line's values, or an empty text. Lines that offer no NeRF need no more than a name."""
    if not is_inside(values["shard"]):
        return f"path '{values['shard']}' leaves its folder"
    for name in FLOATS:
        if values[name] is not None and not math.isfinite(values[name]):
            return f"{name} {values[name]} cannot be"
    sane = SANE if values["status"] == "ok" else {"object_id": is_name}
    for name, fits in sane.items():
        if not fits(values[name]):
            return f"{name} {values[name]!a} cannot be"
    label, class_name = values["label"], values["class_name"]
    known = label == CLASSES.index(class_name) if class_name in CLASSES else label >= len(CLASSES)
    return "" if known or values["status"] != "ok" else f"label {label} cannot be, class_name is {class_name!a}"


def _fits(values: dict) -> bool:
    """True when every value has its field's type and a size that a column can hold."""
    values |= {name: float(values[name]) for name in FLOATS if type(values[name]) is int}
    return (
        all(type(values[name]) is str for name in TEXTS)
        and all(type(values[name]) is int and -(1 << 63) <= values[name] < 1 << 63 for name in INTEGERS)
        and all(type(values[name]) is float or (values[name] is None and name != "step") for name in FLOATS)
    )


def settle(lines: list[dict]) -> tuple[list[Row], list[Row]]:
    """What the lines amount to: the NeRF of each object that has one, and the last word on each that has none.

    Both sorted by object id.
    """
    copies: dict[str, dict[tuple, dict]] = {}  # of each object, by place, the one offered last at the end
    last: dict[str, dict] = {}
    for values in lines:
        object_id, place = values["object_id"], (values["shard"], values["row"], values["sha256"])
        last[object_id] = values
        offered = copies.setdefault(object_id, {})
        if values["shard"] or values["status"] == "ok":
            offered.pop(place, None)
        if values["status"] == "ok":
            offered[place] = values
    usable = [Row(**list(copies[object_id].values())[-1]) for object_id in sorted(last) if copies[object_id]]
    return usable, [Row(**last[object_id]) for object_id in sorted(last) if not copies[object_id]]
