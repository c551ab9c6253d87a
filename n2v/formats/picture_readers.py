"""An object's pictures with their cameras, from a folder as others keep it: OpenGL c2w, z up, the source's units.

*ShapeNetRendering*: NN.png beside rendering_metadata.txt, a line a view. DISN (36 views of 224 px): azimuth, elevation,
in-plane, distance ratio, lens mm, sensor mm, largest distance, x, y, z; degrees, distance = ratio x largest distance in
ShapeNet units, x y z the object's shift (0 in `easy`), undone by moving the camera the other way. 3D-R2N2 (24 views of
137 px): azimuth, elevation, in-plane, distance ratio and a field of view that its renderer never uses; distance = ratio
x 1.75, Blender's own lens. Blender's OBJ importer turns (x, y, z) of a y-up mesh into (x, -z, y); azimuth 0 stands on
the +x axis and grows clockwise seen from above, the camera looks at the origin with the world's z axis upwards
(getBlenderProj in the DISN authors' cam_read.py; setViewpoint in 3D-R2N2's blender_renderer.py).

*Objaverse* as Zero-1-to-3 and its followers render it: NNN.png beside NNN.npy, a 3 x 4 world-to-camera matrix of
Blender's z-up world. Some scripts write Blender's camera axes (looking along -z), some OpenCV's (along +z); the object
stands around the origin, so its depth's sign tells. The lens is not written down: 35 mm on a 32 mm sensor there.

*nerf_synthetic*: transforms_{train,val,test}.json. *nerfstudio and instant-ngp*: one transforms.json, OpenGL c2w in any
units; what the project's cameras do not have (another principal point, lens distortion, several focal lengths) is
refused.
"""

from dataclasses import dataclass
from math import atan
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from scipy.spatial.transform import Rotation

from n2v.errors import BadInput
from n2v.files import inside
from n2v.scenes.cameras import RIGID_TOLERANCE
from n2v.scenes.views import TEST, TRAIN, VAL, read_frames, read_pictures, read_record, read_split

METADATA, TRANSFORMS = "rendering_metadata.txt", "transforms.json"
DISTANCE_UNIT = 1.75  # ShapeNet units a distance ratio of 1 stands for
LENS_MM, SENSOR_MM = 35.0, 32.0  # Blender 2.7's camera: f = 245 px at 224 px
LENS = ("k1", "k2", "k3", "k4", "p1", "p2")
CAMERA = ("fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_model", *LENS)
CENTRED = 0.02  # the principal point may be off the middle by this share of the width
MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
AGAIN = "download the object again"


@dataclass(frozen=True)
class Shot:
    """Pictures and cameras of one object; `held_out` marks the views which the source itself keeps apart."""

    images: UInt8[np.ndarray, "n h w 4"]
    c2w: Float[np.ndarray, "n 4 4"]
    camera_angle_x: float
    held_out: tuple[int, ...] = ()


def field_of_view(lens_mm: float = LENS_MM, sensor_mm: float = SENSOR_MM) -> float:
    """Horizontal field of view in radians of a square picture."""
    return 2 * atan(sensor_mm / (2 * lens_mm))


