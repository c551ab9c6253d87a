"""Solids to build objects from (every one a loft, a skin over a stack of rings), and one object's random choices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.augment import free_form
from n2v.scenes.objects import RADIUS, Part
from n2v.scenes.shapes.looks import Look, colour, corner_uv, look

N_RING = 16
LONG_TAIL = 1.6  # option r of a slot is drawn in proportion to r ** -LONG_TAIL
PAIR = np.array([-1, 1])  # left and right, or front and back
_ORDER = {"z": [0, 1, 2], "y": [0, 2, 1], "x": [2, 0, 1]}  # (across, across, along) of an axis to x, y, z


def words(options: str | Mapping) -> tuple[str, ...]:
    """Names of options, from a text or a table."""
    return tuple(options.split() if isinstance(options, str) else options)


def circle(n: int = N_RING) -> np.ndarray:
    """(n, 2) unit circle."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def outline(roundness: float) -> np.ndarray:
    """(16, 2) closed line between the square [-1, 1]^2 (roundness 0) and the unit circle (1)."""
    ring = circle()
    return ring * ((1 - roundness) / np.abs(ring).max(1, keepdims=True) + roundness)


def spread(n: int) -> np.ndarray:
    """Middles of n equal shares of [-0.5, 0.5]."""
    return (np.arange(n) + 0.5) / n - 0.5


def grid(first: Sequence | np.ndarray, second: Sequence | np.ndarray) -> np.ndarray:
    """(2, n * m) coordinates of all pairs, the second changing first."""
    return np.stack(np.meshgrid(first, second, indexing="ij")).reshape(2, -1)


def curve(*coordinates) -> np.ndarray:
    """(n, 3) or (n, 2) points of a line; a coordinate that does not change may be one number."""
    return np.column_stack(np.broadcast_arrays(*coordinates))


def several(*points) -> Iterator[np.ndarray]:
    """The points, (n, 3), once for each value of coordinates that are arrays."""
    yield from curve(*(coordinate for point in points for coordinate in point)).reshape(-1, len(points), 3)


