"""Retrieval against torchmetrics, random rankings against the floor, and the published protocols."""

import numpy as np
import pytest
import torch
from torchmetrics.retrieval import RetrievalHitRate, RetrievalMAP, RetrievalPrecision

from n2v.tasks.retrieve import (
    as_published,
    corrected,
    distances,
    random_rankings,
    ranking_measures,
    voted_hits,
)


def objects(n=90, n_classes=5, n_features=12, seed=0):
    """Blurred clusters: features, labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    centres = rng.normal(size=(n_classes, n_features))
    return (centres[labels] + 1.5 * rng.normal(size=(n, n_features))).astype(np.float32), labels


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_measures_equal_torchmetrics(metric):
    """Scores are made positive: torchmetrics gives a query with negative scores a mAP of 0."""
    features, labels = objects()
    test, train = np.arange(30), np.arange(30, 90)
    found = {row["measure"]: row["value"] for row in corrected(features, labels, test, train, (1, 5), metric=metric)}
    scores = torch.from_numpy(np.exp(-distances(features[test], features[train], metric)))
    relevant = torch.from_numpy(labels[test][:, None] == labels[train][None])
    queries = torch.arange(30)[:, None].expand(30, 60)
    given = scores.flatten(), relevant.flatten(), queries.flatten()
    assert found["mAP"] == pytest.approx(float(RetrievalMAP()(*given)), abs=1e-5)
    for k in (1, 5):
        assert found[f"hit@{k}"] == pytest.approx(float(RetrievalHitRate(top_k=k)(*given)), abs=1e-6)
        assert found[f"precision@{k}"] == pytest.approx(float(RetrievalPrecision(top_k=k)(*given)), abs=1e-6)


def test_random_retrieval_stands_on_the_floor():
    """Through the whole path, within one in a hundred of every closed form (largest seen: 0.6 %)."""
    labels = np.repeat(np.arange(6), [20, 30, 15, 40, 25, 50])
    order = np.random.default_rng(1).permutation(len(labels))
    for row in random_rankings(labels, order[:100], order[100:], n_draws=400):
        assert row["value"] == pytest.approx(row["chance"], rel=0.01), row
    features, _ = objects(180)
    real = {row["measure"]: row for row in corrected(features, np.arange(180) % 5, order[:100], order[100:])}
    assert real["mAP"]["low"] < real["mAP"]["chance"] < real["mAP"]["high"]  # features that know nothing of the labels


def test_intervals_count_objects_where_they_are_named():
    features, labels = objects(30)
    thrice, classes = np.tile(features, (3, 1)), np.tile(labels, 3)
    names = [f"object {i}" for i in range(30)] * 3
    test, train = np.flatnonzero(np.arange(90) % 30 < 10), np.flatnonzero(np.arange(90) % 30 >= 10)
    row = corrected(thrice, classes, test, train, (1,), names)[0]
    assert row["n"] == 30 and row["n_objects"] == 10
    alone = corrected(thrice, classes, test, train, (1,))[0]  # versions taken for objects of their own
    assert row["high"] - row["low"] > 1.3 * (alone["high"] - alone["low"])
    assert as_published(thrice, classes, test, (1,), names)[0]["value"] == 1  # its twins stand in the gallery


def test_a_metric_may_matter():
    """Two classes on one ray, near and far: cosine cannot tell them apart, Euclid can."""
    features = np.float32([[1, 0], [1.1, 0.01], [9, 0.1], [9.1, 0]])
    labels = np.array([0, 0, 1, 1])
    found = {
        metric: as_published(features, labels, np.arange(4), (1,), metric=metric)[0]["value"]
        for metric in ("euclidean", "cosine")
    }
    assert found["euclidean"] == 1 and found["cosine"] < 1


def test_views_vote_at_each_rank():
    """One view is led astray, two are not; and with one view it is the plain protocol."""
    features, labels = objects(40)
    test = np.arange(40)
    plain = {row["measure"]: row["value"] for row in as_published(features, labels, test)}
    for row in voted_hits(features[:, None], labels, test):
        assert row["value"] == pytest.approx(plain[row["measure"]])
    clear = (np.eye(5)[labels] * 9 + 0.1 * features[:, :5]).astype(np.float32)
    noise = 90 + np.random.default_rng(3).normal(size=clear.shape).astype(np.float32)
    assert voted_hits(np.stack([clear, noise, clear], 1), labels, test, (1,))[0]["value"] == 1
    assert as_published(noise, labels, test, (1,))[0]["value"] < 0.6


def test_ties_keep_the_gallerys_order():
    rows = ranking_measures(np.zeros((2, 4)), np.array([0, 1]), np.array([0, 1, 1, 1]), None, (1,))
    assert rows[0]["value"] == 0.5
