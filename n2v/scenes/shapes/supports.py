"""What things stand on: shared by seats, tables, cabinets, loudspeakers, lamps and displays.

Each option fills the room between the floor and height `h` under a footprint w x d.
"""

from itertools import pairwise

import numpy as np

from n2v.scenes.shapes.parts import Kit


def _corners(w: float, d: float, inset: float, extra: bool = True) -> list[tuple[float, float]]:
    """Feet at the corners; a long footprint gets a third pair."""
    x, y = w / 2 - inset, d / 2 - inset
    columns = (-x, 0.0, x) if extra and w > 2.2 * d and w > 1.2 else (-x, x)
    return [(a, b) for a in columns for b in (-y, y)]


def none(k: Kit, w: float, d: float, h: float) -> None:
    """A low pad, so that what stands on it does not float."""
    k.block("pad", (0, 0, h / 2), (w, d, h), "body")


def legs(k: Kit, w: float, d: float, h: float) -> None:
    r, taper = k.u(0.02, 0.06), k.u(1.0, 1.6)
    for x, y in _corners(w, d, r):
        k.block("leg", (x, y, h / 2), (1.4 * r, 1.4 * r, h), "frame", taper=taper)


def splayed(k: Kit, w: float, d: float, h: float) -> None:
    r, splay = k.u(0.015, 0.035), k.u(0.1, 0.3) * min(h, 0.5)
    for x, y in _corners(w, d, k.u(0.05, 0.25) * min(w, d), extra=False):
        foot = (x + np.sign(x) * splay, y + np.sign(y) * splay * 0.8, 0)
        k.rod("leg", foot, (x, y, h), 0.7 * r, "frame", 1.3 * r)


def plinth(k: Kit, w: float, d: float, h: float) -> None:
    inset = k.u(0.02, 0.12)
    k.block("plinth", (0, 0, h / 2), (w * (1 - inset), d * (1 - inset), h), "frame", taper=k.u(0.9, 1.1))


def frame(k: Kit, w: float, d: float, h: float) -> None:
    """Legs with stretchers."""
    r = k.u(0.015, 0.035)
    for x, y in _corners(w, d, 2 * r):
        k.block("leg", (x, y, h / 2), (2 * r, 2 * r, h), "frame")
    z, x, y = h * k.u(0.2, 0.6), w / 2 - 2 * r, d / 2 - 2 * r
    for side in (-1, 1):
        k.rod("stretcher", (side * x, -y, z), (side * x, y, z), r, "frame")
        k.rod("stretcher", (-x, side * y, z), (x, side * y, z), r, "frame")
    k.rod("stretcher", (-x, 0, z), (x, 0, z), r, "frame")


def panels(k: Kit, w: float, d: float, h: float) -> None:
    """A slab at each end."""
    thick, inset, taper = k.u(0.03, 0.12), k.u(0.0, 0.12) * w, k.u(0.7, 1.1)
    for side in (-1, 1):
        k.block("panel", (side * (w / 2 - inset - thick / 2), 0, h / 2), (thick, 0.95 * d, h), "frame", taper=taper)


def cross(k: Kit, w: float, d: float, h: float) -> None:
    """Crossed legs at both ends, joined by a bar."""
    r, x = k.u(0.02, 0.045), w / 2 * k.u(0.6, 0.95)
    for side in (-x, x):
        for way in (-1, 1):
            k.rod("leg", (side, way * d / 2, 0), (side, -way * d / 2 * 0.9, h), r, "frame")
    k.rod("stretcher", (-x, 0, h / 2), (x, 0, h / 2), r, "frame")


def sled(k: Kit, w: float, d: float, h: float) -> None:
    r, x, y = k.u(0.014, 0.03), w / 2 * 0.95, d / 2
    lean = k.u(-0.15, 0.15) * d
    for side in (-x, x):
        turns = [(side, -y + lean, h), (side, -y, r), (side, y, r), (side, y - max(lean, 0), h)]
        line = np.concatenate([np.linspace(a, b, 4)[:-1] for a, b in pairwise(turns)])
        k.tube("runner", [*line, turns[-1]], r, "frame")


