"""A zoo on disk: a manifest with one line a NeRF, and safetensors shards with weights and occupancy bits.

A shard is on disk, whole and synced, before a manifest line names it; lines are appended by one write each. So a
crash leaves at most an unnamed shard or a torn last line, and both are ignored.
"""

import hashlib
import json
import os
import uuid
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from n2v.errors import BadInput
from n2v.files import atomic_path, inside, sync_folder
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.occupancy import pack_bits, unpack_bits

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Row:
    """One line of the manifest: a NeRF's identity, provenance, quality and place.

    `step` is the sample length in scene units it was fitted with; `psnr_db` is over held-out views on white;
    `status` is "ok" or the reason why there is no NeRF (then `shard` is empty).
    """

    object_id: str
    base_id: str
    class_name: str
    label: int
    version: int
    shape_group: str
    source: str
    licence: str
    split: str
    seed: int
    init_hash: str
    encoding: str
    backend: str
    steps: int
    step: float
    psnr_db: float | None
    fit_s: float | None
    status: str = "ok"
    shard: str = ""
    row: int = -1
    sha256: str = ""


def row_digest(weights: np.ndarray, packed: np.ndarray) -> str:
    """SHA-256 over one NeRF's stored weights and occupancy bits."""
    return hashlib.sha256(weights.tobytes() + packed.tobytes()).hexdigest()


class ZooWriter:
    """Appends shards and manifest lines; several writers may share one folder."""

    def __init__(self, folder: Path, resolution: int, dtype: str = "float32") -> None:
        if resolution % 2 or resolution < 2:
            raise BadInput(f"occupancy resolution {resolution}", fix="use an even number, such as 48 or 96")
        if dtype not in ("float16", "float32"):
            raise BadInput(f"weights as '{dtype}'", fix="use float16 or float32")
        self.folder, self.resolution, self.dtype = Path(folder), resolution, dtype
        if (self.folder / MANIFEST).exists():
            zoo = Zoo(self.folder)
            if len(zoo) and zoo.resolution != resolution:
                raise BadInput(
                    f"occupancy of {resolution} cells a side for a zoo of {zoo.resolution}",
                    where=self.folder,
                    fix="use the recipe it was made with, or another folder",
                )
        (self.folder / "shards").mkdir(parents=True, exist_ok=True)

    def add(
        self, rows: list[Row], field_weights: Float[np.ndarray, "n w"], occupied: Bool[np.ndarray, "n g g g"]
    ) -> None:
        """Store NeRFs as one new shard; `rows` come without a place and get it here.

        Raises:
            BadInput: shapes that do not fit, or weights that are not finite (also after rounding to float16).
        """
        stored = np.ascontiguousarray(field_weights, self.dtype)
        expected = (len(rows), N_WEIGHTS), (len(rows), *[self.resolution] * 3)
        if (stored.shape, np.shape(occupied)) != expected:
            raise BadInput(
                f"shapes {stored.shape} and {np.shape(occupied)}", fix=f"give {expected[0]} and {expected[1]}"
            )
        for row, weights in zip(rows, stored, strict=True):
            if not np.isfinite(weights).all():
                raise BadInput("weights are not finite", where=row.object_id, fix="fit it again")
        packed = pack_bits(occupied)
        name = f"shards/{uuid.uuid4().hex[:12]}.safetensors"
        with atomic_path(self.folder / name) as temporary:
            metadata = {"resolution": str(self.resolution), "format": "n2v zoo 1"}
            save_file({"weights": stored, "occupancy": packed}, temporary, metadata=metadata)
        placed = [
            replace(row, shard=name, row=place, sha256=row_digest(stored[place], packed[place]))
            for place, row in enumerate(rows)
        ]
        self._append(placed)

    def quarantine(self, rows: list[Row]) -> None:
        """List objects that have no NeRF, with the reason in `status`."""
        self._append(rows)

    def _append(self, rows: list[Row]) -> None:
        if not rows:
            return
        path = self.folder / MANIFEST
        text = "".join(json.dumps(asdict(row), allow_nan=False) + "\n" for row in rows)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                text = "\n" + text  # a crash tore the last line: start a fresh one
            data = text.encode()
            if os.write(handle, data) != len(data):
                raise BadInput("the disk is full", where=path, fix="free space and run again with --resume")
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(self.folder)


def read_manifest(folder: Path) -> tuple[list[Row], list[str]]:
    """Manifest lines, the last one of each object id winning, and notes on lines that cannot be used."""
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise BadInput("no zoo here (no manifest.jsonl)", where=folder, fix="make one with: n2v fit VIEWS --out ZOO")
    rows: dict[str, Row] = {}
    notes = []
    known = {field.name for field in fields(Row)}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            row = Row(**{key: value for key, value in values.items() if key in known})
        except (json.JSONDecodeError, TypeError, AttributeError):
            notes.append(f"{path} line {number}: torn or not a NeRF's line; ignored")
            continue
        if row.status == "ok" or rows.get(row.object_id, row).status != "ok":
            rows[row.object_id] = row
        if row.shard:
            inside(folder, row.shard)
    return list(rows.values()), notes


