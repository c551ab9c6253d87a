"""What a notebook records lands whole in the run folder, and unknown items are refused."""

import csv
import json

import matplotlib
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from n2v.errors import BadInput
from n2v.publish.execute import execute
from n2v.publish.html import table_html
from n2v.publish.notebooks import Lesson
from n2v.publish.record import Recorder, forget, results
from n2v.publish.site import read_page


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path, "06")


def names(folder):
    return sorted(path.name for path in folder.glob("*"))


def test_figure_table_and_metric_land_in_the_run_folder(recorder, tmp_path):
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.plot([0, 1])
    recorder.figure("fig-4.2", figure, "The classifier.", alt="a line")
    assert (tmp_path / "figures" / "fig-4.2.png").read_bytes().startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)  # recorded figures show themselves, once
    recorder.table("table-4.1", [{"row": "ours", "accuracy": 0.87654321}, {"row": "none", "n": 3}], "Accuracy.")
    with open(tmp_path / "tables" / "table-4.1.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"row": "ours", "accuracy": "0.876543", "n": ""} and rows[1]["n"] == "3"
    recorder.metric("accuracy", 0.5)
    recorder.metric("broken", float("nan"))
    Recorder(tmp_path, "07").metric("accuracy", 0.25)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics == {"06": {"accuracy": 0.5, "broken": None}, "07": {"accuracy": 0.25}}
    record = json.loads((tmp_path / "items" / "fig-4.2.figure.json").read_text())
    assert record["alt"] == "a line" and record["notebook"] == "06" and record["kind"] == "figure"


def test_a_plot_is_also_a_drawing_and_a_picture_is_not(recorder, tmp_path):
    figure, axis = plt.subplots(figsize=(2, 1))
    axis.plot([0, 1])
    axis.set_xlabel("steps")
    drawing = tmp_path / "figures" / "fig-4.2.svg"
    recorder.figure("fig-4.2", figure, "A plot.")
    first = drawing.read_bytes()
    assert b">steps</text>" in first and plt.rcParams["svg.fonttype"] != "none"  # text stays text; settings come back
    Recorder(tmp_path, "06").figure("fig-4.2", figure, "A plot.")
    assert drawing.read_bytes() == first
    axis.scatter(range(5000), range(5000))
    Recorder(tmp_path, "06").figure("fig-4.2", figure, "Too large a plot.")
    assert not drawing.exists()
    axis.clear()
    axis.imshow([[0, 1]])
    Recorder(tmp_path, "06").figure("fig-4.2", figure, "A picture.")
    assert not drawing.exists() and (tmp_path / "figures" / "fig-4.2.png").exists()
    plt.close(figure)


def test_items_are_the_thesis_s_or_marked_extra_and_name_files_inside(recorder):
    recorder.not_run("extra-timing", "no GPU")
    for bad in ("table-9.9", "extra-../../escape", "extra-a/b", "extra-A B"):
        with pytest.raises(BadInput):
            recorder.not_run(bad, "why")


def test_a_new_record_replaces_an_earlier_run_s_but_not_its_own_parts(recorder, tmp_path):
    recorder.table("table-4.1", [{"a": 1}], "first run")
    again = Recorder(tmp_path, "06")
    again.not_run("table-4.1", "no GPU")
    assert names(tmp_path / "items") == ["table-4.1.not-run.json"] and names(tmp_path / "tables") == []
    again.table("table-4.1", [{"a": 2}], "the rest")
    assert names(tmp_path / "items") == ["table-4.1.not-run.json", "table-4.1.table.json"]


def test_an_empty_table_is_not_run(recorder, tmp_path):
    recorder.table("table-4.2", [], "times")
    assert names(tmp_path / "items") == ["table-4.2.not-run.json"]


def test_forget_removes_one_notebook_s_records_only(recorder, tmp_path):
    recorder.table("table-4.1", [{"a": 1}], "mine")
    recorder.metric("x", 1)
    other = Recorder(tmp_path, "08_retrieval")
    other.table("table-4.3", [{"a": 1}], "theirs")
    other.metric("x", 2)
    forget(tmp_path, "06")
    assert names(tmp_path / "tables") == ["table-4.3.csv"] and names(tmp_path / "items") == ["table-4.3.table.json"]
    assert list(json.loads((tmp_path / "metrics.json").read_text())) == ["08_retrieval"]
    forget(tmp_path, "08")
    assert names(tmp_path / "items") == [] and json.loads((tmp_path / "metrics.json").read_text()) == {}
    assert results(tmp_path, "06") == []


def test_one_item_belongs_to_one_notebook(recorder, tmp_path):
    recorder.table("extra-leak", [{"a": 1}], "mine")
    other = Recorder(tmp_path, "01")
    for take in (lambda: other.table("extra-leak", [{"a": 2}], "theirs"), lambda: other.not_run("extra-leak", "why")):
        with pytest.raises(BadInput, match="notebooks 06 and 01 both record 'extra-leak'"):
            take()
    assert json.loads((tmp_path / "items" / "extra-leak.table.json").read_text())["caption"] == "mine"
    other.table("extra-leak-counted", [{"a": 2}], "a longer name is another item")
    Recorder(tmp_path, "06").table("extra-leak", [{"a": 3}], "run again")


def test_readers_see_few_digits_and_no_rounding_noise():
    text = table_html(["name", "p_value"], [["<a>", 6.939e-18], ["b", "0.876543"], ["0012", 1234.5], [None, "12.5 %"]])
    assert "<a>" not in text and "&lt;a&gt;" in text and "<th>p value</th>" in text
    assert [text.count(f'<td class="n">{one}</td>') for one in ("0", "0.877", "1234", "12.5 %")] == [1, 1, 1, 1]
    assert '<td class="n">0012</td>' in text and "e-18" not in text and "overflow-x" in text


def test_verdicts_are_kept_in_order_and_go_with_their_item(recorder, tmp_path):
    found = recorder.verdict("table-4.1", "Above chance", 0.5, 0.4, 0.6, above=0.1, n=50)
    assert found.word == "agrees" and found.recorded  # so that the cell's value does not show it once more
    recorder.verdict("table-4.1", "Nearly perfect", 0.5, 0.4, 0.6, above=0.9)
    kept = json.loads((tmp_path / "items" / "table-4.1.verdict.json").read_text())["verdicts"]
    assert [one["word"] for one in kept] == ["agrees", "disagrees"] and kept[0]["n"] == 50
    forget(tmp_path, "06")
    assert names(tmp_path / "items") == []


NOTEBOOK = """# %% tags=["parameters"]
out_dir = ""
# %%
import time
from matplotlib import pyplot as plt
from n2v.files import progress
from n2v.publish.record import Recorder
record = Recorder(out_dir, "06")
# %%
for _ in progress(range(50), desc="flood"):
    time.sleep(0.02)
record.verdict("table-4.1", "A claim", 1.0, 0.5, 1.5, above=0)
record.table("table-4.1", [{"a": 1 / 3}], "Thirds.")
plt.plot([0, 1])
record.figure("fig-4.2", plt.gcf(), "A line.")
"""


@pytest.mark.timeout(120)
def test_a_cell_shows_figures_then_tables_then_verdicts_and_no_bars(tmp_path):
    import nbformat

    source = tmp_path / "06_lesson.py"
    source.write_text(NOTEBOOK)
    assert execute(Lesson(source), {"out_dir": str(tmp_path)}, tmp_path / "notebooks", 100)["status"] == "ok"
    cell = nbformat.read(tmp_path / "notebooks" / "06_lesson.ipynb", 4).cells[-1]
    shown = [output.data["text/html"] for output in cell.outputs]  # a bar would be a stream, which has no data
    assert [
        "Figure 06.2 (thesis: Figure 4.2). A line." in shown[0],
        "0.333" in shown[1],
        "<b>agrees</b>" in shown[2],
    ] == [True] * 3 and len(shown) == 3
    pictures = read_page(tmp_path / "notebooks" / "06_lesson.html").find_all("img")
    assert [one["alt"] for one in pictures] == ["A line."]