def pedestal(k: Kit, w: float, d: float, h: float) -> None:
    """A column on a disc, a dome or a cross of feet."""
    r, reach = k.u(0.02, 0.07), min(w, d) * k.u(0.3, 0.5)
    k.rod("column", (0, 0, 0), (0, 0, h), r, "frame", r * k.u(0.6, 1.5))
    base = k.pick("disc", "dome", "feet")
    if base == "disc":
        k.block("base", (0, 0, 0.02), (2 * reach, 2 * reach, 0.04), "frame", roundness=k.pick(0.0, 1.0))
    elif base == "dome":
        k.lathe("base", [(reach, 0), (0.95 * reach, 0.03), (0.5 * reach, 0.08), (r, min(0.15, 0.5 * h))], "frame")
    else:
        for a in np.arange(4) * np.pi / 2 + k.pick(0, np.pi / 4):
            foot = (reach * np.cos(a), reach * np.sin(a), 0.02)
            k.rod("foot", (0, 0, min(0.12, 0.4 * h)), foot, 0.03, "frame", 0.018)


def star(k: Kit, w: float, d: float, h: float) -> None:
    """Swivel base: spokes with castors under a column."""
    reach, n = min(w, d) * k.u(0.4, 0.62), k.pick(3, 4, 5, 5, 6)
    k.rod("column", (0, 0, 0.05), (0, 0, h), k.u(0.02, 0.04), "frame")
    for a in 2 * np.pi * (np.arange(n) + 0.5) / n:
        foot = np.array([reach * np.cos(a), reach * np.sin(a), 0.055])
        k.rod("foot", (0, 0, min(0.12, 0.5 * h)), foot, 0.03, "frame", 0.02)
        k.ball("castor", foot - (0, 0, 0.025), (0.032,) * 3, "hub")


def hairpin(k: Kit, w: float, d: float, h: float) -> None:
    r, apart = k.u(0.01, 0.018), k.u(0.04, 0.1)
    for x, y in _corners(w, d, 0.08, extra=False):
        for top in ((x - np.sign(x) * apart, y, h), (x, y - np.sign(y) * apart, h)):
            k.rod("leg", (x * 1.05, y * 1.05, 0), top, r, "frame")


def cabriole(k: Kit, w: float, d: float, h: float) -> None:
    """Legs that bow out at the knee."""
    t, r, bow = np.linspace(0, 1, 7), k.u(0.018, 0.035), k.u(0.03, 0.09)
    shift = np.sin(2 * np.pi * t) * -0.6
    for x, y in _corners(w, d, 0.05):
        out = np.array([np.sign(x) or 1.0, np.sign(y)]) * bow
        k.tube("leg", np.column_stack([x + out[0] * shift, y + out[1] * shift, t * h]), r * (0.7 + t), "frame")


def drum(k: Kit, w: float, d: float, h: float) -> None:
    size = k.u(0.4, 0.85)
    k.block("drum", (0, 0, h / 2), (w * size, d * size, h), "frame", taper=k.u(0.5, 1.25), bulge=k.u(-0.3, 0.15))


def tripod(k: Kit, w: float, d: float, h: float) -> None:
    reach, top, r = min(w, d) * k.u(0.4, 0.7), min(w, d) * k.u(0.05, 0.3), k.u(0.014, 0.03)
    for a in 2 * np.pi * np.arange(3) / 3 + k.u(0, 2):
        c, s = np.cos(a), np.sin(a)
        k.rod("leg", (reach * c, reach * s, 0), (top * c, top * s, h), r, "frame")


def half(k: Kit, w: float, d: float, h: float) -> None:
    """A block at one end, legs at the other."""
    side, share, r = k.pick(-1, 1), k.u(0.2, 0.45), k.u(0.02, 0.04)
    k.block("panel", (side * w / 2 * (1 - share), 0, h / 2), (w * share, 0.95 * d, h), "front")
    for y in (-d / 2 + r, d / 2 - r):
        k.block("leg", (-side * (w / 2 - r), y, h / 2), (2 * r, 2 * r, h), "frame")


SUPPORTS = {
    f.__name__: f
    for f in (none, legs, splayed, plinth, frame, panels, cross, sled, pedestal, star, hairpin, cabriole, drum,
              tripod, half)
}  # fmt: skip


def stand(k: Kit, options: str, w: float, d: float, h: float) -> None:
    """Fill the slot `support` with one of the named options (commonest first) and build it."""
    k.draw("support", options, SUPPORTS)(k, w, d, h)
