"""Pictures: colours over a background, sheets, animations."""

import inspect

import numpy as np
import torch
from PIL import Image

from n2v.embed.batches import SampleConfig, TrainingSet
from n2v.embed.model import Nerf2Vec
from n2v.lessons.drawing.diagrams import FRAMEWORK, framework
from n2v.lessons.drawing.pictures import png_bytes, sheet, to_rgb, write_gif
from n2v.zoo.shipped import mini_zoo

FRAMES = [np.full((8, 8, 4), value, np.float32) for value in (0.0, 0.5, 1.0)]


def test_straight_alpha_goes_over_the_background_once():
    half = np.array([[[200, 100, 0, 128]]], np.uint8)
    expected = np.array([200, 100, 0]) * 128 / 255 + 255 * (1 - 128 / 255)
    assert np.abs(to_rgb(half)[0, 0] - expected).max() <= 0.5
    assert to_rgb(np.float32([[[0.5, 2.0, -1.0, 0.3]]]))[0, 0].tolist() == [128, 255, 0]  # rendered: already over it


def test_sheet_has_a_cell_for_every_picture():
    import matplotlib.pyplot as plt

    figure = sheet([[FRAMES[0], FRAMES[1]], [FRAMES[2]]], ["first", "second"], ["a", "b"])
    assert len(figure.axes) == 4
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 0]
    plt.close(figure)


def test_gif_has_all_frames(tmp_path):
    write_gif(FRAMES, tmp_path / "turn.gif", seconds=1.5)
    with Image.open(tmp_path / "turn.gif") as picture:
        assert picture.n_frames == 3 and picture.info["duration"] == 500


def test_png_round_trip():
    import io

    picture = np.random.default_rng(0).integers(0, 255, (5, 5, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(picture)))), picture)


def before(name: str) -> set[str]:
    """Parts of the framework from which a way leads to this one."""
    direct = {part for part, (*_, into) in FRAMEWORK.items() if name in into}
    return direct.union(*map(before, direct))


def test_the_framework_is_drawn_as_it_is_trained():
    """The target branches off before the encoder and meets the decoder's answer in the loss alone."""
    import matplotlib.pyplot as plt

    assert before("target") == {"weights", "positions", "nerf"}
    assert before("answer") == {"weights", "positions", "encoder", "embedding", "decoder"}
    assert [part for part, (*_, into) in FRAMEWORK.items() if "loss" in into] == ["answer", "target"]
    assert "positions" in inspect.signature(Nerf2Vec.forward).parameters
    training = TrainingSet(mini_zoo(), "train", at_most=1)
    batch = training.batch(torch.tensor([0]), SampleConfig.laptop(64, 16), torch.Generator().manual_seed(0))
    assert not batch.targets.requires_grad and batch.targets.shape[-1] == 4  # the NeRF's own, nothing learned
    figure = framework()
    assert len(figure.axes[0].patches) == len(FRAMEWORK)
    plt.close(figure)
