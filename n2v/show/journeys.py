"""Decoded embeddings as pictures: samples, and the way between two objects."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.embed.model import Nerf2Vec
from n2v.files import progress
from n2v.nerf.nerf import Nerf
from n2v.nerf.occupancy import learned_occupancy
from n2v.show.style import OURS, THEIRS
from n2v.tasks.interpolate import GAMMAS, WAYS, distance_to_real, walk_numbers
from n2v.zoo.store import Zoo

SPACES = ("embeddings", "raw weights")


def decoded_pictures(model: Nerf2Vec, embeddings, size_px: int = 64, resolution: int = 32):
    """Several decoded embeddings, (n, h, w, 4)."""
    return np.stack([model.decode(one, resolution=resolution).image(size_px=size_px).numpy() for one in embeddings])


def weights_picture(
    field_weights: Float[np.ndarray, "n_weights"],
    allowed: Bool[np.ndarray, "g g g"],
    encoding: str = "exact",
    size_px: int = 64,
    step: float = 0.04,
) -> Float[torch.Tensor, "h w 4"]:
    """A field between two fitted ones, from the front.

    It may show something only in `allowed`, the union of both grids, and its own occupancy is learned in there: outside
    neither of the two was ever fitted.
    """
    values = torch.from_numpy(np.ascontiguousarray(field_weights, np.float32))
    occupied = learned_occupancy(values, torch.as_tensor(allowed), encoding, n_points=2)
    return Nerf("", values, occupied, step, encoding).image(size_px=size_px, step=step)


@dataclass(frozen=True)
class Walk:
    """The way between two objects in one space: its pictures, ends included, and the embedding of its middle."""

    space: str  # one of SPACES
    way: str  # one of WAYS
    frames: Float[torch.Tensor, "g h w 4"]
    middle: Float[np.ndarray, "e"]


def walks_between(
    model: Nerf2Vec,
    zoo: Zoo,
    pair: tuple[int, int],
    size_px: int = 64,
    gammas=(0.0, *GAMMAS, 1.0),
    ways=("linear",),
    resolution: int = 32,
    spaces=SPACES,
) -> list[Walk]:
    """From one NeRF of a zoo to another, through embeddings and through raw weights.

    The middle of a walk through weights is encoded too, so that both middles can be asked the same questions.
    """
    weights, grids, encoding = zoo.field_weights(pair), zoo.occupied(pair), zoo.rows[int(pair[0])].encoding
    union, middle, found = grids[0] | grids[1], len(gammas) // 2, []
    with torch.no_grad():
        ends = model.encode(torch.from_numpy(weights)).numpy()
        for way, space in ((way, space) for way in ways for space in spaces):
            points = WAYS[way](*(ends if space == "embeddings" else weights), gammas)
            if space == "embeddings":
                frames = [model.decode(one, resolution=resolution).image(size_px=size_px) for one in points]
                code = points[middle]
            else:
                frames = [weights_picture(one, union, encoding, size_px) for one in points]
                code = model.encode(torch.from_numpy(points[middle : middle + 1]))[0].numpy()
            found.append(Walk(space, way, torch.stack(frames), code))
    return found


def measure_walks(
    model: Nerf2Vec,
    zoo: Zoo,
    pairs: dict[str, list[tuple[int, int]]],
    real: Float[np.ndarray, "n e"],
    predict,
    size_px: int = 32,
    gammas=(0.0, 0.25, 0.5, 0.75, 1.0),
    resolution: int = 24,
    ways=tuple(WAYS),
    spaces=SPACES,
) -> list[dict]:
    """Numbers of many walks: each pair through every space, every way.

    Args:
        pairs: By kind ("same class", "across classes").
        real: Embeddings of real objects, to measure the middle's distance by (a version an object).
        predict: From embeddings (n, e) to labels (n,).
        gammas: The middle one is looked at.

    Returns:
        Rows {kind, pair, space, way, unevenness, solid, opacity, middle to real, middle is an end}.
    """
    rows, middles = [], []
    todo = [(kind, pair) for kind, members in pairs.items() for pair in members]
    for kind, pair in progress(todo, desc="walking", unit="pair"):
        for walk in walks_between(model, zoo, pair, size_px, gammas, ways, resolution, spaces):
            rows.append({"kind": kind, "pair": pair, "space": walk.space, "way": walk.way, **walk_numbers(walk.frames)})
            middles.append(walk.middle)
    middles = np.stack(middles)
    for row, far, label in zip(rows, distance_to_real(middles, real), predict(middles), strict=True):
        row["middle to real"] = float(far)
        row["middle is an end"] = float(label in zoo.labels[list(row["pair"])])
    return rows


def interpolation_strips(
    model: Nerf2Vec, zoo: Zoo, pair: tuple[int, int], size_px: int = 64, way: str = "linear"
) -> tuple[dict[str, Float[torch.Tensor, "g h w 4"]], list[dict]]:
    """The frames of one pair by space, and their numbers."""
    with torch.no_grad():
        real = model.encode(torch.from_numpy(zoo.field_weights())).numpy()
    walks = walks_between(model, zoo, pair, size_px, ways=(way,))
    numbers = []
    for walk in walks:
        far = float(distance_to_real(walk.middle[None], real)[0])
        numbers.append({"space": walk.space, "way": way, **walk_numbers(walk.frames), "middle_to_real": far})
    return {walk.space: walk.frames for walk in walks}, numbers


def walk_figure(table: list[dict], measures: dict[str, str]):
    """Mean and 95 % interval over the pairs, a panel a measure; filled: same class, open: across classes.

    Args:
        table: Rows {kind, walk, a measure, its ±}, from n2v.tasks.repeats.
        measures: Column to its axis label.
    """
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["walk"] for row in table))
    figure, axes = plt.subplots(
        1, len(measures), figsize=(2.6 * len(measures) + 1.5, 0.42 * len(names) + 1.5), sharey=True
    )
    for axis, (measure, label) in zip(axes, measures.items(), strict=True):
        for kind, shift, style in (("same class", -0.13, {}), ("across classes", 0.13, {"mfc": "white"})):
            mine = {row["walk"]: row for row in table if row["kind"] == kind}
            values = [mine[name][measure] for name in names]
            errors = np.nan_to_num([mine[name][f"{measure} ±"] for name in names])
            colour = OURS if kind == "same class" else THEIRS
            places = np.arange(len(names)) + shift
            axis.errorbar(values, places, xerr=errors, fmt="o", color=colour, ms=5, lw=1.2, label=kind, **style)
        axis.set_xlim(left=0)  # none of the measures can be negative, whatever the interval of a few pairs says
        axis.set_xlabel(label, fontsize=8)
        axis.tick_params("x", labelsize=8)
    axes[0].set_yticks(range(len(names)), names, fontsize=9)
    axes[0].invert_yaxis()
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    figure.tight_layout()
    return figure
