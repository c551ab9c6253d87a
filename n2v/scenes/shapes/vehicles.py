"""Airplanes, cars and watercraft. The nose points to -y."""

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
    for side in (-1, 1):
        for i in range(int(k.pick(1, 1, 2))):
            share = 0.32 + 0.28 * i
            x, y = side * share * span / 2, sweep * share - 0.12
            k.rod(
                f"engine_{side > 0:d}{i}",
                (x, y - 0.16, -0.4 * r - 0.09),
                (x, y + 0.14, -0.4 * r - 0.07),
                0.075,
                accent if k.chance(0.5) else wing,
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
    for i, z in enumerate((-0.8 * r, -0.8 * r + gap)):
        _wing(k, f"wing_{i}", -0.22, z, span, chord, 0.0, 0.9, wing)
        for side in (-1, 1) if i else ():
            for share in (0.3, 0.75):
                x = side * share * span / 2
                k.rod(
                    f"strut_{side > 0:d}{share}", (x, -0.22, -0.8 * r), (x, -0.22, z), 0.022, colour(k.rng, "wood"), n=6
                )
    _wing(k, "tail", 0.46 * length, 0.3 * r, 0.55, 0.22, 0.0, 0.8, wing)
    _fin(k, "fin", 0, 0.45 * length, 0.4 * r, 0.24, 0.22, 0.05, wing)
    _propeller(k, -length / 2 - 0.02, 0, 0.3)
    for i, x in enumerate((-0.2, 0.2)):
        k.rod(f"strut_wheel_{i}", (x, -0.25, -2.2 * r), (0.3 * x, -0.25, -0.6 * r), 0.024, darker(body))
        k.wheel(f"wheel_{i}", (x, -0.25, -2.3 * r), 0.1, 0.06, colour(k.rng, "rubber"))


def _wheels(k: Kit, width: float, axles: tuple[float, ...], radius: float) -> None:
    rubber, rim = colour(k.rng, "rubber"), colour(k.rng, "metal", "white")
    for i, y in enumerate(axles):
        for side in (-1, 1):
            x = side * (width / 2 - 0.04)
            k.wheel(f"wheel_{i}{side > 0:d}", (x, y, radius), radius, 0.13, rubber)
            k.wheel(f"rim_{i}{side > 0:d}", (x + side * 0.02, y, radius), 0.55 * radius, 0.12, rim)


def _lights(k: Kit, width: float, front: float, back: float, z: float) -> None:
    for side in (-1, 1):
        k.box(f"headlight_{side > 0:d}", (side * 0.34 * width, front, z), (0.14, 0.05, 0.07), (0.97, 0.95, 0.8))
        k.box(f"tail_light_{side > 0:d}", (side * 0.36 * width, back, z), (0.12, 0.05, 0.07), (0.75, 0.1, 0.08))


def _car(
    k: Kit, length: float, width: float, low: float, waist: float, cabin, paint, glass_inset: float = 0.04
) -> None:
    """Lower body and a cabin: `cabin` is (front y, roof front, roof back, back y, roof height)."""
    half = length / 2
    k.hull(
        "body",
        [
            (-half, 0.42 * width, low, waist * 0.85, 0.8),
            (-half + 0.12, width / 2, low - 0.04, waist * 0.94, 0.85),
            (0, width / 2, low - 0.04, waist, 0.85),
            (half - 0.12, width / 2, low - 0.04, waist * 0.98, 0.85),
            (half, 0.44 * width, low, waist * 0.9, 0.8),
        ],
        paint,
    )
    front, roof_front, roof_back, back, roof = cabin
    glass = colour(k.rng, "glass", "dark")
    rings = []
    for z, y0, y1, w in ((waist - 0.03, front, back, 0.46), (roof - 0.05, roof_front, roof_back, 0.38)):
        rings.append([(-w * width, y0, z), (w * width, y0, z), (w * width, y1, z), (-w * width, y1, z)])
    k.loft("windows", rings, glass)
    k.box(
        "roof",
        (0, (roof_front + roof_back) / 2, roof - 0.03),
        (0.8 * width, roof_back - roof_front + 0.03, 0.06),
        paint,
        radius=0.05,
    )
    for side in (-1, 1):
        for i, (y0, y1) in enumerate(((front, roof_front), (back, roof_back))):
            k.rod(
                f"pillar_{side > 0:d}{i}",
                (side * 0.45 * width, y0, waist - 0.03),
                (side * 0.375 * width, y1, roof - 0.04),
                0.03,
                paint,
                n=6,
            )
    _lights(k, width, -half, half, waist * 0.72)


def car_sedan(k: Kit) -> None:
    length, width, paint = k.u(1.8, 2.1), k.u(0.75, 0.85), colour(k.rng, "paint", "metal")
    half, waist = length / 2, k.u(0.42, 0.48)
    _car(
        k,
        length,
        width,
        0.16,
        waist,
        (-0.42 * half, -0.12 * half, 0.38 * half, 0.68 * half, waist + k.u(0.24, 0.3)),
        paint,
    )
    _wheels(k, width, (-0.62 * half, 0.6 * half), k.u(0.15, 0.18))


def car_sports(k: Kit) -> None:
    length, width, paint = k.u(1.8, 2.0), k.u(0.82, 0.9), colour(k.rng, "plastic", "paint")
    half, waist = length / 2, k.u(0.32, 0.38)
    _car(
        k,
        length,
        width,
        0.12,
        waist,
        (-0.25 * half, 0.1 * half, 0.38 * half, 0.75 * half, waist + k.u(0.16, 0.22)),
        paint,
    )
    _wheels(k, width, (-0.62 * half, 0.6 * half), 0.17)
    if k.chance(0.7):
        k.box(
            "spoiler", (0, half - 0.06, waist + 0.13), (width * 0.9, 0.16, 0.04), k.pick(paint, colour(k.rng, "dark"))
        )
        for side in (-1, 1):
            k.box(
                f"spoiler_post_{side > 0:d}",
                (side * 0.3 * width, half - 0.08, waist + 0.05),
                (0.05, 0.08, 0.14),
                darker(paint),
            )
    if k.chance(0.5):
        k.box("stripe", (0, -0.62 * half, waist + 0.0), (0.14, 0.6 * half, 0.03), colour(k.rng, "white", "dark"))


def car_van(k: Kit) -> None:
    length, width, paint = k.u(1.7, 2.0), k.u(0.8, 0.9), colour(k.rng, "paint", "white")
    half, waist = length / 2, k.u(0.46, 0.54)
    _car(
        k,
        length,
        width,
        0.16,
        waist,
        (-0.68 * half, -0.45 * half, 0.86 * half, 0.97 * half, waist + k.u(0.32, 0.42)),
        paint,
    )
    _wheels(k, width, (-0.62 * half, 0.62 * half), 0.16)
    if k.chance(0.5):
        k.box("panel", (0, 0.4 * half, waist + 0.15), (width * 0.93, 0.8 * half, 0.3), paint)


def car_pickup(k: Kit) -> None:
    length, width, paint = k.u(1.9, 2.2), k.u(0.8, 0.9), colour(k.rng, "paint", "metal")
    half, waist = length / 2, k.u(0.44, 0.5)
    _car(
        k,
        length,
        width,
        0.2,
        waist,
        (-0.45 * half, -0.22 * half, 0.08 * half, 0.14 * half, waist + k.u(0.28, 0.34)),
        paint,
    )
    k.box("bed", (0, 0.58 * half, waist + 0.01), (0.8 * width, 0.7 * half, 0.04), colour(k.rng, "dark"))
    for side in (-1, 1):
        k.box(f"rail_{side > 0:d}", (side * 0.45 * width, 0.58 * half, waist + 0.06), (0.08, 0.76 * half, 0.14), paint)
    k.box("tailgate", (0, 0.96 * half, waist + 0.05), (0.9 * width, 0.06, 0.14), paint)
    _wheels(k, width, (-0.62 * half, 0.6 * half), k.u(0.18, 0.22))


def car_bus(k: Kit) -> None:
    length, width = k.u(2.0, 2.5), k.u(0.65, 0.75)
    paint, band, height = colour(k.rng, "plastic", "paint", "white"), colour(k.rng, "paint", "white"), k.u(0.62, 0.85)
    k.box("body", (0, 0, 0.14 + height / 2), (width, length, height), paint, radius=0.07)
    k.box(
        "windows",
        (0, 0.02, 0.14 + height * 0.66),
        (width * 1.02, length * 0.9, height * 0.26),
        colour(k.rng, "glass", "dark"),
    )
    k.box(
        "windscreen",
        (0, -length / 2, 0.14 + height * 0.62),
        (width * 0.86, 0.03, height * 0.38),
        colour(k.rng, "glass", "dark"),
    )
    k.box("band", (0, 0, 0.14 + height * 0.25), (width * 1.02, length * 0.96, 0.07), band)
    _lights(k, width, -length / 2, length / 2, 0.28)
    axles = (-0.33 * length, 0.3 * length) if k.chance(0.6) else (-0.33 * length, 0.2 * length, 0.34 * length)
    _wheels(k, width, axles, 0.15)


def car_buggy(k: Kit) -> None:
    """Open: roll bars, large wheels, seats."""
    length, width, paint = k.u(1.4, 1.7), k.u(0.75, 0.85), colour(k.rng, "plastic", "olive", "paint")
    half = length / 2
    k.hull(
        "body",
        [
            (-half, 0.3 * width, 0.22, 0.4, 0.8),
            (-0.4 * half, 0.42 * width, 0.2, 0.46, 0.8),
            (half * 0.5, 0.42 * width, 0.2, 0.42, 0.8),
            (half, 0.36 * width, 0.24, 0.46, 0.8),
        ],
        paint,
    )
    for side in (-1, 1):
        k.box(f"seat_{side > 0:d}", (side * 0.18, 0.12, 0.52), (0.24, 0.1, 0.3), colour(k.rng, "dark", "fabric"))
        points = [
            (side * 0.36, -0.35 * half, 0.42),
            (side * 0.33, -0.1 * half, 0.82),
            (side * 0.33, 0.5 * half, 0.82),
            (side * 0.36, 0.85 * half, 0.42),
        ]
        k.tube(f"bar_{side > 0:d}", points, 0.03, colour(k.rng, "dark", "metal"), 8)
    for i, y in enumerate((-0.1, 0.5)):
        k.rod(f"cross_{i}", (-0.33, y * half, 0.82), (0.33, y * half, 0.82), 0.03, darker(paint, 0.6))
    _wheels(k, width + 0.14, (-0.68 * half, 0.66 * half), k.u(0.21, 0.25))


def _ship(k: Kit, length: float, width: float, height: float, rgb, bow: float = 0.3, stern: float = 0.8) -> None:
    """A hull that is sharp at the bow (-y), with a deck in another colour."""
    half = length / 2
    deck = colour(k.rng, "wood", "white", "metal")
    rings = []
    for z, grow in ((-height, 0.45), (-0.5 * height, 0.8), (0.0, 1.0)):
        w = width / 2 * grow
        fore = -half * (0.78 + 0.22 * grow)
        rings.append(
            [
                (0, fore, z + 0.0),
                (w * 0.6, fore + bow * length * 0.5, z),
                (w, fore + bow * length, z),
                (w, 0.2 * length, z),
                (w * stern, half, z),
                (-w * stern, half, z),
                (-w, 0.2 * length, z),
                (-w, fore + bow * length, z),
                (-w * 0.6, fore + bow * length * 0.5, z),
            ]
        )
    k.loft("hull", rings, rgb)
    top = np.array(rings[-1])[:, :2]
    k.slab("deck", top * 0.94, "z", -0.01, 0.02, deck)


def boat_sail(k: Kit) -> None:
    length, width = k.u(1.3, 1.7), k.u(0.4, 0.5)
    _ship(k, length, width, k.u(0.2, 0.28), colour(k.rng, "paint", "white", "wood"), bow=0.45)
    mast, sail = k.u(1.2, 1.7), colour(k.rng, "white", "paint", "shade")
    y = -0.12 * length
    k.rod("mast", (0, y, 0), (0, y, mast), 0.03, colour(k.rng, "wood", "metal"))
    k.rod("boom", (0, y, 0.2), (0, 0.42 * length, 0.2), 0.025, colour(k.rng, "wood", "metal"))
    k.slab("main_sail", [(y + 0.03, 0.22), (0.4 * length, 0.24), (y + 0.03, 0.95 * mast)], "x", -0.018, 0.018, sail)
    if k.chance(0.7):
        k.slab(
            "jib",
            [(-0.47 * length, 0.06), (y - 0.04, 0.15), (y - 0.04, 0.75 * mast)],
            "x",
            -0.018,
            0.018,
            k.pick(sail, colour(k.rng, "paint")),
        )
    if k.chance(0.5):
        k.box("cabin", (0, 0.05, 0.07), (0.5 * width, 0.3 * length, 0.14), colour(k.rng, "white", "wood"))


def boat_motor(k: Kit) -> None:
    length, width, paint = k.u(1.3, 1.7), k.u(0.5, 0.62), colour(k.rng, "paint", "white", "plastic")
    _ship(k, length, width, k.u(0.24, 0.32), paint, bow=0.45, stern=0.95)
    k.box("cabin", (0, -0.02, 0.12), (0.7 * width, 0.4 * length, 0.24), colour(k.rng, "white", "paint"), taper=0.85)
    k.box("windscreen", (0, -0.22 * length, 0.2), (0.66 * width, 0.05, 0.16), colour(k.rng, "glass", "dark"), tilt=-0.5)
    if k.chance(0.5):
        k.box("roof", (0, 0.02 * length, 0.36), (0.7 * width, 0.35 * length, 0.04), colour(k.rng, "white", "paint"))
        for side in (-1, 1):
            k.rod(
                f"post_{side > 0:d}",
                (side * 0.3 * width, 0.12 * length, 0.2),
                (side * 0.3 * width, 0.12 * length, 0.36),
                0.025,
                colour(k.rng, "metal"),
            )
    k.box("motor", (0, length / 2 + 0.05, 0.02), (0.16, 0.14, 0.3), colour(k.rng, "dark"))


def boat_ship(k: Kit) -> None:
    """Ferry or liner: decks stacked over the hull, funnels."""
    length, width = k.u(1.9, 2.4), k.u(0.4, 0.52)
    _ship(k, length, width, k.u(0.22, 0.3), colour(k.rng, "paint", "dark"), bow=0.25, stern=0.7)
    white, n = colour(k.rng, "white", "shade"), int(k.pick(2, 3, 4))
    for i in range(n):
        size = (width * (0.85 - 0.08 * i), length * (0.66 - 0.1 * i), 0.12)
        k.box(f"deck_{i}", (0, 0.03 * length, 0.07 + 0.12 * i), size, white)
        k.box(
            f"windows_{i}",
            (0, 0.03 * length, 0.08 + 0.12 * i),
            (size[0] * 1.01, size[1] * 0.94, 0.04),
            colour(k.rng, "dark", "glass"),
        )
    z = 0.07 + 0.12 * n - 0.06
    for i in range(int(k.pick(1, 2, 3))):
        k.rod(
            f"funnel_{i}",
            (0, (0.02 + 0.12 * i) * length, z),
            (0, (0.04 + 0.12 * i) * length, z + 0.24),
            0.07,
            colour(k.rng, "paint"),
        )


def boat_cargo(k: Kit) -> None:
    """Containers on deck, bridge aft."""
    length, width = k.u(2.0, 2.4), k.u(0.42, 0.52)
    _ship(k, length, width, k.u(0.22, 0.3), colour(k.rng, "paint", "dark"), bow=0.22, stern=0.85)
    for i in range(5):
        for j in range(int(k.pick(1, 2, 3))):
            y = -0.32 * length + i * 0.135 * length
            k.box(
                f"container_{i}{j}",
                (0, y, 0.08 + 0.12 * j),
                (width * 0.78, 0.125 * length, 0.115),
                colour(k.rng, "plastic", "paint"),
            )
    k.box("bridge", (0, 0.4 * length, 0.22), (width * 0.8, 0.1 * length, 0.42), colour(k.rng, "white"))
    k.box("bridge_windows", (0, 0.4 * length, 0.36), (width * 0.82, 0.102 * length, 0.06), colour(k.rng, "dark"))


def boat_canoe(k: Kit) -> None:
    length, width, wood = k.u(1.6, 2.0), k.u(0.34, 0.45), colour(k.rng, "wood", "paint", "plastic")
    half = length / 2
    stations, inner = [], []
    for share in np.linspace(-1, 1, 9):
        w, rise = width / 2 * (1 - share**2) ** 0.6 + 0.012, 0.16 * abs(share) ** 3
        stations.append((share * half, w, -0.2 + rise * 0.6, 0.02 + rise, 0.2))
        inner.append((share * half * 0.9, 0.8 * w, -0.02 + rise, 0.035 + rise, 0.2))
    k.hull("hull", stations, wood)
    k.hull("inside", inner, darker(wood, 0.45))
    for i, y in enumerate((-0.4, 0.0, 0.4)[: int(k.pick(2, 3))]):
        k.box(f"seat_{i}", (0, y * half, 0.05), (width * 0.85, 0.12, 0.03), colour(k.rng, "wood"))
    if k.chance(0.6):
        k.rod(
            "paddle", (-0.3 * width, -0.45 * half, 0.08), (0.4 * width, 0.4 * half, 0.1), 0.025, colour(k.rng, "wood")
        )


def boat_catamaran(k: Kit) -> None:
    length, gap = k.u(1.3, 1.7), k.u(0.34, 0.45)
    paint = colour(k.rng, "white", "paint")
    for side in (-1, 1):
        k.hull(
            f"float_{side > 0:d}",
            [
                (-length / 2, 0.02, -0.06, 0.04, 0),
                (-0.2 * length, 0.1, -0.16, 0.06, 0.2),
                (0.3 * length, 0.1, -0.16, 0.06, 0.2),
                (length / 2, 0.07, -0.1, 0.05, 0.2),
            ],
            paint,
        )
        k.parts[-1].vertices[:, 0] += side * gap
    k.box("platform", (0, 0.05 * length, 0.08), (2 * gap, 0.5 * length, 0.05), colour(k.rng, "dark", "fabric", "white"))
    mast, sail = k.u(1.2, 1.6), colour(k.rng, "white", "plastic", "shade")
    k.rod("mast", (0, -0.1 * length, 0.08), (0, -0.1 * length, mast), 0.03, colour(k.rng, "metal", "dark"))
    k.slab(
        "sail",
        [(-0.08 * length, 0.2), (0.42 * length, 0.22), (0.1 * length, 0.8 * mast), (-0.08 * length, 0.97 * mast)],
        "x",
        -0.018,
        0.018,
        sail,
    )


AIRPLANES = (airplane_jet, airplane_propeller, airplane_glider, airplane_delta, airplane_biplane)
CARS = (car_sedan, car_sports, car_van, car_pickup, car_bus, car_buggy)
WATERCRAFT = (boat_sail, boat_motor, boat_ship, boat_cargo, boat_canoe, boat_catamaran)
