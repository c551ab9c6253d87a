"""The demos as widgets: they choose and show; what is shown is computed by the functions beside them."""

import time
from functools import lru_cache

import ipywidgets as widgets
import numpy as np
from jaxtyping import Float

from n2v.embed.embeddings import Embeddings
from n2v.embed.model import Nerf2Vec
from n2v.publish.demos.controls import Errors, ObjectPicker, Refiner, picture_html
from n2v.publish.demos.interpolation import DecodedWay
from n2v.publish.demos.progressive import Quality, View
from n2v.publish.demos.retrieval import chance, held_out, neighbours
from n2v.tasks.interpolate import WAYS
from n2v.zoo.store import Zoo

_WIDE = widgets.Layout(width="32em")


class InterpolationDemo(widgets.VBox):
    """Two objects, a slider from one to the other, and a camera around what lies between."""

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
        self.status, self.errors = widgets.HTML(), Errors()
        self._refiner = Refiner(self.errors)
        row = widgets.HBox([self.ends[0], self.picture, self.ends[1]], layout=widgets.Layout(align_items="center"))
        sliders = [self.way, self.gamma, self.azimuth, self.elevation]
        super().__init__([self.first, self.second, *sliders, row, self.status, self.errors])
        for picker in (self.first, self.second):
            picker.observe(lambda _: self._draw_all(), "index")
        for control in sliders:
            control.observe(lambda _: self.draw(), "value")
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
        """The NeRFs at both ends, then what lies between."""
        with self.errors.shown():
            for end, picker in zip(self.ends, (self.first, self.second), strict=True):
                name = self._objects.object_ids[picker.index]
                end.value = picture_html(self._zoo[name].render(size_px=96), f"the NeRF of {name}", 128, name)
        self.draw()

    def _new_way(self, first: int, second: int, way: str) -> DecodedWay:
        values = self._objects.values
        return DecodedWay(self._model, values[first], values[second], way, self._quality)


class RetrievalDemo(widgets.VBox):
    """A held-out object and its nearest training objects, by any features."""

    def __init__(
        self, objects: Embeddings, zoo: Zoo, features: dict[str, Float[np.ndarray, "n d"]] | None = None
    ) -> None:
        self._objects, self._zoo = objects, zoo
        self._features = features or {"embeddings": objects.values}
        self._gallery = objects.of_split("train")
        self._thumbnail = lru_cache(maxsize=1024)(lambda i: zoo[objects.object_ids[i]].render(size_px=64))
        self.query = ObjectPicker(objects, held_out(objects).tolist(), "query")
        self.features = widgets.Dropdown(options=list(self._features), description="compare")
        most = min(10, len(self._gallery))
        self.k = widgets.IntSlider(min(5, most), min=1, max=most, description="k", layout=_WIDE)
        self.cards, self.errors = widgets.HTML(), Errors()
        super().__init__([self.query, self.features, self.k, self.cards, self.errors])
        self.query.observe(lambda _: self.draw(), "index")
        for control in (self.features, self.k):
            control.observe(lambda _: self.draw(), "value")
        self.draw()

    def draw(self) -> None:
        """Show query and neighbours."""
        with self.errors.shown():
            query, values = self.query.index, self._features[self.features.value]
            found = neighbours(self._objects, query, self._gallery, self.k.value, values)
            names, ids = self._objects.class_names, self._objects.object_ids
            cards = [_card(self._thumbnail(query), "query", names[query], ids[query], "none")]
            for place, one in enumerate(found, 1):
                sign, frame = ("✓", "solid #0072b2") if one.right else ("✗", "dashed #b34700")
                text = f"{sign} {names[one.index]}"
                about = f"{place}. {ids[one.index]}, {one.distance:.2f}"
                cards.append(_card(self._thumbnail(one.index), text, about, f"neighbour {place}", frame))
            n_right, floor = sum(one.right for one in found), chance(self._objects, query, self._gallery)
            score = f"{n_right} of {len(found)} of the query's class; by chance {floor * len(found):.1f}"
            row = f'<div style="display: flex; flex-wrap: wrap; gap: 8px">{"".join(cards)}</div>'
            self.cards.value = (
                f"{row}<p>{score}; ✓ and a full frame: the query's class, ✗ and a dashed one: another.</p>"
            )


def _card(picture: np.ndarray, title: str, about: str, text: str, frame: str) -> str:
    """A framed picture with two lines below it."""
    shown = picture_html(picture, f"{text}: {about}", 96, title)
    return f'<div style="width: 8em; padding: 4px; border: 2px {frame}; text-align: center">{shown}{about}</div>'
