"""Manifest rows as columns, and the index file that holds them ready, so that a large zoo opens at once.

The index is a cache and nothing more: it names the SHA-256 of the manifest it was made from and of its own columns,
and is made again when either differs.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from n2v.errors import BadInput
from n2v.files import atomic_path, plain_file
from n2v.zoo.manifest import FLOATS, INTEGERS, MANIFEST, NAMES, TEXTS, Row, parse, settle

INDEX = "manifest.index"
INDEX_FROM = 1 << 20  # bytes of manifest; a smaller one is parsed faster than an index would be worth
FORMAT = f"n2v zoo index 2: {','.join(NAMES)}"


class Texts:
    """A column of strings: a code a row into the distinct values, which are stored as one text with NUL between."""

    def __init__(self, codes: np.ndarray, joined: np.ndarray) -> None:
        self.codes, self.joined = codes, joined

    @classmethod
    def of(cls, values: list[str]) -> "Texts":
        codes: dict[str, int] = {}
        numbers = [codes.setdefault(value, len(codes)) for value in values]
        joined = "\0".join(codes).encode(errors="surrogatepass")
        return cls(np.array(numbers, np.uint32), np.frombuffer(joined, np.uint8))

    @cached_property
    def choices(self) -> list[str]:
        """The distinct values, in the order of their first appearance."""
        return self.joined.tobytes().decode(errors="surrogatepass").split("\0")

    def __getitem__(self, i: int | np.integer) -> str:
        return self.choices[self.codes[i]]

    def __iter__(self) -> Iterator[str]:
        choices = self.choices
        return (choices[code] for code in self.codes.tolist())


class Table(Sequence):
    """Rows in columns; a Row is made when it is asked for."""

    def __init__(self, columns: dict[str, Texts | np.ndarray], n: int) -> None:
        self.columns, self._n = columns, n

    @classmethod
    def of(cls, lines: list[dict]) -> "Table":
        columns: dict = {name: Texts.of([line[name] for line in lines]) for name in TEXTS}
        columns |= {name: np.array([line[name] for line in lines], np.int64) for name in INTEGERS}
        columns |= {name: np.array([line[name] for line in lines], np.float64) for name in FLOATS}
        return cls(columns, len(lines))

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i):
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(self._n))]
        if not -self._n <= i < self._n:
            raise IndexError(f"row {i} of {self._n}")
        i = i % self._n
        values = {name: self.columns[name][i] for name in TEXTS}
        values |= {name: int(self.columns[name][i]) for name in INTEGERS}
        values |= {name: float(self.columns[name][i]) for name in FLOATS}
        return Row(**{name: None if value != value and name != "step" else value for name, value in values.items()})

    def __iter__(self) -> Iterator[Row]:
        columns = []
        for name in NAMES:
            column = self.columns[name]
            values = list(column) if isinstance(column, Texts) else column.tolist()
            if name in FLOATS and name != "step":
                values = [None if value != value else value for value in values]
            columns.append(values)
        return (Row(*values) for values in zip(*columns, strict=True))

    def where(self, name: str, value: str) -> Int[np.ndarray, "n"]:
        """Positions of the rows whose text `name` is `value`."""
        column = self.columns[name]
        if not self._n or value not in column.choices:
            return np.zeros(0, np.int64)
        return np.flatnonzero(column.codes == column.choices.index(value))

    def tensors(self, prefix: str) -> dict[str, np.ndarray]:
        """Every column as arrays, for the index."""
        arrays = {}
        for name, column in self.columns.items():
            if isinstance(column, Texts):
                arrays |= {f"{prefix}.{name}.codes": column.codes, f"{prefix}.{name}.joined": column.joined}
            else:
                arrays[f"{prefix}.{name}"] = column
        return arrays

    @classmethod
    def from_tensors(cls, arrays: dict[str, np.ndarray], prefix: str) -> "Table":
        columns: dict = {
            name: Texts(arrays[f"{prefix}.{name}.codes"], arrays[f"{prefix}.{name}.joined"]) for name in TEXTS
        }
        columns |= {name: arrays[f"{prefix}.{name}"] for name in INTEGERS + FLOATS}
        return cls(columns, len(columns["row"]))


def read_table(folder: Path) -> tuple[Table, Table, list[str]]:
    """Usable rows, the last word on objects without a NeRF, and notes on lines that cannot be used.

    Raises:
        BadInput: There is no manifest.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise BadInput("no zoo here (no manifest.jsonl)", where=folder, fix="make one with: n2v fit VIEWS --out ZOO")
    data = path.read_bytes()
    if len(data) < INDEX_FROM:
        return _parse(data, path)
    digest = hashlib.sha256(data).hexdigest()
    cached = _read_index(path.with_name(INDEX), digest)
    if cached is None:
        cached = _parse(data, path)
        with suppress(OSError, SafetensorError):  # a folder that cannot be written to is read all the same
            _write_index(path.with_name(INDEX), digest, *cached)
    return cached


def _parse(data: bytes, path: Path) -> tuple[Table, Table, list[str]]:
    lines, notes = parse(data, path)
    usable, without = settle(lines)
    return Table.of(usable), Table.of(without), notes


def _write_index(path: Path, digest: str, rows: Table, without: Table, notes: list[str]) -> None:
    tensors = {**rows.tensors("rows"), **without.tensors("without")}
    metadata = {"format": FORMAT, "manifest": digest, "notes": json.dumps(notes), "columns": _digest(tensors)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _read_index(path: Path, digest: str) -> tuple[Table, Table, list[str]] | None:
    """What the index holds; None without one, or when it belongs to another manifest or is damaged."""
    try:
        with safe_open(plain_file(path), "numpy") as file:
            metadata = file.metadata() or {}
            if (metadata.get("format"), metadata.get("manifest")) != (FORMAT, digest):
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if _digest(tensors) != metadata["columns"]:
            return None
        rows, without = Table.from_tensors(tensors, "rows"), Table.from_tensors(tensors, "without")
        return rows, without, json.loads(metadata["notes"])
    except (OSError, SafetensorError, KeyError, ValueError):  # also BadInput
        return None


def _digest(tensors: dict[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        total.update(np.ascontiguousarray(tensors[name]))
    return total.hexdigest()
