"""Chairs and benches. Front towards -y."""

from itertools import pairwise

import numpy as np

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker


def four_legs(k: Kit, width: float, depth: float, height: float, r: float, rgb, splay: float = 0.0) -> None:
    round_leg = k.chance(0.5)
    for i, (sx, sy) in enumerate([(-1, -1), (1, -1), (1, 1), (-1, 1)]):
        x, y = sx * (width / 2 - r), sy * (depth / 2 - r)
        foot = (x + sx * splay, y + sy * splay, 0)
        if round_leg or splay:
            k.rod(f"leg_{i}", foot, (x, y, height), 0.7 * r, rgb, r)
        else:
            k.box(f"leg_{i}", (x, y, height / 2), (1.8 * r, 1.8 * r, height), rgb)


def _seat_and_back(k: Kit, width: float, depth: float, height: float, back: float, seat_rgb, frame_rgb) -> None:
    """A seat plate and one of four backs."""
    thick = k.u(0.04, 0.09)
    k.box("seat", (0, 0, height + thick / 2), (width, depth, thick), seat_rgb, radius=k.u(0.0, 0.08))
    style, y, top = k.pick("solid", "slats", "bars", "curved"), depth / 2 - 0.03, height + thick + back
    if style == "solid":
        k.box("back", (0, y, height + thick + back / 2), (width, 0.06, back), seat_rgb, tilt=-k.u(0.03, 0.2))
        return
    for side in (-1, 1):
        x = side * (width / 2 - 0.035)
        k.box(f"post_{side > 0:d}", (x, y, height + back / 2), (0.06, 0.06, back + 0.05), frame_rgb)
    if style == "slats":
        for i, z in enumerate(np.linspace(height + 0.35 * back, top - 0.06, int(k.pick(2, 3, 4)))):
            k.box(f"slat_{i}", (0, y, z), (width - 0.08, 0.04, 0.09), seat_rgb)
    elif style == "bars":
        k.box("rail", (0, y, top - 0.05), (width, 0.06, 0.09), frame_rgb)
        for i, x in enumerate(np.linspace(-0.3, 0.3, int(k.pick(3, 4, 5))) * width):
            k.rod(f"bar_{i}", (x, y, height), (x, y, top - 0.05), 0.022, seat_rgb)
    else:
        angle = np.linspace(-1.0, 1.0, 9)
        for i, z in enumerate((height + 0.55 * back, top - 0.06)):
            line = [(np.sin(a) * width / 1.7, y + 0.12 - 0.25 * np.cos(a) * 0.5, z) for a in angle]
            k.tube(f"rail_{i}", line, 0.045, seat_rgb, 8)


def chair_four_legs(k: Kit) -> None:
    width, depth, height = k.u(0.42, 0.6), k.u(0.42, 0.55), k.u(0.4, 0.52)
    frame = colour(k.rng, "wood", "metal", "paint")
    seat = k.pick(frame, colour(k.rng, "fabric", "plastic"))
    four_legs(k, width, depth, height, k.u(0.025, 0.045), frame, k.pick(0.0, k.u(0.02, 0.1)))
    _seat_and_back(k, width, depth, height, k.u(0.35, 0.6), seat, frame)


def chair_sled(k: Kit) -> None:
    width, depth, height = k.u(0.45, 0.58), k.u(0.42, 0.55), k.u(0.4, 0.48)
    metal, seat = colour(k.rng, "metal", "dark", "brass"), colour(k.rng, "fabric", "plastic", "wood")
    for side in (-1, 1):
        x = side * width / 2
        y0, y1 = -depth / 2, depth / 2
        line = [(x, y1, height), (x, y1 * 0.95, 0.03), (x, y0, 0.03), (x, y0, height)]
        k.tube(
            f"runner_{side > 0:d}",
            np.concatenate([np.linspace(a, b, 4) for a, b in pairwise(line)]),
            0.028,
            metal,
        )
    _seat_and_back(k, width, depth, height, k.u(0.35, 0.5), seat, metal)


def chair_swivel(k: Kit) -> None:
    height, metal = k.u(0.42, 0.52), colour(k.rng, "metal", "dark")
    fabric, n_feet = colour(k.rng, "fabric", "plastic", "dark"), int(k.pick(4, 5, 5))
    for i in range(n_feet):
        a = 2 * np.pi * (i + 0.5) / n_feet
        foot = (0.32 * np.cos(a), 0.32 * np.sin(a), 0.05)
        k.rod(f"foot_{i}", (0, 0, 0.1), foot, 0.035, metal, 0.022)
        k.ball(f"castor_{i}", (foot[0], foot[1], 0.035), (0.035,) * 3, colour(k.rng, "rubber"), 8)
    k.rod("column", (0, 0, 0.08), (0, 0, height), 0.035, metal)
    width, back = k.u(0.45, 0.6), k.u(0.4, 0.7)
    k.box("seat", (0, 0, height + 0.05), (width, 0.48, 0.1), fabric, radius=0.1)
    k.box(
        "back",
        (0, 0.24, height + 0.15 + back / 2),
        (width * 0.9, 0.09, back),
        fabric,
        radius=0.04,
        tilt=-k.u(0.05, 0.2),
    )
    k.rod("back_post", (0, 0.16, height + 0.03), (0, 0.24, height + 0.15 + back / 2), 0.03, metal)
    if k.chance(0.6):
        for side in (-1, 1):
            x = side * (width / 2 + 0.02)
            k.box(f"arm_{side > 0:d}", (x, 0, height + 0.25), (0.06, 0.3, 0.05), metal)
            k.rod(f"arm_post_{side > 0:d}", (x, 0.05, height + 0.04), (x, 0.05, height + 0.25), 0.025, metal)


