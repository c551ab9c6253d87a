"""Notebook 05, reconstruction: the visible checks; comparisons by object; what answers on a lattice can draw."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import stats

from n2v.embed.asking import LATTICE, Front, ask
from n2v.embed.decoder import raw_outputs
from n2v.embed.model import Nerf2Vec
from n2v.embed.reconstruct import REFINED, foreground_psnr
from n2v.embed.refine import STEPS
from n2v.lessons.drawing.charts import dot_chart
from n2v.lessons.drawing.style import CHANCE
from n2v.lessons.judge import Check
from n2v.lessons.verdict import mean_interval
from n2v.lessons.where_lost import psnr_chain
from n2v.nerf.field import activate, inside_box, to_unit_box
from n2v.nerf.nerf import Field, Nerf, Turntable

SIDES = (4, 6, 8, 12, 16, LATTICE)  # points along a side that answers are pooled to


def _by_object(values: dict[str, float], bases: dict[str, str]) -> list[float]:
    """Means over the versions of each base object, since they are not independent; what is not finite is left out."""
    each: dict[str, list[float]] = {}
    for one, value in values.items():
        if np.isfinite(value):
            each.setdefault(bases.get(one, one), []).append(value)
    return [float(np.mean(found)) for found in each.values()]


def gain(
    rows: list[dict], first: str, second: str, bases: dict[str, str], measure: str = "foreground_db"
) -> tuple[float, float, float, int]:
    """Mean difference first minus second on the same objects, its 95 % interval, and how many objects there are.

    `bases` names the base object of an object id. Without two objects the interval is NaN.
    """
    one, other = ({row["object_id"]: row[measure] for row in rows if row["what"] == what} for what in (first, second))
    apart = _by_object({key: one[key] - other[key] for key in one.keys() & other.keys()}, bases)
    return *mean_interval(apart), len(apart)


def gap(
    rows: list[dict], others: list[dict], bases: dict[str, str], measure: str = "foreground_db"
) -> tuple[float, float, float]:
    """Difference of the means of two groups of different objects, and its 95 % interval (Welch); versions averaged."""
    found = [_by_object({row["object_id"]: row[measure] for row in group}, bases) for group in (rows, others)]
    difference = float(np.mean(found[0]) - np.mean(found[1]))
    if min(map(len, found)) < 2:
        return difference, math.nan, math.nan
    return difference, *map(float, stats.ttest_ind(*found, equal_var=False).confidence_interval())


def _usual(mse: float) -> float:
    return -10 * math.log10(mse)


def _printed(mse: float) -> float:
    return -10 * math.log(mse / 10)


check_formulas = Check(
    "PSNR",
    [(0.004,)],
    lambda mse: (_usual(mse), _printed(mse)),
    {
        "the two are the wrong way round": lambda mse: (_printed(mse), _usual(mse)),
        "decibels are powers of ten: log10 in the first": lambda mse: (_printed(10 * mse), _printed(mse)),
        "the second divides by 10 inside the logarithm": lambda mse: (_usual(mse), _printed(10 * mse)),
        "the second has a natural logarithm": lambda mse: (_usual(mse), _usual(mse / 10)),
        "a smaller error must give more decibels": lambda mse: (-_usual(mse), -_printed(mse)),
    },
    1e-3,
)

check_best_colour = Check(
    "best colour",
    [(torch.rand(6, 5, 3, generator=torch.Generator().manual_seed(1)) ** 3,)],
    lambda picture: picture.mean((0, 1)),
    {
        "the median is best for absolute errors, not for squared ones": lambda p: p.flatten(0, 1).median(0).values,
        "one grey for all channels: each channel has its own mean": lambda p: p.mean().expand(3),
        "white is the background, seldom the best": lambda p: torch.ones(3),
    },
)


def _mse_of_object(shown, truth, opacity) -> torch.Tensor:
    return ((shown - truth)[opacity > 0.05] ** 2).mean()


_STREAM = torch.Generator().manual_seed(2)
_OPACITY = torch.zeros(4, 4)
_OPACITY[1:3, 1:] = 1.0  # 6 of 16 pixels
check_foreground = Check(
    "foreground",
    [(*torch.rand(2, 4, 4, 3, generator=_STREAM), _OPACITY)],
    _mse_of_object,
    {
        "that is the mean over the whole picture": lambda shown, truth, opacity: ((shown - truth) ** 2).mean(),
        "divide by the object's pixels, not by all of them": lambda *three: _mse_of_object(*three) * 6 / 16,
        "that is the background's error": lambda shown, truth, opacity: _mse_of_object(shown, truth, 1 - opacity),
        "the three channels were added, not averaged": lambda *three: 3 * _mse_of_object(*three),
    },
)

check_chain = Check(
    "two errors",
    [(20.0, 28.0)],
    psnr_chain,
    {
        "decibels do not add": lambda first, second: first + second,
        "the smaller of the two is only nearly right": min,
        "the mean of the errors was taken; independent errors add": lambda *two: psnr_chain(*two) + 10 * math.log10(2),
        "decibels do not average": lambda first, second: (first + second) / 2,
        "root mean square errors do not add; their squares do": lambda a, b: 2 * psnr_chain(a / 2, b / 2),
    },
    1e-3,
)


def _projected(train: torch.Tensor, vector: torch.Tensor, k: int, mean: torch.Tensor) -> torch.Tensor:
    basis = torch.linalg.svd(train - train.mean(0), full_matrices=False)[2][:k]
    return mean + (vector - mean) @ basis.T @ basis


def check_projection(kept: Callable, train: torch.Tensor, vector: torch.Tensor, k: int = 3) -> bool:
    """`kept(train, vector, k)`: what the first k principal components of the training weights keep of a vector."""
    mean = train.mean(0)
    mistakes = {
        "take the mean off before the projection, put it back after": lambda *given: _projected(*given, 0 * mean),
        "the mean was not put back": lambda *given: _projected(*given, mean) - mean,
        "all components were kept": lambda train, vector, k: _projected(train, vector, len(train), mean),
    }
    return Check("projection", [(train, vector, k)], lambda *given: _projected(*given, mean), mistakes, 1e-3)(kept)


class AnsweredField(Field):
    """What answers at g^3 points describe: between the points they are interpolated (trilinearly)."""

    def __init__(self, answers: Float[torch.Tensor, "4 g g g"], occupied: Bool[torch.Tensor, "k k k"], step: float):
        self.answers, self.occupied, self.shown_step = answers, occupied, step

    @torch.no_grad()
    def query(self, positions: Float[torch.Tensor, "n 3"]) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities (n,) per scene unit and colours (n, 3) in [0, 1] at positions in scene units."""
        unit = to_unit_box(positions)
        places = (2 * unit - 1).flip(-1)[None, None, None]  # torch counts z first
        read = torch.nn.functional.grid_sample(
            self.answers[None], places, padding_mode="border", align_corners=False
        )[0, :, 0, 0].T  # fmt: skip
        sigmas, rgbs = activate(raw_outputs(read[None])[0])
        return sigmas * inside_box(unit), rgbs


