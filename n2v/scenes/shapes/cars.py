"""Cars. The front points to -y."""

from n2v.scenes.shapes.kit import Kit
from n2v.scenes.shapes.palette import colour, darker


def _wheels(k: Kit, width: float, axles: tuple[float, ...], radius: float) -> None:
    rubber, rim = colour(k.rng, "rubber"), colour(k.rng, "metal", "white")
    for i, y in enumerate(axles):
        for side in (-1, 1):
            x = side * (width / 2 - 0.04)
            k.wheel(f"wheel_{i}{side > 0:d}", (x, y, radius), radius, 0.13, rubber)
            k.wheel(f"rim_{i}{side > 0:d}", (x + side * 0.02, y, radius), 0.55 * radius, 0.12, rim)


def _lights(k: Kit, width: float, front: float, back: float, z: float) -> None:
    for side in (-1, 1):
        k.box(f"headlight_{side > 0:d}", (side * 0.34 * width, front, z), (0.14, 0.05, 0.07), (0.97, 0.95, 0.8))
        k.box(f"tail_light_{side > 0:d}", (side * 0.36 * width, back, z), (0.12, 0.05, 0.07), (0.75, 0.1, 0.08))


def _car(
    k: Kit, length: float, width: float, low: float, waist: float, cabin, paint, glass_inset: float = 0.04
) -> None:
    """Lower body and a cabin: `cabin` is (front y, roof front, roof back, back y, roof height)."""
    half = length / 2
    k.hull(
        "body",
        [
            (-half, 0.42 * width, low, waist * 0.85, 0.8),
            (-half + 0.12, width / 2, low - 0.04, waist * 0.94, 0.85),
            (0, width / 2, low - 0.04, waist, 0.85),
            (half - 0.12, width / 2, low - 0.04, waist * 0.98, 0.85),
            (half, 0.44 * width, low, waist * 0.9, 0.8),
        ],
        paint,
    )
    front, roof_front, roof_back, back, roof = cabin
    glass = colour(k.rng, "glass", "dark")
    rings = []
    for z, y0, y1, w in ((waist - 0.03, front, back, 0.46), (roof - 0.05, roof_front, roof_back, 0.38)):
        rings.append([(-w * width, y0, z), (w * width, y0, z), (w * width, y1, z), (-w * width, y1, z)])
    k.loft("windows", rings, glass)
    k.box(
        "roof",
        (0, (roof_front + roof_back) / 2, roof - 0.03),
        (0.8 * width, roof_back - roof_front + 0.03, 0.06),
        paint,
        radius=0.05,
    )
    for side in (-1, 1):
        for i, (y0, y1) in enumerate(((front, roof_front), (back, roof_back))):
            k.rod(
                f"pillar_{side > 0:d}{i}",
                (side * 0.45 * width, y0, waist - 0.03),
                (side * 0.375 * width, y1, roof - 0.04),
                0.03,
                paint,
                n=6,
            )
    _lights(k, width, -half, half, waist * 0.72)


def car_sedan(k: Kit) -> None:
    length, width, paint = k.u(1.8, 2.1), k.u(0.75, 0.85), colour(k.rng, "paint", "metal")
    half, waist = length / 2, k.u(0.42, 0.48)
    _car(
        k,
        length,
        width,
        0.16,
        waist,
        (-0.42 * half, -0.12 * half, 0.38 * half, 0.68 * half, waist + k.u(0.24, 0.3)),
        paint,
    )
    _wheels(k, width, (-0.62 * half, 0.6 * half), k.u(0.15, 0.18))


def car_sports(k: Kit) -> None:
    length, width, paint = k.u(1.8, 2.0), k.u(0.82, 0.9), colour(k.rng, "plastic", "paint")
    half, waist = length / 2, k.u(0.32, 0.38)
    _car(
        k,
        length,
        width,
        0.12,
        waist,
        (-0.25 * half, 0.1 * half, 0.38 * half, 0.75 * half, waist + k.u(0.16, 0.22)),
        paint,
    )
    _wheels(k, width, (-0.62 * half, 0.6 * half), 0.17)
    if k.chance(0.7):
        k.box(
            "spoiler", (0, half - 0.06, waist + 0.13), (width * 0.9, 0.16, 0.04), k.pick(paint, colour(k.rng, "dark"))
        )
        for side in (-1, 1):
            k.box(
                f"spoiler_post_{side > 0:d}",
                (side * 0.3 * width, half - 0.08, waist + 0.05),
                (0.05, 0.08, 0.14),
                darker(paint),
            )
    if k.chance(0.5):
        k.box("stripe", (0, -0.62 * half, waist + 0.0), (0.14, 0.6 * half, 0.03), colour(k.rng, "white", "dark"))


