"""The ray inspector as a widget: two sliders choose a pixel; n2v.lessons.one_ray computes and draws."""

from functools import partial

import ipywidgets as widgets
import torch
from jaxtyping import Float
from matplotlib import pyplot as plt

from n2v.lessons.one_ray import busiest_pixel, look_along, ray_figure
from n2v.nerf.nerf import Field
from n2v.publish.demos.controls import Errors
from n2v.publish.record import figure_html, figure_png
from n2v.scenes.cameras import CAMERA_ANGLE_X


class RayInspector(widgets.VBox):
    """A NeRF's picture, one pixel of it, and the samples along that pixel's ray."""

    def __init__(
        self,
        field: Field,
        c2w: Float[torch.Tensor, "4 4"],
        size_px: int,
        step: float,
        camera_angle_x: float = CAMERA_ANGLE_X,
    ) -> None:
        camera = {"c2w": c2w, "size_px": size_px, "step": step, "camera_angle_x": camera_angle_x}
        self._picture = field.image(**camera).numpy()
        self._look = partial(look_along, field, **camera)
        row, column = busiest_pixel(field.occupied, **camera)
        chooser = partial(widgets.IntSlider, min=0, max=size_px - 1, continuous_update=False)
        self.row, self.column = chooser(row, description="row"), chooser(column, description="column")
        self.view, self.errors = widgets.HTML(), Errors()
        super().__init__([self.row, self.column, self.view, self.errors])
        for slider in (self.row, self.column):
            slider.observe(lambda _: self.draw(), "value")
        self.draw()

    def draw(self) -> None:
        """Show the ray of the pixel at the sliders."""
        with self.errors.shown():
            place = (self.row.value, self.column.value)
            ray = self._look(place=place)
            opacity = float(ray.weights.sum())
            text = f"Row {place[0]}, column {place[1]}: {len(ray.t_mids)} samples, opacity {opacity:.2f}."
            figure = ray_figure(ray, self._picture, place)
            self.view.value = figure_html(figure_png(figure, dpi=80), text, text)
            plt.close(figure)
