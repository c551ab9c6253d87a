"""What a reconstruction loses, and where: outline, colour or detail; near the outline or inside; in thin objects."""

import itertools
import math

import numpy as np
import torch
from jaxtyping import Float

from n2v.tasks.metrics import summarise

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


def error_bands(shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"]) -> list[dict]:
    """Squared colour error, summed, and pixels, in bands of distance from the outline."""
    squared = ((shown - truth)[..., :3] ** 2).mean(-1).double().numpy()
    distance, rows = edge_distance(truth), []
    for low, high in itertools.pairwise(BANDS_PX):
        inside = (distance >= low) & (distance < high)
        middle = (low + high) / 2
        rows.append({"distance_px": middle, "squared": float(squared[inside].sum()), "n_pixels": int(inside.sum())})
    return rows


def join_bands(bands: list[list[dict]]) -> list[dict[str, float]]:
    """Root mean square error a band over several objects; bands without a pixel are left out."""
    rows = []
    for parts in zip(*bands, strict=True):
        n = sum(part["n_pixels"] for part in parts)
        if n:
            rms = math.sqrt(sum(part["squared"] for part in parts) / n)
            rows.append({"distance_px": parts[0]["distance_px"], "rms_error": rms, "n_pixels": n})
    return rows


def where_lost(shown: Float[torch.Tensor, "v h w 4"], truth: Float[torch.Tensor, "v h w 4"]) -> dict:
    """All of this file for one reconstruction: columns for n2v.embed.reconstruct."""
    return {
        "error_shares": error_shares(shown, truth),
        "bands": error_bands(shown, truth),
        "thickness_px": thickness(truth),
    }


def thickness(truth: Float[torch.Tensor, "v h w 4"]) -> float:
    """Mean distance of an object's pixels from its outline (pixels); NaN without a pixel. A bar w wide: about w / 4."""
    distance = edge_distance(truth)
    return float(distance[distance > 0].mean()) if (distance > 0).any() else math.nan


def psnr_chain(first_db: float, second_db: float) -> float:
    """PSNR of two independent errors one after the other: their squares add."""
    return -10 * math.log10(10 ** (-first_db / 10) + 10 ** (-second_db / 10))


def outline_and_inside(rows: list[dict], near_px: float = 1.5) -> tuple[float, float, float, int]:
    """Error on the object near its outline minus farther inside (root mean squares), 95 % interval over objects, n.

    `rows` have what `where_lost` gives; objects without a pixel farther inside are left out.
    """
    apart = []
    for row in rows:
        parts = []
        for inner in (False, True):
            mine = [
                band for band in row["bands"] if band["distance_px"] > 0 and (band["distance_px"] > near_px) == inner
            ]
            n = sum(band["n_pixels"] for band in mine)
            parts.append(math.sqrt(sum(band["squared"] for band in mine) / n) if n else math.nan)
        apart.append(parts[0] - parts[1])
    found = summarise([one for one in apart if math.isfinite(one)])
    return found["mean"], found["mean"] - found["half_width"], found["mean"] + found["half_width"], found["n"]


def correlation_interval(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Correlation of finite pairs and its 95 % interval (Fisher's z); NaN for fewer than four."""
    finite = np.array([pair for pair in pairs if np.isfinite(pair).all()])
    if len(finite) < 4 or np.ptp(finite, 0).min() == 0:
        return math.nan, math.nan, math.nan
    value = float(np.corrcoef(finite.T)[0, 1])
    half = 1.96 / math.sqrt(len(finite) - 3)
    z = math.atanh(min(max(value, -0.9999), 0.9999))
    return value, math.tanh(z - half), math.tanh(z + half)
