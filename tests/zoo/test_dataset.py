"""The dataset: items against the zoo itself, for every way of starting workers."""

import numpy as np
import pytest
import torch
from test_store import RESOLUTION, nerfs, row
from torch.utils.data import DataLoader

from n2v.errors import BadInput
from n2v.nerf.occupancy import unpack_bits
from n2v.scenes.classes import CLASSES
from n2v.zoo.dataset import ZooDataset
from n2v.zoo.store import Zoo, ZooWriter


@pytest.fixture
def folder(tmp_path):
    """24 NeRFs in six shards, one of three in test."""
    for shard in range(6):
        rows = [
            row(f"chair-{4 * shard + i:02}", class_name=CLASSES[i], label=i, split="train" if i % 3 else "test")
            for i in range(4)
        ]
        ZooWriter(tmp_path, RESOLUTION, "float16").add(rows, *nerfs(4, shard))
    return tmp_path


def test_an_item_is_the_nerf(folder):
    zoo, dataset = Zoo(folder), ZooDataset(folder, "train")
    assert len(dataset) == 12 and len(ZooDataset(folder)) == 24 and len(ZooDataset(zoo, "test")) == 12
    item = dataset[5]
    i = item["index"]
    assert zoo.rows[i].object_id == item["object_id"] and zoo.rows[i].split == "train"
    assert item["label"] == zoo.rows[i].label and item["field_weights"].dtype == torch.float32
    np.testing.assert_array_equal(item["field_weights"], zoo.field_weights(i)[0])
    np.testing.assert_array_equal(unpack_bits(item["occupancy"].numpy(), RESOLUTION), zoo.occupied(i)[0])
    assert dataset[-1]["object_id"] == "chair-22"
    with pytest.raises(IndexError):
        dataset[12]


@pytest.mark.parametrize(("context", "n_workers"), [(None, 0), ("fork", 2), ("spawn", 1), ("forkserver", 1)])
def test_a_loader_brings_every_nerf_once_however_its_workers_start(folder, context, n_workers):
    """The parent reads first, so that files are open when workers are forked."""
    dataset = ZooDataset(folder)
    expected = dataset.zoo.field_weights()
    assert dataset.zoo._shards._open
    generator = torch.Generator().manual_seed(0)
    loader = DataLoader(
        dataset, 5, shuffle=True, num_workers=n_workers, multiprocessing_context=context, generator=generator
    )
    seen = []
    for batch in loader:
        assert batch["field_weights"].shape[1:] == (18432,) and batch["occupancy"].dtype == torch.uint8
        np.testing.assert_array_equal(batch["field_weights"], expected[batch["index"]])
        assert batch["object_id"] == [dataset.zoo.object_ids[i] for i in batch["index"]]
        seen += batch["index"].tolist()
    assert sorted(seen) == list(range(24)) and seen != sorted(seen)


def test_open_files_are_not_handed_to_another_process(folder, monkeypatch):
    import pickle

    dataset = ZooDataset(folder)
    dataset[0]
    assert pickle.loads(pickle.dumps(dataset)).zoo._shards._open == {}
    before = dataset.zoo._shards["shards/" + Zoo(folder).rows[0].shard.split("/")[1]]
    monkeypatch.setattr("n2v.zoo.shards.os.getpid", lambda: -1)  # as in a forked process
    assert dataset.zoo._shards[Zoo(folder).rows[0].shard] is not before


def test_mistakes_are_said(folder, tmp_path_factory):
    with pytest.raises(BadInput, match="unknown split 'training'; use one of: train, val, test"):
        ZooDataset(folder, "training")
    with pytest.raises(BadInput, match="no NeRF in split 'val'"):
        ZooDataset(folder, "val")
    empty = tmp_path_factory.mktemp("empty")
    ZooWriter(empty, RESOLUTION).quarantine([row("a", status="failed")])
    with pytest.raises(BadInput, match="holds no NeRF"):
        ZooDataset(empty)
    spoil_first = Zoo(folder).rows[0]
    (folder / spoil_first.shard).write_bytes(b"short")
    with pytest.raises(BadInput, match="broken shard"):
        ZooDataset(folder)[0]
