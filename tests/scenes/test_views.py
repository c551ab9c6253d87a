"""View sets come back as written; every broken folder is refused in one line that names the file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from n2v.errors import BadInput
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.views import TEST, TRAIN, VAL, ViewSet, find_views, read_views, write_views


@pytest.fixture
def view_set():
    rng = np.random.default_rng(0)
    return ViewSet(
        object_id="chair-000001_A1",
        class_name="chair",
        images=rng.integers(0, 256, (4, 16, 16, 4), np.uint8),
        c2w=orbit_cameras(4, 0),
        base_id="chair-000001",
        version=1,
        shape_group="four legs",
        source="procedural",
        licence="MIT",
        held_out_images=rng.integers(0, 256, (2, 16, 16, 4), np.uint8),
        held_out_c2w=orbit_cameras(2, 1),
    )


@pytest.fixture
def folder(view_set, tmp_path):
    return write_views(view_set, tmp_path / "chair" / view_set.object_id)


def edit(folder, change, name=TRAIN):
    record = json.loads((folder / name).read_text())
    change(record)
    (folder / name).write_text(json.dumps(record))


def test_round_trip_is_exact(view_set, folder):
    read = read_views(folder)
    for name in ("images", "c2w", "held_out_images", "held_out_c2w"):
        np.testing.assert_array_equal(getattr(read, name), getattr(view_set, name))
    for name in ("object_id", "base_id", "class_name", "version", "shape_group", "source", "licence", "aabb"):
        assert getattr(read, name) == getattr(view_set, name), name
    assert read.size_px == 16 and read.folder == folder


def test_layout_is_nerf_synthetic(folder):
    record = json.loads((folder / TRAIN).read_text())
    assert set(record) >= {"camera_angle_x", "frames"}
    assert record["frames"][3]["file_path"] == "./train/r_003"
    assert (folder / "train" / "r_003.png").exists() and (folder / "test" / "r_001.png").exists()


def test_other_programs_find_the_box_and_the_validation_views_they_ask_for(view_set, folder, tmp_path):
    """instant-ngp takes `aabb` as [min, max]; nerfstudio's Blender parser and others open all three files."""
    assert json.loads((folder / TRAIN).read_text())["aabb"] == [[-0.7] * 3, [0.7] * 3]
    assert (folder / VAL).read_bytes() == (folder / TEST).read_bytes()
    assert all((folder / f"{f['file_path']}.png").is_file() for f in json.loads((folder / VAL).read_text())["frames"])
    edit(folder, lambda r: r.update(aabb=[-1, -1, -1, 2, 2, 2]))
    assert read_views(folder).aabb == (-1, -1, -1, 2, 2, 2)  # as n2v 0.2 wrote it


def test_a_foreign_folder_needs_only_cameras_and_pictures(folder):
    edit(folder, lambda r: [r.pop(key) for key in list(r) if key not in ("camera_angle_x", "frames")])
    edit(folder, lambda r: [f.update(file_path=f["file_path"][2:] + ".png") for f in r["frames"]])
    (folder / TEST).unlink()
    read = read_views(folder)
    assert (read.object_id, read.class_name, read.base_id) == ("chair-000001_A1", "chair", "chair-000001_A1")
    assert read.held_out_images.shape[0] == 0 and read.held_out_c2w.shape == (0, 4, 4)


def test_find_views_is_sorted_and_skips_hidden(folder, view_set, tmp_path):
    write_views(view_set, tmp_path / "bench" / "a")
    write_views(view_set, tmp_path / "bench" / ".half" / "b")
    assert find_views(tmp_path) == [tmp_path / "bench" / "a", folder]
    with pytest.raises(BadInput, match="no such folder"):
        find_views(tmp_path / "nowhere")


def test_a_failed_write_leaves_the_old_set(view_set, folder, monkeypatch):
    calls = []

    def fail_late(path, data):
        calls.append(path)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        path.write_bytes(data)

    monkeypatch.setattr("n2v.scenes.views._write_synced", fail_late)
    with pytest.raises(OSError, match="No space"):
        write_views(replace(view_set, images=view_set.images[::-1]), folder)
    monkeypatch.undo()
    np.testing.assert_array_equal(read_views(folder).images, view_set.images)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_rewriting_replaces_all_of_it(view_set, folder):
    none = replace(
        view_set,
        images=view_set.images[:2],
        c2w=view_set.c2w[:2],
        held_out_images=np.zeros((0, 0, 0, 4), np.uint8),
        held_out_c2w=np.zeros((0, 4, 4), np.float32),
    )
    write_views(none, folder)
    assert len(read_views(folder).images) == 2 and not (folder / TEST).exists()
    assert not (folder / "train" / "r_003.png").exists()


