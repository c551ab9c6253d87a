"""One CUDA device: the thesis's engine beside ours, and a thesis-size training step of nerf2vec.

    python ci/bench_gpu.py [--objects 64] [--size 128] [--steps 2000] [--out ci/reference/gpu]
    python ci/bench_gpu.py --dry --out runs/bench-gpu      # tiny sizes, also without a GPU: does the script work?

Four tables in gpu.json, written as they are made: parity (the same vector and rays through each engine), one NeRF at a
time, many at once, training. An engine that does not work here gets a row with the reason. Each ratio is to the
thesis's engine in the same run, or to the measured rate of matrix products.
"""

import argparse
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from bench import training_step

from n2v.embed.batches import SampleConfig
from n2v.embed.counted import count_step
from n2v.embed.model import ModelConfig
from n2v.files import provenance, write_json
from n2v.nerf import backends
from n2v.nerf.backends.torch_engine import TorchBackend
from n2v.nerf.fit import fit
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import psnr, render_image
from n2v.scenes.collection import render_collection, write_shapes
from n2v.scenes.views import find_views, read_views
from n2v.tasks.timing import time_call
from n2v.zoo.build import spread

MANY = ("torch", "triton")  # engines that take many objects at once
THESIS_NERF = "tcnn"
SAME_DB = 200.0  # of pictures that are equal
HALVES = {"float32": False, "bfloat16": True}


def parity(view_set, config: FitConfig) -> list[dict]:
    """One NeRF an encoding, fitted by the reference; its held-out picture by every engine against the reference's."""
    rows = []
    for name in backends.BACKENDS:
        works, found = backends.try_out(name, apart=True)
        if not works:
            rows.append({"engine": name, "not run": found})
            continue
        engine, reference = backends.load(name), TorchBackend("cpu")
        for encoding in engine.encodings:
            one = fit([view_set], replace(config, backend="torch", encoding=encoding), [0])[0]
            found_db = psnr(*(picture(each, one, view_set) for each in (engine, reference)))
            agreement = min(found_db, SAME_DB) if math.isfinite(found_db) or found_db > 0 else "not finite"
            rows.append({"engine": name, "encoding": encoding, "found": found, "agreement_db": agreement})
    return rows


def picture(engine: backends.Backend, result, view_set) -> torch.Tensor:
    """(h, w, 3) of the first held-out camera, on white."""
    weights = torch.from_numpy(result.field_weights)

    def query(positions):
        sigmas, rgbs = engine.evaluate(weights[None], positions[None], result.config.encoding)
        return sigmas[0], rgbs[0]

    camera = view_set.held_out_c2w[0], view_set.size_px, view_set.camera_angle_x
    return render_image(query, torch.from_numpy(result.occupied), *camera, result.config.step)[..., :3]


def timed_fit(name: str, view_sets: list, config: FitConfig) -> dict:
    """Seconds a NeRF and held-out PSNR of one engine, warmed up by a few steps; or why it was not run."""
    works, found = backends.try_out(name, apart=True)
    if not works:
        return {"engine": name, "not run": found}
    mine = replace(config, backend=name, encoding=backends.load(name).encodings[0])
    fit(view_sets[:1], replace(mine, n_steps=3, psnr_floor_db=0.0), force=True)
    started = time.perf_counter()
    results = fit(view_sets, mine)
    seconds, fit_s = time.perf_counter() - started, results[0].fit_s
    quality = [result.psnr_db for result in results]
    return {
        "engine": name, "encoding": mine.encoding, "objects": len(view_sets), "steps": mine.n_steps,
        "s_a_nerf": fit_s, "with_measuring_s": seconds / len(view_sets), "steps_s": mine.n_steps / fit_s,
        "psnr_db": sum(quality) / len(quality), "worst_db": min(quality), "first_db": quality[0],
    }  # fmt: skip


def against_thesis(rows: list[dict], thesis: dict) -> list[dict]:
    """Adds to each row how many times the thesis's engine's throughput it has, and its PSNR less that one's."""
    for row in rows:
        if "s_a_nerf" in row and "s_a_nerf" in thesis:
            row["times_thesis"] = thesis["s_a_nerf"] / row["s_a_nerf"]
            row["first_less_thesis_db"] = row["first_db"] - thesis["first_db"]
    return rows


def product_rate(device: str, width: int, dtype: torch.dtype) -> float:
    """Multiply-adds a second of a square matrix product."""
    one = torch.randn(width, width, device=device, dtype=dtype)
    return width**3 / (time_call(lambda: one @ one, 10)["median_ms"] / 1000)


def training(device: str, n_nerfs: int, samples: SampleConfig, width: int) -> list[dict]:
    """Thesis-size training steps in float32 and bfloat16: NeRFs/s, share of the measured product rate, memory."""
    n_positions, rows = samples.n_foreground + samples.n_background, []
    adds = count_step(ModelConfig(), n_positions).total
    for half, amp in HALVES.items():
        step = training_step(n_nerfs, samples, amp, device)
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds = time_call(step, 10, 2, limit_s=60)["median_ms"] / 1000 / n_nerfs
        rate = product_rate(device, width, getattr(torch, half))
        rows.append(
            {
                "layers": half, "nerfs": n_nerfs, "coordinates": n_positions, "nerfs_s": 1 / seconds,
                "share_of_products": adds / seconds / rate, "products_tmac_s": rate / 1e12,
                "peak_mb": torch.cuda.max_memory_allocated() / (1 << 20) if device == "cuda" else None,
            }
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=64, help="objects at once")
    parser.add_argument("--size", type=int, default=128, help="pixels a side of the pictures")
    parser.add_argument("--steps", type=int, default=2000, help="optimiser steps of a fit")
    parser.add_argument("--nerfs", type=int, default=16, help="NeRFs in a training step")
    parser.add_argument("--dry", action="store_true", help="tiny sizes, on whatever is here")
    parser.add_argument("--out", type=Path, default=Path("runs/bench-gpu"))
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.dry:
        parser.error("there is no CUDA device here; --dry tries the script at tiny sizes")
    config, samples, width = FitConfig(n_steps=options.steps), SampleConfig(), 8192
    if options.dry:
        options.objects, options.size, options.nerfs = 2, 32, 2
        config, samples, width = FitConfig.laptop(60), SampleConfig(250, 100, step=0.04, n_rays=60), 512
    tables: dict[str, list[dict]] = {}

    def keep(name: str, rows: list[dict]) -> None:
        tables[name] = rows
        write_json(options.out / "gpu.json", provenance(dry=options.dry, **tables))
        for row in rows:
            told = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()}
            print(name, *(f"{key}={value}" for key, value in told.items()), flush=True)

    with tempfile.TemporaryDirectory() as folder:
        write_shapes(Path(folder) / "shapes", -(-options.objects // 13), 0)
        render_collection(Path(folder) / "shapes", Path(folder) / "views", size_px=options.size)
        folders = spread(find_views(Path(folder) / "views"), options.objects)
        view_sets = [read_views(each) for each in folders]
    keep("parity", parity(view_sets[0], FitConfig.laptop(min(config.n_steps, 250))))
    thesis = timed_fit(THESIS_NERF, view_sets[:1], config)
    keep("one at a time", [thesis])
    keep("many at once", against_thesis([timed_fit(name, view_sets, config) for name in MANY], thesis))
    keep("training", training(device, options.nerfs, samples, width))


if __name__ == "__main__":
    main()
