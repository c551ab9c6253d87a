"""The benchmark: what an entry is given, what it cannot know, and what is made of its vectors."""

import dataclasses
import hashlib
import json
from contextlib import contextmanager
from multiprocessing import Pipe
from threading import Thread

import numpy as np
import pytest

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec, save_model
from n2v.errors import BadInput
from n2v.lessons.drawing.benchmark import write_benchmark
from n2v.tasks import benchmark as bench
from n2v.tasks.entry import embed_all, find_entry, noise, work
from n2v.tasks.head import HeadConfig
from n2v.zoo.shipped import mini_zoo

QUICK = bench.Settings(head=HeadConfig(n_epochs=5))
SPY = """
import hashlib, json
import numpy as np

SEEN = {{"train": [], "embed": [], "numbers": []}}

def names(rows):
    return [hashlib.sha256(row.tobytes()).hexdigest() for row in rows]

def train(field_weights, occupied, base_numbers):
    assert isinstance(occupied, np.ndarray) and base_numbers.shape == (len(field_weights),)
    SEEN["train"], SEEN["numbers"] = names(field_weights), base_numbers.tolist()
    return embed

def embed(field_weights, occupied):
    SEEN["embed"] += names(field_weights)
    json.dump(SEEN, open("{told}", "w"))
    return field_weights[:, :40]
"""


@pytest.fixture(scope="module")
def tiny():
    """72 NeRFs of the mini zoo: four classes, six objects each in three versions; two objects a class are tested."""
    zoo, chosen, tested = mini_zoo(), [], []
    for label in (0, 3, 6, 10):
        names = sorted({row.base_id for row in zoo.rows if row.label == label})[:6]
        mine = [i for i, row in enumerate(zoo.rows) if row.base_id in names]
        chosen, tested = chosen + mine, tested + [zoo.rows[i].base_id in names[4:] for i in mine]
    objects, tested = [zoo.rows[i].base_id for i in chosen], np.array(tested)
    parts = np.flatnonzero(~tested), np.flatnonzero(tested)
    return bench.Track("shared", zoo.field_weights(chosen), zoo.occupied(chosen), zoo.labels[chosen], objects, parts)


@contextmanager
def fresh_process(entry, seed):
    """What a fresh process does, in a thread of this one: starting Python costs seconds."""
    link, theirs = Pipe()
    thread = Thread(target=work, args=(theirs, entry, seed))
    thread.start()
    yield link
    thread.join()


@pytest.fixture
def here(tiny, monkeypatch):
    """Every track is the tiny one; `real` without a split. Entries run in this process."""
    monkeypatch.setattr(bench, "_fresh_process", fresh_process)
    of_name = {name: dataclasses.replace(tiny, name=name) for name in bench.TRACKS}
    of_name["real"] = dataclasses.replace(tiny, name="real", split=None)
    monkeypatch.setattr(bench, "open_track", lambda name, settings, work: of_name[name])


def test_an_entry_can_know_neither_label_nor_split(tiny, here, tmp_path):
    """Everything handed to it in two runs: arrays without names, tested NeRFs never in train, orders that change."""
    told, entry, seen = tmp_path / "told.json", tmp_path / "spy.py", []
    entry.write_text(SPY.format(told=told))
    for seed in (0, 1):
        bench.run_entry(str(entry), tiny, [tiny], seed, QUICK, 300)
        seen.append(json.loads(told.read_text()))
    of_row = {name: i for i, name in enumerate(map(_named, tiny.field_weights))}
    for one in seen:
        train, asked = ([of_row[name] for name in one[part]] for part in ("train", "embed"))
        assert set(train) == set(tiny.split[0].tolist()) and set(asked[:72]) == set(range(72))
        assert sorted(train) != train and len({frozenset(asked[start : start + 8]) & frozenset(tiny.split[1].tolist())
                                               for start in range(0, 64, 8)}) > 4  # fmt: skip
        numbers = {}
        for place, number in zip(train, one["numbers"], strict=True):
            numbers.setdefault(number, set()).add(tiny.objects[place])
        assert all(len(objects) == 1 for objects in numbers.values()) and len(numbers) == 16
    assert seen[0]["embed"] != seen[1]["embed"] and seen[0]["train"] != seen[1]["train"]


def _named(row):
    return hashlib.sha256(row.tobytes()).hexdigest()


