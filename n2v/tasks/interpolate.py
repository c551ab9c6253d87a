"""Between two objects: in embedding space and in weight space, with numbers beside the pictures."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from n2v.embed.model import Nerf2Vec
from n2v.errors import BadInput
from n2v.files import progress
from n2v.nerf.nerf import Nerf
from n2v.nerf.occupancy import learned_occupancy
from n2v.tasks.retrieve import distances
from n2v.zoo.store import Zoo

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
    from scipy.spatial import geometric_slerp

    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0:
        raise BadInput("a zero vector has no direction", fix="use lerp")
    a, b = (np.float64(one) / np.linalg.norm(np.float64(one)) for one in (start, end))
    if a @ b < 5e-7 - 1:  # float32 knows the angle no better
        raise BadInput("opposite directions have no single way between them", fix="use lerp")
    gamma = np.asarray(gammas, np.float64)[:, None]
    way = geometric_slerp(a, b, gamma[:, 0]) * ((1 - gamma) * lengths[0] + gamma * lengths[1])
    return np.where(gamma == 0, start, np.where(gamma == 1, end, way.astype(start.dtype)))


WAYS = {"linear": lerp, "spherical": slerp}


def draw_pairs(
    labels: Int[np.ndarray, "n"], candidates: Int[np.ndarray, "m"], n: int, same: bool, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """n different pairs of candidates, of one class or of two, spread evenly over the classes of the first.

    The thesis's text draws any two NeRFs, its code two of one class (THESIS 10): here both, told apart.

    Raises:
        BadInput: fewer than n such pairs.
    """
    pairs = [pair for pair in combinations(map(int, candidates), 2) if (labels[pair[0]] == labels[pair[1]]) == same]
    if len(pairs) < n:
        raise BadInput(f"only {len(pairs)} pairs of {n}", where="interpolation", fix="ask for fewer, or add objects")
    turned, seen, rounds = rng.random(len(pairs)) < 0.5, Counter(), []
    for place in rng.permutation(len(pairs)):
        pair = pairs[place][::-1] if turned[place] else pairs[place]
        rounds.append((seen[labels[pair[0]]], len(rounds), pair))
        seen[labels[pair[0]]] += 1
    return [pair for *_, pair in sorted(rounds)[:n]]


def smoothness(frames: Float[torch.Tensor, "g h w c"]) -> dict[str, float]:
    """How evenly pictures change from frame to frame (root mean squared difference of neighbours).

    `worst_share` is the largest step's part of the whole way: 1 / (g - 1) for perfectly even steps, 1 for one jump.
    """
    steps = ((frames[1:] - frames[:-1]) ** 2).flatten(1).mean(1).sqrt()
    return {"worst_share": float(steps.max() / steps.sum().clamp(min=1e-12))}


def solidity(frames: Float[torch.Tensor, "g h w 4"]) -> Float[np.ndarray, "g"]:
    """Share of the visible opacity that is nearly solid (> 0.9): a ghost of fog scores low, 0 when nothing is seen."""
    opacity = frames[..., 3].flatten(1)
    return ((opacity * (opacity > 0.9)).sum(1) / opacity.sum(1).clamp(min=1e-6)).numpy()


def distance_to_real(
    points: Float[np.ndarray, "g d"], real: Float[np.ndarray, "n d"], without: list[tuple[int, ...]]
) -> Float[np.ndarray, "g"]:
    """Distance of each point to the nearest real embedding, in units of the median nearest-neighbour distance.

    Args:
        points: Middles of walks.
        real: Real embeddings. NaN comes back where they repeat each other: there is no unit then.
        without: For each point the positions in `real` that do not count: the ends of its walk, which are near every
            middle of theirs whatever stands there.
    """
    among, far = distances(real, real), distances(points, real)
    np.fill_diagonal(among, np.inf)
    for row, ends in enumerate(without):
        far[row, list(ends)] = np.inf
    unit = np.median(among.min(1))
    return far.min(1) / (unit if unit > 0 else np.nan)


def walk_numbers(frames: Float[torch.Tensor, "g h w 4"]) -> dict[str, float]:
    """How even a walk is and what stands in its middle.

    `unevenness` is the largest step's share of the way times the number of steps: 1 for even steps. `solid` is the
    middle frame's own solidity, `solid ends` the mean of both ends'. `opacity` compares with the ends: 1 when as much
    is there.
    """
    solid, opacity = solidity(frames), frames[..., 3].flatten(1).mean(1).numpy()
    middle = len(frames) // 2
    return {
        "unevenness": smoothness(frames[..., :3])["worst_share"] * (len(frames) - 1),
        "solid": float(solid[middle]),
        "solid ends": float(solid[[0, -1]].mean()),
        "opacity": float(opacity[middle] / max(opacity[[0, -1]].mean(), 1e-6)),
    }


SPACES = ("embeddings", "raw weights")


def decoded_pictures(model: Nerf2Vec, embeddings, size_px: int = 64, resolution: int = 32):
    """Several decoded embeddings, (n, h, w, 4)."""
    return torch.stack([model.decode(one, resolution=resolution).image(size_px=size_px) for one in embeddings])


def weights_field(
    field_weights: Float[np.ndarray, "n_weights"],
    allowed: Bool[np.ndarray, "g g g"],
    encoding: str = "exact",
    step: float = 0.04,
) -> Nerf:
    """A field between two fitted ones.

    It may show something only in `allowed`, the union of both grids, and its own occupancy is learned in there: outside
    neither of the two was ever fitted.
    """
    values = torch.from_numpy(np.ascontiguousarray(field_weights, np.float32))
    occupied = learned_occupancy(values, torch.as_tensor(allowed), encoding, n_points=2)
    return Nerf("", values, occupied, step, encoding)


@dataclass(frozen=True)
class Walk:
    """The way between two objects in one space: its pictures, ends included, and the embedding of its middle."""

    space: str  # one of SPACES
    way: str  # one of WAYS
    frames: Float[torch.Tensor, "g h w 4"]
    middle: Float[np.ndarray, "e"]


@torch.no_grad()
def walks_between(
    model: Nerf2Vec,
    zoo: Zoo,
    pair: tuple[int, int],
    size_px: int = 64,
    gammas=(0.0, *GAMMAS, 1.0),
    ways=("linear",),
    resolution: int = 32,
) -> list[Walk]:
    """From one NeRF of a zoo to another, through embeddings and through raw weights.

    The middle of a walk through weights is encoded too, so that both middles can be asked the same questions.
    """
    weights, union = zoo.field_weights(pair), zoo.occupied(pair).any(0)
    ends, middle, found = model.encode(torch.from_numpy(weights)).numpy(), len(gammas) // 2, []
    for way in ways:
        codes = WAYS[way](*ends, gammas)
        found.append(Walk(SPACES[0], way, decoded_pictures(model, codes, size_px, resolution), codes[middle]))
        points = WAYS[way](*weights, gammas)
        fields = [weights_field(one, union, zoo.rows[int(pair[0])].encoding) for one in points]
        code = model.encode(torch.from_numpy(points[middle : middle + 1]))[0].numpy()
        found.append(Walk(SPACES[1], way, torch.stack([one.image(size_px=size_px, step=0.04) for one in fields]), code))
    return found


def measure_walks(
    model: Nerf2Vec,
    zoo: Zoo,
    pairs: dict[str, list[tuple[int, int]]],
    real: Float[np.ndarray, "n e"],
    positions: Int[np.ndarray, "n"],
    predict,
    size_px: int = 32,
    gammas=(0.0, 0.25, 0.5, 0.75, 1.0),
    resolution: int = 24,
    ways=tuple(WAYS),
) -> list[dict]:
    """Numbers of many walks: each pair through both spaces, every way.

    Args:
        pairs: By kind ("same class", "across classes").
        real: Embeddings of real objects, to measure the middle's distance by (a version an object).
        positions: Their positions in the zoo: a walk's own ends do not count as near.
        predict: From embeddings (n, e) to labels (n,).
        gammas: The middle one is looked at.

    Returns:
        Rows {kind, pair, space, way, unevenness, solid, solid ends, opacity, middle to real, middle is an end}.
    """
    rows, middles, at = [], [], {int(index): place for place, index in enumerate(positions)}
    todo = [(kind, pair) for kind, members in pairs.items() for pair in members]
    for kind, pair in progress(todo, desc="walking", unit="pair"):
        for walk in walks_between(model, zoo, pair, size_px, gammas, ways, resolution):
            rows.append({"kind": kind, "pair": pair, "space": walk.space, "way": walk.way, **walk_numbers(walk.frames)})
            middles.append(walk.middle)
    middles, ends = np.stack(middles), [tuple(at[i] for i in row["pair"] if i in at) for row in rows]
    for row, far, label in zip(rows, distance_to_real(middles, real, ends), predict(middles), strict=True):
        row["middle to real"] = float(far)
        row["middle is an end"] = float(label in zoo.labels[list(row["pair"])])
    return rows
