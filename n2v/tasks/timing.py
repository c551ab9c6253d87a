"""How long one object takes (Table 4.2): warmed up, synchronised, median and spread; and what a cold clock shows."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from n2v.embed.model import Nerf2Vec
from n2v.nerf.nerf import Turntable
from n2v.tasks.pictures import PictureConfig, ResNet, as_input
from n2v.zoo.store import Zoo


def time_call(
    call: Callable[[], object], n_runs: int = 30, n_warm: int = 3, limit_s: float | None = None
) -> dict[str, float]:
    """Milliseconds of one call: median and quartiles of `n_runs` after `n_warm`, or of at least 2 runs in `limit_s`.

    A CUDA device is synchronised before and after each run: without it a clock sees the launch, not the work.
    """
    started = time.perf_counter()
    for _ in range(n_warm):
        call()
        if limit_s and time.perf_counter() - started > limit_s / 4:
            break
    values = []
    while len(values) < n_runs:
        if limit_s and len(values) >= 2 and time.perf_counter() - started > limit_s:
            break
        _synchronise()
        begun = time.perf_counter()
        call()
        _synchronise()
        values.append(1000 * (time.perf_counter() - begun))
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median_ms": float(middle), "q25_ms": float(low), "q75_ms": float(high), "runs": len(values)}


def time_as_published(call: Callable[[], object], n_runs: int = 10) -> float:
    """Milliseconds as the authors' clock would have shown: mean of calls from cold, nothing waited for."""
    started = time.perf_counter()
    for _ in range(n_runs):
        call()
    return 1000 * (time.perf_counter() - started) / n_runs


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class Step(NamedTuple):
    """One step of a method on so many objects at once."""

    method: str
    step: str
    device: str
    run: Callable[[int], object]


def nerf2vec_steps(model: Nerf2Vec, net: nn.Sequential, zoo: Zoo, n: int, device: str = "cpu") -> list[Step]:
    """Encode NeRFs, then classify embeddings; up to n at once. Nothing is computed yet: the first call is a cold one.

    The embeddings are random numbers: how long the head `net` takes does not depend on them. Both move to the device.
    """
    model, net = model.to(device).eval(), net.to(device).eval()
    weights = torch.from_numpy(zoo.field_weights(range(n))).to(device)
    codes = torch.randn(n, net[0].in_features, device=device)
    return [
        Step("nerf2vec", "encode", device, lambda k: model.encode(weights[:k])),
        Step("nerf2vec", "infer", device, lambda k: net(codes[:k])),
    ]


def render_step(zoo: Zoo, n: int, config: Turntable) -> Step:
    """Render the first n NeRFs, one after the other, as the thesis's baseline has to before it can look."""
    nerfs = [zoo[i] for i in range(n)]

    def render(k: int) -> None:
        for nerf in nerfs[:k]:
            nerf.views(config)

    return Step("render, then look", f"encode (render, {config.n_views} view of {config.size_px} px)", "cpu", render)


def network_step(name: str, net: ResNet, config: PictureConfig, pictures: np.ndarray) -> Step:
    """Classify pictures, uint8 (n, h, w, 3), already on the device."""
    net, inputs = net.to(config.device).eval(), as_input(pictures, config)
    return Step("render, then look", f"infer ({name})", config.device, lambda k: net(inputs[:k]))


@torch.no_grad()
def time_table(steps: list[Step], batches: tuple[int, ...] = (1, 64), limit_s: float = 3.0) -> list[dict]:
    """Each step at each batch size: the cold clock first, since it is the one that meets the first call."""
    rows = []
    for batch in batches:
        for one in steps:
            cold = time_as_published(lambda one=one, batch=batch: one.run(batch)) if batch == 1 else None
            found = time_call(lambda one=one, batch=batch: one.run(batch), limit_s=limit_s)
            rows.append(
                {
                    "method": one.method,
                    "step": one.step,
                    "device": one.device,
                    "batch": batch,
                    **found,
                    "ms_an_object": found["median_ms"] / batch,
                    "as_published_ms": cold,
                }
            )
    return rows
