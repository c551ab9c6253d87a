"""Cars: bodies drawn as side profiles, on wheels, with what is mounted on them. Front towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve

# body: (position along 0 front .. 1 back, height) of the lower body's top line, then of the cabin: where its
# windscreen starts, roof starts, roof ends, rear window ends; roof height over the lower body
BODIES = {
    "saloon": ((0.55, 0.62, 0.62, 0.6), (0.27, 0.42, 0.68, 0.85), 0.42),
    "hatchback": ((0.55, 0.65, 0.65, 0.62), (0.24, 0.4, 0.85, 1.0), 0.45),
    "offroad": ((0.7, 0.78, 0.78, 0.75), (0.3, 0.38, 0.92, 0.98), 0.55),
    "coupe": ((0.42, 0.55, 0.6, 0.58), (0.32, 0.52, 0.62, 0.9), 0.34),
    "van": ((0.75, 0.8, 0.8, 0.8), (0.05, 0.2, 0.97, 1.0), 0.65),
    "pickup": ((0.62, 0.7, 0.62, 0.62), (0.25, 0.36, 0.55, 0.6), 0.5),
    "roadster": ((0.45, 0.55, 0.55, 0.5), (0.38, 0.42, 0.43, 0.46), 0.25),
    "bus": ((0.85, 0.85, 0.85, 0.85), (0.0, 0.03, 0.98, 1.0), 0.75),
    "truck": ((0.6, 0.62, 0.45, 0.45), (0.03, 0.1, 0.25, 0.27), 0.75),
    "racer": ((0.25, 0.38, 0.42, 0.5), (0.45, 0.5, 0.55, 0.75), 0.22),
}


def _side(k: Kit, body: str, w: float, d: float, clear: float) -> float:
    """Lower body and cabin; the height of the roof."""
    tops, (screen, roof, end, rear), high = BODIES[body]
    tops = np.array(tops) * k.u(0.9, 1.15) * 0.75
    ease = k.u(0.0, 0.5)
    places = np.array([0.0, 0.04, 0.3, 0.7, 0.96, 1.0])
    heights = np.interp(places, (0.04, 0.3, 0.7, 0.96), tops)
    stations = curve(places * d - d / 2, w / 2, clear, clear + heights, ease)
    for tip in (0, -1):  # bumpers
        stations[tip, 1:4] = w / 2 * 0.86, clear + 0.08, clear + heights[tip] * 0.75
    k.hull("lower", stations, "body")
    belt = clear + tops[1] - 0.03
    up, wide, tumble = belt + high * k.u(0.85, 1.2), 0.46 * w, k.u(0.72, 0.95)
    narrow, middle = wide * tumble, (roof + end) / 2
    cabin = np.array([
        (screen, wide, belt - 0.02, belt + 0.02), (roof, narrow, belt, up), (middle, narrow, belt, up * 1.01),
        (end, narrow, belt, up), (rear, wide, belt - 0.02, belt + 0.02)])  # fmt: skip
    cabin[:, 0] = cabin[:, 0] * d - d / 2
    k.hull("cabin", curve(*cabin.T, 0.15 + ease / 2), k.pick("glass", "glass", "body"))
    if high > 0.3 and end - roof > 0.1 and k.chance(0.7):
        k.block("roof", (0, (middle - 0.5) * d, up), (1.9 * wide * tumble, (end - roof) * d, 0.06), "body", soft=0.6)
    return up


def _bed(k: Kit, body: str, w: float, d: float, top: float, up: float) -> None:
    """Walls of a pickup's bed, a truck's load, a roadster's seats."""
    if body == "pickup":
        k.box("side", (0.45 * PAIR * w, 0.29 * d, top + 0.1), (0.06, 0.4 * d, 0.25), "body")
        k.box("gate", (0, 0.48 * d, top + 0.1), (0.9 * w, 0.05, 0.25), "body")
    elif body == "truck":
        load, r, x = k.pick("box", "tank", "flat", "logs"), 0.42 * w, np.array([-0.3, 0.0, 0.3]) * w
        if load == "box":
            k.box("load", (0, 0.14 * d, up - 0.35), (1.02 * w, 0.7 * d, k.u(0.7, 1.1)), "extra")
        elif load == "tank":
            profile = [(0.7 * r, -0.32 * d), (r, -0.28 * d), (r, 0.28 * d), (0.7 * r, 0.32 * d)]
            k.lathe("load", profile, "extra", (0, 0.14 * d, top + 0.8 * r), "y")
        elif load == "logs":
            k.rod("load", (x, -0.2 * d, top + 0.1), (x, 0.48 * d, top + 0.1), 0.16 * w, "extra")
        else:
            k.box("load", (0, 0.14 * d, top), (1.02 * w, 0.7 * d, 0.1), "extra")
    elif body == "roadster":
        k.block("seat", (0.2 * PAIR * w, 0.05 * d, top + 0.08), (0.3 * w, 0.14, 0.35), "seat", soft=0.5)


