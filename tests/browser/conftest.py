"""Chromium driven by playwright: one browser for this folder, and a fresh page a test that notes what went wrong.

Put tests that need a browser into tests/browser: playwright keeps an event loop running, and it ends with the folder.
"""

import shutil

import pytest

from n2v.publish.doctor import BROWSERS

FLAGS = (
    "--no-sandbox",  # containers have no user namespaces
    "--use-angle=swiftshader",  # WebGL2 in software: the same on every machine
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TIMEOUT_MS = 60_000


@pytest.fixture(scope="package")
def launch(request):
    """A function that starts a browser with further flags; all end with the folder."""
    playwright, path = _parts(request.config.getoption("--require-browser"))
    with playwright() as driver:
        yield lambda *flags: driver.chromium.launch(executable_path=path, args=[*FLAGS, *flags])


@pytest.fixture(scope="package")
def browser(launch):
    """The browser that tests share."""
    found = launch()
    yield found
    found.close()


@pytest.fixture
def new_page():
    """A function that opens a page in a browser; its lists `errors` and `requests` grow while it lives."""
    contexts = []

    def opened(browser, **options):
        contexts.append(browser.new_context(viewport={"width": 900, "height": 900}, **options))
        return watched(contexts[-1].new_page())

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(browser, new_page):
    """A playwright page; `page.errors`: console errors and uncaught exceptions, `page.requests`: what left the page."""
    return new_page(browser)


@pytest.fixture(scope="package")
def watch():
    """`watched`, for pages that live longer than one test."""
    return watched


def watched(page):
    """Note errors, and every request that is not the file itself or data inside it."""
    page.errors, page.requests = [], []
    page.set_default_timeout(TIMEOUT_MS)
    page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: _note(page.requests, request.url))
    return page


def _note(requests: list[str], url: str) -> None:
    if not url.startswith(("file:", "data:", "blob:", "about:")):
        requests.append(url)


def _parts(required: bool):
    """playwright's entry and the browser's path; without them a skip (or, if required, a failure) that says why."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if path and sync_playwright:
        return sync_playwright, path
    why = (
        "playwright is not installed (pip install playwright)" if path else f"no browser: none of {', '.join(BROWSERS)}"
    )
    (pytest.fail if required else pytest.skip)(why)
