"""Notebook 06, classification: accuracies, confusions, the leak and the tests as figures; the visible checks."""

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


def plot_accuracy(rows: list[dict], chance: float | None = None, title: str = ""):
    """Shares with their 95 % intervals, a line a kind of features and a marker a reader; dotted: chance.

    Args:
        rows: {features, measure, value, low, high} as of n2v.tasks.read. Rows that were not run are left out.
        chance: Share of the commonest class.
        title: Above.
    """
    import matplotlib.pyplot as plt

    columns = ("features", "measure", "value", "low", "high")
    points = [tuple(row[name] for name in columns) for row in rows if row.get("value") is not None]
    kinds, readers = (list(dict.fromkeys(one[k] for one in points)) for k in (0, 1))
    figure, axis = plt.subplots(figsize=(7.5, (0.25 + 0.11 * len(readers)) * len(kinds) + 1.2))
    for i, (reader, marker) in enumerate(zip(readers, "os^Dv<>P", strict=False)):
        mine = [one for one in points if one[1] == reader]
        place = np.array([kinds.index(one[0]) for one in mine]) + 0.14 * (i - (len(readers) - 1) / 2)
        value, low, high = 100 * np.array([one[2:] for one in mine], float).T
        look = (
            {"fmt": marker, "ms": 5, "lw": 1.2, "color": CHANCE} if "shuffled" in reader else {"fmt": marker, "ms": 5}
        )
        axis.errorbar(value, place, xerr=np.clip([value - low, high - value], 0, None), label=reader, **look)
    if chance is not None:
        axis.axvline(100 * chance, color="black", ls=":", label="commonest class")
    axis.set_yticks(range(len(kinds)), kinds)
    axis.set(xlim=(0, 100), xlabel="% right (lines: 95 % interval)", title=title)
    axis.margins(y=0.02)
    axis.invert_yaxis()
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
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


def plot_many_tests(n_tests: int, level: float = 0.05):
    """Bonferroni: the chance that at least one of m true null hypotheses looks false, with and without level / m."""
    import matplotlib.pyplot as plt

    m = np.arange(1, max(20, n_tests) + 1)
    figure, axis = plt.subplots(figsize=(6.5, 2.6))
    axis.plot(m, 100 * (1 - (1 - level) ** m), color=THEIRS, ls="--", label=f"each test at {level}")
    axis.plot(m, 100 * (1 - (1 - level / m) ** m), color=OURS, label=f"each test at {level} / m")
    axis.axvline(n_tests, color="black", ls=":", label=f"our {n_tests} tests")
    axis.set(xlabel="m, number of tests in which nothing is to be found", ylabel="% with a false find")
    axis.set(xlim=(0, m[-1]), ylim=(0, None))
    axis.legend(fontsize=9)
    return figure


def plot_spread(over_seeds: np.ndarray, over_objects: np.ndarray):
    """Two spreads of one accuracy: another start of the head (lines), other test objects (histogram)."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 2.6))
    axis.hist(100 * np.asarray(over_objects), 40, color="#C9D7E8", label="other objects drawn (bootstrap)")
    for i, value in enumerate(over_seeds):
        axis.axvline(100 * value, color=THEIRS, ls="--", label="other seeds of the head" if not i else None)
    axis.set(xlabel="accuracy, %", ylabel="draws")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
    return figure


def plot_curve(curves: dict[str, list[tuple[int, float, float, float]]], chance: float, title: str = ""):
    """Accuracy (value, low, high) against n of each class, a line a kind of features; dotted: chance."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 3.2))
    for (name, points), marker in zip(curves.items(), "os^D", strict=False):
        n, value, low, high = np.array(points, float).T
        (line,) = axis.plot(n, 100 * value, marker=marker, label=name)
        axis.fill_between(n, 100 * low, 100 * high, color=line.get_color(), alpha=0.15)
    axis.axhline(100 * chance, color="black", ls=":", label="commonest class")
    axis.set_xscale("log", base=2)
    axis.set_xticks(n, [f"{int(one)}" for one in n])
    axis.set(xlabel="training NeRFs of each class", ylabel="% right (shade: 95 %)", ylim=(0, 100), title=title)
    axis.legend(fontsize=9)
    return figure


