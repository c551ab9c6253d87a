"""The report: every thesis item once, in order, offline, escaped, failures first."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from n2v.errors import BadInput
from n2v.files import read_json, write_json
from n2v.lessons.drawing.style import apply_style, class_look
from n2v.publish.record import Recorder
from n2v.publish.report import write_report
from n2v.publish.site import problems
from n2v.publish.thesis import BY_ID, ITEMS
from n2v.scenes.classes import CLASSES, FREQUENCIES


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
    recorder.verdict("table-4.1", "Ours is above <chance>", 0.5, 0.4, 0.6, above=0.1, n=50)
    failed = {"status": "failed", "cell": 3, "seconds": 2.0, "error": "ValueError: <b>"}
    notebooks = {"06_classify": {"status": "ok", "seconds": 61.0, "cell": None}, "07_interpolate": failed}
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a chair.html").write_text("<title>A chair &amp; more</title>")
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
    assert all(source.startswith(("data:image/png;base64,", "#", "pages/")) for source in sources if source)
    assert "<script" not in text and "&lt;script&gt;" in text and "The &lt;classifier&gt; &amp; more." in text
    assert not re.search(r"https?://|@import|url\(", text)


def test_failures_come_first_and_unmeasured_items_say_why(run_folder):
    text = write_report(run_folder).read_text()
    assert text.index("ValueError: &lt;b&gt;") < text.index('id="fig-1.1"')
    part = {item_id: text[text.index(f'id="{item_id}"') :].split("<h2")[0] for item_id in BY_ID}
    assert "Not run: no GPU" in part["table-4.2"] and "0.75 + 0.28 ms" in part["table-4.2"]
    assert "in part</span>" in part["table-4.1"] and "Not run: ResNet50 rows" in part["table-4.1"]
    assert "Not run: notebook 08 did not get to it" in part["table-4.3"]
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    n_measured = len([item for item in ITEMS if not item.is_diagram])
    assert f"0 of {n_measured} measured figures and tables of the thesis are here in full, 1 in part" in words
    assert f"{n_measured - 1} not; 1 of its diagrams are drawn" in words and "1 agrees 0 disagrees" in words
    assert "In full it takes a file of pretrained" in part["table-4.1"] and "takes a GPU" in part["table-4.2"]
    assert "In full it takes" not in part["table-4.3"]


def summary_row(text: str, item_id: str) -> list[str]:
    """Cells of an item's line in the summary, without tags."""
    line = next(line for line in text.split("<tr>") if f'href="#{item_id}"' in line)
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", line)]


def test_the_summary_says_theirs_and_ours(run_folder):
    recorder = Recorder(run_folder, "08")
    rows = [
        {"who": "thesis", "device": "RTX 3090", "seconds": 12.0},
        {"who": "GPU", "seconds": "not run: no GPU"},
        {"who": "here", "device": "CPU", "steps": 250, "seconds": 0.93},
    ]
    recorder.table("app-b.3-fit", rows, "Times.", headline="0.93 s on this CPU")
    recorder.table("table-4.3", [{"method": "ours", "hit@1": 0.7}], "Retrieval.", headline="hit@1 0.70, mAP 0.51")
    text = write_report(run_folder).read_text()
    assert summary_row(text, "app-b.3-fit")[1:] == [
        "RTX 3090: 12 s, 1500 to 2000 steps", "0.93 s on this CPU", "", "", "in part",
    ]  # fmt: skip
    assert summary_row(text, "table-4.3")[2:] == ["hit@1 0.70, mAP 0.51", "", "", "measured"]
    assert summary_row(text, "table-4.1")[2:] == [
        "0.5 (0.4 to 0.6)",
        "50",
        "agrees Ours is above &lt;chance&gt;: 0.5 (0.4 to 0.6)",
        "in part",
    ]
    assert summary_row(text, "fig-4.2")[2:] == ["", "", "", "diagram"]
    assert summary_row(text, "fig-4.5")[2:] == ["", "", "", "not run"]
    assert len(re.findall('<td><a href="#', text)) == len(ITEMS)


def test_what_wants_a_gpu_is_measured_in_full_on_one_only(run_folder):
    Recorder(run_folder, "02").table("fig-a.1", [{"width": 64, "psnr_db": 30.0}], "Widths.")
    for device, status in (("cpu", "in part"), ("NVIDIA H200", "measured")):
        write_json(run_folder / "run.json", {**read_json(run_folder / "run.json"), "device": device})
        assert summary_row(write_report(run_folder).read_text(), "fig-a.1")[-1] == status


def test_the_run_s_size_says_what_a_reader_may_conclude(run_folder, monkeypatch):
    assert "test objects an accuracy" not in write_report(run_folder).read_text()  # there is no zoo
    rows = [SimpleNamespace(base_id=i // 2, split="test", class_name="chair") for i in range(200)]
    monkeypatch.setattr("n2v.publish.report.Zoo", lambda folder: SimpleNamespace(rows=rows))
    text = write_report(run_folder).read_text()
    assert "200 NeRFs of 100 objects in 1 classes, 100 of the objects for testing; NeRFs of" in text
    assert "With 100 test objects an accuracy of 80 % is known to lie between 71 and 87 %" in text


def test_extras_have_titles_from_their_captions(run_folder):
    Recorder(run_folder, "01").table("extra-leak", [{"a": 1}], "Twins in train, rule by rule. Diamond: closed form.")
    assert "Notebook 01: Twins in train, rule by rule</a>" in write_report(run_folder).read_text()


def test_pages_are_linked_only_when_they_exist(run_folder):
    assert '<a href="pages/a%20chair.html">A chair &amp; more</a>' in write_report(run_folder).read_text()
    (run_folder / "pages" / "a chair.html").unlink()
    assert "Pages of this run" not in write_report(run_folder).read_text()


def test_every_figure_has_words(run_folder):
    figure = plt.figure(figsize=(1, 1))
    with pytest.raises(BadInput, match="'fig-4.5' has neither caption nor alt text"):
        Recorder(run_folder, "08").figure("fig-4.5", figure, " ")
    plt.close(figure)
    record = run_folder / "items" / "fig-4.2.figure.json"
    for alt in ("a classifier", ""):  # an empty one from elsewhere: the caption speaks
        write_json(record, {**read_json(record), "alt": alt})
        assert problems(write_report(run_folder).parent) == []


def test_a_lost_picture_is_said_and_an_empty_folder_still_reports(run_folder, tmp_path_factory):
    (run_folder / "figures" / "fig-4.2.png").unlink()
    text = write_report(run_folder).read_text()
    assert "The figure of fig-4.2 is missing" in text and summary_row(text, "fig-4.2")[-1] == "failed"
    assert "Not run: notebook 06 did not get to it" in write_report(tmp_path_factory.mktemp("empty")).read_text()


def test_the_thesis_s_own_numbers():
    assert len(BY_ID) == len(ITEMS) == 26
    assert sum(FREQUENCIES.values()) == 39_666 and tuple(FREQUENCIES) == CLASSES
    assert BY_ID["table-4.1"].values["nerf2vec"] == "87.28 %"
    assert BY_ID["table-4.3"].values["9 views"] == "82.74 / 91.66 / 93.79"
    assert {item.notebook for item in ITEMS} == {f"0{i}" for i in range(1, 10)}


def test_what_an_item_needs_is_one_of_three():
    assert {item.needs for item in ITEMS} == {"cpu", "gpu", "weights file"}


def test_classes_look_different():
    apply_style()
    looks = [class_look(label) for label in range(100)]
    assert len(set(looks)) == 100 and all(len({look[k] for look in looks[:13]}) == 13 for k in (0, 1))
