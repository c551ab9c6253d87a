"""Readers of embeddings and flat weights side by side: the thesis's head, a linear probe, nearest neighbours."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.tasks.head import Head, HeadConfig, check_features, mean_and_scale, span_basis, train_head
from n2v.tasks.metrics import cluster_interval, macro_f1, summarise, wilson_interval

__all__ = ["Head", "HeadConfig", "train_head"]  # used from here too


def principal_components(train: Float[np.ndarray, "n d"], others: list[np.ndarray], n: int = 64) -> list[np.ndarray]:
    """Train and other features in the first n principal components of the training features."""
    from sklearn.decomposition import PCA

    front = PCA(min(n, len(train) - 1, train.shape[1]), svd_solver="full").fit(train)
    return [front.transform(train), *(front.transform(other) for other in others)]


def linear_probe(train, train_labels, test) -> Int[np.ndarray, "n"]:
    """Logistic regression on standardised features; its strength is chosen by cross-validation on train.

    Where a class has a single training item there is nothing to cross-validate, and the strength is scikit-learn's.

    With more features than items they are first turned into the span of the training items. That changes nothing:
    the best weights of an L2-regularised linear model lie in it (tests/tasks/test_classify.py).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    check_features(train, train_labels)
    if not np.isfinite(test).all():
        raise BadInput("features are not finite", fix="embed again")
    x, x_test = (torch.as_tensor(values, dtype=torch.float32) for values in (train, test))
    mean, scale = mean_and_scale(x)
    x, x_test = (x - mean) / scale, (x_test - mean) / scale
    if x.shape[1] > len(x):
        basis = span_basis(x)
        x, x_test = x @ basis, x_test @ basis
    folds = min(3, int(np.bincount(train_labels)[np.unique(train_labels)].min()))
    model = LogisticRegression(max_iter=2000)
    if folds >= 2:
        split = StratifiedKFold(folds, shuffle=True, random_state=0)
        model = GridSearchCV(model, {"C": [0.003, 0.03, 0.3]}, cv=split)
    return model.fit(x.numpy(), train_labels).predict(x_test.numpy())


def nearest_neighbour(train, train_labels, test, k: int = 1) -> Int[np.ndarray, "n"]:
    """Most frequent label among the k nearest training items (Euclidean); of equally frequent ones the nearest's."""
    from n2v.tasks.retrieve import distances

    check_features(train, train_labels)
    if not 1 <= k <= len(train):
        raise BadInput(f"k = {k} of {len(train)} training items", fix="use k from 1 to their number")
    near = train_labels[np.argsort(distances(test, train), axis=1, kind="stable")[:, :k]]
    votes = (near[:, :, None] == near[:, None, :]).sum(2)
    return near[np.arange(len(near)), votes.argmax(1)]


def evaluate(
    labels: Int[np.ndarray, "n"], predictions: list[Int[np.ndarray, "n"]], base_ids: list[str] | None = None
) -> dict:
    """Accuracy and macro-F1 over repeated runs on one test set.

    `low` and `high` are the Wilson interval of the mean accuracy, as if all test items were independent; with
    `base_ids`, `low_objects` and `high_objects` count the `n_objects` base objects instead (versions of one object are
    not independent). They say how far another test set would move it; `sd` how far another seed would.
    """
    right = np.stack([predicted == labels for predicted in predictions])
    over_runs = summarise(right.mean(1))
    low, high = wilson_interval(over_runs["mean"] * len(labels), len(labels))
    row = {
        "accuracy": over_runs["mean"],
        "sd": over_runs["sd"],
        "runs": len(right),
        "n": len(labels),
        "low": low,
        "high": high,
        "macro_f1": float(np.mean([macro_f1(labels, predicted) for predicted in predictions])),
    }
    if base_ids is not None:
        low, high = cluster_interval(right.mean(0), base_ids)
        row |= {"n_objects": len(set(base_ids)), "low_objects": low, "high_objects": high}
    return row


def by_class(
    labels: Int[np.ndarray, "n"], predicted: Int[np.ndarray, "n"], names: Sequence[str] = CLASSES
) -> list[dict]:
    """Precision, recall and F1 of each class among the labels, and what it is most often taken for.

    `names` by label: `n2v.scenes.classes.names_of` where there are other classes than the thirteen.
    """
    rows = []
    for label in np.unique(labels):
        mine, named = labels == label, predicted == label
        hits = int((mine & named).sum())
        wrong = predicted[mine & ~named]
        rows.append(
            {
                "class": names[label],
                "n": int(mine.sum()),
                "precision": hits / named.sum() if named.any() else None,
                "recall": hits / mine.sum(),
                "f1": 2 * hits / (mine.sum() + named.sum()),
                "most often taken for": names[np.bincount(wrong).argmax()] if len(wrong) else "",
            }
        )
    return rows


def compare(
    features: dict[str, Float[np.ndarray, "n d"]],
    labels: Int[np.ndarray, "n"],
    train: Int[np.ndarray, "m"],
    test: Int[np.ndarray, "t"],
    config: HeadConfig | None = None,
    seeds: tuple[int, ...] = (0, 1, 2),
    base_ids: list[str] | None = None,
    shuffle: tuple[str, ...] | None = None,
) -> tuple[list[dict], dict[str, list[Int[np.ndarray, "t"]]]]:
    """Every kind of feature through head, linear probe and nearest neighbours.

    `shuffle` names the kinds that also get the control, the head on shuffled labels; None: all.

    Returns:
        Rows {features, reader, and what `evaluate` measures}, and the heads' predictions for each kind of feature.
    """
    rows, heads = [], {}
    mine = None if base_ids is None else [base_ids[i] for i in test]
    for name, values in features.items():
        x, y, x_test, y_test = values[train], labels[train], values[test], labels[test]
        heads[name] = [train_head(x, y, config, seed).predict(x_test) for seed in seeds]
        readers = {
            "head": heads[name],
            "linear probe": [linear_probe(x, y, x_test)],
            "nearest neighbour": [nearest_neighbour(x, y, x_test)],
            "5 nearest neighbours": [nearest_neighbour(x, y, x_test, min(5, len(x)))],
        }
        if shuffle is None or name in shuffle:
            orders = [np.random.default_rng(seed).permutation(y) for seed in seeds]
            readers["head, shuffled labels"] = [
                train_head(x, order, config, seed).predict(x_test) for order, seed in zip(orders, seeds, strict=True)
            ]
        rows += [
            {"features": name, "reader": reader, **evaluate(y_test, runs, mine)} for reader, runs in readers.items()
        ]
    return rows, heads


def leave_one_out(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, "n"]) -> float:
    """Accuracy of the nearest other item's class."""
    hits = [
        nearest_neighbour(np.delete(features, i, 0), np.delete(labels, i), features[i : i + 1])[0] == labels[i]
        for i in range(len(features))
    ]
    return float(np.mean(hits))
