"""A NeRF in one file, in a real browser: its pictures are the CPU renderer's, nothing leaves it, it can fall back."""

import numpy as np
import pytest
import torch

from n2v.nerf.march import camera_rays, march
from n2v.nerf.render import psnr
from n2v.publish.demos.nerf_page import LIMIT_BYTES, START, write_page
from n2v.publish.demos.pages import show_page
from n2v.scenes.cameras import CAMERA_ANGLE_X, look_at, orbit_cameras
from n2v.zoo.store import Zoo

OBJECTS = ("chair-0000", "airplane-0003", "lamp-0010_A1")
SIZE = 48


@pytest.fixture(scope="module")
def zoo(pytestconfig):
    return Zoo(pytestconfig.rootpath / "data" / "mini_zoo")


@pytest.fixture(scope="module")
def paths(zoo, tmp_path_factory):
    """Pages of the objects, by object id."""
    folder = tmp_path_factory.mktemp("pages")
    return {name: write_page(zoo[name], folder / f"{name}.html") for name in OBJECTS}


def opened(page, path, size=20):
    """The page, once it draws or has given up."""
    page.goto(f"{path.as_uri()}#size={size}")
    page.evaluate("n2vReady")
    return page


def still_page(page):
    """Nothing is drawn but what a test asks for."""
    page.add_init_script("window.requestAnimationFrame = () => 0")
    return page


def rest(page) -> str:
    """Wait until the fine picture stands; its pixels as text."""
    page.locator("canvas[data-state=still]").wait_for()
    return page.evaluate("document.getElementById('view').toDataURL()")


def ours(nerf, c2w):
    return nerf.image(c2w, SIZE, nerf.step)[..., :3]


def theirs(page, c2w):
    found = page.evaluate("view => n2vPixels(view)", {"c2w": c2w.astype(float).ravel().tolist(), "size": SIZE})
    return torch.tensor(found["pixels"]).view(SIZE, SIZE, 3) / 255, found["samples"]


@pytest.mark.parametrize("name", OBJECTS)
def test_pictures_agree_with_the_cpu(page, zoo, paths, name):
    """At least 40 dB (worst of 20 NeRFs of the mini zoo: 43); the samples are those of n2v.nerf.march."""
    nerf, c2w = zoo[name], orbit_cameras(1, seed=len(name))[0]
    picture, samples = theirs(opened(still_page(page), paths[name]), c2w)
    assert psnr(picture, ours(nerf, c2w)) >= 40
    origins, directions = camera_rays(torch.from_numpy(c2w), SIZE, CAMERA_ANGLE_X)
    counts = march(origins, directions, nerf.occupied, nerf.step).counts()
    assert (torch.tensor(samples) - counts).abs().sum() <= 2e-3 * counts.sum()
    turned = orbit_cameras(1, seed=99)[0]
    assert psnr(picture, ours(nerf, turned)) < 25  # the comparison can fail
    assert page.errors == [] and page.requests == []


def test_a_page_is_small_whole_and_quiet(page, paths):
    assert all(path.stat().st_size <= LIMIT_BYTES for path in paths.values())
    opened(page, paths["chair-0000"])
    first = rest(page)
    assert page.locator("#view").is_visible() and not page.locator("img").is_visible()
    assert "samples in occupied cells" in page.inner_text("#counts")
    page.focus("#view")
    page.keyboard.press("ArrowRight")
    turned = rest(page)
    page.keyboard.press("Home")
    assert first != turned and rest(page) == first
    page.select_option("#axis", "0")
    assert rest(page) != first and page.locator("#legend").is_visible()
    assert page.errors == [] and page.requests == []


def test_drag_wheel_and_pointer(page, paths):
    opened(page, paths["chair-0000"])
    first = rest(page)
    box = page.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    assert "Ray under the pointer:" in page.inner_text("#counts")
    page.mouse.down()
    page.mouse.move(x + 60, y)
    page.mouse.up()
    dragged = rest(page)
    page.mouse.wheel(0, 200)
    assert len({first, dragged, rest(page)}) == 3
    assert page.errors == [] and page.requests == []


def test_first_view_is_the_embedded_picture(page, zoo, paths):
    """The address's camera is the one of n2v.scenes.cameras; #azimuth and the others move it."""
    nerf = zoo["chair-0000"]
    still_page(page)
    for azimuth in (START["azimuth"], 30):
        page.goto(f"{paths['chair-0000'].as_uri()}#azimuth={azimuth}")
        page.reload()
        page.evaluate("n2vReady")
        found = page.evaluate("size => n2vPixels({size})", SIZE)
        picture = torch.tensor(found["pixels"]).view(SIZE, SIZE, 3) / 255
        angle, rise = np.radians(azimuth), np.radians(START["elevation"])
        eye = START["distance"] * np.array([np.cos(rise) * np.cos(angle), np.cos(rise) * np.sin(angle), np.sin(rise)])
        assert psnr(picture, ours(nerf, look_at(eye).astype(np.float32))) >= 40


def test_it_lives_inside_a_notebooks_page(page, paths):
    still_page(page).set_content(show_page(paths["chair-0000"]).data)
    frame = page.frames[1]
    frame.evaluate("n2vReady")
    assert frame.locator("#view").is_visible() and len(frame.evaluate("n2vPixels({size: 8}).samples")) == 64
    assert page.errors == [] and page.requests == []


def test_without_webgl2_a_picture_stands_there(launch, new_page, paths):
    page = opened(new_page(launch("--disable-3d-apis")), paths["chair-0000"])
    assert page.locator("img").is_visible() and not page.locator("#view").is_visible()
    assert "this browser has no WebGL2" in page.inner_text("#why")
    assert page.evaluate("document.querySelector('img').naturalWidth") == 256
    assert page.errors == [] and page.requests == []


def test_a_shader_that_fails_says_so(page, paths, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(paths["chair-0000"].read_text().replace("void main() {\n  vec2", "void main() {\n  oops vec2"))
    opened(page, broken)
    assert page.locator("img").is_visible() and "No live view: ERROR" in page.inner_text("#why")
    assert page.requests == []
