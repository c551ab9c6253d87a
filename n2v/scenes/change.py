"""What an altered version changed in its base object, measured from the two meshes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.scenes.objects import RADIUS, SceneObject

AXES = "xyz"


@dataclass(frozen=True)
class Change:
    """What a version changed in its base, measured from corresponding vertices.

    `scale` is the factor along x, y and z after both were placed; `taper` the relative width won from the middle to
    the end of axis `taper_along`; `bend` the sideways shift, towards `bend_towards`, of the ends of axis `bend_along`
    in units of the object's radius; `twist_deg` the turn about z from the middle to an end. `colours` (c, 3) are the
    version's component colours (sRGB, 0 to 1), largest component first; `n_recoloured` of them are not the base's.
    """

    scale: tuple[float, float, float]
    taper: float
    taper_along: str
    bend: float
    bend_along: str
    bend_towards: str
    twist_deg: float
    colours: np.ndarray
    n_recoloured: int

    def __str__(self) -> str:
        factors = " ".join(f"{name}×{factor:.2f}" for name, factor in zip(AXES, self.scale, strict=True))
        return (
            f"{factors}\ntaper {self.taper:+.0%} along {self.taper_along}, twist {round(self.twist_deg):+d}°\n"
            f"bend {self.bend:+.0%} of {self.bend_along} to {self.bend_towards}\n"
            f"{self.n_recoloured} of {len(self.colours)} colours new"
        )


def measure_change(base: SceneObject, version: SceneObject) -> Change:
    """Fit the quadratic map that takes the base's vertices nearest to the version's, and read it.

    Taper multiplies a coordinate by another one, bend adds a square, twist swaps x and y in proportion to z: each is
    one coefficient of the map. A free-form deformation on top of them changes the values a little.

    Raises:
        BadInput: the two do not have the same vertices in the same order.
    """
    before, after = (np.concatenate([part.vertices for part in one.parts]) / RADIUS for one in (base, version))
    if before.shape != after.shape:
        raise BadInput(
            f"{len(before)} and {len(after)} vertices", where=version.object_id, fix="give an object and its version"
        )
    first, second = [0, 1, 2], [1, 2, 0]  # axes of the mixed monomials xy, yz, zx
    monomials = np.column_stack([np.ones(len(before)), before, before**2, before[:, first] * before[:, second]])
    coefficients = np.linalg.lstsq(monomials, after, rcond=1e-8)[0]
    linear, squares, crossed = coefficients[1:4], coefficients[4:7], np.zeros((3, 3, 3))
    crossed[first, second] = crossed[second, first] = coefficients[7:10]  # of two axes, in each coordinate
    scale = np.diag(linear)
    growth = np.einsum("abb->ab", crossed) / scale  # of coordinate b along axis a
    tapers = growth.sum(1) / 2
    axis = int(np.abs(tapers).argmax())
    bends = squares - np.diag(np.diag(squares))
    along, towards = np.unravel_index(np.abs(bends).argmax(), (3, 3))
    twist = (crossed[2, 0, 1] / scale[0] - crossed[2, 1, 0] / scale[1]) / 2
    colours, old = component_colours(version), component_colours(base)
    return Change(
        scale=tuple(scale.tolist()),
        taper=float(tapers[axis]),
        taper_along=AXES[axis],
        bend=float(bends[along, towards]),
        bend_along=AXES[along],
        bend_towards=AXES[towards],
        twist_deg=float(np.degrees(twist)),
        colours=colours,
        n_recoloured=int(sum(np.abs(old - colour).max(1).min() > 0.01 for colour in colours)),
    )


def component_colours(obj: SceneObject) -> Float[np.ndarray, "c 3"]:
    """Distinct mean colours (sRGB, 0 to 1) of an object's parts, the one with the largest surface first."""
    areas: dict[tuple, float] = {}
    for part in obj.parts:
        corners = part.vertices[part.faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
        colour = tuple(np.round(part.mean_colour, 2).tolist())
        areas[colour] = areas.get(colour, 0.0) + area
    return np.array(sorted(areas, key=areas.__getitem__, reverse=True))
