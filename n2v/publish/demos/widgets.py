"""The demos as widgets: they choose and show; what is shown is computed beside them and in the rooms before."""

import traceback
from functools import lru_cache, partial
from html import escape

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float
from matplotlib import pyplot as plt

from n2v.embed.embeddings import Embeddings
from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.lessons.drawing.pictures import png_bytes
from n2v.lessons.one_ray import busiest_pixel, look_along, ray_figure
from n2v.nerf.nerf import Field
from n2v.publish.demos.gallery import Gallery, Neighbour
from n2v.publish.demos.pages import between_weights
from n2v.publish.html import figure_html
from n2v.publish.record import figure_png
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_camera
from n2v.tasks.interpolate import SPACES, WAYS
from n2v.zoo.store import Zoo

ROW = tuple(i / 8 for i in range(9))  # gammas of the rows
ROW_PX, ROW_STEP = 64, 0.04  # of their pictures: pixels a side, scene units a sample
_WIDE = widgets.Layout(width="32em")


class Demo(widgets.VBox):
    """Controls above what they show: `draw` runs at once and after every change.

    What goes wrong in it is shown and goes on upwards: a notebook would swallow it, a test that moves a slider fails.
    """

    def __init__(self, controls: list[widgets.Widget], shown: list[widgets.Widget]) -> None:
        self.errors = widgets.HTML()
        super().__init__([*controls, *shown, self.errors])
        for control in controls:
            control.observe(lambda change: self._changed(change["owner"]), "value")
        self._changed(None)

    def draw(self, moved: widgets.Widget | None) -> None:
        """Show what the controls say; `moved` is the one that changed, None at first."""
        raise NotImplementedError

    def _changed(self, moved: widgets.Widget | None) -> None:
        try:
            self.draw(moved)
        except Exception as error:
            what = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
            details = escape("".join(traceback.format_exception(error)))
            self.errors.value = (
                f'<div role="alert" style="border: 2px solid #b34700; padding: .5em"><b>This did not work.</b> '
                f"{escape(what)}<details><summary>details</summary><pre>{details}</pre></details></div>"
            )
            raise
        self.errors.value = ""


class RayInspector(Demo):
    """A NeRF's picture, one pixel of it, and the samples along that pixel's ray (n2v.lessons.one_ray)."""

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
        self.view = widgets.HTML()
        super().__init__([self.row, self.column], [self.view])

    def draw(self, moved: widgets.Widget | None) -> None:
        """Show the ray of the pixel at the sliders."""
        place = (self.row.value, self.column.value)
        ray = self._look(place=place)
        opacity = float(ray.weights.sum())
        text = f"Row {place[0]}, column {place[1]}: {len(ray.t_mids)} samples, opacity {opacity:.2f}."
        figure = ray_figure(ray, self._picture, place)
        self.view.value = figure_html(figure_png(figure, dpi=80), text, text)
        plt.close(figure)


class InterpolationDemo(Demo):
    """Two objects, a slider from one to the other, and a camera around all three; below them the whole way twice.

    The rows show the way through embeddings and the way through raw weights, from the same side.
    """

    def __init__(
        self, model: Nerf2Vec, objects: Embeddings, zoo: Zoo, pair: tuple[int, int] | None = None, size_px: int = 96
    ) -> None:
        self._model, self._objects, self._zoo, self._size_px = model, objects, zoo, size_px
        self._decoded = lru_cache(maxsize=64)(self._decode)
        self._between = lru_cache(maxsize=8)(partial(between_weights, zoo, gammas=ROW))
        names = [(name, i) for i, name in enumerate(objects.object_ids)]
        first, second = pair or (0, len(objects) - 1)
        self.first = widgets.Dropdown(options=names, value=first, description="from")
        self.second = widgets.Dropdown(options=names, value=second, description="to")
        self.way = widgets.ToggleButtons(options=list(WAYS), description="way")
        self.gamma = widgets.FloatSlider(0.5, min=0, max=1, step=0.02, description="γ", layout=_WIDE)
        turn = partial(widgets.IntSlider, step=5, continuous_update=False, layout=_WIDE)
        self.azimuth = turn(-15, min=-180, max=180, description="turn (°)")
        self.elevation = turn(25, min=-30, max=80, description="height (°)")
        self.ends, self.picture = (widgets.HTML(), widgets.HTML()), widgets.HTML()
        self.strips = {space: widgets.HTML() for space in SPACES}
        row = widgets.HBox([self.ends[0], self.picture, self.ends[1]], layout=widgets.Layout(align_items="center"))
        controls = [self.first, self.second, self.way, self.gamma, self.azimuth, self.elevation]
        super().__init__(controls, [row, *self.strips.values()])

    def draw(self, moved: widgets.Widget | None) -> None:
        """Show the object at the sliders; then, unless only gamma moved, both ends and both rows."""
        gamma, azimuth, elevation = round(self.gamma.value, 3), self.azimuth.value, self.elevation.value
        indices, way = (self.first.value, self.second.value), self.way.value
        picture = self._decoded(*indices, way, gamma).render(azimuth, elevation, self._size_px)
        text = f"decoded at γ = {gamma:.2f}, turned by {azimuth}°"
        self.picture.value = picture_html(picture, text, 256, f"γ = {gamma:.2f}")
        if moved is self.gamma:
            return
        names = [self._objects.object_ids[i] for i in indices]
        for end, name in zip(self.ends, names, strict=True):
            picture = self._zoo[name].render(azimuth, elevation)
            end.value = picture_html(picture, f"the NeRF of {name}", 160, name)
        between = self._between(tuple(self._zoo.index_of(name) for name in names))
        c2w, decoded = orbit_camera(azimuth, elevation), [self._decoded(*indices, way, one) for one in ROW]
        for space, fields in zip(SPACES, (decoded, between), strict=True):
            shown = [
                picture_html(field.image(c2w, ROW_PX, ROW_STEP).numpy(), f"{space}, γ = {one:g}", 96)
                for field, one in zip(fields, ROW, strict=True)
            ]
            self.strips[space].value = f'<p>through {space}</p><div style="display: flex">{"".join(shown)}</div>'

    def _decode(self, first: int, second: int, way: str, gamma: float) -> Field:
        values = self._objects.values
        return self._model.decode(WAYS[way](values[first], values[second], (gamma,))[0])


