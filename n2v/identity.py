"""What an object is called, and what it is a version and a combination of."""

from dataclasses import KW_ONLY, dataclass, fields


@dataclass(frozen=True)
class Identity:
    """Of a scene object, its pictures, its NeRF and its embedding alike: each of these is an Identity with more.

    A label and a split are a collection's to give, so they are not among it.

    >>> Identity("chair-0000_A1", "chair", base_id="chair-0000", version=1).shape_group
    'chair-0000'
    """

    object_id: str
    class_name: str
    _: KW_ONLY
    base_id: str = ""  # object_id of the un-augmented original; empty: itself
    version: int = 0  # 0: the base object; 1, 2: the thesis's augmentations
    shape_group: str = ""  # recolours of one shape share it, and must stay in one split; empty: base_id
    source: str = ""
    licence: str = ""
    family: str = ""  # of a procedural object: what fills its slot `body`
    slots: str = ""  # all of its slots, "body=flat support=legs ..."

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_id", self.base_id or self.object_id)
        object.__setattr__(self, "shape_group", self.shape_group or self.base_id)

    @property
    def identity(self) -> dict:
        """Its fields alone, for another thing of the same object."""
        return {name: getattr(self, name) for name in IDENTITY}


IDENTITY = tuple(field.name for field in fields(Identity))
