"""What a folder holds: each object's identity from its folders, from index.csv and from a table of labels."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import chain, count
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import inside, write_bytes
from n2v.identity import IDENTITY, Identity
from n2v.scenes.classes import Labels, class_of, class_of_folders, read_rows
from n2v.scenes.homes import home_of
from n2v.scenes.meshes import SUFFIXES, UP

INDEX = "index.csv"
COLUMNS = ("file", *IDENTITY)
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


@dataclass(frozen=True)
class Found:
    """An object on disk before it has a name: what its own folders (outermost first) and those above call it.

    `row` is what a table says of it, which comes first; `name` becomes its id, made safe.
    """

    path: Path
    file: str
    name: str
    folders: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    row: dict[str, str] = field(default_factory=dict)


def identified(found: list[Found], class_name: str | None, table: Labels) -> tuple[list[Item], list[dict]]:
    """Items with ids of their own, and {file, reason} of those whose identity is not clear.

    An id that another object has already becomes `<class>-<id>`, then `<class>-<id>-2`.
    """
    items, taken = [], set()
    refused = table.unused([one.file for one in found])
    for one in found:
        try:
            items.append(_item(one, class_name, table.of(one.file), taken))
        except BadInput as error:
            refused.append({"file": one.file, "reason": why(error)})
    return items, refused


def why(error: BadInput) -> str:
    """What is wrong and what to do, in one line without the place."""
    return f"{error.what}; {error.fix}" if error.fix else error.what


def _item(one: Found, class_name: str | None, labelled: str | None, taken: set[str]) -> Item:
    named = labelled or one.row.get("class_name") or class_of_folders(one.folders, one.above, class_name)
    if not named:
        raise BadInput(
            "has no class", where=one.path, fix="put it in a folder named after its class or give --class-name"
        )
    named, row = class_of(named), one.row
    try:
        version = int(row.get("version") or 0)
    except ValueError:
        raise BadInput(f"version '{row['version']}' is no number", fix="use 0, 1, 2, ...") from None
    up, group = row.get("up") or "auto", row.get("shape_group") or ""
    if up not in UP:
        raise BadInput(f"upward axis '{up}'", fix=f"use {', '.join(UP)}")
    texts = {name: row.get(name) or "" for name in IDENTITY} | {
        "object_id": _object_id(row.get("object_id"), named, one.name, taken),
        "class_name": named, "version": version, "shape_group": f"group-{group}" if group.isdigit() else group,
    }  # fmt: skip
    return Item(**texts, path=one.path, file=one.file, up=up)


def _object_id(given: str | None, named: str, own_name: str, taken: set[str]) -> str:
    """The id that is given, which is never changed, or a safe one that no other object has, whatever their capitals."""
    if given and not SAFE_NAME.fullmatch(given):
        raise BadInput(f"object_id '{given}' is no safe file name", fix="use letters, digits, . _ -")
    if given and given.lower() in taken:
        raise BadInput(f"object_id '{given}' is there twice", fix="give each its own")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", own_name).strip("._-")[:100] or "object"
    names = chain((given or safe, f"{named}-{safe}"), (f"{named}-{safe}-{n}" for n in count(2)))
    name = next(name for name in names if name.lower() not in taken)
    taken.add(name.lower())
    return name


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
    rows = read_rows(path, "file") if path.exists() else []
    for row in rows:
        inside(folder, row["file"])
    return {Path(row["file"]).as_posix(): row for row in rows}


def find_items(
    source: Path, class_name: str | None = None, labels: Path | None = None
) -> tuple[list[Item], list[dict]]:
    """Items of a mesh file or a folder, and {file, reason} of those whose identity is not clear.

    Args:
        source: Mesh file, or folder of them. An index.csv in the folder of a single file, or above it, counts too.
        class_name: Class where neither a table nor a folder names one.
        labels: A table (file, class) that has the first word.

    Raises:
        BadInput: No such path, no meshes, a broken table, or a single mesh without a class.
    """
    source, table = Path(source), Labels.read(labels)
    class_name = None if class_name is None else class_of(class_name)
    if source.is_file():
        return _single(source, class_name, table)
    if not source.is_dir():
        raise BadInput("no such file or folder", where=source, fix="give a mesh file or a folder of meshes")
    files, rows = find_meshes(source), read_index(source)
    if not files:
        raise BadInput("holds no mesh files", where=source, fix=f"put {', '.join(SUFFIXES)} files in class folders")
    places = {path: _places(path, source) for path in files}
    stems = Counter((class_of_folders(*places[path]), path.stem.lower()) for path in files)
    found = []
    for path in files:
        file = path.relative_to(source).as_posix()
        unique = stems[class_of_folders(*places[path]), path.stem.lower()] == 1
        name = path.stem if unique else str(Path(file).with_suffix(""))
        found.append(_found(path, file, name, places[path], rows.pop(file, {})))
    items, refused = identified(found, class_name, table)
    reason = f"listed in {INDEX}, but there is no such file"
    return items, [{"file": file, "reason": reason} for file in rows] + refused


def _single(path: Path, class_name: str | None, table: Labels) -> tuple[list[Item], list[dict]]:
    """A mesh file alone; folders above it count only as one of the thirteen classes."""
    row, places = {}, ((), tuple(folder.name for folder in path.resolve().parents[:3]))
    for root in (path.parent.parent, path.parent):
        listed = read_index(root).get(path.relative_to(root).as_posix())
        if listed:
            row, places = listed, _places(path, root)
    return [_item(_found(path, path.name, path.stem, places, row), class_name, table.of(path.name), set())], []


def _places(path: Path, source: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Folders between a collection and a mesh, or the folder named by its id, and the collection's own name."""
    root, home = Path(source).resolve(), home_of(path)
    folder = (home.folder if home else path).resolve().parent
    if not folder.is_relative_to(root):  # the collection is one object's folder
        return (), (folder.name,)
    return folder.relative_to(root).parts, (root.name,)


def _found(path: Path, file: str, name: str, places: tuple, row: dict[str, str]) -> Found:
    """A mesh, with what its layout says where its row in the index says nothing."""
    home = home_of(path)
    if home:
        name, known = home.folder.name, {"source": home.source, "licence": home.licence}
        row = {**known, "shape_group": name, **{key: value for key, value in row.items() if value}}
    return Found(path, file, name, *places, row)
