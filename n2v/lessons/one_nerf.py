"""Notebook 02, one NeRF: octaves, a fit while it runs, widths and losses as figures; the visible checks."""

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import stats

from n2v.lessons.drawing.pictures import to_rgb
from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS
from n2v.lessons.judge import judge, or_lent
from n2v.nerf.ablation import LOSSES, neighbour_correlation, resolved_octaves
from n2v.nerf.encoding import encode
from n2v.nerf.fit import view_psnr
from n2v.nerf.render import Query, psnr
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet

# What Figure A.1 draws, printed in the authors' plotting script; its seconds are one line for both encodings.
FIGURE_A1 = [
    {"width": 64, "identity": 23.51, "frequency": 34.51, "fit_s": 14.87},
    {"width": 256, "identity": 23.97, "frequency": 35.85, "fit_s": 37.99},
    {"width": 512, "identity": 26.04, "frequency": 34.34, "fit_s": 88.99},
]


# Ours: 1,000 steps of FitConfig.laptop, laptop profile, seed 0; seconds of one CPU core
# (512 with frequencies: a fifth of the learning rate, else 12.1 dB)
SHIPPED_A1 = [
    {"width": 16, "identity": 20.36, "frequency": 25.45, "fit_s": 3.6},
    {"width": 64, "identity": 20.38, "frequency": 27.35, "fit_s": 6.6},
    {"width": 256, "identity": 20.40, "frequency": 27.02, "fit_s": 28.3},
    {"width": 512, "identity": 20.38, "frequency": 27.58, "fit_s": 94.5},
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

    figure = plt.figure(figsize=(10, 5.2))
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
    seen = np.argwhere(truth.min(-1) < 0.99)
    (top, left), (bottom, right) = np.maximum(seen.min(0) - 3, 0), seen.max(0) + 4
    pictures = [one[top:bottom, left:right] for one in (*[row["picture"] for row in history], truth)]
    for i, (picture, title) in enumerate(zip(pictures, [*titles, "held-out\npicture"], strict=True)):
        cell = figure.add_subplot(grid[1, i])
        cell.imshow(to_rgb(picture))
        cell.set_title(title, fontsize=8)
        cell.set_axis_off()
    return figure


def psnr_curves(rows: list[dict], x: str, by: str, xlabel: str, lines: dict | None = None):
    """Held-out PSNR against column `x`, a curve for each value of column `by`; `lines`: value -> a place on x."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.5))
    values = dict.fromkeys(row[by] for row in rows)
    for value, marker, dash, colour in zip(values, "os^", ("-", "--", ":"), (OURS, THEIRS, "black"), strict=False):
        _with_spread(axis, [row for row in rows if row[by] == value], x, "psnr_db", marker, dash, colour, str(value))
        if lines:
            axis.axvline(lines[value], color=colour, ls=dash, lw=1)
    axis.set(xlabel=xlabel, ylabel="held-out PSNR (dB)", xticks=sorted({row[x] for row in rows}))
    axis.legend(title=by)
    return figure


def width_plots(rows: list[dict]):
    """Fig A.1: PSNR and seconds against width: this run, what is shipped, and the thesis's (other pictures)."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8))
    for name, (marker, dash) in LOOKS.items():
        mine = [row for row in rows if row["encoding"] == name]
        _with_spread(left, mine, "width", "psnr_db", marker, dash, OURS, f"{name}, this run")
        places = [[row[key] for row in mine] for key in ("width", "fit_s")]
        right.plot(*places, marker=marker, ls=dash, color=OURS, label=f"{name}, this run")
    for found, whose, time, colour in (
        (SHIPPED_A1, "shipped", "shipped (one CPU core)", CHANCE),
        (FIGURE_A1, "thesis", "thesis (RTX 3090)", THEIRS),
    ):
        widths = [row["width"] for row in found]
        for name, (marker, dash) in LOOKS.items():
            values = [row[name] for row in found]
            left.plot(widths, values, marker=marker, ls=dash, color=colour, mfc="white", label=f"{name}, {whose}")
        right.plot(widths, [row["fit_s"] for row in found], "^:", color=colour, mfc="white", label=f"both, {time}")
    ticks = [row["width"] for row in SHIPPED_A1]
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, ticks)
        axis.set_xlabel("units a layer")
        axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=2)
    left.set_ylabel("held-out PSNR (dB)")
    right.set(ylabel="fitting time (s)", yscale="log")
    figure.subplots_adjust(wspace=0.28)
    return figure


