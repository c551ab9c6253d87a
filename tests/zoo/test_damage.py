"""Every way of damaging a zoo is detected and named; a repair quarantines it, and only it is fitted again."""

import json
import os
import pickle
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from little import LITTLE, NAMES, TOGETHER, exit_code, fit_in_fork, write_little_views
from PIL import Image
from safetensors.numpy import load_file, save_file
from test_store import flip_a_bit, row, shard_of

from n2v.commands.zoo import zoo_verify
from n2v.errors import BadInput
from n2v.zoo.build import build_zoo
from n2v.zoo.manifest import DIGEST, append
from n2v.zoo.store import MANIFEST, Zoo, ZooWriter, row_digest
from n2v.zoo.verify import repair, verify

VICTIM = TOGETHER[1][2]
SHARD = TOGETHER[1]
TENSORS = ("weights", "occupancy")


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    return write_little_views(tmp_path_factory.mktemp("views"))


@pytest.fixture(scope="module")
def sound(views, tmp_path_factory):
    """Twelve NeRFs in three shards."""
    folder = tmp_path_factory.mktemp("sound") / "zoo"
    build_zoo(views, folder, LITTLE, workers=1)
    assert sorted(Zoo(folder).object_ids) == NAMES and len({row.shard for row in Zoo(folder).rows}) == 3
    return folder


@pytest.fixture
def zoo(sound, tmp_path):
    return Path(shutil.copytree(sound, tmp_path / "zoo"))


def header(path):
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:start]), start


def cut(folder, keep):
    path = shard_of(folder, VICTIM)
    os.truncate(path, keep(*header(path)))


