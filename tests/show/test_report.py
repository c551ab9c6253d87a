"""The report: every thesis item once, in order, offline, escaped, failures first."""

import re
from html.parser import HTMLParser

import matplotlib
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from n2v.files import write_json
from n2v.scenes.classes import CLASSES
from n2v.show.record import Recorder
from n2v.show.report import write_report
from n2v.show.style import CLASS_COLOURS, CLASS_MARKERS, apply_style
from n2v.show.thesis import BY_ID, COUNTS, ITEMS


class Page(HTMLParser):
    """Collects tags' attributes and checks that what opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def run_folder(tmp_path):
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.plot([0, 1])
    recorder = Recorder(tmp_path, "06")
    recorder.figure("fig-4.2", figure, "The <classifier> & more.", alt='say "so"')
    plt.close(figure)
    recorder.table("table-4.1", [{"row": "<script>alert(1)</script>", "top_1": 0.5}], "Accuracy.")
    recorder.not_run("table-4.1", "ResNet50 rows: no pretrained file")
    recorder.not_run("table-4.2", "no GPU")
    recorder.table("extra-seeds", [{"seed": 1}], "Seeds.")
    recorder.metric("accuracy", 0.5)
    failed = {"status": "failed", "cell": 3, "seconds": 2.0, "error": "ValueError: <b>"}
    notebooks = {"06_classify": {"status": "ok", "seconds": 61.0, "cell": None}, "07_interpolate": failed}
    write_json(tmp_path / "run.json", {"profile": "smoke", "wall_s": 63.0, "notebooks": notebooks, "seed": 0})
    return tmp_path


def test_every_item_stands_once_in_thesis_order(run_folder):
    page = Page(write_report(run_folder).read_text())
    headings = [attrs["id"] for tag, attrs in page.seen if tag == "h2" and "id" in attrs]
    assert headings == [*BY_ID, "extra-seeds"]
    assert page.open == []


def test_nothing_is_fetched_and_text_is_escaped(run_folder):
    text = write_report(run_folder).read_text()
    sources = [attrs.get("src") or attrs.get("href") for _, attrs in Page(text).seen]
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources if source)
    assert "<script" not in text and "&lt;script&gt;" in text and "The &lt;classifier&gt; &amp; more." in text
    assert not re.search(r"https?://|@import|url\(", text)


def test_failures_come_first_and_unmeasured_items_say_why(run_folder):
    text = write_report(run_folder).read_text()
    assert text.index("ValueError: &lt;b&gt;") < text.index('id="fig-1.1"')
    part = {item_id: text[text.index(f'id="{item_id}"') :].split("<h2")[0] for item_id in BY_ID}
    assert "Not run: no GPU" in part["table-4.2"] and "0.75 + 0.28 ms" in part["table-4.2"]
    assert "measured" in part["table-4.1"] and "Not run: ResNet50 rows" in part["table-4.1"]
    assert "Not run: notebook 08 did not get to it" in part["table-4.3"]
    assert f"2 of {len(ITEMS)}" in text
    assert "In full it takes a file of pretrained" in part["table-4.1"] and "takes a GPU" in part["table-4.2"]
    assert "In full it takes" not in part["table-4.3"]


def test_a_lost_picture_is_said_and_an_empty_folder_still_reports(run_folder, tmp_path_factory):
    (run_folder / "figures" / "fig-4.2.png").unlink()
    assert "figures/fig-4.2.png</span>" not in (text := write_report(run_folder).read_text())
    assert "figures/fig-4.2.png is missing" in text
    assert f"0 of {len(ITEMS)}" in write_report(tmp_path_factory.mktemp("empty")).read_text()


def test_the_thesis_s_own_numbers():
    assert len(BY_ID) == len(ITEMS) == 26
    assert sum(COUNTS.values()) == 39_666 and tuple(COUNTS) == CLASSES
    assert BY_ID["table-4.1"].values["nerf2vec"] == "87.28 %"
    assert BY_ID["table-4.3"].values["9 views"] == "82.74 / 91.66 / 93.79"
    assert {item.notebook for item in ITEMS} == {f"0{i}" for i in range(1, 10)}


def test_what_an_item_needs_is_one_of_three():
    assert {item.needs for item in ITEMS} == {"cpu", "gpu", "weights file"}


def test_classes_look_different():
    apply_style()
    for looks in (CLASS_COLOURS, CLASS_MARKERS):
        assert tuple(looks) == CLASSES and len(set(looks.values())) == len(CLASSES)
