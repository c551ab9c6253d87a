"""Rifles. The muzzle points to -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker


def _barrel(k: Kit, start: float, length: float, z: float, radius: float, rgb) -> None:
    k.rod("barrel", (0, start, z), (0, start - length, z), radius, rgb)
    if k.chance(0.6):
        k.rod("muzzle", (0, start - length + 0.03, z), (0, start - length - 0.09, z), radius * 1.5, darker(rgb, 0.7))
    k.box("front_sight", (0, start - length + 0.1, z + radius + 0.03), (0.025, 0.04, 0.07), rgb)


def _stock(k: Kit, y: float, z: float, length: float, drop: float, rgb) -> None:
    """Butt behind the receiver."""
    outline = [
        (y, z + 0.06),
        (y + length, z + 0.04 - drop * 0.3),
        (y + length, z - 0.14 - drop),
        (y + 0.45 * length, z - 0.1 - 0.4 * drop),
        (y, z - 0.07),
    ]
    k.slab("stock", outline, "x", -0.04, 0.04, rgb)


def _grip(k: Kit, y: float, z: float, rgb) -> None:
    k.slab("grip", [(y, z), (y + 0.1, z), (y + 0.17, z - 0.24), (y + 0.06, z - 0.26)], "x", -0.033, 0.033, rgb)
    angle = np.linspace(0.1, np.pi - 0.1, 6)
    k.tube("guard", [(0, y - 0.07 + 0.09 * np.cos(a), z - 0.1 * np.sin(a)) for a in angle], 0.018, darker(rgb), 6)


def _scope(k: Kit, y: float, z: float, length: float) -> None:
    dark = colour(k.rng, "dark", "metal")
    k.tube(
        "scope",
        [(0, y + t * length, z + 0.09) for t in (-0.5, -0.3, -0.28, 0.28, 0.3, 0.5)],
        [0.05, 0.05, 0.032, 0.032, 0.045, 0.045],
        dark,
    )
    for i, t in enumerate((-0.2, 0.2)):
        k.box(f"mount_{i}", (0, y + t * length, z + 0.04), (0.03, 0.05, 0.08), dark)


def rifle_assault(k: Kit) -> None:
    metal, grip = colour(k.rng, "dark", "metal", "olive"), colour(k.rng, "dark", "wood", "olive", "plastic")
    k.box("receiver", (0, 0, 0), (0.08, k.u(0.45, 0.6), 0.15), metal)
    length = k.u(0.45, 0.65)
    k.box("handguard", (0, -0.45, 0.01), (0.09, 0.42, 0.11), grip, radius=0.02)
    _barrel(k, -0.5, length, 0.02, 0.026, metal)
    bend, y = k.u(0.02, 0.16), -0.1
    line = [(y - bend * t * t, -0.05 - 0.34 * t) for t in np.linspace(0, 1, 5)]
    outline = [(a, b) for a, b in line] + [(a + 0.12, b) for a, b in reversed(line)]
    k.slab("magazine", outline, "x", -0.03, 0.03, darker(metal, 0.7))
    _grip(k, 0.12, -0.07, grip)
    _stock(k, 0.26, 0, k.u(0.4, 0.55), k.u(0.0, 0.05), grip)
    if k.chance(0.5):
        _scope(k, 0.0, 0.08, 0.3)
    else:
        k.box("carry_handle", (0, 0, 0.13), (0.035, 0.3, 0.05), metal)


def rifle_bolt(k: Kit) -> None:
    """Hunting rifle: one piece of wood from butt to fore-end."""
    wood, metal, length = colour(k.rng, "wood"), colour(k.rng, "dark", "metal"), k.u(0.8, 1.1)
    outline = [
        (-0.6, 0.0),
        (0.2, 0.02),
        (0.35, 0.0),
        (0.95, -0.03),
        (0.95, -0.24),
        (0.4, -0.13),
        (0.1, -0.11),
        (-0.6, -0.06),
    ]
    k.slab("stock", outline, "x", -0.042, 0.042, wood)
    k.rod("receiver", (0, -0.15, 0.045), (0, 0.25, 0.045), 0.042, metal)
    _barrel(k, -0.15, length, 0.045, 0.026, metal)
    k.rod("bolt", (0.03, 0.16, 0.05), (0.16, 0.2, 0.0), 0.02, colour(k.rng, "metal"))
    k.ball("bolt_knob", (0.17, 0.2, -0.01), (0.035,) * 3, colour(k.rng, "metal", "dark"), 8)
    angle = np.linspace(0.1, np.pi - 0.1, 6)
    k.tube("guard", [(0, 0.2 + 0.09 * np.cos(a), -0.11 - 0.08 * np.sin(a)) for a in angle], 0.018, metal, 6)
    if k.chance(0.7):
        _scope(k, 0.05, 0.09, k.u(0.4, 0.5))


def rifle_shotgun(k: Kit) -> None:
    """Two barrels or a pump."""
    wood, metal, length = colour(k.rng, "wood", "dark"), colour(k.rng, "metal", "dark"), k.u(0.8, 1.0)
    double = k.chance(0.5)
    for i, x in enumerate((-0.04, 0.04) if double else (0.0,)):
        k.rod(f"barrel_{i}", (x, 0.0, 0.03), (x, -length, 0.03), 0.036, metal)
    if not double:
        k.rod("tube", (0, 0, -0.04), (0, -0.75 * length, -0.04), 0.03, darker(metal, 0.8))
        k.box("pump", (0, -0.45 * length, -0.03), (0.1, 0.26, 0.1), wood, radius=0.03)
    else:
        k.box("fore_end", (0, -0.28, -0.03), (0.1, 0.32, 0.07), wood, radius=0.02)
    k.box("receiver", (0, 0.1, 0), (0.085, 0.28, 0.14), metal, radius=0.02)
    _grip(k, 0.18, -0.06, wood)
    _stock(k, 0.24, 0.0, k.u(0.5, 0.62), k.u(0.06, 0.12), wood)


def rifle_sniper(k: Kit) -> None:
    """Long, on a bipod, with a large scope."""
    body, metal, length = colour(k.rng, "olive", "dark", "wood"), colour(k.rng, "dark", "metal"), k.u(0.9, 1.15)
    k.box("chassis", (0, -0.05, -0.01), (0.08, 0.8, 0.11), body)
    _barrel(k, -0.42, length, 0.03, 0.03, metal)
    _scope(k, 0.02, 0.05, k.u(0.5, 0.65))
    _grip(k, 0.2, -0.06, body)
    _stock(k, 0.34, 0.0, 0.5, 0.03, body)
    k.box("magazine", (0, 0.0, -0.12), (0.06, 0.14, 0.14), metal)
    for side in (-1, 1):
        k.rod(f"bipod_{side > 0:d}", (0, -0.5, -0.05), (side * 0.2, -0.56, -0.36), 0.022, metal)


def rifle_carbine(k: Kit) -> None:
    """Short, with a magazine straight down and a folding wire stock."""
    metal, grip = colour(k.rng, "dark", "metal", "plastic"), colour(k.rng, "dark", "wood")
    k.box("receiver", (0, -0.05, 0), (0.1, k.u(0.6, 0.75), 0.17), metal, radius=k.pick(0.0, 0.02))
    _barrel(k, -0.38, k.u(0.15, 0.35), 0.02, 0.035, metal)
    k.box("magazine", (0, -0.12, -0.26), (0.06, 0.11, k.u(0.28, 0.42)), darker(metal, 0.7))
    _grip(k, 0.1, -0.08, grip)
    points = [(0, 0.3, 0.03), (0, 0.75, 0.0), (0, 0.75, -0.2)]
    k.tube("wire", points, 0.026, darker(metal, 0.8), 8)
    if k.chance(0.5):
        k.box("foregrip", (0, -0.32, -0.16), (0.06, 0.07, 0.18), grip)


def rifle_lever(k: Kit) -> None:
    """Western rifle: lever loop, tube under the barrel, brass receiver."""
    wood, brass, metal = colour(k.rng, "wood"), colour(k.rng, "brass", "metal"), colour(k.rng, "dark", "metal")
    length = k.u(0.75, 0.95)
    k.box("receiver", (0, 0.05, 0), (0.075, 0.34, 0.15), brass)
    _barrel(k, -0.1, length, 0.04, 0.028, metal)
    k.rod("tube", (0, -0.1, -0.03), (0, -0.1 - 0.85 * length, -0.03), 0.026, metal)
    k.box("fore_end", (0, -0.32, 0.0), (0.085, 0.34, 0.11), wood, radius=0.02)
    angle = np.linspace(0, np.pi, 8)
    k.tube("lever", [(0, 0.2 + 0.14 * np.cos(a), -0.08 - 0.12 * np.sin(a)) for a in angle], 0.022, brass, 6)
    _stock(k, 0.2, 0.0, k.u(0.55, 0.65), k.u(0.08, 0.14), wood)


RIFLES = (rifle_assault, rifle_bolt, rifle_shotgun, rifle_sniper, rifle_carbine, rifle_lever)
