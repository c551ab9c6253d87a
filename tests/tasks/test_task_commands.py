"""`n2v generate` and `retrieve` on made-up embeddings: tables, and one line for every mistake."""

from dataclasses import replace

import numpy as np
import pytest

from n2v.cli import main
from n2v.embed.decoder import DecoderConfig
from n2v.embed.embeddings import Embeddings
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec, save_model
from n2v.scenes.classes import CLASSES

WIDTH = 16


def made_up(classes=(4, 6), n_train=6, width=WIDTH, noise=0.05) -> Embeddings:
    """Three versions of each of `n_train` training and two test objects a class; equal ones without noise."""
    rng = np.random.default_rng(0)
    items = [(c, i, v) for c in classes for i in range(n_train + 2) for v in range(3)]
    bases = {(c, i): rng.normal(size=width) + c for c, i, _ in items}
    base_ids = [f"{CLASSES[c]}-{i:06d}" for c, i, _ in items]
    return Embeddings(
        values=np.float32([bases[c, i] + noise * rng.normal(size=width) for c, i, _ in items]),
        object_ids=[f"{base}_A{v}" for base, (_, _, v) in zip(base_ids, items, strict=True)],
        base_ids=base_ids,
        class_names=[CLASSES[c] for c, _, _ in items],
        labels=np.array([c for c, _, _ in items]),
        versions=[v for _, _, v in items],
        shape_groups=base_ids,
        splits=["train" if i < n_train else "test" for _, i, _ in items],
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with an untrained nerf2vec in `run` and embeddings in `emb.safetensors`."""
    monkeypatch.chdir(tmp_path)
    config = ModelConfig(EncoderConfig("rows", (8, 8, 8, 8), WIDTH), DecoderConfig(hidden=16, n_octaves=2))
    save_model(Nerf2Vec(config), tmp_path / "run")
    made_up().save(tmp_path / "emb.safetensors")
    return tmp_path


def generate(*more: str) -> int:
    return main(["generate", "run", "emb.safetensors", "--class-name", "chair", "--out", "out", *more])


def test_tasks_take_classes_beyond_the_thirteen(here):
    loaded = made_up(classes=(4, 6, 12))
    loaded = replace(
        loaded, labels=np.where(loaded.labels == 12, 15, loaded.labels),
        class_names=["night stand" if name == CLASSES[12] else name for name in loaded.class_names],
    )  # fmt: skip
    loaded.save(here / "emb.safetensors")
    assert main(["classify", "emb.safetensors", "--out", "out", "--seeds", "1", "--epochs", "2"]) == 0
    assert "night stand" in (here / "out" / "tables" / "extra-per-class.csv").read_text()
    table = (here / "out" / "tables" / "table-4.1.csv").read_text()
    assert "embeddings,linear probe,1," in table and 'shuffled labels",linear probe,' in table
    assert main(["retrieve", "emb.safetensors", "--out", "found", "--k", "1"]) == 0
    assert generate("--n", "1", "--steps", "2", "--class-name", "night stand", "--force") == 0
    assert "night stand,gan,18," in (here / "out" / "tables" / "extra-generation.csv").read_text()


def test_generate_judges_against_held_out_objects(here):
    assert generate("--n", "1", "--steps", "5") == 0
    header, row = (here / "out" / "tables" / "extra-generation.csv").read_text().splitlines()
    assert "novelty_ratio" in header and row.startswith("chair,gan,18,")


def test_generate_by_flow_matching_and_with_a_final_relu(here):
    assert generate("--n", "1", "--steps", "3", "--method", "flow") == 0
    assert "chair,flow,18," in (here / "out" / "tables" / "extra-generation.csv").read_text()
    assert generate("--n", "1", "--steps", "3", "--final-relu", "--force") == 0


def test_equal_versions_are_no_mistake(here):
    made_up(noise=0).save(here / "emb.safetensors")
    assert generate("--n", "1", "--steps", "5") == 0


@pytest.mark.parametrize(
    "changed, words, said",
    [
        ({"width": 24}, ["generate", "run", "--class-name", "chair"], "embeddings of 24 numbers, but run decodes 16"),
        ({}, ["generate", "run", "--class-name", "chair", "--n", "0"], "--n: 0; use at least 1"),
        ({}, ["generate", "run", "--class-name", "chair", "--steps", "-5"], "--steps: -5; use at least 1"),
        (
            {},
            ["generate", "run", "--class-name", "chair", "--method", "flow", "--final-relu"],
            "no final ReLU; leave it",
        ),
        ({"n_train": 1}, ["generate", "run", "--class-name", "chair"], "3 embeddings; give at least 4"),
        ({"classes": (4,)}, ["retrieve", "--k", "1"], "objects of a single class"),
        ({"classes": (4,)}, ["classify"], "a single class"),
        ({}, ["interpolate", "run", "zoo", "chair-000000", "chair-000001", "--size", "0"], "0 px; use 8 to 2048 px"),
    ],
)
def test_mistakes_are_one_line(here, capsys, changed, words, said):
    made_up(**changed).save(here / "emb.safetensors")
    place = {"generate": 2, "retrieve": 1, "classify": 1}.get(words[0])
    if place:
        words = [*words[:place], "emb.safetensors", *words[place:]]
    assert main([*words, "--out", "out"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and said in lines[0]
    assert not (here / "out").exists()
