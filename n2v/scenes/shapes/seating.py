"""Chairs, benches and sofas: one builder, three ways to weigh its options and sizes. Front towards -y."""

from functools import partial

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, spread
from n2v.scenes.shapes.supports import stand

# sizes overlap on purpose: what a chair, a bench or a sofa is shows in its parts, not in its proportions
BODIES = {  # commonest first
    "chair": "flat shell round cushion slatted saddle box webbed",
    "bench": "slatted saddle webbed flat cushion round box",
    "sofa": "box cushion flat shell webbed saddle",
}
KINDS = {  # ranges of width and seat height; options of support, back and arms
    "chair": (
        (0.45, 1.0), (0.25, 0.5), "splayed star legs pedestal sled cross cabriole tripod frame panels hairpin plinth",
        "bars hoop panel slats curved padded winged low none", "none posted loops blocks thin sloped rolled"),
    "bench": (
        (0.65, 1.4), (0.25, 0.5), "panels frame legs cross sled plinth splayed hairpin half drum cabriole",
        "slats none low panel bars hoop curved padded", "none thin posted loops sloped blocks rolled"),
    "sofa": (
        (0.65, 1.4), (0.05, 0.3), "legs plinth none splayed sled panels frame cabriole hairpin",
        "padded winged panel curved low slats none", "blocks rolled none thin posted sloped loops"),
}  # fmt: skip


def _side_by_side(n: int, w: float) -> np.ndarray:
    return (np.arange(n) - (n - 1) / 2) * w / n


def _seat(k: Kit, kind: str, w: float, d: float, z: float) -> float:
    """On top of z; the height of the surface one sits on. One branch an option."""
    line = np.linspace(-1, 1, 7)
    if kind in ("flat", "round"):
        t = k.u(0.02, 0.07) if kind == "flat" else k.u(0.03, 0.12)
        shape = {} if kind == "flat" else {"roundness": 1.0, "soft": k.u(0, 1)}
        k.block("seat", (0, 0, z + t / 2), (w, d, t), "seat", **shape)
        return z + t
    if kind == "cushion":
        t, n = k.u(0.08, 0.2), 1 if w < 0.9 else k.pick(1, 2, 3)
        k.block("seat", (0, 0, z + 0.02), (w, d, 0.04), "frame")
        k.block("cushion", (_side_by_side(n, w), 0, z + 0.03 + t / 2), (0.97 * w / n, 0.95 * d, t), "seat", soft=0.7)
        return z + 0.03 + t
    if kind == "box":  # a deep body with a cushion: what most sofas have
        base, t, n = k.u(0.1, 0.28), k.u(0.06, 0.18), 1 if w < 0.8 else k.pick(1, 2, 2, 3)
        k.block("base", (0, 0, z + base / 2), (w, d, base), "body")
        at, size = (_side_by_side(n, w), -0.02, z + base + t / 2), (0.97 * w / n, 0.93 * d, t)
        k.block("cushion", at, size, "seat", soft=0.5)
        return z + base + t
    if kind == "shell":  # dished, its rim rising behind and at the sides
        rise = k.u(0.05, 0.16)
        low, high = z + rise * np.maximum(line, 0) ** 2, z + 0.05 + rise * line * line
        k.hull("seat", curve(line * d / 2, w / 2 * (1 - 0.15 * line * line), low, high, 0.4), "seat")
        return z + 0.06
    if kind == "saddle":
        rise = k.u(0.03, 0.1) * line * line
        k.hull("seat", curve(line * w / 2, d / 2, z + rise, z + 0.05 + rise, 0.3), "seat", axis="x")
        return z + 0.05
    if kind == "slatted":
        n = k.pick(3, 4, 5, 6)
        if k.chance(0.75):
            k.block("rail", (PAIR * w * 0.42, 0, z + 0.015), (0.04, d, 0.03), "frame")
            k.block("slat", (0, spread(n) * d, z + 0.045), (w, 0.75 * d / n, 0.03), "seat")
        else:
            k.block("rail", (0, PAIR * d * 0.42, z + 0.015), (w, 0.04, 0.03), "frame")
            k.block("slat", (spread(n) * w, 0, z + 0.045), (0.75 * w / n, d, 0.03), "seat")
        return z + 0.06
    r = k.u(0.015, 0.03)  # webbed: a frame with bands across
    for side in PAIR:
        k.rod("rail", (side * w / 2, -d / 2, z + r), (side * w / 2, d / 2, z + r), r, "frame")
        k.rod("rail", (-w / 2, side * d / 2, z + r), (w / 2, side * d / 2, z + r), r, "frame")
    n = k.pick(4, 5, 6)
    k.block("band", (0, spread(n) * d, z + r), (w, 0.5 * d / n, 0.015), "seat")
    return z + 2 * r


