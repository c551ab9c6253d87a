"""What a reconstruction loses, and where: outline, colour or detail; near the outline or inside."""

import math

import numpy as np
import torch
from jaxtyping import Float

BANDS_PX = (-6, -4, -2.5, -1.5, 0, 1.5, 2.5, 4, 6, 10)  # edges of the bands around the outline


def error_shares(shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"]) -> dict[str, float]:
    """Where the squared error of a reconstruction lies; three shares that sum to 1 (NaN without any error).

    shape: pixels whose opacities differ by more than a half. Of the rest, colour: what one colour shift of the whole
    object would mend; detail: what is left.
    """
    error = shown[..., :3].double() - truth[..., :3].double()
    wrong = (shown[..., 3] - truth[..., 3]).abs() > 0.5
    shape, rest = float((error[wrong] ** 2).sum()), error[~wrong]
    body = error[~wrong & (truth[..., 3] > 0.5)]
    colour = float(len(body) * (body.mean(0) ** 2).sum()) if len(body) else 0.0
    total = shape + float((rest**2).sum())
    parts = {"shape": shape, "colour": colour, "detail": total - shape - colour}
    return {name: value / total if total else math.nan for name, value in parts.items()}


def edge_distance(truth: Float[torch.Tensor, "v h w 4"]) -> Float[np.ndarray, "v h w"]:
    """Pixels from the object's outline: positive inside, negative outside; the outline runs between pixels, at 0."""
    from scipy.ndimage import distance_transform_edt

    solid = (truth[..., 3] > 0.5).numpy()
    inside, outside = (np.stack([distance_transform_edt(one) for one in mask]) for mask in (solid, ~solid))
    return np.where(solid, inside - 0.5, 0.5 - outside)


def error_bands(
    shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"]
) -> Float[np.ndarray, "2 b"]:
    """Squared colour error, summed, and pixels, in bands of distance from the outline (BANDS_PX)."""
    squared = ((shown - truth)[..., :3] ** 2).mean(-1).double().numpy()
    distance = edge_distance(truth)
    return np.stack([np.histogram(distance, BANDS_PX, weights=one)[0] for one in (squared, np.ones_like(squared))])


def join_bands(bands: list[Float[np.ndarray, "2 b"]]) -> list[dict[str, float]]:
    """Root mean square error a band over several objects; bands without a pixel are left out."""
    middles = (np.array(BANDS_PX[1:]) + BANDS_PX[:-1]) / 2
    together = zip(middles, *np.sum(bands, 0), strict=True)
    return [{"distance_px": at, "rms_error": math.sqrt(squared / n), "n_pixels": n} for at, squared, n in together if n]


def where_lost(shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"]) -> dict:
    """All of this file for one reconstruction: columns for n2v.embed.reconstruct."""
    return {"error_shares": error_shares(shown, truth), "bands": error_bands(shown, truth)}


def psnr_chain(first_db: float, second_db: float) -> float:
    """PSNR of two independent errors one after the other: their squares add."""
    return -10 * math.log10(10 ** (-first_db / 10) + 10 ** (-second_db / 10))


def outline_and_inside(bands: list[Float[np.ndarray, "2 b"]], near_px: float = 1.5) -> list[float]:
    """Error on each object near its outline minus farther inside (root mean squares); NaN without a pixel inside."""
    begins = np.array(BANDS_PX[:-1])
    with np.errstate(invalid="ignore"):
        near, inside = (
            [np.sqrt(np.divide(*one[:, part].sum(1))) for one in bands]
            for part in ((begins >= 0) & (begins < near_px), begins >= near_px)
        )
    return np.subtract(near, inside).tolist()
