"""Data cards: every question has its heading, and every count agrees with what it counts."""

import re
import shlex
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from n2v.cli import asked
from n2v.embed.embeddings import Embeddings
from n2v.lessons.splits import what_splits_measure
from n2v.publish.data_cards import count_table, embedding_table, family_table, shipped_table
from n2v.publish.markdown import read_block
from n2v.scenes.augment import augment
from n2v.scenes.change import component_colours
from n2v.scenes.classes import CLASSES, label_of
from n2v.scenes.objects import read_slots
from n2v.scenes.shapes import make_collection
from n2v.tasks.classify import leave_one_out
from n2v.zoo.store import Zoo

ROOT = Path(__file__).parent.parent
CARDS = ROOT / "data_cards"
MINI_ZOO = ROOT / "data" / "mini_zoo"
NERF2VEC = ROOT / "data" / "nerf2vec"
QUESTIONS = (
    "Motivation", "Composition", "Collection process", "Preprocessing", "Uses", "Leakage", "Defects", "Distribution",
    "Licence", "Maintenance",
)  # fmt: skip


@pytest.mark.parametrize("name", ["procedural_shapes", "mini_zoo", "real_zoo", "embeddings", "nerf2vec"])
def test_every_question_is_answered(name):
    parts = re.split(r"^## (.+)\n", (CARDS / f"{name}.md").read_text(), flags=re.M)
    answers = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert tuple(answers) == QUESTIONS
    assert all(len(answer.split()) >= 8 for answer in answers.values())


def test_every_card_is_listed():
    listed = set(re.findall(r"`(\w+\.md)`", (CARDS / "README.md").read_text()))
    assert {path.name for path in CARDS.glob("*.md")} - {"README.md"} <= listed


def test_the_card_of_published_nerfs_says_where_they_are_and_its_commands_exist():
    text = (CARDS / "published_nerfs.md").read_text()
    where = text.split("## Where they are")[1].split("\n## ")[0]
    assert "`frallebini/gmnerf`" in where and "n2v zoo import gmnerf" in where and "**not run**" in where
    blocks = "".join(re.findall(r"^```\n(.*?)^```", text, re.M | re.S))
    lines = [line.split("#")[0] for line in blocks.splitlines() if line.startswith("n2v ")]
    assert len(lines) == 5 and all(callable(asked(shlex.split(line)[1:])) for line in lines)


@pytest.fixture(scope="module")
def made():
    return make_collection(20, seed=0)


def test_the_families_are_the_generators():
    block = read_block(CARDS / "procedural_shapes.md", "families")
    assert block == family_table()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()[2:]]
    assert [int(row[0]) for row in rows] == list(range(13)) and [row[1] for row in rows] == list(CLASSES)


def test_objects_are_made_of_what_the_table_lists(made):
    """The table against objects that were really made; an ambiguous one is made of another class's slots."""
    block = read_block(CARDS / "procedural_shapes.md", "families")
    listed = {line.split("|")[2].strip(): line for line in block.splitlines()[2:]}
    for one in made:
        slots = read_slots(one.slots)
        row = listed[slots.pop("could_be", one.class_name)].split("|")
        for told_in_prose in ("missing", "handles"):
            slots.pop(told_in_prose, None)
        assert slots.pop("body").replace("_", " ") in row[4].strip().split(", ")
        assert slots.keys() <= set(re.findall(r"(\w+) \(\d+\)", row[5]))


def test_measured_statements_about_the_shapes_hold(made):
    text = re.sub(r"\s+", " ", (CARDS / "procedural_shapes.md").read_text())
    labels = np.array([label_of(one.class_name) for one in made])
    sides = np.stack([np.diff(one.bounds(), axis=0)[0] for one in made])
    paint = np.stack([component_colours(one)[0] for one in made])
    faces = [sum(len(part.faces) for part in one.parts) for one in made]
    n_parts = [len(one.parts) for one in made]
    parts = [part for one in made for part in one.parts]
    alike = Counter((one.class_name, one.slots) for one in made)
    alone = np.mean([alike[one.class_name, one.slots] == 1 for one in made])
    ambiguous = np.mean(["could_be" in read_slots(one.slots) for one in made])
    assert f"rightly in {leave_one_out(sides, labels):.2f} of {len(made)} base objects" in text
    assert f"largest component's colour in {leave_one_out(paint, labels):.2f}" in text
    assert f"{min(faces)} to {max(faces):,} triangles (median {np.median(faces):.0f})" in text
    assert f"in {min(n_parts)} to {max(n_parts)} parts" in text
    assert f"{np.mean([part.texture is not None for part in parts]):.0%}".replace("%", " % of parts have") in text
    assert f"{ambiguous:.1%}".replace("%", " % of objects are ambiguous") in text
    assert f"{alone:.0%}".replace("%", " % have slots that no other") in text
    assert all(part.corner_rgba[..., 3].min() == 1 for part in parts)  # nothing see-through


def test_what_the_card_says_of_the_splits_is_what_they_let_through(made):
    text = (CARDS / "procedural_shapes.md").read_text()
    trio = [one for base in made for one in (base, augment(base, 1, 0), augment(base, 2, 0))]
    rows, overlaps = what_splits_measure(trio)
    for row in rows:
        told = re.search(rf"^\| `{row['rule']}` \|(.+)\|$", text, re.M)[1].split("|")
        columns = ("version of the same object in train", "same body and support in train",
                   "overlap with the nearest in train", "ruler right")  # fmt: skip
        assert [float(cell) for cell in told] == pytest.approx([row[name] for name in columns], abs=0.02)
    assert f"overlap by {overlaps['own versions'].mean():.2f} (mean)" in text


def test_the_mini_zoo_is_what_its_card_counts():
    if not (MINI_ZOO / "manifest.jsonl").is_file():
        pytest.skip("data/mini_zoo is not in this checkout: the counts of its card are NOT checked")
    assert read_block(CARDS / "mini_zoo.md", "counts") == count_table(MINI_ZOO)
    assert "version in train: 0.000" in count_table(MINI_ZOO)


def test_the_real_zoo_is_what_its_card_counts():
    folder = ROOT / "data" / "real_zoo"
    assert read_block(CARDS / "real_zoo.md", "counts") == count_table(folder)
    rows = Zoo(folder).rows
    assert {row.licence for row in rows} == {"CC0-1.0"} and all(
        "@" in row.source and ", " in row.source for row in rows
    )
    groups = {(row.shape_group, row.split) for row in rows}
    assert len(groups) == len({row.shape_group for row in rows})  # no shape in two splits
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 12e6


def test_embedding_card_names_the_fields_and_widths_there_are():
    card = CARDS / "embeddings.md"
    assert read_block(card, "widths") == embedding_table()
    listed = re.findall(r"^\| `(\w+)` \| ", card.read_text(), re.M)
    assert listed == [field.name for field in fields(Embeddings)]


def test_the_shipped_nerf2vec_is_what_its_card_says():
    if not (NERF2VEC / "run.json").is_file():
        pytest.skip("data/nerf2vec is not in this checkout: its card is NOT checked")
    assert read_block(CARDS / "nerf2vec.md", "counts") == shipped_table(NERF2VEC)
    assert read_block(CARDS / "nerf2vec.md", "aligned") == shipped_table(NERF2VEC.with_name("nerf2vec_aligned"))
    assert sum(path.stat().st_size for path in NERF2VEC.iterdir()) < 12_100_000
