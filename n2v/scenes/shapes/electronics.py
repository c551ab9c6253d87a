"""Displays and phones: boxes with a face. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.kit import Kit, rounded_rectangle
from n2v.scenes.shapes.palette import colour, darker


def _screen(
    k: Kit, width: float, height: float, z: float, y: float, bezel_rgb, bezel: float, thick: float, tilt: float = 0.0
) -> None:
    k.box("panel", (0, y, z), (width, thick, height), bezel_rgb, tilt=tilt)
    c, s = np.cos(tilt), np.sin(tilt)
    forward = thick / 2
    centre = (0, y - forward * c, z - forward * s)
    k.box("screen", centre, (width - 2 * bezel, 0.02, height - 2 * bezel), colour(k.rng, "screen"), tilt=tilt)
    if k.chance(0.6):
        band = k.u(0.15, 0.35) * height
        low = z - height / 2 + bezel + band / 2 + 0.02
        k.box(
            "picture",
            (0, y - forward * c - 0.012, low),
            (0.8 * (width - 2 * bezel), 0.02, band),
            colour(k.rng, "screen"),
            tilt=tilt,
        )


def display_monitor(k: Kit) -> None:
    width = k.u(0.9, 1.2)
    height, body = width * k.u(0.52, 0.7), colour(k.rng, "dark", "white", "metal")
    z = 0.28 + height / 2
    _screen(k, width, height, z, 0, body, k.u(0.03, 0.06), k.u(0.05, 0.09))
    k.rod("neck", (0, 0.07, 0), (0, 0.07, z), k.u(0.035, 0.06), body)
    if k.chance(0.5):
        k.box("foot", (0, 0.03, 0.02), (k.u(0.35, 0.6), k.u(0.25, 0.35), 0.04), body, radius=0.08)
    else:
        k.lathe("foot", [(0.24, 0), (0.22, 0.04), (0.05, 0.07)], body, (0, 0.04, 0))


def display_television(k: Kit) -> None:
    width = k.u(1.2, 1.6)
    height, body = width * k.u(0.55, 0.6), colour(k.rng, "dark", "metal")
    _screen(k, width, height, 0.1 + height / 2, 0, body, 0.03, 0.07)
    for side in (-1, 1):
        x = side * width * k.u(0.28, 0.4)
        k.rod(f"foot_front_{side > 0:d}", (x, 0, 0.12), (x, -0.16, 0.02), 0.03, body)
        k.rod(f"foot_back_{side > 0:d}", (x, 0, 0.12), (x, 0.16, 0.02), 0.03, body)
    if k.chance(0.4):
        k.box("soundbar", (0, -0.1, 0.05), (width * 0.6, 0.08, 0.08), darker(body, 0.8))


def display_tube(k: Kit) -> None:
    """Cathode ray tube: a deep body that narrows backwards."""
    width, body = k.u(0.7, 0.95), colour(k.rng, "white", "wood", "dark", "plastic")
    height, depth = width * k.u(0.75, 0.85), k.u(0.5, 0.75)
    k.hull(
        "body",
        [
            (0, width / 2, 0.08, 0.08 + height, 0.9),
            (0.25 * depth, width / 2, 0.08, 0.08 + height, 0.9),
            (0.6 * depth, 0.36 * width, 0.12, 0.02 + height * 0.85, 0.8),
            (depth, 0.25 * width, 0.16, height * 0.7, 0.7),
        ],
        body,
    )
    k.box(
        "screen",
        (0, -0.01, 0.1 + height / 2),
        (0.82 * width, 0.03, 0.74 * height),
        colour(k.rng, "screen"),
        radius=0.01,
    )
    k.box("foot", (0, depth * 0.3, 0.04), (width * 0.6, depth * 0.6, 0.08), darker(body))
    if k.chance(0.5):
        for side in (-1, 1):
            k.rod(
                f"antenna_{side > 0:d}",
                (0, 0.2, height),
                (side * 0.35, 0.2, height + 0.4),
                0.02,
                colour(k.rng, "metal"),
            )


def display_laptop(k: Kit) -> None:
    width, depth, body = k.u(0.9, 1.1), k.u(0.6, 0.75), colour(k.rng, "metal", "dark", "white")
    k.box("base", (0, 0, 0.03), (width, depth, 0.06), body, radius=0.04)
    k.box("keyboard", (0, 0.06, 0.065), (0.85 * width, 0.45 * depth, 0.02), darker(body, 0.4))
    k.box("touchpad", (0, -0.3 * depth, 0.065), (0.3 * width, 0.22 * depth, 0.02), darker(body, 0.8))
    tilt = -k.u(0.1, 0.45)
    y, z = depth / 2 + np.sin(-tilt) * depth / 2, 0.06 + np.cos(tilt) * depth / 2
    k.box("lid", (0, y, z), (width, 0.04, depth), body, tilt=tilt)
    k.box("screen", (0, y - 0.025, z - 0.01), (0.9 * width, 0.02, 0.85 * depth), colour(k.rng, "screen"), tilt=tilt)


def display_board(k: Kit) -> None:
    """A screen on a tall pole or a wheeled stand."""
    width, body = k.u(0.7, 1.2), colour(k.rng, "metal", "dark", "paint")
    height, foot = width * k.pick(0.6, 1.4), k.u(0.5, 0.8)
    z = foot + height / 2
    _screen(k, width, height, z, 0, body, 0.05, 0.08)
    for side in (-1, 1):
        x = side * width * 0.3
        k.rod(f"pole_{side > 0:d}", (x, 0.07, 0), (x, 0.07, z), 0.03, body)
        k.box(f"foot_{side > 0:d}", (x, 0.03, 0.03), (0.07, 0.5, 0.06), body)


def _keys(k: Kit, width: float, low: float, high: float, y: float, rgb, rows: int = 4) -> None:
    for i in range(rows):
        for j in range(3):
            x, z = (j - 1) * width * 0.3, low + (i + 0.5) * (high - low) / rows
            k.box(f"key_{i}{j}", (x, y, z), (width * 0.22, 0.03, 0.7 * (high - low) / rows), rgb)


def phone_slab(k: Kit) -> None:
    """Smartphone: a small display without a stand."""
    width, height, thick = k.u(0.44, 0.54), 1.0, k.u(0.05, 0.09)
    body = colour(k.rng, "dark", "white", "plastic", "metal")
    k.slab("body", _rounded(width, height, 0.07), "y", -thick / 2, thick / 2, body)
    k.slab(
        "screen",
        _rounded(width * 0.9, height * k.u(0.78, 0.92), 0.03),
        "y",
        -thick / 2 - 0.012,
        -thick / 2,
        colour(k.rng, "screen"),
    )
    k.slab(
        "camera",
        _rounded(0.16, 0.16, 0.04) + np.array([-width / 4, 0.36]),
        "y",
        thick / 2,
        thick / 2 + 0.025,
        darker(body, 0.5),
    )
    if k.chance(0.5):
        k.lathe("button", [(0.035, 0), (0.035, 0.02)], colour(k.rng, "metal"), (0, -thick / 2 - 0.02, -0.45), "y")


def _rounded(width: float, height: float, radius: float) -> np.ndarray:
    return rounded_rectangle(width, height, radius, 4)


def phone_candybar(k: Kit) -> None:
    width, height, thick = k.u(0.36, 0.46), 1.0, k.u(0.12, 0.2)
    body = colour(k.rng, "plastic", "dark", "metal")
    k.slab("body", _rounded(width, height, k.u(0.06, 0.18)), "y", -thick / 2, thick / 2, body)
    k.box("screen", (0, -thick / 2, 0.25), (width * 0.78, 0.03, 0.3), colour(k.rng, "screen", "olive"))
    _keys(k, width, -0.42, 0.05, -thick / 2, colour(k.rng, "white", "dark", "metal"))
    if k.chance(0.5):
        k.rod("antenna", (width * 0.35, 0, 0.45), (width * 0.35, 0, 0.68), 0.04, darker(body, 0.6))


def phone_flip(k: Kit) -> None:
    width, half, thick = k.u(0.42, 0.52), 0.5, k.u(0.08, 0.13)
    body = colour(k.rng, "plastic", "metal", "dark")
    tilt = -k.u(0.15, 0.7)
    k.box("lower", (0, 0, -half / 2), (width, thick, half), body, radius=0.04)
    _keys(k, width, -0.46, -0.14, -thick / 2, colour(k.rng, "white", "metal"))
    k.rod("hinge", (-width / 2, 0, 0.0), (width / 2, 0, 0.0), thick * 0.6, darker(body))
    y, z = -np.sin(-tilt) * -half / 2, np.cos(tilt) * half / 2
    k.box("upper", (0, y, z), (width, thick, half), body, tilt=tilt)
    k.box(
        "screen",
        (0, y - thick / 2 * np.cos(tilt), z - thick / 2 * np.sin(tilt)),
        (width * 0.8, 0.03, half * 0.7),
        colour(k.rng, "screen"),
        tilt=tilt,
    )


def phone_desk(k: Kit) -> None:
    """Body with a handset across it."""
    width, depth, body = k.u(0.7, 0.9), k.u(0.6, 0.75), colour(k.rng, "plastic", "white", "dark", "paint")
    k.hull(
        "body",
        [(-depth / 2, width / 2, 0, 0.12, 0.9), (0, width / 2, 0, 0.26, 0.9), (depth / 2, width / 2.2, 0, 0.34, 0.9)],
        body,
    )
    if k.chance(0.5):
        k.lathe("dial", [(0.2, 0.0), (0.2, 0.06), (0.1, 0.09)], colour(k.rng, "white", "metal"), (0, -0.1, 0.2))
    else:
        for i in range(4):
            for j in range(3):
                k.box(
                    f"key_{i}{j}",
                    ((j - 1) * 0.14, -0.22 + i * 0.11, 0.19 + i * 0.035),
                    (0.1, 0.08, 0.05),
                    colour(k.rng, "white"),
                )
    handset = k.pick(body, darker(body, 0.7))
    line = [(x, depth * 0.33, 0.52 - 0.45 * abs(x / width) ** 2.0) for x in np.linspace(-0.55, 0.55, 7) * width]
    k.tube("handset", line, [0.1, 0.075, 0.06, 0.055, 0.06, 0.075, 0.1], handset)
    for side in (-1, 1):
        k.lathe(
            f"cup_{side > 0:d}",
            [(0.1, 0), (0.12, 0.06), (0.08, 0.14)],
            handset,
            (side * 0.5 * width, depth * 0.33, 0.28),
        )


def phone_handset(k: Kit) -> None:
    """Cordless: a bulging handset standing in its cradle."""
    width, body = k.u(0.24, 0.32), colour(k.rng, "dark", "white", "plastic")
    k.lathe("cradle", [(0.32, 0), (0.3, 0.1), (0.2, 0.18)], darker(body, 0.8), (0, 0.02, 0))
    line = [(0, 0.05 + 0.08 * np.sin(3 * t), 0.1 + t) for t in np.linspace(0, 0.95, 6)]
    k.tube("handset", line, [width * s for s in (0.5, 0.52, 0.48, 0.46, 0.5, 0.4)], body, 12)

    def front(z: float) -> float:
        return 0.05 + 0.08 * np.sin(3 * (z - 0.1)) - 0.47 * width

    k.box("screen", (0, front(0.82), 0.82), (width * 0.7, 0.06, 0.18), colour(k.rng, "screen", "olive"))
    keys = colour(k.rng, "white", "metal")
    for i in range(4):
        for j in range(3):
            z = 0.32 + 0.1 * i
            k.box(f"key_{i}{j}", ((j - 1) * 0.075, front(z), z), (0.055, 0.06, 0.06), keys)


DISPLAYS = (display_monitor, display_television, display_tube, display_laptop, display_board)
PHONES = (phone_slab, phone_candybar, phone_flip, phone_desk, phone_handset)
