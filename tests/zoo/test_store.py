"""The zoo on disk: what goes in comes out, and every way of damaging it is named."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from one_row import row
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS
from n2v.zoo.manifest import DIGEST, append
from n2v.zoo.store import MANIFEST, Zoo, ZooWriter, row_digest
from n2v.zoo.verify import info, repair, verify

RESOLUTION = 8


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
    """As an old zoo's, whose lines have no digest."""
    lines = (folder / MANIFEST).read_text().splitlines()
    values = {**json.loads(lines[number]), **changes}
    values.pop(DIGEST, None)
    lines[number] = json.dumps(values)
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


def flip_a_bit(folder, tensor="occupancy", object_id="chair-3"):
    """One bit of one NeRF, at the place the header names."""
    listed = next(row for row in Zoo(folder).rows if row.object_id == object_id)
    path = folder / listed.shard
    data = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:start])[tensor]
    first, last = entry["data_offsets"]
    data[start + first + (last - first) // entry["shape"][0] * listed.row + 7] ^= 1
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
def test_a_path_that_leaves_the_zoo_is_never_opened_and_named(folder, shard, monkeypatch):
    edit_line(folder, 0, shard=shard)
    opened = []
    monkeypatch.setattr("n2v.zoo.shards.safe_open", lambda path, *_: opened.append(path) or safe_open(path, "numpy"))
    zoo = Zoo(folder)
    zoo.field_weights()
    assert zoo.object_ids == ["chair-1", "chair-2", "chair-3", "chair-4"]
    assert "leaves its folder" in zoo.quarantined[0].status and zoo.quarantined[0].shard == ""
    report = verify(folder)
    assert (report["n"], report["sound"]) == (5, 4) and "chair-0: path" in report["problems"][0]
    assert opened and all(path.is_relative_to(folder.resolve()) for path in opened)


def test_a_link_that_leaves_the_zoo_is_not_followed(folder, tmp_path_factory):
    path = shard_of(folder, "chair-3")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "shard.safetensors"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert sum("leaves its folder" in problem for problem in verify(folder)["problems"]) == 2


def test_a_torn_last_line_is_ignored_with_a_note_and_does_not_spoil_the_next(folder):
    manifest = folder / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-40])
    zoo = Zoo(folder)
    assert zoo.object_ids == ["chair-0", "chair-1", "chair-2", "chair-3"] and "line 5" in zoo.notes[0]
    write(folder, ["chair-5"])
    assert Zoo(folder).object_ids == ["chair-0", "chair-1", "chair-2", "chair-3", "chair-5"]


def test_a_shard_without_manifest_lines_is_invisible(folder):
    save_file({"weights": nerfs(1)[0]}, folder / "shards" / "orphan.safetensors")
    assert len(Zoo(folder)) == 5 and verify(folder)["problems"] == []


def test_a_nerf_is_the_copy_offered_last_that_was_not_withdrawn(folder):
    """Two copies of chair-0; withdrawing the younger brings the older back, whatever is said of others."""
    old = next(row for row in Zoo(folder).rows if row.object_id == "chair-0")
    weights, _ = write(folder, ["chair-0"], seed=9)
    young = Zoo(folder).rows[0]
    np.testing.assert_array_equal(Zoo(folder).field_weights(0), weights)
    append(folder, [replace(old, status="damaged: the older copy")])
    assert Zoo(folder).rows[0] == young and len(Zoo(folder)) == 5  # a line about a copy touches no other
    append(folder, [old, replace(young, status="damaged: the younger copy")])
    assert Zoo(folder).rows[0] == old  # offered again, and the only one left
    append(folder, [replace(old, status="damaged: both")])
    zoo = Zoo(folder)
    assert len(zoo) == 4 and [row.status for row in zoo.quarantined] == ["damaged: both"]
    append(folder, [young])
    assert Zoo(folder).rows[0] == young and Zoo(folder).quarantined == []


@pytest.mark.parametrize(
    "text",
    ["[1, 2]", '"chair-9"', "{", "[" * 100_000, '{"object_id": "chair-9"}', "NaN", "\ud800", "9" * 5000],
)  # fmt: skip
def test_lines_that_are_no_nerf_are_noted(folder, text):
    with open(folder / MANIFEST, "a", errors="surrogatepass") as file:
        file.write(text + "\n")
    zoo = Zoo(folder)
    assert len(zoo) == 5 and len(zoo.notes) == 1 and "line 6" in zoo.notes[0]


