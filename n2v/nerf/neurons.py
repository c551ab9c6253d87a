"""The order of a NeRF's neurons: change it, find it again, or describe the weights so that it does not matter.

A hidden neuron is a row of one matrix and the column of the next that reads it. Renumbering the neurons of a layer
moves 18,432 numbers and not one pixel, so weights alone do not say which neuron is which; the shared initial vector
does.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from n2v.nerf.layout import N_OUTPUTS, SHAPES, SLICES

N_LAYERS = len(SHAPES) - 1  # hidden layers, of 64 neurons each
MAX_SWEEPS = 50  # of the matching; it stops by itself after a few


def matrices_of(field_weights: Float[np.ndarray, "w"]) -> list[Float[np.ndarray, "out in"]]:
    """The four matrices of one NeRF."""
    return [field_weights[part].reshape(shape) for part, shape in zip(SLICES, SHAPES, strict=True)]


def reorder(field_weights: Float[np.ndarray, "w"], orders: list[Int[np.ndarray, "n"]]) -> Float[np.ndarray, "w"]:
    """The same function after neuron orders[l][i] of hidden layer l has become its neuron i."""
    matrices = matrices_of(field_weights)
    for layer, order in enumerate(orders):
        matrices[layer] = matrices[layer][order]
        matrices[layer + 1] = matrices[layer + 1][:, order]
    return np.concatenate([matrix.ravel() for matrix in matrices])


def permute_neurons(field_weights: Float[np.ndarray, "w"], rng: np.random.Generator) -> Float[np.ndarray, "w"]:
    """The same function with the neurons of each hidden layer in a random order."""
    return reorder(field_weights, [rng.permutation(SHAPES[layer][0]) for layer in range(N_LAYERS)])


def match_neurons(field_weights: Float[np.ndarray, "w"], reference: Float[np.ndarray, "w"]) -> Float[np.ndarray, "w"]:
    """The same function with its neurons in the order that resembles `reference` most.

    First layer by layer from the input, each against the rows of the reference; then again with rows and outgoing
    columns together until nothing moves. Each assignment is the best one (Hungarian method); their sequence finds a
    local optimum. With the initial vector as the reference a NeRF of that start gets its own order back, bit by bit:
    all 585 of the mini zoo did (every 20th in tests/nerf/test_neurons.py).

    Source: weight matching of Ainsworth et al. 2023, arXiv 2209.04836, algorithm 1.
    """
    target, matrices = matrices_of(reference), matrices_of(field_weights)
    orders = [np.arange(SHAPES[layer][0]) for layer in range(N_LAYERS)]

    def likeness(layer: int, outgoing: bool) -> Float[np.ndarray, "n n"]:
        rows = matrices[layer] if layer == 0 else matrices[layer][:, orders[layer - 1]]
        alike = target[layer] @ rows.T
        if outgoing:
            after = matrices[layer + 1]
            after = after[orders[layer + 1]] if layer + 1 < N_LAYERS else after
            alike = alike + target[layer + 1].T @ after
        return alike

    for layer in range(N_LAYERS):
        orders[layer] = linear_sum_assignment(likeness(layer, outgoing=layer == N_LAYERS - 1), maximize=True)[1]
    for _ in range(MAX_SWEEPS):
        before = [order.copy() for order in orders]
        for layer in range(N_LAYERS):
            orders[layer] = linear_sum_assignment(likeness(layer, outgoing=True), maximize=True)[1]
        if all(np.array_equal(old, new) for old, new in zip(before, orders, strict=True)):
            break
    return reorder(field_weights, orders)


def order_free_description(field_weights: Float[np.ndarray, "w"]) -> Float[np.ndarray, "d"]:
    """Numbers that no renumbering of neurons changes: 1,492 of them.

    Singular values of the four matrices (the four real outputs of the last), the length of each of the 144 input
    columns, and the product of all matrices with and without signs, 4 x 144 each: what the network would compute
    without its ReLUs.
    """
    *inner, last = (matrix.astype(np.float64) for matrix in matrices_of(field_weights))
    last = last[:N_OUTPUTS]
    spectra = [np.linalg.svd(matrix, compute_uv=False) for matrix in (*inner, last)]
    signed, unsigned = last, np.abs(last)
    for matrix in reversed(inner):
        signed, unsigned = signed @ matrix, unsigned @ np.abs(matrix)
    parts = [*spectra, np.linalg.norm(inner[0], axis=0), signed.ravel(), np.log(unsigned + 1e-12).ravel()]
    return np.concatenate(parts).astype(np.float32)
