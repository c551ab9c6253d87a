"""A packed zoo reads like the zoo it was made from, takes less room, and shows damage."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from test_store import row

from n2v.errors import BadInput
from n2v.zoo.merge import pack_zoo
from n2v.zoo.store import Zoo, ZooWriter
from n2v.zoo.verify import verify


@pytest.fixture
def both(tmp_path, monkeypatch):
    monkeypatch.setattr("n2v.zoo.merge.PACKED_ROWS", 3)
    writer = ZooWriter(tmp_path / "zoo", 16)
    generator = np.random.default_rng(0)
    rows = [row(f"chair-{i}", split="test" if i % 4 == 3 else "train") for i in range(7)]
    grids = np.zeros((7, 16, 16, 16), bool)
    for i, grid in enumerate(grids):
        grid[4:12, 2 : 5 + i, 3:9] = True
    writer.add(rows, generator.standard_normal((7, 18432)).astype(np.float32), grids)
    zoo = Zoo(tmp_path / "zoo")
    result = pack_zoo(tmp_path / "zoo", tmp_path / "packed")
    return zoo, Zoo(tmp_path / "packed"), result


def test_a_packed_zoo_is_the_same_in_float16(both):
    zoo, packed, result = both
    assert packed.object_ids == zoo.object_ids and result["n"] == len(zoo)
    assert np.array_equal(packed.occupied(), zoo.occupied())
    assert np.array_equal(packed.field_weights(), zoo.field_weights().astype(np.float16).astype(np.float32))
    assert [row.split for row in packed.rows] == [row.split for row in zoo.rows]
    assert np.array_equal(packed.occupied([4, 0]), zoo.occupied([4, 0]))
    assert verify(packed.folder)["sound"] == len(zoo)
    stored = sum(path.stat().st_size for path in zoo.folder.rglob("*.safetensors"))
    assert sum(path.stat().st_size for path in packed.folder.rglob("*.safetensors")) < 0.6 * stored


def tampered(packed: Zoo, change) -> list[str]:
    """Problems that verify finds after `change` to a full shard's tensors."""
    path = max(packed.folder.rglob("*.safetensors"), key=lambda path: path.stat().st_size)
    tensors = {name: value.copy() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path, metadata={"resolution": str(packed.resolution), "format": "n2v zoo 1"})
    return verify(packed.folder)["problems"]


def test_a_flipped_bit_in_a_compressed_grid_is_named(both):
    _, packed, _ = both

    def flip(tensors):
        tensors["occupancy"][5] ^= 1

    assert len(tampered(packed, flip)) == 1


def test_a_stream_that_swells_is_refused(both):
    import zlib

    _, packed, _ = both

    def swell(tensors):
        bomb = np.frombuffer(zlib.compress(bytes(50_000_000), 9), np.uint8)
        first = int(tensors["occupancy_ends"][0])
        tensors["occupancy"] = np.concatenate([bomb, tensors["occupancy"][first:]])
        tensors["occupancy_ends"] += len(bomb) - first

    problems = tampered(packed, swell)
    assert len(problems) == 1 and "another size" in problems[0]


def test_ends_that_do_not_rise_break_the_shard(both):
    _, packed, _ = both

    def swap(tensors):
        tensors["occupancy_ends"][:2] = tensors["occupancy_ends"][:2][::-1].copy()

    assert len(tampered(packed, swap)) == 3


def test_damage_is_not_packed_and_a_zoo_is_not_overwritten(both, tmp_path):
    zoo, packed, _ = both
    with pytest.raises(BadInput, match="something already"):
        pack_zoo(zoo.folder, packed.folder)
    next(zoo.folder.rglob("*.safetensors")).unlink()
    with pytest.raises(BadInput, match="damaged"):
        pack_zoo(zoo.folder, tmp_path / "other")
    assert not (tmp_path / "other").exists()
