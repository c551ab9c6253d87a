"""Collections: identities from folders and index.csv, quarantine, resume, procedural files and back."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

from n2v.cli import main
from n2v.commands.scenes import render
from n2v.errors import BadInput
from n2v.scenes import making
from n2v.scenes.collection import RenderConfig, load_item, render_collection, write_shapes
from n2v.scenes.items import find_items
from n2v.scenes.views import find_views, read_views

REAL = Path(os.environ.get("N2V_MESHES") or "no folder")
SMALL = {"n_views": 4, "n_held_out": 2, "size_px": 16}


def put_box(path, colour=(200, 30, 30, 255)):
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh = trimesh.creation.box((1, 1, 2))
    mesh.visual.face_colors = colour
    mesh.export(path)
    return path


def put_index(folder, *rows):
    columns = sorted({column for row in rows for column in row})
    with open(folder / "index.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def meshes(tmp_path):
    root = tmp_path / "meshes"
    for name in ("chair/red one.ply", "chair/two.ply", "table/two.stl", "03636649/models/lit.ply"):
        put_box(root / name)
    return root


def test_folders_name_the_classes_and_ids_are_unique_and_safe(meshes):
    items, refused = find_items(meshes)
    assert not refused
    assert {(item.file, item.class_name, item.object_id) for item in items} == {
        ("chair/red one.ply", "chair", "red-one"),
        ("chair/two.ply", "chair", "two"),
        ("table/two.stl", "table", "table-two"),
        ("03636649/models/lit.ply", "lamp", "lit"),
    }


def test_any_folder_names_a_class_and_the_thirteen_come_first(meshes):
    """Negative control: a folder's own name, and a folder above the collection, are no classes."""
    for name in ("night_stand/train/n1.ply", "night_stand/chair/n2.ply", "n3.ply", "b@d/n4.ply"):
        put_box(meshes / name)
    items, refused = find_items(meshes)
    found = {item.file: item.class_name for item in items}
    assert found["night_stand/train/n1.ply"] == "night_stand" and found["night_stand/chair/n2.ply"] == "chair"
    assert {entry["file"]: entry["reason"].split(";")[0] for entry in refused} == {
        "n3.ply": "has no class", "b@d/n4.ply": "'b@d' is no class name",
    }  # fmt: skip
    told = {item.file: item.class_name for item in find_items(meshes, "gadget")[0]}
    assert told["n3.ply"] == told["night_stand/train/n1.ply"] == "gadget" and told["chair/two.ply"] == "chair"


def test_a_table_of_labels_names_files_and_folders(tmp_path):
    for name in ("aa/x.ply", "aa/y.ply", "bb/z.ply", "chair/w.ply", "v.ply"):
        put_box(tmp_path / "in" / name)
    table = tmp_path / "labels.csv"
    table.write_text("class,file,note\nlamp,aa,\nnight stand,aa/y.ply,mine\nsofa,chair/w.ply,\nrifle,gone.ply,\n")
    items, refused = find_items(tmp_path / "in", "gadget", table)
    assert {item.file: item.class_name for item in items} == {
        "aa/x.ply": "lamp", "aa/y.ply": "night stand", "bb/z.ply": "gadget", "chair/w.ply": "sofa", "v.ply": "gadget",
    }  # fmt: skip
    assert refused == [{"file": "gone.ply", "reason": "listed in labels.csv, but there is no such file"}]
    summary = render(tmp_path / "in", tmp_path / "v", labels=table, views=1, held_out=0, size=8)
    assert summary["classes"] == {"lamp": 1, "night stand": 1, "bb": 1, "sofa": 1} and summary["n_quarantined"] == 2
    assert render(tmp_path / "in" / "v.ply", tmp_path / "w", labels=table, class_name="a", views=1, size=8)["classes"]
    for text, message in (
        ("file,kind\na,b\n", "no column 'class'"),
        ("file,class\naa,lamp\naa,sofa\n", "'aa' is lamp and sofa"),
        ("file,class\naa,la/mp\n", "'la/mp' is no class name"),
        ("file,class\n", "names no file"),
    ):
        table.write_text(text)
        with pytest.raises(BadInput, match=message):
            find_items(tmp_path / "in", None, table)
    with pytest.raises(BadInput, match="no such file"):
        find_items(tmp_path / "in", None, tmp_path / "none.csv")


