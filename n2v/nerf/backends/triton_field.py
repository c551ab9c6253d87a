"""Triton kernels of the field: encoding, four layers, and the gradient of the weights, for many NeRFs in one launch.

Program axis 1 is the NeRF. `rows[nerf]` says which row of the resident data (samples of one batch) that NeRF uses in
this step, so nothing is copied between steps. Importing this file needs triton; go through
`n2v.nerf.backends.triton_fit.kernels`, which says so in words when it is missing.

Run-time type checks are off here (`no_type_check`): arguments are pointers and compile-time sizes.

Layouts, all row-major: positions (rows, n, 3) in [0, 1]^3; fields and their gradients (k, n, 4) = r, g, b, density;
lengths (rows, n); weights (k, 18432) as in n2v.nerf.layout.
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
LOW_BITS: tl.constexpr = tl.constexpr(-(1 << 29))  # mask: float64 digits that float32 has no room for
EXP_15: tl.constexpr = tl.constexpr(3269017.372472110639)


@triton.jit
@no_type_check
def _dot(a, b, PRECISION: tl.constexpr):
    """Matrix product accumulated in float32; operands float32 ("ieee"), "tf32" or "fp16"."""
    if PRECISION == "fp16":
        return tl.dot(a.to(tl.float16), b.to(tl.float16))
    return tl.dot(a, b, input_precision=PRECISION)


@triton.jit
@no_type_check
def _features(x, y, z, FIRST: tl.constexpr, N: tl.constexpr, TCNN: tl.constexpr):
    """Features FIRST .. FIRST + N - 1 of 144 at (BLOCK, 1) coordinates: n2v.nerf.encoding, operation by operation."""
    j = FIRST + tl.arange(0, N)[None, :]
    octave, is_cosine = (j // 2) % 24, (j % 2).to(tl.float32)
    coordinate = tl.where(j < 48, x, tl.where(j < 96, y, z))
    if TCNN:
        scale = ((octave + 127) << 23).to(tl.float32, bitcast=True)  # 2^octave, exactly
        angle = coordinate * scale * 3.14159274 + is_cosine * 1.57079637
        product = (angle.to(tl.float64) * 0.15915493667125702).to(tl.int64, bitcast=True)  # 53 bits hold it exactly
        turns = (product & LOW_BITS).to(tl.float64, bitcast=True).to(tl.float32)  # so this rounds toward zero
        turns = turns - ((turns + ROUNDER) - ROUNDER)
        return tl.sin(turns * 6.283185307179586).to(tl.float16).to(tl.float32)
    scale = ((octave + 126) << 23).to(tl.float32, bitcast=True)  # 2^(octave - 1), exactly
    turns = coordinate * scale
    turns = turns - ((turns + ROUNDER) - ROUNDER) + is_cosine * 0.25
    return tl.sin(turns * 6.283185307179586)


@triton.jit
@no_type_check
def _matrix(start, ROWS: tl.constexpr, COLUMNS: tl.constexpr, STRIDE: tl.constexpr):
    """A (ROWS, COLUMNS) block of a row-major matrix with STRIDE numbers a row."""
    return tl.load(start + tl.arange(0, ROWS)[:, None] * STRIDE + tl.arange(0, COLUMNS)[None, :])


@triton.jit
@no_type_check
def _put(start, block, ROWS: tl.constexpr, COLUMNS: tl.constexpr, STRIDE: tl.constexpr):
    """The opposite of `_matrix`."""
    tl.store(start + tl.arange(0, ROWS)[:, None] * STRIDE + tl.arange(0, COLUMNS)[None, :], block)


@triton.jit
@no_type_check
def _matrices(weights):
    """The five blocks of one NeRF: input columns 0..127 and 128..143, two hidden matrices, the padded output."""
    front = _matrix(weights, WIDTH, 128, IN)
    back = _matrix(weights + 128, WIDTH, 16, IN)
    second = _matrix(weights + HIDDEN_1, WIDTH, WIDTH, WIDTH)
    third = _matrix(weights + HIDDEN_2, WIDTH, WIDTH, WIDTH)
    return front, back, second, third, _matrix(weights + OUTPUT, 16, WIDTH, WIDTH)


@triton.jit
@no_type_check
def _encoded(positions, place, n, TCNN: tl.constexpr):
    """Features 0..127 and 128..143 at the places of one tile; places beyond n stand in the box's middle."""
    at, inside = positions + place[:, None] * 3, place[:, None] < n
    x = tl.load(at, mask=inside, other=0.5)
    y = tl.load(at + 1, mask=inside, other=0.5)
    z = tl.load(at + 2, mask=inside, other=0.5)
    return _features(x, y, z, 0, 128, TCNN), _features(x, y, z, 128, 16, TCNN)


