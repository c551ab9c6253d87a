"""The baseline that looks: a small residual network on pictures of the NeRFs, one view or a vote over nine.

The thesis used ResNet50, from scratch and pretrained on ImageNet. No pretrained weights are shipped here and ResNet50
from scratch needs a GPU, so this is a smaller network of the same kind and is labelled as such.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed


@dataclass(frozen=True)
class PictureConfig:
    """Training of the picture classifier."""

    widths: tuple[int, ...] = (24, 48, 96)
    n_epochs: int = 10
    pictures_an_epoch: int = 4000
    batch_size: int = 64
    learning_rate: float = 3e-3


class Block(nn.Module):
    """Two convolutions with batch norm and a shortcut; halves the picture."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, 2, 1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False), nn.BatchNorm2d(n_out),
        )  # fmt: skip
        self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, 2, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class SmallResNet(nn.Module):
    """A stem, residual blocks, the mean over the picture, and logits."""

    def __init__(self, config: PictureConfig) -> None:
        super().__init__()
        first = config.widths[0]
        stem = [nn.Conv2d(3, first, 5, 2, 2, bias=False), nn.BatchNorm2d(first), nn.ReLU()]
        blocks = [Block(a, b) for a, b in zip((first, *config.widths[:-1]), config.widths, strict=True)]
        self.features = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.logits = nn.Linear(config.widths[-1], len(CLASSES))

    def forward(self, pictures: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n c"]:
        return self.logits(self.features(pictures))


def as_input(pictures: np.ndarray) -> Float[torch.Tensor, "n 3 h w"]:
    """RGB pictures in uint8 to centred float."""
    return torch.from_numpy(pictures[..., :3]).permute(0, 3, 1, 2).float() / 255 - 0.5


def train_on_pictures(
    pictures: np.ndarray, labels: Int[np.ndarray, "n"], config: PictureConfig, seed: int = 0
) -> SmallResNet:
    """Train on n objects with v pictures each, uint8 (n, v, h, w, 3); every epoch draws pictures at random."""
    torch.manual_seed(child_seed(seed, "pictures"))
    rng = np.random.default_rng(child_seed(seed, "pictures"))
    net = SmallResNet(config)
    n, v = pictures.shape[:2]
    n_batches = max(1, min(config.pictures_an_epoch, n * v) // config.batch_size)
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.n_epochs * n_batches)
    for _ in range(config.n_epochs * n_batches):
        chosen = rng.integers(n, size=config.batch_size)
        batch = as_input(pictures[chosen, rng.integers(v, size=config.batch_size)])
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(batch), torch.from_numpy(labels[chosen])).backward()
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def predict_views(net: SmallResNet, pictures: np.ndarray) -> tuple[Int[np.ndarray, "n v"], Float[np.ndarray, "n v f"]]:
    """Label and feature vector of every picture, uint8 (n, v, h, w, 3)."""
    n, v = pictures.shape[:2]
    flat = pictures.reshape(n * v, *pictures.shape[2:])
    features = torch.cat([net.features(as_input(flat[start : start + 256])) for start in range(0, n * v, 256)])
    labels = net.logits(features).argmax(1)
    return labels.view(n, v).numpy(), features.view(n, v, -1).numpy()


def vote(labels: Int[np.ndarray, "n v"]) -> Int[np.ndarray, "n"]:
    """Most frequent label over the views; the lower label wins a tie (thesis section 4.2)."""
    return np.array([np.bincount(row, minlength=len(CLASSES)).argmax() for row in labels])
