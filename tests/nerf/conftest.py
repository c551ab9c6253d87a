"""Two simple solids and their pictures."""

import numpy as np
import pytest
import trimesh
from stand_ins import stand_ins  # noqa: F401

from n2v.scenes.cameras import look_at, orbit_cameras
from n2v.scenes.objects import Part, SceneObject
from n2v.scenes.raycast import render_rgba
from n2v.scenes.views import ViewSet


def solid(mesh, object_id, colour) -> SceneObject:
    corner_rgba = np.broadcast_to(np.float32([*colour, 1]), (len(mesh.faces), 3, 4))
    part = Part("all", np.asarray(mesh.vertices), np.asarray(mesh.faces), corner_rgba)
    return SceneObject(object_id, "lamp", (part,)).placed()


def view_set(placed: SceneObject, c2w=None, size_px=32) -> ViewSet:
    c2w, held_out = orbit_cameras(12, seed=1) if c2w is None else c2w, orbit_cameras(3, seed=2)
    return ViewSet(
        placed.object_id,
        "lamp",
        render_rgba(placed, c2w, size_px),
        c2w,
        held_out_images=render_rgba(placed, held_out, size_px),
        held_out_c2w=held_out,
    )


@pytest.fixture(scope="session")
def ball():
    return view_set(solid(trimesh.creation.icosphere(3), "ball", (0.8, 0.2, 0.1)))


@pytest.fixture(scope="session")
def near_ball():
    """The first camera stands inside the box."""
    c2w = orbit_cameras(12, seed=1)
    c2w[0] = look_at(np.array([0.6, 0.1, 0.3]))
    return view_set(solid(trimesh.creation.icosphere(3), "near ball", (0.8, 0.2, 0.1)), c2w)


@pytest.fixture(scope="session")
def block():
    return view_set(solid(trimesh.creation.box((1, 2, 0.5)), "block", (0.1, 0.3, 0.8)))
