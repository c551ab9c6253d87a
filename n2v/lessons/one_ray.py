"""Notebook 02, one ray: its samples in the box, every number between them and a pixel, and the checks of those."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.lessons.drawing.pictures import show, to_rgb
from n2v.lessons.drawing.style import CHANCE, OURS
from n2v.lessons.judge import Check
from n2v.nerf.composite import blend_weights
from n2v.nerf.march import camera_rays, march
from n2v.nerf.nerf import Field
from n2v.nerf.occupancy import cell_centres
from n2v.scenes.cameras import CAMERA_ANGLE_X
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet


def rays_in_box(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"], view: int = 0, n_side: int = 5, step=0.04):
    """Cameras around the box, n_side^2 rays of one of them, and the samples that lie in the hull."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.4, 5.4), subplot_kw={"projection": "3d"})
    corners = list(itertools.product(*zip(AABB[:3], AABB[3:], strict=True)))
    for ends in itertools.combinations(corners, 2):
        if np.isclose(*ends).sum() == 2:
            axis.plot(*zip(*ends, strict=True), color="black", lw=0.8)
    cells, places = cell_centres(hull.shape[0])[hull.reshape(-1)].numpy(), view_set.c2w[:, :3, 3]
    origins, directions = camera_rays(torch.as_tensor(view_set.c2w[view]).float(), n_side, view_set.camera_angle_x)
    for ends in np.stack([origins, origins + 2.6 * directions], -1):
        axis.plot(*ends, color=OURS, lw=0.7, label=f"{n_side**2} rays of one camera")
    samples = march(origins, directions, hull, step).positions(origins, directions).numpy()
    axis.computed_zorder = False  # the samples stand inside the hull: it must not hide them
    for points, marker, size, alpha, colour, label in (
        (cells[:: max(1, len(cells) // 1500)], "o", 3, 0.2, CHANCE, "cells of the hull"),
        (places, "^", 16, 1, "black", f"{len(places)} cameras"),
        (samples, "s", 12, 1, "#D55E00", f"their samples in the hull, every {step:g}"),
    ):
        axis.scatter(
            *points.T, s=size, marker=marker, color=colour, alpha=alpha, label=label, depthshade=False, zorder=9
        )
    axis.set(xlabel="x", ylabel="y", zlabel="z (up), scene units", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), zlim=(-0.8, 1.9))
    axis.set_box_aspect((3.4, 3.4, 2.7))
    axis.view_init(18, -50)
    named = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))  # the rays once
    axis.legend(named.values(), named, loc="upper left", fontsize=8)
    return figure


def integral_and_sum(lengths: tuple[float, ...] = (0.25, 0.05)):
    """Light through a smooth mist: the exact curve, and what pieces of constant density make of it.

    Density 8 exp(-((t - 0.6) / 0.1)^2) over t in [0, 1].
    """
    import matplotlib.pyplot as plt
    from scipy.integrate import cumulative_trapezoid

    def density(t):
        return 8 * np.exp(-(((t - 0.6) / 0.1) ** 2))

    fine = np.linspace(0, 1, 1001)
    exact = np.exp(-cumulative_trapezoid(density(fine), fine, initial=0))
    figure, axes = plt.subplots(2, len(lengths), figsize=(4.2 * len(lengths), 4.4), sharex=True, sharey="row")
    for (above, below), length in zip(axes.T, lengths, strict=True):
        starts = np.arange(0, 1, length)
        sigmas = density(starts + length / 2)
        alphas = 1 - np.exp(-sigmas * length)
        light = np.concatenate([[1], np.cumprod(1 - alphas)])
        above.plot(fine, density(fine), color=CHANCE, lw=2, label="σ(t)")
        above.step([*starts, 1], [*sigmas, sigmas[-1]], where="post", color=OURS, label="σ of each sample")
        above.set_title(f"δ = {length:g}: {light[-1]:.3f} of the light is left (exact: {exact[-1]:.3f})", fontsize=9)
        below.plot(fine, exact, color=CHANCE, lw=2, label="T(t) = exp(−∫σ)")
        below.plot([*starts, 1], light, "o--", ms=4, color=OURS, label="T of each sample, Π(1 − α)")
        below.bar(starts, light[:-1] * alphas, length, align="edge", color="#D55E00", alpha=0.5, label="weight T·α")
        below.set(ylim=(0, 1.08), xlabel="distance t along the ray (scene units)")
    axes[0, 0].set_ylabel("density σ\n(per scene unit)")
    axes[1, 0].set_ylabel("share of the light")
    for axis, place in zip(axes[:, 0], ("upper left", "lower left"), strict=True):
        axis.legend(fontsize=8, loc=place)
    figure.subplots_adjust(hspace=0.12, wspace=0.08)
    return figure