@pytest.mark.parametrize(
    "change", [{"label": "4"}, {"label": True}, {"seed": 1 << 63}, {"step": None}, {"split": 3}, {"base_id": "a\0b"},
               {"psnr_db": "27"}, {"psnr_db": 10**400}]
)  # fmt: skip
def test_values_of_another_type_make_a_line_unusable(folder, change):
    edit_line(folder, 4, **change)
    zoo = Zoo(folder)
    assert len(zoo) == 4 and "line 5" in zoo.notes[0]


def test_rows_come_back_as_they_were_written(tmp_path):
    weights, occupied = nerfs(3)
    rows = [
        row("ä-1", psnr_db=None, seed=(1 << 63) - 1),
        row("b c", fit_s=None),
        row("d", licence="two\nlines", step=0.1),
    ]
    rows[0] = replace(rows[0], psnr_alone_db=26.5, psnr_step=0.02)
    ZooWriter(tmp_path, RESOLUTION).add(rows, weights, occupied)
    zoo = Zoo(tmp_path)
    plain = [replace(one, shard="", row=-1, sha256="") for one in zoo.rows]
    assert plain == sorted(rows, key=lambda one: one.object_id)


ALTERED = [
    {"psnr_db": float("nan")}, {"psnr_db": float("inf")}, {"psnr_db": 1e308}, {"steps": -5}, {"step": 0}, {"step": -1},
    {"step": float("nan")}, {"encoding": "none"}, {"split": "tr4in"}, {"class_name": ""}, {"class_name": "ch\x1bair"},
    {"label": 99}, {"label": -1}, {"label": 5}, {"class_name": "teapot", "label": -1}, {"object_id": "../chair-3"},
    {"object_id": "chair\x1b[2J"}, {"object_id": "/chair"}, {"object_id": " "}, {"base_id": "a/../b"}, {"version": -1},
    {"seed": -1}, {"fit_s": float("nan")}, {"fit_s": -1.0}, {"backend": "a\nb"}, {"family": "\x07"},
    {"split_novel": "x"}, {"split_as_published": "x"}, {"class_name": "teapot", "label": 4},
]  # fmt: skip


@pytest.mark.parametrize("change", ALTERED, ids=str)
def test_a_line_that_cannot_be_right_is_named_and_withdrawn(folder, change):
    edit_line(folder, 3, **change)
    report = verify(folder)
    assert (report["n"], report["sound"], len(report["problems"])) == (5, 4, 1)
    assert list(change)[-1] in report["problems"][0] and report["problems"][0].isprintable()
    assert "chair-3" not in Zoo(folder).object_ids
    assert len(repair(folder)["quarantined"]) == 1 and len(Zoo(folder)) == 4
    assert verify(folder)["problems"] == [] and not any(repair(folder).values())


@pytest.mark.parametrize("name", ["psnr_db", "licence", "split", "object_id", "class_name", "fit_s"])
def test_a_line_that_could_be_right_and_was_altered_is_named(folder, name):
    """By its digest; a line that has none, as in a zoo of 0.2, is believed."""
    other = {"psnr_db": 31.5, "licence": "none", "split": "val", "object_id": "chair-9", "fit_s": 2.0}
    change = {name: other[name]} if name in other else {"class_name": "sofa", "label": 9}
    manifest = folder / MANIFEST
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    lines[3] |= change
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = verify(folder)
    assert (report["n"], report["sound"]) == (5, 4) and "altered" in report["problems"][0]
    assert "chair-3" not in Zoo(folder).object_ids
    del lines[3][DIGEST]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert (
        verify(folder)["problems"] == []
        and getattr(Zoo(folder).rows[3 if name != "object_id" else 4], name) == (change[name])
    )


def test_names_and_classes_of_one_s_own_are_no_damage(tmp_path):
    weights, occupied = nerfs(2)
    rows = [row("Größe 2 (a)"), row("mug-1", class_name="mug", label=13, psnr_db=None, fit_s=None, split="unlisted")]
    ZooWriter(tmp_path, RESOLUTION).add(rows, weights, occupied)
    assert verify(tmp_path)["problems"] == [] and len(Zoo(tmp_path)) == 2