def _back(k: Kit, options: str, w: float, y: float, z: float, h: float, lean: float) -> None:
    """Behind y, from z up by h, leaning by `lean` radians. One branch an option."""
    kind = k.draw("back", options)
    turned, shift = (-lean, 0, 0), np.sin(lean)
    if kind in ("panel", "low", "winged"):
        high, t = 0.4 * h if kind == "low" else h, k.u(0.06, 0.12) if kind == "winged" else k.u(0.02, 0.07)
        at, size = (0, y + shift * high / 2, z + high / 2), (w * 0.98, t, high)
        k.block("back", at, size, "back", taper=k.u(0.8, 1.1), angles=turned)
    if kind == "winged":
        deep = k.u(0.12, 0.3)
        at = (PAIR * (w / 2 - 0.03), y - deep / 2, z + 0.62 * h)
        k.block("wing", at, (0.06, deep, 0.7 * h), "back", taper=0.8)
    elif kind == "padded":
        n = 1 if w < 0.9 else k.pick(1, 2, 3)
        for x in _side_by_side(n, w):
            at, size = (x, y - 0.03 + shift * h / 2, z + h / 2 - 0.02), (0.98 * w / n, k.u(0.1, 0.2), h)
            k.block("back", at, size, "back", soft=0.6, angles=turned)
    elif kind in ("slats", "bars"):
        r = k.u(0.015, 0.03)
        x, top = PAIR * (w / 2 - r), y + shift * 0.95 * h
        k.rod("post", (x, y, z - 0.05), (x, y + shift * h, z + h), r, "frame")
        if kind == "slats":
            n = k.pick(1, 2, 3, 4, 5)
            up = 0.25 + 0.7 * (np.arange(n) + 0.5) / n
            k.block("slat", (0, y + shift * up * h, z + up * h), (w, 0.025, 0.5 * h / n), "back", angles=turned)
        else:
            k.block("rail", (0, top, z + 0.95 * h), (w, 0.03, 0.14 * h), "frame", angles=turned)
            x = np.linspace(-0.4, 0.4, k.pick(3, 4, 5, 7) * (1 if w < 0.9 else 2)) * w
            k.rod("bar", (x, y, z - 0.03), (x, top, z + 0.95 * h), 0.7 * r, "back")
    elif kind == "curved":  # rails bent round the sitter
        a, n, x = np.linspace(-1.2, 1.2, 9), k.pick(1, 2, 3), np.array([-0.35, 0.0, 0.35]) * w
        for at in (np.arange(n) + 1) / n:
            line = curve(np.sin(a) * w / 1.9, y + 0.1 - 0.22 * (1 - np.cos(a)), z + at * h)
            k.tube("rail", line, k.u(0.02, 0.05), "back")
        k.rod("post", (x, y - 0.03, z - 0.04), (x, y + 0.08, z + h), 0.018, "frame")
    elif kind == "hoop":  # a bent frame, with a splat in it or without
        a = np.linspace(0, np.pi, 11)
        line = curve(np.cos(a) * w / 2 * 0.95, y + shift * np.sin(a) * h, z - 0.04 + np.sin(a) * h)
        k.tube("hoop", line, k.u(0.015, 0.035), "frame")
        if k.chance(0.7):
            at, size = (0, (y + (y + shift * h)) / 2, z + h / 2 - 0.03), (w * k.u(0.15, 0.5), 0.025, 0.98 * h)
            k.block("splat", at, size, "back", angles=turned)


