"""Who is near whom: the nearest neighbours of one object, judged by class; as an offline page too."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from n2v.embed.embeddings import Embeddings
from n2v.errors import BadInput
from n2v.publish.demos.page import sprite, thumbnails, write_page
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


def write_retrieval_page(
    path: Path, objects: Embeddings, zoo: Zoo, *, k: int = 10, size_px: int = 64, n_queries: int = 200
) -> Path:
    """Pre-render the k nearest training objects of up to `n_queries` held-out objects."""
    queries, gallery = held_out(objects), objects.of_split("train")
    if not len(queries):
        raise BadInput("no held-out object", fix="use a zoo with a val or test split")
    queries = queries[np.unique(np.linspace(0, len(queries) - 1, min(n_queries, len(queries))).astype(int))]
    k = min(k, len(gallery))
    found = {int(query): neighbours(objects, int(query), gallery, k) for query in queries}
    shown = sorted({*found, *(one.index for answers in found.values() for one in answers)})
    place = {index: i for i, index in enumerate(shown)}
    data = {
        "k": k,
        "objects": [{"id": objects.object_ids[i], "class_name": objects.class_names[i]} for i in shown],
        "pictures": sprite(thumbnails(zoo, [objects.object_ids[i] for i in shown], size_px), 24),
        "queries": [
            {
                "index": place[query],
                "chance": round(chance(objects, query, gallery), 4),
                "found": [[place[one.index], round(one.distance, 4)] for one in answers],
            }
            for query, answers in found.items()
        ],
    }
    return write_page(path, "Nearest neighbours", "retrieval", data)
