"""Rifles: seen from the side, muzzle towards -y."""

import numpy as np

from n2v.scenes.shapes.parts import PAIR, Kit, curve

STOCKS = "classic pistol skeleton thumbhole folded straight none club"


def _bar(k: Kit, name: str, y0: float, y1: float, low: float, high: float, role: str, w=0.05, drop=0.0) -> None:
    """A flat solid from y0 to y1; its far end lies lower by `drop`."""
    k.plate(name, [(y0, low), (y0, high), (y1, high - drop), (y1, low - drop)], "x", -w / 2, w / 2, role)


def _stock(k: Kit, y: float) -> None:
    kind = k.draw("body", STOCKS)
    long, drop = k.u(0.25, 0.45), k.u(0.0, 0.12)
    if kind in ("classic", "pistol", "straight", "club"):
        fat = 1.5 if kind == "club" else 1.0
        _bar(k, "stock", y, y + 0.4 * long, -0.05, 0.03, "stock", 0.045, 0.4 * drop)
        _bar(k, "stock", y + 0.35 * long, y + long, -0.1 * fat, 0.03 * fat, "stock", 0.055, drop)
        k.box("butt", (0, y + long, -0.03 - drop), (0.06, 0.03, 0.16 * fat), "hub")
    elif kind == "skeleton":
        k.rod("stock", (0, y, 0.0), (0, y + long, np.array([0.02, -0.09]) - 0.5 * drop), 0.015, "frame")
        k.box("butt", (0, y + long, -0.04 - 0.5 * drop), (0.05, 0.03, 0.17), "hub")
    elif kind == "thumbhole":
        _bar(k, "stock", y, y + long, 0.0, 0.045, "stock", 0.05, 0.3 * drop)
        _bar(k, "stock", y + 0.02, y + long, -0.13, -0.08, "stock", 0.05)
        _bar(k, "stock", y + 0.65 * long, y + long, -0.13, 0.03, "stock", 0.055)
    elif kind == "folded":
        k.box("stock", (0.06, y - 0.5 * long, -0.01), (0.025, long, 0.09), "stock")
        k.block("hinge", (0.02, y, 0), (0.1, 0.05, 0.07), "hub")
    if kind in ("pistol", "skeleton", "folded", "none"):
        k.block("grip", (0, y - 0.02, -0.12), (0.045, 0.07, 0.17), "stock", angles=(-k.u(0.1, 0.5), 0, 0))


def _barrel(k: Kit, y: float) -> None:
    kind = k.draw("support", "plain heavy shroud double short rail octagon vented")
    long = k.u(0.2, 0.4) if kind == "short" else k.size(0.4, 0.85)
    r = 0.03 if kind == "heavy" else k.u(0.012, 0.022)
    k.rod("barrel", (0, y, 0.02), (0, y - long, 0.02), r, "barrel", r * k.u(0.7, 1.0))
    fore = min(k.u(0.25, 0.6), 0.8 * long) if kind != "short" else 0.15
    if kind in ("plain", "double", "octagon", "short"):
        _bar(k, "forend", y, y - fore, -0.045, 0.012, "stock", 0.05, k.u(-0.03, 0.01))
    elif kind in ("shroud", "vented", "rail", "heavy"):
        k.block("shroud", (0, y - fore / 2, 0.015), (0.065, fore, 0.075), "frame", roundness=k.pick(0.0, 0.0, 1.0))
    if kind == "double":
        k.rod("barrel", (0, y, 0.02 - 2.2 * r), (0, y - long, 0.02 - 2.2 * r), r, "barrel")
    elif kind == "vented":
        k.box("vent", (0, y - np.array([0.2, 0.4, 0.6, 0.8]) * fore, 0.02), (0.075, 0.05, 0.03), "dark")
    elif kind == "rail":
        k.box("rail", (0, y - 0.5 * fore, 0.06), (0.03, fore, 0.02), "hub")
    muzzle, y = k.draw("muzzle", "none brake silencer sight bayonet flared"), y - long
    if muzzle == "brake":
        k.rod("brake", (0, y + 0.02, 0.02), (0, y - 0.07, 0.02), 1.7 * r, "frame")
    elif muzzle == "silencer":
        k.rod("silencer", (0, y + 0.03, 0.02), (0, y - 0.25, 0.02), 0.032, "frame")
    elif muzzle == "sight":
        k.block("front_sight", (0, y + 0.04, 0.055), (0.015, 0.03, 0.08), "frame")
    elif muzzle == "bayonet":
        _bar(k, "bayonet", y + 0.05, y - 0.25, -0.02, 0.005, "hub", 0.012, -0.01)
    elif muzzle == "flared":
        k.rod("flare", (0, y + 0.06, 0.02), (0, y - 0.04, 0.02), r, "barrel", 3 * r)


