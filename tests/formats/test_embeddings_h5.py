"""Embeddings as nf2vec and gmnerf publish them, written here in their layouts."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from n2v.embed.embeddings import Embeddings
from n2v.errors import BadInput, MissingPart
from n2v.formats.embeddings import read_h5, write_h5

h5py = pytest.importorskip("h5py")
CHAIR, SOFA = "03001627", "04256520"


def vector(seed: int, n: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n).astype(np.float32)


def write(path, **content):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, value in content.items():
            file.create_dataset(name, data=value)
    return path


def nf2vec(root):
    """<split>/<number>.h5 with the NeRF's folder and its label; numbers beyond 9 sort as numbers."""
    for number in range(11):
        place = f"./data/data_TRAINED/{CHAIR}/c{number}"
        write(root / "train" / f"{number}.h5", data_dir=place, embedding=vector(number), class_id=np.int64(4))
    place = f"./data/data_TRAINED_A1/{SOFA}/s_A1"
    write(root / "test" / "0.h5", data_dir=place, embedding=vector(20), class_id=np.int64(9))
    return root


def test_nf2vec_files(tmp_path):
    found = Embeddings.load(nf2vec(tmp_path))
    assert found.object_ids == ["s_A1", *[f"c{number}" for number in range(11)]]
    assert found.splits == ["test"] + ["train"] * 11 and found.labels.tolist() == [9] + [4] * 11
    assert (found.base_ids[0], found.versions[0], found.class_names[0]) == ("s", 1, "sofa")
    np.testing.assert_array_equal(found.values[1:], [vector(number) for number in range(11)])
    found.save(tmp_path / "ours.safetensors")
    assert Embeddings.load(tmp_path / "ours.safetensors").object_ids == found.object_ids


def test_ours_in_their_form_and_back(tmp_path):
    found = Embeddings.load(nf2vec(tmp_path / "theirs"))
    write_h5(found.values, found.objects, found.splits, tmp_path / "ours")
    with h5py.File(tmp_path / "ours" / "train" / "10.h5") as file:  # as nf2vec's classifier opens it
        assert int(np.array(file.get("class_id"))) == 4 and file["data_dir"][()].decode().endswith(f"/{CHAIR}/c10")
        np.testing.assert_array_equal(np.array(file.get("embedding")), vector(10))
    again = Embeddings.load(tmp_path / "ours")
    np.testing.assert_array_equal(again.values, found.values)
    assert (again.object_ids, again.splits, again.versions) == (found.object_ids, found.splits, found.versions)
    mug = replace(found, class_names=["mug", *found.class_names[1:]])
    with pytest.raises(BadInput, match="unknown class 'mug'"):
        write_h5(mug.values, mug.objects, mug.splits, tmp_path / "mugs")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours", "theirs"]


@pytest.mark.timeout(30)
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "0.h5")
    with pytest.raises(BadInput, match="no plain file"):
        read_h5(tmp_path)


def test_gmnerf_files_carry_a_synset_and_an_id(tmp_path):
    write(tmp_path / "val" / "0.h5", embedding=vector(0), class_id=CHAIR, nerf_id="abc_A2")
    write(tmp_path / "val" / "1.h5", embedding=vector(1), class_id=SOFA, nerf_id="abc_A2")
    found = Embeddings.load(tmp_path)
    assert found.object_ids == ["abc_A2", f"{SOFA}_abc_A2"] and found.versions == [2, 2]
    assert found.base_ids == ["abc", "abc"] and found.class_names == ["chair", "sofa"]
    assert found.splits == ["val", "val"]


def test_without_a_name_the_file_gives_it(tmp_path):
    for folder, name, split in (("validation", "val-3", "val"), ("any", "unlisted-3", "unlisted")):
        found = Embeddings.load(write(tmp_path / folder / "3.h5", embedding=vector(3), class_id=1))
        assert (found.object_ids, found.splits, found.class_names) == ([name], [split], ["bench"])


DEFECTS = {
    "not finite": dict(embedding=[np.nan, 1.0], class_id=0),
    "no 'embedding'": dict(class_id=0),
    "class_id is missing": dict(embedding=[0.0, 1.0]),
    "class_id 13": dict(embedding=[0.0, 1.0], class_id=13),
    "class_id -1": dict(embedding=[0.0, 1.0], class_id=-1),
    "unknown class": dict(embedding=[0.0, 1.0], class_id="02992529", nerf_id="a"),
    "class_id 4 is chair, but the NeRF is in": dict(embedding=[0.0, 1.0], class_id=4, data_dir=f"x/{SOFA}/a"),
    "of one dimension": dict(embedding=[[0.0, 1.0]], class_id=0),
}


@pytest.mark.parametrize("expected", DEFECTS)
def test_unusable_files_are_named(tmp_path, expected):
    path = write(tmp_path / "0.h5", **DEFECTS[expected])
    with pytest.raises(BadInput, match=expected) as caught:
        read_h5(path)
    assert "0.h5" in str(caught.value)


def test_broken_and_absent_files(tmp_path):
    path = write(tmp_path / "train" / "0.h5", embedding=vector(0), class_id=0)
    path.write_bytes(path.read_bytes()[:700])
    for wrong, expected in ((path, "not a readable HDF5"), (tmp_path / "none", "no .h5 file here")):
        with pytest.raises(BadInput, match=expected):
            read_h5(wrong)


def test_objects_and_lengths_that_do_not_belong_together(tmp_path):
    for split in ("train", "test"):
        write(tmp_path / "twice" / split / "0.h5", embedding=vector(0), class_id=CHAIR, nerf_id="a")
        n = 5 if split == "test" else 6
        write(tmp_path / "lengths" / split / "0.h5", embedding=vector(0, n), class_id=4)
    with pytest.raises(BadInput, match="lengths"):
        read_h5(tmp_path / "lengths")
    write(tmp_path / "twice" / "val" / "0.h5", embedding=vector(0), class_id=CHAIR, nerf_id="a")
    with pytest.raises(BadInput, match="there twice"):
        read_h5(tmp_path / "twice")


def test_data_outside_the_file_are_not_followed(tmp_path):
    secret = write(tmp_path / "secret.h5", embedding=vector(0), class_id=0)
    for name, link in (("external", h5py.ExternalLink(str(secret), "/embedding")), ("soft", h5py.SoftLink("/other"))):
        path = write(tmp_path / f"{name}.h5", class_id=0, other=vector(1))
        with h5py.File(path, "a") as file:
            file["embedding"] = link
            assert file["embedding"][()].shape == (6,)  # h5py itself would follow it
        with pytest.raises(BadInput, match="no dataset of the file itself"):
            read_h5(path)
    raw = tmp_path / "raw.bin"
    raw.write_bytes(vector(0).tobytes())
    with h5py.File(tmp_path / "stored.h5", "w") as file:
        file.create_dataset("embedding", (6,), np.float32, external=[(str(raw), 0, 24)])
        file["class_id"] = 0
    with pytest.raises(BadInput, match="no dataset of the file itself"):
        read_h5(tmp_path / "stored.h5")


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "0.h5", embedding=vector(0), class_id=0)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingPart, match=r"-e '\.\[published\]'"):
        read_h5(path)
