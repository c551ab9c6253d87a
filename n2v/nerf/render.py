"""From a field to pictures: rays of a camera rendered through its occupancy, and PSNR."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.nerf.composite import composite, over_background
from n2v.nerf.field import evaluate
from n2v.nerf.march import camera_rays, march
from n2v.nerf.recipe import THESIS_STEP
from n2v.scenes.cameras import CAMERA_ANGLE_X

CHUNK = 1 << 16  # samples evaluated at a time
Query = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


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
) -> Float[torch.Tensor, "r 4"]:
    """Premultiplied colour and opacity of rays."""
    samples = march(origins, directions, occupied, step)
    positions = samples.positions(origins, directions)
    parts = [query(part) for part in positions.split(CHUNK)] if len(positions) else []
    sigmas = torch.cat([sigma for sigma, _ in parts]) if parts else positions.new_zeros(0)
    rgbs = torch.cat([rgb for _, rgb in parts]) if parts else positions.new_zeros(0, 3)
    return composite(sigmas, rgbs, samples.t_ends - samples.t_starts, samples.ray_indices, samples.n_rays)


def render_image(
    query: Query,
    occupied: Bool[torch.Tensor, "g g g"] | Bool[np.ndarray, "g g g"],
    c2w: Float[torch.Tensor, "4 4"] | Float[np.ndarray, "4 4"],
    size_px: int,
    camera_angle_x: float = CAMERA_ANGLE_X,
    step: float = THESIS_STEP,
) -> Float[torch.Tensor, "h w 4"]:
    """One square picture, made where `occupied` is: RGB on white, and opacity as the fourth channel."""
    occupied = torch.as_tensor(occupied)
    c2w = torch.as_tensor(c2w, dtype=torch.float32, device=occupied.device)
    rays = camera_rays(c2w, size_px, camera_angle_x)
    return as_picture(render_rays(query, occupied, *rays, step))


def as_picture(rays: Float[torch.Tensor, "r 4"]) -> Float[torch.Tensor, "h w 4"]:
    """All rays of a square picture, as `render_rays` gives them, on white."""
    size_px = math.isqrt(len(rays))
    return torch.cat([over_background(rays), rays[:, 3:]], -1).clamp(0, 1).view(size_px, size_px, 4)


def psnr(first: torch.Tensor, second: torch.Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two pictures in [0, 1]: -10 log10(MSE).

    The thesis prints -10 ln(MSE / 10) (eq. 3.4); its code computes this. Infinite for equal pictures, NaN where a
    number of either is not finite.
    """
    mse = float(((first.double() - second.double()) ** 2).mean())
    if not math.isfinite(mse):
        return math.nan
    return -10 * math.log10(mse) if mse > 0 else math.inf
