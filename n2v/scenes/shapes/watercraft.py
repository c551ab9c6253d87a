"""Watercraft: hulls and what stands on their decks. Bow towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, grid

HULLS = {  # half widths at 0, .15, .4, .8 and 1 of the length; depth over width; roundness of the cross section
    "ship": ((0.05, 0.7, 1.0, 1.0, 0.85), 0.9, 0.3),
    "speedboat": ((0.03, 0.55, 0.95, 1.0, 0.95), 0.55, 0.2),
    "canoe": ((0.05, 0.6, 1.0, 0.7, 0.05), 0.6, 0.7),
    "yacht": ((0.03, 0.5, 0.95, 0.95, 0.7), 0.8, 0.6),
    "barge": ((0.85, 1.0, 1.0, 1.0, 0.95), 0.45, 0.0),
    "catamaran": ((0.05, 0.8, 1.0, 1.0, 0.8), 1.0, 0.5),
    "submarine": ((0.3, 0.9, 1.0, 0.8, 0.1), 2.0, 1.0),
    "gondola": ((0.03, 0.5, 1.0, 0.6, 0.03), 0.5, 0.5),
    "raft": ((0.9, 1.0, 1.0, 1.0, 0.9), 0.2, 0.0),
}


def _hull(k: Kit, d: float, w: float) -> float:
    """Build it; the height of the deck."""
    kind = k.draw("body", HULLS)
    widths, deep, roundness = HULLS[kind]
    depth, sheer = deep * w / 2 * k.u(0.8, 1.3), k.u(0.0, 0.5)
    if kind == "gondola":
        sheer = 1.5
    x, half = (0.35 * w * PAIR, 0.28 * w / 2) if kind == "catamaran" else (0.0, w / 2)
    stations = []
    for p, a in zip((0, 0.15, 0.4, 0.8, 1), widths, strict=True):
        up = sheer * depth * (abs(p - 0.5) * 2) ** 3
        stations.append((p * d - d / 2, half * a, -depth * (0.45 + 0.55 * a) + up * 0.6, up, roundness))
    k.hull("hull", stations, "body", x=x)
    if kind == "catamaran":
        k.box("bridge", (0, 0.05 * d, -0.02), (w, 0.55 * d, 0.06), "deck")
    elif kind == "raft":
        at = np.array([-0.35, 0.0, 0.35]) * w
        k.rod("log", (at, -d / 2, -depth / 2), (at, d / 2, -depth / 2), 0.12 * w, "deck")
    elif kind in ("canoe", "gondola"):
        k.block("thwart", (0, np.array([-0.2, 0.1, 0.3]) * d, 0.0), (0.8 * w, 0.06, 0.04), "deck")
    return -0.35 * depth if kind == "submarine" else 0.0


def _cabin(k: Kit, d: float, w: float, z: float, y: float, share: float = 1.0) -> float:
    """A house with windows; the height of its roof."""
    h = k.u(0.1, 0.22) * share
    size = (k.u(0.5, 0.8) * w * share, k.u(0.15, 0.35) * d * share, h + 0.06)
    k.block("cabin", (0, y, z + h / 2 - 0.03), size, "cabin", taper=k.u(0.75, 1.0), roundness=k.u(0, 0.4))
    k.box("window", (0, y, z + 0.62 * h), (size[0] * 1.02, size[1] * 0.9, 0.25 * h), "glass", taper=0.97)
    return z + h


def _deck(k: Kit, d: float, w: float, z: float) -> None:
    """What stands on a deck of length d and width w at z: one branch an option."""
    kind = k.draw("support", "cabin sails house_aft open wheelhouse cargo decks bare turrets canopy")
    if kind == "cabin":
        _cabin(k, d, w, z, 0.0)
    elif kind == "sails":
        _sails(k, d, w, z)
    elif kind == "house_aft":
        up = _cabin(k, d, w, z, 0.3 * d)
        _cabin(k, d, w, up, 0.3 * d, 0.7)
        k.rod("funnel", (0, 0.38 * d, z), (0, 0.4 * d, up + 0.3), 0.05, "hub")
    elif kind == "decks":  # a liner's storeys
        n = k.pick(2, 3, 4)
        for i in range(n):
            size = (w * (0.85 - 0.12 * i), d * (0.65 - 0.12 * i), 0.11)
            k.block("storey", (0, 0.03 * d, z + 0.05 + 0.1 * i), size, "cabin", roundness=0.2)
        y, up = k.some(0.0, 0.15), z + 0.1 * n
        k.rod("funnel", (0, y * d, up - 0.06), (0, (y + 0.03) * d, up + 0.2), 0.06, "hub")
    elif kind == "cargo":
        _cabin(k, d, w, z, 0.38 * d, 0.9)
        for y, x in grid(np.linspace(-0.32, 0.15, k.pick(3, 4, 5)), 0.22 * PAIR).T:
            h = k.pick(0.08, 0.16, 0.24)
            k.box("container", (x * w, y * d, z + h / 2 - 0.01), (0.4 * w, 0.1 * d, h), f"cargo{k.pick(0, 1, 2)}")
    elif kind == "open":  # seats, a windscreen and an outboard motor
        k.block("screen", (0, -0.1 * d, z + 0.05), (0.7 * w, 0.03, 0.14), "glass", angles=(-0.4, 0, 0))
        k.block("seat", (0.2 * PAIR * w, 0.08 * d, z + 0.06), (0.28 * w, 0.12, 0.16), "seat", soft=0.4)
        k.block("motor", (0, 0.53 * d, z), (0.12, 0.12, 0.25), "hub", soft=0.5)
    elif kind == "turrets":  # a warship: guns before and behind a tower
        x = 0.06 * PAIR * w * 2
        for y, way in ((-0.28, -1), (0.3, 1)):
            k.block("turret", (0, y * d, z + 0.04), (0.4 * w, 0.12 * d, 0.1), "cabin", taper=0.8)
            k.rod("gun", (x, y * d, z + 0.06), (x, (y + way * 0.16) * d, z + 0.1), 0.016, "hub")
        k.block("tower", (0, 0, z + 0.15), (0.45 * w, 0.2 * d, 0.34), "cabin", taper=0.6)
        k.rod("mast", (0, 0.03 * d, z + 0.25), (0, 0.03 * d, z + 0.55), 0.02, "hub")
    elif kind == "canopy":
        y, h, span = 0.05 * d, k.u(0.2, 0.35), k.u(0.3, 0.55) * d
        k.block("roof", (0, y, z + h), (0.85 * w, span, 0.03), "sail", soft=0.3)
        a, b = grid(0.38 * PAIR, 0.45 * PAIR)
        k.rod("post", (a * w, y + b * span, z - 0.03), (a * w, y + b * span, z + h), 0.014, "hub")
    elif kind == "wheelhouse":  # a tug's or trawler's: forward, with a boom behind
        up = _cabin(k, d, w, z, -0.12 * d, k.u(0.8, 1.3))
        k.rod("boom", (0, 0.05 * d, z - 0.02), (0, 0.45 * d, up + 0.2), 0.018, "hub")
        k.rod("mast", (0, 0.05 * d, z - 0.02), (0, 0.05 * d, up + 0.35), 0.02, "hub")
    elif kind == "bare":
        side = k.sides(0.5)
        k.rod("oar", (side * 0.3 * w, 0, z + 0.02), (side * 0.95 * w, 0.25 * d, z - 0.08), 0.014, "hub")
        k.block("hatch", (0, 0.1 * d, z), (0.4 * w, 0.25 * d, 0.05), "deck")


def _sails(k: Kit, d: float, w: float, z: float) -> None:
    n, tall, square = k.pick(1, 1, 2, 3), k.u(0.6, 1.2), k.chance(0.35)
    foot = 0.32 * d / n**0.5
    for y in ((np.arange(n) + 0.5) / n * 0.7 - 0.4) * d:
        h = tall * k.u(0.8, 1.0)
        k.rod("mast", (0, y, z - 0.05), (0, y, z + h), 0.018, "hub")
        if square:
            for at in (0.3, 0.65):
                k.box("sail", (0, y - 0.03, z + at * h), (w * 1.3 * (1.2 - at), 0.03, 0.28 * h), "sail", taper=0.85)
        else:
            sail = [(y + 0.02, z + 0.1), (y + foot, z + 0.12), (y + 0.02, z + 0.95 * h)]
            k.plate("sail", sail, "x", -0.01, 0.01, "sail")
            if k.chance(0.6):
                jib = [(y - 0.02, z + 0.75 * h), (y - 0.02, z + 0.1), (y - foot, z + 0.08)]
                k.plate("jib", jib, "x", -0.008, 0.008, "sail")


def watercraft(k: Kit) -> None:
    d, w = k.size(1.0, 1.9), k.size(0.4, 0.85)
    z = _hull(k, d, w)
    _deck(k, d, w, z - 0.01)
    extra = k.draw("extra", "none rails mast lifeboats crane flag fins")
    if extra == "rails":
        y = np.array([-0.25, -0.03, 0.18, 0.4]) * d
        for x in 0.42 * PAIR * w:
            k.rod("rail", (x, -0.25 * d, z + 0.08), (x, 0.4 * d, z + 0.08), 0.01, "hub")
            k.rod("stanchion", (x, y, z - 0.04), (x, y, z + 0.08), 0.01, "hub")
    elif extra == "mast":
        k.rod("mast", (0, -0.15 * d, z - 0.05), (0, -0.15 * d, z + k.u(0.3, 0.7)), 0.02, "hub")
    elif extra == "lifeboats":
        k.ball("lifeboat", (0.42 * PAIR * w, 0.1 * d, z + 0.04), (0.06, 0.14, 0.06), "extra")
    elif extra == "crane":
        k.rod("crane", (0, -0.3 * d, z - 0.05), (0, -0.3 * d, z + 0.35), 0.03, "extra")
        k.rod("jib", (0, -0.3 * d, z + 0.33), (0, -0.02 * d, z + 0.45), 0.02, "extra")
    elif extra == "flag":
        k.rod("pole", (0, 0.45 * d, z - 0.06), (0, 0.48 * d, z + 0.3), 0.012, "hub")
        k.box("flag", (0, 0.48 * d + 0.09, z + 0.24), (0.015, 0.2, 0.12), "extra")
    elif extra == "fins":
        k.block("fin", (0.4 * PAIR * w, 0.42 * d, z - 0.1), (0.3, 0.1, 0.03), "extra")
