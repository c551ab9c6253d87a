"""The baseline that looks: a residual network on pictures of the NeRFs, one view or nine.

The thesis used ResNet50 (He et al. 2015), from scratch and pretrained on ImageNet. No pretrained weights are shipped
here (a user's file is read; names are torchvision's) and ResNet50 from scratch needs a GPU, so a laptop trains a
smaller network of the same kind, labelled as such.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from torch import nn

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed
from n2v.tasks.head import one_cycle

IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Block(nn.Module):
    """Convolutions with batch norms beside a shortcut: two of 3 x 3, or `deep`: 1 x 1, 3 x 3, 1 x 1 (fourfold).

    The stride is in the first 3 x 3 one, as torchvision has it.
    """

    def __init__(self, n_in: int, width: int, stride: int, deep: bool) -> None:
        super().__init__()
        shapes = [(1, width, 1), (3, width, stride), (1, 4 * width, 1)] if deep else [(3, width, stride), (3, width, 1)]
        self.depth, n = len(shapes), n_in
        for number, (kernel, n_out, step) in enumerate(shapes, 1):
            self.add_module(f"conv{number}", nn.Conv2d(n, n_out, kernel, step, kernel // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(n_out))
            n = n_out
        self.downsample = nn.Identity()
        if stride > 1 or n_in != n:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n, 1, stride, bias=False), nn.BatchNorm2d(n))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = x
        for number in range(1, self.depth + 1):
            inside = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(inside))
            inside = torch.relu(inside) if number < self.depth else inside
        return torch.relu(inside + self.downsample(x))


class ResNet(nn.Module):
    """Stem (7 x 7, stride 2, then a maximum, stride 2), stages `layer1`, `layer2`, ... of blocks, mean, logits.

    Args:
        deep: Kind of the blocks.
        depths: Blocks in each stage; every stage but the first halves the picture and doubles the width.
        width: Of the stem and the first stage.
        n_classes: Logits.
    """

    def __init__(self, deep: bool, depths: tuple[int, ...], width: int, n_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        n_in, self.n_stages = width, len(depths)
        for stage, depth in enumerate(depths):
            blocks, n_out = [], (width << stage) * (4 if deep else 1)
            for number in range(depth):
                blocks.append(Block(n_in, width << stage, 2 if stage and not number else 1, deep))
                n_in = n_out
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(n_in, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, pictures: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n f"]:
        """What the logits are made of: 2048 numbers in ResNet50."""
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(pictures))), 3, 2, 1)
        for stage in range(self.n_stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean((2, 3))

    def forward(self, pictures: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n c"]:
        return self.fc(self.features(pictures))


def resnet50(n_classes: int = 1000) -> ResNet:
    """25,557,032 numbers in 161 tensors with 1000 classes."""
    return ResNet(True, (3, 4, 6, 3), 64, n_classes)


def load_resnet50(path: Path, n_classes: int) -> ResNet:
    """ResNet50 with weights from torchvision's file, and a new last layer for `n_classes`.

    Args:
        path: `resnet50-*.pth` (never unpickled beyond tensors) or the same names in a .safetensors file.
        n_classes: Logits; the file's own last layer is dropped.

    Raises:
        BadInput: no such file, or one that does not hold the tensors of ResNet50.
    """
    net, fix = resnet50(), "use torchvision's resnet50-*.pth, or the same as .safetensors"
    if not Path(path).is_file():
        raise BadInput("no such file", where=path, fix=fix)
    try:
        safe = Path(path).suffix == ".safetensors"
        stored = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
        older = {name: value for name, value in net.state_dict().items() if name.endswith("num_batches_tracked")}
        net.load_state_dict({**older, **stored})
    except Exception as error:  # the readers raise whatever a broken file makes them stumble over
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        raise BadInput(f"not ResNet50's weights ({reason})", where=path, fix=fix) from None
    net.fc = nn.Linear(net.fc.in_features, n_classes)
    return net


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


def make_network(config: PictureConfig, n_classes: int = len(CLASSES)) -> ResNet:
    """The network a configuration names, with a logit for each class.

    "small": three stages of one basic block each: eight layers, for pictures of 64 pixels on two cores.
    """
    if config.network == "resnet50":
        return resnet50(n_classes) if config.weights is None else load_resnet50(config.weights, n_classes)
    if config.network != "small" or config.weights is not None:
        raise BadInput(f"network '{config.network}'", fix="use resnet50 or small; weights fit resnet50 alone")
    return ResNet(False, (1, 1, 1), config.width, n_classes)


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

    def batches() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for _ in range(n_steps):
            chosen = rng.integers(n, size=config.batch_size)
            batch = varied(as_input(pictures[chosen, rng.integers(v, size=config.batch_size)], config), rng)
            yield batch, torch.from_numpy(labels[chosen]).to(config.device)

    one_cycle(net, batches(), n_steps, config.learning_rate, 1e-2)
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


def readings(logits: Float[np.ndarray, "n v c"]) -> dict[str, Int[np.ndarray, "n"]]:
    """Labels from the first view alone, by majority over all views as in the thesis, and from the mean logits.

    Of labels that are equally frequent over the views the lower wins (thesis section 4.2).
    """
    views, n = logits.argmax(-1), logits.shape[1]
    return {
        "1 view": views[:, 0],
        f"{n} views, vote": np.array([np.bincount(row).argmax() for row in views]),
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
    predictions, nets, once = {}, [], replace(config, n_epochs=3 * config.n_epochs)
    for seed in seeds:
        alone = train_on_pictures(pictures[train][:, :1], labels[train], once, seed)
        nets.append(train_on_pictures(pictures[train], labels[train], config, seed))
        read = readings(predict_views(nets[-1], pictures[test], config)[0])
        read["1 view, trained on all"] = read["1 view"]
        read["1 view"] = predict_views(alone, pictures[test][:, :1], config)[0].argmax(-1)[:, 0]
        for name, predicted in read.items():
            predictions.setdefault(name, []).append(predicted)
    return predictions, nets[0]


def resnet50_configs(weights: Path | None) -> dict[str, PictureConfig | str]:
    """The thesis's two ways to start ResNet50: a configuration, or what is missing to run it.

    At ImageNet's 224 pixels; at a lower rate where it starts from pretrained weights.
    """
    if not torch.cuda.is_available():
        return dict.fromkeys(("from scratch", "pretrained"), "not run: no GPU")
    scratch = PictureConfig("resnet50", None, 20, learning_rate=1e-3, input_px=224, device="cuda")
    pretrained = replace(scratch, weights=weights, learning_rate=1e-4) if weights else None
    return {"from scratch": scratch, "pretrained": pretrained or "not run: no file of pretrained weights"}
