"""A zoo on disk: a manifest with one line a NeRF, and safetensors shards with weights and occupancy bits.

A shard is on disk, whole and synced, before a manifest line names it; lines are appended by one write each, under a
lock. So a crash leaves at most an unnamed shard or a torn last line: both are ignored when reading, and
`n2v fit --resume` makes what is missing again.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import asdict, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.nerf import Nerf
from n2v.nerf.occupancy import pack_bits, unpack_bits
from n2v.zoo.manifest import MANIFEST, Row, append, read_lines, row_digest, settle, shown, wrong
from n2v.zoo.shards import FOLDER, FolderLock, Shards, remove_temporaries, write_shard

__all__ = ["MANIFEST", "Row", "Zoo", "ZooWriter", "row_digest"]


class ZooWriter:
    """Appends shards and manifest lines; several writers may share one folder, unless one asked to be `alone`."""

    def __init__(
        self, folder: Path, resolution: int, dtype: str = "float32", alone: bool = False, compress: bool = False
    ) -> None:
        if resolution % 2 or resolution < 2:
            raise BadInput(f"occupancy resolution {resolution}", fix="use an even number, such as 48 or 96")
        if dtype not in ("float16", "float32"):
            raise BadInput(f"weights as '{dtype}'", fix="use float16 or float32")
        self.folder, self.resolution, self.dtype, self.compress = Path(folder), resolution, dtype, compress
        zoo = Zoo(self.folder) if (self.folder / MANIFEST).exists() else ()
        if len(zoo) and zoo.resolution != resolution:
            what = f"occupancy of {resolution} cells a side for a zoo of {zoo.resolution}"
            raise BadInput(what, where=self.folder, fix="use the recipe it was made with, or another folder")
        (self.folder / FOLDER).mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.folder)
        if self._lock.alone():  # nobody else writes: what is half-written was left by a kill
            remove_temporaries(self.folder)
        elif alone:
            raise BadInput("somebody else is writing here", where=self.folder, fix="wait until it is done")
        if not alone:
            self._lock.share()

    def add(
        self, rows: list[Row], field_weights: Float[np.ndarray, "n w"], occupied: Bool[np.ndarray, "n g g g"]
    ) -> None:
        """Store NeRFs as one new shard; `rows` come without a place and get it here.

        Raises:
            BadInput: shapes that do not fit, or weights that are not finite (also after rounding to float16).
        """
        expected = (len(rows), N_WEIGHTS), (len(rows), *[self.resolution] * 3)
        if (np.shape(field_weights), np.shape(occupied)) != expected:
            given = f"shapes {np.shape(field_weights)} and {np.shape(occupied)}"
            raise BadInput(given, fix=f"give {expected[0]} and {expected[1]}")
        self.add_stored(rows, np.ascontiguousarray(field_weights, self.dtype), pack_bits(occupied))

    def add_stored(self, rows: list[Row], stored: Float[np.ndarray, "n w"], packed: UInt8[np.ndarray, "n b"]) -> None:
        """The same for weights in their stored type and packed occupancy bits, so that copies keep their checksum."""
        for row, finite in zip(rows, np.isfinite(stored).all(1), strict=True):
            if problem := wrong({**asdict(row), "status": "ok"}) if finite else "weights are not finite":
                raise BadInput(problem, where=shown(row.object_id), fix="mend it, or fit it again")
        append(self.folder, write_shard(self.folder, rows, stored, packed, self.resolution, self.compress))

    def quarantine(self, rows: list[Row]) -> None:
        """List objects that have no NeRF, with the reason in `status`."""
        append(self.folder, [replace(row, object_id=shown(row.object_id)) for row in rows])


def going_on(out: Path, resume: bool) -> "Zoo | None":
    """The zoo that is in `out` already, which may only be gone on with; None where there is none."""
    if not (Path(out) / MANIFEST).exists():
        return None
    if not resume:
        raise BadInput("there is a zoo already", where=out, fix="add --resume to go on, or choose another folder")
    return Zoo(out)


class Zoo:
    """Random access to a zoo. `rows` holds the usable NeRFs, sorted by object id; `quarantined` the others.

    >>> zoo = n2v.mini_zoo()
    >>> len(zoo), zoo["chair-0000"], zoo[0]
    (585, Nerf(chair-0000, chair), Nerf(airplane-0000, airplane))

    A zoo may be handed to other processes: each opens its own files. What is appended later is not seen.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        lines, self.notes = read_lines(self.folder)
        self.rows, self.quarantined = settle(lines)
        self._shards = Shards(self.folder)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: str | int | np.integer) -> Nerf:
        """One NeRF, by its object id or its position.

        Raises:
            BadInput: no such object; weights that are missing, altered in size, or not finite.
            IndexError: no such position.
        """
        i = self.index_of(which) if isinstance(which, str) else int(self._chosen(which)[0])
        row, weights, grid = self.rows[i], self.field_weights(i)[0], self.occupied(i)[0]
        told = {name: getattr(row, name) for name in ("encoding", "class_name", "source", "licence", "psnr_db")}
        return Nerf(row.object_id, torch.from_numpy(weights), torch.from_numpy(grid), row.step, **told)

    @cached_property
    def object_ids(self) -> list[str]:
        return [row.object_id for row in self.rows]

    @property
    def labels(self) -> Int[np.ndarray, "n"]:
        return np.array([row.label for row in self.rows], np.int64)

    def indices(self, split: str | None = None) -> Int[np.ndarray, "n"]:
        """Positions of a split's NeRFs (all without a name)."""
        return np.array([i for i, row in enumerate(self.rows) if split in (None, row.split)], np.int64)

    def index_of(self, object_id: str) -> int:
        """Position of an object; names the ids most like it when there is none."""
        place = bisect_left(self.object_ids, object_id)
        if self.object_ids[place : place + 1] == [object_id]:
            return place
        near = get_close_matches(object_id, self.object_ids, 3)
        hint = f"nearest: {', '.join(near)}" if near else f"for example: {', '.join(self.object_ids[:3])}"
        raise BadInput(f"no object '{object_id}'", where=self.folder, fix=hint)

    @cached_property
    def resolution(self) -> int:
        """Occupancy cells a side: that of the first shard which can be opened."""
        if not len(self):
            raise BadInput("the zoo holds no NeRF", where=self.folder, fix="see its manifest for the reasons")
        for shard in dict.fromkeys(row.shard for row in self.rows):
            try:
                return self._shards[shard].resolution
            except BadInput as error:
                broken = error
        raise broken

    def readable(self, indices=None) -> tuple[Int[np.ndarray, "n"], dict[str, str]]:
        """Those of `indices` (all without) whose NeRF is on disk and finite, and why the others are not, by object id.

        Reads every weight once. The others also join `quarantined`, so that whoever goes on without them can say so.
        """
        good, reasons = [], {}
        listed = {row.object_id for row in self.quarantined}
        for i in self._chosen(indices).tolist():
            row = self.rows[i]
            try:
                problem = "" if np.isfinite(self.stored(row)[0]).all() else "weights are not finite"
            except BadInput as error:
                problem = str(error)
            if not problem:
                good.append(i)
                continue
            reasons[row.object_id] = problem
            if row.object_id not in listed:
                self.quarantined.append(replace(row, status=f"unreadable: {problem}"))
        return np.array(good, np.int64), reasons

    def stored(self, row: Row) -> tuple[Float[np.ndarray, "w"], UInt8[np.ndarray, "b"]]:
        """Weights in their stored type and packed occupancy bits at a row's place: the bytes its checksum covers."""
        return tuple(self._shards.read(row.shard, name, row.row) for name in ("weights", "occupancy"))

    def problem(self, row: Row) -> str:
        """What is wrong with the copy that a row names; empty where it is on disk, as it was written, and finite."""
        place = f"{row.shard} row {row.row}"
        try:
            weights, packed = self.stored(row)
        except BadInput as error:
            return f"{place}: {error.what}"
        if row_digest(weights, packed) != row.sha256:
            return f"{place}: bytes do not match their checksum"
        return "" if np.isfinite(weights).all() else f"{place}: weights are not finite"

    def field_weights(self, indices=None) -> Float[np.ndarray, "n w"]:
        """Weights as float32; checked to be finite."""
        values = np.empty((len(self._chosen(indices)), N_WEIGHTS), np.float32)
        for place, row, read in self._read("weights", indices):
            values[place] = read
            if not np.isfinite(read).all():
                what, fix = f"weights of {row.object_id} are not finite", "run: n2v zoo verify"
                raise BadInput(what, where=self.folder, fix=fix)
        return values

    def packed(self, indices=None) -> UInt8[np.ndarray, "n b"]:
        """Occupancy grids as bits (see n2v.nerf.occupancy.unpack_bits)."""
        bits = np.empty((len(self._chosen(indices)), self.resolution**3 // 8), np.uint8)
        for place, _, read in self._read("occupancy", indices):
            if len(read) != bits.shape[1]:
                what, fix = "NeRFs with grids of different sizes", "keep one zoo for each size"
                raise BadInput(what, where=self.folder, fix=fix)
            bits[place] = read
        return bits

    def occupied(self, indices=None) -> Bool[np.ndarray, "n g g g"]:
        """Occupancy grids."""
        return unpack_bits(self.packed(indices), self.resolution)

    def _chosen(self, indices) -> Int[np.ndarray, "n"]:
        """Positions as an array; negative ones count from the end."""
        chosen = np.arange(len(self)) if indices is None else np.atleast_1d(np.asarray(indices, np.int64))
        if len(chosen) and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"position {chosen.min()} or {chosen.max()} of {len(self)} NeRFs")
        return np.where(chosen < 0, chosen + len(self), chosen)

    def _read(self, tensor: str, indices) -> Iterator[tuple[int, Row, np.ndarray]]:
        """Place among `indices`, row and stored values of each, in the order they lie on disk."""
        rows = [(place, self.rows[i]) for place, i in enumerate(self._chosen(indices).tolist())]
        for place, row in sorted(rows, key=lambda one: (one[1].shard, one[1].row)):
            yield place, row, self._shards.read(row.shard, tensor, row.row)
