"""Pictures against closed forms: silhouettes, pixel places, shading, textures, alpha."""

import builtins

import numpy as np
import pytest
import trimesh

from n2v.errors import BadInput
from n2v.scenes.cameras import CAMERA_ANGLE_X, look_at, orbit_cameras
from n2v.scenes.objects import Part, SceneObject
from n2v.scenes.raycast import (
    linear_to_srgb,
    pixel_rays,
    render_rgba,
    sample_texture,
    shade,
    srgb_to_linear,
)


def part_of(mesh, rgba=(1, 1, 1, 1), **more):
    corner_rgba = np.broadcast_to(np.float32(rgba), (len(mesh.faces), 3, 4))
    return Part("part", np.array(mesh.vertices), np.array(mesh.faces), corner_rgba, **more)


def object_of(*parts):
    return SceneObject("test", "table", parts)


def quad(size=1.0, z=0.0, rgba=(1, 1, 1, 1), **more):
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float) * size / 2 + (0, 0, z)
    return part_of(trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False), rgba, **more)


def from_above(distance=2.0):
    return look_at((0, 0, distance))[None]


def test_srgb_check_values():
    np.testing.assert_allclose(linear_to_srgb(np.array([0.0, 0.2158605, 0.5, 1])), [0, 0.50196, 0.735357, 1], atol=2e-5)
    values = np.linspace(0, 1, 256)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=1e-6)


def test_rays_are_the_closed_form():
    c2w = orbit_cameras(3, 0)
    origins, directions = pixel_rays(c2w, 10)
    focal = 5 / np.tan(CAMERA_ANGLE_X / 2)
    row, column = 2, 7
    local = np.array([(column + 0.5 - 5) / focal, -(row + 0.5 - 5) / focal, -1])
    expected = c2w[1, :3, :3] @ (local / np.linalg.norm(local))
    np.testing.assert_allclose(directions[1, row, column], expected, atol=1e-6)
    np.testing.assert_array_equal(origins[1, row, column], c2w[1, :3, 3])
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-6)


def test_published_focal_length():
    assert 112 / np.tan(CAMERA_ANGLE_X / 2) == pytest.approx(245, abs=0.01)


def test_sphere_silhouette_and_coverage():
    """A sphere of radius r at distance d covers the cone sin(a) = r/d: for a centred one a disc of f tan(a) px.

    Tolerance: facets of the icosphere and 16 rays a pixel, 0.3 % of the area.
    """
    radius, distance, size_px = 0.65, 1.9, 128
    sphere = object_of(part_of(trimesh.creation.icosphere(5, radius)))
    alpha = (
        render_rgba(sphere, orbit_cameras(1, 0, distance=(distance, distance)), size_px, supersample=4)[0, ..., 3] / 255
    )
    focal = size_px / 2 / np.tan(CAMERA_ANGLE_X / 2)
    disc_px = focal * np.tan(np.arcsin(radius / distance))
    assert alpha.sum() == pytest.approx(np.pi * disc_px**2, rel=3e-3)
    x, y = np.meshgrid(*[np.arange(size_px) + 0.5 - size_px / 2] * 2)
    r = np.hypot(x, y)
    assert (alpha[r < disc_px - 1.5] == 1).all() and (alpha[r > disc_px + 1.5] == 0).all()


@pytest.mark.parametrize("supersample", [1, 2])
def test_a_pixel_sized_quad_lands_in_its_pixel(supersample):
    """Seen from above with +Y up and +X right, the quad behind pixel (row, column) covers that pixel alone."""
    size_px, row, column = 16, 3, 12
    focal = size_px / 2 / np.tan(CAMERA_ANGLE_X / 2)
    pixel = 2.0 / focal
    part = quad(pixel * 0.98)
    centre = np.array([(column + 0.5 - 8) * pixel, -(row + 0.5 - 8) * pixel, 0])
    moved = Part("p", part.vertices + centre, part.faces, part.corner_rgba)
    alpha = render_rgba(object_of(moved), from_above(), size_px, supersample=supersample)[0, ..., 3]
    assert alpha[row, column] == 255 and (alpha > 0).sum() == 1


