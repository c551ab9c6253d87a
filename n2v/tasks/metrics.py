"""Measures of classification and retrieval, with the floor that chance alone reaches."""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats


def summarise(values) -> dict[str, float]:
    """Mean, standard deviation, n and half width of the 95 % t-interval of repeated runs."""
    values = np.asarray(values, float)
    n = len(values)
    sd = float(values.std(ddof=1)) if n > 1 else math.nan
    half = float(stats.t.ppf(0.975, n - 1) * sd / math.sqrt(n)) if n > 1 else math.nan
    return {"mean": float(values.mean()), "sd": sd, "n": n, "half_width": half}


def wilson_interval(n_right: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927): never leaves [0, 1], right for few trials too."""
    if n == 0:
        return 0.0, 1.0
    z = float(stats.norm.ppf((1 + confidence) / 2))
    share = n_right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def cluster_interval(
    values: Float[np.ndarray, "n"], groups: list[str], n_resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of a mean whose values belong together in groups; whole groups are drawn.

    Three versions of one object succeed or fail together: they are not three independent items, and an interval that
    counts them so is too narrow. Where all groups agree, a bootstrap cannot see any spread and the Wilson interval
    for as many items as there are groups stands in. Source: Cameron, Gelbach, Miller 2008 (cluster
    bootstrap). Coverage on groups of three equal values: tests/tasks/test_metrics.py.

    Args:
        values: In [0, 1], for example 1 where a prediction is right.
        groups: Name of each value's group.
    """
    names, member = np.unique(groups, return_inverse=True)
    sizes, sums = np.bincount(member), np.bincount(member, weights=values)
    if np.ptp(sums / sizes) == 0:
        return wilson_interval(float(values.mean()) * len(names), len(names))
    draws = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), n_resamples)
    low, high = np.percentile((draws @ sums) / (draws @ sizes), [2.5, 97.5])
    return float(low), float(high)


def mcnemar(right_a: Bool[np.ndarray, "n"], right_b: Bool[np.ndarray, "n"]) -> float:
    """Exact two-sided p-value that two classifiers of the same items differ only by chance."""
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b).pvalue)


def confusion_matrix(labels: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"], n_classes: int) -> np.ndarray:
    """Counts, (true class, predicted class)."""
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def macro_f1(labels: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"]) -> float:
    """Mean F1 over the classes that occur among the true labels."""
    scores = []
    for label in np.unique(labels):
        hits = ((labels == label) & (predicted == label)).sum()
        scores.append(2 * hits / ((labels == label).sum() + (predicted == label).sum()))
    return float(np.mean(scores))


def hit_at_k(relevant: Bool[np.ndarray, "q g"], k: int) -> Float[np.ndarray, "q"]:
    """1 where any of the first k neighbours is relevant. `relevant` is in ranked order, nearest first.

    The thesis prints this measure as mAP@k (Table 4.3); its code prints Recall@k.
    """
    return relevant[:, :k].any(1).astype(float)


def precision_at_k(relevant: Bool[np.ndarray, "q g"], k: int) -> Float[np.ndarray, "q"]:
    """Share of relevant items among the first k neighbours."""
    return relevant[:, :k].mean(1)


def average_precision(relevant: Bool[np.ndarray, "q g"], k: int | None = None) -> Float[np.ndarray, "q"]:
    """Mean of the precision at each relevant rank up to k (None: the whole ranking).

    Normalised by min(k, number of relevant items in the whole ranking); 0 for a query without any.
    """
    ranks = np.arange(1, relevant.shape[1] + 1)
    precision = relevant.cumsum(1) / ranks
    possible = relevant.sum(1)
    if k is not None:
        precision, relevant, possible = precision[:, :k], relevant[:, :k], np.minimum(possible, k)
    total = (precision * relevant).sum(1)
    return np.divide(total, possible, out=np.zeros(len(total)), where=possible > 0)


def chance_hit_at_k(query_labels: Int[np.ndarray, "q"], gallery_counts: Int[np.ndarray, "q c"], k: int) -> float:
    """Hit@k of a random ranking: one minus the hypergeometric chance of k misses, averaged over the queries.

    Args:
        query_labels: Class of each query.
        gallery_counts: How many gallery items of each class each query is ranked against (itself left out).
        k: Neighbours looked at.
    """
    n = gallery_counts.sum(1)
    relevant = gallery_counts[np.arange(len(query_labels)), query_labels]
    return float(np.mean(1 - stats.hypergeom.pmf(0, n, relevant, np.minimum(k, n))))


def chance_precision(query_labels: Int[np.ndarray, "q"], gallery_counts: Int[np.ndarray, "q c"]) -> float:
    """Precision@k of a random ranking, the same for every k: the share of relevant items."""
    relevant = gallery_counts[np.arange(len(query_labels)), query_labels]
    return float(np.mean(relevant / gallery_counts.sum(1)))


def chance_average_precision(
    query_labels: Int[np.ndarray, "q"], gallery_counts: Int[np.ndarray, "q c"], k: int | None = None
) -> float:
    """Average precision of a random ranking, in closed form.

    A relevant item at rank r has expected precision (1 + (r - 1)(m - 1)/(n - 1)) / r with m relevant among n, and
    rank r is relevant with probability m / n.
    """
    relevant = gallery_counts[np.arange(len(query_labels)), query_labels]
    pairs, times = np.unique(np.stack([gallery_counts.sum(1), relevant]), axis=1, return_counts=True)
    values = []
    for n, m in pairs.T:
        last = n if k is None else min(k, n)
        r = np.arange(1, last + 1)
        precision = (1 + (r - 1) * (m - 1) / max(n - 1, 1)) / r
        values.append(precision.sum() * m / n / min(last, m) if m else 0.0)
    return float(np.average(values, weights=times))
