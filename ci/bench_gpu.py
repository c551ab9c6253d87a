"""One CUDA device, most valuable numbers first: what to run as the very first command there.

    python ci/bench_gpu.py [--out runs/bench-gpu]          # at most eight minutes
    python ci/bench_gpu.py --dry --out runs/bench-gpu      # tiny sizes, Triton interpreted: does every line work?

Rows in this order: parity of the kernels with PyTorch; training steps of many NeRFs at once by `triton`, then by
`torch`; nerf2vec's training steps in float32 and bfloat16, with their memory; whole fits by each engine, prepared,
stepped and measured apart, the thesis's recipe (`tcnn`) last. Each row stands in gpu.json as soon as it is there. One
that fails says why and the next one runs; one that no time is left for is "not run". A short table ends it. Objects
are spheres made here: PyTorch, Triton, NumPy and n2v's pure-Python requirements are enough.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from counted import multiply_adds

from n2v.embed.batches import TrainingSet
from n2v.embed.checkpoint import Progress
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.recipe import SampleConfig
from n2v.embed.train import TrainConfig, batch_loss, descend
from n2v.files import provenance, write_json
from n2v.nerf.batches import Batches, prepare
from n2v.nerf.engines import torch_engine
from n2v.nerf.engines.tcnn_engine import TcnnBackend
from n2v.nerf.engines.torch_engine import fit_loss
from n2v.nerf.engines.triton_engine import TritonBackend, fused_outputs
from n2v.nerf.field import evaluate_reference, raw_outputs
from n2v.nerf.fit import held_out_psnr
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.occupancy import carve, learned_occupancy
from n2v.nerf.recipe import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import linear_to_srgb, pixel_rays, shade
from n2v.scenes.views import ViewSet
from n2v.tasks.timing import time_call
from n2v.zoo.store import Zoo

MINI_ZOO = Path(__file__).parent.parent / "data" / "mini_zoo"
SHORT = ("gradient", "nerfs_s_at_2000_steps", "nerfs_s", "stepping_s", "psnr_db", "peak_mb", "failed", "not run")
OUTPUTS = {"triton": fused_outputs, "torch": raw_outputs}
DISTINCT = 8  # batches of an object where only the speed of steps matters: they come round again


@dataclass(frozen=True)
class Sizes:
    """Of all rows. `crowds`: NeRFs at once by triton, and by torch."""

    config: FitConfig
    size_px: int = 128
    n_views: int = 36
    crowds: tuple[tuple[int, ...], tuple[int, ...]] = ((1, 16, 64), (1, 16))
    timed_steps: int = 100
    fitted: int = 2
    nerfs: int = 16
    samples: SampleConfig = field(default_factory=SampleConfig)
    product: int = 8192
    parity: int = 4096


THESIS = Sizes(FitConfig(n_steps=500))
DRY = Sizes(
    replace(FitConfig.laptop(1, 512), step=0.1, grid_resolution=16, psnr_floor_db=0.0),
    16, 4, ((2,), (1,)), 1, 1, 2, SampleConfig(60, 20, step=0.1, n_rays=20), 64, 200,
)  # fmt: skip


def spheres(seed: int, sizes: Sizes) -> ViewSet:
    """Pictures of five shaded spheres, by intersecting every ray with each."""
    draw = np.random.default_rng(seed)
    centres, radii = draw.uniform(-0.3, 0.3, (5, 3)), draw.uniform(0.1, 0.25, 5)
    colours = draw.uniform(0.1, 0.9, (5, 3))
    c2w, held_out = orbit_cameras(sizes.n_views, seed=seed), orbit_cameras(2, seed=seed + 1)

    def pictures(cameras: np.ndarray) -> np.ndarray:
        origins, directions = pixel_rays(cameras, sizes.size_px)
        towards = centres - origins[..., None, :]  # (n, h, w, 5, 3)
        along = (towards * directions[..., None, :]).sum(-1)
        gap = radii**2 - (towards**2).sum(-1) + along**2
        distance = np.where(gap > 0, along - np.sqrt(np.maximum(gap, 0)), np.inf)
        nearest = distance.argmin(-1)
        hit = np.isfinite(distance.min(-1))
        points = origins + directions * np.where(hit, distance.min(-1), 0)[..., None]
        normals = (points - centres[nearest]) / radii[nearest][..., None]
        light = shade(normals.reshape(-1, 3)).reshape(hit.shape)[..., None]
        rgb = linear_to_srgb(colours[nearest] * light)
        return (np.concatenate([rgb, np.ones_like(light)], -1) * hit[..., None] * 255).round().astype(np.uint8)

    images, test = pictures(c2w), pictures(held_out)
    return ViewSet(f"spheres {seed}", "lamp", images, c2w, held_out_images=test, held_out_c2w=held_out)


def parity(n: int, device: str) -> dict:
    """Worst difference of density and colour between kernels and PyTorch, and the relative one of a step's gradient."""
    noise = torch.randn(2, N_WEIGHTS, generator=torch.Generator().manual_seed(0))
    weights = (torch.from_numpy(initial_vector()) + 0.02 * noise).to(device)
    points = (torch.rand(2, n, 3, generator=torch.Generator().manual_seed(1)) - 0.5).to(device)
    found = [part.to(device) for part in TritonBackend(device).evaluate(weights, points, "exact")]
    true = evaluate_reference(weights, points)
    worst = [float((one - other).abs().max() / other.abs().max()) for one, other in zip(found, true, strict=True)]
    n_rays = n // 20
    slots, is_ray = torch.arange(n)[None] * n_rays // n, torch.arange(n_rays + 1)[None] < n_rays
    place = torch.Generator().manual_seed(2)
    targets = torch.rand(1, n_rays + 1, 4, generator=place)
    part = Batches(torch.rand(1, n, 3, generator=place), slots, torch.full((1, n), 0.05), targets, is_ray)
    config = FitConfig(n_steps=1)
    gradients = []
    for outputs in OUTPUTS.values():
        leaf, seeds = weights.clone().requires_grad_(), [torch.Generator().manual_seed(3) for _ in range(2)]
        fit_loss(leaf, [part.to(device)] * 2, 0, config, seeds, outputs).backward()
        gradients.append(leaf.grad)
    error = float((gradients[0] - gradients[1]).norm() / gradients[1].norm())
    return {"density": worst[0], "colour": worst[1], "gradient": error}


