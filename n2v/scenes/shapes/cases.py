"""Cabinets and loudspeakers: enclosures with something in front. A closed grille and a closed door look alike."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, grid
from n2v.scenes.shapes.supports import stand

CABINETS = "upright wide open stacked rounded cluster tapered corner barrel"
SPEAKERS = "upright tapered rounded wide stacked barrel cluster corner open"


def _knob(k: Kit, x: float, y: float, z: float, size: float) -> None:
    if k.slots.setdefault("handles", k.pick("knob", "bar", "none")) == "knob":
        k.ball("knob", (x, y - 0.02, z), (0.018,) * 3, "hub")
    elif k.slots["handles"] == "bar":
        k.box("handle", (x, y - 0.02, z), (0.3 * size, 0.02, 0.02), "hub")


def _cells(columns: int, rows: int, w: float, z: float, h: float) -> np.ndarray:
    """(n, 2) centres of a grid of fields."""
    return grid((np.arange(columns) + 0.5) / columns * w - w / 2, z + (np.arange(rows) + 0.5) / rows * h).T


def _drawers(k: Kit, w: float, d: float, z: float, h: float, columns: int, rows: int) -> None:
    for x, at in _cells(columns, rows, w, z, h):
        out = k.u(0.2, 0.7) * d if k.chance(0.05) else 0.0
        y, size = -d / 2 - out, (0.92 * (w / columns), 0.035 + out, 0.88 * (h / rows))
        k.box("drawer", (x, y + out / 2, at), size, "front")
        _knob(k, x, y - 0.02, at, w / columns)


def _doors(k: Kit, w: float, d: float, z: float, h: float, columns: int) -> None:
    dx = w / columns
    for x, at in _cells(columns, 1, w, z, h):
        side = 1 if x >= 0 else -1
        if k.chance(0.08):  # open: hinged at the outer edge
            a = k.u(0.5, 1.5)
            middle = x + side * 0.46 * dx + 0.46 * dx * (-side * np.cos(a)), -d / 2 + 0.46 * dx * -np.sin(a), at
            k.box("door", middle, (0.92 * dx, 0.03, 0.94 * h), "front", angles=(0, 0, side * a))
        else:
            k.box("door", (x, -d / 2, at), (0.94 * dx, 0.035, 0.94 * h), "front")
            _knob(k, x - side * 0.38 * dx, -d / 2 - 0.02, at, 0.3 * h)


def _cones(k: Kit, w: float, d: float, z: float, h: float, n: int) -> None:
    sizes = sorted(k.u(0.5, 1.0) for _ in range(n))[::-1]
    room, y = h / sum(sizes), -d / 2
    for size in sizes:
        r, centre = min(0.45 * w, 0.45 * size * room), (0, 0, z + size * room / 2)
        rim = [(1.08 * r, y), (1.08 * r, y - 0.025), (0.95 * r, y - 0.025), (0.9 * r, y - 0.005)]
        k.lathe("rim", rim, "frame", centre, "y")
        k.lathe("cone", [(0.9 * r, y - 0.006), (0.45 * r, y - 0.02), (0.05 * r, y - 0.03)], "cone", centre, "y")
        z += size * room


def _front(k: Kit, options: str, w: float, d: float, z: float, h: float) -> None:
    """On the face y = -d / 2 of a body w x d x h that stands on z: one branch an option."""
    kind, y = k.draw("front", options), -d / 2
    if kind == "drawers":
        _drawers(k, w, d, z, h, k.pick(1, 1, 2, 3), k.pick(2, 3, 4, 5))
    elif kind == "doors":
        _doors(k, w, d, z, h, k.pick(1, 2, 2, 3))
    elif kind == "mixed":  # drawers over doors
        n, share = k.pick(1, 2, 3), k.u(0.2, 0.5)
        _drawers(k, w, d, z + h * (1 - share), h * share, n, k.pick(1, 2))
        _doors(k, w, d, z, h * (1 - share), n)
    elif kind == "shelves":  # compartments seen as dark recesses with boards between
        rows, columns = k.pick(1, 2, 3, 4), k.pick(1, 2, 3)
        k.box("recess", (0, y, z + h / 2), (0.92 * w, 0.02, 0.95 * h), "dark")
        k.box("board", (0, y - 0.05, z + h * np.arange(rows + 1) / rows), (w, 0.12, 0.03), "body")
        k.box("side", (w * (np.arange(columns + 1) / columns - 0.5), y - 0.05, z + h / 2), (0.03, 0.12, h), "body")
        for x, at in _cells(columns, rows, w, z, h):
            if k.chance(0.3):
                size = (0.5 * (w / columns), 0.08, 0.6 * (h / rows))
                k.block("thing", (x, y - 0.04, at - 0.18 * (h / rows)), size, "extra")
    elif kind == "cones":
        _cones(k, w, d, z, h, k.pick(1, 2, 2, 3))
    elif kind == "woofer":  # one large cone, a blank panel over it or a port under it
        share, low = k.u(0.5, 0.75), k.chance(0.7)
        _cones(k, w, d, z if low else z + h * (1 - share), h * share, 1)
        at = z + h * (1 + share) / 2 if low else z + h * (1 - share) / 2
        k.block("panel", (0, y, at), (0.8 * w, 0.03, 0.75 * h * (1 - share)), "front")
    elif kind == "cloth":  # one blank panel: a loudspeaker's grille or a cabinet's only door
        share = k.u(0.55, 1.0)
        k.box("panel", (0, y, z + h * (1 - share / 2) - 0.01), (0.92 * w, 0.04, 0.95 * h * share), "front")
        if share < 0.85:
            k.block("foot_panel", (0, y, z + h * (1 - share) / 2), (0.9 * w, 0.02, 0.8 * h * (1 - share)), "dark")
    elif kind == "louvres":
        n = k.pick(5, 7, 9)
        at, size = (0, y, z + (np.arange(n) + 0.5) * h / n), (0.88 * w, 0.04, 0.55 * h / n)
        k.box("louvre", at, size, "front", angles=(0.4, 0, 0))
    elif kind == "panel":  # buttons and a small display over a blank face: hi-fi, safe, oven
        k.box("panel", (0, y, z + 0.45 * h), (0.9 * w, 0.03, 0.7 * h), "front")
        k.box("window", (0, y - 0.01, z + 0.88 * h), (0.4 * w, 0.03, 0.12 * h), "dark")
        k.lathe("dial", [(0.04, y), (0.04, y - 0.04)], "hub", (0.35 * PAIR * w, 0, z + 0.88 * h), "y")


def _body(k: Kit, kind: str, w: float, d: float, z: float, h: float, fronts: str) -> None:
    """w x d x h on z, with a front: one branch an option."""
    if kind in ("upright", "wide"):
        k.box("case", (0, 0, z + h / 2), (w, d, h), "body")
        _front(k, fronts, w, d, z + 0.02, h - 0.04)
    elif kind == "stacked":  # a smaller case on a larger one
        share, small = k.u(0.35, 0.65), k.u(0.6, 0.95)
        k.box("case", (0, 0, z + h * share / 2), (w, d, h * share), "body")
        deep, middle = d * small, z + h * share + h * (1 - share) / 2
        k.box("upper", (0, (d - deep) / 2, middle), (w * small, deep, h * (1 - share)), "body")
        _front(k, fronts, w, d, z + 0.02, h * share - 0.04)
        at = (0.24 * PAIR * w * small, (d - deep) / 2 - deep / 2, middle)
        k.box("upper_door", at, (0.45 * w * small, 0.03, 0.85 * h * (1 - share)), "front")
    elif kind == "tapered":
        k.block("case", (0, 0.1 * d, z + h / 2), (w, d, h), "body", roundness=0.1, taper=k.u(0.65, 0.95))
        _front(k, fronts, 0.8 * w, 0.72 * d, z + 0.04, 0.85 * h)
    elif kind == "rounded":
        k.block("case", (0, 0, z + h / 2), (w, d, h), "body", roundness=k.u(0.3, 1.0), soft=k.u(0, 0.7))
        _front(k, fronts, 0.6 * w, 0.94 * d, z + 0.05 * h, 0.88 * h)
    elif kind == "open":  # two sides, boards between them, one part closed
        t, n = k.u(0.02, 0.05), k.pick(2, 3, 4, 5)
        k.box("side", (PAIR * (w / 2 - t / 2), 0, z + h / 2), (t, d, h), "body")
        k.box("board", (0, 0, z + t / 2 + (h - t) * np.arange(n + 1) / n), (w, d, t), "body")
        if k.chance(0.6):
            k.box("back_board", (0, d / 2 - t, z + h / 2), (w, t, h), "front")
        _front(k, fronts, w - 2 * t, d, z, h / n)
        k.box("case", (0, 0, z + h / n / 2), (w - 2 * t, 0.96 * d, h / n), "body")
    elif kind == "corner":  # five sides
        x, y, cut = w / 2, d / 2, k.u(0.2, 0.45)
        right = [(x - 2 * x * cut, -y), (x, y - 2 * y * (1 - cut)), (x, y)]
        k.plate("case", [(-a, b) for a, b in right[::-1]] + right, "z", z, z + h, "body")
        _front(k, fronts, max(w * (1 - 2 * cut), 0.35 * w), d, z + 0.02, h - 0.04)
    elif kind == "cluster":  # boxes of different heights side by side
        n = k.pick(2, 3)
        for i in range(n):
            high = h * k.u(0.5, 1.0) if i else h
            x = ((i + 0.5) / n - 0.5) * w
            k.box("case", (x, 0, z + high / 2), (w / n * 1.01, d * k.u(0.8, 1.0), high), "body")
        _front(k, fronts, 0.9 * w, d, z + 0.02, 0.48 * h)
    elif kind == "barrel":  # a drum lying on its side, or a ball: radios and breadbins
        r, drum = min(d, h) / 2, k.chance(0.5)
        if drum:
            profile = [(0.8 * r, -w / 2), (r, -0.4 * w), (r, 0.4 * w), (0.8 * r, w / 2)]
            k.lathe("case", profile, "body", (0, 0, z + r), "x")
        else:
            k.ball("case", (0, 0, z + h / 2), (w / 2, d / 2, h / 2), "body")
            r = h / 2
        _front(k, fronts, 0.55 * w, 1.9 * min(r, d / 2), z + 0.5 * r, 1.0 * r)


def _case(k: Kit, bodies: str, supports: str, fronts: str, size: tuple, lift: float) -> None:
    body, (w, d, h) = k.draw("body", bodies), size
    if body == "wide":
        w, h = max(w, h), min(w, h) * 0.8
    stand(k, supports, 0.92 * w, 0.92 * d, lift)
    _body(k, body, w, d, lift - 0.005, h, fronts)
    extra, z = k.draw("extra", "none overhang crown box handle lamp gallery"), lift + h - 0.01
    if extra == "overhang":
        k.block("top", (0, 0, z + 0.015), (1.08 * w, 1.08 * d, 0.04), "frame")
    elif extra == "crown":
        k.block("crown", (0, 0, z + 0.04), (1.02 * w, 1.02 * d, 0.1), "frame", taper=1.12)
    elif extra == "box":
        k.block("box", (k.u(-0.25, 0.25) * w, 0, z + 0.08), (0.4 * w, 0.6 * d, 0.18), "extra")
    elif extra == "handle":
        line = [(x * w, 0, z + up) for x, up in ((-0.2, -0.02), (-0.18, 0.08), (0.18, 0.08), (0.2, -0.02))]
        k.tube("handle", line, 0.02, "hub")
    elif extra == "lamp":
        k.lathe("lamp", [(0.07, 0), (0.03, 0.05), (0.03, 0.2), (0.1, 0.2), (0.06, 0.34)], "extra", (0.3 * w, 0, z))
    elif extra == "gallery":
        y = 0.45 * PAIR * d
        k.rod("rail", (-w / 2, y, z + 0.06), (w / 2, y, z + 0.06), 0.012, "hub")
        x, y = grid(np.array([-0.48, -0.16, 0.16, 0.48]) * w, y)
        k.rod("post", (x, y, z - 0.01), (x, y, z + 0.06), 0.012, "hub")


def cabinet(k: Kit) -> None:
    size = (k.size(0.4, 1.0), k.size(0.3, 0.65), k.size(0.5, 1.2))
    supports = "plinth legs none splayed frame panels sled cabriole hairpin"
    _case(k, CABINETS, supports, "doors drawers mixed shelves louvres cloth panel", size, k.u(0.03, 0.2))


def speaker(k: Kit) -> None:
    size = (k.size(0.4, 0.9), k.size(0.3, 0.65), k.size(0.5, 1.2))
    supports, lift = "none plinth legs splayed sled drum frame", (0.02, 0.12)
    if k.chance(0.2):
        supports, lift = "pedestal tripod splayed frame panels cross", (0.3, 0.8)
    _case(k, SPEAKERS, supports, "cones woofer cloth panel louvres doors", size, k.u(*lift))
