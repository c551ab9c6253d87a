"""Nearest neighbours among embeddings, judged by class: as the thesis did, and so that the numbers mean their names."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.tasks.metrics import (
    Names,
    average_precision,
    chance_average_precision,
    chance_hit_at_k,
    cluster_interval,
    hit_at_k,
    precision_at_k,
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


def ranking_measures(
    distance: Float[np.ndarray, "q g"],
    query_labels: Int[np.ndarray, "q"],
    gallery_labels: Int[np.ndarray, "g"],
    forbidden: Bool[np.ndarray, "q g"] | None = None,
    ks: tuple[int, ...] = KS,
    query_groups: Names | None = None,
) -> list[dict]:
    """hit@k, precision@k, mAP@k and whole-ranking mAP of class retrieval, each with its chance floor.

    `forbidden` pairs (a query and itself, or its own versions) are left out of the ranking. `low` and `high`: 95 %
    interval by group of queries (their base objects); without `query_groups` queries are taken as independent.

    Raises:
        BadInput: k below 1 or larger than the gallery, or a single class.
    """
    found = _ranking_values(distance, query_labels, gallery_labels, forbidden, ks)
    return [_row(name, values, chance, query_groups) for name, (values, chance) in found.items()]


def _ranking_values(distance, query_labels, gallery_labels, forbidden, ks) -> dict[str, tuple[np.ndarray, float]]:
    """Measure -> its values by query, and chance."""
    if min(ks) < 1:
        raise BadInput(f"k = {min(ks)}", fix="use k of at least 1")
    forbidden = np.zeros(distance.shape, bool) if forbidden is None else forbidden
    smallest = int((~forbidden).sum(1).min()) if len(distance) else 0
    if max(ks) > smallest:
        raise BadInput(f"k = {max(ks)} but a query has only {smallest} candidates", fix="use a smaller k or more NeRFs")
    if len(np.unique(np.concatenate([query_labels, gallery_labels]))) < 2:
        raise BadInput("objects of a single class", fix="use a collection with at least two classes")
    order, allowed = rank(distance, forbidden)
    relevant = (gallery_labels[order] == query_labels[:, None]) & allowed
    one_hot = np.eye(int(max(gallery_labels.max(), query_labels.max())) + 1, dtype=np.int64)[gallery_labels]
    counts = (~forbidden).astype(np.int64) @ one_hot
    found = {}
    for k in ks:
        found[f"hit@{k}"] = hit_at_k(relevant, k), chance_hit_at_k(query_labels, counts, k)
        found[f"precision@{k}"] = precision_at_k(relevant, k), chance_hit_at_k(query_labels, counts, 1)
        found[f"mAP@{k}"] = average_precision(relevant, k), chance_average_precision(query_labels, counts, k)
    # forbidden entries stand last and are never relevant
    return {**found, "mAP": (average_precision(relevant), chance_average_precision(query_labels, counts))}


def _row(measure: str, values: Float[np.ndarray, "q"], chance: float, groups: Names | None) -> dict:
    """Mean over queries, with its 95 % interval by group."""
    groups = np.arange(len(values)) if groups is None else groups
    low, high = cluster_interval(values, groups)
    row = {"measure": measure, "value": float(values.mean()), "chance": chance, "low": low, "high": high}
    return {**row, "n": len(values), "n_objects": len(np.unique(groups))}


def as_published(
    features, labels, test: Int[np.ndarray, "t"], ks=KS, base_ids: Names | None = None, metric: str = "euclidean"
) -> list[dict]:
    """The thesis's protocol: query and gallery are the test set, only the query itself is left out."""
    mine = None if base_ids is None else np.array(base_ids)[test]
    apart, classes = distances(features[test], features[test], metric), labels[test]
    return ranking_measures(apart, classes, classes, np.eye(len(test), dtype=bool), ks, mine)


def corrected(
    features,
    labels,
    test: Int[np.ndarray, "t"],
    train: Int[np.ndarray, "m"],
    ks=KS,
    base_ids: Names | None = None,
    metric: str = "euclidean",
) -> list[dict]:
    """Test objects look among training objects, never at a version of themselves.

    A grouped split has none in train; with `base_ids` they are left out of the ranking under any split.
    """
    own, mine, bases = None, None, None if base_ids is None else np.array(base_ids)
    if bases is not None:
        own, mine = bases[test][:, None] == bases[train][None], bases[test]
    apart = distances(features[test], features[train], metric)
    return ranking_measures(apart, labels[test], labels[train], own, ks, mine)


def random_rankings(
    labels, test: Int[np.ndarray, "t"], train: Int[np.ndarray, "m"], ks=KS, n_draws: int = 20, seed: int = 0
) -> list[dict]:
    """The corrected protocol by distances that mean nothing, averaged over draws: must stand on the chance floor."""
    rng, shape = np.random.default_rng(seed), (len(test), len(train))
    draws = [_ranking_values(rng.random(shape), labels[test], labels[train], None, ks) for _ in range(n_draws)]
    rows = []
    for name, (_, chance) in draws[0].items():
        mean = float(np.mean([found[name][0].mean() for found in draws]))
        rows.append({"measure": name, "value": mean, "chance": chance, "n": n_draws * len(test)})
    return rows


def voted_hits(
    views: Float[np.ndarray, "n v f"], labels, test: Int[np.ndarray, "t"], ks=KS, base_ids: Names | None = None
) -> list[dict]:
    """The thesis's 9-view baseline as its code has it: hit@k only.

    Each view of a query ranks the other test objects by their nearest view; at every rank the views vote for a class
    (the lower label wins a tie), and a hit is a right class at any of the first k ranks. No chance floor: votes at
    different ranks are not draws from the gallery.
    """
    q, v = len(test), views.shape[1]
    flat, classes = views[test].reshape(q * v, -1), labels[test]
    distance = distances(flat, flat).reshape(q, v, q, v).min(3)
    distance[np.arange(q), :, np.arange(q)] = np.inf
    ranked = classes[np.argsort(distance, axis=2, kind="stable")[:, :, : max(ks)]]
    votes = (ranked[..., None] == np.arange(labels.max() + 1)).sum(1)
    relevant = votes.argmax(-1) == classes[:, None]
    mine = None if base_ids is None else np.array(base_ids)[test]
    return [_row(f"hit@{k}", hit_at_k(relevant, k), float("nan"), mine) for k in ks]


def instance_retrieval(
    features, base_ids: Names, metric: str = "euclidean", queries: Int[np.ndarray, "q"] | None = None
) -> dict[str, float | str]:
    """Find an object's other versions among all others: share of queries whose nearest neighbour is one, and chance.

    `queries`: positions of those that ask; None: all. Such as have no other version are left out.

    Raises:
        BadInput: no query has another version.
    """
    bases = np.array(base_ids)
    same = (bases[:, None] == bases[None]) & ~np.eye(len(bases), dtype=bool)
    queries = np.arange(len(bases)) if queries is None else queries
    queries = queries[same[queries].any(1)]
    if not len(queries):
        raise BadInput("no object has an augmented version", fix="make shapes with --augment 1 or 2")
    own = np.eye(len(bases), dtype=bool)[queries]
    order, _ = rank(distances(features[queries], features, metric), own)
    hits = np.take_along_axis(same[queries], order, 1)[:, 0].astype(float)
    chance = float(same[queries].sum(1).mean() / (len(bases) - 1))
    return _row("hit@1", hits, chance, bases[queries])
