"""The encoder's input: 18,432 weights, padded and cut into 336 rows of 64 (thesis Fig 3.5)."""

import torch
from jaxtyping import Float

from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS

N_PADDING = 48 * N_HIDDEN  # (64 - 16) * 64 zeros: the output matrix brought to 64 rows
N_ROWS = (N_WEIGHTS + N_PADDING) // N_HIDDEN  # 336


def weight_matrix(field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b rows 64"]:
    """Row-major re-cut at 64 numbers a row.

    Rows 0-143 are the 64 x 144 input matrix (so each neuron's 144 weights straddle rows), 144-271 the two hidden
    matrices, 272-275 the four outputs, 276-287 padding equal in every NeRF, 288-335 zeros.
    """
    padded = torch.nn.functional.pad(field_weights, (0, N_PADDING))
    return padded.view(len(field_weights), N_ROWS, N_HIDDEN)
