"""Explicit seeds: one integer for a run, independent streams for its parts."""

import hashlib
import random

import numpy as np


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    import torch  # here: processes that only render need it not, and it takes half of their start

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def child_seed(seed: int, *names: object) -> int:
    """A 63-bit seed for a named part of a run: independent of order, process and Python version."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
