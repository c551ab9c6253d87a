"""Does a learned start help? The mean of a zoo's training weights as the shared initial vector, beside the thesis's.

    python ci/learned_start.py data/mini_zoo --out ci/reference/learned_start [--per-class 6] [--steps 100 250 500 1000]

New objects (seed 11, 64 px, 24 views, 6 held out), base and one altered version, are fitted from both starts by the
short recipe at several numbers of steps, on one core. Measured: dB on held-out views, with the stored grid and alone,
and what distances between raw weights tell: how often the nearest NeRF is the other version of the same object, and
how often the nearest of another object is of the same class. The thesis's vector stays the default: a learned one is
another start, and NeRFs of two starts cannot be compared by their weights.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from completeness import photographed

from n2v.files import progress, provenance, write_json
from n2v.nerf.batches import training_batches
from n2v.nerf.engines.native_engine import optimise_fused
from n2v.nerf.fit import held_out_psnr
from n2v.nerf.layout import initial_vector
from n2v.nerf.occupancy import carve, grids_of
from n2v.nerf.recipe import FitConfig
from n2v.scenes.augment import augment
from n2v.scenes.classes import label_of
from n2v.scenes.collection import RenderConfig
from n2v.scenes.shapes import make_collection
from n2v.tasks.retrieve import distances
from n2v.zoo.store import Zoo

SEED = 11
STARTS: dict[str, np.ndarray] = {}


def one_object(obj, steps: list[int]) -> list[dict]:
    """Every start and number of steps of one object."""
    torch.set_num_threads(1)
    view_set, found = photographed(obj, RenderConfig(24, 6, 64, seed=SEED)), []
    hull = carve(view_set, FitConfig.short().grid_resolution)
    for n_steps in steps:
        config = replace(FitConfig.short(), n_steps=n_steps)
        for name, start in STARTS.items():
            generator = torch.Generator().manual_seed(0)
            batches = training_batches(view_set, hull, config, generator)
            weights = optimise_fused(batches, config, generator, torch.from_numpy(start))
            told = [held_out_psnr(weights, grid, view_set, config) for grid in grids_of(weights, hull)]
            row = {
                "start": name,
                "steps": n_steps,
                "stored_db": told[0],
                "alone_db": told[1],
                "weights": weights.numpy(),
            }
            found.append({**row, "label": label_of(obj.class_name), "base_id": obj.base_id})
    return found


def summary(rows: list[dict]) -> list[dict]:
    """A line a number of steps and start."""
    lines = []
    for start, steps in dict.fromkeys((row["start"], row["steps"]) for row in rows):
        mine = [row for row in rows if (row["start"], row["steps"]) == (start, steps)]
        line = {"start": start, "steps": steps, "n": len(mine)}
        for name in ("stored_db", "alone_db"):
            values = np.array([row[name] for row in mine])
            line |= {name: round(float(values.mean()), 2), f"{name}_sd": round(float(values.std(ddof=1)), 2)}
        weights, labels = np.stack([row["weights"] for row in mine]), np.array([row["label"] for row in mine])
        bases, apart = np.array([row["base_id"] for row in mine]), distances(weights, weights)
        np.fill_diagonal(apart, np.inf)
        line["version_found"] = round(float((bases[apart.argmin(1)] == bases).mean()), 3)
        apart[bases[:, None] == bases] = np.inf
        line["class_found"] = round(float((labels[apart.argmin(1)] == labels).mean()), 3)
        lines.append(line)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("zoo", type=Path, help="whose training weights are averaged")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--per-class", type=int, default=6)
    parser.add_argument("--steps", type=int, nargs="+", default=[100, 250, 500, 1000])
    options = parser.parse_args()
    zoo = Zoo(options.zoo)
    STARTS["shared vector"] = initial_vector(FitConfig().init_seed)
    STARTS["mean of training weights"] = zoo.field_weights(zoo.indices("train")).mean(0)
    bases = make_collection(options.per_class, SEED)
    objects, rows = [one for base in bases for one in (base, augment(base, 1, SEED))], []
    with ProcessPoolExecutor(2) as pool:  # forked: the starts come along
        found = pool.map(one_object, objects, [options.steps] * len(objects))
        for told in progress(found, total=len(objects), desc="fits", unit="object"):
            rows += told
    lines = summary(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "learned_start.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    write_json(options.out / "run.json", provenance(seed=SEED, zoo=options.zoo.name, n_start=len(zoo.indices("train"))))
    print("\n".join(map(str, lines)))


if __name__ == "__main__":
    main()
