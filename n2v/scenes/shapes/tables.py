"""Tables: tops on the shared supports, with what stands under and on them."""

from functools import partial

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, nothing, spread
from n2v.scenes.shapes.supports import SUPPORTS

BOW = np.linspace(np.pi, 2 * np.pi, 13)  # angles of a half turn
THREE = np.array([0.3, 0.55, 0.8])  # heights of a pedestal's drawers


def _slab(k: Kit, w, d, z, t=(0.02, 0.09), taper=(0.95, 1.05), roundness=0.0) -> None:
    k.block("top", (0, 0, z + t / 2), (w, d, t), "top", roundness=roundness, taper=taper)


def _tray(k: Kit, w, d, z, rim=(0.03, 0.1)) -> None:
    k.box("top", (0, 0, z + 0.015), (w, d, 0.03), "top")
    for side in PAIR:
        k.box("rim", (side * w / 2, 0, z + rim / 2), (0.025, d, rim), "frame")
        k.box("rim", (0, side * d / 2, z + rim / 2), (w, 0.025, rim), "frame")


def _ell(k: Kit, w, d, z) -> None:
    """A corner desk."""
    side, t = k.pick(-1, 1), k.u(0.02, 0.05)
    k.box("top", (0, 0, z + t / 2), (w, d, t), "top")
    long = d * k.u(0.5, 1.0)
    k.box("wing", (side * w * 0.33, -d / 2 - long / 2, z + t / 2), (w * 0.34, long, t), "top")
    k.block("leg", (side * w * 0.45, -d / 2 - long * 0.9, z / 2), (0.05, 0.05, z), "frame")


def _tiers(k: Kit, w, d, z) -> None:
    """Two tops, the upper one smaller."""
    k.make(_slab, w, d, z, roundness=k.pick(0.0, 1.0))
    up, share = k.u(0.12, 0.35), k.u(0.35, 0.8)
    k.block("upper", (0, 0.1 * d, z + up), (w * share, d * share, 0.035), "top")
    k.block("riser", (0.4 * PAIR * w * share, 0.1 * d, z + up / 2 + 0.02), (0.04, 0.04, up), "frame")


def _drawers(k: Kit, w, d, z, t=(0.1, 0.2), n=(1, 2, 3)) -> None:
    k.block("case", (0, 0, z - t / 2), (0.92 * w, 0.88 * d, t), "body")
    for x in spread(n) * 0.9 * w:
        out = 0.25 * d * k.chance(0.12)
        y = -0.44 * d - out / 2
        k.block("drawer", (x, y, z - t / 2), (0.8 * w / n, 0.03 + out, 0.75 * t), "front")
        k.ball("knob", (x, y - 0.03 - out / 2, z - t / 2), (0.02,) * 3, "hub")


def _bench(k: Kit, w, d, z) -> None:
    y, h = -0.5 * d - 0.22, 0.6 * z
    k.block("seat", (0, y, h), (0.9 * w, 0.25, 0.04), "seat")
    for x in 0.38 * PAIR * w:
        k.block("stub", (x, y, h / 2), (0.05, 0.22, h), "frame")
        k.rod("stretcher", (x, y, 0.4 * h), (x, 0, 0.4 * z), 0.025, "frame")


TOPS = {  # w x d on z
    "rectangle": _slab,
    "round": partial(_slab, roundness=1.0),
    "planks": lambda k, w, d, z, n=(2, 3, 4, 5): k.block(
        "plank", (0, spread(n) * d, z + 0.03), (w, 0.85 * d / n, 0.035), "top")
        .block("rail", (0.35 * PAIR * w, 0, z + 0.01), (0.06, 0.95 * d, 0.03), "frame"),
    "rounded": lambda k, w, d, z, roundness=(0.2, 0.7): k.make(_slab, w, d, z, roundness=roundness),
    "tray": _tray,
    "ell": _ell,
    "tiers": _tiers,
    "half_moon": lambda k, w, d, z, t=(0.02, 0.06): k.plate(
        "top", curve(np.cos(BOW) * w / 2, d / 2 + np.sin(BOW) * d), "z", z, z + t, "top"),
}  # fmt: skip
UNDER = {  # up to z
    "none": nothing,
    "apron": lambda k, w, d, z, t=(0.05, 0.14): k.block(
        "apron", (0, 0, z - t / 2), (0.88 * w, 0.85 * d, t), "frame"),
    "shelf": lambda k, w, d, z, up=(0.2, 0.5): k.block("shelf", (0, 0, z * up), (0.85 * w, 0.85 * d, 0.03), "top"),
    "drawers": _drawers,
    "pedestal": lambda k, w, d, z: [
        k.box("case", (side * 0.34 * w, 0, 0.55 * z), (0.26 * w, 0.85 * d, 0.9 * z), "body")
        .block("drawer", (side * 0.34 * w, -0.43 * d, THREE * z), (0.22 * w, 0.03, 0.2 * z), "front")
        for side in (PAIR if k.chance(0.4) else [k.pick(-1, 1)])],
    "modesty": lambda k, w, d, z: k.block("panel", (0, 0.3 * d, 0.65 * z), (0.85 * w, 0.025, 0.7 * z), "body"),
    "basket": lambda k, w, d, z: k.block(
        "basket", (0, 0, 0.75 * z), (0.5 * w, 0.6 * d, 0.5 * z), "body", taper=1.2, soft=0.4),
    "bar": lambda k, w, d, z: k.rod("stretcher", (-0.4 * w, 0, 0.3 * z), (0.4 * w, 0, 0.3 * z), 0.025, "frame"),
}  # fmt: skip
EXTRAS = {  # on or beside it
    "none": nothing,
    "box": lambda k, w, d, z, x=(-0.3, 0.3), wide=(0.15, 0.4), high=(0.1, 0.25): k.block(
        "box", (x * w, 0.1 * d, z + 0.12), (wide * w, 0.4 * d, high), "extra"),
    "vase": lambda k, w, d, z, x=(-0.3, 0.3): k.lathe(
        "vase", [(0.05, 0.04), (0.09, 0.14), (0.04, 0.26), (0.06, 0.32)], "extra", (x * w, 0, z)),
    "back": lambda k, w, d, z, high=(0.15, 0.4): k.block(
        "back", (0, 0.47 * d, z + 0.15), (0.95 * w, 0.03, high), "body"),
    "books": lambda k, w, d, z, n=(2, 3, 4): [
        k.block("book", (-0.2 * w, 0, z + 0.075 + 0.05 * i), (0.22, 0.16, 0.05), f"book{i % 3}",
                angles=(0, 0, k.u(-0.4, 0.4)))
        for i in range(n)],
    "bench": _bench,
    "flap": lambda k, w, d, z: k.block(
        "flap", (k.pick(-1, 1) * w / 2, 0, z - 0.12), (0.03, 0.9 * d, 0.3), "top", angles=(0, k.u(-0.3, 0.3), 0)),
}  # fmt: skip


def table(k: Kit) -> None:
    w, d, z = k.size(0.5, 1.6), k.size(0.4, 0.9), k.size(0.35, 0.85)
    top = k.draw("body", TOPS)
    if k.slots["body"] == "round" and k.chance(0.7):
        w = d
    supports = "legs pedestal splayed frame panels cross hairpin drum cabriole sled tripod half star plinth"
    wide, deep = w * k.u(0.7, 0.97), d * k.u(0.75, 0.97)
    k.draw("support", SUPPORTS, supports)(wide, deep, z)
    top(w, d, z)
    k.draw("under", UNDER)(w, d, z)
    k.draw("extra", EXTRAS)(w, d, z + 0.03)
