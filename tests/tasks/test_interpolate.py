"""Ways between objects: their ends, their numbers, and which pairs are drawn."""

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.tasks.interpolate import (
    distance_to_real,
    draw_pairs,
    lerp,
    slerp,
    smoothness,
    solidity,
    walk_numbers,
)


def test_interpolation_ends_and_middle():
    a, b = np.float32([3, 0]), np.float32([0, 4])
    assert np.allclose(lerp(a, b, (0, 0.5, 1)), [[3, 0], [1.5, 2], [0, 4]])
    rng = np.random.default_rng(0)
    for way in (lerp, slerp):
        for _ in range(20):
            ends = rng.normal(size=(2, 50)).astype(np.float32)
            assert np.array_equal(way(*ends, (0, 1)), ends) and way(*ends).dtype == np.float32
    with pytest.raises(BadInput, match="opposite directions"):
        slerp(a, -2 * a)
    assert np.linalg.norm(slerp(a, b, (0.5,))) == pytest.approx(3.5)
    assert np.allclose(slerp(a, 2 * a, (0.5,)), [[4.5, 0]])
    with pytest.raises(BadInput, match="no direction"):
        slerp(a, 0 * a)


def test_smoothness_and_solidity():
    even = torch.linspace(0, 1, 11)[:, None, None, None].expand(11, 4, 4, 4)
    assert smoothness(even)["worst_share"] == pytest.approx(0.1, abs=1e-6)
    jump = (torch.arange(11) > 4).float()[:, None, None, None].expand(11, 4, 4, 4)
    assert smoothness(jump)["worst_share"] == 1
    assert solidity(torch.ones(1, 4, 4, 4))[0] == 1 and solidity(torch.full((1, 4, 4, 4), 0.5))[0] == 0
    real = np.arange(10, dtype=np.float32)[:, None]
    assert distance_to_real(np.float32([[3.5]]), real, [()])[0] == pytest.approx(0.5)
    assert distance_to_real(np.float32([[3.5]]), real, [(3, 4)])[0] == pytest.approx(1.5)  # without the walk's ends
    assert np.isnan(distance_to_real(np.float32([[3.5]]), np.repeat(real, 2, 0), [()])).all()


def test_walk_numbers_of_a_solid_and_of_a_ghost():
    frames = torch.ones(5, 4, 4, 4) * torch.linspace(0, 1, 5)[:, None, None, None]
    frames[..., 3] = 1
    assert walk_numbers(frames) == pytest.approx({"unevenness": 1, "solid": 1, "solid ends": 1, "opacity": 1}, abs=1e-5)
    frames[2, ..., 3] = 0.4
    assert walk_numbers(frames) == pytest.approx(
        {"unevenness": 1, "solid": 0, "solid ends": 1, "opacity": 0.4}, abs=1e-5
    )
    frames[..., 3] = 0.4
    assert walk_numbers(frames)["solid"] == 0, "absolute: a ghost between ghosts is a ghost"


def test_pairs_are_of_one_class_or_of_two_and_spread_over_the_classes():
    labels = np.repeat(np.arange(4), 6)
    candidates = np.arange(24)[labels != 3]
    for same in (True, False):
        pairs = draw_pairs(labels, candidates, 12, same, np.random.default_rng(0))
        assert len({frozenset(pair) for pair in pairs}) == 12 and not {18, 19} & {i for pair in pairs for i in pair}
        assert all((labels[first] == labels[second]) == same and first != second for first, second in pairs)
        assert np.ptp(np.bincount(labels[[first for first, _ in pairs]], minlength=3)[:3]) <= 1
    assert draw_pairs(labels, candidates, 5, True, np.random.default_rng(1)) == draw_pairs(
        labels, candidates, 5, True, np.random.default_rng(1)
    )
    with pytest.raises(BadInput, match="only 3 pairs of 4"):
        draw_pairs(np.zeros(3, int), np.arange(3), 4, True, np.random.default_rng(0))
