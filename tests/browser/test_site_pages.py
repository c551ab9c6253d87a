"""The site in a browser, from `file://` and without a network: search, links, formulas."""

from tiny_run import tiny_run

from n2v.publish.site import write_site


def test_a_heading_is_found_and_leads_to_its_notebook(browser, new_page, tmp_path):
    page = new_page(browser, offline=True)
    page.goto(write_site(tiny_run(tmp_path), tmp_path / "notebooks").as_uri())
    page.fill("#search", "no such words")
    assert page.inner_text("#count") == "0 headings" and page.query_selector_all("#found a") == []
    page.fill("#search", "SAMPLES & rays")
    assert page.inner_text("#count") == "1 headings"
    page.click("#found a")
    assert page.evaluate("decodeURIComponent(location.hash)") == "#1.-Rays-&-samples"
    assert page.inner_text("h1").startswith("01 · A lesson")
    formula = page.query_selector("math[display=block]").bounding_box()
    assert formula["width"] > 20 and formula["height"] > 10, "drawn as a formula"
    page.click("text=Report")
    assert page.inner_text("h1") == "n2v: the thesis and what we measured"
    assert page.errors == [] and page.requests == []
