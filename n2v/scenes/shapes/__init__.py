"""Procedural objects of the thirteen classes: the collection that is always at hand.

Each class is a grammar: slots (body, support, back, arms, extra ...) filled from about eight options each with a long
tail, so that most objects are combinations that no other has. A slot is one function with a branch for each option,
as long as they are many. Classes share parts, proportions and colours; a few objects could honestly go by two names
and say so. z is up and the front faces -y.
"""

from collections.abc import Mapping

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES, FREQUENCIES, label_of
from n2v.scenes.objects import SceneObject
from n2v.scenes.shapes import airplanes, cars, cases, lamps, rifles, screens, seating, tables, watercraft
from n2v.scenes.shapes.parts import Kit, words
from n2v.seeds import child_seed

_CLASSES = {  # of each class: its builder, and its families, the options of the slot `body`
    "airplane": (airplanes.airplane, airplanes.FUSELAGES), "bench": (seating.bench, seating.BODIES["bench"]),
    "cabinet": (cases.cabinet, cases.CABINETS), "car": (cars.car, cars.BODIES),
    "chair": (seating.chair, seating.BODIES["chair"]), "display": (screens.display, screens.DISPLAYS),
    "lamp": (lamps.lamp, lamps.SHADES), "speaker": (cases.speaker, cases.SPEAKERS),
    "rifle": (rifles.rifle, rifles.STOCKS), "sofa": (seating.sofa, seating.BODIES["sofa"]),
    "table": (tables.table, tables.TOPS), "phone": (screens.phone, screens.PHONES),
    "watercraft": (watercraft.watercraft, watercraft.HULLS),
}  # fmt: skip
BUILDERS = {name: builder for name, (builder, _) in _CLASSES.items()}
FAMILIES: dict[str, tuple[str, ...]] = {name: words(bodies) for name, (_, bodies) in _CLASSES.items()}
FREQUENCY_RULES = ("balanced", "thesis", "half")
AMBIGUOUS_SHARE = 0.055  # of the classes that have such objects: 4 % of all
# an object of the first class that the grammar of the second makes: it could go by both names
AMBIGUOUS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "bench": (("table", {"body": "rectangle", "under": "none"}), ("sofa", {"body": "cushion", "arms": "none"})),
    "cabinet": (("speaker", {"front": "cloth"}), ("table", {"under": "drawers", "support": "legs"})),
    "chair": (("table", {"body": "round", "under": "none"}), ("sofa", {"body": "cushion", "arms": "thin"})),
    "display": (("phone", {"body": "tablet", "support": "none"}),),
    "lamp": (("table", {"body": "round", "support": "pedestal", "under": "none"}),),
    "phone": (("display", {"body": "flat", "support": "none"}),),
    "sofa": (("bench", {"body": "cushion", "back": "panel"}), ("chair", {"body": "box", "arms": "blocks"})),
    "speaker": (("cabinet", {"body": "upright", "front": "doors"}), ("cabinet", {"body": "upright", "front": "cloth"})),
    "table": (("bench", {"body": "flat", "back": "none", "arms": "none"}), ("cabinet", {"body": "wide"})),
}  # fmt: skip


def make_object(
    class_name: str,
    seed: int,
    family: str | None = None,
    object_id: str | None = None,
    slots: Mapping[str, str] | None = None,
) -> SceneObject:
    """One object, placed in the box; the same arguments always give the same object.

    Args:
        class_name: One of the thirteen classes (or its synset).
        seed: Of the slots, the sizes and the looks.
        family: One of FAMILIES[class_name], instead of a drawn one.
        object_id: Default: class and seed.
        slots: What to fill some slots with (`slot_options`), instead of drawing it; what is drawn after a slot (sizes,
            looks) depends on what fills it.

    Returns:
        `family` is its slot `body`; `slots` says what fills each slot, and under "could_be" the other name that an
        ambiguous object could go by.
    """
    class_name = CLASSES[label_of(class_name)]
    rng = np.random.default_rng([seed, label_of(class_name)])
    builder, asked = class_name, dict(slots or {})
    if family is None and not asked and class_name in AMBIGUOUS and rng.random() < AMBIGUOUS_SHARE:
        builder, forced = AMBIGUOUS[class_name][int(rng.integers(len(AMBIGUOUS[class_name])))]
        asked = {"extra": "none"} | forced
    elif family is not None:
        if family not in FAMILIES[class_name]:
            known = ", ".join(FAMILIES[class_name])
            raise BadInput(f"unknown {class_name} family '{family}'", fix=f"use one of: {known}")
        asked["body"] = family
    kit = Kit(rng, asked)
    BUILDERS[builder](kit)
    if strange := asked.keys() - kit.slots:
        raise BadInput(f"this {class_name} has no slot '{min(strange)}'", fix=f"use: {', '.join(kit.slots)}")
    parts = kit.finished()
    told = kit.slots | ({"could_be": builder} if builder != class_name else {})
    filled = " ".join(f"{slot}={name}" for slot, name in told.items())
    identity = object_id or f"{class_name}-{seed:06d}"
    return SceneObject(identity, class_name, parts, family=kit.slots["body"], slots=filled).placed()


def slot_options(class_name: str, n_drawn: int = 20) -> dict[str, tuple[str, ...]]:
    """What each slot of a class may be filled with, commonest first: as its builder asked in `n_drawn` drawings.

    Not every object takes every option (a loudspeaker on a stand none of those for the shelf).
    """
    found: dict[str, tuple[str, ...]] = {}
    for seed in range(n_drawn):
        kit = Kit(np.random.default_rng(seed))
        BUILDERS[CLASSES[label_of(class_name)]](kit)
        for slot, names in kit.options.items():
            found[slot] = tuple(dict.fromkeys((*found.get(slot, ()), *names)))
    return found


def counts(per_class: int, frequencies: str = "balanced", classes: tuple[str, ...] = CLASSES) -> dict[str, int]:
    """How many objects of each class, `per_class` on average.

    Args:
        per_class: At least 1.
        frequencies: "balanced", "thesis" (in proportion to thesis Table 3.1), or "half": half of them each way.
        classes: Which classes.
    """
    if per_class < 1:
        raise BadInput(f"{per_class} objects a class", fix="ask for at least 1")
    if frequencies not in FREQUENCY_RULES:
        raise BadInput(f"unknown frequencies '{frequencies}'", fix=f"use {', '.join(FREQUENCY_RULES)}")
    classes = tuple(CLASSES[label_of(name)] for name in classes)
    even = {"balanced": per_class, "half": per_class // 2, "thesis": 0}[frequencies]
    rest = (per_class - even) * len(classes) / sum(FREQUENCIES[name] for name in classes)
    return {name: max(1, even + round(rest * FREQUENCIES[name])) for name in classes}


def make_collection(
    per_class: int, seed: int = 0, classes: tuple[str, ...] = CLASSES, frequencies: str = "balanced"
) -> list[SceneObject]:
    """Objects of each class (`counts`); object i is the same in every larger collection."""
    return [
        make_object(name, child_seed(seed, name, i) % 2**32, object_id=f"{name}-{i:04d}")
        for name, n in counts(per_class, frequencies, classes).items()
        for i in range(n)
    ]
