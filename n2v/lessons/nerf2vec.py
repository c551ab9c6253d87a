"""Notebook 04, nerf2vec: training, answers, schedules and what encoders do not see as figures; the visible checks."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

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


def plot_loops(page: list[float], library: list[dict], every: int = 50):
    """PSNR on training rays of the loop on the page and of the library's, each point a mean over `every` steps."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(6.5, 3))
    axis.plot([line["step"] for line in library], [line["ray_psnr_db"] for line in library], lw=5, alpha=0.4,
              color=THEIRS, label="the library")  # fmt: skip
    axis.plot(every * np.arange(1, len(page) + 1), page, color=OURS, marker="o", ms=4, label="this page")
    axis.set(xlabel="optimiser steps", ylabel="PSNR on training rays (dB)")
    axis.legend()
    return figure


def plot_answers(answers: torch.Tensor, picture: np.ndarray, shares: tuple[float, ...] = (0.1, 0.4, 0.6, 0.9)):
    """A NeRF's picture, and its answers, over white, on the layers below which these shares of its opacity lie."""
    import matplotlib.pyplot as plt

    values = answers.float().numpy() / 255
    filled = np.cumsum(values[0].sum((0, 1)))
    heights = np.searchsorted(filled, np.array(shares) * filled[-1])
    figure, axes = plt.subplots(1, len(heights) + 1, figsize=(1.9 * (len(heights) + 1), 2.1))
    axes[0].imshow(picture)
    axes[0].set_title("the NeRF", fontsize=9)
    for axis, height in zip(axes[1:], heights, strict=True):
        layer = values[:, :, :, height]
        axis.imshow((layer[1:] + 1 - layer[:1]).clip(0, 1).transpose(2, 1, 0), origin="lower")
        axis.set_title(f"answers,\nlayer {height} of {answers.shape[-1]}", fontsize=9)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
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


