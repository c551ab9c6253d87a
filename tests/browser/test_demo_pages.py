"""The demos' offline pages, opened from a file with the network off: sliders, keys, and nothing that leaves."""

import pytest
from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.publish.demos.pages import (
    write_generation_page,
    write_interpolation_page,
    write_map_page,
    write_retrieval_page,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All three pages, small."""
    folder, zoo, model = tmp_path_factory.mktemp("pages"), tiny_zoo(), tiny_model()
    objects = tiny_objects(zoo)
    ids, points = objects.object_ids, {"PCA": objects.values[:, :2], "other": objects.values[:, 2:4]}
    chosen = [ids[0], ids[4], ids[-1]]
    write_interpolation_page(folder / "interpolation.html", model, zoo, chosen, n_gammas=3, n_azimuths=2, size_px=16)
    write_retrieval_page(folder / "retrieval.html", objects, zoo, real=(objects, zoo), k=3, size_px=16)
    write_generation_page(folder / "generation.html", model, {"car": objects.values[:3]}, n_azimuths=4, size_px=16)
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
    page.locator("#weights button").first.click()
    assert "0.00" in page.locator("#where").text_content()
    ends = look(page, "#first")[1], look(page, "#second")[1]
    page.locator("#from").select_option(index=2)
    assert (look(page, "#second")[1], look(page, "#first")[1]) == ends, "any two, in both directions"


def chosen_group(page):
    return page.evaluate("document.getElementById('object').selectedOptions[0].parentElement.label")


def test_retrieval_shows_as_many_neighbours_as_asked_for(offline):
    page = offline("retrieval")
    cards = page.locator(".cards li")
    assert cards.count() == 6
    page.locator("#k").focus()
    page.keyboard.press("ArrowLeft")
    right, wrong = page.locator(".cards .right").count(), page.locator(".cards .wrong").count()
    assert (cards.count(), right + wrong) == (4, 4) and page.locator(".score").count() == 2
    query = look(page, "#query")[1]
    cards.first.locator("button").click()
    assert look(page, "#query")[1] != query and "trained on" in chosen_group(page)
    page.locator("#back").click()
    assert look(page, "#query")[1] == query
    real = page.locator("#object optgroup[label='chair (real)'] option").first.get_attribute("value")
    page.locator("#object").select_option(real)
    assert "chair" in page.locator("#query-name").text_content() and chosen_group(page) == "chair (real)"


def test_what_was_made_turns(offline):
    page = offline("generation")
    assert page.locator("#grid .picture").count() == 3
    page.locator("#spin").uncheck()
    before = look(page, "#grid .picture >> nth=0")
    page.locator("#azimuth").focus()
    page.keyboard.press("ArrowRight")
    for _ in range(50):  # a busy machine draws late
        if (after := look(page, "#grid .picture >> nth=0")) != before:
            break
        page.wait_for_timeout(100)
    assert after != before


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
