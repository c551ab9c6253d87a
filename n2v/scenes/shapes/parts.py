"""Solids to build objects from (every one a loft, a skin over a stack of rings), and one object's random choices."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from n2v.errors import BadInput
from n2v.scenes.augment import free_form
from n2v.scenes.objects import RADIUS, Part
from n2v.scenes.shapes.looks import Look, colour, corner_uv, look

N_RING = 16
LONG_TAIL = 1.6  # option r of a slot is drawn in proportion to r ** -LONG_TAIL
_ORDER = {"z": [0, 1, 2], "y": [0, 2, 1], "x": [2, 0, 1]}  # (across, across, along) of an axis to x, y, z


def circle(n: int = N_RING) -> np.ndarray:
    """(n, 2) unit circle."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def outline(roundness: float, n: int = N_RING) -> np.ndarray:
    """(n, 2) closed line between the square [-1, 1]^2 (roundness 0) and the unit circle (1)."""
    ring = circle(n)
    return ring * ((1 - roundness) / np.abs(ring).max(1, keepdims=True) + roundness)


def spread(n: int) -> np.ndarray:
    """Middles of n equal shares of [-0.5, 0.5]."""
    return (np.arange(n) + 0.5) / n - 0.5


def turn(rx: float = 0.0, ry: float = 0.0, rz: float = 0.0) -> np.ndarray:
    """(3, 3) rotation about x, then y, then z; radians."""
    (a, b, c), (d, e, f) = np.cos([rx, ry, rz]), np.sin([rx, ry, rz])
    about_x = np.array([[1, 0, 0], [0, a, -d], [0, d, a]])
    about_y = np.array([[b, 0, e], [0, 1, 0], [-e, 0, b]])
    return np.array([[c, -f, 0], [f, c, 0], [0, 0, 1]]) @ about_y @ about_x


