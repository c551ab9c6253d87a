"""New embeddings from noise, of one class or of a class asked for: the thesis's Latent-GAN, and flow matching.

Latent-GAN: Achlioptas et al. 2018, arXiv 1707.02392 (latent WGAN with gradient penalty); thesis section 4.5. Flow
matching carries noise to embeddings along a learned velocity field: training draws a noise point x0, an embedding x1
and a time t, and asks a small network at (1 - t) x0 + t x1 for the velocity x1 - x0; sampling follows the velocity from
t = 0 to 1. Nothing is played against anything, so nothing can collapse in the way of a GAN; with few embeddings and
many steps it can learn them by heart instead. Lipman et al. 2023, arXiv 2210.02747 (with the straight paths of Liu et
al. 2023, arXiv 2209.03003). Whether what comes out is any good is for n2v.tasks.generation_measures to say.
"""

import math
import time
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed

N_TIME = 16  # sines and cosines of a flow's time


@dataclass(frozen=True)
class GanConfig:
    """Two fully connected layers each for generator and discriminator (thesis Fig 4.6)."""

    noise: int = 64  # numbers of random noise
    hidden: int = 128
    n_steps: int = 2000  # generator steps
    time_budget_s: float | None = None  # seconds; overrides n_steps
    n_critic: int = 3  # discriminator steps for each
    batch_size: int = 32
    learning_rate: float = 5e-4
    penalty: float = 10.0  # of the gradient norm
    final_relu: bool = False  # as in the authors' code: no embedding coordinate can be negative then


