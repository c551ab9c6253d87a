"""The leak study finds a leak where there is one, and none where there is none."""

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.tasks.classify import CORRECTED, PUBLISHED, WITHOUT, leak_splits, leak_study
from n2v.tasks.head import HeadConfig
from n2v.zoo.splits import assign

QUICK = HeadConfig(widths=(32,), dropout=0.0, n_epochs=60, batch_size=32)


def collection(n_objects=20, classes=("car", "chair", "lamp", "table"), n_versions=3):
    return [
        Identity(f"{name}-{i:03d}_A{version}", name, base_id=f"{name}-{i:03d}", version=version)
        for name in classes for i in range(n_objects) for version in range(n_versions)
    ]  # fmt: skip


def test_the_three_splits_differ_in_the_leak_alone():
    items = collection()
    family = np.array([item.base_id for item in items])
    for seed in (0, 1):
        parts = leak_splits(items, seed)
        assert len({len(train) for train, _ in parts.values()}) == 1
        assert np.array_equal(parts[PUBLISHED][1], parts[WITHOUT][1])
        assert np.isin(family[parts[PUBLISHED][1]], family[parts[PUBLISHED][0]]).mean() > 0.6
        for name in (WITHOUT, CORRECTED):
            assert not np.isin(family[parts[name][1]], family[parts[name][0]]).any()
    assert not np.array_equal(leak_splits(items, 0)[PUBLISHED][1], leak_splits(items, 1)[PUBLISHED][1])


def test_seed_0_is_the_authors_own_draw():
    items = collection()
    splits = assign(items, "as_published")
    assert [items[i].object_id for i in leak_splits(items, 0)[PUBLISHED][1]] == [
        item.object_id for item in items if splits[item.object_id] != "train"
    ]


def test_too_few_objects_are_said_to_be():
    with pytest.raises(BadInput, match="the published rule tests nothing here"):
        leak_splits(collection(9))


def test_the_gain_is_seen_where_features_tell_objects_and_not_classes():
    """Features that name the object but know nothing of its class: right only by memory. And the other way round."""
    items = collection()
    names, classes = sorted({item.base_id for item in items}), sorted({item.class_name for item in items})
    rng = np.random.default_rng(0)
    labels = np.array([classes.index(item.class_name) for item in items])
    own = rng.normal(size=(len(names), 48))[[names.index(item.base_id) for item in items]]
    shared = 3 * np.eye(4)[labels] @ rng.normal(size=(4, 48))
    noise = 0.2 * rng.normal(size=own.shape)
    kinds = {"object": (own + noise).astype(np.float32), "class": (shared + 5 * noise).astype(np.float32)}
    rows = {(row["features"], row["split"]): row for row in leak_study(kinds, items, labels, QUICK, (0, 1))}
    memory, honest = rows["object", PUBLISHED], rows["class", PUBLISHED]
    assert memory["gain"] > 0.3 and memory["gain_low"] > 0.15 and memory["n"] == 2 * 48
    assert rows["object", WITHOUT]["accuracy"] < 0.45 and rows["object", CORRECTED]["accuracy"] < 0.45
    assert abs(honest["gain"]) < 0.05 and honest["accuracy"] > 0.95
    assert "gain" not in rows["class", CORRECTED]
