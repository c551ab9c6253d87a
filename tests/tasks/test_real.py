"""Readers by cross-validation: what they can know, what they must not."""

import numpy as np

from n2v.tasks.real import cross_read


def test_readers_find_a_class_that_is_there_and_none_that_is_not():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    groups = [str(i // 2) for i in range(60)]
    features = rng.normal(0, 1, (60, 6))
    told, blind = features.copy(), features
    told[:, 0] += 15 * labels
    assert all(right.mean() > 0.9 for right in cross_read(told, labels, groups).values())
    assert all(right.mean() < 0.6 for right in cross_read(blind, labels, groups).values())


def test_a_twin_in_the_same_group_does_not_help():
    """Two copies of each object with labels that follow nothing but the object."""
    rng = np.random.default_rng(1)
    features = np.repeat(rng.normal(0, 1, (40, 8)), 2, axis=0)
    labels = np.repeat(rng.integers(0, 4, 40), 2)
    together = cross_read(features, labels, [str(i // 2) for i in range(80)])
    apart = cross_read(features, labels, [str(i) for i in range(80)])
    assert apart["nearest neighbour"].mean() == 1 and together["nearest neighbour"].mean() < 0.6
