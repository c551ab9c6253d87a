"""Volume rendering: from densities and colours of samples to pixels. Whatever the project blends, it blends here.

Four numbers a pixel come in two kinds. Straight (pictures in files and view sets): the colour as if opaque, and
opacity. Premultiplied (what blending gives): colour times opacity, and opacity; only these can be averaged and laid
over a background. The fused kernel (native/fused.cpp) has this file as its oracle.
"""

import torch
from jaxtyping import Float, Int

Straight = Float[torch.Tensor, "*n 4"]
Premultiplied = Float[torch.Tensor, "*n 4"]


def composite(
    sigmas: Float[torch.Tensor, "*s"],
    rgbs: Float[torch.Tensor, "*s 3"],
    lengths: Float[torch.Tensor, "*s"],
    ray_indices: Int[torch.Tensor, "*s"],
    n_rays: int,
) -> Float[torch.Tensor, "r 4"]:
    """Blend samples, nearest first, into the premultiplied colour and opacity of each ray.

    alpha = 1 - exp(-sigma * length); a sample's weight is alpha times the light that reaches it. A ray without samples
    gets colour 0 and opacity 0 and keeps the graph; a sample of length 0 (padding) counts for nothing.

    Args:
        sigmas: Density per scene unit.
        rgbs: Colour, of any range.
        lengths: Scene units.
        ray_indices: Which of all rays a sample lies on, never falling: the samples of a ray stand together.
        n_rays: How many rays there are.

    Source: NeRF, arXiv 2003.08934, eq. 3. Accuracy: within 1e-5 of a float64 loop
    (tests/nerf/test_render.py::test_composite_matches_float64_loop).
    """
    ray_indices = ray_indices.reshape(-1)
    weights = blend_weights(optical_depths(sigmas, lengths).reshape(-1), ray_indices, n_rays)[:, None]
    blended = torch.cat([weights * rgbs.reshape(-1, 3), weights], -1)
    return blended.new_zeros(n_rays, 4).index_add(0, ray_indices, blended)


def over_background(
    rays: Premultiplied, background: float | Float[torch.Tensor, "*#n 3"] = 1.0
) -> Float[torch.Tensor, "*n 3"]:
    """Premultiplied colour and opacity over a background: a grey in [0, 1], or colours."""
    return rays[..., :3] + background * (1 - rays[..., 3:])


def premultiplied(straight: Straight) -> Premultiplied:
    """Straight colour and opacity with the colour times opacity."""
    return torch.cat([straight[..., :3] * straight[..., 3:], straight[..., 3:]], -1)


def optical_depths(sigmas: Float[torch.Tensor, "*s"], lengths: Float[torch.Tensor, "*s"]) -> Float[torch.Tensor, "*s"]:
    """Density times length; 0 where the length is 0 (padding), be the density infinite: inf * 0 is not a number."""
    return torch.where(lengths > 0, sigmas, 0.0) * lengths


def blend_weights(
    depths: Float[torch.Tensor, "s"], ray_indices: Int[torch.Tensor, "s"], n_rays: int
) -> Float[torch.Tensor, "s"]:
    """Transmittance times alpha of each sample; `depths` is sigma * length.

    Depths are cut at 1e4, where nothing is left to see: an infinite density must not turn a prefix sum into NaN.
    A depth that is NaN makes its own weight NaN, and a gradient that is NaN the one of its own depth.
    """
    depths = depths.clamp(max=1e4)
    transmittance = torch.exp(-depths_before(depths, ray_indices, n_rays)).to(depths.dtype)
    return transmittance * -torch.expm1(-depths)


def depths_before(
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
    since = before - before[starts][ray_indices]
    if since.requires_grad:
        since.register_hook(lambda gradient: gradient if gradient is None else gradient.nan_to_num(0.0, 0.0, 0.0))
    return since
