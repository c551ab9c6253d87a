"""Walks through both spaces: they begin and end at the objects, and their numbers belong to their pictures."""

import numpy as np
import pytest
import torch

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.tasks.interpolate import measure_walks, walks_between
from n2v.zoo.shipped import mini_zoo
from n2v.zoo.store import Zoo


@pytest.fixture(scope="module")
def here() -> tuple[Zoo, Nerf2Vec]:
    """The mini zoo and an untrained nerf2vec."""
    torch.manual_seed(0)
    config = ModelConfig(EncoderConfig("rows", (8, 8, 8, 8), 16), DecoderConfig(hidden=16, n_octaves=2))
    return mini_zoo(), Nerf2Vec(config).eval()


def test_walks_begin_and_end_at_their_objects(here):
    zoo, model = here
    pair = (0, 3)
    walks = walks_between(model, zoo, pair, 24, (0.0, 0.5, 1.0), ("linear", "spherical"), resolution=16)
    assert [(walk.space, walk.way) for walk in walks] == [
        ("embeddings", "linear"), ("raw weights", "linear"), ("embeddings", "spherical"), ("raw weights", "spherical"),
    ]  # fmt: skip
    for walk in walks:
        assert walk.frames.shape == (3, 24, 24, 4) and walk.middle.shape == (16,)
    with torch.no_grad():
        codes = model.encode(torch.from_numpy(zoo.field_weights(pair)))
    assert torch.equal(walks[0].frames[0], model.decode(codes[0], resolution=16).image(size_px=24))
    for end, index in ((0, 0), (-1, 3)):  # a grid learned in the union of both may miss or add a thin cell
        difference = (walks[1].frames[end] - zoo[index].image(size_px=24)).abs().mean()
        assert float(difference) < 0.01, "the walk through weights shows another object at its end"
    assert np.allclose(walks[0].middle, codes.mean(0).numpy(), atol=1e-6)


def test_many_walks_have_a_row_each(here):
    zoo, model = here
    with torch.no_grad():
        real = model.encode(torch.from_numpy(zoo.field_weights(np.arange(0, 60, 3)))).numpy()
    pairs = {"same class": [(0, 3)], "across classes": [(0, 100)]}

    def measured(label):
        around = pairs, real, np.arange(0, 60, 3), lambda x: np.full(len(x), label), 16, (0.0, 0.5, 1.0), 8
        return measure_walks(model, zoo, *around, ways=("linear",))

    rows = measured(zoo.labels[0])
    assert len(rows) == 4 and {row["space"] for row in rows} == {"embeddings", "raw weights"}
    assert all(row["middle is an end"] == 1 for row in rows)
    assert all(row["unevenness"] >= 1 - 1e-6 and row["opacity"] > 0 for row in rows if row["space"] == "raw weights")
    assert all(np.isfinite(row["middle to real"]) and row["solid"] >= 0 for row in rows)
    assert not any(row["middle is an end"] for row in measured(12))
