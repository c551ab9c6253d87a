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
from n2v.embed.reconstruct import foreground_psnr
from n2v.lessons.judge import judge
from n2v.nerf.field import activate, inside_box, to_unit_box
from n2v.nerf.nerf import Field, Nerf, Turntable
from n2v.tasks.metrics import summarise

SIDES = (4, 6, 8, 12, 16, LATTICE)  # points along a side that answers are pooled to


def gain(
    rows: list[dict], first: str, second: str, bases: dict[str, str], measure: str = "foreground_db"
) -> tuple[float, float, float, int]:
    """Mean difference first minus second on the same objects, its 95 % interval, and how many objects there are.

    `bases` names the base object of an object id; the differences of its versions are averaged first, since they are
    not independent. Without two objects the interval is NaN.
    """
    values = {(row["what"], row["object_id"]): row[measure] for row in rows}
    apart: dict[str, list[float]] = {}
    for (what, one), value in values.items():
        difference = value - values.get((second, one), np.nan)
        if what == first and np.isfinite(difference):
            apart.setdefault(bases.get(one, one), []).append(difference)
    found = summarise([np.mean(each) for each in apart.values()])
    return found["mean"], found["mean"] - found["half_width"], found["mean"] + found["half_width"], found["n"]


def gap(
    rows: list[dict], others: list[dict], bases: dict[str, str], measure: str = "foreground_db"
) -> tuple[float, float, float]:
    """Difference of the means of two groups of different objects, and its 95 % interval (Welch); versions averaged."""
    found = []
    for group in (rows, others):
        each: dict[str, list[float]] = {}
        for row in group:
            if np.isfinite(row[measure]):
                each.setdefault(bases.get(row["object_id"], row["object_id"]), []).append(row[measure])
        found.append(np.array([np.mean(values) for values in each.values()]))
    if min(map(len, found)) < 2:
        return float(found[0].mean() - found[1].mean()), math.nan, math.nan
    interval = stats.ttest_ind(*found, equal_var=False).confidence_interval()
    return float(found[0].mean() - found[1].mean()), float(interval.low), float(interval.high)


def check_formulas(psnr_of: Callable, psnr_as_printed: Callable) -> bool:
    """The usual PSNR and the one the thesis prints, of one mean squared error."""
    mse = 0.004
    usual, printed = -10 * math.log10(mse), -10 * math.log(mse / 10)
    mistakes = {
        "the two are the wrong way round": lambda: torch.tensor([printed, usual]),
        "the first is the natural logarithm; decibels are powers of ten": lambda: torch.tensor(
            [-10 * math.log(mse), printed]
        ),
        "the second divides by 10 inside the logarithm": lambda: torch.tensor([usual, -10 * math.log(mse)]),
        "the second has a natural logarithm": lambda: torch.tensor([usual, -10 * math.log10(mse / 10)]),
        "a smaller error must give more decibels": lambda: torch.tensor([-usual, -printed]),
    }
    return judge("PSNR", lambda: [psnr_of(mse), psnr_as_printed(mse)], torch.tensor([usual, printed]), mistakes)


def check_best_colour(best_colour: Callable) -> bool:
    """`best_colour(picture)`: the constant colour of least squared error."""
    picture = torch.rand(6, 5, 3, generator=torch.Generator().manual_seed(1)) ** 3
    mistakes = {
        "the median is best for absolute errors, not for squared ones": lambda: picture.flatten(0, 1).median(0).values,
        "one grey for all channels: each channel has its own mean": lambda: picture.mean().expand(3),
        "white is the background, seldom the best": lambda: torch.ones(3),
    }
    return judge("best colour", lambda: best_colour(picture), picture.mean((0, 1)), mistakes)


def check_foreground(foreground_mse: Callable) -> bool:
    """`foreground_mse(shown, truth, opacity)`: mean squared error over pixels that are not background."""
    generator = torch.Generator().manual_seed(2)
    shown, truth = torch.rand(2, 4, 4, 3, generator=generator)
    opacity = torch.zeros(4, 4)
    opacity[1:3, 1:] = 0.9
    mask, squared = opacity > 0.05, (shown - truth) ** 2
    mistakes = {
        "that is the mean over the whole picture": lambda: squared.mean(),
        "the sum goes over the object, but the division over the whole picture": lambda: (
            squared * mask[..., None]
        ).mean(),
        "that is the background's error": lambda: squared[~mask].mean(),
        "the three channels were added, not averaged": lambda: 3 * squared[mask].mean(),
    }
    return judge("foreground", lambda: foreground_mse(shown, truth, opacity), squared[mask].mean(), mistakes)


def check_chain(combined_db: Callable) -> bool:
    """`combined_db(first, second)`: PSNR after two independent errors of which each alone has a PSNR."""
    first, second = 20.0, 28.0
    expected = -10 * math.log10(10 ** (-first / 10) + 10 ** (-second / 10))
    mistakes = {
        "decibels do not add": lambda: torch.tensor(first + second),
        "the smaller of the two is only nearly right": lambda: torch.tensor(min(first, second)),
        "the mean of the errors was taken; independent errors add": lambda: torch.tensor(expected + 10 * math.log10(2)),
        "decibels do not average": lambda: torch.tensor((first + second) / 2),
        "root mean square errors do not add; their squares do": lambda: torch.tensor(
            -20 * math.log10(10 ** (-first / 20) + 10 ** (-second / 20))
        ),
    }
    return judge("two errors", lambda: combined_db(first, second), torch.tensor(expected), mistakes, 1e-3)


def check_projection(kept: Callable, train: torch.Tensor, vector: torch.Tensor, k: int = 3) -> bool:
    """`kept(train, vector, k)`: what the first k principal components of the training weights keep of a vector."""
    mean = train.mean(0)
    _, _, basis = torch.linalg.svd(train - mean, full_matrices=False)

    def projected(values: torch.Tensor, offset) -> torch.Tensor:
        return offset + (values - offset) @ basis[:k].T @ basis[:k]

    mistakes = {
        "the mean must be taken off before the projection and put back after": lambda: projected(vector, 0.0),
        "the mean was not put back": lambda: projected(vector, mean) - mean,
        "all components were kept": lambda: mean + (vector - mean) @ basis.T @ basis,
    }
    return judge("projection", lambda: kept(train, vector, k), projected(vector, mean), mistakes, 1e-3)


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
        embedding = model.embed(nerf)
        found[f"embedding, {name}"] = (len(embedding), model.decode(embedding, occupied=nerf.occupied, step=step))
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
