"""Cameras against closed-form geometry, and foreign conventions named."""

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.scenes.cameras import check_cameras, look_at, orbit_cameras, turntable_cameras

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def test_look_at_known_camera():
    c2w = look_at((0, -2, 0))
    expected = np.array([[1, 0, 0, 0], [0, 0, -1, -2], [0, 1, 0, 0], [0, 0, 0, 1]], float)
    np.testing.assert_allclose(c2w, expected, atol=1e-12)


def test_look_at_from_straight_above_is_rigid():
    check_cameras(np.array([look_at((0, 0, 2)), look_at((0, 0, -2))]))
    with pytest.raises(BadInput, match="cannot look"):
        look_at((0, 0, 0))


@pytest.mark.parametrize("seed", range(5))
def test_orbit_is_one_turn_from_above_looking_at_the_origin(seed):
    c2w = orbit_cameras(36, seed).astype(float)
    check_cameras(c2w)
    eyes = c2w[:, :3, 3]
    distances = np.linalg.norm(eyes, axis=1)
    assert (distances >= 1.6 - 1e-6).all() and (distances <= 2.1 + 1e-6).all()
    elevations = np.degrees(np.arcsin(eyes[:, 2] / distances))
    assert (elevations >= -1e-4).all() and (elevations <= 60 + 1e-4).all()
    np.testing.assert_allclose(-c2w[:, :3, 2] * distances[:, None], -eyes, atol=1e-5)
    azimuths = np.sort(np.arctan2(eyes[:, 1], eyes[:, 0]))
    gaps = np.degrees(np.diff(np.append(azimuths, azimuths[0] + 2 * np.pi)))
    assert gaps.min() > 4.9 and gaps.max() < 15.1  # 10 degrees, each end moved by at most a quarter


def test_orbit_depends_on_the_seed_alone():
    np.testing.assert_array_equal(orbit_cameras(6, 3), orbit_cameras(6, 3))
    assert not np.allclose(orbit_cameras(6, 3), orbit_cameras(6, 4))
    assert orbit_cameras(0, 0).shape == (0, 4, 4)


def test_turntable_keeps_elevation_and_distance():
    eyes = turntable_cameras(8, elevation_deg=30, distance=1.8)[:, :3, 3]
    np.testing.assert_allclose(np.linalg.norm(eyes, axis=1), 1.8, rtol=1e-6)
    np.testing.assert_allclose(eyes[:, 2], 0.9, rtol=1e-6)


def _far(c2w):
    far = c2w.copy()
    far[:, :3, 3] *= 1000
    return far


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.transpose(0, 2, 1), "transposed"),
        (lambda c: c @ FLIP, "the OpenCV convention"),
        (lambda c: np.linalg.inv(c), "look like world-to-camera"),
        (lambda c: np.linalg.inv(c @ FLIP), "OpenCV world-to-camera"),
        (lambda c: c * np.array([2.0, 2, 2, 1]), "scaled"),
        (lambda c: c * np.array([-1.0, 1, 1, 1]), "mirrored"),
        (lambda c: np.where(np.eye(4) > 0, np.nan, c), "NaN"),
        (lambda c: c + 0.3 * np.eye(4)[None], "last row"),
        (lambda c: c[:, :3], "shape"),
        (lambda c: _far(c), "under 2 %"),
    ],
)
def test_foreign_cameras_are_named(change, message):
    good = orbit_cameras(4, 0).astype(float)
    check_cameras(good)
    with pytest.raises(BadInput, match=message) as error:
        check_cameras(change(good), where="transforms_train.json")
    assert "transforms_train.json" in str(error.value) and "\n" not in str(error.value)
