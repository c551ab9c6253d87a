"""Which layout a folder has, told from its files, and the objects in it."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from n2v.errors import BadInput
from n2v.scenes.classes import class_of, class_of_folders
from n2v.scenes.index import SAFE_NAME
from n2v.scenes.labels import Labels
from n2v.scenes.sources import shapenet
from n2v.scenes.sources.blender import BLENDER
from n2v.scenes.sources.disn import DISN
from n2v.scenes.sources.nerfstudio import NERFSTUDIO, TRANSFORMS
from n2v.scenes.sources.objaverse import FIRST, OBJAVERSE
from n2v.scenes.sources.orbit import METADATA
from n2v.scenes.sources.pictures import Found
from n2v.scenes.sources.r2n2 import R2N2
from n2v.scenes.views import TRAIN

LAYOUTS = {layout.name: layout for layout in (DISN, R2N2, BLENDER, NERFSTUDIO, OBJAVERSE)}
MESHES = "shapenet"
NAMES = (*LAYOUTS, MESHES)
DIFFICULTIES = ("easy", "hard")
OTHER_PICTURES = ("albedo", "depth", "normal")  # siblings of DISN's `image`, with the same files


def recognise(root: Path, layout: str = "auto") -> tuple[str, str]:
    """Name of a folder's layout, and a sentence on why it was taken.

    Raises:
        BadInput: No such folder, an unknown layout, or files of none or of several layouts under "auto".
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput("no such folder", where=root, fix="give the folder of the collection")
    if layout in NAMES:
        return layout, f"{layout}, as told"
    if layout != "auto":
        raise BadInput(f"unknown layout '{layout}'", fix=f"use one of: auto, {', '.join(NAMES)}")
    counts = Counter(kind for _, _, kind in _walk(root))
    if len(counts) == 1:
        name, n = counts.most_common(1)[0]
        return name, f"{name}: {n} of {looks_like(name)}"
    looked = "; ".join(f"{name}: {looks_like(name)}" for name in NAMES)
    if not counts:
        raise BadInput(f"holds none of the known layouts ({looked})", where=root, fix="check the folder")
    several = ", ".join(f"{n} of {name}" for name, n in sorted(counts.items()))
    fix = f"say which with --layout ({', '.join(sorted(counts))})"
    raise BadInput(f"holds several layouts ({several}; looked for {looked})", where=root, fix=fix)


def looks_like(name: str) -> str:
    """Files that tell a layout."""
    return shapenet.LOOKS_LIKE if name == MESHES else LAYOUTS[name].looks_like


def _walk(root: Path) -> Iterator[tuple[Path, list[str], str]]:
    """(folder, its sub-folders, layout) of every folder that starts an object; links are not followed."""
    for name, folders, files in os.walk(root):
        folder = Path(name)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in OTHER_PICTURES)
        kind = _kind(folder, folders, files)
        if kind:
            yield folder, list(folders), kind
            folders.clear()


def _kind(folder: Path, folders: list[str], files: list[str]) -> str | None:
    """Layout of the object that starts at a folder (for pictures: the one above the views)."""
    own = folder.resolve().name
    if TRAIN in files:
        return BLENDER.name
    if TRANSFORMS in files:
        return NERFSTUDIO.name
    if all(name in files for name in FIRST):
        return OBJAVERSE.name
    if any(name in folders for name in DIFFICULTIES) or (own in DIFFICULTIES and METADATA in files):
        return DISN.name
    if "rendering" in folders or (own == "rendering" and METADATA in files):
        return R2N2.name
    if any(shapenet.object_folder(folder / name) for name in ("model.obj", "models/model_normalized.obj")):
        has_mesh = "model.obj" in files or (folder / "models" / "model_normalized.obj").is_file()
        return MESHES if has_mesh else None
    return None


def find(
    root: Path, layout: str, difficulty: str, class_name: str | None, labels: Path | None = None
) -> tuple[list[Found], list[dict]]:
    """Objects of a folder, sorted, and {file, reason} of those whose identity is not clear.

    An id keeps its name; where it is listed under two classes, the later ones are called `<class>-<id>` and all share
    a shape group, so that no split divides them.

    Raises:
        BadInput: Unknown difficulty, meshes, or no object of the layout.
    """
    if difficulty not in DIFFICULTIES:
        raise BadInput(f"unknown difficulty '{difficulty}'", fix=f"use one of: {', '.join(DIFFICULTIES)}")
    if layout == MESHES:
        raise BadInput("holds meshes, not pictures", where=root, fix="use: n2v render")
    views = {DISN.name: difficulty, R2N2.name: "rendering"}.get(layout, "")
    table = Labels.read(labels) if labels else None
    starts = [(folder, folders) for folder, folders, kind in _walk(Path(root)) if kind == layout]
    refused = table.unused([_name(folder, Path(root)) for folder, _ in starts]) if table else []
    found, taken = [], set()
    for folder, folders in starts:
        listed = table.of(_name(folder, Path(root))) if table else None
        try:
            item = _identify(folder, folders, views, Path(root), class_name, listed)
        except BadInput as error:
            refused.append(
                {"file": _name(folder, Path(root)), "reason": f"{error.what}; {error.fix}" if error.fix else error.what}
            )
            continue
        if item.object_id.lower() in taken:
            item = replace(item, object_id=_another(item, taken))
        taken.add(item.object_id.lower())
        found.append(item)
    if not found and not refused:
        what = f"holds no object of the layout {layout} ({looks_like(layout)})"
        raise BadInput(what, where=root, fix="check the folder, or use --layout auto")
    return found, refused


def _identify(
    folder: Path, folders: list[str], views: str, root: Path, class_name: str | None, listed: str | None
) -> Found:
    """An object from its folder's names; `views` is the sub-folder with its pictures, `listed` its class in a table."""
    is_views = bool(views) and folder.resolve().name in (*DIFFICULTIES, "rendering")
    if views and not is_views and views not in folders:
        raise BadInput(f"has no folder '{views}'", fix="download the object again, or choose another --difficulty")
    home = folder.resolve().parent if is_views else folder.resolve()
    object_id = home.name
    if not SAFE_NAME.fullmatch(object_id):
        raise BadInput(f"object_id '{object_id}' is no safe file name", fix="use letters, digits, . _ -")
    top = root.resolve()
    inner = home.parent.relative_to(top).parts[-1:] if home != top and home.is_relative_to(top) else ()
    synset = [name for name in inner if name.isdigit() and len(name) == 8]  # says more than --class-name
    named = listed or next(iter(synset), None) or class_of_folders(inner, [home.parent.name], class_name)
    if not named:
        raise BadInput("has no class", where=folder, fix="give --class-name or --labels")
    pictures = folder / views if views and not is_views else folder
    return Found(pictures, _name(folder, root), object_id, class_of(named), object_id)


def _name(folder: Path, root: Path) -> str:
    """A folder's path within the collection; its own name when it is the collection."""
    return folder.resolve().name if folder == root else folder.relative_to(root).as_posix()


def _another(item: Found, taken: set[str]) -> str:
    """Another id for an object whose own is taken."""
    first = f"{item.class_name}-{item.object_id}"
    names = chain([first], (f"{first}-{n}" for n in count(2)))
    return next(name for name in names if name.lower() not in taken)
