"""Notebook 02, one ray: its samples in the box, every number between them and a pixel, and the checks of those."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.errors import BadInput
from n2v.lessons.drawing.pictures import to_rgb
from n2v.lessons.drawing.style import CHANCE, OURS
from n2v.lessons.judge import judge
from n2v.nerf.composite import blend_weights, composite
from n2v.nerf.march import camera_rays, march
from n2v.nerf.nerf import Field
from n2v.nerf.occupancy import cell_centres
from n2v.scenes.cameras import CAMERA_ANGLE_X
from n2v.scenes.objects import AABB
from n2v.scenes.views import ViewSet


def rays_in_box(view_set: ViewSet, hull: Bool[torch.Tensor, "g g g"], view: int = 0, n_side: int = 5, step=0.04):
    """Cameras around the box, n_side^2 rays of one of them, and the samples that lie in the hull."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(6.4, 5.4))
    axis = figure.add_subplot(projection="3d")
    corners = np.array(np.meshgrid(*zip(AABB[:3], AABB[3:], strict=True), indexing="ij")).reshape(3, -1).T
    for i, first in enumerate(corners):
        for second in corners[i + 1 :]:
            if np.isclose(first, second).sum() == 2:
                axis.plot(*np.stack([first, second]).T, color="black", lw=0.8)
    cells = cell_centres(hull.shape[0])[hull.reshape(-1)].numpy()
    shown = cells[:: max(1, len(cells) // 1500)]
    axis.scatter(*shown.T, s=3, color=CHANCE, alpha=0.35, label="cells of the hull", depthshade=False)
    places = view_set.c2w[:, :3, 3]
    axis.scatter(*places.T, s=16, marker="^", color="black", label=f"{len(places)} cameras", depthshade=False)
    c2w = torch.as_tensor(view_set.c2w[view], dtype=torch.float32)
    origins, directions = camera_rays(c2w, n_side, view_set.camera_angle_x)
    for i, (origin, direction) in enumerate(zip(origins.numpy(), directions.numpy(), strict=True)):
        ends = np.stack([origin, origin + 2.6 * direction])
        axis.plot(*ends.T, color=OURS, lw=0.7, label=f"{n_side**2} rays of one camera" if i == 0 else None)
    samples = march(origins, directions, hull, step).positions(origins, directions).numpy()
    label = f"their samples in the hull, every {step:g}"
    axis.scatter(*samples.T, s=12, marker="s", color="#D55E00", label=label, depthshade=False)
    axis.set(xlabel="x", ylabel="y", zlabel="z (up), scene units", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), zlim=(-0.8, 1.9))
    axis.set_box_aspect((3.4, 3.4, 2.7))
    axis.view_init(18, -50)
    axis.legend(loc="upper left", fontsize=8)
    return figure


def integral_and_sum(lengths: tuple[float, ...] = (0.25, 0.05)):
    """Light through a smooth mist: the exact curve, and what pieces of constant density make of it.

    Density 8 exp(-((t - 0.6) / 0.1)^2) over t in [0, 1].
    """
    import matplotlib.pyplot as plt

    def density(t):
        return 8 * np.exp(-(((t - 0.6) / 0.1) ** 2))

    fine = np.linspace(0, 1, 1001)
    depth = np.concatenate([[0], np.cumsum((density(fine[1:]) + density(fine[:-1])) / 2 * np.diff(fine))])
    figure, axes = plt.subplots(2, len(lengths), figsize=(4.2 * len(lengths), 4.4), sharex=True, sharey="row")
    for (above, below), length in zip(axes.T, lengths, strict=True):
        starts = np.arange(0, 1, length)
        sigmas = density(starts + length / 2)
        alphas = 1 - np.exp(-sigmas * length)
        light = np.concatenate([[1], np.cumprod(1 - alphas)])
        above.plot(fine, density(fine), color=CHANCE, lw=2, label="σ(t)")
        above.step([*starts, 1], [*sigmas, sigmas[-1]], where="post", color=OURS, label="σ of each sample")
        below.plot(fine, np.exp(-depth), color=CHANCE, lw=2, label="T(t) = exp(−∫σ)")
        below.plot([*starts, 1], light, "o--", ms=4, color=OURS, label="T of each sample, Π(1 − α)")
        below.bar(starts, light[:-1] * alphas, length, align="edge", color="#D55E00", alpha=0.5, label="weight T·α")
        below.set_ylim(0, 1.08)
        below.set_xlabel("distance t along the ray (scene units)")
        above.set_title(
            f"δ = {length:g}: {light[-1]:.3f} of the light is left (exact: {np.exp(-depth[-1]):.3f})", fontsize=9
        )
    axes[0, 0].set_ylabel("density σ\n(per scene unit)")
    axes[1, 0].set_ylabel("share of the light")
    axes[0, 0].legend(fontsize=8, loc="upper left")
    axes[1, 0].legend(fontsize=8, loc="lower left")
    figure.subplots_adjust(hspace=0.12, wspace=0.08)
    return figure


def ray_stems(
    t_mids: Float[np.ndarray, "s"],
    length: float,
    sigmas: Float[np.ndarray, "s"],
    rgbs: Float[np.ndarray, "s 3"],
    picture: Float[np.ndarray, "h w c"] | None = None,
    place: tuple[int, int] = (0, 0),
):
    """Density, alpha, transmittance and blend weight of the samples of one ray, and the pixel they make on white.

    With a picture, its pixel at `place` (row, column) is marked beside them.
    """
    import matplotlib.pyplot as plt

    depths = sigmas.astype(np.float64) * length
    alphas = -np.expm1(-depths)
    light = np.exp(-(np.cumsum(depths) - depths))
    weights = light * alphas
    pixel = weights @ rgbs + (1 - weights.sum())
    layout, widths = [[name, "pixel"] for name in ("sigma", "alpha", "light", "weight")], [6, 1]
    if picture is not None:
        layout, widths = [["picture", *names] for names in layout], [4, 6, 1]
    figure, axes = plt.subplot_mosaic(layout, figsize=(1.1 * sum(widths), 6), width_ratios=widths)
    if picture is not None:
        _mark_pixel(axes["picture"], picture, place)
        figure.subplots_adjust(wspace=0.5)
    rows = {
        "sigma": (sigmas, "density σ\n(per scene unit)"), "alpha": (alphas, "absorbed share\nα = 1 − exp(−σδ)"),
        "light": (light, "light left\nT (before it)"), "weight": (weights, "weight\nT·α"),
    }  # fmt: skip
    for name, (values, label) in rows.items():
        axis = axes[name]
        axis.vlines(t_mids, 0, values, color="black", lw=0.8)
        axis.scatter(t_mids, values, s=22, c=np.clip(rgbs, 0, 1), edgecolor="black", lw=0.6, zorder=3)
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.margins(y=0.15)
        if name != "sigma":
            axis.set_ylim(0, 1.08)
        if name != "weight":
            axis.sharex(axes["weight"])
            axis.tick_params(labelbottom=False)
    axes["weight"].set_xlabel(f"distance t along the ray (scene units); samples of δ = {length:.2g}")
    axes["pixel"].imshow(np.clip(pixel, 0, 1)[None, None])
    axes["pixel"].set(xticks=[], yticks=[], title="pixel\nΣ T·α·c + rest")
    axes["pixel"].set_xlabel(f"opacity\n{weights.sum():.3f}")
    figure.align_ylabels([axes[name] for name in rows])
    return figure


def _mark_pixel(axis, picture: Float[np.ndarray, "h w c"], place: tuple[int, int]) -> None:
    """A picture with cross hairs around one pixel."""
    row, column = place
    axis.imshow(to_rgb(picture))
    axis.plot(column, row, "s", ms=9, mfc="none", mec="black", mew=2)
    axis.axhline(row, color="black", lw=0.6, ls=":")
    axis.axvline(column, color="black", lw=0.6, ls=":")
    axis.set(title=f"row {row}, column {column}", xlabel="column (pixels)", ylabel="row (pixels)")
    axis.grid(False)


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
    """The picture with the pixel marked, beside density, absorbed share, light left and weight of each sample."""
    return ray_stems(ray.t_mids, ray.length, ray.sigmas, ray.rgbs, picture, place)


DENSITIES = torch.tensor([0.0, 2.0, 30.0, 0.5])  # a thin mist, a wall, something hidden
LENGTHS = torch.tensor([0.1, 0.2, 0.1, 0.3])
COLOURS = torch.tensor([[1.0, 1.0, 0.0], [0.9, 0.2, 0.1], [0.1, 0.3, 0.8], [0.0, 1.0, 0.0]])


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
    """`pixel(alphas, light, colours, background)`: one composited ray."""
    background, at = torch.tensor([0.2, 0.4, 0.6]), torch.zeros(len(DENSITIES), dtype=torch.long)
    colour, opacity = composite(DENSITIES, COLOURS, LENGTHS, at, 1)[0].split([3, 1])
    alphas = -torch.expm1(-DENSITIES * LENGTHS)
    weights = blend_weights(DENSITIES * LENGTHS, at, 1)
    light = torch.cat([torch.ones(1), (1 - alphas).cumprod(0)[:-1]])
    mistakes = {
        "the background is missing: what the ray does not absorb shows it": lambda: colour,
        "the background belongs behind what is left of the light, not at full strength": lambda: colour + background,
        "the light that reaches the last sample is not what is left behind it": lambda: colour + light[-1] * background,
        "colours are weighted with alpha alone: multiply by the light that reaches the sample": lambda: (
            alphas @ COLOURS + background * (1 - opacity)
        ),
        "colours are weighted with the light alone: a sample shows the share that it absorbs": lambda: (
            light @ COLOURS + background * (1 - opacity)
        ),
        "do not divide by the opacity: the colour is to stay premultiplied": lambda: (
            colour / opacity + background * (1 - opacity)
        ),
    }
    expected = weights @ COLOURS + background * (1 - opacity)
    return judge("pixel", lambda: pixel(alphas, light, COLOURS, background), expected, mistakes)