def prepared(view_sets: list[ViewSet], config: FitConfig, n_batches: int, device: str) -> tuple[list, list[Batches]]:
    """Hulls and batches of each object."""
    hulls = [carve(one, config.grid_resolution, device) for one in view_sets]
    return hulls, prepare(view_sets, hulls, replace(config, n_steps=n_batches), list(range(len(hulls))))[0]


def crowd(engine: str, k: int, batches: list[Batches], sizes: Sizes, device: str) -> dict:
    """Steps of k NeRFs at once, from batches that are there; NeRFs a second at the thesis's 2,000 steps."""
    config, there = sizes.config, [part.to(device) for part in batches]
    leaf = torch.from_numpy(initial_vector()).repeat(k, 1).to(device).requires_grad_()
    draws, parts = [torch.Generator().manual_seed(i) for i in range(k)], [there[i % len(there)] for i in range(k)]
    adam = torch.optim.Adam([leaf], lr=config.learning_rate, eps=1e-15, fused=True)

    def step() -> None:
        adam.zero_grad()
        fit_loss(leaf, parts, 0, config, draws, OUTPUTS[engine]).backward()
        adam.step()

    seconds = time_call(step, sizes.timed_steps, min(3, sizes.timed_steps), limit_s=25)["median_ms"] / 1000
    return {"ms_a_step": 1000 * seconds, "nerfs_s_at_2000_steps": k / seconds / 2000, "peak_mb": peak_mb(device)}


def training_step(n_nerfs: int, samples: SampleConfig, amp: bool, device: str = "cpu") -> Callable[[], None]:
    """A training step of nerf2vec at the thesis's widths, ready to be timed."""
    config = replace(TrainConfig(), samples=samples, amp=amp)
    training, chosen = TrainingSet(Zoo(MINI_ZOO), "val", device), torch.arange(n_nerfs)
    model = Nerf2Vec(ModelConfig()).to(device).train()
    adam = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    state = Progress(model, adam, torch.amp.GradScaler(device, enabled=False))

    def step() -> None:
        stream = torch.Generator(device).manual_seed(0)
        batch = training.batch(chosen, samples, stream)
        descend(batch_loss(model, training.weights(chosen), batch, config, stream)[0], state, config)

    return step


def training(dtype: torch.dtype, sizes: Sizes, device: str) -> dict:
    """Training steps of nerf2vec: NeRFs a second, share of the measured rate of products, memory."""
    step = training_step(sizes.nerfs, sizes.samples, dtype != torch.float32, device)
    seconds = time_call(step, 10, 2, limit_s=25)["median_ms"] / 1000
    peak = peak_mb(device)
    one = torch.randn(sizes.product, sizes.product, device=device, dtype=dtype)
    rate = sizes.product**3 / (time_call(lambda: one @ one, 10)["median_ms"] / 1000)
    n_positions = sizes.samples.n_foreground + sizes.samples.n_background
    share = multiply_adds(ModelConfig(), n_positions) * sizes.nerfs / seconds / rate
    return {
        "steps_a_s": 1 / seconds, "nerfs_s": sizes.nerfs / seconds, "share_of_products": share,
        "products_tmac_s": rate / 1e12, "peak_mb": peak,
    }  # fmt: skip