def _arms(k: Kit, options: str, w: float, d: float, z: float) -> None:
    """At both sides, one object in seventeen at one."""
    kind, h = k.draw("arms", options), k.u(0.12, 0.3)
    if kind == "posted":
        for x in k.sides(0.94) * w / 2:
            k.block("arm", (x, 0, z + h), (k.u(0.04, 0.09), 0.9 * d, 0.035), "arms")
            k.rod("arm_post", (x, PAIR * 0.35 * d, z - 0.06), (x, PAIR * 0.35 * d, z + h), 0.018, "frame")
    elif kind in ("blocks", "thin", "rolled"):
        t = k.u(*{"blocks": (0.06, 0.22), "thin": (0.02, 0.05), "rolled": (0.06, 0.12)}[kind])
        taper = k.u(0.8, 1.1)
        for x in k.sides(0.94) * (w / 2 + t / 2 - 0.01):
            k.block("arm", (x, 0, z + h / 2 - 0.1), (t, d, h + 0.2), "body", soft=k.u(0, 0.8), taper=taper)
        if kind == "rolled":
            x = k.sides(0.94) * (w / 2 + t * 0.7)
            k.rod("roll", (x, -d / 2, z + h), (x, d / 2, z + h), t, "body")
    elif kind == "loops":
        t = np.linspace(0, np.pi, 9)
        for x in k.sides(0.94) * w / 2:
            k.tube("arm", curve(x, -np.cos(t) * 0.42 * d, z - 0.04 + np.sin(t) * h), k.u(0.014, 0.03), "frame")
    elif kind == "sloped":
        x = k.sides(0.94) * (w / 2 + 0.02)
        k.tube("arm", [(x, -d / 2, z - 0.03), (x, -0.2 * d, z + 0.7 * h), (x, d / 2, z + 1.3 * h)], 0.03, "arms")


def _build(k: Kit, kind: str) -> None:
    widths, heights, supports, backs, arms = KINDS[kind]
    w, d, z, back = k.size(*widths), k.size(0.4, 0.75), k.size(*heights), k.size(0.3, 0.65)
    body = k.draw("body", BODIES[kind])
    stand(k, supports, w * k.u(0.75, 1.0), d * k.u(0.8, 1.0), z)
    z = _seat(k, body, w, d, z)
    _back(k, backs, w, d / 2 - 0.03, z, back, k.u(0.0, 0.35))
    _arms(k, arms, w, d, z)
    y, h = d / 2 - 0.06, 0.0 if k.slots["back"] == "none" else back
    extra = k.draw("extra", "none pillows throw footrest tray headrest chaise")
    if extra == "pillows":
        for x in k.some(-0.3, 0.3):
            at, angles = (x * w, y - 0.14, z + 0.12), (-0.3, 0, k.u(-0.3, 0.3))
            k.block("pillow", at, (0.3, 0.12, 0.26), "extra", soft=1.0, angles=angles)
    elif extra == "throw":
        k.block("throw", (k.u(-0.2, 0.2) * w, 0, z + 0.005), (0.25 * w, d * 1.01, 0.03), "extra")
    elif extra == "footrest":
        k.block("footrest", (0, -d / 2 - 0.12, z * 0.5), (0.6 * w, 0.24, 0.05), "extra")
        k.rod("footrest_arm", (0, 0, z - 0.03), (0, -d / 2 - 0.1, z * 0.5), 0.025, "frame")
    elif extra == "tray":
        k.block("tray", (0.4 * w, -0.2 * d, z + 0.24), (0.3, 0.25, 0.025), "extra")
        k.rod("tray_post", (0.45 * w, 0, z - 0.02), (0.45 * w, -0.2 * d, z + 0.24), 0.02, "frame")
    elif extra == "headrest":
        k.block("headrest", (0, y - 0.02, z + max(h, 0.15)), (min(w, 0.35), 0.1, 0.14), "extra", soft=0.8)
        k.rod("headrest_post", (0, y, z - 0.02), (0, y, z + max(h, 0.15)), 0.02, "frame")
    elif extra == "chaise":
        k.block("chaise", (k.pick(-1, 1) * 0.3 * w, -d * 0.8, z * 0.55), (0.4 * w, 0.8 * d, z * 0.9), "seat")


chair, bench, sofa = (partial(_build, kind=kind) for kind in KINDS)
