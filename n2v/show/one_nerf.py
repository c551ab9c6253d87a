"""Plots of notebook 02: rays and samples, octaves, a fit while it runs, widths and losses. Each returns a figure."""

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.nerf.ablation import LOSSES, neighbour_correlation, resolved_octaves
from n2v.nerf.march import camera_rays, march
from n2v.nerf.occupancy import cell_centres
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet
from n2v.show.pictures import to_rgb
from n2v.show.style import CHANCE, OURS, THEIRS

# What Figure A.1 draws, printed in the authors' plotting script; its seconds are one line for both encodings.
FIGURE_A1 = [
    {"width": 64, "identity": 23.51, "frequency": 34.51, "fit_s": 14.87},
    {"width": 256, "identity": 23.97, "frequency": 35.85, "fit_s": 37.99},
    {"width": 512, "identity": 26.04, "frequency": 34.34, "fit_s": 88.99},
]
LOOKS = {"identity": ("o", "--"), "frequency": ("s", "-")}


def rays_in_box(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"], view: int = 0, n_side: int = 5, step=0.04):
    """Cameras around the box, n_side^2 rays of one of them, and the samples that lie in the hull."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(6.4, 5.4))
    axis = figure.add_subplot(projection="3d")
    corners = np.array(np.meshgrid(*zip(AABB[:3], AABB[3:], strict=True), indexing="ij")).reshape(3, -1).T
    for i, first in enumerate(corners):
        for second in corners[i + 1 :]:
            if np.isclose(first, second).sum() == 2:
                axis.plot(*np.stack([first, second]).T, color="black", lw=0.8)
    cells = cell_centres(hull.shape[0])[hull.reshape(-1)].numpy()
    shown = cells[:: max(1, len(cells) // 1500)]
    axis.scatter(*shown.T, s=3, color=CHANCE, alpha=0.35, label="cells of the hull", depthshade=False)
    places = view_set.c2w[:, :3, 3]
    axis.scatter(*places.T, s=16, marker="^", color="black", label=f"{len(places)} cameras", depthshade=False)
    c2w = torch.as_tensor(view_set.c2w[view], dtype=torch.float32)
    origins, directions = camera_rays(c2w, n_side, view_set.camera_angle_x)
    for i, (origin, direction) in enumerate(zip(origins.numpy(), directions.numpy(), strict=True)):
        ends = np.stack([origin, origin + 2.6 * direction])
        axis.plot(*ends.T, color=OURS, lw=0.7, label=f"{n_side**2} rays of one camera" if i == 0 else None)
    samples = march(origins, directions, hull, step).positions(origins, directions).numpy()
    label = f"their samples in the hull, every {step:g}"
    axis.scatter(*samples.T, s=12, marker="s", color="#D55E00", label=label, depthshade=False)
    axis.set(xlabel="x", ylabel="y", zlabel="z (up), scene units", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), zlim=(-0.8, 1.9))
    axis.set_box_aspect((3.4, 3.4, 2.7))
    axis.view_init(18, -50)
    axis.legend(loc="upper left", fontsize=8)
    return figure


def ray_stems(
    t_mids: Float[np.ndarray, "s"],
    length: float,
    sigmas: Float[np.ndarray, "s"],
    rgbs: Float[np.ndarray, "s 3"],
    picture: Float[np.ndarray, "h w c"] | None = None,
    place: tuple[int, int] = (0, 0),
):
    """Density, alpha, transmittance and blend weight of the samples of one ray, and the pixel they make on white.

    With a picture, its pixel at `place` (row, column) is marked beside them.
    """
    import matplotlib.pyplot as plt

    depths = sigmas.astype(np.float64) * length
    alphas = -np.expm1(-depths)
    light = np.exp(-(np.cumsum(depths) - depths))
    weights = light * alphas
    pixel = weights @ rgbs + (1 - weights.sum())
    layout, widths = [[name, "pixel"] for name in ("sigma", "alpha", "light", "weight")], [6, 1]
    if picture is not None:
        layout, widths = [["picture", *names] for names in layout], [4, 6, 1]
    figure, axes = plt.subplot_mosaic(layout, figsize=(1.1 * sum(widths), 6), width_ratios=widths)
    if picture is not None:
        _mark_pixel(axes["picture"], picture, place)
        figure.subplots_adjust(wspace=0.5)
    rows = {
        "sigma": (sigmas, "density σ\n(per scene unit)"), "alpha": (alphas, "absorbed share\nα = 1 − exp(−σδ)"),
        "light": (light, "light left\nT (before it)"), "weight": (weights, "weight\nT·α"),
    }  # fmt: skip
    for name, (values, label) in rows.items():
        axis = axes[name]
        axis.vlines(t_mids, 0, values, color="black", lw=0.8)
        axis.scatter(t_mids, values, s=22, c=np.clip(rgbs, 0, 1), edgecolor="black", lw=0.6, zorder=3)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.margins(y=0.15)
        if name != "sigma":
            axis.set_ylim(0, 1.08)
        if name != "weight":
            axis.sharex(axes["weight"])
            axis.tick_params(labelbottom=False)
    axes["weight"].set_xlabel(f"distance t along the ray (scene units); samples of δ = {length:.2g}")
    axes["pixel"].imshow(np.clip(pixel, 0, 1)[None, None])
    axes["pixel"].set(xticks=[], yticks=[], title="pixel\nΣ T·α·c + rest")
    axes["pixel"].set_xlabel(f"opacity\n{weights.sum():.3f}")
    figure.align_ylabels([axes[name] for name in rows])
    return figure


def _mark_pixel(axis, picture: Float[np.ndarray, "h w c"], place: tuple[int, int]) -> None:
    """A picture with cross hairs around one pixel."""
    row, column = place
    axis.imshow(to_rgb(picture))
    axis.plot(column, row, "s", ms=9, mfc="none", mec="black", mew=2)
    axis.axhline(row, color="black", lw=0.6, ls=":")
    axis.axvline(column, color="black", lw=0.6, ls=":")
    axis.set(title=f"row {row}, column {column}", xlabel="column (pixels)", ylabel="row (pixels)")
    axis.grid(False)


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