def test_the_index_turns_single_files(tmp_path):
    """A box of 1 x 1 x 2: as it is, and with its long side along y where the index says that y is up."""
    for name in ("a", "b"):
        put_box(tmp_path / "in" / "chair" / f"{name}.ply")
    put_index(tmp_path / "in", {"file": "chair/b.ply", "up": "y"}, {"file": "chair/a.ply"})
    items = {item.object_id: item for item in find_items(tmp_path / "in")[0]}
    sides = {
        (name, up): np.ptp(load_item(items[name], RenderConfig(up=up)).bounds(), axis=0).argmax()
        for name in ("a", "b")
        for up in ("auto", "y", "z")
    }
    assert sides == {
        ("a", "auto"): 2, ("a", "y"): 1, ("a", "z"): 2, ("b", "auto"): 1, ("b", "y"): 1, ("b", "z"): 1,
    }  # fmt: skip
    put_index(tmp_path / "in", {"file": "chair/b.ply", "up": "x"})
    assert "upward axis 'x'" in find_items(tmp_path / "in")[1][0]["reason"]


def test_same_stem_in_one_class_takes_its_path(tmp_path):
    for name in ("aa", "bb"):
        put_box(tmp_path / "03001627" / name / "models" / "model_normalized.ply")
    ids = {item.object_id for item in find_items(tmp_path)[0]}
    assert ids == {f"03001627-{name}-models-model_normalized" for name in ("aa", "bb")}


def test_a_collection_renders_and_reads_back(meshes, tmp_path):
    put_index(
        meshes,
        {"file": "chair/two.ply", "class_name": "sofa", "source": "me", "licence": "CC0-1.0", "shape_group": "7"},
    )
    summary = render_collection(meshes, tmp_path / "views", **SMALL)
    assert summary["n_objects"] == summary["n_rendered"] == 4 and summary["n_quarantined"] == 0
    assert summary["classes"] == {"chair": 1, "sofa": 1, "table": 1, "lamp": 1}
    assert len(find_views(tmp_path / "views")) == 4
    view_set = read_views(tmp_path / "views" / "sofa" / "two")
    assert (view_set.source, view_set.licence, view_set.shape_group) == ("me", "CC0-1.0", "group-7")
    assert view_set.images.shape == (4, 16, 16, 4) and view_set.held_out_images.shape == (2, 16, 16, 4)
    covered = view_set.images[view_set.images[..., 3] > 0]
    assert covered[:, 0].min() > 2 * covered[:, 1].max()
    record = json.loads((tmp_path / "views" / "render.json").read_text())
    assert record["config"]["size_px"] == 16 and record["packages"]["trimesh"]


def test_bad_meshes_are_quarantined_and_the_rest_goes_on(meshes, tmp_path):
    (meshes / "chair" / "cut.glb").write_bytes(b"glTF")
    put_box(meshes / "x.ply")
    put_index(meshes, {"file": "chair/gone.ply"}, {"file": "table/two.stl", "class_name": "uni/corn"})
    out = tmp_path / "views"
    summary = render_collection(meshes, out, **SMALL)
    assert summary["n_objects"] == 3 and summary["n_quarantined"] == 4
    lines = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    reasons = {line["file"]: line["reason"] for line in lines}
    assert "cannot be read" in reasons["chair/cut.glb"]
    assert "has no class" in reasons["x.ply"]
    assert "no such file" in reasons["chair/gone.ply"]
    assert "'uni/corn' is no class name" in reasons["table/two.stl"]


