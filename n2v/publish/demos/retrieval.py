"""Who is near whom: the nearest neighbours of one object, judged by class; as an offline page too."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from n2v.embed.embeddings import Embeddings
from n2v.errors import BadInput
from n2v.files import progress
from n2v.nerf.nerf import Nerf
from n2v.publish.demos.page import sprite, write_page
from n2v.tasks.retrieve import distances, rank
from n2v.zoo.store import Zoo


@dataclass(frozen=True)
class Neighbour:
    """One answer; `right`: of the query's class."""

    index: int
    distance: float
    right: bool


def neighbours(
    objects: Embeddings,
    query: int,
    gallery: Int[np.ndarray, "g"],
    k: int = 5,
    features: Float[np.ndarray, "n d"] | None = None,
) -> list[Neighbour]:
    """The k nearest of `gallery` to the object at `query`, without versions of itself, nearest first.

    Args:
        objects: Who they are; their embeddings are compared unless `features` of the same objects are given.
        query: Position of an object.
        gallery: Positions to look among.
        k: How many.
        features: Other features to compare, one row an object.
    """
    values = objects.values if features is None else features
    bases = np.array(objects.base_ids)
    own = bases[gallery] == bases[query]
    if not 1 <= k <= int((~own).sum()):
        raise BadInput(f"k = {k} of {int((~own).sum())} candidates", fix="use a smaller k of at least 1")
    found = distances(values[[query]], values[gallery])
    order, _ = rank(found, own[None])
    names = objects.class_names
    return [
        Neighbour(int(gallery[i]), float(found[0, i]), names[gallery[i]] == names[query]) for i in order[0, :k].tolist()
    ]


def chance(objects: Embeddings, query: int, gallery: Int[np.ndarray, "g"]) -> float:
    """Share of the query's class among its candidates: what a random neighbour is right with."""
    bases, labels = np.array(objects.base_ids), objects.labels
    others = gallery[bases[gallery] != bases[query]]
    return float((labels[others] == labels[query]).mean())


def held_out(objects: Embeddings) -> Int[np.ndarray, "q"]:
    """Positions of the objects that training did not see."""
    return np.concatenate([objects.of_split("val"), objects.of_split("test")])


class Gallery:
    """Objects of a collection, real ones that ask too, and their NeRFs; training objects' first versions answer.

    Args:
        objects: Embeddings of a collection's NeRFs.
        zoo: The collection.
        real: Real objects, embedded by the same model, and their zoo.
    """

    def __init__(self, objects: Embeddings, zoo: Zoo, real: tuple[Embeddings, Zoo] | None = None) -> None:
        if not len(held_out(objects)):
            raise BadInput("no held-out object", fix="use a zoo with a val or test split")
        self.everyone = _joined(objects, real[0]) if real else objects
        self._zoos = [zoo] * len(objects) + ([real[1]] * len(real[0]) if real else [])
        self.trained = self._first_versions(objects.of_split("train"))
        self.held_out, self.real = (
            self._first_versions(part) for part in (held_out(objects), self.everyone.of_split("real"))
        )

    def nerf(self, index: int) -> Nerf:
        """The NeRF at a position."""
        return self._zoos[index][self.everyone.object_ids[index]]

    def raw_weights(self, shown: list[int]) -> Float[np.ndarray, "n w"]:
        """Weights of the NeRFs at these positions, zeros at others."""
        found = {i: self.nerf(i).field_weights.numpy() for i in shown}
        weights = np.zeros((len(self.everyone), len(next(iter(found.values())))), np.float32)
        for i, values in found.items():
            weights[i] = values
        return weights

    def _first_versions(self, positions: Int[np.ndarray, "n"]) -> Int[np.ndarray, "m"]:
        bases = [self.everyone.base_ids[i] for i in positions]
        return positions[np.unique(bases, return_index=True)[1]]


def _joined(objects: Embeddings, real: Embeddings) -> Embeddings:
    """Objects of a collection, then others whose split is "real"."""
    columns = ("object_ids", "base_ids", "class_names", "versions", "shape_groups")
    told = {name: [*getattr(objects, name), *getattr(real, name)] for name in columns}
    values, labels = (np.concatenate([getattr(one, name) for one in (objects, real)]) for name in ("values", "labels"))
    return Embeddings(values=values, labels=labels, splits=[*objects.splits, *["real"] * len(real)], **told)


def write_retrieval_page(
    path: Path,
    objects: Embeddings,
    zoo: Zoo,
    *,
    real: tuple[Embeddings, Zoo] | None = None,
    k: int = 8,
    size_px: int = 64,
    n_queries: int = 200,
) -> Path:
    """Pre-render nearest training objects, by embedding and by raw weights, for whatever can be clicked.

    Args:
        path: Page to write.
        objects: Embeddings of a collection's NeRFs.
        zoo: The collection.
        real: Real objects that may ask too, embedded by the same model, and their zoo.
        k: Most neighbours shown.
        size_px: Side of a picture.
        n_queries: Held-out and real objects to start from, at most so many of each.
    """
    gallery = Gallery(objects, zoo, real)
    everyone, answers = gallery.everyone, gallery.trained
    asking = [spread_out(part, n_queries) for part in (gallery.held_out, gallery.real)]
    shown = sorted({int(i) for part in (answers, *asking) for i in part})
    place, k = {index: i for i, index in enumerate(shown)}, min(k, len(answers) - 1)
    features = {"embeddings": everyone.values, "raw weights": gallery.raw_weights(shown)}
    pictures = [gallery.nerf(i).render(size_px=size_px) for i in progress(shown, desc="thumbnails", unit="NeRF")]
    data = {
        "k": k,
        "objects": [
            {
                "id": everyone.object_ids[i],
                "class_name": everyone.class_names[i],
                "split": everyone.splits[i],
                "chance": round(chance(everyone, i, answers), 4),
            }
            for i in shown
        ],
        "pictures": sprite(pictures, 24),
        "found": {
            name: [[place[one.index] for one in neighbours(everyone, i, answers, k, values)] for i in shown]
            for name, values in features.items()
        },
    }
    return write_page(path, "Nearest neighbours", "retrieval", data)


def spread_out(positions: Int[np.ndarray, "n"], n: int) -> Int[np.ndarray, "m"]:
    """At most n of them, evenly spaced."""
    if not len(positions):
        return positions
    return positions[np.unique(np.linspace(0, len(positions) - 1, min(n, len(positions))).astype(int))]
