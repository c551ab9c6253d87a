"""The whole chain by the command line on a tiny collection, and what each command says to bad input."""

import json
import shutil

import pytest

from n2v.cli import main
from n2v.zoo.store import Zoo


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Shapes, pictures, NeRFs, nerf2vec and embeddings of three classes, all tiny."""
    root = tmp_path_factory.mktemp("chain")
    steps = (
        ("shapes", "--out", "shapes", "--per-class", "5", "--augment", "1", "--classes", "chair", "lamp", "sofa"),
        ("render", "shapes", "--out", "views", "--size", "32", "--views", "12", "--held-out", "2"),
        ("fit", "views", "--out", "zoo", "--profile", "smoke", "--steps", "120", "--workers", "1"),
        ("train", "zoo", "--out", "run", "--profile", "smoke", "--steps", "12"),
        (
            "train",
            "zoo",
            "--out",
            "aligned",
            "--profile",
            "smoke",
            "--steps",
            "12",
            "--encoder",
            "aligned",
            "--split",
            "all",
        ),
        ("embed", "run", "zoo", "--out", "emb.safetensors"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for words in steps:
            assert main(list(words)) == 0, words
    return root


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def test_split_all_holds_nothing_back(here):
    zoo = Zoo(here / "zoo")
    records = [json.loads((here / name / "run.json").read_text()) for name in ("run", "aligned")]
    assert [one["n_nerfs"] for one in records] == [len(zoo.indices("train")), len(zoo)]
    assert records[0]["best_validation_db"] is not None and records[1]["best_validation_db"] is None
    weights = [one["config"]["contrastive_weight"] for one in records]
    assert weights[0] == 0 < weights[1], "the thesis's encoder is trained as in the thesis"


def as_json(words, capsys):
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def complaint(words, capsys):
    """The one line of a refused command."""
    capsys.readouterr()
    assert main(list(words)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "Traceback" not in lines[0]
    return lines[0]


def test_the_zoo_is_sound(here, capsys):
    assert as_json(["zoo", "verify", "zoo"], capsys)["sound"] == 30
    assert as_json(["zoo", "info", "zoo"], capsys)["classes"] == {"chair": 10, "lamp": 10, "sofa": 10}


def test_tasks_write_tables_and_figures(here, capsys):
    rows = as_json(
        ["classify", "emb.safetensors", "--out", "cls", "--zoo", "zoo", "--seeds", "1", "--epochs", "5"], capsys
    )["rows"]
    assert {row["features"] for row in rows} == {"embeddings", "embeddings, shuffled labels", "raw weights"}
    rows = as_json(["retrieve", "emb.safetensors", "--out", "ret", "--k", "1", "2"], capsys)["rows"]
    assert {row["protocol"] for row in rows} == {"corrected", "as published"}
    for name in ("cls/tables/table-4.1.csv", "cls/figures/extra-confusion.png", "ret/tables/table-4.3.csv"):
        assert (here / name).stat().st_size > 0


def test_embeddings_as_published_go_in_and_out(here, tmp_path, capsys):
    """The same numbers in the authors' form give the same table."""
    as_json(["embed", "run", "zoo", "--out", str(tmp_path / "emb")], capsys)
    assert len(list((tmp_path / "emb" / "test").glob("*.h5"))) == len(Zoo(here / "zoo").indices("test"))
    tables = [
        as_json(["retrieve", source, "--out", str(tmp_path / name), "--k", "1"], capsys)["rows"]
        for source, name in (("emb.safetensors", "ours"), (str(tmp_path / "emb"), "theirs"))
    ]
    assert tables[0][0]["value"] == tables[1][0]["value"] and len(tables[0]) == len(tables[1])
    assert "there is something already" in complaint(["embed", "run", "zoo", "--out", str(tmp_path / "emb")], capsys)


def test_interpolate_and_generate(here, capsys):
    ids = [json.loads(line)["object_id"] for line in (here / "zoo" / "manifest.jsonl").read_text().splitlines()]
    words = ["interpolate", "aligned", "zoo", ids[0], ids[-1], "--out", "way", "--size", "16"]
    assert {row["space"] for row in as_json(words, capsys)["rows"]} == {"embeddings", "raw weights"}
    assert (here / "way" / "interpolation.gif").stat().st_size > 0
    words = ["generate", "run", "emb.safetensors", "--class-name", "chair", "--out", "gen", "--n", "2", "--steps", "5"]
    assert as_json(words, capsys)["rows"][0]["n_train"] >= 4


