"""The demos as widgets: they choose and show; what is shown is computed by the functions beside them."""

import time
from collections.abc import Iterator
from functools import lru_cache

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from n2v.embed.embeddings import Embeddings
from n2v.embed.model import Nerf2Vec
from n2v.nerf.nerf import Field
from n2v.publish.demos.controls import Errors, ObjectPicker, Refiner, picture_html
from n2v.publish.demos.interpolation import DecodedWay, between_weights
from n2v.publish.demos.progressive import Quality, View
from n2v.publish.demos.retrieval import Gallery, Neighbour, chance, neighbours
from n2v.tasks.interpolate import SPACES, WAYS
from n2v.zoo.store import Zoo

ROW = tuple(round(0.125 * i, 3) for i in range(9))  # gammas of the rows
_WIDE = widgets.Layout(width="32em")


class InterpolationDemo(widgets.VBox):
    """Two objects, a slider from one to the other, and a camera around all three; below them the whole way twice.

    The rows under the sliders show the way through embeddings and the way through raw weights, from the same side.
    """

    def __init__(
        self,
        model: Nerf2Vec,
        objects: Embeddings,
        zoo: Zoo,
        pair: tuple[int, int] | None = None,
        quality: Quality | None = None,
    ) -> None:
        self._model, self._objects, self._zoo, self._quality = model, objects, zoo, quality
        self._way_between = lru_cache(maxsize=8)(self._new_way)
        first, second = pair or (0, len(objects) - 1)
        everyone = list(range(len(objects)))
        self.first = ObjectPicker(objects, everyone, "from", first)
        self.second = ObjectPicker(objects, everyone, "to", second)
        self.way = widgets.ToggleButtons(options=list(WAYS), description="way")
        self.gamma = widgets.FloatSlider(0.5, min=0, max=1, step=0.02, description="γ", layout=_WIDE)
        self.azimuth = widgets.IntSlider(-15, min=-180, max=180, step=5, description="turn (°)", layout=_WIDE)
        self.elevation = widgets.IntSlider(25, min=-30, max=80, step=5, description="height (°)", layout=_WIDE)
        self.ends, self.picture = (widgets.HTML(), widgets.HTML()), widgets.HTML()
        self.strips = {space: widgets.HTML() for space in SPACES}
        self.status, self.errors = widgets.HTML(), Errors()
        self._refiner, self._rows = Refiner(self.errors), Refiner(self.errors)
        self._fields = lru_cache(maxsize=8)(self._new_fields)
        row = widgets.HBox([self.ends[0], self.picture, self.ends[1]], layout=widgets.Layout(align_items="center"))
        sliders = [self.way, self.gamma, self.azimuth, self.elevation]
        strips = self.strips.values()
        super().__init__([self.first, self.second, *sliders, row, self.status, *strips, self.errors])
        for part in (self.first, self.second):
            part.observe(lambda _: self._draw_all(), "index")
        self.gamma.observe(lambda _: self.draw(), "value")
        for control in (self.way, self.azimuth, self.elevation):
            control.observe(lambda _: self._draw_all(), "value")
        self._draw_all()

    def draw(self) -> None:
        """Show the object at the sliders: coarse at once, refined when nothing newer is wished."""
        with self.errors.shown():
            started = time.perf_counter()
            view = View(self.azimuth.value, self.elevation.value)
            gamma = round(self.gamma.value, 3)
            place = self._way_between(self.first.index, self.second.index, self.way.value).at(gamma)

            def show(picture) -> None:
                text = f"decoded at γ = {gamma:.2f}, turned by {view.azimuth_deg}°"
                self.picture.value = picture_html(picture.numpy(), text, 256, f"γ = {gamma:.2f}")
                spent = 1000 * (time.perf_counter() - started)
                self.status.value = f"{len(picture)} px, {spent:.0f} ms after the slider"

            self._refiner.start(place.progress(view), show)

    def _draw_all(self) -> None:
        """What lies between at once; then both ends and both rows, frame by frame, from the same side."""
        self.draw()
        with self.errors.shown():
            self._rows.start(self._rest(), lambda told: setattr(told[0], "value", told[1]))

    def _rest(self) -> Iterator[tuple[widgets.HTML, str]]:
        """Widgets and what they are to show."""
        pair, view = (self.first.index, self.second.index), View(self.azimuth.value, self.elevation.value)
        names = [self._objects.object_ids[i] for i in pair]
        for end, name in zip(self.ends, names, strict=True):
            picture = self._zoo[name].render(view.azimuth_deg, view.elevation_deg, 128)
            yield end, picture_html(picture, f"the NeRF of {name}", 160, name)
        way = self._way_between(*pair, self.way.value)
        fields = [lambda gamma=gamma: way.at(gamma).first_picture(view) for gamma in ROW]
        weights = [lambda i=i: self._fields(*pair)[i].image(view.c2w(), 64) for i in range(len(ROW))]
        for space, frames in zip(SPACES, (fields, weights), strict=True):
            shown = ""
            for gamma, frame in zip(ROW, frames, strict=True):
                shown += picture_html(frame().numpy(), f"{space}, γ = {gamma:g}", 96)
                yield self.strips[space], f'<p>through {space}</p><div style="display: flex">{shown}</div>'

    def _new_way(self, first: int, second: int, way: str) -> DecodedWay:
        values = self._objects.values
        return DecodedWay(self._model, values[first], values[second], way, self._quality)

    def _new_fields(self, *pair: int) -> list[Field]:
        """What lies between two objects' raw weights."""
        return between_weights(self._zoo, tuple(self._zoo.index_of(self._objects.object_ids[i]) for i in pair), ROW)