@dataclass(frozen=True)
class PixelRay:
    """Samples along the ray of one pixel, nearest first.

    t_mids: distances from the camera, scene units; length: of a sample, scene units; sigmas: density per scene unit;
    transmittance: light left before each sample; weights: transmittance times absorbed share; rgbs: in [0, 1].
    """

    t_mids: Float[np.ndarray, "s"]
    length: float
    sigmas: Float[np.ndarray, "s"]
    transmittance: Float[np.ndarray, "s"]
    weights: Float[np.ndarray, "s"]
    rgbs: Float[np.ndarray, "s 3"]

    @property
    def pixel(self) -> Float[np.ndarray, "3"]:
        """The colour that the samples make over white."""
        return self.weights @ self.rgbs + (1 - self.weights.sum())


@torch.no_grad()
def look_along(
    field: Field,
    c2w: Float[torch.Tensor, "4 4"],
    size_px: int,
    place: tuple[int, int],
    step: float,
    camera_angle_x: float = CAMERA_ANGLE_X,
) -> PixelRay:
    """The samples of the pixel at `place` = (row, column), counted from the top left, of a square picture.

    Accuracy: `pixel` is what `Field.image` shows there, within 1e-5 (tests/lessons/test_one_ray.py).
    """
    row, column = place
    if not (0 <= row < size_px and 0 <= column < size_px):
        raise BadInput(f"no pixel ({row}, {column})", fix=f"rows and columns go from 0 to {size_px - 1}")
    origins, directions = camera_rays(c2w, size_px, camera_angle_x)
    one = slice(row * size_px + column, row * size_px + column + 1)
    samples = march(origins[one], directions[one], field.occupied, step)
    positions = samples.positions(origins[one], directions[one])
    sigmas, rgbs = field.query(positions) if len(positions) else (positions[:, 0], positions)
    depths = sigmas.double() * step
    light = torch.exp(depths - torch.cumsum(depths, 0))
    blend = blend_weights(sigmas * step, samples.ray_indices, 1)
    t_mids = (samples.t_starts + samples.t_ends) / 2
    values = (value.float().numpy() for value in (sigmas, light, blend, rgbs))
    return PixelRay(t_mids.numpy(), step, *values)


def busiest_pixel(
    occupied: Bool[torch.Tensor, "g g g"],
    c2w: Float[torch.Tensor, "4 4"],
    size_px: int,
    step: float,
    camera_angle_x: float = CAMERA_ANGLE_X,
) -> tuple[int, int]:
    """(row, column) of the pixel with the most samples on its ray."""
    samples = march(*camera_rays(c2w, size_px, camera_angle_x), occupied, step)
    return divmod(int(samples.counts().argmax()), size_px)


def ray_figure(ray: PixelRay, picture: Float[np.ndarray, "h w c"], place: tuple[int, int]):
    """The picture with the pixel marked; density, absorbed share, light left and weight of each sample; their pixel."""
    import matplotlib.pyplot as plt

    rows = {
        "density σ\n(per scene unit)": ray.sigmas,
        "absorbed share\nα = 1 − exp(−σδ)": -np.expm1(-ray.sigmas * ray.length),
        "light left\nT (before it)": ray.transmittance, "weight\nT·α": ray.weights,
    }  # fmt: skip
    layout, widths = [["picture", label, "pixel"] for label in rows], [4, 6, 1]
    figure, axes = plt.subplot_mosaic(layout, figsize=(12, 6), width_ratios=widths, gridspec_kw={"wspace": 0.5})
    row, column = place
    axes["picture"].imshow(to_rgb(picture))
    axes["picture"].plot(column, row, "s", ms=9, mfc="none", mec="black", mew=2)
    axes["picture"].axhline(row, color="black", lw=0.6, ls=":")
    axes["picture"].axvline(column, color="black", lw=0.6, ls=":")
    axes["picture"].set(title=f"row {row}, column {column}", xlabel="column (pixels)", ylabel="row (pixels)")
    axes["picture"].grid(False)
    for label, values in rows.items():
        axis = axes[label]
        axis.vlines(ray.t_mids, 0, values, color="black", lw=0.8)
        axis.scatter(ray.t_mids, values, s=22, c=np.clip(ray.rgbs, 0, 1), edgecolor="black", lw=0.6, zorder=3)
        axis.set(ylabel=label, ylim=(0, None if values is ray.sigmas else 1.08))
        if values is not ray.weights:
            axis.sharex(axes["weight\nT·α"])
            axis.tick_params(labelbottom=False)
    axis.set_xlabel(f"distance t along the ray (scene units); samples of δ = {ray.length:.2g}")
    show(axes["pixel"], ray.pixel[None, None], "pixel\nΣ T·α·c + rest", f"opacity\n{ray.weights.sum():.3f}")
    figure.align_ylabels([axes[label] for label in rows])
    return figure


