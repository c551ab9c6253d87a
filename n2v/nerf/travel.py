"""How far fitted weights moved from the shared initial vector, by layer and by octave of the encoding."""

import numpy as np
from jaxtyping import Float

from n2v.nerf.layout import N_OCTAVES, N_OUTPUTS, N_WEIGHTS, SHAPES, SLICES

LAYERS = ("input\n64 x 144", "hidden 1\n64 x 64", "hidden 2\n64 x 64", "output\n4 x 64", "padding\n12 x 64")


def travel(field_weights: Float[np.ndarray, "n w"], start: Float[np.ndarray, "w"]) -> Float[np.ndarray, "n 5"]:
    """How far each NeRF moved from the initial vector in each of LAYERS, relative to the layer's initial length."""
    moved, used = field_weights - start, N_OUTPUTS * SHAPES[-1][1]
    last = SLICES[-1]
    parts = [*SLICES[:-1], slice(last.start, last.start + used), slice(last.start + used, N_WEIGHTS)]
    return np.stack([np.linalg.norm(moved[:, part], axis=1) / np.linalg.norm(start[part]) for part in parts], 1)


def octave_travel(field_weights: Float[np.ndarray, "n w"], start: Float[np.ndarray, "w"]) -> Float[np.ndarray, "n 24"]:
    """The same for the columns of the input matrix that read each octave of the encoding (3 axes, sine and cosine)."""
    shape = (-1, SHAPES[0][0], 3, N_OCTAVES, 2)  # CONVENTIONS.md: feature = axis, octave, sine or cosine
    moved, before = ((field_weights - start)[:, SLICES[0]].reshape(shape), start[SLICES[0]].reshape(shape))
    return np.sqrt((moved**2).sum((1, 2, 4)) / (before**2).sum((1, 2, 4)))
