"""Measures against hand-worked cases, other libraries, closed forms and random rankings."""

import numpy as np
import pytest
import torch
from torchmetrics.retrieval import RetrievalMAP

from n2v.scenes.classes import FREQUENCIES
from n2v.tasks.metrics import (
    average_precision,
    chance_average_precision,
    chance_hit_at_k,
    cluster_interval,
    hit_at_k,
    lead,
    mcnemar,
    over_repeats,
    precision_at_k,
    prediction_interval,
    summarise,
    wilson_interval,
)

RANKING = np.array([[False, True, False, True, False], [False] * 5])


def test_hand_worked_ranking():
    assert hit_at_k(RANKING, 1).tolist() == [0, 0]
    assert hit_at_k(RANKING, 2).tolist() == [1, 0]
    assert precision_at_k(RANKING, 4).tolist() == [0.5, 0]
    assert average_precision(RANKING).tolist() == [0.5, 0]  # (1/2 + 2/4) / 2
    assert average_precision(RANKING, 2).tolist() == [0.25, 0]  # 1/2 over min(2, 2)
    assert average_precision(RANKING, 1).tolist() == [0, 0]


def test_average_precision_equals_torchmetrics():
    rng = np.random.default_rng(0)
    relevant = rng.random((30, 50)) < 0.2
    relevant[:, 0] |= ~relevant.any(1)
    scores = np.tile(np.linspace(1, 0.01, 50), (30, 1))  # positive: torchmetrics ignores negative scores
    queries = np.repeat(np.arange(30), 50)
    theirs = RetrievalMAP()(*(torch.from_numpy(x.ravel()) for x in (scores, relevant)), torch.from_numpy(queries))
    assert average_precision(relevant).mean() == pytest.approx(float(theirs), abs=1e-6)


def test_chance_floors_equal_random_rankings():
    """Ten classes of unequal size, 4,000 random rankings: every floor within 1 %."""
    rng = np.random.default_rng(2)
    counts = np.array([3, 5, 8, 10, 12, 4, 6, 9, 11, 2])
    gallery = np.repeat(np.arange(10), counts)
    queries = rng.integers(0, 10, 4000)
    relevant = np.stack([rng.permutation(gallery) for _ in queries]) == queries[:, None]
    tiled = np.tile(counts, (len(queries), 1))
    for k in (1, 5, 10):
        assert hit_at_k(relevant, k).mean() == pytest.approx(chance_hit_at_k(queries, tiled, k), abs=0.01)
        assert precision_at_k(relevant, k).mean() == pytest.approx(chance_hit_at_k(queries, tiled, 1), abs=0.01)
        floor = chance_average_precision(queries, tiled, k)
        assert average_precision(relevant, k).mean() == pytest.approx(floor, abs=0.01)
    assert average_precision(relevant).mean() == pytest.approx(chance_average_precision(queries, tiled), abs=0.01)


def test_thesis_test_set_has_the_stated_floor():
    """Class frequencies alone give hit@1, 5, 10 of 11.5, 42.8 and 63.3 % on its 3,961 test objects."""
    counts = np.array([count // 10 for count in FREQUENCIES.values()])
    queries = np.repeat(np.arange(13), counts)
    gallery = counts[None] - np.eye(13, dtype=int)[queries]
    found = [100 * chance_hit_at_k(queries, gallery, k) for k in (1, 5, 10)]
    assert found == pytest.approx([11.5, 42.8, 63.3], abs=0.3)


def test_intervals():
    assert wilson_interval(3457, 3961) == pytest.approx((0.862, 0.8828), abs=5e-4)  # thesis: 87.28 +- 1.04 %
    assert wilson_interval(0, 10)[0] == 0 and wilson_interval(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    found = summarise([1.0, 2.0, 3.0])
    assert found["mean"] == 2 and found["sd"] == 1 and found["half_width"] == pytest.approx(2.484, abs=1e-3)


def test_mcnemar_sees_a_difference_and_only_that():
    a = np.array([True] * 20 + [False] * 5)
    assert mcnemar(a, a) == 1
    assert mcnemar(a, ~a) < 0.01
    b = a.copy()
    b[[0, 24]] = ~b[[0, 24]]
    assert mcnemar(a, b) == 1


def test_mcnemar_equals_scipy_on_the_discordant_pairs():
    from scipy.stats import binomtest

    a, b = np.array([True] * 9 + [False] * 6), np.array([True, True] + [False] * 7 + [True] * 2 + [False] * 4)
    assert mcnemar(a, b) == pytest.approx(binomtest(7, 9).pvalue)  # 7 only a, 2 only b


def test_cluster_interval_covers_where_counting_every_version_does_not():
    """300 test sets of 40 objects in three equal versions, true accuracy .7: 92 to 97 % against under 80 %."""
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(40), 3).astype(str).tolist()
    inside = {"objects": 0, "items": 0}
    for _ in range(300):
        right = np.repeat(rng.random(40) < 0.7, 3).astype(float)
        low, high = cluster_interval(right, names, 500)
        inside["objects"] += low <= 0.7 <= high
        low, high = wilson_interval(right.sum(), 120)
        inside["items"] += low <= 0.7 <= high
    assert 0.91 < inside["objects"] / 300 <= 0.97 and inside["items"] / 300 < 0.8


def test_cluster_interval_of_single_items_and_of_unanimous_groups():
    right = np.array([1.0] * 70 + [0.0] * 30)
    assert cluster_interval(right, [str(i) for i in range(100)]) == pytest.approx(wilson_interval(70, 100), abs=0.02)
    assert cluster_interval(np.ones(30), ["a"] * 15 + ["b"] * 15) == wilson_interval(2, 2)


def test_a_lead_is_paired_by_object():
    """Where both are right on the same objects no lead is claimed; where one is right on more, one is."""
    rng, names = np.random.default_rng(0), np.repeat(np.arange(60), 2).astype(str)
    ours = np.repeat(rng.random(60) < 0.7, 2).astype(float)
    assert lead(ours, ours, names)[0] == 0
    worse = ours * np.repeat(rng.random(60) < 0.7, 2)
    mean, low, high = lead(ours, worse, names)
    assert mean == pytest.approx((ours - worse).mean()) and 0 < low < mean < high


def test_a_prediction_interval_holds_one_more_run():
    """95 % of new runs, from five before them; the interval of the mean holds far fewer."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2000, 6))
    limits = [prediction_interval(runs) for *runs, _ in drawn]
    inside = [low <= new <= high for (low, high), new in zip(limits, drawn[:, -1], strict=True)]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)
    of_mean = [abs(new - np.mean(runs)) < summarise(runs)["half_width"] for *runs, new in drawn]
    assert np.mean(of_mean) < 0.8 and np.isnan(prediction_interval([1.0])).all()


def test_repeats_are_summarised_by_group_with_an_interval():
    rows = [{"space": "e", "pair": (0, i), "solid": value, "far": None} for i, value in enumerate((0.4, 0.6))]
    rows.append({"space": "w", "pair": (1, 2), "solid": 0.1, "far": 2.0})
    first, second = over_repeats(rows, ("space",), "pairs", ("pair",))
    assert list(first) == ["space", "pairs", "solid", "solid ±", "far", "far ±"]
    assert first["pairs"] == 2 and first["solid"] == pytest.approx(0.5) and first["far"] is None
    assert first["solid ±"] == pytest.approx(12.706 * np.sqrt(0.02) / np.sqrt(2), rel=1e-3)  # one degree of freedom
    assert second["solid"] == 0.1 and np.isnan(second["solid ±"])
