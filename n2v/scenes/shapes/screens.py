"""Displays and phones: slabs, bezels and what carries them. Front towards -y."""

from itertools import product

import numpy as np

from n2v.scenes.shapes.parts import Kit
from n2v.scenes.shapes.supports import stand


def _pane(k: Kit, w: float, h: float, y: float, z: float, t: float, *, angles=(0.0, 0.0, 0.0), x: float = 0.0) -> None:
    """A slab standing upright, its middle at z: case, bezel and screen."""
    rim = k.u(0.02, 0.12) * min(w, h)
    c, s = np.cos(angles[2]), np.sin(angles[2])
    k.box("case", (x, y, z), (w, t, h), "body", angles=angles)
    at = (x + s * (t / 2), y - c * (t / 2), z + rim * k.u(-0.2, 0.6))
    k.box("screen", at, (w - 2 * rim, 0.025, h - 2.6 * rim), "screen", angles=angles)


def _flat(k: Kit, w: float, h: float, z: float) -> None:
    _pane(k, w, h, 0, z + h / 2, k.u(0.03, 0.12))


def _thick(k: Kit, w: float, h: float, z: float) -> None:
    """A cathode-ray tube: the case narrows behind."""
    deep = k.u(0.3, 0.75) * w
    _pane(k, w, h, -deep * 0.3, z + h / 2, 0.12)
    rings = [(-deep * 0.3, w / 2, z, z + h, 0.1), (deep * 0.2, 0.42 * w, z + 0.08 * h, z + 0.9 * h, 0.2),
             (deep * 0.7, 0.25 * w, z + 0.2 * h, z + 0.75 * h, 0.4)]  # fmt: skip
    k.hull("tube", rings, "body")


def _bowed(k: Kit, w: float, h: float, z: float) -> None:
    """A curved screen of five facets."""
    a = np.linspace(-1, 1, 5) * k.u(0.2, 0.5)
    r = w / (a[-1] - a[0])
    for at in a:
        centre = (r * np.sin(at), r * (1 - np.cos(at)) * -1 + 0.0, z + h / 2)
        k.box("case", centre, (1.05 * w / 5, 0.05, h), "body", angles=(0, 0, -at))
        k.box("screen", (centre[0], centre[1] - 0.03, centre[2]), (w / 5, 0.02, 0.86 * h), "screen", angles=(0, 0, -at))


def _laptop(k: Kit, w: float, h: float, z: float) -> None:
    """Hinged to a keyboard."""
    lean = k.u(0.1, 0.5)
    k.box("board", (0, -0.4 * h, z + 0.02), (w, 0.8 * h, 0.04), "body")
    k.box("keys", (0, -0.45 * h, z + 0.045), (0.88 * w, 0.45 * h, 0.015), "keys")
    at = np.array([0, np.sin(lean) * h / 2, z + 0.03 + np.cos(lean) * h / 2])
    k.box("case", at, (w, 0.03, h), "body", angles=(-lean, 0, 0))
    out = at + 0.02 * np.array([0, -np.cos(lean), np.sin(lean)])
    k.box("screen", out, (0.9 * w, 0.015, 0.85 * h), "screen", angles=(-lean, 0, 0))


def _pair(k: Kit, w: float, h: float, z: float) -> None:
    a = k.u(0.0, 0.35)
    for side in (-1, 1):
        _pane(k, 0.62 * w, 0.7 * h, -0.05, z + 0.4 * h, 0.06, angles=(0, 0, -side * a), x=side * 0.32 * w)
    k.block("arm", (0, 0.03, z + 0.4 * h), (0.7 * w, 0.05, 0.06), "frame")


def _portrait(k: Kit, w: float, h: float, z: float) -> None:
    _pane(k, 0.75 * h, 1.05 * w, 0, z + w / 2, k.u(0.03, 0.12))


