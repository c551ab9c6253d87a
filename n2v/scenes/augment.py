"""The thesis's augmentation (3.2.1): a gentle random deformation of the shape, a random colour a component.

The deformation is one smooth map of space without folds, so parts stay attached and no triangle flips.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import pi

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.scenes.objects import RADIUS, Part, SceneObject
from n2v.seeds import child_seed


@dataclass(frozen=True)
class AugmentConfig:
    """How far an augmented version may move from its base; lengths in units of the object's radius."""

    stretch: float = 0.12  # largest log scale of an axis
    taper: float = 0.1  # relative width lost or won from the middle to an end
    twist_deg: float = 5.0  # turn about z from the middle to an end
    bend: float = 0.05  # sideways shift of the ends
    lattice: float = 0.04  # shift of a free-form control point
    n_control: int = 4  # control points along each axis
    colour: bool = True


def deformation(
    rng: np.random.Generator, config: AugmentConfig | None = None
) -> Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 3"]]:
    """A random smooth map of points (n, 3) inside the box of a placed object; its Jacobian stays positive.

    Stretch along the axes, then taper, bend, twist about z, then a free-form lattice (Bernstein polynomials
    of random control points).
    """
    config = config or AugmentConfig()
    stretch = np.exp(rng.uniform(-config.stretch, config.stretch, 3))
    axis = int(rng.integers(3))
    taper = rng.uniform(-config.taper, config.taper)
    twist = np.radians(rng.uniform(-config.twist_deg, config.twist_deg))
    along, across = (int(which) for which in rng.permutation(3)[:2])
    bend = rng.uniform(-config.bend, config.bend)
    controls = rng.uniform(-config.lattice, config.lattice, (config.n_control,) * 3 + (3,))

    def deform(points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, float) / RADIUS
        moved = points * stretch
        others = [index for index in range(3) if index != axis]
        moved[:, others] *= 1 + taper * np.clip(points[:, axis : axis + 1], -1, 1)
        moved[:, across] += bend * points[:, along] ** 2
        angle = twist * points[:, 2]
        c, s, (x, y) = np.cos(angle), np.sin(angle), moved[:, :2].T
        moved[:, :2] = np.column_stack([x * c - y * s, x * s + y * c])
        return RADIUS * (moved + free_form(points, controls))

    return deform


def free_form(points: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Shift (n, 3) of points in [-1, 1]^3 by a Bernstein lattice of control shifts (k, k, k, 3)."""
    degree = len(controls) - 1
    t = np.clip((points + 1) / 2, 0, 1)
    index = np.arange(degree + 1)
    binomial = np.array([math.comb(degree, k) for k in index])
    basis = binomial * t[..., None] ** index * (1 - t[..., None]) ** (degree - index)
    return np.einsum("na,nb,nc,abcd->nd", basis[:, 0], basis[:, 1], basis[:, 2], controls, optimize=True)


def augment(obj: SceneObject, version: int, seed: int = 0, config: AugmentConfig | None = None) -> SceneObject:
    """Version 1, 2, ... of a base object: same structure, other proportions and colours, placed again.

    The random stream depends on seed, base object and version alone. Parts named alike up to a number
    (leg_0, leg_1) which look alike get one colour; textures keep their pattern under another tint.

    Raises:
        BadInput: `version` is below 1 or `obj` is itself an augmented version.
    """
    config = config or AugmentConfig()
    if version < 1 or obj.version:
        what = f"cannot make version {version} of version {obj.version}"
        raise BadInput(what, where=obj.object_id, fix="augment a base object (version 0) to version 1, 2, ...")
    rng = np.random.default_rng(child_seed(seed, "augment", obj.base_id, version))
    base = obj.placed()
    deform = deformation(rng, config)
    parts = tuple(replace(part, vertices=deform(part.vertices)) for part in base.parts)
    if config.colour:
        parts = recolour(parts, rng)
    return replace(base, object_id=f"{obj.base_id}_A{version}", version=version, parts=parts).placed()


def recolour(parts: tuple[Part, ...], rng: np.random.Generator) -> tuple[Part, ...]:
    """A random hue, saturation and brightness for each group of parts that belong together."""
    tints: dict[tuple, Callable] = {}
    coloured = []
    for part in parts:
        mean = part.mean_colour
        key = (re.sub(r"[\s._-]*\d+$", "", part.name), *np.round(mean * 8).astype(int).tolist())
        if key not in tints:
            tints[key] = _tint(mean, rng)
        coloured.append(_tinted(part, tints[key]))
    return tuple(coloured)


def _tint(mean: np.ndarray, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A map of sRGB that moves a mean to a random colour and keeps each colour's difference from it, turned in hue."""
    hue, saturation, value = rng.uniform(0, 1), rng.uniform(0.25, 0.9), rng.uniform(0.35, 0.95)
    pure = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)  # hue to rgb
    target, turn = value * (1 - saturation * (1 - pure)), _hue_rotation(rng.uniform(0, 2 * pi))
    return lambda rgb: np.clip(target + (rgb - mean) @ turn.T, 0, 1)


def _tinted(part: Part, tint: Callable[[np.ndarray], np.ndarray]) -> Part:
    corner_rgba = part.corner_rgba.copy()
    if part.texture is None:
        corner_rgba[..., :3] = tint(corner_rgba[..., :3])
        return replace(part, corner_rgba=corner_rgba)
    corners = corner_rgba[..., :3].mean((0, 1))
    texture = part.texture.copy()
    texture[..., :3] = np.rint(255 * tint(texture[..., :3] / 255 * corners))
    corner_rgba[..., :3] = np.clip(corner_rgba[..., :3] / np.maximum(corners, 1e-3), 0, 1)
    return replace(part, corner_rgba=corner_rgba, texture=texture)


def _hue_rotation(angle: float) -> np.ndarray:
    """(3, 3) rotation of rgb about the grey axis (Rodrigues), angle in radians."""
    axis = np.full(3, 3**-0.5)
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
