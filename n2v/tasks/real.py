"""Readers of a small collection by cross-validation: every object is asked once, and groups of a kind stay together."""

import numpy as np
from jaxtyping import Bool, Float, Int

from n2v.tasks.bars import pooled_occupancy, ruler
from n2v.tasks.classify import linear_probe, principal_components
from n2v.tasks.metrics import cluster_interval
from n2v.tasks.retrieve import distances
from n2v.zoo.store import Zoo


def cross_read(
    features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, "n"], groups: list[str], n_folds: int = 5
) -> dict[str, Bool[np.ndarray, "n"]]:
    """Which objects two readers get right: nearest neighbour of another group, linear probe of the other folds."""
    from sklearn.model_selection import StratifiedGroupKFold

    names, apart = np.array(groups), distances(features, features)
    apart[names[:, None] == names] = np.inf
    probe = np.zeros(len(labels), bool)
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0)
    for train, test in folds.split(features, labels, names):
        probe[test] = linear_probe(features[train], labels[train], features[test]) == labels[test]
    return {"nearest neighbour": labels[apart.argmin(1)] == labels, "linear probe": probe}


def real_table(zoo: Zoo, embeddings: dict[str, Float[np.ndarray, "n e"]]) -> list[dict]:
    """Embeddings of a zoo of real objects beside what needs no embedding: weights, occupancy, ruler, commonest class.

    Rows {features, reader, accuracy, low, high, n}; intervals draw whole shape groups. Nothing here was trained on the
    objects but the readers, and those not on the ones they are asked about.
    """
    weights, occupied, labels = zoo.field_weights(), zoo.occupied(), zoo.labels
    groups = [row.shape_group for row in zoo.rows]
    known = {
        **embeddings,
        "raw weights, 64 components": principal_components(weights, [], 64)[0],
        "occupancy pooled to 12 cubed": pooled_occupancy(occupied),
        "ruler (seven numbers)": ruler(occupied) / ruler(occupied).std(0).clip(1e-6),
    }
    rows = []
    for name, values in known.items():
        for reader, right in cross_read(np.asarray(values, np.float32), labels, groups).items():
            low, high = cluster_interval(right.astype(float), groups)
            row = {"features": name, "reader": reader, "accuracy": float(right.mean()), "low": low, "high": high}
            rows.append({**row, "n": len(right)})
    commonest = float((labels == np.bincount(labels).argmax()).mean())
    return [*rows, {"features": "commonest class", "reader": "none", "accuracy": commonest, "n": len(labels)}]