def car_van(k: Kit) -> None:
    length, width, paint = k.u(1.7, 2.0), k.u(0.8, 0.9), colour(k.rng, "paint", "white")
    half, waist = length / 2, k.u(0.46, 0.54)
    _car(
        k,
        length,
        width,
        0.16,
        waist,
        (-0.68 * half, -0.45 * half, 0.86 * half, 0.97 * half, waist + k.u(0.32, 0.42)),
        paint,
    )
    _wheels(k, width, (-0.62 * half, 0.62 * half), 0.16)
    if k.chance(0.5):
        k.box("panel", (0, 0.4 * half, waist + 0.15), (width * 0.93, 0.8 * half, 0.3), paint)


def car_pickup(k: Kit) -> None:
    length, width, paint = k.u(1.9, 2.2), k.u(0.8, 0.9), colour(k.rng, "paint", "metal")
    half, waist = length / 2, k.u(0.44, 0.5)
    _car(
        k,
        length,
        width,
        0.2,
        waist,
        (-0.45 * half, -0.22 * half, 0.08 * half, 0.14 * half, waist + k.u(0.28, 0.34)),
        paint,
    )
    k.box("bed", (0, 0.58 * half, waist + 0.01), (0.8 * width, 0.7 * half, 0.04), colour(k.rng, "dark"))
    for side in (-1, 1):
        k.box(f"rail_{side > 0:d}", (side * 0.45 * width, 0.58 * half, waist + 0.06), (0.08, 0.76 * half, 0.14), paint)
    k.box("tailgate", (0, 0.96 * half, waist + 0.05), (0.9 * width, 0.06, 0.14), paint)
    _wheels(k, width, (-0.62 * half, 0.6 * half), k.u(0.18, 0.22))


def car_bus(k: Kit) -> None:
    length, width = k.u(2.0, 2.5), k.u(0.65, 0.75)
    paint, band, height = colour(k.rng, "plastic", "paint", "white"), colour(k.rng, "paint", "white"), k.u(0.62, 0.85)
    k.box("body", (0, 0, 0.14 + height / 2), (width, length, height), paint, radius=0.07)
    k.box(
        "windows",
        (0, 0.02, 0.14 + height * 0.66),
        (width * 1.02, length * 0.9, height * 0.26),
        colour(k.rng, "glass", "dark"),
    )
    k.box(
        "windscreen",
        (0, -length / 2, 0.14 + height * 0.62),
        (width * 0.86, 0.03, height * 0.38),
        colour(k.rng, "glass", "dark"),
    )
    k.box("band", (0, 0, 0.14 + height * 0.25), (width * 1.02, length * 0.96, 0.07), band)
    _lights(k, width, -length / 2, length / 2, 0.28)
    axles = (-0.33 * length, 0.3 * length) if k.chance(0.6) else (-0.33 * length, 0.2 * length, 0.34 * length)
    _wheels(k, width, axles, 0.15)


def car_buggy(k: Kit) -> None:
    """Open: roll bars, large wheels, seats."""
    length, width, paint = k.u(1.4, 1.7), k.u(0.75, 0.85), colour(k.rng, "plastic", "olive", "paint")
    half = length / 2
    k.hull(
        "body",
        [
            (-half, 0.3 * width, 0.22, 0.4, 0.8),
            (-0.4 * half, 0.42 * width, 0.2, 0.46, 0.8),
            (half * 0.5, 0.42 * width, 0.2, 0.42, 0.8),
            (half, 0.36 * width, 0.24, 0.46, 0.8),
        ],
        paint,
    )
    seat, bar = colour(k.rng, "dark", "fabric"), colour(k.rng, "dark", "metal")
    for side in (-1, 1):
        k.box(f"seat_{side > 0:d}", (side * 0.18, 0.12, 0.52), (0.24, 0.1, 0.3), seat)
        points = [
            (side * 0.36, -0.35 * half, 0.42),
            (side * 0.33, -0.1 * half, 0.82),
            (side * 0.33, 0.5 * half, 0.82),
            (side * 0.36, 0.85 * half, 0.42),
        ]
        k.tube(f"bar_{side > 0:d}", points, 0.03, bar, 8)
    for i, y in enumerate((-0.1, 0.5)):
        k.rod(f"cross_{i}", (-0.33, y * half, 0.82), (0.33, y * half, 0.82), 0.03, darker(paint, 0.6))
    radius, axles, reach = k.u(0.21, 0.25), (-0.68 * half, 0.66 * half), width / 2 + 0.03
    for i, y in enumerate(axles):
        k.rod(f"axle_{i}", (-reach, y, radius), (reach, y, radius), 0.04, bar, n=8)
    _wheels(k, width + 0.14, axles, radius)


CARS = (car_sedan, car_sports, car_van, car_pickup, car_bus, car_buggy)
