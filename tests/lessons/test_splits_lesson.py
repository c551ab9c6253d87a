"""The leak's closed form against counting, and what each split rule measures against what it must."""

import itertools
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import trimesh

from n2v.lessons.splits import (
    ORDER,
    identities,
    leak_rows,
    measures_figure,
    mesh_ruler,
    mesh_silhouettes,
    published_expectation,
    what_splits_measure,
)
from n2v.scenes.augment import augment
from n2v.scenes.classes import FREQUENCIES
from n2v.scenes.shapes import make_collection, make_object
from n2v.zoo.splits import assign, leak

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def counted_leak(items, splits) -> float:
    """Brute force: each test object against every other item."""
    tested = [item for item in items if splits[item.object_id] == "test"]
    hits = [
        any(o.base_id == t.base_id and o is not t and splits[o.object_id] == "train" for o in items) for t in tested
    ]
    return sum(hits) / len(hits)


@pytest.mark.parametrize("n_versions", [1, 2, 3, 4])
def test_the_closed_form_agrees_with_counting(n_versions):
    counts = {"chair": 437, "lamp": 95, "sofa": 9}
    items = identities(counts, n_versions)
    splits = assign(items, "as_published")
    n_test = sum(split == "test" for split in splits.values())
    assert n_test == n_versions * (43 + 9)
    expected = published_expectation(counts, n_versions)
    spread = math.sqrt(expected * (1 - expected) / n_test)
    assert abs(counted_leak(items, splits) - expected) <= 4 * spread
    assert leak(items, splits) == pytest.approx(counted_leak(items, splits), abs=1e-12)


def test_the_closed_form_by_enumeration():
    """Ten objects, one in test, one in validation: every pair of places of two twins, counted."""
    places = ["test", "val", *["train"] * 8]
    n = sum("train" in pair for pair in itertools.product(places, repeat=2)) / 100
    assert published_expectation({"chair": 10}, 3) == pytest.approx(n, abs=1e-12)
    assert math.isnan(published_expectation({"chair": 9}, 3))


def test_the_thesis_counts_give_its_test_set_and_about_ninety_thousand_to_train_on():
    assert sum(n // 10 for n in FREQUENCIES.values()) == 3961  # the thesis's n, section 4
    items = identities(FREQUENCIES)
    splits = assign(items, "as_published")
    trained = {item.base_id for item in items if splits[item.object_id] == "train"}
    tested = [item.base_id for item in items if splits[item.object_id] == "test"]
    assert len(items) == 3 * 39_666 and len(tested) == 3 * 3961
    assert sum(split == "train" for split in splits.values()) == 95_232  # "about 90,000" in the thesis
    share = sum(base in trained for base in tested) / len(tested)
    assert share == pytest.approx(published_expectation(FREQUENCIES), abs=0.0055)  # three standard errors


def test_both_rules_side_by_side():
    items = identities({"chair": 120, "lamp": 60})
    published, corrected = leak_rows({"some": items}, seed=3)  # names alone: nothing for `novel` to go by
    assert (published["rule"], corrected["rule"]) == ("as_published", "corrected")
    assert published["with a twin in train"] == round(54 * counted_leak(items, assign(items, "as_published")))
    assert published["test"] == corrected["test"] == 54 and corrected["leak"] == corrected["expected"] == 0
    assert sum(published[name] for name in ("train", "val", "test")) == len(items)


def test_a_collection_too_small_for_the_authors_rule_has_no_leak_to_state():
    rows = leak_rows({"tiny": identities({"chair": 8}, 2)})
    assert rows[0]["test"] == 0 and math.isnan(rows[0]["leak"]) and math.isnan(rows[0]["expected"])


@pytest.fixture(scope="module")
def trio():
    bases = make_collection(20, 0, ("chair", "lamp", "cabinet"))
    return [one for base in bases for one in (base, augment(base, 1, 0), augment(base, 2, 0))]


def test_novel_is_a_third_row_where_the_slots_are_known(trio):
    rows = leak_rows({"real": trio})
    assert tuple(row["rule"] for row in rows) == ORDER and rows[2]["leak"] == rows[2]["expected"] == 0


def test_what_each_rule_lets_through(trio):
    rows, shown = what_splits_measure(trio, n_draws=2)
    published, corrected, novel = rows
    assert [row["draws"] for row in rows] == [1, 2, 2] and tuple(shown) == (*ORDER, "own versions")
    assert published["version of the same object in train"] > 0.7
    assert published["nearest in train is a version of it"] > 0.6
    for row in (corrected, novel):
        assert row["version of the same object in train"] == row["nearest in train is a version of it"] == 0
        assert row["overlap with the nearest in train"] < published["overlap with the nearest in train"]
    assert novel["same body and support in train"] == 0 < corrected["same body and support in train"]
    assert len(shown["own versions"]) == 2 * len(trio) and shown["own versions"].min() > 0
    assert all(row["low"] <= row["ruler right"] <= row["high"] for row in rows)
    assert len(measures_figure(rows, shown).axes[1].patches) == 6


def test_without_versions_the_authors_rule_recognises_nobody(trio):
    bases = [one for one in trio if one.version == 0]
    published = what_splits_measure(bases, n_draws=1)[0][0]
    assert published["version of the same object in train"] == published["nearest in train is a version of it"] == 0


def test_the_ruler_and_the_silhouettes_of_a_known_body():
    block = trimesh.creation.box((0.4, 0.6, 0.2))
    made = make_object("table", 0)
    part = replace(made.parts[0], vertices=np.array(block.vertices), faces=np.array(block.faces), texture=None,
                   corner_rgba=np.ones((12, 3, 4), np.float32), corner_uv=None)  # fmt: skip
    one = replace(made, parts=(part,))
    assert mesh_ruler([one])[0] == pytest.approx([-0.2, -0.3, -0.1, 0.2, 0.3, 0.1, np.log(0.048)], abs=1e-4)
    front, side, top = mesh_silhouettes([one], 64)[0].reshape(3, -1).sum(1)
    assert top > front > 0 and top > side > 0  # 0.24 against 0.08 and 0.12
