"""The scale curve: how much more an encoder makes of more NeRFs than a reader of raw weights does.

    python ci/scale.py --zoo LARGE --sizes 100 300 1000 2000 --seeds 3 --minutes 5 --out runs/scale
                       [--variants rows aligned-8] [--steps 2000] [--test data/mini_zoo]

Training sets are nested, class-balanced and made of whole base objects; the test set is the test split of another
collection (default: the mini zoo), so it is the same for every size. The smallest sizes come first, with all their
seeds. Stopped, it goes on where it was. `out` gets scale.csv (means over seeds), runs.csv and scale.png.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from encoders import VARIANTS, brief, means, one_run, same_options, write_csv
from joined import write_joined

from n2v import profiles
from n2v.errors import BadInput
from n2v.files import provenance, write_json
from n2v.lessons.drawing.style import apply_style
from n2v.tasks.bars import BARS
from n2v.zoo.shipped import open_zoo
from n2v.zoo.splits import nested_order
from n2v.zoo.store import Zoo

MEASURED = {
    "foreground_db": "foreground PSNR (dB),\nown occupancy",
    "linear_probe": "accuracy,\nlinear probe",
    "head": "accuracy,\nthesis's head",
    "hit_at_1": "hit@1",
}


def curve(rows: list[dict]):
    """Each measure against the number of training NeRFs, a line a variant, with one standard deviation over seeds."""
    import matplotlib.pyplot as plt

    sizes = sorted({row["n_train"] for row in rows})
    figure, axes = plt.subplots(1, len(MEASURED), figsize=(3.3 * len(MEASURED), 3.1))
    for axis, (name, label) in zip(axes, MEASURED.items(), strict=True):
        for i, variant in enumerate(dict.fromkeys(row["variant"] for row in rows)):
            look = {"color": f"C{i}", "marker": "s^oDvP"[i % 6], "ls": ("--", "-", ":", "-.")[i % 4]}
            mine = [row for row in rows if row["variant"] == variant and row.get(name) is not None]
            if mine:
                spread = np.nan_to_num([row[f"{name}_sd"] for row in mine])
                axis.errorbar(
                    [row["n_train"] for row in mine],
                    [row[name] for row in mine],
                    spread,
                    capsize=3,
                    label=variant,
                    **look,
                )
        axis.set(xscale="log", xlabel="training NeRFs", ylabel=label)
        axis.set_xticks(sizes, sizes, rotation=45)
        axis.minorticks_off()
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(handles, labels, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, required=True, help="large collection to take training NeRFs from")
    parser.add_argument("--test", type=Path, default=None, help="collection whose test split is measured on")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 2000])
    parser.add_argument("--variants", nargs="+", default=["rows", "aligned-8"], choices=list(VARIANTS), metavar="NAME")
    parser.add_argument("--minutes", type=float, default=5, help="training time of each run")
    parser.add_argument("--steps", type=int, default=None, help="optimiser steps of each run, instead of a time")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=39, help="test NeRFs that are rendered")
    parser.add_argument("--float32", action="store_true", help="train without mixed precision")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    large, other = Zoo(options.zoo), open_zoo(options.test or "mini_zoo")
    if max(options.sizes) > len(large):
        raise BadInput(f"{max(options.sizes)} NeRFs", where=options.zoo, fix=f"it holds {len(large)}")
    budget = {"n_steps": options.steps, "time_budget_s": None} if options.steps else {}
    config = replace(
        profiles.get("laptop").training(), **(budget or {"time_budget_s": 60 * options.minutes, "clock": "cpu"})
    )
    config = replace(config, amp=False) if options.float32 else config
    todo = [
        (seed, n, name) for n in options.sizes for seed in range(options.seeds) for name in (*BARS, *options.variants)
    ]
    same_options(
        options.out, {name: vars(options)[name] for name in ("zoo", "test", "minutes", "steps", "pictures", "float32")}
    )
    runs, started = [], time.perf_counter()
    for seed, n, name in todo:
        place = options.out / f"{n}-{seed}"
        chosen = np.array(nested_order(large.rows, seed)[:n])
        parts = [(large, chosen, "train", ""), (other, other.indices("test"), "test", "test-")]
        zoo = write_joined(place / "zoo", parts)
        found = one_run(zoo, name, seed, place / name, config, zoo.indices("test"), options.pictures)
        runs.append({**found, "zoo": str(n), "n_train": n})
        write_csv(options.out / "runs.csv", runs)
        write_csv(options.out / "scale.csv", means(runs))
        minutes = (time.perf_counter() - started) / 60
        print(
            f"[{len(runs)}/{len(todo)}, {minutes:.1f} min] {n} NeRFs, {name}, seed {seed}: {brief(found)}", flush=True
        )
    apply_style()
    curve(means(runs)).savefig(options.out / "scale.png")
    arguments = {name: value for name, value in vars(options).items() if name not in ("zoo", "test", "out")}
    write_json(options.out / "run.json", provenance(arguments=arguments, seconds=time.perf_counter() - started))


if __name__ == "__main__":
    main()