def density_curve(step: float):
    """What raw output x of the network is which density, and how opaque that makes one sample of length `step`."""
    import matplotlib.pyplot as plt

    raw = np.linspace(-4, 8, 400)
    figure, axis = plt.subplots(figsize=(6, 2.7))
    axis.plot(raw, np.exp(raw - 1), color=OURS, label="density σ = exp(x − 1) (left)")
    axis.axvline(0, color=CHANCE, lw=1, ls=":", label="x = 0, where a fit starts")
    axis.set(xlabel="raw output x of the network", ylabel="density (per scene unit)", yscale="log")
    other = axis.twinx()
    other.plot(raw, 1 - np.exp(-np.exp(raw - 1) * step), "--", color=THEIRS, label=f"α of a sample of {step:g} (right)")
    other.set(ylabel="absorbed share α")
    other.grid(False)
    handles = [part for one in (axis, other) for part in one.get_legend_handles_labels()[0]]
    axis.legend(handles, [handle.get_label() for handle in handles], loc="upper left", fontsize=8)
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


def picture_psnrs(query: Query, occupied: Bool[torch.Tensor, "g g g"], view_set: ViewSet, step: float) -> list[float]:
    """PSNR (dB) of each held-out picture."""
    pairs = zip(view_set.held_out_images, view_set.held_out_c2w, strict=True)
    one_each = [replace(view_set, held_out_images=image[None], held_out_c2w=c2w[None]) for image, c2w in pairs]
    with torch.no_grad():
        return [view_psnr(query, occupied, one, step) for one in one_each]


def mean_interval(values) -> tuple[float, float, float]:
    """Mean of a few values and its 95 % interval by Student's t: (mean, low, high); one value has none (NaN)."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return float(values.mean()), math.nan, math.nan
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def yours_or_lent(opacity: Callable, transmittance: Callable, pixel: Callable, my_psnr: Callable, octave: Callable):
    """The student's functions under their names; of one that is not written yet the library's, said in a line."""
    one = torch.full((1,), 0.5)

    def light_before(alphas):
        return torch.cat([torch.ones_like(alphas[..., :1]), 1 - alphas[..., :-1]], -1).cumprod(-1)

    def blended(alphas, light, colours, background):
        weights = (light * alphas)[..., None]
        return (weights * colours).sum(-2) + (1 - weights.sum(-2)) * background

    def waves(x, k):
        return torch.sin(2**k * torch.pi * x), torch.cos(2**k * torch.pi * x)

    return SimpleNamespace(
        opacity=or_lent(opacity, lambda density, length: -torch.expm1(-density * length), one, one),
        transmittance=or_lent(transmittance, light_before, one),
        pixel=or_lent(pixel, blended, one, one, one.expand(1, 3), one.expand(3)),
        psnr=or_lent(my_psnr, lambda first, second: torch.tensor(psnr(first, second)), one, one / 2),
        octave=or_lent(octave, waves, one, 1),
    )


def check_fit(psnr_db: float, floor_db: float = 20.0) -> None:
    """Refuse (AssertionError) a fit by hand that shows nothing: a wrong function has slipped through its own check."""
    where = "one of your functions is wrong; run the checks of exercises 1 to 3 and 5"
    assert psnr_db > floor_db, f"only {psnr_db:.1f} dB, less than {floor_db:g}: {where}"


def _with_spread(axis, rows: list[dict], x: str, y: str, marker: str, dash: str, colour: str, label: str) -> None:
    """A curve with one standard deviation over seeds, where there are several."""
    spread = [row.get("psnr_sd_db") or 0 for row in rows]
    axis.errorbar(
        [row[x] for row in rows], [row[y] for row in rows], yerr=spread if any(spread) else None, marker=marker,
        ls=dash, color=colour, capsize=3, label=label,
    )  # fmt: skip


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


def farthest(places: Float[np.ndarray, "m 3"], n: int, by: Callable = np.min) -> list[int]:
    """The first place, then again and again the one whose nearest chosen place is farthest away."""
    chosen = [0]
    while len(chosen) < n:
        chosen.append(int(by(np.linalg.norm(places[:, None] - places[chosen], axis=2), axis=1).argmax()))
    return chosen


def check_spread(spread: Callable, n_views: int = 6) -> bool:
    """`spread(places, n)`: cameras that stand far from each other, in the order in which they were chosen."""
    places = orbit_cameras(24, 5)[:, :3, 3].astype(np.float64)

    def nearest() -> list[int]:
        distances = np.linalg.norm(places - places[0], axis=1)
        return np.argsort(distances, kind="stable")[:n_views].tolist()

    mistakes = {
        "those are the first cameras of the turn: they stand on one side": lambda: list(range(n_views)),
        "evenly spaced in the turn is not far apart: heights and distances differ, too": lambda: list(
            range(0, len(places), len(places) // n_views)
        ),
        "those are the nearest to the first one": nearest,
        "those are the farthest from the first one alone: they stand together": lambda: np.argsort(
            -np.linalg.norm(places - places[0], axis=1), kind="stable"
        )[:n_views].tolist(),
        "the distance to the *nearest* chosen camera counts, not the sum of all": lambda: farthest(
            places, n_views, np.sum
        ),
    }
    wrong = {told: lambda made=made: torch.tensor(made()) for told, made in mistakes.items()}
    expected = torch.tensor(farthest(places, n_views))
    return judge("spread", lambda: spread(places, n_views), expected, wrong)
