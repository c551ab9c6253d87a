"""What the widgets share: a place for errors, a chooser of objects, pictures, and work that a newer wish ends."""

import asyncio
import html
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import traitlets

from n2v.embed.embeddings import Embeddings
from n2v.errors import BadInput
from n2v.lessons.drawing.pictures import png_bytes
from n2v.publish.record import figure_html


class Errors(widgets.HTML):
    """Shows what went wrong in a callback, which a notebook would otherwise swallow, and lets it go on upwards.

    So a reader sees it, and a test that moves a slider fails.
    """

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Run a callback; clears an earlier error when it ends well."""
        try:
            yield
        except Exception as error:
            what = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
            details = html.escape("".join(traceback.format_exception(error)))
            self.value = (
                f'<div role="alert" style="border: 2px solid #b34700; padding: .5em"><b>This did not work.</b> '
                f"{html.escape(what)}<details><summary>details</summary><pre>{details}</pre></details></div>"
            )
            raise
        self.value = ""


class Refiner:
    """Shows a first picture at once and the rest between the kernel's other work; a newer start ends an older one.

    Without a running event loop (a plain call, a test) everything is done before `start` returns.
    """

    def __init__(self, errors: Errors) -> None:
        self._errors, self._task = errors, None

    def start(self, steps: Iterator, show: Callable[[object], None]) -> None:
        """`steps` yields pictures, and None where it may be ended."""
        if self._task is not None:
            self._task.cancel()
        show(next(steps))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            for picture in steps:
                if picture is not None:
                    show(picture)
        else:
            self._task = loop.create_task(self._rest(steps, show))

    async def _rest(self, steps: Iterator, show: Callable[[object], None]) -> None:
        with self._errors.shown():
            for picture in steps:
                if picture is not None:
                    show(picture)
                await asyncio.sleep(0.001)  # a newer message is served here


class ObjectPicker(widgets.HBox):
    """A class, then an object of it; `index` is its position among `objects`."""

    index = traitlets.Int()

    def __init__(self, objects: Embeddings, allowed: list[int], title: str, start: int | None = None) -> None:
        self._objects, self._allowed = objects, allowed
        if not self._allowed:
            raise BadInput(f"no object to choose for '{title}'", fix="use a zoo with such a split")
        first = self._allowed[0] if start is None else start
        names = sorted({objects.class_names[i] for i in self._allowed})
        wide = widgets.Layout(width="15em")
        self.kind = widgets.Dropdown(options=names, value=objects.class_names[first], description=title, layout=wide)
        self.object = widgets.Dropdown(options=self._members(), value=first, layout=wide, description="object")
        super().__init__([self.kind, self.object], index=first)
        self.kind.observe(self._choose_class, "value")
        self.object.observe(lambda change: self.set_trait("index", change["new"]), "value")

    def choose(self, index: int) -> None:
        """Move both lists to an object."""
        self.kind.value = self._objects.class_names[index]
        self.object.value = index

    def _members(self) -> list[tuple[str, int]]:
        ids, kinds = self._objects.object_ids, self._objects.class_names
        return [(ids[i], i) for i in self._allowed if kinds[i] == self.kind.value]

    def _choose_class(self, _change: dict) -> None:
        self.object.options = self._members()  # selects the first


def picture_html(picture: np.ndarray, text: str, width_px: int, caption: str = "") -> str:
    """A picture with a text for those who cannot see it, and a caption."""
    return figure_html(png_bytes(picture), caption, text, width_px)


def show_page(path: Path, height_px: int = 700):
    """A page of a demo inside a notebook."""
    from IPython.display import HTML

    content = html.escape(Path(path).read_text(), quote=True)
    style = f"width: 100%; height: {height_px}px; border: 0"
    return HTML(
        f'<div><iframe srcdoc="{content}" style="{style}" title="{html.escape(Path(path).stem)}"></iframe></div>'
    )
