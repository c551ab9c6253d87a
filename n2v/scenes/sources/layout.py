"""What every layout of pictures says of itself, and what its reader gives: an object's pictures with their cameras."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from n2v.errors import BadInput


@dataclass(frozen=True)
class Shot:
    """Pictures and OpenGL c2w cameras of one object, z up, lengths in the source's units.

    `held_out` marks the views which the source itself keeps apart; without any, the importer chooses.
    """

    images: UInt8[np.ndarray, "n h w 4"]
    c2w: Float[np.ndarray, "n 4 4"]
    camera_angle_x: float
    held_out: tuple[int, ...] = ()

    def checked(self, where: Path) -> "Shot":
        """Itself, when every camera is finite."""
        if not np.isfinite(self.c2w).all():
            raise BadInput("a transform_matrix has NaN or infinite entries", where=where, fix="restore it")
        return self


@dataclass(frozen=True)
class Layout:
    """One way of keeping pictures on disk.

    `starts` tells from a folder, its sub-folders and its files whether an object starts there; `views` are the names a
    sub-folder with its pictures may have (none: they lie in the folder itself). `read` raises BadInput where a file
    is missing, broken or not what the format says; None: the layout holds meshes. `scale` is how many scene units the
    source's unit becomes, None where only the silhouettes tell. `keeps_apart`: it may have test views of its own.
    """

    name: str
    looks_like: str
    source: str
    read: Callable[[Path], Shot] | None
    starts: Callable[[Path, list[str], list[str]], bool]
    views: tuple[str, ...] = ()
    licence: str = ""
    scale: float | None = None
    keeps_apart: bool = False