class Budget:
    """Counts steps until as many are done, or until the time is up."""

    def __init__(self, n_steps: int, time_budget_s: float | None) -> None:
        self.n_steps, self.time_budget_s, self.done = n_steps, time_budget_s, 0
        self._started = time.perf_counter()

    def left(self) -> bool:
        """Whether another step may be taken; counts it."""
        over = self.share() >= 1
        self.done += not over
        return not over

    def share(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        spent = self.done / self.n_steps if self.time_budget_s is None else self.seconds() / self.time_budget_s
        return min(1.0, spent)

    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._started


@dataclass(frozen=True)
class TrainingData:
    """Standardised embeddings with their class as numbers of which one is 1: 13, or up to the highest label.

    None without labels.
    """

    values: Float[torch.Tensor, "n d"]
    classes: Float[torch.Tensor, "n c"]
    mean: Float[torch.Tensor, "d"]
    scale: Float[torch.Tensor, "d"]

    @classmethod
    def of(cls, embeddings, labels=None, centred: bool = True, who: str = "Latent-GAN") -> "TrainingData":
        """Check and standardise.

        Raises:
            BadInput: fewer than four embeddings, values that are not finite, or not as many labels as embeddings.
        """
        if len(embeddings) < 4:
            raise BadInput(f"{len(embeddings)} embeddings", where=who, fix="give at least 4 of a class")
        if not np.isfinite(embeddings).all():
            raise BadInput("embeddings are not finite", where=who, fix="embed again")
        if labels is not None and len(labels) != len(embeddings):
            raise BadInput(f"{len(labels)} labels for {len(embeddings)} embeddings", where=who, fix="one label each")
        real = torch.as_tensor(embeddings, dtype=torch.float32)
        mean = real.mean(0) if centred else torch.zeros_like(real[0])
        scale = real.std(0).clamp(min=1e-6)
        n_classes = 0 if labels is None else max(len(CLASSES), int(np.max(labels)) + 1)
        return cls((real - mean) / scale, one_hot(labels, len(real), n_classes), mean, scale)

    def batch(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """n random items: values and classes."""
        chosen = torch.randint(len(self.values), (n,))
        return self.values[chosen], self.classes[chosen]


def one_hot(labels: Int[np.ndarray, "n"] | None, n: int, n_classes: int) -> Float[torch.Tensor, "n c"]:
    """Class as `n_classes` numbers; no column at all without labels."""
    if labels is None:
        return torch.zeros(n, 0)
    return nn.functional.one_hot(torch.tensor(labels, dtype=torch.long), n_classes).float()


def wanted_classes(n: int, label, n_classes: int) -> Float[torch.Tensor, "n c"]:
    """What a sampler is asked for: one label for all, one each, or none; refuses what the model was not trained for."""
    if (label is None) == (n_classes > 0):
        fix = "give a label" if n_classes else "it was trained without labels"
        raise BadInput("a class is asked for" if not n_classes else "no class is asked for", fix=fix)
    return one_hot(None if label is None else np.broadcast_to(np.asarray(label), n), n, n_classes)


class LatentGan:
    """A trained generator and the standardisation of the embeddings it learned."""

    def __init__(self, generator: nn.Module, data: TrainingData, noise: int, budget: Budget) -> None:
        self.generator, self.data, self.noise = generator.eval(), data, noise
        self.n_steps, self.seconds = budget.done, budget.seconds()

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, label=None) -> Float[np.ndarray, "n d"]:
        """n new embeddings; of a class (one label, or one each) when it was trained with labels."""
        noise = torch.randn(n, self.noise, generator=torch.Generator().manual_seed(child_seed(seed, "sample")))
        classes = wanted_classes(n, label, self.data.classes.shape[1])
        return (self.generator(torch.cat([noise, classes], 1)) * self.data.scale + self.data.mean).numpy()


def make_networks(n_features: int, n_classes: int, config: GanConfig) -> tuple[nn.Sequential, nn.Sequential]:
    """Generator and critic; both are told the class."""
    last = [nn.ReLU()] if config.final_relu else []
    first = nn.Linear(config.noise + n_classes, config.hidden)
    generator = nn.Sequential(first, nn.ReLU(), nn.Linear(config.hidden, n_features), *last)
    first = nn.Linear(n_features + n_classes, 2 * config.hidden)
    return generator, nn.Sequential(first, nn.LeakyReLU(0.2), nn.Linear(2 * config.hidden, 1))


def train_latent_gan(
    embeddings: Float[np.ndarray, "n d"],
    config: GanConfig | None = None,
    seed: int = 0,
    labels: Int[np.ndarray, "n_labels"] | None = None,
) -> LatentGan:
    """Train on the embeddings of one class, or with `labels` on those of several, told apart by their class.

    With `final_relu` the embeddings are only scaled, not centred, as the authors feed them.

    Raises:
        BadInput: what `TrainingData.of` refuses.
    """
    config = config or GanConfig()
    data = TrainingData.of(embeddings, labels, centred=not config.final_relu)
    torch.manual_seed(child_seed(seed, "gan"))
    generator, critic = make_networks(data.values.shape[1], data.classes.shape[1], config)
    optimisers = [
        torch.optim.Adam(net.parameters(), lr=config.learning_rate, betas=(0.5, 0.9), fused=True)
        for net in (generator, critic)
    ]

    def make(classes: torch.Tensor) -> torch.Tensor:
        return generator(torch.cat([torch.randn(len(classes), config.noise), classes], 1))

    budget = Budget(config.n_steps, config.time_budget_s)
    while budget.left():
        for _ in range(config.n_critic):
            real, classes = data.batch(config.batch_size)
            with torch.no_grad():
                made = make(classes)
            _update(optimisers[1], critic_loss(critic, real, made, classes, config.penalty))
        _, classes = data.batch(config.batch_size)
        _update(optimisers[0], -critic(torch.cat([make(classes), classes], 1)).mean())
    return LatentGan(generator, data, config.noise, budget)


def critic_loss(critic: nn.Module, real, made, classes, penalty: float) -> Float[torch.Tensor, ""]:
    """Wasserstein loss: made below real, with a gradient of length one between them."""
    scores = critic(torch.cat([torch.cat([made, real]), classes.repeat(2, 1)], 1))
    difference = scores[: len(made)].mean() - scores[len(made) :].mean()
    return difference + penalty * gradient_penalty(critic, real, made, classes)


def gradient_penalty(
    critic: nn.Module,
    real: Float[torch.Tensor, "n d"],
    made: Float[torch.Tensor, "n d"],
    classes: Float[torch.Tensor, "n c"] | None = None,
) -> Float[torch.Tensor, ""]:
    """Mean (|gradient| - 1)^2 at random points between real and made (Gulrajani et al. 2017, arXiv 1704.00028).

    For a linear critic w x this is (|w| - 1)^2 wherever it is taken (tests/tasks/test_generate.py).
    """
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * made).requires_grad_()
    inputs = between if classes is None else torch.cat([between, classes], 1)
    (gradient,) = torch.autograd.grad(critic(inputs).sum(), between, create_graph=True)
    return ((gradient.norm(dim=1) - 1) ** 2).mean()


def _update(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


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
