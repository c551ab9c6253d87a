"""Watercraft. The bow points to -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker


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


WATERCRAFT = (boat_sail, boat_motor, boat_ship, boat_cargo, boat_canoe, boat_catamaran)