def plot_leak(rows: list[dict], chance: float):
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
    axis.axhline(100 * chance, color="black", ls=":", label="commonest class")
    axis.set_xticks(range(len(kinds)), kinds)
    axis.set_ylabel("accuracy, % (lines: 95 % interval by object)")
    axis.set_ylim(0, 100)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), fontsize=9)
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
    return judge("majority floor", lambda: majority_floor(classes), torch.tensor([3 / 8]), mistakes)


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
    """`p_value(right_a, right_b)`: exact two-sided McNemar test on the same objects; 1 where they never differ."""
    from scipy.stats import binomtest

    a = np.array([True] * 12 + [False] * 8)
    b = np.array([True] * 4 + [False] * 8 + [True] * 1 + [False] * 7)

    def all_of(one: Callable) -> torch.Tensor:
        return torch.tensor([one(a, b), one(b, a), one(a, a)])

    def answer() -> list:
        found = [p_value(a, b), p_value(b, a)]
        try:
            return [*found, p_value(a, a)]
        except Exception as error:
            what = "where two classifiers never differ there is no coin to toss, and nothing speaks against chance"
            raise AssertionError(f"McNemar: {what}: return 1") from error

    def one_sided(x, y) -> float:
        n = int((x ^ y).sum())
        return binomtest(int((x & ~y).sum()), n, alternative="greater").pvalue if n else 1.0

    mistakes = {
        "that test is one-sided; either of the two may be better": lambda: all_of(one_sided),
        "only objects on which the two differ say anything: leave the others out": lambda: all_of(
            lambda x, y: binomtest(int((x & ~y).sum()), len(x)).pvalue
        ),
        "compare 'only a is right' with 'only b is right', not the two accuracies": lambda: all_of(
            lambda x, y: binomtest(int(x.sum()), int(x.sum() + y.sum())).pvalue
        ),
        "where the two never differ, nothing speaks against chance: 1, not 0": lambda: all_of(
            lambda x, y: mcnemar(x, y) if (x ^ y).any() else 0.0
        ),
    }
    return judge("McNemar", answer, all_of(mcnemar), mistakes)


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


def check_learning_curve(accuracy_with: Callable) -> bool:
    """`accuracy_with(n, values, labels, train, test)`: nearest neighbour from the first n of each class in train."""
    rng = np.random.default_rng(3)
    labels, sizes = rng.integers(0, 3, 100), (2, 6)  # so made up that every mistake below gives a number of its own
    values = (labels[:, None] + rng.normal(0, 1.2, (100, 2))).astype(np.float32)
    train = rng.permutation(100)[:60]
    test = np.setdiff1d(np.arange(100), train)

    def first(n: int) -> np.ndarray:
        return np.concatenate([train[labels[train] == one][:n] for one in range(3)])

    def accuracies(known_of: Callable, asked: np.ndarray | None = None) -> torch.Tensor:
        pairs = [(known_of(n), known_of(n) if asked is None else asked) for n in sizes]
        found = [nearest_neighbour(values[known], labels[known], values[who]) == labels[who] for known, who in pairs]
        return torch.tensor([one.mean() for one in found])

    right = accuracies(first, test)
    mistakes = {
        "those are the first n of all classes together: take n of each class": lambda: accuracies(
            lambda n: train[:n], test
        ),
        "the first n of each class in the zoo: take them from `train`": lambda: accuracies(
            lambda n: np.concatenate([np.flatnonzero(labels == one)[:n] for one in range(3)]), test
        ),
        "all training NeRFs were used": lambda: accuracies(lambda n: train, test),
        "it was asked about its own training NeRFs": lambda: accuracies(first),
        "that is the share of wrong answers": lambda: 1 - right,
        "that is how many are right: divide by the number asked": lambda: right * len(test),
    }
    return judge(
        "learning curve", lambda: [accuracy_with(n, values, labels, train, test) for n in sizes], right, mistakes
    )
