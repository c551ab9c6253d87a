"""New embeddings from noise, of one class or of a class asked for: the thesis's Latent-GAN, and flow matching.

Latent-GAN: Achlioptas et al. 2018, arXiv 1707.02392 (latent WGAN with gradient penalty); thesis section 4.5. Flow
matching: training draws a noise point x0, an embedding x1 and a time t, and asks a small network at (1 - t) x0 + t x1
for the velocity x1 - x0; sampling follows it from t = 0 to 1. Lipman et al. 2023, arXiv 2210.02747.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed

N_TIME = 16  # sines and cosines of a flow's time
N_COMPONENTS = 64  # of embeddings that are learned: fewer than the width of the networks, which noise has to pass


@dataclass(frozen=True)
class GanConfig:
    """The thesis's (Fig 4.6): one hidden layer in the generator, two in the critic, which takes five steps for each."""

    noise: int = 1024  # numbers of random noise
    noise_scale: float = 0.2  # their standard deviation
    hidden: int = 128  # of the generator
    critic_hidden: tuple[int, int] = (128, 128)
    n_steps: int = 2000  # generator steps
    n_critic: int = 5  # critic steps for each
    batch_size: int = 32
    learning_rate: float = 1e-4
    penalty: float = 10.0  # of the gradient norm
    final_relu: bool = False  # as in the authors' code: no embedding coordinate can be negative then


@dataclass(frozen=True)
class TrainingData:
    """Embeddings, centred, turned to their first N_COMPONENTS principal axes and divided by one number.

    Classes: 13, or up to the highest label, as numbers of which one is 1; no column without labels.
    """

    values: Float[torch.Tensor, "n k"]
    classes: Float[torch.Tensor, "n c"]
    mean: Float[torch.Tensor, "d"]
    axes: Float[torch.Tensor, "k d"]
    scale: float

    @classmethod
    def of(cls, embeddings, labels=None, turned: bool = True) -> "TrainingData":
        """Check and turn; without `turned` embeddings are only divided by their standard deviation."""
        if len(embeddings) < 4:
            raise BadInput(f"{len(embeddings)} embeddings", fix="give at least 4 of a class")
        if not np.isfinite(embeddings).all():
            raise BadInput("embeddings are not finite", fix="embed again")
        if labels is not None and len(labels) != len(embeddings):
            raise BadInput(f"{len(labels)} labels for {len(embeddings)} embeddings", fix="one label each")
        real = torch.as_tensor(embeddings, dtype=torch.float32)
        mean, axes = torch.zeros_like(real[0]), torch.eye(real.shape[1])
        if turned:
            mean = real.mean(0)
            _, extents, axes = torch.linalg.svd(real - mean, full_matrices=False)
            axes = axes[:N_COMPONENTS][extents[:N_COMPONENTS] > 1e-5 * extents[0].clamp(min=1e-6)]
        values = (real - mean) @ axes.T
        scale = max(float(values.std()), 1e-6)
        n_classes = 0 if labels is None else max(len(CLASSES), int(np.max(labels)) + 1)
        return cls(values / scale, one_hot(labels, len(real), n_classes), mean, axes, scale)

    def batch(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """n random items: values and classes."""
        chosen = torch.randint(len(self.values), (n,))
        return self.values[chosen], self.classes[chosen]


def one_hot(labels, n: int, n_classes: int) -> Float[torch.Tensor, "n c"]:
    """Class of each of n, one label for all or one each, as `n_classes` numbers; no column at all without labels."""
    if labels is None:
        return torch.zeros(n, 0)
    return nn.functional.one_hot(torch.tensor(np.broadcast_to(labels, n), dtype=torch.long), n_classes).float()


@dataclass(frozen=True)
class Maker:
    """A trained network that turns noise into embeddings like those it learned."""

    data: TrainingData
    noise: Callable[[int, torch.Generator], torch.Tensor]  # of how many
    make: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of noise and classes

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0, label=None) -> Float[np.ndarray, "n d"]:
        """n new embeddings; of a class (one label, or one each) when it was trained with labels, else refused."""
        n_classes = self.data.classes.shape[1]
        if (label is None) is bool(n_classes):
            fix = "give a label" if n_classes else "leave the label out"
            raise BadInput(f"it was trained {'with' if n_classes else 'without'} labels", fix=fix)
        noise = self.noise(n, torch.Generator().manual_seed(child_seed(seed, "sample")))
        made = self.make(noise, one_hot(label, n, n_classes))
        return (self.data.scale * made @ self.data.axes + self.data.mean).numpy()


