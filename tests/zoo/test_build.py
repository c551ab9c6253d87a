"""Building a zoo: it fits what can be fitted, lists what cannot, goes on where it stopped, and can be divided."""

from dataclasses import replace

import numpy as np
import pytest

from n2v.errors import BadInput
from n2v.nerf.recipe import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object
from n2v.scenes.views import ViewSet, read_views, write_views
from n2v.zoo.build import build_zoo, plan, spread
from n2v.zoo.store import Zoo

QUICK = replace(FitConfig.laptop(40, 512), grid_resolution=24, psnr_floor_db=5.0)


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Five small view sets in three classes, two of them versions of one base."""
    root = tmp_path_factory.mktemp("views")
    for name, seed, base in (
        ("chair", 0, ""),
        ("chair", 1, "chair-000000"),
        ("lamp", 0, ""),
        ("sofa", 0, ""),
        ("sofa", 1, ""),
    ):
        made = make_object(name, seed)
        c2w, held_out = orbit_cameras(8, seed), orbit_cameras(2, seed + 50)
        one = ViewSet(
            made.object_id, name, render_rgba(made, c2w, 24), c2w, base_id=base, version=int(bool(base)), licence="MIT",
            held_out_images=render_rgba(made, held_out, 24), held_out_c2w=held_out,
        )  # fmt: skip
        write_views(one, root / name / made.object_id)
    return root


@pytest.fixture(scope="module")
def whole(views, tmp_path_factory):
    out = tmp_path_factory.mktemp("zoo") / "whole"
    return build_zoo(views, out, QUICK, workers=1), Zoo(out)


def test_every_view_set_becomes_a_nerf_with_provenance(whole):
    summary, zoo = whole
    assert summary["fitted"] == len(zoo) == 5 and summary["quarantined"] == []
    row = zoo.rows[zoo.index_of("chair-000001")]
    assert (row.base_id, row.version, row.class_name, row.licence) == ("chair-000000", 1, "chair", "MIT")
    assert row.steps == 40 and row.encoding == "exact" and row.init_hash and row.psnr_db > 5 and row.fit_s > 0
    assert row.psnr_alone_db > 5 and row.psnr_step == QUICK.step / 2 and summary["mean_psnr_alone_db"] > 5
    assert row.split == zoo.rows[zoo.index_of("chair-000000")].split


def test_other_classes_are_numbered_after_the_thirteen_and_keep_their_number(views, tmp_path):
    root = tmp_path / "views"
    for object_id, name in (("a", "zebra"), ("b", "chair"), ("c", "night stand")):
        write_views(replace(read_views(views / "sofa" / "sofa-000000"), object_id=object_id, base_id=object_id,
                            shape_group=object_id, class_name=name), root / name / object_id)  # fmt: skip
    summary = build_zoo(root, tmp_path / "zoo", QUICK, workers=1)
    assert summary["fitted"] == 3 and not summary["quarantined"]
    assert {row.class_name: row.label for row in Zoo(tmp_path / "zoo").rows} == {
        "chair": 4, "night stand": 13, "zebra": 14,
    }  # fmt: skip
    late = replace(read_views(root / "zebra" / "a"), object_id="d", base_id="d", shape_group="d", class_name="ape")
    write_views(late, root / "ape" / "d")
    assert build_zoo(root, tmp_path / "zoo", QUICK, workers=1, resume=True)["fitted"] == 1
    zoo = Zoo(tmp_path / "zoo")
    assert {row.class_name: row.label for row in zoo.rows}["ape"] == 15 and zoo.labels.tolist() == [14, 4, 13, 15]


def test_resume_makes_only_what_is_missing(whole, views):
    _, zoo = whole
    with pytest.raises(BadInput, match="there is a zoo already.*--resume"):
        build_zoo(views, zoo.folder, QUICK, workers=1)
    again = build_zoo(views, zoo.folder, QUICK, workers=1, resume=True)
    assert again["fitted"] == 0 and again["already_there"] == 5


def test_other_recipes_and_empty_folders_are_refused_before_anything_is_made(whole, views, tmp_path):
    _, zoo = whole
    before = (zoo.folder / "manifest.jsonl").read_bytes()
    with pytest.raises(BadInput, match="another recipe: .* was fitted with"):
        build_zoo(views, zoo.folder, replace(QUICK, n_steps=QUICK.n_steps + 1), workers=1, resume=True)
    assert (zoo.folder / "manifest.jsonl").read_bytes() == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no view sets.*n2v render"):
        build_zoo(tmp_path / "empty", tmp_path / "zoo", QUICK)
    assert not (tmp_path / "zoo").exists()


def test_shards_together_equal_one_build(whole, views, tmp_path):
    _, zoo = whole
    for i in range(2):
        build_zoo(views, tmp_path / "parts", QUICK, workers=1, shard=(i, 2))
    parts = Zoo(tmp_path / "parts")
    assert parts.object_ids == zoo.object_ids
    assert [row.split for row in parts.rows] == [row.split for row in zoo.rows]
    assert [row.seed for row in parts.rows] == [row.seed for row in zoo.rows]
    assert {path.name for path in parts.folder.glob("run*.json")} == {"run-0-of-2.json", "run-1-of-2.json"}


def test_bad_view_sets_are_quarantined_and_the_rest_goes_on(views, tmp_path):
    import shutil

    copy = tmp_path / "views"
    shutil.copytree(views, copy)
    torn = copy / "lamp" / "lamp-000000" / "train" / "r_003.png"
    torn.write_bytes(torn.read_bytes()[:60])
    (copy / "sofa" / "sofa-000001" / "transforms_train.json").write_text('{"frames": [')
    summary = build_zoo(copy, tmp_path / "zoo", QUICK, workers=1)
    zoo = Zoo(tmp_path / "zoo")
    assert summary["fitted"] == len(zoo) == 3
    reasons = {row.object_id: row.status for row in zoo.quarantined}
    assert "r_003.png" in reasons["lamp-000000"] and "not valid JSON" in reasons["sofa-000001"]
    manifest = (zoo.folder / "manifest.jsonl").read_bytes()
    assert build_zoo(copy, zoo.folder, QUICK, workers=1, resume=True)["fitted"] == 0
    assert (zoo.folder / "manifest.jsonl").read_bytes() == manifest  # the reasons are listed already


def test_a_collapsed_fit_is_not_stored(views, tmp_path):
    impossible = replace(QUICK, psnr_floor_db=90.0, n_steps=2)
    summary = build_zoo(views, tmp_path / "zoo", impossible, workers=1, limit=1)
    assert summary["fitted"] == 0 and "below 90 dB" in summary["quarantined"][0]["reason"]
    assert len(Zoo(tmp_path / "zoo")) == 0


def test_resume_knows_a_nerf_by_its_object_id(views, tmp_path):
    """The folder of a view set may have been renamed."""
    import shutil

    shutil.copytree(views / "lamp", tmp_path / "views" / "lamp")
    (tmp_path / "views" / "lamp" / "lamp-000000").rename(tmp_path / "views" / "lamp" / "renamed")
    for fitted in (1, 0):
        assert build_zoo(tmp_path / "views", tmp_path / "zoo", QUICK, workers=1, resume=True)["fitted"] == fitted


def test_limit_takes_classes_in_turn(views):
    from n2v.scenes.views import find_views

    folders = find_views(views)
    assert {folder.parent.name for folder in spread(folders, 3)} == {"chair", "lamp", "sofa"}
    items, problems = plan(folders)
    assert len(items) == 5 and not problems


def test_nerfs_do_not_depend_on_the_rest_of_the_collection(whole, views, tmp_path):
    _, zoo = whole
    build_zoo(views, tmp_path / "zoo", QUICK, workers=1, limit=3)
    few = Zoo(tmp_path / "zoo")
    for object_id in few.object_ids:
        a, b = few.rows[few.index_of(object_id)], zoo.rows[zoo.index_of(object_id)]
        assert (a.seed, a.psnr_db, a.sha256) == (b.seed, b.psnr_db, b.sha256)
    assert np.isfinite(few.field_weights()).all()
