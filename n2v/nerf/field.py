"""One field, evaluated: position to density and colour, for many NeRFs at once (thesis Fig 3.3)."""

import torch
from jaxtyping import Bool, Float

from n2v.nerf.encoding import encode
from n2v.nerf.layout import N_OUTPUTS, split_weights
from n2v.nerf.march import box_corners
from n2v.nerf.native import fused
from n2v.scenes.objects import AABB


class TruncatedExp(torch.autograd.Function):
    """exp(x) whose gradient is exp(min(x, 15)): one huge density cannot throw the optimiser (as in nerfacc)."""

    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return torch.exp(x)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return gradient * torch.exp(x.clamp(max=15))


def to_unit_box(positions: Float[torch.Tensor, "*n 3"]) -> Float[torch.Tensor, "*n 3"]:
    """Scene units to [0, 1]^3, in one fixed order of float32 operations."""
    low, high = box_corners(AABB, positions)
    return (positions - low) / (high - low)


def activate(outputs: Float[torch.Tensor, "*n 4"]) -> tuple[Float[torch.Tensor, "*n"], Float[torch.Tensor, "*n 3"]]:
    """Raw outputs to density (per scene unit) and colour in [0, 1]: exp(x - 1) and sigmoid."""
    return TruncatedExp.apply(outputs[..., 3] - 1), torch.sigmoid(outputs[..., :3])


def run_layers(
    features: Float[torch.Tensor, "k n f"], field_weights: Float[torch.Tensor, "k w"]
) -> Float[torch.Tensor, "k n 4"]:
    """The four matrices with ReLU between, padding rows left out."""
    *inner, last = split_weights(field_weights)
    hidden = features
    for matrix in inner:
        hidden = torch.relu(torch.bmm(hidden, matrix.transpose(1, 2)))
    return torch.bmm(hidden, last[:, :N_OUTPUTS].transpose(1, 2))


def raw_outputs(
    field_weights: Float[torch.Tensor, "k w"], unit: Float[torch.Tensor, "k n 3"], encoding: str = "exact"
) -> Float[torch.Tensor, "k n 4"]:
    """Colour and density of positions in [0, 1]^3, before `activate`."""
    return run_layers(encode(unit, encoding), field_weights)


def inside_box(unit: Float[torch.Tensor, "*n 3"]) -> Bool[torch.Tensor, "*n"]:
    """True strictly inside [0, 1]^3: outside there is nothing."""
    return ((unit > 0) & (unit < 1)).all(-1)


def within_box(sigmas: Float[torch.Tensor, "*n"], unit: Float[torch.Tensor, "*n 3"]) -> Float[torch.Tensor, "*n"]:
    """Densities inside [0, 1]^3 and 0 outside, be the density there infinite or NaN."""
    return torch.where(inside_box(unit), sigmas, 0.0)


def evaluate(
    field_weights: Float[torch.Tensor, "k w"], positions: Float[torch.Tensor, "k n 3"], encoding: str = "exact"
) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
    """Density (per scene unit; 0 outside the box) and colour of k NeRFs at n positions each, in scene units.

    Where no gradient is wanted the fused CPU kernel does it, if there is one: within 1e-5 of `evaluate_reference`
    relative to the largest value (tests/nerf/test_native.py), three times as fast (ci/reference/bench).
    """
    if not fused.can_evaluate(field_weights, positions, encoding):
        return evaluate_reference(field_weights, positions, encoding)
    unit = to_unit_box(positions)
    sigmas, rgbs = fused.evaluate_fused(field_weights, unit)
    return within_box(sigmas, unit), rgbs


def evaluate_reference(
    field_weights: Float[torch.Tensor, "k w"], positions: Float[torch.Tensor, "k n 3"], encoding: str = "exact"
) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
    """`evaluate` in PyTorch: any device, with gradients, both encodings."""
    unit = to_unit_box(positions)
    sigmas, rgbs = activate(raw_outputs(field_weights, unit, encoding))
    return within_box(sigmas, unit), rgbs
