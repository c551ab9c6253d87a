"""Fit NeRFs: several objects at once, each its own field, all from one initial vector."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.nerf.encoding import encode
from n2v.nerf.field import activate, run_layers
from n2v.nerf.layout import initial_vector
from n2v.nerf.march import THESIS_STEP
from n2v.nerf.occupancy import carve, learned_occupancy
from n2v.nerf.pool import Batches, pack_batches
from n2v.nerf.render import Query, blend_weights, field_query, over_background, psnr, render_image
from n2v.scenes.views import ViewSet


@dataclass(frozen=True)
class FitConfig:
    """How a NeRF is fitted. Defaults: the thesis, completed by nerfacc 0.3.5's example (its script is unpublished)."""

    n_steps: int = 2000  # optimiser steps (thesis App. B.3: 1500-2000)
    n_samples: int = 1 << 18  # samples a step (nerfacc example)
    step: float = THESIS_STEP  # sample length, scene units (thesis code)
    learning_rate: float = 1e-2  # Adam, eps 1e-15, no decay (nerfacc example)
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)  # share of the steps at which the rate falls
    decay: float = 0.33  # by this factor
    background: str = "batch"  # one random colour a "batch" (authors' loader) or a "ray"
    encoding: str = "exact"
    init_seed: int = 999  # of the shared initial vector (authors' code)
    grid_resolution: int = 96  # occupancy cells a side (published files)
    psnr_floor_db: float = 15.0  # a fit below it collapsed

    @classmethod
    def laptop(cls, n_steps: int = 600, n_samples: int = 2048) -> "FitConfig":
        """Two CPU cores: coarse steps, few samples a step, a background colour a ray."""
        return cls(n_steps=n_steps, n_samples=n_samples, step=0.04, background="ray", grid_resolution=48)

    def rate_at(self, done: int) -> float:
        """Learning rate after `done` of the steps."""
        return self.learning_rate * self.decay ** sum(done >= share * self.n_steps for share in self.milestones)


@dataclass(frozen=True)
class FitResult:
    """One fitted NeRF. psnr_db is the mean over held-out views on white (training views when none is held out)."""

    object_id: str
    field_weights: Float[np.ndarray, "w"]
    occupied: Bool[np.ndarray, "g g g"]
    psnr_db: float
    fit_s: float
    seed: int
    config: FitConfig

    @property
    def status(self) -> str:
        """ "ok", or what is wrong: collapsed fits can be finite, so the PSNR floor decides too."""
        if not np.isfinite(self.field_weights).all():
            return "failed: weights are not finite"
        if self.psnr_db < self.config.psnr_floor_db:
            return f"failed: {self.psnr_db:.1f} dB on held-out views, below {self.config.psnr_floor_db:g} dB"
        return "ok"


def fit(view_sets: list[ViewSet], config: FitConfig, seeds: list[int] | None = None) -> list[FitResult]:
    """Fit one NeRF to each view set, all in one batched computation.

    Args:
        view_sets: Objects to fit; four at a time keep two CPU cores' caches busy.
        config: Recipe.
        seeds: One a NeRF, for ray order and backgrounds; the initial vector depends on config.init_seed alone.

    Raises:
        BadInput: a view set in which no ray meets the object.
    """
    if not view_sets:
        return []
    seeds = list(range(len(view_sets))) if seeds is None else seeds
    started = time.perf_counter()
    hulls = [carve(view_set, config.grid_resolution) for view_set in view_sets]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    batches = [
        pack_batches(view_set, hull, config.n_samples, config.step, config.n_steps, generator)
        for view_set, hull, generator in zip(view_sets, hulls, generators, strict=True)
    ]
    field_weights = optimise(batches, config, generators)
    fit_s = (time.perf_counter() - started) / len(view_sets)
    results = []
    for i, (view_set, hull) in enumerate(zip(view_sets, hulls, strict=True)):
        occupied = learned_occupancy(field_weights[i], hull, config.encoding)
        quality = held_out_psnr(field_weights[i], occupied, view_set, config)
        weights = field_weights[i].numpy().copy()
        results.append(FitResult(view_set.object_id, weights, occupied.numpy(), quality, fit_s, seeds[i], config))
    return results


