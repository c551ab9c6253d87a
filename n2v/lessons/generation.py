"""Notebook 09, generation: how generators fare, a panel a measure, a row a generator; the visible checks."""

from collections.abc import Callable

import numpy as np
import torch

from n2v.lessons.drawing.diagrams import DATA_COLOUR, LAYER_COLOUR, NORM_COLOUR
from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS
from n2v.lessons.judge import judge
from n2v.tasks.generate import FlowConfig, follow, train_flow, training_pair
from n2v.tasks.generation_measures import coverage, novelty

LATENT_GAN = {  # as n2v.lessons.drawing.diagrams.FRAMEWORK: how a Latent-GAN is trained and used (thesis Fig 4.6)
    "noise": ((0, 0), "noise\n1,024 × N(0, .2)", DATA_COLOUR, ("generator",)),
    "generator": ((1, 0), "generator\nlinear, ReLU,\nlinear", LAYER_COLOUR, ("made",)),
    "made": ((2, 0), "made\nembedding", DATA_COLOUR, ("critic", "decoder")),
    "decoder": ((3, 0), "frozen decoder\nof nerf2vec", LAYER_COLOUR, ("object",)),
    "object": ((4, 0), "new object", DATA_COLOUR, ()),
    "real": ((2, -0.8), "real\nembedding", DATA_COLOUR, ("critic",)),
    "critic": ((3, -0.8), "critic: 3 linear,\nleaky ReLUs", LAYER_COLOUR, ("loss",)),
    "loss": ((4, -0.8), "loss: real high,\nmade low", NORM_COLOUR, ()),
}


def measure_figure(table: list[dict], measures: dict[str, str]):
    """Mean and 95 % interval; the yardstick's value runs through each panel as a dashed line, cheats are grey diamonds.

    Args:
        table: Rows {generator, a measure, its ±}, from n2v.tasks.metrics.over_repeats.
        measures: Column to its axis label.
    """
    import matplotlib.pyplot as plt

    names = [row["generator"] for row in table]
    size = (2.2 * len(measures) + 2, 0.36 * len(names) + 1.2)
    figure, axes = plt.subplots(1, len(measures), figsize=size, sharey=True)
    for axis, (measure, label) in zip(axes, measures.items(), strict=True):
        for place, row in enumerate(table):
            cheat, real = row["generator"].startswith("cheat"), row["generator"].startswith("real")
            colour = CHANCE if cheat else THEIRS if real else OURS
            style = {"fmt": "D" if cheat else "s" if real else "o", "color": colour, "ms": 6, "lw": 1.2}
            axis.errorbar(row[measure], place, xerr=np.nan_to_num(row[f"{measure} ±"]), **style)
            if real:
                axis.axvline(row[measure], color=colour, ls="--", lw=1)
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params("x", labelsize=8)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].invert_yaxis()
    figure.tight_layout()
    return figure


def check_penalty(penalty: Callable) -> bool:
    """`penalty(gradients)`: how far the gradients' lengths are from one."""
    gradients = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 0.5]])
    lengths = gradients.norm(dim=1)
    mistakes = {
        "the lengths are not compared with 1: a gradient of 0 would be best": lambda: (lengths**2).mean(),
        "the square is missing: too short and too long would cancel": lambda: (lengths - 1).mean(),
        "a length a sample: take the norm along the coordinates, not of the whole batch": lambda: (
            (gradients.norm() - 1) ** 2
        ),
        "the squared length was compared with 1; take its root": lambda: ((lengths**2 - 1) ** 2).mean(),
        "the mean over the samples is asked for, not their sum": lambda: ((lengths - 1) ** 2).sum(),
    }
    return judge("penalty", lambda: penalty(gradients), ((lengths - 1) ** 2).mean(), mistakes)