class Kit:
    """Collects the parts of one object and draws its choices. Lengths are free: objects are placed later."""

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

    def some(self, *places):
        """The first few of the places: one, two, ... or all."""
        return places[: self.pick(*range(1, len(places) + 1))]

    def draw(self, slot: str, options: Mapping | Sequence | str, table: Mapping | None = None):
        """Fill a slot: one of the options (words of a text), the first ones more often; of a mapping, its value."""
        names = options.split() if isinstance(options, str) else list(options)
        self.options[slot] = tuple(names)
        if slot in self.forced:
            name = self.forced[slot]
            if name not in names:
                raise BadInput(f"slot '{slot}' has no option '{name}'", fix=f"use one of: {', '.join(names)}")
        else:
            odds = np.arange(1, len(names) + 1.0) ** -LONG_TAIL
            name = names[int(self.rng.choice(len(names), p=odds / odds.sum()))]
        self.slots[slot] = name
        table = options if isinstance(options, Mapping) else table
        return name if table is None else table[name]

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

    def loft(self, name: str, rings, role: str) -> None:
        """Skin over k rings of n points each, (k, n, 3), capped at both ends, turned outward; names are numbered."""
        rings = np.asarray(rings, float)
        k, n = rings.shape[:2]
        around = np.arange(n)
        following = (around + 1) % n
        faces = []
        for i in range(k - 1):
            a, b = i * n + around, i * n + following
            faces += [np.stack([a, b, b + n], -1), np.stack([a, b + n, a + n], -1)]
        faces.append(np.stack([following, around, np.full(n, k * n)], -1))
        faces.append(np.stack([(k - 1) * n + around, (k - 1) * n + following, np.full(n, k * n + 1)], -1))
        faces, vertices = np.concatenate(faces), np.concatenate([rings.reshape(-1, 3), rings[[0, -1]].mean(1)])
        corners = vertices[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
        faces, corners = faces[area > 1e-12], corners[area > 1e-12]
        centred = corners - vertices.mean(0)
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
        half, inset = size[2] / 2, 1 - 0.35 * soft
        edge = half * (1 - 0.5 * soft)
        profile = [(inset, -half), (1.0, -edge), (1 + bulge, -edge / 3), ((1 + bulge) * (1 + taper) / 2, edge / 3)]
        profile += [(taper, edge), (taper * inset, half)]
        rings = [np.column_stack([plan * scale, np.full(len(plan), z)]) for scale, z in profile]
        self.loft(name, np.array(rings) @ turn(*angles).T + np.asarray(centre, float), role)

    def box(self, name: str, centre, size, role: str, **shape) -> None:
        """A block with sharp corners."""
        self.block(name, centre, size, role, roundness=0.0, **shape)

    def tube(self, name: str, points, radius, role: str, n: int = 8) -> None:
        """Round tube along a line of points; one radius, or one a point."""
        points = np.asarray(points, float)
        radii = np.broadcast_to(np.asarray(radius, float), len(points))
        along = np.gradient(points, axis=0)
        along /= np.linalg.norm(along, axis=-1, keepdims=True)
        across = np.cross(along[0], [0, 0, 1.0] if abs(along[0, 2]) < 0.9 else [0, 1.0, 0])
        rings = []
        for point, direction, r in zip(points, along, radii, strict=True):
            across = across - direction * (across @ direction)
            across /= np.linalg.norm(across)
            ring = circle(n) * max(r, 1e-5)
            rings.append(point + ring[:, :1] * across + ring[:, 1:] * np.cross(direction, across))
        self.loft(name, rings, role)

    def rod(self, name: str, start, end, radius: float, role: str, radius_end: float | None = None) -> None:
        """Cylinder or cone between two points."""
        last = radius if radius_end is None else radius_end
        self.tube(name, np.linspace(start, end, 3), np.linspace(radius, last, 3), role)

    def lathe(self, name: str, profile, role: str, centre=(0, 0, 0), axis: str = "z", n: int = N_RING) -> None:
        """Surface of revolution of (radius, height) pairs about an axis."""
        rings = [np.column_stack([circle(n) * max(r, 1e-5), np.full(n, h)])[:, _ORDER[axis]] for r, h in profile]
        self.loft(name, np.array(rings) + np.asarray(centre, float), role)

    def ball(self, name: str, centre, radii, role: str) -> None:
        """Ellipsoid."""
        angle = np.linspace(-np.pi / 2, np.pi / 2, 8)
        rings = [np.column_stack([circle() * max(np.cos(a), 1e-3), np.full(N_RING, np.sin(a))]) for a in angle]
        self.loft(name, np.array(rings) * np.asarray(radii, float) + np.asarray(centre, float), role)

    def plate(self, name: str, line, normal: str, low: float, high: float, role: str) -> None:
        """Flat plate: a (n, 2) outline, star-shaped about its middle, between two heights along x, y or z."""
        line = np.asarray(line, float)
        rings = [np.column_stack([line, np.full(len(line), at)])[:, _ORDER[normal]] for at in (low, high)]
        self.loft(name, rings, role)

    def hull(self, name: str, stations, role: str, axis: str = "y", x: float = 0.0) -> None:
        """Body along an axis: each station is (position, half width, low, high, roundness 0..1); moved by `x`."""
        rings = []
        for position, half_width, low, high, roundness in stations:
            ring = outline(roundness) * np.array([max(half_width, 1e-4), max(high - low, 1e-4) / 2])
            along = np.full(len(ring), position)
            across, up = ring[:, 0], ring[:, 1] + (low + high) / 2
            rings.append(np.column_stack([across, along, up] if axis == "y" else [along, across, up]))
        self.loft(name, rings, role)
        self.parts[-1].vertices[:, 0] += x

    def wheel(self, name: str, centre, radius: float, width: float, axis: str = "x") -> None:
        """Tyre and, a little prouder, its hub."""
        for part, r, w, role in ((name, radius, width, "wheel"), ("hub", 0.5 * radius, 1.15 * width, "hub")):
            profile = [(0.85 * r, -w / 2), (r, -0.3 * w), (r, 0.3 * w), (0.85 * r, w / 2)]
            self.lathe(part, profile, role, centre, axis, 12)

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
