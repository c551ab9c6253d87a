"""The demos below their widgets: who is near whom; pages that need nothing but themselves."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.errors import BadInput
from n2v.publish.demos.gallery import Gallery
from n2v.publish.demos.pages import (
    marker_outline,
    sprite,
    unit_square,
    write_generation_page,
    write_interpolation_page,
    write_map_page,
    write_page,
    write_retrieval_page,
)
from n2v.scenes.cameras import orbit_camera, turntable_cameras

REMOTE = re.compile(r"""(?:src|href)\s*=\s*["']?(?!data:|#)\w|@import|https?://(?!www\.w3\.org/2000/svg)|fetch\(""")


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo()


@pytest.fixture(scope="module")
def objects(zoo):
    return tiny_objects(zoo)


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def test_orbit_starts_in_front_and_agrees_with_the_turntable():
    c2w = orbit_camera(0, 0, 2.0)
    assert np.allclose(c2w[:3, 3], (0, -2, 0), atol=1e-6) and np.allclose(c2w[:3, 2], (0, -1, 0), atol=1e-6)
    assert np.allclose(orbit_camera(90, 0)[:3, 3], (1.8, 0, 0), atol=1e-6)
    assert np.allclose(orbit_camera(-15, 25), turntable_cameras(8)[7], atol=1e-6)


def test_neighbours_against_a_loop(objects, zoo):
    gallery = Gallery(objects, zoo)
    weights = np.stack([zoo[name].field_weights.numpy() for name in objects.object_ids])
    first = {base: i for i, base in reversed([*enumerate(objects.base_ids)]) if objects.splits[i] == "train"}
    assert len(first) == 4
    for space, values in (("embeddings", objects.values), ("raw weights", weights)):
        for query in range(len(objects)):
            others = [i for base, i in first.items() if base != objects.base_ids[query]]
            far = {i: float(np.sqrt(((values[i] - values[query]) ** 2).sum())) for i in others}
            expected = sorted(others, key=far.__getitem__)[:3]
            found = gallery.neighbours(query, 3, space)
            assert [one.index for one in found] == expected
            assert np.allclose([one.distance for one in found], [far[i] for i in expected], rtol=1e-4)
            kinds = objects.class_names
            assert [one.right for one in found] == [kinds[i] == kinds[query] for i in expected]
            assert np.isclose(gallery.chance(query), np.mean([kinds[i] == kinds[query] for i in others]))


@pytest.mark.parametrize("k", [0, 100])
def test_neighbours_refuse_a_k_that_is_not_there(objects, zoo, k):
    with pytest.raises(BadInput, match=f"k = {k} of"):
        Gallery(objects, zoo).neighbours(0, k)


def test_a_gallery_needs_somebody_who_asks(objects, zoo):
    with pytest.raises(BadInput, match="no held-out object"):
        Gallery(replace(objects, splits=["train"] * len(objects)), zoo)


def test_sprite_holds_the_pictures_in_order():
    pictures = [np.full((16, 16, 3), (40 * i, 255 - 40 * i, 128), np.uint8) for i in range(5)]
    made = sprite(pictures, 3)
    assert (made["columns"], made["rows"]) == (3, 2)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(made["uri"].split(",")[1]))).convert("RGB"))
    for i, picture in enumerate(pictures):
        row, column = divmod(i, 3)
        part = shown[16 * row + 4 : 16 * row + 12, 16 * column + 4 : 16 * column + 12]
        assert np.abs(part.astype(int) - picture[4:12, 4:12]).max() < 12
    with pytest.raises(BadInput, match="do not fit"):
        sprite([np.zeros((64, 64, 3), np.uint8)] * 600, 300)


def test_layouts_and_markers_fit_their_places():
    placed = unit_square(np.array([[0.0, 0], [10, 5], [5, 2]]))
    assert np.allclose(placed, [[0, 0.75], [1, 0.25], [0.5, 0.55]])
    for label in range(30):
        numbers = np.array(re.findall(r"-?\d+\.\d+", marker_outline(label)), float)
        assert len(numbers) >= 6 and np.abs(numbers).max() == 1


@pytest.fixture(scope="module")
def pages(tmp_path_factory, model, objects, zoo):
    folder, ids = tmp_path_factory.mktemp("pages"), [objects.object_ids[i] for i in (0, 4, -1)]
    points = {"PCA": objects.values[:, :2], "other": objects.values[:, 2:4]}
    return {
        "interpolation": write_interpolation_page(
            folder / "interpolation.html", model, zoo, ids, n_gammas=3, n_azimuths=2, size_px=16
        ),
        "retrieval": write_retrieval_page(
            folder / "retrieval.html", objects, zoo, real=(objects, zoo), k=3, size_px=16
        ),
        "generation": write_generation_page(
            folder / "generation.html", model, {"chair": objects.values[:2]}, n_azimuths=2, size_px=16
        ),
        "embedding_map": write_map_page(folder / "map.html", points, objects, zoo, size_px=16),
    }


def test_pages_hold_all_they_show(pages, objects):
    for path in pages.values():
        text = path.read_text()
        assert not REMOTE.search(text) and "<!--" not in text
        assert text.count("</script>") == 2
    assert REMOTE.search('<img src="https://example.org/x.png">') and REMOTE.search("<script src=x.js>")
    data = {
        name: json.loads(re.search(r'id="data">(.*?)</script>', path.read_text())[1]) for name, path in pages.items()
    }
    between = data["interpolation"]
    assert between["gammas"] == [0, 0.5, 1] and set(between["ways"]) == {"0 1", "0 2", "1 2"}
    for way in between["ways"].values():
        assert {(part["columns"], part["rows"]) for part in (way["embeddings"], way["weights"])} == {(2, 3)}
    near = data["retrieval"]
    groups = {one["split"] for one in near["objects"]}
    assert groups == {"train", "test", "real"}, "all of them may ask, and be clicked"
    for found in near["found"].values():
        assert len(found) == len(near["objects"])
        assert {near["objects"][i]["split"] for answers in found for i in answers} == {"train"}
    assert data["generation"]["classes"][0]["n"] == 2
    assert len(data["embedding_map"]["layouts"]["PCA"]) == len(objects)


def test_page_keeps_hostile_words_as_words(tmp_path):
    data = {"id": "</script><script>alert(1)</script>"}
    text = write_page(tmp_path / "x.html", "<b>&", "generation", data).read_text()
    assert "<script>alert" not in text and "<title>&lt;b&gt;&amp;</title>" in text


def test_a_page_that_is_too_large_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"8\.\d MB; show fewer or smaller pictures"):
        write_page(tmp_path / "x.html", "x", "retrieval", {"x": "y" * 8_100_000})
    assert not (tmp_path / "x.html").exists()


def test_pages_refuse_nothing_to_show(tmp_path, model, objects, zoo):
    with pytest.raises(BadInput, match="at least 2 objects"):
        write_interpolation_page(tmp_path / "x.html", model, zoo, [objects.object_ids[0]] * 2)
    with pytest.raises(BadInput, match="nothing was made"):
        write_generation_page(tmp_path / "x.html", model, {})
    with pytest.raises(BadInput, match="one point an object"):
        write_map_page(tmp_path / "x.html", {"PCA": objects.values[1:, :2]}, objects, zoo)
