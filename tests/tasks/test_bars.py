"""What can be read without learning: each bar against a hand-made collection, and one that must not tell."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from n2v.nerf.layout import N_FEATURES, N_WEIGHTS, initial_vector
from n2v.tasks.bars import BARS, bars, fit_bar, low_octaves, overlap, pooled_occupancy, ruler, whitening
from n2v.tasks.read import answers, nearest_neighbour
from n2v.zoo.shipped import mini_zoo


def boxes(sizes, resolution: int = 24) -> np.ndarray:
    cells = np.zeros((len(sizes), resolution, resolution, resolution), bool)
    for one, (x, y, z) in zip(cells, sizes, strict=True):
        one[:x, :y, :z] = True
    return cells


def test_ruler_measures_the_box_and_the_share():
    found = ruler(boxes([(12, 6, 24), (24, 24, 24)]))
    assert found[0, :6] == pytest.approx([0, 0, 0, 0.5, 0.25, 1]) and found[1, 3:6] == pytest.approx([1, 1, 1])
    assert found[0, 6] == pytest.approx(np.log(12 * 6 * 24 / 24**3), abs=1e-4)
    assert np.isfinite(ruler(np.zeros((1, 8, 8, 8), bool))).all()


def test_the_ruler_cannot_tell_what_pooled_occupancy_can():
    """Two classes with the same boxes and shares: a corner filled, or the opposite one."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    cells = np.zeros((60, 24, 24, 24), bool)
    for one, label in zip(cells, labels, strict=True):
        side = int(rng.integers(8, 11))
        one[0, 0, 0] = one[-1, -1, -1] = True
        corner = slice(0, side) if label else slice(24 - side, 24)
        one[corner, corner, corner] = True
    train, test = np.arange(40), np.arange(40, 60)
    right = {name: (nearest_neighbour(x[train], labels[train], x[test]) == labels[test]).mean()
             for name, x in (("ruler", ruler(cells)), ("pooled", pooled_occupancy(cells, 8)))}  # fmt: skip
    assert right["pooled"] == 1 and right["ruler"] < 0.8


def test_pooling_keeps_the_share_for_any_size():
    cells = np.random.default_rng(0).random((3, 20, 20, 20)) < 0.3
    for size in (4, 5, 8, 12):
        assert pooled_occupancy(cells, size).shape == (3, size**3)
    assert pooled_occupancy(cells, 4).mean(1) == pytest.approx(cells.mean((1, 2, 3)), abs=1e-6)


def test_low_octaves_leave_out_exactly_the_high_columns():
    vector = initial_vector()[None]
    kept = low_octaves(vector, 8)
    assert kept.shape[1] == N_WEIGHTS - 64 * N_FEATURES * 2 // 3
    marked = np.zeros((1, N_WEIGHTS), np.float32)
    marked[0, 16:48] = 1  # octaves 8 to 23 of the first dimension, first neuron
    assert not low_octaves(marked, 8).any() and low_octaves(marked, 9).sum() == 2  # sine and cosine of octave 8


def test_whitening_makes_versions_near_and_needs_their_ids():
    """Objects differ in three directions, versions in all and wildly in one: whitening by object finds the three."""
    rng = np.random.default_rng(1)
    objects = rng.normal(0, 1, (60, 20)) * (np.arange(20) < 3)
    within = np.where(np.arange(20) == 19, 30.0, 0.1)
    mixed = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    features = (np.repeat(objects, 3, axis=0) + rng.normal(0, within, (180, 20))) @ mixed
    ids = [str(i // 3) for i in range(180)]
    train, test = np.arange(120), np.arange(120, 180)

    def found(vectors: np.ndarray) -> float:
        distance = ((vectors[:, None] - vectors[None]) ** 2).sum(-1) + 1e9 * np.eye(len(vectors))
        names = np.array(ids)[test]
        return float((names[distance.argmin(1)] == names).mean())

    whitened = whitening(features[train], [ids[i] for i in train])(features[test])
    control = whitening(features[train], rng.permutation([ids[i] for i in train]).tolist())(features[test])
    assert found(whitened) > found(features[test]) + 0.3 and found(whitened) > found(control) + 0.3


def test_nearness_sees_a_planted_twin_and_an_object_of_its_own(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "ci")
    hardness = importlib.import_module("hardness")
    shapes = hardness.silhouettes(boxes([(20, 20, 4), (20, 19, 4), (4, 20, 20), (4, 19, 20), (20, 20, 5)]))
    ids = ["flat", "flat", "tall", "tall", "twin"]
    nearest, own = hardness.nearness(shapes, ids, np.array([4]), np.array([0, 1, 2, 3]))
    assert nearest[0] > 0.8 and (nearest > own).tolist()[2:] == [False, False] and (own > 0.9).all()
    assert overlap(shapes[:1], shapes[:1])[0, 0] == 1


@pytest.fixture(scope="module")
def few():
    """96 NeRFs of the mini zoo: four classes, eight objects each in three versions; the last two objects are asked."""
    zoo, chosen, asked = mini_zoo(), [], []
    for label in (0, 3, 6, 10):
        names = sorted({row.base_id for row in zoo.rows if row.label == label})[:8]
        chosen += [i for i, row in enumerate(zoo.rows) if row.base_id in names]
        asked += [zoo.rows[i].base_id in names[6:] for i in chosen[-24:]]
    return zoo, np.array(chosen), np.array(asked)


@pytest.mark.parametrize("name", BARS)
def test_a_bar_finds_classes_and_objects_and_nothing_when_its_rows_are_shuffled(few, name):
    zoo, chosen, asked = few
    weights, occupied = zoo.field_weights(chosen), zoo.occupied(chosen)
    objects = np.array([zoo.rows[int(i)].base_id for i in chosen])
    numbers = np.unique(objects, return_inverse=True)[1]
    bar = fit_bar(name, weights[~asked], occupied[~asked], numbers[~asked])
    vectors = bar(weights, occupied)
    assert vectors.shape[0] == 96 and np.isfinite(vectors).all()
    assert np.allclose(bar(weights[5:7], occupied[5:7]), vectors[5:7], atol=1e-4)  # a vector is its own NeRF's alone
    pairs = [(of[~asked], of[asked]) for of in (zoo.labels[chosen], objects)]
    found = answers(vectors[~asked], vectors[asked], *pairs, head=None)
    order = np.random.default_rng(1).permutation(96)
    control = answers(vectors[order][~asked], vectors[order][asked], *pairs, head=None)
    names = "linear probe", "versions found"
    score, chance = (np.mean([one[name].mean() for name in names]) for one in (found, control))
    assert score > chance + 0.2 and chance < 0.4, (score, chance)  # of noise: 1/4 and 2/95


def test_bars_of_a_zoo_are_fitted_on_training_rows_alone(few):
    zoo, chosen, _ = few
    known = bars(zoo)
    assert tuple(known) == tuple([*BARS[:3], *BARS[3:]])
    first, other = (known["ruler"](part) for part in (chosen[:40], chosen[40:]))
    assert first.shape == (585, 7) and not np.allclose(first, other)  # another part, other scales
    again = fit_bar("ruler", zoo.field_weights(chosen[:40]), zoo.occupied(chosen[:40]), np.arange(40))
    assert np.array_equal(first[:3], again(zoo.field_weights(range(3)), zoo.occupied(range(3))))
