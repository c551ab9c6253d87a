"""The zoo on disk: what goes in comes out, and every way of damaging it is named."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS
from n2v.zoo.store import MANIFEST, Row, Zoo, ZooWriter, row_digest
from n2v.zoo.verify import info, verify

RESOLUTION = 8


def row(object_id: str, **changes) -> Row:
    values = {
        "base_id": object_id, "class_name": "chair", "label": 4, "version": 0, "shape_group": object_id,
        "split": "train", "source": "test", "licence": "MIT", "seed": 1, "init_hash": "0", "encoding": "exact",
        "backend": "torch", "steps": 1, "step": 0.04, "psnr_db": 27.0, "fit_s": 1.0,
    }  # fmt: skip
    return Row(object_id=object_id, **{**values, **changes})


def nerfs(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(n, N_WEIGHTS)).astype(np.float32)
    return weights, generator.random((n, *[RESOLUTION] * 3)) < 0.3


def write(folder, ids: list[str], seed: int = 0, **options):
    weights, occupied = nerfs(len(ids), seed)
    ZooWriter(folder, RESOLUTION, **options).add([row(name) for name in ids], weights, occupied)
    return weights, occupied


@pytest.fixture
def folder(tmp_path):
    """Five NeRFs in two shards: chair-0..2 and chair-3..4."""
    write(tmp_path, ["chair-0", "chair-1", "chair-2"], seed=0)
    write(tmp_path, ["chair-3", "chair-4"], seed=1)
    return tmp_path


def shard_of(folder, object_id):
    return folder / next(row.shard for row in Zoo(folder).rows if row.object_id == object_id)


def edit_line(folder, number: int, **changes):
    lines = (folder / MANIFEST).read_text().splitlines()
    lines[number] = json.dumps({**json.loads(lines[number]), **changes})
    (folder / MANIFEST).write_text("\n".join(lines) + "\n")


def test_what_goes_in_comes_out(tmp_path):
    weights, occupied = write(tmp_path, ["chair-2", "chair-0", "chair-1"])
    zoo = Zoo(tmp_path)
    assert zoo.object_ids == ["chair-0", "chair-1", "chair-2"]  # sorted, whatever the order of writing
    np.testing.assert_array_equal(zoo.field_weights(), weights[[1, 2, 0]])
    np.testing.assert_array_equal(zoo.occupied([2]), occupied[[0]])
    assert (zoo.resolution, zoo.labels.tolist(), zoo.quarantined, zoo.notes) == (RESOLUTION, [4, 4, 4], [], [])
    assert verify(tmp_path)["problems"] == []


def test_float16_rounds_weights_and_checksums_what_is_stored(tmp_path):
    weights, _ = write(tmp_path, ["chair-0"], dtype="float16")
    zoo = Zoo(tmp_path)
    assert zoo.field_weights().dtype == np.float32
    np.testing.assert_array_equal(zoo.field_weights()[0], weights[0].astype(np.float16).astype(np.float32))
    stored = load_file(shard_of(tmp_path, "chair-0"))
    assert zoo.rows[0].sha256 == row_digest(stored["weights"][0], stored["occupancy"][0])


def test_indices_of_splits(tmp_path):
    weights, occupied = nerfs(3)
    rows = [row("a"), row("b", split="test"), row("c", split="val")]
    ZooWriter(tmp_path, RESOLUTION).add(rows, weights, occupied)
    zoo = Zoo(tmp_path)
    assert [zoo.indices(name).tolist() for name in ("train", "test", "val", None)] == [[0], [1], [2], [0, 1, 2]]
    with pytest.raises(BadInput, match="for example: a, b, c"):
        zoo.index_of("d")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_weights_that_are_not_finite_are_refused_before_anything_is_written(tmp_path, value):
    """1e6 overflows float16: the check is on what would be stored."""
    weights, occupied = nerfs(2)
    weights[1, 7] = value
    with pytest.raises(BadInput, match="b: weights are not finite"), np.errstate(over="ignore"):
        ZooWriter(tmp_path, RESOLUTION, "float16").add([row("a"), row("b")], weights, occupied)
    assert list((tmp_path / "shards").iterdir()) == [] and not (tmp_path / MANIFEST).exists()


def test_shapes_sizes_and_types_that_do_not_fit_are_refused(folder):
    weights, occupied = nerfs(2)
    with pytest.raises(BadInput, match="shapes"):
        ZooWriter(folder, RESOLUTION).add([row("x"), row("y")], weights[:, :-1], occupied)
    with pytest.raises(BadInput, match="resolution 7"):
        ZooWriter(folder, 7)
    with pytest.raises(BadInput, match="int8"):
        ZooWriter(folder, RESOLUTION, "int8")
    with pytest.raises(BadInput, match="16 cells a side for a zoo of 8"):
        ZooWriter(folder, 16)


def test_failed_objects_are_listed_and_a_later_success_replaces_them(folder):
    writer = ZooWriter(folder, RESOLUTION)
    writer.quarantine([row("chair-9", status="failed: 11 dB"), row("chair-0", status="failed: later attempt")])
    zoo = Zoo(folder)
    assert [(bad.object_id, bad.status) for bad in zoo.quarantined] == [("chair-9", "failed: 11 dB")]
    assert len(zoo) == 5  # a failure does not displace the NeRF there is
    write(folder, ["chair-9"])
    assert (len(Zoo(folder)), Zoo(folder).quarantined) == (6, [])


def truncate(folder):
    path = shard_of(folder, "chair-3")
    path.write_bytes(path.read_bytes()[:-100])


def remove(folder):
    shard_of(folder, "chair-3").unlink()


def flip_a_bit(folder):
    path = shard_of(folder, "chair-3")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def spoil(folder):
    """A NaN with the checksum that goes with it."""
    path = shard_of(folder, "chair-3")
    tensors = load_file(path)
    tensors["weights"][0, 5] = np.nan
    save_file(tensors, path, metadata={"resolution": str(RESOLUTION)})
    edit_line(folder, 3, sha256=row_digest(tensors["weights"][0], tensors["occupancy"][0]))


def wrong_row(folder):
    edit_line(folder, 3, row=40)


def negative_row(folder):
    edit_line(folder, 3, row=-1)


DAMAGE = [
    (truncate, 2, "broken"),
    (remove, 2, "missing shard"),
    (flip_a_bit, 1, "do not match their checksum"),
    (spoil, 1, "not finite"),
    (wrong_row, 1, "broken"),
    (negative_row, 1, "broken"),
]


@pytest.mark.parametrize(("damage", "n_lost", "words"), DAMAGE, ids=[damage.__name__ for damage, *_ in DAMAGE])
def test_verify_names_each_damaged_nerf_and_only_those(folder, damage, n_lost, words):
    damage(folder)
    report = verify(folder)
    assert (report["n"], report["sound"]) == (5, 5 - n_lost)
    assert len(report["problems"]) == n_lost and all(words in problem for problem in report["problems"])
    assert not any(name in problem for problem in report["problems"] for name in ("chair-0", "chair-1", "chair-2"))


@pytest.mark.parametrize("damage", [truncate, remove, spoil, wrong_row])
def test_reading_goes_on_without_what_cannot_be_read(folder, damage):
    damage(folder)
    zoo = Zoo(folder)
    with pytest.raises(BadInput):
        zoo.field_weights()
    good, reasons = zoo.readable()
    assert "chair-3" in reasons and [row.object_id for row in zoo.quarantined] == sorted(reasons)
    assert np.isfinite(zoo.field_weights(good)).all() and len(good) + len(reasons) == 5
    assert zoo.readable()[1] == reasons and len(zoo.quarantined) == len(reasons)  # asking again lists nothing twice


@pytest.mark.parametrize("shard", ["../outside.safetensors", "/etc/passwd", "shards/../../outside.safetensors"])
def test_a_path_that_leaves_the_zoo_is_refused(folder, shard):
    edit_line(folder, 0, shard=shard)
    with pytest.raises(BadInput, match="leaves its folder"):
        Zoo(folder)


def test_a_torn_last_line_is_ignored_with_a_note_and_does_not_spoil_the_next(folder):
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-40])
    zoo = Zoo(folder)
    assert zoo.object_ids == ["chair-0", "chair-1", "chair-2", "chair-3"] and "line 5" in zoo.notes[0]
    write(folder, ["chair-5"])
    assert Zoo(folder).object_ids == ["chair-0", "chair-1", "chair-2", "chair-3", "chair-5"]


def test_a_shard_without_manifest_lines_is_invisible(folder):
    """A crash between shard and manifest leaves this."""
    save_file({"weights": nerfs(1)[0]}, folder / "shards" / "orphan.safetensors")
    assert len(Zoo(folder)) == 5 and verify(folder)["problems"] == []


def test_writers_side_by_side_do_not_collide(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: write(tmp_path, [f"chair-{i}-{j}" for j in range(2)], seed=i), range(16)))
    assert len(Zoo(tmp_path)) == 32 and len(list((tmp_path / "shards").iterdir())) == 16
    assert verify(tmp_path)["problems"] == []


def test_no_zoo_and_an_empty_zoo(tmp_path):
    with pytest.raises(BadInput, match=r"no manifest\.jsonl"):
        Zoo(tmp_path)
    ZooWriter(tmp_path, RESOLUTION).quarantine([row("a", status="failed", psnr_db=None)])
    assert info(tmp_path)["n"] == 0 and info(tmp_path)["quarantined"] == 1
    with pytest.raises(BadInput, match="holds no NeRF"):
        _ = Zoo(tmp_path).resolution


def test_info_counts(folder):
    summary = info(folder)
    assert summary["classes"] == {"chair": 5} and summary["psnr_db"]["mean"] == 27.0
