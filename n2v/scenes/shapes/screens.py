"""Displays and phones: slabs, bezels and what carries them. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, grid, spread
from n2v.scenes.shapes.supports import stand

DISPLAYS = "flat portrait thick laptop boxed bowed pair rounded"
PHONES = "bar desk flip slate cordless slider wall tablet"


def _pane(k: Kit, w: float, h: float, y: float, z: float, t: float, *, angle: float = 0.0, x: float = 0.0) -> None:
    """A slab standing upright, its middle at z: case, bezel and screen; turned about z."""
    rim, angles = k.u(0.02, 0.12) * min(w, h), (0.0, 0.0, angle)
    k.box("case", (x, y, z), (w, t, h), "body", angles=angles)
    at = (x + np.sin(angle) * (t / 2), y - np.cos(angle) * (t / 2), z + rim * k.u(-0.2, 0.6))
    k.box("screen", at, (w - 2 * rim, 0.025, h - 2.6 * rim), "screen", angles=angles)


def _display(k: Kit, kind: str, w: float, h: float, z: float) -> None:
    """w x h, standing on z: one branch an option."""
    if kind == "flat":
        _pane(k, w, h, 0, z + h / 2, k.u(0.03, 0.12))
    elif kind == "portrait":
        _pane(k, 0.75 * h, 1.05 * w, 0, z + w / 2, k.u(0.03, 0.12))
    elif kind == "thick":  # a cathode-ray tube: the case narrows behind
        deep = k.u(0.3, 0.75) * w
        _pane(k, w, h, -deep * 0.3, z + h / 2, 0.12)
        rings = [(-deep * 0.3, w / 2, z, z + h, 0.1), (deep * 0.2, 0.42 * w, z + 0.08 * h, z + 0.9 * h, 0.2)]
        k.hull("tube", [*rings, (deep * 0.7, 0.25 * w, z + 0.2 * h, z + 0.75 * h, 0.4)], "body")
    elif kind == "bowed":  # five facets
        angles = np.linspace(-1, 1, 5) * k.u(0.2, 0.5)
        r = w / (angles[-1] - angles[0])
        for a in angles:
            x, y = r * np.sin(a), -r * (1 - np.cos(a))
            k.box("case", (x, y, z + h / 2), (1.05 * w / 5, 0.05, h), "body", angles=(0, 0, -a))
            k.box("screen", (x, y - 0.03, z + h / 2), (w / 5, 0.02, 0.86 * h), "screen", angles=(0, 0, -a))
    elif kind == "laptop":  # hinged to a keyboard
        lean = k.u(0.1, 0.5)
        k.box("board", (0, -0.4 * h, z + 0.02), (w, 0.8 * h, 0.04), "body")
        k.box("keys", (0, -0.45 * h, z + 0.045), (0.88 * w, 0.45 * h, 0.015), "keys")
        at = np.array([0, np.sin(lean) * h / 2, z + 0.03 + np.cos(lean) * h / 2])
        k.box("case", at, (w, 0.03, h), "body", angles=(-lean, 0, 0))
        out = at + 0.02 * np.array([0, -np.cos(lean), np.sin(lean)])
        k.box("screen", out, (0.9 * w, 0.015, 0.85 * h), "screen", angles=(-lean, 0, 0))
    elif kind == "pair":
        a = k.u(0.0, 0.35)
        for side in PAIR:
            _pane(k, 0.62 * w, 0.7 * h, -0.05, z + 0.4 * h, 0.06, angle=-side * a, x=side * 0.32 * w)
        k.block("arm", (0, 0.03, z + 0.4 * h), (0.7 * w, 0.05, 0.06), "frame")
    elif kind == "boxed":  # a set with a panel of knobs beside the screen
        deep = k.u(0.2, 0.5)
        k.block("case", (0, 0, z + h / 2), (w, deep, h), "body", soft=k.u(0, 0.3))
        k.block("screen", (-0.1 * w, -deep / 2, z + 0.52 * h), (0.68 * w, 0.03, 0.75 * h), "screen", roundness=0.3)
        at = (0.38 * w, -deep - 0.02, z + 0.8 * h - 0.12 * np.arange(k.pick(2, 3, 4)))
        k.lathe("dial", [(0.035, deep / 2), (0.035, deep / 2 + 0.035)], "hub", at, "y")
    elif kind == "rounded":  # an oval frame: a mirror or a porthole of a screen
        k.lathe("case", [(0.5, -0.03), (0.5, 0.03)], "body")
        k.parts[-1].vertices[:] = k.parts[-1].vertices[:, [0, 2, 1]] * np.array([w, 1, h]) + np.array([0, 0, z + h / 2])
        k.block("screen", (0, -0.03, z + h / 2), (0.8 * w, 0.03, 0.55 * h), "screen", roundness=0.2)


def display(k: Kit) -> None:
    w = k.u(0.7, 1.4)
    h = w * k.size(0.5, 1.0)
    body = k.draw("body", DISPLAYS)
    z = 0.03 if body == "laptop" else k.u(0.05, 0.3) if k.chance(0.85) else k.u(0.3, 0.9)
    stand(k, "pedestal plinth splayed panels legs none drum sled tripod star", 0.55 * w, k.u(0.2, 0.5), z)
    _display(k, body, w, h, z - 0.01)
    extra = k.draw("extra", "none neck keyboard bar camera antenna wings")
    if extra == "neck":
        k.block("neck", (0, 0.08, z + 0.25 * h), (0.12 * w, 0.12, 0.6 * h), "frame")
    elif extra == "keyboard":
        k.box("keyboard", (0, -0.45, 0.02), (0.7 * w, 0.2, 0.035), "keys")
        k.rod("cable", (0, -0.4, 0.02), (0, 0, 0.02), 0.012, "frame")
    elif extra == "bar":
        k.block("bar", (0, -0.06, z), (0.9 * w, 0.1, 0.09), "extra")
    elif extra == "camera":
        k.ball("camera", (0, -0.02, z + h), (0.05, 0.05, 0.05), "extra")
    elif extra == "antenna":
        k.rod("antenna", (0, 0, z + 0.95 * h), (PAIR * 0.25 * w, 0.05, z + 1.4 * h), 0.01, "hub")
    elif extra == "wings":
        k.block("wing", (PAIR * 0.55 * w, 0, z + h / 2), (0.12 * w, 0.14, 0.9 * h), "extra")


def _keys(k: Kit, w: float, y: float, low: float, high: float) -> None:
    rows = k.pick(3, 4, 5)
    up, x = grid((np.arange(rows) + 0.5) / rows * (high - low), spread(3) * w)
    k.block("key", (x, y, low + up), (0.7 * w / 3, 0.03, 0.6 * (high - low) / rows), "keys", roundness=0.3)


def _phone(k: Kit, kind: str, w: float, t: float) -> None:
    """Built upright, about one unit high; w wide, t thick: one branch an option."""
    if kind == "slate":
        k.box("case", (0, 0, 0.5), (w, t, 1.0), "body")
        rim = k.u(0.02, 0.12)
        k.box("screen", (0, -t / 2, 0.5 + rim / 3), (0.92 * w, 0.02, 1 - 2 * rim), "screen")
        if k.chance(0.4):
            k.lathe("button", [(0.04, t / 2), (0.04, t / 2 + 0.015)], "hub", (0, -t - 0.01, 0.06), "y")
    elif kind == "tablet":
        _pane(k, k.u(0.65, 1.4), 1.0, 0, 0.5, max(t, 0.06))
    elif kind == "bar":
        t, split = max(t, 0.1), k.u(0.45, 0.7)
        case = [(-t / 2, 0.46 * w, 0.02, 0.98, 0.2), (0, 0.5 * w, 0, 1, 0.3), (t / 2, 0.44 * w, 0.03, 0.97, 0.3)]
        k.hull("case", case, "body")
        k.box("screen", (0, -t / 2, (split + 0.95) / 2), (0.75 * w, 0.03, 0.85 * (0.95 - split)), "screen")
        _keys(k, 0.8 * w, -t / 2, 0.06, split - 0.04)
    elif kind == "flip":  # open: keys below, screen above, an angle between
        a, half = k.u(0.2, 1.2), 0.5
        k.block("lower", (0, 0, half / 2), (w, t, half), "body", roundness=0.1)
        _keys(k, 0.8 * w, -t / 2, 0.05, half - 0.05)
        at = np.array([0, -np.sin(a) * half / 2, half + np.cos(a) * half / 2])
        k.block("upper", at, (w, 0.8 * t, half), "body", roundness=0.1, angles=(a, 0, 0))
        out = at + 0.5 * t * np.array([0, -np.cos(a), -np.sin(a)])
        k.box("screen", out, (0.8 * w, 0.02, 0.38), "screen", angles=(a, 0, 0))
        k.rod("hinge", (-w / 2, 0, half), (w / 2, 0, half), 0.6 * t, "frame")
    elif kind == "slider":
        shift = k.u(0.2, 0.4)
        k.block("lower", (0, t / 2, 0.4), (w, t, 0.8), "body", roundness=0.1)
        _keys(k, 0.85 * w, 0, 0.04, shift)
        k.block("upper", (0, -0.4 * t, 0.4 + shift), (w, t, 0.8), "body", roundness=0.1)
        k.box("screen", (0, -0.9 * t, 0.45 + shift), (0.85 * w, 0.02, 0.6), "screen")
    elif kind == "desk":  # a wedge with keys or a dial and a handset across
        d, h = k.u(0.6, 0.9), k.u(0.2, 0.45)
        k.hull("case", [(-d / 2, 0.45, 0, 0.25 * h, 0.1), (0, 0.45, 0, 0.8 * h, 0.1), (d / 2, 0.4, 0, h, 0.1)], "body")
        x, y, z = np.linspace(-1, 1, 7) * 0.9 / 2, 0.3 * d, h + 0.02
        k.tube("handset", curve(x, y, z + 0.12 * 0.9 * (1 - (x / 0.9 * 2) ** 2)), 0.055, "extra")
        k.ball("ear", (x[[0, -1]], y, z), (0.1, 0.09, 0.07), "extra")
        if k.chance(0.5):
            k.lathe("dial", [(0.22, 0), (0.2, 0.09)], "keys", (0, -0.22 * d, 0.45 * h))
        else:
            i, j = grid((-1, 0, 1), range(4))
            k.block("key", (i * 0.13, -0.35 * d + j * 0.11, 0.33 * h + 0.1 * h * j + 0.04), (0.09, 0.07, 0.05), "keys")
    elif kind == "cordless":  # a handset upright in its base
        lean, case = k.u(0.0, 0.3), (0.7 * w, max(t, 0.12), 0.95)
        turned = (-lean, 0, 0)
        k.block("base", (0, 0, 0.08), (1.7 * w, 1.3 * w, 0.16), "frame", soft=0.6, taper=0.7)
        k.block("case", (0, 0.1 * lean, 0.55), case, "body", roundness=0.5, angles=turned, taper=0.9)
        k.box("screen", (0, -0.08 + 0.24 * lean, 0.8), (0.5 * w, 0.05, 0.18), "screen", angles=turned)
        z, x = grid(0.3 + 0.09 * np.arange(4), (-1, 0, 1))
        k.block("key", (x * 0.18 * w, -0.075 + lean * (z - 0.55), z), (0.12 * w, 0.05, 0.06), "keys", angles=turned)
    elif kind == "wall":  # a box with its handset beside it
        k.block("case", (0.1, 0, 0.5), (0.55, 0.25, 1.0), "body", soft=0.2)
        _keys(k, 0.4, -0.13, 0.2, 0.55)
        k.tube("handset", [(-0.3, -0.1, 0.15), (-0.36, -0.16, 0.5), (-0.3, -0.1, 0.85)], 0.06, "extra")
        k.ball("ear", (-0.28, -0.1, np.array([0.15, 0.85])), (0.09, 0.1, 0.09), "extra")
        k.rod("hook", (-0.3, -0.05, 0.8), (0, 0, 0.8), 0.04, "frame")


def phone(k: Kit) -> None:
    _phone(k, k.draw("body", PHONES), k.size(0.4, 0.8), k.size(0.05, 0.25))
    support = k.draw("support", "none dock easel bumper grip cover")
    if support == "dock":
        k.block("dock", (0, 0.02, -0.03), (0.7, 0.4, 0.12), "frame", taper=0.7)
    elif support == "easel":
        k.rod("prop", (0, 0.02, 0.6), (0, 0.4, 0.0), 0.025, "frame")
        k.block("foot", (0, 0.05, -0.02), (0.5, 0.25, 0.05), "frame")
    elif support == "bumper":
        k.block("bumper", (0, 0, np.array([0.0, 1.0])), (0.56, 0.14, 0.06), "frame")
    elif support == "grip":
        k.lathe("grip", [(0.12, 0.02), (0.12, 0.1)], "frame", (0, 0, 0.45), "y")
    elif support == "cover":
        k.box("cover", (-0.42, -0.16, 0.5), (0.5, 0.03, 0.98), "extra", angles=(0, 0, k.u(0.3, 1.2)))
    extra = k.draw("extra", "none antenna camera cord strap")
    if extra == "antenna":
        k.rod("antenna", (0.17, 0, 0.85), (0.17, 0.02, k.u(1.1, 1.5)), 0.022, "hub")
    elif extra == "camera":
        k.lathe("camera", [(0.05, 0.0), (0.05, 0.1)], "hub", (0.12, 0, k.some(0.85, 0.75)), "y")
    elif extra == "cord":
        t = np.linspace(0, 1, 12)
        k.tube("cord", curve(-0.2 - 0.5 * t, 0.05 * np.sin(9 * t), 0.1 + 0.06 * np.sin(14 * t)), 0.025, "hub")
    elif extra == "strap":
        a = np.linspace(0.3, 2 * np.pi - 0.3, 12)
        k.tube("strap", curve(0.2 + 0.18 - 0.18 * np.cos(a), 0, 0.95 + 0.18 * np.sin(a)), 0.015, "extra")
