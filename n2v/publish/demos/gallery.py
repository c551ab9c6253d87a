"""Who is near whom: the nearest training objects of any object, by embedding and by raw weights."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from n2v.embed.embeddings import Embeddings
from n2v.errors import BadInput
from n2v.nerf.nerf import Nerf
from n2v.tasks.retrieve import distances
from n2v.zoo.store import Zoo


class Neighbour(NamedTuple):
    """One answer; `right`: of the query's class."""

    index: int
    distance: float
    right: bool


class Gallery:
    """Objects of a collection and their NeRFs: first versions of training objects answer, others ask too.

    Args:
        objects: Embeddings of a collection's NeRFs.
        zoo: The collection.
        real: Real objects, embedded by the same model, and their zoo.
    """

    def __init__(self, objects: Embeddings, zoo: Zoo, real: tuple[Embeddings, Zoo] | None = None) -> None:
        parts = [(objects, zoo), *([real] if real else [])]
        self.ids, self.bases, self.class_names = (
            [one for part, _ in parts for one in getattr(part, name)]
            for name in ("object_ids", "base_ids", "class_names")
        )
        self.splits = [*objects.splits, *["real"] * (len(self.ids) - len(objects))]
        self._zoos = [place for part, place in parts for _ in part.object_ids]
        weights = [place.field_weights([place.index_of(name) for name in part.object_ids]) for part, place in parts]
        self.features = {
            "embeddings": np.concatenate([part.values for part, _ in parts]),
            "raw weights": np.concatenate(weights),
        }
        self.trained, self.held_out, self.real = map(self._first_versions, (("train",), ("val", "test"), ("real",)))
        if not len(self.held_out):
            raise BadInput("no held-out object", fix="use a zoo with a val or test split")

    def nerf(self, index: int) -> Nerf:
        """The NeRF at a position."""
        return self._zoos[index][self.ids[index]]

    def told(self, index: int) -> dict[str, str]:
        """Who it is."""
        return {"id": self.ids[index], "class_name": self.class_names[index], "split": self.splits[index]}

    def neighbours(self, query: int, k: int, space: str = "embeddings") -> list[Neighbour]:
        """The k training objects nearest to a query, without versions of itself, nearest first."""
        candidates, values = self._candidates(query), self.features[space]
        if not 1 <= k <= len(candidates):
            raise BadInput(f"k = {k} of {len(candidates)} candidates", fix="use a smaller k of at least 1")
        far = distances(values[[query]], values[candidates])[0]
        return [
            Neighbour(int(candidates[i]), float(far[i]), self.class_names[candidates[i]] == self.class_names[query])
            for i in np.argsort(far, kind="stable")[:k]
        ]

    def chance(self, query: int) -> float:
        """Share of the query's class among its candidates: what a random neighbour is right with."""
        return float(np.mean([self.class_names[i] == self.class_names[query] for i in self._candidates(query)]))

    def _candidates(self, query: int) -> Int[np.ndarray, "c"]:
        return np.array([i for i in self.trained if self.bases[i] != self.bases[query]])

    def _first_versions(self, splits: tuple[str, ...]) -> Int[np.ndarray, "m"]:
        first = {self.bases[i]: i for i in range(len(self.ids))[::-1] if self.splits[i] in splits}
        return np.array(sorted(first.values()), int)
