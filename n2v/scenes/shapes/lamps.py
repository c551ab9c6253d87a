"""Lamps. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour


def _shade(k: Kit, x: float, y: float, z: float, size: float) -> None:
    """A lamp shade whose lower rim is at z."""
    rgb = colour(k.rng, "shade")
    style = k.pick("cone", "drum", "bell", "globe")
    if style == "globe":
        k.ball("shade", (x, y, z + 0.8 * size), (size * 0.85,) * 3, rgb)
        return
    profile = {
        "cone": [(1.0, 0.0), (k.u(0.3, 0.6), 1.2)],
        "drum": [(1.0, 0.0), (0.95, k.u(0.8, 1.2))],
        "bell": [(1.0, 0.0), (0.75, 0.25), (0.55, 0.7), (0.35, 1.1)],
    }[style]
    k.lathe("shade", [(size * r, size * h) for r, h in profile], rgb, (x, y, z))


def lamp_table(k: Kit) -> None:
    """Turned base, shade on top."""
    rgb, height = colour(k.rng, "paint", "wood", "brass", "white", "metal"), k.u(0.5, 0.75)
    n, foot = 6, k.u(0.16, 0.24)
    radii = [foot, foot * k.u(0.5, 1.0), *(k.u(0.05, 0.2) for _ in range(n - 3)), 0.04]
    k.lathe("base", [(r, z) for r, z in zip(radii, np.linspace(0, height, n), strict=True)], rgb)
    k.rod("stem", (0, 0, height), (0, 0, height + 0.15), 0.025, colour(k.rng, "brass", "metal"))
    _shade(k, 0, 0, height + 0.05, k.u(0.24, 0.36))


def lamp_floor(k: Kit) -> None:
    metal, height = colour(k.rng, "metal", "brass", "dark", "wood"), k.u(1.3, 1.7)
    if k.chance(0.5):
        k.lathe("foot", [(0.24, 0), (0.22, 0.04), (0.04, 0.08)], metal)
        k.rod("pole", (0, 0, 0), (0, 0, height), 0.03, metal)
    else:
        for i in range(3):
            a = 2 * np.pi * i / 3
            k.rod(f"leg_{i}", (0.32 * np.cos(a), 0.32 * np.sin(a), 0), (0, 0, height * 0.9), 0.028, metal)
    _shade(k, 0, 0, height - 0.12, k.u(0.24, 0.34))


def lamp_arc(k: Kit) -> None:
    """A floor lamp that bends over."""
    metal, height, reach = colour(k.rng, "metal", "brass", "dark"), k.u(1.2, 1.5), k.u(0.6, 0.9)
    k.lathe("foot", [(0.24, 0), (0.24, 0.06), (0.1, 0.09)], colour(k.rng, "dark", "white", "metal"))
    angle = np.linspace(0, 2.3, 10)
    k.tube(
        "arc",
        [
            (
                reach / 2 * (1 - np.cos(a)),
                0,
                height * np.sin(min(a, np.pi / 2)) - (0.0 if a < np.pi / 2 else 0.22 * (a - np.pi / 2) ** 2),
            )
            for a in angle
        ],
        0.028,
        metal,
        8,
    )
    x = reach / 2 * (1 - np.cos(2.3))
    k.rod("cord", (x, 0, height - 0.1), (x, 0, height - 0.38), 0.022, metal)
    _shade(k, x, 0, height - 0.5, 0.22)


def lamp_desk(k: Kit) -> None:
    """Jointed arm and a tilted cone."""
    rgb = colour(k.rng, "paint", "metal", "dark", "plastic")
    k.lathe("foot", [(0.22, 0), (0.2, 0.05), (0.05, 0.08)], rgb)
    elbow, head = np.array([0.0, k.u(0.15, 0.35), k.u(0.4, 0.6)]), np.array([0.0, -k.u(0.1, 0.35), k.u(0.75, 1.0)])
    k.rod("lower_arm", (0, 0, 0.05), elbow, 0.03, rgb)
    k.ball("elbow", elbow, (0.05,) * 3, colour(k.rng, "metal", "dark"), 8)
    k.rod("upper_arm", elbow, head, 0.03, rgb)
    aim = head + np.array([0, -0.16, -0.24])
    k.tube(
        "shade",
        [head + (head - aim) * 0.2, head, aim],
        [0.05, 0.08, k.u(0.17, 0.23)],
        k.pick(rgb, colour(k.rng, "shade")),
        16,
    )
    k.ball("bulb", aim, (0.08,) * 3, (0.98, 0.93, 0.7), 8)


def lamp_pendant(k: Kit) -> None:
    """Hanging: rose, cord, shade."""
    metal, drop = colour(k.rng, "metal", "brass", "dark"), k.u(0.4, 0.8)
    k.lathe("rose", [(0.14, 1.0), (0.14, 1.05)], metal)
    n = int(k.pick(1, 1, 3))
    if n == 1:
        k.rod("cord", (0, 0, 1.0), (0, 0, 1.0 - drop), 0.022, metal)
        _shade(k, 0, 0, 1.0 - drop - 0.25, k.u(0.26, 0.4))
        return
    for i in range(n):
        a = 2 * np.pi * i / n
        x, y = 0.34 * np.cos(a), 0.34 * np.sin(a)
        k.rod(f"arm_{i}", (0, 0, 1.0), (x, y, 1.0 - drop), 0.024, metal)
        k.lathe(f"shade_{i}", [(0.17, 0), (0.12, 0.12), (0.05, 0.2)], colour(k.rng, "shade"), (x, y, 1.0 - drop - 0.16))


def lamp_lantern(k: Kit) -> None:
    """A glass body in a frame."""
    metal, n = colour(k.rng, "dark", "brass", "metal"), int(k.pick(4, 6))
    r, height = k.u(0.22, 0.3), k.u(0.5, 0.75)
    k.lathe("base", [(r * 1.2, 0), (r * 1.1, 0.08)], metal, n=n)
    k.lathe("glass", [(r * 0.85, 0.08), (r, height)], colour(k.rng, "shade", "glass"), n=n)
    for i in range(n):
        a = 2 * np.pi * i / n
        k.rod(
            f"post_{i}",
            (r * 0.95 * np.cos(a), r * 0.95 * np.sin(a), 0.06),
            (r * 1.08 * np.cos(a), r * 1.08 * np.sin(a), height),
            0.025,
            metal,
            n=6,
        )
    k.lathe("roof", [(r * 1.3, height), (r * 0.5, height + 0.18), (0.04, height + 0.26)], metal, n=n)
    angle = np.linspace(0, np.pi, 7)
    k.tube("ring", [(0.1 * np.cos(a), 0, height + 0.26 + 0.12 * np.sin(a)) for a in angle], 0.022, metal, 6)


LAMPS = (lamp_table, lamp_floor, lamp_arc, lamp_desk, lamp_pendant, lamp_lantern)
