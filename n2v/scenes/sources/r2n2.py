"""The older ShapeNetRendering of 3D-R2N2 (Choy et al.): `<synset>/<id>/rendering/NN.png`, 24 views of 137 px RGBA.

Each line of rendering_metadata.txt: azimuth, elevation, in-plane, distance ratio, field of view; degrees, distance =
ratio x 1.75 ShapeNet units. The fifth value, 25, is passed to a function that never uses it: the pictures were taken
with Blender's own lens, 35 mm on a 32 mm sensor, f = 149.84 px at 137 px.
"""

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.objects import RADIUS
from n2v.scenes.sources.disn import SHAPENET_HALF_DIAGONAL
from n2v.scenes.sources.orbit import (
    DISTANCE_UNIT,
    METADATA,
    field_of_view,
    orbit_camera,
    read_numbered,
    read_numbers,
)
from n2v.scenes.sources.pictures import Found, Layout, Shot
from n2v.scenes.sources.shapenet import LICENCE

N_VALUES = 5


def read_r2n2(found: Found) -> Shot:
    """Pictures and cameras of one `rendering` folder, in ShapeNet units.

    Raises:
        BadInput: Metadata or a picture is missing, short, not finite or not what the format says.
    """
    values = read_numbers(found.folder, N_VALUES)
    images = read_numbered(found.folder, len(values))
    if (values[:, 3] <= 0).any():
        raise BadInput("a camera distance is not positive", where=found.folder / METADATA, fix="restore it")
    cameras = [orbit_camera(*angles, ratio * DISTANCE_UNIT) for *angles, ratio, _ in values]
    return Shot(images, np.array(cameras), field_of_view())


R2N2 = Layout(
    name="r2n2",
    looks_like="<synset>/<id>/rendering/ with NN.png and rendering_metadata.txt",
    source="ShapeNetRendering (3D-R2N2)",
    licence=LICENCE,
    scale=RADIUS / SHAPENET_HALF_DIAGONAL,
    read=read_r2n2,
)
