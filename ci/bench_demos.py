"""How long a reader of the interpolation demo waits: from a moved slider to its picture and to all that it moves.

    python ci/bench_demos.py RUN [--moves 20] [--out runs/bench]

RUN is a run folder with zoo, nerf2vec-best and embeddings-best.safetensors. The widget is driven as a slider drives it,
PNG and caption included, the browser not. Wall milliseconds count on a quiet machine; CPU milliseconds say what the
work is on a busy one. The aims, on two cores: 200 ms and 1000 ms.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from n2v.embed.embeddings import Embeddings
from n2v.embed.model import load_model
from n2v.files import provenance, write_json
from n2v.publish.demos.widgets import InterpolationDemo
from n2v.zoo.store import Zoo

AIMS_MS = {"picture": 200, "all": 1000}


def watch_moves(demo: InterpolationDemo, control, values) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU milliseconds from each move of a control to the picture, and to the ends and rows beside it."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in AIMS_MS}
    marks: list[tuple[float, float]] = []
    demo.picture.observe(lambda _: marks.append((time.perf_counter(), time.process_time())), "value")
    for value in values:
        marks.clear()
        start = time.perf_counter(), time.process_time()
        control.value = value
        for name, mark in (("picture", marks[0]), ("all", (time.perf_counter(), time.process_time()))):
            seen[name].append(tuple(1000 * (end - begin) for begin, end in zip(start, mark, strict=True)))
    demo.picture.unobserve_all()
    return seen


def rows_of(what: str, seen: dict[str, list[tuple[float, float]]]) -> list[dict]:
    """Median and worst of each picture."""
    rows = []
    for name, times in seen.items():
        wall, cpu = np.array(times).T
        rows.append(
            {"what": what, "picture": name, "n": len(times), "aim_ms": AIMS_MS[name],
             "median_ms": float(np.median(wall)), "worst_ms": float(wall.max()),
             "median_cpu_ms": float(np.median(cpu)), "worst_cpu_ms": float(cpu.max())}
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("--moves", type=int, default=20, help="of each slider")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    objects = Embeddings.load(options.run / "embeddings-best.safetensors")
    demo = InterpolationDemo(load_model(options.run / "nerf2vec-best"), objects, Zoo(options.run / "zoo"))
    new_places = np.linspace(0.02, 0.98, options.moves).round(2)
    rows = rows_of("way: a new object each move", watch_moves(demo, demo.gamma, new_places))
    turns = range(-170, 180, max(5, 5 * (70 // options.moves)))[: options.moves]
    rows += rows_of("turn: the same object", watch_moves(demo, demo.azimuth, turns))
    for row in rows:
        print(
            "{what:28} {picture:8} median {median_ms:6.0f} ms, worst {worst_ms:6.0f} ms (aim {aim_ms}); "
            "CPU median {median_cpu_ms:6.0f} ms, worst {worst_cpu_ms:6.0f} ms; n = {n}".format(**row)
        )
    write_json(options.out / "bench_demos.json", provenance(rows=rows))


if __name__ == "__main__":
    main()
