"""How a NeRF is fitted: every number of the recipe, with its source."""

import math
from dataclasses import dataclass, replace

THESIS_STEP = 1.4 * math.sqrt(3) / 1024  # sample length, scene units (thesis code)


def show_step(step: float) -> float:
    """Sample length (scene units) at which a NeRF fitted at `step` is shown and measured: half, not below the thesis's.

    Coarse samples make a lattice of speckles; measured in CONVENTIONS.md.
    """
    return max(step / 2, min(step, THESIS_STEP))


@dataclass(frozen=True)
class FitConfig:
    """How a NeRF is fitted. Defaults: the thesis, completed by nerfacc 0.3.5's example (its script is unpublished)."""

    n_steps: int = 2000  # optimiser steps (thesis App. B.3: 1500-2000)
    n_samples: int = 1 << 18  # samples a step (nerfacc example)
    n_empty: int = 2048  # of them points outside the hull; 0: the hull only (n2v.nerf.batches; tcnn has its own way)
    step: float = THESIS_STEP  # sample length, scene units (thesis code)
    learning_rate: float = 1e-2  # Adam, eps 1e-15, no decay (nerfacc example)
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)  # share of the steps at which the rate falls
    decay: float = 0.33  # by this factor
    background: str = "batch"  # one random colour a "batch" (authors' loader) or a "ray"
    encoding: str = "exact"
    init_seed: int = 999  # of the shared initial vector (authors' code)
    grid_resolution: int = 96  # occupancy cells a side (published files)
    psnr_floor_db: float = 15.0  # a fit below it collapsed
    backend: str = "auto"  # engine, see n2v.nerf.engines

    @classmethod
    def laptop(cls, n_steps: int = 1000, n_samples: int = 2048) -> "FitConfig":
        """Two CPU cores: coarse steps, few samples a step, a background colour a ray."""
        sizes = {"n_samples": n_samples, "n_empty": n_samples // 8, "step": 0.03, "grid_resolution": 48}
        return cls(n_steps=n_steps, background="ray", **sizes)

    @classmethod
    def short(cls) -> "FitConfig":
        """A large collection (64 px, 24 views): 0.7 core-seconds a NeRF, 4 dB below laptop (CONVENTIONS.md)."""
        return cls.laptop(n_steps=250)

    @classmethod
    def fine(cls) -> "FitConfig":
        """Collections that are looked at (96 to 128 px): finer steps and cells, more samples."""
        return replace(cls.laptop(n_steps=2000, n_samples=4096), n_empty=256, step=0.02, grid_resolution=64)

    def rate_at(self, done: int) -> float:
        """Learning rate after `done` of the steps."""
        return self.learning_rate * self.decay ** sum(done >= share * self.n_steps for share in self.milestones)