def test_what_a_mesh_lost_is_in_the_result(meshes, tmp_path, capsys):
    (meshes / "sofa").mkdir()
    (meshes / "sofa" / "a.obj").write_text("mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 1\nusemtl m\nf 1 2 3\n")
    summary = render_collection(meshes, tmp_path / "views", **SMALL)
    lost = [{"file": "sofa/a.obj", "warning": "'a.mtl' is missing, colours may be lost"}]
    assert summary["warnings"] == lost and summary["n_objects"] == 5
    again = ["render", str(meshes), "--out", str(tmp_path / "v"), "--views", "1", "--held-out", "0", "--size", "8"]
    assert main([*again, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == lost


def test_resume_keeps_what_is_whole_and_remakes_the_rest(meshes, tmp_path):
    out = tmp_path / "views"
    render_collection(meshes, out, **SMALL)
    (out / "chair" / "two" / "train" / "r_001.png").unlink()
    again = render_collection(meshes, out, **SMALL)
    torn = out / "lamp" / "lit" / "test" / "r_001.png"
    torn.write_bytes(torn.read_bytes()[:-4] + bytes(4))  # as a power cut leaves it
    assert render_collection(meshes, out, **SMALL)["n_rendered"] == 1
    assert (again["n_kept"], again["n_rendered"], again["n_objects"]) == (3, 1, 4)
    assert read_views(out / "chair" / "two").size_px == 16
    assert render_collection(meshes, out, **SMALL, resume=False)["n_rendered"] == 4
    assert render_collection(meshes, out, **{**SMALL, "size_px": 20})["n_rendered"] == 4
    assert render_collection(meshes, out, **{**SMALL, "size_px": 20}, seed=1)["n_rendered"] == 4
    put_box(meshes / "chair" / "two.ply", (30, 200, 30, 255))
    assert render_collection(meshes, out, **{**SMALL, "size_px": 20}, seed=1)["n_rendered"] == 1  # another mesh


def test_another_axis_or_finer_pictures_are_not_kept(meshes, tmp_path):
    out = tmp_path / "views"
    render_collection(meshes, out, **SMALL)
    before = read_views(out / "chair" / "two").images
    assert render_collection(meshes, out, **SMALL, up="y")["n_kept"] == 0
    assert (read_views(out / "chair" / "two").images != before).any()
    assert render_collection(meshes, out, **SMALL, up="y")["n_kept"] == 4
    assert render_collection(meshes, out, **SMALL, up="y", supersample=1)["n_kept"] == 0


def test_cameras_depend_on_seed_and_object(meshes, tmp_path):
    config = RenderConfig(4, 2, 16)
    train, held_out = config.cameras("a")
    np.testing.assert_array_equal(train, config.cameras("a")[0])
    assert not np.allclose(train, config.cameras("b")[0]) and not np.allclose(train[:2], held_out)


@pytest.mark.parametrize(
    ("seconds", "told", "cores", "expected"),
    [(4, None, 8, 1), (7, None, 8, 2), (7, None, 1, 1), (100, None, 8, 8), (0.1, 3, 8, 3), (100, 1, 8, 1)],
)
def test_as_many_processes_as_the_work_is_worth(monkeypatch, seconds, told, cores, expected):
    monkeypatch.setattr(making, "available_cores", lambda: cores)
    found = making.Task("render", print, None, seconds / 100).workers(100, told)
    assert max(1, len(found.environments)) == expected


@pytest.mark.slow
def test_worker_processes_make_the_same_pictures(meshes, tmp_path):
    render_collection(meshes, tmp_path / "one", **SMALL, workers=1)
    render_collection(meshes, tmp_path / "two", **SMALL, workers=2)
    for path in find_views(tmp_path / "one"):
        other = read_views(tmp_path / "two" / path.relative_to(tmp_path / "one"))
        np.testing.assert_array_equal(read_views(path).images, other.images)


def test_a_single_mesh(meshes, tmp_path):
    assert render(meshes / "chair" / "two.ply", tmp_path / "v", views=3, size=16, held_out=0)["n_objects"] == 1
    assert len(read_views(tmp_path / "v" / "chair" / "two").images) == 3
    lone = put_box(tmp_path / "lone.ply")
    with pytest.raises(BadInput, match="--class-name"):
        render_collection(lone, tmp_path / "v", **SMALL)
    render_collection(lone, tmp_path / "v", **SMALL, class_name="rifle")
    assert read_views(tmp_path / "v" / "rifle" / "lone").class_name == "rifle"
    render_collection(lone, tmp_path / "v", **SMALL, class_name="night stand")
    assert read_views(tmp_path / "v" / "night stand" / "lone").class_name == "night stand"


def test_user_mistakes_are_one_line(meshes, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a file").write_text("x")
    cut = tmp_path / "chair" / "cut.glb"
    cut.parent.mkdir()
    cut.write_bytes(b"glTF")
    cases = [
        ((tmp_path / "none", tmp_path / "v"), {}, "no such file or folder"),
        ((tmp_path / "empty", tmp_path / "v"), {}, "holds no mesh files"),
        ((cut, tmp_path / "v"), {}, "cannot be read"),
        ((meshes, tmp_path / "v"), {"n_views": 0}, "0 views"),
        ((meshes, tmp_path / "v"), {"size_px": 1}, "size 1 px"),
        ((meshes, tmp_path / "v"), {"workers": 0}, "0 workers"),
        ((meshes, tmp_path / "v"), {"class_name": "uni/corn"}, "is no class name"),
        ((meshes, tmp_path / "a file"), {}, "cannot be written"),
    ]
    for places, changes, message in cases:
        with pytest.raises(BadInput, match=message) as error:
            render_collection(*places, **{**SMALL, **changes})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", ["../outside.ply", "/etc/passwd"])
def test_an_index_that_leaves_its_folder_is_refused(meshes, tmp_path, file):
    put_box(tmp_path / "outside.ply")
    put_index(meshes, {"file": file, "class_name": "chair"})
    with pytest.raises(BadInput, match="leaves its folder"):
        render_collection(meshes, tmp_path / "v", **SMALL)


def test_an_unsafe_or_double_object_id_is_quarantined(meshes, tmp_path):
    put_index(
        meshes,
        {"file": "chair/two.ply", "object_id": "../../x"},
        {"file": "chair/red one.ply", "object_id": "same"},
        {"file": "table/two.stl", "object_id": "same"},
    )
    summary = render_collection(meshes, tmp_path / "v", **SMALL)
    reasons = {entry["file"]: entry["reason"] for entry in summary["quarantine"]}
    assert "no safe file name" in reasons["chair/two.ply"] and "there twice" in reasons["table/two.stl"]


def test_shapes_write_versions_that_render_as_one_family(tmp_path):
    summary = write_shapes(tmp_path / "s", per_class=2, augment=1, classes=("chair", "lamp"), seed=3)
    assert summary["n_objects"] == 8 and summary["classes"] == {"chair": 4, "lamp": 4}
    first = {path.name: path.read_bytes() for path in (tmp_path / "s").rglob("*.glb")}
    write_shapes(tmp_path / "s", per_class=2, augment=1, classes=("chair", "lamp"), seed=3)
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").rglob("*.glb")} == first
    render_collection(tmp_path / "s", tmp_path / "v", **SMALL)
    sets = [read_views(path) for path in find_views(tmp_path / "v")]
    assert sorted(view_set.version for view_set in sets) == [0] * 4 + [1] * 4
    assert all(view_set.object_id == f"{view_set.base_id}_A1" for view_set in sets if view_set.version)
    with pytest.raises(BadInput, match="already holds another mesh"):
        write_shapes(tmp_path / "s", per_class=1, classes=("table",))


def test_real_meshes_render():
    if not REAL.is_dir():
        pytest.skip("N2V_MESHES names no folder of real meshes")
    items, refused = find_items(REAL)
    assert len(items) == 252 and not refused
    assert len({item.object_id for item in items}) == 252
    assert all(item.licence and item.source and item.shape_group for item in items)


@pytest.mark.parametrize("name", ["chair", "display", "watercraft"])
def test_a_real_mesh_of_each_kind_shows_up(tmp_path, name):
    if not REAL.is_dir():
        pytest.skip("N2V_MESHES names no folder of real meshes")
    path = sorted((REAL / name).iterdir())[0]
    render_collection(path, tmp_path, n_views=3, n_held_out=0, size_px=48)
    images = read_views(tmp_path / name / path.stem).images
    assert (images[..., 3] > 0).mean() > 0.03
    assert not images[:, [0, -1]][..., 3].any() and not images[:, :, [0, -1]][..., 3].any()