def chair_stool(k: Kit) -> None:
    height, radius = k.u(0.5, 0.8), k.u(0.17, 0.24)
    frame, seat = colour(k.rng, "wood", "metal", "paint"), colour(k.rng, "wood", "fabric", "plastic")
    k.lathe("seat", [(0.9 * radius, height), (radius, height + 0.03), (0.9 * radius, height + 0.08)], seat)
    n_legs, spread = int(k.pick(3, 4)), k.u(1.0, 1.35)
    for i in range(n_legs):
        a = 2 * np.pi * i / n_legs + np.pi / 4
        x, y = np.cos(a) * radius, np.sin(a) * radius
        k.rod(f"leg_{i}", (spread * x, spread * y, 0), (0.75 * x, 0.75 * y, height), 0.022, frame, 0.03)
    a = np.linspace(0, 2 * np.pi, 17)[:-1]
    ring = radius * (0.75 + 0.6 * (spread - 0.75) * 0.95)
    for i in range(16):
        start, end = (np.array([np.cos(b) * ring, np.sin(b) * ring, 0.35 * height]) for b in (a[i], a[(i + 1) % 16]))
        k.rod(f"ring_{i}", start, end, 0.018, frame, n=6)


def chair_armchair(k: Kit) -> None:
    fabric, width = colour(k.rng, "fabric"), k.u(0.7, 0.9)
    cushion = k.pick(fabric, darker(fabric, 1.2 if max(fabric) < 0.8 else 0.8), colour(k.rng, "fabric"))
    depth, height, back = k.u(0.65, 0.8), k.u(0.36, 0.44), k.u(0.35, 0.55)
    four_legs(k, width, depth, 0.12, 0.035, colour(k.rng, "wood", "dark"))
    k.box("base", (0, 0, 0.12 + (height - 0.12) / 2), (width, depth, height - 0.12), fabric, radius=0.05)
    k.box("cushion", (0, -0.04, height + 0.05), (width - 0.26, depth - 0.15, 0.12), cushion, radius=0.05)
    k.box(
        "back", (0, depth / 2 - 0.08, height + back / 2), (width, 0.16, back), fabric, radius=0.06, tilt=-k.u(0.0, 0.15)
    )
    arm = k.u(0.16, 0.26)
    for side in (-1, 1):
        k.box(
            f"arm_{side > 0:d}",
            (side * (width / 2 - 0.07), -0.02, height + arm / 2),
            (0.14, depth - 0.05, arm),
            fabric,
            radius=0.06,
        )


def chair_rocking(k: Kit) -> None:
    width, depth, height = k.u(0.48, 0.58), k.u(0.45, 0.55), k.u(0.4, 0.46)
    wood = colour(k.rng, "wood", "paint")
    angle = np.linspace(-0.55, 0.6, 11)
    for side in (-1, 1):
        line = [(side * (width / 2 - 0.03), 0.85 * np.sin(a), 0.85 * (1 - np.cos(a)) + 0.03) for a in angle]
        k.tube(f"rocker_{side > 0:d}", line, 0.032, wood, 8)
    four_legs(k, width, depth * 0.9, height, 0.03, wood)
    _seat_and_back(k, width, depth, height, k.u(0.55, 0.75), k.pick(wood, colour(k.rng, "fabric")), wood)
    for side in (-1, 1):
        k.box(f"arm_{side > 0:d}", (side * width / 2, -0.02, height + 0.24), (0.06, depth, 0.035), wood)
        k.rod(
            f"arm_post_{side > 0:d}",
            (side * width / 2, -depth / 2 + 0.06, height),
            (side * width / 2, -depth / 2 + 0.06, height + 0.24),
            0.022,
            wood,
        )


def _bench_seat(k: Kit, width: float, depth: float, height: float, rgb) -> None:
    if k.chance(0.5):
        n = int(k.pick(3, 4))
        for i, y in enumerate(np.linspace(-depth / 2, depth / 2, n + 1)[:-1] + depth / n / 2):
            k.box(f"plank_{i}", (0, y, height), (width, 0.8 * depth / n, 0.05), rgb)
    else:
        k.box("seat", (0, 0, height), (width, depth, k.u(0.05, 0.1)), rgb, radius=k.pick(0.0, 0.03))


