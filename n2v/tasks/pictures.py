"""The baseline that looks: a residual network on pictures of the NeRFs, one view or nine.

The thesis used ResNet50, from scratch and pretrained on ImageNet. No pretrained weights are shipped here (a user's file
is read) and ResNet50 from scratch needs a GPU, so a laptop trains a smaller network of the same kind, labelled as such.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed
from n2v.tasks.resnet import ResNet, load_resnet50, resnet50, small_resnet

IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PictureConfig:
    """Which network, and how it is trained: AdamW on one cycle, as the head."""

    network: str = "small"  # or "resnet50"
    weights: Path | None = None  # ResNet50's file of pretrained weights; None: from scratch
    n_epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 3e-3
    input_px: int | None = None  # pictures are resized to this; None: as they are
    device: str = "cpu"
    width: int = 16  # channels of the small network's first stage
    vary: bool = True  # mirror, move and recolour the training pictures (`varied`)

    @classmethod
    def resnet50(cls, weights: Path | None = None, n_epochs: int = 20, device: str = "cuda") -> "PictureConfig":
        """The thesis's network at ImageNet's 224 pixels; a lower rate where it starts from pretrained weights."""
        rate = 1e-3 if weights is None else 1e-4
        return cls("resnet50", weights, n_epochs, learning_rate=rate, input_px=224, device=device)


def make_network(config: PictureConfig, n_classes: int = len(CLASSES)) -> ResNet:
    """The network a configuration names, with a logit for each class."""
    if config.network == "resnet50":
        return resnet50(n_classes) if config.weights is None else load_resnet50(config.weights, n_classes)
    if config.network != "small" or config.weights is not None:
        raise BadInput(f"no pretrained '{config.network}'" if config.weights else f"unknown network '{config.network}'",
                       fix="use resnet50 or small; weights fit resnet50 alone")  # fmt: skip
    return small_resnet(n_classes, config.width)


def as_input(pictures: np.ndarray, config: PictureConfig) -> Float[torch.Tensor, "n 3 h w"]:
    """RGB pictures in uint8 (n, h, w, 3), normalised as ImageNet's."""
    x = torch.from_numpy(pictures[..., :3]).to(config.device).permute(0, 3, 1, 2).float() / 255
    mean, sd = (torch.tensor(values, device=x.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_SD))
    x = (x - mean) / sd
    if config.input_px in (None, x.shape[-1]):
        return x
    return nn.functional.interpolate(x, (config.input_px, config.input_px), mode="bilinear", antialias=True)


def varied(batch: Float[torch.Tensor, "n 3 h w"], rng: np.random.Generator) -> Float[torch.Tensor, "n 3 h w"]:
    """A batch of pictures in another way that leaves classes alone: mirrored, moved, its colours exchanged.

    Moves up to a sixteenth of the side; what leaves comes in on the other side. Without it a few thousand pictures are
    learned by heart, and the baseline is weaker than it need be.
    """
    if rng.random() < 0.5:
        batch = batch.flip(3)
    if rng.random() < 0.5:
        batch = batch[:, torch.from_numpy(rng.permutation(3))]
    reach = batch.shape[-1] // 16
    down, right = (int(shift) for shift in rng.integers(-reach, reach + 1, 2))
    return torch.roll(batch, (down, right), (2, 3))


def train_on_pictures(
    pictures: np.ndarray, labels: Int[np.ndarray, "n"], config: PictureConfig, seed: int = 0
) -> ResNet:
    """Train on n objects with v pictures each, uint8 (n, v, h, w, 3); an epoch draws as many pictures as there are."""
    torch.manual_seed(child_seed(seed, "pictures"))
    rng = np.random.default_rng(child_seed(seed, "pictures"))
    net = make_network(config, max(len(CLASSES), int(labels.max()) + 1)).to(config.device)
    n, v = pictures.shape[:2]
    n_steps = config.n_epochs * max(1, n * v // config.batch_size)
    optimiser = torch.optim.AdamW(net.parameters(), lr=config.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, n_steps)
    for _ in range(n_steps):
        chosen = rng.integers(n, size=config.batch_size)
        batch = as_input(pictures[chosen, rng.integers(v, size=config.batch_size)], config)
        batch = varied(batch, rng) if config.vary else batch
        targets = torch.from_numpy(labels[chosen]).to(config.device)
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(batch), targets).backward()
        optimiser.step()
        schedule.step()
    return net.eval()


@torch.no_grad()
def predict_views(
    net: ResNet, pictures: np.ndarray, config: PictureConfig
) -> tuple[Float[np.ndarray, "n v c"], Float[np.ndarray, "n v f"]]:
    """Logits and features of every picture, uint8 (n, v, h, w, 3)."""
    n, v = pictures.shape[:2]
    flat = pictures.reshape(n * v, *pictures.shape[2:])
    parts = [net.features(as_input(flat[start : start + 64], config)) for start in range(0, n * v, 64)]
    features = torch.cat(parts)
    return net.fc(features).view(n, v, -1).cpu().numpy(), features.view(n, v, -1).cpu().numpy()


def vote(labels: Int[np.ndarray, "n v"]) -> Int[np.ndarray, "n"]:
    """Most frequent label over the views; the lower label wins a tie (thesis section 4.2)."""
    return np.array([np.bincount(row).argmax() for row in labels])


def readings(logits: Float[np.ndarray, "n v c"]) -> dict[str, Int[np.ndarray, "n"]]:
    """Labels from the first view alone, by majority over all views as in the thesis, and from the mean logits."""
    views = logits.argmax(-1)
    n = logits.shape[1]
    return {
        "1 view": views[:, 0],
        f"{n} views, vote": vote(views),
        f"{n} views, mean logits": logits.mean(1).argmax(-1),
    }


def study(
    pictures: np.ndarray,
    labels: Int[np.ndarray, "n"],
    train: Int[np.ndarray, "m"],
    test: Int[np.ndarray, "t"],
    config: PictureConfig,
    seeds: tuple[int, ...] = (0, 1, 2),
) -> tuple[dict[str, list[Int[np.ndarray, "t"]]], ResNet]:
    """A network a seed on all views, and one on the first view alone, as the thesis's single-view classifier.

    The single-view network sees its few pictures three times as often.

    Returns:
        Predictions by way of reading, a list over seeds, and the first seed's network that saw all views.
    """
    predictions, first = {}, None
    once = replace(config, n_epochs=3 * config.n_epochs)
    for seed in seeds:
        alone = train_on_pictures(pictures[train][:, :1], labels[train], once, seed)
        net = train_on_pictures(pictures[train], labels[train], config, seed)
        found = {"1 view": predict_views(alone, pictures[test][:, :1], config)[0].argmax(-1)[:, 0]}
        read = readings(predict_views(net, pictures[test], config)[0])
        found |= {f"{name}{', trained on all' if name == '1 view' else ''}": labels for name, labels in read.items()}
        for name, predicted in found.items():
            predictions.setdefault(name, []).append(predicted)
        first = first or net
    return predictions, first


def resnet50_configs(weights: Path | None) -> dict[str, PictureConfig | str]:
    """The thesis's two ways to start ResNet50: a configuration, or what is missing to run it."""
    if not torch.cuda.is_available():
        return dict.fromkeys(("from scratch", "pretrained"), "not run: no GPU")
    pretrained = PictureConfig.resnet50(weights) if weights else "not run: no file of pretrained weights"
    return {"from scratch": PictureConfig.resnet50(), "pretrained": pretrained}
