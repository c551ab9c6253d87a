"""The demos below their widgets: what is decoded, once; who is near whom; pages that need nothing but themselves."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.errors import BadInput
from n2v.nerf.render import psnr
from n2v.publish.demos import progressive
from n2v.publish.demos.embedding_map import marker_outline, unit_square, write_map_page
from n2v.publish.demos.generation import write_generation_page
from n2v.publish.demos.interpolation import DecodedWay, write_interpolation_page
from n2v.publish.demos.page import page, sprite, write_page
from n2v.publish.demos.progressive import DecodedObject, Quality, View
from n2v.publish.demos.retrieval import chance, neighbours, write_retrieval_page
from n2v.scenes.cameras import orbit_camera, turntable_cameras

QUALITY = Quality(first_px=8, refined_px=24)
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
    assert np.allclose(View().c2w(), turntable_cameras(8)[7], atol=1e-6)


def test_refined_picture_is_the_plain_one(model, objects):
    """Oracle: the whole grid and a whole picture at once, without any of the shortcuts."""
    for value in objects.values[:4]:
        embedding, view = torch.from_numpy(value), View(40, 10)
        place = DecodedObject(model, embedding, QUALITY)
        field = model.decode(embedding)
        plain, grid = field.image(view.c2w(), 24), field.occupied
        assert 0.01 < grid.float().mean() < 0.99, "an object with air around it"
        assert (place.fine == grid).float().mean() > 0.99
        assert psnr(place.refined_picture(view)[..., :3], plain[..., :3]) > 35
        assert psnr(place.refined_picture(View(130, 10))[..., :3], plain[..., :3]) < 25  # the check can fail


def test_share_and_occupancy_are_computed_once(model, objects, monkeypatch):
    counted = {"share": 0, "cells": 0}
    share, opacity = model.decoder.embedding_share, progressive.cell_opacity
    monkeypatch.setattr(model.decoder, "embedding_share", lambda e: (_count(counted, "share"), share(e))[1])
    monkeypatch.setattr(progressive, "cell_opacity", lambda *args: (_count(counted, "cells"), opacity(*args))[1])
    way = DecodedWay(model, objects.values[0], objects.values[1], quality=QUALITY)
    for azimuth in (0, 30, 60):
        assert [len(p) for p in way.at(0.5).progress(View(azimuth)) if p is not None] == [8, 24]
    assert counted == {"share": 1, "cells": 1}
    way.at(0.25).first_picture(View())
    assert counted == {"share": 2, "cells": 2}


def _count(counted: dict, name: str) -> None:
    counted[name] += 1


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_decoded_way_begins_and_ends_at_the_objects(model, objects, way):
    start, end = objects.values[:2]
    way = DecodedWay(model, start, end, way, QUALITY)
    for gamma, value in ((0.0, start), (1.0, end)):
        alone = DecodedObject(model, torch.from_numpy(value), QUALITY)
        assert torch.equal(way.at(gamma).refined_picture(View()), alone.refined_picture(View()))
    assert not torch.equal(way.at(0.5).refined_picture(View()), way.at(0.0).refined_picture(View()))


def test_decoded_way_refuses_what_is_no_way(model, objects):
    with pytest.raises(BadInput, match="unknown way 'detour'; use one of: linear, spherical"):
        DecodedWay(model, *objects.values[:2], "detour")
    with pytest.raises(BadInput, match="use 0 to 1"):
        DecodedWay(model, *objects.values[:2]).at(1.5)


def test_neighbours_against_a_loop(objects):
    gallery, features = np.arange(len(objects)), np.random.default_rng(1).normal(size=(len(objects), 5))
    for values, given in ((objects.values, None), (features.astype(np.float32), features.astype(np.float32))):
        for query in range(len(objects)):
            others = [i for i in gallery if objects.base_ids[i] != objects.base_ids[query]]
            far = {i: float(np.sqrt(((values[i] - values[query]) ** 2).sum())) for i in others}
            expected = sorted(others, key=far.__getitem__)[:3]
            found = neighbours(objects, query, gallery, 3, given)
            assert [one.index for one in found] == expected
            assert np.allclose([one.distance for one in found], [far[i] for i in expected], rtol=1e-5)
            kinds = objects.class_names
            assert [one.right for one in found] == [kinds[i] == kinds[query] for i in expected]
            assert np.isclose(chance(objects, query, gallery), np.mean([kinds[i] == kinds[query] for i in others]))


@pytest.mark.parametrize("k", [0, 100])
def test_neighbours_refuse_a_k_that_is_not_there(objects, k):
    with pytest.raises(BadInput, match=f"k = {k} of"):
        neighbours(objects, 0, objects.of_split("train"), k)


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


def test_page_keeps_hostile_words_as_words():
    text = page("<b>&", "retrieval", {"id": "</script><script>alert(1)</script>"})
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
