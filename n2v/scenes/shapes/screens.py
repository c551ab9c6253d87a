"""Displays and phones: slabs, bezels and what carries them. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, grid, nothing, spread
from n2v.scenes.shapes.supports import SUPPORTS as STANDS


def _pane(k: Kit, w, h, y, z, t, *, angle=0.0, x=0.0) -> None:
    """A slab standing upright, its middle at z: case, bezel and screen; turned about z."""
    rim, angles = k.u(0.02, 0.12) * min(w, h), (0.0, 0.0, angle)
    k.box("case", (x, y, z), (w, t, h), "body", angles=angles)
    at = (x + np.sin(angle) * (t / 2), y - np.cos(angle) * (t / 2), z + rim * k.u(-0.2, 0.6))
    k.box("screen", at, (w - 2 * rim, 0.025, h - 2.6 * rim), "screen", angles=angles)


# ---- displays: w x h, standing on z


def _thick(k: Kit, w, h, z, depth=(0.3, 0.75)) -> None:
    """A cathode-ray tube: the case narrows behind."""
    deep = depth * w
    _pane(k, w, h, -deep * 0.3, z + h / 2, 0.12)
    rings = [(-deep * 0.3, w / 2, z, z + h, 0.1), (deep * 0.2, 0.42 * w, z + 0.08 * h, z + 0.9 * h, 0.2),
             (deep * 0.7, 0.25 * w, z + 0.2 * h, z + 0.75 * h, 0.4)]  # fmt: skip
    k.hull("tube", rings, "body")


def _bowed(k: Kit, w, h, z, bow=(0.2, 0.5)) -> None:
    """A curved screen of five facets."""
    angles = np.linspace(-1, 1, 5) * bow
    r = w / (angles[-1] - angles[0])
    for a in angles:
        x, y = r * np.sin(a), -r * (1 - np.cos(a))
        k.box("case", (x, y, z + h / 2), (1.05 * w / 5, 0.05, h), "body", angles=(0, 0, -a))
        k.box("screen", (x, y - 0.03, z + h / 2), (w / 5, 0.02, 0.86 * h), "screen", angles=(0, 0, -a))


def _laptop(k: Kit, w, h, z, lean=(0.1, 0.5)) -> None:
    """Hinged to a keyboard."""
    k.box("board", (0, -0.4 * h, z + 0.02), (w, 0.8 * h, 0.04), "body")
    k.box("keys", (0, -0.45 * h, z + 0.045), (0.88 * w, 0.45 * h, 0.015), "keys")
    at = np.array([0, np.sin(lean) * h / 2, z + 0.03 + np.cos(lean) * h / 2])
    k.box("case", at, (w, 0.03, h), "body", angles=(-lean, 0, 0))
    out = at + 0.02 * np.array([0, -np.cos(lean), np.sin(lean)])
    k.box("screen", out, (0.9 * w, 0.015, 0.85 * h), "screen", angles=(-lean, 0, 0))


def _pair(k: Kit, w, h, z, a=(0.0, 0.35)) -> None:
    for side in PAIR:
        _pane(k, 0.62 * w, 0.7 * h, -0.05, z + 0.4 * h, 0.06, angle=-side * a, x=side * 0.32 * w)
    k.block("arm", (0, 0.03, z + 0.4 * h), (0.7 * w, 0.05, 0.06), "frame")


def _boxed(k: Kit, w, h, z, deep=(0.2, 0.5), soft=(0, 0.3)) -> None:
    """A set with a panel of knobs beside the screen."""
    k.block("case", (0, 0, z + h / 2), (w, deep, h), "body", soft=soft)
    k.block("screen", (-0.1 * w, -deep / 2, z + 0.52 * h), (0.68 * w, 0.03, 0.75 * h), "screen", roundness=0.3)
    at = (0.38 * w, -deep - 0.02, z + 0.8 * h - 0.12 * np.arange(k.pick(2, 3, 4)))
    k.lathe("dial", [(0.035, deep / 2), (0.035, deep / 2 + 0.035)], "hub", at, "y")


def _rounded(k: Kit, w, h, z) -> None:
    """An oval frame: a mirror or a porthole of a screen."""
    k.lathe("case", [(0.5, -0.03), (0.5, 0.03)], "body")
    k.parts[-1].vertices[:] = k.parts[-1].vertices[:, [0, 2, 1]] * np.array([w, 1, h]) + np.array([0, 0, z + h / 2])
    k.block("screen", (0, -0.03, z + h / 2), (0.8 * w, 0.03, 0.55 * h), "screen", roundness=0.2)


DISPLAYS = {
    "flat": lambda k, w, h, z, t=(0.03, 0.12): _pane(k, w, h, 0, z + h / 2, t),
    "portrait": lambda k, w, h, z, t=(0.03, 0.12): _pane(k, 0.75 * h, 1.05 * w, 0, z + w / 2, t),
    "thick": _thick, "laptop": _laptop, "boxed": _boxed, "bowed": _bowed, "pair": _pair, "rounded": _rounded,
}  # fmt: skip
DISPLAY_EXTRAS = {
    "none": nothing,
    "neck": lambda k, w, h, z: k.block("neck", (0, 0.08, z + 0.25 * h), (0.12 * w, 0.12, 0.6 * h), "frame"),
    "keyboard": lambda k, w, h, z: k.box("keyboard", (0, -0.45, 0.02), (0.7 * w, 0.2, 0.035), "keys")
        .rod("cable", (0, -0.4, 0.02), (0, 0, 0.02), 0.012, "frame"),
    "bar": lambda k, w, h, z: k.block("bar", (0, -0.06, z), (0.9 * w, 0.1, 0.09), "extra"),
    "camera": lambda k, w, h, z: k.ball("camera", (0, -0.02, z + h), (0.05, 0.05, 0.05), "extra"),
    "antenna": lambda k, w, h, z: k.rod(
        "antenna", (0, 0, z + 0.95 * h), (PAIR * 0.25 * w, 0.05, z + 1.4 * h), 0.01, "hub"),
    "wings": lambda k, w, h, z: k.block(
        "wing", (PAIR * 0.55 * w, 0, z + h / 2), (0.12 * w, 0.14, 0.9 * h), "extra"),
}  # fmt: skip


def display(k: Kit) -> None:
    w = k.u(0.7, 1.4)
    h = w * k.size(0.5, 1.0)
    body = k.draw("body", DISPLAYS)
    lift = 0.03 if k.slots["body"] == "laptop" else k.u(0.05, 0.3) if k.chance(0.85) else k.u(0.3, 0.9)
    deep = k.u(0.2, 0.5)
    k.draw("support", STANDS, "pedestal plinth splayed panels legs none drum sled tripod star")(0.55 * w, deep, lift)
    body(w, h, lift - 0.01)
    k.draw("extra", DISPLAY_EXTRAS)(w, h, lift)


# ---- phones: built upright, about one unit high; w wide, t thick


def _keys(k: Kit, w, y, low, high) -> None:
    rows = k.pick(3, 4, 5)
    up, x = grid((np.arange(rows) + 0.5) / rows * (high - low), spread(3) * w)
    k.block("key", (x, y, low + up), (0.7 * w / 3, 0.03, 0.6 * (high - low) / rows), "keys", roundness=0.3)


def _slate(k: Kit, w, t) -> None:
    k.box("case", (0, 0, 0.5), (w, t, 1.0), "body")
    rim = k.u(0.02, 0.12)
    k.box("screen", (0, -t / 2, 0.5 + rim / 3), (0.92 * w, 0.02, 1 - 2 * rim), "screen")
    if k.chance(0.4):
        k.lathe("button", [(0.04, t / 2), (0.04, t / 2 + 0.015)], "hub", (0, -t - 0.01, 0.06), "y")


def _bar(k: Kit, w, t, split=(0.45, 0.7)) -> None:
    t = max(t, 0.1)
    case = [(-t / 2, 0.46 * w, 0.02, 0.98, 0.2), (0, 0.5 * w, 0, 1, 0.3), (t / 2, 0.44 * w, 0.03, 0.97, 0.3)]
    k.hull("case", case, "body")
    k.box("screen", (0, -t / 2, (split + 0.95) / 2), (0.75 * w, 0.03, 0.85 * (0.95 - split)), "screen")
    _keys(k, 0.8 * w, -t / 2, 0.06, split - 0.04)


def _flip(k: Kit, w, t, a=(0.2, 1.2)) -> None:
    """Open: keys below, screen above, an angle between."""
    half, way = 0.5, np.array([0, -np.cos(a), -np.sin(a)])
    k.block("lower", (0, 0, half / 2), (w, t, half), "body", roundness=0.1)
    _keys(k, 0.8 * w, -t / 2, 0.05, half - 0.05)
    at = np.array([0, -np.sin(a) * half / 2, half + np.cos(a) * half / 2])
    k.block("upper", at, (w, 0.8 * t, half), "body", roundness=0.1, angles=(a, 0, 0))
    k.box("screen", at + 0.5 * t * way, (0.8 * w, 0.02, 0.38), "screen", angles=(a, 0, 0))
    k.rod("hinge", (-w / 2, 0, half), (w / 2, 0, half), 0.6 * t, "frame")


def _slider(k: Kit, w, t, shift=(0.2, 0.4)) -> None:
    k.block("lower", (0, t / 2, 0.4), (w, t, 0.8), "body", roundness=0.1)
    _keys(k, 0.85 * w, 0, 0.04, shift)
    k.block("upper", (0, -0.4 * t, 0.4 + shift), (w, t, 0.8), "body", roundness=0.1)
    k.box("screen", (0, -0.9 * t, 0.45 + shift), (0.85 * w, 0.02, 0.6), "screen")


def _desk(k: Kit, w, t, d=(0.6, 0.9), h=(0.2, 0.45)) -> None:
    """A desk telephone: a wedge with keys or a dial and a handset across."""
    k.hull("case", [(-d / 2, 0.45, 0, 0.25 * h, 0.1), (0, 0.45, 0, 0.8 * h, 0.1), (d / 2, 0.4, 0, h, 0.1)], "body")
    long, y, z = 0.9, 0.3 * d, h + 0.02
    x = np.linspace(-1, 1, 7) * long / 2
    k.tube("handset", curve(x, y, z + 0.12 * long * (1 - (x / long * 2) ** 2)), 0.055, "extra")
    k.ball("ear", (x[[0, -1]], y, z), (0.1, 0.09, 0.07), "extra")
    if k.chance(0.5):
        k.lathe("dial", [(0.22, 0), (0.2, 0.09)], "keys", (0, -0.22 * d, 0.45 * h))
    else:
        i, j = grid((-1, 0, 1), range(4))
        k.block("key", (i * 0.13, -0.35 * d + j * 0.11, 0.33 * h + 0.1 * h * j + 0.04), (0.09, 0.07, 0.05), "keys")


def _cordless(k: Kit, w, t, lean=(0.0, 0.3)) -> None:
    """A handset upright in its base."""
    turned = (-lean, 0, 0)
    k.block("base", (0, 0, 0.08), (1.7 * w, 1.3 * w, 0.16), "frame", soft=0.6, taper=0.7)
    case = (0.7 * w, max(t, 0.12), 0.95)
    k.block("case", (0, 0.1 * lean, 0.55), case, "body", roundness=0.5, angles=turned, taper=0.9)
    k.box("screen", (0, -0.08 + 0.24 * lean, 0.8), (0.5 * w, 0.05, 0.18), "screen", angles=turned)
    z, x = grid(0.3 + 0.09 * np.arange(4), (-1, 0, 1))
    k.block("key", (x * 0.18 * w, -0.075 + lean * (z - 0.55), z), (0.12 * w, 0.05, 0.06), "keys", angles=turned)


def _wall(k: Kit, w, t) -> None:
    """On a wall: a box with its handset beside it."""
    k.block("case", (0.1, 0, 0.5), (0.55, 0.25, 1.0), "body", soft=0.2)
    _keys(k, 0.4, -0.13, 0.2, 0.55)
    k.tube("handset", [(-0.3, -0.1, 0.15), (-0.36, -0.16, 0.5), (-0.3, -0.1, 0.85)], 0.06, "extra")
    k.ball("ear", (-0.28, -0.1, np.array([0.15, 0.85])), (0.09, 0.1, 0.09), "extra")
    k.rod("hook", (-0.3, -0.05, 0.8), (0, 0, 0.8), 0.04, "frame")


PHONES = {
    "bar": _bar, "desk": _desk, "flip": _flip, "slate": _slate, "cordless": _cordless, "slider": _slider,
    "wall": _wall, "tablet": lambda k, w, t, wide=(0.65, 1.4): _pane(k, wide, 1.0, 0, 0.5, max(t, 0.06)),
}  # fmt: skip
SUPPORTS = {
    "none": nothing,
    "dock": lambda k: k.block("dock", (0, 0.02, -0.03), (0.7, 0.4, 0.12), "frame", taper=0.7),
    "easel": lambda k: k.rod("prop", (0, 0.02, 0.6), (0, 0.4, 0.0), 0.025, "frame")
        .block("foot", (0, 0.05, -0.02), (0.5, 0.25, 0.05), "frame"),
    "bumper": lambda k: k.block("bumper", (0, 0, np.array([0.0, 1.0])), (0.56, 0.14, 0.06), "frame"),
    "grip": lambda k: k.lathe("grip", [(0.12, 0.02), (0.12, 0.1)], "frame", (0, 0, 0.45), "y"),
    "cover": lambda k, a=(0.3, 1.2): k.box("cover", (-0.42, -0.16, 0.5), (0.5, 0.03, 0.98), "extra", angles=(0, 0, a)),
}  # fmt: skip


def _cord(k: Kit) -> None:
    t = np.linspace(0, 1, 12)
    k.tube("cord", curve(-0.2 - 0.5 * t, 0.05 * np.sin(9 * t), 0.1 + 0.06 * np.sin(14 * t)), 0.025, "hub")


def _strap(k: Kit) -> None:
    a = np.linspace(0.3, 2 * np.pi - 0.3, 12)
    k.tube("strap", curve(0.2 + 0.18 - 0.18 * np.cos(a), 0, 0.95 + 0.18 * np.sin(a)), 0.015, "extra")


PHONE_EXTRAS = {
    "none": nothing,
    "antenna": lambda k, top=(1.1, 1.5): k.rod("antenna", (0.17, 0, 0.85), (0.17, 0.02, top), 0.022, "hub"),
    "camera": lambda k: k.lathe("camera", [(0.05, 0.0), (0.05, 0.1)], "hub", (0.12, 0, k.some(0.85, 0.75)), "y"),
    "cord": _cord,
    "strap": _strap,
}


def phone(k: Kit) -> None:
    body = k.draw("body", PHONES)
    body(k.size(0.4, 0.8), k.size(0.05, 0.25))
    k.draw("support", SUPPORTS)()
    k.draw("extra", PHONE_EXTRAS)()
