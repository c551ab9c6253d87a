"""Maps of many objects: features to two dimensions, and a colour and a marker a class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from n2v.lessons.drawing.style import class_look
from n2v.scenes.classes import CLASSES


def project(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Features to two dimensions by t-SNE, on their first 50 principal components."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    n = min(50, len(features) - 1, features.shape[1])
    reduced, perplexity = PCA(n, random_state=seed).fit_transform(features), min(20, (len(features) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)


def class_scatter(axis, points: Float[np.ndarray, "n 2"], labels: Int[np.ndarray, "n"], names: Sequence[str]) -> None:
    """Points, a colour and a marker a class; `names` by label."""
    for label in np.unique(labels).tolist():
        colour, marker = class_look(label)
        axis.scatter(*points[labels == label].T, s=24, color=colour, marker=marker, label=names[label], alpha=0.8)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def map_figure(maps: dict[str, Float[np.ndarray, "n 2"]], labels: Int[np.ndarray, "n"], names=CLASSES):
    """Maps of the same objects side by side."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(maps), figsize=(4.9 * len(maps), 4.1), squeeze=False)
    for axis, (title, points) in zip(axes[0], maps.items(), strict=True):
        class_scatter(axis, points, labels, names)
        axis.set(xticks=[], yticks=[], title=title, xlabel="first map axis (no unit)", ylabel="second (no unit)")
        if axis is not axes[0, -1]:
            axis.get_legend().remove()
    figure.tight_layout()
    return figure
