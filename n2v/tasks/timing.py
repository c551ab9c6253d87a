"""How long one object takes (Table 4.2): warmed up, synchronised, median and spread; and what a cold clock shows."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from n2v.embed.model import Nerf2Vec
from n2v.nerf.nerf import Turntable
from n2v.tasks.pictures import PictureConfig, ResNet, as_input
from n2v.zoo.store import Zoo


def time_call(
    call: Callable[[], object], n_runs: int = 30, n_warm: int = 3, limit_s: float = float("inf")
) -> dict[str, float]:
    """Milliseconds of one call: median and quartiles of `n_runs` after `n_warm`, or of at least 2 runs in `limit_s`.

    A CUDA device is synchronised before and after each run: without it a clock sees the launch, not the work.
    """
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    started, values = time.perf_counter(), []
    for _ in range(n_warm):
        call()
        if time.perf_counter() - started > limit_s / 4:
            break
    while len(values) < n_runs and (len(values) < 2 or time.perf_counter() - started < limit_s):
        wait()
        begun = time.perf_counter()
        call()
        wait()
        values.append(1000 * (time.perf_counter() - begun))
    low, middle, high = map(float, np.percentile(values, [25, 50, 75]))
    return {"median_ms": middle, "q25_ms": low, "q75_ms": high, "runs": len(values)}


def time_as_published(call: Callable[[], object], n_runs: int = 10) -> float:
    """Milliseconds as the authors' clock would have shown: mean of calls from cold, nothing waited for."""
    started = time.perf_counter()
    for _ in range(n_runs):
        call()
    return 1000 * (time.perf_counter() - started) / n_runs


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
    nerfs, name = [zoo[i] for i in range(n)], f"encode (render, {config.n_views} view of {config.size_px} px)"
    return Step("render, then look", name, "cpu", lambda k: [nerf.views(config) for nerf in nerfs[:k]])


def network_step(name: str, net: ResNet, config: PictureConfig, pictures: np.ndarray) -> Step:
    """Classify pictures, uint8 (n, h, w, 3), already on the device."""
    net, inputs = net.to(config.device).eval(), as_input(pictures, config)
    return Step("render, then look", f"infer ({name})", config.device, lambda k: net(inputs[:k]))


@torch.no_grad()
def time_table(steps: list[Step], batches: tuple[int, ...] = (1, 64), limit_s: float = 3.0) -> list[dict]:
    """Each step at each batch size: the cold clock first, since it is the one that meets the first call."""
    rows = []
    for batch in batches:
        for *names, run in steps:
            call = partial(run, batch)
            cold = time_as_published(call) if batch == 1 else None
            found = time_call(call, limit_s=limit_s)
            row = dict(zip(("method", "step", "device"), names, strict=True)) | {"batch": batch, **found}
            rows.append({**row, "ms_an_object": found["median_ms"] / batch, "as_published_ms": cold})
    return rows
