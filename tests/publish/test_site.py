"""The site and its parts: pages without a network, formulas, links, search, and the syllabus."""

import json
import re
from pathlib import Path

import pytest
from tiny_run import LESSON, tiny_run

from n2v.cli import main
from n2v.errors import BadInput
from n2v.publish.markdown import read_block
from n2v.publish.notebook_page import mathml, notebook_page, words_html
from n2v.publish.notebooks import read_lessons
from n2v.publish.site import problems, read_page, write_site
from n2v.publish.syllabus import notebooks_readme, readme_table, syllabus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    return tiny_run(tmp_path)


def test_a_notebook_s_page_needs_no_network(run):
    text = notebook_page(run / "notebooks" / "01_lesson.ipynb")
    assert not re.search(r"<script|<link\b|<iframe|@import|url\(['\"]?http", text)
    (run / "page.html").write_text(text)
    page = read_page(run / "page.html")
    assert not [one for one in page.find_all(["a", "img"]) if (one.get("href") or one.get("src")).startswith("http")]
    assert (
        text.count("<math") == 2 and "<mo>&lt;</mo>" in text.replace("&#x0003C;", "&lt;") and "<code>$5</code>" in text
    )
    assert 'display="block"' in text and "\ue000" not in text
    assert [one["alt"] for one in page.find_all("img")] == [
        'three "objects"',
        "Picture in the section: 1. Rays & samples",
    ]
    assert 'href="02_lesson.html"' in text


def test_formulas_are_found_and_nothing_else():
    assert words_html("a $x$ b $$y$$").count("<math") == 2
    for text in ("costs 5 \\$ or 6 \\$", "`$x$`", "```\n$x$\n```"):
        assert "<math" not in words_html(text)
    assert "<mo>" in mathml(r"\prod_{j<i} (1 - \alpha_j)") and mathml(r"\sqrt<\frac") == r"<code>\sqrt&lt;\frac</code>"


def test_every_formula_of_the_notebooks_can_be_read(monkeypatch):
    found = []
    monkeypatch.setattr(
        "n2v.publish.notebook_page.mathml", lambda text, display=False: found.append(mathml(text)) or ""
    )
    for lesson in read_lessons(ROOT / "notebooks"):
        for cell in lesson.read().cells:
            words_html(cell.source if cell.cell_type == "markdown" else "")
    assert len(found) > 50 and not [formula for formula in found if formula.startswith("<code>")]


def test_the_site_is_whole_searchable_and_offline(run, tmp_path):
    index = write_site(run, tmp_path / "notebooks")
    site = index.parent
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert names == {
        "index.html", "report.html", "notebooks/01_lesson.html", "notebooks/02_lesson.html", "pages/chair.html",
    }  # fmt: skip
    assert problems(site) == []
    text = index.read_text()
    headings = json.loads(re.search(r'id="headings">(.*?)</script>', text)[1])
    assert {"text": "1. Rays & samples", "page": "01_lesson"}.items() <= next(
        one for one in headings if one["page"] == "01_lesson" and "Rays" in one["text"]
    ).items()
    assert any(one["href"].startswith("report.html#table-4.1") for one in headings)
    assert "pages/chair.html" in text and "learn one thing." in text.lower() and ">ok<" in text
    assert 'href="02_lesson.html">02 · A lesson | of two' in (site / "notebooks" / "01_lesson.html").read_text()
    assert write_site(run, tmp_path / "notebooks") == index  # again, over the old one


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ('<a href="gone.html">x</a>', "gone.html does not exist"),
        ('<a href="#nowhere">x</a>', "#nowhere names no place"),
        ('<a href="../../secret.html">x</a>', "leaves the site"),
        ('<script src="https://cdn.example.org/x.js"></script>', "is fetched from the network"),
        ('<link rel="stylesheet" href="//cdn.example.org/x.css">', "is fetched from the network"),
        ('<img src="data:image/png;base64,AA==" alt=" ">', "a picture has no alt text"),
    ],
)
def test_a_faulty_page_is_found(tmp_path, body, wrong):
    (tmp_path / "other.html").write_text('<a name="x"></a>')
    good = '<a href="other.html#x">x</a><a href="#here">x</a><a href="https://example.org">x</a><p id="here">'
    (tmp_path / "page.html").write_text(good)
    assert problems(tmp_path) == []
    (tmp_path / "page.html").write_text(good + body)
    found = problems(tmp_path)
    assert len(found) == 1 and found[0].startswith("page.html: ") and wrong in found[0]


def test_a_faulty_page_stops_the_site(run, tmp_path):
    write_site(run, tmp_path / "notebooks")
    (run / "pages" / "chair.html").write_text('<a href="gone.html">x</a>')
    with pytest.raises(BadInput, match="1 faults, first: pages/chair.html: gone.html does not exist"):
        write_site(run, tmp_path / "notebooks")
    assert problems(run / "site") == []  # the earlier one is still there, whole


def test_commands_for_report_and_site(run, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["report", str(run), "--show", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"].endswith("report.html")
    assert main(["site", str(run), "--notebooks", str(tmp_path / "notebooks")]) == 0
    for words in (["report", str(tmp_path)], ["site", str(tmp_path)]):
        assert main(words) == 2
        assert "no run here; make one with: n2v reproduce --profile laptop --out" in capsys.readouterr().err


def test_syllabus_from_headers(tmp_path):
    (tmp_path / "01_lesson.py").write_text(LESSON.format(number="01", needs="[]"))
    rows = syllabus(tmp_path)
    assert rows[0]["goal"] == "Learn one thing." and rows[0]["minutes"] == "smoke 1, laptop 2.5"
    assert rows[0]["items"] == "Table 3.1, Figure 3.1"
    assert "| [01 · A lesson \\| of two](01_lesson.py) | Learn one thing. |" in notebooks_readme(rows)
    with pytest.raises(BadInput, match="0 blocks 'syllabus' of generated text"):
        read_block(tmp_path / "01_lesson.py", "syllabus")
    (tmp_path / "02_lesson.py").write_text(LESSON.format(number="02", needs="[]").replace("You will", "We"))
    with pytest.raises(BadInput, match="02_lesson.py: no title or no goal"):
        syllabus(tmp_path)


def test_the_written_syllabus_is_up_to_date():
    rows = syllabus(ROOT / "notebooks")
    assert (ROOT / "notebooks" / "README.md").read_text() == notebooks_readme(rows), "run make syllabus"
    assert read_block(ROOT / "README.md", "syllabus") == readme_table(rows), "run make syllabus"