def bench_park(k: Kit) -> None:
    width, depth, height = k.u(1.2, 1.8), k.u(0.4, 0.5), k.u(0.4, 0.46)
    wood, metal = colour(k.rng, "wood", "paint"), colour(k.rng, "dark", "metal", "paint")
    _bench_seat(k, width, depth, height, wood)
    n = int(k.pick(2, 3))
    for i, z in enumerate(np.linspace(height + 0.14, height + 0.42, n)):
        k.box(f"back_{i}", (0, depth / 2 + 0.04 + 0.25 * (z - height), z), (width, 0.045, 0.1), wood, tilt=-0.25)
    arms = k.chance(0.6)
    for side in (-1, 1):
        x = side * (width / 2 - 0.12)
        k.box(f"leg_front_{side > 0:d}", (x, -depth / 2 + 0.05, height / 2), (0.07, 0.07, height), metal)
        k.rod(f"leg_back_{side > 0:d}", (x, depth / 2 - 0.02, 0), (x, depth / 2 + 0.16, height + 0.48), 0.04, metal)
        k.box(f"foot_{side > 0:d}", (x, 0, height - 0.05), (0.06, depth, 0.05), metal)
        if arms:
            k.box(f"arm_{side > 0:d}", (x, 0, height + 0.22), (0.07, depth, 0.05), metal)
            k.box(f"arm_post_{side > 0:d}", (x, -depth / 2 + 0.05, height + 0.1), (0.06, 0.06, 0.22), metal)


def bench_backless(k: Kit) -> None:
    width, depth, height = k.u(1.0, 1.7), k.u(0.32, 0.45), k.u(0.38, 0.46)
    rgb = colour(k.rng, "wood", "fabric", "paint")
    _bench_seat(k, width, depth, height, rgb)
    four_legs(k, width - 0.1, depth, height, k.u(0.03, 0.05), k.pick(rgb, colour(k.rng, "metal", "dark")))


def bench_slab(k: Kit) -> None:
    """Stone or concrete: a slab on two blocks."""
    width, depth, height = k.u(1.0, 1.6), k.u(0.35, 0.5), k.u(0.36, 0.46)
    stone = colour(k.rng, "white", "metal", "wood")
    k.box("slab", (0, 0, height), (width, depth, k.u(0.08, 0.14)), stone, radius=k.pick(0.0, 0.02))
    x, thick, taper = width * k.u(0.28, 0.38), k.u(0.12, 0.25), k.u(0.7, 1.0)
    for side in (-1, 1):
        size = (thick, depth * 0.85, height)
        k.box(f"block_{side > 0:d}", (side * x, 0, height / 2), size, darker(stone, 0.85), taper=taper)


def bench_picnic(k: Kit) -> None:
    """Table and two benches in one frame: a bench that looks like a table."""
    width, wood = k.u(1.3, 1.7), colour(k.rng, "wood", "paint")
    for i, y in enumerate((-0.22, 0.0, 0.22)):
        k.box(f"top_{i}", (0, y, 0.72), (width, 0.19, 0.05), wood)
    for side in (-1, 1):
        k.box(f"bench_{side > 0:d}", (0, side * 0.62, 0.43), (width, 0.25, 0.05), wood)
    for side in (-1, 1):
        x = side * width * 0.33
        k.box(f"bar_{side > 0:d}", (x, 0, 0.38), (0.08, 1.35, 0.07), darker(wood))
        for way in (-1, 1):
            k.rod(f"leg_{side > 0:d}{way > 0:d}", (x, way * 0.5, 0), (x, way * 0.18, 0.7), 0.045, darker(wood))


def bench_storage(k: Kit) -> None:
    """A chest to sit on."""
    width, depth, height = k.u(0.9, 1.3), k.u(0.38, 0.48), k.u(0.38, 0.46)
    wood = colour(k.rng, "wood", "white", "paint")
    k.box("chest", (0, 0, height / 2), (width, depth, height), wood)
    k.box("cushion", (0, 0, height + 0.04), (width, depth, 0.09), colour(k.rng, "fabric"), radius=0.04)
    for i, x in enumerate((-width / 4, width / 4)):
        k.box(f"door_{i}", (x, -depth / 2, height / 2), (width / 2.3, 0.03, height * 0.75), darker(wood, 0.85))
    if k.chance(0.6):
        k.box("back", (0, depth / 2, height + 0.25), (width, 0.06, 0.5), wood)


CHAIRS = (chair_four_legs, chair_sled, chair_swivel, chair_stool, chair_armchair, chair_rocking)
BENCHES = (bench_park, bench_backless, bench_slab, bench_picnic, bench_storage)
