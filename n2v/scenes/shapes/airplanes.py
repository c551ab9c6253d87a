"""Airplanes. The nose points to -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker


def _wing(
    k: Kit,
    name: str,
    y: float,
    z: float,
    span: float,
    chord: float,
    sweep: float,
    tip: float,
    rgb,
    rise: float = 0.0,
    thick: float = 0.05,
) -> None:
    """Both halves of a wing: chord along y, swept back by `sweep` at the tip."""
    for side in (-1, 1):
        rings = []
        for share in (0.0, 0.5, 1.0):
            c, t = chord * (1 - share * (1 - tip)), thick * (1 - 0.6 * share)
            x, y0, up = side * share * span / 2, y + sweep * share, z + rise * share
            outline = np.array(
                [
                    [-c / 2, 0],
                    [-0.2 * c, t / 2],
                    [0.3 * c, t / 2.5],
                    [c / 2, 0],
                    [0.3 * c, -t / 2.5],
                    [-0.2 * c, -t / 2],
                ]
            )
            rings.append(np.column_stack([np.full(6, x), y0 + outline[:, 0], up + outline[:, 1]]))
        k.loft(f"{name}_{side > 0:d}", rings, rgb)


def _fin(
    k: Kit, name: str, x: float, y: float, z: float, height: float, chord: float, sweep: float, rgb, thick: float = 0.05
) -> None:
    outline = np.array(
        [
            [y - chord / 2, z],
            [y + chord / 2, z],
            [y + sweep + chord * 0.3, z + height],
            [y + sweep - chord * 0.15, z + height],
        ]
    )
    k.slab(name, outline, "x", x - thick / 2, x + thick / 2, rgb)


def _fuselage(k: Kit, length: float, radius: float, rgb, nose: float = 0.25, tail_up: float = 0.6) -> None:
    half = length / 2
    r = radius
    stations = [
        (-half, 0.03, -0.03, 0.03, 0),
        (-half + 0.3 * nose * length, 0.65 * r, -0.65 * r, 0.6 * r, 0),
        (-half + nose * length, r, -r, r, 0),
        (0.15 * length, r, -r, r, 0),
        (half * 0.75, 0.5 * r, -0.35 * r, 0.75 * r, 0),
        (half, 0.1 * r, tail_up * r - 0.05, tail_up * r + 0.1, 0),
    ]
    k.hull("fuselage", stations, rgb)


def _propeller(k: Kit, y: float, z: float, size: float, x: float = 0.0, name: str = "propeller") -> None:
    dark = colour(k.rng, "dark", "metal", "wood")
    k.ball(f"{name}_hub", (x, y, z), (0.06, 0.09, 0.06), dark, 10)
    angle = k.u(0, np.pi)
    for i in range(int(k.pick(2, 3))):
        a = angle + i * np.pi / 1.0 if i < 2 else angle + np.pi / 2
        k.rod(
            f"{name}_blade_{i}",
            (x, y - 0.02, z),
            (x + size * np.cos(a), y - 0.02, z + size * np.sin(a)),
            0.035,
            dark,
            0.02,
            n=6,
        )


def airplane_jet(k: Kit) -> None:
    length, r = k.u(1.8, 2.2), k.u(0.11, 0.15)
    body = colour(k.rng, "white", "metal", "paint")
    accent, wing = colour(k.rng, "paint"), k.pick(body, colour(k.rng, "metal"))
    _fuselage(k, length, r, body)
    k.box("windows", (0, -0.05, 0.35 * r), (2.02 * r, 0.9 * length * 0.55, 0.05), k.pick(accent, colour(k.rng, "dark")))
    sweep, span = k.u(0.3, 0.55), k.u(1.7, 2.1)
    _wing(k, "wing", 0.0, -0.4 * r, span, k.u(0.38, 0.5), sweep, 0.35, wing, 0.08)
    _wing(k, "tail", 0.44 * length, 0.3 * r, 0.65, 0.22, 0.15, 0.5, wing)
    _fin(k, "fin", 0, 0.42 * length, 0.6 * r, k.u(0.3, 0.42), 0.3, 0.2, accent)
    n_engines, engine = int(k.pick(1, 1, 2)), k.pick(accent, wing)
    for side in (-1, 1):
        for i in range(n_engines):
            share = 0.32 + 0.28 * i
            x, y = side * share * span / 2, sweep * share - 0.12
            k.rod(
                f"engine_{side > 0:d}{i}",
                (x, y - 0.16, -0.4 * r - 0.09),
                (x, y + 0.14, -0.4 * r - 0.07),
                0.075,
                engine,
                0.05,
            )


def airplane_propeller(k: Kit) -> None:
    length, r = k.u(1.3, 1.6), k.u(0.13, 0.17)
    body, wing = colour(k.rng, "paint"), colour(k.rng, "paint", "white")
    _fuselage(k, length, r, body, nose=0.15)
    k.ball("canopy", (0, -0.08, 0.8 * r), (0.75 * r, 0.25, 0.8 * r), colour(k.rng, "glass"))
    _wing(
        k, "wing", -0.12, k.pick(-0.6, 1.2) * r, k.u(1.6, 2.1), k.u(0.32, 0.4), k.u(0.0, 0.1), k.u(0.6, 1.0), wing, 0.08
    )
    _wing(k, "tail", 0.45 * length, 0.4 * r, 0.65, 0.24, 0.05, 0.7, wing)
    _fin(k, "fin", 0, 0.44 * length, 0.5 * r, 0.28, 0.26, 0.1, k.pick(wing, body))
    _propeller(k, -length / 2 - 0.03, 0, k.u(0.25, 0.36))
    for i, (x, y) in enumerate([(-0.22, -0.25), (0.22, -0.25)]):
        k.rod(f"strut_{i}", (x, y, -2.1 * r), (0.4 * x, y, -0.7 * r), 0.025, darker(body))
        k.wheel(f"wheel_{i}", (x, y, -2.2 * r), 0.09, 0.07, colour(k.rng, "rubber"))


def airplane_glider(k: Kit) -> None:
    """Thin body, very long wing."""
    length, r = k.u(1.1, 1.4), k.u(0.08, 0.1)
    body = colour(k.rng, "white", "paint")
    _fuselage(k, length, r, body, nose=0.3, tail_up=0.9)
    k.ball("canopy", (0, -0.27 * length, 0.5 * r), (0.8 * r, 0.2, 0.8 * r), colour(k.rng, "glass"))
    _wing(
        k,
        "wing",
        -0.08,
        0.5 * r,
        k.u(2.3, 2.9),
        k.u(0.2, 0.27),
        k.u(-0.05, 0.1),
        0.45,
        k.pick(body, colour(k.rng, "paint")),
        k.u(0.0, 0.15),
        0.045,
    )
    _fin(k, "fin", 0, 0.46 * length, 0.5 * r, 0.3, 0.22, 0.12, body)
    z = k.pick(0.5 * r, 0.3)
    _wing(k, "tail", 0.48 * length, z, 0.6, 0.16, 0.05, 0.6, body, thick=0.045)


def airplane_delta(k: Kit) -> None:
    """Fighter: triangle wing, one or two fins."""
    length, r = k.u(1.6, 2.0), k.u(0.1, 0.14)
    body = colour(k.rng, "metal", "olive", "dark", "paint")
    half = length / 2
    k.hull(
        "fuselage",
        [
            (-half, 0.02, -0.02, 0.02, 0),
            (-half + 0.4, 0.6 * r, -0.5 * r, 0.6 * r, 0),
            (0, 1.3 * r, -r, r, 0.4),
            (half, 1.1 * r, -0.8 * r, 0.8 * r, 0.3),
        ],
        body,
    )
    k.ball("canopy", (0, -0.25 * length, 0.7 * r), (0.55 * r, 0.22, 0.7 * r), colour(k.rng, "glass"))
    _wing(
        k, "wing", 0.18, -0.2 * r, k.u(1.0, 1.4), k.u(0.95, 1.2), k.u(0.35, 0.5), 0.12, k.pick(body, darker(body, 0.8))
    )
    fins = k.pick((0,), (-1, 1))
    for i, side in enumerate(fins):
        _fin(k, f"fin_{i}", side * 0.16, 0.38 * length, 0.5 * r, k.u(0.3, 0.4), 0.35, 0.2, darker(body, 0.8))
    k.rod("nozzle", (0, half - 0.02, 0), (0, half + 0.1, 0), 0.9 * r, colour(k.rng, "dark"), 0.65 * r)
    for side in (-1, 1) if k.chance(0.5) else ():
        k.rod(
            f"missile_{side > 0:d}",
            (side * 0.42, 0.05, -0.12),
            (side * 0.42, 0.55, -0.12),
            0.035,
            colour(k.rng, "white", "paint"),
        )


def airplane_biplane(k: Kit) -> None:
    length, r = k.u(1.1, 1.35), k.u(0.12, 0.15)
    body, wing = colour(k.rng, "paint", "olive", "wood"), colour(k.rng, "paint", "white")
    _fuselage(k, length, r, body, nose=0.12)
    gap, span, chord = k.u(0.38, 0.5), k.u(1.5, 1.8), k.u(0.26, 0.32)
    strut = colour(k.rng, "wood")
    for i, z in enumerate((-0.8 * r, -0.8 * r + gap)):
        _wing(k, f"wing_{i}", -0.22, z, span, chord, 0.0, 0.9, wing)
        for side in (-1, 1) if i else ():
            for share in (0.3, 0.75):
                x = side * share * span / 2
                k.rod(f"strut_{side > 0:d}{share}", (x, -0.22, -0.8 * r), (x, -0.22, z), 0.022, strut, n=6)
    _wing(k, "tail", 0.46 * length, 0.3 * r, 0.55, 0.22, 0.0, 0.8, wing)
    _fin(k, "fin", 0, 0.45 * length, 0.4 * r, 0.24, 0.22, 0.05, wing)
    _propeller(k, -length / 2 - 0.02, 0, 0.3)
    for i, x in enumerate((-0.2, 0.2)):
        k.rod(f"strut_wheel_{i}", (x, -0.25, -2.2 * r), (0.3 * x, -0.25, -0.6 * r), 0.024, darker(body))
        k.wheel(f"wheel_{i}", (x, -0.25, -2.3 * r), 0.1, 0.06, colour(k.rng, "rubber"))


AIRPLANES = (airplane_jet, airplane_propeller, airplane_glider, airplane_delta, airplane_biplane)
