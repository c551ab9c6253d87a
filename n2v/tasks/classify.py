"""The thesis's classifier on embeddings or flat weights, and simpler readers beside it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.scenes.classes import CLASSES
from n2v.seeds import child_seed
from n2v.tasks.metrics import confusion_matrix, macro_f1, summarise, wilson_interval


@dataclass(frozen=True)
class HeadConfig:
    """Thesis Fig 4.2: blocks of linear, batch norm, ReLU and dropout, then logits; 150 epochs of cross-entropy."""

    widths: tuple[int, ...] = (512, 256, 128)
    dropout: float = 0.5
    n_epochs: int = 150
    batch_size: int = 256
    learning_rate: float = 1e-3  # peak of the one-cycle schedule, AdamW (authors' code)
    weight_decay: float = 1e-2


class Head:
    """A trained classifier: standardises with its training features, then predicts labels."""

    def __init__(self, net: nn.Module, mean: torch.Tensor, scale: torch.Tensor) -> None:
        self.net, self.mean, self.scale = net.eval(), mean, scale

    @torch.no_grad()
    def logits(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n c"]:
        """Unnormalised log-probabilities; refuses features that are not finite."""
        if not np.isfinite(features).all():
            raise BadInput("features are not finite", fix="embed again")
        return self.net((torch.as_tensor(features, dtype=torch.float32) - self.mean) / self.scale).numpy()

    def predict(self, features: Float[np.ndarray, "n d"]) -> Int[np.ndarray, "n"]:
        """Most likely label."""
        return self.logits(features).argmax(1)


def train_head(
    features: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, "n_labels"],
    config: HeadConfig | None = None,
    seed: int = 0,
    n_classes: int = len(CLASSES),
) -> Head:
    """Train the thesis's head.

    Raises:
        BadInput: features that are not finite, a single class, fewer than two items, or labels beyond `n_classes`.
    """
    config = config or HeadConfig()
    check_features(features, labels)
    if not 0 <= labels.min() <= labels.max() < n_classes:
        raise BadInput(f"labels from {labels.min()} to {labels.max()}", fix=f"use 0 to {n_classes - 1}")
    torch.manual_seed(child_seed(seed, "head"))
    inputs, targets = torch.as_tensor(features, dtype=torch.float32), torch.as_tensor(labels)
    mean, scale = inputs.mean(0), inputs.std(0)
    scale = torch.where(scale > 1e-8, scale, torch.ones_like(scale))  # constant features (padding rows) stay 0
    inputs = (inputs - mean) / scale
    layers, width = [], inputs.shape[1]
    for next_width in config.widths:
        layers += [nn.Linear(width, next_width), nn.BatchNorm1d(next_width), nn.ReLU(), nn.Dropout(config.dropout)]
        width = next_width
    net = nn.Sequential(*layers, nn.Linear(width, n_classes))
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    n_batches = max(1, len(inputs) // max(2, config.batch_size))  # batch norm never meets a single item
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.n_epochs * n_batches)
    for _ in range(config.n_epochs):
        for chosen in torch.randperm(len(inputs)).tensor_split(n_batches):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[chosen]), targets[chosen]).backward()
            optimiser.step()
            schedule.step()
    return Head(net, mean, scale)


def check_features(features: np.ndarray, labels: np.ndarray) -> None:
    """Refuse what no classifier can learn from."""
    if not np.isfinite(features).all():
        raise BadInput("features are not finite", fix="embed again")
    if len(features) != len(labels):
        raise BadInput(f"{len(features)} features for {len(labels)} labels", fix="give one label a feature")
    if len(np.unique(labels)) < 2:
        raise BadInput("training items of a single class", fix="use a collection with at least two classes")


def principal_components(train: Float[np.ndarray, "n d"], others: list[np.ndarray], n: int = 64) -> list[np.ndarray]:
    """Train and other features in the first n principal components of the training features."""
    from sklearn.decomposition import PCA

    front = PCA(min(n, len(train) - 1), svd_solver="full").fit(train)
    return [front.transform(train), *(front.transform(other) for other in others)]


def linear_probe(train, train_labels, test) -> Int[np.ndarray, "n"]:
    """Logistic regression on standardised features; its strength is chosen by cross-validation on train.

    Where a class has a single training item there is nothing to cross-validate, and the strength is scikit-learn's.

    With more features than items they are first turned into the span of the training items. That changes nothing:
    the best weights of an L2-regularised linear model lie in it (tests/tasks/test_tasks.py).
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_features(train, train_labels)
    if not np.isfinite(test).all():
        raise BadInput("features are not finite", fix="embed again")
    turn = [PCA(svd_solver="full")] if train.shape[1] > len(train) else []
    model = make_pipeline(StandardScaler(), *turn, LogisticRegression(max_iter=2000))
    folds = min(3, int(np.bincount(train_labels)[np.unique(train_labels)].min()))
    if folds < 2:
        return model.fit(train, train_labels).predict(test)
    choices = {"logisticregression__C": [0.003, 0.03, 0.3]}
    search = GridSearchCV(model, choices, cv=StratifiedKFold(folds, shuffle=True, random_state=0))
    return search.fit(train, train_labels).predict(test)


def nearest_neighbour(train, train_labels, test) -> Int[np.ndarray, "n"]:
    """Label of the nearest training item (Euclidean)."""
    from n2v.tasks.retrieve import distances

    check_features(train, train_labels)
    return train_labels[distances(test, train).argmin(1)]


def evaluate(labels: Int[np.ndarray, "n"], predictions: list[Int[np.ndarray, "n"]]) -> dict:
    """Accuracy and macro-F1 over repeated runs on one test set.

    `low` and `high` are the Wilson interval of the mean accuracy for this number of test items: how far another
    test set would move it. `sd` is over the runs: how far another seed would.
    """
    right = [float((predicted == labels).mean()) for predicted in predictions]
    over_runs = summarise(right)
    low, high = wilson_interval(round(over_runs["mean"] * len(labels)), len(labels))
    return {
        "accuracy": over_runs["mean"],
        "sd": over_runs["sd"],
        "runs": len(right),
        "n": len(labels),
        "low": low,
        "high": high,
        "macro_f1": float(np.mean([macro_f1(labels, predicted) for predicted in predictions])),
    }


def compare(
    features: dict[str, Float[np.ndarray, "n d"]],
    labels: Int[np.ndarray, "n"],
    train: Int[np.ndarray, "m"],
    test: Int[np.ndarray, "t"],
    config: HeadConfig | None = None,
    seeds: tuple[int, ...] = (0, 1, 2),
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Every kind of feature through head, linear probe and nearest neighbour, and the head on shuffled labels.

    Returns:
        Rows {features, reader, accuracy, sd, runs, n, low, high, macro_f1}, and the first run's confusion matrix of
        the head for each kind of feature.
    """
    rows, confusions = [], {}
    for name, values in features.items():
        x, y, x_test, y_test = values[train], labels[train], values[test], labels[test]
        heads = [train_head(x, y, config, seed).predict(x_test) for seed in seeds]
        confusions[name] = confusion_matrix(y_test, heads[0], len(CLASSES))
        shuffled = [
            train_head(x, np.random.default_rng(seed).permutation(y), config, seed).predict(x_test) for seed in seeds
        ]
        readers = {
            "head": heads,
            "linear probe": [linear_probe(x, y, x_test)],
            "nearest neighbour": [nearest_neighbour(x, y, x_test)],
            "head, shuffled labels": shuffled,
        }
        rows += [{"features": name, "reader": reader, **evaluate(y_test, runs)} for reader, runs in readers.items()]
    return rows, confusions
