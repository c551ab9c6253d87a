"""Renumbering changes no function, matching undoes it exactly, and the description does not notice it."""

import numpy as np
import pytest
import torch

from n2v.nerf.field import evaluate
from n2v.nerf.layout import SLICES, initial_vector
from n2v.nerf.neurons import match_neurons, order_free_description, permute_neurons, reorder
from n2v.zoo.shipped import mini_zoo


@pytest.fixture(scope="module")
def fitted() -> np.ndarray:
    """Every 20th NeRF of the mini zoo."""
    zoo = mini_zoo()
    return zoo.field_weights(np.arange(0, len(zoo), 20))


def field_of(vector: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    return evaluate(torch.from_numpy(vector)[None], positions)


def test_renumbered_neurons_are_another_vector_and_the_same_field():
    vector = initial_vector()
    other = permute_neurons(vector, np.random.default_rng(5))
    assert np.abs(other - vector).mean() > 0.05 and sorted(other) == sorted(vector)
    for mine, theirs in zip(field_of(vector), field_of(other), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    half_way = np.concatenate([other[SLICES[0]], vector[SLICES[0].stop :]])  # rows moved, their readers not
    assert not torch.allclose(field_of(half_way)[1], mine, atol=1e-3)


def test_a_fitted_field_keeps_its_densities(fitted):
    """Densities reach hundreds, so the tolerance is relative to the largest."""
    for vector in fitted[:3]:
        mine, theirs = (field_of(one)[0] for one in (vector, permute_neurons(vector, np.random.default_rng(1))))
        assert float((mine - theirs).abs().max() / mine.abs().max()) < 1e-6 < float(mine.std())


def test_the_initial_vector_gives_every_neuron_its_place_back(fitted):
    rng = np.random.default_rng(2)
    for vector in fitted:
        shuffled = permute_neurons(vector, rng)
        assert not np.array_equal(shuffled, vector)
        assert np.array_equal(match_neurons(shuffled, initial_vector()), vector)  # bit for bit
        assert np.array_equal(match_neurons(shuffled, vector), vector)


def test_another_start_does_not(fitted):
    """The control: what knows nothing of a NeRF's start cannot order its neurons."""
    shuffled = permute_neurons(fitted[0], np.random.default_rng(3))
    assert not np.array_equal(match_neurons(shuffled, initial_vector(7)), fitted[0])


def test_matching_brings_strangers_closer_and_changes_no_picture(fitted):
    stranger = permute_neurons(fitted[1], np.random.default_rng(4))
    near = match_neurons(stranger, fitted[0])
    assert np.linalg.norm(near - fitted[0]) < 0.9 * np.linalg.norm(stranger - fitted[0])
    for mine, theirs in zip(field_of(stranger), field_of(near), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_the_order_free_description_sees_objects_and_no_order(fitted):
    mine, other = (order_free_description(vector) for vector in fitted[:2])
    again = order_free_description(permute_neurons(fitted[0], np.random.default_rng(6)))
    assert np.allclose(mine, again, rtol=1e-5, atol=1e-4)
    assert np.abs(mine - other).max() > 0.1


def test_reorder_moves_rows_with_their_readers():
    vector = initial_vector()
    turned = [np.roll(np.arange(64), shift) for shift in (1, 2, 3)]
    back = [np.argsort(order) for order in turned]
    assert np.array_equal(reorder(reorder(vector, turned), back), vector)
