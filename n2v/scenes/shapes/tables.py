"""Tables and cabinets. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit, circle, rounded_rectangle
from n2v.scenes.shapes.palette import colour, darker


def _legs(k: Kit, width: float, depth: float, height: float, rgb) -> None:
    r, style = k.u(0.03, 0.055), k.pick("box", "round", "turned")
    for i, (sx, sy) in enumerate([(-1, -1), (1, -1), (1, 1), (-1, 1)]):
        x, y = sx * (width / 2 - r - 0.03), sy * (depth / 2 - r - 0.03)
        if style == "box":
            k.box(f"leg_{i}", (x, y, height / 2), (1.7 * r, 1.7 * r, height), rgb)
        elif style == "round":
            k.rod(f"leg_{i}", (x, y, 0), (x, y, height), 0.7 * r, rgb, r)
        else:
            profile = [(0.6, 0), (0.9, 0.1), (0.55, 0.25), (1.0, 0.5), (0.6, 0.75), (1.1, 0.85), (1.1, 1.0)]
            k.lathe(f"leg_{i}", [(r * a, height * b) for a, b in profile], rgb, (x, y, 0), n=12)


def table_dining(k: Kit) -> None:
    width, depth, height = k.u(1.1, 1.8), k.u(0.7, 0.95), k.u(0.68, 0.78)
    wood = colour(k.rng, "wood", "white", "paint")
    top = k.pick(wood, colour(k.rng, "wood", "glass", "white"))
    k.box("top", (0, 0, height), (width, depth, k.u(0.04, 0.08)), top, radius=k.pick(0.0, 0.1))
    k.box("apron", (0, 0, height - 0.08), (width - 0.16, depth - 0.16, 0.1), wood)
    _legs(k, width, depth, height, wood)


def table_round(k: Kit) -> None:
    radius, height = k.u(0.45, 0.7), k.u(0.6, 0.8)
    wood = colour(k.rng, "wood", "white", "paint", "metal")
    thick = k.u(0.03, 0.06)
    k.lathe(
        "top",
        [(radius * 0.96, height - thick), (radius, height - thick / 2), (radius, height)],
        k.pick(wood, colour(k.rng, "glass", "wood")),
        n=28,
    )
    n = int(k.pick(3, 4))
    for i in range(n):
        a = 2 * np.pi * i / n + np.pi / 4
        x, y, splay = 0.7 * radius * np.cos(a), 0.7 * radius * np.sin(a), k.u(1.0, 1.25)
        k.rod(f"leg_{i}", (splay * x, splay * y, 0), (x, y, height - thick), 0.03, wood, 0.045)


def table_pedestal(k: Kit) -> None:
    radius, height = k.u(0.4, 0.7), k.u(0.6, 0.95)
    rgb = colour(k.rng, "wood", "white", "metal", "dark")
    foot, neck = k.u(0.25, 0.4), k.u(0.04, 0.09)
    profile = [
        (foot, 0),
        (foot, 0.04),
        (neck * 1.8, 0.12),
        (neck, 0.3),
        (neck * k.u(1.0, 1.7), 0.5),
        (neck, 0.75),
        (neck * 2, 0.97),
    ]
    k.lathe("pedestal", [(r, z * height) for r, z in profile], rgb)
    top = k.pick(rgb, colour(k.rng, "wood", "white", "glass"))
    if k.chance(0.7):
        k.lathe("top", [(radius, height - 0.05), (radius, height)], top, n=28)
    else:
        k.box("top", (0, 0, height - 0.025), (1.5 * radius, 1.5 * radius, 0.05), top, radius=0.05)


def table_desk(k: Kit) -> None:
    """Drawers on one or both sides: between table and cabinet."""
    width, depth, height = k.u(1.1, 1.6), k.u(0.55, 0.75), k.u(0.7, 0.78)
    wood = colour(k.rng, "wood", "white", "metal")
    front = k.pick(darker(wood, 0.85), colour(k.rng, "wood", "paint"))
    k.box("top", (0, 0, height), (width, depth, 0.05), wood)
    sides = k.pick((-1,), (1,), (-1, 1))
    for side in (-1, 1):
        if side in sides:
            x = side * (width / 2 - 0.2)
            k.box(f"chest_{side > 0:d}", (x, 0.02, height / 2), (0.38, depth - 0.06, height), wood)
            n = int(k.pick(2, 3, 4))
            for i in range(n):
                z = 0.06 + (i + 0.5) * (height - 0.1) / n
                k.box(
                    f"drawer_{side > 0:d}{i}", (x, -depth / 2 + 0.04, z), (0.34, 0.04, 0.85 * (height - 0.1) / n), front
                )
        else:
            k.box(f"side_{side > 0:d}", (side * (width / 2 - 0.03), 0, height / 2), (0.05, depth - 0.06, height), wood)
    if k.chance(0.5):
        k.box("modesty", (0, depth / 2 - 0.08, height * 0.65), (width - 0.1, 0.03, height * 0.55), wood)


def table_trestle(k: Kit) -> None:
    width, depth, height = k.u(1.2, 1.7), k.u(0.6, 0.8), k.u(0.7, 0.76)
    wood, top = colour(k.rng, "wood", "metal", "paint"), colour(k.rng, "wood", "white")
    k.box("top", (0, 0, height), (width, depth, 0.05), top)
    crossed = k.chance(0.5)
    foot, head = (0.42, -0.3) if crossed else (0.45, 0.1)
    for side in (-1, 1):
        x = side * width * 0.34
        k.box(f"beam_{side > 0:d}", (x, 0, height - 0.06), (0.08, depth * 0.8, 0.07), wood)
        for way in (-1, 1):
            start, end = (x, way * depth * foot, 0), (x, way * depth * head, height - 0.05)
            k.rod(f"leg_{side > 0:d}{way > 0:d}", start, end, 0.035, wood)
    z = 0.58 * height if crossed else height - 0.11
    k.rod("stretcher", (-width * 0.34, 0, z), (width * 0.34, 0, z), 0.03, wood)


def table_coffee(k: Kit) -> None:
    """Low, with a shelf: between table and bench."""
    width, depth, height = k.u(0.8, 1.3), k.u(0.45, 0.7), k.u(0.32, 0.45)
    frame, top = colour(k.rng, "wood", "metal", "brass"), colour(k.rng, "wood", "glass", "white")
    k.box("top", (0, 0, height), (width, depth, 0.05), top, radius=k.pick(0.0, 0.15))
    _legs(k, width, depth, height, frame)
    if k.chance(0.7):
        k.box("shelf", (0, 0, height * 0.35), (width - 0.12, depth - 0.12, 0.035), frame)


def _body(k: Kit, width: float, depth: float, height: float) -> tuple:
    """Carcass on a plinth or feet; returns body and front colours and the lowest height of the front."""
    body = colour(k.rng, "wood", "white", "paint", "metal")
    front = k.pick(body, darker(body, 0.8), colour(k.rng, "wood", "white", "paint"))
    foot = k.pick(0.0, 0.06, 0.14)
    k.box("body", (0, 0, foot + height / 2), (width, depth, height), body)
    if foot:
        for i, (sx, sy) in enumerate([(-1, -1), (1, -1), (1, 1), (-1, 1)]):
            k.box(
                f"foot_{i}",
                (sx * (width / 2 - 0.05), sy * (depth / 2 - 0.05), foot / 2),
                (0.07, 0.07, foot),
                darker(body, 0.6),
            )
    if k.chance(0.5):
        k.box("cornice", (0, 0, foot + height), (width + 0.06, depth + 0.05, 0.05), darker(body, 0.85))
    return body, front, foot


def _knob(k: Kit, name: str, x: float, y: float, z: float, rgb) -> None:
    k.ball(name, (x, y, z), (0.025, 0.03, 0.025), rgb, 8)


def cabinet_drawers(k: Kit) -> None:
    width, depth, height = k.u(0.6, 1.2), k.u(0.4, 0.5), k.u(0.6, 1.1)
    _, front, foot = _body(k, width, depth, height)
    rows, columns, brass = int(k.pick(3, 4, 5)), int(k.pick(1, 2)), colour(k.rng, "brass", "metal", "dark")
    for i in range(rows):
        for j in range(columns):
            x, z = (j + 0.5) * width / columns - width / 2, foot + (i + 0.5) * height / rows
            k.box(f"drawer_{i}{j}", (x, -depth / 2, z), (0.92 * width / columns, 0.05, 0.86 * height / rows), front)
            _knob(k, f"knob_{i}{j}", x, -depth / 2 - 0.035, z, brass)


def cabinet_wardrobe(k: Kit) -> None:
    width, depth, height = k.u(0.8, 1.4), k.u(0.45, 0.6), k.u(1.6, 2.1)
    _, front, foot = _body(k, width, depth, height)
    n, brass = int(k.pick(2, 2, 3)), colour(k.rng, "brass", "metal", "dark")
    for i in range(n):
        x = (i + 0.5) * width / n - width / 2
        k.box(f"door_{i}", (x, -depth / 2, foot + height / 2), (0.93 * width / n, 0.05, 0.93 * height), front)
        side = 1 if i < n / 2 else -1
        k.box(
            f"handle_{i}",
            (x + side * 0.36 * width / n, -depth / 2 - 0.04, foot + height / 2),
            (0.03, 0.04, 0.25),
            brass,
        )


def cabinet_shelf(k: Kit) -> None:
    """Open shelves with books and boxes."""
    width, depth, height = k.u(0.6, 1.1), k.u(0.28, 0.4), k.u(1.0, 1.9)
    wood, n = colour(k.rng, "wood", "white", "paint"), int(k.pick(3, 4, 5))
    for side in (-1, 1):
        k.box(f"side_{side > 0:d}", (side * width / 2, 0, height / 2), (0.045, depth, height), wood)
    k.box("back", (0, depth / 2 - 0.01, height / 2), (width, 0.03, height), darker(wood, 0.8))
    for i in range(n + 1):
        k.box(f"shelf_{i}", (0, 0, i * height / n), (width, depth, 0.04), wood)
    for i in range(n):
        if k.chance(0.75):
            w, h = width * k.u(0.25, 0.8), height / n * k.u(0.45, 0.8)
            x = k.u(-1, 1) * (width - w) / 2.3
            k.box(
                f"content_{i}",
                (x, 0.02, i * height / n + h / 2 + 0.02),
                (w, depth * 0.7, h),
                colour(k.rng, "fabric", "paint"),
            )


def cabinet_sideboard(k: Kit) -> None:
    width, depth, height = k.u(1.2, 1.8), k.u(0.4, 0.5), k.u(0.45, 0.7)
    body, front, foot = _body(k, width, depth, height)
    n = int(k.pick(3, 4))
    for i in range(n):
        x = (i + 0.5) * width / n - width / 2
        rgb = k.pick(front, darker(front, 0.9))
        k.box(f"door_{i}", (x, -depth / 2, foot + height / 2), (0.92 * width / n, 0.05, 0.88 * height), rgb)
        _knob(k, f"knob_{i}", x, -depth / 2 - 0.03, foot + height * 0.75, darker(body, 0.4))


def cabinet_curved(k: Kit) -> None:
    """A bow front: an outline that bulges forward, doors in another colour."""
    width, depth, height = k.u(0.8, 1.2), k.u(0.4, 0.55), k.u(0.7, 1.0)
    wood = colour(k.rng, "wood", "paint")
    bow = circle(24)[12:]
    outline = np.concatenate([bow * [width / 2, depth * 0.55], [[width / 2, depth / 2], [-width / 2, depth / 2]]])
    k.slab("body", outline, "z", 0.1, height, wood)
    k.slab("top", outline * 1.05, "z", height, height + 0.05, darker(wood, 0.75))
    for i in range(int(k.pick(2, 3))):
        z = 0.15 + i * (height - 0.15) / 3
        k.slab(f"band_{i}", outline * 1.02, "z", z, z + 0.22 * height, darker(wood, 1.15 if max(wood) < 0.85 else 0.85))
    foot = rounded_rectangle(width * 0.9, depth * 0.7, 0.05)
    k.slab("plinth", foot, "z", 0.0, 0.1, darker(wood, 0.6))


TABLES = (table_dining, table_round, table_pedestal, table_desk, table_trestle, table_coffee)
CABINETS = (cabinet_drawers, cabinet_wardrobe, cabinet_shelf, cabinet_sideboard, cabinet_curved)
