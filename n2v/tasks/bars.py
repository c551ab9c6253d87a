"""The bars an embedding has to clear: what can be read without learning one. Each is a function of one collection."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.nerf.layout import N_FEATURES, N_OCTAVES, SHAPES


def ruler(occupied: Bool[np.ndarray, "n g g g"]) -> Float[np.ndarray, "n 7"]:
    """Seven numbers: lowest and highest occupied cell along x, y, z and the logarithm of the occupied share.

    Cells are counted in shares of the box's side. Whoever knows no more than these knows a bounding box.
    """
    found = []
    for cells in np.asarray(occupied):
        spans = [np.flatnonzero(cells.any(tuple(a for a in range(3) if a != axis))) for axis in range(3)]
        low = [span[0] / len(cells) if len(span) else 0.5 for span in spans]
        high = [(span[-1] + 1) / len(cells) if len(span) else 0.5 for span in spans]
        found.append([*low, *high, np.log(cells.mean() + 1e-6)])
    return np.array(found, np.float32).reshape(-1, 7)


def pooled_occupancy(occupied: Bool[np.ndarray, "n g g g"], size: int = 12) -> Float[np.ndarray, "n c"]:
    """Occupied share of size^3 equal parts of the box, flat."""
    cells = torch.from_numpy(np.ascontiguousarray(occupied)).float()
    return torch.nn.functional.adaptive_avg_pool3d(cells, size).flatten(1).numpy()


def silhouettes(occupied: Bool[np.ndarray, "n g g g"]) -> Bool[np.ndarray, "n c"]:
    """What the occupied cells cover seen along x, y and z, flat."""
    return np.concatenate([np.asarray(occupied).any(axis).reshape(len(occupied), -1) for axis in (1, 2, 3)], 1)


def overlap(one: Bool[np.ndarray, "n c"], other: Bool[np.ndarray, "m c"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of every pair of binary rows."""
    a, b = (torch.from_numpy(np.ascontiguousarray(rows, np.float32)) for rows in (one, other))
    both = a @ b.T
    return (both / (a.sum(1)[:, None] + b.sum(1) - both).clamp(min=1)).numpy()


def low_octaves(field_weights: Float[np.ndarray, "n w"], n: int = 8) -> Float[np.ndarray, "n v"]:
    """The weights without the input columns of octaves n and above, which a sample step cannot resolve."""
    columns = np.arange(N_FEATURES) // 2 % N_OCTAVES < n
    rest = field_weights.shape[1] - SHAPES[0][0] * N_FEATURES
    return field_weights[:, np.concatenate([np.tile(columns, SHAPES[0][0]), np.ones(rest, bool)])]


def whitened_within(
    train: Float[np.ndarray, "n d"], base_ids: list[str], others: list[Float[np.ndarray, "m d"]]
) -> list[Float[np.ndarray, "m d"]]:
    """Features in which versions of one object differ alike in every direction, at unit length (for cosine distances).

    Closed form: the covariance of what distinguishes versions of one object is turned into the identity (within-class
    covariance normalisation, Hatch and Stolcke 2006, with base objects for classes).

    Returns:
        Train first, then the others.
    """
    mean = train.mean(0)
    names, member = np.unique(base_ids, return_inverse=True)
    centres = np.zeros((len(names), train.shape[1]))
    np.add.at(centres, member, train)
    apart = train - (centres / np.bincount(member)[:, None])[member]
    covariance = apart.T @ apart / max(len(train) - len(names), 1)
    values, vectors = np.linalg.eigh(
        covariance + 0.1 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    )
    turned = [(x - mean) @ vectors / np.sqrt(values) for x in (train, *others)]
    return [(x / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-9)).astype(np.float32) for x in turned]


def nearness(
    shapes: Bool[np.ndarray, "n c"], base_ids: list[str], train: Int[np.ndarray, "m"], test: Int[np.ndarray, "t"]
) -> tuple[Float[np.ndarray, "t"], Float[np.ndarray, "t"]]:
    """Of each test object: overlap with the nearest training object, and mean overlap with its own tested versions.

    Where the first is larger the test set asks for nothing new. Without versions in test the second is 0.

    Args:
        shapes: Silhouettes or occupied cells of all objects.
        base_ids: Of all objects.
        train: Their positions.
        test: Their positions.
    """
    own, names = overlap(shapes[test], shapes[test]), np.unique(np.array(base_ids)[test], return_inverse=True)[1]
    same = (names[:, None] == names) & ~np.eye(len(test), dtype=bool)
    return overlap(shapes[test], shapes[train]).max(1), (own * same).sum(1) / same.sum(1).clip(1)
