"""Notebooks 04 and 05 as figures: training, symmetries, answers, quality, what is lost, how many numbers it takes."""

import numpy as np
import torch

from n2v.embed.asking import LATTICE
from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS

LOOKS = {"rows": (THEIRS, "o", "--"), "asking": (OURS, "s", "-"), "best": ("#009E73", "^", "-.")}


def look_of(name: str) -> dict:
    """Colour, marker and dash of an encoder, the same in every figure."""
    colour, marker, dash = LOOKS.get(name, (CHANCE, "x", ":"))
    return {"color": colour, "marker": marker, "ls": dash}


def plot_loops(page: list[float], library: list[dict], every: int = 50):
    """PSNR on training rays of the loop on the page and of the library's, each point a mean over `every` steps."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 3))
    axis.plot([line["step"] for line in library], [line["ray_psnr_db"] for line in library], lw=5, alpha=0.4,
              color=THEIRS, label="the library")  # fmt: skip
    axis.plot(every * np.arange(1, len(page) + 1), page, color=OURS, marker="o", ms=4, label="this page")
    axis.set(xlabel="optimiser steps", ylabel="PSNR on training rays (dB)")
    axis.legend()
    return figure


def plot_answers(answers: torch.Tensor, picture: np.ndarray, n_layers: int = 5):
    """A NeRF's picture, and its answers, over white, on layers from the lowest to the highest that has something."""
    import matplotlib.pyplot as plt

    values = answers.float().numpy() / 255
    filled = np.flatnonzero(values[0].sum((0, 1)) > 1)
    heights = np.linspace(filled[0], filled[-1], n_layers).round().astype(int) if len(filled) else range(n_layers)
    figure, axes = plt.subplots(1, len(heights) + 1, figsize=(1.9 * (len(heights) + 1), 2.1))
    axes[0].imshow(picture)
    axes[0].set_title("the NeRF", fontsize=9)
    for axis, height in zip(axes[1:], heights, strict=True):
        layer = values[:, :, :, height]
        axis.imshow((layer[1:] + 1 - layer[:1]).clip(0, 1).transpose(2, 1, 0), origin="lower")
        axis.set_title(f"answers,\nlayer {height} of {answers.shape[-1]}", fontsize=9)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    return figure


