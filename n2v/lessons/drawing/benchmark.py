"""A benchmark as a table and a picture."""

import csv
import io
from pathlib import Path

from n2v.files import atomic_path, write_bytes
from n2v.lessons.drawing.charts import dot_chart
from n2v.lessons.drawing.style import apply_style


def benchmark_figure(rows: list[dict]):
    """A row of panels a measure, a panel a track: each entry's value with its 95 % interval by object.

    Args:
        rows: From n2v.tasks.benchmark.
    """
    import matplotlib.pyplot as plt

    columns = ("measure", "track", "entry")
    measures, tracks, entries = (list(dict.fromkeys(row[name] for row in rows)) for name in columns)
    size = (2.3 * len(tracks) + 2, (0.24 * len(entries) + 0.6) * len(measures) + 0.4)
    figure, axes = plt.subplots(len(measures), len(tracks), figsize=size, squeeze=False)
    for i, measure in enumerate(measures):
        for axis, track in zip(axes[i], tracks, strict=True):
            mine = {row["entry"]: row for row in rows if (row["measure"], row["track"]) == (measure, track)}
            nothing = {"value": float("nan")}
            dot_chart([{"entry": entry, **mine.get(entry, nothing)} for entry in entries], "entry", axis=axis, scale=1)
            axis.set_title(f"{track}: {measure}", fontsize=8)
            axis.tick_params(labelsize=7, labelleft=axis is axes[i, 0])
            if not measure.endswith("(dB)"):
                axis.set_xlim(0, 1)
    figure.tight_layout()
    return figure


def write_benchmark(rows: list[dict], out: Path) -> None:
    """benchmark.csv, numbers with four digits behind the point, and benchmark.png."""
    import matplotlib.pyplot as plt

    def shown(value) -> str:
        if value is None or value != value:
            return ""
        return f"{value:.4f}" if isinstance(value, float) else str(value)

    columns, text = list(dict.fromkeys(name for row in rows for name in row)), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *([shown(row.get(name)) for name in columns] for row in rows)])
    write_bytes(out / "benchmark.csv", text.getvalue().encode())
    apply_style()
    figure = benchmark_figure(rows)
    with atomic_path(out / "benchmark.png") as scratch:
        figure.savefig(scratch, format="png")
    plt.close(figure)
