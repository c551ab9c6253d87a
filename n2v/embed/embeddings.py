"""Embeddings of a whole zoo in one file, with what the tasks need to know of each object."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import nn

from n2v.embed.refine import refined
from n2v.errors import BadInput
from n2v.files import atomic_path
from n2v.identity import Identity
from n2v.scenes.classes import label_of
from n2v.zoo.store import Zoo


@dataclass(frozen=True)
class Embeddings:
    """n embeddings and the identity of the NeRFs they came from, in the zoo's order."""

    values: Float[np.ndarray, "n e"]
    object_ids: list[str]
    base_ids: list[str]
    class_names: list[str]
    labels: Int[np.ndarray, "n"]
    versions: list[int]
    shape_groups: list[str]
    splits: list[str]

    @classmethod
    def of(
        cls,
        values: Float[np.ndarray, "n e"],
        objects: Sequence[Identity],
        labels: Int[np.ndarray, "n"],
        splits: list[str],
    ) -> "Embeddings":
        """Of objects by their identities."""
        told = {"object_ids": "object_id", "base_ids": "base_id", "class_names": "class_name"}
        told |= {"versions": "version", "shape_groups": "shape_group"}
        columns = {name: [getattr(one, each) for one in objects] for name, each in told.items()}
        return cls(values=values, labels=labels, splits=splits, **columns)

    @property
    def objects(self) -> list[Identity]:
        """Who each is."""
        told = zip(self.object_ids, self.class_names, self.base_ids, self.versions, self.shape_groups, strict=True)
        return [
            Identity(name, kind, base_id=base, version=version, shape_group=group)
            for name, kind, base, version, group in told
        ]

    def __len__(self) -> int:
        return len(self.values)

    def of_split(self, split: str) -> Int[np.ndarray, "m"]:
        """Positions of one split."""
        return np.flatnonzero(np.array(self.splits) == split)

    def index_of(self, object_id: str) -> int:
        """Position of an object."""
        if object_id not in self.object_ids:
            raise BadInput(f"no object '{object_id}'", fix=f"for example: {', '.join(self.object_ids[:3])}")
        return self.object_ids.index(object_id)

    def save(self, path: Path) -> None:
        """Write one safetensors file."""
        identity = {
            name: getattr(self, name)
            for name in ("object_ids", "base_ids", "class_names", "versions", "shape_groups", "splits")
        }
        tensors = {"values": np.ascontiguousarray(self.values, np.float32), "labels": self.labels.astype(np.int64)}
        with atomic_path(Path(path)) as temporary:
            save_file(tensors, temporary, metadata={"identity": json.dumps(identity)})

    @classmethod
    def load(cls, path: Path) -> "Embeddings":
        """Read a file written by `save`, or published embeddings (.h5 or a folder of them: n2v.formats.embeddings).

        Raises:
            BadInput: no or broken files, values that are not finite.
        """
        if Path(path).is_dir() or Path(path).suffix == ".h5":
            from n2v.formats.embeddings import read_h5

            values, objects, splits = read_h5(Path(path))
            labels = [label_of(one.class_name) for one in objects]
            return cls.of(values, objects, np.array(labels, np.int64), splits)
        fix = "make it with: n2v embed RUN ZOO --out FILE"
        if not Path(path).is_file():
            raise BadInput("no such file", where=path, fix=fix)
        try:
            with safe_open(path, "numpy") as handle:
                values, labels = handle.get_tensor("values"), handle.get_tensor("labels")
                identity = json.loads(handle.metadata()["identity"])
            embeddings = cls(values=values, labels=labels, **identity)
        except (SafetensorError, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
            raise BadInput(f"not a file of embeddings ({error})", where=path, fix=fix) from None
        for name, part in {"labels": labels, **identity}.items():
            if len(part) != len(values):
                raise BadInput(f"{name}: {len(part)} of {len(values)}", where=path, fix=fix)
        if not np.isfinite(values).all():
            raise BadInput("embeddings are not finite", where=path, fix=fix)
        return embeddings


@torch.no_grad()
def embed_zoo(model: nn.Module, zoo: Zoo, batch_size: int = 64, refine: int = 0) -> Embeddings:
    """Encode every readable NeRF of a zoo (the others join `zoo.quarantined`); `model`: a Nerf2Vec, which goes into
    evaluation mode. `refine`: steps of descent (n2v.embed.refine)."""
    model.eval()
    indices, _ = zoo.readable()
    if not len(indices):
        raise BadInput("the zoo holds no readable NeRF", where=zoo.folder, fix="run: n2v zoo verify")
    parts = []
    for start in range(0, len(indices), batch_size):
        weights = zoo.field_weights(indices[start : start + batch_size])
        parts.append(model.encode(torch.from_numpy(weights)).float().numpy())
    values = np.concatenate(parts)
    if refine:
        nerfs = [zoo[int(i)] for i in indices]
        values = refined(model, nerfs, torch.from_numpy(values), refine).numpy()
    rows = [zoo.rows[i] for i in indices]
    return Embeddings.of(values, rows, zoo.labels[indices], [row.split for row in rows])
