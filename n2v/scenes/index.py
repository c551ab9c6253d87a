"""What a folder of meshes holds: each file's identity from its folders and from index.csv."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from n2v.errors import BadInput
from n2v.files import inside, plain_file, write_bytes
from n2v.scenes.classes import CLASSES, label_of
from n2v.scenes.meshes import SUFFIXES
from n2v.scenes.objects import SceneObject
from n2v.scenes.sources.shapenet import LICENCE as SHAPENET_LICENCE
from n2v.scenes.sources.shapenet import SOURCE as SHAPENET
from n2v.scenes.sources.shapenet import object_folder

INDEX = "index.csv"
COLUMNS = ("file", "class_name", "source", "licence", "shape_group", "base_id", "version", "object_id", "family")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Item:
    """One mesh file with its identity; `file` is its path within the collection.

    `augment` is the version to make of the file's object before it is photographed; 0: the file is the object.
    """

    path: Path
    file: str
    object_id: str
    class_name: str
    base_id: str = ""
    version: int = 0
    shape_group: str = ""
    source: str = ""
    licence: str = ""
    family: str = ""
    augment: int = 0

    @classmethod
    def of(cls, obj: SceneObject, path: Path, file: str) -> "Item":
        """The item of an object saved at `path`."""
        names = ("object_id", "class_name", "base_id", "version", "shape_group", "source", "licence", "family")
        return cls(path, file, **{name: getattr(obj, name) for name in names})

    @property
    def identity(self) -> dict:
        """What SceneObject and ViewSet both take."""
        names = ("object_id", "class_name", "base_id", "version", "shape_group", "source", "licence")
        return {name: getattr(self, name) for name in names}

    def versions(self, n: int) -> list["Item"]:
        """Itself and, of a base object, its augmented versions 1 to n."""
        if self.version:
            return [self]
        base_id = self.base_id or self.object_id
        group = self.shape_group or base_id
        return [self] + [
            replace(
                self, file=f"{self.file} (A{version})", object_id=f"{base_id}_A{version}", base_id=base_id,
                version=version, shape_group=group, augment=version,
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


def find_items(source: Path, class_name: str | None = None) -> tuple[list[Item], list[dict]]:
    """Items of a mesh file or a folder, and {file, reason} of those whose identity is not clear.

    Raises:
        BadInput: No such path, no meshes, a broken index.csv, or a single mesh without a class.
    """
    source = Path(source)
    class_name = None if class_name is None else CLASSES[label_of(class_name)]
    if source.is_file():
        return [_single(source, class_name)], []
    if not source.is_dir():
        raise BadInput("no such file or folder", where=source, fix="give a mesh file or a folder of meshes")
    rows = read_index(source)
    files = {path.relative_to(source).as_posix(): path for path in find_meshes(source)}
    refused = [
        {"file": file, "reason": f"listed in {INDEX}, but there is no such file"} for file in rows if file not in files
    ]
    if not files:
        raise BadInput("holds no mesh files", where=source, fix=f"put {', '.join(SUFFIXES)} files in class folders")
    stems = Counter((_class_folder(path, source), path.stem.lower()) for path in files.values())
    items, taken = [], set()
    for file, path in files.items():
        unique = stems[(_class_folder(path, source), path.stem.lower())] == 1
        try:
            item = _item(path, file, rows.get(file, {}), class_name, source, unique)
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
    try:
        with open(plain_file(path), newline="", encoding="utf-8-sig") as file:
            rows = [{key: (value or "") for key, value in row.items()} for row in csv.DictReader(file)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"is not a CSV table ({error})", where=path, fix="save it as UTF-8 CSV") from None
    if rows and "file" not in rows[0]:
        raise BadInput("has no column 'file'", where=path, fix="name the column with the mesh paths 'file'")
    for row in rows:
        inside(folder, row["file"])
    return {Path(row["file"]).as_posix(): row for row in rows}


def _single(path: Path, class_name: str | None) -> Item:
    """A mesh file alone; its row in an index.csv of the folder above or beside it counts too."""
    for root in (path.parent, path.parent.parent):
        row = read_index(root).get(path.relative_to(root).as_posix())
        if row:
            return _item(path, path.name, row, class_name, root, True)
    return _item(path, path.name, {}, class_name, path.resolve().parent.parent, True)


def _class_folder(path: Path, source: Path) -> str | None:
    """Class named by the nearest folder between the mesh and the collection (the collection included)."""
    inner = path.resolve().parent.relative_to(Path(source).resolve()).parts
    for name in (*reversed(inner), Path(source).resolve().name):
        try:
            return CLASSES[label_of(name)]
        except BadInput:
            continue
    return None


def _item(path: Path, file: str, row: dict, class_name: str | None, source: Path, unique: bool) -> Item:
    named = row.get("class_name") or class_name or _class_folder(path, source)
    if not named:
        fix = f"put it in a folder named after its class ({', '.join(CLASSES)}) or give --class-name"
        raise BadInput("has no class", where=path, fix=fix)
    named = CLASSES[label_of(named)]
    shapenet = object_folder(path)
    own_name = path.stem if unique else str(Path(file).with_suffix(""))
    object_id = row.get("object_id") or _safe(shapenet.name if shapenet else own_name)
    if not SAFE_NAME.fullmatch(object_id):
        raise BadInput(f"object_id '{object_id}' is no safe file name", where=path, fix="use letters, digits, . _ -")
    try:
        version = int(row.get("version") or 0)
    except ValueError:
        raise BadInput(f"version '{row['version']}' is no number", where=path, fix="use 0, 1, 2, ...") from None
    group = row.get("shape_group") or (shapenet.name if shapenet else "")
    return Item(
        path=path,
        file=file,
        object_id=object_id,
        class_name=named,
        base_id=row.get("base_id", ""),
        version=version,
        shape_group=f"group-{group}" if group.isdigit() else group,
        source=row.get("source") or (SHAPENET if shapenet else ""),
        licence=row.get("licence") or (SHAPENET_LICENCE if shapenet else ""),
        family=row.get("family", ""),
    )


def _safe(name: str) -> str:
    """A name of letters, digits, dot, underscore and hyphen that no file system minds."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:100] or "object"


def _renamed(item: Item, row: dict, taken: set[str]) -> Item:
    """Another object_id for a file whose stem is taken; an id given in the index is never changed."""
    if row.get("object_id"):
        raise BadInput(f"object_id '{item.object_id}' is there twice", where=item.file, fix="give each its own")
    names = (f"{item.class_name}-{item.object_id}", *(f"{item.object_id}-{n}" for n in range(2, 10_000)))
    return replace(item, object_id=next(name for name in names if name.lower() not in taken))
