"""View sets that no one wishes for: each has a clear outcome."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf.fit import fit
from n2v.nerf.occupancy import carve, check_silhouettes, explained_share
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import field_query, render_image
from n2v.scenes.cameras import look_at
from n2v.scenes.views import ViewSet

QUICK = FitConfig.laptop(n_steps=120, n_samples=1024)


def without_held_out(view_set: ViewSet, views: slice) -> ViewSet:
    none = slice(0, 0)
    return replace(
        view_set,
        images=view_set.images[views],
        c2w=view_set.c2w[views],
        held_out_images=view_set.held_out_images[none],
        held_out_c2w=view_set.held_out_c2w[none],
    )


def test_right_cameras_explain_every_silhouette(ball, block):
    for view_set in (ball, block):
        hull = carve(view_set)
        assert explained_share(view_set, hull) > 0.99
        check_silhouettes(view_set, hull)


def wrong_cameras(c2w: np.ndarray) -> dict[str, np.ndarray]:
    flip = np.diag([1.0, -1, -1, 1])
    return {"OpenCV": c2w @ flip, "world-to-camera": np.linalg.inv(c2w)}


def test_pictures_turned_over_are_named(block):
    upside_down = replace(block, images=block.images[:, ::-1].copy())
    with pytest.raises(BadInput, match=r"block: the cameras explain only \d+% .*upside down.*--force"):
        fit([upside_down], QUICK)
    assert fit([upside_down], QUICK, force=True)[0].status.startswith("failed")  # nothing sensible comes of it


def test_shuffled_cameras_are_refused_without_a_guess(block):
    shuffled = replace(block, c2w=np.roll(block.c2w, 3, axis=0))
    with pytest.raises(BadInput, match="check pictures, cameras"):
        check_silhouettes(shuffled, carve(shuffled))


@pytest.mark.parametrize("name", ["OpenCV", "world-to-camera"])
def test_other_conventions_are_named(block, name):
    wrong = replace(block, c2w=wrong_cameras(block.c2w.astype(float))[name].astype(np.float32))
    with pytest.raises(BadInput, match=name):
        check_silhouettes(wrong, carve(wrong))


def test_one_view_fits_that_view(ball):
    result = fit([without_held_out(ball, slice(0, 1))], QUICK)[0]
    assert result.status == "ok"  # its training view: nothing else is known of the object


def test_an_opaque_picture_fills_the_box(ball):
    full = np.full_like(ball.images, 255)
    full[..., :3] = (40, 90, 200)
    opaque = without_held_out(replace(ball, images=full), slice(None))
    assert explained_share(opaque, carve(opaque)) < 1  # some blue pixels look past the box
    result = fit([opaque], QUICK)[0]
    assert result.occupied.mean() > 0.5 and np.isfinite(result.field_weights).all()


def test_a_transparent_object_is_refused(ball):
    with pytest.raises(BadInput, match="no ray meets the object"):
        fit([replace(ball, images=np.zeros_like(ball.images))], QUICK)


def test_one_bad_view_set_is_named_among_good_ones(ball, block):
    with pytest.raises(BadInput, match="block"):
        fit([ball, replace(block, images=np.zeros_like(block.images))], QUICK)


def test_a_camera_inside_the_box_still_renders(ball):
    result = fit([ball], QUICK)[0]
    inside = look_at(np.array([0.5, 0.0, 0.1]))
    picture = render_image(field_query(torch.from_numpy(result.field_weights)), result.occupied, inside, 16, step=0.04)
    assert torch.isfinite(picture).all() and picture[8, 8, 3] > 0.5  # it looks at the ball from half a unit away


def test_views_from_inside_the_box_can_be_fitted(near_ball):
    assert (np.abs(near_ball.c2w[0, :3, 3]) < 0.7).all()
    assert fit([near_ball], QUICK)[0].status == "ok"


def test_an_empty_grid_shows_the_background(ball):
    weights = torch.from_numpy(fit([ball], replace(QUICK, n_steps=1), force=True)[0].field_weights)
    nothing = torch.zeros(48, 48, 48, dtype=torch.bool)
    picture = render_image(field_query(weights), nothing, ball.c2w[0], 8)
    assert torch.allclose(picture[..., :3], torch.tensor(1.0)) and not picture[..., 3].any()
