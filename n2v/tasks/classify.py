"""Classifiers side by side as in Table 4.1, and what the published split's leak is worth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed
from n2v.tasks.head import HeadConfig, train_head
from n2v.tasks.metrics import cluster_interval, lead, summarise, wilson_interval
from n2v.tasks.read import linear_probe, nearest_neighbour
from n2v.tasks.retrieve import distances
from n2v.zoo.splits import assign, groups

PUBLISHED, WITHOUT, CORRECTED = "as published", "as published, twins taken out of train", "corrected"


def evaluate(
    labels: Int[np.ndarray, "n"], predictions: list[Int[np.ndarray, "n"]], base_ids: list[str] | None = None
) -> dict:
    """Accuracy and macro-F1 over repeated runs on one test set.

    `low` and `high` are the Wilson interval of the mean accuracy, as if all test items were independent; with
    `base_ids`, `low_objects` and `high_objects` count the `n_objects` base objects instead (versions of one object are
    not independent). They say how far another test set would move it; `sd` how far another seed would.
    """
    from sklearn.metrics import f1_score

    right = np.stack([predicted == labels for predicted in predictions])
    over_runs, n, known = summarise(right.mean(1)), len(labels), np.unique(labels)
    low, high = wilson_interval(over_runs["mean"] * n, n)
    scores = [f1_score(labels, one, labels=known, average="macro", zero_division=0) for one in predictions]
    row = {"accuracy": over_runs["mean"], "sd": over_runs["sd"], "runs": len(right), "n": n, "low": low, "high": high}
    row["macro_f1"] = float(np.mean(scores))
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
    from sklearn.metrics import precision_recall_fscore_support

    known, rows = np.unique(labels), []
    scores = precision_recall_fscore_support(labels, predicted, labels=known, zero_division=np.nan)
    for label, precision, recall, f1, n in zip(known, *scores, strict=True):
        wrong = predicted[(labels == label) & (predicted != label)]
        taken_for = names[np.bincount(wrong).argmax()] if len(wrong) else ""
        row = {"class": names[label], "n": int(n), "precision": None if np.isnan(precision) else precision}
        rows.append({**row, "recall": recall, "f1": f1, "most often taken for": taken_for})
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
    """Every kind of features through head, linear probe and nearest neighbours.

    `shuffle` names the kinds that also get the control, the head on shuffled labels; None: all.

    Returns:
        Rows {features, reader, and what `evaluate` measures}, and the heads' predictions for each kind of features.
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
            orders = {seed: np.random.default_rng(seed).permutation(y) for seed in seeds}
            shuffled = [train_head(x, order, config, seed).predict(x_test) for seed, order in orders.items()]
            readers["head, shuffled labels"] = shuffled
        rows += [
            {"features": name, "reader": reader, **evaluate(y_test, runs, mine)} for reader, runs in readers.items()
        ]
    return rows, heads


def leave_one_out(features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, "n"]) -> float:
    """Accuracy of the nearest other item's class."""
    apart = distances(features, features)
    np.fill_diagonal(apart, np.inf)
    return float((labels[apart.argmin(1)] == labels).mean())


def leak_splits(
    items: Sequence[Identity], seed: int = 0
) -> dict[str, tuple[Int[np.ndarray, "m"], Int[np.ndarray, "t"]]]:
    """Train and test positions under three rules, with equally many training items of each class under all of them.

    The published rule as it is; the same test items, but every version of them taken out of train; the corrected rule.
    Nothing is tuned here, so validation joins the test items.

    Raises:
        BadInput: the published rule, which rounds a tenth down, leaves nothing to test.
    """
    family, classes = np.array(groups(items)), np.array([item.class_name for item in items])
    held = {PUBLISHED: _held_out(items, "as_published", seed), CORRECTED: _held_out(items, "corrected", seed)}
    parts = {name: (np.flatnonzero(~out), np.flatnonzero(out)) for name, out in held.items()}
    train, test = parts[PUBLISHED]
    if not len(test):
        raise BadInput("the published rule tests nothing here", fix="use at least 10 objects a class and version")
    parts[WITHOUT] = train[~np.isin(family[train], family[test])], test
    rng, chosen = np.random.default_rng(child_seed(seed, "leak")), {name: [] for name in parts}
    for class_name in np.unique(classes):
        members = {name: train[classes[train] == class_name] for name, (train, _) in parts.items()}
        n = min(map(len, members.values()))
        for name, mine in members.items():
            chosen[name].append(rng.permutation(mine)[:n])
    return {name: (np.sort(np.concatenate(chosen[name])), parts[name][1]) for name in (PUBLISHED, WITHOUT, CORRECTED)}


def _held_out(items: Sequence[Identity], rule: str, seed: int) -> Bool[np.ndarray, "n"]:
    """Which items a rule keeps from training. The published rule has one seed of its own: other draws, other names."""
    names = [item.object_id for item in items]
    if rule == "as_published" and seed:
        order = np.random.default_rng(child_seed(seed, "names")).permutation(len(items))
        names = [f"{place:09d}" for place in order]
    renamed = [replace(item, object_id=name) for item, name in zip(items, names, strict=True)]
    splits = assign(renamed, rule, seed)
    return np.array([splits[name] != "train" for name in names])


def leak_study(
    features: dict[str, Float[np.ndarray, "n d"]],
    items: Sequence[Identity],
    labels: Int[np.ndarray, "n"],
    config: HeadConfig | None = None,
    seeds: tuple[int, ...] = (0, 1, 2),
) -> list[dict]:
    """Accuracy of the thesis's head under each rule; a seed draws the splits anew and starts another head.

    `gain` is the accuracy above the one without twins, on the same test items; intervals count families of objects (all
    versions and recolours), over all draws. Only the classifier's training is changed: an encoder that made the
    features may have seen test objects, without their labels.
    """
    family, rows = np.array(groups(items)), []
    draws = [leak_splits(items, seed) for seed in seeds]
    for kind, values in features.items():
        right = {
            name: [
                (train_head(values[train], labels[train], config, seed).predict(values[test]) == labels[test]) * 1.0
                for seed, (train, test) in ((seed, parts[name]) for seed, parts in zip(seeds, draws, strict=True))
            ]
            for name in draws[0]
        }
        for name, runs in right.items():
            tested = family[np.concatenate([parts[name][1] for parts in draws])]
            over_runs = summarise([run.mean() for run in runs])
            low, high = cluster_interval(np.concatenate(runs), tested)
            row = {"features": kind, "split": name, "accuracy": over_runs["mean"], "sd": over_runs["sd"]}
            row |= {"runs": len(runs), "n": len(tested), "n_objects": len(set(tested))}
            row |= {"low_objects": low, "high_objects": high, "n_train": len(draws[0][name][0])}
            leaked = [np.isin(family[parts[name][1]], family[parts[name][0]]).mean() for parts in draws]
            row["test items with a version in train"] = float(np.mean(leaked))
            if name == PUBLISHED:
                gains = lead(np.concatenate(runs), np.concatenate(right[WITHOUT]), tested)
                row |= dict(zip(("gain", "gain_low", "gain_high"), gains, strict=True))
            rows.append(row)
    return rows
