"""Notebook 05, reconstruction: quality and what is lost as figures, comparisons; the visible checks."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from n2v.lessons.drawing.style import CHANCE
from n2v.lessons.judge import judge
from n2v.lessons.nerf2vec import look_of
from n2v.tasks.metrics import summarise


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
    axis.set_xlim(0)
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


def gain(
    rows: list[dict], first: str, second: str, bases: dict[str, str], measure: str = "foreground_db"
) -> tuple[float, float, float, int]:
    """Mean difference first minus second on the same objects, its 95 % interval, and how many objects there are.

    `bases` names the base object of an object id; the differences of its versions are averaged first, since they are
    not independent. Without two objects the interval is NaN.
    """
    values = {(row["what"], row["object_id"]): row[measure] for row in rows}
    apart: dict[str, list[float]] = {}
    for (what, one), value in values.items():
        difference = value - values.get((second, one), np.nan)
        if what == first and np.isfinite(difference):
            apart.setdefault(bases.get(one, one), []).append(difference)
    found = summarise([np.mean(each) for each in apart.values()])
    return found["mean"], found["mean"] - found["half_width"], found["mean"] + found["half_width"], found["n"]


def gap(
    rows: list[dict], others: list[dict], bases: dict[str, str], measure: str = "foreground_db"
) -> tuple[float, float, float]:
    """Difference of the means of two groups of different objects, and its 95 % interval (Welch); versions averaged."""
    found = []
    for group in (rows, others):
        each: dict[str, list[float]] = {}
        for row in group:
            if np.isfinite(row[measure]):
                each.setdefault(bases.get(row["object_id"], row["object_id"]), []).append(row[measure])
        found.append(np.array([np.mean(values) for values in each.values()]))
    if min(map(len, found)) < 2:
        return float(found[0].mean() - found[1].mean()), math.nan, math.nan
    interval = stats.ttest_ind(*found, equal_var=False).confidence_interval()
    return float(found[0].mean() - found[1].mean()), float(interval.low), float(interval.high)


def check_formulas(psnr_of: Callable, psnr_as_printed: Callable) -> bool:
    """The usual PSNR and the one the thesis prints, of one mean squared error."""
    mse = 0.004
    usual, printed = -10 * math.log10(mse), -10 * math.log(mse / 10)
    mistakes = {
        "the two are the wrong way round": lambda: torch.tensor([printed, usual]),
        "the first is the natural logarithm; decibels are powers of ten": lambda: torch.tensor(
            [-10 * math.log(mse), printed]
        ),
        "the second divides by 10 inside the logarithm": lambda: torch.tensor([usual, -10 * math.log(mse)]),
        "the second has a natural logarithm": lambda: torch.tensor([usual, -10 * math.log10(mse / 10)]),
        "a smaller error must give more decibels": lambda: torch.tensor([-usual, -printed]),
    }
    return judge("PSNR", lambda: [psnr_of(mse), psnr_as_printed(mse)], torch.tensor([usual, printed]), mistakes)


def check_best_colour(best_colour: Callable) -> bool:
    """`best_colour(picture)`: the constant colour of least squared error."""
    picture = torch.rand(6, 5, 3, generator=torch.Generator().manual_seed(1)) ** 3
    mistakes = {
        "the median is best for absolute errors, not for squared ones": lambda: picture.flatten(0, 1).median(0).values,
        "one grey for all channels: each channel has its own mean": lambda: picture.mean().expand(3),
        "white is the background, seldom the best": lambda: torch.ones(3),
    }
    return judge("best colour", lambda: best_colour(picture), picture.mean((0, 1)), mistakes)


def check_foreground(foreground_mse: Callable) -> bool:
    """`foreground_mse(shown, truth, opacity)`: mean squared error over pixels that are not background."""
    generator = torch.Generator().manual_seed(2)
    shown, truth = torch.rand(2, 4, 4, 3, generator=generator)
    opacity = torch.zeros(4, 4)
    opacity[1:3, 1:] = 0.9
    mask, squared = opacity > 0.05, (shown - truth) ** 2
    mistakes = {
        "that is the mean over the whole picture": lambda: squared.mean(),
        "the sum goes over the object, but the division over the whole picture": lambda: (
            squared * mask[..., None]
        ).mean(),
        "that is the background's error": lambda: squared[~mask].mean(),
        "the three channels were added, not averaged": lambda: 3 * squared[mask].mean(),
    }
    return judge("foreground", lambda: foreground_mse(shown, truth, opacity), squared[mask].mean(), mistakes)


def check_chain(combined_db: Callable) -> bool:
    """`combined_db(first, second)`: PSNR after two independent errors of which each alone has a PSNR."""
    first, second = 20.0, 28.0
    expected = -10 * math.log10(10 ** (-first / 10) + 10 ** (-second / 10))
    mistakes = {
        "decibels do not add": lambda: torch.tensor(first + second),
        "the smaller of the two is only nearly right": lambda: torch.tensor(min(first, second)),
        "the mean of the errors was taken; independent errors add": lambda: torch.tensor(expected + 10 * math.log10(2)),
        "decibels do not average": lambda: torch.tensor((first + second) / 2),
        "root mean square errors do not add; their squares do": lambda: torch.tensor(
            -20 * math.log10(10 ** (-first / 20) + 10 ** (-second / 20))
        ),
    }
    return judge("two errors", lambda: combined_db(first, second), torch.tensor(expected), mistakes, 1e-3)


def check_projection(kept: Callable, train: torch.Tensor, vector: torch.Tensor, k: int = 3) -> bool:
    """`kept(train, vector, k)`: what the first k principal components of the training weights keep of a vector."""
    mean = train.mean(0)
    _, _, basis = torch.linalg.svd(train - mean, full_matrices=False)

    def projected(values: torch.Tensor, offset) -> torch.Tensor:
        return offset + (values - offset) @ basis[:k].T @ basis[:k]

    mistakes = {
        "the mean must be taken off before the projection and put back after": lambda: projected(vector, 0.0),
        "the mean was not put back": lambda: projected(vector, mean) - mean,
        "all components were kept": lambda: mean + (vector - mean) @ basis.T @ basis,
    }
    return judge("projection", lambda: kept(train, vector, k), projected(vector, mean), mistakes, 1e-3)
