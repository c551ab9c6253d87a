"""Merging: the union bit by bit, or a refusal that names what does not fit; whole or absent after a kill."""

import os
import signal
from collections import Counter
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from test_store import RESOLUTION, flip_a_bit, nerfs, row, shard_of

from n2v.commands.zoo import zoo_merge
from n2v.errors import BadInput
from n2v.identity import Identity
from n2v.zoo.merge import merge_zoos
from n2v.zoo.splits import assign
from n2v.zoo.store import Zoo, ZooWriter
from n2v.zoo.verify import verify


def family(number: int, version: int, **changes):
    base = f"chair-{number:02}"
    name = f"{base}_A{version}" if version else base
    return row(name, base_id=base, shape_group=base, version=version, split="train", **changes)


def make(folder, rows, seed=0, dtype="float32", resolution=RESOLUTION):
    """Weights depend on the seed and the object alone, so that two zoos can hold the same NeRF."""
    each = [nerfs(1, [seed, *one.object_id.encode()]) for one in rows]
    weights, occupied = (np.concatenate([pair[k] for pair in each]) for k in (0, 1))
    if resolution != RESOLUTION:
        occupied = np.zeros((len(rows), *[resolution] * 3), bool)
    ZooWriter(folder, resolution, dtype).add(rows, weights, occupied)
    return folder


@pytest.fixture
def parts(tmp_path):
    """Bases of 20 chairs in one zoo, their versions in another, two of them (and one base again) in a third."""
    bases = make(tmp_path / "bases", [family(i, 0) for i in range(20)])
    make(tmp_path / "versions", [family(i, 1) for i in range(10)])
    make(tmp_path / "versions", [family(i, 1) for i in range(10, 20)])
    again = make(tmp_path / "again", [family(3, 0), family(0, 2), family(1, 2)])
    ZooWriter(again, RESOLUTION).quarantine([family(2, 2, status="failed: 11 dB"), family(5, 0, status="failed")])
    return [bases, tmp_path / "versions", again]


def content(folder):
    return [(one.object_id, one.split, one.sha256) for one in Zoo(folder).rows]


def test_labels_of_other_classes_are_dealt_anew(tmp_path):
    """Each zoo calls its own class 13; merged, one number is one class."""
    one = make(tmp_path / "one", [family(0, 0), family(1, 0, class_name="zebra", label=13)])
    two = make(tmp_path / "two", [family(2, 0, class_name="boat", label=13)])
    ZooWriter(two, RESOLUTION).quarantine([family(3, 0, class_name="boat", label=13, status="failed")])
    merge_zoos([one, two], tmp_path / "all")
    merged = Zoo(tmp_path / "all")
    assert [(row.class_name, row.label) for row in merged.rows] == [("chair", 4), ("zebra", 14), ("boat", 13)]
    assert [row.label for row in merged.quarantined] == [13]


def test_the_union_bit_by_bit_with_new_splits(parts, tmp_path, monkeypatch):
    """Against the sources' rows and the split rule over a list made by hand."""
    monkeypatch.setattr("n2v.zoo.merge.SHARD_ROWS", 7)
    result = merge_zoos(parts, tmp_path / "all")
    merged = Zoo(tmp_path / "all")
    assert (result["n"], result["duplicates"], result["damaged"]) == (42, 1, [])
    expected = {one.object_id: one for folder in parts for one in Zoo(folder).rows}
    names = [f"chair-{i:02}{tail}" for i in range(20) for tail in ("", "_A1")] + [f"chair-0{i}_A2" for i in range(3)]
    splits = assign([Identity(name, "chair", base_id=name[:8]) for name in names])
    for one in merged.rows:
        source = expected[one.object_id]
        dealt = {name: getattr(one, name) for name in ("split_novel", "split_as_published", "shard", "row")}
        assert one == replace(source, split=splits[one.object_id], **dealt)
    assert result["leak"] == 0 and set(result["splits"]) == {"train", "val", "test"}
    assert [(one.object_id, one.status, one.split) for one in merged.quarantined] == [
        ("chair-02_A2", "failed: 11 dB", splits["chair-02"])
    ]
    sizes = Counter(one.shard for one in merged.rows)
    assert sorted(sizes.values()) == [7] * 6
    assert verify(tmp_path / "all")["problems"] == []


def test_the_order_of_zoos_does_not_matter_and_nothing_is_replaced(parts, tmp_path):
    merge_zoos(parts, tmp_path / "all")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*")}
    with pytest.raises(BadInput, match="all: there is something already; choose another"):
        merge_zoos(parts, tmp_path / "all")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*")} == before
    merge_zoos(parts[::-1] + parts[:1], tmp_path / "turned")
    assert content(tmp_path / "turned") == content(tmp_path / "all")