def rungs(nerf: Nerf, front: Front | None, models: dict[str, Nerf2Vec], step: float) -> dict[str, tuple[int, Field]]:
    """Name to (how many numbers it keeps of a NeRF, what can be drawn from them), all within the NeRF's own cells."""
    answers = ask(nerf.field_weights[None], nerf.encoding).float() / 255
    found = {}
    for side in SIDES:
        pooled = torch.nn.functional.adaptive_avg_pool3d(answers, side)[0]
        found[f"{side}³ answers"] = (pooled.numel(), AnsweredField(pooled, nerf.occupied, step))
    if front is not None:
        kept = front(answers)
        n = int((front.basis.abs().sum(0) > 0).sum())
        found[f"{n} principal components"] = (n, AnsweredField(front.back(kept)[0], nerf.occupied, step))
    for name, model in models.items():
        embeddings = {name: model.embed(nerf)}
        if model.config.decoder.kind == "grid":  # the thesis's decoder is too slow for descent
            embeddings[f"{name}, {REFINED}"] = model.embed(nerf, STEPS)
        for what, embedding in embeddings.items():
            found[f"embedding, {what}"] = (len(embedding), model.decode(embedding, occupied=nerf.occupied, step=step))
    return found


def climb(nerfs: list[Nerf], front: Front | None, models: dict[str, Nerf2Vec], config: Turntable) -> list[dict]:
    """One row a NeRF and rung: what, numbers, object_id, foreground_db against the NeRF's own pictures."""
    rows = []
    for nerf in nerfs:
        truth = nerf.views(config)
        for what, (numbers, field) in rungs(nerf, front, models, config.step).items():
            measured = foreground_psnr(field.views(config), truth)
            rows.append({"what": what, "numbers": numbers, "object_id": nerf.object_id, "foreground_db": measured})
    return rows


def plot_ladder(table: list[dict]):
    """Mean decibels against numbers kept, a row {what, numbers, foreground_db} a rung; a line joins pooled answers."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    pooled = [row for row in table if row["what"].endswith("answers")]
    places = [[row[name] for row in pooled] for name in ("numbers", "foreground_db")]
    axis.plot(*places, "o-", color=CHANCE, label="answers, pooled")
    axis.axhline(places[1][-1], color=CHANCE, ls=":", label=f"all {LATTICE}³ answers")
    for row in pooled:
        place, name = (row["numbers"], row["foreground_db"]), row["what"].removesuffix(" answers")
        axis.annotate(name, place, xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
    for row, marker in zip((row for row in table if row not in pooled), "D^oshp", strict=False):
        axis.plot(row["numbers"], row["foreground_db"], marker, ms=9, label=row["what"])
    axis.set(xscale="log", xlabel="numbers kept of a NeRF", ylabel="object alone, PSNR (dB)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_losers(table: list[dict], ceiling_db: float):
    """Whole picture against object alone, rows of `reconstruction_summary`; dashed: the input NeRFs."""
    told = []
    for row in table:
        what = row["what"] if row["occupancy"] == "-" else f"{row['what']}, {row['occupancy']}"
        value, half = row["foreground_db"], row["foreground_db_±"] or 0.0
        alone = {"value": value, "low": value - half, "high": value + half}
        told.append({"what": what, "PSNR of": "the whole picture", "value": row["full_db"]})
        told.append({"what": what, "PSNR of": "the object alone", **alone})
    axis = dot_chart(told, "what", "PSNR of", scale=1)
    axis.axvline(ceiling_db, color="black", ls="--", lw=1)
    axis.set_xlabel(f"mean PSNR on {table[0]['n']} test NeRFs (dB); dashed: input NeRFs against pictures")
    return axis.figure
