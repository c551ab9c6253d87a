"""The decoder: the cheap form equals the thesis's, and it keeps the NeRF's conventions."""

import pytest
import torch

from n2v.embed.decoder import DecoderConfig, MlpDecoder
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec, load_model, save_model
from n2v.errors import BadInput

CONFIG = DecoderConfig(hidden=32, n_octaves=6)


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return MlpDecoder(24, CONFIG)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 24, generator=generator), torch.rand(3, 50, 3, generator=generator) * 1.4 - 0.7


def test_embedding_once_a_nerf_equals_embedding_once_a_sample(decoder, inputs):
    """Forward and backward, to 1e-5 (worst seen 5e-7)."""
    embedding, positions = inputs
    results = []
    for form in (decoder.forward, decoder.forward_concatenated):
        leaf = embedding.clone().requires_grad_()
        sigmas, rgbs = form(leaf, positions)
        gradients = torch.autograd.grad(sigmas.sum() + rgbs.square().sum(), [leaf, *decoder.parameters()])
        results.append((sigmas, rgbs, *gradients))
    for cheap, plain in zip(*results, strict=True):
        torch.testing.assert_close(cheap, plain, atol=1e-5, rtol=1e-4)


def test_empty_outside_the_box_and_in_range_inside(decoder, inputs):
    embedding, positions = inputs
    sigmas, rgbs = decoder(embedding, positions)
    assert (sigmas > 0).all() and ((rgbs > 0) & (rgbs < 1)).all()
    outside = positions.clone()
    outside[..., 2] = 0.71
    assert (decoder(embedding, outside)[0] == 0).all()


def test_each_embedding_has_its_own_field(decoder, inputs):
    embedding, positions = inputs
    together, _ = decoder(embedding, positions)
    alone, _ = decoder(embedding[1:2], positions[1:2])
    torch.testing.assert_close(together[1:2], alone)
    assert not torch.allclose(decoder(embedding[:1], positions[1:2])[0], alone, rtol=1e-3)


def test_checkpoint_round_trip_and_damage(tmp_path, inputs):
    _, positions = inputs
    torch.manual_seed(0)
    model = Nerf2Vec(ModelConfig(EncoderConfig("rows", (8, 8), 16), CONFIG)).eval()
    save_model(model, tmp_path)
    weights = torch.randn(3, 18432)
    again = load_model(tmp_path)
    assert again.config == model.config
    torch.testing.assert_close(again(weights, positions), model(weights, positions), atol=0, rtol=0)
    data = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(data[:-50])
    with pytest.raises(BadInput, match="broken checkpoint"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(data)
    (tmp_path / "model.json").write_text('{"encoder": {"kind": "rows"}}')
    with pytest.raises(BadInput, match="not a nerf2vec configuration"):
        load_model(tmp_path)
    with pytest.raises(BadInput, match="no trained nerf2vec here"):
        load_model(tmp_path / "nowhere")
