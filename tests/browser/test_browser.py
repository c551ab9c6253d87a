"""The browser of the other tests: it draws with WebGL2, and its pages notice what they must not do."""


def test_webgl2_works(page):
    assert page.evaluate("!!document.createElement('canvas').getContext('webgl2')")
    assert page.errors == [] and page.requests == []


def test_errors_and_requests_are_noticed(page):
    page.set_content("<script>console.error('a'); setTimeout(() => { throw new Error('b') })</script>")
    page.wait_for_timeout(50)
    assert page.errors[0] == "a" and "b" in page.errors[1]
    page.set_content("<img src='http://127.0.0.1:9/x.png'>")
    assert page.requests == ["http://127.0.0.1:9/x.png"]


def test_no_webgl_is_possible_too(launch, new_page):
    page = new_page(launch("--disable-3d-apis"))
    assert not page.evaluate("!!document.createElement('canvas').getContext('webgl2')")
