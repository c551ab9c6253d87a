"""Notebook 02, one NeRF: octaves, a fit while it runs, widths and losses as figures; the visible checks."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.lessons.drawing.charts import line_chart
from n2v.lessons.drawing.pictures import show
from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS
from n2v.lessons.judge import Check
from n2v.nerf.fit import view_psnr
from n2v.nerf.render import Query, psnr
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet

A1 = {  # units a layer, dB of the bare position, dB with frequencies, seconds
    # what Figure A.1 draws, printed in the authors' plotting script; its seconds are one line for both encodings
    "thesis (RTX 3090)": [(64, 23.51, 34.51, 14.87), (256, 23.97, 35.85, 37.99), (512, 26.04, 34.34, 88.99)],
    # ours: 1,000 steps of FitConfig.laptop, laptop profile, seed 0 (512 with frequencies: a fifth of the learning rate)
    "shipped (one CPU core)": [
        (16, 20.36, 25.45, 3.6), (64, 20.38, 27.35, 6.6), (256, 20.40, 27.02, 28.3), (512, 20.38, 27.58, 94.5)
    ],
}  # fmt: skip


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


def fit_story(history: list[dict], truth: np.ndarray, falls: list[int]):
    """PSNR and loss of a fit against its steps, over pictures from it; `falls`: steps at which the rate falls.

    `history` rows: step, psnr_db, loss, picture.
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(10, 5.2))
    grid = figure.add_gridspec(2, len(history) + 1, height_ratios=[2, 1], hspace=0.5, wspace=0.06)
    axis = figure.add_subplot(grid[0, :])
    steps, dbs, losses = ([row[name] for row in history] for name in ("step", "psnr_db", "loss"))
    (first,) = axis.plot(steps, dbs, "o-", color=OURS, label="held-out PSNR (left)")
    axis.set(xlabel="optimiser steps", ylabel="held-out PSNR (dB)")
    other = axis.twinx()
    (second,) = other.plot(steps, losses, "s--", color=THEIRS, ms=4, label="loss of one batch (right)")
    other.set(ylabel="half the squared error (no unit)", yscale="log")
    other.grid(False)
    for fall in falls:
        third = axis.axvline(fall, color=CHANCE, ls=":", label="the learning rate falls")
    axis.legend(handles=[first, second, third], loc="center right", fontsize=9)
    seen = np.argwhere(truth.min(-1) < 0.99)
    (top, left), (bottom, right) = np.maximum(seen.min(0) - 3, 0), seen.max(0) + 4
    titles = [f"step {row['step']}\n{row['psnr_db']:.1f} dB" for row in history]
    pictures = [*(row["picture"] for row in history), truth]
    for i, (picture, title) in enumerate(zip(pictures, [*titles, "held-out\npicture"], strict=True)):
        show(figure.add_subplot(grid[1, i]), picture[top:bottom, left:right], title)
    return figure


def width_plots(rows: list[dict]):
    """Fig A.1: PSNR and seconds against width: this run, what is shipped, and the thesis's (other pictures).

    `rows`: {width, encoding, psnr_db, fit_s}, one a seed.
    """
    import matplotlib.pyplot as plt

    told = [{**row, "fit": f"{row['encoding']}, this run"} for row in rows]
    for whose, table in A1.items():
        for width, identity, frequency, seconds in table:
            for name, db in (("identity", identity), ("frequency", frequency)):
                told.append({"fit": f"{name}, {whose}", "width": width, "psnr_db": db, "fit_s": seconds})
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8))
    ticks = sorted({row["width"] for row in told})
    for axis, y, label in zip(axes, ("psnr_db", "fit_s"), ("held-out PSNR (dB)", "fitting time (s)"), strict=True):
        line_chart(told, "width", y, "fit", axis)
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, ticks)
        axis.set(xlabel="units a layer", ylabel=label)
    axes[0].get_legend().remove()
    axes[1].set_yscale("log")
    figure.subplots_adjust(wspace=0.28)
    return figure


