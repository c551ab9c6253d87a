"""Benchmarks, as ratios in one run: fitting NeRFs against a plain loop, the decoder against its plain form, training.

    python ci/bench.py [--meshes FOLDER] [--objects 26] [--large 26] [--out runs/bench]

Speeds are printed and written to bench.json with machine, threads and versions; nothing here is a test.
"""

import argparse
import math
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bench_gpu import training_step
from counted import multiply_adds

from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.recipe import SampleConfig
from n2v.files import provenance, write_json
from n2v.nerf.composite import composite, over_background, premultiplied
from n2v.nerf.field import activate, evaluate, evaluate_reference, run_layers, to_unit_box
from n2v.nerf.fit import view_psnr
from n2v.nerf.layout import initial_vector
from n2v.nerf.march import camera_rays
from n2v.nerf.occupancy import learned_occupancy
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import field_query
from n2v.scenes.collection import render_collection, write_shapes
from n2v.scenes.views import find_views, read_views
from n2v.tasks.timing import time_call
from n2v.zoo.build import build_zoo, spread
from n2v.zoo.store import Zoo

RAYS_A_STEP = 290  # as many as the fast path composites in one step of 2,048 samples, on average


def plain_features(unit: torch.Tensor) -> torch.Tensor:
    """The encoding as its formula is written."""
    angle = unit[..., None] * 2.0 ** torch.arange(24) * math.pi
    return torch.stack([torch.sin(angle), torch.cos(angle)], -1).flatten(-3)


def plain_fit(view_set, config: FitConfig, seed: int) -> tuple[float, float]:
    """One object at a time on all cores, every step of every ray evaluated: seconds and held-out PSNR (dB)."""
    started = time.perf_counter()
    torch.manual_seed(seed)
    rays = [camera_rays(torch.from_numpy(c2w), view_set.size_px, view_set.camera_angle_x) for c2w in view_set.c2w]
    origins, directions = (torch.cat([pair[i] for pair in rays]) for i in (0, 1))
    colours = torch.from_numpy(view_set.images).view(-1, 4).float() / 255
    seen = (colours[:, 3] > 0).nonzero()[:, 0]
    n_steps = math.ceil(2.42 / config.step)  # the box's diagonal
    t_mids = 0.6 + (torch.arange(n_steps) + 0.5) * config.step  # from just before the nearest corner
    weights = torch.from_numpy(initial_vector())[None].requires_grad_()
    optimiser = torch.optim.Adam([weights], lr=config.learning_rate, eps=1e-15)
    for done in range(config.n_steps):
        optimiser.param_groups[0]["lr"] = config.rate_at(done)
        half = RAYS_A_STEP // 2
        chosen = torch.cat([seen[torch.randint(len(seen), (half,))], torch.randint(len(origins), (half,))])
        points = origins[chosen, None] + directions[chosen, None] * t_mids[:, None]
        unit = to_unit_box(points.view(1, -1, 3))
        sigmas, rgbs = activate(run_layers(plain_features(unit), weights))
        sigmas = sigmas * ((unit > 0) & (unit < 1)).all(-1)
        slots = torch.arange(len(chosen)).repeat_interleave(n_steps)
        lengths = torch.full((len(slots),), config.step)
        background = torch.rand(len(chosen), 3)
        shown = over_background(composite(sigmas[0], rgbs[0], lengths, slots, len(chosen)), background)
        target = over_background(premultiplied(colours[chosen]), background)
        optimiser.zero_grad()
        torch.nn.functional.smooth_l1_loss(shown, target).backward()
        optimiser.step()
    seconds = time.perf_counter() - started
    occupied = learned_occupancy(weights.detach()[0], torch.ones([config.grid_resolution] * 3, dtype=torch.bool))
    return seconds, view_psnr(field_query(weights.detach()[0]), occupied, view_set, config.step)


def fit_row(what: str, views: Path, config: FitConfig, n_objects: int) -> tuple[dict, dict[str, float]]:
    """One timed build on all cores, process start and pictures' reading included; and PSNR by object id."""
    with tempfile.TemporaryDirectory() as folder:
        built = build_zoo(views, Path(folder) / "zoo", config, limit=n_objects)
        rows = Zoo(Path(folder) / "zoo").rows
        quality = {row.object_id: row.psnr_db for row in rows}
        engine = rows[0].backend
    seconds = built["wall_s"] / built["fitted"]
    return {
        "what": what, "engine": engine, "steps": config.n_steps, "n": built["fitted"], "s_a_nerf": seconds,
        "psnr_db": built["mean_psnr_db"], "worst_db": min(quality.values()), "peak_mb_a_worker": worker_peak_mb(),
    }, quality  # fmt: skip


