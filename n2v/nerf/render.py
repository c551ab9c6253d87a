"""From samples to pixels: compositing, whole pictures, and PSNR."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.nerf.field import evaluate
from n2v.nerf.march import THESIS_STEP, camera_rays, march

CAMERA_ANGLE_X = 0.8575560450553894  # radians, horizontal; published views
Query = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


class FiniteGradient(torch.autograd.Function):
    """The same values; on the way back a gradient that is not finite becomes 0."""

    @staticmethod
    def forward(ctx, values: torch.Tensor) -> torch.Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.nan_to_num(0.0, 0.0, 0.0)


def composite(
    sigmas: Float[torch.Tensor, "s"],
    rgbs: Float[torch.Tensor, "s 3"],
    lengths: Float[torch.Tensor, "s"],
    ray_indices: Int[torch.Tensor, "s"],
    n_rays: int,
) -> tuple[Float[torch.Tensor, "r 3"], Float[torch.Tensor, "r"]]:
    """Blend packed samples, nearest first, into premultiplied colour and opacity of each ray.

    Add `background * (1 - opacity)` for the pixel. alpha = 1 - exp(-sigma * length); transmittance is the
    exponential of minus the optical depth before the sample, summed in float64 because one prefix sum runs over
    all rays. A ray without samples gets colour 0 and opacity 0 and keeps the graph.

    Source: NeRF, arXiv 2003.08934, eq. 3. Accuracy: within 1e-5 of a float64 loop
    (tests/nerf/test_render.py::test_composite_matches_float64_loop).
    """
    weights = blend_weights(optical_depths(sigmas, lengths), ray_indices, n_rays)
    colour = rgbs.new_zeros(n_rays, 3).index_add(0, ray_indices, weights[:, None] * rgbs)
    return colour, rgbs.new_zeros(n_rays).index_add(0, ray_indices, weights)


def optical_depths(sigmas: Float[torch.Tensor, "*s"], lengths: Float[torch.Tensor, "*s"]) -> Float[torch.Tensor, "*s"]:
    """Density times length; 0 where the length is 0 (padding), be the density infinite: inf * 0 is not a number."""
    return torch.where(lengths > 0, sigmas, 0.0) * lengths


def blend_weights(
    depths: Float[torch.Tensor, "s"], ray_indices: Int[torch.Tensor, "s"], n_rays: int
) -> Float[torch.Tensor, "s"]:
    """Transmittance times alpha of each packed sample; `depths` is sigma * length.

    Depths are cut at 1e4, where nothing is left to see: an infinite density must not turn a prefix sum into NaN.
    A depth that is NaN makes its own weight NaN, and a gradient that is NaN the one of its own depth.
    """
    depths = depths.clamp(max=1e4)
    transmittance = torch.exp(-_depths_before(depths, ray_indices, n_rays)).to(depths.dtype)
    return transmittance * -torch.expm1(-depths)


def _depths_before(
    depths: Float[torch.Tensor, "s"], ray_indices: Int[torch.Tensor, "s"], n_rays: int
) -> Float[torch.Tensor, "s"]:
    """Float64 optical depth between the ray's start and each sample.

    One running sum serves all rays, of all NeRFs of a batch: NaN counts as 0 in it, and so does, on the way back, a
    gradient that is not finite; otherwise one diverged NeRF would spoil the others.
    """
    if not len(depths):
        return depths.double()
    counted = depths.double().nan_to_num(nan=0.0)
    before = torch.cumsum(counted, 0) - counted
    rays = torch.arange(n_rays, device=ray_indices.device)
    starts = torch.searchsorted(ray_indices, rays).clamp(max=len(depths) - 1)  # a count would make a GPU's host wait
    return FiniteGradient.apply(before - before[starts][ray_indices])


def field_query(field_weights: Float[torch.Tensor, "w"], encoding: str = "exact") -> Query:
    """A function from positions (n, 3) in scene units to densities (n,) and colours (n, 3) of one NeRF."""

    def query(positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sigmas, rgbs = evaluate(field_weights[None], positions[None], encoding)
        return sigmas[0], rgbs[0]

    return query


@torch.no_grad()
def render_rays(
    query: Query,
    occupied: Bool[torch.Tensor, "g g g"],
    origins: Float[torch.Tensor, "r 3"],
    directions: Float[torch.Tensor, "r 3"],
    step: float = THESIS_STEP,
    chunk: int = 1 << 16,
) -> Float[torch.Tensor, "r 4"]:
    """Premultiplied colour and opacity of rays; `chunk` samples are evaluated at a time."""
    samples = march(origins, directions, occupied, step)
    positions = samples.positions(origins, directions)
    parts = [query(part) for part in positions.split(chunk)] if len(positions) else []
    sigmas = torch.cat([sigma for sigma, _ in parts]) if parts else positions.new_zeros(0)
    rgbs = torch.cat([rgb for _, rgb in parts]) if parts else positions.new_zeros(0, 3)
    lengths = samples.t_ends - samples.t_starts
    colour, opacity = composite(sigmas, rgbs, lengths, samples.ray_indices, samples.n_rays)
    return torch.cat([colour, opacity[:, None]], -1)


def render_image(
    query: Query,
    occupied: Bool[torch.Tensor, "g g g"] | Bool[np.ndarray, "g g g"],
    c2w: Float[torch.Tensor, "4 4"] | Float[np.ndarray, "4 4"],
    size_px: int,
    camera_angle_x: float = CAMERA_ANGLE_X,
    step: float = THESIS_STEP,
    background: float = 1.0,
) -> Float[torch.Tensor, "h w 4"]:
    """One square picture: RGB over a grey `background` in [0, 1], and opacity as the fourth channel."""
    occupied = torch.as_tensor(occupied)
    origins, directions = camera_rays(
        torch.as_tensor(c2w, dtype=torch.float32, device=occupied.device), size_px, camera_angle_x
    )
    return as_picture(render_rays(query, occupied, origins, directions, step), background)


def as_picture(rays: Float[torch.Tensor, "r 4"], background: float = 1.0) -> Float[torch.Tensor, "h w 4"]:
    """All rays of a square picture, as `render_rays` gives them, over a grey `background`."""
    rgb = rays[:, :3] + background * (1 - rays[:, 3:])
    size_px = math.isqrt(len(rays))
    return torch.cat([rgb.clamp(0, 1), rays[:, 3:].clamp(0, 1)], -1).view(size_px, size_px, 4)


def over_background(rgba: Float[torch.Tensor, "*n 4"], background: float = 1.0) -> Float[torch.Tensor, "*n 3"]:
    """Straight-alpha RGBA in [0, 1] over a grey background."""
    return rgba[..., :3] * rgba[..., 3:] + background * (1 - rgba[..., 3:])


def psnr(first: torch.Tensor, second: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two pictures in [0, 1]: -10 log10(MSE).

    The thesis prints -10 ln(MSE / 10) (eq. 3.4); its code computes this. Infinite for equal pictures, NaN where a
    number of either is not finite.
    """
    mse = float(((first.double() - second.double()) ** 2).mean())
    if not math.isfinite(mse):
        return math.nan
    return -10 * math.log10(mse) if mse > 0 else math.inf
