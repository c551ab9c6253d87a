"""Between two objects: in embedding space and in weight space, with numbers beside the pictures."""

import numpy as np
import torch
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.tasks.retrieve import distances

GAMMAS = tuple(round(0.1 * i, 1) for i in range(1, 10))  # thesis eq. 4.1


def lerp(start: Float[np.ndarray, "d"], end: Float[np.ndarray, "d"], gammas=GAMMAS) -> Float[np.ndarray, "g d"]:
    """(1 - gamma) * start + gamma * end for each gamma (thesis eq. 4.1)."""
    weight = np.asarray(gammas, np.float32)[:, None]
    return (1 - weight) * start + weight * end


def slerp(start: Float[np.ndarray, "d"], end: Float[np.ndarray, "d"], gammas=GAMMAS) -> Float[np.ndarray, "g d"]:
    """Along the great circle between the two directions, with lengths interpolated linearly.

    Raises:
        BadInput: a zero vector, or opposite directions, which many great circles join.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0:
        raise BadInput("a zero vector has no direction", fix="use lerp")
    a, b = start / lengths[0], end / lengths[1]
    angle = float(np.arccos(np.clip(a @ b, -1, 1)))
    if angle < 1e-6:
        return lerp(start, end, gammas)
    if np.pi - angle < 1e-3:  # float32 knows the angle no better
        raise BadInput("opposite directions have no single way between them", fix="use lerp")
    gamma = np.asarray(gammas, np.float32)[:, None]
    direction = (np.sin((1 - gamma) * angle) * a + np.sin(gamma * angle) * b) / np.sin(angle)
    way = (direction * ((1 - gamma) * lengths[0] + gamma * lengths[1])).astype(start.dtype)
    return np.where(gamma == 0, start, np.where(gamma == 1, end, way))


def smoothness(frames: Float[torch.Tensor, "g h w c"]) -> dict[str, float]:
    """How evenly pictures change from frame to frame (root mean squared difference of neighbours).

    `worst_share` is the largest step's part of the whole way: 1 / (g - 1) for perfectly even steps, 1 for one jump.
    """
    steps = ((frames[1:] - frames[:-1]) ** 2).flatten(1).mean(1).sqrt()
    total = float(steps.sum())
    return {"mean_step": float(steps.mean()), "worst_share": float(steps.max()) / total if total > 0 else 0.0}


def solidity(frames: Float[torch.Tensor, "g h w 4"]) -> Float[np.ndarray, "g"]:
    """Share of the visible opacity that is nearly solid (> 0.9): a ghost of fog scores low, 0 when nothing is seen."""
    opacity = frames[..., 3].flatten(1)
    return ((opacity * (opacity > 0.9)).sum(1) / opacity.sum(1).clamp(min=1e-6)).numpy()


def distance_to_real(points: Float[np.ndarray, "g d"], real: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "g"]:
    """Distance of each point to the nearest real embedding, in units of the median nearest-neighbour distance.

    NaN where the real embeddings repeat each other: there is no unit then.
    """
    among = distances(real, real)
    np.fill_diagonal(among, np.inf)
    unit = np.median(among.min(1))
    nearest = distances(points, real).min(1)
    return nearest / unit if unit > 0 else np.full_like(nearest, np.nan)
