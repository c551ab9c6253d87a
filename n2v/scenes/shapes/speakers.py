"""Loudspeakers. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker


def _cone(k: Kit, name: str, x: float, z: float, y: float, radius: float, rgb) -> None:
    k.lathe(
        f"{name}_rim",
        [(radius, 0), (radius * 1.1, 0.03), (radius * 0.95, 0.05)],
        darker(rgb, 0.5),
        (x, y - 0.05, z),
        "y",
    )
    k.lathe(f"{name}_dome", [(radius * 0.8, 0.0), (radius * 0.35, 0.03)], rgb, (x, y - 0.04, z), "y")


def _cabinet(k: Kit, width: float, depth: float, height: float, z: float = 0.0) -> tuple:
    body = colour(k.rng, "wood", "dark", "white")
    k.box("cabinet", (0, 0, z + height / 2), (width, depth, height), body, radius=k.pick(0.0, 0.04))
    if k.chance(0.5):
        k.box(
            "baffle",
            (0, -depth / 2, z + height / 2),
            (width * 0.92, 0.03, height * 0.94),
            colour(k.rng, "dark", "fabric"),
        )
    return body, colour(k.rng, "dark", "metal", "brass", "plastic", "white")


def speaker_bookshelf(k: Kit) -> None:
    width, depth, height = k.u(0.45, 0.6), k.u(0.4, 0.55), k.u(0.7, 0.95)
    _, cone = _cabinet(k, width, depth, height)
    _cone(k, "woofer", 0, 0.34 * height, -depth / 2, 0.36 * width, cone)
    _cone(k, "tweeter", 0, 0.76 * height, -depth / 2, 0.18 * width, cone)


def speaker_tower(k: Kit) -> None:
    width, depth, height = k.u(0.32, 0.42), k.u(0.35, 0.5), k.u(1.2, 1.6)
    body, cone = _cabinet(k, width, depth, height, 0.05)
    k.box("plinth", (0, 0, 0.03), (width * 1.3, depth * 1.2, 0.06), darker(body, 0.6))
    n = int(k.pick(2, 3, 4))
    for i in range(n):
        _cone(
            k,
            f"driver_{i}",
            0,
            0.25 + (height - 0.35) * i / max(n - 1, 1) * 0.9,
            -depth / 2,
            width * (0.38 if i < n - 1 else 0.24),
            cone,
        )


def speaker_stage(k: Kit) -> None:
    """Amplifier box: grille, panel and corner caps."""
    width, depth, height = k.u(0.8, 1.2), k.u(0.4, 0.55), k.u(0.7, 1.0)
    body, cone = _cabinet(k, width, depth, height)
    n = int(k.pick(1, 2))
    for i in range(n):
        x = 0 if n == 1 else (i - 0.5) * width * 0.48
        _cone(
            k,
            f"driver_{i}",
            x,
            0.42 * height,
            -depth / 2,
            min(0.22 * width * (1.6 if n == 1 else 1), 0.36 * height),
            cone,
        )
    k.box(
        "panel",
        (0, -depth / 2 - 0.02, 0.88 * height),
        (width * 0.9, 0.04, 0.13 * height),
        colour(k.rng, "metal", "brass"),
    )
    k.rod("handle", (-width / 5, 0, height + 0.05), (width / 5, 0, height + 0.05), 0.03, darker(body, 0.6))


def speaker_egg(k: Kit) -> None:
    body, stretch = colour(k.rng, "plastic", "white", "dark"), k.u(0.9, 1.4)
    k.ball("body", (0, 0, 0.5 * stretch), (0.45, 0.42, 0.5 * stretch), body, 18)
    k.lathe("foot", [(0.3, 0), (0.26, 0.05), (0.1, 0.09)], darker(body, 0.6))
    cone = colour(k.rng, "dark", "metal", "brass")
    _cone(k, "woofer", 0, 0.42 * stretch, -0.39, 0.22, cone)
    _cone(k, "tweeter", 0, 0.74 * stretch, -0.33, 0.11, cone)


def speaker_cylinder(k: Kit) -> None:
    """Portable: a cloth drum with caps."""
    radius, height, cloth = k.u(0.24, 0.36), k.u(0.7, 1.1), colour(k.rng, "fabric", "plastic", "dark")
    cap = colour(k.rng, "dark", "metal", "white")
    k.lathe("cloth", [(radius, 0.06), (radius * k.u(0.95, 1.08), height / 2), (radius, height - 0.06)], cloth)
    k.lathe("foot", [(radius * 0.9, 0), (radius * 1.03, 0.07)], cap)
    k.lathe("top", [(radius * 1.03, height - 0.07), (radius * 0.9, height)], cap)
    if k.chance(0.5):
        angle = np.linspace(0, np.pi, 7)
        k.tube("handle", [(radius * 0.7 * np.cos(a), 0, height + 0.2 * np.sin(a)) for a in angle], 0.03, cap)


SPEAKERS = (speaker_bookshelf, speaker_tower, speaker_stage, speaker_egg, speaker_cylinder)