def cut_in_the_header(folder):
    cut(folder, lambda _, start: start // 2)


def cut_in_the_middle(folder):
    cut(folder, lambda entries, start: start + entries["weights"]["data_offsets"][1] // 2)


def cut_in_the_last_grid(folder):
    cut(folder, lambda entries, start: start + entries["occupancy"]["data_offsets"][1] - 5)


def cut_one_byte(folder):
    cut(folder, lambda entries, start: start + max(entries[one]["data_offsets"][1] for one in TENSORS) - 1)


def empty_file(folder):
    cut(folder, lambda *_: 0)


def huge_header(folder):
    """A header length that no memory could hold."""
    path = shard_of(folder, VICTIM)
    path.write_bytes(b"\xff" * 7 + b"\x7f" + path.read_bytes()[8:])


def missing(folder):
    shard_of(folder, VICTIM).unlink()


def a_folder(folder):
    path = shard_of(folder, VICTIM)
    path.unlink()
    path.mkdir()


def a_pipe(folder):
    path = shard_of(folder, VICTIM)
    path.unlink()
    os.mkfifo(path)


def flip_in_weights(folder):
    flip_a_bit(folder, "weights", VICTIM)


def flip_in_occupancy(folder):
    flip_a_bit(folder, "occupancy", VICTIM)


def change(folder, object_id, **changes):
    """Edit the line of one object, in a manifest of before lines had digests."""
    lines = [json.loads(line) for line in (folder / MANIFEST).read_text().splitlines()]
    lines = [{name: value for name, value in line.items() if name != DIGEST} for line in lines]
    lines = [{**line, **changes} if line["object_id"] == object_id else line for line in lines]
    (folder / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))


def not_a_number(folder):
    """With the checksum that goes with it, as a fit gone wrong would have written it."""
    path, listed = shard_of(folder, VICTIM), Zoo(folder).rows[Zoo(folder).index_of(VICTIM)]
    tensors = load_file(path)
    tensors["weights"][listed.row, 5] = np.nan
    save_file(tensors, path, metadata={"resolution": str(LITTLE.grid_resolution)})
    change(folder, VICTIM, sha256=row_digest(tensors["weights"][listed.row], tensors["occupancy"][listed.row]))


def other_shapes(folder):
    path = shard_of(folder, VICTIM)
    tensors = load_file(path)
    save_file({**tensors, "weights": tensors["weights"][:, :-2].copy()}, path, metadata={"resolution": "16"})


class Bomb:
    """Unpickled, it would make a folder."""

    def __reduce__(self):
        return os.mkdir, (str(Path(os.environ["BOMB"])),)


def a_pickle(folder):
    os.environ["BOMB"] = str(folder.parent / "exploded")
    shard_of(folder, VICTIM).write_bytes(pickle.dumps(Bomb()))


def parent_path(folder):
    change(folder, VICTIM, shard="../zoo/" + Zoo(folder).rows[0].shard)


def absolute_path(folder):
    change(folder, VICTIM, shard=str(shard_of(folder, VICTIM)))


def wrong_row(folder):
    change(folder, VICTIM, row=99)


def another_row(folder):
    """Its neighbour's bytes: whole, finite, and not its own."""
    listed = Zoo(folder).rows[Zoo(folder).index_of(VICTIM)]
    change(folder, VICTIM, row=(listed.row + 1) % 4)


DAMAGE = [  # what, which NeRFs verify must name, words it must use, which have to be fitted again
    (cut_in_the_header, SHARD, "broken shard", SHARD),
    (cut_in_the_middle, SHARD, "broken shard", SHARD),
    (cut_in_the_last_grid, SHARD, "broken shard", SHARD),
    (cut_one_byte, SHARD, "broken shard", SHARD),
    (empty_file, SHARD, "broken shard", SHARD),
    (huge_header, SHARD, "broken shard", SHARD),
    (missing, SHARD, "missing shard", SHARD),
    (a_folder, SHARD, "no plain file", SHARD),
    (a_pipe, SHARD, "no plain file", SHARD),
    (a_pickle, SHARD, "broken shard", SHARD),
    (other_shapes, SHARD, "broken shard", SHARD),
    (flip_in_weights, [VICTIM], "checksum", [VICTIM]),
    (flip_in_occupancy, [VICTIM], "checksum", [VICTIM]),
    (not_a_number, [VICTIM], "not finite", [VICTIM]),
    (parent_path, [VICTIM], "leaves its folder", [VICTIM]),
    (absolute_path, [VICTIM], "leaves its folder", [VICTIM]),
    (wrong_row, [VICTIM], "row 99", [VICTIM]),
    (another_row, [VICTIM], "checksum", [VICTIM]),
]


@pytest.mark.parametrize(("damage", "named", "words", "lost"), DAMAGE, ids=[damage.__name__ for damage, *_ in DAMAGE])
def test_named_quarantined_and_only_it_made_again(damage, named, words, lost, zoo, sound, views):
    before = {one.object_id: one for one in Zoo(sound).rows}
    damage(zoo)
    report = verify(zoo)
    assert [problem.partition(":")[0] for problem in report["problems"]] == named
    assert all(words in problem for problem in report["problems"]) and report["n"] == 12
    with pytest.raises(BadInput, match=f"{len(named)} of 12 NeRFs are damaged.*--repair"):
        zoo_verify(zoo)
    lines = (zoo / MANIFEST).read_bytes()
    report = zoo_verify(zoo, repair=True)
    assert report["repaired"]["quarantined"] == lost and (zoo / MANIFEST).read_bytes().startswith(lines)
    assert [text.partition(": ")[0] for text in report["quarantined"]] == lost
    assert all("damaged: " in text for text in report["quarantined"])
    assert build_zoo(views, zoo, LITTLE, workers=1, resume=True)["fitted"] == len(lost)
    after = Zoo(zoo)
    assert after.object_ids == NAMES and zoo_verify(zoo)["sound"] == 12
    for one in after.rows:
        old = before[one.object_id]
        assert (one.split, one.seed, one.label) == (old.split, old.seed, old.label)
        if one.object_id not in named:
            assert one == old
        elif one.object_id not in lost or lost == SHARD:  # not fitted again, or fitted with the same neighbours
            assert one.sha256 == old.sha256
    assert not (zoo.parent / "exploded").exists()


def test_a_sound_zoo_is_left_alone(zoo):
    before = {path: path.read_bytes() for path in zoo.rglob("*") if path.is_file()}
    assert not any(repair(zoo).values())
    before[zoo / ".lock"] = b""
    assert {path: path.read_bytes() for path in zoo.rglob("*") if path.is_file()} == before


def test_an_older_copy_steps_in_for_a_damaged_one(zoo, sound):
    """Fitted again, then the new copy is damaged: the old one is sound, so nothing has to be made."""
    old = Zoo(zoo).rows[Zoo(zoo).index_of(VICTIM)]
    ZooWriter(zoo, LITTLE.grid_resolution).add(
        [replace(old, psnr_db=99.0)], Zoo(zoo).field_weights([0]), Zoo(zoo).occupied([0])
    )
    assert Zoo(zoo).rows[Zoo(zoo).index_of(VICTIM)].psnr_db == 99
    flip_in_weights(zoo)
    done = repair(zoo)
    assert done["replaced"] == [VICTIM] and done["quarantined"] == []
    assert Zoo(zoo).rows[Zoo(zoo).index_of(VICTIM)] == old
    missing(zoo)  # now the old copy goes too
    assert repair(zoo)["quarantined"] == SHARD


def test_no_repair_while_somebody_writes(zoo):
    writer = ZooWriter(zoo, LITTLE.grid_resolution)
    with pytest.raises(BadInput, match="a build is writing"):
        repair(zoo)
    del writer
    repair(zoo)
    with pytest.raises(BadInput, match="no zoo here"):
        repair(zoo.parent / "nothing")


def test_the_first_shard_damaged_does_not_stop_a_build(zoo, views):
    name = Zoo(zoo).object_ids[0]
    shard_of(zoo, name).unlink()
    assert Zoo(zoo).resolution == LITTLE.grid_resolution
    repair(zoo)
    assert build_zoo(views, zoo, LITTLE, workers=1, resume=True)["fitted"] == 4


@pytest.mark.parametrize("what", ["shard", "manifest"])
def test_no_space_left_loses_nothing_and_says_so(what, zoo, views, tmp_path):
    """A limit on file sizes stands in for a full disk: first for the shard, then for the lines alone."""
    lines = (zoo / MANIFEST).read_text().splitlines()
    (zoo / MANIFEST).write_text("\n".join(lines[:8]) + "\n")
    for path in (zoo / "shards").iterdir():
        if path.name == Path(json.loads(lines[8])["shard"]).name:
            path.unlink()
    if what == "manifest":
        append(zoo, [row(f"filler-{i}", status="failed: " + "x" * 500) for i in range(400)])
    size = (zoo / MANIFEST).stat().st_size
    limit = size + 700 if what == "manifest" else 100_000
    before = (zoo / MANIFEST).read_bytes()

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    assert exit_code(fit_in_fork(views, zoo, "--workers", "1", before=limited)) == 2
    said = Path(f"{zoo}.log").read_text()
    assert said.count("\n") == 1 and ("disk is full" in said or "no space left" in said) and "--resume" in said
    assert (zoo / MANIFEST).read_bytes() == before  # no line, not even half of one
    assert verify(zoo)["problems"] == [] and len(Zoo(zoo)) == 8
    assert exit_code(fit_in_fork(views, zoo, "--workers", "1")) == 0
    assert Zoo(zoo).object_ids == NAMES and verify(zoo)["notes"] == []


def test_bad_pictures_are_quarantined_and_made_once_mended(views, tmp_path):
    copy = Path(shutil.copytree(views, tmp_path / "views"))
    torn = copy / "chair" / "chair-000001" / "train" / "r_002.png"
    wide = copy / "lamp" / "lamp-000000" / "test" / "r_000.png"
    good = {path: path.read_bytes() for path in (torn, wide)}
    torn.write_bytes(good[torn][:80])
    Image.open(wide).resize((33, 33)).save(wide)
    build_zoo(copy, tmp_path / "zoo", LITTLE, workers=1)
    reasons = {one.object_id: one.status for one in Zoo(tmp_path / "zoo").quarantined}
    assert sorted(reasons) == ["chair-000001", "lamp-000000"]
    assert "r_002.png" in reasons["chair-000001"] and "33 px" in reasons["lamp-000000"]
    for path, data in good.items():
        path.write_bytes(data)
    assert build_zoo(copy, tmp_path / "zoo", LITTLE, workers=1, resume=True)["fitted"] == 2
    assert Zoo(tmp_path / "zoo").object_ids == NAMES and Zoo(tmp_path / "zoo").quarantined == []
