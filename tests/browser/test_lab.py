"""The widgets in a real JupyterLab: a .py file opens as a notebook, a slider moves by keyboard, its picture changes."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KERNEL_MS = 180_000  # a kernel starts and imports torch, perhaps on a busy machine
KNOWN = ("ResizeObserver loop",)  # console errors that are JupyterLab's own and harmless
NOTEBOOK = """\
# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %%
from pathlib import Path

from tiny_demo import tiny_model, tiny_objects, tiny_zoo

from n2v.publish.demos.pages import show_page
from n2v.publish.demos.pages import write_map_page
from n2v.publish.demos.widgets import InterpolationDemo, RetrievalDemo

zoo = tiny_zoo()
objects = tiny_objects(zoo)
demo = InterpolationDemo(tiny_model(), objects, zoo, size_px=24)
demo

# %%
RetrievalDemo(objects, zoo)

# %%
path = write_map_page(Path("map.html"), {"PCA": objects.values[:, :2]}, objects, zoo, size_px=16)
show_page(path, 400)

# %%
demo._decoded = lambda *_: 1 / 0
"""


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """Address of a server on one notebook, with the project's settings and nobody's own; `browser` skips first."""
    folder, token = tmp_path_factory.mktemp("lab"), secrets.token_hex(16)
    (folder / "lessons").mkdir()
    (folder / "lessons" / "widgets.py").write_text(NOTEBOOK)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / ".own" / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / ".own" / name) for name in ("SETTINGS", "WORKSPACES")}
    own |= {"JUPYTER_CONFIG_PATH": str(ROOT / "ci" / "lab"), "IPYTHONDIR": str(folder / ".own" / "IPYTHON")}
    own |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}
    options = ["--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    options += [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1"]
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            cwd=folder, env={**os.environ, **own, "JUPYTER_TOKEN": token}, stdout=log, stderr=log,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api?token={token}", server, folder / "server.log")
        yield address, token, folder
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen, log: Path, limit_s: float = 120) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def notebook(lab, browser, watch):
    """The notebook with all its cells run; not an error on the console, nothing asked of another machine."""
    address, token, folder = lab
    page = watch(browser.new_context(viewport={"width": 1100, "height": 1400}).new_page())
    page.goto(f"{address}/lab/tree/lessons/widgets.py?token={token}")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.locator(".jp-Notebook .cm-content").first.click()
    page.get_by_text("| Idle").wait_for(timeout=KERNEL_MS)  # before it, a run cell may only ask for a kernel
    for number in (1, 2, 3):
        page.keyboard.press("Shift+Enter")
        page.get_by_text(f"[{number}]:").first.wait_for(timeout=KERNEL_MS)
    page.locator(".jp-OutputArea iframe").wait_for()
    yield page
    page.screenshot(path=folder / "last.png")
    page.context.close()
    assert [text for text in page.errors if not text.startswith(KNOWN)] == []
    assert [url for url in page.requests if address.split(":", 1)[1] not in url] == []


def slide(page, title: str, key: str = "ArrowRight", n: int = 2):
    """Move a slider by keyboard."""
    slider = page.locator(".widget-slider", has=page.get_by_text(title, exact=True)).locator(".noUi-handle")
    slider.scroll_into_view_if_needed()
    slider.focus()
    for _ in range(n):
        page.keyboard.press(key)


def test_a_moved_slider_changes_the_picture(notebook, lab):
    picture = notebook.locator("img[alt^=decoded]")
    for title in ("γ", "turn (°)", "height (°)"):
        before = picture.get_attribute("src"), picture.get_attribute("alt")
        slide(notebook, title)
        notebook.wait_for_function("src => document.querySelector('img[alt^=decoded]').src != src", arg=before[0])
    notebook.locator("img[alt='decoded at γ = 0.54, turned by -5°']").wait_for()  # after the last of all key strokes
    notebook.locator(".jp-Cell").nth(0).screenshot(path=lab[2] / "interpolation.png")


def test_neighbours_change_with_k(notebook, lab):
    cards = notebook.locator("img[alt^=neighbour]")
    assert cards.count() == 6  # three by embeddings, three by raw weights
    slide(notebook, "k", "ArrowLeft", 1)
    cards.nth(4).wait_for(state="detached")
    assert cards.count() == 4
    notebook.locator(".jp-Cell").nth(1).screenshot(path=lab[2] / "retrieval.png")


def test_the_map_answers_inside_a_notebook(notebook, lab):
    frame = notebook.frame_locator(".jp-OutputArea iframe")
    frame.locator("#map path").nth(3).dispatch_event("pointerenter")
    shown = frame.locator("#name").text_content()
    frame.locator("#map path").nth(12).dispatch_event("pointerenter")
    assert (lab[2] / "map.html").exists(), "the kernel runs in the project's folder, not in the notebook's"
    assert shown.startswith("chair") and frame.locator("#name").text_content().startswith("car")
    notebook.locator(".jp-Cell").nth(2).screenshot(path=lab[2] / "map.png")


def test_what_fails_in_a_callback_is_seen(notebook, lab):
    notebook.locator(".jp-Notebook .cm-content").nth(3).click()
    notebook.keyboard.press("Control+Enter")
    notebook.get_by_text("[4]:").wait_for()
    slide(notebook, "γ")
    alert = notebook.get_by_role("alert").filter(has_text="ZeroDivisionError")
    alert.wait_for()
    assert "This did not work." in alert.text_content()
    notebook.locator(".jp-Cell").nth(0).screenshot(path=lab[2] / "alert.png")
