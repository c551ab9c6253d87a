"""Pictures: colours over a background, sheets, animations; diagrams against what they show."""

import inspect

import numpy as np
import torch
from PIL import Image

from n2v.embed.batches import SampleConfig, TrainingSet
from n2v.embed.model import Nerf2Vec
from n2v.lessons import generation
from n2v.lessons.drawing.diagrams import FRAMEWORK, Graph, draw_graph
from n2v.lessons.drawing.pictures import close_up, png_bytes, sheet, to_rgb, write_gif
from n2v.tasks.generate import GanConfig, make_networks
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


def before(graph: Graph, name: str) -> set[str]:
    """Parts of a graph from which a way leads to this one."""
    return set(graph[name].inputs).union(*(before(graph, one) for one in graph[name].inputs))


def test_the_framework_is_drawn_as_it_is_trained():
    """The target branches off before the encoder and meets the decoder's answer in the loss alone."""
    import matplotlib.pyplot as plt

    assert before(FRAMEWORK, "target") == {"weights", "positions", "nerf"}
    assert before(FRAMEWORK, "answer") == {"weights", "positions", "encoder", "embedding", "decoder"}
    assert FRAMEWORK["loss"].inputs == ("answer", "target")
    assert "positions" in inspect.signature(Nerf2Vec.forward).parameters
    training = TrainingSet(mini_zoo(), "train", at_most=1)
    batch = training.batch(torch.tensor([0]), SampleConfig.laptop(64, 16), torch.Generator().manual_seed(0))
    assert not batch.targets.requires_grad and batch.targets.shape[-1] == 4  # the NeRF's own, nothing learned
    figure = draw_graph(FRAMEWORK)
    assert len(figure.axes[0].patches) == len(FRAMEWORK)
    plt.close(figure)


def test_the_latent_gan_is_drawn_as_it_is_trained():
    """The critic sees made and real embeddings; the decoder has no part in the loss; layers are those that are made."""
    assert before(generation.LATENT_GAN, "loss") == {"noise", "generator", "made", "real", "critic"}
    assert before(generation.LATENT_GAN, "object") == {"noise", "generator", "made", "decoder"}
    networks = dict(zip(("generator", "critic"), make_networks(8, 0, GanConfig()), strict=True))
    layers = {name: [type(layer).__name__ for layer in network] for name, network in networks.items()}
    assert layers == {"generator": ["Linear", "ReLU", "Linear"], "critic": ["Linear", "LeakyReLU"] * 2 + ["Linear"]}
    told = {name: part.text for name, part in generation.LATENT_GAN.items()}
    assert "3 linear" in told["critic"] and f"{GanConfig().noise:,}" in told["noise"]


def test_a_close_up_cuts_all_pictures_alike_and_nothing_off():
    small, large = (np.full((side, side, 3), 255, np.uint8) for side in (20, 40))
    small[8:12, 8:12], large[10:30, 14:20] = 0, 0
    first, none, second = close_up([small, None, large])
    assert none is None and len(first) < 20 and abs(len(first) / 20 - len(second) / 40) < 0.1
    assert (first == 0).sum() == (small == 0).sum() and (second == 0).sum() == (large == 0).sum()
    assert close_up([np.zeros((8, 8, 3), np.uint8), small])[1].shape == small.shape  # a full picture: nothing to cut
