"""What a NeRF's page says and refuses, without a browser; tests/browser/test_nerf_page.py opens it."""

import re
from dataclasses import replace

import pytest
import torch

from n2v.errors import BadInput
from n2v.publish.demos.nerf_page import LIMIT_BYTES, nerf_page, write_pages
from n2v.zoo.store import Zoo


@pytest.fixture(scope="module")
def zoo(pytestconfig):
    return Zoo(pytestconfig.rootpath / "data" / "mini_zoo")


@pytest.fixture(scope="module")
def nerf(zoo):
    return zoo["chair-0000"]


def test_a_page_holds_its_facts_and_no_address(nerf):
    page = nerf_page(nerf)
    assert len(page.encode()) <= LIMIT_BYTES
    assert "Class: chair" in page and "Licence of the object: MIT" in page and re.search(r"\d\.\d dB on held-out", page)
    assert "://" not in page and "{{" not in page
    assert "accurate sine" in nerf_page(replace(nerf, encoding="tcnn")) and "accurate sine" not in page


def test_titles_are_escaped(nerf):
    page = nerf_page(replace(nerf, object_id='</script><b>"x"'))
    assert "</script><b>" not in page and "&lt;/script&gt;&lt;b&gt;&#34;x&#34;" in page


def test_what_does_not_fit_is_refused(nerf):
    noise = torch.rand(128, 128, 128) < 0.5
    with pytest.raises(BadInput, match="its grid of 128 cells a side.*150,000 is the limit"):
        nerf_page(replace(nerf, occupied=noise))
    for wrong in (torch.full((18_432,), 1e6), nerf.field_weights[:-1]):
        with pytest.raises(BadInput, match="float16"):
            nerf_page(replace(nerf, field_weights=wrong))


def test_one_page_a_class(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "n2v.publish.demos.nerf_page._picture", lambda nerf: b""
    )  # rendering is not what is tested here
    rows = write_pages(zoo, tmp_path / "pages")
    assert len(rows) == 13 and [row["class"] for row in rows] == sorted({row.class_name for row in zoo.rows})
    best = max(row.psnr_db for row in zoo.rows if row.class_name == "chair")
    assert next(row for row in rows if row["class"] == "chair")["psnr_db"] == best
    assert all((tmp_path / "pages" / row["file"]).stat().st_size <= LIMIT_BYTES for row in rows)
