"""What every layout gives: an object found on disk, and its pictures with cameras in the source's own units."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES, label_of


@dataclass(frozen=True)
class Shot:
    """Pictures and OpenGL c2w cameras of one object, z up, lengths in the source's units.

    `held_out` marks the views which the source itself keeps apart; without any, the importer chooses.
    """

    images: UInt8[np.ndarray, "n h w 4"]
    c2w: Float[np.ndarray, "n 4 4"]
    camera_angle_x: float
    held_out: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """One way of keeping pictures on disk.

    `scale` is how many scene units the source's unit becomes, None where only the silhouettes tell.
    """

    name: str
    looks_like: str
    source: str
    licence: str
    scale: float | None
    read: Callable[["Found"], Shot]


@dataclass(frozen=True)
class Found:
    """One object's pictures on disk; `file` names its folder within the collection."""

    folder: Path
    file: str
    object_id: str
    class_name: str
    shape_group: str = ""


def class_of_folder(name: str, class_name: str | None, where: Path) -> str:
    """Class of a folder named by synset or class; `class_name` counts where the folder names nothing.

    Raises:
        BadInput: A synset of none of the thirteen classes, or no class at all.
    """
    if name.isdigit() and len(name) == 8:
        return CLASSES[label_of(name)]
    try:
        return CLASSES[label_of(name)]
    except BadInput:
        if class_name is None:
            raise BadInput("has no class", where=where, fix="give --class-name") from None
        return CLASSES[label_of(class_name)]
