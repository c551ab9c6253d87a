"""Measures of classification and retrieval, their intervals, and the floor that chance alone reaches."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import stats

from n2v.embed.reconstruct import MEASURES

Names = Sequence[str] | np.ndarray  # of groups: which object each value belongs to


def summarise(values) -> dict[str, float]:
    """Mean, standard deviation, n and half width of the 95 % t-interval; None and what is not finite is left out."""
    values = np.array([value for value in values if value is not None], float)
    values = values[np.isfinite(values)]
    n = len(values)
    sd = float(values.std(ddof=1)) if n > 1 else math.nan
    half = float(stats.t.ppf(0.975, n - 1) * sd / math.sqrt(n)) if n > 1 else math.nan
    return {"mean": float(values.mean()) if n else math.nan, "sd": sd, "n": n, "half_width": half}


def prediction_interval(values) -> tuple[float, float]:
    """95 % interval for one new run, after n like it: mean +- t sd sqrt(1 + 1/n); NaN for a single one."""
    found = summarise(values)
    half = found["half_width"] * math.sqrt(found["n"] + 1)
    return found["mean"] - half, found["mean"] + half


def over_repeats(
    rows: list[dict], by: tuple[str, ...], count: str = "seeds", leave_out: tuple[str, ...] = ()
) -> list[dict]:
    """Mean and half width of the 95 % t-interval ("name ±") of every number, a row a group, `count` rows in each.

    Groups have the same values in the columns `by` and stand in the order of their first rows; a column without a
    number in its group is None there, `leave_out` names those that are no measurement.
    """
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    table = []
    for key, members in groups.items():
        line = {**dict(zip(by, key, strict=True)), count: len(members)}
        for name in (name for name in members[0] if name not in (*by, *leave_out)):
            found = summarise(member[name] for member in members)
            numbers = (found["mean"], found["half_width"]) if found["n"] else (None, None)
            line |= dict(zip((name, f"{name} ±"), numbers, strict=True))
        table.append(line)
    return table


def reconstruction_summary(rows: list[dict], measures: tuple[str, ...] = MEASURES) -> list[dict]:
    """Means over NeRFs of `compare_reconstructions`' rows, by thing, way and split, with the foreground's interval.

    A number that is not finite (an object without pixels, a broken picture) is left out of its mean; "n_finite" counts
    the NeRFs whose numbers all are. A mean of none, and an interval of one, is None.
    """
    by = ("what", "occupancy", "split")
    kept = [{name: row[name] for name in (*by, *measures)} for row in rows]
    kept = [{**row, "n_finite": float(np.isfinite([row[name] for name in measures]).all())} for row in kept]
    table = []
    for found in over_repeats(kept, by, "n"):
        line = {name: found[name] for name in (*by, "n")} | {"n_finite": round(found["n_finite"] * found["n"])}
        line |= {name: found[name] for name in measures} | {"foreground_db_±": found["foreground_db ±"]}
        table.append({name: None if value != value else value for name, value in line.items()})
    return table


def wilson_interval(n_right: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a proportion (Wilson 1927): never leaves [0, 1], right for few trials too."""
    if n == 0:
        return 0.0, 1.0
    z, share = float(stats.norm.ppf((1 + confidence) / 2)), n_right / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, (centre - half) / (1 + z * z / n)), min(1.0, (centre + half) / (1 + z * z / n))


def cluster_interval(
    values: Float[np.ndarray, "n"], groups: Names, n_resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of a mean of values in [0, 1] that belong together in groups; whole groups are drawn.

    Three versions of one object succeed or fail together: an interval that counts them as three independent items is
    too narrow. Where all groups agree, a bootstrap cannot see any spread and the Wilson interval for as many items as
    there are groups stands in. Source: Cameron, Gelbach, Miller 2008. Coverage: tests/tasks/test_metrics.py.
    """
    names, member = np.unique(groups, return_inverse=True)
    sizes, sums = np.bincount(member), np.bincount(member, weights=values)
    if np.ptp(sums / sizes) == 0:
        return wilson_interval(float(np.mean(values)) * len(names), len(names))

    def mean(sums, sizes, axis):
        return sums.sum(axis) / sizes.sum(axis)

    found = stats.bootstrap(
        (sums, sizes), mean, paired=True, vectorized=True, n_resamples=n_resamples, method="percentile", rng=seed
    ).confidence_interval
    return float(found.low), float(found.high)


def lead(ours: Float[np.ndarray, "n"], theirs: Float[np.ndarray, "n"], groups: Names) -> tuple[float, float, float]:
    """By how much the mean of one set of values in [0, 1] leads another's on the same items; interval by group."""
    apart = np.asarray(ours, float) - np.asarray(theirs, float)
    if np.ptp(apart) == 0:  # nothing to draw from: what so many objects cannot rule out
        unseen = wilson_interval(0, len(np.unique(groups)))[1]
        return float(apart.mean()), float(apart.mean()) - unseen, float(apart.mean()) + unseen
    low, high = cluster_interval((apart + 1) / 2, groups)
    return float(apart.mean()), 2 * low - 1, 2 * high - 1


def mcnemar(right_a: Bool[np.ndarray, "n"], right_b: Bool[np.ndarray, "n"]) -> float:
    """Exact two-sided p-value that two classifiers of the same items differ only by chance."""
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    return float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


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
    first = relevant[:, :k]
    total = (first * first.cumsum(1) / np.arange(1, first.shape[1] + 1)).sum(1)
    possible = np.minimum(relevant.sum(1), first.shape[1])
    return np.divide(total, possible, out=np.zeros(len(total)), where=possible > 0)


def chance_hit_at_k(query_labels: Int[np.ndarray, "q"], gallery_counts: Int[np.ndarray, "q c"], k: int) -> float:
    """Hit@k of a random ranking: one minus the hypergeometric chance of k misses, averaged over the queries.

    `gallery_counts`: how many gallery items of each class each query is ranked against (itself left out).
    """
    n = gallery_counts.sum(1)
    relevant = gallery_counts[np.arange(len(query_labels)), query_labels]
    return float(np.mean(1 - stats.hypergeom.pmf(0, n, relevant, np.minimum(k, n))))


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
