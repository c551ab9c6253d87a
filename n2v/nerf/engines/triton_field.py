"""Triton kernels of the field: encoding, four layers, and the gradient of the weights, for many NeRFs in one launch.

Program axis 1 is the NeRF. Importing this file needs triton; go through `n2v.nerf.engines.triton_engine.kernels`, which
says so in words when it is missing.

Compiled, layers multiply float16 operands and add in float32 (HALF), and sines are the hardware's (HARDWARE): what
tiny-cuda-nn does. Interpreted, there is neither: float32 operands for exact parity, or HALF alone.

Run-time type checks are off here (`no_type_check`): arguments are pointers and compile-time sizes.

Layouts, all row-major: positions (k, n, 3) in [0, 1]^3; raw outputs and pulls, their gradient, (k, n, 4);
weights (k, 18432) as in n2v.nerf.layout.
"""

from typing import no_type_check

import triton
import triton.language as tl

from n2v.nerf.layout import N_FEATURES, N_HIDDEN, N_WEIGHTS, SLICES

IN: tl.constexpr = tl.constexpr(N_FEATURES)  # 144, cut into 128 + 16: tile sides must be powers of two
WIDTH: tl.constexpr = tl.constexpr(N_HIDDEN)
SIZE: tl.constexpr = tl.constexpr(N_WEIGHTS)
HIDDEN_1: tl.constexpr = tl.constexpr(SLICES[1].start)
HIDDEN_2: tl.constexpr = tl.constexpr(SLICES[2].start)
OUTPUT: tl.constexpr = tl.constexpr(SLICES[3].start)
ROUNDER: tl.constexpr = tl.constexpr(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds |x| <= 2^22


@triton.jit
@no_type_check
def _operand(values, HALF: tl.constexpr):
    """Values as the matrix products take them."""
    if HALF:
        return values.to(tl.float16)
    else:  # both branches of an early return would be compiled
        return values


@triton.jit
@no_type_check
def _dot(a, b, HALF: tl.constexpr):
    """Matrix product of two operands, accumulated in float32."""
    if HALF:
        return tl.dot(a, b)
    else:
        return tl.dot(a, b, input_precision="ieee")


@triton.jit
@no_type_check
def _sine(angle, HARDWARE: tl.constexpr):
    """Sine in radians; the hardware's instruction errs by at most 2^-20.9 where |angle| <= pi."""
    if HARDWARE:
        return tl.inline_asm_elementwise(
            "sin.approx.ftz.f32 $0, $1;", "=f,f", [angle], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        return tl.sin(angle)


@triton.jit
@no_type_check
def _features(x, y, z, FIRST: tl.constexpr, N: tl.constexpr, HARDWARE: tl.constexpr):
    """Sines and cosines FIRST .. FIRST + N - 1 of 72 pairs at (BLOCK, 1) coordinates, as n2v.nerf.encoding."""
    pair = FIRST + tl.arange(0, N)[None, :]
    octave = pair % 24
    coordinate = tl.where(pair < 24, x, tl.where(pair < 48, y, z))
    scale = ((octave + 126) << 23).to(tl.float32, bitcast=True)  # 2^(octave - 1), exactly
    turns = coordinate * scale
    angle = (turns - ((turns + ROUNDER) - ROUNDER)) * 6.283185307179586
    sine, cosine = _sine(angle, HARDWARE), _sine(angle + 1.5707963267948966, HARDWARE)
    return tl.join(sine, cosine).reshape(x.shape[0], 2 * N)


@triton.jit
@no_type_check
def _matrix(start, ROWS: tl.constexpr, COLUMNS: tl.constexpr, STRIDE: tl.constexpr, HALF: tl.constexpr):
    """A (ROWS, COLUMNS) block of a row-major matrix with STRIDE numbers a row, as an operand."""
    return _operand(tl.load(start + tl.arange(0, ROWS)[:, None] * STRIDE + tl.arange(0, COLUMNS)[None, :]), HALF)


@triton.jit
@no_type_check
def _put(start, block, ROWS: tl.constexpr, COLUMNS: tl.constexpr, STRIDE: tl.constexpr):
    """The opposite of `_matrix`."""
    tl.store(start + tl.arange(0, ROWS)[:, None] * STRIDE + tl.arange(0, COLUMNS)[None, :], block)


@triton.jit
@no_type_check
def _matrices(weights, HALF: tl.constexpr):
    """The five blocks of one NeRF: input columns 0..127 and 128..143, two hidden matrices, the padded output."""
    front = _matrix(weights, WIDTH, 128, IN, HALF)
    back = _matrix(weights + 128, WIDTH, 16, IN, HALF)
    second = _matrix(weights + HIDDEN_1, WIDTH, WIDTH, WIDTH, HALF)
    third = _matrix(weights + HIDDEN_2, WIDTH, WIDTH, WIDTH, HALF)
    return front, back, second, third, _matrix(weights + OUTPUT, 16, WIDTH, WIDTH, HALF)


@triton.jit
@no_type_check
def _encoded(at, inside, HALF: tl.constexpr, HARDWARE: tl.constexpr):
    """Features 0..127 and 128..143 of positions at pointers `at`; those not `inside` stand in the box's middle."""
    x = tl.load(at, mask=inside, other=0.5)
    y = tl.load(at + 1, mask=inside, other=0.5)
    z = tl.load(at + 2, mask=inside, other=0.5)
    early = _operand(_features(x, y, z, 0, 64, HARDWARE), HALF)
    return early, _operand(_features(x, y, z, 64, 8, HARDWARE), HALF)


@triton.jit
@no_type_check
def _relu(values, HALF: tl.constexpr):
    """Unlike maximum, this lets NaN through: a broken NeRF must be seen."""
    low = _operand(values, HALF)
    return tl.maximum(low, tl.zeros_like(low), propagate_nan=tl.PropagateNan.ALL)


@triton.jit
@no_type_check
def _hidden(early, late, front, back, second, third, HALF: tl.constexpr):
    """The three hidden layers of one tile, after ReLU, each (BLOCK, 64), as operands."""
    one = _relu(_dot(early, tl.trans(front), HALF) + _dot(late, tl.trans(back), HALF), HALF)
    two = _relu(_dot(one, tl.trans(second), HALF), HALF)
    return one, two, _relu(_dot(two, tl.trans(third), HALF), HALF)


@triton.jit
@no_type_check
def field_forward(positions, weights, outputs, n, BLOCK: tl.constexpr, HALF: tl.constexpr, HARDWARE: tl.constexpr):
    """Positions to raw outputs. A program keeps its NeRF's matrices and walks over every n_programs-th tile."""
    nerf = tl.program_id(1).to(tl.int64)
    positions += nerf * n * 3
    outputs += nerf * n * 4
    front, back, second, third, last = _matrices(weights + nerf * SIZE, HALF)
    channel = tl.arange(0, 16)[None, :]
    for start in range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK):
        place = start + tl.arange(0, BLOCK)[:, None]
        early, late = _encoded(positions + place * 3, place < n, HALF, HARDWARE)
        _one, _two, three = _hidden(early, late, front, back, second, third, HALF)
        raw = _dot(three, tl.trans(last), HALF)
        tl.store(outputs + place * 4 + channel, raw, mask=(place < n) & (channel < 4))


@triton.jit
@no_type_check
def field_backward(
    positions, weights, pulls, deltas, partials, n,
    BLOCK: tl.constexpr, HALF: tl.constexpr, HARDWARE: tl.constexpr,
):  # fmt: skip
    """Gradient of all matrices but the first, and of the first layer's sums, `deltas` (k, n, 64).

    Activations are computed again. Each program writes a partial sum of its own: partials (n_programs, k, 18432).
    """
    nerf = tl.program_id(1).to(tl.int64)
    positions += nerf * n * 3
    pulls += nerf * n * 4
    deltas += nerf * n * WIDTH
    front, back, second, third, last = _matrices(weights + nerf * SIZE, HALF)
    d_second = tl.zeros([WIDTH, WIDTH], tl.float32)
    d_third = tl.zeros([WIDTH, WIDTH], tl.float32)
    d_last = tl.zeros([16, WIDTH], tl.float32)
    channel, neuron = tl.arange(0, 16)[None, :], tl.arange(0, WIDTH)[None, :]
    for start in range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK):
        at = start + tl.arange(0, BLOCK)[:, None]
        early, late = _encoded(positions + at * 3, at < n, HALF, HARDWARE)
        one, two, three = _hidden(early, late, front, back, second, third, HALF)
        pull = tl.load(pulls + at * 4 + channel, mask=(at < n) & (channel < 4), other=0.0)
        delta = _operand(pull, HALF)
        d_last += _dot(tl.trans(delta), three, HALF)
        delta = _operand(tl.where(three > 0, _dot(delta, last, HALF), 0.0), HALF)
        d_third += _dot(tl.trans(delta), two, HALF)
        delta = _operand(tl.where(two > 0, _dot(delta, third, HALF), 0.0), HALF)
        d_second += _dot(tl.trans(delta), one, HALF)
        delta = _operand(tl.where(one > 0, _dot(delta, second, HALF), 0.0), HALF)
        tl.store(deltas + at * WIDTH + neuron, delta, mask=at < n)
    partials += (tl.program_id(0).to(tl.int64) * tl.num_programs(1) + nerf) * SIZE
    _put(partials + HIDDEN_1, d_second, WIDTH, WIDTH, WIDTH)
    _put(partials + HIDDEN_2, d_third, WIDTH, WIDTH, WIDTH)
    _put(partials + OUTPUT, d_last, 16, WIDTH, WIDTH)


@triton.jit
@no_type_check
def input_backward(positions, deltas, partials, n, BLOCK: tl.constexpr, HALF: tl.constexpr, HARDWARE: tl.constexpr):
    """Gradient of the input matrix, half of all weights; its sums would not fit in registers beside the others."""
    nerf = tl.program_id(1).to(tl.int64)
    positions += nerf * n * 3
    deltas += nerf * n * WIDTH
    d_front = tl.zeros([128, WIDTH], tl.float32)
    d_back = tl.zeros([16, WIDTH], tl.float32)
    neuron = tl.arange(0, WIDTH)[None, :]
    for start in range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK):
        at = start + tl.arange(0, BLOCK)[:, None]
        early, late = _encoded(positions + at * 3, at < n, HALF, HARDWARE)
        delta = tl.load(deltas + at * WIDTH + neuron, mask=at < n, other=0.0)
        d_front += _dot(tl.trans(early), delta, HALF)
        d_back += _dot(tl.trans(late), delta, HALF)
    partials += (tl.program_id(0).to(tl.int64) * tl.num_programs(1) + nerf) * SIZE
    _put(partials, tl.trans(d_front), WIDTH, 128, IN)
    _put(partials + 128, tl.trans(d_back), WIDTH, 16, IN)
