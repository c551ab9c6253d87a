"""Lamps: shades on stands, arms, brackets and cords."""

from itertools import product

import numpy as np

from n2v.scenes.shapes.parts import Kit
from n2v.scenes.shapes.supports import SUPPORTS as STANDS

# ---- shades: hanging from or standing on z, mouth downwards, about r wide; `x`, `y` are where they hang


def _skirt(k: Kit, x: float, y: float, z: float, r: float, profile) -> None:
    k.lathe("shade", [(a * r, b * r) for a, b in profile], "shade", (x, y, z))


def _cone(k: Kit, x: float, y: float, z: float, r: float) -> None:
    h = k.u(0.8, 1.8)
    _skirt(k, x, y, z, r, [(1, 0), (k.u(0.3, 0.8), h), (0.2, h)])


def _drum(k: Kit, x: float, y: float, z: float, r: float) -> None:
    h = k.u(0.5, 2.0)
    k.block("shade", (x, y, z + h * r / 2), (2 * r, 2 * r, h * r), "shade", roundness=k.pick(0.0, 1.0, 1.0))


def _dome(k: Kit, x: float, y: float, z: float, r: float) -> None:
    a, h = np.linspace(0, np.pi / 2, 7), k.u(0.6, 1.2)
    _skirt(k, x, y, z, r, list(zip(np.cos(a), h * np.sin(a), strict=True)))


def _globe(k: Kit, x: float, y: float, z: float, r: float) -> None:
    k.ball("shade", (x, y, z + 0.8 * r), (r, r, r * k.u(0.7, 1.3)), "shade")


def _bell(k: Kit, x: float, y: float, z: float, r: float) -> None:
    _skirt(k, x, y, z, r, [(1.1, 0), (0.8, 0.15), (0.55, 0.6), (0.4, 1.1), (0.15, 1.4)])


def _spot(k: Kit, x: float, y: float, z: float, r: float) -> None:
    a = k.u(0.2, 1.3)
    way = np.array([0, -np.sin(a), -np.cos(a)])
    start = np.array([x, y, z + 0.5 * r])
    k.tube("shade", [start, start + 0.5 * r * way, start + 1.7 * r * way], [0.25 * r, 0.5 * r, 0.8 * r], "shade", 12)


def _bulbs(k: Kit, x: float, y: float, z: float, r: float) -> None:
    """Several small lights on a ring."""
    n = k.pick(3, 4, 5, 6)
    for a in 2 * np.pi * np.arange(n) / n:
        at = np.array([x + 1.3 * r * np.cos(a), y + 1.3 * r * np.sin(a), z + 0.3 * r])
        k.tube("branch", [(x, y, z), (at[0], at[1], z - 0.1 * r), at], 0.018, "frame")
        k.lathe("bulb", [(0.15 * r, 0), (0.35 * r, 0.15 * r), (0.25 * r, 0.6 * r)], "shade", at)


def _box(k: Kit, x: float, y: float, z: float, r: float) -> None:
    """A lantern: a lit core between posts under a roof."""
    k.box("shade", (x, y, z + 0.8 * r), (1.2 * r, 1.2 * r, 1.6 * r), "shade")
    for a, b in product((-0.62, 0.62), (-0.62, 0.62)):
        k.rod("post", (x + a * r, y + b * r, z), (x + a * r, y + b * r, z + 1.6 * r), 0.05 * r, "frame")
    k.box("roof", (x, y, z + 1.75 * r), (1.5 * r, 1.5 * r, 0.35 * r), "frame", taper=0.3)


def _tiers(k: Kit, x: float, y: float, z: float, r: float) -> None:
    for i in range(k.pick(2, 3)):
        _skirt(k, x, y, z + 0.5 * r * i, r * (1 - 0.25 * i), [(1, 0), (0.7, 0.3), (0.2, 0.55)])


SHADES = {"cone": _cone, "drum": _drum, "dome": _dome, "globe": _globe, "bell": _bell, "spot": _spot, "bulbs": _bulbs,
          "lantern": _box, "tiers": _tiers}  # fmt: skip

# ---- supports: build what carries the shade and return where it hangs


def _on(stand: str):
    def build(k: Kit, h: float, r: float) -> tuple[float, float, float]:
        foot = r * k.u(0.8, 2.0)
        STANDS[stand](k, foot * 1.3, foot * 1.3, h)
        k.rod("neck", (0, 0, 0.85 * h), (0, 0, h + 0.4 * r), 0.02, "frame")
        return 0.0, 0.0, h

    return build


def _urn(k: Kit, h: float, r: float) -> tuple[float, float, float]:
    """A turned or thrown body."""
    z = np.linspace(0, 1, 8)
    shape = np.convolve(np.pad(k.rng.uniform(0.2, 1.0, 8), 1, "edge"), (0.25, 0.5, 0.25), "valid")
    foot = (k.u(0.5, 0.9) * r, 0)
    belly = [(max(0.75 * r * s, 0.03), 0.02 + t * 0.9 * h) for s, t in zip(shape, z, strict=True)]
    k.lathe("urn", [foot, *belly, (0.03, h + 0.2 * r)], "body")
    return 0.0, 0.0, h