def draw_noise(n: int, config: GanConfig, generator: torch.Generator | None = None) -> Float[torch.Tensor, "n z"]:
    """What the generator starts from."""
    return config.noise_scale * torch.randn(n, config.noise, generator=generator)


def make_networks(n_features: int, n_classes: int, config: GanConfig) -> tuple[nn.Sequential, nn.Sequential]:
    """Generator and critic; both are told the class."""
    last = [nn.ReLU()] if config.final_relu else []
    first = nn.Linear(config.noise + n_classes, config.hidden)
    generator = nn.Sequential(first, nn.ReLU(), nn.Linear(config.hidden, n_features), *last)
    one, two = config.critic_hidden
    critic = nn.Sequential(
        nn.Linear(n_features + n_classes, one), nn.LeakyReLU(0.2), nn.Linear(one, two),
        nn.LeakyReLU(0.2), nn.Linear(two, 1),
    )  # fmt: skip
    return generator, critic


def train_latent_gan(
    embeddings: Float[np.ndarray, "n d"],
    config: GanConfig | None = None,
    seed: int = 0,
    labels: Int[np.ndarray, "n_labels"] | None = None,
) -> Maker:
    """Train on the embeddings of one class, or with `labels` on those of several, told apart by their class.

    With `final_relu` the embeddings are only scaled, neither centred nor turned, as the authors feed them.

    Raises:
        BadInput: fewer than four embeddings, values that are not finite, or not as many labels as embeddings.
    """
    config = config or GanConfig()
    data = TrainingData.of(embeddings, labels, turned=not config.final_relu)
    torch.manual_seed(child_seed(seed, "gan"))
    generator, critic = make_networks(data.values.shape[1], data.classes.shape[1], config)
    rates = {"lr": config.learning_rate, "betas": (0.5, 0.9), "fused": True}
    ours, theirs = (torch.optim.Adam(net.parameters(), **rates) for net in (generator, critic))

    def make(noise: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return generator(torch.cat([noise, classes], 1))

    for _ in range(config.n_steps):
        for _ in range(config.n_critic):
            real, classes = data.batch(config.batch_size)
            made = make(draw_noise(len(real), config), classes).detach()
            _update(theirs, critic_loss(critic, real, made, classes, config.penalty))
        _, classes = data.batch(config.batch_size)
        made = make(draw_noise(len(classes), config), classes)
        _update(ours, -critic(torch.cat([made, classes], 1)).mean())
    return Maker(data, lambda n, random: draw_noise(n, config, random), make)


def critic_loss(critic: nn.Module, real, made, classes, penalty: float) -> Float[torch.Tensor, ""]:
    """Wasserstein loss: made below real, with a gradient of length one between them."""
    scores = critic(torch.cat([torch.cat([made, real]), classes.repeat(2, 1)], 1))
    difference = scores[: len(made)].mean() - scores[len(made) :].mean()
    return difference + penalty * gradient_penalty(critic, real, made, classes)


def gradient_penalty(
    critic: nn.Module,
    real: Float[torch.Tensor, "n d"],
    made: Float[torch.Tensor, "n d"],
    classes: Float[torch.Tensor, "n c"],
) -> Float[torch.Tensor, ""]:
    """Mean (|gradient| - 1)^2 at random points between real and made (Gulrajani et al. 2017, arXiv 1704.00028)."""
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * made).requires_grad_()
    scores = critic(torch.cat([between, classes], 1))
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
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


def train_flow(
    embeddings: Float[np.ndarray, "n d"],
    config: FlowConfig | None = None,
    seed: int = 0,
    labels: Int[np.ndarray, "n_labels"] | None = None,
) -> Maker:
    """Train on embeddings, with `labels` told apart by their class; refuses what `train_latent_gan` does."""
    config = config or FlowConfig()
    data = TrainingData.of(embeddings, labels)
    torch.manual_seed(child_seed(seed, "flow"))
    velocity = Velocity(data.values.shape[1], data.classes.shape[1], config)
    rates = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    optimiser = torch.optim.AdamW(velocity.parameters(), **rates, fused=True)
    for i in range(config.n_steps):
        optimiser.param_groups[0]["lr"] = config.learning_rate * (1 + math.cos(math.pi * i / config.n_steps)) / 2
        real, classes = data.batch(config.batch_size)
        t = torch.rand(len(real), 1)
        points, target = training_pair(torch.randn_like(real), real, t)
        _update(optimiser, nn.functional.mse_loss(velocity(points, t, classes), target))

    def make(noise: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        return follow(lambda points, t: velocity(points, torch.full((len(points), 1), t), classes), noise)

    return Maker(data, lambda n, random: torch.randn(n, data.values.shape[1], generator=random), make)
