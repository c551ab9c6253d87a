"""What a folder of meshes holds: each file's identity from its folders and from index.csv."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import inside, write_bytes
from n2v.identity import Identity
from n2v.scenes.classes import class_of, class_of_folders
from n2v.scenes.labels import Labels, read_rows
from n2v.scenes.meshes import SUFFIXES, UP
from n2v.scenes.objects import SceneObject
from n2v.scenes.sources.homes import home_of

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
    """One mesh file with its identity; `file` is its path within the collection.

    `augment` is the version to make of the file's object before it is photographed; 0: the file is the object.
    `up` is the file's upward axis, "auto" where the index says nothing.
    """

    path: Path
    file: str
    augment: int = 0
    up: str = "auto"

    @classmethod
    def of(cls, obj: SceneObject, path: Path, file: str) -> "Item":
        """The item of an object saved at `path`."""
        return cls(path=path, file=file, **obj.identity)

    def versions(self, n: int) -> list["Item"]:
        """Itself and, of a base object, its augmented versions 1 to n."""
        if self.version:
            return [self]
        return [self] + [
            replace(
                self, file=f"{self.file} (A{version})", object_id=f"{self.base_id}_A{version}", version=version,
                augment=version,
            )
            for version in range(1, n + 1)
        ]  # fmt: skip

    def folder(self, out: Path) -> Path:
        """Its view set's folder."""
        return Path(out) / self.class_name / self.object_id


def find_meshes(source: Path) -> list[Path]:
    """Mesh files at or below a folder, sorted; hidden ones are left out."""
    paths = (path for path in Path(source).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in paths if not any(p.startswith(".") for p in path.relative_to(source).parts))


def write_index(folder: Path, items: list[Item]) -> Path:
    """Write index.csv of a collection."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: getattr(item, column) for column in COLUMNS} for item in items)
    write_bytes(Path(folder) / INDEX, text.getvalue().encode())
    return Path(folder) / INDEX


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
    source = Path(source)
    class_name = None if class_name is None else class_of(class_name)
    table = Labels.read(labels) if labels else None
    if source.is_file():
        return [_single(source, class_name, table)], []
    if not source.is_dir():
        raise BadInput("no such file or folder", where=source, fix="give a mesh file or a folder of meshes")
    rows = read_index(source)
    files = {path.relative_to(source).as_posix(): path for path in find_meshes(source)}
    refused = [
        {"file": file, "reason": f"listed in {INDEX}, but there is no such file"} for file in rows if file not in files
    ]
    refused += table.unused(list(files)) if table else []
    if not files:
        raise BadInput("holds no mesh files", where=source, fix=f"put {', '.join(SUFFIXES)} files in class folders")
    stems = Counter((_named(path, source), path.stem.lower()) for path in files.values())
    items, taken = [], set()
    for file, path in files.items():
        unique = stems[(_named(path, source), path.stem.lower())] == 1
        try:
            row = _with_class(rows.get(file, {}), table, file)
            item = _item(path, file, row, _named(path, source, class_name), unique)
            if item.object_id.lower() in taken:
                item = _renamed(item, rows.get(file, {}), taken)
        except BadInput as error:
            refused.append({"file": file, "reason": f"{error.what}; {error.fix}"})
            continue
        taken.add(item.object_id.lower())
        items.append(item)
    return items, refused


def read_index(folder: Path) -> dict[str, dict]:
    """Rows of folder/index.csv by their file; empty without one."""
    path = Path(folder) / INDEX
    if not path.exists():
        return {}
    rows = read_rows(path, "file")
    for row in rows:
        inside(folder, row["file"])
    return {Path(row["file"]).as_posix(): row for row in rows}


def _with_class(row: dict, table: Labels | None, file: str) -> dict:
    """A row of the index with the class that a table of labels gives the file."""
    named = table.of(file) if table else None
    return {**row, "class_name": named} if named else row


def _single(path: Path, class_name: str | None, table: Labels | None) -> Item:
    """A mesh file alone; its row in an index.csv of the folder above or beside it counts too."""
    for root in (path.parent, path.parent.parent):
        row = read_index(root).get(path.relative_to(root).as_posix())
        if row:
            return _item(path, path.name, _with_class(row, table, path.name), _named(path, root, class_name), True)
    above = [folder.name for folder in path.resolve().parents[:3]]
    return _item(path, path.name, _with_class({}, table, path.name), class_of_folders((), above, class_name), True)


def _named(path: Path, source: Path, class_name: str | None = None) -> str | None:
    """What a mesh's folders within a collection say of its class; a folder named by the object's id says nothing."""
    root, home = Path(source).resolve(), home_of(path)
    folder = (home.folder if home else path).resolve().parent
    if not folder.is_relative_to(root):  # the collection is one object's folder
        return class_of_folders((), [folder.name], class_name)
    return class_of_folders(folder.relative_to(root).parts, [root.name], class_name)


def _item(path: Path, file: str, row: dict, named: str | None, unique: bool) -> Item:
    """The item of a mesh whose folders call it `named`; its row in the index says more, or otherwise."""
    named = row.get("class_name") or named
    if not named:
        raise BadInput("has no class", where=path, fix="put it in a folder named after its class or give --class-name")
    named = class_of(named)
    home = home_of(path)
    own_name = path.stem if unique else str(Path(file).with_suffix(""))
    object_id = row.get("object_id") or _safe(home.folder.name if home else own_name)
    if not SAFE_NAME.fullmatch(object_id):
        raise BadInput(f"object_id '{object_id}' is no safe file name", where=path, fix="use letters, digits, . _ -")
    try:
        version = int(row.get("version") or 0)
    except ValueError:
        raise BadInput(f"version '{row['version']}' is no number", where=path, fix="use 0, 1, 2, ...") from None
    up = row.get("up") or "auto"
    if up not in UP:
        raise BadInput(f"upward axis '{up}'", where=path, fix=f"use {', '.join(UP)}")
    group = row.get("shape_group") or (home.folder.name if home else "")
    return Item(
        path=path,
        file=file,
        object_id=object_id,
        class_name=named,
        base_id=row.get("base_id", ""),
        version=version,
        shape_group=f"group-{group}" if group.isdigit() else group,
        source=row.get("source") or (home.source if home else ""),
        licence=row.get("licence") or (home.licence if home else ""),
        family=row.get("family", ""),
        slots=row.get("slots", ""),
        up=up,
    )


def _safe(name: str) -> str:
    """A name of letters, digits, dot, underscore and hyphen that no file system minds."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:100] or "object"


def _renamed(item: Item, row: dict, taken: set[str]) -> Item:
    """Another object_id for a file whose stem is taken; an id given in the index is never changed."""
    if row.get("object_id"):
        raise BadInput(f"object_id '{item.object_id}' is there twice", where=item.file, fix="give each its own")
    names = (f"{item.class_name}-{item.object_id}", *(f"{item.object_id}-{n}" for n in range(2, 10_000)))
    own = {name: "" for name in ("base_id", "shape_group") if getattr(item, name) == item.object_id}
    return replace(item, object_id=next(name for name in names if name.lower() not in taken), **own)
