"""Augmentation keeps structure: no folds, same topology, related parts alike; and it is repeatable."""

import numpy as np
import pytest
import trimesh

from n2v.errors import BadInput
from n2v.scenes.augment import AugmentConfig, _hue_rotation, augment, deformation
from n2v.scenes.objects import RADIUS, Part, SceneObject


def box_part(name, extents, shift, rgb):
    mesh = trimesh.creation.box(extents)
    rgba = np.broadcast_to(np.float32((*rgb, 1)), (12, 3, 4))
    return Part(name, np.array(mesh.vertices) + shift, np.array(mesh.faces), rgba)


@pytest.fixture
def table():
    legs = [
        box_part(f"leg_{i}", (0.1, 0.1, 0.8), (x, y, 0), (0.4, 0.3, 0.2))
        for i, (x, y) in enumerate([(-0.5, -0.4), (0.5, -0.4), (-0.5, 0.4), (0.5, 0.4)])
    ]
    top = box_part("top", (1.2, 1.0, 0.1), (0, 0, 0.45), (0.6, 0.6, 0.6))
    return SceneObject("table-000001", "table", (*legs, top)).placed()


def test_deformations_never_fold_space():
    """Central differences on a grid through the box of every placed object, 200 random maps."""
    grid = np.stack(np.meshgrid(*[np.linspace(-0.64, 0.64, 6)] * 3), -1).reshape(-1, 3)
    step, worst = 1e-5, np.inf
    for seed in range(200):
        deform = deformation(np.random.default_rng(seed))
        columns = [(deform(grid + step * e) - deform(grid - step * e)) / (2 * step) for e in np.eye(3)]
        worst = min(worst, np.linalg.det(np.stack(columns, -1)).min())
    assert worst > 0.2


def test_the_fold_test_can_fail():
    deform = deformation(np.random.default_rng(0), AugmentConfig(lattice=2.0))
    grid, step = np.random.default_rng(0).uniform(-0.6, 0.6, (2000, 3)), 1e-5
    columns = [(deform(grid + step * e) - deform(grid - step * e)) / (2 * step) for e in np.eye(3)]
    assert np.linalg.det(np.stack(columns, -1)).min() < 0


def test_no_strength_is_the_identity():
    still = AugmentConfig(stretch=0, taper=0, twist_deg=0, bend=0, lattice=0)
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 3))
    np.testing.assert_allclose(deformation(np.random.default_rng(1), still)(points), points, atol=1e-12)


def test_structure_and_identity_are_kept(table):
    other = augment(table, 1, seed=0)
    assert other.object_id == "table-000001_A1" and other.base_id == table.object_id
    assert other.shape_group == table.shape_group and other.version == 1
    for before, after in zip(table.parts, other.parts, strict=True):
        assert before.name == after.name
        np.testing.assert_array_equal(before.faces, after.faces)
    low, high = other.bounds()
    np.testing.assert_allclose(np.linalg.norm(high - low) / 2, RADIUS)
    moved = np.concatenate([p.vertices for p in other.parts]) - np.concatenate([p.vertices for p in table.parts])
    assert 0.02 < np.linalg.norm(moved, axis=1).mean() < 0.2


def test_related_parts_share_a_colour_and_others_differ(table):
    parts = {part.name: part.corner_rgba[0, 0] for part in augment(table, 2, seed=5).parts}
    for index in range(1, 4):
        np.testing.assert_array_equal(parts["leg_0"], parts[f"leg_{index}"])
    assert np.abs(parts["leg_0"] - parts["top"]).max() > 0.02
    assert np.abs(parts["top"][:3] - 0.6).max() > 0.02 and parts["top"][3] == 1


def test_versions_and_seeds_differ_and_repeat(table):
    def vertices(version, seed):
        return augment(table, version, seed).parts[0].vertices

    np.testing.assert_array_equal(vertices(1, 0), vertices(1, 0))
    assert not np.allclose(vertices(1, 0), vertices(2, 0))
    assert not np.allclose(vertices(1, 0), vertices(1, 1))


def test_a_texture_keeps_its_pattern_and_alpha(table):
    texture = np.random.default_rng(0).integers(60, 190, (8, 8, 4), np.uint8)
    part = table.parts[4]
    textured = Part("top", part.vertices, part.faces, np.ones((12, 3, 4), np.float32), texture, np.zeros((12, 3, 2)))
    new = augment(SceneObject("t", "table", (textured,)), 1).parts[0]
    np.testing.assert_array_equal(new.texture[..., 3], texture[..., 3])
    assert not np.array_equal(new.texture[..., :3], texture[..., :3])
    assert new.texture[..., :3].astype(float).std() > 15
    assert new.corner_rgba.min() >= 0 and new.corner_rgba.max() <= 1


def test_hue_rotation_turns_red_into_green():
    np.testing.assert_allclose(_hue_rotation(2 * np.pi / 3) @ np.eye(3)[0], np.eye(3)[1], atol=1e-12)


def test_augmenting_a_version_is_refused(table):
    with pytest.raises(BadInput, match="augment a base object"):
        augment(augment(table, 1), 2)
    with pytest.raises(BadInput, match="version 0"):
        augment(table, 0)
