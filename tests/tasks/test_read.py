"""One way to read vectors: what it finds, what it must not, and its controls."""

import numpy as np
import pytest

from n2v.tasks.head import HeadConfig
from n2v.tasks.read import HEAD, HIT, MAP, PROBE, VERSIONS, answers, ask, read_all, summary, wide, with_intervals

QUICK = HeadConfig(n_epochs=20)


@pytest.fixture
def made():
    """Three classes of ten objects, two versions each: vectors, labels, objects, positions to learn from and to ask."""
    rng = np.random.default_rng(0)
    labels, objects = np.repeat(np.arange(3), 20), np.array([f"object-{i // 2}" for i in range(60)])
    own = rng.normal(size=(30, 8)).repeat(2, 0)
    values = 4 * rng.normal(size=(3, 8))[labels] + own + 0.05 * rng.normal(size=(60, 8))
    asked = np.arange(60) % 20 >= 14
    return values.astype(np.float32), labels, objects, np.flatnonzero(~asked), np.flatnonzero(asked)


def pairs(labels, objects, train, test):
    return [(of[train], of[test]) for of in (labels, objects)]


def test_every_reader_finds_what_is_there_and_nothing_in_shuffled_labels(made):
    values, labels, objects, train, test = made
    split = train, test
    rows = read_all({"ours": values}, labels, objects, split, QUICK, (0, 1))
    assert [row["measure"] for row in rows] == [PROBE, HEAD, HIT, MAP, VERSIONS]
    assert all(row["value"] > 0.9 and row["n"] == 18 and row["n_objects"] == 9 and row["runs"] == 2 for row in rows)
    shuffled = np.random.default_rng(1).permutation(labels)
    control = read_all({"ours": values}, shuffled, objects, split, QUICK)
    assert all(row["value"] < 0.7 for row in control if row["measure"] != VERSIONS)
    blind = np.random.default_rng(2).normal(size=values.shape).astype(np.float32)
    blind = {row["measure"]: row["value"] for row in read_all({"blind": blind}, labels, objects, split)}
    assert max(blind.values()) < 0.75 and blind[VERSIONS] < 0.2


def test_own_versions_are_no_class_neighbours_but_are_versions(made):
    """Noise whose twins lie in train: nothing for hit@1, everything for versions found."""
    _, labels, objects, *_ = made
    twins = np.random.default_rng(3).normal(size=(30, 8)).repeat(2, 0).astype(np.float32)
    train, test = np.arange(0, 60, 2), np.arange(1, 60, 2)
    found = answers(twins[train], twins[test], *pairs(labels, objects, train, test), head=None)
    assert found[VERSIONS].mean() == 1 and found[HIT].mean() < 0.7 and HEAD not in found
    alone = answers(twins[train], twins[test], *pairs(labels, np.arange(60).astype(str), train, test), head=None)
    assert np.isnan(alone[VERSIONS]).all() and len(summary([alone], objects[test])) == 3


def test_cross_validation_keeps_versions_together(made):
    """Two copies of each object with labels that follow nothing but the object; what is fitted sees its fold alone."""
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(size=(40, 8)), 2, 0).astype(np.float32)
    labels = np.repeat(rng.integers(0, 4, 40), 2)
    seen = []

    def vectors(train):
        seen.append(train)
        return features

    together = ask(vectors, labels, [str(i // 2) for i in range(80)], head=None)
    apart = ask(lambda _: features, labels, [str(i) for i in range(80)], head=None)
    assert apart[HIT].mean() > 0.75 and together[HIT].mean() < 0.6 and together[PROBE].mean() < 0.6
    assert len(seen) == 5 and all({i ^ 1 for i in train} == set(train) for train in map(np.ndarray.tolist, seen))


def test_a_table_shows_the_first_ones_lead(made):
    values, labels, objects, train, test = made
    noise = np.random.default_rng(2).normal(size=values.shape).astype(np.float32)
    rows = read_all({"ours": values, "noise": lambda _: noise}, labels, objects, (train, test), None)
    assert "lead" not in rows[0]
    led = {row["measure"]: row for row in rows if row["features"] == "noise"}
    assert led[HIT]["lead"] == pytest.approx(rows[1]["value"] - led[HIT]["value"]) and led[HIT]["lead_low"] > 0
    line = wide(rows)[1]
    assert line["features"] == "noise" and line[f"{HIT}, low"] <= line[HIT] <= line[f"{HIT}, high"]


def test_intervals_in_words():
    row = {"features": "a", "measure": HIT, "n": 3, "value": 0.5, "low": 0.25, "high": 0.75}
    assert with_intervals([row, {**row, "measure": MAP}], (HIT,)) == [
        {"features": "a", "n": 3, HIT: "0.50 (0.25 to 0.75)"}
    ]
