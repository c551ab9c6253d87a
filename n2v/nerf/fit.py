"""Fit NeRFs: several objects at once, each its own field, all from one initial vector."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.nerf.composite import over_background, premultiplied
from n2v.nerf.engines import choose_engine
from n2v.nerf.nerf import Nerf
from n2v.nerf.occupancy import carve, check_silhouettes, grids_of
from n2v.nerf.recipe import FitConfig, show_step
from n2v.nerf.render import Query, field_query, psnr, render_image
from n2v.scenes.views import ViewSet, read_views


@dataclass(frozen=True)
class FitResult:
    """One fitted NeRF. psnr_db is the mean over held-out views on white (training views when none is held out),
    at samples of show_step(config.step); psnr_alone_db is the same with a grid rebuilt from the weights alone.

    `config` is the recipe as executed: its backend is the engine's name, never "auto".
    """

    object_id: str
    field_weights: Float[np.ndarray, "w"]
    occupied: Bool[np.ndarray, "g g g"]
    psnr_db: float
    fit_s: float
    seed: int
    config: FitConfig
    psnr_alone_db: float | None = None

    @property
    def status(self) -> str:
        """ "ok", or what is wrong: collapsed fits can be finite, so the PSNR floor decides too."""
        if not np.isfinite(self.field_weights).all():
            return "failed: weights are not finite"
        if not np.isfinite(self.psnr_db):
            return "failed: held-out pictures are not finite"
        if self.psnr_db < self.config.psnr_floor_db:
            return f"failed: {self.psnr_db:.1f} dB on held-out views, below {self.config.psnr_floor_db:g} dB"
        return "ok"

    def nerf(self, view_set: ViewSet) -> Nerf:
        """As an object to look at, with the identity of what it was fitted to."""
        told = {name: getattr(view_set, name) for name in ("class_name", "source", "licence")}
        weights, grid = torch.from_numpy(self.field_weights), torch.from_numpy(self.occupied)
        return Nerf(self.object_id, weights, grid, self.config.step, self.config.encoding, psnr_db=self.psnr_db, **told)


def fit_one(views: Path | str, config: FitConfig | None = None, seed: int = 0) -> Nerf:
    """Fit a NeRF to the view set in a folder (from `n2v render`, or `n2v pictures import`).

    Args:
        views: Folder with transforms_train.json.
        config: Recipe; default: FitConfig.laptop(), seconds on a CPU.
        seed: Of ray order and backgrounds.

    Raises:
        BadInput: no usable view set, or a fit that collapsed.

    >>> nerf = n2v.fit("views/chair-0000", n2v.FitConfig.laptop(n_steps=100))
    >>> nerf.psnr_db > 15, nerf.render(size_px=32).shape
    (True, (32, 32, 3))
    """
    view_set = read_views(Path(views))
    (result,) = fit([view_set], config or FitConfig.laptop(), [seed])
    if result.status != "ok":
        raise BadInput(result.status, where=views, fix="use more steps, or another seed")
    return result.nerf(view_set)


def fit(
    view_sets: list[ViewSet],
    config: FitConfig,
    seeds: list[int] | None = None,
    force: bool = False,
    hulls: list[Bool[torch.Tensor, "g g g"]] | None = None,
) -> list[FitResult]:
    """Fit one NeRF to each view set; what becomes of one does not depend on the others.

    Args:
        view_sets: Objects to fit; the torch backend is quickest with four at a time a core, triton with many more.
        config: Recipe.
        seeds: One a NeRF, for ray order and backgrounds; the initial vector depends on config.init_seed alone.
        force: Fit even where silhouettes and cameras contradict each other.
        hulls: Where to look, one a view set; None carves them from the silhouettes.

    Raises:
        BadInput: a view set in which no ray meets the object or whose silhouettes contradict its cameras, or a
            backend that does not work here.
    """
    if not view_sets:
        return []
    seeds = list(range(len(view_sets))) if seeds is None else seeds
    backend, _ = choose_engine(config.backend, config.encoding)
    config = replace(config, backend=backend.name)
    started = time.perf_counter()
    hulls = hulls or [carve(view_set, config.grid_resolution, backend.device) for view_set in view_sets]
    if not force:
        for view_set, hull in zip(view_sets, hulls, strict=True):
            check_silhouettes(view_set, hull)
    field_weights = backend.fit(view_sets, hulls, config, seeds)
    fit_s = (time.perf_counter() - started) / len(view_sets)
    results = []
    for view_set, hull, own, seed in zip(view_sets, hulls, field_weights, seeds, strict=True):
        weights = own.to(hull.device)
        grids = grids_of(weights, hull, config.encoding)
        quality, alone = (held_out_psnr(weights, grid, view_set, config) for grid in grids)
        found = own.numpy().copy(), grids[0].cpu().numpy(), quality, fit_s, seed, config
        results.append(FitResult(view_set.object_id, *found, alone if np.isfinite(alone) else None))
    return results


def fit_apart(view_sets: list[ViewSet], configs: list[FitConfig], seed: int = 0) -> list[FitResult]:
    """Fit each view set by a recipe of its own, all with one seed, on all cores: what `fit` makes of it alone.

    One that stands there several times, for several recipes, is carved once.
    """
    keys = [(id(one), config.grid_resolution) for one, config in zip(view_sets, configs, strict=True)]
    to_carve = dict(zip(keys, view_sets, strict=True))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        carved = threads.map(lambda key: carve(to_carve[key], key[1]), to_carve)
        hulls = dict(zip(to_carve, carved, strict=True))

        def alone(one: ViewSet, config: FitConfig, key: tuple) -> FitResult:
            return fit([one], config, [seed], hulls=[hulls[key]])[0]

        return list(threads.map(alone, view_sets, configs, keys))


def held_out_psnr(field_weights, occupied, view_set: ViewSet, config: FitConfig) -> float:
    """Mean PSNR (dB) of a NeRF's renders for show against held-out pictures; see `view_psnr` and `show_step`."""
    query = field_query(torch.as_tensor(field_weights), config.encoding)
    return view_psnr(query, torch.as_tensor(occupied), view_set, show_step(config.step))


def view_psnr(query: Query, occupied: torch.Tensor, view_set: ViewSet, step: float) -> float:
    """Mean PSNR (dB) of renders against held-out pictures on white; training pictures when none is held out.

    A picture counts at most 100 dB; one that is not finite makes the mean NaN.
    """
    held_out = len(view_set.held_out_images) > 0
    images = view_set.held_out_images if held_out else view_set.images
    cameras = view_set.held_out_c2w if held_out else view_set.c2w
    values = []
    for image, c2w in zip(images, cameras, strict=True):
        truth = over_background(premultiplied(torch.from_numpy(image.astype(np.float32) / 255).to(occupied.device)))
        shown = render_image(query, occupied, c2w, view_set.size_px, view_set.camera_angle_x, step)
        values.append(np.minimum(psnr(shown[..., :3], truth), 100.0))
    if not values:
        raise BadInput("no pictures to measure", where=view_set.object_id, fix="render it again")
    return float(np.mean(values))
