"""Cameras around the box: where they stand, which way they look, and a check that names a foreign convention.

All cameras are OpenGL camera-to-world matrices (c2w): +X right, +Y up, looking along -Z, in a z-up world.
"""

from math import asin, cos, pi, radians, sin, sqrt, tan

import numpy as np
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.scenes.objects import AABB

CAMERA_ANGLE_X = 0.8575560450553894  # horizontal field of view in radians: f = 245 px at 224 px
ELEVATION_DEG = (0.0, 60.0)
DISTANCE = (1.6, 2.1)  # scene units; at 1.6 the whole sphere of radius 0.65 is still inside the frame
RIGID_TOLERANCE = 1e-3


def look_at(eye: np.ndarray | tuple[float, float, float], target: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Camera at `eye` that looks at `target` with the world's z axis upwards in the picture.

    Returns:
        c2w (4, 4) float64. Straight above or below the target, +Y of the world is up instead.
    """
    eye = np.asarray(eye, float)
    backward = eye - np.asarray(target, float)
    length = np.linalg.norm(backward)
    if not np.isfinite(length) or length == 0:
        raise BadInput(f"camera at {eye.tolist()} cannot look at {list(target)}", fix="move it away from there")
    backward /= length
    right = np.cross((0.0, 0.0, 1.0) if abs(backward[2]) < 1 - 1e-9 else (0.0, 1.0, 0.0), backward)
    right /= np.linalg.norm(right)
    c2w = np.eye(4)
    c2w[:3, 0], c2w[:3, 1], c2w[:3, 2], c2w[:3, 3] = right, np.cross(backward, right), backward, eye
    return c2w


def _on_sphere(azimuth: float, elevation: float, distance: float) -> np.ndarray:
    return distance * np.array([cos(elevation) * cos(azimuth), cos(elevation) * sin(azimuth), sin(elevation)])


def orbit_cameras(
    n_views: int,
    seed: int,
    elevation_deg: tuple[float, float] = ELEVATION_DEG,
    distance: tuple[float, float] = DISTANCE,
) -> Float[np.ndarray, "n 4 4"]:
    """Cameras on one full turn about the z axis, from above, all looking at the origin.

    Azimuths are evenly spaced from a random start, each moved by at most a quarter of the spacing;
    elevation (degrees) and distance (scene units) are uniform in their ranges.

    Returns:
        c2w (n, 4, 4) float32.
    """
    if n_views < 0:
        raise BadInput(f"{n_views} views asked for", fix="ask for zero or more")
    rng = np.random.default_rng(seed)
    jitter = rng.uniform(-0.25, 0.25, n_views)
    azimuths = rng.uniform(0, 2 * pi) + 2 * pi * (np.arange(n_views) + jitter) / max(n_views, 1)
    elevations = np.radians(rng.uniform(*elevation_deg, n_views))
    distances = rng.uniform(*distance, n_views)
    views = [look_at(_on_sphere(*where)) for where in zip(azimuths, elevations, distances, strict=True)]
    return np.array(views, np.float32).reshape(n_views, 4, 4)


def orbit_camera(azimuth_deg: float, elevation_deg: float, distance: float = 1.8) -> Float[np.ndarray, "4 4"]:
    """One camera that looks at the origin: c2w (4, 4) float32.

    Args:
        azimuth_deg: 0 stands in front of a procedural object (at -y), 90 at its +x side.
        elevation_deg: Above the horizon.
        distance: Scene units.
    """
    where = _on_sphere(radians(azimuth_deg - 90), radians(elevation_deg), distance)
    return look_at(where).astype(np.float32)


def front_camera() -> Float[np.ndarray, "4 4"]:
    """Three quarters from the front: where a field or an object is shown from when nothing else is said."""
    return orbit_camera(-15, 25)


def turntable_cameras(n_views: int, elevation_deg: float = 25.0, distance: float = 1.8) -> Float[np.ndarray, "n 4 4"]:
    """Evenly spaced cameras of one elevation (degrees) and distance (scene units), for turntables."""
    views = [orbit_camera(30 + 360 * index / n_views, elevation_deg, distance) for index in range(n_views)]
    return np.array(views, np.float32).reshape(n_views, 4, 4)


def check_cameras(
    c2w: np.ndarray,
    where: object = None,
    aabb: tuple[float, ...] = AABB,
    camera_angle_x: float = CAMERA_ANGLE_X,
) -> None:
    """Refuse matrices (n, 4, 4) that are not rigid, right-handed, OpenGL cameras which see the box.

    Raises:
        BadInput: Names the first bad matrix and, where one explains the fault, the likely convention.
    """
    c2w, box = np.asarray(c2w, float), np.asarray(aabb, float)
    if c2w.ndim != 3 or c2w.shape[1:] != (4, 4):
        raise BadInput(f"cameras have shape {c2w.shape}", where=where, fix="give (n, 4, 4) c2w matrices")
    for number, matrix in enumerate(c2w):
        fault = _fault(matrix, box, camera_angle_x)
        if fault:
            fix = _likely_convention(c2w, box, camera_angle_x) or "give rigid OpenGL c2w matrices"
            raise BadInput(f"camera {number} {fault}", where=where, fix=fix)


def _fault(matrix: np.ndarray, box: np.ndarray, camera_angle_x: float) -> str | None:
    """What is wrong with one c2w matrix, or None. Its cone should meet the box's sphere."""
    if not np.isfinite(matrix).all():
        return "has NaN or infinite entries"
    if not np.allclose(matrix[3], (0, 0, 0, 1), atol=RIGID_TOLERANCE):
        return f"has the last row {' '.join(f'{one:.3g}' for one in matrix[3])} instead of 0 0 0 1"
    rotation = matrix[:3, :3]
    if not np.allclose(rotation.T @ rotation, np.eye(3), atol=RIGID_TOLERANCE):
        return "is not rigid: its axes are not orthonormal"
    if np.linalg.det(rotation) < 0:
        return "is left-handed (mirrored)"
    to_box = (box[:3] + box[3:]) / 2 - matrix[:3, 3]
    radius, distance = np.linalg.norm(box[3:] - box[:3]) / 2, np.linalg.norm(to_box)
    if radius < 0.02 * distance * tan(camera_angle_x / 2):
        return f"stands {distance:.3g} units away: the box covers under 2 % of the picture"
    if distance > radius and _angles(matrix[None], box)[0] > sqrt(2) * camera_angle_x / 2 + asin(radius / distance):
        return "does not look at the box"
    return None


def _angles(c2w: np.ndarray, box: np.ndarray) -> np.ndarray:
    """(n,) angles between the cameras' axes and the direction to the box's centre, radians."""
    to_box = (box[:3] + box[3:]) / 2 - c2w[:, :3, 3]
    to_box /= np.maximum(np.linalg.norm(to_box, axis=1, keepdims=True), 1e-9)
    return np.arccos(np.clip(-(c2w[:, :3, 2] * to_box).sum(1), -1, 1))


def other_conventions(c2w: np.ndarray) -> dict[str, np.ndarray]:
    """The same finite matrices read in other conventions, by what one would have to do to them."""
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    axes = np.linalg.norm(c2w[:, :3, :3], axis=1, keepdims=True)
    unscaled = c2w.copy()
    unscaled[:, :3, :3] /= np.where(axes > 0, axes, 1)
    mirrored = c2w * np.array([-1.0, 1.0, 1.0, 1.0])
    invertible = bool((np.abs(np.linalg.det(c2w)) > 1e-9).all())
    inverse = np.linalg.inv(c2w) if invertible else c2w
    return {
        "they look transposed: transpose each matrix": c2w.transpose(0, 2, 1),
        "they look like the OpenCV convention (+Z forward): negate columns 1 and 2": c2w @ flip,
        "they look like world-to-camera matrices: invert each": inverse,
        "they look like OpenCV world-to-camera matrices: invert each, then negate columns 1 and 2": inverse @ flip,
        "their axes look scaled: divide columns 0 to 2 by their lengths": unscaled,
        "their x axis looks mirrored: negate column 0": mirrored,
    }


def _likely_convention(c2w: np.ndarray, box: np.ndarray, camera_angle_x: float) -> str | None:
    """The other convention under which every matrix is a good camera, the one that looks at the box best."""
    if not np.isfinite(c2w).all():
        return None
    fitting = {
        guess: _angles(matrices, box).mean()
        for guess, matrices in other_conventions(c2w).items()
        if not any(_fault(matrix, box, camera_angle_x) for matrix in matrices)
    }
    return min(fitting, key=fitting.__getitem__) if fitting else None
