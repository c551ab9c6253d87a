"""NeRFs as a torch dataset: one item a NeRF, read from disk when it is asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.utils.data import Dataset

from n2v.errors import BadInput
from n2v.zoo.splits import SPLITS
from n2v.zoo.store import Zoo


class ZooItem(TypedDict):
    """What an item holds; `index` is the NeRF's position in the zoo, `occupancy` is for unpack_bits."""

    field_weights: Float[torch.Tensor, "w"]
    occupancy: UInt8[torch.Tensor, "b"]
    label: int
    index: int
    object_id: str


class ZooDataset(Dataset):
    """The NeRFs of one split (all without a name) for torch's DataLoader, with any number of workers.

    Works with workers started by fork, forkserver and spawn: each opens its own few shards. A batch of n has
    field_weights float32 (n, 18432), occupancy uint8 (n, resolution^3 / 8), label and index int64 (n,) and a list of
    n object ids. In order, items come from neighbouring places on disk; a shuffled loader reads at random.

        loader = DataLoader(ZooDataset("runs/laptop/zoo", "train"), batch_size=64, shuffle=True, num_workers=2)

    Args:
        zoo: A zoo or its folder.
        split: "train", "val" or "test"; None: every NeRF.

    Raises:
        BadInput: An unknown split, no NeRF in it; on reading, a NeRF that is damaged or not finite.
    """

    def __init__(self, zoo: Zoo | Path | str, split: str | None = None) -> None:
        self.zoo = zoo if isinstance(zoo, Zoo) else Zoo(Path(zoo))
        if split not in (None, *SPLITS):
            raise BadInput(f"unknown split '{split}'", fix=f"use one of: {', '.join(SPLITS)}")
        self.indices = self.zoo.indices(split)
        if not len(self.indices):
            raise BadInput(f"no NeRF in split '{split}'" if split else "the zoo holds no NeRF", where=self.zoo.folder)
        self._labels = self.zoo.labels

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int | np.integer) -> ZooItem:
        return self.__getitems__([place])[0]

    def __getitems__(self, places: Sequence) -> list[ZooItem]:
        """Several items, neighbours on disk read together; the DataLoader asks for whole batches."""
        chosen = self.indices[list(places)]
        field_weights = torch.from_numpy(self.zoo.field_weights(chosen))
        occupancy = torch.from_numpy(self.zoo.packed(chosen))
        return [
            ZooItem(
                field_weights=field_weights[k],
                occupancy=occupancy[k],
                label=int(self._labels[index]),
                index=index,
                object_id=self.zoo.object_ids[index],
            )
            for k, index in enumerate(chosen.tolist())
        ]
