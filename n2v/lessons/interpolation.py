"""Notebook 07, interpolation: walks measured as a figure; the visible checks."""

from collections.abc import Callable

import numpy as np
import torch

from n2v.lessons.drawing.style import OURS, THEIRS
from n2v.lessons.judge import judge
from n2v.nerf.layout import SHAPES, SLICES, initial_vector
from n2v.tasks.interpolate import lerp, slerp, smoothness


def walk_figure(table: list[dict], measures: dict[str, str]):
    """Mean and 95 % interval over the pairs, a panel a measure; filled: same class, open: across classes.

    Args:
        table: Rows {kind, walk, a measure, its ±}, from n2v.tasks.metrics.over_repeats.
        measures: Column to its axis label.
    """
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["walk"] for row in table))
    figure, axes = plt.subplots(
        1, len(measures), figsize=(2.6 * len(measures) + 1.5, 0.42 * len(names) + 1.5), sharey=True
    )
    for axis, (measure, label) in zip(axes, measures.items(), strict=True):
        for kind, shift, style in (("same class", -0.13, {}), ("across classes", 0.13, {"mfc": "white"})):
            mine = {row["walk"]: row for row in table if row["kind"] == kind}
            values = [mine[name][measure] for name in names]
            errors = np.nan_to_num([mine[name][f"{measure} ±"] for name in names])
            colour = OURS if kind == "same class" else THEIRS
            places = np.arange(len(names)) + shift
            axis.errorbar(values, places, xerr=errors, fmt="o", color=colour, ms=5, lw=1.2, label=kind, **style)
        axis.set_xlim(left=0)  # none of the measures can be negative, whatever the interval of a few pairs says
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params("x", labelsize=8)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].invert_yaxis()
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    figure.tight_layout()
    return figure


FIRST, SECOND = np.float32([2.0, 0.0, 1.0]), np.float32([0.0, 3.0, 1.0])


def check_between(between: Callable) -> bool:
    """`between(a, b, gamma)`: the point of the straight line at gamma."""

    def at(gamma: float) -> torch.Tensor:
        return torch.from_numpy(lerp(FIRST, SECOND, (gamma,))[0])

    mistakes = {
        "gamma and 1 - gamma are exchanged: at gamma = 0 one stands at a": lambda: at(0.75),
        "that is the middle, whatever gamma is": lambda: at(0.5),
        "a is missing its weight 1 - gamma: the two weights add up to one": lambda: torch.from_numpy(
            FIRST + np.float32(0.25) * SECOND
        ),
    }
    return judge("between", lambda: between(FIRST, SECOND, 0.25), at(0.25), mistakes)


def check_around(around: Callable) -> bool:
    """`around(a, b, gamma)` for unit vectors: the point of the great circle at gamma."""
    a, b = (vector / np.linalg.norm(vector) for vector in (FIRST, SECOND))
    angle = float(np.arccos(a @ b))
    straight = lerp(a, b, (0.25,))[0]
    mistakes = {
        "that is the straight line: it cuts the corner, and the point is shorter than 1": lambda: torch.from_numpy(
            straight
        ),
        "that is the straight line brought back to length 1: the right circle, uneven steps on it": lambda: (
            torch.from_numpy(straight / np.linalg.norm(straight))
        ),
        "the division by the sine of the whole angle is missing": lambda: torch.from_numpy(
            slerp(a, b, (0.25,))[0] * np.float32(np.sin(angle))
        ),
        "gamma and 1 - gamma are exchanged": lambda: torch.from_numpy(slerp(a, b, (0.75,))[0]),
    }
    return judge("around", lambda: around(a, b, 0.25), torch.from_numpy(slerp(a, b, (0.25,))[0]), mistakes)


def check_worst_share(worst_share: Callable) -> bool:
    """`worst_share(pictures)`: the largest step's part of the way."""
    rng = np.random.default_rng(0)
    frames = np.cumsum(rng.uniform(0, 0.1, (6, 4, 4, 3)) * np.float32([1, 1, 5, 1, 1, 1])[:, None, None, None], 0)
    steps = ((frames[1:] - frames[:-1]) ** 2).mean((1, 2, 3))
    expected = torch.tensor(smoothness(torch.from_numpy(frames))["worst_share"])
    mistakes = {
        "the root is missing: a mean of squares is no distance": lambda: torch.tensor(steps.max() / steps.sum()),
        "divide by the sum of the steps, the whole way, not by their mean": lambda: torch.tensor(
            np.sqrt(steps).max() / np.sqrt(steps).mean()
        ),
        "that is the largest step itself; its share of the way is asked for": lambda: torch.tensor(
            np.sqrt(steps).max()
        ),
        "divide by the way that was walked, not by the distance of the ends": lambda: torch.tensor(
            np.sqrt(steps).max() / np.sqrt(((frames[-1] - frames[0]) ** 2).mean())
        ),
    }
    return judge("worst share", lambda: worst_share(frames), expected, mistakes)


def check_same_neurons(same_neurons: Callable) -> bool:
    """`same_neurons(rows, reference)`: for each row of the reference the row most like it, each used once."""
    rng = np.random.default_rng(1)
    reference = initial_vector()[SLICES[0]].reshape(SHAPES[0])
    order = rng.permutation(len(reference))
    rows = (reference + 0.05 * rng.normal(size=reference.shape).astype(np.float32))[order]
    expected = torch.from_numpy(np.argsort(order))
    mistakes = {
        "that is where each row went, not which row belongs in each place: the inverse order": lambda: torch.from_numpy(
            order
        ),
        "the least alike were paired: linear_sum_assignment minimises unless maximize=True": lambda: torch.from_numpy(
            _assigned(reference, rows, maximize=False)
        ),
    }
    return judge("same neurons", lambda: same_neurons(rows, reference), expected, mistakes)


def _assigned(reference: np.ndarray, rows: np.ndarray, maximize: bool) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(reference @ rows.T, maximize=maximize)[1]


def check_crossing(crossing: Callable) -> bool:
    """`crossing(points, gammas, predict)`: the gamma from which on the class is no longer the first one's."""
    gammas = np.float32([0, 0.2, 0.4, 0.6, 0.8, 1])
    points = lerp(np.float32([0]), np.float32([1]), gammas)

    def predict(values: np.ndarray) -> np.ndarray:
        return np.select([values[:, 0] < 0.3, values[:, 0] < 0.7], [4, 7], 10)

    mistakes = {
        "that is the place in the list, not gamma": lambda: torch.tensor(2.0),
        "that is the last gamma of the first class; the first of another is asked for": lambda: torch.tensor(0.2),
        "that is where B begins; on the way lies a third class": lambda: torch.tensor(0.8),
    }
    return judge("crossing", lambda: crossing(points, gammas, predict), torch.tensor(0.4), mistakes)
