"""The visible checks of notebook 08; how they speak: n2v.show.one_nerf_checks.judge."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import hypergeom

from n2v.show.one_nerf_checks import judge
from n2v.tasks.metrics import average_precision, hit_at_k, precision_at_k
from n2v.tasks.retrieve import distances, instance_retrieval

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
