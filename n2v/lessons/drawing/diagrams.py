"""Networks as graphs, drawn from one description that also runs, so that a test can hold it to the module."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from n2v.embed.encoder import weight_matrix
from n2v.nerf.encoding import encode
from n2v.nerf.field import activate, to_unit_box
from n2v.nerf.layout import N_FEATURES, SHAPES

LAYER_COLOUR, NORM_COLOUR, DATA_COLOUR = "#9ecae9", "#ffe0a3", "#d9d9d9"


@dataclass(frozen=True)
class Part:
    """A box: what it does with the values of the parts that lead into it. Without `does` it is given from outside."""

    place: tuple[float, float]
    text: str
    inputs: tuple[str, ...] = ()
    does: Callable | None = None  # (module, *values) to the part's value
    colour: str = LAYER_COLOUR


Graph = dict[str, Part]


def values_of(graph: Graph, module: nn.Module, given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What every part of a graph gives."""
    found = dict(given)
    for name, part in graph.items():
        if part.does:
            found[name] = part.does(module, *(found[one] for one in part.inputs))
    return found


def draw_graph(graph: Graph, values: dict | None = None, parts: tuple[str, ...] = (), title: str = ""):
    """Boxes and arrows of the named parts (all without names); below each text the shape of its value, one NeRF's."""
    import matplotlib.pyplot as plt

    shown = {name: part for name, part in graph.items() if not parts or name in parts}
    columns, rows = zip(*(part.place for part in shown.values()), strict=True)
    wide, high = max(columns) - min(columns) + 1, max(rows) - min(rows) + 1
    figure, axis = plt.subplots(figsize=(1.38 * wide, 0.95 * high + 0.3))
    boxes = {}
    for name, part in shown.items():
        (x, y), text = part.place, part.text
        if values:
            text += "\n" + (" x ".join(map(str, values[name].shape[1:])) or "1")
        boxes[name] = plt.Rectangle((x - 0.41, y - 0.33), 0.82, 0.66, facecolor=part.colour, edgecolor="black", lw=0.8)
        axis.add_patch(boxes[name])
        axis.text(x, y, text, ha="center", va="center", fontsize=7.5)
    for name, part in shown.items():
        for one in (one for one in part.inputs if one in shown):
            (x0, y0), (x1, y1), bend = shown[one].place, part.place, "arc3"
            if abs(x1 - x0) > 1 and abs(y1 - y0) >= 1:  # around what lies between
                bend = "angle,angleA=-90,angleB=180" if y0 > y1 else "angle,angleA=0,angleB=90"
            arrow = {"arrowstyle": "->", "patchA": boxes[one], "patchB": boxes[name], "connectionstyle": bend}
            axis.annotate("", (x1, y1), (x0, y0), arrowprops=arrow)
    axis.set(xlim=(min(columns) - 0.5, max(columns) + 0.5), ylim=(min(rows) - 0.5, max(rows) + 0.5))
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)
    return figure


def flow(boxes: list[tuple[str, str]], title: str = "", a_row: int = 7):
    """Boxes (text, colour) one after the other, to and fro in rows."""
    graph = {}
    for i, (text, colour) in enumerate(boxes):
        row, x = divmod(i, a_row)
        place = (x if row % 2 == 0 else a_row - 1 - x, -row)
        graph[str(i)] = Part(place, text, (str(i - 1),) if i else (), colour=colour)
    return draw_graph(graph, title=title)


def layer_boxes(module: nn.Module) -> list[tuple[str, str]]:
    """(text, colour) of a module's linear, norm, activation and dropout layers, in order."""
    boxes = []
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            boxes.append((f"linear\n{layer.in_features} → {layer.out_features}", LAYER_COLOUR))
        elif isinstance(layer, nn.BatchNorm1d | nn.LayerNorm | nn.ReLU | nn.GELU | nn.LeakyReLU | nn.Dropout):
            boxes.append((type(layer).__name__.replace("1d", ""), NORM_COLOUR))
    return boxes


def field_boxes() -> list[tuple[str, str]]:
    """The same of the stored network, position to density and colour (tests: against the module's layers)."""
    boxes = [("position\nx, y, z", DATA_COLOUR), (f"24 octaves\n3 → {N_FEATURES}", LAYER_COLOUR)]
    for rows, columns in SHAPES:
        boxes += [(f"linear\n{columns} → {rows}", LAYER_COLOUR), ("ReLU", NORM_COLOUR)]
    return [*boxes[:-1], ("4 of 16 used:\nσ = exp(x − 1)\nrgb = sigmoid", DATA_COLOUR)]


FRAMEWORK: Graph = {  # how nerf2vec is trained (thesis Fig 1.1)
    "weights": Part((0, 0), "NeRF weights\n18,432", colour=DATA_COLOUR),
    "encoder": Part((1, 0), "encoder", ("weights",)),
    "embedding": Part((2, 0), "embedding", ("encoder",), colour=DATA_COLOUR),
    "positions": Part((2, -1), "positions", colour=DATA_COLOUR),
    "decoder": Part((3, 0), "decoder", ("embedding", "positions")),
    "answer": Part((4, 0), "density,\ncolour", ("decoder",), colour=DATA_COLOUR),
    "nerf": Part((3, -2), "the NeRF itself\n(frozen)", ("weights", "positions"), colour=DATA_COLOUR),
    "target": Part((4, -2), "target: what\nit shows there", ("nerf",), colour=DATA_COLOUR),
    "loss": Part((5, -1), "loss", ("answer", "target"), colour=NORM_COLOUR),
}