def worker_peak_mb() -> float:
    """Largest resident memory of any worker process so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 if sys.platform == "darwin" else 1024)


def bench_fit(views: Path, n_objects: int, n_plain: int, steps: int) -> list[dict]:
    """Our engines on all cores against the plain loop, the same recipe."""
    config = FitConfig.laptop(steps)
    folders = spread(find_views(views), n_objects)
    ours, quality = fit_row("n2v fit", views, config, n_objects)
    torch_row, _ = fit_row("n2v fit --backend torch", views, replace(config, backend="torch"), n_objects)
    sets = [read_views(folder) for folder in folders[:: max(1, len(folders) // n_plain)][:n_plain]]
    plain = [plain_fit(view_set, config, seed) for seed, view_set in enumerate(sets)]
    plain_s = float(np.mean([seconds for seconds, _ in plain]))
    same = float(np.mean([quality[view_set.object_id] for view_set in sets]))
    return [
        ours,
        torch_row,
        {"what": "plain loop", "steps": steps, "n": len(plain), "s_a_nerf": plain_s,
         "psnr_db": float(np.mean([psnr for _, psnr in plain])), "n2v_fit_on_the_same_db": same},
        {"what": "ratio torch / n2v fit", "s_a_nerf": torch_row["s_a_nerf"] / ours["s_a_nerf"]},
        {"what": "ratio plain / n2v fit", "s_a_nerf": plain_s / ours["s_a_nerf"]},
    ]  # fmt: skip


def bench_ladder(views: Path, n_objects: int, size_px: int) -> list[dict]:
    """Seconds and quality with growing effort: where 28 and 30 dB are reached."""
    rungs = [(125, 0.03), (250, 0.03), (500, 0.03), (1000, 0.03)]
    if size_px > 64:
        rungs = [(steps, 0.02) for steps in (250, 500, 1000, 2000)]
    rows = []
    for steps, step in rungs:
        config = replace(FitConfig.laptop(steps), step=step)
        rows.append(fit_row(f"{size_px} px, step {step:g}", views, config, n_objects)[0])
    return rows


def bench_evaluate() -> list[dict]:
    """Evaluating a field: PyTorch against the fused kernel, 2^16 positions, one NeRF."""
    weights, points = torch.from_numpy(initial_vector())[None], torch.rand(1, 1 << 16, 3) - 0.5
    with torch.no_grad():
        fast = time_call(lambda: evaluate(weights, points), 10)["median_ms"]
        slow = time_call(lambda: evaluate_reference(weights, points), 10)["median_ms"]
    return [
        {"what": "evaluate, as chosen here", "ms": fast},
        {"what": "evaluate, PyTorch", "ms": slow, "ratio": slow / fast},
    ]


def bench_decoder(n_nerfs: int = 2, n_positions: int = 512) -> list[dict]:
    """The embedding's share once a NeRF against once a sample, thesis widths: forward, and a training step."""
    decoder = Nerf2Vec(ModelConfig()).decoder
    codes, points = torch.randn(n_nerfs, 1024, requires_grad=True), torch.rand(n_nerfs, n_positions, 3) - 0.5

    def step(form) -> None:
        sigmas, rgbs = form(codes, points)
        (sigmas.mean() + rgbs.mean()).backward()

    rows = []
    for what, run in (("forward", torch.no_grad()(lambda form: form(codes, points))), ("step", step)):
        once = time_call(lambda run=run: run(decoder.forward), 5)["median_ms"]
        often = time_call(lambda run=run: run(decoder.forward_concatenated), 5)["median_ms"]
        rows += [
            {"what": f"decoder {what}, share once a NeRF", "ms": once},
            {"what": f"decoder {what}, once a sample", "ms": often, "ratio": often / once},
        ]
    return rows


def bench_training(n_nerfs: int = 2, n_positions: int = 3500) -> list[dict]:
    """A training step at the thesis's widths on a tenth of its coordinates, and what counting says of the rest."""
    step = training_step(n_nerfs, SampleConfig(n_positions * 25 // 35, n_positions * 10 // 35, n_rays=512), amp=False)
    seconds = time_call(step, 3, 1)["median_ms"] / 1000 / n_nerfs
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1024)
    adds = multiply_adds(ModelConfig(), n_positions)
    whole = 25_000 + 10_000
    rows = [
        {"what": f"thesis-size step, {n_positions} coordinates", "s_a_nerf": seconds, "peak_mb": peak_mb,
         "gmac": adds / 1e9, "gmac_s": adds / 1e9 / seconds},
        {"what": f"the same, {whole} coordinates (estimate)",
         "s_a_nerf": seconds * multiply_adds(ModelConfig(), whole) / adds},
    ]  # fmt: skip
    for name, peak_tflops in (("RTX 3090, 71 TFLOP/s", 71), ("H200, 989 TFLOP/s", 989)):
        rate = peak_tflops * 1e12 * 0.4 / (2 * multiply_adds(ModelConfig(), whole))
        rows.append({"what": f"{name} at 40 % (estimate)", "nerfs_s": rate})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meshes", type=Path, help="folder of meshes; default: procedural objects")
    parser.add_argument("--objects", type=int, default=26, help="objects for n2v fit")
    parser.add_argument("--plain", type=int, default=3, help="objects for the plain loop")
    parser.add_argument("--steps", type=int, default=1000, help="optimiser steps")
    parser.add_argument("--large", type=int, default=0, metavar="N", help="also N objects at 128 px (0: none)")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder, source = Path(folder), options.meshes
        if source is None:
            source = folder / "shapes"
            write_shapes(source, max(1, options.objects // 13), 0)
        render_collection(source, folder / "views", size_px=64)
        rows = bench_fit(folder / "views", options.objects, options.plain, options.steps)
        rows += bench_ladder(folder / "views", options.objects, 64)
        if options.large:
            render_collection(source, folder / "large", size_px=128)
            rows += bench_ladder(folder / "large", options.large, 128)
    rows += bench_evaluate() + bench_decoder() + bench_training()
    for row in rows:
        print(
            "  ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )
    write_json(options.out / "bench.json", provenance(rows=rows))


if __name__ == "__main__":
    main()
