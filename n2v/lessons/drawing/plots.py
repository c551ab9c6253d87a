"""Maps of many objects: features to two dimensions, and a colour and a marker a class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from n2v.lessons.drawing.style import class_look
from n2v.scenes.classes import CLASSES


def project(features: np.ndarray, method: str = "tsne", seed: int = 0) -> np.ndarray:
    """Features to two dimensions: "pca", or "tsne" on the first 50 principal components."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    n = min(50, len(features) - 1, features.shape[1])
    reduced = PCA(2 if method == "pca" else n, random_state=seed).fit_transform(features)
    if method == "pca":
        return reduced
    perplexity = min(20, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)


def _class_scatter(axis, points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
    """A colour and a marker a class."""
    for label in np.unique(labels).tolist():
        colour, marker = class_look(label)
        style = {"s": 24, "color": colour, "marker": marker, "label": names[label], "alpha": 0.8}
        axis.scatter(*points[labels == label].T, **style)


def map_figure(
    maps: dict[str, Float[np.ndarray, "n 2"]],
    labels: Int[np.ndarray, "n"],
    n_columns: int = 2,
    names: Sequence[str] = CLASSES,
):
    """Maps of the same objects side by side, one legend: a colour and a marker a class; `names` by label."""
    import matplotlib.pyplot as plt

    n_rows = -(-len(maps) // n_columns)
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(4.9 * n_columns, 4.1 * n_rows), squeeze=False)
    for axis, (title, points) in zip(axes.flat, maps.items(), strict=False):
        _class_scatter(axis, points, labels, names)
        axis.set(xticks=[], yticks=[], xlabel="first map axis (no unit)", ylabel="second map axis (no unit)")
        axis.set_title(title, fontsize=10)
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(handles, names, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return figure