def check_pair(pair: Callable) -> bool:
    """`pair(noise, real, t)`: a point of the straight way and its velocity."""
    noise, real = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[3.0, 0.0], [4.0, 4.0]])
    t = torch.tensor([[0.25], [0.5]])
    point, velocity = training_pair(noise, real, t)

    def both(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.stack([first, second])

    mistakes = {
        "t runs from noise (0) to the embedding (1), not back": lambda: both(*training_pair(real, noise, t)),
        "the velocity points from noise to embedding: real - noise": lambda: both(point, -velocity),
        "the velocity is the whole way in one unit of time; it is not scaled with t": lambda: both(point, t * velocity),
        "point first, then velocity": lambda: both(velocity, point),
    }
    return judge("pair", lambda: pair(noise, real, t), both(point, velocity), mistakes)


def check_euler(euler: Callable) -> bool:
    """`euler(velocity, start, n_steps)`: follow a velocity from t = 0 to 1."""
    start = torch.tensor([[1.0, -2.0]])

    def velocity(points: torch.Tensor, t: float) -> torch.Tensor:
        return points + t

    def wrong(scale: float, shift: float) -> torch.Tensor:
        points = start
        for i in range(4):
            points = points + scale * velocity(points, (i + shift) / 4)
        return points

    mistakes = {
        "each step is 1 / n_steps long; without that factor the walk goes n_steps times too far": lambda: wrong(1, 0),
        "time starts at 0: the first step asks for the velocity at t = 0, not 1 / n_steps": lambda: wrong(0.25, 1),
        "the time never moves on": lambda: follow(lambda x, t: x, start, 4, "euler"),
        "every step must start where the last one ended": lambda: start + velocity(start, 0.0),
    }
    expected = follow(velocity, start, 4, "euler")
    return judge("euler", lambda: euler(velocity, start, 4), expected, mistakes)


def check_coverage(my_coverage: Callable) -> bool:
    """`my_coverage(made, real)`: share of real embeddings that are some sample's nearest."""
    rng = np.random.default_rng(0)
    made, real = rng.normal(size=(9, 3)).astype(np.float32), rng.normal(size=(12, 3)).astype(np.float32)
    squared = ((made[:, None] - real[None]) ** 2).sum(-1)
    mistakes = {
        "that asks from the wrong side: each sample chooses its nearest real one": lambda: torch.tensor(
            len(np.unique(squared.argmin(0))) / len(made)
        ),
        "a real embedding counts once, however many samples choose it": lambda: torch.tensor(len(made) / len(real)),
        "divide by the number of real embeddings, not of samples": lambda: torch.tensor(
            len(np.unique(squared.argmin(1))) / len(made)
        ),
        "that is a count; a share is asked for": lambda: torch.tensor(float(len(np.unique(squared.argmin(1))))),
    }
    return judge("coverage", lambda: my_coverage(made, real), torch.tensor(coverage(made, real)), mistakes)


def check_copies(my_copies: Callable) -> bool:
    """`my_copies(made, train, held_out)`: share of samples that are nearly a training embedding."""
    rng = np.random.default_rng(1)
    base = rng.normal(size=(10, 8)).astype(np.float32)
    train = np.concatenate([base, base + np.float32(0.05) * rng.normal(size=base.shape).astype(np.float32)])
    held_out = rng.normal(size=(6, 8)).astype(np.float32)
    away = rng.normal(size=(20, 8)).astype(np.float32)
    step = np.float32([0.03] * 7 + [0.2] * 5 + [1.0] * 8)[:, None]
    made = train + step * away / np.linalg.norm(away, axis=1, keepdims=True)
    mistakes = {
        "the spacing of the training set itself is that between an object and its own versions: too short": lambda: (
            torch.tensor(novelty(made, train)["copies"])
        ),
        "the limit is a tenth of the distance, not the distance": lambda: torch.tensor(
            _nearer(made, train, held_out, 1.0)
        ),
        "the share that is new was returned; its rest are the copies": lambda: torch.tensor(
            1 - novelty(made, train, held_out)["copies"]
        ),
    }
    expected = torch.tensor(novelty(made, train, held_out)["copies"])
    return judge("copies", lambda: my_copies(made, train, held_out), expected, mistakes)


def _nearer(made: np.ndarray, train: np.ndarray, held_out: np.ndarray, share: float) -> float:
    def nearest(points: np.ndarray) -> np.ndarray:
        return np.sqrt(((points[:, None] - train[None]) ** 2).sum(-1)).min(1)

    return float((nearest(made) < share * np.median(nearest(held_out))).mean())


def check_by_heart(by_heart: Callable, train: np.ndarray, held_out: np.ndarray, config: FlowConfig) -> bool:
    """`by_heart(n_nerfs)`: share of copies that a flow makes after training on so few, at seed 0 and `config`."""

    def measured(known: np.ndarray, compared: np.ndarray) -> torch.Tensor:
        made = train_flow(known, config, 0).sample(64, 0)
        return torch.tensor(novelty(made, compared, held_out)["copies"])

    mistakes = {"all training embeddings were used, whatever n_nerfs is": lambda: measured(train, train)}
    return judge("by heart", lambda: by_heart(4), measured(train[:4], train[:4]), mistakes, tolerance=0.15)
