"""Solids to build objects from: every one is a loft, a skin over a stack of rings."""

import numpy as np

from n2v.scenes.objects import Part


def circle(n: int = 16) -> np.ndarray:
    """(n, 2) unit circle."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def rounded_rectangle(width: float, depth: float, radius: float, n_corner: int = 3) -> np.ndarray:
    """(4 * n_corner, 2) outline with rounded corners, counter-clockwise."""
    radius = min(radius, 0.49 * width, 0.49 * depth)
    angle = np.linspace(0, np.pi / 2, n_corner)
    corner = radius * np.stack([np.cos(angle), np.sin(angle)], -1)
    half = np.array([width / 2 - radius, depth / 2 - radius])
    turn = np.array([[0, -1], [1, 0]])
    points = []
    for quarter in range(4):
        rotation = np.linalg.matrix_power(turn, quarter)
        sign = rotation @ np.array([1, 1])
        points.append(corner @ rotation.T + sign * half)
    return np.concatenate(points)


def _frame(direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across a direction."""
    helper = np.array([0.0, 0, 1]) if abs(direction[2]) < 0.9 else np.array([0.0, 1, 0])
    first = np.cross(helper, direction)
    first /= np.linalg.norm(first)
    return first, np.cross(direction, first)


class Kit:
    """Collects the coloured parts of one object and its random numbers. Lengths are free: objects are placed later."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.parts: list[Part] = []

    def u(self, low: float, high: float) -> float:
        """Uniform number."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return bool(self.rng.random() < probability)

    def pick(self, *options):
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def loft(self, name: str, rings, colour, closed: bool = False) -> None:
        """Skin over k rings of n points each, (k, n, 3), capped at both ends unless `closed` into a loop."""
        rings = np.asarray(rings, float)
        k, n = rings.shape[:2]
        faces = []
        for i in range(k if closed else k - 1):
            a = i * n + np.arange(n)
            b = i * n + (np.arange(n) + 1) % n
            c, d = (a + n) % (k * n), (b + n) % (k * n)
            faces += [np.stack([a, b, d], -1), np.stack([a, d, c], -1)]
        vertices = rings.reshape(-1, 3)
        if not closed:
            ends = rings[[0, -1]].mean(1)
            vertices = np.concatenate([vertices, ends])
            start, last = np.arange(n), (k - 1) * n + np.arange(n)
            following = (np.arange(n) + 1) % n
            faces.append(np.stack([following, start, np.full(n, k * n)], -1))
            faces.append(np.stack([last, (k - 1) * n + following, np.full(n, k * n + 1)], -1))
        self.add(name, vertices, np.concatenate(faces), colour)

    def add(self, name: str, vertices, faces, colour) -> None:
        """Add triangles, turned outward (positive volume) and without degenerate ones."""
        corners = vertices[faces]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1)
        faces, corners = faces[area > 1e-12], corners[area > 1e-12]
        centred = corners - vertices.mean(0)
        if np.einsum("ij,ij->", centred[:, 0], np.cross(centred[:, 1], centred[:, 2])) < 0:
            faces = faces[:, ::-1]
        rgba = np.broadcast_to(np.float32([*colour, 1.0]), (len(faces), 3, 4)).copy()
        self.parts.append(Part(name, np.ascontiguousarray(vertices), np.ascontiguousarray(faces), rgba))

    def box(self, name: str, centre, size, colour, radius: float = 0.0, tilt: float = 0.0, taper: float = 1.0) -> None:
        """Box; `radius` rounds its upright edges, `tilt` turns it about x (radians), `taper` scales its top."""
        outline = rounded_rectangle(size[0], size[1], max(radius, 1e-9), 3 if radius else 2)
        rings = [np.column_stack([outline * s, np.full(len(outline), z)]) for s, z in self._soft(size, radius, taper)]
        c, s = np.cos(tilt), np.sin(tilt)
        turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        self.loft(name, np.array(rings) @ turn.T + np.asarray(centre), colour)

    @staticmethod
    def _soft(size, radius: float, taper: float):
        """Scale and height of a box's rings; rounded boxes are drawn in at both ends."""
        half = size[2] / 2
        if not radius:
            return [(1.0, -half), (taper, half)]
        inset = 1 - min(radius, 0.3 * min(size)) / min(size[:2])
        soft = min(radius, 0.3 * size[2])
        return [(inset, -half), (1.0, soft - half), (taper, half - soft), (taper * inset, half)]

    def rod(self, name: str, start, end, radius: float, colour, radius_end: float | None = None, n: int = 10) -> None:
        """Cylinder or cone between two points."""
        self.tube(name, [start, end], [radius, radius if radius_end is None else radius_end], colour, n)

    def tube(self, name: str, points, radius, colour, n: int = 10) -> None:
        """Round tube along a line of points; one radius, or one a point."""
        points = np.asarray(points, float)
        radii = np.broadcast_to(np.asarray(radius, float), len(points))
        along = np.gradient(points, axis=0)
        along /= np.linalg.norm(along, axis=-1, keepdims=True)
        first, _ = _frame(along[0])
        rings = []
        for point, direction, r in zip(points, along, radii, strict=True):
            first = first - direction * (first @ direction)
            first /= np.linalg.norm(first)
            second = np.cross(direction, first)
            ring = circle(n) * max(r, 1e-6)
            rings.append(point + ring[:, :1] * first + ring[:, 1:] * second)
        self.loft(name, rings, colour)

    def lathe(self, name: str, profile, colour, centre=(0, 0, 0), axis: str = "z", n: int = 20) -> None:
        """Surface of revolution of (radius, height) pairs about an axis."""
        rings = []
        for r, height in profile:
            ring = circle(n) * max(r, 1e-6)
            up = np.full(n, height)
            columns = {"z": (ring[:, 0], ring[:, 1], up), "y": (ring[:, 0], up, ring[:, 1]), "x": (up, *ring.T)}
            rings.append(np.column_stack(columns[axis]))
        self.loft(name, np.array(rings) + np.asarray(centre), colour)

    def ball(self, name: str, centre, radii, colour, n: int = 14) -> None:
        """Ellipsoid."""
        angle = np.linspace(-np.pi / 2, np.pi / 2, 9)
        rings = [np.column_stack([circle(n) * max(np.cos(a), 1e-3), np.full(n, np.sin(a))]) for a in angle]
        self.loft(name, np.array(rings) * np.asarray(radii, float) + np.asarray(centre), colour)

    def slab(self, name: str, outline, normal: str, low: float, high: float, colour) -> None:
        """Flat plate: a (n, 2) outline, star-shaped about its middle, between two heights along x, y or z."""
        outline = np.asarray(outline, float)
        columns = {"z": [0, 1, 2], "y": [0, 2, 1], "x": [2, 0, 1]}[normal]
        rings = [np.column_stack([outline, np.full(len(outline), height)])[:, columns] for height in (low, high)]
        self.loft(name, rings, colour)

    def hull(self, name: str, stations, colour, axis: str = "y") -> None:
        """Body along an axis: each station is (position, half width, low, high, squareness 0..1)."""
        rings = []
        base = circle(16)
        for position, half_width, low, high, square in stations:
            ring = np.sign(base) * np.abs(base) ** (1 - 0.7 * square)
            across, up = ring[:, 0] * max(half_width, 1e-4), (low + high) / 2 + ring[:, 1] * max(high - low, 1e-4) / 2
            along = np.full(len(ring), position)
            rings.append(np.column_stack([across, along, up] if axis == "y" else [along, across, up]))
        self.loft(name, rings, colour)

    def wheel(self, name: str, centre, radius: float, width: float, colour) -> None:
        """Tyre with its axle along x."""
        profile = [
            (0.8 * radius, -width / 2),
            (radius, -0.35 * width),
            (radius, 0.35 * width),
            (0.8 * radius, width / 2),
        ]
        self.lathe(name, profile, colour, centre, "x", 14)
