"""The flat weight vector of one NeRF, 18,432 numbers: where each sits, what every fit starts from, how far it went.

Matrices are row-major [out, in], input to output, no biases. Rows 4..15 of the output matrix are padding:
they get no gradient and keep their initial values.
"""

import hashlib
import math

import numpy as np
import torch
from jaxtyping import Float

N_OCTAVES = 24
N_FEATURES = 3 * 2 * N_OCTAVES  # 144
N_HIDDEN = 64
N_OUTPUTS = 4  # red, green, blue, density
SHAPES = ((N_HIDDEN, N_FEATURES), (N_HIDDEN, N_HIDDEN), (N_HIDDEN, N_HIDDEN), (16, N_HIDDEN))
_ENDS = np.cumsum([rows * columns for rows, columns in SHAPES]).tolist()
SLICES = tuple(slice(end - rows * columns, end) for end, (rows, columns) in zip(_ENDS, SHAPES, strict=True))
N_WEIGHTS = _ENDS[-1]  # 18,432
LAYERS = ("input\n64 x 144", "hidden 1\n64 x 64", "hidden 2\n64 x 64", "output\n4 x 64", "padding\n12 x 64")


def split_weights(field_weights: Float[torch.Tensor, "k w"]) -> list[Float[torch.Tensor, "k out in"]]:
    """Views of the four matrices of k NeRFs."""
    k = field_weights.shape[0]
    return [field_weights[:, part].view(k, *shape) for part, shape in zip(SLICES, SHAPES, strict=True)]


def _pcg32(seed: int, n: int) -> np.ndarray:
    """n uniform float32 numbers in [0, 1) of PCG32 (initstate = seed, initseq = 1), as tiny-cuda-nn draws them."""
    mask = (1 << 64) - 1
    increment, state = 3, 0
    out = np.empty(n, np.uint32)
    state = increment  # one step from zero
    state = ((state + seed) * 0x5851F42D4C957F2D + increment) & mask
    for i in range(n):
        old = state
        state = (old * 0x5851F42D4C957F2D + increment) & mask
        shifted = (((old >> 18) ^ old) >> 27) & 0xFFFFFFFF
        turn = old >> 59
        out[i] = ((shifted >> turn) | (shifted << ((32 - turn) & 31))) & 0xFFFFFFFF
    return ((out >> np.uint32(9)) | np.uint32(0x3F800000)).view(np.float32) - np.float32(1)


def initial_vector(seed: int = 999) -> Float[np.ndarray, "w"]:
    """The vector that every NeRF of a collection starts from, float32, equal to tiny-cuda-nn's bit by bit.

    Xavier uniform over each matrix in storage order, with the padded 16 outputs counted in the last one.
    Source: tiny-cuda-nn's `initialize_xavier_uniform`; check values in tests/nerf/test_layout.py. Seed 999 is the
    authors' choice (nerf2vec code).
    """
    uniform = _pcg32(seed, N_WEIGHTS)
    vector = np.empty(N_WEIGHTS, np.float32)
    for part, (rows, columns) in zip(SLICES, SHAPES, strict=True):
        scale = np.float32(math.sqrt(6 / (rows + columns)))
        vector[part] = uniform[part] * np.float32(2) * scale - scale
    return vector


def vector_hash(vector: np.ndarray) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a float32 vector; names an initial vector in a manifest."""
    return hashlib.sha256(np.ascontiguousarray(vector, "<f4").tobytes()).hexdigest()[:16]


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
