"""Notebook 08, retrieval: queries with their neighbours (Fig 4.5) and measures as figures; the visible checks."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import hypergeom

from n2v.lessons.drawing.pictures import to_rgb
from n2v.lessons.drawing.style import OURS, THEIRS
from n2v.lessons.judge import judge
from n2v.tasks.metrics import average_precision, hit_at_k, precision_at_k
from n2v.tasks.retrieve import distances, instance_retrieval


def neighbour_sheet(pictures: list[list[np.ndarray]], classes: list[list[str]], found_by: tuple[str, ...] = ("",)):
    """Matplotlib figure: a row a query, the query first; each neighbour framed and named.

    A solid blue frame: of the query's class. A dashed orange frame, the name marked with a cross: of another. With
    several kinds of features in `found_by`, the neighbours by each stand side by side.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    n_rows, n_found = len(pictures), (len(pictures[0]) - 1) // len(found_by)
    widths = [1, *[one for _ in found_by for one in (0.22, *[1] * n_found)]]
    figure, axes = plt.subplots(n_rows, len(widths), figsize=(1.3 * sum(widths), 1.5 * n_rows + 0.7), squeeze=False,
                                gridspec_kw={"width_ratios": widths})  # fmt: skip
    for axis in axes.flat:
        axis.set_axis_off()
    columns = [0, *[i for i, width in enumerate(widths) if width == 1][1:]]
    for line, row, names in zip(axes, pictures, classes, strict=True):
        for j, (axis, picture, name) in enumerate(zip(line[columns], row, names, strict=True)):
            right = name == names[0]
            axis.set_axis_on()
            axis.imshow(to_rgb(picture))
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.set_xlabel(name if j == 0 or right else f"× {name}", fontsize=9, labelpad=2)
            colour, style, width = ("black", "-", 0.8) if j == 0 else (OURS, "-", 2.4) if right else (THEIRS, "--", 2.4)
            for spine in axis.spines.values():
                spine.set(visible=True, color=colour, linestyle=style, linewidth=width)
    axes[0, 0].set_title("query", fontsize=10)
    for i, name in enumerate(found_by):
        first = axes[0, columns[1 + i * n_found]]
        first.set_title(f"nearest by {name}" if name else "nearest", fontsize=10, loc="left")
    looks = (OURS, "-", "class of the query"), (THEIRS, "--", "another class (×)")
    handles = [Line2D([], [], color=colour, lw=2.4, ls=style, label=label) for colour, style, label in looks]
    figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=9)
    figure.subplots_adjust(wspace=0.08, hspace=0.25, bottom=0.5 / (1.5 * n_rows + 0.7))
    return figure


