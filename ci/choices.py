"""Why 0.8 / 0.2, and why 60 / 40? nerf2vec trained with other weights of its two losses, and other shares of points.

    OMP_NUM_THREADS=1 python ci/choices.py --steps 400 --seeds 2 --out ci/reference/choices

The mini zoo, the laptop recipe with small networks, equal numbers of steps and of points. Measured on NeRFs of objects
that were not trained on: the object's pixels, and whole pictures through the occupancy that the decoder itself says.
"""

import argparse
import csv
import io
import tempfile
from dataclasses import replace
from pathlib import Path

from n2v import profiles
from n2v.embed.reconstruct import compare_reconstructions
from n2v.embed.train import train
from n2v.files import provenance, write_bytes, write_json
from n2v.nerf.nerf import Turntable
from n2v.tasks.metrics import reconstruction_summary
from n2v.zoo.shipped import mini_zoo

N_POINTS, THESIS = 192, (0.8, 0.6)  # points of a NeRF in a step; weight of rays' loss, share of points on rays
WEIGHTS, SHARES = (1.0, 0.95, 0.8, 0.5, 0.2), (0.95, 0.8, 0.6, 0.4, 0.15)


def measured(weight: float, share: float, n_steps: int, seed: int, n_pictures: int) -> dict:
    """One training, and what its model reconstructs of NeRFs that it has not seen."""
    size, zoo = profiles.get("smoke"), mini_zoo()
    n_rays = round(N_POINTS * share)
    samples = replace(
        size.train.samples, n_foreground=n_rays, n_background=N_POINTS - n_rays, n_rays=max(1, n_rays // 4)
    )
    recipe = replace(
        size.training(seed, "aligned"), time_budget_s=None, n_steps=n_steps, n_validation=0, samples=samples,
        foreground_weight=weight, background_weight=1 - weight,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        model = train(zoo, recipe, size.aligned, Path(folder))
    drawn = zoo.indices("test")[::6][:n_pictures]
    rows = compare_reconstructions({"model": model}, zoo, drawn, Turntable(n_views=2, size_px=48))
    told = {row["occupancy"]: row for row in reconstruction_summary([{**row, "split": "test"} for row in rows])}
    return {
        "weight": weight, "share": share, "seed": seed, "steps": n_steps, "n": len(drawn),
        "whole_db": told["own"]["full_db"], "object_db": told["given"]["foreground_db"],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=13)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pairs = list(dict.fromkeys([(w, THESIS[1]) for w in WEIGHTS] + [(THESIS[0], s) for s in SHARES]))
    rows = []
    for seed in range(options.seeds):
        for weight, share in pairs:
            rows.append(measured(weight, share, options.steps, seed, options.pictures))
            print(rows[-1], flush=True)
            buffer = io.StringIO()
            writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
            write_bytes(options.out / "choices.csv", buffer.getvalue().encode())
    write_json(options.out / "run.json", provenance(n_points=N_POINTS, steps=options.steps, seeds=options.seeds))


if __name__ == "__main__":
    main()