def whole_fit(name: str, view_sets: list[ViewSet], sizes: Sizes, device: str) -> dict:
    """Fits from pictures to held-out PSNR: seconds a NeRF to prepare, to step and to measure, apart."""
    n, tcnn = len(view_sets), TcnnBackend(device=device)
    config = replace(sizes.config, backend=name, encoding="tcnn" if name == "tcnn" else "exact")
    found = tcnn.probe() if name == "tcnn" else name
    started = time.perf_counter()
    hulls, batches = prepared(view_sets, config, config.n_steps if name != "tcnn" else 1, device)
    stepping = time.perf_counter()
    draws = [torch.Generator().manual_seed(seed) for seed in range(n)]
    if name == "tcnn":
        weights = tcnn.fit(view_sets, hulls, config, list(range(n)))
    else:
        there = [part.to(device) for part in batches]
        weights = torch_engine.optimise(there, config, draws, outputs=OUTPUTS[name]).cpu()
    measuring = time.perf_counter()
    weights = weights.to(device)
    grids = [learned_occupancy(one, hull, config.encoding) for one, hull in zip(weights, hulls, strict=True)]
    quality = [held_out_psnr(*each, config) for each in zip(weights, grids, view_sets, strict=True)]
    return {
        "found": found, "steps": config.n_steps, "prepare_s": (stepping - started) / n,
        "stepping_s": (measuring - stepping) / n, "measure_s": (time.perf_counter() - measuring) / n,
        "psnr_db": float(np.mean(quality)), "peak_mb": peak_mb(device),
    }  # fmt: skip


def peak_mb(device: str) -> float | None:
    """Largest memory on the device since the row began."""
    return torch.cuda.max_memory_allocated() / (1 << 20) if device == "cuda" else None


def all_rows(sizes: Sizes, device: str) -> list[tuple[str, Callable[[], dict]]]:
    """Name and call of every row, most valuable first."""
    made: dict[str, list] = {}

    def objects() -> list[ViewSet]:
        return made.setdefault("objects", [spheres(seed, sizes) for seed in range(max(sizes.fitted, 4))])

    def batches() -> list[Batches]:
        if "batches" not in made:
            made["batches"] = prepared(objects(), sizes.config, DISTINCT, device)[1]
        return made["batches"]

    rows = [("parity", lambda: parity(sizes.parity, device))]
    for engine, crowds in zip(("triton", "torch"), sizes.crowds, strict=True):
        rows += [
            (f"{engine}, {k} at once", lambda engine=engine, k=k: crowd(engine, k, batches(), sizes, device))
            for k in crowds
        ]
    for dtype in (torch.float32, torch.bfloat16):
        rows.append((f"nerf2vec {dtype}".replace("torch.", ""), lambda dtype=dtype: training(dtype, sizes, device)))
    for name in ("triton", "torch", "tcnn"):
        rows.append((f"fit by {name}", lambda name=name: whole_fit(name, objects()[: sizes.fitted], sizes, device)))
    return rows


def attempt(call: Callable[[], dict], device: str) -> dict:
    """A row with its seconds, or why there is none."""
    began = time.perf_counter()
    try:
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        return call() | {"row_s": time.perf_counter() - began}
    except Exception as error:  # a library may raise anything; the next row is still wanted
        return {"failed": f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}"}


def told(row: dict) -> str:
    """A row for the terminal."""
    shown = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()}
    return "  ".join(f"{key}={value}" for key, value in shown.items() if value is not None)


def main(arguments: list[str] | None = None) -> dict[str, dict]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=7.5, help="no row starts after so many")
    parser.add_argument("--dry", action="store_true", help="tiny sizes, also without a GPU")
    parser.add_argument("--out", type=Path, default=Path("runs/bench-gpu"))
    options = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not options.dry:
        parser.error("there is no CUDA device here; --dry tries the script at tiny sizes")
    if device == "cpu":
        os.environ.setdefault("TRITON_INTERPRET", "1")
    started, kept = time.perf_counter(), {}
    for name, call in all_rows(DRY if options.dry else THESIS, device):
        late = time.perf_counter() - started > 60 * options.minutes
        kept[name] = {"not run": f"{options.minutes:g} minutes were up"} if late else attempt(call, device)
        write_json(options.out / "gpu.json", provenance(dry=options.dry, rows=kept))
        print(name, told(kept[name]), flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s on {torch.cuda.get_device_name() if device == 'cuda' else 'CPU'}")
    for name, row in kept.items():
        short = {key: row[key] for key in SHORT if key in row}
        print(f"{name:24}{told(short)}")
    return kept


if __name__ == "__main__":
    main()