def _each_row(layers: nn.Module, rows: torch.Tensor) -> torch.Tensor:
    return layers(rows.flatten(0, 1)).view(*rows.shape[:2], -1)


def encoder_graph(n_blocks: int = 4) -> Graph:
    """The thesis's encoder (Fig 3.4; module: RowEncoder); given: weights (b, 18432)."""
    graph = {
        "weights": Part((0, 0), "NeRF\nweights", colour=DATA_COLOUR),
        "rows": Part((1, 0), "cut into\nrows", ("weights",), lambda _, w: weight_matrix(w), DATA_COLOUR),
    }
    before = "rows"
    for i in range(n_blocks):
        name = f"block {i}"
        does = lambda module, rows, i=i: _each_row(module.layers[3 * i : 3 * i + 3], rows)  # noqa: E731
        graph[name] = Part((i + 2, 0), "linear,\nbatch norm,\nReLU", (before,), does)
        before = name
    last = Part((n_blocks + 2, 0), "linear", (before,), lambda m, rows: _each_row(m.layers[-1:], rows))
    most = Part((n_blocks + 3, 0), "maximum\nover rows", ("last",), lambda _, rows: rows.amax(1), NORM_COLOUR)
    return {**graph, "last": last, "embedding": most}


def _beside(_, embedding: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    repeated = embedding[:, None].expand(-1, frequencies.shape[1], -1)
    return torch.cat([repeated, frequencies], -1)


INPUT = ("embedding", "position", "frequencies", "beside")  # what Fig 3.6 shows of DECODER
DECODER: Graph = {  # the thesis's (Fig 3.6, 3.7; module: MlpDecoder); given: embedding (b, e), position (b, n, 3)
    "embedding": Part((-2, 0.5), "embedding", colour=DATA_COLOUR),
    "position": Part((-3, -0.5), "position", colour=DATA_COLOUR),
    "frequencies": Part(
        (-2, -0.5), "sines and\ncosines", ("position",),
        lambda module, p: encode(to_unit_box(p), module.encoding, module.n_octaves),
    ),
    "beside": Part((0, 0), "side by\nside", ("embedding", "frequencies"), _beside, DATA_COLOUR),
    "first": Part((1, 0), "linear,\nReLU", ("beside",), lambda module, x: module.first(x).relu()),
    "before 0": Part((2, 0), "linear,\nReLU", ("first",), lambda module, x: module.before[0](x).relu()),
    "before 1": Part((3, 0), "linear,\nReLU", ("before 0",), lambda module, x: module.before[1](x).relu()),
    "skip": Part((2, -1), "skip: linear,\nReLU", ("beside",), lambda module, x: module.skip(x).relu()),
    "sum": Part((4, 0), "+", ("before 1", "skip"), lambda _, x, skip: x + skip, NORM_COLOUR),
    "after 0": Part((5, 0), "linear,\nReLU", ("sum",), lambda module, x: module.after[0](x).relu()),
    "after 1": Part((6, 0), "linear,\nReLU", ("after 0",), lambda module, x: module.after[1](x).relu()),
    "last": Part((7, 0), "linear", ("after 1",), lambda module, x: module.last(x)),
    "density": Part((8, 0.5), "density\nexp(x - 1)", ("last",), lambda _, x: activate(x)[0], NORM_COLOUR),
    "colour": Part((8, -0.5), "colour\nsigmoid", ("last",), lambda _, x: activate(x)[1], NORM_COLOUR),
}  # fmt: skip
NETWORK = tuple(name for name in DECODER if name not in INPUT[:3])  # what Fig 3.7 shows of it


def matrix_picture(rows: np.ndarray, initial: np.ndarray):
    """The encoder's input: one NeRF's 336 x 64 matrix, and what training changed in it."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7, 6.4), sharey=True)
    limit = np.percentile(np.abs(rows), 99)
    begins = {"input matrix": 0, "hidden 1": 144, "hidden 2": 208, "output": 272, "padding": 276, "zeros": 288}
    for axis, values, title in zip(axes, (rows, rows - initial), ("weights", "weights − initial vector"), strict=True):
        picture = axis.imshow(values, aspect="auto", cmap="RdBu", vmin=-limit, vmax=limit)
        axis.hlines(np.array(list(begins.values())) - 0.5, -0.5, 63.5, color="black", lw=0.7)
        axis.set(title=title, xlabel="column (0-63)")
        axis.grid(False)
    for name, row in begins.items():
        paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.8}
        axes[0].text(2, row + 5 if name != "output" else row - 4, name, fontsize=7, va="center", bbox=paper)
    axes[0].set_ylabel("row of the matrix (0-335)")
    figure.colorbar(picture, ax=axes, shrink=0.6, label="weight (no unit)")
    return figure