def _boxed(k: Kit, w: float, h: float, z: float) -> None:
    """A set with a panel of knobs beside the screen."""
    deep = k.u(0.2, 0.5)
    k.block("case", (0, 0, z + h / 2), (w, deep, h), "body", soft=k.u(0, 0.3))
    k.block("screen", (-0.1 * w, -deep / 2, z + 0.52 * h), (0.68 * w, 0.03, 0.75 * h), "screen", roundness=0.3)
    for i in range(k.pick(2, 3, 4)):
        at = (0.38 * w, -deep - 0.02, z + 0.8 * h - 0.12 * i)
        k.lathe("dial", [(0.035, deep / 2), (0.035, deep / 2 + 0.035)], "hub", at, "y")


def _rounded(k: Kit, w: float, h: float, z: float) -> None:
    """An oval frame: a mirror or a porthole of a screen."""
    k.lathe("case", [(0.5, -0.03), (0.5, 0.03)], "body")
    k.parts[-1].vertices[:] = k.parts[-1].vertices[:, [0, 2, 1]] * np.array([w, 1, h]) + np.array([0, 0, z + h / 2])
    k.block("screen", (0, -0.03, z + h / 2), (0.8 * w, 0.03, 0.55 * h), "screen", roundness=0.2)


DISPLAYS = {"flat": _flat, "portrait": _portrait, "thick": _thick, "laptop": _laptop, "boxed": _boxed, "bowed": _bowed,
            "pair": _pair, "rounded": _rounded}  # fmt: skip


def display(k: Kit) -> None:
    w = k.u(0.7, 1.4)
    h = w * k.size(0.5, 1.0)
    body = k.draw("body", DISPLAYS)
    lift = 0.03 if k.slots["body"] == "laptop" else k.u(0.05, 0.3) if k.chance(0.85) else k.u(0.3, 0.9)
    stand(k, "pedestal plinth splayed panels legs none drum sled tripod star", 0.55 * w, k.u(0.2, 0.5), lift)
    body(k, w, h, lift - 0.01)
    extra = k.draw("extra", "none neck keyboard bar camera antenna wings")
    if extra == "neck":
        k.block("neck", (0, 0.08, lift + 0.25 * h), (0.12 * w, 0.12, 0.6 * h), "frame")
    elif extra == "keyboard":
        k.box("keyboard", (0, -0.45, 0.02), (0.7 * w, 0.2, 0.035), "keys")
        k.rod("cable", (0, -0.4, 0.02), (0, 0, 0.02), 0.012, "frame")
    elif extra == "bar":
        k.block("bar", (0, -0.06, lift + 0.0), (0.9 * w, 0.1, 0.09), "extra")
    elif extra == "camera":
        k.ball("camera", (0, -0.02, lift + h), (0.05, 0.05, 0.05), "extra")
    elif extra == "antenna":
        for side in (-1, 1):
            k.rod("antenna", (0, 0, lift + 0.95 * h), (side * 0.25 * w, 0.05, lift + 1.4 * h), 0.01, "hub")
    elif extra == "wings":
        for side in (-1, 1):
            k.block("wing", (side * 0.55 * w, 0, lift + h / 2), (0.12 * w, 0.14, 0.9 * h), "extra")


# ---- phones: built upright, about one unit high


def _keys(k: Kit, w: float, y: float, low: float, high: float) -> None:
    rows, columns = k.pick(3, 4, 5), 3
    for j, i in product(range(rows), range(columns)):
        at = (((i + 0.5) / columns - 0.5) * w, y, low + (j + 0.5) / rows * (high - low))
        k.block("key", at, (0.7 * w / columns, 0.03, 0.6 * (high - low) / rows), "keys", roundness=0.3)


def _slate(k: Kit, w: float, t: float) -> None:
    k.box("case", (0, 0, 0.5), (w, t, 1.0), "body")
    rim = k.u(0.02, 0.12)
    k.box("screen", (0, -t / 2, 0.5 + rim / 3), (0.92 * w, 0.02, 1 - 2 * rim), "screen")
    if k.chance(0.4):
        k.lathe("button", [(0.04, t / 2), (0.04, t / 2 + 0.015)], "hub", (0, -t - 0.01, 0.06), "y")


