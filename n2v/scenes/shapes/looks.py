"""What surfaces look like: a few colours an object, drawn for all classes alike, textures on about 40 % of parts."""

import colorsys
from dataclasses import dataclass

import numpy as np

TEXTURED = 0.4  # share of roles with a pattern
TEXTURE_PX = 64
# hue, saturation and value ranges, each as likely as the next and none of them a class's own
MATERIALS = (
    (0.05, 0.11, 0.3, 0.7, 0.35, 0.85),  # wood
    (0.02, 0.06, 0.4, 0.7, 0.2, 0.4),  # dark wood
    (0.55, 0.65, 0.0, 0.12, 0.4, 0.8),  # metal
    (0.10, 0.14, 0.4, 0.7, 0.55, 0.85),  # brass
    (0.0, 1.0, 0.0, 0.2, 0.15, 0.35),  # nearly black
    (0.0, 1.0, 0.0, 0.08, 0.8, 0.97),  # white
    (0.0, 1.0, 0.3, 0.75, 0.3, 0.85),  # fabric
    (0.0, 1.0, 0.55, 0.95, 0.45, 0.95),  # paint
    (0.12, 0.35, 0.25, 0.5, 0.2, 0.5),  # olive
    (0.5, 0.6, 0.15, 0.45, 0.3, 0.7),  # glass
)


def colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) sRGB of a random material."""
    h0, h1, s0, s1, v0, v1 = MATERIALS[int(rng.integers(len(MATERIALS)))]
    return np.array(colorsys.hsv_to_rgb(rng.uniform(h0, h1) % 1, rng.uniform(s0, s1), rng.uniform(v0, v1)))


@dataclass(frozen=True)
class Look:
    """Colour of a role; texture (64, 64, 4) uint8 sRGB or None, laid by size (`tile` object radii) or once a part."""

    rgb: np.ndarray
    texture: np.ndarray | None = None
    tile: float = 0.0  # 0: stretched over each part's own box


PATTERNS = ("grain", "stripes", "checks", "dots", "label", "dials", "windows", "blend")
BY_SIZE = PATTERNS[:4]  # the others are laid once a part


def mask(pattern: str, rng: np.random.Generator) -> np.ndarray:
    """(64, 64) in [0, 1] of one of the patterns."""
    axis = (np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX
    x, y = np.meshgrid(axis, axis)  # to the right and downwards
    if pattern == "grain":
        warp = 0.08 * np.sin(2 * np.pi * (x + rng.random())) + 0.05 * np.sin(4 * np.pi * x + 6 * rng.random())
        share = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * (y + warp))
    elif pattern == "stripes":
        n = int(rng.integers(1, 4))
        share = (x if rng.random() < 0.5 else y) * n % 1 < rng.uniform(0.25, 0.6)
    elif pattern == "checks":
        share = (x > 0.5) ^ (y > 0.5)
    elif pattern == "dots":
        share = np.hypot((2 * x) % 1 - 0.5, (2 * y) % 1 - 0.5) < rng.uniform(0.2, 0.36)
    elif pattern == "label":
        cx, cy, w, h = rng.uniform((0.35, 0.35, 0.12, 0.08), (0.65, 0.65, 0.3, 0.2))
        share = ((np.abs(x - cx) < w) & (np.abs(y - cy) < h)) * np.where((y * 12) % 1 < 0.5, 1.0, 0.6)
    elif pattern == "dials":
        n = int(rng.integers(2, 4))
        share = np.hypot((n * x) % 1 - 0.5, (y - rng.uniform(0.3, 0.7)) * n) < 0.32
    elif pattern == "windows":
        n = int(rng.integers(2, 5))
        share = (np.abs((n * x) % 1 - 0.5) < 0.33) & (np.abs(y - rng.uniform(0.45, 0.65)) < 0.16)
    else:
        share = y ** rng.uniform(0.6, 2)
    return share.astype(float)


def look(rng: np.random.Generator, rgb: np.ndarray) -> Look:
    """A plain or textured look around a colour."""
    if rng.random() > TEXTURED:
        return Look(rgb)
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
    other = np.clip(rgb * rng.uniform(0.45, 0.75) if rng.random() < 0.6 else colour(rng), 0, 1)
    share = mask(pattern, rng)[..., None]
    rgba = np.full((TEXTURE_PX, TEXTURE_PX, 4), 255, np.uint8)
    rgba[..., :3] = np.rint(255 * (rgb * (1 - share) + other * share))
    return Look(rgb, rgba, rng.uniform(0.35, 0.9) if pattern in BY_SIZE else 0.0)


def corner_uv(corners: np.ndarray, tile: float) -> np.ndarray:
    """(m, 3, 2) texture coordinates of triangle corners (m, 3, 3): each face seen along its normal's largest axis."""
    normals = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    seen = np.array([[1, 2], [0, 2], [0, 1]])[normals.argmax(1)]  # of the other two axes, the upright one last
    uv = np.take_along_axis(corners, seen[:, None], 2)
    if tile:
        return uv / tile
    low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    size = np.maximum(high - low, 1e-9)
    return np.clip((uv - low[seen][:, None]) / size[seen][:, None], 0.01, 0.99)
