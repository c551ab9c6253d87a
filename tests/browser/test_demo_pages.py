"""The demos' offline pages, opened from a file with the network off: sliders, keys, and nothing that leaves."""

import pytest
from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.publish.demos.embedding_map import write_map_page
from n2v.publish.demos.interpolation import write_interpolation_page
from n2v.publish.demos.retrieval import write_retrieval_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All three pages, small."""
    folder, zoo, model = tmp_path_factory.mktemp("pages"), tiny_zoo(), tiny_model()
    objects = tiny_objects(zoo)
    ids, points = objects.object_ids, {"PCA": objects.values[:, :2], "other": objects.values[:, 2:4]}
    pairs = [(ids[0], ids[-1]), (ids[1], ids[2])]
    write_interpolation_page(
        folder / "interpolation.html", model, objects, zoo, pairs, n_gammas=3, n_azimuths=2, size_px=16
    )
    write_retrieval_page(folder / "retrieval.html", objects, zoo, k=4, size_px=16)
    write_map_page(folder / "map.html", points, objects, zoo, size_px=16)
    return folder


@pytest.fixture(params=["light", "dark"])
def offline(browser, new_page, request, folder):
    """Open one of the pages without a network; afterwards nothing may have gone wrong or out."""
    page = new_page(browser, offline=True, color_scheme=request.param)

    def opened(name):
        page.goto((folder / f"{name}.html").as_uri())
        return page

    yield opened
    assert page.errors == [] and page.requests == []
    page.screenshot(path=folder / f"{request.node.name}.png")


def look(page, selector):
    """What an element shows, as pixels, and what it is said to show."""
    page.wait_for_timeout(100)
    element = page.locator(selector)
    return element.screenshot(), element.get_attribute("aria-label")


def test_interpolation_moves_with_the_keyboard(offline):
    page, seen = offline("interpolation"), []
    for control in ("#gamma", "#azimuth"):
        seen.append(look(page, "#shown"))
        page.locator(control).focus()
        page.keyboard.press("ArrowRight")
    seen.append(look(page, "#shown"))
    pictures, texts = zip(*seen, strict=True)
    assert len(set(pictures)) == 3
    assert [text.split(" = ")[1] for text in texts] == [
        "0.50, turned by -15°",
        "1.00, turned by -15°",
        "1.00, turned by 165°",
    ]
    ends = look(page, "#first")
    page.locator("#pair").select_option(index=1)
    assert look(page, "#first") != ends


def test_retrieval_shows_as_many_neighbours_as_asked_for(offline):
    page = offline("retrieval")
    assert page.locator("#cards li").count() == 4
    page.locator("#k").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#cards li").count() == 3
    right, wrong = page.locator("#cards .right").count(), page.locator("#cards .wrong").count()
    assert (right + wrong, page.get_by_text("✓").count() - 1, page.get_by_text("✗").count() - 1) == (3, right, wrong)
    assert page.locator("#score").text_content().startswith(f"{right} of 3")
    query = look(page, "#query")
    page.locator("#class").select_option("chair")
    assert look(page, "#query") != query and "chair" in page.locator("#query-name").text_content()


def test_map_shows_what_is_pointed_at_and_walks_with_the_keys(offline):
    page = offline("map")
    marks = page.locator("#map path")
    assert marks.count() == 18
    seen = []
    for i in (3, 12):
        marks.nth(i).dispatch_event("pointerenter")
        seen.append(look(page, "#shown"))
    page.locator("#map").focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
        seen.append(look(page, "#shown"))
    assert len({text for _, text in seen}) >= 3 and len({picture for picture, _ in seen}) >= 3
    place = marks.nth(3).get_attribute("transform")
    page.locator("#layout").select_option("other")
    assert marks.nth(3).get_attribute("transform") != place
    page.locator("#class").select_option("car")
    assert page.locator("#map path.faded").count() == 9 and look(page, "#shown")[1].startswith("car")
