"""Tables: tops on the shared supports, with what stands under and on them."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, spread
from n2v.scenes.shapes.supports import stand

TOPS = "rectangle round planks rounded tray ell tiers half_moon"


def _top(k: Kit, kind: str, w: float, d: float, z: float) -> None:
    if kind in ("rectangle", "round", "rounded", "tiers"):
        roundness = k.u(0.2, 0.7) if kind == "rounded" else float(kind == "round")
        if kind == "tiers":
            roundness = k.pick(0.0, 1.0)
        t = k.u(0.02, 0.09)
        k.block("top", (0, 0, z + t / 2), (w, d, t), "top", roundness=roundness, taper=k.u(0.95, 1.05))
    if kind == "planks":
        n = k.pick(2, 3, 4, 5)
        k.block("plank", (0, spread(n) * d, z + 0.03), (w, 0.85 * d / n, 0.035), "top")
        k.block("rail", (0.35 * PAIR * w, 0, z + 0.01), (0.06, 0.95 * d, 0.03), "frame")
    elif kind == "tray":
        rim = k.u(0.03, 0.1)
        k.box("top", (0, 0, z + 0.015), (w, d, 0.03), "top")
        for side in PAIR:
            k.box("rim", (side * w / 2, 0, z + rim / 2), (0.025, d, rim), "frame")
            k.box("rim", (0, side * d / 2, z + rim / 2), (w, 0.025, rim), "frame")
    elif kind == "ell":  # a corner desk
        side, t = k.pick(-1, 1), k.u(0.02, 0.05)
        k.box("top", (0, 0, z + t / 2), (w, d, t), "top")
        long = d * k.u(0.5, 1.0)
        k.box("wing", (side * w * 0.33, -d / 2 - long / 2, z + t / 2), (w * 0.34, long, t), "top")
        k.block("leg", (side * w * 0.45, -d / 2 - long * 0.9, z / 2), (0.05, 0.05, z), "frame")
    elif kind == "tiers":  # a second, smaller top
        up, share = k.u(0.12, 0.35), k.u(0.35, 0.8)
        k.block("upper", (0, 0.1 * d, z + up), (w * share, d * share, 0.035), "top")
        k.block("riser", (0.4 * PAIR * w * share, 0.1 * d, z + up / 2 + 0.02), (0.04, 0.04, up), "frame")
    elif kind == "half_moon":
        a = np.linspace(np.pi, 2 * np.pi, 13)
        k.plate("top", curve(np.cos(a) * w / 2, d / 2 + np.sin(a) * d), "z", z, z + k.u(0.02, 0.06), "top")


def _under(k: Kit, w: float, d: float, z: float) -> None:
    under = k.draw("under", "none apron shelf drawers pedestal modesty basket bar")
    if under == "apron":
        t = k.u(0.05, 0.14)
        k.block("apron", (0, 0, z - t / 2), (0.88 * w, 0.85 * d, t), "frame")
    elif under == "shelf":
        k.block("shelf", (0, 0, z * k.u(0.2, 0.5)), (0.85 * w, 0.85 * d, 0.03), "top")
    elif under == "drawers":
        t, n = k.u(0.1, 0.2), k.pick(1, 2, 3)
        k.block("case", (0, 0, z - t / 2), (0.92 * w, 0.88 * d, t), "body")
        for x in spread(n) * 0.9 * w:
            out = 0.25 * d * k.chance(0.12)
            y = -0.44 * d - out / 2
            k.block("drawer", (x, y, z - t / 2), (0.8 * w / n, 0.03 + out, 0.75 * t), "front")
            k.ball("knob", (x, y - 0.03 - out / 2, z - t / 2), (0.02,) * 3, "hub")
    elif under == "pedestal":
        for x in k.sides(0.4) * 0.34 * w:
            k.box("case", (x, 0, 0.55 * z), (0.26 * w, 0.85 * d, 0.9 * z), "body")
            k.block("drawer", (x, -0.43 * d, np.array([0.3, 0.55, 0.8]) * z), (0.22 * w, 0.03, 0.2 * z), "front")
    elif under == "modesty":
        k.block("panel", (0, 0.3 * d, 0.65 * z), (0.85 * w, 0.025, 0.7 * z), "body")
    elif under == "basket":
        k.block("basket", (0, 0, 0.75 * z), (0.5 * w, 0.6 * d, 0.5 * z), "body", taper=1.2, soft=0.4)
    elif under == "bar":
        k.rod("stretcher", (-0.4 * w, 0, 0.3 * z), (0.4 * w, 0, 0.3 * z), 0.025, "frame")


def table(k: Kit) -> None:
    w, d, z = k.size(0.5, 1.6), k.size(0.4, 0.9), k.size(0.35, 0.85)
    top = k.draw("body", TOPS)
    if top == "round" and k.chance(0.7):
        w = d
    supports = "legs pedestal splayed frame panels cross hairpin drum cabriole sled tripod half star plinth"
    stand(k, supports, w * k.u(0.7, 0.97), d * k.u(0.75, 0.97), z)
    _top(k, top, w, d, z)
    _under(k, w, d, z)
    extra, z = k.draw("extra", "none box vase back books bench flap"), z + 0.03
    if extra == "box":
        at = (k.u(-0.3, 0.3) * w, 0.1 * d, z + 0.12)
        k.block("box", at, (k.u(0.15, 0.4) * w, 0.4 * d, k.u(0.1, 0.25)), "extra")
    elif extra == "vase":
        k.lathe("vase", [(0.05, 0.04), (0.09, 0.14), (0.04, 0.26), (0.06, 0.32)], "extra", (k.u(-0.3, 0.3) * w, 0, z))
    elif extra == "back":
        k.block("back", (0, 0.47 * d, z + 0.15), (0.95 * w, 0.03, k.u(0.15, 0.4)), "body")
    elif extra == "books":
        for i in range(k.pick(2, 3, 4)):
            at, angles = (-0.2 * w, 0, z + 0.075 + 0.05 * i), (0, 0, k.u(-0.4, 0.4))
            k.block("book", at, (0.22, 0.16, 0.05), f"book{i % 3}", angles=angles)
    elif extra == "bench":
        y, h = -0.5 * d - 0.22, 0.6 * z
        k.block("seat", (0, y, h), (0.9 * w, 0.25, 0.04), "seat")
        for x in 0.38 * PAIR * w:
            k.block("stub", (x, y, h / 2), (0.05, 0.22, h), "frame")
            k.rod("stretcher", (x, y, 0.4 * h), (x, 0, 0.4 * z), 0.025, "frame")
    elif extra == "flap":
        x, angles = k.pick(-1, 1) * w / 2, (0, k.u(-0.3, 0.3), 0)
        k.block("flap", (x, 0, z - 0.12), (0.03, 0.9 * d, 0.3), "top", angles=angles)
