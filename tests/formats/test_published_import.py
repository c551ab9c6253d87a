"""Published NeRFs: what a folder holds arrives bit by bit; an unusable folder is named and the rest goes on."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.formats import published_import
from n2v.formats.published import find_folders, identify, read_grid, rebuild_grid
from n2v.formats.published_import import import_published
from n2v.nerf.layout import N_WEIGHTS, initial_vector, vector_hash
from n2v.nerf.occupancy import learned_occupancy
from n2v.nerf.recipe import THESIS_STEP
from n2v.nerf.render import field_query, render_image
from n2v.scenes.cameras import turntable_cameras
from n2v.zoo.store import Zoo
from n2v.zoo.verify import verify

CHAIR, SOFA, LAMP = "03001627", "04256520", "03636649"
PADDING = slice(17408 + 4 * 64, N_WEIGHTS)  # rows 4..15 of the output matrix


def some_weights(seed: int = 0) -> torch.Tensor:
    """Weights as after a fit from the authors' initial vector: all moved but the padding rows."""
    vector = torch.from_numpy(initial_vector(999))
    moved = vector + torch.randn(N_WEIGHTS, generator=torch.Generator().manual_seed(seed)) / 10
    moved[PADDING] = vector[PADDING]
    return moved


def some_grid(seed: int = 0, side: int = 96) -> torch.Tensor:
    """A block of full cells and some loose ones, different along every axis."""
    occupied = torch.rand((side,) * 3, generator=torch.Generator().manual_seed(seed)) < 0.001
    occupied[30 : 40 + seed, 50:55, 60:80] = True
    return occupied


def grid_file(occupied: torch.Tensor, box: float = 0.7, **changes) -> dict:
    side = torch.tensor([occupied.shape[0]] * 3).half()
    roi = torch.tensor([-box] * 3 + [box] * 3).half()
    return {"_roi_aabb": roi, "_binary": occupied.to_sparse(), "resolution": side, **changes}


def write(root: Path, place: str, seed: int = 0, weights: object = None, grid: object = None) -> Path:
    """One object's folder; `weights` and `grid` replace the whole content of the files."""
    folder = root / place
    folder.mkdir(parents=True)
    weights = {"mlp_base.params": some_weights(seed)} if weights is None else weights
    torch.save(weights, folder / "nerf_weights.pth")
    torch.save(grid_file(some_grid(seed)) if grid is None else grid, folder / "grid.pth")
    return folder


@pytest.fixture
def collection(tmp_path):
    """A chair with its two versions, a sofa and a lamp, in the three roots of the layout."""
    root = tmp_path / "published"
    write(root, f"data_TRAINED/{CHAIR}/abc", 0)
    write(root, f"data_TRAINED_A1/{CHAIR}/abc_A1", 1)
    write(root, f"data_TRAINED_A2/{CHAIR}/abc_A2", 2)
    write(root, f"data_TRAINED/{SOFA}/def", 3)
    write(root, f"data_TRAINED/{LAMP}/123", 4)
    return root


def rows_without_place(zoo: Zoo) -> list:
    return [{**vars(row), "shard": "", "row": 0} for row in zoo.rows]


def test_weights_and_grids_arrive_bit_by_bit(collection, tmp_path):
    summary = import_published(collection, tmp_path / "zoo", source="authors", licence="none stated")
    zoo = Zoo(tmp_path / "zoo")
    assert zoo.object_ids == ["123", "abc", "abc_A1", "abc_A2", "def"] and summary["imported"] == 5 and summary["ok"]
    for name, seed in (("abc", 0), ("abc_A1", 1), ("abc_A2", 2), ("def", 3), ("123", 4)):
        index = zoo.index_of(name)
        assert zoo.field_weights(index)[0].tobytes() == some_weights(seed).numpy().tobytes()
        np.testing.assert_array_equal(zoo.occupied(index)[0], some_grid(seed).numpy())
    row = zoo.rows[zoo.index_of("abc_A2")]
    assert (row.base_id, row.shape_group, row.version, row.class_name, row.label) == ("abc", "abc", 2, "chair", 4)
    assert (row.encoding, row.backend, row.step, row.psnr_db) == ("tcnn", "published", THESIS_STEP, None)
    assert (row.source, row.licence) == ("authors", "none stated")
    assert row.init_hash == vector_hash(initial_vector(999))
    assert zoo.resolution == 96 and verify(tmp_path / "zoo")["problems"] == []
    assert len({row.split for row in zoo.rows if row.base_id == "abc"}) == 1  # corrected: no lists were there
    assert json.loads((tmp_path / "zoo" / "run.json").read_text())["imported"] == 5


