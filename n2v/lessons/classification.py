"""Notebook 06, classification: accuracies, confusions and the leak as figures; the visible checks."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS
from n2v.lessons.judge import judge
from n2v.scenes.classes import CLASSES
from n2v.tasks.metrics import mcnemar, wilson_interval
from n2v.tasks.read import nearest_neighbour


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
    """Accuracy under each split of n2v.tasks.classify.leak_study, a group of bars a kind of features."""
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


def check_majority_floor(majority_floor: Callable) -> bool:
    """`majority_floor(classes)`: accuracy of always answering the most frequent class."""
    classes = np.array([5, 5, 5, 0, 1, 1, 2, 7])
    mistakes = {
        "that is the most frequent class itself, not how often it is right": lambda: torch.tensor([5.0]),
        "divide the count by the number of objects": lambda: torch.tensor([3.0]),
        "one over the number of classes is the floor only where all classes are equally frequent": lambda: torch.tensor(
            [1 / 5]
        ),
        "that is the rarest class": lambda: torch.tensor([1 / 8]),
    }
    return judge("majority floor", lambda: float(majority_floor(classes)), torch.tensor([3 / 8]), mistakes)


def check_wilson(interval: Callable) -> bool:
    """`interval(n_right, n)`: lower and upper end of the 95 % Wilson interval."""
    n_right, n, z = 45, 50, 1.959964
    share = n_right / n

    def ends(centre: float, half: float) -> torch.Tensor:
        return torch.tensor([centre - half, centre + half])

    plain = z * np.sqrt(share * (1 - share) / n)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    mistakes = {
        "that is the normal interval; it leaves [0, 1] near the ends: use Wilson's centre and half width": lambda: ends(
            share, plain
        ),
        "the half width is right, but the centre moves towards one half": lambda: ends(share, half),
        "the centre is right; the half width has z^2 / (4 n^2) under the root and 1 + z^2 / n below": lambda: ends(
            centre, plain
        ),
        "the upper end comes second": lambda: ends(centre, half).flip(0),
        "for 95 % on two sides, z is 1.96, not 1.64": lambda: torch.tensor(wilson_interval(n_right, n, 0.90)),
    }
    expected = torch.tensor(wilson_interval(n_right, n))
    return judge("Wilson interval", lambda: interval(n_right, n), expected, mistakes)


def check_by_object(by_object: Callable) -> bool:
    """`by_object(right, base_ids)`: share of right versions of each object, objects in alphabetical order."""
    right = np.array([1, 0, 1, 1, 0, 0, 1], bool)
    bases = ["sofa", "car", "car", "sofa", "lamp", "lamp", "car"]
    mistakes = {
        "objects come in alphabetical order": lambda: torch.tensor([1.0, 2 / 3, 0.0]),
        "those are counts: divide by the number of versions": lambda: torch.tensor([2.0, 0.0, 2.0]),
        "divide each object's count by its own number of versions": lambda: torch.tensor([2 / 3, 0.0, 2 / 3]),
        "a share, not whether most of them are right": lambda: torch.tensor([1.0, 0.0, 1.0]),
    }
    return judge("by object", lambda: by_object(right, bases), torch.tensor([2 / 3, 0.0, 1.0]), mistakes)


def check_mcnemar(p_value: Callable) -> bool:
    """`p_value(right_a, right_b)`: exact two-sided McNemar test on the same objects."""
    a = np.array([True] * 12 + [False] * 8)
    b = np.array([True] * 4 + [False] * 8 + [True] * 1 + [False] * 7)

    from scipy.stats import binomtest

    mistakes = {
        "that test is one-sided; either of the two may be better": lambda: torch.tensor(
            [binomtest(8, 9, alternative="greater").pvalue]
        ),
        "only objects on which the two differ say anything: leave the others out": lambda: torch.tensor(
            [binomtest(8, 20).pvalue]
        ),
        "compare 'only a is right' with 'only b is right', not the two accuracies": lambda: torch.tensor(
            [binomtest(12, 17).pvalue]
        ),
    }
    return judge("McNemar", lambda: float(p_value(a, b)), torch.tensor([mcnemar(a, b)]), mistakes)


def check_summary(summary: Callable) -> bool:
    """`summary(times, n_warm)`: median and quartiles after the warm-up."""
    times = np.array([90.0, 30.0, 12.0, 11.0, 10.0, 13.0, 40.0, 11.0, 12.0])

    def quartiles(values) -> torch.Tensor:
        return torch.tensor(np.percentile(values, [50, 25, 75]))

    warm = times[2:]
    mistakes = {
        "the first calls still load and allocate: leave the warm-up out": lambda: quartiles(times),
        "one slow run (40 ms) must not move the middle: median, not mean": lambda: torch.tensor(
            [warm.mean(), *np.percentile(warm, [25, 75])]
        ),
        "the order is median, 25 %, 75 %": lambda: torch.tensor(np.percentile(warm, [25, 50, 75])),
        "leave out the first runs, not the last": lambda: quartiles(times[:-2]),
    }
    return judge("summary", lambda: summary(times, 2), quartiles(warm), mistakes)


def check_learning_curve(accuracy_with: Callable, values, labels, train, test) -> bool:
    """`accuracy_with(n)`: nearest-neighbour accuracy on the test NeRFs from the first n of each class in train."""
    n = 3
    chosen = np.concatenate([train[labels[train] == one][:n] for one in np.unique(labels[train])])

    def accuracy(known, asked) -> torch.Tensor:
        found = nearest_neighbour(values[known], labels[known], values[asked])
        return torch.tensor([(found == labels[asked]).mean()])

    mistakes = {
        "those are the first n of all classes together: take n of each class": lambda: accuracy(
            train[: len(chosen)], test
        ),
        "all training NeRFs were used": lambda: accuracy(train, test),
        "it was asked about its own training NeRFs": lambda: accuracy(chosen, chosen),
        "that is the share of wrong answers": lambda: 1 - accuracy(chosen, test),
    }
    return judge("learning curve", lambda: float(accuracy_with(n)), accuracy(chosen, test), mistakes)
