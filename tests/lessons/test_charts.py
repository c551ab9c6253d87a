"""Charts show values, intervals and chance where the rows have them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from n2v.lessons import classification
from n2v.lessons.drawing.charts import bar_chart, dot_chart, interval, line_chart, panels
from n2v.tasks.metrics import mcnemar

ROW = {"value": 0.6, "low": 0.4, "high": 0.7, "chance": 0.1}
ROWS = [{**ROW, "features": name, "measure": measure} for name in "ab" for measure in ("hit@1", "mAP")]


@pytest.fixture(autouse=True)
def closed_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def test_an_interval_by_object_goes_before_one_by_item():
    assert interval({**ROW, "low_objects": 0.3, "high_objects": 0.8}) == (0.6, 0.3, 0.8)
    assert interval({"accuracy": 0.6, "low": None, "high": None}) == (0.6, 0.6, 0.6)


def test_bars_stand_in_groups_with_intervals_and_chance():
    axis = bar_chart(ROWS, "measure", "features", chance=0.2)
    assert [bar.get_height() for bar in axis.patches] == [60] * 4
    assert [text.get_text() for text in axis.get_xticklabels()] == ["hit@1", "mAP"]
    ends = [np.ravel(segment[:, 1]) for one in axis.collections for segment in one.get_segments()]
    assert sorted(np.round(one).tolist() for one in ends) == [[10, 10]] * 4 + [[40, 70]] * 4
    assert list(axis.lines[-1].get_ydata()) == [20, 20]


def test_dots_leave_out_what_was_not_run():
    axis = dot_chart([*ROWS, {"features": "pictures", "status": "not run"}], "features", "measure", chance=0.1)
    (first, *_), line = axis.collections, axis.lines[-1]
    assert np.allclose(sorted(first.get_segments()[0][:, 0]), [40, 70]) and list(line.get_xdata()) == [10, 10]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]


def test_panels_share_their_lines_and_draw_the_reference():
    table = [
        {"who": "real", "kind": "x", "a": 0.5, "a ±": 0.1, "b": 0.0, "b ±": None},
        {"who": "made", "kind": "x", "a": 0.3, "a ±": None, "b": None, "b ±": None},
    ]
    figure = panels(table, "who", {"a": "A", "b": "B"}, reference="real")
    assert [list(axis.lines[-1].get_xdata()) for axis in figure.axes] == [[0.5, 0.5], [0, 0]]
    assert len(panels(table, "who", {"a": "A", "b": "B"}, by="kind").axes) == 2


def test_curves_pass_through_means():
    rows = [{"x": x, "y": x + off, "of": name} for name in "ab" for x in (1, 2) for off in (0.0, 1.0)]
    axis = line_chart(rows, "x", "y", "of")
    assert np.allclose(axis.lines[0].get_ydata(), [1.5, 2.5])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["a", "b"]


def test_counts_are_written_where_there_are_some():
    figure = classification.plot_confusion(np.array([[3, 0], [1, 2]]), names=("one", "two"))
    assert [text.get_text() for text in figure.axes[0].texts] == ["3", "", "1", "2"]


def test_the_coin_s_dark_bars_are_mcnemar_s_p():
    a, b = np.array([True] * 8 + [False]), np.array([False] * 8 + [True])
    title = classification.plot_coins(8, 1).axes[0].get_title()
    assert float(title.split("=")[1]) == pytest.approx(mcnemar(a, b), rel=0.05)
