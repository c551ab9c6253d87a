"""ResNet50 (He et al. 2015) by torchvision's names, so that its files of weights fit, and a small one for laptops."""

from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import nn

from n2v.errors import BadInput


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(n_in, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inside)) + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1 x 1 to narrow, 3 x 3 (with the stride, as torchvision), 1 x 1 to widen fourfold, beside a shortcut."""

    expansion = 4

    def __init__(self, n_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = _shortcut(n_in, 4 * width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inside = torch.relu(self.bn1(self.conv1(x)))
        inside = torch.relu(self.bn2(self.conv2(inside)))
        return torch.relu(self.bn3(self.conv3(inside)) + (x if self.downsample is None else self.downsample(x)))


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Sequential | None:
    """What changes the shape of a block's input; None where it fits already."""
    if stride == 1 and n_in == n_out:
        return None
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))


class ResNet(nn.Module):
    """Stem (7 x 7, stride 2, then a maximum, stride 2), stages `layer1`, `layer2`, ... of blocks, mean, logits.

    Args:
        block: BasicBlock or Bottleneck.
        depths: Blocks in each stage; every stage but the first halves the picture and doubles the width.
        width: Of the stem and the first stage.
        n_classes: Logits.
    """

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], depths: tuple[int, ...], width: int, n_classes: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        n_in, self.n_stages = width, len(depths)
        for stage, depth in enumerate(depths):
            blocks = []
            for number in range(depth):
                blocks.append(block(n_in, width << stage, 2 if stage and not number else 1))
                n_in = (width << stage) * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(n_in, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, pictures: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n f"]:
        """What the logits are made of: 2048 numbers in ResNet50."""
        x = torch.relu(self.bn1(self.conv1(pictures)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        for stage in range(self.n_stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x.mean((2, 3))

    def forward(self, pictures: Float[torch.Tensor, "n 3 h w"]) -> Float[torch.Tensor, "n c"]:
        return self.fc(self.features(pictures))


def resnet50(n_classes: int = 1000) -> ResNet:
    """25,557,032 numbers in 161 tensors with 1000 classes."""
    return ResNet(Bottleneck, (3, 4, 6, 3), 64, n_classes)


def small_resnet(n_classes: int, width: int = 16) -> ResNet:
    """Three stages of one basic block each: eight layers, for pictures of 64 pixels on two cores."""
    return ResNet(BasicBlock, (1, 1, 1), width, n_classes)


def load_resnet50(path: Path, n_classes: int) -> ResNet:
    """ResNet50 with weights from torchvision's file, and a new last layer for `n_classes`.

    Args:
        path: `resnet50-*.pth` (never unpickled beyond tensors) or the same names in a .safetensors file.
        n_classes: Logits; the file's own last layer is dropped.

    Raises:
        BadInput: no such file, a file that is not tensors by name, or not those of ResNet50.
    """
    stored, net = _read(Path(path)), resnet50()
    expected = net.state_dict()
    named = {name for name in expected if not name.endswith("num_batches_tracked")}  # older files lack these
    odd = sorted((named - set(stored)) | (set(stored) - set(expected)))
    odd += [name for name in sorted(named & set(stored)) if stored[name].shape != expected[name].shape]
    if odd:
        raise BadInput(f"not ResNet50's weights (look at {odd[0]})", where=path, fix="use torchvision's resnet50 file")
    net.load_state_dict(stored, strict=False)
    net.fc = nn.Linear(net.fc.in_features, n_classes)
    return net


def _read(path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name."""
    fix = "use torchvision's resnet50-*.pth, or the same as .safetensors"
    if not path.is_file():
        raise BadInput("no such file", where=path, fix=fix)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise whatever a broken file makes them stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInput(f"not a file of weights ({reason})", where=path, fix=fix) from None
    if not isinstance(stored, dict) or not all(isinstance(value, torch.Tensor) for value in stored.values()):
        raise BadInput("not tensors by name", where=path, fix=fix)
    return stored
