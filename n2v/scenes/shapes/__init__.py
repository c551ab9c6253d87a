"""Procedural objects of the thirteen classes: the collection that is always at hand.

Each class has several families (structures), each family continuous parameters, each part a colour of a plausible
material. z is up and the front faces -y. Some families of different classes are close on purpose: a picnic bench
and a table, a desk and a cabinet, a chaise and a bench, a smartphone and a display, a loudspeaker and a cabinet.
"""

from collections.abc import Callable

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES, label_of
from n2v.scenes.objects import SceneObject
from n2v.scenes.shapes.airplanes import AIRPLANES
from n2v.scenes.shapes.cars import CARS
from n2v.scenes.shapes.electronics import DISPLAYS, PHONES
from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.lamps import LAMPS
from n2v.scenes.shapes.rifles import RIFLES
from n2v.scenes.shapes.seating import BENCHES, CHAIRS
from n2v.scenes.shapes.sofas import SOFAS
from n2v.scenes.shapes.speakers import SPEAKERS
from n2v.scenes.shapes.tables import CABINETS, TABLES
from n2v.scenes.shapes.watercraft import WATERCRAFT
from n2v.seeds import child_seed

_BUILDERS: dict[str, tuple[Callable[[Kit], None], ...]] = {
    "airplane": AIRPLANES,
    "bench": BENCHES,
    "cabinet": CABINETS,
    "car": CARS,
    "chair": CHAIRS,
    "display": DISPLAYS,
    "lamp": LAMPS,
    "speaker": SPEAKERS,
    "rifle": RIFLES,
    "sofa": SOFAS,
    "table": TABLES,
    "phone": PHONES,
    "watercraft": WATERCRAFT,
}


def _family_name(builder: Callable[[Kit], None]) -> str:
    return builder.__name__.split("_", 1)[1]


FAMILIES: dict[str, tuple[str, ...]] = {
    name: tuple(_family_name(builder) for builder in builders) for name, builders in _BUILDERS.items()
}


def make_object(class_name: str, seed: int, family: str | None = None, object_id: str | None = None) -> SceneObject:
    """One object, placed in the box; the same arguments always give the same object.

    Args:
        class_name: One of the thirteen classes (or its synset).
        seed: Of the family (where none is named), the sizes and the colours.
        family: One of FAMILIES[class_name].
        object_id: Default: class and seed.
    """
    class_name = CLASSES[label_of(class_name)]
    rng = np.random.default_rng([seed, label_of(class_name)])
    builders = dict(zip(FAMILIES[class_name], _BUILDERS[class_name], strict=True))
    if family is None:
        family = FAMILIES[class_name][int(rng.integers(len(builders)))]
    if family not in builders:
        raise BadInput(f"unknown {class_name} family '{family}'", fix=f"use one of: {', '.join(builders)}")
    kit = Kit(rng)
    builders[family](kit)
    identity = object_id or f"{class_name}-{seed:06d}"
    return SceneObject(identity, class_name, tuple(kit.parts), family=family).placed()


def make_collection(per_class: int, seed: int = 0, classes: tuple[str, ...] = CLASSES) -> list[SceneObject]:
    """`per_class` objects of each class, families in turn; object i is the same in every larger collection."""
    if per_class < 1:
        raise BadInput(f"{per_class} objects a class", fix="ask for at least 1")
    objects = []
    for class_name in classes:
        class_name = CLASSES[label_of(class_name)]
        for i in range(per_class):
            family = FAMILIES[class_name][i % len(FAMILIES[class_name])]
            own_seed = child_seed(seed, class_name, i) % 2**32
            objects.append(make_object(class_name, own_seed, family, f"{class_name}-{i:04d}"))
    return objects
