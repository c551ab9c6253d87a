"""The head's shortcuts against the long way, readers against scikit-learn, and the controls."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.tasks.classify import by_class
from n2v.tasks.head import HeadConfig, random_span_basis, span_basis, train_head, with_mixed
from n2v.tasks.read import linear_probe, nearest_neighbour

QUICK = HeadConfig(widths=(32, 16), dropout=0.2, n_epochs=60, batch_size=64)


def wide_clusters(n_each=20, n_classes=4, n_features=260, spread=3.0, seed=0):
    """More features than items; three versions of each object, and the objects' names."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), n_each)
    objects = rng.normal(size=(n_classes, n_features))[labels] + spread * rng.normal(size=(len(labels), n_features))
    order = rng.permutation(len(labels))
    features = np.concatenate([objects[order] + 0.3 * rng.normal(size=objects.shape) for _ in range(3)])
    return features.astype(np.float32), np.tile(labels[order], 3), np.tile([f"object {i}" for i in order], 3)


def split_by_object(names, share=0.7):
    kinds = np.random.default_rng(1).permutation(np.unique(names))
    chosen = np.isin(names, kinds[: int(share * len(kinds))])
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def test_a_turn_into_the_span_keeps_distances_and_what_a_linear_layer_can_say():
    items = torch.randn(30, 200)
    items = torch.cat([items, items[:5]])  # five repeat others: the span has 30 dimensions
    for basis in (span_basis(items), random_span_basis(items)):
        assert basis.shape == (200, 30)
        assert torch.allclose(basis.T @ basis, torch.eye(30), atol=1e-5)
        assert torch.allclose(items @ basis @ basis.T, items, atol=1e-4)
    spread = (items @ random_span_basis(items)).var(0)
    assert spread.max() < 6 * spread.min(), "no coordinate may stand out: Adam would push them all alike"


def test_the_turned_head_does_as_well_as_the_long_way():
    features, labels, names = wide_clusters()
    train, test = split_by_object(names)
    found = {}
    for turned in (True, False):
        config = replace(QUICK, into_span=turned)
        heads = [train_head(features[train], labels[train], config, seed) for seed in (0, 1, 2)]
        found[turned] = np.mean([(head.predict(features[test]) == labels[test]).mean() for head in heads])
    assert found[False] > 0.5 and found[True] > found[False] - 0.08


def test_turning_changes_no_prediction_of_a_linear_probe():
    features, labels, names = wide_clusters()
    train, test = split_by_object(names)
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=2000)).fit(
        features[train], labels[train]
    )
    found = linear_probe(features[train], labels[train], features[test])
    assert (found == plain.predict(features[test])).mean() > 0.9  # C is chosen, so not all


def test_neighbours_equal_scikit_learn():
    features, labels, _ = wide_clusters(n_features=6)
    train, test = np.arange(0, 200), np.arange(200, 240)
    found = nearest_neighbour(features[train], labels[train], features[test])
    theirs = KNeighborsClassifier(1).fit(features[train], labels[train]).predict(features[test])
    assert np.array_equal(found, theirs)
    line, classes = np.float32([[0], [1], [2], [3], [9]]), np.array([0, 1, 1, 0, 0])
    assert nearest_neighbour(line, classes, np.float32([[0]]), 3)[0] == 1  # two of three
    assert nearest_neighbour(line, classes, np.float32([[0]]), 4)[0] == 0  # a tie: the nearest decides
    with pytest.raises(BadInput, match="k = 6 of 5"):
        nearest_neighbour(line, classes, line, 6)


def test_mixed_items_take_each_feature_from_one_of_two_of_their_class():
    torch.manual_seed(0)
    items = torch.arange(8.0)[:, None].expand(8, 50).contiguous()
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2])
    mixed, more = with_mixed(items, labels)
    assert torch.equal(mixed[:8], items) and more.tolist() == [*labels.tolist(), 0, 0, 0, 0, 1, 1, 1]  # none of class 2
    for row, label in zip(mixed[8:], more[8:], strict=True):
        values = row.unique().long()
        assert len(values) <= 2 and (labels[values] == label).all()
    assert any(len(row.unique()) == 2 for row in mixed[8:])
    features, classes, _ = wide_clusters(n_features=20, spread=0.5)
    head = train_head(features, classes, replace(QUICK, mix_same_class=True))
    assert (head.predict(features) == classes).mean() > 0.95


def test_by_class_equals_scikit_learn():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 120), rng.integers(0, 4, 120)
    rows = by_class(labels, predicted)
    theirs = precision_recall_fscore_support(labels, predicted)
    for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
        assert [row[name] for row in rows] == pytest.approx(values)
    never = by_class(np.array([2, 2, 3]), np.array([3, 3, 3]))[0]
    assert never["precision"] is None and never["recall"] == 0 and never["most often taken for"] == CLASSES[3]