def _bar(k: Kit, w: float, t: float) -> None:
    t = max(t, 0.1)
    case = [(-t / 2, 0.46 * w, 0.02, 0.98, 0.2), (0, 0.5 * w, 0, 1, 0.3), (t / 2, 0.44 * w, 0.03, 0.97, 0.3)]
    k.hull("case", case, "body")
    split = k.u(0.45, 0.7)
    k.box("screen", (0, -t / 2, (split + 0.95) / 2), (0.75 * w, 0.03, 0.85 * (0.95 - split)), "screen")
    _keys(k, 0.8 * w, -t / 2, 0.06, split - 0.04)


def _flip(k: Kit, w: float, t: float) -> None:
    """Open: keys below, screen above, an angle between."""
    a, half = k.u(0.2, 1.2), 0.5
    k.block("lower", (0, 0, half / 2), (w, t, half), "body", roundness=0.1)
    _keys(k, 0.8 * w, -t / 2, 0.05, half - 0.05)
    at = np.array([0, -np.sin(a) * half / 2, half + np.cos(a) * half / 2])
    k.block("upper", at, (w, 0.8 * t, half), "body", roundness=0.1, angles=(a, 0, 0))
    out = at + 0.5 * t * np.array([0, -np.cos(a), -np.sin(a)])
    k.box("screen", out, (0.8 * w, 0.02, 0.38), "screen", angles=(a, 0, 0))
    k.rod("hinge", (-w / 2, 0, half), (w / 2, 0, half), 0.6 * t, "frame")


def _slider(k: Kit, w: float, t: float) -> None:
    shift = k.u(0.2, 0.4)
    k.block("lower", (0, t / 2, 0.4), (w, t, 0.8), "body", roundness=0.1)
    _keys(k, 0.85 * w, 0, 0.04, shift)
    k.block("upper", (0, -0.4 * t, 0.4 + shift), (w, t, 0.8), "body", roundness=0.1)
    k.box("screen", (0, -0.9 * t, 0.45 + shift), (0.85 * w, 0.02, 0.6), "screen")


def _tablet(k: Kit, w: float, t: float) -> None:
    wide = k.u(0.65, 1.4)
    _pane(k, wide, 1.0, 0, 0.5, max(t, 0.06))


def _receiver(k: Kit, at, length: float, tilt: float = 0.0) -> None:
    """A handset lying along x at a point."""
    x, (_, y, z) = np.linspace(-1, 1, 7) * length / 2, at
    line = np.column_stack([x, np.full(7, y), z + 0.12 * length * (1 - (x / length * 2) ** 2)])
    k.tube("handset", line, 0.055, "extra")
    for side in (x[0], x[-1]):
        k.ball("ear", (side, y, z), (0.1, 0.09, 0.07), "extra")


def _desk(k: Kit, w: float, t: float) -> None:
    """A desk telephone: a wedge with keys or a dial and a handset across."""
    d, h = k.u(0.6, 0.9), k.u(0.2, 0.45)
    k.hull("case", [(-d / 2, 0.45, 0, 0.25 * h, 0.1), (0, 0.45, 0, 0.8 * h, 0.1), (d / 2, 0.4, 0, h, 0.1)], "body")
    _receiver(k, (0, 0.3 * d, h + 0.02), 0.9)
    if k.chance(0.5):
        k.lathe("dial", [(0.22, 0), (0.2, 0.09)], "keys", (0, -0.22 * d, 0.45 * h))
    else:
        for i, j in product(range(3), range(4)):
            at = ((i - 1) * 0.13, -0.35 * d + j * 0.11, 0.33 * h + 0.1 * h * j + 0.04)
            k.block("key", at, (0.09, 0.07, 0.05), "keys")


