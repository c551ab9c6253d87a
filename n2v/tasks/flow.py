"""Flow matching in embedding space: noise is carried to embeddings along a learned velocity field.

Training draws a noise point x0, an embedding x1 and a time t, and asks a small network at (1 - t) x0 + t x1 for the
velocity x1 - x0. Sampling follows the velocity from t = 0 to 1. Nothing is played against anything, so nothing can
collapse in the way of a GAN; with few embeddings and many steps it can learn them by heart instead.

Source: Lipman et al. 2023, arXiv 2210.02747 (with the straight paths of Liu et al. 2023, arXiv 2209.03003).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.seeds import child_seed
from n2v.tasks.generate import Budget, TrainingData, wanted_classes

N_TIME = 16  # sines and cosines of the time


@dataclass(frozen=True)
class FlowConfig:
    """A small network and a plain recipe."""

    hidden: int = 256
    n_layers: int = 3  # hidden layers
    n_steps: int = 4000  # optimiser steps
    time_budget_s: float | None = None  # seconds; overrides n_steps
    batch_size: int = 128
    learning_rate: float = 2e-3  # AdamW, falling to zero on a cosine
    weight_decay: float = 1e-2


class Velocity(nn.Module):
    """(point, time, class) to velocity: an MLP with a residual connection around every hidden layer but the first."""

    def __init__(self, n_features: int, n_classes: int, config: FlowConfig) -> None:
        super().__init__()
        self.first = nn.Linear(n_features + n_classes + N_TIME, config.hidden)
        self.hidden = nn.ModuleList(nn.Linear(config.hidden, config.hidden) for _ in range(config.n_layers - 1))
        self.last = nn.Linear(config.hidden, n_features)

    def forward(
        self, points: Float[torch.Tensor, "n d"], t: Float[torch.Tensor, "n 1"], classes: Float[torch.Tensor, "n c"]
    ) -> Float[torch.Tensor, "n d"]:
        angles = t * math.pi * torch.arange(1, N_TIME // 2 + 1)
        hidden = nn.functional.silu(self.first(torch.cat([points, angles.sin(), angles.cos(), classes], 1)))
        for layer in self.hidden:
            hidden = hidden + nn.functional.silu(layer(hidden))
        return self.last(hidden)


def training_pair(
    noise: Float[torch.Tensor, "n d"], real: Float[torch.Tensor, "n d"], t: Float[torch.Tensor, "n 1"]
) -> tuple[Float[torch.Tensor, "n d"], Float[torch.Tensor, "n d"]]:
    """Point on the straight way at time t, and its velocity."""
    return (1 - t) * noise + t * real, real - noise


def follow(velocity, start: Float[torch.Tensor, "n d"], n_steps: int = 20, method: str = "heun") -> torch.Tensor:
    """Integrate from t = 0 to 1. `velocity` takes (points, t as a number); "euler", or "heun" with twice the calls.

    Raises:
        BadInput: unknown method, or no step.
    """
    if method not in ("euler", "heun") or n_steps < 1:
        raise BadInput(f"{n_steps} steps of '{method}'", fix="use at least 1 step of: euler, heun")
    points = start
    for i in range(n_steps):
        t, step = i / n_steps, 1 / n_steps
        speed = velocity(points, t)
        if method == "heun":
            speed = (speed + velocity(points + step * speed, t + step)) / 2
        points = points + step * speed
    return points


class Flow:
    """A trained velocity field and the standardisation of the embeddings it learned."""

    def __init__(self, velocity: Velocity, data: TrainingData, budget: Budget) -> None:
        self.velocity, self.data = velocity.eval(), data
        self.n_steps, self.seconds = budget.done, budget.seconds()

    @torch.no_grad()
    def sample(
        self, n: int, seed: int = 0, label=None, n_steps: int = 20, method: str = "heun"
    ) -> Float[np.ndarray, "n d"]:
        """n new embeddings; of a class (one label, or one each) when it was trained with labels."""
        generator = torch.Generator().manual_seed(child_seed(seed, "sample"))
        start = torch.randn(n, self.data.values.shape[1], generator=generator)
        classes = wanted_classes(n, label, self.data.classes.shape[1])

        def velocity(points: torch.Tensor, t: float) -> torch.Tensor:
            return self.velocity(points, torch.full((n, 1), t), classes)

        return (follow(velocity, start, n_steps, method) * self.data.scale + self.data.mean).numpy()


def train_flow(
    embeddings: Float[np.ndarray, "n d"],
    config: FlowConfig | None = None,
    seed: int = 0,
    labels: Int[np.ndarray, "n_labels"] | None = None,
) -> Flow:
    """Train on embeddings, with `labels` told apart by their class.

    Raises:
        BadInput: what `TrainingData.of` refuses.
    """
    config = config or FlowConfig()
    data = TrainingData.of(embeddings, labels, who="flow matching")
    torch.manual_seed(child_seed(seed, "flow"))
    velocity = Velocity(data.values.shape[1], data.classes.shape[1], config)
    optimiser = torch.optim.AdamW(
        velocity.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    budget = Budget(config.n_steps, config.time_budget_s)
    while budget.left():
        optimiser.param_groups[0]["lr"] = config.learning_rate * (1 + math.cos(math.pi * budget.share())) / 2
        real, classes = data.batch(config.batch_size)
        t = torch.rand(len(real), 1)
        points, target = training_pair(torch.randn_like(real), real, t)
        loss = nn.functional.mse_loss(velocity(points, t, classes), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Flow(velocity, data, budget)