def test_bars_are_read_noise_is_not_and_nothing_is_done_twice(tiny, here, tmp_path, monkeypatch):
    run = bench.benchmark, (tmp_path, ("shared", "real"), 2, QUICK)
    rows = run[0](["occupancy 8 cubed", "random numbers"], *run[1])
    value = {(row["entry"], row["track"], row["measure"]): row for row in rows}
    for track in ("shared", "real"):
        for measure, chance in (("hit@1", 0.25), ("linear probe", 0.25), ("versions found", 2 / 71)):
            bar, floor = (value[name, track, measure] for name in ("occupancy 8 cubed", "random numbers"))
            assert bar["value"] > chance + 0.15 and floor["value"] < chance + 0.25, (track, measure)
            assert bar["low"] <= bar["value"] <= bar["high"] and bar["new_low"] <= bar["value"] - 1 / bar["n"] + 1e-9
    assert value["random numbers", "shared", "hit@1"]["n_objects"] == 8 and rows[0]["runs"] == 2
    monkeypatch.setattr(bench, "run_entry", lambda *_: pytest.fail("it was there already"))
    again = run[0](["occupancy 8 cubed", "random numbers"], *run[1])
    assert [row["value"] for row in again] == [row["value"] for row in rows]
    write_benchmark(rows, tmp_path / "out")
    header, first, *_ = (tmp_path / "out" / "benchmark.csv").read_text().splitlines()
    assert header.startswith("entry,track,measure,value,low,high") and first.startswith("occupancy 8 cubed,shared,")
    assert (tmp_path / "out" / "benchmark.png").stat().st_size > 5000


def test_a_nerf2vec_is_decoded_and_measured(tiny, here, tmp_path):
    config = ModelConfig(EncoderConfig("rows", (8, 8, 8, 8), 16), DecoderConfig(hidden=16, n_octaves=2))
    save_model(Nerf2Vec(config).eval(), tmp_path / "run")
    rows = bench.benchmark([str(tmp_path / "run")], tmp_path / "work", ("shared",), 1, QUICK)
    found = next(row for row in rows if row["measure"] == bench.DECIBEL)
    assert 0 < found["value"] < 25 and found["new_low"] is None and found["numbers"] == 16


def test_vectors_that_depend_on_their_company_are_refused(tiny):
    weights, grids = tiny.field_weights, tiny.occupied
    assert np.array_equal(embed_all(noise, weights, grids), noise(weights, grids))
    with pytest.raises(BadInput, match="changes with the NeRFs embedded beside it"):
        embed_all(lambda w, _: w[:, :9] - w[:, :9].mean(0), weights, grids)
    for wrong in (lambda w, _: w[0, :9], lambda w, _: w[:1, :9], lambda w, _: np.full((len(w), 2), np.nan)):
        with pytest.raises(BadInput, match="vectors of shape"):
            embed_all(wrong, weights, grids)


def test_mistakes_are_one_line(tiny, tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(BadInput, match="neither embed nor train"):
        find_entry(str(tmp_path / "empty.py"))
    with pytest.raises(BadInput, match="no entry 'nothing.py'; give a file"):
        find_entry("nothing.py")
    (tmp_path / "broken.py").write_text("def embed(field_weights, occupied):\n    return field_weights[:, 99999]\n")
    with pytest.raises(BadInput, match="the entry failed .IndexError: index 99999"):
        bench.run_entry(str(tmp_path / "broken.py"), tiny, [tiny], 0, QUICK, 300)
    (tmp_path / "slow.py").write_text("import time\n\ndef embed(field_weights, occupied):\n    time.sleep(600)\n")
    with pytest.raises(BadInput, match="not done after 0.0 minutes"):
        bench.run_entry(str(tmp_path / "slow.py"), tiny, [tiny], 0, QUICK, 1)


def test_tracks_are_the_collections_and_their_splits(tmp_path):
    """Renumbered weights are other numbers of the same objects; real has no split."""
    shared, moved, real = (bench.open_track(name, QUICK, tmp_path) for name in ("shared", "renumbered", "real"))
    assert [len(part) for part in shared.split] == [429, 78] and real.split is None
    assert shared.objects == moved.objects and not (shared.field_weights == moved.field_weights).all(1).any()
    with pytest.raises(BadInput, match="no track 'easy'; use: shared"):
        bench.open_track("easy", QUICK, tmp_path)