class RetrievalDemo(Demo):
    """An object and its nearest training objects by embedding and by raw weights; a click makes one of them the query.

    Args:
        objects: Embeddings of a collection's NeRFs.
        zoo: The collection.
        real: Real objects that may ask too, embedded by the same model, and their zoo.
    """

    def __init__(self, objects: Embeddings, zoo: Zoo, real: tuple[Embeddings, Zoo] | None = None) -> None:
        self._gallery = Gallery(objects, zoo, real)
        self._thumbnail = lru_cache(maxsize=1024)(lambda i: self._gallery.nerf(i).render(size_px=64))
        parts = (self._gallery.held_out, self._gallery.real, self._gallery.trained)
        asking = [(f"{self._gallery.ids[i]} ({self._gallery.splits[i]})", int(i)) for part in parts for i in part]
        self.query = widgets.Dropdown(options=asking, description="query")
        most = min(8, len(self._gallery.trained) - 1)
        self.k = widgets.IntSlider(min(6, most), min=1, max=most, description="k", layout=_WIDE)
        self.asked = widgets.HTML()
        self.rows = {space: (widgets.HTML(), widgets.HBox()) for space in self._gallery.features}
        super().__init__([self.query, self.k], [self.asked, *(part for row in self.rows.values() for part in row)])

    def draw(self, moved: widgets.Widget | None) -> None:
        """Show query and neighbours."""
        query, gallery = self.query.value, self._gallery
        about = f"{gallery.ids[query]} ({gallery.splits[query]})"
        self.asked.value = _card(self._thumbnail(query), gallery.class_names[query], about, "query", "none")
        for space, (score, cards) in self.rows.items():
            found = gallery.neighbours(query, self.k.value, space)
            n_right, by_chance = sum(one.right for one in found), gallery.chance(query) * len(found)
            score.value = (
                f"<p>by {space}: {n_right} of {len(found)} of the query's class; by chance {by_chance:.1f}</p>"
            )
            cards.children = [self._neighbour(one, place) for place, one in enumerate(found, 1)]

    def _neighbour(self, one: Neighbour, place: int) -> widgets.VBox:
        """A card, and the button that makes it the query."""
        sign, frame = ("✓", "solid #0072b2") if one.right else ("✗", "dashed #b34700")
        title, about = self._gallery.class_names[one.index], f"{self._gallery.ids[one.index]}, {one.distance:.2f}"
        card = _card(self._thumbnail(one.index), f"{sign} {title}", about, f"neighbour {place}", frame)
        button = widgets.Button(description="who is near it?", layout=widgets.Layout(width="9em"))
        button.on_click(lambda _: self.query.set_trait("value", one.index))
        return widgets.VBox([widgets.HTML(card), button])


def picture_html(picture: np.ndarray, text: str, width_px: int, caption: str = "") -> str:
    """A picture with a text for those who cannot see it, and a caption."""
    return figure_html(png_bytes(picture), caption, text, width_px)


def _card(picture: np.ndarray, title: str, about: str, text: str, frame: str) -> str:
    """A framed picture with two lines below it."""
    shown = picture_html(picture, f"{text}: {about}", 96, title)
    return f'<div style="width: 8em; padding: 4px; border: 2px {frame}; text-align: center">{shown}{about}</div>'
