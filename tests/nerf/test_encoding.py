"""Both encodings against float64 and against each other."""

import math

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf.encoding import encode


@pytest.fixture
def positions():
    return torch.from_numpy(np.random.default_rng(0).random((4000, 3)).astype(np.float32))


def closed_form(positions, n_octaves=24):
    """Feature by feature, in float64, from the formula in CONVENTIONS.md."""
    columns = []
    for j in range(6 * n_octaves):
        dimension, octave = j // (2 * n_octaves), (j // 2) % n_octaves
        wave = np.cos if j % 2 else np.sin
        columns.append(wave(2.0**octave * math.pi * positions[:, dimension].double().numpy()))
    return torch.from_numpy(np.stack(columns, -1))


def test_exact_encoding_matches_float64(positions):
    assert (encode(positions) - closed_form(positions)).abs().max() < 1e-6  # worst seen 4.0e-7


def test_fewer_octaves_are_the_first_ones(positions):
    assert (encode(positions, n_octaves=10) - closed_form(positions, 10)).abs().max() < 1e-6


def test_tcnn_encoding_is_close_in_low_octaves_and_noise_in_high(positions):
    """Where its float32 argument is exact enough it is the sine to float16; at octave 23 it is mostly noise."""
    error = (encode(positions, "tcnn") - closed_form(positions)).abs().view(-1, 3, 24, 2).mean((0, 1, 3))
    assert error[0] < 2e-4  # float16 rounding
    assert 1e-4 < error[12] < 1e-3
    assert 1e-3 < error[16] < 1e-2
    assert error[23] > 0.2


def test_tcnn_steps_one_by_one():
    """Three roundings of one number, written out with NumPy scalars."""
    x, octave = np.float32(0.7231), 9
    angle = np.float32(np.float32(x * np.float32(2**octave)) * np.float32(3.14159274))
    exact = np.float64(angle) * np.float64(np.float32(0.15915493667))
    turns = np.float32(exact)
    if abs(np.float64(turns)) > abs(exact):
        turns = np.nextafter(turns, np.float32(0))
    sine = np.float16(math.sin(2 * math.pi * (float(turns) - math.floor(float(turns)))))
    ours = encode(torch.full((1, 3), float(x)), "tcnn")[0, 2 * octave]
    assert float(ours) == float(sine)


def test_unknown_encoding_is_named():
    with pytest.raises(BadInput, match="unknown encoding 'hash'.*exact, tcnn"):
        encode(torch.zeros(1, 3), "hash")
