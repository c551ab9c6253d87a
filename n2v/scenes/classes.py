"""Classes: the thirteen of the thesis with their ShapeNet synsets (Table 3.1), and any others by name.

A class is a name, which a table or a folder gives. Its number, the label, belongs to a collection: the thirteen always
have 0 to 12, other names that occur have 13 and on.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int

from n2v.errors import BadInput
from n2v.files import plain_file

SYNSETS = {
    "airplane": "02691156", "bench": "02828884", "cabinet": "02933112", "car": "02958343", "chair": "03001627",
    "display": "03211117", "lamp": "03636649", "speaker": "03691459", "rifle": "04090263", "sofa": "04256520",
    "table": "04379243", "phone": "04401088", "watercraft": "04530566",
}  # fmt: skip
CLASSES: tuple[str, ...] = tuple(SYNSETS)  # position = label, 0..12
FREQUENCIES = {  # objects of each class, thesis Table 3.1
    "airplane": 4045, "bench": 1813, "cabinet": 1571, "car": 3514, "chair": 6777, "display": 1093, "lamp": 2292,
    "speaker": 1597, "rifle": 2369, "sofa": 3173, "table": 8433, "phone": 1050, "watercraft": 1939,
}  # fmt: skip


_BY_SYNSET = {synset: name for name, synset in SYNSETS.items()}
_SAFE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9_-])?")


def class_of(text: str) -> str:
    """A class by its name, one of the thirteen by its synset, too.

    Raises:
        BadInput: A name that not every file system takes.
    """
    name = _BY_SYNSET.get(text.strip(), text.strip())
    if not _SAFE.fullmatch(name):
        fix = "use at most 64 letters, digits, spaces and . _ -, with a letter or digit first"
        raise BadInput(f"'{text}' is no class name", fix=fix)
    return name


def label_of(class_name: str) -> int:
    """Label (0..12) of one of the thirteen classes; a synset id is accepted too."""
    name = _BY_SYNSET.get(class_name, class_name)
    if name not in SYNSETS:
        raise BadInput(f"unknown class '{class_name}'", fix=f"use one of: {', '.join(CLASSES)}")
    return CLASSES.index(name)


def labels_of(names: Iterable[str], known: dict[str, int] | None = None) -> dict[str, int]:
    """Label of every name in a collection, and of the thirteen.

    Args:
        names: The classes that occur.
        known: Labels given before, which stay; a new name gets the next free one, in sorted order.
    """
    labels = {name: label for label, name in enumerate(CLASSES)} | (known or {})
    for name in sorted(set(names) - set(labels)):
        labels[name] = max(labels.values()) + 1
    return labels


def names_of(labels: Int[np.ndarray, "n"], class_names: Iterable[str]) -> tuple[str, ...]:
    """Names by label, from items that have both: the thirteen, then the others; a label that does not occur is "-"."""
    found = dict(enumerate(CLASSES)) | dict(zip(labels.tolist(), class_names, strict=True))
    return tuple(found.get(label, "-") for label in range(max(found) + 1))


def class_of_folders(inner: Iterable[str], above: Iterable[str], class_name: str | None = None) -> str | None:
    """What a file's folders call it: the nearest of the thirteen classes, else `class_name`, else the first folder.

    Args:
        inner: Folders between the collection and the file, outermost first.
        above: The collection's own folder, and others that count only as one of the thirteen, nearest first.
        class_name: Of files whose folders name none of the thirteen.
    """
    inner = tuple(inner)
    known = (name for name in (*reversed(inner), *above) if _BY_SYNSET.get(name, name) in SYNSETS)
    return next(known, None) or class_name or next(iter(inner), None)


def read_rows(path: Path, *needed: str) -> list[dict[str, str]]:
    """Rows of a CSV table that has the columns `needed`.

    Raises:
        BadInput: No such file, no CSV, or a column is missing.
    """
    try:
        with open(plain_file(path), newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = table.fieldnames or ()  # read here: of an empty table, while the file is open
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in table]
    except FileNotFoundError:
        raise BadInput("no such file", where=path, fix="check the path") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"is not a CSV table ({error})", where=path, fix="save it as UTF-8 CSV") from None
    missing = [name for name in needed if name not in columns]
    if missing and rows:
        raise BadInput(f"has no column '{missing[0]}'", where=path, fix=f"name the columns {', '.join(needed)}")
    return rows


@dataclass(frozen=True)
class Labels:
    """Class of each file or folder that a table names (None: of none); paths are within the collection."""

    where: Path | None
    classes: dict[str, str]

    @classmethod
    def read(cls, path: Path | None) -> "Labels":
        """Read a table.

        Raises:
            BadInput: No table, a class that is no name, or a file with two classes.
        """
        classes: dict[str, str] = {}
        for row in read_rows(path, "file", "class") if path else ():
            name, named = PurePosixPath(row["file"].replace("\\", "/")).as_posix(), class_of(row["class"])
            if classes.setdefault(name, named) != named:
                raise BadInput(f"'{name}' is {classes[name]} and {named}", where=path, fix="give it one class")
        if path and not classes:
            raise BadInput("names no file", where=path, fix="write a line 'file,class', then one for each file")
        return cls(path and Path(path), classes)

    def of(self, file: str) -> str | None:
        """Class of a file: its own row, else that of the nearest folder above it."""
        path = PurePosixPath(file)
        return next((self.classes[name] for name in map(str, (path, *path.parents)) if name in self.classes), None)

    def unused(self, files: list[str]) -> list[dict]:
        """{file, reason} of rows that name none of the files nor a folder above one."""
        there = {str(place) for file in files for place in (PurePosixPath(file), *PurePosixPath(file).parents)}
        return [
            {"file": name, "reason": f"listed in {self.where.name}, but there is no such file"}
            for name in self.classes
            if name not in there
        ]
