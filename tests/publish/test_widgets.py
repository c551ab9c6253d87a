"""The widgets without a browser: sliders move pictures, and nothing that goes wrong stays unseen."""

import asyncio
import re
from pathlib import Path

import pytest
from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.errors import BadInput
from n2v.publish.demos.controls import Errors, ObjectPicker, Refiner, show_page
from n2v.publish.demos.progressive import Quality
from n2v.publish.demos.retrieval import held_out
from n2v.publish.demos.widgets import InterpolationDemo, RetrievalDemo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo()


@pytest.fixture(scope="module")
def objects(zoo):
    return tiny_objects(zoo)


@pytest.fixture
def interpolation(zoo, objects):
    return InterpolationDemo(tiny_model(), objects, zoo, quality=Quality(first_px=8, refined_px=24))


def test_every_control_changes_the_picture_coarse_first(interpolation):
    for control, value in (("gamma", 0.8), ("azimuth", 40), ("elevation", 60), ("way", "spherical")):
        seen = []
        interpolation.picture.observe(lambda change, seen=seen: seen.append(change["new"]), "value")
        getattr(interpolation, control).value = value
        interpolation.picture.unobserve_all()
        assert len(seen) == 2 and seen[0] != seen[1], control
    assert 'alt="decoded at γ = 0.80, turned by 40°"' in interpolation.picture.value
    assert interpolation.status.value.startswith("24 px, ")


def test_choosing_another_object_changes_its_end(interpolation, objects):
    before = interpolation.ends[0].value, interpolation.picture.value
    interpolation.first.kind.value = "car"
    assert objects.class_names[interpolation.first.index] == "car"
    assert interpolation.ends[0].value != before[0] and interpolation.picture.value != before[1]
    assert objects.object_ids[interpolation.first.index] in interpolation.ends[0].value


def test_both_ends_turn_and_both_rows_are_drawn(interpolation):
    before = [end.value for end in interpolation.ends]
    assert all(strip.value.count("<img") == 9 for strip in interpolation.strips.values())
    interpolation.azimuth.value = 90
    assert all(end.value != old for end, old in zip(interpolation.ends, before, strict=True))


def test_retrieval_marks_right_and_wrong_by_sign_and_frame(zoo, objects):
    demo = RetrievalDemo(objects, zoo, {"embeddings": objects.values, "backwards": -objects.values[::-1].copy()})
    demo.k.value = 3

    def shown(row):
        return "".join(card.children[0].value for card in demo.rows[row][1].children)

    for row in (0, 1):
        assert shown(row).count("<img") == 3
        assert shown(row).count("✓") == shown(row).count("solid")
        assert shown(row).count("✗") == shown(row).count("2px dashed")
    before = shown(0)
    demo.spaces[0].value = "backwards"
    assert shown(0) != before


def test_a_click_makes_a_neighbour_the_query(zoo, objects):
    demo = RetrievalDemo(objects, zoo, real=(objects, zoo))
    assert {"embeddings", "raw weights"} == {space.value for space in demo.spaces}
    card, before = demo.rows[0][1].children[0], demo.query.index
    card.children[1].click()
    assert demo.query.index != before and objects.splits[demo.query.index] == "train"
    assert objects.object_ids[demo.query.index] in demo.asked.value
    real = [i for name, i in demo.query.object.options if i >= len(objects)]
    demo.query.choose(real[0])
    assert "(real)" in demo.asked.value


def test_an_exception_in_a_callback_is_seen_and_not_swallowed(interpolation, monkeypatch):
    monkeypatch.setattr(interpolation, "_way_between", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        interpolation.gamma.value = 0.1
    assert 'role="alert"' in interpolation.errors.value and "ZeroDivisionError" in interpolation.errors.value
    monkeypatch.undo()
    interpolation.gamma.value = 0.2
    assert interpolation.errors.value == ""


def test_a_mistake_is_told_in_one_line_and_escaped():
    errors = Errors()
    with pytest.raises(BadInput), errors.shown():
        raise BadInput("no object '<x>'", fix="choose another")
    assert "no object &#x27;&lt;x&gt;&#x27;; choose another" in errors.value


def steps(n, log, fail_at=None):
    for i in range(n):
        if i == fail_at:
            raise RuntimeError("in the middle")
        log.append(i)
        yield i


def test_in_a_kernel_a_newer_wish_ends_an_older_one():
    old, new, shown = [], [], []

    async def move_twice():
        refiner = Refiner(Errors())
        refiner.start(steps(50, old), shown.append)
        await asyncio.sleep(0.005)
        refiner.start(steps(3, new), shown.append)
        await asyncio.sleep(0.05)

    asyncio.run(move_twice())
    assert old[0] == 0 and len(old) < 50, "the first picture at once, the rest dropped"
    assert new == [0, 1, 2] and shown[-1] == 2


def test_in_a_kernel_a_late_exception_is_seen_too():
    errors = Errors()

    async def fail():
        refiner = Refiner(errors)
        refiner.start(steps(5, [], fail_at=2), lambda _: None)
        return await asyncio.gather(refiner._task, return_exceptions=True)

    (error,) = asyncio.run(fail())
    assert isinstance(error, RuntimeError) and "in the middle" in errors.value


def test_picker_offers_only_what_is_allowed(objects):
    picker = ObjectPicker(objects, held_out(objects).tolist(), "query")
    offered = [index for _, index in picker.object.options]
    assert set(offered) <= set(held_out(objects).tolist()) and picker.index == offered[0]
    with pytest.raises(BadInput, match="no object to choose for 'query'"):
        ObjectPicker(objects, [], "query")


def test_a_page_in_a_notebook_is_escaped_once(tmp_path):
    (tmp_path / "map.html").write_text('<p title="a">b</p>')
    shown = show_page(tmp_path / "map.html").data
    assert 'srcdoc="&lt;p title=&quot;a&quot;&gt;b&lt;/p&gt;"' in shown and 'title="map"' in shown


def test_the_lab_opens_on_a_notebook_that_exists():
    root = Path(__file__).parent.parent.parent
    settings = (root / "ci" / "lab" / "jupyter_lab_config.py").read_text()
    assert (root / re.search(r'default_url = "/lab/tree/(.*)"', settings)[1]).is_file()
    assert "JUPYTER_CONFIG_PATH='$(CURDIR)/ci/lab'" in (root / "Makefile").read_text()
