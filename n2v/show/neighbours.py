"""Queries and their nearest neighbours, right and wrong ones told apart by colour and by line (Fig 4.5)."""

import numpy as np

from n2v.show.pictures import to_rgb
from n2v.show.style import OURS, THEIRS


def neighbour_sheet(pictures: list[list[np.ndarray]], classes: list[list[str]]):
    """Matplotlib figure: a row a query, the query first; each neighbour framed and named.

    A solid blue frame: of the query's class. A dashed orange frame, the name marked with a cross: of another.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    n_rows, n_columns = len(pictures), len(pictures[0])
    figure, axes = plt.subplots(n_rows, n_columns, figsize=(1.25 * n_columns, 1.38 * n_rows + 0.5), squeeze=False)
    for i, (row, names) in enumerate(zip(pictures, classes, strict=True)):
        for j, (picture, name) in enumerate(zip(row, names, strict=True)):
            axis, right = axes[i][j], name == names[0]
            axis.imshow(to_rgb(picture))
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            axis.set_xlabel(name if j == 0 or right else f"× {name}", fontsize=8, labelpad=2)
            colour, line, width = ("black", "-", 0.8) if j == 0 else (OURS, "-", 2.2) if right else (THEIRS, "--", 2.2)
            for spine in axis.spines.values():
                spine.set(visible=True, color=colour, linestyle=line, linewidth=width)
            if i == 0:
                axis.set_title("query" if j == 0 else f"neighbour {j}", fontsize=9)
    handles = [
        Line2D([], [], color=OURS, lw=2.2, label="class of the query"),
        Line2D([], [], color=THEIRS, lw=2.2, ls="--", label="another class (×)"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, fontsize=9)
    figure.subplots_adjust(wspace=0.08, hspace=0.28, bottom=0.45 / (1.38 * n_rows + 0.5))
    return figure