def _magazine(k: Kit, y: float) -> None:
    kind = k.draw("magazine", "box curved none drum tube stub lever top")
    long = k.u(0.1, 0.26)
    if kind == "box":
        size, angles = (0.035, k.u(0.07, 0.11), long), (k.u(-0.2, 0.2), 0, 0)
        k.box("magazine", (0, y, -0.04 - long / 2), size, "frame", angles=angles)
    elif kind == "curved":
        a = np.linspace(0, k.u(0.5, 1.0), 6)
        reach = long / a[-1] * 1.3
        k.tube("magazine", curve(0, y - reach * (1 - np.cos(a)), -0.03 - reach * np.sin(a)), 0.035, "frame")
    elif kind == "drum":
        k.lathe("magazine", [(0.09, -0.04), (0.1, 0), (0.09, 0.04)], "frame", (0, y, -0.12), "x")
    elif kind == "tube":
        k.rod("magazine", (0, y, -0.03), (0, y - 0.5, -0.03), 0.018, "frame")
    elif kind == "stub":
        k.block("magazine", (0, y, -0.07), (0.035, 0.08, 0.06), "frame")
    elif kind == "lever":
        a = np.linspace(0, np.pi, 8)
        k.tube("lever", curve(0, y + 0.05 + 0.09 * np.cos(a), -0.04 - 0.09 * np.sin(a)), 0.012, "hub")
    elif kind == "top":
        k.block("magazine", (0, y - 0.03, 0.1), (0.04, 0.09, 0.14), "frame", angles=(0.2, 0, 0))


def rifle(k: Kit) -> None:
    long, high = k.u(0.22, 0.45), k.size(0.08, 0.13)
    k.box("receiver", (0, 0, 0), (k.u(0.045, 0.07), long, high), "frame", soft=k.u(0, 0.5))
    _stock(k, long / 2 - 0.02)
    _barrel(k, -long / 2 + 0.02)
    _magazine(k, -k.u(-0.05, 0.3) * long)
    a, guard = np.linspace(0, np.pi, 7), k.u(0.0, 0.3) * long
    k.tube("guard", curve(0, guard + 0.05 * np.cos(a), -high / 2 - 0.045 * np.sin(a)), 0.008, "hub")
    extra = k.draw("extra", "none scope bipod handle sling forward_grip laser")
    if extra == "scope":
        z, half = high / 2 + 0.06, k.u(0.1, 0.2)
        profile = [(0.035, -half), (0.02, -0.5 * half), (0.02, 0.5 * half), (0.03, half)]
        k.lathe("scope", profile, "extra", (0, 0, z), "y", 10)
        k.block("mount", (0, 0.4 * half * PAIR, z - 0.035), (0.025, 0.03, 0.05), "hub")
    elif extra == "bipod":
        k.rod("bipod", (0, -long / 2 - 0.2, -0.01), (PAIR * 0.1, -long / 2 - 0.26, -0.28), 0.012, "hub")
    elif extra == "handle":
        k.block("handle", (0, 0, high / 2 + 0.07), (0.03, 0.8 * long, 0.025), "frame")
        k.block("riser", (0, 0.35 * PAIR * long, high / 2 + 0.03), (0.025, 0.03, 0.08), "frame")
    elif extra == "sling":
        t = np.linspace(0, 1, 9)
        k.tube("sling", curve(0, long / 2 + 0.2 - t * (long + 0.5), -0.03 - 0.9 * t * (1 - t)), 0.012, "extra")
    elif extra == "forward_grip":
        k.block("forward_grip", (0, -long / 2 - 0.12, -0.1), (0.04, 0.05, 0.16), "extra")
    elif extra == "laser":
        k.box("laser", (0.04, -long / 2 - 0.08, 0.02), (0.04, 0.14, 0.05), "extra")
