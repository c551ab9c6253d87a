"""ShapeNetRendering, as the DISN authors and as 3D-R2N2 (Choy et al.) made it: NN.png beside rendering_metadata.txt.

DISN: `image/<synset>/<id>/{easy,hard}/`, 36 views of 224 px RGBA. A line a view: [azimuth, elevation, in-plane,
distance ratio, lens mm, sensor mm, largest distance, x, y, z]; angles in degrees, distance = ratio x largest distance
in ShapeNet units, x y z the object's shift in Blender's z-up world (0 in `easy`). The shift is undone by moving the
camera the other way. Their script moves only the part that Blender imported last. Of an object with several parts the
`hard` pictures therefore show that part somewhere else in every view; the importer's silhouette check refuses those.

3D-R2N2: `<synset>/<id>/rendering/`, 24 views of 137 px. A line a view: azimuth, elevation, in-plane, distance ratio,
field of view; distance = ratio x 1.75 ShapeNet units. The fifth value, 25, is passed to a function that never uses
it: the pictures were taken with Blender's own lens, 35 mm on a 32 mm sensor, f = 149.84 px at 137 px.

Blender's world there is z up like ours: its OBJ importer turns (x, y, z) of a y-up mesh into (x, -z, y). Azimuth 0
stands on the +x axis and grows clockwise seen from above, so the camera stands at d (cos el cos az, -cos el sin az,
sin el), looks at the origin and has the world's z axis upwards in its picture (getBlenderProj in the DISN authors'
cam_read.py; setViewpoint in 3D-R2N2's blender_renderer.py).
"""

from math import atan, cos, radians, sin
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from n2v.errors import BadInput
from n2v.files import inside
from n2v.scenes.homes import SHAPENET_LICENCE
from n2v.scenes.objects import RADIUS
from n2v.scenes.sources.layout import Layout, Shot
from n2v.scenes.views import read_pictures

METADATA = "rendering_metadata.txt"
DISTANCE_UNIT = 1.75  # ShapeNet units a distance ratio of 1 stands for, in both collections
LENS_MM, SENSOR_MM = 35.0, 32.0  # Blender 2.7's camera: f = 245 px at 224 px
UNIT = RADIUS / 0.5  # scene units of a ShapeNet unit; ShapeNetCore v1: bounding boxes centred, of diagonal 1
_CAMERA_AT_ZERO = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # columns: right +y, up +z, backward +x


def field_of_view(lens_mm: float = LENS_MM, sensor_mm: float = SENSOR_MM) -> float:
    """Horizontal field of view in radians of a square picture."""
    return 2 * atan(sensor_mm / (2 * lens_mm))


def shapenet_camera(
    azimuth_deg: float, elevation_deg: float, roll_deg: float, distance: float
) -> Float[np.ndarray, "4 4"]:
    """OpenGL c2w of a camera that looks at the origin of a z-up world, by the collections' own angles.

    Args:
        azimuth_deg: From +x towards -y.
        elevation_deg: Above the x-y plane.
        roll_deg: In-plane rotation: the camera turns by -roll about its backward axis (0 in all published files).
        distance: From the origin, any unit.
    """
    turns = _about("z", -azimuth_deg) @ _about("y", -elevation_deg) @ _about("x", -roll_deg)
    c2w = np.eye(4)
    c2w[:3, :3] = turns @ _CAMERA_AT_ZERO
    c2w[:3, 3] = distance * c2w[:3, 2]
    return c2w


def _about(axis: str, angle_deg: float) -> np.ndarray:
    """Right-handed rotation (3, 3) about a coordinate axis."""
    c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = c
    turn[first, second], turn[second, first] = -s, s
    return turn


