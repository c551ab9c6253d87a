"""One `transforms.json` with all cameras of a scene, as nerfstudio and instant-ngp read it; pictures square RGBA.

Cameras are OpenGL c2w in any units, the object anywhere. Focal length: `fl_x` in pixels of a picture `w` wide, else
`camera_angle_x`. What the project's cameras do not have (another principal point, lens distortion, a focal length of
its own for a picture) is refused. Held out are the pictures that `val_filenames` and `test_filenames` name, if any.
"""

from math import atan

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.sources.pictures import Found, Layout, Shot
from n2v.scenes.views import read_frames, read_record

TRANSFORMS = "transforms.json"
LENS = ("k1", "k2", "k3", "k4", "p1", "p2")
CAMERA = ("fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_model", *LENS)
CENTRED = 0.02  # the principal point may be off the middle by this share of the width
MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")


def read_nerfstudio(found: Found) -> Shot:
    """Pictures and cameras of one scene in its own units.

    Raises:
        BadInput: The file or a picture is missing or broken, or the camera is not a centred pinhole.
    """
    path = found.folder / TRANSFORMS
    record = read_record(path)
    images, c2w, names = read_frames(found.folder, record, path)
    if not np.isfinite(c2w).all():
        raise BadInput("a transform_matrix has NaN or infinite entries", where=path, fix="restore it")
    record = record | _shared(record, path)
    kept = {_plain(name) for key in ("val_filenames", "test_filenames") for name in record.get(key) or ()}
    held_out = tuple(i for i, name in enumerate(names) if _plain(name) in kept)
    return Shot(images, c2w.astype(float), field_of_view(record, images.shape[1], path), held_out)


def _shared(record: dict, path: object) -> dict:
    """What the frames say of the camera themselves, where they all say the same."""
    found = {}
    for key in CAMERA:
        values = [frame.get(key, record.get(key)) for frame in record["frames"]]
        if any(value != values[0] for value in values):
            raise BadInput(f"frames differ in {key}", where=path, fix="use pictures of one camera")
        found[key] = values[0]
    return {key: value for key, value in found.items() if value is not None}


def _plain(name: object) -> str:
    return str(name).removeprefix("./")


def field_of_view(record: dict, size_px: int, where: object) -> float:
    """Horizontal field of view in radians of a centred pinhole camera.

    Raises:
        BadInput: Another kind of camera, or no focal length.
    """
    try:
        bent = [name for name in LENS if abs(float(record.get(name) or 0)) > 1e-6]
        width, height = (float(record.get(key) or size_px) for key in ("w", "h"))
        middle = [float(record.get(key, size / 2)) / size - 0.5 for key, size in (("cx", width), ("cy", height))]
        focal = [float(record[key]) for key in ("fl_x", "fl_y") if record.get(key)]
        angle = 2 * atan(width / (2 * focal[0])) if focal else float(record.get("camera_angle_x") or 0)
    except (TypeError, ValueError, ZeroDivisionError):
        raise BadInput("a value of the camera is not a number", where=where, fix="restore it") from None
    if record.get("camera_model", MODELS[0]) not in MODELS:
        raise BadInput(f"camera_model {record['camera_model']}", where=where, fix="use pictures of a pinhole camera")
    if bent:
        raise BadInput(f"lens distortion ({bent[0]})", where=where, fix="undistort the pictures first")
    if width != height or max(map(abs, middle)) > CENTRED or (len(focal) == 2 and abs(focal[1] / focal[0] - 1) > 0.01):
        raise BadInput("the camera is not square and centred", where=where, fix="crop the pictures to centred squares")
    if not 0 < angle < np.pi:
        raise BadInput("has neither fl_x nor camera_angle_x", where=where, fix="add one")
    return angle


NERFSTUDIO = Layout(
    name="nerfstudio",
    looks_like=f"<scene>/{TRANSFORMS} with the pictures it names",
    source="nerfstudio or instant-ngp layout",
    licence="",
    scale=None,
    read=read_nerfstudio,
)
