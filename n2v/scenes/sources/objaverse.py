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
from n2v.scenes.sources.layout import Layout, Shot
from n2v.scenes.sources.shapenet_pictures import field_of_view
from n2v.scenes.views import read_pictures


def read_objaverse(folder: Path) -> Shot:
    """Pictures and cameras of one object in its own units."""
    stems = sorted(path.stem for path in folder.glob("[0-9][0-9][0-9].png"))
    images = read_pictures(folder, [f"{stem}.png" for stem in stems])
    w2c = np.tile(np.eye(4), (len(stems), 1, 1))
    for index, stem in enumerate(stems):
        w2c[index, :3] = _matrix(folder / f"{stem}.npy")
    depths = w2c[:, 2, 3]
    if not ((depths > 0).all() or (depths < 0).all()):
        raise BadInput("some cameras face the origin, others look away", where=folder, fix="restore the .npy files")
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
    "objaverse", "<id>/ with NNN.png and NNN.npy", "Objaverse rendering", read_objaverse,
    starts=lambda folder, folders, files: "000.png" in files and "000.npy" in files,
)  # fmt: skip