def optimise(
    batches: list[Batches],
    config: FitConfig,
    generators: list[torch.Generator],
    initial: Float[torch.Tensor, "w"] | None = None,
) -> Float[torch.Tensor, "k w"]:
    """Adam over k independent NeRFs; `initial` replaces the shared initial vector (for experiments)."""
    start = torch.from_numpy(initial_vector(config.init_seed)) if initial is None else initial
    field_weights = start.repeat(len(batches), 1).requires_grad_()
    optimiser = torch.optim.Adam([field_weights], lr=config.learning_rate, eps=1e-15, fused=True)
    for done in range(config.n_steps):
        optimiser.param_groups[0]["lr"] = config.rate_at(done)
        loss = batch_loss(field_weights, batches, done, config, generators)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return field_weights.detach()


def batch_loss(
    field_weights: Float[torch.Tensor, "k w"],
    batches: list[Batches],
    done: int,
    config: FitConfig,
    generators: list[torch.Generator],
) -> Float[torch.Tensor, ""]:
    """Loss of k NeRFs on their batches at step `done`; see `rendering_loss`."""

    def network(unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return activate(run_layers(encode(unit, config.encoding), field_weights))

    return rendering_loss(network, batches, done, config, generators)


def rendering_loss(
    network: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    batches: list[Batches],
    done: int,
    config: FitConfig,
    generators: list[torch.Generator],
) -> Float[torch.Tensor, ""]:
    """Sum over k fields of the mean smooth L1 between composited and true colour, rays over a random background.

    `network` takes positions (k, n, 3) in [0, 1]^3 to densities (k, n) and colours (k, n, 3). smooth L1 is half the
    squared error on [0, 1]: the thesis says L1, its code computes this.
    """
    places = [done % len(part) for part in batches]
    n_slots = max(part.targets.shape[1] for part in batches)
    pick = list(zip(batches, places, strict=True))
    positions = torch.stack([part.positions[at] for part, at in pick])
    lengths = torch.stack([part.lengths[at] for part, at in pick])
    slots = torch.stack([part.slots[at] + k * n_slots for k, (part, at) in enumerate(pick)])
    targets = torch.stack([_widen(part.targets[at], n_slots) for part, at in pick])
    is_ray = torch.stack([_widen(part.is_ray[at], n_slots) for part, at in pick]).float()
    shape = (n_slots, 3) if config.background == "ray" else (1, 3)
    backgrounds = torch.stack([torch.rand(shape, generator=generator) for generator in generators])

    sigmas, rgbs = network(positions)
    k, n_rays = len(batches), len(batches) * n_slots
    weights = blend_weights((sigmas * lengths).view(-1), slots.view(-1), n_rays)
    blended = torch.cat([weights[:, None] * rgbs.view(-1, 3), weights[:, None]], -1)
    shown = blended.new_zeros(n_rays, 4).index_add(0, slots.view(-1), blended).view(k, n_slots, 4)
    predicted = shown[..., :3] + backgrounds * (1 - shown[..., 3:])
    truth = targets[..., :3] * targets[..., 3:] + backgrounds * (1 - targets[..., 3:])
    errors = torch.nn.functional.smooth_l1_loss(predicted, truth, reduction="none").mean(-1)
    return ((errors * is_ray).sum(-1) / is_ray.sum(-1)).sum()


def _widen(rows: torch.Tensor, n: int) -> torch.Tensor:
    """Pad the first dimension with zeros up to n."""
    if len(rows) == n:
        return rows
    return torch.cat([rows, rows.new_zeros(n - len(rows), *rows.shape[1:])])


def held_out_psnr(field_weights, occupied, view_set: ViewSet, config: FitConfig) -> float:
    """Mean PSNR (dB) of a NeRF's renders against held-out pictures; see `view_psnr`."""
    query = field_query(torch.as_tensor(field_weights), config.encoding)
    return view_psnr(query, torch.as_tensor(occupied), view_set, config.step)


def view_psnr(query: Query, occupied: torch.Tensor, view_set: ViewSet, step: float) -> float:
    """Mean PSNR (dB) of renders against held-out pictures on white; training pictures when none is held out."""
    held_out = len(view_set.held_out_images) > 0
    images = view_set.held_out_images if held_out else view_set.images
    cameras = view_set.held_out_c2w if held_out else view_set.c2w
    values = []
    for image, c2w in zip(images, cameras, strict=True):
        truth = over_background(torch.from_numpy(image.astype(np.float32) / 255))
        shown = render_image(query, occupied, c2w, view_set.size_px, view_set.camera_angle_x, step)
        values.append(min(psnr(shown[..., :3], truth), 100.0))
    if not values:
        raise BadInput("no pictures to measure", where=view_set.object_id, fix="render it again")
    return float(np.mean(values))