def test_edge_alpha_is_coverage_and_colour_is_straight():
    size_px = 16
    pixel = 2.0 / (size_px / 2 / np.tan(CAMERA_ANGLE_X / 2))
    part = quad(8 * pixel, rgba=(0.8, 0.4, 0.2, 1))
    shifted = Part("p", part.vertices + np.array([0.5 * pixel, 0, 0]), part.faces, part.corner_rgba)
    picture = render_rgba(object_of(shifted), from_above(), size_px, supersample=4)[0]
    np.testing.assert_array_equal(picture[8, 3:13, 3], [0, 128, *[255] * 7, 128])
    np.testing.assert_array_equal(picture[8, 4, :3], picture[8, 8, :3])
    assert not picture[0, 0].any()


@pytest.mark.parametrize(("above", "sign"), [(True, 1), (False, -1)])
def test_shading_is_the_formula_on_both_sides(above, sign):
    colour = np.array([0.8, 0.4, 0.2])
    camera = from_above() if above else look_at((0, 0, -2))[None]
    picture = render_rgba(object_of(quad(rgba=(*colour, 1))), camera, 16)[0]
    light = shade(np.array([[0.0, 0.0, sign]]))[0]
    expected = 255 * linear_to_srgb(srgb_to_linear(colour) * light)
    np.testing.assert_allclose(picture[8, 8, :3], expected, atol=0.51)


def test_shading_never_passes_white():
    normals = np.random.default_rng(0).normal(size=(10_000, 3))
    light = shade(normals / np.linalg.norm(normals, axis=1, keepdims=True))
    assert light.min() >= 0.3 and light.max() <= 1


def test_texture_is_upright_repeats_and_blends():
    texture = np.zeros((2, 2, 4), np.float32)
    texture[0, 0], texture[0, 1], texture[1, 0], texture[1, 1] = 1, 2, 3, 4
    centres = np.array([[0.25, 0.75], [0.75, 0.75], [0.25, 0.25], [0.75, 0.25]])
    np.testing.assert_allclose(sample_texture(texture, centres)[:, 0], [1, 2, 3, 4])
    np.testing.assert_allclose(sample_texture(texture, centres + np.array([3, -2]))[:, 0], [1, 2, 3, 4], atol=1e-6)
    np.testing.assert_allclose(sample_texture(texture, np.array([[0.5, 0.5], [0.0, 0.75]]))[:, 0], [2.5, 1.5])


def test_clear_texels_let_the_ray_pass():
    """A sheet whose left half is clear, above a red floor: left shows the floor, right the sheet."""
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[:, :32, 3] = 0
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    uv = corners[[[0, 1, 2], [0, 2, 3]]]
    sheet = quad(0.6, z=0.1, texture=texture, corner_uv=uv)
    floor = quad(1.0, rgba=(1, 0, 0, 1))
    picture = render_rgba(object_of(sheet, floor), from_above(), 32)[0]
    assert picture[16, 12, 0] > 200 and picture[16, 12, 1] == 0
    assert picture[16, 19, 1] > 200
    alone = render_rgba(object_of(sheet), from_above(), 32)[0]
    assert alone[16, 12, 3] == 0 and alone[16, 19, 3] == 255


def test_nearest_surface_wins():
    near, far = quad(0.4, z=0.2, rgba=(0, 1, 0, 1)), quad(1.0, rgba=(1, 0, 0, 1))
    picture = render_rgba(object_of(far, near), from_above(), 16)[0]
    assert picture[8, 8, 1] > 200 and picture[8, 8, 0] == 0 and picture[8, 4, 0] > 200


def test_many_views_in_chunks_equal_single_views(monkeypatch):
    box = object_of(part_of(trimesh.creation.box((0.5, 0.7, 0.3)), (0.2, 0.5, 0.7, 1)))
    c2w = orbit_cameras(5, 1)
    together = render_rgba(box, c2w, 24)
    monkeypatch.setattr("n2v.scenes.raycast.RAYS_AT_ONCE", 5000)
    np.testing.assert_array_equal(together, render_rgba(box, c2w, 24))
    np.testing.assert_array_equal(together[3], render_rgba(box, c2w[3:4], 24)[0])


def test_bad_calls_are_refused(monkeypatch):
    with pytest.raises(BadInput, match="size 0"):
        render_rgba(object_of(quad()), from_above(), 0)
    flat = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], process=False)
    with pytest.raises(BadInput, match="no triangle with area"):
        render_rgba(object_of(part_of(flat)), from_above(), 16)
    real_import = builtins.__import__

    def without_embree(name, *args, **kwargs):
        if name.startswith("embreex"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_embree)
    with pytest.raises(BadInput, match="pip install embreex"):
        render_rgba(object_of(quad()), from_above(), 16)
