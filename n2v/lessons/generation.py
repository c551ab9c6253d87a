"""Notebook 09, generation: how a Latent-GAN is put together; the visible checks."""

from collections.abc import Callable

import numpy as np
import torch

from n2v.lessons.drawing.diagrams import DATA_COLOUR, NORM_COLOUR, Graph, Part
from n2v.lessons.judge import Check
from n2v.tasks.generate import FlowConfig, follow, train_flow, training_pair
from n2v.tasks.generation_measures import coverage, novelty
from n2v.tasks.retrieve import distances

LATENT_GAN: Graph = {  # how a Latent-GAN is trained and used (thesis Fig 4.6)
    "noise": Part((0, 0), "noise\n1,024 × N(0, .2)", colour=DATA_COLOUR),
    "generator": Part((1, 0), "generator\nlinear, ReLU,\nlinear", ("noise",)),
    "made": Part((2, 0), "made\nembedding", ("generator",), colour=DATA_COLOUR),
    "decoder": Part((3, 0), "frozen decoder\nof nerf2vec", ("made",)),
    "object": Part((4, 0), "new object", ("decoder",), colour=DATA_COLOUR),
    "real": Part((2, -1), "real\nembedding", colour=DATA_COLOUR),
    "critic": Part((3, -1), "critic: 3 linear,\nleaky ReLUs", ("made", "real")),
    "loss": Part((4, -1), "loss: real high,\nmade low", ("critic",), colour=NORM_COLOUR),
}

check_penalty = Check(
    "penalty",
    [(torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 0.5]]),)],
    lambda gradients: ((gradients.norm(dim=1) - 1) ** 2).mean(),
    {
        "the lengths are not compared with 1: a gradient of 0 would be best": lambda g: (g.norm(dim=1) ** 2).mean(),
        "the square is missing: too short and too long would cancel": lambda g: (g.norm(dim=1) - 1).mean(),
        "take the norm along the coordinates, not of the whole batch": lambda g: (g.norm() - 1) ** 2,
        "the squared length was compared with 1; take its root": lambda g: ((g.norm(dim=1) ** 2 - 1) ** 2).mean(),
        "the mean over the samples is asked for, not their sum": lambda g: ((g.norm(dim=1) - 1) ** 2).sum(),
    },
)

_NOISE, _REAL = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[3.0, 0.0], [4.0, 4.0]])
check_pair = Check(
    "pair",
    [(_NOISE, _REAL, torch.tensor([[0.25], [0.5]]))],
    training_pair,
    {
        "t runs from noise (0) to the embedding (1), not back": lambda noise, real, t: training_pair(real, noise, t),
        "the velocity points to the embedding: real - noise": lambda x, y, t: (training_pair(x, y, t)[0], x - y),
        "the velocity is not scaled with t": lambda x, y, t: (training_pair(x, y, t)[0], t * (y - x)),
        "point first, then velocity": lambda *given: training_pair(*given)[::-1],
    },
)


def _euler(velocity: Callable, start: torch.Tensor, n: int, scale: float = 1, late: float = 0) -> torch.Tensor:
    """Follow a velocity in n equal steps; `scale` and `late` make steps too long and times too late."""
    points = start
    for i in range(n):
        points = points + scale / n * velocity(points, (i + late) / n)
    return points


check_euler = Check(
    "euler",
    [(lambda points, t: points + t, torch.tensor([[1.0, -2.0]]), 4)],
    lambda velocity, start, n: follow(velocity, start, n, "euler"),
    {
        "each step is 1 / n_steps long": lambda speed, start, n: _euler(speed, start, n, scale=n),
        "time starts at 0, not at 1 / n_steps": lambda speed, start, n: _euler(speed, start, n, late=1),
        "the time never moves on": lambda speed, start, n: _euler(lambda x, t: speed(x, 0.0), start, n),
        "every step must start where the last one ended": lambda speed, start, n: start + speed(start, 0.0),
    },
)


def _chosen(made: np.ndarray, real: np.ndarray, axis: int = 1) -> int:
    return len(np.unique(distances(made, real).argmin(axis)))


_rng = np.random.default_rng(0)
check_coverage = Check(
    "coverage",
    [tuple(_rng.normal(size=(n, 3)).astype(np.float32) for n in (9, 12))],
    coverage,
    {
        "each sample chooses its nearest real one, not the other way": lambda x, y: _chosen(x, y, 0) / len(x),
        "a real embedding counts once, however many samples choose it": lambda x, y: len(x) / len(y),
        "divide by the number of real embeddings, not of samples": lambda x, y: _chosen(x, y) / len(x),
        "that is a count; a share is asked for": _chosen,
    },
)


def _near_and_far() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples at three distances from training embeddings in pairs of versions, these, and held-out ones."""
    rng = np.random.default_rng(1)
    base, other, held_out, away = (rng.normal(size=(n, 8)).astype(np.float32) for n in (10, 10, 6, 20))
    train = np.concatenate([base, base + np.float32(0.05) * other])
    step = np.float32([0.03] * 7 + [0.2] * 5 + [1.0] * 8)[:, None]
    return train + step * away / np.linalg.norm(away, axis=1, keepdims=True), train, held_out


check_copies = Check(
    "copies",
    [_near_and_far()],
    lambda made, train, held_out: novelty(made, train, held_out)["copies"],
    {
        "the training set's own spacing is that of an object's own versions": lambda x, y, z: novelty(x, y)["copies"],
        "the share that is new was returned; its rest are the copies": lambda *three: 1 - novelty(*three)["copies"],
    },
)


def check_by_heart(by_heart: Callable, train: np.ndarray, held_out: np.ndarray, config: FlowConfig) -> bool:
    """`by_heart(n_nerfs)`: share of copies that a flow makes after training on so few, at seed 0 and `config`."""

    def copied(n_nerfs: int) -> float:
        return novelty(train_flow(train[:n_nerfs], config, 0).sample(64, 0), train[:n_nerfs], held_out)["copies"]

    mistakes = {"all training embeddings were used, whatever n_nerfs is": lambda n_nerfs: copied(len(train))}
    return Check("by heart", [(4,)], copied, mistakes, 0.15)(by_heart)
