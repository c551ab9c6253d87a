"""What a folder of meshes holds: each file's identity from its folders and from index.csv."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, replace
from itertools import chain, count
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import inside, write_bytes
from n2v.identity import IDENTITY, Identity
from n2v.scenes.classes import class_of, class_of_folders
from n2v.scenes.homes import home_of
from n2v.scenes.labels import Labels, read_rows
from n2v.scenes.meshes import SUFFIXES, UP

INDEX = "index.csv"
COLUMNS = (
    "file",
    "class_name",
    "source",
    "licence",
    "shape_group",
    "base_id",
    "version",
    "object_id",
    "family",
    "slots",
)
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Item(Identity):
    """One object on disk, a mesh file or a folder of pictures; `file` is its path within the collection.

    `augment` is the version to make of the file's object before it is photographed; 0: the file is the object.
    `up` is the file's upward axis, "auto" where the index says nothing.
    """

    path: Path
    file: str
    _: KW_ONLY
    augment: int = 0
    up: str = "auto"

    def versions(self, n: int) -> Iterator["Item"]:
        """Itself and, of a base object, its augmented versions 1 to n."""
        yield self
        for version in range(1, n + 1 if not self.version else 1):
            file, object_id = f"{self.file} (A{version})", f"{self.base_id}_A{version}"
            yield replace(self, file=file, object_id=object_id, version=version, augment=version)

    def folder(self, out: Path) -> Path:
        """Its view set's folder."""
        return Path(out) / self.class_name / self.object_id


def another_name(names: Iterator[str], taken: set[str]) -> str:
    """The first of the names that no other object has, whatever their capitals; it is taken then."""
    name = next(name for name in names if name.lower() not in taken)
    taken.add(name.lower())
    return name


def why(error: BadInput) -> str:
    """What is wrong and what to do, in one line without the place."""
    return f"{error.what}; {error.fix}" if error.fix else error.what


def find_meshes(source: Path) -> list[Path]:
    """Mesh files at or below a folder, sorted; hidden ones are left out."""
    paths = (path for path in Path(source).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in paths if not any(p.startswith(".") for p in path.relative_to(source).parts))


def write_index(folder: Path, rows: dict[str, Identity]) -> None:
    """Write index.csv of a collection: what each file is."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"file": file, **one.identity} for file, one in rows.items())
    write_bytes(Path(folder) / INDEX, text.getvalue().encode())


def read_index(folder: Path) -> dict[str, dict]:
    """Rows of folder/index.csv by their file; empty without one."""
    path = Path(folder) / INDEX
    if not path.exists():
        return {}
    rows = read_rows(path, "file")
    for row in rows:
        inside(folder, row["file"])
    return {Path(row["file"]).as_posix(): row for row in rows}


def find_items(
    source: Path, class_name: str | None = None, labels: Path | None = None
) -> tuple[list[Item], list[dict]]:
    """Items of a mesh file or a folder, and {file, reason} of those whose identity is not clear.

    Args:
        source: Mesh file, or folder of them.
        class_name: Class where neither a table nor a folder names one.
        labels: A table (file, class) that has the first word.

    Raises:
        BadInput: No such path, no meshes, a broken table, or a single mesh without a class.
    """
    source, table = Path(source), Labels.read(labels)
    class_name = None if class_name is None else class_of(class_name)
    if source.is_file():
        return [_single(source, class_name, table)], []
    if not source.is_dir():
        raise BadInput("no such file or folder", where=source, fix="give a mesh file or a folder of meshes")
    rows = read_index(source)
    files = {path.relative_to(source).as_posix(): path for path in find_meshes(source)}
    reason = f"listed in {INDEX}, but there is no such file"
    refused = [{"file": file, "reason": reason} for file in rows if file not in files] + table.unused(list(files))
    if not files:
        raise BadInput("holds no mesh files", where=source, fix=f"put {', '.join(SUFFIXES)} files in class folders")
    stems = Counter((_named(path, source), path.stem.lower()) for path in files.values())
    items, taken = [], set()
    for file, path in files.items():
        unique = stems[(_named(path, source), path.stem.lower())] == 1
        own_name = path.stem if unique else str(Path(file).with_suffix(""))
        row = _with_class(rows.get(file, {}), table, file)
        try:
            items.append(_item(path, file, row, _named(path, source, class_name), own_name, taken))
        except BadInput as error:
            refused.append({"file": file, "reason": why(error)})
    return items, refused


def _with_class(row: dict, table: Labels, file: str) -> dict:
    """A row of the index with the class that a table of labels gives the file."""
    return {**row, "class_name": table.of(file) or row.get("class_name")}


def _single(path: Path, class_name: str | None, table: Labels) -> Item:
    """A mesh file alone; its row in an index.csv of the folder above or beside it counts too."""
    row, named = {}, class_of_folders((), [folder.name for folder in path.resolve().parents[:3]], class_name)
    for root in (path.parent.parent, path.parent):
        found = read_index(root).get(path.relative_to(root).as_posix())
        if found:
            row, named = found, _named(path, root, class_name)
    return _item(path, path.name, _with_class(row, table, path.name), named, path.stem, set())


def _named(path: Path, source: Path, class_name: str | None = None) -> str | None:
    """What a mesh's folders within a collection say of its class; a folder named by the object's id says nothing."""
    root, home = Path(source).resolve(), home_of(path)
    folder = (home.folder if home else path).resolve().parent
    if not folder.is_relative_to(root):  # the collection is one object's folder
        return class_of_folders((), [folder.name], class_name)
    return class_of_folders(folder.relative_to(root).parts, [root.name], class_name)


def _item(path: Path, file: str, row: dict, named: str | None, own_name: str, taken: set[str]) -> Item:
    """The item of a mesh whose folders call it `named`; its row in the index says more, or otherwise."""
    named = row.get("class_name") or named
    if not named:
        raise BadInput("has no class", where=path, fix="put it in a folder named after its class or give --class-name")
    named, home = class_of(named), home_of(path)
    try:
        version = int(row.get("version") or 0)
    except ValueError:
        raise BadInput(f"version '{row['version']}' is no number", where=path, fix="use 0, 1, 2, ...") from None
    up = row.get("up") or "auto"
    if up not in UP:
        raise BadInput(f"upward axis '{up}'", where=path, fix=f"use {', '.join(UP)}")
    group = row.get("shape_group") or (home.folder.name if home else "")
    texts = {name: row.get(name) or getattr(home, name, "") for name in IDENTITY} | {
        "object_id": _object_id(path, row, named, home.folder.name if home else own_name, taken),
        "class_name": named, "version": version, "shape_group": f"group-{group}" if group.isdigit() else group,
    }  # fmt: skip
    return Item(**texts, path=path, file=file, up=up)


def _object_id(path: Path, row: dict, named: str, own_name: str, taken: set[str]) -> str:
    """The id in the index, which is never changed, or a safe one that no other object has."""
    given = row.get("object_id")
    if given and not SAFE_NAME.fullmatch(given):
        raise BadInput(f"object_id '{given}' is no safe file name", where=path, fix="use letters, digits, . _ -")
    if given and given.lower() in taken:
        raise BadInput(f"object_id '{given}' is there twice", where=path, fix="give each its own")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", own_name).strip("._-")[:100] or "object"
    names = (given,) if given else chain((safe, f"{named}-{safe}"), (f"{safe}-{n}" for n in count(2)))
    return another_name(iter(names), taken)
