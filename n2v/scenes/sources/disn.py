"""ShapeNetRendering of the DISN authors: `image/<synset>/<id>/{easy,hard}/NN.png`, 36 views of 224 px RGBA.

Each line of rendering_metadata.txt: [azimuth, elevation, in-plane, distance ratio, lens mm, sensor mm, largest
distance, x, y, z]; angles in degrees, distance = ratio x largest distance in ShapeNet units, x y z the object's shift
in Blender's z-up world (0 in `easy`). The shift is undone by moving the camera the other way.

Their script moves only the part that Blender imported last. Of an object with several parts the `hard` pictures
therefore show that part somewhere else in every view; the importer's silhouette check refuses those.
"""

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.objects import RADIUS
from n2v.scenes.sources.orbit import METADATA, field_of_view, orbit_camera, read_numbered, read_numbers
from n2v.scenes.sources.pictures import Found, Layout, Shot
from n2v.scenes.sources.shapenet import LICENCE

N_VALUES = 10
SHAPENET_HALF_DIAGONAL = 0.5  # ShapeNetCore v1: bounding boxes centred, of diagonal 1


def read_disn(found: Found) -> Shot:
    """Pictures and cameras of one `easy` or `hard` folder, in ShapeNet units.

    Raises:
        BadInput: Metadata or a picture is missing, short, not finite or not what the format says.
    """
    values = read_numbers(found.folder, N_VALUES)
    images = read_numbered(found.folder, len(values))
    where = found.folder / METADATA
    lenses = values[:, 4:6]
    if (lenses <= 0).any() or (lenses != lenses[0]).any():
        raise BadInput("lens or sensor is not positive or differs between views", where=where, fix="restore it")
    if (values[:, 3] * values[:, 6] <= 0).any():
        raise BadInput("a camera distance is not positive", where=where, fix="restore it")
    cameras = []
    for azimuth, elevation, roll, ratio, _, _, unit, *shift in values:
        c2w = orbit_camera(azimuth, elevation, roll, ratio * unit)
        c2w[:3, 3] -= shift
        cameras.append(c2w)
    return Shot(images, np.array(cameras), field_of_view(*lenses[0]))


DISN = Layout(
    name="disn",
    looks_like="<synset>/<id>/easy/ (or hard/) with NN.png and rendering_metadata.txt",
    source="ShapeNetRendering (DISN)",
    licence=LICENCE,
    scale=RADIUS / SHAPENET_HALF_DIAGONAL,
    read=read_disn,
)
