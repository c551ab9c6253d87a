"""How long one object takes: warmed up, several runs, median and spread (thesis Table 4.2)."""

import time
from collections.abc import Callable

import numpy as np
import torch


def time_call(call: Callable[[], object], n_runs: int = 30, n_warm: int = 3) -> dict[str, float]:
    """Milliseconds of one call: median and quartiles of `n_runs` after `n_warm`.

    A CUDA device is synchronised before and after each run: without it a clock sees the launch, not the work.
    """
    for _ in range(n_warm):
        call()
    values = []
    for _ in range(n_runs):
        _synchronise()
        started = time.perf_counter()
        call()
        _synchronise()
        values.append(1000 * (time.perf_counter() - started))
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median_ms": float(middle), "q25_ms": float(low), "q75_ms": float(high), "runs": n_runs}


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
