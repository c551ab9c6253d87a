"""Lamps: shades on stands, arms, brackets and cords."""

from functools import partial

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, grid, nothing
from n2v.scenes.shapes.supports import SUPPORTS as STANDS

ARCH = np.linspace(0, np.pi / 2, 7)

# ---- shades: hanging from or standing at a point, mouth downwards, about r wide


def _skirt(k: Kit, at, r, profile) -> None:
    k.lathe("shade", np.array(profile) * r, "shade", at)


def _spot(k: Kit, at, r, lean=(0.2, 1.3)) -> None:
    way = np.array([0, -np.sin(lean), -np.cos(lean)])
    start = at + (0, 0, 0.5 * r)
    k.tube("shade", [start, start + 0.5 * r * way, start + 1.7 * r * way], [0.25 * r, 0.5 * r, 0.8 * r], "shade", 12)


def _bulbs(k: Kit, at, r, n=(3, 4, 5, 6)) -> None:
    """Several small lights on a ring."""
    for a in 2 * np.pi * np.arange(n) / n:
        bulb = at + (1.3 * r * np.cos(a), 1.3 * r * np.sin(a), 0.3 * r)
        k.tube("branch", [at, (bulb[0], bulb[1], at[2] - 0.1 * r), bulb], 0.018, "frame")
        k.lathe("bulb", [(0.15 * r, 0), (0.35 * r, 0.15 * r), (0.25 * r, 0.6 * r)], "shade", bulb)


def _lantern(k: Kit, at, r) -> None:
    """A lit core between posts under a roof."""
    (x, y, z), (a, b) = at, grid(0.62 * PAIR, 0.62 * PAIR) * r
    k.box("shade", (x, y, z + 0.8 * r), (1.2 * r, 1.2 * r, 1.6 * r), "shade")
    k.rod("post", (x + a, y + b, z), (x + a, y + b, z + 1.6 * r), 0.05 * r, "frame")
    k.box("roof", (x, y, z + 1.75 * r), (1.5 * r, 1.5 * r, 0.35 * r), "frame", taper=0.3)


SHADES = {
    "cone": lambda k, at, r, h=(0.8, 1.8), top=(0.3, 0.8): _skirt(k, at, r, [(1, 0), (top, h), (0.2, h)]),
    "drum": lambda k, at, r, h=(0.5, 2.0), roundness=(0.0, 1.0, 1.0): k.block(
        "shade", at + (0, 0, h * r / 2), (2 * r, 2 * r, h * r), "shade", roundness=roundness),
    "dome": lambda k, at, r, h=(0.6, 1.2): _skirt(k, at, r, curve(np.cos(ARCH), h * np.sin(ARCH))),
    "globe": lambda k, at, r, h=(0.7, 1.3): k.ball("shade", at + (0, 0, 0.8 * r), (r, r, r * h), "shade"),
    "bell": partial(_skirt, profile=[(1.1, 0), (0.8, 0.15), (0.55, 0.6), (0.4, 1.1), (0.15, 1.4)]),
    "spot": _spot,
    "bulbs": _bulbs,
    "lantern": _lantern,
    "tiers": lambda k, at, r: [
        _skirt(k, at + (0, 0, 0.5 * r * i), r * (1 - 0.25 * i), [(1, 0), (0.7, 0.3), (0.2, 0.55)])
        for i in range(k.pick(2, 3))],
}  # fmt: skip

# ---- supports: build what carries the shade; how far behind x = 0 and how high it hangs


def _on(k: Kit, h, r, stand) -> tuple[float, float]:
    foot = r * k.u(0.8, 2.0)
    k.make(STANDS[stand], foot * 1.3, foot * 1.3, h)
    k.rod("neck", (0, 0, 0.85 * h), (0, 0, h + 0.4 * r), 0.02, "frame")
    return 0.0, h


def _urn(k: Kit, h, r) -> tuple[float, float]:
    """A turned or thrown body."""
    shape = np.convolve(np.pad(k.rng.uniform(0.2, 1.0, 8), 1, "edge"), (0.25, 0.5, 0.25), "valid")
    belly = curve(np.maximum(0.75 * r * shape, 0.03), 0.02 + np.linspace(0, 1, 8) * 0.9 * h)
    k.lathe("urn", [(k.u(0.5, 0.9) * r, 0), *belly, (0.03, h + 0.2 * r)], "body")
    return 0.0, h


