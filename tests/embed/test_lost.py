"""Where a reconstruction's error lies, on pictures whose error is known."""

import math

import numpy as np
import pytest
import torch
from discs import disc

from n2v.lessons.where_lost import (
    BANDS_PX,
    edge_distance,
    error_bands,
    error_shares,
    join_bands,
    outline_and_inside,
    psnr_chain,
)


def test_error_has_a_place():
    """A missing disc is shape; a disc in another colour is colour; noise on it is detail."""
    truth = disc()
    body = truth[..., 3] > 0
    missing = torch.ones_like(truth)
    missing[..., 3] = 0
    assert error_shares(missing, truth)["shape"] == pytest.approx(1)
    tinted = truth.clone()
    tinted[body] += torch.tensor([-0.2, 0.1, 0.1, 0])
    assert error_shares(tinted, truth)["colour"] == pytest.approx(1)
    noisy = truth.clone()
    noise = torch.randn(int(body.sum()), 3, generator=torch.Generator().manual_seed(0))
    noisy[..., :3][body] += 0.1 * (noise - noise.mean(0))
    assert error_shares(noisy, truth)["detail"] == pytest.approx(1)
    assert math.isnan(error_shares(truth, truth)["shape"])
    both = tinted.clone()
    both[..., 3][0, 16, 16] = 0  # one pixel becomes a hole
    assert sum(error_shares(both, truth).values()) == pytest.approx(1) and error_shares(both, truth)["shape"] > 0


def test_distance_from_the_outline_of_a_disc():
    """Against the circle it is: within 1.1 pixels everywhere."""
    distance = edge_distance(disc())[0]
    place = np.arange(32) + 0.5 - 16
    expected = 9.0 - np.hypot(place[:, None], place[None])
    np.testing.assert_allclose(distance, expected, atol=1.1)
    assert ((distance > 0) == (disc()[0, ..., 3].numpy() > 0)).all()


def test_bands_find_an_error_that_was_put_at_the_outline():
    """A disc one pixel too large: wrong just outside, right everywhere else."""
    truth, shown = disc(), disc(radius=10.0)
    one, none = error_bands(shown, truth), error_bands(truth, truth)
    rows = {row["distance_px"]: row["rms_error"] for row in join_bands([one])}
    assert rows[-0.75] > 0.3 and max(error for place, error in rows.items() if abs(place) > 2) < 1e-6
    both = {row["distance_px"]: row["rms_error"] for row in join_bands([one, none])}
    assert both[-0.75] == pytest.approx(rows[-0.75] / math.sqrt(2))


def test_chain_of_two_errors_against_noise():
    """Independent noise on noise, 100,000 values; to 0.05 dB."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 100_000)) * np.array([[0.1], [0.04]])
    levels = [-10 * np.log10((noise**2).mean()) for noise in (first, second)]
    assert psnr_chain(*levels) == pytest.approx(-10 * np.log10(((first + second) ** 2).mean()), abs=0.05)


def test_outline_against_inside():
    def bands(near, inside):
        found = np.zeros((2, len(BANDS_PX) - 1))
        for place, squared in ((-1.0, 99.0), (0.75, near), (2.0, inside)):
            found[:, np.searchsorted(BANDS_PX, place) - 1] = squared, squared > 0
        return found

    apart = outline_and_inside([bands(4.0, 1.0), bands(9.0, 1.0), bands(9.0, 0.0)])
    assert apart[:2] == [1, 2] and math.isnan(apart[2]), "an object without pixels inside has no difference"