def turn(rx: float = 0.0, ry: float = 0.0, rz: float = 0.0) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z; radians."""
    (a, b, c), (d, e, f) = np.cos([rx, ry, rz]), np.sin([rx, ry, rz])
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    return np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]]) @ about_y @ about_x


class Kit:
    """Collects the parts of one object and draws its choices. Lengths are free: objects are placed later.

    A coordinate of a solid's place may be an array: then there is one solid for each of its values.
    """

    def __init__(self, rng: np.random.Generator, forced: Mapping[str, str] | None = None) -> None:
        self.rng, self.forced = rng, dict(forced or {})
        self.parts: list[Part] = []
        self.slots: dict[str, str] = {}
        self.options: dict[str, tuple[str, ...]] = {}  # what each slot so far could be filled with, commonest first
        self._looks: dict[str, Look] = {}
        self._of: list[str] = []  # role of each part
        self._scheme = [colour(rng) for _ in range(int(rng.integers(2, 6)))]
        self.roundness = 0.0 if self.chance(0.4) else self.u(0.1, 0.9)

    # ---- choices

    def u(self, low: float, high: float) -> float:
        """Uniform number."""
        return float(self.rng.uniform(low, high))

    def size(self, low: float, high: float) -> float:
        """A main dimension: uniform with soft, wide ends, so that proportions alone do not tell classes apart."""
        return self.u(low, high) * float(np.exp(self.rng.normal(0, 0.32)))

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return bool(self.rng.random() < probability)

    def pick(self, *options):
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def some(self, *places) -> np.ndarray:
        """The first few of the places: one, two, ... or all."""
        return np.array(places[: self.pick(*range(1, len(places) + 1))])

    def sides(self, both: float) -> np.ndarray:
        """Both sides with a probability, else one: of -1 and 1."""
        return PAIR if self.chance(both) else np.array([self.pick(-1, 1)])

    def draw(self, slot: str, options: str | Mapping) -> str:
        """Fill a slot: one of the options (words of a text, or names of a table), the first ones more often."""
        names = self.options[slot] = words(options)
        if slot in self.forced:
            name = self.forced[slot]
            if name not in names:
                raise BadInput(f"slot '{slot}' has no option '{name}'", fix=f"use one of: {', '.join(names)}")
        else:
            odds = np.arange(1, len(names) + 1.0) ** -LONG_TAIL
            name = names[int(self.rng.choice(len(names), p=odds / odds.sum()))]
        self.slots[slot] = name
        return name

    def _look(self, role: str) -> Look:
        """Of a role, drawn when it is first needed; mostly in a colour that stands out from the body's."""
        if role not in self._looks:
            rgb = self._scheme[int(self.rng.integers(len(self._scheme)))]
            if self._looks and self.chance(0.75):
                first = next(iter(self._looks.values())).rgb
                rgb = max(self._scheme, key=lambda other: float(np.abs(other - first).sum()) * self.u(0.7, 1.0))
            self._looks[role] = look(self.rng, rgb)
        return self._looks[role]

    # ---- solids

    def loft(self, name: str, rings, role: str, places=(0, 0, 0)) -> None:
        """Skin over k rings of n points each, (k, n, 3), capped at both ends, turned outward; names are numbered."""
        rings = np.array(rings, float)
        k, n = rings.shape[:2]
        around, following = np.arange(n), (np.arange(n) + 1) % n
        a, b = (np.arange(k - 1)[:, None] * n + ring for ring in (around, following))
        sides = np.stack([np.stack([a, b, b + n], -1), np.stack([a, b + n, a + n], -1)], 1).reshape(-1, 3)
        end = (k - 1) * n
        skin = np.concatenate([sides, curve(following, around, k * n), curve(end + around, end + following, k * n + 1)])
        for (place,) in several(places):
            moved = rings + place
            vertices = np.concatenate([moved.reshape(-1, 3), moved[[0, -1]].mean(1)])
            corners = vertices[skin]
            area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
            faces, centred = skin[area > 1e-12], corners[area > 1e-12] - vertices.mean(0)
            if np.einsum("ij,ij->", centred[:, 0], np.cross(centred[:, 1], centred[:, 2])) < 0:
                faces = faces[:, ::-1]
            seen = sum(part.name.rpartition("_")[0] == name for part in self.parts)
            rgba = np.ones((len(faces), 3, 4), np.float32)
            self.parts.append(Part(f"{name}_{seen}", vertices, np.ascontiguousarray(faces), rgba))
            self._of.append(role)

    def block(
        self, name: str, centre, size, role: str, *, roundness: float | None = None, taper: float = 1.0,
        soft: float = 0.0, bulge: float = 0.0, angles=(0.0, 0.0, 0.0),
    ) -> None:  # fmt: skip
        """Box to cylinder and pillow: plan roundness 0..1, `taper` scales its top, `soft` draws both ends in."""
        plan = outline(self.roundness * 0.5 if roundness is None else roundness) * np.array(size[:2]) / 2
        half, inset, waist = size[2] / 2, 1 - 0.35 * soft, 1 + bulge
        edge = half * (1 - 0.5 * soft)
        profile = [(inset, -half), (1.0, -edge), (waist, -edge / 3), (waist * (1 + taper) / 2, edge / 3)]
        rings = [curve(*(plan * scale).T, z) for scale, z in [*profile, (taper, edge), (taper * inset, half)]]
        self.loft(name, np.array(rings) @ turn(*angles).T, role, centre)

    def box(self, name: str, centre, size, role: str, **shape) -> None:
        """A block with sharp corners."""
        self.block(name, centre, size, role, roundness=0.0, **shape)

    def tube(self, name: str, points, radius, role: str, n: int = 8) -> None:
        """Round tube along a line of points; one radius, or one a point."""
        for line in several(*points):
            along = np.gradient(line, axis=0)
            along /= np.linalg.norm(along, axis=-1, keepdims=True)
            across = np.cross(along[0], [0, 0, 1.0] if abs(along[0, 2]) < 0.9 else [0, 1.0, 0])
            rings = []
            for point, direction, r in zip(line, along, np.broadcast_to(radius, len(line)), strict=True):
                across = across - direction * (across @ direction)
                across /= np.linalg.norm(across)
                ring = circle(n) * max(r, 1e-5)
                rings.append(point + ring[:, :1] * across + ring[:, 1:] * np.cross(direction, across))
            self.loft(name, rings, role)

    def rod(self, name: str, start, end, radius: float, role: str, radius_end: float | None = None) -> None:
        """Cylinder or cone between two points."""
        radii = np.linspace(radius, radius if radius_end is None else radius_end, 3)
        for ends in several(start, end):
            self.tube(name, np.linspace(*ends, 3), radii, role)

    def lathe(
        self, name: str, profile, role: str, centre=(0, 0, 0), axis: str = "z", n: int = N_RING, scale=1.0
    ) -> None:
        """Surface of revolution of (radius, height) pairs about an axis, scaled in x, y and z."""
        rings = [curve(*(circle(n) * max(r, 1e-5)).T, h)[:, _ORDER[axis]] * scale for r, h in profile]
        self.loft(name, rings, role, centre)

    def ball(self, name: str, centre, radii, role: str) -> None:
        """Ellipsoid."""
        angles = np.linspace(-np.pi / 2, np.pi / 2, 8)
        self.lathe(name, [(max(np.cos(a), 1e-3), np.sin(a)) for a in angles], role, centre, scale=radii)

    def plate(self, name: str, line, normal: str, low: float, high: float, role: str) -> None:
        """Flat plate: a (n, 2) outline, star-shaped about its middle, between two heights along x, y or z."""
        self.loft(name, [curve(*np.transpose(line), at)[:, _ORDER[normal]] for at in (low, high)], role)

    def hull(self, name: str, stations, role: str, axis: str = "y", x=0.0) -> None:
        """Body along an axis: each station is (position, half width, low, high, roundness 0..1); moved by `x`."""
        rings = []
        for position, half_width, low, high, roundness in stations:
            across, up = (outline(roundness) * np.array([max(half_width, 1e-4), max(high - low, 1e-4) / 2])).T
            up = up + (low + high) / 2
            rings.append(curve(across, position, up) if axis == "y" else curve(position, across, up))
        for moved in np.atleast_1d(x):
            self.loft(name, rings, role)
            self.parts[-1].vertices[:, 0] += moved

    def wheel(self, name: str, centre, radius: float, width: float, axis: str = "x") -> None:
        """Tyre and, a little prouder, its hub."""
        for (at,) in several(centre):
            for part, r, w, role in ((name, radius, width, "wheel"), ("hub", 0.5 * radius, 1.15 * width, "hub")):
                profile = [(0.85 * r, -w / 2), (r, -0.3 * w), (r, 0.3 * w), (0.85 * r, w / 2)]
                self.lathe(part, profile, role, at, axis, 12)

    # ---- the whole

    def finished(self) -> tuple[Part, ...]:
        """The parts, warped as a whole, one of many alike perhaps missing, painted by role."""
        self._lose_one()
        points = np.concatenate([part.vertices for part in self.parts])
        low, high = points.min(0), points.max(0)
        middle, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
        controls = self.rng.uniform(-1, 1, (3, 3, 3, 3)) * self.u(0.0, 0.13)
        if self.chance(0.7):
            controls = (controls + controls[::-1] * np.array([-1, 1, 1])) / 2
        stretch = np.exp(self.rng.normal(0, 0.17, 3))
        done = []
        for part, role in zip(self.parts, self._of, strict=True):
            unit = (part.vertices - middle) * RADIUS / radius
            vertices = stretch * (unit + RADIUS * free_form(unit / RADIUS, controls))
            own = self._look(role)
            if own.texture is None:
                part.corner_rgba[..., :3] = own.rgb
                done.append(replace(part, vertices=vertices))
            else:
                uv = np.float32(corner_uv(vertices[part.faces], own.tile))
                done.append(replace(part, vertices=vertices, texture=own.texture, corner_uv=uv))
        return tuple(done)

    def _lose_one(self) -> None:
        """One object in twelve has lost one of four or more parts alike."""
        names = [part.name.rpartition("_")[0] for part in self.parts]
        many = [i for i, name in enumerate(names) if names.count(name) >= 4 and name not in ("leg", "stretcher")]
        if many and self.chance(0.08):
            lost = self.pick(*many)
            del self.parts[lost], self._of[lost]
            self.slots["missing"] = names[lost]
