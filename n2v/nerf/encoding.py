"""Frequency encoding of positions: an accurate one, and the one tiny-cuda-nn really executes.

Feature j of 144: dimension j // 48, octave k = (j // 2) % 24, sine for even j and cosine for odd j, of 2^k pi x
(thesis eq. 3.1; order as in tiny-cuda-nn). Position x is in [0, 1]^3.
"""

import math

import torch
from jaxtyping import Float

from n2v.errors import BadInput

ENCODINGS = ("exact", "tcnn")


def encode(
    positions: Float[torch.Tensor, "*n 3"], encoding: str = "exact", n_octaves: int = 24
) -> Float[torch.Tensor, "*n features"]:
    """Encode positions in [0, 1]^3 into 6 * n_octaves features.

    Args:
        positions: In the unit box; float32.
        encoding: "exact" (accurate sines) or "tcnn" (its three roundings, for published weights).
        n_octaves: Number of frequencies; octave 0 has half a period across the box.
    """
    if encoding == "exact":
        return _exact(positions, n_octaves)
    if encoding == "tcnn":
        return _tcnn(positions, n_octaves)
    raise BadInput(f"unknown encoding '{encoding}'", fix=f"use one of: {', '.join(ENCODINGS)}")


def _exact(positions: torch.Tensor, n_octaves: int) -> torch.Tensor:
    """sin(2 pi frac(2^(k-1) x)): multiplying by a power of two is exact, so the reduction loses nothing."""
    scale = 2.0 ** (torch.arange(n_octaves, dtype=positions.dtype, device=positions.device) - 1)
    turns = positions[..., None, None] * scale[:, None]
    turns = turns - turns.round()  # before the quarter turn: after it, large octaves would lose the sum's last bits
    turns = turns + turns.new_tensor([0.0, 0.25])  # cosine is sine a quarter turn later
    return torch.sin(turns.mul_(2 * math.pi)).flatten(-3)


def _tcnn(positions: torch.Tensor, n_octaves: int) -> torch.Tensor:
    """What its kernel computes: a float32 argument, a float32 turn count rounded toward zero, a float16 sine.

    Source: tiny-cuda-nn 2.0 `frequency_encoding` as compiled (`__sinf`); NUMERICS in CONVENTIONS.md.
    """
    scale = 2.0 ** torch.arange(n_octaves, dtype=torch.float32, device=positions.device)
    angle = positions.float()[..., None, None] * scale[:, None]
    angle = angle * torch.tensor(3.14159274, dtype=torch.float32)
    shifted = angle + torch.tensor(1.57079637, dtype=torch.float32)
    angle = torch.cat([angle, shifted], -1)
    product = angle.double() * float(torch.tensor(0.15915493667, dtype=torch.float32))
    turns = product.float()
    toward_zero = torch.nextafter(turns, torch.zeros_like(turns))
    turns = torch.where(turns.double().abs() > product.abs(), toward_zero, turns)
    sine = torch.sin(2 * math.pi * (turns.double() - turns.double().floor()))
    return sine.half().float().flatten(-3)