DENSITIES = torch.tensor([0.0, 2.0, 30.0, 0.5])  # a thin mist, a wall, something hidden
LENGTHS = torch.tensor([0.1, 0.2, 0.1, 0.3])
ALPHAS = -torch.expm1(-DENSITIES * LENGTHS)
COLOURS = torch.tensor([[1.0, 1.0, 0.0], [0.9, 0.2, 0.1], [0.1, 0.3, 0.8], [0.0, 1.0, 0.0]])


def light_before(alphas: Float[torch.Tensor, "... n"]) -> Float[torch.Tensor, "... n"]:
    """Share of light that reaches each sample of a ray: the product of what those before it let through."""
    return torch.cat([torch.ones_like(alphas[..., :1]), 1 - alphas[..., :-1]], -1).cumprod(-1)


def blended(alphas, light, colours, background) -> Float[torch.Tensor, "... 3"]:
    """Colours (..., n, 3) weighed by alphas and light (..., n), over a background (..., 3)."""
    weights = (light * alphas)[..., None]
    return (weights * colours).sum(-2) + (1 - weights.sum(-2)) * background


check_opacity = Check(
    "opacity",
    [(DENSITIES, LENGTHS)],
    lambda density, length: -torch.expm1(-density * length),
    {
        "that is the share which gets through; what is absorbed is the rest": lambda d, length: torch.exp(-d * length),
        "the sign in the exponent is wrong: a share is never negative": lambda d, length: 1 - torch.exp(d * length),
        "the length is missing: a sample twice as long absorbs more": lambda d, length: 1 - torch.exp(-d),
        "density times length is the optical depth; it exceeds 1, a share cannot": lambda d, length: d * length,
        "a raw density is not a share (the published code makes this mistake on the background)": lambda d, length: d,
    },
)

check_transmittance = Check(
    "transmittance",
    [(ALPHAS,)],
    light_before,
    {
        "a sample cannot shade itself: the product leaves it out, T of the first is 1": lambda a: (1 - a).cumprod(-1),
        "the nearest sample comes first: the product runs from there": lambda a: light_before(a.flip(-1)).flip(-1),
        "shares multiply, they do not add up": lambda a: 1 - (a.cumsum(-1) - a),
        "multiply what gets through, 1 - alpha, not what is absorbed": lambda a: light_before(1 - a),
    },
)

check_pixel = Check(
    "pixel",
    [(ALPHAS, light_before(ALPHAS), COLOURS, torch.tensor([0.2, 0.4, 0.6]))],
    blended,
    {
        "the background is missing: what the ray does not absorb shows it": lambda a, t, c, b: blended(a, t, c, 0 * b),
        "the background shows with what is left of the light, not at full strength": lambda a, t, c, b: (a * t) @ c + b,
        "the light that reaches the last sample is not what is left behind it": lambda a, t, c, b: (
            (a * t) @ c + t[-1] * b
        ),
        "colours are weighted with alpha alone: multiply by the light": lambda a, t, c, b: a @ c + (1 - a @ t) * b,
        "colours are weighted with the light alone: multiply by alpha": lambda a, t, c, b: t @ c + (1 - a @ t) * b,
        "do not divide by the opacity": lambda a, t, c, b: (a * t) @ c / (a @ t) + (1 - a @ t) * b,
    },
)
