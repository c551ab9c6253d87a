"""How generators fare: a panel a measure, a row a generator."""

import numpy as np

from n2v.show.style import CHANCE, OURS, THEIRS


def measure_figure(table: list[dict], measures: dict[str, str]):
    """Mean and 95 % interval; the yardstick's value runs through each panel as a dashed line, cheats are grey diamonds.

    Args:
        table: Rows {generator, a measure, its ±}, from n2v.tasks.repeats.
        measures: Column to its axis label.
    """
    import matplotlib.pyplot as plt

    names = [row["generator"] for row in table]
    size = (2.2 * len(measures) + 2, 0.36 * len(names) + 1.2)
    figure, axes = plt.subplots(1, len(measures), figsize=size, sharey=True)
    for axis, (measure, label) in zip(axes, measures.items(), strict=True):
        for place, row in enumerate(table):
            cheat, real = row["generator"].startswith("cheat"), row["generator"].startswith("real")
            colour = CHANCE if cheat else THEIRS if real else OURS
            style = {"fmt": "D" if cheat else "s" if real else "o", "color": colour, "ms": 6, "lw": 1.2}
            axis.errorbar(row[measure], place, xerr=np.nan_to_num(row[f"{measure} ±"]), **style)
            if real:
                axis.axvline(row[measure], color=colour, ls="--", lw=1)
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params("x", labelsize=8)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].invert_yaxis()
    figure.tight_layout()
    return figure
