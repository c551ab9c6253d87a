"""The measures of generation against independent oracles, and cheats that each of them must catch."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from n2v.errors import BadInput
from n2v.tasks.generation_measures import (
    class_verdicts,
    coverage,
    frechet_distance,
    judge,
    minimum_matching_distance,
    novelty,
    one_nna,
)


def objects(n: int, seed: int, n_features: int = 24) -> np.ndarray:
    """Points on a bent two-dimensional sheet: their coordinates depend on each other, as those of embeddings do."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(-1, 1, (n, 2))
    bend = np.random.default_rng(0).normal(size=(5, n_features))
    sheet = np.column_stack([place, place**2, place[:, :1] * place[:, 1:]]) @ bend
    return (sheet + 0.02 * rng.normal(size=sheet.shape)).astype(np.float32)


def test_frechet_distance_agrees_with_the_matrix_root():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(90, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(70, 6)) + 0.5
    cov_a, cov_b = np.cov(a.T), np.cov(b.T)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_one_nna_agrees_with_a_leave_one_out_classifier():
    from sklearn.model_selection import LeaveOneOut, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    made, real = objects(40, 1), objects(40, 2) + np.float32(0.05)
    both, is_real = np.concatenate([made, real]), np.repeat([0, 1], 40)
    expected = cross_val_score(KNeighborsClassifier(1), both, is_real, cv=LeaveOneOut()).mean()
    assert one_nna(made, real) == pytest.approx(expected, abs=1e-9)


def test_one_nna_of_unequal_sets_is_fair():
    """Without cutting the larger set, its own members would be the neighbours of nearly everything."""
    assert one_nna(objects(30, 1), objects(300, 2)) == pytest.approx(0.5, abs=0.12)


def test_measures_tell_good_shifted_copied_and_collapsed_apart():
    real, other = objects(150, 1), objects(150, 2)
    assert 0.4 < one_nna(other, real) < 0.6 and one_nna(real, other + 9) > 0.98
    assert coverage(other, real) > 0.4 > coverage(np.zeros_like(real), real)
    assert minimum_matching_distance(real, real) < 1e-3 < minimum_matching_distance(other, real)
    assert 0.7 < novelty(other, real)["ratio"] < 1.4 and novelty(real, real)["copies"] == 1
    assert judge(other, real, objects(50, 3))["verdict"] == "alive"
    assert judge(real[::-1], real, other)["verdict"] == "copies"
    assert one_nna(real[::-1], real) < 0.2
    assert judge(np.zeros_like(real) + 1e-3 * other, real, other)["verdict"] == "collapsed"


def test_shuffled_coordinates_lose():
    """Every number is a real one, no combination is: margins alone are not enough for Fréchet distance and 1-NNA."""
    rng = np.random.default_rng(4)
    real, good = objects(150, 1), objects(150, 2)
    shuffled = np.stack([rng.permutation(column) for column in good.T], 1)
    assert frechet_distance(shuffled, real) > 5 * frechet_distance(good, real)
    assert one_nna(shuffled, real) > 0.8 > one_nna(good, real)


def test_one_object_a_class_is_a_collapse_that_the_whole_does_not_show():
    rng = np.random.default_rng(5)
    centres = 30 * rng.normal(size=(4, 24)).astype(np.float32)
    labels = np.repeat(np.arange(4), 30)
    train, test = objects(120, 1) + centres[labels], objects(120, 2) + centres[labels]
    stuck = train[labels * 30] + 1e-3 * rng.normal(size=train.shape).astype(np.float32)
    assert class_verdicts(stuck, labels, train, labels, test, labels) == {"alive": 0, "collapsed": 4, "copies": 0}
    assert judge(stuck, train, test)["spread"] > 0.8
    good = objects(120, 3) + centres[labels]
    assert class_verdicts(good, labels, train, labels, test, labels)["alive"] == 4


def test_versions_of_an_object_in_train_do_not_hide_copies():
    """Three near-equal versions of each object: their spacing says nothing about how far new objects lie."""
    rng = np.random.default_rng(2)
    base, held_out, fresh = (rng.normal(size=(20, 16)).astype(np.float32) for _ in range(3))
    train = np.concatenate([base + 0.1 * rng.normal(size=base.shape).astype(np.float32) for _ in range(3)])
    near_copies = train + 0.02 * rng.normal(size=train.shape).astype(np.float32)
    assert novelty(fresh, train)["ratio"] > 4 and novelty(near_copies, train)["copies"] < 0.8  # versions as yardstick
    assert 0.7 < novelty(fresh, train, held_out)["ratio"] < 1.4
    assert novelty(near_copies, train, held_out)["copies"] == 1
    assert judge(near_copies, train, held_out)["verdict"] == "copies"
    assert judge(fresh, train, held_out)["verdict"] == "alive"


def test_repeated_embeddings_still_show_copies():
    rng = np.random.default_rng(3)
    twice = np.repeat(rng.normal(size=(10, 8)).astype(np.float32), 2, 0)
    assert judge(twice, twice, rng.normal(size=(5, 8)).astype(np.float32))["verdict"] == "copies"
    with pytest.raises(BadInput, match="repeat each other"):
        novelty(twice, twice)


def test_each_cheat_escapes_a_measure():
    """A memoriser covers everything and looks real to all but 1-NNA and novelty; a collapse can look real to 1-NNA's
    fooled half only where coverage is not asked: no measure alone is enough (notebook 09)."""
    rng = np.random.default_rng(6)
    train, held_out = objects(150, 1), objects(150, 2)
    memoriser = train + 1e-3 * rng.normal(size=train.shape).astype(np.float32)
    assert coverage(memoriser, train) == 1 > coverage(held_out, train)
    assert one_nna(memoriser, train) < 0.1 and novelty(memoriser, train, held_out)["copies"] == 1
    few = np.repeat(held_out[:3], 50, 0) + 0.02 * rng.normal(size=train.shape).astype(np.float32)
    assert novelty(few, train, held_out)["copies"] < 0.5 and 0.5 < novelty(few, train, held_out)["ratio"] < 2
    assert coverage(few, train) < 0.2
