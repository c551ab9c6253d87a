"""What can be read without learning: each bar against a hand-made collection, and one that must not tell."""

import numpy as np
import pytest

from n2v.nerf.layout import N_FEATURES, N_WEIGHTS, initial_vector
from n2v.tasks.bars import low_octaves, nearness, overlap, pooled_occupancy, ruler, silhouettes, whitened_within
from n2v.tasks.classify import nearest_neighbour


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

    _, whitened = whitened_within(features[train], [ids[i] for i in train], [features[test]])
    shuffled = rng.permutation([ids[i] for i in train]).tolist()
    _, control = whitened_within(features[train], shuffled, [features[test]])
    assert found(whitened) > found(features[test]) + 0.3 and found(whitened) > found(control) + 0.3


def test_nearness_sees_a_planted_twin_and_an_object_of_its_own():
    shapes = silhouettes(boxes([(20, 20, 4), (20, 19, 4), (4, 20, 20), (4, 19, 20), (20, 20, 5)]))
    ids = ["flat", "flat", "tall", "tall", "twin"]
    nearest, own = nearness(shapes, ids, np.array([4]), np.array([0, 1, 2, 3]))
    assert nearest[0] > 0.8 and (nearest > own).tolist()[2:] == [False, False] and (own > 0.9).all()
    assert overlap(shapes[:1], shapes[:1])[0, 0] == 1