def plot_retrieval(tables: dict[str, list[dict]], title: str = ""):
    """Measures side by side for several kinds of features, with 95 % intervals; black lines: chance."""
    import matplotlib.pyplot as plt

    measures = [row["measure"] for row in next(iter(tables.values()))]
    figure, axis = plt.subplots(figsize=(9, 3.8))
    width = 0.8 / len(tables)
    hatches = ["", "//", "..", "xx", "\\\\"]
    for i, (name, rows) in enumerate(tables.items()):
        place = np.arange(len(rows)) + (i - (len(tables) - 1) / 2) * width
        value, low, high, chance = (
            100 * np.array([row[key] for row in rows]) for key in ("value", "low", "high", "chance")
        )
        error = np.clip([value - low, high - value], 0, None)
        axis.bar(place, value, width * 0.92, label=name, hatch=hatches[i % 5], edgecolor="white", yerr=error,
                 error_kw={"lw": 1})  # fmt: skip
        axis.hlines(chance, place - width / 2, place + width / 2, color="black", lw=2)
    axis.set_xticks(range(len(measures)), measures, rotation=25, ha="right")
    axis.set(ylabel="% (thin lines: 95 % interval; black: chance)", ylim=(0, 100), title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_rankings(rankings: dict[str, list[bool]], k: int):
    """Rankings as rows of squares, the right ones filled and marked with the precision so far; the measures beside."""
    import matplotlib.pyplot as plt

    longest = max(map(len, rankings.values()))
    figure, axis = plt.subplots(figsize=(0.62 * longest + 4.5, 0.75 * len(rankings) + 0.6))
    for i, (name, ranking) in enumerate(rankings.items()):
        relevant = np.array(ranking, bool)
        precision = relevant.cumsum() / np.arange(1, len(relevant) + 1)
        for j, right in enumerate(relevant):
            axis.add_patch(plt.Rectangle((j, -i), 0.9, 0.7, facecolor=OURS if right else "white", edgecolor="black"))
            if right:
                axis.text(
                    j + 0.45, 0.35 - i, f"{precision[j]:.2f}", color="white", ha="center", va="center", fontsize=8
                )
        values = [one(relevant[None], k)[0] for one in (hit_at_k, precision_at_k, average_precision)]
        told = " · ".join(f"{of}@{k} {value:.2f}" for of, value in zip(("hit", "precision", "AP"), values, strict=True))
        axis.text(-0.3, 0.35 - i, name, ha="right", va="center", fontsize=9)
        axis.text(longest + 0.2, 0.35 - i, told, va="center", fontsize=9)
    axis.plot([k - 0.05] * 2, [0.8, 0.9 - len(rankings)], color="black", ls=":")
    axis.set(xlim=(-2.5, longest + 5), ylim=(0.8 - len(rankings), 0.9))
    axis.set_axis_off()
    return figure


def plot_parts(rows: list[dict]):
    """Which matrix of the weights finds the twin, which the class: two bars a part with intervals; lines: chance."""
    import matplotlib.pyplot as plt

    asked = list(dict.fromkeys(row["asked"] for row in rows))
    figure, axis = plt.subplots(figsize=(7.5, 3.2))
    for i, (question, colour, hatch) in enumerate(zip(asked, (OURS, THEIRS), ("", "//"), strict=False)):
        mine = [row for row in rows if row["asked"] == question]
        place = np.arange(len(mine)) + 0.4 * i - 0.2
        value, low, high, chance = (
            100 * np.array([row[key] for row in mine]) for key in ("value", "low", "high", "chance")
        )
        error = np.clip([value - low, high - value], 0, None)
        axis.bar(place, value, 0.37, color=colour, hatch=hatch, edgecolor="white", label=question, yerr=error)
        axis.hlines(chance, place - 0.2, place + 0.2, color="black", lw=2)
    axis.set_xticks(range(len(mine)), [row["part"] for row in mine])
    axis.set(ylabel="% (lines: 95 %; black: chance)", ylim=(0, 100))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=9)
    return figure


RANKINGS = np.array([[0, 1, 0, 1, 1, 0], [1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]], bool)


def check_hit(my_hit: Callable) -> bool:
    """`my_hit(relevant, k)`: 1 if any of the first k neighbours is right."""
    asked = [(row, k) for row in RANKINGS for k in (1, 2, 5)]
    expected = torch.tensor([hit_at_k(row[None], k)[0] for row, k in asked])
    mistakes = {
        "that is the share of right ones (precision@k); a hit is 0 or 1": lambda: torch.tensor(
            [precision_at_k(row[None], k)[0] for row, k in asked]
        ),
        "the k-th neighbour alone was looked at": lambda: torch.tensor([float(row[k - 1]) for row, k in asked]),
        "k neighbours, not k + 1": lambda: torch.tensor([hit_at_k(row[None], k + 1)[0] for row, k in asked]),
        "any of them, not all of them": lambda: torch.tensor([float(row[:k].all()) for row, k in asked]),
    }
    return judge("hit@k", lambda: [my_hit(row, k) for row, k in asked], expected, mistakes)


def check_average_precision(my_average_precision: Callable) -> bool:
    """`my_average_precision(relevant)`: mean of the precision at each right neighbour."""
    expected = torch.tensor(average_precision(RANKINGS))
    ranks = np.arange(1, RANKINGS.shape[1] + 1)
    precision = RANKINGS.cumsum(1) / ranks
    mistakes = {
        "precision was averaged over all ranks; only those of right neighbours count": lambda: torch.tensor(
            precision.mean(1)
        ),
        "divide by the number of right neighbours, not by the length of the ranking": lambda: torch.tensor(
            (precision * RANKINGS).sum(1) / len(ranks)
        ),
        "that is one over the rank of each right neighbour; the count of right ones so far belongs on top": lambda: (
            torch.tensor((RANKINGS / ranks).sum(1) / RANKINGS.sum(1))
        ),
        "ranks count from 1": lambda: torch.tensor(
            (RANKINGS.cumsum(1) / np.maximum(ranks - 1, 1) * RANKINGS).sum(1) / RANKINGS.sum(1)
        ),
    }
    return judge("average precision", lambda: [my_average_precision(row) for row in RANKINGS], expected, mistakes)


