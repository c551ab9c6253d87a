"""The flat vector: tiny-cuda-nn's check values and layout."""

import numpy as np
import torch

from n2v.nerf.layout import N_WEIGHTS, SLICES, initial_vector, split_weights, vector_hash


def test_initial_vector_equals_tiny_cuda_nn():
    vector = initial_vector(999)
    assert vector.shape == (N_WEIGHTS,) == (18432,) and vector.dtype == np.float32
    published = {
        0: [0.09917614, -0.05487173, -0.05322738, 0.12020549],
        9216: [0.06045772, -0.02397966],
        13312: [0.12536348, -0.14912283],
        17408: [-0.1691328, -0.1063631],
        18431: [0.07062399],
    }
    for start, values in published.items():
        assert np.abs(vector[start : start + len(values)] - np.array(values)).max() < 5e-9  # as printed: 8 digits
    assert abs(vector.astype(np.float64).sum() - 5.924722753) < 1e-9


def test_default_seed_of_tiny_cuda_nn():
    vector = initial_vector(1337)
    assert np.abs(vector[:4] - np.array([-0.11967058, -0.00984082, -0.11074191, -0.12598245])).max() < 5e-9
    assert abs(vector.astype(np.float64).sum() - 35.684825) < 1e-6


def test_matrices_are_row_major_and_cover_the_vector():
    flat = torch.arange(2 * N_WEIGHTS, dtype=torch.float32).view(2, N_WEIGHTS)
    matrices = split_weights(flat)
    assert [tuple(matrix.shape[1:]) for matrix in matrices] == [(64, 144), (64, 64), (64, 64), (16, 64)]
    assert matrices[0][0, 1, 0] == 144 and matrices[3][1, 15, 63] == 2 * N_WEIGHTS - 1
    assert [(part.start, part.stop) for part in SLICES] == [(0, 9216), (9216, 13312), (13312, 17408), (17408, 18432)]


def test_hash_names_a_vector():
    assert vector_hash(initial_vector(999)) != vector_hash(initial_vector(1337))
    assert vector_hash(initial_vector(999)) == vector_hash(initial_vector(999).astype(np.float64))