class RetrievalDemo(widgets.VBox):
    """An object and its nearest training objects by two kinds of features; a click makes a neighbour the query.

    Args:
        objects: Embeddings of a collection's NeRFs.
        zoo: The collection.
        features: More features of the same objects by name. Embeddings and raw weights are always there.
        real: Real objects, embedded by the same model, and their zoo: they may ask too, where no features are given.
    """

    def __init__(
        self,
        objects: Embeddings,
        zoo: Zoo,
        features: dict[str, Float[np.ndarray, "n d"]] | None = None,
        real: tuple[Embeddings, Zoo] | None = None,
    ) -> None:
        self._gallery = Gallery(objects, zoo, real if not features else None)
        everyone = self._gallery.everyone
        self._features = dict(features or {"embeddings": everyone.values})
        if "raw weights" not in self._features:
            self._features["raw weights"] = self._gallery.raw_weights(list(range(len(everyone))))
        self._thumbnail = lru_cache(maxsize=1024)(lambda i: self._gallery.nerf(i).render(size_px=64))
        asking = [*self._gallery.held_out, *self._gallery.real, *self._gallery.trained]
        self.query = ObjectPicker(everyone, [int(i) for i in asking], "query")
        names = list(self._features)
        self.spaces = [widgets.Dropdown(options=names, value=name, description=text) for name, text in
                       ((names[0], "above"), ("raw weights", "below"))]  # fmt: skip
        most = min(8, len(self._gallery.trained) - 1)
        self.k = widgets.IntSlider(min(6, most), min=1, max=most, description="k", layout=_WIDE)
        self.asked, self.errors = widgets.HTML(), Errors()
        self.rows = [(widgets.HTML(), widgets.HBox()) for _ in self.spaces]
        shown = [part for row in self.rows for part in row]
        super().__init__([self.query, widgets.HBox(self.spaces), self.k, self.asked, *shown, self.errors])
        self.query.observe(lambda _: self.draw(), "index")
        for control in (*self.spaces, self.k):
            control.observe(lambda _: self.draw(), "value")
        self.draw()

    def draw(self) -> None:
        """Show query and neighbours."""
        with self.errors.shown():
            query, everyone = self.query.index, self._gallery.everyone
            about = f"{everyone.object_ids[query]} ({everyone.splits[query]})"
            self.asked.value = _card(self._thumbnail(query), everyone.class_names[query], about, "query", "none")
            for space, (score, cards) in zip(self.spaces, self.rows, strict=True):
                values = self._features[space.value]
                found = neighbours(everyone, query, self._gallery.trained, self.k.value, values)
                by_chance = chance(everyone, query, self._gallery.trained) * len(found)
                n_right = sum(one.right for one in found)
                right = f"{n_right} of {len(found)} of the query's class; by chance {by_chance:.1f}"
                score.value = f"<p>by {space.value}: {right}</p>"
                cards.children = [self._neighbour(one, place) for place, one in enumerate(found, 1)]

    def _neighbour(self, one: Neighbour, place: int) -> widgets.VBox:
        """A card, and the button that makes it the query."""
        everyone = self._gallery.everyone
        sign, frame = ("✓", "solid #0072b2") if one.right else ("✗", "dashed #b34700")
        text, about = (
            f"{sign} {everyone.class_names[one.index]}",
            f"{everyone.object_ids[one.index]}, {one.distance:.2f}",
        )
        button = widgets.Button(description="who is near it?", layout=widgets.Layout(width="9em"))
        button.on_click(lambda _: self.query.choose(one.index))
        return widgets.VBox(
            [widgets.HTML(_card(self._thumbnail(one.index), text, about, f"neighbour {place}", frame)), button]
        )


def _card(picture: np.ndarray, title: str, about: str, text: str, frame: str) -> str:
    """A framed picture with two lines below it."""
    shown = picture_html(picture, f"{text}: {about}", 96, title)
    return f'<div style="width: 8em; padding: 4px; border: 2px {frame}; text-align: center">{shown}{about}</div>'
