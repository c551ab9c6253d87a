"""Notebook 06, classification: confusions and McNemar's coins as figures; the visible checks."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from n2v.lessons.drawing.style import OURS, THEIRS
from n2v.lessons.judge import Check
from n2v.scenes.classes import CLASSES
from n2v.tasks.metrics import mcnemar, wilson_interval
from n2v.tasks.read import nearest_neighbour


def plot_confusion(counts: np.ndarray, names: Sequence[str] = CLASSES):
    """Row-normalised confusion matrix with counts; classes without items stay blank; `names` by label."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, axis = plt.subplots(figsize=(6.4, 5.6))
    share, told = counts / np.maximum(counts.sum(1, keepdims=True), 1), np.where(counts, counts.astype(str), "")
    ticks = {"xticklabels": names, "yticklabels": names}
    sns.heatmap(share, annot=told, fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, **ticks, ax=axis)
    axis.set(xlabel="predicted class", ylabel="true class (numbers: NeRFs)")
    return figure


def plot_coins(only_a: int, only_b: int):
    """McNemar's test: how often a fair coin shows so many heads; dark: what is as rare as what was seen, or rarer."""
    import matplotlib.pyplot as plt
    from scipy.stats import binom

    n = only_a + only_b
    heads, share = np.arange(n + 1), binom.pmf(np.arange(n + 1), n, 0.5)
    rare = share <= share[only_a] * (1 + 1e-9)
    figure, axis = plt.subplots(figsize=(6.5, 2.6))
    axis.bar(heads, 100 * share, color=np.where(rare, OURS, "#C9D7E8"), edgecolor="white")
    axis.axvline(only_a, color=THEIRS, ls="--", label=f"seen: {only_a} of {n}")
    axis.set(xlabel=f"heads of {n} tosses: NeRFs on which only the first is right", ylabel="% of all tries")
    axis.set_title(f"dark bars together: p = {share[rare].sum():.2g}", fontsize=10)
    axis.legend(fontsize=9)
    return figure


check_majority_floor = Check(
    "majority floor",
    [(np.array([5, 5, 5, 0, 1, 1, 2, 7]),)],
    lambda classes: np.bincount(classes).max() / len(classes),
    {
        "that is the most frequent class, not how often it is right": lambda classes: np.bincount(classes).argmax(),
        "divide the count by the number of objects": lambda classes: np.bincount(classes).max(),
        "one over the number of classes is the floor of a balanced set": lambda classes: 1 / len(np.unique(classes)),
        "that is the rarest class": lambda classes: np.unique(classes, return_counts=True)[1].min() / len(classes),
    },
)


def _normal(k: int, n: int) -> tuple[float, float]:
    return stats.norm.interval(0.95, k / n, (k * (n - k) / n**3) ** 0.5)


def _uncentred(k: int, n: int) -> np.ndarray:
    low, high = wilson_interval(k, n)
    return k / n + np.array([low - high, high - low]) / 2


check_wilson = Check(
    "Wilson interval",
    [(45, 50)],
    wilson_interval,
    {
        "that is the normal interval; it leaves [0, 1] near the ends": _normal,
        "the half width is right, but the centre moves towards one half": _uncentred,
        "the upper end comes second": lambda k, n: wilson_interval(k, n)[::-1],
        "for 95 % on two sides, z is 1.96, not 1.64": lambda k, n: wilson_interval(k, n, 0.90),
    },
)


def _by_object(right: np.ndarray, bases: list[str], of: Callable = np.mean) -> list[float]:
    return [float(of(right[np.array(bases) == one])) for one in sorted(set(bases))]


check_by_object = Check(
    "by object",
    [(np.array([1, 0, 1, 1, 0, 0, 1], bool), ["sofa", "car", "car", "sofa", "lamp", "lamp", "car"])],
    _by_object,
    {
        "objects come in alphabetical order": lambda right, bases: [
            right[np.array(bases) == one].mean() for one in dict.fromkeys(bases)
        ],
        "those are counts: divide by the number of versions": lambda *given: _by_object(*given, np.sum),
        "a share, not whether most of them are right": lambda *given: np.round(_by_object(*given)),
    },
)


