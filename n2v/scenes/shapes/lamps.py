"""Lamps: shades on stands, arms, brackets and cords."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve, grid
from n2v.scenes.shapes.supports import support

SHADES = "cone drum dome globe bell spot bulbs lantern tiers"


def _shade(k: Kit, kind: str, x: float, y: float, z: float, r: float) -> None:
    """Hanging from or standing on z, mouth downwards, about r wide."""
    arch, skirts = np.linspace(0, np.pi / 2, 7), []
    if kind == "cone":
        h = k.u(0.8, 1.8)
        skirts = [[(1, 0), (k.u(0.3, 0.8), h), (0.2, h)]]
    elif kind == "dome":
        skirts = [curve(np.cos(arch), k.u(0.6, 1.2) * np.sin(arch))]
    elif kind == "bell":
        skirts = [[(1.1, 0), (0.8, 0.15), (0.55, 0.6), (0.4, 1.1), (0.15, 1.4)]]
    elif kind == "tiers":
        skirts = [[(1, 0), (0.7, 0.3), (0.2, 0.55)]] * k.pick(2, 3)
    elif kind == "drum":
        h = k.u(0.5, 2.0)
        k.block("shade", (x, y, z + h * r / 2), (2 * r, 2 * r, h * r), "shade", roundness=k.pick(0.0, 1.0, 1.0))
    elif kind == "globe":
        k.ball("shade", (x, y, z + 0.8 * r), (r, r, r * k.u(0.7, 1.3)), "shade")
    elif kind == "spot":
        lean = k.u(0.2, 1.3)
        way, start = np.array([0, -np.sin(lean), -np.cos(lean)]), np.array([x, y, z + 0.5 * r])
        line = [start, start + 0.5 * r * way, start + 1.7 * r * way]
        k.tube("shade", line, [0.25 * r, 0.5 * r, 0.8 * r], "shade", 12)
    elif kind == "bulbs":  # several small lights on a ring
        n = k.pick(3, 4, 5, 6)
        for a in 2 * np.pi * np.arange(n) / n:
            at = np.array([x + 1.3 * r * np.cos(a), y + 1.3 * r * np.sin(a), z + 0.3 * r])
            k.tube("branch", [(x, y, z), (at[0], at[1], z - 0.1 * r), at], 0.018, "frame")
            k.lathe("bulb", [(0.15 * r, 0), (0.35 * r, 0.15 * r), (0.25 * r, 0.6 * r)], "shade", at)
    elif kind == "lantern":  # a lit core between posts under a roof
        a, b = grid(0.62 * PAIR, 0.62 * PAIR) * r
        k.box("shade", (x, y, z + 0.8 * r), (1.2 * r, 1.2 * r, 1.6 * r), "shade")
        k.rod("post", (x + a, y + b, z), (x + a, y + b, z + 1.6 * r), 0.05 * r, "frame")
        k.box("roof", (x, y, z + 1.75 * r), (1.5 * r, 1.5 * r, 0.35 * r), "frame", taper=0.3)
    for i, profile in enumerate(skirts):
        k.lathe("shade", np.array(profile) * (r * (1 - 0.25 * i)), "shade", (x, y, z + 0.5 * r * i))


def _post(k: Kit, h: float, r: float) -> tuple[float, float]:
    """Build what carries the shade; y and z of where it hangs."""
    kind = k.draw("support", "pedestal urn hung jointed tripod arc bracket star drum cross panels")
    if kind == "urn":  # turned or thrown
        shape = np.convolve(np.pad(k.rng.uniform(0.2, 1.0, 8), 1, "edge"), (0.25, 0.5, 0.25), "valid")
        belly = curve(np.maximum(0.75 * r * shape, 0.03), 0.02 + np.linspace(0, 1, 8) * 0.9 * h)
        k.lathe("urn", [(k.u(0.5, 0.9) * r, 0), *belly, (0.03, h + 0.2 * r)], "body")
    elif kind == "hung":  # from a ceiling
        top = h + r * k.u(1.2, 2.0) + 0.8 * r
        k.lathe("canopy", [(0.4 * r, 0), (0.35 * r, 0.06)], "frame", (0, 0, top))
        k.rod("cord", (0, 0, h), (0, 0, top), 0.015, "hub")
    elif kind == "jointed":  # two arms on a foot
        k.block("base", (0, 0, 0.02), (r * 1.4, r * 1.4, 0.05), "frame", roundness=k.pick(0.0, 1.0))
        knee, out = (0, k.u(0.05, 0.35), 0.6 * h), -k.u(0.1, 0.6)
        k.rod("arm", (0, 0, 0.02), knee, 0.02, "frame")
        k.ball("joint", knee, (0.035,) * 3, "hub")
        k.rod("arm", knee, (0, out, h + 0.2 * r), 0.02, "frame")
        return out, h
    elif kind == "arc":
        a, reach, top = np.linspace(np.pi, 0.15, 12), k.u(0.4, 0.9), k.u(0.2, 0.5)
        line = curve(0, -reach / 2 * (1 + np.cos(a)), h + top * np.sin(a))
        k.tube("arc", [(0, 0, 0.02), *line], 0.022, "frame")
        k.block("base", (0, -0.05, 0.03), (0.35, 0.35, 0.07), "frame", roundness=k.pick(0.0, 1.0))
        k.rod("cord", line[-1], (0, line[-1, 1], h - 0.1), 0.015, "hub")
        return float(line[-1, 1]), h - 1.0 * r
    elif kind == "bracket":  # from a wall
        out = -r * k.u(1.0, 2.0)
        k.block("wall_plate", (0, 0.02, h), (0.5 * r, 0.05, r * k.u(0.8, 1.8)), "frame", roundness=k.pick(0.0, 1.0))
        line = [(0, 0, h), (0, 0.6 * out, h - 0.35 * r), (0, out, h - 0.1 * r), (0, out, h + 0.3 * r)]
        k.tube("bracket", line, 0.025, "frame")
        return out, h
    else:
        foot = r * k.u(0.8, 2.0) * 1.3
        support(k, kind, foot, foot, h)
        k.rod("neck", (0, 0, 0.85 * h), (0, 0, h + 0.4 * r), 0.02, "frame")
    return 0.0, h


def lamp(k: Kit) -> None:
    r, h = k.size(0.2, 0.5), k.size(0.3, 1.0)
    shade = k.draw("body", SHADES)
    y, z = _post(k, h, r)
    extra = k.draw("extra", "none finial shelf twin chain rings")
    if extra == "twin":
        k.rod("branch", (-1.2 * r, y, z + 0.1 * r), (1.2 * r, y, z + 0.1 * r), 0.02, "frame")
    for x in 1.1 * r * PAIR if extra == "twin" else (0.0,):
        _shade(k, shade, x, y, z, r)
    if extra == "finial":
        k.ball("finial", (0, y, z + 1.5 * r), (0.03, 0.03, 0.03), "hub")
        k.rod("stem", (0, y, z), (0, y, z + 1.5 * r), 0.012, "hub")
    elif extra == "shelf" and k.slots["support"] not in ("hung", "bracket"):
        k.block("shelf", (0, 0, 0.45 * h), (1.6 * r, 1.6 * r, 0.03), "extra", roundness=k.pick(0.0, 1.0))
        k.rod("shelf_post", (0, 0, 0.02), (0, 0, 0.45 * h), 0.025, "frame")
    elif extra == "chain":
        k.rod("chain", (0.4 * r, y, z + 0.3 * r), (0.4 * r, y, z - 0.6 * r), 0.01, "hub")
    elif extra == "rings":
        k.lathe("ring", [(0.06, 0), (0.075, 0.015), (0.06, 0.03)], "extra", (0, y, z - np.array([0.3, 0.6]) * 0.3))
        k.rod("ring_post", (0, y, z - 0.2), (0, y, z + 0.2 * r), 0.02, "frame")
