"""The visible checks of notebook 02: each compares an answer with n2v and names the mistake it recognises.

An exercise that is not written yet is said to be so and does not stop the notebook; a wrong answer raises
AssertionError.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch

from n2v.nerf.ablation import Variant, fit_variant
from n2v.nerf.encoding import encode
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import blend_weights, composite, psnr
from n2v.scenes.views import ViewSet

DENSITIES = torch.tensor([0.0, 2.0, 30.0, 0.5])  # a thin mist, a wall, something hidden
LENGTHS = torch.tensor([0.1, 0.2, 0.1, 0.3])
COLOURS = torch.tensor([[1.0, 1.0, 0.0], [0.9, 0.2, 0.1], [0.1, 0.3, 0.8], [0.0, 1.0, 0.0]])


def judge(
    name: str, answer: Callable, expected: torch.Tensor, mistakes: dict[str, Callable], tolerance: float = 1e-4
) -> bool:
    """Compare what `answer()` returns; True: right, False: not written yet. Both are printed.

    Args:
        name: Of the exercise.
        answer: Calls the student's function.
        expected: The right result.
        mistakes: Explanation -> a call that gives the result of that mistake.
        tolerance: Largest difference that counts as equal.

    Raises:
        AssertionError: a wrong answer; says which mistake it is, or where it differs.
    """
    try:
        given = answer()
    except NotImplementedError:
        print(f"{name}: not written yet")
        return False
    assert given is not None, f"{name}: nothing came back; is the return missing?"
    parts = given if isinstance(given, tuple | list) else [given]
    found = torch.stack([torch.as_tensor(part, dtype=torch.float32) for part in parts]).reshape(-1)
    expected = expected.float().reshape(-1)
    assert found.shape == expected.shape, f"{name}: {found.numel()} numbers came back, {expected.numel()} are wanted"

    def equal(other: torch.Tensor) -> bool:
        return torch.allclose(found, other.float().reshape(-1), atol=tolerance, rtol=0)

    if equal(expected):
        print(f"{name}: right")
        return True
    for explanation, wrong in mistakes.items():
        assert not equal(torch.as_tensor(wrong())), f"{name}: {explanation}"
    worst = int((found - expected).abs().nan_to_num(math.inf).argmax())
    raise AssertionError(f"{name}: number {worst} is {found[worst]:.4f}, but {expected[worst]:.4f} is right")


def check_opacity(opacity: Callable) -> bool:
    """`opacity(density, length)`: the share of light that a sample absorbs."""
    depths = DENSITIES * LENGTHS
    mistakes = {
        "that is the share which gets through; what is absorbed is the rest": lambda: torch.exp(-depths),
        "the sign in the exponent is wrong: more density must absorb more, never a negative share": lambda: (
            1 - torch.exp(depths)
        ),
        "the length is missing: a sample twice as long absorbs more": lambda: 1 - torch.exp(-DENSITIES),
        "density times length is the optical depth; it exceeds 1, a share cannot": lambda: depths,
        "a raw density is not a share (the published code makes this mistake on the background)": lambda: DENSITIES,
    }
    return judge("opacity", lambda: opacity(DENSITIES, LENGTHS), -torch.expm1(-depths), mistakes)


def check_transmittance(transmittance: Callable) -> bool:
    """`transmittance(alphas)`: the share of light that reaches each sample of one ray."""
    alphas = -torch.expm1(-DENSITIES * LENGTHS)
    one_ray = torch.zeros(len(alphas), dtype=torch.long)
    light = blend_weights(DENSITIES * LENGTHS, one_ray, 1)[1:] / alphas[1:]
    through = 1 - alphas
    mistakes = {
        "the product includes the sample itself: a sample cannot shade itself, so T of the first is 1": lambda: (
            through.cumprod(0)
        ),
        "the product runs from the far end: the nearest sample comes first": lambda: torch.cat(
            [through.flip(0).cumprod(0).flip(0)[1:], torch.ones(1)]
        ),
        "shares multiply, they do not add up: each sample takes its share of what is left": lambda: (
            1 - (alphas.cumsum(0) - alphas)
        ),
        "multiply what gets through, 1 - alpha, not what is absorbed": lambda: torch.cat(
            [torch.ones(1), alphas.cumprod(0)[:-1]]
        ),
    }
    return judge("transmittance", lambda: transmittance(alphas), torch.cat([torch.ones(1), light]), mistakes)


def check_pixel(pixel: Callable) -> bool:
    """`pixel(densities, lengths, colours, background)`: one composited ray."""
    background = torch.tensor([0.2, 0.4, 0.6])

    def blended(at: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        one_ray = torch.zeros(len(at), dtype=torch.long)
        colour, opacity = composite(DENSITIES[at], COLOURS[at], LENGTHS[at], one_ray, 1)
        return colour[0], opacity[0]

    colour, opacity = blended([0, 1, 2, 3])
    depths = DENSITIES * LENGTHS
    alphas, after = -torch.expm1(-depths), torch.exp(-depths.cumsum(0))
    backwards, _ = blended([3, 2, 1, 0])
    mistakes = {
        "the background is missing: what the ray does not absorb shows it": lambda: colour,
        "the background belongs behind what is left of the light, not at full strength": lambda: colour + background,
        "the ray is composited from the far end: the nearest sample comes first": lambda: (
            backwards + background * (1 - opacity)
        ),
        "the light was dimmed before the sample's own colour was added": lambda: (
            (after * alphas) @ COLOURS + background * after[-1]
        ),
        "colours are weighted with alpha alone: multiply by the light that reaches the sample": lambda: (
            alphas @ COLOURS + background * (1 - opacity)
        ),
        "do not divide by the opacity: the colour is to stay premultiplied": lambda: (
            colour / opacity + background * (1 - opacity)
        ),
    }
    expected = colour + background * (1 - opacity)
    return judge("pixel", lambda: pixel(DENSITIES, LENGTHS, COLOURS, background), expected, mistakes)


def check_psnr(my_psnr: Callable) -> bool:
    """`my_psnr(first, second)`: dB of two pictures in [0, 1]."""
    first = torch.linspace(0, 1, 48).view(4, 4, 3)
    second = (first + 0.1 * torch.cos(40 * first)).clamp(0, 1)
    mse = float(((first - second) ** 2).mean())
    mistakes = {
        "that is the formula as the thesis prints it (eq. 3.4); it is not in dB": lambda: -10 * math.log(mse / 10),
        "a decibel is a power of ten: take log10, not the natural logarithm": lambda: -10 * math.log(mse),
        "the sign is wrong: a smaller error must give more dB": lambda: 10 * math.log10(mse),
        "20 goes with the root of the mean squared error, 10 with the mean squared error": lambda: (
            -20 * math.log10(mse)
        ),
        "square the differences before the mean": lambda: -10 * math.log10(float((first - second).abs().mean())),
    }
    return judge("PSNR", lambda: my_psnr(first, second), torch.tensor(psnr(first, second)), mistakes, 1e-3)


def check_octave(octave: Callable) -> bool:
    """`octave(x, k)`: sine and cosine of 2^k pi x."""
    x, k = torch.tensor(0.3), 3
    expected = encode(torch.stack([x, x, x]))[2 * k : 2 * k + 2]

    def waves(angle: torch.Tensor) -> torch.Tensor:
        return torch.stack([angle.sin(), angle.cos()])

    mistakes = {
        "the sine comes first, then the cosine": lambda: expected.flip(0),
        "pi is missing": lambda: waves(2**k * x),
        "2 to the power k, not 2 times k: each octave doubles the frequency": lambda: waves(2 * k * math.pi * x),
        "octave 0 has half a period in the box: pi, not 2 pi": lambda: waves(2**k * 2 * math.pi * x),
        "octaves count from 0": lambda: waves(2 ** (k - 1) * math.pi * x),
    }
    return judge("octave", lambda: octave(x, k), expected, mistakes)


def check_fewer_views(psnr_with: Callable, view_set: ViewSet, config: FitConfig, n_views: int = 6) -> bool:
    """`psnr_with(n_views)`: held-out PSNR after a fit to evenly spaced pictures, at seed 0 and `config`."""

    def measured(kept) -> torch.Tensor:
        few = replace(view_set, images=view_set.images[kept], c2w=view_set.c2w[kept])
        return torch.tensor(fit_variant(few, Variant(), config, 0)[2]["psnr_db"])

    mistakes = {
        "those are the first pictures of the turn: they show one side only; space them evenly": lambda: measured(
            slice(n_views)
        ),
        "all pictures were used": lambda: measured(slice(None)),
    }
    spaced = measured(slice(None, None, len(view_set.images) // n_views))
    return judge("fewer views", lambda: psnr_with(n_views), spaced, mistakes, tolerance=0.3)
