"""Chairs, benches and sofas: one builder, three ways to weigh its options and sizes. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import Kit, spread
from n2v.scenes.shapes.supports import stand

# ---- seats: on top of z, w x d, returning the height of the surface one sits on


def _flat(k: Kit, w: float, d: float, z: float) -> float:
    t = k.u(0.02, 0.07)
    k.block("seat", (0, 0, z + t / 2), (w, d, t), "seat")
    return z + t


def _cushion(k: Kit, w: float, d: float, z: float) -> float:
    t, n = k.u(0.08, 0.2), 1 if w < 0.9 else k.pick(1, 2, 3)
    k.block("seat", (0, 0, z + 0.02), (w, d, 0.04), "frame")
    for x in _side_by_side(n, w):
        k.block("cushion", (x, 0, z + 0.03 + t / 2), (0.97 * w / n, 0.95 * d, t), "seat", soft=0.7)
    return z + 0.03 + t


def _side_by_side(n: int, w: float) -> np.ndarray:
    return (np.arange(n) - (n - 1) / 2) * w / n


def _slatted(k: Kit, w: float, d: float, z: float) -> float:
    n, along = k.pick(3, 4, 5, 6), k.chance(0.75)
    for side in (-1, 1):
        size = (0.04, d, 0.03) if along else (w, 0.04, 0.03)
        k.block("rail", (side * w * 0.42, 0, z + 0.015) if along else (0, side * d * 0.42, z + 0.015), size, "frame")
    for at in spread(n):
        size = (w, 0.75 * d / n, 0.03) if along else (0.75 * w / n, d, 0.03)
        k.block("slat", (0, at * d, z + 0.045) if along else (at * w, 0, z + 0.045), size, "seat")
    return z + 0.06


def _round(k: Kit, w: float, d: float, z: float) -> float:
    t = k.u(0.03, 0.12)
    k.block("seat", (0, 0, z + t / 2), (w, d, t), "seat", roundness=1.0, soft=k.u(0, 1))
    return z + t


def _box(k: Kit, w: float, d: float, z: float) -> float:
    """A deep body with a cushion: what most sofas have."""
    base, t, n = k.u(0.1, 0.28), k.u(0.06, 0.18), 1 if w < 0.8 else k.pick(1, 2, 2, 3)
    k.block("base", (0, 0, z + base / 2), (w, d, base), "body")
    for x in _side_by_side(n, w):
        k.block("cushion", (x, -0.02, z + base + t / 2), (0.97 * w / n, 0.93 * d, t), "seat", soft=0.5)
    return z + base + t


def _shell(k: Kit, w: float, d: float, z: float) -> float:
    """A dished seat whose rim rises behind and at the sides."""
    rise = k.u(0.05, 0.16)
    stations = [
        (a * d / 2, w / 2 * (1 - 0.15 * a * a), z + rise * max(a, 0) ** 2, z + 0.05 + rise * a * a, 0.4)
        for a in np.linspace(-1, 1, 7)
    ]
    k.hull("seat", stations, "seat")
    return z + 0.06


def _saddle(k: Kit, w: float, d: float, z: float) -> float:
    bow, line = k.u(0.03, 0.1), np.linspace(-1, 1, 7)
    stations = [(a * w / 2, d / 2, z + bow * a * a, z + 0.05 + bow * a * a, 0.3) for a in line]
    k.hull("seat", stations, "seat", axis="x")
    return z + 0.05


def _webbed(k: Kit, w: float, d: float, z: float) -> float:
    """A frame with bands across."""
    r = k.u(0.015, 0.03)
    for side in (-1, 1):
        k.rod("rail", (side * w / 2, -d / 2, z + r), (side * w / 2, d / 2, z + r), r, "frame")
        k.rod("rail", (-w / 2, side * d / 2, z + r), (w / 2, side * d / 2, z + r), r, "frame")
    n = k.pick(4, 5, 6)
    for at in spread(n):
        k.block("band", (0, at * d, z + r), (w, 0.5 * d / n, 0.015), "seat")
    return z + 2 * r


# ---- backs: behind y, w wide, from z up by h, leaning by `lean` radians


def _panel(k: Kit, w: float, y: float, z: float, h: float, lean: float, t: float = 0.0) -> None:
    at, t = (0, y + np.sin(lean) * h / 2, z + h / 2), t or k.u(0.02, 0.07)
    k.block("back", at, (w * 0.98, t, h), "back", taper=k.u(0.8, 1.1), angles=(-lean, 0, 0))


def _padded(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> None:
    n = 1 if w < 0.9 else k.pick(1, 2, 3)
    for x in _side_by_side(n, w):
        at = (x, y - 0.03 + np.sin(lean) * h / 2, z + h / 2 - 0.02)
        k.block("back", at, (0.98 * w / n, k.u(0.1, 0.2), h), "back", soft=0.6, angles=(-lean, 0, 0))


def _posts(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> float:
    r = k.u(0.015, 0.03)
    for side in (-1, 1):
        x = side * (w / 2 - r)
        k.rod("post", (x, y, z - 0.05), (x, y + np.sin(lean) * h, z + h), r, "frame")
    return r


def _slats(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> None:
    _posts(k, w, y, z, h, lean)
    n = k.pick(1, 2, 3, 4, 5)
    for at in 0.25 + 0.7 * (np.arange(n) + 0.5) / n:
        centre = (0, y + np.sin(lean) * at * h, z + at * h)
        k.block("slat", centre, (w, 0.025, 0.5 * h / n), "back", angles=(-lean, 0, 0))


def _bars(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> None:
    r, top = _posts(k, w, y, z, h, lean), y + np.sin(lean) * 0.95 * h
    k.block("rail", (0, top, z + 0.95 * h), (w, 0.03, 0.14 * h), "frame", angles=(-lean, 0, 0))
    for x in np.linspace(-0.4, 0.4, k.pick(3, 4, 5, 7) * (1 if w < 0.9 else 2)) * w:
        k.rod("bar", (x, y, z - 0.03), (x, top, z + 0.95 * h), 0.7 * r, "back")


def _curved(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> None:
    """Rails bent round the sitter."""
    angle, n = np.linspace(-1.2, 1.2, 9), k.pick(1, 2, 3)
    for at in (np.arange(n) + 1) / n:
        line = np.column_stack([np.sin(angle) * w / 1.9, y + 0.1 - 0.22 * (1 - np.cos(angle)), np.full(9, z + at * h)])
        k.tube("rail", line, k.u(0.02, 0.05), "back")
    for side in (-0.35, 0.0, 0.35):
        k.rod("post", (side * w, y - 0.03, z - 0.04), (side * w, y + 0.08, z + h), 0.018, "frame")


def _winged(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> None:
    _panel(k, w, y, z, h, lean, k.u(0.06, 0.12))
    deep = k.u(0.12, 0.3)
    for side in (-1, 1):
        at = (side * (w / 2 - 0.03), y - deep / 2, z + 0.62 * h)
        k.block("wing", at, (0.06, deep, 0.7 * h), "back", taper=0.8)


def _hoop(k: Kit, w: float, y: float, z: float, h: float, lean: float) -> None:
    """A bent frame, with a splat in it or without."""
    a = np.linspace(0, np.pi, 11)
    line = np.column_stack([np.cos(a) * w / 2 * 0.95, y + np.sin(lean) * np.sin(a) * h, z - 0.04 + np.sin(a) * h])
    k.tube("hoop", line, k.u(0.015, 0.035), "frame")
    if k.chance(0.7):
        at, size = (0, (y + (y + np.sin(lean) * h)) / 2, z + h / 2 - 0.03), (w * k.u(0.15, 0.5), 0.025, 0.98 * h)
        k.block("splat", at, size, "back", angles=(-lean, 0, 0))


# ---- arms: at both sides of w x d (one object in seventeen: at one), on z, as high as h


def _sides(k: Kit) -> tuple[int, ...]:
    return (-1, 1) if k.chance(0.94) else (k.pick(-1, 1),)


def _posted(k: Kit, w: float, d: float, z: float, h: float) -> None:
    for side in _sides(k):
        x = side * w / 2
        k.block("arm", (x, 0, z + h), (k.u(0.04, 0.09), 0.9 * d, 0.035), "arms")
        for y in (-0.35 * d, 0.35 * d):
            k.rod("arm_post", (x, y, z - 0.06), (x, y, z + h), 0.018, "frame")


def _blocks(k: Kit, w: float, d: float, z: float, h: float, thick: float = 0.0) -> None:
    t, taper = thick or k.u(0.06, 0.22), k.u(0.8, 1.1)
    for side in _sides(k):
        at = (side * (w / 2 + t / 2 - 0.01), 0, z + h / 2 - 0.1)
        k.block("arm", at, (t, d, h + 0.2), "body", soft=k.u(0, 0.8), taper=taper)


def _rolled(k: Kit, w: float, d: float, z: float, h: float) -> None:
    r = k.u(0.06, 0.12)
    _blocks(k, w, d, z, h, r)
    for side in _sides(k):
        x = side * (w / 2 + r * 0.7)
        k.rod("roll", (x, -d / 2, z + h), (x, d / 2, z + h), r, "body")


def _loops(k: Kit, w: float, d: float, z: float, h: float) -> None:
    t = np.linspace(0, np.pi, 9)
    for side in _sides(k):
        line = np.column_stack([np.full(9, side * w / 2), -np.cos(t) * 0.42 * d, z - 0.04 + np.sin(t) * h])
        k.tube("arm", line, k.u(0.014, 0.03), "frame")


def _sloped(k: Kit, w: float, d: float, z: float, h: float) -> None:
    for side in _sides(k):
        x = side * (w / 2 + 0.02)
        k.tube("arm", [(x, -d / 2, z - 0.03), (x, -0.2 * d, z + 0.7 * h), (x, d / 2, z + 1.3 * h)], 0.03, "arms")


SEATS = {"flat": _flat, "cushion": _cushion, "slatted": _slatted, "round": _round, "box": _box, "shell": _shell,
         "saddle": _saddle, "webbed": _webbed}  # fmt: skip
BACKS = {
    "none": lambda *place: None, "panel": _panel, "padded": _padded, "slats": _slats, "bars": _bars, "curved": _curved,
    "winged": _winged, "hoop": _hoop, "low": lambda k, w, y, z, h, lean: _panel(k, w, y, z, 0.4 * h, lean),
}  # fmt: skip
ARMS = {
    "none": lambda *place: None, "posted": _posted, "blocks": _blocks, "rolled": _rolled, "loops": _loops,
    "thin": lambda k, w, d, z, h: _blocks(k, w, d, z, h, k.u(0.02, 0.05)), "sloped": _sloped,
}  # fmt: skip


def _extra(k: Kit, w: float, d: float, z: float, y: float, h: float) -> None:
    """Ornaments any seat may have."""
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


def _build(k: Kit, widths: tuple, heights: tuple, supports: str, seats: str, backs: str, arms: str) -> None:
    w, d, z, back = k.size(*widths), k.size(0.4, 0.75), k.size(*heights), k.size(0.3, 0.65)
    body = k.draw("body", seats, SEATS)
    stand(k, supports, w * k.u(0.75, 1.0), d * k.u(0.8, 1.0), z)
    top = body(k, w, d, z)
    lean = k.u(0.0, 0.35)
    k.draw("back", backs, BACKS)(k, w, d / 2 - 0.03, top, back, lean)
    k.draw("arms", arms, ARMS)(k, w, d, top, k.u(0.12, 0.3))
    _extra(k, w, d, top, d / 2 - 0.06, 0.0 if k.slots["back"] == "none" else back)


CHAIR_SEATS = "flat shell round cushion slatted saddle box webbed"
BENCH_SEATS = "slatted saddle webbed flat cushion round box"
SOFA_SEATS = "box cushion flat shell webbed saddle"

# sizes overlap on purpose: what a chair, a bench or a sofa is shows in its parts, not in its proportions


def chair(k: Kit) -> None:
    _build(
        k, (0.45, 1.0), (0.25, 0.5),
        "splayed star legs pedestal sled cross cabriole tripod frame panels hairpin plinth", CHAIR_SEATS,
        "bars hoop panel slats curved padded winged low none", "none posted loops blocks thin sloped rolled",
    )  # fmt: skip


def bench(k: Kit) -> None:
    _build(
        k, (0.65, 1.4), (0.25, 0.5), "panels frame legs cross sled plinth splayed hairpin half drum cabriole",
        BENCH_SEATS, "slats none low panel bars hoop curved padded", "none thin posted loops sloped blocks rolled",
    )  # fmt: skip


def sofa(k: Kit) -> None:
    _build(
        k, (0.65, 1.4), (0.05, 0.3), "legs plinth none splayed sled panels frame cabriole hairpin",
        SOFA_SEATS, "padded winged panel curved low slats none", "blocks rolled none thin posted sloped loops",
    )  # fmt: skip
