"""Which layout a folder has, told from its files, and the objects in it."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

from n2v.errors import BadInput
from n2v.scenes.classes import class_of, class_of_folders
from n2v.scenes.homes import SHAPENET, SHAPENET_MESHES, home_of
from n2v.scenes.items import SAFE_NAME, Item, another_name, why
from n2v.scenes.labels import Labels
from n2v.scenes.sources.layout import Layout
from n2v.scenes.sources.objaverse import OBJAVERSE
from n2v.scenes.sources.shapenet_pictures import DISN, R2N2
from n2v.scenes.sources.transforms import BLENDER, NERFSTUDIO

MESHES = Layout(
    "shapenet", " or ".join(f"<synset>/<id>/{name}" for name in SHAPENET_MESHES), SHAPENET, read=None,
    starts=lambda folder, *_: any(home_of(folder / name) and (folder / name).is_file() for name in SHAPENET_MESHES),
)  # fmt: skip
LAYOUTS = {layout.name: layout for layout in (DISN, R2N2, BLENDER, NERFSTUDIO, OBJAVERSE, MESHES)}
FIRST = (BLENDER, NERFSTUDIO, OBJAVERSE, DISN, R2N2, MESHES)  # files say more than folders' names
OTHER_PICTURES = ("albedo", "depth", "normal")  # siblings of DISN's `image`, with the same files


def recognise(root: Path, layout: str = "auto") -> tuple[Layout, str]:
    """A folder's layout, and a sentence on why it was taken.

    Raises:
        BadInput: No such folder, an unknown layout, or files of none or of several layouts under "auto".
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput("no such folder", where=root, fix="give the folder of the collection")
    if layout in LAYOUTS:
        return LAYOUTS[layout], f"{layout}, as told"
    if layout != "auto":
        raise BadInput(f"unknown layout '{layout}'", fix=f"use one of: auto, {', '.join(LAYOUTS)}")
    counts = Counter(layout.name for _, _, layout in _walk(root))
    if len(counts) == 1:
        name, n = counts.most_common(1)[0]
        return LAYOUTS[name], f"{name}: {n} of {LAYOUTS[name].looks_like}"
    looked = "; ".join(f"{name}: {known.looks_like}" for name, known in LAYOUTS.items())
    if not counts:
        raise BadInput(f"holds none of the known layouts ({looked})", where=root, fix="check the folder")
    several = ", ".join(f"{n} of {name}" for name, n in sorted(counts.items()))
    fix = f"say which with --layout ({', '.join(sorted(counts))})"
    raise BadInput(f"holds several layouts ({several}; looked for {looked})", where=root, fix=fix)


def _walk(root: Path) -> Iterator[tuple[Path, list[str], Layout]]:
    """(folder, its sub-folders, layout) of every folder that starts an object; links are not followed."""
    for name, folders, files in os.walk(root):
        folder = Path(name)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in OTHER_PICTURES)
        layout = next((layout for layout in FIRST if layout.starts(folder, folders, files)), None)
        if layout:
            yield folder, list(folders), layout
            folders.clear()


def find(
    root: Path, layout: Layout, difficulty: str, class_name: str | None, labels: Path | None = None
) -> tuple[list[Item], list[dict]]:
    """Objects of a folder, sorted, and {file, reason} of those whose identity is not clear.

    An id keeps its name; where it is listed under two classes, the later ones are called `<class>-<id>` and all share
    a shape group, so that no split divides them.

    Raises:
        BadInput: Unknown difficulty, meshes, or no object of the layout.
    """
    root, table = Path(root), Labels.read(labels)
    if difficulty not in DISN.views:
        raise BadInput(f"unknown difficulty '{difficulty}'", fix=f"use one of: {', '.join(DISN.views)}")
    if layout.read is None:
        raise BadInput("holds meshes, not pictures", where=root, fix="use: n2v render")
    starts = {_name(folder, root): (folder, folders) for folder, folders, kind in _walk(root) if kind is layout}
    refused, found, taken = table.unused(list(starts)), [], set()
    for file, (folder, folders) in starts.items():
        try:
            home, pictures = _places(folder, folders, layout, difficulty)
            named = table.of(file) or _class(home, folder, root.resolve(), class_name)
            names = chain([home.name], [f"{named}-{home.name}"], (f"{named}-{home.name}-{n}" for n in count(2)))
            object_id = another_name(names, taken)
        except BadInput as error:
            refused.append({"file": file, "reason": why(error)})
            continue
        found.append(Item(object_id, named, path=pictures, file=file, shape_group=home.name))
    if not found and not refused:
        what = f"holds no object of the layout {layout.name} ({layout.looks_like})"
        raise BadInput(what, where=root, fix="check the folder, or use --layout auto")
    return found, refused


def _places(folder: Path, folders: list[str], layout: Layout, difficulty: str) -> tuple[Path, Path]:
    """The folder named by the object's id, and that of its pictures."""
    home = pictures = folder
    if layout.views and folder.resolve().name in layout.views:
        home = folder.resolve().parent
    elif layout.views:
        view = difficulty if difficulty in layout.views else layout.views[0]
        if view not in folders:
            fix = "download the object again, or choose another --difficulty"
            raise BadInput(f"has no folder '{view}'", fix=fix)
        pictures = folder / view
    home = home.resolve()
    if not SAFE_NAME.fullmatch(home.name):
        raise BadInput(f"object_id '{home.name}' is no safe file name", fix="use letters, digits, . _ -")
    return home, pictures


def _class(home: Path, folder: Path, top: Path, class_name: str | None) -> str:
    """What the folder above an object's says of its class."""
    inner = home.parent.relative_to(top).parts[-1:] if home != top and home.is_relative_to(top) else ()
    synset = [name for name in inner if name.isdigit() and len(name) == 8]  # says more than --class-name
    named = next(iter(synset), None) or class_of_folders(inner, [home.parent.name], class_name)
    if not named:
        raise BadInput("has no class", where=folder, fix="give --class-name or --labels")
    return class_of(named)


def _name(folder: Path, root: Path) -> str:
    """A folder's path within the collection; its own name when it is the collection."""
    return folder.resolve().name if folder == root else folder.relative_to(root).as_posix()
