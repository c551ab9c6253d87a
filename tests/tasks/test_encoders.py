"""One row an encoder: readers see what is there, and nothing in noise."""

import numpy as np
import pytest

from n2v.tasks.classify import HeadConfig
from n2v.tasks.encoders import reader_measures, reconstruction_summary

QUICK = HeadConfig(n_epochs=20)


@pytest.fixture
def objects():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = (rng.normal(size=(3, 8))[labels] * 4 + rng.normal(size=(60, 8))).astype(np.float32)
    return features, labels, [f"object-{i // 2}" for i in range(60)], np.arange(40), np.arange(40, 60)


def test_readers_find_classes_and_find_none_in_noise(objects):
    features, labels, base_ids, train, test = objects
    found = reader_measures(features, labels, base_ids, train, test, QUICK)
    assert min(found.values()) > 0.9 and set(found) == {"linear_probe", "head", "hit_at_1"}
    noise = np.random.default_rng(1).normal(size=features.shape).astype(np.float32)
    assert max(reader_measures(noise, labels, base_ids, train, test, QUICK).values()) < 0.75


def test_summary_counts_and_leaves_out_what_is_not_finite():
    line = {"what": "model", "occupancy": "own", "split": "test", "full_db": 20.0}
    rows = [{**line, "foreground_db": value} for value in (10.0, 12.0, float("nan"))]
    rows.append({**rows[0], "split": "train"})
    table = reconstruction_summary(rows, ("full_db", "foreground_db"))
    assert [(row["split"], row["n"], row["foreground_db"]) for row in table] == [("test", 3, 11.0), ("train", 1, 10.0)]
    assert table[0]["foreground_db_±"] == pytest.approx(12.706 * np.sqrt(2) / np.sqrt(2), abs=1e-2)  # t of one degree
