"""The widgets without a browser: sliders move pictures, and nothing that goes wrong stays unseen."""

import re
from pathlib import Path

import numpy as np
import pytest
from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.errors import BadInput
from n2v.publish.demos.pages import show_page
from n2v.publish.demos.widgets import InterpolationDemo, RetrievalDemo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo()


@pytest.fixture(scope="module")
def objects(zoo):
    return tiny_objects(zoo)


@pytest.fixture
def interpolation(zoo, objects):
    return InterpolationDemo(tiny_model(), objects, zoo, size_px=16)


def test_every_control_changes_the_picture(interpolation):
    for control, value in (("gamma", 0.8), ("azimuth", 40), ("elevation", 60), ("way", "spherical")):
        before = interpolation.picture.value
        getattr(interpolation, control).value = value
        assert interpolation.picture.value != before, control
    assert 'alt="decoded at γ = 0.80, turned by 40°"' in interpolation.picture.value


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_the_ends_of_the_way_are_the_objects(interpolation, objects, way):
    pair = interpolation.first.value, interpolation.second.value
    for gamma, index in zip((0, 1), pair, strict=True):
        alone = tiny_model().decode(objects.values[index]).render(size_px=16)
        assert np.array_equal(interpolation._decoded(*pair, way, gamma).render(size_px=16), alone)
        assert not np.array_equal(interpolation._decoded(*pair, way, 0.5).render(size_px=16), alone)


def test_choosing_another_object_changes_its_end(interpolation, objects):
    before = interpolation.ends[0].value, interpolation.picture.value
    interpolation.first.value = other = objects.class_names.index("car")
    assert interpolation.ends[0].value != before[0] and interpolation.picture.value != before[1]
    assert objects.object_ids[other] in interpolation.ends[0].value


def test_both_ends_turn_and_both_rows_are_drawn(interpolation):
    before = [end.value for end in interpolation.ends]
    assert all(strip.value.count("<img") == 9 for strip in interpolation.strips.values())
    interpolation.azimuth.value = 90
    assert all(end.value != old for end, old in zip(interpolation.ends, before, strict=True))


def test_retrieval_marks_right_and_wrong_by_sign_and_frame(zoo, objects):
    demo = RetrievalDemo(objects, zoo)
    demo.k.value = 3
    for score, cards in demo.rows.values():
        shown = "".join(card.children[0].value for card in cards.children)
        assert shown.count("<img") == 3
        assert shown.count("✓") == shown.count("solid") and shown.count("✗") == shown.count("2px dashed")
        assert f"{shown.count('✓')} of 3 of the query" in score.value


def test_a_click_makes_a_neighbour_the_query(zoo, objects):
    demo = RetrievalDemo(objects, zoo, real=(objects, zoo))
    assert {*demo.rows} == {"embeddings", "raw weights"}
    card, before = demo.rows["embeddings"][1].children[0], demo.query.value
    card.children[1].click()
    assert demo.query.value != before and objects.splits[demo.query.value] == "train"
    assert objects.object_ids[demo.query.value] in demo.asked.value
    demo.query.value = next(i for _, i in demo.query.options if i >= len(objects))
    assert "(real)" in demo.asked.value


def test_an_exception_in_a_callback_is_seen_and_not_swallowed(interpolation, monkeypatch):
    monkeypatch.setattr(interpolation, "_decoded", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        interpolation.gamma.value = 0.1
    assert 'role="alert"' in interpolation.errors.value and "ZeroDivisionError" in interpolation.errors.value
    monkeypatch.undo()
    interpolation.gamma.value = 0.2
    assert interpolation.errors.value == ""


def test_a_mistake_is_told_in_one_line_and_escaped(interpolation, monkeypatch):
    def refuse(*_):
        raise BadInput("no object '<x>'", fix="choose another")

    monkeypatch.setattr(interpolation, "_decoded", refuse)
    with pytest.raises(BadInput):
        interpolation.azimuth.value = 5
    assert "no object &#x27;&lt;x&gt;&#x27;; choose another" in interpolation.errors.value


def test_a_page_in_a_notebook_is_escaped_once(tmp_path):
    (tmp_path / "map.html").write_text('<p title="a">b</p>')
    shown = show_page(tmp_path / "map.html").data
    assert 'srcdoc="&lt;p title=&quot;a&quot;&gt;b&lt;/p&gt;"' in shown and 'title="map"' in shown


def test_the_lab_opens_on_a_notebook_that_exists():
    root = Path(__file__).parent.parent.parent
    settings = (root / "ci" / "lab" / "jupyter_lab_config.py").read_text()
    assert (root / re.search(r'default_url = "/lab/tree/(.*)"', settings)[1]).is_file()
    assert "JUPYTER_CONFIG_PATH='$(CURDIR)/ci/lab'" in (root / "Makefile").read_text()