def plot_schedules(curves: dict[str, tuple[np.ndarray, np.ndarray]]):
    """Learning rate against the share of the training that is done."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 3))
    for (name, (share, rate)), dash in zip(curves.items(), ("-", "--", ":"), strict=False):
        axis.plot(100 * share, rate, dash, lw=2, label=name)
    axis.set(xlabel="share of the training done (%)", ylabel="learning rate", yscale="log")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_symmetries(moved: dict[str, dict[str, float]]):
    """Movement of embeddings: `moved[what was done][encoder]`, a group of bars an encoder."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.2))
    names = list(next(iter(moved.values())))
    for i, (what, values) in enumerate(moved.items()):
        places = np.arange(len(names)) + 0.36 * (i - (len(moved) - 1) / 2)
        bars = axis.bar(places, values.values(), 0.34, color=(OURS, THEIRS)[i], hatch=("", "//")[i], edgecolor="white",
                        label=what)  # fmt: skip
        axis.bar_label(bars, [f"{value:.2f}" for value in values.values()], fontsize=8)
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel="encoder", ylabel="movement of the embedding\n(1: as far as NeRFs lie)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_front(cumulative: np.ndarray, parts: dict[str, tuple[float, int]]):
    """Share of variance in the first components; and share of variance and of weights, part by part."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.1))
    left.plot(range(1, len(cumulative) + 1), 100 * cumulative, color=OURS, lw=2)
    left.set(xlabel="principal components", ylabel="variance held (%)", ylim=(0, 100), xscale="log")
    places, total = np.arange(len(parts)), sum(count for _, count in parts.values())
    right.bar(places - 0.2, [100 * share for share, _ in parts.values()], 0.38, color=OURS, label="of the variance")
    right.bar(
        places + 0.2, [100 * count / total for _, count in parts.values()], 0.38, color=CHANCE, hatch="//",
        edgecolor="white", label="of the weights",
    )  # fmt: skip
    right.set_xticks(places, list(parts))
    right.set_ylabel("share (%)")
    right.legend()
    figure.tight_layout()
    return figure


def plot_quality(rows: list[dict], measure: str = "foreground_db", label: str = "foreground PSNR (dB)"):
    """Distribution over NeRFs of one measure, a box a split and model; a diamond is the mean."""
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["what"] for row in rows))
    splits = [split for split in ("train", "val", "test") if any(row["split"] == split for row in rows)]
    figure, axis = plt.subplots(figsize=(8, 3.4))
    width = 0.8 / len(names)
    for i, name in enumerate(names):
        groups = [
            [row[measure] for row in rows if (row["what"], row["split"]) == (name, split) and np.isfinite(row[measure])]
            for split in splits
        ]
        places = np.arange(len(splits)) + (i - (len(names) - 1) / 2) * width
        colour = look_of(name)["color"]
        boxes = axis.boxplot(
            groups, positions=places, widths=0.85 * width, showmeans=True, patch_artist=True, sym=".",
            medianprops={"color": "black"}, meanprops={"marker": "D", "markerfacecolor": "white", "markersize": 5,
                                                       "markeredgecolor": "black"},
        )  # fmt: skip
        for box in boxes["boxes"]:
            box.set(facecolor=colour, alpha=0.7, hatch=["", "//", ".."][i % 3])
        axis.plot([], [], "s", color=colour, label=name)
    counts = [len({row["object_id"] for row in rows if row["split"] == split}) for split in splits]
    axis.set_xticks(range(len(splits)), [f"{split}\n(n = {n})" for split, n in zip(splits, counts, strict=True)])
    axis.set_ylabel(label)
    axis.legend(title="encoder", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_losers(table: list[dict], ceiling_db: float):
    """Whole picture against object alone, one bar pair a row of `reconstruction_summary`; dashed: the input NeRFs."""
    import matplotlib.pyplot as plt

    names = [row["what"] if row["occupancy"] == "-" else f"{row['what']}, {row['occupancy']}" for row in table]
    figure, axis = plt.subplots(figsize=(8, 0.45 * len(table) + 1))
    for i, row in enumerate(table):
        colour = CHANCE if row["occupancy"] == "-" else look_of(row["what"])["color"]
        axis.barh(i - 0.19, row["full_db"], 0.36, color=colour, label="whole picture" if i == 0 else None)
        axis.barh(
            i + 0.19, row["foreground_db"], 0.36, color=colour, hatch="//", edgecolor="white", alpha=0.75,
            xerr=np.nan_to_num(row["foreground_db_±"]), label="object alone (95 % interval)" if i == 0 else None,
        )  # fmt: skip
    axis.set_xlim(0, 1.05 * max(ceiling_db, *(row["full_db"] for row in table)))
    axis.axvline(ceiling_db, color="black", ls="--", lw=1, label="input NeRFs against pictures")
    axis.set_yticks(range(len(table)), names)
    axis.invert_yaxis()
    axis.set_xlabel(f"mean PSNR on {table[0]['n']} test NeRFs (dB)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axis.grid(False, axis="y")
    return figure


def plot_outline(bands: dict[str, list[dict]]):
    """Root mean square error against the distance from the outline, a line a model."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.8, 3.2))
    for name, rows in bands.items():
        axis.plot([row["distance_px"] for row in rows], [row["rms_error"] for row in rows], label=name, **look_of(name))
    axis.axvline(0, color="black", lw=1)
    axis.set(xlabel="distance from the outline (pixels; right of 0: on the object)", ylabel="RMS colour error (0 to 1)")
    axis.set_ylim(0)
    axis.legend(title="encoder")
    return figure


def plot_thickness(rows: list[dict]):
    """Foreground PSNR against how thick an object is, a marker a model."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.8, 3.2))
    for name in dict.fromkeys(row["what"] for row in rows):
        mine, look = [row for row in rows if row["what"] == name], look_of(name)
        values = [row["thickness_px"] for row in mine], [row["foreground_db"] for row in mine]
        axis.scatter(*values, color=look["color"], marker=look["marker"], s=26, alpha=0.7, label=name)
    axis.set(xlabel="mean distance of the object's pixels from its outline (pixels)", ylabel="foreground PSNR (dB)")
    axis.legend(title="encoder")
    return figure


def plot_ladder(rows: list[dict]):
    """Mean decibels of each rung against how many numbers it keeps; the line joins pooled answers."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    names = list(dict.fromkeys(row["what"] for row in rows))
    found = {
        name: (next(row["numbers"] for row in rows if row["what"] == name),
               np.array([row["foreground_db"] for row in rows if row["what"] == name]))
        for name in names
    }  # fmt: skip
    pooled = [found[name] for name in names if name.endswith("answers")]
    axis.plot(
        [n for n, _ in pooled], [values.mean() for _, values in pooled], "o-", color=CHANCE, label="answers, pooled"
    )
    axis.axhline(pooled[-1][1].mean(), color=CHANCE, ls=":", label=f"all {LATTICE}³ answers")
    for name, (n, values) in found.items():
        if name.endswith("answers"):
            label = name.removesuffix(" answers")
            axis.annotate(label, (n, values.mean()), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
            continue
        look = {"color": OURS, "marker": "D"} if "components" in name else look_of(name.removeprefix("embedding, "))
        axis.plot(n, values.mean(), color=look["color"], marker=look["marker"], ls="", ms=9, label=name)
    axis.set(xscale="log", xlabel="numbers kept of a NeRF", ylabel="object alone, PSNR (dB)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
