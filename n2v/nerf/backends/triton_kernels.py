"""Triton kernels that fit many NeRFs in one launch: field, compositing, loss, gradients, Adam.

Every kernel works on k NeRFs at once; program axis 1 is the NeRF. `rows[nerf]` says which row of the resident data
(samples and rays of one batch) that NeRF uses in this step, so nothing is copied between steps. Importing this file
needs triton; go through `n2v.nerf.backends.triton_fit`, which says so in words when it is missing.

Run-time type checks are off here (`no_type_check`): arguments are pointers and compile-time sizes.

Layouts, all row-major: positions (rows, n, 3) in [0, 1]^3; fields and their gradients (k, n, 4) = r, g, b, density;
lengths (rows, n); starts, ends (rows, r) sample range of each ray; shown and its gradient (k, r, 4) = premultiplied
colour, opacity; weights (k, 18432) as in n2v.nerf.layout.
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
DEEPEST: tl.constexpr = tl.constexpr(1e4)  # optical depth at which nothing is left to see (n2v.nerf.render)


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


@triton.jit
@no_type_check
def _opacity(depth):
    """1 - exp(-depth) for depth >= 0; a series below 1/4, where the subtraction would lose digits."""
    series = 1.0 - depth / 6.0 * (1.0 - depth / 7.0)
    series = 1.0 - depth / 4.0 * (1.0 - depth / 5.0 * series)
    series = depth * (1.0 - depth / 2.0 * (1.0 - depth / 3.0 * series))
    return tl.where(depth < 0.25, series, 1.0 - tl.exp(-depth))


@triton.jit
@no_type_check
def composite_forward(
    fields, lengths, rows, starts, ends, shown, light, n, n_rays, BLOCK: tl.constexpr
):  # fmt: skip
    """Blend the samples of each ray, nearest first; one ray a lane. Keeps the light that reaches each sample."""
    nerf = tl.program_id(1).to(tl.int64)
    row = tl.load(rows + nerf).to(tl.int64)
    fields += nerf * n * 4
    light += nerf * n
    lengths += row * n
    ray = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    first = tl.load(starts + row * n_rays + ray, mask=ray < n_rays, other=0)
    end = tl.load(ends + row * n_rays + ray, mask=ray < n_rays, other=0)
    channel = tl.arange(0, 4)[None, :]
    total = tl.zeros([BLOCK, 4], tl.float32)
    left = tl.full([BLOCK], 1.0, tl.float32)
    for i in range(0, tl.max(end - first, 0)):
        place, here = first + i, first + i < end
        value = tl.load(fields + place[:, None] * 4 + channel, mask=here[:, None], other=0.0)
        depth = tl.sum(tl.where(channel == 3, value, 0.0), 1) * tl.load(lengths + place, mask=here, other=0.0)
        depth = tl.where(depth > DEEPEST, DEEPEST, depth)
        tl.store(light + place, left, mask=here)
        total += (left * _opacity(depth))[:, None] * tl.where(channel == 3, 1.0, value)
        left = left * tl.exp(-depth)
    tl.store(shown + (nerf * n_rays + ray[:, None]) * 4 + channel, total, mask=ray[:, None] < n_rays)


@triton.jit
@no_type_check
def composite_backward(
    fields, lengths, rows, starts, ends, light, pulls, gradients, n, n_rays, BLOCK: tl.constexpr
):  # fmt: skip
    """Gradient of r, g, b, density of each sample from the gradient of its ray's colour and opacity (`pulls`).

    With w the blend weight, T the light before a sample and p = dL/dw: dL/d(depth) = T exp(-depth) p minus the sum
    of w p over all later samples; walking from the far end, that sum needs no subtraction of large numbers.
    """
    nerf = tl.program_id(1).to(tl.int64)
    row = tl.load(rows + nerf).to(tl.int64)
    fields += nerf * n * 4
    gradients += nerf * n * 4
    light += nerf * n
    lengths += row * n
    ray = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    first = tl.load(starts + row * n_rays + ray, mask=ray < n_rays, other=0)
    end = tl.load(ends + row * n_rays + ray, mask=ray < n_rays, other=0)
    channel = tl.arange(0, 4)[None, :]
    pull = tl.load(pulls + (nerf * n_rays + ray[:, None]) * 4 + channel, mask=ray[:, None] < n_rays, other=0.0)
    later = tl.zeros([BLOCK], tl.float32)
    for i in range(1, tl.max(end - first, 0) + 1):
        place, here = end - i, end - i >= first
        value = tl.load(fields + place[:, None] * 4 + channel, mask=here[:, None], other=0.0)
        length = tl.load(lengths + place, mask=here, other=0.0)
        before = tl.load(light + place, mask=here, other=0.0)
        depth = tl.sum(tl.where(channel == 3, value, 0.0), 1) * length
        weight = before * _opacity(depth)
        gain = tl.sum(pull * tl.where(channel == 3, 1.0, value), 1)
        d_depth = tl.where(depth > DEEPEST, 0.0, before * tl.exp(-depth) * gain - later)
        gradient = tl.where(channel == 3, (d_depth * length)[:, None], weight[:, None] * pull)
        tl.store(gradients + place[:, None] * 4 + channel, gradient, mask=here[:, None])
        later += weight * gain


@triton.jit
@no_type_check
def loss_gradient(
    shown, targets, is_ray, rows, backgrounds, pulls, errors, n_rays, PER_RAY: tl.constexpr, BLOCK: tl.constexpr
):
    """Smooth L1 of each ray over its background (`errors`, mean of three channels) and the loss's gradient (`pulls`).

    `is_ray` (rows, r) holds 1 / (number of rays) for a ray and 0 for padding, so that sums over rays are means.
    """
    nerf = tl.program_id(1).to(tl.int64)
    row = tl.load(rows + nerf).to(tl.int64)
    ray = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = ray < n_rays
    channel = tl.arange(0, 4)[None, :]
    colour = inside[:, None] & (channel < 3)
    share = tl.load(is_ray + row * n_rays + ray, mask=inside, other=0.0)
    picture = tl.load(shown + (nerf * n_rays + ray[:, None]) * 4 + channel, mask=inside[:, None], other=0.0)
    target = tl.load(targets + (row * n_rays + ray[:, None]) * 4 + channel, mask=inside[:, None], other=0.0)
    slot = nerf * n_rays + ray[:, None] if PER_RAY else nerf + ray[:, None] * 0
    behind = tl.load(backgrounds + slot * 3 + channel, mask=colour, other=0.0)
    opacity = tl.sum(tl.where(channel == 3, picture, 0.0), 1)[:, None]
    alpha = tl.sum(tl.where(channel == 3, target, 0.0), 1)[:, None]
    gap = picture + behind * (1.0 - opacity) - (target * alpha + behind * (1.0 - alpha))
    gap = tl.where(colour, gap, 0.0)
    size = tl.abs(gap)
    slope = tl.where(size < 1.0, gap, tl.where(gap > 0, 1.0, tl.where(gap < 0, -1.0, gap))) / 3.0  # NaN stays NaN
    error = tl.sum(tl.where(size < 1.0, 0.5 * gap * gap, size - 0.5), 1) / 3.0
    pull = tl.where(channel == 3, -tl.sum(behind * slope, 1)[:, None], slope) * share[:, None]
    tl.store(pulls + (nerf * n_rays + ray[:, None]) * 4 + channel, pull, mask=inside[:, None])
    tl.store(errors + nerf * n_rays + ray, error * share, mask=inside)


@triton.jit
@no_type_check
def add_partials(partials, gradient, bad, n_parts, unscale, BLOCK: tl.constexpr):
    """Sum partial gradients in one fixed order; bad[nerf] becomes 1 if a number of that NeRF is not finite."""
    nerf = tl.program_id(1).to(tl.int64)
    at = nerf * SIZE + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for part in range(0, n_parts):
        total += tl.load(partials + tl.num_programs(1).to(tl.int64) * SIZE * part + at)
    total = total * unscale
    broken = tl.max(tl.where(tl.abs(total) <= 3.4028234663852886e38, 0, 1), 0)  # false for NaN too
    if broken > 0:
        tl.atomic_max(bad + nerf, 1)
    tl.store(gradient + at, total)


@triton.jit
@no_type_check
def adam(
    weights, gradient, mean, square, bad, taken, taken_next, corrections, rate, BLOCK: tl.constexpr
):  # fmt: skip
    """One step of Adam (betas .9, .999, eps 1e-15) for every NeRF whose gradient is finite; the others stand still.

    `corrections` (steps, 2) holds 1 - beta1^t and sqrt(1 - beta2^t), t - 1 the steps that a NeRF has taken. Counts
    are read from `taken` and written to `taken_next`: programs of one NeRF run in any order.
    """
    nerf = tl.program_id(1).to(tl.int64)
    is_bad = tl.load(bad + nerf)
    done = tl.load(taken + nerf)
    if tl.program_id(0) == 0:
        tl.store(taken_next + nerf, done + 1 - is_bad)
    if is_bad == 0:
        at = nerf * SIZE + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        g = tl.load(gradient + at)
        m = tl.load(mean + at)
        m = m + (g - m) * 0.1
        v = tl.load(square + at) * 0.999 + g * g * 0.001
        size = tl.div_rn(rate, tl.load(corrections + done * 2))
        root = tl.div_rn(tl.sqrt_rn(v), tl.load(corrections + done * 2 + 1)) + 1e-15
        tl.store(mean + at, m)
        tl.store(square + at, v)
        tl.store(weights + at, tl.load(weights + at) - size * tl.div_rn(m, root))
