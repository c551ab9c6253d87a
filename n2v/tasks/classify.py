"""Classes one by one, and what the published split's leak is worth."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed
from n2v.tasks.head import HeadConfig, train_head
from n2v.tasks.metrics import cluster_interval, lead, summarise
from n2v.tasks.retrieve import distances
from n2v.zoo.splits import assign, groups

PUBLISHED, WITHOUT, CORRECTED = "as published", "as published, twins taken out of train", "corrected"


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
        runs = {}
        for name in draws[0]:
            runs[name] = []
            for seed, (train, test) in zip(seeds, (parts[name] for parts in draws), strict=True):
                found = train_head(values[train], labels[train], config, seed).predict(values[test])
                runs[name].append((found == labels[test]) * 1.0)
        for name, right in runs.items():
            tested = family[np.concatenate([parts[name][1] for parts in draws])]
            low, high = cluster_interval(np.concatenate(right), tested)
            over_runs = summarise([run.mean() for run in right])
            leaked = [np.isin(family[parts[name][1]], family[parts[name][0]]).mean() for parts in draws]
            row = {"features": kind, "split": name, "accuracy": over_runs["mean"], "sd": over_runs["sd"]}
            row |= {"runs": len(right), "n": len(tested), "n_objects": len(set(tested)), "low_objects": low}
            row |= {"high_objects": high, "n_train": len(draws[0][name][0])}
            row["test items with a version in train"] = float(np.mean(leaked))
            if name == PUBLISHED:
                gains = lead(*(np.concatenate(runs[one]) for one in (PUBLISHED, WITHOUT)), tested)
                row |= dict(zip(("gain", "gain_low", "gain_high"), gains, strict=True))
            rows.append(row)
    return rows