def shapenet_cameras(
    angles_deg: Float[np.ndarray, "n 3"], distances: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n 4 4"]:
    """OpenGL c2w of cameras that look at the origin of a z-up world, by the collections' own angles.

    Args:
        angles_deg: Azimuth from +x towards -y, elevation above the x-y plane, and the in-plane rotation: the camera
            turns by its negative about its backward axis (0 in all published files).
        distances: From the origin, any unit.
    """
    at_zero = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # columns: right +y, up +z, backward +x
    c2w = np.tile(np.eye(4), (len(distances), 1, 1))
    c2w[:, :3, :3] = Rotation.from_euler("ZYX", -np.asarray(angles_deg), degrees=True).as_matrix() @ at_zero
    c2w[:, :3, 3] = np.asarray(distances)[:, None] * c2w[:, :3, 2]
    return c2w


def read_disn(folder: Path) -> Shot:
    """One `easy` or `hard` folder of the DISN authors, in ShapeNet units."""
    values = _read_numbers(folder, 10)
    lenses = values[:, 4:6]
    if (lenses <= 0).any() or (lenses != lenses[0]).any():
        what = "lens or sensor is not positive or differs between views"
        raise BadInput(what, where=folder / METADATA, fix="restore it")
    shot = _numbered(folder, values, values[:, 6], field_of_view(*lenses[0]))
    shot.c2w[:, :3, 3] -= values[:, 7:]
    return shot


def read_r2n2(folder: Path) -> Shot:
    """One `rendering` folder of 3D-R2N2, in ShapeNet units."""
    return _numbered(folder, _read_numbers(folder, 5), DISTANCE_UNIT, field_of_view())


def _read_numbers(folder: Path, n_values: int) -> Float[np.ndarray, "n v"]:
    """Lines of `rendering_metadata.txt`; brackets and commas are optional."""
    path = inside(folder, METADATA)
    try:
        text = path.read_text(encoding="ascii").translate(str.maketrans(",[]", "   "))
        values = np.array([line.split() for line in text.splitlines() if line.strip()], float)
    except FileNotFoundError:
        raise BadInput(f"{METADATA} is missing", where=folder, fix=AGAIN) from None
    except (OSError, ValueError):
        values = np.zeros(0)
    if values.ndim != 2 or values.shape[1] != n_values or not np.isfinite(values).all():
        raise BadInput(f"is not lines of {n_values} finite numbers", where=path, fix=AGAIN)
    return values


def _numbered(folder: Path, values: np.ndarray, unit: np.ndarray | float, angle: float) -> Shot:
    """Pictures 00.png ... of a folder, one for each line of its metadata."""
    distances, n_views = values[:, 3] * unit, len(values)
    if (distances <= 0).any():
        raise BadInput("a camera distance is not positive", where=folder / METADATA, fix="restore it")
    n_pictures = sum(path.suffix == ".png" and path.stem.isdigit() for path in folder.iterdir())
    if n_pictures > n_views:
        what = f"{n_pictures} pictures but {n_views} lines in {METADATA}"
        raise BadInput(what, where=folder, fix="restore the metadata: its cameras belong to pictures by number")
    images = read_pictures(folder, [f"{index:02d}.png" for index in range(n_views)])
    return Shot(images, shapenet_cameras(values[:, :3], distances), angle)


def read_objaverse(folder: Path) -> Shot:
    """One Objaverse object in its own units."""
    stems = sorted(path.stem for path in folder.glob("[0-9][0-9][0-9].png"))
    images = read_pictures(folder, [f"{stem}.png" for stem in stems])
    w2c = np.array([_world_to_camera(inside(folder, f"{stem}.npy")) for stem in stems])
    depths = w2c[:, 2, 3]
    if not ((depths > 0).all() or (depths < 0).all()):
        raise BadInput("some cameras face the origin, others look away", where=folder, fix="restore the .npy files")
    if depths[0] > 0:
        w2c[:, 1:3] *= -1
    return Shot(images, np.linalg.inv(w2c), field_of_view())


def _world_to_camera(path: Path) -> np.ndarray:
    """(4, 4) rotation and shift; nothing in the file is executed."""
    try:
        matrix = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise BadInput("is missing or no array", where=path, fix=AGAIN) from None
    if matrix.shape not in ((3, 4), (4, 4)) or matrix.dtype.kind != "f" or not np.isfinite(matrix).all():
        raise BadInput(f"has shape {matrix.shape} and type {matrix.dtype}", where=path, fix="give 3 x 4 finite numbers")
    turn = matrix[:3, :3]
    if not np.allclose(turn @ turn.T, np.eye(3), atol=RIGID_TOLERANCE) or np.linalg.det(turn) < 0:
        raise BadInput("is not rigid", where=path, fix="give world-to-camera matrices without scale")
    return np.concatenate([matrix[:3], [[0, 0, 0, 1]]]).astype(float)


def read_blender(folder: Path) -> Shot:
    """One nerf_synthetic scene."""
    record, images, c2w = read_split(folder, TRAIN)
    if "object_id" in record:
        raise BadInput("is a view set of n2v already", where=folder, fix="use it as it is: n2v fit")
    n, angle = len(images), float(record["camera_angle_x"])
    name = next((name for name in (TEST, VAL) if (folder / name).exists()), None)
    if name:
        _, more, their_c2w = read_split(folder, name, images.shape[1], angle)
        images, c2w = np.concatenate([images, more]), np.concatenate([c2w, their_c2w])
    return Shot(images, c2w.astype(float), angle, tuple(range(n, len(images))))


def read_nerfstudio(folder: Path) -> Shot:
    """One scene of nerfstudio or instant-ngp."""
    path = folder / TRANSFORMS
    record = read_record(path)
    images, c2w, names = read_frames(folder, record, path)
    for key in CAMERA:  # frames may say themselves what they share
        values = [frame.get(key, record.get(key)) for frame in record["frames"]]
        if any(value != values[0] for value in values):
            raise BadInput(f"frames differ in {key}", where=path, fix="use pictures of one camera")
        record[key] = values[0]
    kept = [name for key in ("val_filenames", "test_filenames") for name in record.get(key) or ()]
    kept = {str(name).removeprefix("./") for name in kept}
    held_out = tuple(i for i, name in enumerate(names) if name.removeprefix("./") in kept)
    return Shot(images, c2w.astype(float), _angle(record, images.shape[1], path), held_out)


def _angle(record: dict, size_px: int, where: Path) -> float:
    """Horizontal field of view in radians of a centred pinhole camera; BadInput for any other."""
    try:
        bent = [name for name in LENS if abs(float(record[name] or 0)) > 1e-6]
        width, height = (float(record[key] or size_px) for key in ("w", "h"))
        points = (("cx", width), ("cy", height))
        middle = [float(size / 2 if record[key] is None else record[key]) / size - 0.5 for key, size in points]
        focal = [float(record[key]) for key in ("fl_x", "fl_y") if record[key]]
        angle = 2 * atan(width / (2 * focal[0])) if focal else float(record["camera_angle_x"] or 0)
    except (TypeError, ValueError, ZeroDivisionError):
        raise BadInput("a value of the camera is not a number", where=where, fix="restore it") from None
    if (record["camera_model"] or MODELS[0]) not in MODELS:
        raise BadInput(f"camera_model {record['camera_model']}", where=where, fix="use pictures of a pinhole camera")
    if bent:
        raise BadInput(f"lens distortion ({bent[0]})", where=where, fix="undistort the pictures first")
    if width != height or max(map(abs, middle)) > CENTRED or (len(focal) == 2 and abs(focal[1] / focal[0] - 1) > 0.01):
        raise BadInput("the camera is not square and centred", where=where, fix="crop the pictures to centred squares")
    if not 0 < angle < np.pi:
        raise BadInput("has neither fl_x nor camera_angle_x", where=where, fix="add one")
    return angle