def test_an_initial_vector_is_named_only_when_the_padding_proves_it(tmp_path):
    moved = some_weights()
    moved[N_WEIGHTS - 1] = torch.nextafter(moved[N_WEIGHTS - 1], torch.tensor(9.0))
    write(tmp_path / "p", f"{CHAIR}/other", weights={"mlp_base.params": moved})
    import_published(tmp_path / "p", tmp_path / "zoo")
    assert Zoo(tmp_path / "zoo").rows[0].init_hash == "unknown"


class RunsCode:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def far_cells() -> torch.Tensor:
    """A sparse grid with a cell outside itself, which torch.save and torch.load let pass."""
    places = torch.tensor([[500], [0], [0]])
    return torch.sparse_coo_tensor(places, torch.tensor([True]), (96, 96, 96), check_invariants=False)


DEFECTS = {
    "wrong-key": (dict(weights={"params": some_weights()}), "has no 'mlp_base.params' but 'params'"),
    "short": (dict(weights={"mlp_base.params": some_weights()[:-1]}), r"shape \(18431,\) instead of \(18432,\)"),
    "matrix": (dict(weights={"mlp_base.params": some_weights().view(1, -1)}), r"shape \(1, 18432\)"),
    "half": (dict(weights={"mlp_base.params": some_weights().half()}), "float16 instead of float32"),
    "double": (dict(weights={"mlp_base.params": some_weights().double()}), "float64 instead of float32"),
    "nan": (dict(weights={"mlp_base.params": some_weights().index_fill(0, torch.tensor([9]), float("nan"))}), "finite"),
    "triplane": (dict(weights={"mlp_base.params": some_weights(), "triplane": torch.ones(3)}), "another architecture"),
    "bare": (dict(weights=some_weights()), "no dictionary of tensors"),
    "huge": (dict(weights={"mlp_base.params": torch.zeros(300_000)}), "holds 120.* bytes, at most 1048576"),
    "no-box": (dict(grid={"_binary": some_grid().to_sparse()}), "grid.pth has no '_roi_aabb'"),
    "other-box": (dict(grid=grid_file(some_grid(), box=1.0)), r"over the box \[-1.0.*ours is \[-0.7"),
    "other-side": (dict(grid=grid_file(some_grid(side=128))), "128 x 128 x 128 cells, not 96"),
    "lying-side": (dict(grid=grid_file(some_grid(), resolution=torch.tensor([64.0]).half())), "not 96"),
    "float-grid": (dict(grid=grid_file(some_grid(), _binary=some_grid().float().to_sparse())), "float32 cells"),
    "far-cells": (dict(grid=grid_file(some_grid(), _binary=far_cells())), "outside its grid|grid.pth cannot be read"),
}


