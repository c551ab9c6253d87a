"""Both encoders: the matrix they read, their sizes, what each can and cannot see."""

import numpy as np
import pytest
import torch

from n2v.embed.encoder import AlignedEncoder, EncoderConfig, RowEncoder, make_encoder
from n2v.embed.matrix import N_ROWS, weight_matrix
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS

SMALL = EncoderConfig("rows", widths=(16, 16, 32, 32), embedding=24, n_components=8, hidden=16)
ALIGNED = EncoderConfig("aligned", embedding=24, n_components=8, hidden=16)


@pytest.fixture
def vectors():
    return torch.randn(12, N_WEIGHTS, generator=torch.Generator().manual_seed(0))


def aligned(vectors, config=ALIGNED) -> AlignedEncoder:
    torch.manual_seed(0)
    encoder = AlignedEncoder(config).eval()
    encoder.fit_front(vectors)
    return encoder


def n_parameters(module) -> int:
    return sum(values.numel() for values in module.parameters())


def test_matrix_against_numpy(vectors):
    padded = np.concatenate([vectors.numpy(), np.zeros((12, 3072), np.float32)], 1)
    np.testing.assert_array_equal(weight_matrix(vectors).numpy(), padded.reshape(12, 336, 64))


def test_thesis_sizes():
    """Counted by hand from thesis Fig 3.4 and 3.7: linear n * m + m, batch norm 2 m."""
    model = Nerf2Vec(ModelConfig())
    rows = 64 * 512 + 512 + 1024 + 512 * 512 + 512 + 1024 + 512 * 1024 + 1024 + 2048 + 1024 * 1024 + 1024 + 2048
    assert n_parameters(model.encoder) == rows + 1024 * 1024 + 1024 == 2_926_592
    inputs, inner = (1024 + 144) * 1024 + 1024, 1024 * 1024 + 1024
    assert n_parameters(model.decoder) == 2 * inputs + 4 * inner + 1024 * 4 + 4 == 6_596_612
    assert N_ROWS == 336


def test_row_encoder_is_blind_to_the_order_of_rows(vectors):
    encoder = RowEncoder(SMALL).eval()
    rows = weight_matrix(vectors)
    order = torch.randperm(N_ROWS, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(encoder.encode_rows(rows), encoder.encode_rows(rows[:, order]), atol=1e-6, rtol=1e-5)
    columns = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(encoder.encode_rows(rows), encoder.encode_rows(rows[..., columns]), atol=1e-2)


def test_aligned_encoder_sees_the_order_of_rows(vectors):
    encoder = aligned(vectors)
    moved = vectors.view(12, -1, 64)[:, torch.randperm(288)].reshape(12, -1)
    assert float((encoder(vectors) - encoder(moved)).detach().abs().max()) > 0.1


def test_front_is_the_principal_components(vectors):
    """Against numpy's SVD: the same subspace and order, mean variance 1 over the components."""
    encoder = aligned(vectors)
    components = encoder.components(vectors).double().numpy()
    centred = vectors.double().numpy() - vectors.double().numpy().mean(0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    expected = (left * singular)[:, :8]
    expected /= np.sqrt((expected**2).mean())
    np.testing.assert_allclose(np.abs(components), np.abs(expected), atol=2e-3)


def test_front_with_fewer_nerfs_than_components(vectors):
    encoder = aligned(vectors[:3])
    used = encoder.basis.abs().amax(0) > 0
    assert used.tolist() == [True, True] + [False] * 6
    assert torch.isfinite(encoder(vectors)).all()


def test_noise_only_while_training(vectors):
    encoder = aligned(vectors, EncoderConfig("aligned", embedding=24, n_components=8, hidden=16, noise=0.5))
    assert torch.equal(encoder(vectors), encoder(vectors))
    encoder.train()
    assert not torch.equal(encoder(vectors), encoder(vectors))


@pytest.mark.parametrize("config", [SMALL, ALIGNED], ids=["rows", "aligned"])
def test_gradients_reach_every_parameter(vectors, config):
    encoder = aligned(vectors) if config.kind == "aligned" else RowEncoder(config)
    encoder.train()(vectors).square().sum().backward()
    # a bias in front of batch norm has no effect, so its gradient is rounding noise, but there is one
    assert all(values.grad is not None for values in encoder.parameters())
    assert all(values.grad.abs().max() > 0 for name, values in encoder.named_parameters() if "weight" in name)


def test_unknown_kind():
    with pytest.raises(BadInput, match="rows, aligned"):
        make_encoder(EncoderConfig("faithful"))
