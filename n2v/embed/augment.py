"""Altered fields while training: the same answers and targets mirrored, in other colours, stretched.

Only for encoders that ask: what a changed field would answer is known without fitting it again. Weights of a changed
field would have to be fitted.
"""

import math
from dataclasses import replace

import torch
from jaxtyping import Float, UInt8

from n2v.embed.sampling import uniform
from n2v.embed.targets import PointBatch
from n2v.scenes.objects import AABB


def augmented(
    answers: UInt8[torch.Tensor, "b 4 g g g"], batch: PointBatch, stretch: float, generator: torch.Generator
) -> tuple[Float[torch.Tensor, "b 4 g g g"], PointBatch]:
    """Half of the NeRFs mirrored left to right, all with their colour channels in a random order and stretched.

    Each axis is scaled by a factor between 1 / (1 + stretch) and 1 + stretch / 2 about the centre; what leaves the box
    is gone.
    """
    b, values = len(answers), answers.float() / 255
    mirrored = uniform((b,), generator) < 0.5
    values = torch.where(mirrored[:, None, None, None, None], values.flip(2), values)
    side = torch.ones(b, 1, 3, device=values.device)
    side[:, 0, 0] = torch.where(mirrored, -1.0, 1.0)
    channels = torch.argsort(uniform((b, 3), generator), 1)
    taken = channels[:, :, None, None, None].expand(-1, -1, *values.shape[2:])
    values = torch.cat([values[:, :1], values[:, 1:].gather(1, taken)], 1)
    rgbs = batch.rgbs.gather(2, channels[:, None].expand(-1, batch.rgbs.shape[1], -1))
    positions, light = batch.positions * side, batch.light
    if stretch:
        low, high = -math.log1p(stretch), math.log1p(stretch / 2)
        factors = torch.exp(low + (high - low) * uniform((b, 3), generator))
        back = torch.diag_embed(1 / factors.flip(1))  # torch counts z first
        where = torch.nn.functional.affine_grid(torch.nn.functional.pad(back, (0, 1)), list(values.shape), False)
        values = torch.nn.functional.grid_sample(values, where, align_corners=False)
        positions = positions * factors[:, None]
        light = light * (positions.abs() < AABB[3]).all(-1)
    return values, replace(batch, positions=positions, light=light, rgbs=rgbs)
