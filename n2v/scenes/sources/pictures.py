"""What every layout gives: an object found on disk, and its pictures with cameras in the source's own units."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8


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
