"""What things stand on: shared by seats, tables, cabinets, loudspeakers, lamps and displays.

Each option fills the room between the floor and height `h` under a footprint w x d.
"""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, grid


def _corners(w: float, d: float, inset: float, extra: bool = True) -> np.ndarray:
    """x and y of feet at the corners; a long footprint gets a third pair."""
    x, y = w / 2 - inset, d / 2 - inset
    return grid((-x, 0.0, x) if extra and w > 2.2 * d and w > 1.2 else (-x, x), (-y, y))


def _splayed(k: Kit, w, d, h, r=(0.015, 0.035), splay=(0.1, 0.3), inset=(0.05, 0.25)) -> None:
    (x, y), out = _corners(w, d, inset * min(w, d), extra=False), splay * min(h, 0.5)
    k.rod("leg", (x + np.sign(x) * out, y + np.sign(y) * out * 0.8, 0), (x, y, h), 0.7 * r, "frame", 1.3 * r)


def _frame(k: Kit, w, d, h, r=(0.015, 0.035), up=(0.2, 0.6)) -> None:
    """Legs with stretchers."""
    k.block("leg", (*_corners(w, d, 2 * r), h / 2), (2 * r, 2 * r, h), "frame")
    z, x, y = h * up, w / 2 - 2 * r, d / 2 - 2 * r
    for side in PAIR:
        k.rod("stretcher", (side * x, -y, z), (side * x, y, z), r, "frame")
        k.rod("stretcher", (-x, side * y, z), (x, side * y, z), r, "frame")
    k.rod("stretcher", (-x, 0, z), (x, 0, z), r, "frame")


def _cross(k: Kit, w, d, h, r=(0.02, 0.045), share=(0.6, 0.95)) -> None:
    """Crossed legs at both ends, joined by a bar."""
    end = w / 2 * share
    x, way = grid((-end, end), PAIR)
    k.rod("leg", (x, way * d / 2, 0), (x, -way * d / 2 * 0.9, h), r, "frame")
    k.rod("stretcher", (-end, 0, h / 2), (end, 0, h / 2), r, "frame")


def _sled(k: Kit, w, d, h, r=(0.014, 0.03), slant=(-0.15, 0.15)) -> None:
    y, lean = d / 2, slant * d
    turns = np.array([(-y + lean, h), (-y, r), (y, r), (y - max(lean, 0), h)])
    line = [*np.concatenate(np.linspace(turns[:-1], turns[1:], 4, axis=1)[:, :-1]), turns[-1]]
    k.tube("runner", [(PAIR * (w / 2 * 0.95), *point) for point in line], r, "frame")


def _pedestal(k: Kit, w, d, h, r=(0.02, 0.07), share=(0.3, 0.5), top=(0.6, 1.5), base=("disc", "dome", "feet")) -> None:
    """A column on a disc, a dome or a cross of feet."""
    reach = min(w, d) * share
    k.rod("column", (0, 0, 0), (0, 0, h), r, "frame", r * top)
    if base == "disc":
        k.block("base", (0, 0, 0.02), (2 * reach, 2 * reach, 0.04), "frame", roundness=k.pick(0.0, 1.0))
    elif base == "dome":
        k.lathe("base", [(reach, 0), (0.95 * reach, 0.03), (0.5 * reach, 0.08), (r, min(0.15, 0.5 * h))], "frame")
    else:
        a = np.arange(4) * np.pi / 2 + k.pick(0, np.pi / 4)
        foot = (reach * np.cos(a), reach * np.sin(a), 0.02)
        k.rod("foot", (0, 0, min(0.12, 0.4 * h)), foot, 0.03, "frame", 0.018)


