"""Block diagrams drawn from the real modules, and the NeRF pipeline drawn from real samples."""

from itertools import pairwise

import numpy as np
from torch import nn

from n2v.nerf.layout import N_FEATURES, N_HIDDEN, SHAPES

LAYER_COLOUR, NORM_COLOUR, DATA_COLOUR = "#9ecae9", "#ffe0a3", "#d9d9d9"


def layer_boxes(module: nn.Module) -> list[tuple[str, str]]:
    """(text, colour) of a module's linear, norm, activation and dropout layers, in order."""
    boxes = []
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            boxes.append((f"linear\n{layer.in_features} → {layer.out_features}", LAYER_COLOUR))
        elif isinstance(layer, nn.BatchNorm1d | nn.LayerNorm | nn.ReLU | nn.GELU | nn.LeakyReLU | nn.Dropout):
            boxes.append((type(layer).__name__.replace("1d", ""), NORM_COLOUR))
    return boxes


def flow(boxes: list[tuple[str, str]], title: str = "", a_row: int = 7):
    """Boxes joined by arrows, left to right, row by row."""
    import matplotlib.pyplot as plt

    n_rows = -(-len(boxes) // a_row)
    figure, axis = plt.subplots(figsize=(1.55 * min(len(boxes), a_row), 0.95 * n_rows + 0.4))
    places = [(i % a_row, -(i // a_row)) for i in range(len(boxes))]
    for (x, y), (text, colour) in zip(places, boxes, strict=True):
        axis.add_patch(plt.Rectangle((x - 0.4, y - 0.3), 0.8, 0.6, facecolor=colour, edgecolor="black", lw=0.8))
        axis.text(x, y, text, ha="center", va="center", fontsize=8)
    for (x0, y0), (x1, y1) in pairwise(places):
        start, end = ((x0 + 0.4, y0), (x1 - 0.4, y1)) if y0 == y1 else ((x0, y0 - 0.3), (x1, y1 + 0.3))
        axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "lw": 1})
    axis.set_xlim(-0.55, min(len(boxes), a_row) - 0.45)
    axis.set_ylim(-n_rows + 0.5, 0.5)
    axis.set_axis_off()
    axis.set_title(title, fontsize=10)
    return figure


FRAMEWORK = {  # name: place, text, colour, and what it goes into: how nerf2vec is trained (thesis Fig 1.1)
    "weights": ((0, 0), "NeRF weights\n18,432", DATA_COLOUR, ("encoder", "nerf")),
    "encoder": ((1, 0), "encoder", LAYER_COLOUR, ("embedding",)),
    "embedding": ((2, 0), "embedding", DATA_COLOUR, ("decoder",)),
    "positions": ((2, -0.6), "positions", DATA_COLOUR, ("decoder", "nerf")),
    "decoder": ((3, 0), "decoder", LAYER_COLOUR, ("answer",)),
    "answer": ((4, 0), "density, colour", DATA_COLOUR, ("loss",)),
    "nerf": ((3, -1.2), "the NeRF itself\n(frozen)", DATA_COLOUR, ("target",)),
    "target": ((4, -1.2), "target: what\nit shows there", DATA_COLOUR, ("loss",)),
    "loss": ((5, -0.6), "loss", NORM_COLOUR, ()),
}


def framework(parts: dict = FRAMEWORK):
    """Boxes at their places, an arrow to each part that one goes into; bent where parts of a row lie between."""
    import matplotlib.pyplot as plt

    right, low = max(x for (x, _), *_ in parts.values()), min(y for (_, y), *_ in parts.values())
    figure, axis = plt.subplots(figsize=(1.5 * right + 1.5, 1.7 - 1.0 * low))
    drawn = {}
    for name, ((x, y), text, colour, _) in parts.items():
        drawn[name] = plt.Rectangle((x - 0.38, y - 0.2), 0.76, 0.4, facecolor=colour, edgecolor="black", lw=0.8)
        axis.add_patch(drawn[name])
        axis.text(x, y, text, ha="center", va="center", fontsize=8)
    for name, (start, _, _, into) in parts.items():
        for other in into:
            end = parts[other][0]
            bent = abs(end[0] - start[0]) > 1 and end[1] != start[1]
            bend = "angle,angleA=-90,angleB=180,rad=0" if bent else "arc3"
            arrow = {"arrowstyle": "->", "connectionstyle": bend, "patchA": drawn[name], "patchB": drawn[other]}
            axis.annotate("", end, start, arrowprops=arrow)
    axis.set(xlim=(-0.5, right + 0.5), ylim=(low - 0.3, 0.3))
    axis.set_axis_off()
    return figure


def ray_profile(t_mids: np.ndarray, sigmas: np.ndarray, weights: np.ndarray, rgbs: np.ndarray):
    """Density, transmittance and blend weight along one ray; the dots have the samples' colours."""
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 4), sharex=True)
    top.step(t_mids, sigmas, where="mid", color="black")
    top.set(yscale="log", ylim=(1e-2, None))  # behind a surface nobody sees how dense it is: it may be anything
    top.set_ylabel("density σ\n(per scene unit)")
    light = 1 - np.concatenate([[0], np.cumsum(weights)[:-1]])
    bottom.step(t_mids, light, where="mid", color="#0072B2", label="transmittance T", ls="--")
    bottom.bar(t_mids, weights, width=np.diff(t_mids).min() if len(t_mids) > 1 else 0.02, color=rgbs, edgecolor="black",
               lw=0.4, label="blend weight T·α (in the sample's colour)")  # fmt: skip
    bottom.set_xlabel("distance along the ray (scene units)")
    bottom.set_ylabel("share of light")
    bottom.legend()
    return figure