def picture_psnrs(query: Query, occupied: Bool[torch.Tensor, "g g g"], view_set: ViewSet, step: float) -> list[float]:
    """PSNR (dB) of each held-out picture."""
    pairs = zip(view_set.held_out_images, view_set.held_out_c2w, strict=True)
    one_each = [replace(view_set, held_out_images=image[None], held_out_c2w=c2w[None]) for image, c2w in pairs]
    with torch.no_grad():
        return [view_psnr(query, occupied, one, step) for one in one_each]


def check_fit(psnr_db: float, floor_db: float = 20.0) -> None:
    """Refuse (AssertionError) a fit by hand that shows nothing: a wrong function has slipped through its own check."""
    where = "one of your functions is wrong; run the checks of exercises 1 to 3 and 5"
    assert psnr_db > floor_db, f"only {psnr_db:.1f} dB, less than {floor_db:g}: {where}"


def _db(mse: torch.Tensor) -> torch.Tensor:
    return -10 * mse.log10()


def _mse(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return ((first - second) ** 2).mean()


_RAMP = torch.linspace(0, 1, 48).view(4, 4, 3)
check_psnr = Check(
    "PSNR",
    [(_RAMP, (_RAMP + 0.1 * torch.cos(40 * _RAMP)).clamp(0, 1))],
    lambda first, second: torch.tensor(psnr(first, second)),
    {
        "that is the thesis's printed formula (eq. 3.4), not dB": lambda *two: -10 * (_mse(*two) / 10).log(),
        "take log10, not the natural logarithm": lambda *two: -10 * _mse(*two).log(),
        "the sign is wrong: a smaller error must give more dB": lambda *two: -_db(_mse(*two)),
        "20 goes with the root of the mean squared error": lambda *two: 2 * _db(_mse(*two)),
        "square the differences before the mean": lambda first, second: _db((first - second).abs().mean()),
    },
    1e-3,
)


def waves(x: torch.Tensor, k: int, frequency: float = math.pi) -> tuple[torch.Tensor, torch.Tensor]:
    """Octave k of the encoding: sine and cosine of 2^k pi x."""
    return torch.sin(2**k * frequency * x), torch.cos(2**k * frequency * x)


check_octave = Check(
    "octave",
    [(torch.tensor(0.3), 3)],
    waves,
    {
        "the sine comes first, then the cosine": lambda x, k: waves(x, k)[::-1],
        "pi is missing": lambda x, k: waves(x, k, 1.0),
        "2 to the power k, not 2 times k: each octave doubles the frequency": lambda x, k: waves(k * x, 1),
        "octave 0 has half a period in the box: pi, not 2 pi": lambda x, k: waves(x, k + 1),
        "octaves count from 0": lambda x, k: waves(x, k - 1),
    },
)


def farthest(places: Float[np.ndarray, "m 3"], n: int, by: Callable = np.min) -> list[int]:
    """The first place, then again and again the one whose nearest chosen place is farthest away."""
    chosen = [0]
    while len(chosen) < n:
        chosen.append(int(by(np.linalg.norm(places[:, None] - places[chosen], axis=2), axis=1).argmax()))
    return chosen


def _by_distance(places: np.ndarray) -> list[int]:
    return np.argsort(np.linalg.norm(places - places[0], axis=1), kind="stable").tolist()


check_spread = Check(
    "spread",
    [(orbit_cameras(24, 5)[:, :3, 3].astype(np.float64), 6)],
    farthest,
    {
        "those are the first cameras of the turn: they stand on one side": lambda places, n: list(range(n)),
        "evenly spaced in the turn is not far apart": lambda places, n: list(range(0, len(places), len(places) // n)),
        "those are the nearest to the first one": lambda places, n: _by_distance(places)[:n],
        "those are the farthest from the first one alone": lambda places, n: _by_distance(places)[::-1][:n],
        "the *nearest* chosen camera counts, not the sum of all": lambda places, n: farthest(places, n, np.sum),
    },
)
