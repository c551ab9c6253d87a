"""Mesh folders whose layout says more than the file: what names the object, where textures lie, which way is up.

ShapeNetCore: see `shapenet`. Google Scanned Objects: `<name>/meshes/model.obj`, z up, whose material names a
`texture.png` that lies in `<name>/materials/textures/`. Every other mesh folder keeps its own rules.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from n2v.scenes.sources import shapenet


@dataclass(frozen=True)
class Home:
    """An object's folder, named by its id; its textures may lie anywhere below it.

    `textures` is where below it a file is looked for that is not beside the mesh; `up` is the upward axis.
    """

    folder: Path
    source: str
    licence: str
    textures: str = ""
    up: str = "y"


def home_of(path: Path) -> Home | None:
    """The home of a mesh in one of these layouts, else None."""
    folder = shapenet.object_folder(path)
    if folder:
        return Home(folder, shapenet.SOURCE, shapenet.LICENCE)
    path, textures = Path(os.path.abspath(path)), "materials/textures"
    folder = path.parent.parent
    if (path.parent.name, path.name) == ("meshes", "model.obj") and (folder / textures).is_dir():
        return Home(folder, "Google Scanned Objects", "CC-BY-4.0", textures, "z")
    return None