def test_a_writer_refuses_what_a_reader_would(tmp_path):
    weights, occupied = nerfs(1)
    for change in ALTERED:
        with pytest.raises(BadInput, match=f"{list(change)[-1]}|weights"):
            ZooWriter(tmp_path, RESOLUTION).add([replace(row("chair-3"), **change)], weights, occupied)
    assert list((tmp_path / "shards").iterdir()) == [] and not (tmp_path / MANIFEST).exists()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", ["shard", "manifest"])
def test_a_pipe_is_not_waited_for(folder, what):
    path = {"shard": shard_of(folder, "chair-3"), "manifest": folder / MANIFEST}[what]
    path.unlink()
    os.mkfifo(path)
    if what == "manifest":
        with pytest.raises(BadInput, match="no zoo here"):
            verify(folder)
        return
    report = verify(folder)
    assert len(report["problems"]) == 2
    assert all("no plain file" in problem for problem in report["problems"])
    assert repair(folder)["quarantined"] == ["chair-3", "chair-4"]


def test_rows_in_any_order_come_as_asked_and_few_shards_stay_open(tmp_path, monkeypatch):
    """Against each shard read whole by the library."""
    for seed in range(12):
        write(tmp_path, [f"chair-{seed:02}-{j}" for j in range(3)], seed, dtype="float16" if seed % 2 else "float32")
    monkeypatch.setattr("n2v.zoo.shards.MAX_OPEN", 4)
    zoo = Zoo(tmp_path)
    truth = {}
    for line in zoo.rows:
        stored = load_file(tmp_path / line.shard)
        truth[line.object_id] = stored["weights"][line.row].astype(np.float32), stored["occupancy"][line.row]
    generator = np.random.default_rng(1)
    for chosen in ([35, 0, 0, -1, 7], generator.permutation(36), np.arange(36), generator.integers(0, 36, 100), []):
        ids = [zoo.object_ids[i] for i in np.asarray(chosen, int)]
        expected = np.array([truth[name][0] for name in ids], np.float32).reshape(-1, N_WEIGHTS)
        np.testing.assert_array_equal(zoo.field_weights(chosen), expected)
        np.testing.assert_array_equal(zoo.packed(chosen), np.array([truth[name][1] for name in ids]).reshape(-1, 64))
        assert zoo._shards._open.cache_info().currsize <= 4
    with pytest.raises(IndexError):
        zoo.field_weights([36])


def append_often(folder: Path, name: str, start) -> None:
    """In a forked process, on a file system that takes a write in two parts, as network ones may."""
    write(folder, [f"{name}-nerf"], seed=ord(name))
    whole = os.write

    def in_parts(handle: int, data: bytes) -> int:
        n = whole(handle, data[: len(data) // 2])
        time.sleep(0.001)
        return n + whole(handle, data[len(data) // 2 :])

    os.write = in_parts
    start.wait()
    for i in range(100):
        append(folder, [row(f"{name}-{i}-{j}", status="failed: " + name * 3000) for j in range(2)])


def test_two_processes_append_whole_lines(tmp_path):
    """Long lines, many of them, at once; every one arrives whole and once."""
    context = get_context("fork")
    start = context.Barrier(2)
    running = [context.Process(target=append_often, args=(tmp_path, name, start)) for name in "ab"]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0, 0]
    lines = (tmp_path / MANIFEST).read_text().splitlines()
    assert len(lines) == 402 and all(json.loads(line) for line in lines)
    zoo = Zoo(tmp_path)
    assert zoo.notes == [] and len(zoo.quarantined) == 400 and zoo.object_ids == ["a-nerf", "b-nerf"]
    writers = [json.loads(line)["object_id"][0] for line in lines]
    assert sum(one != other for one, other in pairwise(writers)) > 2, "they did not write at the same time"


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
    assert summary["psnr_alone_db"] is None  # not recorded


def test_manifests_from_before_emptiness_was_measured_still_open(folder):
    """Lines without the fields that came later."""
    manifest = folder / MANIFEST
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    for line in lines:
        del line["psnr_alone_db"], line["psnr_step"], line["line_sha256"]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    zoo = Zoo(folder)
    assert len(zoo) == 5 and not zoo.notes
    assert (zoo.rows[0].psnr_db, zoo.rows[0].psnr_alone_db, zoo.rows[0].psnr_step) == (27.0, None, None)
