"""The bars an embedding has to clear: what is read from a NeRF without learning an embedding of it.

A bar is a function from training NeRFs (field_weights, occupied, and for each the number of its object) to a function
from any NeRFs (field_weights, occupied) to vectors, as an entry of n2v.tasks.benchmark is. Labels it never sees.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.embed.model import Nerf2Vec
from n2v.nerf.field import evaluate
from n2v.nerf.layout import N_FEATURES, N_OCTAVES, SHAPES
from n2v.nerf.march import cell_indices
from n2v.nerf.nerf import Nerf
from n2v.nerf.occupancy import cell_centres, learned_occupancy
from n2v.zoo.store import Zoo

Reader = Callable[[np.ndarray, np.ndarray | None], np.ndarray]  # (n, w), (n, g, g, g) or None -> (n, d)


def principal_components(train: Float[np.ndarray, "n d"], others: list[np.ndarray], n: int = 64) -> list[np.ndarray]:
    """Train and other features in the first n principal components of the training features."""
    from sklearn.decomposition import PCA

    front = PCA(min(n, len(train) - 1, train.shape[1]), random_state=0).fit(train)
    return [front.transform(train), *(front.transform(other) for other in others)]


def low_octaves(field_weights: Float[np.ndarray, "n w"], n: int = 8) -> Float[np.ndarray, "n v"]:
    """The weights without the input columns of octaves n and above, which a sample step cannot resolve."""
    columns = np.arange(N_FEATURES) // 2 % N_OCTAVES < n
    rest = field_weights.shape[1] - SHAPES[0][0] * N_FEATURES
    return field_weights[:, np.concatenate([np.tile(columns, SHAPES[0][0]), np.ones(rest, bool)])]


def whitening(features: Float[np.ndarray, "n d"], objects) -> Callable[[np.ndarray], Float[np.ndarray, "_ d"]]:
    """A map to features in which versions of one object differ alike in every direction, of unit length.

    Within-class covariance normalisation (Hatch and Stolcke 2006) with objects for classes: the covariance of what
    distinguishes versions becomes the identity. Of unit length, so that Euclidean distances rank as cosines do.
    """
    mean, (names, member) = features.mean(0), np.unique(objects, return_inverse=True)
    centres = np.zeros((len(names), features.shape[1]))
    np.add.at(centres, member, features)
    apart = features - (centres / np.bincount(member)[:, None])[member]
    values, vectors = np.linalg.eigh(apart.T @ apart / max(len(features) - len(names), 1))
    measured = values[values > 1e-6 * values[-1]]
    floor = 0.1 * np.median(measured) if len(measured) else 1.0  # no direction blown up beyond what was measured
    turn = vectors / np.sqrt(np.maximum(values, 0) + floor)

    def white(others: np.ndarray) -> np.ndarray:
        turned = (others - mean) @ turn
        return (turned / np.linalg.norm(turned, axis=1, keepdims=True).clip(1e-9)).astype(np.float32)

    return white


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
    parts = [torch.from_numpy(np.ascontiguousarray(part)) for part in np.array_split(occupied, len(occupied) // 64 + 1)]
    return torch.cat([torch.nn.functional.adaptive_avg_pool3d(part.float(), size).flatten(1) for part in parts]).numpy()


@torch.no_grad()
def field_values(
    field_weights: Float[np.ndarray, "n w"],
    occupied: Bool[np.ndarray, "n g g g"],
    encoding: str = "exact",
    side: int = 12,
    length: float = 0.1,
) -> Float[np.ndarray, "n f"]:
    """What each field answers at side^3 places: opacity of `length` scene units, and colour where it is seen.

    It looks at the function, so no start and no order of neurons can matter to it.
    """
    places, values = cell_centres(side), []
    for one, grid in zip(field_weights, occupied, strict=True):
        seen = torch.from_numpy(grid).reshape(-1)[cell_indices(places, grid.shape[0])]
        sigmas, rgbs = evaluate(torch.from_numpy(one)[None], places[None], encoding)
        opacity = -torch.expm1(-sigmas[0] * length) * seen
        values.append(torch.cat([opacity[:, None], opacity[:, None] * rgbs[0]], 1).flatten().numpy())
    return np.stack(values)


def renderings(field_weights, occupied, encoding: str = "exact", size_px: int = 32) -> Float[np.ndarray, "n p"]:
    """One picture of each NeRF from one camera, flat, in [0, 1]."""
    pictures = []
    for one, grid in zip(field_weights, occupied, strict=True):
        nerf = Nerf("", torch.from_numpy(one), torch.from_numpy(grid), 0.04, encoding)
        pictures.append(nerf.render(-30, size_px=size_px).reshape(-1) / np.float32(255))
    return np.stack(pictures)


def known_grids(field_weights: np.ndarray, occupied: np.ndarray | None, encoding: str = "exact") -> np.ndarray:
    """The occupancy given, or what the weights alone tell of it, 32 cells a side."""
    if occupied is not None:
        return occupied
    box = torch.ones(32, 32, 32, dtype=torch.bool)
    return np.stack([learned_occupancy(torch.from_numpy(one), box, encoding, n_points=2) for one in field_weights])


def _components(n: int, whiten: bool, field_weights, occupied, objects) -> Reader:
    """Principal components of octaves 0-7 of the training NeRFs, whitened within objects or not."""
    from sklearn.decomposition import PCA

    front = PCA(min(n, len(field_weights) - 1), random_state=0).fit(low_octaves(field_weights))
    last = whitening(front.transform(low_octaves(field_weights)), objects) if whiten else np.float32
    return lambda weights, _: last(front.transform(low_octaves(weights)))


def _standardised_ruler(field_weights, occupied, objects) -> Reader:
    """The ruler's numbers, each by its spread over the training NeRFs."""
    spread = ruler(known_grids(field_weights, occupied)).std(0).clip(1e-6)
    return lambda weights, occupied: ruler(known_grids(weights, occupied)) / spread


