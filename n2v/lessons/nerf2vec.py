"""Notebook 04, nerf2vec: training, schedules and what encoders do not see as figures; the visible checks."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from n2v.embed.encoder import N_ROWS, RowEncoder, weight_matrix
from n2v.lessons.drawing.style import CHANCE, OURS, THEIRS
from n2v.lessons.judge import judge
from n2v.lessons.thesis_and_code import component_hits
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS

LOOKS = {"rows": (THEIRS, "o", "--"), "asking": (OURS, "s", "-"), "best": ("#009E73", "^", "-.")}


def look_of(name: str) -> dict:
    """Colour, marker and dash of an encoder, the same in every figure."""
    colour, marker, dash = LOOKS.get(name, (CHANCE, "x", ":"))
    return {"color": colour, "marker": marker, "ls": dash}


def plot_training(logs: dict[str, list[dict]]):
    """PSNR on training rays against time and against steps, a line a run."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.2), sharey=True)
    for name, log in logs.items():
        for axis, key in ((left, "seconds"), (right, "step")):
            values = [line["ray_psnr_db"] for line in log]
            axis.plot([line[key] for line in log], values, label=name, ms=4, **look_of(name))
    left.set(xlabel="training time (s)", ylabel="PSNR on training rays (dB)")
    right.set(xlabel="optimiser steps")
    right.legend(title="encoder")
    figure.tight_layout()
    return figure


