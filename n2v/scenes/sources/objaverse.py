"""Objaverse renderings as Zero-1-to-3 and its followers keep them: `<id>/NNN.png` beside `<id>/NNN.npy`.

Each array is a 3 x 4 world-to-camera matrix of Blender's z-up world. Some scripts write it in Blender's camera axes
(looking along -z), some in OpenCV's (along +z); the object stands around the origin, so its depth's sign tells which.
The lens is not written down: 35 mm on a 32 mm sensor in those scripts (`--fov` says otherwise).
The silhouettes do not always notice a wrong one: seen from all around at one distance it only changes the size.
"""

from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.cameras import RIGID_TOLERANCE
from n2v.scenes.sources.orbit import field_of_view
from n2v.scenes.sources.pictures import Found, Layout, Shot
from n2v.scenes.views import read_pictures

FIRST = ("000.png", "000.npy")


def read_objaverse(found: Found) -> Shot:
    """Pictures and cameras of one object in its own units.

    Raises:
        BadInput: A picture or matrix is missing or broken, or the cameras look away from the origin.
    """
    stems = sorted(path.stem for path in found.folder.glob("[0-9][0-9][0-9].png"))
    images = read_pictures(found.folder, [f"{stem}.png" for stem in stems])
    w2c = np.tile(np.eye(4), (len(stems), 1, 1))
    for index, stem in enumerate(stems):
        w2c[index, :3] = _matrix(found.folder / f"{stem}.npy")
    depths = w2c[:, 2, 3]
    if not ((depths > 0).all() or (depths < 0).all()):
        raise BadInput(
            "some cameras face the origin, others look away", where=found.folder, fix="restore the .npy files"
        )
    if depths[0] > 0:
        w2c[:, 1:3] *= -1
    return Shot(images, np.linalg.inv(w2c), field_of_view())


def _matrix(path: Path) -> np.ndarray:
    """(3, 4) rotation and shift; nothing in the file is executed."""
    try:
        matrix = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise BadInput("is missing", where=path, fix="download the object again") from None
    except (OSError, ValueError, EOFError):
        raise BadInput("is not an array", where=path, fix="download the object again") from None
    if matrix.shape not in ((3, 4), (4, 4)) or matrix.dtype.kind != "f" or not np.isfinite(matrix).all():
        raise BadInput(f"has shape {matrix.shape} and type {matrix.dtype}", where=path, fix="give 3 x 4 finite numbers")
    turn = matrix[:3, :3]
    if not np.allclose(turn @ turn.T, np.eye(3), atol=RIGID_TOLERANCE) or np.linalg.det(turn) < 0:
        raise BadInput("is not rigid", where=path, fix="give world-to-camera matrices without scale")
    return matrix[:3]


OBJAVERSE = Layout(
    name="objaverse",
    looks_like="<id>/ with NNN.png and NNN.npy",
    source="Objaverse rendering",
    licence="",
    scale=None,
    read=read_objaverse,
)
