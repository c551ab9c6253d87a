"""Manifest rows as columns: of 100,000 lines some tens of megabytes instead of a row object each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from n2v.errors import BadInput
from n2v.zoo.manifest import FLOATS, INTEGERS, MANIFEST, NAMES, TEXTS, Row, parse, settle


class Texts:
    """A column of strings: a code a row into the distinct values, in the order of their first appearance."""

    def __init__(self, values: list[str]) -> None:
        codes: dict[str, int] = {}
        self.codes = np.array([codes.setdefault(value, len(codes)) for value in values], np.uint32)
        self.choices = list(codes)

    def __getitem__(self, i: int | np.integer) -> str:
        return self.choices[self.codes[i]]

    def __iter__(self) -> Iterator[str]:
        return (self.choices[code] for code in self.codes.tolist())


class Table(Sequence):
    """Rows in columns; a Row is made when it is asked for."""

    def __init__(self, lines: list[dict]) -> None:
        self._n = len(lines)
        self.columns: dict = {name: Texts([line[name] for line in lines]) for name in TEXTS}
        self.columns |= {name: np.array([line[name] for line in lines], np.int64) for name in INTEGERS}
        self.columns |= {name: np.array([line[name] for line in lines], np.float64) for name in FLOATS}

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
        return (Row(**dict(zip(NAMES, values, strict=True))) for values in zip(*columns, strict=True))

    def where(self, name: str, value: str) -> Int[np.ndarray, "n"]:
        """Positions of the rows whose text `name` is `value`."""
        column = self.columns[name]
        if value not in column.choices:
            return np.zeros(0, np.int64)
        return np.flatnonzero(column.codes == column.choices.index(value))


def read_table(folder: Path) -> tuple[Table, Table, list[str]]:
    """Usable rows, the last word on objects without a NeRF, and notes on lines that cannot be used.

    Raises:
        BadInput: There is no manifest.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise BadInput("no zoo here (no manifest.jsonl)", where=folder, fix="make one with: n2v fit VIEWS --out ZOO")
    lines, notes = parse(path.read_bytes(), path)
    usable, without = settle(lines)
    return Table(usable), Table(without), notes
