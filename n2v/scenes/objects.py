"""A coloured object: triangle parts in a z-up world, and how it is placed in the box every NeRF uses."""

from dataclasses import dataclass, field, replace

import numpy as np

from n2v.errors import BadInput
from n2v.identity import Identity

AABB = (-0.7, -0.7, -0.7, 0.7, 0.7, 0.7)  # min xyz, max xyz, scene units (thesis 3.2)
RADIUS = 0.65  # half diagonal of a placed object's bounding box: inside AABB from every side


@dataclass(frozen=True)
class Part:
    """One component of an object (a leg, a wing), recoloured as a whole by augmentation.

    Shapes: vertices (n, 3) float64; faces (m, 3) int64; corner_rgba (m, 3, 4) float32 in [0, 1], sRGB,
    one colour per triangle corner; texture (h, w, 4) uint8 sRGB with corner_uv (m, 3, 2), multiplied
    with corner_rgba when present (v = 0 is the last row, as in glTF after trimesh's flip).
    """

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    corner_rgba: np.ndarray
    texture: np.ndarray | None = None
    corner_uv: np.ndarray | None = None

    @property
    def mean_colour(self) -> np.ndarray:
        """(3,) mean sRGB colour in [0, 1] over corners, times that of the texture."""
        mean = self.corner_rgba[..., :3].mean((0, 1))
        return mean if self.texture is None else mean * self.texture[..., :3].mean((0, 1)) / 255


@dataclass(frozen=True)
class SceneObject(Identity):
    """An object with its identity, placed or not."""

    parts: tuple[Part, ...]
    source: str = field(default="procedural", kw_only=True)
    licence: str = field(default="MIT", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.parts or not sum(len(part.faces) for part in self.parts):
            raise BadInput("object has no faces", where=self.object_id, fix="export it as a triangle mesh")

    def bounds(self) -> np.ndarray:
        """(2, 3) lowest and highest corner of the used vertices."""
        points = np.concatenate([part.vertices[np.unique(part.faces)] for part in self.parts if len(part.faces)])
        return np.stack([points.min(0), points.max(0)])

    def placed(self, radius: float = RADIUS) -> "SceneObject":
        """Centre the bounding box on the origin and scale its half diagonal to `radius`."""
        low, high = self.bounds()
        half_diagonal = float(np.linalg.norm(high - low)) / 2
        if not np.isfinite(half_diagonal) or half_diagonal <= 0:
            raise BadInput("object has no extent or NaN vertices", where=self.object_id, fix="repair the mesh")
        centre, scale = (low + high) / 2, radius / half_diagonal
        parts = tuple(replace(part, vertices=(part.vertices - centre) * scale) for part in self.parts)
        return replace(self, parts=parts)


def read_slots(slots: str) -> dict[str, str]:
    """What fills each slot, from "body=flat support=legs ..."; words without "=" are passed over."""
    return dict(pair.split("=", 1) for pair in slots.split() if "=" in pair)
