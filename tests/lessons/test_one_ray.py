"""The ray inspector: its pixel is the renderer's, its columns are the textbook's, a ray through air has no samples."""

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.lessons.one_ray import busiest_pixel, look_along, ray_figure
from n2v.nerf.render import field_query, render_image
from n2v.scenes.cameras import front_camera
from n2v.zoo.store import Zoo

SIZE = 32


@pytest.fixture(scope="module")
def nerf(pytestconfig):
    """A chair, a camera, a step and its picture."""
    field = Zoo(pytestconfig.rootpath / "data" / "mini_zoo")["chair-0000"]
    c2w, step = torch.from_numpy(front_camera()), field.step
    picture = render_image(field_query(field.field_weights), field.occupied, c2w, SIZE, step=step)
    return field, c2w, step, picture.numpy()


def test_the_pixel_is_the_renderers(nerf):
    field, c2w, step, picture = nerf
    busy = busiest_pixel(field.occupied, c2w, SIZE, step)
    for place in (busy, (SIZE // 2, SIZE // 2), (10, 12)):
        ray = look_along(field, c2w, SIZE, place, step)
        assert np.abs(ray.pixel - picture[place][:3]).max() < 1e-5
    assert np.abs(look_along(field, c2w, SIZE, busy[::-1], step).pixel - picture[busy][:3]).max() > 1e-2


def test_columns_are_the_formulas(nerf):
    field, c2w, step, _ = nerf
    ray = look_along(field, c2w, SIZE, busiest_pixel(field.occupied, c2w, SIZE, step), step)
    assert len(ray.t_mids) > 5 and (np.diff(ray.t_mids) > 0).all()
    light = 1.0
    for sigma, before, weight in zip(ray.sigmas, ray.transmittance, ray.weights, strict=True):
        alpha = 1 - np.exp(-np.float64(sigma) * step)
        assert abs(before - light) < 1e-6 and abs(weight - light * alpha) < 1e-6
        light *= 1 - alpha


def test_air_is_white_and_drawn(nerf):
    import matplotlib.pyplot as plt

    field, c2w, step, picture = nerf
    ray = look_along(field, c2w, SIZE, (0, 0), step)
    assert len(ray.t_mids) == 0 and ray.pixel.tolist() == [1, 1, 1]
    figure = ray_figure(ray, picture, (0, 0))
    assert {axis.get_ylabel().split("\n")[0] for axis in figure.axes} >= {"row (pixels)", "light left", "weight"}
    plt.close(figure)
    with pytest.raises(BadInput, match="rows and columns go from 0 to 31"):
        look_along(field, c2w, SIZE, (0, SIZE), step)


def test_sliders_choose_the_pixel(nerf, monkeypatch):
    from n2v.publish.demos import widgets

    field, c2w, step, _ = nerf
    widget = widgets.RayInspector(field, c2w, SIZE, step)
    assert (widget.row.value, widget.column.value) == busiest_pixel(field.occupied, c2w, SIZE, step)
    first = widget.view.value
    widget.row.value = 0
    assert (
        widget.view.value != first and "Row 0" in widget.view.value and "0 samples, opacity 0.00" in widget.view.value
    )
    monkeypatch.setattr(widgets, "ray_figure", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        widget.row.value = 5
    assert "ZeroDivisionError" in widget.errors.value
