"""Notebook 02, one NeRF: octaves, a fit while it runs, widths and losses as figures; the visible checks."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from n2v.lessons.drawing.pictures import to_rgb
from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS
from n2v.lessons.judge import judge
from n2v.nerf.ablation import LOSSES, Variant, fit_variant, neighbour_correlation, resolved_octaves
from n2v.nerf.composite import blend_weights, composite, over_background
from n2v.nerf.encoding import encode
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import psnr
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet

# What Figure A.1 draws, printed in the authors' plotting script; its seconds are one line for both encodings.
FIGURE_A1 = [
    {"width": 64, "identity": 23.51, "frequency": 34.51, "fit_s": 14.87},
    {"width": 256, "identity": 23.97, "frequency": 35.85, "fit_s": 37.99},
    {"width": 512, "identity": 26.04, "frequency": 34.34, "fit_s": 88.99},
]


LOOKS = {"identity": ("o", "--"), "frequency": ("s", "-")}


def octave_waves(octaves: tuple[int, ...], step: float):
    """sin(2^k pi x) over part of the box, and what samples `step` scene units apart see of it."""
    import matplotlib.pyplot as plt

    side = AABB[3] - AABB[0]
    figure, axes = plt.subplots(len(octaves), 1, figsize=(7.5, 1.15 * len(octaves) + 0.6), sharex=True, squeeze=False)
    fine, coarse = np.linspace(0, 0.6, 6000), np.arange(step / 2, 0.6, step)
    for axis, k in zip(axes[:, 0], octaves, strict=True):
        axis.plot(fine, np.sin(2**k * np.pi * fine / side), color=CHANCE, lw=0.7, label="the octave")
        seen = np.sin(2**k * np.pi * coarse / side)
        axis.plot(coarse, seen, "o-", color=OURS, ms=4, lw=1.4, label="what the samples see")
        axis.set(ylim=(-1.25, 1.25), yticks=[-1, 0, 1])
        axis.set_ylabel(f"k = {k}\n{2**k * step / side / 2:.2g} periods\na sample", rotation=0, ha="right", va="center")
    axes[-1, 0].set_xlabel(f"distance through the box (scene units); one sample every {step:g}")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper center", ncol=2, bbox_to_anchor=(0.5, 0.99))
    return figure


def octave_correlation(distances: dict[str, float], n_octaves: int = 24):
    """How much an octave at one place says about its value a `distance` (scene units) away: 1 all, 0 nothing."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for (label, distance), marker, dash in zip(distances.items(), "os^Dv", ("-", "--", "-.", ":", "-"), strict=False):
        values = neighbour_correlation(distance, n_octaves)
        axis.plot(values, marker=marker, ls=dash, ms=5, label=f"{label}: {distance:.2g}")
        if resolved_octaves(distance) < n_octaves:
            axis.axvline(resolved_octaves(distance), color=axis.lines[-1].get_color(), lw=0.8, ls=dash)
    axis.set(xlabel="octave k", ylabel="correlation with the neighbour", xticks=range(0, n_octaves, 2))
    axis.legend(title="distance (scene units)", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def fit_story(history: list[dict], truth: np.ndarray, falls: list[int]):
    """PSNR and loss of a fit against its steps, over pictures from it; `falls`: steps at which the rate falls.

    `history` rows: step, psnr_db, loss, picture.
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(8.5, 5))
    grid = figure.add_gridspec(2, len(history) + 1, height_ratios=[2, 1], hspace=0.5, wspace=0.06)
    axis = figure.add_subplot(grid[0, :])
    steps = [row["step"] for row in history]
    axis.plot(steps, [row["psnr_db"] for row in history], "o-", color=OURS, label="held-out PSNR (left)")
    axis.set(xlabel="optimiser steps", ylabel="held-out PSNR (dB)")
    for i, fall in enumerate(falls):
        axis.axvline(fall, color=CHANCE, ls=":", label="the learning rate falls" if i == 0 else None)
    other = axis.twinx()
    other.plot(steps, [row["loss"] for row in history], "s--", color=THEIRS, ms=4, label="loss of one batch (right)")
    other.set(ylabel="smooth L1 (no unit)", yscale="log")
    other.grid(False)
    handles = [part for one in (axis, other) for part in one.get_legend_handles_labels()[0]]
    axis.legend(handles, [handle.get_label() for handle in handles], loc="center right", fontsize=9)
    titles = [f"{row['step']}\n{row['psnr_db']:.1f} dB" for row in history]
    pictures = [*[row["picture"] for row in history], truth]
    for i, (picture, title) in enumerate(zip(pictures, [*titles, "held-out\npicture"], strict=True)):
        cell = figure.add_subplot(grid[1, i])
        cell.imshow(to_rgb(picture))
        cell.set_title(title, fontsize=8)
        cell.set_axis_off()
    return figure


def psnr_against_octaves(tables: dict[float, list[dict]]):
    """Held-out PSNR against the octaves L, a curve a sample length, with the octaves each length resolves."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 3.8))
    for (step, rows), marker, dash, colour in zip(
        tables.items(), "os^", ("-", "--", ":"), (OURS, THEIRS, CHANCE), strict=False
    ):
        _with_spread(axis, rows, "octaves", "psnr_db", marker, dash, colour, f"samples every {step:.3g}")
        axis.axvline(1 + resolved_octaves(step), color=colour, ls=dash, lw=1)
    axis.set(xlabel="octaves L (vertical: what the samples resolve, same line style)", ylabel="held-out PSNR (dB)")
    axis.set_xticks(sorted({row["octaves"] for rows in tables.values() for row in rows}))
    axis.legend(title="scene units")
    return figure


def width_plots(rows: list[dict]):
    """Fig A.1: PSNR and seconds against width, ours (filled) beside the thesis's (hollow, other pictures and GPU)."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
    widths = [row["width"] for row in FIGURE_A1]
    for name, (marker, dash) in LOOKS.items():
        mine = [row for row in rows if row["encoding"] == name]
        _with_spread(left, mine, "width", "psnr_db", marker, dash, OURS, f"{name}, ours")
        theirs = [row[name] for row in FIGURE_A1]
        left.plot(widths, theirs, marker=marker, ls=dash, color=THEIRS, mfc="white", label=f"{name}, thesis")
        seconds = [row["fit_s"] for row in mine]
        right.plot([row["width"] for row in mine], seconds, marker=marker, ls=dash, color=OURS, label=f"{name}, ours")
    seconds = [row["fit_s"] for row in FIGURE_A1]
    right.plot(widths, seconds, marker="^", ls=":", color=THEIRS, mfc="white", label="average, thesis (RTX 3090)")
    ticks = sorted({*widths, *(row["width"] for row in rows)})
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, ticks)
        axis.set_xlabel("units a layer")
    left.set_ylabel("held-out PSNR (dB)")
    right.set(ylabel="fitting time (s; ours on a CPU)", yscale="log")
    for axis in (left, right):
        axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=2)
    figure.subplots_adjust(wspace=0.28)
    return figure


def loss_shapes():
    """The three losses of one colour error, and how hard each pulls at it."""
    import matplotlib.pyplot as plt

    error = torch.linspace(-1, 1, 401, requires_grad=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9))
    for (name, loss), dash in zip(LOSSES.items(), ("-", "--", ":"), strict=True):
        value = loss(error, torch.zeros_like(error), reduction="none")
        (slope,) = torch.autograd.grad(value.sum(), error)
        label = name.replace("_", " ")
        left.plot(error.detach(), value.detach(), ls=dash, lw=2, label=label)
        right.plot(error.detach(), slope, ls=dash, lw=2, label=label)
    left.set(xlabel="error of a colour channel (0 to 1 is its range)", ylabel="loss (no unit)")
    right.set(xlabel="error of a colour channel", ylabel="gradient")
    left.legend()
    figure.subplots_adjust(wspace=0.3)
    return figure


def _with_spread(axis, rows: list[dict], x: str, y: str, marker: str, dash: str, colour: str, label: str) -> None:
    """A curve with one standard deviation over seeds, where there are several."""
    spread = [row.get("psnr_sd_db") or 0 for row in rows]
    axis.errorbar(
        [row[x] for row in rows], [row[y] for row in rows], yerr=spread if any(spread) else None, marker=marker,
        ls=dash, color=colour, capsize=3, label=label,
    )  # fmt: skip


DENSITIES = torch.tensor([0.0, 2.0, 30.0, 0.5])  # a thin mist, a wall, something hidden


LENGTHS = torch.tensor([0.1, 0.2, 0.1, 0.3])


COLOURS = torch.tensor([[1.0, 1.0, 0.0], [0.9, 0.2, 0.1], [0.1, 0.3, 0.8], [0.0, 1.0, 0.0]])


def check_opacity(opacity: Callable) -> bool:
    """`opacity(density, length)`: the share of light that a sample absorbs."""
    depths = DENSITIES * LENGTHS
    mistakes = {
        "that is the share which gets through; what is absorbed is the rest": lambda: torch.exp(-depths),
        "the sign in the exponent is wrong: more density must absorb more, never a negative share": lambda: (
            1 - torch.exp(depths)
        ),
        "the length is missing: a sample twice as long absorbs more": lambda: 1 - torch.exp(-DENSITIES),
        "density times length is the optical depth; it exceeds 1, a share cannot": lambda: depths,
        "a raw density is not a share (the published code makes this mistake on the background)": lambda: DENSITIES,
    }
    return judge("opacity", lambda: opacity(DENSITIES, LENGTHS), -torch.expm1(-depths), mistakes)


def check_transmittance(transmittance: Callable) -> bool:
    """`transmittance(alphas)`: the share of light that reaches each sample of one ray."""
    alphas = -torch.expm1(-DENSITIES * LENGTHS)
    one_ray = torch.zeros(len(alphas), dtype=torch.long)
    light = blend_weights(DENSITIES * LENGTHS, one_ray, 1)[1:] / alphas[1:]
    through = 1 - alphas
    mistakes = {
        "the product includes the sample itself: a sample cannot shade itself, so T of the first is 1": lambda: (
            through.cumprod(0)
        ),
        "the product runs from the far end: the nearest sample comes first": lambda: torch.cat(
            [through.flip(0).cumprod(0).flip(0)[1:], torch.ones(1)]
        ),
        "shares multiply, they do not add up: each sample takes its share of what is left": lambda: (
            1 - (alphas.cumsum(0) - alphas)
        ),
        "multiply what gets through, 1 - alpha, not what is absorbed": lambda: torch.cat(
            [torch.ones(1), alphas.cumprod(0)[:-1]]
        ),
    }
    return judge("transmittance", lambda: transmittance(alphas), torch.cat([torch.ones(1), light]), mistakes)


def check_pixel(pixel: Callable) -> bool:
    """`pixel(densities, lengths, colours, background)`: one composited ray."""
    background = torch.tensor([0.2, 0.4, 0.6])

    def blended(at: list[int]) -> torch.Tensor:
        return composite(DENSITIES[at], COLOURS[at], LENGTHS[at], torch.zeros(len(at), dtype=torch.long), 1)[0]

    ray = blended([0, 1, 2, 3])
    colour, opacity = ray[:3], ray[3]
    depths = DENSITIES * LENGTHS
    alphas, after = -torch.expm1(-depths), torch.exp(-depths.cumsum(0))
    backwards = blended([3, 2, 1, 0])
    mistakes = {
        "the background is missing: what the ray does not absorb shows it": lambda: colour,
        "the background belongs behind what is left of the light, not at full strength": lambda: colour + background,
        "the ray is composited from the far end: the nearest sample comes first": lambda: over_background(
            backwards, background
        ),
        "the light was dimmed before the sample's own colour was added": lambda: (
            (after * alphas) @ COLOURS + background * after[-1]
        ),
        "colours are weighted with alpha alone: multiply by the light that reaches the sample": lambda: (
            alphas @ COLOURS + background * (1 - opacity)
        ),
        "do not divide by the opacity: the colour is to stay premultiplied": lambda: (
            colour / opacity + background * (1 - opacity)
        ),
    }
    expected = over_background(ray, background)
    return judge("pixel", lambda: pixel(DENSITIES, LENGTHS, COLOURS, background), expected, mistakes)


def check_psnr(my_psnr: Callable) -> bool:
    """`my_psnr(first, second)`: dB of two pictures in [0, 1]."""
    first = torch.linspace(0, 1, 48).view(4, 4, 3)
    second = (first + 0.1 * torch.cos(40 * first)).clamp(0, 1)
    mse = float(((first - second) ** 2).mean())
    mistakes = {
        "that is the formula as the thesis prints it (eq. 3.4); it is not in dB": lambda: -10 * math.log(mse / 10),
        "a decibel is a power of ten: take log10, not the natural logarithm": lambda: -10 * math.log(mse),
        "the sign is wrong: a smaller error must give more dB": lambda: 10 * math.log10(mse),
        "20 goes with the root of the mean squared error, 10 with the mean squared error": lambda: (
            -20 * math.log10(mse)
        ),
        "square the differences before the mean": lambda: -10 * math.log10(float((first - second).abs().mean())),
    }
    return judge("PSNR", lambda: my_psnr(first, second), torch.tensor(psnr(first, second)), mistakes, 1e-3)


def check_octave(octave: Callable) -> bool:
    """`octave(x, k)`: sine and cosine of 2^k pi x."""
    x, k = torch.tensor(0.3), 3
    expected = encode(torch.stack([x, x, x]))[2 * k : 2 * k + 2]

    def waves(angle: torch.Tensor) -> torch.Tensor:
        return torch.stack([angle.sin(), angle.cos()])

    mistakes = {
        "the sine comes first, then the cosine": lambda: expected.flip(0),
        "pi is missing": lambda: waves(2**k * x),
        "2 to the power k, not 2 times k: each octave doubles the frequency": lambda: waves(2 * k * math.pi * x),
        "octave 0 has half a period in the box: pi, not 2 pi": lambda: waves(2**k * 2 * math.pi * x),
        "octaves count from 0": lambda: waves(2 ** (k - 1) * math.pi * x),
    }
    return judge("octave", lambda: octave(x, k), expected, mistakes)


def check_fewer_views(psnr_with: Callable, view_set: ViewSet, config: FitConfig, n_views: int = 6) -> bool:
    """`psnr_with(n_views)`: held-out PSNR after a fit to evenly spaced pictures, at seed 0 and `config`."""

    def measured(kept) -> torch.Tensor:
        few = replace(view_set, images=view_set.images[kept], c2w=view_set.c2w[kept])
        return torch.tensor(fit_variant(few, Variant(), config, 0)[2]["psnr_db"])

    mistakes = {
        "those are the first pictures of the turn: they show one side only; space them evenly": lambda: measured(
            slice(n_views)
        ),
        "all pictures were used": lambda: measured(slice(None)),
    }
    spaced = measured(slice(None, None, len(view_set.images) // n_views))
    return judge("fewer views", lambda: psnr_with(n_views), spaced, mistakes, tolerance=0.3)
