"""Chairs, benches and sofas: one builder, three ways to weigh its options and sizes. Front towards -y."""

from functools import partial

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, nothing, spread
from n2v.scenes.shapes.supports import SUPPORTS

# sizes overlap on purpose: what a chair, a bench or a sofa is shows in its parts, not in its proportions
KINDS = {  # ranges of width and seat height; options of each slot, commonest first
    "chair": ((0.45, 1.0), (0.25, 0.5), {
        "body": "flat shell round cushion slatted saddle box webbed",
        "support": "splayed star legs pedestal sled cross cabriole tripod frame panels hairpin plinth",
        "back": "bars hoop panel slats curved padded winged low none",
        "arms": "none posted loops blocks thin sloped rolled"}),
    "bench": ((0.65, 1.4), (0.25, 0.5), {
        "body": "slatted saddle webbed flat cushion round box",
        "support": "panels frame legs cross sled plinth splayed hairpin half drum cabriole",
        "back": "slats none low panel bars hoop curved padded",
        "arms": "none thin posted loops sloped blocks rolled"}),
    "sofa": ((0.65, 1.4), (0.05, 0.3), {
        "body": "box cushion flat shell webbed saddle",
        "support": "legs plinth none splayed sled panels frame cabriole hairpin",
        "back": "padded winged panel curved low slats none",
        "arms": "blocks rolled none thin posted sloped loops"}),
}  # fmt: skip


def _side_by_side(n: int, w: float) -> np.ndarray:
    return (np.arange(n) - (n - 1) / 2) * w / n


# ---- seats: on top of z, w x d, returning the height of the surface one sits on


def _plate(k: Kit, w, d, z, t=(0.02, 0.07), roundness=None, soft=0.0) -> float:
    k.block("seat", (0, 0, z + t / 2), (w, d, t), "seat", roundness=roundness, soft=soft)
    return z + t


def _cushion(k: Kit, w, d, z) -> float:
    t, n = k.u(0.08, 0.2), 1 if w < 0.9 else k.pick(1, 2, 3)
    k.block("seat", (0, 0, z + 0.02), (w, d, 0.04), "frame")
    k.block("cushion", (_side_by_side(n, w), 0, z + 0.03 + t / 2), (0.97 * w / n, 0.95 * d, t), "seat", soft=0.7)
    return z + 0.03 + t


def _slatted(k: Kit, w, d, z) -> float:
    n = k.pick(3, 4, 5, 6)
    if k.chance(0.75):
        k.block("rail", (PAIR * w * 0.42, 0, z + 0.015), (0.04, d, 0.03), "frame")
        k.block("slat", (0, spread(n) * d, z + 0.045), (w, 0.75 * d / n, 0.03), "seat")
    else:
        k.block("rail", (0, PAIR * d * 0.42, z + 0.015), (w, 0.04, 0.03), "frame")
        k.block("slat", (spread(n) * w, 0, z + 0.045), (0.75 * w / n, d, 0.03), "seat")
    return z + 0.06


def _box(k: Kit, w, d, z) -> float:
    """A deep body with a cushion: what most sofas have."""
    base, t, n = k.u(0.1, 0.28), k.u(0.06, 0.18), 1 if w < 0.8 else k.pick(1, 2, 2, 3)
    k.block("base", (0, 0, z + base / 2), (w, d, base), "body")
    at, size = (_side_by_side(n, w), -0.02, z + base + t / 2), (0.97 * w / n, 0.93 * d, t)
    k.block("cushion", at, size, "seat", soft=0.5)
    return z + base + t


def _shell(k: Kit, w, d, z, rise=(0.05, 0.16)) -> float:
    """A dished seat whose rim rises behind and at the sides."""
    a = np.linspace(-1, 1, 7)
    low, high = z + rise * np.maximum(a, 0) ** 2, z + 0.05 + rise * a * a
    k.hull("seat", curve(a * d / 2, w / 2 * (1 - 0.15 * a * a), low, high, 0.4), "seat")
    return z + 0.06


def _saddle(k: Kit, w, d, z, bow=(0.03, 0.1)) -> float:
    a = np.linspace(-1, 1, 7)
    k.hull("seat", curve(a * w / 2, d / 2, z + bow * a * a, z + 0.05 + bow * a * a, 0.3), "seat", axis="x")
    return z + 0.05


def _webbed(k: Kit, w, d, z, r=(0.015, 0.03), n=(4, 5, 6)) -> float:
    """A frame with bands across."""
    for side in PAIR:
        k.rod("rail", (side * w / 2, -d / 2, z + r), (side * w / 2, d / 2, z + r), r, "frame")
        k.rod("rail", (-w / 2, side * d / 2, z + r), (w / 2, side * d / 2, z + r), r, "frame")
    k.block("band", (0, spread(n) * d, z + r), (w, 0.5 * d / n, 0.015), "seat")
    return z + 2 * r