@pytest.mark.parametrize("checks_itself", [False, True], ids=["torch loads unchecked", "torch checks"])
def test_every_defect_is_quarantined_with_its_reason_and_the_rest_goes_on(collection, tmp_path, checks_itself):
    """A torch that checks sparse tensors while it loads them (as newer ones may) refuses them with its own words."""
    for name, (content, _) in DEFECTS.items():
        write(collection, f"data_TRAINED/{CHAIR}/{name}", **content)
    with torch.sparse.check_sparse_tensor_invariants(checks_itself):
        summary = import_published(collection, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    assert len(zoo) == 5 and {row.object_id for row in zoo.quarantined} == set(DEFECTS)
    reasons = {row.object_id: row.status for row in zoo.quarantined}
    assert reasons == {one["object"]: one["reason"] for one in summary["quarantined"]}
    for name, (_, expected) in DEFECTS.items():
        with pytest.raises(BadInput, match=expected):
            raise BadInput(reasons[name])
        assert "\n" not in reasons[name] and str(tmp_path) not in reasons[name]


def test_damaged_files_foreign_classes_and_missing_parts(collection, tmp_path):
    chairs = collection / "data_TRAINED" / CHAIR
    for name in ("torn", "no-weights", "text"):
        write(collection, f"data_TRAINED/{CHAIR}/{name}")
    torn = chairs / "torn" / "nerf_weights.pth"
    torn.write_bytes(torn.read_bytes()[:-2000])
    (chairs / "no-weights" / "nerf_weights.pth").unlink()
    (chairs / "text" / "nerf_weights.pth").write_text("version https://git-lfs.github.com/spec/v1")
    (chairs / "empty").mkdir()
    write(collection, "data_TRAINED/02992529/tablet")
    write(collection, "data_TRAINED/teapots/utah")
    import_published(collection, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    reasons = {row.object_id: row.status for row in zoo.quarantined}
    assert len(zoo) == 5 and set(reasons) == {"torn", "no-weights", "text", "empty", "tablet", "utah"}
    assert "truncated" in reasons["torn"] and "truncated or no PyTorch file" in reasons["text"]
    assert reasons["no-weights"] == reasons["empty"] == "nerf_weights.pth is missing"
    assert "unknown class '02992529'" in reasons["tablet"] and "unknown class 'teapots'" in reasons["utah"]


@pytest.mark.parametrize("name", ["nerf_weights.pth", "grid.pth"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_runs_code_is_not_run(collection, tmp_path, name, zipped):
    marker = tmp_path / "marker"
    folder = write(collection, f"data_TRAINED/{CHAIR}/evil")
    torch.save({"mlp_base.params": RunsCode(marker)}, folder / name, _use_new_zipfile_serialization=zipped)
    import_published(collection, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    assert not marker.exists() and len(zoo) == 5
    assert ("could run code" if zipped else "no PyTorch file") in zoo.quarantined[0].status
    torch.load(folder / name, weights_only=False)
    assert marker.exists()  # the file was armed


def test_links_that_lead_outside_are_refused(collection, tmp_path):
    outside = write(tmp_path / "elsewhere", f"{CHAIR}/secret")
    chairs = collection / "data_TRAINED" / CHAIR
    (chairs / "linked-folder").symlink_to(outside)
    for name in ("nerf_weights.pth", "grid.pth"):
        folder = write(collection, f"data_TRAINED/{CHAIR}/linked-{name}")
        (folder / name).unlink()
        (folder / name).symlink_to(outside / name)
    (collection / "data_TRAINED" / LAMP / "same").symlink_to(collection / "data_TRAINED" / LAMP / "123")
    import_published(collection, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    names = {row.object_id for row in zoo.quarantined}
    assert names == {"linked-folder", "linked-nerf_weights.pth", "linked-grid.pth"} and len(zoo) == 5
    assert all("link that leads outside" in row.status for row in zoo.quarantined)


def test_one_id_in_two_classes_keeps_both_and_one_split(collection, tmp_path):
    write(collection, f"data_TRAINED/{SOFA}/abc", 7)
    write(collection, f"copy/{LAMP}/123", 8)  # the same class and id in a second place
    import_published(collection, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    row = zoo.rows[zoo.index_of(f"{SOFA}_abc")]
    assert (row.class_name, row.base_id) == ("sofa", "abc")
    assert row.split == zoo.rows[zoo.index_of("abc")].split
    refused = zoo.quarantined[0]
    assert (
        refused.object_id == f"data_TRAINED/{LAMP}/123" and refused.status == f"the same object is in copy/{LAMP}/123"
    )


def test_lists_are_followed(collection, tmp_path):
    base = "./data/data_TRAINED"
    lists = {
        "train": [f"{base}_A1/{CHAIR}/abc_A1", f"{base}/{SOFA}/def", f"{base}/{SOFA}/not-here"],
        "validation": [f"{base}/{LAMP}/123", f"{base}/{SOFA}/def"],
        "test": [f"{base}\\{CHAIR}\\abc".replace("/", "\\")],
    }
    for name, entries in lists.items():
        (collection / f"{name}.json").write_text(json.dumps(entries))
    summary = import_published(collection, tmp_path / "zoo")
    splits = {row.object_id: row.split for row in Zoo(tmp_path / "zoo").rows}
    expected = {"abc": "test", "abc_A1": "train", "abc_A2": "unlisted", "def": "val", "123": "val"}
    assert splits == expected and summary["listed_but_absent"] == 1
    assert summary["test_with_a_version_in_train"] == 1.0  # the published rule leaks
    corrected = import_published(collection, tmp_path / "again", rule="corrected")
    assert corrected["test_with_a_version_in_train"] == 0 and "unlisted" not in corrected["splits"]
    for name in lists:
        (collection / f"{name}.json").unlink()
    (collection / "data").mkdir()
    (collection / "data" / "val.txt").write_text(f"{CHAIR}/abc\n{CHAIR}/abc_A1\n")
    import_published(collection, tmp_path / "third")
    splits = {row.object_id: row.split for row in Zoo(tmp_path / "third").rows}
    assert splits == {"abc": "val", "abc_A1": "val", "abc_A2": "unlisted", "def": "unlisted", "123": "unlisted"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", "not a list"), ("[1]", "not a list"), ("[", "not valid JSON"), ('["a/b/c"]', "unknown class 'b'")],
)
def test_unusable_lists_stop_the_import_before_it_begins(collection, tmp_path, text, expected):
    (collection / "test.json").write_text(text)
    with pytest.raises(BadInput, match=expected):
        import_published(collection, tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_an_interrupted_import_goes_on_to_the_same_zoo(collection, tmp_path, monkeypatch):
    monkeypatch.setattr(published_import, "SHARD", 2)
    import_published(collection, tmp_path / "whole")
    reads, real = [], published_import.read_weights

    def interrupted(folder):
        reads.append(folder)
        if len(reads) == 4:
            raise KeyboardInterrupt
        return real(folder)

    monkeypatch.setattr(published_import, "read_weights", interrupted)
    with pytest.raises(KeyboardInterrupt):
        import_published(collection, tmp_path / "zoo")
    assert len(Zoo(tmp_path / "zoo")) == 2
    with pytest.raises(BadInput, match="there is a zoo already.*--resume"):
        import_published(collection, tmp_path / "zoo")
    reads.extend([None] * 9)
    n_before = len(reads)
    summary = import_published(collection, tmp_path / "zoo", resume=True)
    assert (summary["imported"], summary["already_there"], len(reads) - n_before) == (3, 2, 3)
    assert rows_without_place(Zoo(tmp_path / "zoo")) == rows_without_place(Zoo(tmp_path / "whole"))


def test_a_mended_folder_comes_in_on_resuming(collection, tmp_path):
    weights = collection / "data_TRAINED" / LAMP / "123" / "nerf_weights.pth"
    sound = weights.read_bytes()
    weights.write_bytes(b"")
    assert len(import_published(collection, tmp_path / "zoo")["quarantined"]) == 1
    weights.write_bytes(sound)
    assert import_published(collection, tmp_path / "zoo", resume=True)["imported"] == 1
    zoo = Zoo(tmp_path / "zoo")
    assert len(zoo) == 5 and zoo.quarantined == []


def test_a_missing_grid_is_rebuilt_in_the_authors_encoding(collection, tmp_path, monkeypatch):
    (collection / "data_TRAINED" / LAMP / "123" / "grid.pth").unlink()
    asked = []

    def rebuilt(field_weights):
        asked.append(field_weights)
        return some_grid(9).numpy()

    monkeypatch.setattr(published_import, "rebuild_grid", rebuilt)
    assert import_published(collection, tmp_path / "zoo")["rebuilt_grids"] == 1
    zoo = Zoo(tmp_path / "zoo")
    np.testing.assert_array_equal(asked[0], some_weights(4).numpy())
    np.testing.assert_array_equal(zoo.occupied(zoo.index_of("123"))[0], some_grid(9).numpy())


def test_a_rebuilt_grid_is_of_the_whole_box_and_of_their_encoding(monkeypatch):
    monkeypatch.setattr("n2v.formats.published.RESOLUTION", 10)
    monkeypatch.setattr("n2v.nerf.occupancy.CHUNK", 300)
    weights = some_weights(1)
    weights[17408 + 3 * 64 : PADDING.start] += 0.1  # denser: about a third of the cells is occupied
    found = rebuild_grid(weights.numpy())
    monkeypatch.undo()
    everywhere = torch.ones((10,) * 3, dtype=torch.bool)
    for encoding, same in (("tcnn", True), ("exact", False)):
        expected = learned_occupancy(weights, everywhere, encoding).numpy()
        assert 0.05 < expected.mean() < 1 and np.array_equal(found, expected) == same


def test_an_imported_nerf_renders_in_its_encoding(collection, tmp_path):
    from n2v.commands.show import view

    import_published(collection, tmp_path / "zoo")
    zoo = Zoo(tmp_path / "zoo")
    index = zoo.index_of("abc")
    row, weights = zoo.rows[index], torch.from_numpy(zoo.field_weights(index)[0])
    c2w = turntable_cameras(3)[1]
    shown = {
        name: render_image(field_query(weights, name), zoo.occupied(index)[0], c2w, 12, step=0.02)
        for name in ("tcnn", "exact")
    }
    assert shown["tcnn"][..., 3].max() > 0.01 and row.encoding == "tcnn"
    assert not torch.equal(shown["tcnn"], shown["exact"])
    view(tmp_path / "zoo", "abc", tmp_path / "abc.png", size=12, step=0.02)
    assert (tmp_path / "abc.png").read_bytes().startswith(b"\x89PNG")


def test_identities():
    for path, expected in {
        f"x/{CHAIR}/a_A1": ("a_A1", "chair", "a", 1),
        f"data_TRAINED_A2/{CHAIR}/a": ("a_A2", "chair", "a", 2),
        f"data_TRAINED/{CHAIR}/u_A3": ("u_A3", "chair", "u_A3", 0),
        "sofa/_A1": ("_A1", "sofa", "_A1", 0),
    }.items():
        found = identify(path)
        assert (found.object_id, found.class_name, found.base_id, found.version) == expected
    for path in ("a", "teapot/a"):
        with pytest.raises(BadInput):
            identify(path)


def test_a_folder_without_objects_and_wrong_rules_are_said_in_one_line(collection, tmp_path):
    empty = tmp_path / "20230810" / "x"  # a date is no synset
    empty.mkdir(parents=True)
    assert find_folders(tmp_path / "20230810") == []
    for arguments, expected in (
        ((empty, {}), "no published NeRF here"),
        ((tmp_path / "nowhere", {}), "no such folder"),
        ((collection, {"rule": "random"}), "split rule 'random'"),
    ):
        with pytest.raises(BadInput, match=expected):
            import_published(arguments[0], tmp_path / "zoo", **arguments[1])
    assert not (tmp_path / "zoo").exists()


def test_a_dense_or_unordered_grid_is_read_too(tmp_path):
    twice = torch.tensor([[1, 1, 2], [3, 3, 4], [5, 5, 6]])
    values = torch.tensor([True, True, False])
    sparse = torch.sparse_coo_tensor(twice, values, (96, 96, 96), check_invariants=True)
    dense = some_grid(3)
    first = write(tmp_path, f"{CHAIR}/a", grid=grid_file(dense, _binary=sparse))
    second = write(tmp_path, f"{CHAIR}/b", grid=grid_file(dense, _binary=dense))
    assert np.argwhere(read_grid(first)).tolist() == [[1, 3, 5]]
    np.testing.assert_array_equal(read_grid(second), dense.numpy())
