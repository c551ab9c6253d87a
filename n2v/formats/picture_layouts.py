"""Which layout a folder of pictures has, told from its files, and the objects in it."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from n2v.errors import BadInput
from n2v.formats import picture_readers as readers
from n2v.scenes.classes import Labels, class_of
from n2v.scenes.homes import SHAPENET, SHAPENET_LICENCE, SHAPENET_MESHES, home_of
from n2v.scenes.items import Found, Item, identified
from n2v.scenes.objects import RADIUS
from n2v.scenes.views import TRAIN

UNIT = RADIUS / 0.5  # scene units of a ShapeNet unit; ShapeNetCore v1: bounding boxes centred, of diagonal 1
OTHER_PICTURES = {"albedo", "depth", "normal"}  # siblings of DISN's `image`, with the same files


@dataclass(frozen=True)
class Layout:
    """One way of keeping pictures on disk.

    An object's pictures lie in a folder that holds the files `needs`, or that has one of the names `views` (the first
    that is there) below the object's own. `read` raises BadInput where a file is missing, broken or not what the format
    says; None: the layout holds meshes. `scale`: scene units that the source's unit becomes, None where only the
    silhouettes tell.
    """

    name: str
    looks_like: str
    source: str
    read: Callable[[Path], readers.Shot] | None
    needs: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    licence: str = ""
    scale: float | None = None

    def starts(self, folder: Path, files: list[str]) -> bool:
        """Do an object's pictures, or its mesh, lie in this folder?"""
        if self.read is None:
            return any(home_of(folder / name) and (folder / name).is_file() for name in SHAPENET_MESHES)
        return folder.resolve().name in self.views and bool(files) if self.views else set(self.needs) <= set(files)


_RENDERED = {"licence": SHAPENET_LICENCE, "scale": UNIT}
_LAYOUTS = (  # files say more than folders' names
    Layout("blender", f"<scene>/{TRAIN} with the pictures it names", "nerf_synthetic layout",
           readers.read_blender, (TRAIN,)),
    Layout("nerfstudio", f"<scene>/{readers.TRANSFORMS} with the pictures it names", "nerfstudio or instant-ngp layout",
           readers.read_nerfstudio, (readers.TRANSFORMS,)),
    Layout("objaverse", "<id>/ with NNN.png and NNN.npy", "Objaverse rendering",
           readers.read_objaverse, ("000.png", "000.npy")),
    Layout("disn", f"<synset>/<id>/easy/ (or hard/) with NN.png and {readers.METADATA}", "ShapeNetRendering (DISN)",
           readers.read_disn, views=("easy", "hard"), **_RENDERED),
    Layout("r2n2", f"<synset>/<id>/rendering/ with NN.png and {readers.METADATA}", "ShapeNetRendering (3D-R2N2)",
           readers.read_r2n2, views=("rendering",), **_RENDERED),
    Layout("shapenet", " or ".join(f"<synset>/<id>/{name}" for name in SHAPENET_MESHES), SHAPENET, None),
)  # fmt: skip
LAYOUTS = {layout.name: layout for layout in _LAYOUTS}


def recognise(root: Path, layout: str = "auto") -> Layout:
    """A folder's layout, as told or from its files.

    Raises:
        BadInput: No such folder, an unknown layout, or files of none or of several layouts under "auto".
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput("no such folder", where=root, fix="give the folder of the collection")
    if layout in LAYOUTS:
        return LAYOUTS[layout]
    if layout != "auto":
        raise BadInput(f"unknown layout '{layout}'", fix=f"use one of: auto, {', '.join(LAYOUTS)}")
    counts = Counter(layout.name for _, layout in _walk(root))
    if len(counts) == 1:
        return LAYOUTS[next(iter(counts))]
    looked = "; ".join(f"{name}: {known.looks_like}" for name, known in LAYOUTS.items())
    if not counts:
        raise BadInput(f"holds none of the known layouts ({looked})", where=root, fix="check the folder")
    several = ", ".join(f"{n} of {name}" for name, n in sorted(counts.items()))
    fix = f"say which with --layout ({', '.join(sorted(counts))})"
    raise BadInput(f"holds several layouts ({several}; looked for {looked})", where=root, fix=fix)


def _walk(root: Path) -> Iterator[tuple[Path, Layout]]:
    """(folder, layout) of every folder with an object's pictures, or its mesh; links are not followed."""
    for name, folders, files in os.walk(root):
        layout = next((layout for layout in _LAYOUTS if layout.starts(Path(name), files)), None)
        if layout:
            yield Path(name), layout
        second = {view for one in _LAYOUTS for view in one.views[1:] if one.views[0] in folders}
        hidden = {folder for folder in folders if folder.startswith(".")}
        folders[:] = [] if layout else sorted(set(folders) - OTHER_PICTURES - second - hidden)


def find(
    root: Path, layout: Layout, class_name: str | None, labels: Path | None = None
) -> tuple[list[Item], list[dict]]:
    """Objects of a folder, sorted, and {file, reason} of those whose identity is not clear.

    The folder above an object's names its class. Objects of one id, listed under two classes, share a shape group, so
    that no split divides them.

    Raises:
        BadInput: Meshes, or no object of the layout.
    """
    root, table = Path(root), Labels.read(labels)
    class_name = None if class_name is None else class_of(class_name)
    if layout.read is None:
        raise BadInput("holds meshes, not pictures", where=root, fix="use: n2v render")
    found = [_found(folder, root, layout) for folder, kind in _walk(root) if kind is layout]
    if not found:
        what = f"holds no object of the layout {layout.name} ({layout.looks_like})"
        raise BadInput(what, where=root, fix="check the folder, or use --layout auto")
    return identified(found, class_name, table)


def _found(folder: Path, root: Path, layout: Layout) -> Found:
    home = folder.resolve().parent if layout.views else folder.resolve()
    above, top = home.parent.name, root.resolve()
    file = home.relative_to(top).as_posix() if home != top and home.is_relative_to(top) else home.name
    row = {"shape_group": home.name}
    if above.isdigit() and len(above) == 8:  # a synset says more than --class-name
        row["class_name"] = above
    inside = (above,) if home.parent.is_relative_to(top) and home.parent != top else ()
    return Found(folder, file, home.name, inside, (above,), row)
