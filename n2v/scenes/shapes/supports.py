"""What things stand on: shared by seats, tables, cabinets, loudspeakers, lamps and displays."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, grid


def stand(k: Kit, options: str, w: float, d: float, h: float) -> None:
    """Fill the slot `support` with one of the named options (commonest first) and build it."""
    support(k, k.draw("support", options), w, d, h)


def support(k: Kit, kind: str, w: float, d: float, h: float) -> None:
    """Fill the room between the floor and height `h` under a footprint w x d."""
    _legs(k, kind, w, d, h)  # each of the two knows its own kinds
    _base(k, kind, w, d, h)


def _corners(w: float, d: float, inset: float, extra: bool = True) -> np.ndarray:
    """x and y of feet at the corners; a long footprint gets a third pair."""
    x, y = w / 2 - inset, d / 2 - inset
    return grid((-x, 0.0, x) if extra and w > 2.2 * d and w > 1.2 else (-x, x), (-y, y))


def _legs(k: Kit, kind: str, w: float, d: float, h: float) -> None:
    """One branch an option."""
    if kind == "legs":
        r = k.u(0.02, 0.06)
        k.block("leg", (*_corners(w, d, r), h / 2), (1.4 * r, 1.4 * r, h), "frame", taper=k.u(1.0, 1.6))
    elif kind == "splayed":
        r, splay = k.u(0.015, 0.035), k.u(0.1, 0.3) * min(h, 0.5)
        x, y = _corners(w, d, k.u(0.05, 0.25) * min(w, d), extra=False)
        k.rod("leg", (x + np.sign(x) * splay, y + np.sign(y) * splay * 0.8, 0), (x, y, h), 0.7 * r, "frame", 1.3 * r)
    elif kind == "frame":  # with stretchers
        r = k.u(0.015, 0.035)
        k.block("leg", (*_corners(w, d, 2 * r), h / 2), (2 * r, 2 * r, h), "frame")
        z, x, y = h * k.u(0.2, 0.6), w / 2 - 2 * r, d / 2 - 2 * r
        for side in PAIR:
            k.rod("stretcher", (side * x, -y, z), (side * x, y, z), r, "frame")
            k.rod("stretcher", (-x, side * y, z), (x, side * y, z), r, "frame")
        k.rod("stretcher", (-x, 0, z), (x, 0, z), r, "frame")
    elif kind == "cross":  # at both ends, joined by a bar
        r, end = k.u(0.02, 0.045), w / 2 * k.u(0.6, 0.95)
        x, way = grid((-end, end), PAIR)
        k.rod("leg", (x, way * d / 2, 0), (x, -way * d / 2 * 0.9, h), r, "frame")
        k.rod("stretcher", (-end, 0, h / 2), (end, 0, h / 2), r, "frame")
    elif kind == "sled":
        r, y, lean = k.u(0.014, 0.03), d / 2, k.u(-0.15, 0.15) * d
        turns = np.array([(-y + lean, h), (-y, r), (y, r), (y - max(lean, 0), h)])
        line = [*np.concatenate(np.linspace(turns[:-1], turns[1:], 4, axis=1)[:, :-1]), turns[-1]]
        k.tube("runner", [(PAIR * (w / 2 * 0.95), *point) for point in line], r, "frame")
    elif kind == "hairpin":
        r, apart = k.u(0.01, 0.018), k.u(0.04, 0.1)
        for x, y in _corners(w, d, 0.08, extra=False).T:
            top = (x - np.array([1, 0]) * np.sign(x) * apart, y - np.array([0, 1]) * np.sign(y) * apart, h)
            k.rod("leg", (x * 1.05, y * 1.05, 0), top, r, "frame")
    elif kind == "cabriole":  # they bow out at the knee
        t, r, bow = np.linspace(0, 1, 7), k.u(0.018, 0.035), k.u(0.03, 0.09)
        shift = np.sin(2 * np.pi * t) * -0.6
        for x, y in _corners(w, d, 0.05).T:
            line = curve(x + (np.sign(x) or 1.0) * bow * shift, y + np.sign(y) * bow * shift, t * h)
            k.tube("leg", line, r * (0.7 + t), "frame")
    elif kind == "tripod":
        reach, top, r = min(w, d) * k.u(0.4, 0.7), min(w, d) * k.u(0.05, 0.3), k.u(0.014, 0.03)
        a = 2 * np.pi * np.arange(3) / 3 + k.u(0, 2)
        k.rod("leg", (reach * np.cos(a), reach * np.sin(a), 0), (top * np.cos(a), top * np.sin(a), h), r, "frame")


def _base(k: Kit, kind: str, w: float, d: float, h: float) -> None:
    """What does not stand on legs: one branch an option."""
    if kind == "none":  # a low pad, so that what stands on it does not float
        k.block("pad", (0, 0, h / 2), (w, d, h), "body")
    elif kind == "plinth":
        inset = k.u(0.02, 0.12)
        k.block("plinth", (0, 0, h / 2), (w * (1 - inset), d * (1 - inset), h), "frame", taper=k.u(0.9, 1.1))
    elif kind == "drum":
        size = (w * (share := k.u(0.4, 0.85)), d * share, h)
        k.block("drum", (0, 0, h / 2), size, "frame", taper=k.u(0.5, 1.25), bulge=k.u(-0.3, 0.15))
    elif kind == "panels":  # a slab at each end
        thick, inset, taper = k.u(0.03, 0.12), k.u(0.0, 0.12) * w, k.u(0.7, 1.1)
        k.block("panel", (PAIR * (w / 2 - inset - thick / 2), 0, h / 2), (thick, 0.95 * d, h), "frame", taper=taper)
    elif kind == "half":  # a block at one end, legs at the other
        side, share, r = k.pick(-1, 1), k.u(0.2, 0.45), k.u(0.02, 0.04)
        k.block("panel", (side * w / 2 * (1 - share), 0, h / 2), (w * share, 0.95 * d, h), "front")
        k.block("leg", (-side * (w / 2 - r), PAIR * (d / 2 - r), h / 2), (2 * r, 2 * r, h), "frame")
    elif kind == "pedestal":  # a column on a disc, a dome or a cross of feet
        r, reach = k.u(0.02, 0.07), min(w, d) * k.u(0.3, 0.5)
        k.rod("column", (0, 0, 0), (0, 0, h), r, "frame", r * k.u(0.6, 1.5))
        base = k.pick("disc", "dome", "feet")
        if base == "disc":
            k.block("base", (0, 0, 0.02), (2 * reach, 2 * reach, 0.04), "frame", roundness=k.pick(0.0, 1.0))
        elif base == "dome":
            k.lathe("base", [(reach, 0), (0.95 * reach, 0.03), (0.5 * reach, 0.08), (r, min(0.15, 0.5 * h))], "frame")
        else:
            a = np.arange(4) * np.pi / 2 + k.pick(0, np.pi / 4)
            foot = (reach * np.cos(a), reach * np.sin(a), 0.02)
            k.rod("foot", (0, 0, min(0.12, 0.4 * h)), foot, 0.03, "frame", 0.018)
    elif kind == "star":  # swivel base: spokes with castors under a column
        reach, n = min(w, d) * k.u(0.4, 0.62), k.pick(3, 4, 5, 5, 6)
        k.rod("column", (0, 0, 0.05), (0, 0, h), k.u(0.02, 0.04), "frame")
        for a in 2 * np.pi * (np.arange(n) + 0.5) / n:
            foot = np.array([reach * np.cos(a), reach * np.sin(a), 0.055])
            k.rod("foot", (0, 0, min(0.12, 0.5 * h)), foot, 0.03, "frame", 0.02)
            k.ball("castor", foot - (0, 0, 0.025), (0.032,) * 3, "hub")
