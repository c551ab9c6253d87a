"""The thirteen classes, their ShapeNet synsets and the thesis's counts (thesis Table 3.1)."""

from n2v.errors import BadInput

SYNSETS = {
    "airplane": "02691156",
    "bench": "02828884",
    "cabinet": "02933112",
    "car": "02958343",
    "chair": "03001627",
    "display": "03211117",
    "lamp": "03636649",
    "speaker": "03691459",
    "rifle": "04090263",
    "sofa": "04256520",
    "table": "04379243",
    "phone": "04401088",
    "watercraft": "04530566",
}
CLASSES: tuple[str, ...] = tuple(SYNSETS)  # position = label, 0..12
FREQUENCIES = {  # objects of each class, thesis Table 3.1
    "airplane": 4045, "bench": 1813, "cabinet": 1571, "car": 3514, "chair": 6777, "display": 1093, "lamp": 2292,
    "speaker": 1597, "rifle": 2369, "sofa": 3173, "table": 8433, "phone": 1050, "watercraft": 1939,
}  # fmt: skip


def label_of(class_name: str) -> int:
    """Label (0..12) of a class name; a synset id is accepted too."""
    by_synset = {synset: name for name, synset in SYNSETS.items()}
    name = by_synset.get(class_name, class_name)
    if name not in SYNSETS:
        raise BadInput(f"unknown class '{class_name}'", fix=f"use one of: {', '.join(CLASSES)}")
    return CLASSES.index(name)