@triton.jit
@no_type_check
def _hidden(early, late, front, back, second, third, PRECISION: tl.constexpr):
    """The three hidden layers of one tile, after ReLU, each (BLOCK, 64)."""
    one = _dot(early, tl.trans(front), PRECISION) + _dot(late, tl.trans(back), PRECISION)
    one = tl.where(one < 0, 0.0, one)  # unlike maximum, this lets NaN through: a broken NeRF must be seen
    two = _dot(one, tl.trans(second), PRECISION)
    two = tl.where(two < 0, 0.0, two)
    three = _dot(two, tl.trans(third), PRECISION)
    return one, two, tl.where(three < 0, 0.0, three)


@triton.jit
@no_type_check
def field_forward(
    positions, rows, weights, fields, n, BLOCK: tl.constexpr, TCNN: tl.constexpr, PRECISION: tl.constexpr
):
    """Positions to r, g, b, density. A program keeps its NeRF's matrices and walks over every n_programs-th tile."""
    nerf = tl.program_id(1).to(tl.int64)
    positions += tl.load(rows + nerf).to(tl.int64) * n * 3
    fields += nerf * n * 4
    front, back, second, third, last = _matrices(weights + nerf * SIZE)
    channel = tl.arange(0, 16)[None, :]
    for start in range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK):
        place = start + tl.arange(0, BLOCK)
        early, late = _encoded(positions, place, n, TCNN)
        _one, _two, three = _hidden(early, late, front, back, second, third, PRECISION)
        raw = _dot(three, tl.trans(last), PRECISION)
        value = tl.where(channel == 3, tl.exp(raw - 1.0), tl.sigmoid(raw))
        tl.store(fields + place[:, None] * 4 + channel, value, mask=(place[:, None] < n) & (channel < 4))


@triton.jit
@no_type_check
def field_backward(
    positions, lengths, rows, weights, fields, gradients, partials, n, scale,
    BLOCK: tl.constexpr, TCNN: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Gradient of the weights, one partial sum a program: partials (n_programs, k, 18432).

    Activations are computed again, tile by tile; only densities and colours were kept. `scale` lifts gradients into
    float16's range and is taken out again by `add_partials`. Samples of length 0 are padding.
    """
    nerf = tl.program_id(1).to(tl.int64)
    row = tl.load(rows + nerf).to(tl.int64)
    positions += row * n * 3
    lengths += row * n
    fields += nerf * n * 4
    gradients += nerf * n * 4
    front, back, second, third, last = _matrices(weights + nerf * SIZE)
    d_front = tl.zeros([WIDTH, 128], tl.float32)
    d_back = tl.zeros([WIDTH, 16], tl.float32)
    d_second = tl.zeros([WIDTH, WIDTH], tl.float32)
    d_third = tl.zeros([WIDTH, WIDTH], tl.float32)
    d_last = tl.zeros([16, WIDTH], tl.float32)
    for start in range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK):
        place = start + tl.arange(0, BLOCK)
        early, late = _encoded(positions, place, n, TCNN)
        one, two, three = _hidden(early, late, front, back, second, third, PRECISION)
        delta = _raw_gradient(fields, gradients, lengths, place, n) * scale
        d_last += _dot(tl.trans(delta), three, PRECISION)
        delta = tl.where(three > 0, _dot(delta, last, PRECISION), 0.0)
        d_third += _dot(tl.trans(delta), two, PRECISION)
        delta = tl.where(two > 0, _dot(delta, third, PRECISION), 0.0)
        d_second += _dot(tl.trans(delta), one, PRECISION)
        delta = tl.where(one > 0, _dot(delta, second, PRECISION), 0.0)
        d_front += _dot(tl.trans(delta), early, PRECISION)
        d_back += _dot(tl.trans(delta), late, PRECISION)
    partials += (tl.program_id(0).to(tl.int64) * tl.num_programs(1) + nerf) * SIZE
    _put(partials, d_front, WIDTH, 128, IN)
    _put(partials + 128, d_back, WIDTH, 16, IN)
    _put(partials + HIDDEN_1, d_second, WIDTH, WIDTH, WIDTH)
    _put(partials + HIDDEN_2, d_third, WIDTH, WIDTH, WIDTH)
    _put(partials + OUTPUT, d_last, 16, WIDTH, WIDTH)


@triton.jit
@no_type_check
def _raw_gradient(fields, gradients, lengths, place, n):
    """Gradient of the 16 raw outputs: sigmoid's slope, and exp's cut at 15 (the smaller of density and e^15)."""
    channel = tl.arange(0, 16)[None, :]
    length = tl.load(lengths + place, mask=place < n, other=0.0)
    real = (length[:, None] > 0) & (channel < 4)
    at = place[:, None] * 4 + channel
    value = tl.load(fields + at, mask=real, other=0.0)
    gradient = tl.load(gradients + at, mask=real, other=0.0)
    slope = tl.where(channel == 3, tl.where(value > EXP_15, EXP_15, value), value * (1.0 - value))
    return gradient * slope
