"""The encoders: the matrix they read, their sizes, what each can and cannot see."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from n2v.embed import encoder as encoder_room
from n2v.embed.encoder import (
    N_ROWS,
    AlignedEncoder,
    EncoderConfig,
    RowEncoder,
    kept_weights,
    make_encoder,
    weight_matrix,
)
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS, SLICES, initial_vector

SMALL = EncoderConfig("rows", widths=(16, 16, 32, 32), embedding=24, n_components=8, hidden=16)
ALIGNED = EncoderConfig("aligned", embedding=24, n_components=8, hidden=16)
SYMMETRIC = EncoderConfig("symmetric", embedding=24, hidden=16, channels=4)
KINDS = {"rows": SMALL, "symmetric": SYMMETRIC, "aligned": ALIGNED}


@pytest.fixture
def vectors():
    return torch.randn(12, N_WEIGHTS, generator=torch.Generator().manual_seed(0))


def aligned(vectors, config=ALIGNED) -> AlignedEncoder:
    torch.manual_seed(0)
    encoder = AlignedEncoder(config).eval()
    encoder.fit_front(vectors)
    return encoder


def ready(config, vectors):
    """An encoder of any kind in evaluation mode, its front fitted where it has one."""
    torch.manual_seed(0)
    encoder = make_encoder(config).eval()
    if isinstance(encoder, AlignedEncoder):
        encoder.fit_front(vectors)
    return encoder


def change(encoder, first, second) -> float:
    """Largest difference of two embeddings."""
    with torch.no_grad():
        return float((encoder(first) - encoder(second)).abs().max())


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
    np.testing.assert_allclose(np.abs(components), np.abs(reference_components(vectors, 8)), atol=2e-3)


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


def reference_components(values, n):
    """Principal components by numpy's SVD in float64, scaled to a mean variance of 1."""
    centred = values.double().numpy() - values.double().numpy().mean(0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    expected = (left * singular)[:, :n]
    return expected / np.sqrt((expected**2).mean())


def test_front_of_fewer_octaves_is_the_components_of_those_weights(vectors):
    """Also: subtracting the initial vector first changes nothing, the mean takes it up."""
    encoder = ready(replace(ALIGNED, octaves=6), vectors)
    moved = (vectors - torch.from_numpy(initial_vector()))[:, kept_weights(6)]
    expected = reference_components(moved, 8)
    np.testing.assert_allclose(encoder.components(vectors).abs().numpy(), np.abs(expected), atol=2e-3)
    assert encoder.basis.shape == (64 * 36 + 132 * 64, 8)


def test_randomised_front_of_a_large_collection(vectors, monkeypatch):
    """Twelve NeRFs with falling variances as if they were too many for the exact way; the leading ones to 1 %."""
    values = vectors * 0.6 ** torch.arange(12)[:, None]
    monkeypatch.setattr(encoder_room, "N_EXACT", 4)
    config = replace(ALIGNED, n_components=4)
    found = ready(config, values).components(values).abs().numpy()
    np.testing.assert_allclose(found[:4], np.abs(reference_components(values, 4))[:4], atol=0.03)


def test_kept_weights_against_a_loop():
    """Octave 5 of axis 1, cosine, is column 48 + 2 * 5 + 1 of the input matrix (CONVENTIONS.md)."""
    kept = set(kept_weights(6).tolist())
    for row, axis, octave in ((0, 0, 0), (63, 1, 5), (7, 2, 6), (30, 0, 23)):
        for part in (0, 1):
            assert (row * 144 + axis * 48 + 2 * octave + part in kept) == (octave < 6)
    assert len(kept) == 64 * 36 + 2 * 4096 + 256
    assert kept_weights(None).tolist() == list(range(N_WEIGHTS)) and len(kept_weights(24)) == 276 * 64
    with pytest.raises(BadInput, match="25 octaves"):
        EncoderConfig(octaves=25)


def test_left_out_layers_are_not_read_as_zeros_either(vectors):
    """Thesis App. C: 128 rows of the two hidden matrices; a row of zeros would take part in the maximum."""
    encoder = ready(replace(SMALL, layers="hidden"), vectors)
    assert torch.equal(encoder.rows(vectors), weight_matrix(vectors)[:, 144:272])
    changed = vectors.clone()
    changed[:, SLICES[0]] += 3
    changed[:, SLICES[3]] += 3
    assert change(encoder, vectors, changed) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_noise_octaves_are_not_read_once_octaves_are_named(vectors, kind):
    changed = vectors.clone()
    changed[:, SLICES[3].start + 4 * 64 :] += 3  # rows 4..15 of the output matrix
    changed[:, SLICES[0]].view(-1, 64, 3, 24, 2)[..., 8:, :] += 3
    encoder = ready(replace(KINDS[kind], octaves=8), vectors)
    assert change(encoder, vectors, changed) == 0
    changed[:, SLICES[0]].view(-1, 64, 3, 24, 2)[..., 7, :] += 3
    assert change(encoder, vectors, changed) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_thesis_s_encoder_is_blind_to_exchanged_rows(vectors, kind):
    """Two whole 64-number rows of hidden 1 change places."""
    moved = vectors.clone()
    a, b = (slice(9216 + 64 * row, 9216 + 64 * (row + 1)) for row in (3, 50))
    moved[:, a], moved[:, b] = vectors[:, b], vectors[:, a]
    encoder = ready(KINDS[kind], vectors)
    if kind == "rows":
        assert change(encoder, vectors, moved) < 1e-5
        return
    with torch.no_grad():
        for values in encoder.parameters():  # as after some training: a learned scale is no longer the same everywhere
            values.add_(0.3 * torch.randn(values.shape, generator=torch.Generator().manual_seed(2)))
    assert change(encoder, vectors, moved) > 1e-3


def test_dropout_hides_weights_while_training_only(vectors):
    encoder = ready(replace(ALIGNED, dropout=0.3), vectors)
    assert change(encoder, vectors, vectors) == 0
    encoder.train()
    assert change(encoder, vectors, vectors) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(vectors, kind):
    encoder = ready(KINDS[kind], vectors)
    encoder.train()(vectors).square().sum().backward()
    # a bias in front of batch norm has no effect, so its gradient is rounding noise, but there is one
    assert all(values.grad is not None for values in encoder.parameters())
    assert all(values.grad.abs().max() > 0 for name, values in encoder.named_parameters() if "weight" in name)


def test_unknown_kind():
    with pytest.raises(BadInput, match="rows, aligned, asking, symmetric"):
        make_encoder(EncoderConfig("faithful"))
    with pytest.raises(BadInput, match="use fewer"):
        EncoderConfig("asking", embedding=64)