def test_what_was_made_is_replaced_only_when_asked(here, tmp_path, capsys):
    shutil.copytree("zoo", tmp_path / "zoo")
    for words, out in (
        (["view", "zoo", Zoo(here / "zoo").object_ids[0], "--size", "16"], "one.png"),
        (["embed", "run", "zoo"], "e.safetensors"),
        (["train", "zoo", "--profile", "smoke", "--steps", "2"], "again"),
        (["retrieve", "emb.safetensors", "--k", "1"], "found"),
        (["render", "shapes/chair", "--size", "16", "--views", "6", "--held-out", "0"], "seen"),
        (["zoo", "export", "zoo"], "published"),
    ):
        words = [*words, "--out", str(tmp_path / out)]
        as_json(words, capsys)
        before = contents(tmp_path)
        assert "already; add --" in complaint(words, capsys) and contents(tmp_path) == before
        as_json([*words, "--force"], capsys)
        if words[0] in ("train", "render"):
            as_json([*words, "--resume"], capsys)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words, said",
    [
        (["render", "nowhere", "--out", "x"], "nowhere"),
        (["render", "shapes", "--out", "x", "--size", "3"], "8 to 2048 px"),
        (["shapes", "--out", "x", "--per-class", "0"], "--per-class: 0; use at least 1"),
        (["shapes", "--out", "x", "--per-class", "1", "--classes", "boat"], "unknown class 'boat'"),
        (["fit", "nowhere", "--out", "x"], "nowhere"),
        (["fit", "views", "--out", "zoo"], "there is a zoo already"),
        (["fit", "views", "--out", "x", "--profile", "huge"], "unknown profile 'huge'; use one of: smoke"),
        (["fit", "views", "--out", "x", "--steps", "0"], "at least 1"),
        (["fit", "views", "--out", "x", "--shard", "4/4"], "write i/N"),
        (["zoo", "info", "views"], "no zoo here"),
        (["view", "zoo", "nobody", "--out", "x.png"], "no object 'nobody'; for example: "),
        (["view", "zoo", "nobody", "--out", "x.bmp"], "use .png, .gif or .html"),
        (["train", "nowhere", "--out", "x"], "no zoo here"),
        (["train", "zoo", "--out", "x", "--minutes", "0"], "more than 0"),
        (["embed", "views", "zoo", "--out", "x.safetensors"], "views: no trained nerf2vec here; make one with: n2v tr"),
        (["embed", "run", "zoo", "--out", "x.txt"], "x.txt: cannot write '.txt'; use .safetensors"),
        (["classify", "nothing.safetensors", "--out", "x"], "no such file; make it with: n2v embed"),
        (["classify", "zoo/manifest.jsonl", "--out", "x"], "not a file of embeddings"),
        (["retrieve", "emb.safetensors", "--out", "x", "--k", "500"], "k = 500"),
        (["generate", "run", "emb.safetensors", "--class-name", "boat", "--out", "x"], "no object of class 'boat'"),
        (["generate", "run", "emb.safetensors", "--class-name", "table", "--out", "x"], "no object of class"),
        (["interpolate", "run", "zoo", "a", "b", "--out", "x"], "no object 'a'"),
        (["interpolate", "run", "zoo", "a", "a", "--out", "x"], "'a' twice; use two different objects"),
        (["reproduce", "--profile", "huge", "--out", "x"], "unknown profile"),
        (["reproduce", "--profile", "smoke", "--notebooks", "views", "--out", "x"], "no notebooks"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_line(here, capsys, words, said):
    assert said in complaint(words, capsys)


def test_a_damaged_zoo_is_named_and_the_rest_still_embeds(here, tmp_path, capsys):
    shutil.copytree("zoo", tmp_path / "zoo")
    shard = sorted((tmp_path / "zoo" / "shards").iterdir())[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    said = complaint(["zoo", "verify", str(tmp_path / "zoo")], capsys)
    assert "1 of 30 NeRFs are damaged" in said and "checksum" in said
    shard.write_bytes(data[: len(data) // 3])
    assert "damaged" in complaint(["zoo", "verify", str(tmp_path / "zoo")], capsys)
    left = as_json(["embed", "run", str(tmp_path / "zoo"), "--out", str(tmp_path / "e.safetensors")], capsys)
    assert 0 < left["n"] < 30
