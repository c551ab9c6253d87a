"""Cabinets and loudspeakers: enclosures with something in front. A closed grille and a closed door look alike."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from n2v.scenes.shapes.parts import Kit
from n2v.scenes.shapes.supports import stand

# ---- fronts: on the face y = -d / 2 of a body w x d x h that stands on z


def _cells(columns: int, rows: int, w: float, z: float, h: float) -> Iterator[tuple[float, float, float, float]]:
    """Centre x, centre z, width and height of a grid of fields."""
    for i, j in product(range(columns), range(rows)):
        yield (i + 0.5) / columns * w - w / 2, z + (j + 0.5) / rows * h, w / columns, h / rows


def _knob(k: Kit, x: float, y: float, z: float, size: float) -> None:
    if k.slots.setdefault("handles", k.pick("knob", "bar", "none")) == "knob":
        k.ball("knob", (x, y - 0.02, z), (0.018,) * 3, "hub")
    elif k.slots["handles"] == "bar":
        k.box("handle", (x, y - 0.02, z), (0.3 * size, 0.02, 0.02), "hub")


def _drawers(k: Kit, w: float, d: float, z: float, h: float, columns: int = 0, rows: int = 0) -> None:
    columns, rows = columns or k.pick(1, 1, 2, 3), rows or k.pick(2, 3, 4, 5)
    for x, at, dx, dz in _cells(columns, rows, w, z, h):
        out = k.u(0.2, 0.7) * d if k.chance(0.05) else 0.0
        y = -d / 2 - out
        k.box("drawer", (x, y + out / 2, at), (0.92 * dx, 0.035 + out, 0.88 * dz), "front")
        _knob(k, x, y - 0.02, at, dx)


def _doors(k: Kit, w: float, d: float, z: float, h: float, columns: int = 0, rows: int = 1) -> None:
    columns = columns or k.pick(1, 2, 2, 3)
    for x, at, dx, dz in _cells(columns, rows, w, z, h):
        side = 1 if x >= 0 else -1
        if k.chance(0.08):  # open: hinged at the outer edge
            a = k.u(0.5, 1.5)
            hinge = np.array([x + side * 0.46 * dx, -d / 2])
            middle = hinge + 0.46 * dx * np.array([-side * np.cos(a), -np.sin(a)])
            size = (0.92 * dx, 0.03, 0.94 * dz)
            k.box("door", (*middle, at), size, "front", angles=(0, 0, side * a))
        else:
            k.box("door", (x, -d / 2, at), (0.94 * dx, 0.035, 0.94 * dz), "front")
            _knob(k, x - side * 0.38 * dx, -d / 2 - 0.02, at, 0.3 * dz)


def _shelves(k: Kit, w: float, d: float, z: float, h: float) -> None:
    """Compartments seen as dark recesses with boards between."""
    rows, columns = k.pick(1, 2, 3, 4), k.pick(1, 2, 3)
    k.box("recess", (0, -d / 2, z + h / 2), (0.92 * w, 0.02, 0.95 * h), "dark")
    for j in range(rows + 1):
        k.box("board", (0, -d / 2 - 0.05, z + h * j / rows), (w, 0.12, 0.03), "body")
    for i in range(columns + 1):
        k.box("side", (w * (i / columns - 0.5), -d / 2 - 0.05, z + h / 2), (0.03, 0.12, h), "body")
    for x, at, dx, dz in _cells(columns, rows, w, z, h):
        if k.chance(0.3):
            size = (0.5 * dx, 0.08, 0.6 * dz)
            k.block("thing", (x, -d / 2 - 0.04, at - 0.18 * dz), size, "extra")


def _cones(k: Kit, w: float, d: float, z: float, h: float, n: int = 0) -> None:
    n = n or k.pick(1, 2, 2, 3)
    sizes = sorted(k.u(0.5, 1.0) for _ in range(n))[::-1]
    room = h / sum(sizes)
    at = z
    for size in sizes:
        r = min(0.45 * w, 0.45 * size * room)
        centre = (0, 0, at + size * room / 2)
        rim = [(1.08 * r, d / 2), (1.08 * r, d / 2 + 0.025), (0.95 * r, d / 2 + 0.025), (0.9 * r, d / 2 + 0.005)]
        dish = [(0.9 * r, d / 2 + 0.006), (0.45 * r, d / 2 + 0.02), (0.05 * r, d / 2 + 0.03)]
        for name, profile, role in (("rim", rim, "frame"), ("cone", dish, "cone")):
            k.lathe(name, [(radius, -y) for radius, y in profile], role, centre, "y")
        at += size * room


def _woofer(k: Kit, w: float, d: float, z: float, h: float) -> None:
    """One large cone, a blank panel over it or a port under it."""
    share = k.u(0.5, 0.75)
    low = k.chance(0.7)
    _cones(k, w, d, z if low else z + h * (1 - share), h * share, 1)
    at = z + h * (1 + share) / 2 if low else z + h * (1 - share) / 2
    k.block("panel", (0, -d / 2, at), (0.8 * w, 0.03, 0.75 * h * (1 - share)), "front")


def _cloth(k: Kit, w: float, d: float, z: float, h: float) -> None:
    """One blank panel: a loudspeaker's grille or a cabinet's only door."""
    share = k.u(0.55, 1.0)
    size = (0.92 * w, 0.04, 0.95 * h * share)
    k.box("panel", (0, -d / 2, z + h * (1 - share / 2) - 0.01), size, "front")
    if share < 0.85:
        k.block("foot_panel", (0, -d / 2, z + h * (1 - share) / 2), (0.9 * w, 0.02, 0.8 * h * (1 - share)), "dark")


def _drawers_over_doors(k: Kit, w: float, d: float, z: float, h: float) -> None:
    n, share = k.pick(1, 2, 3), k.u(0.2, 0.5)
    _drawers(k, w, d, z + h * (1 - share), h * share, n, k.pick(1, 2))
    _doors(k, w, d, z, h * (1 - share), n)


def _louvres(k: Kit, w: float, d: float, z: float, h: float) -> None:
    n = k.pick(5, 7, 9)
    for j in range(n):
        at = (0, -d / 2, z + (j + 0.5) * h / n)
        k.box("louvre", at, (0.88 * w, 0.04, 0.55 * h / n), "front", angles=(0.4, 0, 0))


def _panel(k: Kit, w: float, d: float, z: float, h: float) -> None:
    """Buttons and a small display over a blank face: hi-fi, safe, oven."""
    k.box("panel", (0, -d / 2, z + 0.45 * h), (0.9 * w, 0.03, 0.7 * h), "front")
    k.box("window", (0, -d / 2 - 0.01, z + 0.88 * h), (0.4 * w, 0.03, 0.12 * h), "dark")
    for x in (-0.35, 0.35):
        k.lathe("dial", [(0.04, -d / 2), (0.04, -d / 2 - 0.04)], "hub", (x * w, 0, z + 0.88 * h), "y")


FRONTS = {
    "drawers": _drawers, "doors": _doors, "shelves": _shelves, "cones": _cones, "woofer": _woofer, "cloth": _cloth,
    "mixed": _drawers_over_doors, "louvres": _louvres, "panel": _panel,
}  # fmt: skip


def _fill(k: Kit, fronts: str, w: float, d: float, z: float, h: float) -> None:
    k.draw("front", fronts, FRONTS)(k, w, d, z, h)


def _topping(k: Kit, w: float, d: float, z: float) -> None:
    extra = k.draw("extra", "none overhang crown box handle lamp gallery")
    if extra == "overhang":
        k.block("top", (0, 0, z + 0.015), (1.08 * w, 1.08 * d, 0.04), "frame")
    elif extra == "crown":
        k.block("crown", (0, 0, z + 0.04), (1.02 * w, 1.02 * d, 0.1), "frame", taper=1.12)
    elif extra == "box":
        k.block("box", (k.u(-0.25, 0.25) * w, 0, z + 0.08), (0.4 * w, 0.6 * d, 0.18), "extra")
    elif extra == "handle":
        line = [(x * w, 0, z + up) for x, up in ((-0.2, -0.02), (-0.18, 0.08), (0.18, 0.08), (0.2, -0.02))]
        k.tube("handle", line, 0.02, "hub")
    elif extra == "lamp":
        k.lathe("lamp", [(0.07, 0), (0.03, 0.05), (0.03, 0.2), (0.1, 0.2), (0.06, 0.34)], "extra", (0.3 * w, 0, z))
    elif extra == "gallery":
        for y in (-0.45 * d, 0.45 * d):
            k.rod("rail", (-w / 2, y, z + 0.06), (w / 2, y, z + 0.06), 0.012, "hub")
        for x, y in product((-0.48, -0.16, 0.16, 0.48), (-0.45 * d, 0.45 * d)):
            k.rod("post", (x * w, y, z - 0.01), (x * w, y, z + 0.06), 0.012, "hub")


# ---- bodies


def _upright(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    k.box("case", (0, 0, z + h / 2), (w, d, h), "body")
    _fill(k, fronts, w, d, z + 0.02, h - 0.04)


def _stacked(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    """A smaller case on a larger one."""
    share, small = k.u(0.35, 0.65), k.u(0.6, 0.95)
    k.box("case", (0, 0, z + h * share / 2), (w, d, h * share), "body")
    up, deep = z + h * share, d * small
    k.box("upper", (0, (d - deep) / 2, up + h * (1 - share) / 2), (w * small, deep, h * (1 - share)), "body")
    _fill(k, fronts, w, d, z + 0.02, h * share - 0.04)
    for x in (-0.24, 0.24):
        at = (x * w * small, (d - deep) / 2 - deep / 2, up + h * (1 - share) / 2)
        k.box("upper_door", at, (0.45 * w * small, 0.03, 0.85 * h * (1 - share)), "front")


def _tapered(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    k.block("case", (0, 0.1 * d, z + h / 2), (w, d, h), "body", roundness=0.1, taper=k.u(0.65, 0.95))
    _fill(k, fronts, 0.8 * w, 0.72 * d, z + 0.04, 0.85 * h)


def _rounded(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    k.block("case", (0, 0, z + h / 2), (w, d, h), "body", roundness=k.u(0.3, 1.0), soft=k.u(0, 0.7))
    _fill(k, fronts, 0.6 * w, 0.94 * d, z + 0.05 * h, 0.88 * h)


def _open_back(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    """Two sides, boards between them, one part closed."""
    t, n = k.u(0.02, 0.05), k.pick(2, 3, 4, 5)
    for side in (-1, 1):
        k.box("side", (side * (w / 2 - t / 2), 0, z + h / 2), (t, d, h), "body")
    for j in range(n + 1):
        k.box("board", (0, 0, z + t / 2 + (h - t) * j / n), (w, d, t), "body")
    if k.chance(0.6):
        k.box("back_board", (0, d / 2 - t, z + h / 2), (w, t, h), "front")
    _fill(k, fronts, w - 2 * t, d, z, h / n)
    k.box("case", (0, 0, z + h / n / 2), (w - 2 * t, 0.96 * d, h / n), "body")


def _corner(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    """Five sides, for a corner."""
    cut = k.u(0.2, 0.45)
    x, y = w / 2, d / 2
    right = [(x - 2 * x * cut, -y), (x, y - 2 * y * (1 - cut)), (x, y)]
    k.plate("case", [(-a, b) for a, b in right[::-1]] + right, "z", z, z + h, "body")
    _fill(k, fronts, max(w * (1 - 2 * cut), 0.35 * w), d, z + 0.02, h - 0.04)


def _cluster(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    """Boxes of different heights side by side."""
    n = k.pick(2, 3)
    for i in range(n):
        high = h * k.u(0.5, 1.0) if i else h
        x = ((i + 0.5) / n - 0.5) * w
        k.box("case", (x, 0, z + high / 2), (w / n * 1.01, d * k.u(0.8, 1.0), high), "body")
    _fill(k, fronts, 0.9 * w, d, z + 0.02, 0.48 * h)


def _barrel(k: Kit, w: float, d: float, z: float, h: float, fronts: str) -> None:
    """A drum lying on its side, or a ball: radios and breadbins."""
    r = min(d, h) / 2
    if k.chance(0.5):
        k.lathe("case", [(0.8 * r, -w / 2), (r, -0.4 * w), (r, 0.4 * w), (0.8 * r, w / 2)], "body", (0, 0, z + r), "x")
    else:
        k.ball("case", (0, 0, z + h / 2), (w / 2, d / 2, h / 2), "body")
        r = h / 2
    _fill(k, fronts, 0.55 * w, 1.9 * min(r, d / 2), z + 0.5 * r, 1.0 * r)


BODIES = {
    "upright": _upright, "wide": _upright, "stacked": _stacked, "tapered": _tapered, "rounded": _rounded,
    "open": _open_back, "corner": _corner, "cluster": _cluster, "barrel": _barrel,
}  # fmt: skip


def _case(k: Kit, bodies: str, supports: str, fronts: str, size, lift: float) -> None:
    body, (w, d, h) = k.draw("body", bodies, BODIES), size
    if k.slots["body"] == "wide":
        w, h = max(w, h), min(w, h) * 0.8
    stand(k, supports, 0.92 * w, 0.92 * d, lift)
    body(k, w, d, lift - 0.005, h, fronts)
    _topping(k, w, d, lift + h - 0.01)


def cabinet(k: Kit) -> None:
    size = (k.size(0.4, 1.0), k.size(0.3, 0.65), k.size(0.5, 1.2))
    _case(
        k, "upright wide open stacked rounded cluster tapered corner barrel",
        "plinth legs none splayed frame panels sled cabriole hairpin",
        "doors drawers mixed shelves louvres cloth panel", size, k.u(0.03, 0.2))  # fmt: skip


def speaker(k: Kit) -> None:
    size = (k.size(0.4, 0.9), k.size(0.3, 0.65), k.size(0.5, 1.2))
    stands = k.chance(0.2)
    _case(
        k, "upright tapered rounded wide stacked barrel cluster corner open",
        "pedestal tripod splayed frame panels cross" if stands else "none plinth legs splayed sled drum frame",
        "cones woofer cloth panel louvres doors", size, k.u(0.3, 0.8) if stands else k.u(0.02, 0.12))  # fmt: skip
