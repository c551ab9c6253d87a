"""What bounds a reconstruction: a NeRF's answers on a lattice, all of them or fewer numbers (notebook 05)."""

import numpy as np
import torch
from jaxtyping import Bool, Float

from n2v.embed.asking import LATTICE, Front, ask
from n2v.embed.decoder import raw_outputs
from n2v.embed.model import Nerf2Vec
from n2v.embed.reconstruct import foreground_psnr
from n2v.lessons.drawing.style import CHANCE, OURS
from n2v.lessons.nerf2vec import look_of
from n2v.nerf.field import activate, inside_box, to_unit_box
from n2v.nerf.nerf import Field, Nerf, Turntable

SIDES = (4, 6, 8, 10, 12, 16, LATTICE)  # points along a side that answers are pooled to


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


def plot_ladder(rows: list[dict]):
    """Mean decibels of each rung against how many numbers it keeps; the line joins pooled answers."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    names = list(dict.fromkeys(row["what"] for row in rows))
    found = {
        name: (next(row["numbers"] for row in rows if row["what"] == name),
               np.array([row["foreground_db"] for row in rows if row["what"] == name]))
        for name in names
    }  # fmt: skip
    pooled = [found[name] for name in names if name.endswith("answers")]
    axis.plot(
        [n for n, _ in pooled], [values.mean() for _, values in pooled], "o-", color=CHANCE, label="answers, pooled"
    )
    axis.axhline(pooled[-1][1].mean(), color=CHANCE, ls=":", label=f"all {LATTICE}³ answers")
    for name, (n, values) in found.items():
        if name.endswith("answers"):
            label = name.removesuffix(" answers")
            axis.annotate(label, (n, values.mean()), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
            continue
        look = {"color": OURS, "marker": "D"} if "components" in name else look_of(name.removeprefix("embedding, "))
        axis.plot(n, values.mean(), color=look["color"], marker=look["marker"], ls="", ms=9, label=name)
    axis.set(xscale="log", xlabel="numbers kept of a NeRF", ylabel="object alone, PSNR (dB)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