def check_chance_hit(chance_hit: Callable) -> bool:
    """`chance_hit(n, m, k)`: probability that k of n neighbours drawn at random contain one of the m right ones."""
    asked = [(10, 2, 1), (20, 3, 5), (6, 4, 3)]

    def all_of(one: Callable) -> torch.Tensor:
        return torch.tensor([float(one(*three)) for three in asked])

    mistakes = {
        "that is the chance to miss": lambda: all_of(lambda n, m, k: hypergeom.pmf(0, n, m, k)),
        "neighbours are drawn without putting back: the pool shrinks": lambda: all_of(
            lambda n, m, k: 1 - (1 - m / n) ** k
        ),
        "chances do not add up: several of the k may be right": lambda: all_of(lambda n, m, k: k * m / n),
        "that is the chance that exactly one is right": lambda: all_of(lambda n, m, k: hypergeom.pmf(1, n, m, k)),
    }
    expected = all_of(lambda n, m, k: 1 - hypergeom.pmf(0, n, m, k))
    return judge("chance of a hit", lambda: [chance_hit(*three) for three in asked], expected, mistakes)


def check_cosine(cosine_distances: Callable) -> bool:
    """`cosine_distances(queries, gallery)`: one minus the cosine of each pair."""
    rng = np.random.default_rng(0)
    queries, gallery = (rng.normal(size=(n, 5)).astype(np.float32) for n in (3, 4))
    cosine = 1 - distances(queries, gallery, "cosine")
    mistakes = {
        "that is the cosine; the nearest must have the smallest distance": lambda: torch.tensor(cosine),
        "divide by the lengths of both vectors": lambda: torch.tensor(1 - queries @ gallery.T),
        "the gallery's lengths are missing": lambda: torch.tensor(
            1 - queries @ gallery.T / np.linalg.norm(queries, axis=1)[:, None]
        ),
        "one row a query, one column a gallery item": lambda: torch.tensor((1 - cosine).T),
    }
    answer = judge_matrix(cosine_distances, queries, gallery)
    return judge("cosine distance", answer, torch.tensor(1 - cosine), mistakes)


def judge_matrix(function: Callable, *given: np.ndarray) -> Callable:
    """A call whose matrix comes back as one row after the other."""

    def answer():
        found = function(*given)
        return found if found is None or isinstance(found, dict) else list(np.asarray(found).ravel())

    return answer


def check_twin_rate(twin_rate: Callable) -> bool:
    """`twin_rate(values, base_ids)`: share of NeRFs whose nearest other one is a version of the same object."""
    rng = np.random.default_rng(0)
    bases = np.array([f"object {i % 20}" for i in range(60)])
    centres = rng.normal(size=(20, 6))
    kinds = [(np.tile(centres, (3, 1)) + rng.normal(0, spread, (60, 6))).astype(np.float32) for spread in (0.4, 0.8)]
    seen = []

    def answer() -> list:
        seen[:] = [twin_rate(values, bases.tolist()) for values in kinds]
        return seen

    def at_place(k: int) -> torch.Tensor:
        orders = [np.argsort(distances(values, values), 1, kind="stable") for values in kinds]
        return torch.tensor([(bases[order[:, k]] == bases).mean() for order in orders])

    mistakes = {
        "the nearest NeRF to each is itself: leave it out": lambda: at_place(0),
        "look at the nearest other one, not at the second nearest": lambda: at_place(2),
        "the largest distance was taken": lambda: at_place(-1),
        "that is the share of wrong ones": lambda: 1 - at_place(1),
        "two kinds of features, one answer: compare the `values` that are given": lambda: torch.tensor([seen[0]] * 2),
    }
    expected = [instance_retrieval(values, bases.tolist())["value"] for values in kinds]
    return judge("twin rate", answer, torch.tensor(expected), mistakes)
