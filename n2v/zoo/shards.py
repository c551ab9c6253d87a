"""Shards: safetensors files with the weights and occupancy bits of some NeRFs."""

import fcntl
import os
import uuid
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from n2v.errors import BadInput
from n2v.files import atomic_path, inside
from n2v.nerf.layout import N_WEIGHTS
from n2v.zoo.manifest import Row, row_digest

FOLDER = "shards"
MAX_OPEN = 8  # shards held open at once by one reader: opening one takes microseconds, its mapped pages count as memory


def write_shard(
    folder: Path,
    rows: list[Row],
    stored: Float[np.ndarray, "n w"],
    packed: UInt8[np.ndarray, "n b"],
    resolution: int,
    compress: bool = False,
) -> list[Row]:
    """Write one new shard, whole and synced, and return the rows with their place in it; no manifest line yet.

    With `compress` the occupancy bits of each NeRF go through zlib; checksums are always of the bits themselves.
    """
    name = f"{FOLDER}/{uuid.uuid4().hex[:12]}.safetensors"
    placed = [
        replace(row, status="ok", shard=name, row=place, sha256=row_digest(stored[place], packed[place]))
        for place, row in enumerate(rows)
    ]
    tensors = {"weights": stored, "occupancy": packed}
    if compress:
        parts = [zlib.compress(bits.tobytes(), 9) for bits in packed]
        tensors["occupancy"] = np.frombuffer(b"".join(parts), np.uint8)
        tensors["occupancy_ends"] = np.cumsum([len(part) for part in parts])
    metadata = {"resolution": str(resolution), "format": "n2v zoo 1"}
    with atomic_path(Path(folder) / name) as temporary:
        save_file(tensors, temporary, metadata=metadata)
    return placed


@dataclass(frozen=True)
class Shard:
    """One open shard, memory-mapped; its shapes and types have been checked."""

    file: object
    n: int
    resolution: int
    ends: Int[np.ndarray, "n"] | None = None  # of each row's compressed occupancy; None: stored as it is

    def read(self, name: str, row: int) -> np.ndarray:
        """One row of "weights" or "occupancy", copied out of the file."""
        if not 0 <= row < self.n:
            raise IndexError(f"row {row} of {self.n}")
        tensor = self.file.get_slice(name)
        if name != "occupancy" or self.ends is None:
            return tensor[row]
        packed = tensor[int(self.ends[row - 1]) if row else 0 : int(self.ends[row])]
        size, unzip = self.resolution**3 // 8, zlib.decompressobj()
        bits = unzip.decompress(packed.tobytes(), size + 1)  # no more, whatever the stream would swell to
        if len(bits) != size or not unzip.eof:
            raise zlib.error("occupancy of another size")
        return np.frombuffer(bits, np.uint8)


class Shards:
    """The shards of one folder, of which MAX_OPEN are open at a time; handed to a process, none are."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._open = lru_cache(MAX_OPEN)(partial(open_shard, self.folder))

    def __reduce__(self) -> tuple:
        return Shards, (self.folder,)

    def __getitem__(self, name: str) -> Shard:
        """A shard by its path inside the folder; BadInput when it is missing, broken or not a shard."""
        return self._open(name)

    def read(self, name: str, tensor: str, row: int) -> np.ndarray:
        """One row of one tensor of one shard."""
        try:
            return self[name].read(tensor, row)
        except (SafetensorError, IndexError, zlib.error) as error:
            what, fix = f"broken shard ({error})", "run: n2v zoo verify"
            raise BadInput(what, where=self.folder / name, fix=fix) from None


def open_shard(folder: Path, name: str) -> Shard:
    """Open a shard and check that it is one.

    Raises:
        BadInput: Outside the folder, missing, cut short, another kind of file, or tensors of other shapes or types.
    """
    path, fix = inside(folder, name), "run: n2v zoo verify"
    try:
        file = safe_open(path, "numpy")
        weights, packed = file.get_slice("weights"), file.get_slice("occupancy")
        shapes, kinds = (weights.get_shape(), packed.get_shape()), (weights.get_dtype(), packed.get_dtype())
        resolution = int((file.metadata() or {})["resolution"])
        ends = file.get_tensor("occupancy_ends") if "occupancy_ends" in file.keys() else None  # noqa: SIM118
    except FileNotFoundError:
        raise BadInput("missing shard", where=path, fix=fix) from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BadInput(f"broken shard ({error})", where=path, fix=fix) from None
    n = shapes[0][0] if shapes[0] else 0
    grid = [n, resolution**3 // 8] if ends is None else [int(ends[-1])] if ends.shape == (n,) and n else None
    rising = ends is None or (ends.dtype == np.int64 and bool((np.diff(ends, prepend=0) > 0).all()))
    if shapes != ([n, N_WEIGHTS], grid) or kinds[0] not in ("F16", "F32") or kinds[1] != "U8" or not rising:
        raise BadInput(f"broken shard (holds {kinds} of {shapes})", where=path, fix=fix)
    return Shard(file, n, resolution, ends)


def remove_temporaries(folder: Path) -> None:
    """Remove what a killed writer left half-written; what a running one writes looks the same, so hold the lock."""
    for place in (Path(folder), Path(folder) / FOLDER):
        for path in place.glob(".*.*.*"):
            if path.suffix in (".safetensors", ".json"):
                path.unlink(missing_ok=True)


class FolderLock:
    """A zoo's lock file: writers share it, a repair holds it alone; the system frees it when a process is killed."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(Path(folder) / ".lock", os.O_RDWR | os.O_CREAT, 0o644)

    def alone(self) -> bool:
        """Take it alone; False while somebody else writes, and where the file system knows no locks."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def share(self) -> None:
        """Take it together with other writers, waiting for a repair to end."""
        with suppress(OSError):  # without locks writers still do not collide: names are unique, lines one write
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go of it; also done when the object goes."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    __del__ = release
