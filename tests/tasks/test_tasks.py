"""The four tasks on synthetic features: they find what is there, and nothing where nothing is."""

from dataclasses import replace

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.tasks.bars import principal_components
from n2v.tasks.head import HeadConfig, train_head
from n2v.tasks.pictures import PictureConfig, predict_views, readings, train_on_pictures
from n2v.tasks.read import linear_probe, nearest_neighbour
from n2v.tasks.retrieve import as_published, corrected, distances, instance_retrieval
from n2v.tasks.timing import time_call

QUICK = HeadConfig(widths=(64, 32), dropout=0.2, n_epochs=80, batch_size=64)


def clusters(n_each=20, n_classes=5, n_features=24, spread=0.6, seed=0):
    """Separable Gaussian clusters, shuffled."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, n_features))
    labels = np.repeat(np.arange(n_classes), n_each)
    features = centres[labels] + spread * rng.normal(size=(len(labels), n_features))
    order = rng.permutation(len(labels))
    return features[order].astype(np.float32), labels[order]


def test_head_is_repeatable_and_survives_odd_sizes():
    features, labels = clusters(n_each=13)
    first, again = (train_head(features, labels, QUICK, 5).logits(features) for _ in range(2))
    assert np.array_equal(first, again)
    odd = HeadConfig(widths=(8,), n_epochs=2, batch_size=64)
    train_head(features, labels, odd)  # 65 items: a batch of one would break batch norm
    train_head(features, labels, replace(odd, batch_size=1))
    with pytest.raises(BadInput, match="labels from 10 to 14; use 0 to 12"):
        train_head(features, labels + 10, odd, n_classes=13)
    assert train_head(features, labels + 10, odd).logits(features).shape == (65, 15)
    constant = np.concatenate([features, np.ones((len(features), 3), np.float32)], 1)
    assert np.isfinite(train_head(constant, labels, QUICK).logits(constant)).all()


def test_components_are_fitted_on_training_features_only():
    features, _ = clusters()
    train, both = principal_components(features[:50], [features], 8)
    assert train.shape == (50, 8) and np.allclose(both[:50], train)
    assert np.allclose(train.mean(0), 0, atol=1e-5) and not np.allclose(both[50:].mean(0), 0, atol=1e-2)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda x, y: (np.full_like(x, np.nan), y), "not finite"),
        (lambda x, y: (x, np.zeros_like(y)), "a single class"),
        (lambda x, y: (x[:-1], y), "99 features for 100 labels"),
    ],
)
def test_unusable_features_are_refused(spoil, message):
    features, labels = spoil(*clusters())
    for reader in (train_head, lambda x, y: linear_probe(x, y, x), lambda x, y: nearest_neighbour(x, y, x)):
        with pytest.raises(BadInput, match=message):
            reader(features, labels)


def test_no_reader_labels_what_is_not_finite():
    features, labels = clusters()
    odd = HeadConfig(widths=(8,), n_epochs=1)
    for predict in (
        lambda x: train_head(features, labels, odd).predict(x),
        lambda x: linear_probe(features, labels, x),
        lambda x: nearest_neighbour(features, labels, x),
    ):
        with pytest.raises(BadInput, match="not finite"):
            predict(features[:2] * np.nan)


def test_retrieval_finds_clusters_and_random_features_reach_the_floor():
    features, labels = clusters(n_each=40)
    train, test = np.arange(0, 140), np.arange(140, 200)
    found = {row["measure"]: row for row in corrected(features, labels, test, train)}
    assert found["hit@1"]["value"] > 0.95 and found["mAP"]["value"] > 0.8
    assert found["hit@1"]["value"] <= found["hit@5"]["value"] <= found["hit@10"]["value"]
    noise = np.random.default_rng(4).normal(size=(4000, 8)).astype(np.float32)
    classes = np.random.default_rng(5).integers(0, 5, 4000)
    half, rest = np.arange(2000), np.arange(2000, 4000)
    for rows in (as_published(noise, classes, half), corrected(noise, classes, half, rest)):
        for row in rows:
            assert row["value"] == pytest.approx(row["chance"], abs=0.03), row["measure"]  # neighbours share hubs


def test_published_protocol_leaves_the_query_out():
    features, labels = np.eye(12, dtype=np.float32), np.arange(12)
    assert as_published(features, labels, np.arange(12), (1, 5))[0]["value"] == 0


def test_versions_of_the_query_are_left_out_of_a_leaky_split():
    """Noise whose twins lie in train: a hit for each without base ids, chance with them."""
    rng = np.random.default_rng(6)
    base = rng.normal(size=(300, 12)).astype(np.float32)
    both = np.concatenate([base, base + 0.01 * rng.normal(size=base.shape).astype(np.float32)])
    labels, ids = np.tile(rng.integers(0, 5, 300), 2), [f"object {i}" for i in range(300)] * 2
    test, train = np.arange(300), np.arange(300, 600)
    assert corrected(both, labels, test, train)[0]["value"] == 1
    row = corrected(both, labels, test, train, base_ids=ids)[0]
    assert row["value"] == pytest.approx(row["chance"], abs=0.08)


def test_k_beyond_the_gallery_is_refused():
    features, labels = clusters()
    with pytest.raises(BadInput, match="k = 0"):
        as_published(features, labels, np.arange(20), (0, 1))
    with pytest.raises(BadInput, match="single class"):
        as_published(features, labels * 0, np.arange(20))
    with pytest.raises(BadInput, match="not finite"):
        as_published(features * np.nan, labels, np.arange(20))
    with pytest.raises(BadInput, match="k = 10 but a query has only 4"):
        as_published(features, labels, np.arange(5))
    with pytest.raises(BadInput, match="unknown metric"):
        distances(features, features, "manhattan")


def test_twins_are_found():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(20, 16)).astype(np.float32)
    both = np.concatenate([base, base + 0.05 * rng.normal(size=base.shape).astype(np.float32)])
    ids = [f"object {i}" for i in range(20)] * 2
    found = instance_retrieval(both, ids)
    assert found["value"] == 1 and found["chance"] == pytest.approx(1 / 39) and found["n_objects"] == 20
    assert instance_retrieval(rng.normal(size=both.shape).astype(np.float32), ids)["value"] < 0.2
    half = instance_retrieval(np.concatenate([base, base[:10], 9 - base[10:]]), ids, queries=np.arange(10, 20))
    assert half["value"] == 0 and half["n"] == 10  # only those asked: the other half would all be right
    with pytest.raises(BadInput, match="no object has an augmented version"):
        instance_retrieval(base, ids[:20])


def test_picture_classifier_learns_colour_and_votes():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 12)
    tint = np.eye(3)[labels][:, None, None, None] * 120
    pictures = (rng.integers(0, 100, (36, 3, 16, 16, 3)) + tint).astype(np.uint8)
    config = PictureConfig(n_epochs=20, batch_size=32)
    net = train_on_pictures(pictures, labels, config)
    logits, features = predict_views(net, pictures, config)
    assert logits.shape == (36, 3, 13) and features.shape == (36, 3, 64)
    for found in readings(logits).values():
        assert (found == labels).mean() > 0.9
    ties = readings(np.eye(3)[np.array([[1, 2, 2], [0, 1, 2]])])
    assert ties["3 views, vote"].tolist() == [2, 0]


def test_timing_reports_spread():
    found = time_call(lambda: sum(range(1000)), n_runs=5)
    assert 0 < found["q25_ms"] <= found["median_ms"] <= found["q75_ms"] and found["runs"] == 5
