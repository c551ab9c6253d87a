"""Notebook 07, interpolation: the visible checks."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from n2v.lessons.judge import Check
from n2v.nerf.layout import SHAPES, SLICES, initial_vector
from n2v.tasks.interpolate import lerp, slerp, smoothness


def straight(a: np.ndarray, b: np.ndarray, gamma: float) -> np.ndarray:
    """The point of the straight line at gamma (0: a, 1: b)."""
    return lerp(a, b, (gamma,))[0]


def great_circle(a: np.ndarray, b: np.ndarray, gamma: float) -> np.ndarray:
    """The point at gamma of the great circle between two unit vectors."""
    return slerp(a, b, (gamma,))[0]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


_ENDS = np.float32([2.0, 0.0, 1.0]), np.float32([0.0, 3.0, 1.0])
check_between = Check(
    "between",
    [(*_ENDS, 0.25)],
    straight,
    {
        "gamma and 1 - gamma are exchanged: at gamma = 0 one stands at a": lambda a, b, gamma: straight(b, a, gamma),
        "that is the middle, whatever gamma is": lambda a, b, gamma: (a + b) / 2,
        "a is missing its weight 1 - gamma: the two weights add up to one": lambda a, b, gamma: a + gamma * b,
    },
)

check_around = Check(
    "around",
    [(*map(_unit, _ENDS), 0.25)],
    great_circle,
    {
        "that is the straight line: it cuts the corner, and the point is shorter than 1": straight,
        "that is the straight line brought to length 1: uneven steps": lambda *three: _unit(straight(*three)),
        "divide by the sine of the whole angle": lambda a, b, gamma: (
            great_circle(a, b, gamma) * np.sin(np.arccos(a @ b))
        ),
        "gamma and 1 - gamma are exchanged": lambda a, b, gamma: great_circle(b, a, gamma),
    },
)


def _steps(pictures: np.ndarray) -> np.ndarray:
    return np.sqrt(((pictures[1:] - pictures[:-1]) ** 2).mean((1, 2, 3)))


_PACE = np.float32([1, 1, 5, 1, 1, 1])[:, None, None, None]
check_worst_share = Check(
    "worst share",
    [(np.cumsum(_PACE * np.random.default_rng(0).uniform(0, 0.1, (6, 4, 4, 3)), 0),)],
    lambda pictures: smoothness(torch.as_tensor(pictures))["worst_share"],
    {
        "the root is missing: squares are no distance": lambda x: (_steps(x) ** 2).max() / (_steps(x) ** 2).sum(),
        "divide by the sum of the steps, not by their mean": lambda x: _steps(x).max() / _steps(x).mean(),
        "that is the largest step itself; its share of the way is asked for": lambda x: _steps(x).max(),
        "divide by the way that was walked, not by its ends' distance": lambda x: (
            _steps(x).max() / _steps(x[[0, -1]])[0]
        ),
    },
)


def _shuffled_neurons() -> tuple[np.ndarray, np.ndarray]:
    """Neurons of the initial vector's first matrix, a little moved and in another order; and in their own."""
    rng, reference = np.random.default_rng(1), initial_vector()[SLICES[0]].reshape(SHAPES[0])
    moved = reference + 0.05 * rng.normal(size=reference.shape).astype(np.float32)
    return moved[rng.permutation(len(reference))], reference


def _assigned(reference: np.ndarray, rows: np.ndarray, best: bool = True) -> np.ndarray:
    return linear_sum_assignment(reference @ rows.T, maximize=best)[1]


check_same_neurons = Check(
    "same neurons",
    [_shuffled_neurons()],
    lambda rows, reference: _assigned(reference, rows),
    {
        "that is where each row went, not which row belongs there: the inverse order": _assigned,
        "the least alike were paired: give maximize=True": lambda rows, reference: _assigned(reference, rows, False),
    },
)


def first_change(points: np.ndarray, gammas: np.ndarray, predict: Callable) -> float:
    """The first gamma whose class is not that of points[0]; 1 where none is."""
    changed = np.flatnonzero(predict(points) != predict(points[:1]))
    return float(gammas[changed[0]]) if len(changed) else 1.0


def _three_classes(points: np.ndarray) -> np.ndarray:
    return np.select([points[:, 0] < 0.3, points[:, 0] < 0.7], [4, 7], 10)


_GAMMAS = np.float32([0, 0.2, 0.4, 0.6, 0.8, 1])
check_crossing = Check(
    "crossing",
    [(_GAMMAS[:, None], _GAMMAS, _three_classes)],
    first_change,
    {
        "that is the place in the list, not gamma": lambda points, gammas, predict: 2,
        "that is the last gamma of the first class; the first of another is asked for": lambda *_: 0.2,
        "that is where B begins; on the way lies a third class": lambda *_: 0.8,
    },
)