SEATS = {
    "flat": _plate, "round": partial(_plate, t=(0.03, 0.12), roundness=1.0, soft=(0.0, 1.0)), "cushion": _cushion, "slatted": _slatted, "box": _box, "shell": _shell, "saddle": _saddle, "webbed": _webbed,
}  # fmt: skip

# ---- backs: behind y, w wide, from z up by h, leaning by `lean` radians


def _panel(k: Kit, w, y, z, h, lean, t=(0.02, 0.07), taper=(0.8, 1.1)) -> None:
    at = (0, y + np.sin(lean) * h / 2, z + h / 2)
    k.block("back", at, (w * 0.98, t, h), "back", taper=taper, angles=(-lean, 0, 0))


def _winged(k: Kit, w, y, z, h, lean, t=(0.06, 0.12), taper=(0.8, 1.1), deep=(0.12, 0.3)) -> None:
    _panel(k, w, y, z, h, lean, t, taper)
    at = (PAIR * (w / 2 - 0.03), y - deep / 2, z + 0.62 * h)
    k.block("wing", at, (0.06, deep, 0.7 * h), "back", taper=0.8)


def _padded(k: Kit, w, y, z, h, lean) -> None:
    n = 1 if w < 0.9 else k.pick(1, 2, 3)
    for x in _side_by_side(n, w):
        at, size = (x, y - 0.03 + np.sin(lean) * h / 2, z + h / 2 - 0.02), (0.98 * w / n, k.u(0.1, 0.2), h)
        k.block("back", at, size, "back", soft=0.6, angles=(-lean, 0, 0))


def _posts(k: Kit, w, y, z, h, lean, r) -> None:
    x = PAIR * (w / 2 - r)
    k.rod("post", (x, y, z - 0.05), (x, y + np.sin(lean) * h, z + h), r, "frame")


def _slats(k: Kit, w, y, z, h, lean, r=(0.015, 0.03), n=(1, 2, 3, 4, 5)) -> None:
    _posts(k, w, y, z, h, lean, r)
    up = 0.25 + 0.7 * (np.arange(n) + 0.5) / n
    at = (0, y + np.sin(lean) * up * h, z + up * h)
    k.block("slat", at, (w, 0.025, 0.5 * h / n), "back", angles=(-lean, 0, 0))


def _bars(k: Kit, w, y, z, h, lean, r=(0.015, 0.03), n=(3, 4, 5, 7)) -> None:
    _posts(k, w, y, z, h, lean, r)
    x, top = np.linspace(-0.4, 0.4, n * (1 if w < 0.9 else 2)) * w, y + np.sin(lean) * 0.95 * h
    k.block("rail", (0, top, z + 0.95 * h), (w, 0.03, 0.14 * h), "frame", angles=(-lean, 0, 0))
    k.rod("bar", (x, y, z - 0.03), (x, top, z + 0.95 * h), 0.7 * r, "back")


def _curved(k: Kit, w, y, z, h, lean, n=(1, 2, 3)) -> None:
    """Rails bent round the sitter."""
    angle, x = np.linspace(-1.2, 1.2, 9), np.array([-0.35, 0.0, 0.35]) * w
    for at in (np.arange(n) + 1) / n:
        line = curve(np.sin(angle) * w / 1.9, y + 0.1 - 0.22 * (1 - np.cos(angle)), z + at * h)
        k.tube("rail", line, k.u(0.02, 0.05), "back")
    k.rod("post", (x, y - 0.03, z - 0.04), (x, y + 0.08, z + h), 0.018, "frame")


def _hoop(k: Kit, w, y, z, h, lean, r=(0.015, 0.035)) -> None:
    """A bent frame, with a splat in it or without."""
    a = np.linspace(0, np.pi, 11)
    line = curve(np.cos(a) * w / 2 * 0.95, y + np.sin(lean) * np.sin(a) * h, z - 0.04 + np.sin(a) * h)
    k.tube("hoop", line, r, "frame")
    if k.chance(0.7):
        at, size = (0, (y + (y + np.sin(lean) * h)) / 2, z + h / 2 - 0.03), (w * k.u(0.15, 0.5), 0.025, 0.98 * h)
        k.block("splat", at, size, "back", angles=(-lean, 0, 0))


BACKS = {
    "none": nothing, "panel": _panel, "padded": _padded, "slats": _slats, "bars": _bars, "curved": _curved,
    "winged": _winged, "hoop": _hoop, "low": lambda k, w, y, z, h, lean: k.make(_panel, w, y, z, 0.4 * h, lean),
}  # fmt: skip

# ---- arms: at both sides of w x d (one object in seventeen: at one), on z, as high as h


def _sides(k: Kit) -> np.ndarray:
    return PAIR if k.chance(0.94) else np.array([k.pick(-1, 1)])


