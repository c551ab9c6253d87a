"""Do NeRFs contain their emptiness? Stored grid against one rebuilt from the weights alone, with and without asking.

    python ci/completeness.py --out ci/reference/completeness [--per-class 3]

Procedural objects, 64 px, 6 held-out views, two recipes: laptop (1,000 steps, 36 views) and short (24 views). Each is
fitted once as it is and once in the hull only, by the same engine on one core.
"""

import argparse
import csv
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from n2v.files import progress, provenance, write_json
from n2v.nerf.fit import fit
from n2v.nerf.recipe import FitConfig
from n2v.scenes.collection import RenderConfig
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_collection
from n2v.scenes.views import ViewSet

RECIPES = {"laptop": (FitConfig.laptop(), 36), "short": (FitConfig.short(), 24)}


def photographed(obj, config: RenderConfig) -> ViewSet:
    """A procedural object's view set, not written."""
    c2w, held_out = config.cameras(obj.object_id)
    images = render_rgba(obj, np.concatenate([c2w, held_out]), config.size_px)
    parts = {"images": images[: len(c2w)], "held_out_images": images[len(c2w) :]}
    return ViewSet(obj.object_id, obj.class_name, c2w=c2w, held_out_c2w=held_out, **parts)


def fits(view_set: ViewSet, config: FitConfig, seed: int) -> dict:
    """One fit: dB with the stored grid and with the weights' own, and CPU seconds with all preparation."""
    started = time.process_time()
    result = fit([view_set], config, [seed])[0]
    cpu_s = time.process_time() - started
    return {"stored_db": result.psnr_db, "alone_db": result.psnr_alone_db, "cpu_s": cpu_s}


def summary(rows: list[dict]) -> list[dict]:
    """Mean and standard deviation over objects, and the worst loss of a NeRF without its grid, for each way."""
    found = []
    for recipe, asked in dict.fromkeys((row["recipe"], row["asked"]) for row in rows):
        mine = [row for row in rows if (row["recipe"], row["asked"]) == (recipe, asked)]
        told = {"recipe": recipe, "asked": asked, "n": len(mine)}
        for name in ("stored_db", "alone_db", "cpu_s"):
            values = np.array([row[name] for row in mine], float)
            told |= {name: round(float(values.mean()), 3), f"{name}_sd": round(float(values.std(ddof=1)), 3)}
        told["worst_loss_db"] = round(max(row["stored_db"] - row["alone_db"] for row in mine), 3)
        found.append(told)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")
    parser.add_argument("--per-class", type=int, default=3, help="objects of each of the 13 classes")
    parser.add_argument("--seed", type=int, default=7, help="of objects, cameras and fits")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for i, obj in enumerate(progress(make_collection(options.per_class, options.seed), desc="objects", unit="object")):
        for recipe, (config, n_views) in RECIPES.items():
            view_set = photographed(obj, RenderConfig(n_views, size_px=64, seed=options.seed))
            for asked, one in (("hull and emptiness", config), ("hull", replace(config, n_empty=0))):
                told = {"object": obj.object_id, "recipe": recipe, "asked": asked}
                rows.append({**told, **fits(view_set, one, options.seed + i)})
    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "completeness.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    settings = {name: {"views": n_views, **asdict(config)} for name, (config, n_views) in RECIPES.items()}
    settings |= {"per_class": options.per_class, "size_px": 64, "held_out": 6}
    write_json(options.out / "run.json", provenance(seed=options.seed, settings=settings, summary=summary(rows)))
    print(*summary(rows), sep="\n")


if __name__ == "__main__":
    main()
