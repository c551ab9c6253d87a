"""nerf_synthetic scenes: `<scene>/transforms_{train,val,test}.json` with square RGBA pictures, any scale, z up.

The training pictures are `train`; held out are those of `test`, else `val`, else views that the importer chooses.
"""

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.sources.pictures import Found, Layout, Shot
from n2v.scenes.views import TEST, TRAIN, VAL, read_split


def read_blender(found: Found) -> Shot:
    """Pictures and cameras of one scene in its own units.

    Raises:
        BadInput: A transforms file or picture is missing or broken, or the splits differ in size or field of view.
    """
    record, images, c2w = read_split(found.folder, TRAIN)
    if "object_id" in record:
        raise BadInput("is a view set of n2v already", where=found.folder, fix="use it as it is: n2v fit")
    held_out = ()
    name = next((name for name in (TEST, VAL) if (found.folder / name).exists()), None)
    if name:
        other, more, their_c2w = read_split(found.folder, name, images.shape[1])
        if abs(other["camera_angle_x"] - record["camera_angle_x"]) > 1e-6:
            raise BadInput("camera_angle_x differs from the training file's", where=found.folder / name)
        held_out = tuple(range(len(images), len(images) + len(more)))
        images, c2w = np.concatenate([images, more]), np.concatenate([c2w, their_c2w])
    if not np.isfinite(c2w).all():
        raise BadInput("a transform_matrix has NaN or infinite entries", where=found.folder, fix="restore it")
    return Shot(images, c2w.astype(float), float(record["camera_angle_x"]), held_out)


BLENDER = Layout(
    name="blender",
    looks_like="<scene>/transforms_train.json with the pictures it names",
    source="nerf_synthetic layout",
    licence="",
    scale=None,
    read=read_blender,
)