def _tosses(heads: np.ndarray, of: np.ndarray, of_none: float = 1, **more) -> float:
    """p-value of so many heads among so many tosses."""
    return stats.binomtest(int(heads.sum()), int(of.sum()), **more).pvalue if of.any() else of_none


_A = np.array([True] * 12 + [False] * 8)
_B = np.array([True] * 4 + [False] * 8 + [True] * 1 + [False] * 7)
exact_test = Check(
    "McNemar",
    [(_A, _B), (_B, _A), (_A, _A)],
    mcnemar,
    {
        "that is one-sided; either may be better": lambda a, b: _tosses(a & ~b, a ^ b, alternative="greater"),
        "objects on which the two agree say nothing: leave them out": lambda a, b: _tosses(a & ~b, a | ~a),
        "compare 'only a is right' with 'only b is right'": lambda a, b: _tosses(a, np.concatenate([a, b])),
        "where the two never differ, nothing speaks against chance: 1, not 0": lambda a, b: _tosses(a & ~b, a ^ b, 0),
    },
)


def check_mcnemar(p_value: Callable) -> bool:
    """`p_value(right_a, right_b)`: exact two-sided McNemar test on the same objects; 1 where they never differ."""

    def answer(a: np.ndarray, b: np.ndarray) -> float:
        try:
            return p_value(a, b)
        except Exception as error:
            if isinstance(error, NotImplementedError) or (a ^ b).any():
                raise
            what = "where two classifiers never differ there is no coin to toss, and nothing speaks against chance"
            raise AssertionError(f"McNemar: {what}: return 1") from error

    return exact_test(answer)


def _quartiles(times: np.ndarray, order: tuple = (50, 25, 75)) -> np.ndarray:
    return np.percentile(times, order)


check_summary = Check(
    "summary",
    [(np.array([90.0, 30.0, 12.0, 11.0, 10.0, 13.0, 40.0, 11.0, 12.0]), 2)],
    lambda times, n: _quartiles(times[n:]),
    {
        "the first calls still load and allocate: leave the warm-up out": lambda times, n: _quartiles(times),
        "a slow run must not move the middle: median": lambda times, n: [times[n:].mean(), *_quartiles(times[n:])[1:]],
        "the order is median, 25 %, 75 %": lambda times, n: _quartiles(times[n:], (25, 50, 75)),
        "leave out the first runs, not the last": lambda times, n: _quartiles(times[:-n]),
    },
)


def _of_each(n: int, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    return np.concatenate([train[labels[train] == one][:n] for one in np.unique(labels[train])])


def _accuracy_with(n, values, labels, train, test, known: Callable = _of_each) -> float:
    chosen = known(n, labels, train)
    asked = chosen if test is None else test
    return float((nearest_neighbour(values[chosen], labels[chosen], values[asked]) == labels[asked]).mean())


def _learning_cases() -> list[tuple]:
    """So made up that every mistake gives a number of its own."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 100)
    values = (labels[:, None] + rng.normal(0, 1.2, (100, 2))).astype(np.float32)
    train = rng.permutation(100)[:60]
    return [(n, values, labels, train, np.setdiff1d(np.arange(100), train)) for n in (2, 6)]


check_learning_curve = Check(
    "learning curve",
    _learning_cases(),
    _accuracy_with,
    {
        "those are the first n of all classes together: take n of each class": lambda *given: _accuracy_with(
            *given, known=lambda n, labels, train: train[:n]
        ),
        "the first n of each class in the zoo: take them from `train`": lambda *given: _accuracy_with(
            *given, known=lambda n, labels, _: _of_each(n, labels, np.arange(len(labels)))
        ),
        "all training NeRFs were used": lambda *given: _accuracy_with(*given, known=lambda n, labels, train: train),
        "it was asked about its own training NeRFs": lambda *given: _accuracy_with(*given[:4], None),
        "that is the share of wrong answers": lambda *given: 1 - _accuracy_with(*given),
        "that is how many are right: divide by the number asked": lambda *given: _accuracy_with(*given) * len(given[4]),
    },
)