class Zoo:
    """Random access to a zoo. `rows` holds the usable NeRFs, sorted by object id; `quarantined` the others."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        rows, self.notes = read_manifest(self.folder)
        rows.sort(key=lambda row: row.object_id)
        self.rows = [row for row in rows if row.status == "ok"]
        self.quarantined = [row for row in rows if row.status != "ok"]
        self._open: dict[str, object] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def object_ids(self) -> list[str]:
        return [row.object_id for row in self.rows]

    @property
    def labels(self) -> Int[np.ndarray, "n"]:
        return np.array([row.label for row in self.rows], np.int64)

    def indices(self, split: str | None = None) -> Int[np.ndarray, "n"]:
        """Positions of a split's NeRFs (all without a name)."""
        return np.array([i for i, row in enumerate(self.rows) if split in (None, row.split)], np.int64)

    def index_of(self, object_id: str) -> int:
        """Position of an object; names the nearest ids when there is none."""
        ids = self.object_ids
        if object_id in ids:
            return ids.index(object_id)
        raise BadInput(f"no object '{object_id}'", where=self.folder, fix=f"for example: {', '.join(ids[:3])}")

    @cached_property
    def resolution(self) -> int:
        """Occupancy cells a side."""
        if not self.rows:
            raise BadInput("the zoo holds no NeRF", where=self.folder, fix="see its manifest for the reasons")
        return int(self._shard(self.rows[0].shard).metadata()["resolution"])

    def readable(self, indices=None) -> tuple[Int[np.ndarray, "n"], dict[str, str]]:
        """Those of `indices` (all without) whose NeRF is on disk and finite, and why the others are not, by object id.

        Reads every weight once. The others also join `quarantined`, so that whoever goes on without them can say so.
        """
        good, reasons = [], {}
        for i in range(len(self)) if indices is None else np.atleast_1d(indices):
            row = self.rows[int(i)]
            try:
                self._read(row, "occupancy")
                finite = np.isfinite(self._read(row, "weights")).all()
            except BadInput as error:
                reasons[row.object_id] = str(error)
                continue
            if finite:
                good.append(int(i))
            else:
                reasons[row.object_id] = "weights are not finite"
        listed = {row.object_id for row in self.quarantined}
        bad = [row for row in self.rows if row.object_id in reasons and row.object_id not in listed]
        self.quarantined += [replace(row, status=f"unreadable: {reasons[row.object_id]}") for row in bad]
        return np.array(good, np.int64), reasons

    def field_weights(self, indices=None) -> Float[np.ndarray, "n w"]:
        """Weights as float32; checked to be finite."""
        rows = self._select(indices)
        values = np.stack([self._read(row, "weights") for row in rows]).astype(np.float32)
        broken = [row.object_id for row, finite in zip(rows, np.isfinite(values).all(1), strict=True) if not finite]
        if broken:
            raise BadInput(f"weights of {broken[0]} are not finite", where=self.folder, fix="run: n2v zoo verify")
        return values

    def occupied(self, indices=None) -> Bool[np.ndarray, "n g g g"]:
        """Occupancy grids."""
        packed = [self._read(row, "occupancy") for row in self._select(indices)]
        if len({len(bits) for bits in packed} | {self.resolution**3 // 8}) > 1:
            raise BadInput("NeRFs with grids of different sizes", where=self.folder, fix="keep one zoo for each size")
        return unpack_bits(np.stack(packed), self.resolution)

    def _select(self, indices) -> list[Row]:
        if indices is None:
            return self.rows
        return [self.rows[int(i)] for i in np.atleast_1d(indices)]

    def _read(self, row: Row, name: str) -> np.ndarray:
        try:
            if row.row < 0:
                raise IndexError(f"row {row.row}")
            return self._shard(row.shard).get_slice(name)[row.row : row.row + 1][0]
        except (SafetensorError, IndexError) as error:
            raise BadInput(f"{row.shard} is broken ({error})", where=self.folder, fix="run: n2v zoo verify") from None

    def _shard(self, name: str):
        if name not in self._open:
            path = inside(self.folder, name)
            try:
                self._open[name] = safe_open(path, "numpy")
            except FileNotFoundError:
                raise BadInput("missing shard", where=path, fix="run: n2v zoo verify") from None
            except (SafetensorError, OSError) as error:
                raise BadInput(f"broken shard ({error})", where=path, fix="run: n2v zoo verify") from None
        return self._open[name]
