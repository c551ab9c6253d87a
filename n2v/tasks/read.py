"""One way to read vectors, for every table in which embeddings are compared.

A linear probe, the thesis's head, nearest neighbours by class, and the other versions of the same object: the same
readers for embeddings and for every bar, with intervals by object beside the spread over training seeds.
"""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int

from n2v.errors import BadInput
from n2v.tasks.bars import bars
from n2v.tasks.head import HeadConfig, check_features, check_finite, mean_and_scale, span_basis, train_head
from n2v.tasks.metrics import Names, average_precision, cluster_interval, hit_at_k, lead, summarise
from n2v.tasks.retrieve import distances, rank
from n2v.zoo.store import Zoo

STANDARD = HeadConfig()  # of the head; where None is given the head is left out
PROBE, HEAD, HIT, MAP, VERSIONS = "linear probe", "head", "hit@1", "mAP@10", "versions found"
Answers = dict[str, Float[np.ndarray, "t"]]  # by measure, in [0, 1]; NaN where there is nothing to find


def linear_probe(train, train_labels, test) -> Int[np.ndarray, "n"]:
    """Logistic regression on standardised features; its strength is chosen by cross-validation on train.

    Where a class has a single training item there is nothing to cross-validate, and the strength is scikit-learn's.

    With more features than items they are first turned into the span of the training items. That changes nothing:
    the best weights of an L2-regularised linear model lie in it (tests/tasks/test_classify.py).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    check_features(train, train_labels)
    check_finite(test)
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
    check_features(train, train_labels)
    if not 1 <= k <= len(train):
        raise BadInput(f"k = {k} of {len(train)} training items", fix="use k from 1 to their number")
    near = train_labels[np.argsort(distances(test, train), axis=1, kind="stable")[:, :k]]
    votes = (near[:, :, None] == near[:, None, :]).sum(2)
    return near[np.arange(len(near)), votes.argmax(1)]


def answers(
    features_train: Float[np.ndarray, "m d"],
    features_test: Float[np.ndarray, "t d"],
    labels: tuple[np.ndarray, np.ndarray],
    objects: tuple[Names, Names],
    head: HeadConfig | None = STANDARD,
    seed: int = 0,
) -> Answers:
    """What each reader makes of each test item, after training on the others.

    hit@1 and mAP@10 rank the training items, own versions left out; "versions found" asks whether the nearest of all
    other items, tested ones too, is a version of the same object. `labels` and `objects` (which object each is a
    version of) are those of the training and the test items; `head` None leaves the head out.
    """
    (y, y_test), t = labels, len(features_test)
    names = np.concatenate([objects[1], objects[0]])
    apart = distances(features_test, np.concatenate([features_test, features_train]))
    own = names[:t, None] == names[None]
    order, allowed = rank(apart[:, t:], own[:, t:])
    relevant = (y[order] == y_test[:, None]) & allowed
    own[np.arange(t), np.arange(t)], apart[np.arange(t), np.arange(t)] = False, np.inf
    nearest_is_own = own[np.arange(t), apart.argmin(1)]
    found = {PROBE: (linear_probe(features_train, y, features_test) == y_test).astype(float)}
    if head is not None:
        found[HEAD] = (train_head(features_train, y, head, seed).predict(features_test) == y_test).astype(float)
    return found | {
        HIT: hit_at_k(relevant, 1),
        MAP: average_precision(relevant, 10),
        VERSIONS: np.where(own.any(1), nearest_is_own, np.nan),
    }


def grouped_folds(labels: Int[np.ndarray, "n"], objects: Names, n_folds: int = 5) -> list[tuple]:
    """Train and test positions of folds in which every item is asked once and versions of an object stay together."""
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = max(2, min(n_folds, int(np.bincount(labels).max())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer objects than folds
        return list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=0).split(labels, labels, objects))


def ask(
    values: np.ndarray | Callable[[Int[np.ndarray, "m"]], np.ndarray],
    labels: Int[np.ndarray, "n"],
    objects: Names,
    split: tuple[np.ndarray, np.ndarray] | None = None,
    head: HeadConfig | None = STANDARD,
    seed: int = 0,
) -> Answers:
    """`answers` about a split (positions to learn from, to ask about), or without one about all, by cross-validation.

    `values`: vectors of all items (n, d), or a function from training positions to them: what it fits, it fits there.
    """
    names, found = np.array(objects), {}
    for train, test in grouped_folds(labels, names) if split is None else [split]:
        x = values(train) if callable(values) else values
        pairs = (labels[train], labels[test]), (names[train], names[test])
        for measure, right in answers(x[train], x[test], *pairs, head, seed).items():
            found.setdefault(measure, np.full(len(labels), np.nan))[test] = right
    return found if split is None else {measure: right[split[1]] for measure, right in found.items()}


def summary(runs: list[Answers], objects: Names, than: list[Answers] | None = None) -> list[dict]:
    """A row a measure: mean, sd over runs (training seeds), and the 95 % interval by object of the mean over runs.

    `lead`: by how much another set of runs on the same items is ahead, with its interval, paired by object.
    """
    rows = []
    for measure in runs[0]:
        values = np.stack([run[measure] for run in runs])
        asked = np.isfinite(values).all(0)
        if not asked.any():
            continue
        names, over_runs, mean = np.array(objects)[asked], summarise(values[:, asked].mean(1)), values[:, asked].mean(0)
        low, high = cluster_interval(mean, names)
        row = {"measure": measure, "value": over_runs["mean"], "low": low, "high": high, "sd": over_runs["sd"]}
        row |= {"runs": len(runs), "n": int(asked.sum()), "n_objects": len(np.unique(names))}
        if than is not None:
            ours = np.mean([run[measure][asked] for run in than], 0)
            row |= dict(zip(("lead", "lead_low", "lead_high"), lead(ours, mean, names), strict=True))
        rows.append(row)
    return rows


def read_all(
    kinds: dict[str, np.ndarray | Callable],
    labels: Int[np.ndarray, "n"],
    objects: Names,
    split: tuple[np.ndarray, np.ndarray] | None = None,
    head: HeadConfig | None = STANDARD,
    seeds: tuple[int, ...] = (0,),
) -> list[dict]:
    """Rows {features, measure, ...} of several kinds of vectors, and the first kind's lead over each other.

    `kinds` as from `bars`, the rest as of `ask`, over several seeds of the head.
    """
    names, rows, first = np.array(objects), [], None
    asked = np.arange(len(labels)) if split is None else split[1]
    for kind, values in kinds.items():
        runs = [ask(values, labels, names, split, head, seed) for seed in seeds]
        rows += [{"features": kind, **row} for row in summary(runs, names[asked], first)]
        first = first or runs
    return rows


def wide(rows: list[dict]) -> list[dict]:
    """The same with a row a kind of vectors: features, n, and every measure with its interval."""
    table: dict[str, dict] = {}
    for row in rows:
        line, name = table.setdefault(row["features"], {"features": row["features"], "n": row["n"]}), row["measure"]
        line |= {name: row["value"], f"{name}, low": row["low"], f"{name}, high": row["high"]}
    return list(table.values())


def with_intervals(rows: list[dict], measures: tuple[str, ...] = (PROBE, HEAD, HIT)) -> list[dict]:
    """The same for readers: a row a kind of vectors: features, n, and each measure as "0.58 (0.46 to 0.70)"."""
    table: dict[str, dict] = {}
    for row in rows:
        line = table.setdefault(row["features"], {"features": row["features"], "n": row["n"]})
        if row["measure"] in measures:
            line[row["measure"]] = f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    return list(table.values())


def real_table(zoo: Zoo, embeddings: dict[str, np.ndarray], head: HeadConfig | None = STANDARD) -> list[dict]:
    """Embeddings of a zoo of real objects beside every bar: rows {features, measure, ...} by cross-validation.

    Intervals draw whole shape groups. Only readers and bars were trained on the objects, on other ones than are asked.
    """
    groups, labels = [row.shape_group for row in zoo.rows], zoo.labels
    rows = read_all({**embeddings, **bars(zoo, groups)}, labels, groups, None, head)
    commonest = float((labels == np.bincount(labels).argmax()).mean())
    return [*rows, {"features": "commonest class", "measure": "none", "value": commonest, "n": len(labels)}]


def reader_measures(kinds: dict, zoo: Zoo, train, held_out, head: HeadConfig = STANDARD, seed: int = 0) -> dict:
    """Every reader of each kind of vectors (as `read_all` takes them): kind -> {linear_probe, head, hit_at_1, ...}."""
    found, ids = {}, [row.base_id for row in zoo.rows]
    for row in read_all(kinds, zoo.labels, ids, (train, held_out), head, (seed,)):
        name = row["measure"].lower().replace("@", "_at_").replace(" ", "_")
        found.setdefault(row["features"], {})[name] = row["value"]
    return found