def _posted(k: Kit, w, d, z, h) -> None:
    for x in _sides(k) * w / 2:
        k.block("arm", (x, 0, z + h), (k.u(0.04, 0.09), 0.9 * d, 0.035), "arms")
        k.rod("arm_post", (x, PAIR * 0.35 * d, z - 0.06), (x, PAIR * 0.35 * d, z + h), 0.018, "frame")


def _blocks(k: Kit, w, d, z, h, t=(0.06, 0.22), taper=(0.8, 1.1)) -> None:
    for x in _sides(k) * (w / 2 + t / 2 - 0.01):
        k.block("arm", (x, 0, z + h / 2 - 0.1), (t, d, h + 0.2), "body", soft=k.u(0, 0.8), taper=taper)


def _rolled(k: Kit, w, d, z, h, r=(0.06, 0.12), taper=(0.8, 1.1)) -> None:
    _blocks(k, w, d, z, h, r, taper)
    x = _sides(k) * (w / 2 + r * 0.7)
    k.rod("roll", (x, -d / 2, z + h), (x, d / 2, z + h), r, "body")


def _loops(k: Kit, w, d, z, h) -> None:
    t = np.linspace(0, np.pi, 9)
    for x in _sides(k) * w / 2:
        k.tube("arm", curve(x, -np.cos(t) * 0.42 * d, z - 0.04 + np.sin(t) * h), k.u(0.014, 0.03), "frame")


def _sloped(k: Kit, w, d, z, h) -> None:
    x = _sides(k) * (w / 2 + 0.02)
    k.tube("arm", [(x, -d / 2, z - 0.03), (x, -0.2 * d, z + 0.7 * h), (x, d / 2, z + 1.3 * h)], 0.03, "arms")


ARMS = {
    "none": nothing, "posted": _posted, "blocks": _blocks, "rolled": _rolled, "loops": _loops,
    "thin": partial(_blocks, t=(0.02, 0.05)), "sloped": _sloped,
}  # fmt: skip


EXTRAS = {  # of a seat w x d on z, with a back at y that is h high
    "none": nothing,
    "pillows": lambda k, w, d, z, y, h: [
        k.block("pillow", (x * w, y - 0.14, z + 0.12), (0.3, 0.12, 0.26), "extra", soft=1.0,
                angles=(-0.3, 0, k.u(-0.3, 0.3)))
        for x in k.some(-0.3, 0.3)],
    "throw": lambda k, w, d, z, y, h, x=(-0.2, 0.2): k.block(
        "throw", (x * w, 0, z + 0.005), (0.25 * w, d * 1.01, 0.03), "extra"),
    "footrest": lambda k, w, d, z, y, h: k.block(
        "footrest", (0, -d / 2 - 0.12, z * 0.5), (0.6 * w, 0.24, 0.05), "extra")
        .rod("footrest_arm", (0, 0, z - 0.03), (0, -d / 2 - 0.1, z * 0.5), 0.025, "frame"),
    "tray": lambda k, w, d, z, y, h: k.block("tray", (0.4 * w, -0.2 * d, z + 0.24), (0.3, 0.25, 0.025), "extra")
        .rod("tray_post", (0.45 * w, 0, z - 0.02), (0.45 * w, -0.2 * d, z + 0.24), 0.02, "frame"),
    "headrest": lambda k, w, d, z, y, h: k.block(
        "headrest", (0, y - 0.02, z + max(h, 0.15)), (min(w, 0.35), 0.1, 0.14), "extra", soft=0.8)
        .rod("headrest_post", (0, y, z - 0.02), (0, y, z + max(h, 0.15)), 0.02, "frame"),
    "chaise": lambda k, w, d, z, y, h: k.block(
        "chaise", (k.pick(-1, 1) * 0.3 * w, -d * 0.8, z * 0.55), (0.4 * w, 0.8 * d, z * 0.9), "seat"),
}  # fmt: skip


def _seat(k: Kit, kind: str) -> None:
    widths, heights, options = KINDS[kind]
    w, d, z, back = k.size(*widths), k.size(0.4, 0.75), k.size(*heights), k.size(0.3, 0.65)
    seat, foot = k.draw("body", SEATS, options["body"]), (w * k.u(0.75, 1.0), d * k.u(0.8, 1.0))
    k.draw("support", SUPPORTS, options["support"])(*foot, z)
    top, lean = seat(w, d, z), k.u(0.0, 0.35)
    k.draw("back", BACKS, options["back"])(w, d / 2 - 0.03, top, back, lean)
    arms = k.draw("arms", ARMS, options["arms"])
    arms(w, d, top, k.u(0.12, 0.3))
    k.draw("extra", EXTRAS)(w, d, top, d / 2 - 0.06, 0.0 if k.slots["back"] == "none" else back)


chair, bench, sofa = (partial(_seat, kind=kind) for kind in KINDS)
