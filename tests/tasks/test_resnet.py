"""ResNet50's numbers and names, its files, and what is refused."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from n2v.errors import BadInput
from n2v.tasks.pictures import (
    PictureConfig,
    as_input,
    load_resnet50,
    make_network,
    readings,
    resnet50,
)


@pytest.fixture(scope="module")
def stored():
    torch.manual_seed(0)
    return {name: value.clone() for name, value in resnet50().state_dict().items()}


def test_resnet50_has_torchvisions_numbers_and_names(stored):
    """Of torchvision 0.x: 25,557,032 parameters in 161 tensors, strides in the 3 x 3 convolutions."""
    net = resnet50()
    assert sum(value.numel() for value in net.parameters()) == 25_557_032
    names = [name for name, _ in net.named_parameters()]
    assert len(names) == 161 and len(stored) == 161 + 53 * 3  # running mean, variance and count of 53 batch norms
    assert names[:3] == ["conv1.weight", "bn1.weight", "bn1.bias"] and names[-2:] == ["fc.weight", "fc.bias"]
    assert {"layer1.0.downsample.0.weight", "layer4.0.downsample.1.bias", "layer3.5.conv3.weight"} <= set(names)
    assert stored["layer2.0.conv2.weight"].shape == (128, 128, 3, 3) and stored["fc.weight"].shape == (1000, 2048)
    assert net.layer2[0].conv2.stride == (2, 2) and net.layer2[0].conv1.stride == (1, 1)
    assert net.layer1[0].conv2.stride == (1, 1)
    assert net.eval().features(torch.zeros(1, 3, 64, 64)).shape == (1, 2048)


def test_a_stage_halves_the_picture_and_doubles_the_width():
    net = make_network(PictureConfig())
    assert net.features(torch.zeros(2, 3, 64, 64)).shape == (2, 64) and net(torch.zeros(2, 3, 32, 32)).shape == (2, 13)


@pytest.mark.parametrize("name", ["resnet50.pth", "resnet50.safetensors"])
def test_a_users_file_fills_all_but_the_last_layer(tmp_path, stored, name):
    kept = {key: value for key, value in stored.items() if not key.endswith("num_batches_tracked")}  # as older files
    torch.save(kept, tmp_path / name) if name.endswith("pth") else save_file(stored, tmp_path / name)
    net = load_resnet50(tmp_path / name, 13)
    assert torch.equal(net.layer3[5].conv3.weight, stored["layer3.5.conv3.weight"]) and net.fc.weight.shape == (
        13,
        2048,
    )


def test_other_files_are_refused_by_name(tmp_path, stored):
    with pytest.raises(BadInput, match="no such file"):
        load_resnet50(tmp_path / "none.pth", 13)
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(BadInput, match="not ResNet50's weights"):
        load_resnet50(tmp_path / "text.pth", 13)
    torch.save({"conv1.weight": stored["conv1.weight"]}, tmp_path / "part.pth")
    with pytest.raises(BadInput, match="not ResNet50's weights .*Missing.*bn1.weight"):
        load_resnet50(tmp_path / "part.pth", 13)
    torch.save({**stored, "fc.weight": torch.zeros(10, 2048)}, tmp_path / "ten.pth")
    with pytest.raises(BadInput, match="size mismatch for fc.weight"):
        load_resnet50(tmp_path / "ten.pth", 13)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(BadInput, match="not ResNet50's weights"):
        load_resnet50(tmp_path / "list.pth", 13)


def test_a_file_that_would_run_code_does_not(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"conv1.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadInput, match="not ResNet50's weights"):
        load_resnet50(tmp_path / "evil.pth", 13)
    assert not (tmp_path / "owned").exists()


def test_pictures_are_normalised_and_resized():
    grey = np.full((2, 8, 8, 3), 255 * 0.485, np.float32).round().astype(np.uint8)
    x = as_input(grey, PictureConfig(input_px=16))
    assert x.shape == (2, 3, 16, 16) and abs(float(x[:, 0].mean())) < 0.01 and float(x[:, 2].mean()) > 0.3
    with pytest.raises(BadInput, match="network 'vgg'"):
        make_network(PictureConfig(network="vgg"))


def test_vote_and_mean_logits_can_disagree():
    logits = np.full((1, 3, 13), -9.0)
    logits[0, :2, 4], logits[0, :2, 5], logits[0, 2, 5] = 1.0, 0.9, 8.0  # two views lean to 4, one is sure of 5
    found = readings(logits)
    assert (found["1 view"][0], found["3 views, vote"][0], found["3 views, mean logits"][0]) == (4, 4, 5)
