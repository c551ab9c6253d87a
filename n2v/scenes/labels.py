"""Classes from a table: CSV with the columns `file` and `class`, for folders that name none."""

import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from n2v.errors import BadInput
from n2v.files import plain_file
from n2v.scenes.classes import class_of


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