def read_disn(folder: Path) -> Shot:
    """Pictures and cameras of one `easy` or `hard` folder, in ShapeNet units."""
    values = _read_numbers(folder, 10)
    images, where, lenses = _read_numbered(folder, len(values)), folder / METADATA, values[:, 4:6]
    if (lenses <= 0).any() or (lenses != lenses[0]).any():
        raise BadInput("lens or sensor is not positive or differs between views", where=where, fix="restore it")
    c2w = _cameras(values[:, :3], values[:, 3] * values[:, 6], where)
    c2w[:, :3, 3] -= values[:, 7:]
    return Shot(images, c2w, field_of_view(*lenses[0]))


def read_r2n2(folder: Path) -> Shot:
    """Pictures and cameras of one `rendering` folder, in ShapeNet units."""
    values = _read_numbers(folder, 5)
    images = _read_numbered(folder, len(values))
    return Shot(images, _cameras(values[:, :3], values[:, 3] * DISTANCE_UNIT, folder / METADATA), field_of_view())


def _cameras(angles: Float[np.ndarray, "n 3"], distances: Float[np.ndarray, "n"], where: Path) -> np.ndarray:
    """c2w (n, 4, 4)."""
    if (distances <= 0).any():
        raise BadInput("a camera distance is not positive", where=where, fix="restore it")
    return np.array([shapenet_camera(*three, distance) for three, distance in zip(angles, distances, strict=True)])


def _read_numbers(folder: Path, n_values: int) -> Float[np.ndarray, "n v"]:
    """Lines of `rendering_metadata.txt` with `n_values` finite numbers each; brackets and commas are optional."""
    path = inside(folder, METADATA)
    try:
        lines = [line for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    except FileNotFoundError:
        raise BadInput(f"{METADATA} is missing", where=folder, fix="download the object again") from None
    except (OSError, UnicodeDecodeError):
        raise BadInput("is not a text file", where=path, fix="download the object again") from None
    if not lines:
        raise BadInput("is empty", where=path, fix="download the object again")
    return np.array([_numbers(line, n_values, number, path) for number, line in enumerate(lines, 1)])


def _numbers(line: str, n_values: int, number: int, path: Path) -> list[float]:
    words = line.translate(str.maketrans(",[]", "   ")).split()
    if len(words) != n_values:
        raise BadInput(f"line {number} has {len(words)} values instead of {n_values}", where=path, fix="restore it")
    try:
        values = [float(word) for word in words]
    except ValueError:
        raise BadInput(f"line {number} is not numbers", where=path, fix="restore it") from None
    if not np.isfinite(values).all():
        raise BadInput(f"line {number} has NaN or infinite values", where=path, fix="restore it")
    return values


def _read_numbered(folder: Path, n_views: int) -> UInt8[np.ndarray, "n h w 4"]:
    """Pictures 00.png ... of a folder, one for each line of its metadata."""
    n_pictures = sum(path.suffix == ".png" and path.stem.isdigit() for path in folder.iterdir())
    if n_pictures > n_views:
        what = f"{n_pictures} pictures but {n_views} lines in {METADATA}"
        raise BadInput(what, where=folder, fix="restore the metadata: its cameras belong to pictures by number")
    return read_pictures(folder, [f"{index:02d}.png" for index in range(n_views)])


def _starts(*views: str):
    """True where a sub-folder has one of these names, or the folder itself, with the metadata in it."""
    return lambda folder, folders, files: (
        any(name in folders for name in views) or (folder.resolve().name in views and METADATA in files)
    )


DISN = Layout(
    "disn", f"<synset>/<id>/easy/ (or hard/) with NN.png and {METADATA}", "ShapeNetRendering (DISN)", read_disn,
    starts=_starts("easy", "hard"), views=("easy", "hard"), licence=SHAPENET_LICENCE, scale=UNIT,
)  # fmt: skip
R2N2 = Layout(
    "r2n2", f"<synset>/<id>/rendering/ with NN.png and {METADATA}", "ShapeNetRendering (3D-R2N2)", read_r2n2,
    starts=_starts("rendering"), views=("rendering",), licence=SHAPENET_LICENCE, scale=UNIT,
)  # fmt: skip
