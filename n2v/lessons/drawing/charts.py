"""Values with their 95 % intervals: bars in groups, dots on lines, a panel a measure; and curves."""

from collections.abc import Iterator

import numpy as np

HATCHES, MARKERS = ("", "//", "..", "xx", "\\\\"), "os^Dv<>P"


def bar_chart(rows: list[dict], x: str, by: str, axis=None, chance: float | None = None, scale: float = 100):
    """Bars in groups: a place a value of column `x`, a bar a value of column `by`; the matplotlib axis.

    Args:
        rows: {x, by, "value" or "accuracy", "low", "high"}; by object where there is "low_objects", and without ends no
            interval is drawn. A row's own "chance" is a black stroke.
        x: Column of the places.
        by: Column of the bars beside each other.
        axis: Where to draw; None: a new figure.
        chance: Dotted line.
        scale: Times the values, such as 100 for shares in percent.
    """
    axis = axis or _new_axis((8, 3.4))
    for i, (name, mine, at, value, error, width) in enumerate(_series(rows, x, by, scale)):
        look = {"label": name, "hatch": HATCHES[i % 5], "edgecolor": "white", "error_kw": {"lw": 1}}
        axis.bar(at, value, 0.92 * width, yerr=error, **look)
        if "chance" in mine[0]:
            axis.hlines([scale * row["chance"] for row in mine], at - width / 2, at + width / 2, color="black", lw=2)
    names = list(map(str, _values(rows, x)))
    crowded = sum(max(map(len, name.split("\n"))) for name in names) > 65
    axis.set_xticks(range(len(names)), names, **({"rotation": 30, "ha": "right"} if crowded else {}))
    axis.set_ylabel("% (lines: 95 % interval)" if scale == 100 else "")
    _finish(axis, axis.axhline, chance, scale, by)
    return axis


def dot_chart(rows: list[dict], y: str, by: str = "", axis=None, chance: float | None = None, scale: float = 100):
    """Dots with their intervals: a line a value of column `y`, a marker a value of `by`; otherwise as `bar_chart`."""
    rows = [row for row in rows if interval(row)[0] is not None]
    names = _values(rows, y)
    axis = axis or _new_axis((7.5, (0.25 + 0.11 * len(_values(rows, by))) * len(names) + 1.2))
    for i, (name, _, at, value, error, _) in enumerate(_series(rows, y, by, scale, 0.6)):
        axis.errorbar(value, at, xerr=error, fmt=MARKERS[i % 8], ms=5, lw=1.2, label=name)
    axis.set_yticks(range(len(names)), names)
    axis.set(ylim=(len(names) - 0.4, -0.6), xlabel="% (lines: 95 % interval)" if scale == 100 else "")
    _finish(axis, axis.axvline, chance, scale, by)
    return axis


def panels(table: list[dict], y: str, measures: dict[str, str], by: str = "", reference: str = ""):
    """A panel a measure, a line a value of column `y`: mean and 95 % interval over repeats; a figure.

    Args:
        table: Rows {y, by, a measure, "its ±"}, from n2v.tasks.metrics.over_repeats.
        y: Column of the lines.
        measures: Column to its label.
        by: Column of the markers.
        reference: The line whose value runs through each panel, dashed.
    """
    import matplotlib.pyplot as plt

    size = (2.4 * len(measures) + 2, 0.42 * len(_values(table, y)) + 1.3)
    figure, axes = plt.subplots(1, len(measures), figsize=size, sharey=True)
    for axis, (measure, label) in zip(axes, measures.items(), strict=True):
        value, half = (np.array([row[name] for row in table], float) for name in (measure, f"{measure} ±"))
        ends = zip(table, value, value - np.nan_to_num(half), value + np.nan_to_num(half), strict=True)
        told = [{**row, "value": at, "low": low, "high": high} for row, at, low, high in ends]
        dot_chart(told, y, by, axis, scale=1)
        if by and axis is not axes[-1]:
            axis.get_legend().remove()
        for row in told:
            if row[y] == reference:
                axis.axvline(row["value"], color="black", ls="--", lw=1)
        axis.set_xlabel(label, fontsize=8)
    figure.tight_layout()
    return figure


def line_chart(rows: list[dict], x: str, y: str, by: str, axis=None, **more):
    """Curves of column `y` over column `x`, a colour, dash and marker a value of `by`; the axis.

    Where an x comes several times: the mean, and a bar of one standard deviation.
    """
    import pandas as pd
    import seaborn as sns

    data = pd.DataFrame(rows).astype({by: str})
    axis = axis or _new_axis((7, 3.4))
    look = {"hue": by, "style": by, "markers": len(rows) < 100, "errorbar": "sd", "err_style": "bars"}
    sns.lineplot(data, x=x, y=y, ax=axis, **look, **more)
    sns.move_legend(axis, "center left", bbox_to_anchor=(1, 0.5))
    return axis


def interval(row: dict) -> tuple:
    """A row's value and the ends of its interval, by object where it has that; without one both are the value."""
    value = row.get("value", row.get("accuracy"))
    ends = ("low_objects", "high_objects") if "low_objects" in row else ("low", "high")
    return value, *(value if row.get(end) is None else row[end] for end in ends)


def _values(rows: list[dict], column: str) -> list:
    return list(dict.fromkeys(row.get(column) for row in rows))


def _series(rows: list[dict], place: str, by: str, scale: float, room: float = 0.8) -> Iterator[tuple]:
    """Of each value of `by`: it, its rows, their places, values, both lengths of their intervals, and its room."""
    places, names = _values(rows, place), _values(rows, by)
    width = room / len(names)
    for i, name in enumerate(names):
        mine = [row for row in rows if row.get(by) == name]
        at = np.array([places.index(row[place]) for row in mine]) + (i - (len(names) - 1) / 2) * width
        value, low, high = scale * np.array([interval(row) for row in mine], float).T
        yield name, mine, at, value, np.clip([value - low, high - value], 0, None), width


def _new_axis(size: tuple[float, float]):
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size)[1]


def _finish(axis, line, chance: float | None, scale: float, by: str) -> None:
    if chance is not None:
        line(scale * chance, color="black", ls=":", label="chance")
    if by:
        axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
