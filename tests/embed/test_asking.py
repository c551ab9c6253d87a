"""Encoders that need no shared start: what a renumbered or rescaled network is, and altered fields."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from n2v.embed.asking import LATTICE, AskingEncoder, ask
from n2v.embed.encoder import EncoderConfig, make_encoder, unscaled
from n2v.embed.loss import _rays_apart
from n2v.embed.targets import GRAIN, N_SAMPLES, STEP, PointBatch, Targets, ask_targets, augmented
from n2v.nerf.field import evaluate
from n2v.nerf.layout import split_weights
from n2v.nerf.neurons import permute_neurons
from n2v.nerf.occupancy import SIDE, cell_centres
from n2v.scenes.objects import AABB

ASKING = EncoderConfig("asking", embedding=128, n_components=8, hidden=16, channels=8, n_local=1)
SYMMETRIC = EncoderConfig("symmetric", embedding=24, hidden=16, channels=4)
ALIGNED = EncoderConfig("aligned", embedding=24, n_components=3, hidden=16)


def rescaled(field_weights: torch.Tensor, seed: int) -> torch.Tensor:
    """The same function: neurons renumbered, incoming weights of each times c > 0, outgoing ones divided by c."""
    rng = np.random.default_rng(seed)
    moved = torch.from_numpy(np.stack([permute_neurons(one, rng) for one in field_weights.numpy()]))
    matrices = [matrix.clone() for matrix in split_weights(moved)]
    for before, after in pairwise(matrices):
        factor = torch.from_numpy(np.exp(rng.normal(0, 0.7, before.shape[1])).astype(np.float32))
        before *= factor[:, None]
        after /= factor
    return torch.cat([matrix.flatten(1) for matrix in matrices], 1)


@pytest.fixture(scope="module")
def weights(zoo):
    return torch.from_numpy(zoo.field_weights())


def embedding_of(config, weights, of):
    torch.manual_seed(0)
    encoder = make_encoder(config).eval()
    asks = isinstance(encoder, AskingEncoder)
    read = ask if asks else lambda values: values
    if hasattr(encoder, "fit_front"):
        encoder.fit_front(read(weights))
    with torch.no_grad():
        return encoder(read(of))


@pytest.mark.parametrize("config", [ASKING, SYMMETRIC], ids=["asking", "symmetric"])
def test_renumbering_and_rescaling_change_nothing(weights, config):
    """To 1e-4 of an embedding's size; answers are kept in steps of 1/255: a rounding may tip (asking)."""
    before, after = (embedding_of(config, weights, of) for of in (weights, rescaled(weights, 1)))
    bound = 1e-4 if config is SYMMETRIC else 2e-3
    assert float((after - before).norm() / before.norm()) < bound
    assert float((before[0] - before[1]).norm() / before.norm()) > 0.01  # and it tells objects apart


def test_what_reads_weights_by_their_place_sees_another_object(weights):
    before, after = (embedding_of(ALIGNED, weights, of) for of in (weights, rescaled(weights, 1)))
    assert float((after - before).norm() / before.norm()) > 0.3


