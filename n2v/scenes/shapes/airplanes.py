"""Airplanes: fuselages, wings, engines and tails. Nose towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve

FUSELAGES = {  # half widths at 0, 1/8, 1/3, 2/3, 7/8 and 1 of the length, and height over width
    "tube": ((0.2, 0.8, 1.0, 1.0, 0.6, 0.25), 1.0),
    "slim": ((0.05, 0.5, 0.8, 0.9, 0.7, 0.5), 0.9),
    "fat": ((0.5, 1.3, 1.6, 1.3, 0.7, 0.3), 1.1),
    "propeller": ((0.7, 1.0, 1.1, 0.6, 0.35, 0.2), 1.3),
    "glider": ((0.4, 0.8, 0.7, 0.25, 0.2, 0.2), 1.2),
    "jumbo": ((0.4, 1.1, 1.3, 1.2, 0.7, 0.3), 1.4),
    "flat": ((0.1, 0.9, 1.8, 2.0, 1.6, 1.0), 0.4),
    "twin": ((0.3, 0.5, 0.5, 0.4, 0.35, 0.3), 1.0),
    "pod": ((0.6, 1.4, 1.3, 0.3, 0.2, 0.2), 1.2),
}
WINGS = {  # sweep (share of the half span that the tip lies behind), tip chord over root chord, span, root chord
    "straight": (0.05, 0.7, 1.0, 0.24), "swept": (0.55, 0.35, 0.95, 0.34), "delta": (0.95, 0.08, 0.6, 0.75),
    "tapered": (0.15, 0.35, 1.15, 0.26), "biplane": (0.02, 0.9, 0.85, 0.24), "gull": (0.2, 0.5, 1.0, 0.26),
    "forward": (-0.35, 0.4, 0.85, 0.32), "canard": (0.6, 0.3, 0.75, 0.42), "long": (0.08, 0.4, 1.5, 0.15),
}  # fmt: skip


def _wing(k: Kit, name: str, root, span, plan: tuple, thick: float = 0.05, upright: bool = False) -> None:
    """Half a wing, or several, from a root (x, y of the leading edge, z); span < 0 goes to the other side.

    `plan`: chord at the root, the tip's share of it, how far the tip lies behind and how far up.
    """
    chord, tip, back, up = plan
    for *at, reach in curve(*root, span):
        rings = []
        for t in (0.0, 0.5, 1.0):
            y = np.array([0, 0.25, 0.6, 1, 0.6, 0.25]) * (chord * (1 - t * (1 - tip))) + back * t
            z = np.array([0, 0.5, 0.4, 0, -0.4, -0.5]) * thick * (1 - 0.5 * t)
            rings.append((curve(z, y, reach * t) if upright else curve(reach * t, y, z + up * t)) + at)
        k.loft(name, rings, "wing")


def _fuselage(k: Kit, d: float, r: float) -> None:
    widths, high = FUSELAGES[k.draw("body", FUSELAGES)]
    places, rise, squash = np.array([0, 0.125, 0.33, 0.67, 0.875, 1]), k.u(-0.3, 0.8), k.u(0.5, 1.0)
    lift, wide = rise * r * np.maximum(places - 0.6, 0), np.array(widths)
    stations = curve(places * d - d / 2, r * wide, -high * r * wide + lift, high * r * wide + lift, squash)
    k.hull("fuselage", stations, "body", x=2.2 * r * PAIR if k.slots["body"] == "twin" else 0.0)
    if k.chance(0.6):
        k.ball("canopy", (0, -0.3 * d, high * r * 0.85), (0.5 * r, 0.12 * d, 0.6 * r), "glass")


def _wings(k: Kit, d: float, r: float) -> tuple[float, float, float]:
    """Build them; the leading edge at the root, half span and chord."""
    kind = k.draw("support", WINGS)
    sweep, tip, span, chord = WINGS[kind]
    span, chord = span * k.size(0.6, 1.1) * 0.55, chord * k.size(0.7, 1.3) * 0.8
    y, z, up = -0.5 * chord + k.u(-0.12, 0.08) * d, r * k.pick(-0.5, -0.2, 0.7), k.u(-0.05, 0.2) * span
    back = sweep * span
    if kind == "biplane":
        for at in (-0.8 * r, 1.6 * r):
            _wing(k, "wing", (0, y, at), span * PAIR, (chord, tip, back, 0.02))
        x, middle = np.array([-0.7 * span, -0.05, 0.05, 0.7 * span]), y + 0.4 * chord
        k.rod("strut", (x, middle, -0.8 * r), (x, middle, 1.6 * r), 0.012, "hub")
    elif kind == "gull":
        _wing(k, "wing", (0, y, z), 0.4 * span * PAIR, (chord, 0.85, 0.3 * back, 0.2 * span))
        tip_plan = (0.85 * chord, tip, 0.7 * back, -0.08 * span)
        root = (0.4 * span * PAIR, y + 0.3 * back, z + 0.2 * span)
        _wing(k, "wing_tip", root, 0.6 * span * PAIR, tip_plan)
    else:
        _wing(k, "wing", (0, y, z), span * PAIR, (chord, tip, back, up), 0.06)
    if kind == "canard":
        _wing(k, "canard", (0, -0.36 * d, z), 0.35 * span * PAIR, (0.3 * chord, 0.5, 0.1 * span, 0.0))
    if kind == "delta" and k.chance(0.4):
        _wing(k, "canard", (0, -0.34 * d, z + 0.5 * r), 0.3 * span * PAIR, (0.2 * chord, 0.4, 0.1 * span, 0.0))
    return y, span, chord


def _nacelle(k: Kit, x: float, y: float, z: float, r: float, d: float) -> None:
    profile = [(0.8 * r, -d / 2), (r, -0.3 * d), (0.95 * r, 0.2 * d), (0.5 * r, d / 2)]
    k.lathe("engine", profile, "engine", (x, y, z), "y", 12)


def _propeller(k: Kit, x: float, y: float, z: float, r: float) -> None:
    k.lathe("spinner", [(0.02, -0.1), (0.14 * r + 0.02, 0), (0.14 * r + 0.02, 0.08)], "hub", (x, y, z), "y", 10)
    n, phase = k.pick(2, 3, 4), k.u(0, 3)
    for a in 2 * np.pi * np.arange(n) / n + phase:
        at = (x + 0.5 * r * np.cos(a), y, z + 0.5 * r * np.sin(a))
        k.block("blade", at, (r, 0.03, 0.1 * r + 0.02), "hub", angles=(0, -a, 0))


def _engines(k: Kit, y: float, span: float, chord: float, d: float, r: float) -> None:
    kind = k.draw("engines", "none wing2 nose rear2 wing4 props2 tail pusher")
    size = k.u(0.05, 0.09)
    if kind in ("wing2", "wing4", "props2"):
        shares, y, z = (0.32, 0.62) if kind == "wing4" else (k.u(0.28, 0.45),), y + 0.1 * chord, -0.3 * r - 0.03
        for x in (share * side * span for share in shares for side in PAIR):
            _nacelle(k, x, y, z, size, 0.28)
            if kind == "props2":
                _propeller(k, x, y - 0.15, z, 0.2)
    elif kind == "nose":
        _propeller(k, 0, -0.5 * d - 0.01, 0, k.u(0.2, 0.32))
    elif kind == "rear2":
        for side in PAIR:
            _nacelle(k, side * 1.4 * r, 0.28 * d, 0.5 * r, size, 0.3)
            k.block("pylon", (side * 0.9 * r, 0.28 * d, 0.4 * r), (1.2 * r, 0.12, 0.03), "body")
    elif kind == "tail":
        _nacelle(k, 0, 0.4 * d, 1.3 * r, 1.3 * size, 0.3)
    elif kind == "pusher":
        _propeller(k, 0, 0.5 * d, 0, 0.22)


def _tail(k: Kit, d: float, r: float) -> None:
    kind = k.draw("tail", "standard tee twin vee none cross")
    y, high, chord = 0.36 * d, k.size(0.18, 0.38), k.u(0.12, 0.22)
    level = {"tee": high, "cross": 0.5 * high}.get(kind, 0.0)
    if kind in ("standard", "tee", "cross"):
        _wing(k, "fin", (0, y, 0), high, (chord * 1.3, 0.6, 0.6 * high, 0), upright=True)
    elif kind == "twin":
        _wing(k, "fin", (0.2 * PAIR, y + 0.03, 0), 0.8 * high, (chord, 0.6, 0.1, 0), 0.04, upright=True)
    if kind == "vee":
        _wing(k, "tailplane", (0, y, 0.2 * r), 0.25 * PAIR, (chord, 0.5, 0.12, 0.25))
    elif kind != "none":
        _wing(k, "tailplane", (0, y + 0.55 * level, level), k.u(0.18, 0.32) * PAIR, (chord, 0.5, k.u(0.02, 0.15), 0.02))


def airplane(k: Kit) -> None:
    d, r = k.size(0.7, 1.3), k.size(0.06, 0.15)
    _fuselage(k, d, r)
    y, span, chord = _wings(k, d, r)
    _engines(k, y, span, chord, d, r)
    _tail(k, d, r)
    extra = k.draw("extra", "none wheels floats missiles antenna skis")
    if extra == "wheels":
        for x, at in ((0, -0.35), (-1.5 * r, 0.03), (1.5 * r, 0.03)):
            k.rod("strut", (0.4 * x, at * d, -0.3 * r), (x, at * d, -2.6 * r), 0.015, "hub")
            k.wheel("wheel", (x, at * d, -2.7 * r), 0.05, 0.04)
    elif extra in ("floats", "skis"):
        tall, at = 0.08 if extra == "floats" else 0.02, np.array([-0.2, 0.1]) * d
        shape = ((-0.4, 0.01, 0.0, 0.5), (-0.25, 0.05, tall / 2, 0.3), (0.25, 0.03, 0.0, 0.3))
        for x in 2.0 * r * PAIR:
            k.hull("float", [(p * d, a, -3 * r - deep, -3 * r + tall, e) for p, a, deep, e in shape], "extra", x=x)
            k.rod("strut", (0.3 * x, at, -0.3 * r), (x, at, -3 * r + tall / 2), 0.012, "hub")
    elif extra == "missiles":
        x = 0.5 * PAIR * span
        k.rod("missile", (x, y + 0.2 * chord, -0.04), (x, y + chord, -0.04), 0.03, "extra")
    elif extra == "antenna":
        k.rod("mast", (0, 0.1 * d, 0.5 * r), (0, 0.1 * d, 3 * r), 0.03, "hub")
        k.lathe("dish", [(0.2, -0.02), (0.22, 0), (0.2, 0.03)], "extra", (0, 0.1 * d, 3 * r))