def _wheels(k: Kit, w: float, d: float, clear: float) -> None:
    kind = k.draw("support", "four wide big six thin covered tracks spare")
    r = {"big": 0.42, "thin": 0.3, "tracks": 0.2}.get(kind, k.u(0.24, 0.34))
    width = {"wide": 0.34, "big": 0.36, "thin": 0.1}.get(kind, 0.2)
    two = (-k.u(0.28, 0.36), k.u(0.28, 0.36))
    axles = {"six": (-0.33, 0.18, 0.34), "tracks": (-0.36, -0.18, 0.0, 0.18, 0.36)}.get(kind, two)
    z = clear + 0.08 if kind == "big" else max(clear, r * 0.8)
    for y in axles:
        for side in PAIR:
            k.wheel("wheel", (side * (w / 2 - width / 4), y * d, z), r, width)
            if kind == "covered":
                at = (side * (w / 2 - 0.02), y * d, z + 0.05)
                k.block("fender", at, (0.2, 2.3 * r, 1.5 * r), "body", roundness=0.5)
    if kind == "tracks":
        k.block("track", (PAIR * (w / 2), 0, z), (0.22, 0.9 * d, 2.4 * r), "wheel", soft=1.0)
    elif kind == "spare":
        k.wheel("wheel", (0, 0.52 * d, clear + 0.45), r, 0.16, axis="y")


def car(k: Kit) -> None:
    body = k.draw("body", BODIES)
    w, clear = k.size(0.75, 1.35), k.u(0.12, 0.35)
    d = k.size(1.7, 2.8) * (1.25 if body in ("bus", "truck") else 1)
    up = _side(k, body, w, d, clear)
    _bed(k, body, w, d, clear + 0.45, up)
    _wheels(k, w, d, clear)
    extra = k.draw("extra", "none spoiler rack bar lights sign scoop pipes")
    if extra == "spoiler":
        k.block("spoiler", (0, 0.47 * d, clear + 0.72), (0.95 * w, 0.16, 0.04), "extra")
        k.block("strut", (0.35 * PAIR * w, 0.46 * d, clear + 0.55), (0.04, 0.1, 0.36), "extra")
    elif extra == "rack":
        x = 0.3 * PAIR * w
        k.rod("rail", (x, -0.05 * d, up + 0.04), (x, 0.3 * d, up + 0.04), 0.025, "hub")
        k.block("luggage", (0, 0.12 * d, up + 0.08), (0.6 * w, 0.3 * d, 0.16), "extra")
    elif extra == "bar":
        k.block("bar", (0, -0.51 * d, clear + 0.2), (0.95 * w, 0.08, 0.25), "hub", soft=0.5)
    elif extra == "lights":
        k.ball("light", (0.33 * PAIR * w, -0.49 * d, clear + 0.3), (0.12, 0.08, 0.1), "hub")
    elif extra == "sign":
        k.block("sign", (0, 0.0, up + 0.04), (0.4, 0.15, 0.16), "extra")
    elif extra == "scoop":
        k.block("scoop", (0, -0.3 * d, clear + 0.5), (0.35 * w, 0.3, 0.14), "extra", taper=0.6)
    elif extra == "pipes":
        k.rod("pipe", (PAIR * w / 2, 0.0, clear + 0.05), (PAIR * w / 2, 0.5 * d, clear + 0.05), 0.05, "hub")
