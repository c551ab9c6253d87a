"""What the published split's leak is worth: versions of test objects in train, against the same without them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Int

from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.seeds import child_seed
from n2v.tasks.head import HeadConfig, train_head
from n2v.tasks.metrics import cluster_interval, summarise
from n2v.zoo.splits import assign, groups

PUBLISHED, WITHOUT, CORRECTED = "as published", "as published, twins taken out of train", "corrected"


def leak_splits(
    items: Sequence[Identity], seed: int = 0
) -> dict[str, tuple[Int[np.ndarray, "m"], Int[np.ndarray, "t"]]]:
    """Train and test positions under three rules, with equally many training items of each class under all of them.

    The published rule as it is; the same test items, but every version of them taken out of train; the corrected rule.
    Nothing is tuned here, so validation joins the test items.

    Raises:
        BadInput: the published rule, which rounds a tenth down, leaves nothing to test.
    """
    family = np.array(groups(items))
    classes = np.array([item.class_name for item in items])
    parts = {}
    for name, rule in ((PUBLISHED, "as_published"), (CORRECTED, "corrected")):
        held = _held_out(items, rule, seed)
        parts[name] = np.flatnonzero(~held), np.flatnonzero(held)
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
    family, rows = groups(items), []
    draws = [leak_splits(items, seed) for seed in seeds]
    for kind, values in features.items():
        right = {name: [] for name in draws[0]}
        for seed, parts in zip(seeds, draws, strict=True):
            for name, (train, test) in parts.items():
                predicted = train_head(values[train], labels[train], config, seed).predict(values[test])
                right[name].append((predicted == labels[test]).astype(float))
        for name, runs in right.items():
            test = np.concatenate([parts[name][1] for parts in draws])
            row = {"features": kind, "split": name, **_summary(runs, [family[i] for i in test])}
            row["n_train"] = len(draws[0][name][0])
            row["test items with a version in train"] = float(
                np.mean([_leaked(family, *parts[name]) for parts in draws])
            )
            if name == PUBLISHED:
                row |= _gain(np.concatenate(runs) - np.concatenate(right[WITHOUT]), [family[i] for i in test])
            rows.append(row)
    return rows


def _summary(runs: list[np.ndarray], family: list[str]) -> dict:
    """Accuracy over all draws, its spread over draws, and its interval by family."""
    over_runs, (low, high) = summarise([run.mean() for run in runs]), cluster_interval(np.concatenate(runs), family)
    return {
        "accuracy": over_runs["mean"],
        "sd": over_runs["sd"],
        "runs": len(runs),
        "n": sum(map(len, runs)),
        "n_objects": len(set(family)),
        "low_objects": low,
        "high_objects": high,
    }


def _gain(difference: np.ndarray, family: list[str]) -> dict[str, float]:
    """Mean of differences in [-1, 1] and its interval by family."""
    low, high = cluster_interval((difference + 1) / 2, family)
    return {"gain": float(difference.mean()), "gain_low": 2 * low - 1, "gain_high": 2 * high - 1}


def _leaked(family: list[str], train: np.ndarray, test: np.ndarray) -> float:
    trained = {family[i] for i in train}
    return float(np.mean([family[i] in trained for i in test]))