FITTED: dict[str, Callable[..., Reader]] = {
    "raw weights, whitened": partial(_components, 128, True),
    "raw weights, components": partial(_components, 64, False),
    "ruler": _standardised_ruler,
}
FIXED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {  # what they make of weights and occupancy
    "occupancy 8 cubed": lambda _, occupied: pooled_occupancy(occupied, 8),
    "occupancy 12 cubed": lambda _, occupied: pooled_occupancy(occupied, 12),
    "rendering 32 px": renderings,
    "values of the field": field_values,
}
BARS = (*FITTED, *FIXED)


def fit_bar(name: str, field_weights, occupied, objects) -> Reader:
    """A bar by its name, fitted where there is something to fit."""
    if name in FITTED:
        return FITTED[name](field_weights, occupied, objects)
    return lambda weights, grids: FIXED[name](weights, known_grids(weights, grids))


def has_front(model: Nerf2Vec) -> bool:
    """Whether an encoder begins with principal components, of weights or of answers."""
    return hasattr(model.encoder, "components") or hasattr(model.encoder, "front")


@torch.no_grad()
def front_of(model: Nerf2Vec, field_weights: Float[np.ndarray, "n w"]) -> Float[np.ndarray, "n c"]:
    """Those components: what is known of a NeRF before anything was learned."""
    look = getattr(model.encoder, "components", None) or (lambda part: model.encoder.front(model.inputs(part)))
    return torch.cat([look(part) for part in torch.from_numpy(field_weights).split(64)]).numpy()


def bars(
    zoo: Zoo, objects: list[str] | None = None, model: Nerf2Vec | None = None
) -> dict[str, Callable[[Int[np.ndarray, "m"]], Float[np.ndarray, "n d"]]]:
    """Every bar of a zoo by name: from training positions, of any split or fold, to the vectors of all NeRFs.

    `objects`: which object each is a version of (None: base ids); `model`: a nerf2vec, whose front joins the bars.
    """
    weights, occupied = zoo.field_weights(), zoo.occupied()
    numbers = np.unique(objects or [row.base_id for row in zoo.rows], return_inverse=True)[1]
    looked = {name: cache(partial(look, weights, occupied)) for name, look in FIXED.items()}
    if model is not None and has_front(model):
        looked["encoder's front"] = cache(partial(front_of, model, weights))
    fitted = {
        name: lambda train, fit=fit: fit(weights[train], occupied[train], numbers[train])(weights, occupied)
        for name, fit in FITTED.items()
    }
    return fitted | {name: lambda _, values=values: values() for name, values in looked.items()}


def overlap(one: Bool[np.ndarray, "n c"], other: Bool[np.ndarray, "m c"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of every pair of binary rows."""
    a, b = (torch.from_numpy(np.ascontiguousarray(rows, np.float32)) for rows in (one, other))
    both = a @ b.T
    return (both / (a.sum(1)[:, None] + b.sum(1) - both).clamp(min=1)).numpy()
