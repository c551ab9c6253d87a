"""The thesis's classifier: a small network on embeddings or flat weights."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed


@dataclass(frozen=True)
class HeadConfig:
    """Thesis Fig 4.2: three linear layers, the first two with batch norm, ReLU and dropout; 150 epochs, one cycle.

    The authors' peak rate is 1e-4 for over 300 steps an epoch; a few hundred items give one or two, hence 1e-3.
    """

    widths: tuple[int, ...] = (512, 256)  # then the logits (authors' LAYERS_DIM = [1024, 512, 256])
    dropout: float = 0.5
    n_epochs: int = 150
    batch_size: int = 256
    learning_rate: float = 1e-3  # peak of the one-cycle schedule, AdamW
    weight_decay: float = 1e-2
    mix_same_class: bool = False  # authors' code: always; the thesis does not mention it
    into_span: bool = True  # turn many more features than items into the items' span first; never when mixing


class Head:
    """A trained classifier: standardises with its training features, turns them, then predicts labels."""

    def __init__(self, net: nn.Module, mean: torch.Tensor, scale: torch.Tensor, basis: torch.Tensor | None) -> None:
        self.net, self.mean, self.scale, self.basis = net.eval(), mean, scale, basis

    @torch.no_grad()
    def logits(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n c"]:
        """Unnormalised log-probabilities; refuses features that are not finite."""
        check_finite(features)
        standard = (torch.as_tensor(features, dtype=torch.float32) - self.mean) / self.scale
        return self.net(standard if self.basis is None else standard @ self.basis).numpy()

    def predict(self, features: Float[np.ndarray, "n d"]) -> Int[np.ndarray, "n"]:
        """Most likely label."""
        return self.logits(features).argmax(1)


def train_head(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, "n_labels"],
    config: HeadConfig | None = None,
    seed: int = 0,
    n_classes: int | None = None,
) -> Head:
    """Train the thesis's head on standardised features; logits for the thirteen classes, or up to the highest label.

    Raises:
        BadInput: features that are not finite, a single class, fewer than two items, or labels beyond `n_classes`.
    """
    config = config or HeadConfig()
    check_features(features, labels)
    n_classes = n_classes or max(len(CLASSES), int(labels.max()) + 1)
    if not 0 <= labels.min() <= labels.max() < n_classes:
        raise BadInput(f"labels from {labels.min()} to {labels.max()}", fix=f"use 0 to {n_classes - 1}")
    torch.manual_seed(child_seed(seed, "head"))
    inputs, targets = torch.as_tensor(features, dtype=torch.float32), torch.as_tensor(labels)
    mean, scale = mean_and_scale(inputs)
    inputs, basis = (inputs - mean) / scale, None
    mixes = config.mix_same_class  # features as they are, not coordinates turned at random
    if config.into_span and not mixes and inputs.shape[1] > 2 * len(inputs):
        basis = random_span_basis(inputs)
        inputs = inputs @ basis
    net = _layers(inputs.shape[1], config, n_classes)
    if basis is not None:
        net[0].weight.data.mul_(basis.shape[1] / basis.shape[0])
    n_batches = max(1, len(inputs) // max(2, config.batch_size))  # batch norm never meets a single item

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for _ in range(config.n_epochs):
            for chosen in torch.randperm(len(inputs)).tensor_split(n_batches):
                batch = inputs[chosen], targets[chosen]
                yield with_mixed(*batch) if mixes else batch

    one_cycle(net, batches(), config.n_epochs * n_batches, config.learning_rate, config.weight_decay)
    return Head(net, mean, scale, basis)


def one_cycle(net: nn.Module, batches: Iterable, n_steps: int, learning_rate: float, weight_decay: float) -> None:
    """Train a classifier on batches of inputs and labels: AdamW, its rate on one cycle up to `learning_rate`."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, n_steps)
    for inputs, labels in batches:
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(inputs), labels).backward()
        optimiser.step()
        schedule.step()


def _layers(width: int, config: HeadConfig, n_classes: int) -> nn.Sequential:
    """Blocks of linear, batch norm, ReLU and dropout, then the logits."""
    layers = []
    for next_width in config.widths:
        layers += [nn.Linear(width, next_width), nn.BatchNorm1d(next_width), nn.ReLU(), nn.Dropout(config.dropout)]
        width = next_width
    return nn.Sequential(*layers, nn.Linear(width, n_classes))


def mean_and_scale(items: Float[torch.Tensor, "n d"]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each feature; constant features (padding rows) have scale 1 and become 0."""
    scale = items.std(0)
    return items.mean(0), torch.where(scale > 1e-8, scale, 1.0)


def span_basis(items: Float[torch.Tensor, "n d"]) -> Float[torch.Tensor, "d r"]:
    """Orthonormal basis of what n items of d > n features span: 18,432 weights of 429 NeRFs become 428 numbers.

    A turn keeps all distances and dot products among the items, so a linear layer can express on them exactly what it
    could before. What a new item has outside the span is dropped; no gradient from the items ever reached it.
    """
    basis, values, _ = torch.linalg.svd(items.T, full_matrices=False)
    return basis[:, values > 1e-5 * values[0]]


def random_span_basis(items: Float[torch.Tensor, "n d"]) -> Float[torch.Tensor, "d r"]:
    """The same basis turned at random, so that all coordinates vary alike, as 18,432 standardised features do.

    Adam divides the step of every coordinate by its own size: along principal axes it moves as far where items hardly
    vary as where it matters, and the head learns noise; features are standardised before the turn, never after. A
    step moves a layer of r inputs by less than one of d: `train_head` makes initial weights r / d as large. On flat
    weights of the mini zoo (429 training NeRFs, two seeds): without a turn .80 and .80 in 54 s of CPU time, so turned
    .80 and .83 in 5 s, without smaller initial weights .70 and .72, along principal axes .56 and .56.
    """
    basis = span_basis(items)
    turn, _ = torch.linalg.qr(torch.randn(basis.shape[1], basis.shape[1]))
    return basis @ turn


def with_mixed(
    items: Float[torch.Tensor, "n d"], labels: Int[torch.Tensor, "n"]
) -> tuple[Float[torch.Tensor, "m d"], Int[torch.Tensor, "m"]]:
    """A batch, and behind it each item of a class with more than two once more, mixed with one of its class.

    A mixed item takes each feature from its partner with a probability drawn for the pair (authors' `interpolate`).
    """
    same = labels[:, None] == labels[None]
    first = torch.nonzero(same.sum(1) > 2).flatten()
    if not len(first):
        return items, labels
    second = torch.multinomial(same[first].float(), 1).flatten()
    from_second = torch.rand(len(first), items.shape[1]) >= torch.rand(len(first), 1)
    mixed = torch.where(from_second, items[second], items[first])
    return torch.cat([items, mixed]), torch.cat([labels, labels[first]])


def check_finite(features: np.ndarray) -> None:
    """Refuse NaN and infinity."""
    if not np.isfinite(features).all():
        raise BadInput("features are not finite", fix="embed again")


def check_features(features: np.ndarray, labels: np.ndarray) -> None:
    """Refuse what no classifier can learn from."""
    check_finite(features)
    if len(features) != len(labels):
        raise BadInput(f"{len(features)} features for {len(labels)} labels", fix="give one label a feature")
    if len(np.unique(labels)) < 2:
        raise BadInput("training items of a single class", fix="use a collection with at least two classes")