def plot_symmetries(moved: dict[str, dict[str, float]]):
    """Movement of embeddings: `moved[what was done][encoder]`, a group of bars an encoder."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 3.2))
    names = list(next(iter(moved.values())))
    for i, (what, values) in enumerate(moved.items()):
        places = np.arange(len(names)) + 0.36 * (i - (len(moved) - 1) / 2)
        bars = axis.bar(places, values.values(), 0.34, color=(OURS, THEIRS)[i], hatch=("", "//")[i], edgecolor="white",
                        label=what)  # fmt: skip
        axis.bar_label(bars, [f"{value:.2f}" for value in values.values()], fontsize=8)
    axis.set_xticks(range(len(names)), names)
    axis.set(xlabel="encoder", ylabel="movement of the embedding\n(1: as far as NeRFs lie)")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
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

    def answer():
        found = my_matrix(vector)
        if found is None:
            return None
        found = torch.as_tensor(found)
        assert found.shape == (N_ROWS, N_HIDDEN), f"matrix: the shape is {tuple(found.shape)}, (336, 64) is wanted"
        return found

    return judge("matrix", answer, weight_matrix(vector[None])[0], mistakes)


class _Toy(nn.Module):
    """An encoder that is blind to what `read` forgets."""

    def __init__(self, read: Callable) -> None:
        super().__init__()
        self.encode_rows = read


def check_blindness(notices: Callable, encoder: RowEncoder, rows: torch.Tensor) -> bool:
    """`notices(encoder, rows)`: whether an order of rows matters; tried on encoders that see rows, columns or both."""
    ramp = torch.linspace(0.5, 2, N_HIDDEN)
    toys = (
        encoder,  # blind to the order of rows
        _Toy(lambda rows: rows.sum(2)),  # to that of columns
        _Toy(lambda rows: rows.flatten(1)),  # to nothing
        _Toy(lambda rows: (rows**2).sum((1, 2), keepdim=True)[..., 0]),  # to both
        _Toy(lambda rows: (rows * ramp).sum(1)),  # to the order of rows, up to rounding
    )
    patterns = {
        "every encoder seems to notice: compare the embeddings up to rounding": [1, 1, 1, 1, 1],
        "no encoder seems to notice: are the shuffled rows really encoded?": [0, 0, 0, 0, 0],
        "the answer is the wrong way round": [1, 0, 0, 1, 1],
        "the columns were shuffled, not the rows: rows are dimension 1 of (1, 336, 64)": [1, 0, 1, 0, 1],
        "rows and columns were both shuffled": [1, 1, 1, 0, 1],
        "the comparison is exact: sums in another order differ by rounding": [0, 1, 1, 0, 1],
        "the comparison is exact and sums in another order differ by rounding": [0, 1, 1, 1, 1],
    }
    mistakes = {
        why: lambda values=values: torch.tensor(values, dtype=torch.float32) for why, values in patterns.items()
    }

    def answers():
        found = [notices(one, rows) for one in toys]
        return None if None in found else [float(one) for one in found]

    return judge("shuffled rows", answers, torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0]), mistakes)


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
    """`first_layer(layer, embedding, features)`: the layer of (embedding, features) without repeating the embedding.

    The right numbers are not enough: the multiplications are counted.
    """
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(40 + 3, 4)
    embedding, features = torch.randn(2, 40, generator=generator), torch.randn(2, 6, 3, generator=generator)
    once = nn.functional.linear(embedding, layer.weight[:, :40])[:, None]
    each = nn.functional.linear(features, layer.weight[:, 40:])
    mistakes = {
        "the bias counts twice, once in each part": lambda: (once + each + 2 * layer.bias).detach(),
        "the bias is missing": lambda: (once + each).detach(),
        "the embedding's share is missing": lambda: (each + layer.bias).detach(),
        "the embedding comes first in the layer's input, then the position": lambda: (
            nn.functional.linear(embedding, layer.weight[:, 3:])[:, None]
            + nn.functional.linear(features, layer.weight[:, :3], layer.bias)
        ).detach(),
    }
    counted = FlopCounterMode(display=False)

    def answer():
        with counted, torch.no_grad():
            return first_layer(layer, embedding, features)

    if not judge("embedding's share", answer, (once + each + layer.bias).detach(), mistakes):
        return False
    n, least = counted.get_total_flops() // 2, 2 * 4 * (40 + 6 * 3)
    assert n <= 1.2 * least, (
        f"embedding's share: right, but slow: {n:,} multiplications where {least:,} do; the embedding must not be "
        "repeated for every sample"
    )
    return True


def check_components(hits_with: Callable, components: torch.Tensor, labels, train, test, ks=(2, 3, 5, 9)) -> bool:
    """`hits_with(k)`: share of test NeRFs whose nearest training NeRF by the first k components has their class.

    Shares of few NeRFs coincide by chance, so several k are asked, and a mistake is named where all of them fit.
    """

    def measured(queries, gallery, part: Callable = lambda values, k: values[:, :k]) -> torch.Tensor:
        hits = [component_hits(part(components, k), labels, gallery, queries, components.shape[1]) for k in ks]
        return torch.tensor(hits)

    mistakes = {
        "each training NeRF's neighbour was looked for; the queries are the test NeRFs": lambda: measured(train, test),
        "all components were used": lambda: measured(test, train, lambda values, _: values),
        "those are the last components, which carry least": lambda: measured(
            test, train, lambda values, k: values[:, -k:]
        ),
        "the first component is left out": lambda: measured(test, train, lambda values, k: values[:, 1 : k + 1]),
        "only component k is used": lambda: measured(test, train, lambda values, k: values[:, k - 1 : k]),
        "the test NeRFs are among the candidates: each finds itself": lambda: torch.ones(len(ks)),
        "that is the share of misses": lambda: 1 - measured(test, train),
    }
    return judge("components", lambda: [hits_with(k) for k in ks], measured(test, train), mistakes, 1e-6)