def _star(k: Kit, w, d, h, share=(0.4, 0.62), n=(3, 4, 5, 5, 6), r=(0.02, 0.04)) -> None:
    """Swivel base: spokes with castors under a column."""
    reach = min(w, d) * share
    k.rod("column", (0, 0, 0.05), (0, 0, h), r, "frame")
    for a in 2 * np.pi * (np.arange(n) + 0.5) / n:
        foot = np.array([reach * np.cos(a), reach * np.sin(a), 0.055])
        k.rod("foot", (0, 0, min(0.12, 0.5 * h)), foot, 0.03, "frame", 0.02)
        k.ball("castor", foot - (0, 0, 0.025), (0.032,) * 3, "hub")


def _hairpin(k: Kit, w, d, h, r=(0.01, 0.018), apart=(0.04, 0.1)) -> None:
    for x, y in _corners(w, d, 0.08, extra=False).T:
        top = (np.array([x - np.sign(x) * apart, x]), np.array([y, y - np.sign(y) * apart]), h)
        k.rod("leg", (x * 1.05, y * 1.05, 0), top, r, "frame")


def _cabriole(k: Kit, w, d, h, r=(0.018, 0.035), bow=(0.03, 0.09)) -> None:
    """Legs that bow out at the knee."""
    t = np.linspace(0, 1, 7)
    shift = np.sin(2 * np.pi * t) * -0.6
    for x, y in _corners(w, d, 0.05).T:
        out = np.array([np.sign(x) or 1.0, np.sign(y)]) * bow
        k.tube("leg", curve(x + out[0] * shift, y + out[1] * shift, t * h), r * (0.7 + t), "frame")


def _tripod(k: Kit, w, d, h, reach=(0.4, 0.7), top=(0.05, 0.3), r=(0.014, 0.03), phase=(0, 2)) -> None:
    a = 2 * np.pi * np.arange(3) / 3 + phase
    low, high = min(w, d) * reach, min(w, d) * top
    k.rod("leg", (low * np.cos(a), low * np.sin(a), 0), (high * np.cos(a), high * np.sin(a), h), r, "frame")


def _half(k: Kit, w, d, h) -> None:
    """A block at one end, legs at the other."""
    side, share, r = k.pick(-1, 1), k.u(0.2, 0.45), k.u(0.02, 0.04)
    k.block("panel", (side * w / 2 * (1 - share), 0, h / 2), (w * share, 0.95 * d, h), "front")
    k.block("leg", (-side * (w / 2 - r), PAIR * (d / 2 - r), h / 2), (2 * r, 2 * r, h), "frame")


SUPPORTS = {
    "none": lambda k, w, d, h: k.block("pad", (0, 0, h / 2), (w, d, h), "body"),  # low: what stands on it hides it
    "legs": lambda k, w, d, h, r=(0.02, 0.06), taper=(1.0, 1.6): k.block(
        "leg", (*_corners(w, d, r), h / 2), (1.4 * r, 1.4 * r, h), "frame", taper=taper),
    "plinth": lambda k, w, d, h, inset=(0.02, 0.12), taper=(0.9, 1.1): k.block(
        "plinth", (0, 0, h / 2), (w * (1 - inset), d * (1 - inset), h), "frame", taper=taper),
    "panels": lambda k, w, d, h, thick=(0.03, 0.12), inset=(0.0, 0.12), taper=(0.7, 1.1): k.block(
        "panel", (PAIR * (w / 2 - inset * w - thick / 2), 0, h / 2), (thick, 0.95 * d, h), "frame", taper=taper),
    "drum": lambda k, w, d, h, size=(0.4, 0.85), taper=(0.5, 1.25), bulge=(-0.3, 0.15): k.block(
        "drum", (0, 0, h / 2), (w * size, d * size, h), "frame", taper=taper, bulge=bulge),
    "splayed": _splayed, "frame": _frame, "cross": _cross, "sled": _sled, "pedestal": _pedestal, "star": _star,
    "hairpin": _hairpin, "cabriole": _cabriole, "tripod": _tripod, "half": _half,
}  # fmt: skip
