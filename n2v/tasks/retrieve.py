"""Nearest neighbours among embeddings, judged by class: as the thesis did, and so that the numbers mean their names."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.tasks.metrics import (
    average_precision,
    chance_average_precision,
    chance_hit_at_k,
    chance_precision,
    hit_at_k,
    precision_at_k,
    wilson_interval,
)

KS = (1, 5, 10)


def distances(
    queries: Float[np.ndarray, "q d"], gallery: Float[np.ndarray, "g d"], metric: str = "euclidean"
) -> Float[np.ndarray, "q g"]:
    """Euclidean distance, or one minus the cosine.

    Raises:
        BadInput: unknown metric, or features that are not finite.
    """
    if not (np.isfinite(queries).all() and np.isfinite(gallery).all()):
        raise BadInput("features are not finite", fix="embed again")
    first, second = (torch.from_numpy(np.ascontiguousarray(x, np.float32)) for x in (queries, gallery))
    if metric == "cosine":
        normalise = torch.nn.functional.normalize
        return (1 - normalise(first) @ normalise(second).T).numpy()
    if metric != "euclidean":
        raise BadInput(f"unknown metric '{metric}'", fix="use one of: euclidean, cosine")
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist").numpy()


def rank(
    distance: Float[np.ndarray, "q g"], forbidden: Bool[np.ndarray, "q g"] | None = None
) -> tuple[Int[np.ndarray, "q g"], Bool[np.ndarray, "q g"]]:
    """Gallery positions, nearest first, forbidden pairs last; and which ranked entries are allowed."""
    if forbidden is None:
        forbidden = np.zeros(distance.shape, bool)
    order = np.argsort(np.where(forbidden, np.inf, distance), axis=1, kind="stable")
    return order, ~np.take_along_axis(forbidden, order, 1)


def retrieval_measures(
    queries: Float[np.ndarray, "q d"],
    query_labels: Int[np.ndarray, "q"],
    gallery: Float[np.ndarray, "g d"],
    gallery_labels: Int[np.ndarray, "g"],
    forbidden: Bool[np.ndarray, "q g"] | None = None,
    ks: tuple[int, ...] = KS,
    metric: str = "euclidean",
) -> list[dict]:
    """hit@k, precision@k, mAP@k and whole-ranking mAP of class retrieval, each with its chance floor.

    `forbidden` pairs (a query and itself, or its own versions) are left out of the ranking.

    Raises:
        BadInput: k below 1 or larger than the gallery, a single class, or what `distances` refuses.
    """
    if min(ks) < 1:
        raise BadInput(f"k = {min(ks)}", fix="use k of at least 1")
    forbidden = np.zeros((len(queries), len(gallery)), bool) if forbidden is None else forbidden
    smallest = int((~forbidden).sum(1).min()) if len(queries) else 0
    if max(ks) > smallest:
        raise BadInput(f"k = {max(ks)} but a query has only {smallest} candidates", fix="use a smaller k or more NeRFs")
    if len(np.unique(np.concatenate([query_labels, gallery_labels]))) < 2:
        raise BadInput("objects of a single class", fix="use a collection with at least two classes")
    order, allowed = rank(distances(queries, gallery, metric), forbidden)
    relevant = (gallery_labels[order] == query_labels[:, None]) & allowed
    n_classes = int(max(gallery_labels.max(), query_labels.max())) + 1
    one_hot = np.eye(n_classes, dtype=np.int64)[gallery_labels]
    counts = (~forbidden).astype(np.int64) @ one_hot
    rows = []
    for k in ks:
        hits = hit_at_k(relevant, k)
        floor = chance_hit_at_k(query_labels, counts, k)
        rows.append(_row(f"hit@{k}", hits.mean(), floor, len(queries), wilson_interval(int(hits.sum()), len(hits))))
        shares = precision_at_k(relevant, k)
        rows.append(
            _row(
                f"precision@{k}",
                shares.mean(),
                chance_precision(query_labels, counts),
                len(queries),
                _mean_interval(shares),
            )
        )
        found = average_precision(relevant, k)
        rows.append(
            _row(
                f"mAP@{k}",
                found.mean(),
                chance_average_precision(query_labels, counts, k),
                len(queries),
                _mean_interval(found),
            )
        )
    whole = average_precision(relevant)  # forbidden entries stand last and are never relevant
    floor = chance_average_precision(query_labels, counts)
    rows.append(_row("mAP", whole.mean(), floor, len(queries), _mean_interval(whole)))
    return rows


def _mean_interval(values: np.ndarray) -> tuple[float, float]:
    """Normal 95 % interval of a mean over queries."""
    half = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return float(values.mean()) - half, float(values.mean()) + half


def _row(measure: str, value: float, chance: float, n: int, interval: tuple[float, float]) -> dict:
    return {
        "measure": measure,
        "value": float(value),
        "chance": chance,
        "n": n,
        "low": interval[0],
        "high": interval[1],
    }


def as_published(features, labels, test: Int[np.ndarray, "t"], ks=KS) -> list[dict]:
    """The thesis's protocol: query and gallery are the test set, only the query itself is left out."""
    chosen, classes = features[test], labels[test]
    return retrieval_measures(chosen, classes, chosen, classes, np.eye(len(test), dtype=bool), ks)


def corrected(
    features, labels, test: Int[np.ndarray, "t"], train: Int[np.ndarray, "m"], ks=KS, base_ids: list[str] | None = None
) -> list[dict]:
    """Test objects look among training objects, never at a version of themselves.

    A grouped split has none in train; with `base_ids` they are left out of the ranking under any split.
    """
    bases = None if base_ids is None else np.array(base_ids)
    own = None if bases is None else bases[test][:, None] == bases[train][None]
    return retrieval_measures(features[test], labels[test], features[train], labels[train], own, ks)


def instance_retrieval(features, base_ids: list[str]) -> dict[str, float]:
    """Find an object's other versions among all others: share of queries whose nearest neighbour is one, and chance."""
    bases = np.array(base_ids)
    same = (bases[:, None] == bases[None]) & ~np.eye(len(bases), dtype=bool)
    queries = np.flatnonzero(same.any(1))
    if not len(queries):
        raise BadInput("no object has an augmented version", fix="make shapes with --augment 1 or 2")
    order, _ = rank(distances(features[queries], features), np.eye(len(bases), dtype=bool)[queries])
    hits = np.take_along_axis(same[queries], order, 1)[:, 0]
    chance = float(same[queries].sum(1).mean() / (len(bases) - 1))
    return {"hit@1": float(hits.mean()), "chance": chance, "n": len(queries)}
