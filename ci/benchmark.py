"""The benchmark's reference table: bars, a control and trained models on all tracks, with intervals for a new run.

    python ci/benchmark.py --out ci/reference/benchmark --work FOLDER [--models data/nerf2vec ...] [--runs 3]

Fits some 500 NeRFs from random starts into FOLDER first. Stopped, it goes on where it was. `out` gets benchmark.csv,
benchmark.png and run.json; what each column means stands in docs/benchmark.md.
"""

import argparse
import time
from pathlib import Path

from n2v.embed.model import SHIPPED, WEIGHTS, load
from n2v.files import data_folder, progress, provenance, write_json
from n2v.lessons.drawing.benchmark import write_benchmark
from n2v.tasks.bars import has_front
from n2v.tasks.benchmark import TRACKS, Settings, benchmark
from n2v.tasks.entry import BUILT_IN, FRONT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the table")
    parser.add_argument("--work", type=Path, required=True, help="folder for results and refitted NeRFs (large)")
    parser.add_argument("--models", nargs="*", default=[], metavar="RUN", help="nerf2vecs beside the shipped ones")
    parser.add_argument("--entries", nargs="*", default=[], metavar="ENTRY.py", help="more entries")
    parser.add_argument("--tracks", nargs="+", default=list(TRACKS), choices=TRACKS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--random-starts", type=int, default=Settings().n_random)
    options = parser.parse_args()
    bars = [name for name in BUILT_IN if name != FRONT or has_front(load())]
    shipped = [str(data_folder() / name) for name in SHIPPED.values() if (data_folder() / name / WEIGHTS).is_file()]
    entries, rows, started = [*shipped, *options.models, *options.entries, *bars], [], time.perf_counter()
    settings = Settings(n_random=options.random_starts)
    for entry in progress(entries, desc="entries", unit="entry"):
        rows += benchmark([entry], options.work, tuple(options.tracks), options.runs, settings)
        write_benchmark(rows, options.out)
    told = {"runs": options.runs, "random_starts": options.random_starts, "tracks": options.tracks}
    write_json(options.out / "run.json", provenance(**told, seconds=time.perf_counter() - started))


if __name__ == "__main__":
    main()
