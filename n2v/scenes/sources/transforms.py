"""Scenes whose cameras stand in JSON: `transforms_{train,val,test}.json` (nerf_synthetic) or one `transforms.json`.

nerf_synthetic: the training pictures are `train`; held out are those of `test`, else `val`.

One `transforms.json`, as nerfstudio and instant-ngp read it: OpenGL c2w in any units, the object anywhere. Focal
length: `fl_x` in pixels of a picture `w` wide, else `camera_angle_x`. What the project's cameras do not have (another
principal point, lens distortion, a focal length of its own for a picture) is refused. Held out are the pictures that
`val_filenames` and `test_filenames` name, if any.
"""

from math import atan
from pathlib import Path

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.sources.layout import Layout, Shot
from n2v.scenes.views import TEST, TRAIN, VAL, read_frames, read_record, read_split

TRANSFORMS = "transforms.json"
LENS = ("k1", "k2", "k3", "k4", "p1", "p2")
CAMERA = ("fl_x", "fl_y", "cx", "cy", "w", "h", "camera_angle_x", "camera_model", *LENS)
CENTRED = 0.02  # the principal point may be off the middle by this share of the width
MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")


def read_blender(folder: Path) -> Shot:
    """Pictures and cameras of one nerf_synthetic scene."""
    record, images, c2w = read_split(folder, TRAIN)
    if "object_id" in record:
        raise BadInput("is a view set of n2v already", where=folder, fix="use it as it is: n2v fit")
    held_out, angle = (), record["camera_angle_x"]
    name = next((name for name in (TEST, VAL) if (folder / name).exists()), None)
    if name:
        _, more, their_c2w = read_split(folder, name, images.shape[1], angle)
        held_out = tuple(range(len(images), len(images) + len(more)))
        images, c2w = np.concatenate([images, more]), np.concatenate([c2w, their_c2w])
    return Shot(images, c2w.astype(float), float(angle), held_out).checked(folder)


def read_nerfstudio(folder: Path) -> Shot:
    """Pictures and cameras of one scene of nerfstudio or instant-ngp."""
    path = folder / TRANSFORMS
    record = read_record(path)
    images, c2w, names = read_frames(folder, record, path)
    record = record | _shared(record, path)
    kept = {
        str(name).removeprefix("./") for key in ("val_filenames", "test_filenames") for name in record.get(key) or ()
    }
    held_out = tuple(i for i, name in enumerate(names) if name.removeprefix("./") in kept)
    return Shot(images, c2w.astype(float), _field_of_view(record, images.shape[1], path), held_out).checked(path)


def _shared(record: dict, path: Path) -> dict:
    """What the frames say of the camera themselves, where they all say the same."""
    found = {key: [frame.get(key, record.get(key)) for frame in record["frames"]] for key in CAMERA}
    for key, (first, *others) in found.items():
        if any(value != first for value in others):
            raise BadInput(f"frames differ in {key}", where=path, fix="use pictures of one camera")
    return {key: values[0] for key, values in found.items() if values[0] is not None}


def _field_of_view(record: dict, size_px: int, where: Path) -> float:
    """Horizontal field of view in radians of a centred pinhole camera; BadInput for any other."""
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


BLENDER = Layout(
    "blender", f"<scene>/{TRAIN} with the pictures it names", "nerf_synthetic layout", read_blender,
    starts=lambda folder, folders, files: TRAIN in files, keeps_apart=True,
)  # fmt: skip
NERFSTUDIO = Layout(
    "nerfstudio", f"<scene>/{TRANSFORMS} with the pictures it names", "nerfstudio or instant-ngp layout",
    read_nerfstudio, starts=lambda folder, folders, files: TRANSFORMS in files, keeps_apart=True,
)  # fmt: skip