def _jointed(k: Kit, h: float, r: float) -> tuple[float, float, float]:
    """Two arms on a foot."""
    k.block("base", (0, 0, 0.02), (r * 1.4, r * 1.4, 0.05), "frame", roundness=k.pick(0.0, 1.0))
    knee, out = (0, k.u(0.05, 0.35), 0.6 * h), -k.u(0.1, 0.6)
    k.rod("arm", (0, 0, 0.02), knee, 0.02, "frame")
    k.ball("joint", knee, (0.035,) * 3, "hub")
    k.rod("arm", knee, (0, out, h + 0.2 * r), 0.02, "frame")
    return 0.0, out, h


def _arc(k: Kit, h: float, r: float) -> tuple[float, float, float]:
    a, reach = np.linspace(np.pi, 0.15, 12), k.u(0.4, 0.9)
    top = k.u(0.2, 0.5)
    line = np.column_stack([0 * a, -reach / 2 * (1 + np.cos(a)), h + top * np.sin(a)])
    k.tube("arc", [(0, 0, 0.02), *line], 0.022, "frame")
    k.block("base", (0, -0.05, 0.03), (0.35, 0.35, 0.07), "frame", roundness=k.pick(0.0, 1.0))
    k.rod("cord", line[-1], (0, line[-1][1], h - 0.1), 0.015, "hub")
    return 0.0, float(line[-1][1]), h - 1.0 * r


def _hung(k: Kit, h: float, r: float) -> tuple[float, float, float]:
    """From a ceiling."""
    up = h + r * k.u(1.2, 2.0)
    k.lathe("canopy", [(0.4 * r, 0), (0.35 * r, 0.06)], "frame", (0, 0, up + 0.8 * r))
    k.rod("cord", (0, 0, h), (0, 0, up + 0.8 * r), 0.015, "hub")
    return 0.0, 0.0, h


def _bracket(k: Kit, h: float, r: float) -> tuple[float, float, float]:
    """From a wall."""
    out = -r * k.u(1.0, 2.0)
    k.block("wall_plate", (0, 0.02, h), (0.5 * r, 0.05, r * k.u(0.8, 1.8)), "frame", roundness=k.pick(0.0, 1.0))
    line = [(0, 0, h), (0, 0.6 * out, h - 0.35 * r), (0, out, h - 0.1 * r), (0, out, h + 0.3 * r)]
    k.tube("bracket", line, 0.025, "frame")
    return 0.0, out, h


POSTS = {
    "pedestal": _on("pedestal"), "urn": _urn, "hung": _hung, "jointed": _jointed, "tripod": _on("tripod"),
    "arc": _arc, "bracket": _bracket, "star": _on("star"), "drum": _on("drum"), "cross": _on("cross"),
    "panels": _on("panels"),
}  # fmt: skip


def lamp(k: Kit) -> None:
    r, h = k.size(0.2, 0.5), k.size(0.3, 1.0)
    body = k.draw("body", SHADES)
    x, y, z = k.draw("support", POSTS)(k, h, r)
    n = 1
    extra = k.draw("extra", "none finial shelf twin chain rings")
    if extra == "twin":
        n = 2
        k.rod("branch", (x - 1.2 * r, y, z + 0.1 * r), (x + 1.2 * r, y, z + 0.1 * r), 0.02, "frame")
    for i in range(n):
        body(k, x + (2 * i - 1) * 1.1 * r * (n == 2), y, z, r)
    if extra == "finial":
        k.ball("finial", (x, y, z + 1.5 * r), (0.03, 0.03, 0.03), "hub")
        k.rod("stem", (x, y, z), (x, y, z + 1.5 * r), 0.012, "hub")
    elif extra == "shelf" and k.slots["support"] not in ("hung", "bracket"):
        k.block("shelf", (0, 0, 0.45 * h), (1.6 * r, 1.6 * r, 0.03), "extra", roundness=k.pick(0.0, 1.0))
        k.rod("shelf_post", (0, 0, 0.02), (0, 0, 0.45 * h), 0.025, "frame")
    elif extra == "chain":
        k.rod("chain", (x + 0.4 * r, y, z + 0.3 * r), (x + 0.4 * r, y, z - 0.6 * r), 0.01, "hub")
    elif extra == "rings":
        for at in (0.3, 0.6):
            k.lathe("ring", [(0.06, 0), (0.075, 0.015), (0.06, 0.03)], "extra", (x, y, z - at * 0.3))
        k.rod("ring_post", (x, y, z - 0.2), (x, y, z + 0.2 * r), 0.02, "frame")
