"""Notebook 08, retrieval: queries with their neighbours (Fig 4.5) and rankings as figures; the visible checks."""

import numpy as np
from scipy.stats import hypergeom

from n2v.lessons.drawing.pictures import sheet
from n2v.lessons.drawing.style import OURS, THEIRS
from n2v.lessons.judge import Check
from n2v.tasks.metrics import average_precision, hit_at_k, precision_at_k
from n2v.tasks.retrieve import distances, instance_retrieval


def neighbour_sheet(pictures: list[list[np.ndarray]], classes: list[list[str]], found_by: tuple[str, ...] = ("",)):
    """Matplotlib figure: a row a query, the query first, then its neighbours by each of `found_by`; framed and named.

    A solid blue frame: of the query's class. A dashed orange frame, the name marked with a cross: of another.
    """
    from matplotlib.lines import Line2D

    n_found = (len(pictures[0]) - 1) // len(found_by)
    titles = ["query"]
    for name in found_by:
        titles += [f"nearest by {name}" if name else "nearest", *[""] * (n_found - 1)]
    below = [[name if name == row[0] else f"× {name}" for name in row] for row in classes]
    figure = sheet(pictures, None, titles, 1.3, below)
    looks = {True: (OURS, "-", "class of the query"), False: (THEIRS, "--", "another class (×)")}
    for i, axis in enumerate(figure.axes):
        line, column = divmod(i, len(pictures[0]))
        colour, style, _ = looks[classes[line][column] == classes[line][0]]
        axis.title.set_ha("left" if column else "center")
        axis.spines[:].set(visible=True, color=colour if column else "black", linestyle=style, linewidth=2.4)
    handles = [Line2D([], [], color=colour, lw=2.4, ls=style, label=label) for colour, style, label in looks.values()]
    under = figure.axes[-1].get_position().y0 - 0.3 / figure.get_figheight()  # 0.3 inches: the last row's names
    figure.legend(handles=handles, loc="upper center", ncols=2, fontsize=9, bbox_to_anchor=(0.5, under))
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


_RANKINGS = np.array([[0, 1, 0, 1, 1, 0], [1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]], bool)
check_hit = Check(
    "hit@k",
    [(row, k) for row in _RANKINGS for k in (1, 2, 5)],
    lambda relevant, k: hit_at_k(relevant[None], k)[0],
    {
        "that is the share of right ones (precision@k); a hit is 0 or 1": lambda r, k: precision_at_k(r[None], k)[0],
        "the k-th neighbour alone was looked at": lambda relevant, k: relevant[k - 1],
        "k neighbours, not k + 1": lambda relevant, k: relevant[: k + 1].any(),
        "any of them, not all of them": lambda relevant, k: relevant[:k].all(),
    },
)

check_average_precision = Check(
    "average precision",
    [(row,) for row in _RANKINGS],
    lambda relevant: average_precision(relevant[None])[0],
    {
        "that is hit@k: whether one is right, not at which ranks": lambda r: float(r.any()),
        "precision was averaged over all ranks; only the right ones count": lambda r: _precision(r).mean(),
        "divide by the number of right neighbours": lambda r: (_precision(r) * r).sum() / len(r),
        "one over the rank lacks the count of right ones so far on top": lambda r: (r / _ranks(r)).sum() / r.sum(),
        "ranks count from 1": lambda r: (r.cumsum() / np.maximum(_ranks(r) - 1, 1) * r).sum() / r.sum(),
    },
)


def _ranks(relevant: np.ndarray) -> np.ndarray:
    return np.arange(1, len(relevant) + 1)


def _precision(relevant: np.ndarray) -> np.ndarray:
    return relevant.cumsum() / _ranks(relevant)


check_chance_hit = Check(
    "chance of a hit",
    [(10, 2, 1), (20, 3, 5), (6, 4, 3)],
    lambda n, m, k: 1 - hypergeom.pmf(0, n, m, k),
    {
        "that is the chance to miss": lambda n, m, k: hypergeom.pmf(0, n, m, k),
        "neighbours are drawn without putting back: the pool shrinks": lambda n, m, k: 1 - (1 - m / n) ** k,
        "chances do not add up: several of the k may be right": lambda n, m, k: k * m / n,
        "that is the chance that exactly one is right": lambda n, m, k: hypergeom.pmf(1, n, m, k),
    },
)

_rng = np.random.default_rng(0)
check_cosine = Check(
    "cosine distance",
    [tuple(_rng.normal(size=(n, 5)).astype(np.float32) for n in (3, 4))],
    lambda queries, gallery: distances(queries, gallery, "cosine"),
    {
        "that is the cosine; the nearest must have the smallest distance": lambda q, g: 1 - distances(q, g, "cosine"),
        "divide by the lengths of both vectors": lambda q, g: 1 - q @ g.T,
        "the gallery's lengths are missing": lambda q, g: 1 - q @ g.T / np.linalg.norm(q, axis=1, keepdims=True),
        "one row a query, one column a gallery item": lambda q, g: distances(g, q, "cosine"),
    },
)


def _twins_at(k: int, values: np.ndarray, base_ids: list[str]) -> float:
    """Share of NeRFs whose neighbour number k (0: itself) is a version of the same object."""
    bases, order = np.array(base_ids), np.argsort(distances(values, values), 1, kind="stable")
    return float((bases[order[:, k]] == bases).mean())


_BASES = [f"object {i % 20}" for i in range(60)]
_CENTRES = np.tile(_rng.normal(size=(20, 6)), (3, 1))
check_twin_rate = Check(
    "twin rate",
    [((_CENTRES + _rng.normal(0, spread, (60, 6))).astype(np.float32), _BASES) for spread in (0.4, 0.8)],
    lambda values, base_ids: instance_retrieval(values, base_ids)["value"],
    {
        "the nearest NeRF to each is itself: leave it out": lambda *given: _twins_at(0, *given),
        "look at the nearest other one, not at the second nearest": lambda *given: _twins_at(2, *given),
        "the largest distance was taken": lambda *given: _twins_at(-1, *given),
        "that is the share of wrong ones": lambda *given: 1 - _twins_at(1, *given),
    },
)
