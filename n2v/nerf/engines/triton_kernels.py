"""Triton kernels of rays and steps: compositing, loss, sums of gradients, Adam; with those of the field as one set.

Layouts, all row-major, besides those of triton_field: lengths (rows, n); starts, ends (rows, r) sample range of each
ray; shown and its gradient (k, r, 4) = premultiplied colour, opacity.

Samples that less than a share `dark` of the light reaches count for nothing, as in nerfacc (1e-4): neither in the
picture nor in the gradient. They are the far end of a ray, so `lit` (k, r) says how many come before them, and the
samples that count are laid one after the other for the backward kernels.
"""

from typing import no_type_check

import triton
import triton.language as tl

from n2v.nerf.engines.triton_field import SIZE, field_backward, field_forward, input_backward

__all__ = [
    "adam",
    "add_partials",
    "composite_backward",
    "composite_forward",
    "field_backward",
    "field_forward",
    "input_backward",
    "loss_gradient",
]

EXP_15: tl.constexpr = tl.constexpr(3269017.372472110639)  # where the gradient of exp is cut (n2v.nerf.field)
DEEPEST: tl.constexpr = tl.constexpr(1e4)  # optical depth at which nothing is left to see (n2v.nerf.composite)


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
    fields, lengths, rows, starts, ends, shown, light, lit, n, n_rays, dark, BLOCK: tl.constexpr
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
    n_lit = tl.zeros([BLOCK], tl.int32)
    i = 0
    while tl.max(tl.where((first + i < end) & ~(left < dark), 1, 0), 0) > 0:
        place, here = first + i, (first + i < end) & ~(left < dark)  # not "left >= dark": NaN counts
        value = tl.load(fields + place[:, None] * 4 + channel, mask=here[:, None], other=0.0)
        depth = tl.sum(tl.where(channel == 3, value, 0.0), 1) * tl.load(lengths + place, mask=here, other=0.0)
        depth = tl.where(depth > DEEPEST, DEEPEST, depth)
        tl.store(light + place, left, mask=here)
        total += (left * _opacity(depth))[:, None] * tl.where(channel == 3, 1.0, value)
        left = left * tl.exp(-depth)
        n_lit += here.to(tl.int32)
        i += 1
    tl.store(shown + (nerf * n_rays + ray[:, None]) * 4 + channel, total, mask=ray[:, None] < n_rays)
    tl.store(lit + nerf * n_rays + ray, n_lit, mask=ray < n_rays)


@triton.jit
@no_type_check
def composite_backward(
    positions, fields, lengths, rows, starts, lit, lit_ends, light, picture_pulls, points, pulls, n, n_rays, scale,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Gradient of the raw outputs of each sample from that of its ray's colour and opacity (`picture_pulls`).

    With w the blend weight, T the light before a sample and p = dL/dw: dL/d(depth) = T exp(-depth) p minus the sum
    of w p over all later samples; walking from the far end, that sum needs no subtraction of large numbers. Then
    sigmoid's slope, and exp's cut at 15. `lit_ends` is the running sum of `lit`: where a ray's samples end in `points`
    and `pulls`. `scale` lifts gradients into float16's range and is taken out again by `add_partials`.
    """
    nerf = tl.program_id(1).to(tl.int64)
    row = tl.load(rows + nerf).to(tl.int64)
    positions += row * n * 3
    fields += nerf * n * 4
    points += nerf * n * 3
    pulls += nerf * n * 4
    light += nerf * n
    lengths += row * n
    ray = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = ray < n_rays
    first = tl.load(starts + row * n_rays + ray, mask=inside, other=0)
    n_lit = tl.load(lit + nerf * n_rays + ray, mask=inside, other=0)
    target = tl.load(lit_ends + nerf * n_rays + ray, mask=inside, other=0)
    channel = tl.arange(0, 4)[None, :]
    picture_pull = tl.load(
        picture_pulls + (nerf * n_rays + ray[:, None]) * 4 + channel, mask=inside[:, None], other=0.0
    )
    later = tl.zeros([BLOCK], tl.float32)
    for i in range(1, tl.max(n_lit, 0) + 1):
        place, at, here = first + n_lit - i, target - i, i <= n_lit
        value = tl.load(fields + place[:, None] * 4 + channel, mask=here[:, None], other=0.0)
        length = tl.load(lengths + place, mask=here, other=0.0)
        before = tl.load(light + place, mask=here, other=0.0)
        depth = tl.sum(tl.where(channel == 3, value, 0.0), 1) * length
        weight = before * _opacity(depth)
        gain = tl.sum(picture_pull * tl.where(channel == 3, 1.0, value), 1)
        d_depth = tl.where(depth > DEEPEST, 0.0, before * tl.exp(-depth) * gain - later)
        gradient = tl.where(channel == 3, (d_depth * length)[:, None], weight[:, None] * picture_pull)
        slope = tl.where(channel == 3, tl.where(value > EXP_15, EXP_15, value), value * (1.0 - value))
        tl.store(pulls + at[:, None] * 4 + channel, gradient * slope * scale, mask=here[:, None])
        axis = here[:, None] & (channel < 3)
        point = tl.load(positions + place[:, None] * 3 + channel, mask=axis, other=0.0)
        tl.store(points + at[:, None] * 3 + channel, point, mask=axis)
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
def add_partials(partials, gradient, bad, n_parts, unscale, PARTS: tl.constexpr, BLOCK: tl.constexpr):
    """Sum partial gradients in one fixed order; bad[nerf] becomes 1 if a number of that NeRF is not finite."""
    nerf = tl.program_id(1).to(tl.int64)
    at = nerf * SIZE + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for first in range(0, n_parts, PARTS):  # so many loads under way at once
        part = first + tl.arange(0, PARTS)[:, None]
        place = tl.num_programs(1).to(tl.int64) * SIZE * part + at[None, :]
        total += tl.sum(tl.load(partials + place, mask=part < n_parts, other=0.0), 0)
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