def test_what_does_not_fit_together_is_refused(tmp_path):
    first = make(tmp_path / "first", [family(0, 0)])
    other = make(tmp_path / "tcnn", [family(1, 0, encoding="tcnn")])
    with pytest.raises(BadInput, match="tcnn: encoding is tcnn, but exact in .*first; merge zoos of one recipe"):
        merge_zoos([first, other], tmp_path / "all")
    other = make(tmp_path / "init", [family(1, 0, init_hash="ff")])
    with pytest.raises(BadInput, match="init_hash is ff, but 0 in"):
        merge_zoos([first, other], tmp_path / "all")
    other = make(tmp_path / "fine", [family(1, 0)], resolution=16)
    with pytest.raises(BadInput, match="resolution is 16, but 8 in"):
        merge_zoos([first, other], tmp_path / "all")
    other = make(tmp_path / "class", [family(0, 0, class_name="table", label=10)])
    with pytest.raises(BadInput, match="different objects of one id: chair-00; rename"):
        merge_zoos([first, other], tmp_path / "all")
    with pytest.raises(BadInput, match="something already"):
        merge_zoos([first, other], first)
    with pytest.raises(BadInput, match="no zoo here"):
        merge_zoos([first, tmp_path / "nothing"], tmp_path / "all")
    assert not (tmp_path / "all").exists() and not list(tmp_path.glob(".*"))


def test_of_different_nerfs_of_one_object_the_better_one_is_kept(tmp_path):
    worse = make(tmp_path / "worse", [family(i, 0, psnr_db=20.0) for i in range(8)], seed=0)
    better = make(tmp_path / "better", [family(i, 0, psnr_db=19.0 + 2 * i) for i in range(7)], seed=1)
    unknown = make(tmp_path / "unknown", [family(7, 0, psnr_db=None)], seed=2)
    result = merge_zoos([unknown, better, worse], tmp_path / "all")
    kept = {one.object_id: one.psnr_db for one in Zoo(tmp_path / "all").rows}
    assert list(kept.values()) == [20.0, 21.0, 23.0, 25.0, 27.0, 29.0, 31.0, 20.0] and result["duplicates"] == 8
    chosen = Zoo(tmp_path / "all").field_weights([0, 1])
    np.testing.assert_array_equal(chosen[0], Zoo(worse).field_weights(0)[0])
    np.testing.assert_array_equal(chosen[1], Zoo(better).field_weights(1)[0])


def test_a_damaged_nerf_is_replaced_by_its_twin_or_listed(parts, tmp_path):
    flip_a_bit(parts[0], "weights", "chair-03")  # also in the third zoo
    flip_a_bit(parts[0], "occupancy", "chair-04")  # nowhere else
    result = zoo_merge(tuple(parts), tmp_path / "all")
    merged = Zoo(tmp_path / "all")
    assert not result["ok"] and result["damaged"] == ["chair-04"] and result["n"] == 41
    assert "chair-03" in merged.object_ids and any("checksum" in row.status for row in merged.quarantined)
    shard_of(parts[1], "chair-00_A1").unlink()
    result = zoo_merge(tuple(parts), tmp_path / "more")
    assert len(result["damaged"]) == 11 and result["n"] == 31
    assert verify(tmp_path / "more")["problems"] == []


def test_stored_types_are_kept(tmp_path):
    half = make(tmp_path / "half", [family(0, 0), family(2, 0)], dtype="float16")
    full = make(tmp_path / "full", [family(1, 0)])
    merge_zoos([half, full], tmp_path / "all")
    merged = Zoo(tmp_path / "all")
    assert [merged.stored(row)[0].dtype for row in merged.rows] == [np.float16, np.float32, np.float16]


def die_at_call(number: int, folders: list, out) -> None:
    """In a forked process: merge, and die at a given call of fsync, in the middle of a step."""
    left, fsync = [number], os.fsync

    def dying(handle: int) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    os.fsync = dying
    merge_zoos(folders, out)


def test_killed_at_every_step_out_is_whole_or_absent_and_the_next_run_makes_it(parts, tmp_path, monkeypatch):
    monkeypatch.setattr("n2v.zoo.merge.SHARD_ROWS", 16)
    merge_zoos(parts, tmp_path / "all")
    unfinished = 0
    for number in range(1, 40):
        out = tmp_path / f"killed-{number}"
        process = get_context("fork").Process(target=die_at_call, args=(number, parts, out))
        process.start()
        process.join(60)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        if not out.exists():
            unfinished += 1
            merge_zoos(parts, out)
        assert content(out) == content(tmp_path / "all") and len(Zoo(out).quarantined) == 1
        report = verify(out)
        assert report["problems"] == report["notes"] == []
        assert not list(tmp_path.glob(".killed*"))
    assert unfinished > 8


def test_two_merges_at_once_are_kept_apart(parts, tmp_path):
    held = ZooWriter(tmp_path / ".all.growing", RESOLUTION, alone=True)
    with pytest.raises(BadInput, match="somebody else is making this zoo"):
        merge_zoos(parts, tmp_path / "all")
    del held
    assert merge_zoos(parts, tmp_path / "all")["n"] == 42
