"""Sofas. Front towards -y."""

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker
from n2v.scenes.shapes.seating import four_legs


def _sofa(k: Kit, width: float, depth: float, height: float, back: float, arm: float, fabric) -> float:
    """Body, back and arms of a sofa; returns the seat's height."""
    leg = k.u(0.04, 0.12)
    four_legs(k, width - 0.1, depth - 0.1, leg, 0.035, colour(k.rng, "wood", "dark", "metal"))
    k.box("base", (0, 0, leg + height / 2), (width, depth, height), fabric, radius=0.05)
    k.box(
        "back",
        (0, depth / 2 - 0.1, leg + height + back / 2),
        (width, 0.2, back),
        fabric,
        radius=0.08,
        tilt=-k.u(0, 0.15),
    )
    for side in (-1, 1) if arm else ():
        k.box(
            f"arm_{side > 0:d}",
            (side * (width / 2 - 0.09), -0.03, leg + height + arm / 2),
            (0.18, depth - 0.06, arm),
            fabric,
            radius=0.07,
        )
    return leg + height


def _cushions(k: Kit, n: int, low: float, high: float, depth: float, z: float, rgb) -> None:
    for i in range(n):
        x = low + (i + 0.5) * (high - low) / n
        k.box(f"cushion_{i}", (x, -0.06, z + 0.06), ((high - low) / n * 0.97, depth - 0.2, 0.14), rgb, radius=0.06)


def sofa_classic(k: Kit) -> None:
    width, depth, fabric = k.u(1.4, 2.2), k.u(0.75, 0.95), colour(k.rng, "fabric")
    z = _sofa(k, width, depth, k.u(0.22, 0.32), k.u(0.35, 0.5), k.u(0.15, 0.28), fabric)
    cushion = k.pick(fabric, darker(fabric, 0.8), colour(k.rng, "fabric"))
    _cushions(k, 2 if width < 1.7 else 3, -width / 2 + 0.18, width / 2 - 0.18, depth, z, cushion)


def sofa_corner(k: Kit) -> None:
    width, depth, fabric = k.u(1.8, 2.3), 0.85, colour(k.rng, "fabric")
    z = _sofa(k, width, depth, 0.28, k.u(0.35, 0.45), 0.0, fabric)
    side, length = k.pick(-1, 1), k.u(0.6, 0.95)
    x = side * (width / 2 - 0.42)
    k.box("wing", (x, -depth / 2 - length / 2, z - 0.14), (0.84, length, 0.28), fabric, radius=0.05)
    k.box(
        "wing_back",
        (side * (width / 2 - 0.09), -depth / 2, z + 0.18),
        (0.18, depth + length, 0.38),
        fabric,
        radius=0.07,
    )
    _cushions(k, 3, -width / 2 + 0.05, width / 2 - 0.05, depth, z, k.pick(fabric, darker(fabric, 0.8)))


def sofa_chesterfield(k: Kit) -> None:
    """Rolled arms and a rolled back at one height."""
    width, depth, leather = k.u(1.5, 2.1), k.u(0.8, 0.95), colour(k.rng, "wood", "fabric")
    z = _sofa(k, width, depth, 0.28, 0.3, 0.28, leather)
    top = z + 0.3
    k.rod("back_roll", (-width / 2, depth / 2 - 0.08, top), (width / 2, depth / 2 - 0.08, top), 0.13, leather)
    for side in (-1, 1):
        x = side * (width / 2 - 0.07)
        k.rod(f"arm_roll_{side > 0:d}", (x, -depth / 2 + 0.02, top - 0.03), (x, depth / 2, top - 0.03), 0.13, leather)
    _cushions(k, 2, -width / 2 + 0.2, width / 2 - 0.2, depth, z, darker(leather, 0.85))


def sofa_modern(k: Kit) -> None:
    """Thin metal frame, loose cushions, low back."""
    width, depth = k.u(1.4, 2.0), k.u(0.7, 0.85)
    metal, fabric = colour(k.rng, "metal", "dark", "wood"), colour(k.rng, "fabric", "white")
    k.box("frame", (0, 0, 0.26), (width, depth, 0.06), metal)
    four_legs(k, width, depth, 0.25, 0.03, metal)
    n = 2 if width < 1.7 else 3
    _cushions(k, n, -width / 2, width / 2, depth + 0.15, 0.3, fabric)
    for i in range(n):
        x = -width / 2 + (i + 0.5) * width / n
        k.box(f"back_{i}", (x, depth / 2 - 0.12, 0.62), (width / n * 0.96, 0.18, 0.42), fabric, radius=0.07, tilt=-0.2)


def sofa_chaise(k: Kit) -> None:
    """A long seat with a back at one end: between bench and sofa."""
    width, depth, fabric = k.u(1.3, 1.7), k.u(0.6, 0.75), colour(k.rng, "fabric")
    side = k.pick(-1, 1)
    four_legs(k, width - 0.1, depth - 0.08, 0.16, 0.035, colour(k.rng, "wood", "brass"))
    k.box("seat", (0, 0, 0.29), (width, depth, 0.28), fabric, radius=0.09)
    k.box("head_rest", (side * (width / 2 - 0.02), 0, 0.6), (0.2, depth, 0.45), fabric, radius=0.08)
    if k.chance(0.6):
        k.box("back", (side * width / 5, depth / 2 - 0.07, 0.55), (width * 0.6, 0.14, 0.3), fabric, radius=0.06)


SOFAS = (sofa_classic, sofa_corner, sofa_chesterfield, sofa_modern, sofa_chaise)