def _jointed(k: Kit, h, r) -> tuple[float, float]:
    """Two arms on a foot."""
    k.block("base", (0, 0, 0.02), (r * 1.4, r * 1.4, 0.05), "frame", roundness=k.pick(0.0, 1.0))
    knee, out = (0, k.u(0.05, 0.35), 0.6 * h), -k.u(0.1, 0.6)
    k.rod("arm", (0, 0, 0.02), knee, 0.02, "frame")
    k.ball("joint", knee, (0.035,) * 3, "hub")
    k.rod("arm", knee, (0, out, h + 0.2 * r), 0.02, "frame")
    return out, h


def _arc(k: Kit, h, r, reach=(0.4, 0.9), top=(0.2, 0.5)) -> tuple[float, float]:
    a = np.linspace(np.pi, 0.15, 12)
    line = curve(0, -reach / 2 * (1 + np.cos(a)), h + top * np.sin(a))
    y = float(line[-1, 1])
    k.tube("arc", [(0, 0, 0.02), *line], 0.022, "frame")
    k.block("base", (0, -0.05, 0.03), (0.35, 0.35, 0.07), "frame", roundness=k.pick(0.0, 1.0))
    k.rod("cord", line[-1], (0, y, h - 0.1), 0.015, "hub")
    return y, h - 1.0 * r


def _hung(k: Kit, h, r, up=(1.2, 2.0)) -> tuple[float, float]:
    """From a ceiling."""
    top = h + r * up + 0.8 * r
    k.lathe("canopy", [(0.4 * r, 0), (0.35 * r, 0.06)], "frame", (0, 0, top))
    k.rod("cord", (0, 0, h), (0, 0, top), 0.015, "hub")
    return 0.0, h


def _bracket(k: Kit, h, r, reach=(1.0, 2.0), high=(0.8, 1.8)) -> tuple[float, float]:
    """From a wall."""
    out = -r * reach
    k.block("wall_plate", (0, 0.02, h), (0.5 * r, 0.05, r * high), "frame", roundness=k.pick(0.0, 1.0))
    line = [(0, 0, h), (0, 0.6 * out, h - 0.35 * r), (0, out, h - 0.1 * r), (0, out, h + 0.3 * r)]
    k.tube("bracket", line, 0.025, "frame")
    return out, h


POSTS = {
    "pedestal": partial(_on, stand="pedestal"), "urn": _urn, "hung": _hung, "jointed": _jointed,
    "tripod": partial(_on, stand="tripod"), "arc": _arc, "bracket": _bracket, "star": partial(_on, stand="star"),
    "drum": partial(_on, stand="drum"), "cross": partial(_on, stand="cross"), "panels": partial(_on, stand="panels"),
}  # fmt: skip

# ---- extras: of a shade r wide that hangs at y, z of a lamp h high


def _shelf(k: Kit, y, z, r, h) -> None:
    if k.slots["support"] not in ("hung", "bracket"):
        k.block("shelf", (0, 0, 0.45 * h), (1.6 * r, 1.6 * r, 0.03), "extra", roundness=k.pick(0.0, 1.0))
        k.rod("shelf_post", (0, 0, 0.02), (0, 0, 0.45 * h), 0.025, "frame")


EXTRAS = {
    "none": nothing,
    "finial": lambda k, y, z, r, h: k.ball("finial", (0, y, z + 1.5 * r), (0.03, 0.03, 0.03), "hub")
        .rod("stem", (0, y, z), (0, y, z + 1.5 * r), 0.012, "hub"),
    "shelf": _shelf,
    "twin": nothing,
    "chain": lambda k, y, z, r, h: k.rod("chain", (0.4 * r, y, z + 0.3 * r), (0.4 * r, y, z - 0.6 * r), 0.01, "hub"),
    "rings": lambda k, y, z, r, h: k.lathe(
        "ring", [(0.06, 0), (0.075, 0.015), (0.06, 0.03)], "extra", (0, y, z - np.array([0.3, 0.6]) * 0.3))
        .rod("ring_post", (0, y, z - 0.2), (0, y, z + 0.2 * r), 0.02, "frame"),
}  # fmt: skip


def lamp(k: Kit) -> None:
    r, h = k.size(0.2, 0.5), k.size(0.3, 1.0)
    shade = k.draw("body", SHADES)
    y, z = k.draw("support", POSTS)(h, r)
    extra, places = k.draw("extra", EXTRAS), [0.0]
    if k.slots["extra"] == "twin":
        places = 1.1 * r * PAIR
        k.rod("branch", (-1.2 * r, y, z + 0.1 * r), (1.2 * r, y, z + 0.1 * r), 0.02, "frame")
    for x in places:
        shade(np.array([x, y, z]), r)
    extra(y, z, r, h)
