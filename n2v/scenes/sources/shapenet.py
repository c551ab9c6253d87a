"""ShapeNetCore mesh folders: `<synset>/<id>/model.obj` (v1) or `<synset>/<id>/models/model_normalized.obj` (v2).

Only names are looked at here: the folder of the id names the object, and textures may lie anywhere below it (v2's
materials refer to `../images`). Every other mesh folder keeps its own rules.
"""

import os
import re
from pathlib import Path

SOURCE = "ShapeNetCore"
LICENCE = "ShapeNet terms of use: non-commercial research and teaching, by those who accepted them"
LOOKS_LIKE = "<synset>/<id>/model.obj or <synset>/<id>/models/model_normalized.obj"
_SYNSET = re.compile(r"\d{8}")


def object_folder(path: Path) -> Path | None:
    """Folder named by the object's id when `path` is a mesh of ShapeNetCore, else None."""
    path = Path(os.path.abspath(path))
    if path.name == "model.obj":
        folder = path.parent
    elif path.name == "model_normalized.obj" and path.parent.name == "models":
        folder = path.parent.parent
    else:
        return None
    return folder if _SYNSET.fullmatch(folder.parent.name) else None
