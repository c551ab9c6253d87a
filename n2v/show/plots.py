"""Plots that several notebooks and commands share; each returns a matplotlib figure."""

from collections.abc import Sequence

import numpy as np

from n2v.scenes.classes import CLASSES
from n2v.show.style import CHANCE, OURS, THEIRS


def plot_confusion(counts: np.ndarray, title: str = "", names: Sequence[str] = CLASSES):
    """Row-normalised confusion matrix with counts; classes without items stay blank; `names` by label."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.4, 5.6))
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in zip(*np.nonzero(counts), strict=True):
        axis.text(
            j, i, counts[i, j], ha="center", va="center", fontsize=7, color="white" if share[i, j] > 0.5 else "black"
        )
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_xlabel("predicted class")
    axis.set_ylabel("true class (numbers: objects)")
    axis.set_title(title)
    axis.grid(False)
    return figure


def plot_accuracy(rows: list[dict], title: str = ""):
    """Accuracy with its interval, one bar a row of n2v.tasks.classify.compare; rows that were not run are left out.

    Intervals count objects where the rows have them, else items.
    """
    import matplotlib.pyplot as plt

    rows = [row for row in rows if row.get("accuracy") is not None]
    by_object = all("low_objects" in row for row in rows)
    low, high = ("low_objects", "high_objects") if by_object else ("low", "high")
    figure, axis = plt.subplots(figsize=(7, 0.36 * len(rows) + 1))
    names = [f"{row['features']}, {row['reader']}" for row in rows]
    values = np.array([row["accuracy"] for row in rows])
    errors = np.array([[row["accuracy"] - row[low], row[high] - row["accuracy"]] for row in rows]).T.clip(min=0)
    controls = ["shuffled" in name or "untrained" in name for name in names]
    colours = [CHANCE if control else OURS for control in controls]
    bars = axis.barh(names, 100 * values, xerr=100 * errors, color=colours, height=0.65, error_kw={"lw": 1})
    for bar, control in zip(bars, controls, strict=True):
        bar.set_hatch("//" if control else "")
        bar.set_edgecolor("white")
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    count = f"{rows[0]['n']} test NeRFs" + (f" of {rows[0]['n_objects']} objects" if by_object else "")
    axis.set_xlabel(f"accuracy on {count}, % (lines: 95 % interval; hatched: controls)")
    axis.set_title(title)
    return figure


def plot_leak(rows: list[dict], title: str = ""):
    """Accuracy under each split of n2v.tasks.leak.leak_study, a group of bars a kind of features."""
    import matplotlib.pyplot as plt

    kinds, splits = (list(dict.fromkeys(row[key] for row in rows)) for key in ("features", "split"))
    figure, axis = plt.subplots(figsize=(7, 3.4))
    width = 0.8 / len(splits)
    for i, (split, colour, hatch) in enumerate(zip(splits, (THEIRS, "#E9C46A", OURS), ("//", "..", ""), strict=True)):
        mine = [row for row in rows if row["split"] == split]
        value = 100 * np.array([row["accuracy"] for row in mine])
        error = np.stack([value - [100 * row["low_objects"] for row in mine],
                          [100 * row["high_objects"] for row in mine] - value]).clip(min=0)  # fmt: skip
        place = np.arange(len(kinds)) + (i - (len(splits) - 1) / 2) * width
        axis.bar(place, value, width * 0.92, yerr=error, color=colour, hatch=hatch, edgecolor="white", label=split,
                 error_kw={"lw": 1})  # fmt: skip
    axis.set_xticks(range(len(kinds)), kinds)
    axis.set_ylabel("accuracy, % (lines: 95 % interval by object)")
    axis.set_ylim(0, 100)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=9)
    axis.set_title(title)
    return figure


def plot_retrieval(tables: dict[str, list[dict]], title: str = ""):
    """Measures side by side for several kinds of features; a black line marks each chance floor."""
    import matplotlib.pyplot as plt

    measures = [row["measure"] for row in next(iter(tables.values()))]
    figure, axis = plt.subplots(figsize=(8.5, 3.6))
    width = 0.8 / len(tables)
    hatches = ["", "//", "..", "xx", "\\\\"]
    for i, (name, rows) in enumerate(tables.items()):
        place = np.arange(len(rows)) + (i - (len(tables) - 1) / 2) * width
        axis.bar(
            place,
            [100 * row["value"] for row in rows],
            width * 0.92,
            label=name,
            hatch=hatches[i % 5],
            edgecolor="white",
        )
        axis.hlines([100 * row["chance"] for row in rows], place - width / 2, place + width / 2, color="black", lw=2)
    axis.set_xticks(range(len(measures)), measures, rotation=25, ha="right")
    axis.set_ylabel("% (black line: chance)")
    axis.set_ylim(0, 100)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_title(title)
    return figure


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
