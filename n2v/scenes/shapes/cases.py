"""Cabinets and loudspeakers: enclosures with something in front. A closed grille and a closed door look alike."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, grid, nothing
from n2v.scenes.shapes.supports import SUPPORTS

# ---- fronts: on the face y = -d / 2 of a body w x d x h that stands on z


def _cells(columns: int, rows: int, w, z, h) -> Iterator[tuple[float, float, float, float]]:
    """Centre x, centre z, width and height of a grid of fields."""
    for i, j in product(range(columns), range(rows)):
        yield (i + 0.5) / columns * w - w / 2, z + (j + 0.5) / rows * h, w / columns, h / rows


def _knob(k: Kit, x, y, z, size) -> None:
    if k.slots.setdefault("handles", k.pick("knob", "bar", "none")) == "knob":
        k.ball("knob", (x, y - 0.02, z), (0.018,) * 3, "hub")
    elif k.slots["handles"] == "bar":
        k.box("handle", (x, y - 0.02, z), (0.3 * size, 0.02, 0.02), "hub")


def _drawers(k: Kit, w, d, z, h, columns=(1, 1, 2, 3), rows=(2, 3, 4, 5)) -> None:
    for x, at, dx, dz in _cells(columns, rows, w, z, h):
        out = k.u(0.2, 0.7) * d if k.chance(0.05) else 0.0
        y = -d / 2 - out
        k.box("drawer", (x, y + out / 2, at), (0.92 * dx, 0.035 + out, 0.88 * dz), "front")
        _knob(k, x, y - 0.02, at, dx)


def _doors(k: Kit, w, d, z, h, columns=(1, 2, 2, 3)) -> None:
    for x, at, dx, dz in _cells(columns, 1, w, z, h):
        side = 1 if x >= 0 else -1
        if k.chance(0.08):  # open: hinged at the outer edge
            a = k.u(0.5, 1.5)
            hinge = np.array([x + side * 0.46 * dx, -d / 2])
            middle = hinge + 0.46 * dx * np.array([-side * np.cos(a), -np.sin(a)])
            k.box("door", (*middle, at), (0.92 * dx, 0.03, 0.94 * dz), "front", angles=(0, 0, side * a))
        else:
            k.box("door", (x, -d / 2, at), (0.94 * dx, 0.035, 0.94 * dz), "front")
            _knob(k, x - side * 0.38 * dx, -d / 2 - 0.02, at, 0.3 * dz)


def _drawers_over_doors(k: Kit, w, d, z, h) -> None:
    n, share = k.pick(1, 2, 3), k.u(0.2, 0.5)
    _drawers(k, w, d, z + h * (1 - share), h * share, n, k.pick(1, 2))
    _doors(k, w, d, z, h * (1 - share), n)


def _shelves(k: Kit, w, d, z, h, rows=(1, 2, 3, 4), columns=(1, 2, 3)) -> None:
    """Compartments seen as dark recesses with boards between."""
    k.box("recess", (0, -d / 2, z + h / 2), (0.92 * w, 0.02, 0.95 * h), "dark")
    k.box("board", (0, -d / 2 - 0.05, z + h * np.arange(rows + 1) / rows), (w, 0.12, 0.03), "body")
    sides = w * (np.arange(columns + 1) / columns - 0.5)
    k.box("side", (sides, -d / 2 - 0.05, z + h / 2), (0.03, 0.12, h), "body")
    for x, at, dx, dz in _cells(columns, rows, w, z, h):
        if k.chance(0.3):
            k.block("thing", (x, -d / 2 - 0.04, at - 0.18 * dz), (0.5 * dx, 0.08, 0.6 * dz), "extra")


def _cones(k: Kit, w, d, z, h, n=(1, 2, 2, 3)) -> None:
    sizes = sorted(k.u(0.5, 1.0) for _ in range(n))[::-1]
    room, y = h / sum(sizes), -d / 2
    for size in sizes:
        r, centre = min(0.45 * w, 0.45 * size * room), (0, 0, z + size * room / 2)
        rim = [(1.08 * r, y), (1.08 * r, y - 0.025), (0.95 * r, y - 0.025), (0.9 * r, y - 0.005)]
        k.lathe("rim", rim, "frame", centre, "y")
        k.lathe("cone", [(0.9 * r, y - 0.006), (0.45 * r, y - 0.02), (0.05 * r, y - 0.03)], "cone", centre, "y")
        z += size * room


def _woofer(k: Kit, w, d, z, h, share=(0.5, 0.75)) -> None:
    """One large cone, a blank panel over it or a port under it."""
    low = k.chance(0.7)
    _cones(k, w, d, z if low else z + h * (1 - share), h * share, 1)
    at = z + h * (1 + share) / 2 if low else z + h * (1 - share) / 2
    k.block("panel", (0, -d / 2, at), (0.8 * w, 0.03, 0.75 * h * (1 - share)), "front")


def _cloth(k: Kit, w, d, z, h, share=(0.55, 1.0)) -> None:
    """One blank panel: a loudspeaker's grille or a cabinet's only door."""
    k.box("panel", (0, -d / 2, z + h * (1 - share / 2) - 0.01), (0.92 * w, 0.04, 0.95 * h * share), "front")
    if share < 0.85:
        k.block("foot_panel", (0, -d / 2, z + h * (1 - share) / 2), (0.9 * w, 0.02, 0.8 * h * (1 - share)), "dark")


def _panel(k: Kit, w, d, z, h) -> None:
    """Buttons and a small display over a blank face: hi-fi, safe, oven."""
    k.box("panel", (0, -d / 2, z + 0.45 * h), (0.9 * w, 0.03, 0.7 * h), "front")
    k.box("window", (0, -d / 2 - 0.01, z + 0.88 * h), (0.4 * w, 0.03, 0.12 * h), "dark")
    k.lathe("dial", [(0.04, -d / 2), (0.04, -d / 2 - 0.04)], "hub", (0.35 * PAIR * w, 0, z + 0.88 * h), "y")


FRONTS = {
    "drawers": _drawers, "doors": _doors, "shelves": _shelves, "cones": _cones, "woofer": _woofer, "cloth": _cloth,
    "mixed": _drawers_over_doors, "panel": _panel,
    "louvres": lambda k, w, d, z, h, n=(5, 7, 9): k.box(
        "louvre", (0, -d / 2, z + (np.arange(n) + 0.5) * h / n), (0.88 * w, 0.04, 0.55 * h / n), "front",
        angles=(0.4, 0, 0)),
}  # fmt: skip

# ---- bodies w x d x h on z; `fill` draws a front for (w, d, z, h)


def _upright(k: Kit, w, d, z, h, fill) -> None:
    k.box("case", (0, 0, z + h / 2), (w, d, h), "body")
    fill(w, d, z + 0.02, h - 0.04)


def _stacked(k: Kit, w, d, z, h, fill) -> None:
    """A smaller case on a larger one."""
    share, small = k.u(0.35, 0.65), k.u(0.6, 0.95)
    k.box("case", (0, 0, z + h * share / 2), (w, d, h * share), "body")
    deep, middle, high = d * small, z + h * share + h * (1 - share) / 2, h * (1 - share)
    k.box("upper", (0, (d - deep) / 2, middle), (w * small, deep, high), "body")
    fill(w, d, z + 0.02, h * share - 0.04)
    at = (0.24 * PAIR * w * small, (d - deep) / 2 - deep / 2, middle)
    k.box("upper_door", at, (0.45 * w * small, 0.03, 0.85 * h * (1 - share)), "front")


def _tapered(k: Kit, w, d, z, h, fill) -> None:
    k.block("case", (0, 0.1 * d, z + h / 2), (w, d, h), "body", roundness=0.1, taper=k.u(0.65, 0.95))
    fill(0.8 * w, 0.72 * d, z + 0.04, 0.85 * h)


def _rounded(k: Kit, w, d, z, h, fill) -> None:
    k.block("case", (0, 0, z + h / 2), (w, d, h), "body", roundness=k.u(0.3, 1.0), soft=k.u(0, 0.7))
    fill(0.6 * w, 0.94 * d, z + 0.05 * h, 0.88 * h)


def _open_back(k: Kit, w, d, z, h, fill, t=(0.02, 0.05), n=(2, 3, 4, 5)) -> None:
    """Two sides, boards between them, one part closed."""
    k.box("side", (PAIR * (w / 2 - t / 2), 0, z + h / 2), (t, d, h), "body")
    k.box("board", (0, 0, z + t / 2 + (h - t) * np.arange(n + 1) / n), (w, d, t), "body")
    if k.chance(0.6):
        k.box("back_board", (0, d / 2 - t, z + h / 2), (w, t, h), "front")
    fill(w - 2 * t, d, z, h / n)
    k.box("case", (0, 0, z + h / n / 2), (w - 2 * t, 0.96 * d, h / n), "body")


def _corner(k: Kit, w, d, z, h, fill, cut=(0.2, 0.45)) -> None:
    """Five sides, for a corner."""
    x, y = w / 2, d / 2
    right = [(x - 2 * x * cut, -y), (x, y - 2 * y * (1 - cut)), (x, y)]
    k.plate("case", [(-a, b) for a, b in right[::-1]] + right, "z", z, z + h, "body")
    fill(max(w * (1 - 2 * cut), 0.35 * w), d, z + 0.02, h - 0.04)


def _cluster(k: Kit, w, d, z, h, fill) -> None:
    """Boxes of different heights side by side."""
    n = k.pick(2, 3)
    for i in range(n):
        high = h * k.u(0.5, 1.0) if i else h
        x = ((i + 0.5) / n - 0.5) * w
        k.box("case", (x, 0, z + high / 2), (w / n * 1.01, d * k.u(0.8, 1.0), high), "body")
    fill(0.9 * w, d, z + 0.02, 0.48 * h)


def _barrel(k: Kit, w, d, z, h, fill) -> None:
    """A drum lying on its side, or a ball: radios and breadbins."""
    r = min(d, h) / 2
    if k.chance(0.5):
        k.lathe("case", [(0.8 * r, -w / 2), (r, -0.4 * w), (r, 0.4 * w), (0.8 * r, w / 2)], "body", (0, 0, z + r), "x")
    else:
        k.ball("case", (0, 0, z + h / 2), (w / 2, d / 2, h / 2), "body")
        r = h / 2
    fill(0.55 * w, 1.9 * min(r, d / 2), z + 0.5 * r, 1.0 * r)


BODIES = {
    "upright": _upright, "wide": _upright, "stacked": _stacked, "tapered": _tapered, "rounded": _rounded,
    "open": _open_back, "corner": _corner, "cluster": _cluster, "barrel": _barrel,
}  # fmt: skip

# ---- extras: on a top w x d at z


def _gallery(k: Kit, w, d, z) -> None:
    y = 0.45 * PAIR * d
    k.rod("rail", (-w / 2, y, z + 0.06), (w / 2, y, z + 0.06), 0.012, "hub")
    x, y = grid(np.array([-0.48, -0.16, 0.16, 0.48]) * w, y)
    k.rod("post", (x, y, z - 0.01), (x, y, z + 0.06), 0.012, "hub")


EXTRAS = {
    "none": nothing,
    "overhang": lambda k, w, d, z: k.block("top", (0, 0, z + 0.015), (1.08 * w, 1.08 * d, 0.04), "frame"),
    "crown": lambda k, w, d, z: k.block("crown", (0, 0, z + 0.04), (1.02 * w, 1.02 * d, 0.1), "frame", taper=1.12),
    "box": lambda k, w, d, z, x=(-0.25, 0.25): k.block(
        "box", (x * w, 0, z + 0.08), (0.4 * w, 0.6 * d, 0.18), "extra"),
    "handle": lambda k, w, d, z: k.tube(
        "handle", [(x * w, 0, z + up) for x, up in ((-0.2, -0.02), (-0.18, 0.08), (0.18, 0.08), (0.2, -0.02))], 0.02, "hub"),
    "lamp": lambda k, w, d, z: k.lathe(
        "lamp", [(0.07, 0), (0.03, 0.05), (0.03, 0.2), (0.1, 0.2), (0.06, 0.34)], "extra", (0.3 * w, 0, z)),
    "gallery": _gallery,
}  # fmt: skip


def _case(k: Kit, bodies: str, supports: str, fronts: str, size, lift: float) -> None:
    body, (w, d, h) = k.draw("body", BODIES, bodies), size
    if k.slots["body"] == "wide":
        w, h = max(w, h), min(w, h) * 0.8
    k.draw("support", SUPPORTS, supports)(0.92 * w, 0.92 * d, lift)
    body(w, d, lift - 0.005, h, lambda *face: k.draw("front", FRONTS, fronts)(*face))
    k.draw("extra", EXTRAS)(w, d, lift + h - 0.01)


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