def cut(path):
    path.write_bytes(path.read_bytes()[:200])


def resave(path, mode="RGBA", size=(16, 16)):
    Image.new(mode, size).save(path)


def set_matrix(row, column, value):
    return lambda r: r["frames"][1]["transform_matrix"][row].__setitem__(column, value)


def clear_all(folder):
    for path in (folder / "train").iterdir():
        resave(path)


PICTURE = "train/r_002.png"
BROKEN = {
    "missing picture": (lambda f: (f / PICTURE).unlink(), "r_002.png: picture is missing"),
    "truncated picture": (lambda f: cut(f / PICTURE), "r_002.png: picture is truncated"),
    "text as picture": (lambda f: (f / PICTURE).write_text("hello"), "r_002.png: picture is truncated or not"),
    "RGB picture": (lambda f: resave(f / PICTURE, "RGB"), "r_002.png: picture is RGB, not RGBA"),
    "palette picture": (lambda f: resave(f / PICTURE, "P"), "r_002.png: picture is P, not RGBA"),
    "other size": (lambda f: resave(f / PICTURE, size=(8, 8)), "r_002.png: is 8 px wide, the first picture 16 px"),
    "not square": (lambda f: resave(f / PICTURE, size=(16, 8)), "r_002.png: picture is 16 x 8 px"),
    "held-out size": (lambda f: resave(f / "test/r_000.png", size=(8, 8)), "test/r_000.png: is 8 px wide"),
    "all clear": (clear_all, "every view is fully transparent"),
    "no transforms": (lambda f: (f / TRAIN).unlink(), f"{TRAIN}: no such file"),
    "cut transforms": (lambda f: cut(f / TRAIN), f"{TRAIN}: not valid JSON"),
    "a list": (lambda f: (f / TRAIN).write_text("[]"), "is not a JSON object"),
    "no angle": (lambda f: edit(f, lambda r: r.pop("camera_angle_x")), "camera_angle_x is missing"),
    "angle in degrees": (lambda f: edit(f, lambda r: r.update(camera_angle_x=49.1)), "camera_angle_x"),
    "no frames": (lambda f: edit(f, lambda r: r.pop("frames")), "frames are missing"),
    "empty frames": (lambda f: edit(f, lambda r: r.update(frames=[])), "frames are missing or empty"),
    "no file_path": (lambda f: edit(f, lambda r: r["frames"][1].pop("file_path")), "frame 1 has no file_path"),
    "no matrix": (lambda f: edit(f, lambda r: r["frames"][1].pop("transform_matrix")), "frame 1 has no 4x4"),
    "3x4 matrix": (lambda f: edit(f, lambda r: r["frames"][1]["transform_matrix"].pop()), "frame 1 has no 4x4"),
    "dots": (lambda f: edit(f, lambda r: r["frames"][1].update(file_path="../../x")), "leaves its folder"),
    "absolute": (lambda f: edit(f, lambda r: r["frames"][1].update(file_path="/etc/passwd")), "leaves its folder"),
    "NaN matrix": (lambda f: edit(f, set_matrix(0, 0, float("nan"))), "camera 1 has NaN"),
    "not rigid": (lambda f: edit(f, set_matrix(0, 0, 3.0)), "camera 1 is not rigid"),
    "bad box": (lambda f: edit(f, lambda r: r.update(aabb=[1, 1, 1, 0, 0, 0])), "aabb is"),
    "ragged box": (lambda f: edit(f, lambda r: r.update(aabb=[[1, 1], [1]])), "version or aabb"),
    "short box": (lambda f: edit(f, lambda r: r.update(aabb=[1, 1])), "aabb is"),
    "bad version": (lambda f: edit(f, lambda r: r.update(version="new")), "version or aabb"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_folders_are_refused(folder, name):
    breakage, message = BROKEN[name]
    read_views(folder)
    breakage(folder)
    with pytest.raises(BadInput) as error:
        read_views(folder)
    text = str(error.value)
    assert message in text and "\n" not in text and folder.name in text


def test_a_link_out_of_the_folder_is_refused(folder, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGBA", (16, 16)).save(secret)
    (folder / PICTURE).unlink()
    (folder / PICTURE).symlink_to(secret)
    with pytest.raises(BadInput, match="leaves its folder"):
        read_views(folder)


def test_bad_sets_are_not_written(view_set, tmp_path):
    for bad in (
        replace(view_set, images=view_set.images[:3]),
        replace(view_set, images=view_set.images.astype(float)),
        replace(view_set, c2w=view_set.c2w.transpose(0, 2, 1)),
        replace(view_set, images=view_set.images * 0),
    ):
        with pytest.raises(BadInput):
            write_views(bad, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()