def _cordless(k: Kit, w: float, t: float) -> None:
    """A handset upright in its base."""
    lean = k.u(0.0, 0.3)
    k.block("base", (0, 0, 0.08), (1.7 * w, 1.3 * w, 0.16), "frame", soft=0.6, taper=0.7)
    at = (0, 0.1 * lean, 0.55)
    k.block("case", at, (0.7 * w, max(t, 0.12), 0.95), "body", roundness=0.5, angles=(-lean, 0, 0), taper=0.9)
    k.box("screen", (0, -0.08 + 0.24 * lean, 0.8), (0.5 * w, 0.05, 0.18), "screen", angles=(-lean, 0, 0))
    for z, x in product([0.3 + 0.09 * j for j in range(4)], (-1, 0, 1)):
        at = (x * 0.18 * w, -0.075 + lean * (z - 0.55), z)
        k.block("key", at, (0.12 * w, 0.05, 0.06), "keys", angles=(-lean, 0, 0))


def _wall(k: Kit, w: float, t: float) -> None:
    """On a wall: a box with its handset beside it."""
    k.block("case", (0.1, 0, 0.5), (0.55, 0.25, 1.0), "body", soft=0.2)
    _keys(k, 0.4, -0.13, 0.2, 0.55)
    k.tube("handset", [(-0.3, -0.1, 0.15), (-0.36, -0.16, 0.5), (-0.3, -0.1, 0.85)], 0.06, "extra")
    for z in (0.15, 0.85):
        k.ball("ear", (-0.28, -0.1, z), (0.09, 0.1, 0.09), "extra")
    k.rod("hook", (-0.3, -0.05, 0.8), (0, 0, 0.8), 0.04, "frame")


PHONES = {"bar": _bar, "desk": _desk, "flip": _flip, "slate": _slate, "cordless": _cordless, "slider": _slider,
          "wall": _wall, "tablet": _tablet}  # fmt: skip


def _easel(k: Kit) -> None:
    k.rod("prop", (0, 0.02, 0.6), (0, 0.4, 0.0), 0.025, "frame")
    k.block("foot", (0, 0.05, -0.02), (0.5, 0.25, 0.05), "frame")


def _cover(k: Kit) -> None:
    k.box("cover", (-0.42, -0.16, 0.5), (0.5, 0.03, 0.98), "extra", angles=(0, 0, k.u(0.3, 1.2)))


def _bumper(k: Kit) -> None:
    for z in (0.0, 1.0):
        k.block("bumper", (0, 0, z), (0.56, 0.14, 0.06), "frame")


SUPPORTS = {
    "none": lambda k: None, "dock": lambda k: k.block("dock", (0, 0.02, -0.03), (0.7, 0.4, 0.12), "frame", taper=0.7),
    "easel": _easel, "bumper": _bumper,
    "grip": lambda k: k.lathe("grip", [(0.12, 0.02), (0.12, 0.1)], "frame", (0, 0, 0.45), "y"), "cover": _cover,
}  # fmt: skip


def phone(k: Kit) -> None:
    body = k.draw("body", PHONES)
    body(k, k.size(0.4, 0.8), k.size(0.05, 0.25))
    k.draw("support", SUPPORTS)(k)
    extra = k.draw("extra", "none antenna camera cord strap")
    if extra == "antenna":
        k.rod("antenna", (0.17, 0, 0.85), (0.17, 0.02, k.u(1.1, 1.5)), 0.022, "hub")
    elif extra == "camera":
        for z in k.some(0.85, 0.75):
            k.lathe("camera", [(0.05, 0.0), (0.05, 0.1)], "hub", (0.12, 0, z), "y")
    elif extra == "cord":
        t = np.linspace(0, 1, 12)
        line = np.column_stack([-0.2 - 0.5 * t, 0.05 * np.sin(9 * t), 0.1 + 0.06 * np.sin(14 * t)])
        k.tube("cord", line, 0.025, "hub")
    elif extra == "strap":
        a = np.linspace(0.3, 2 * np.pi - 0.3, 12)
        line = np.column_stack([0.2 + 0.18 - 0.18 * np.cos(a), 0 * a, 0.95 + 0.18 * np.sin(a)])
        k.tube("strap", line, 0.015, "extra")