def test_scales_go_to_the_output(weights):
    """Every hidden neuron's weights have length 1, and the network's answers stay."""
    free = unscaled(split_weights(weights))
    for matrix in free[:-1]:
        torch.testing.assert_close(matrix.norm(dim=2), torch.ones_like(matrix[..., 0]), atol=1e-5, rtol=0)
    points = torch.rand(len(weights), 50, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    found = evaluate(torch.cat([matrix.flatten(1) for matrix in free], 1), points)[1]
    torch.testing.assert_close(found, evaluate(weights, points)[1], atol=1e-4, rtol=0)


def test_answers_against_the_field(weights):
    """A cell's answer is the NeRF's at its centre: [x, y, z] order, opacity over the side of a cell, premultiplied."""
    answers, at = ask(weights), (20, 11, 16)
    centre = cell_centres(LATTICE).view(LATTICE, LATTICE, LATTICE, 3)[at]
    sigmas, rgbs = evaluate(weights, centre.expand(len(weights), 1, 3))
    opacity = 1 - torch.exp(-sigmas[:, 0] * SIDE / LATTICE)
    expected = torch.cat([opacity[:, None], rgbs[:, 0] * opacity[:, None]], 1) * 255
    torch.testing.assert_close(answers[(..., *at)].float(), expected, atol=0.51, rtol=0)


def test_cached_targets_are_what_the_nerf_shows(zoo, weights):
    """Opacity and colour at the kept positions to 1e-3; light never rises along a ray, and is 1 where one begins."""
    occupied = torch.from_numpy(zoo.occupied([0])[0])
    targets = ask_targets(weights[0], occupied, "exact", "a digest")
    positions, values = targets.positions[0].float() / GRAIN, targets.values[0].float()
    stands = values[:N_SAMPLES, 1] > 0
    seen, kept = positions[:N_SAMPLES][stands], values[:N_SAMPLES][stands]
    sigmas, rgbs = evaluate(weights[:1], seen[None])
    torch.testing.assert_close(kept[:, 0], 1 - torch.exp(-sigmas[0] * STEP), atol=1e-3, rtol=0)
    torch.testing.assert_close(kept[:, 2:], rgbs[0], atol=1e-3, rtol=0)
    rays = targets.rays[0][stands]
    same = rays[1:] == rays[:-1]
    assert (kept[1:, 1] <= kept[:-1, 1] + 1e-3)[same].all() and (kept[1:, 1] == 1)[~same].all()
    again, other = (ask_targets(weights[0], occupied, "exact", name) for name in ("a digest", "another"))
    assert torch.equal(again.values, targets.values) and not torch.equal(other.values, targets.values)


def test_a_batch_is_a_part_of_the_targets(zoo, weights):
    occupied = torch.from_numpy(zoo.occupied([0, 1]))
    targets = Targets.of([ask_targets(weights[i], occupied[i], "exact", str(i)) for i in range(2)])
    batch = targets.batch(torch.tensor([1, 0, 1]), 64, 16, torch.Generator().manual_seed(0))
    assert batch.positions.shape == (3, 80, 3) and batch.rays.shape == (3, 64)
    assert (batch.rays.flatten().diff() >= 0).all()
    assert not torch.equal(batch.positions[0], batch.positions[2])


def test_padding_is_taken_last(zoo, weights):
    """A NeRF with 50 samples gives each batch of 64 all of them; one without any gives a loss and gradient of 0."""
    occupied = torch.from_numpy(zoo.occupied([0]))
    whole = ask_targets(weights[0], occupied[0], "exact", "x")
    for kept in (50, 0):
        values = whole.values.clone()
        values[:, kept:N_SAMPLES] = 0
        batch = replace(whole, values=values).batch(torch.tensor([0]), 64, 0, torch.Generator().manual_seed(0))
        assert int((batch.light > 0).sum()) == kept
    sigmas = torch.ones(1, 64, requires_grad=True)
    mse = _rays_apart(sigmas, torch.ones(1, 64, 3), batch, torch.Generator().manual_seed(0))
    mse.backward()
    assert mse.item() == 0 and not sigmas.grad.any()


def test_an_altered_field_is_another_field_of_the_same_kind():
    """A ball of one colour right of the centre: its answers and targets move together, and its colour is permuted."""
    centres = cell_centres(LATTICE)
    ball = ((centres - torch.tensor([0.3, 0.0, 0.1])).norm(dim=1) < 0.25).float()
    colour = torch.tensor([0.9, 0.5, 0.1])
    answers = torch.cat([ball[None], colour[:, None] * ball]).mul(255).byte().view(1, 4, LATTICE, LATTICE, LATTICE)
    inside = torch.tensor([[0.3, 0.0, 0.1], [0.35, 0.1, 0.1], [0.3, 0.0, 0.65]])
    batch = PointBatch(
        inside[None], torch.ones(1, 3), torch.ones(1, 3), colour.expand(1, 3, 3), torch.zeros(1, 3).long()
    )
    sides = set()
    for seed in range(12):
        values, moved = augmented(answers, batch, 0.2, torch.Generator().manual_seed(seed))
        places = (moved.positions / AABB[3]).flip(-1)[:, None, None]
        found = torch.nn.functional.grid_sample(values, places, align_corners=False)[0, :, 0, 0]
        assert float(found[0, :2].min()) > 0.9
        torch.testing.assert_close(found[1:, 0] / found[0, 0], moved.rgbs[0, 0], atol=0.02, rtol=0)
        assert sorted(moved.rgbs[0, 0].tolist()) == sorted(colour.tolist())
        assert float(moved.light[0, 2]) == float(moved.positions[0, 2].abs().max() < AABB[3])
        sides.add(bool(moved.positions[0, 0, 0] > 0))
    assert sides == {True, False}
