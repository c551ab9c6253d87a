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


def neighbour_sheet(pictures: list[list[np.ndarray]], classes: list[list[str]]):
    """Matplotlib figure: a row a query, the query first; each neighbour framed and named.

    A solid blue frame: of the query's class. A dashed orange frame, the name marked with a cross: of another.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    n_rows, n_columns = len(pictures), len(pictures[0])
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(1.25 * n_columns, 1.38 * n_rows + 0.5), squeeze=False)
    for i, (row, names) in enumerate(zip(pictures, classes, strict=True)):
        for j, (picture, name) in enumerate(zip(row, names, strict=True)):
            axis, right = axes[i][j], name == names[0]
            axis.imshow(to_rgb(picture))
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.set_xlabel(name if j == 0 or right else f"× {name}", fontsize=8, labelpad=2)
            colour, line, width = ("black", "-", 0.8) if j == 0 else (OURS, "-", 2.2) if right else (THEIRS, "--", 2.2)
            for spine in axis.spines.values():
                spine.set(visible=True, color=colour, linestyle=line, linewidth=width)
            if i == 0:
                axis.set_title("query" if j == 0 else f"neighbour {j}", fontsize=9)
    handles = [
        Line2D([], [], color=OURS, lw=2.2, label="class of the query"),
        Line2D([], [], color=THEIRS, lw=2.2, ls="--", label="another class (×)"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=9)
    figure.subplots_adjust(wspace=0.08, hspace=0.28, bottom=0.45 / (1.38 * n_rows + 0.5))
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
    return judge("hit@k", lambda: [float(my_hit(row, k)) for row, k in asked], expected, mistakes)


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
        return None if found is None else [float(value) for value in np.asarray(found).ravel()]

    return answer


def check_twin_rate(twin_rate: Callable, values: np.ndarray, base_ids: list[str]) -> bool:
    """`twin_rate(values)`: share of NeRFs whose nearest other NeRF is a version of the same object."""
    bases = np.array(base_ids)
    near = distances(values, values)
    order = np.argsort(near, 1, kind="stable")
    mistakes = {
        "the nearest NeRF to each is itself: leave it out": lambda: torch.tensor([1.0]),
        "look at the nearest other one, not at the second nearest": lambda: torch.tensor(
            [(bases[order[:, 2]] == bases).mean()]
        ),
        "the largest distance was taken": lambda: torch.tensor([(bases[order[:, -1]] == bases).mean()]),
    }
    expected = torch.tensor([instance_retrieval(values, base_ids)["value"]])
    return judge("twin rate", lambda: float(twin_rate(values)), expected, mistakes)