def matrix_picture(rows: np.ndarray, initial: np.ndarray):
    """The encoder's input: one NeRF's 336 x 64 matrix, and what training changed in it."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7, 6.4), sharey=True)
    limit = np.percentile(np.abs(rows), 99)
    for axis, values, title in ((axes[0], rows, "weights"), (axes[1], rows - initial, "weights − initial vector")):
        picture = axis.imshow(values, aspect="auto", cmap="RdBu", vmin=-limit, vmax=limit)
        axis.set_title(title)
        axis.set_xlabel("column (0-63)")
        axis.grid(False)
    for row, name in (
        (0, "input matrix"),
        (144, "hidden 1"),
        (208, "hidden 2"),
        (272, "output"),
        (276, "padding"),
        (288, "zeros"),
    ):
        axes[0].axhline(row - 0.5, color="black", lw=0.7)
        axes[1].axhline(row - 0.5, color="black", lw=0.7)
        axes[0].text(1, row + 4 if row != 272 else row - 3, name, fontsize=7, va="center")
    axes[0].set_ylabel("row of the matrix (0-335)")
    figure.colorbar(picture, ax=axes, shrink=0.6, label="weight (no unit)")
    return figure


def neuron_rows(n_neurons: int = 4):
    """The first input neurons in the stored vector, read in rows of 64: each fills 144 / 64 = 2.25 rows."""
    import matplotlib.pyplot as plt

    owner = (np.arange(n_neurons * N_FEATURES) // N_FEATURES).reshape(-1, N_HIDDEN)
    figure, axis = plt.subplots(figsize=(6.4, 0.28 * len(owner) + 0.6))
    axis.imshow(owner, cmap="Pastel1", aspect="auto", vmax=8)
    for neuron in range(n_neurons):
        middle = (neuron + 0.5) * N_FEATURES // N_HIDDEN
        axis.text(N_HIDDEN / 2, middle, f"neuron {neuron}", fontsize=9, ha="center", va="center")
    axis.set(xlabel="column (64 numbers a row)", ylabel="row", yticks=range(len(owner)))
    axis.grid(False)
    return figure


def field_boxes() -> list[str]:
    """The stored network as a row of boxes, position to density and colour (tests: against the module's layers)."""
    boxes = ["position\nx, y, z", f"24 octaves\n3 → {N_FEATURES}"]
    for rows, columns in SHAPES:
        boxes += [f"linear\n{columns} → {rows}", "ReLU"]
    return [*boxes[:-1], "4 of 16 used:\nσ = exp(x − 1)\nrgb = sigmoid"]