def plot_schedules(curves: dict[str, tuple[np.ndarray, np.ndarray]]):
    """Learning rate against the share of the training that is done."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 3))
    for (name, (share, rate)), dash in zip(curves.items(), ("-", "--", ":"), strict=False):
        axis.plot(100 * share, rate, dash, lw=2, label=name)
    axis.set(xlabel="share of the training done (%)", ylabel="learning rate", yscale="log")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_blindness(shares: tuple[float, ...], changes: dict[str, list[float]]):
    """Movement of embeddings against the share of exchanged rows, a line an encoder."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.2))
    for i, (name, values) in enumerate(changes.items()):
        axis.plot([100 * share for share in shares], values, marker="os^D"[i], ls=("--", ":", "-.", "-")[i], label=name)
    axis.set(xlabel="hidden rows that change places (%)", ylabel="movement of the embedding\n(1: as far as NeRFs lie)")
    axis.set_xscale("log")
    axis.set_xticks([100 * share for share in shares], [f"{100 * share:g}" for share in shares])
    axis.minorticks_off()
    axis.set_yscale("symlog", linthresh=0.01)
    axis.set_ylim(-0.004)
    axis.legend(title="encoder", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def plot_front(cumulative: np.ndarray, parts: dict[str, tuple[float, int]]):
    """Share of variance in the first components; and share of variance and of weights, part by part."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.1))
    left.plot(range(1, len(cumulative) + 1), 100 * cumulative, color=OURS, lw=2)
    left.set(xlabel="principal components", ylabel="variance held (%)", ylim=(0, 100), xscale="log")
    places, total = np.arange(len(parts)), sum(count for _, count in parts.values())
    right.bar(places - 0.2, [100 * share for share, _ in parts.values()], 0.38, color=OURS, label="of the variance")
    right.bar(
        places + 0.2, [100 * count / total for _, count in parts.values()], 0.38, color=CHANCE, hatch="//",
        edgecolor="white", label="of the weights",
    )  # fmt: skip
    right.set_xticks(places, list(parts))
    right.set_ylabel("share (%)")
    right.legend()
    figure.tight_layout()
    return figure


def check_matrix(my_matrix: Callable) -> bool:
    """`my_matrix(vector)`: (18432,) to (336, 64)."""
    vector = torch.arange(1.0, N_WEIGHTS + 1)
    padded = torch.nn.functional.pad(vector, (0, N_ROWS * N_HIDDEN - N_WEIGHTS))
    mistakes = {
        "the cut is row by row; this fills column after column": lambda: padded.view(N_HIDDEN, N_ROWS).T,
        "the zeros belong behind the weights": lambda: padded.roll(N_ROWS * N_HIDDEN - N_WEIGHTS),
    }
    return judge("matrix", lambda: my_matrix(vector).contiguous(), weight_matrix(vector[None])[0], mistakes)


def check_blindness(notices: Callable, encoder: RowEncoder, rows: torch.Tensor) -> bool:
    """`notices(encoder, rows)`: whether an order of rows matters; tried on one that is blind and one that is not."""

    class Sees(nn.Module):
        def encode_rows(self, rows):
            return rows[:, :4].flatten(1)

    mistakes = {
        "every encoder seems to notice: compare the embeddings up to rounding": lambda: torch.tensor([1.0, 1.0]),
        "no encoder seems to notice: are the shuffled rows really encoded?": lambda: torch.zeros(2),
        "the answer is the wrong way round": lambda: torch.tensor([1.0, 0.0]),
    }

    def answers():
        return [float(notices(one, rows)) for one in (encoder, Sees())]

    return judge("shuffled rows", answers, torch.tensor([0.0, 1.0]), mistakes)


def check_emptiness(opacity_of: Callable, step: float = 0.04) -> bool:
    """`opacity_of(sigmas, step)`: how much light one sample in empty space blocks."""
    sigmas = torch.tensor([0.0, 0.5, 10.0, 400.0])
    mistakes = {
        "that is the raw density: it has a unit and no upper end (the published code's mistake)": lambda: sigmas,
        "density times length is an optical depth; it exceeds 1, an opacity cannot": lambda: sigmas * step,
        "that is the share of light that gets through": lambda: torch.exp(-sigmas * step),
        "the length of the sample is missing": lambda: 1 - torch.exp(-sigmas),
        "clamping stops the gradient just where it is needed": lambda: (sigmas * step).clamp(max=1),
    }
    return judge("emptiness", lambda: opacity_of(sigmas, step), -torch.expm1(-sigmas * step), mistakes)


def check_share(first_layer: Callable) -> bool:
    """`first_layer(layer, embedding, features)`: the layer of (embedding, features) without repeating the embedding."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(5 + 3, 4)
    embedding, features = torch.randn(2, 5, generator=generator), torch.randn(2, 6, 3, generator=generator)
    once = nn.functional.linear(embedding, layer.weight[:, :5])[:, None]
    each = nn.functional.linear(features, layer.weight[:, 5:])
    mistakes = {
        "the bias counts twice, once in each part": lambda: (once + each + 2 * layer.bias).detach(),
        "the bias is missing": lambda: (once + each).detach(),
        "the embedding's share is missing": lambda: (each + layer.bias).detach(),
        "the embedding comes first in the layer's input, then the position": lambda: (
            nn.functional.linear(embedding, layer.weight[:, 3:])[:, None]
            + nn.functional.linear(features, layer.weight[:, :3], layer.bias)
        ).detach(),
    }
    return judge(
        "embedding's share",
        lambda: first_layer(layer, embedding, features).detach(),
        (once + each + layer.bias).detach(),
        mistakes,
    )


def check_components(hits_with: Callable, components: torch.Tensor, labels, train, test, k: int = 4) -> bool:
    """`hits_with(k)`: share of test NeRFs whose nearest training NeRF by the first k components has their class."""

    def measured(values: torch.Tensor, queries, gallery, first: int = k) -> torch.Tensor:
        return torch.tensor(component_hits(values, labels, gallery, queries, first))

    mistakes = {
        "each training NeRF's neighbour was looked for; the queries are the test NeRFs": lambda: measured(
            components, train, test
        ),
        "all components were used": lambda: measured(components, test, train, components.shape[1]),
        "those are the last components, which carry least": lambda: measured(components[:, -k:], test, train),
        "the test NeRFs are among the candidates: each finds itself": lambda: torch.tensor(1.0),
    }
    return judge("components", lambda: hits_with(k), measured(components, test, train), mistakes, 1e-6)
