"""Mesh folders whose layout says more than the file: what names the object, where textures lie, which way is up.

ShapeNetCore: `<synset>/<id>/model.obj` (v1) or `<synset>/<id>/models/model_normalized.obj` (v2, whose materials refer
to `../images`). Google Scanned Objects: `<name>/meshes/model.obj`, z up, whose material names a `texture.png` that
lies in `<name>/materials/textures/`. Every other mesh folder keeps its own rules.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

SHAPENET = "ShapeNetCore"
SHAPENET_LICENCE = "ShapeNet terms of use: non-commercial research and teaching, by those who accepted them"
SHAPENET_MESHES = ("model.obj", "models/model_normalized.obj")
_SYNSET = re.compile(r"\d{8}")


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
    path, textures = Path(os.path.abspath(path)), "materials/textures"
    for name in SHAPENET_MESHES:
        folder = path.parents[name.count("/")] if path.as_posix().endswith(f"/{name}") else None
        if folder and _SYNSET.fullmatch(folder.parent.name):
            return Home(folder, SHAPENET, SHAPENET_LICENCE)
    folder = path.parent.parent
    if (path.parent.name, path.name) == ("meshes", "model.obj") and (folder / textures).is_dir():
        return Home(folder, "Google Scanned Objects", "CC-BY-4.0", textures, "z")
    return None
