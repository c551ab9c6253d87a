"""Plausible colours by material, sRGB in [0, 1]."""

import colorsys

import numpy as np

# hue, saturation and value ranges; several rows: one of them is drawn
MATERIALS = {
    "wood": [(0.05, 0.10, 0.35, 0.7, 0.35, 0.8), (0.07, 0.11, 0.2, 0.45, 0.7, 0.92), (0.02, 0.06, 0.45, 0.7, 0.2, 0.4)],
    "metal": [(0.55, 0.65, 0.0, 0.12, 0.45, 0.8), (0.08, 0.12, 0.05, 0.2, 0.3, 0.55)],
    "brass": [(0.10, 0.14, 0.45, 0.7, 0.6, 0.85)],
    "dark": [(0.0, 1.0, 0.0, 0.25, 0.18, 0.36)],
    "white": [(0.0, 1.0, 0.0, 0.08, 0.82, 0.97)],
    "fabric": [(0.0, 1.0, 0.3, 0.75, 0.3, 0.85), (0.05, 0.15, 0.1, 0.35, 0.5, 0.9), (0.55, 0.7, 0.2, 0.6, 0.25, 0.7)],
    "plastic": [(0.0, 1.0, 0.5, 0.95, 0.55, 0.95)],
    "paint": [(0.0, 1.0, 0.55, 0.95, 0.4, 0.95), (0.0, 1.0, 0.0, 0.1, 0.2, 0.95)],
    "glass": [(0.5, 0.6, 0.15, 0.45, 0.3, 0.6)],
    "screen": [(0.5, 0.7, 0.3, 0.8, 0.1, 0.5), (0.0, 1.0, 0.3, 0.8, 0.4, 0.9)],
    "rubber": [(0.0, 1.0, 0.0, 0.1, 0.12, 0.22)],
    "shade": [(0.08, 0.16, 0.05, 0.35, 0.85, 0.98), (0.0, 1.0, 0.3, 0.6, 0.6, 0.9)],
    "olive": [(0.12, 0.3, 0.25, 0.5, 0.2, 0.45)],
}


def colour(rng: np.random.Generator, *materials: str) -> tuple[float, float, float]:
    """A random colour of one of the materials."""
    ranges = MATERIALS[materials[int(rng.integers(len(materials)))]]
    h0, h1, s0, s1, v0, v1 = ranges[int(rng.integers(len(ranges)))]
    return colorsys.hsv_to_rgb(rng.uniform(h0, h1) % 1, rng.uniform(s0, s1), rng.uniform(v0, v1))


def darker(rgb, factor: float = 0.7) -> tuple[float, ...]:
    """The same hue with less light."""
    return tuple(channel * factor for channel in rgb)
