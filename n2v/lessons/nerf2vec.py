"""Notebook 04: the visible checks; what encoders see; where thesis, code and sound practice differ (rows 4 to 8)."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from n2v.embed.encoder import N_ROWS, RowEncoder, kept_weights, weight_matrix
from n2v.embed.model import Nerf2Vec
from n2v.embed.sampling import in_cells
from n2v.lessons.judge import judge
from n2v.nerf.composite import composite, over_background
from n2v.nerf.field import evaluate
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS, SLICES
from n2v.nerf.march import march
from n2v.scenes.objects import AABB
from n2v.zoo.store import Zoo


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


def card(number: int, thesis: str, code: str, ours: str, measured: str) -> dict:
    """One row of the table."""
    return {"#": number, "thesis says": thesis, "code does": code, "we do": ours, "we measured": measured}


def loss_card(generator: torch.Generator) -> dict:
    """Row 4: on colours in [0, 1] smooth L1 is half the squared error, so it is no L1 at all."""
    first, second = torch.rand(2, 10_000, generator=generator)
    smooth, squared, absolute = (
        float(loss(first, second))
        for loss in (torch.nn.functional.smooth_l1_loss, torch.nn.functional.mse_loss, torch.nn.functional.l1_loss)
    )
    text = f"smooth L1 / squared error = {smooth / squared:.6f}; smooth L1 / L1 = {smooth / absolute:.2f}"
    return card(4, "L1", "smooth L1", "smooth L1 on rays, L1 on empty points", text)


def compositing_card(targets: Float[torch.Tensor, "r 4"], generator: torch.Generator) -> dict:
    """Row 5: targets composited a second time are wrong exactly where a ray is half transparent."""
    background = torch.rand(len(targets), 3, generator=generator)
    opacity = targets[:, 3]
    once = over_background(targets, background)
    twice = over_background(torch.cat([once * targets[:, 3:], targets[:, 3:]], -1), background)
    error = (twice - once).abs().mean(1)
    half = (opacity > 0.2) & (opacity < 0.8)
    solid = float(error[opacity > 0.99].mean())
    text = (
        f"{float(half.float().mean()):.0%} of {len(targets):,} rays are between 20 and 80 % opaque: mean error of "
        f"their target {float(error[half].mean()):.3f} (solid rays {solid:.4f})"
    )
    return card(5, "composited once", "composited twice", "once", text)


def free_points(zoo: Zoo, index: int, n: int, generator: torch.Generator) -> Float[torch.Tensor, "m 3"]:
    """Positions (scene units) uniform in the box, without those in the NeRF's occupied cells."""
    points = torch.rand(n, 3, generator=generator) * (AABB[3] - AABB[0]) + AABB[0]
    return points[~in_cells(torch.from_numpy(zoo.occupied(index)), points[None])[0]]


@torch.no_grad()
def emptiness_card(model: Nerf2Vec, zoo: Zoo, indices, step: float, generator: torch.Generator) -> dict:
    """Row 6: a raw density is no opacity; it says so about a decoder that was just trained."""
    sigmas = []
    for index in indices:
        field = model.decode(model.embed(zoo[int(index)]))
        sigmas.append(field.query(free_points(zoo, int(index), 2000, generator))[0])
    sigmas = torch.cat(sigmas)
    opacity = -torch.expm1(-sigmas * step)
    text = (
        f"{len(sigmas):,} empty points: mean density {float(sigmas.mean()):.2f}, largest {float(sigmas.max()):.0f}; "
        f"mean opacity of a sample {float(opacity.mean()):.4f}, largest {float(opacity.max()):.2f}"
    )
    return card(6, "opacity", "raw density in its place, padding in the mean", "1 - exp(-density step)", text)


@torch.no_grad()
def dropping_card(
    zoo: Zoo,
    index: int,
    origins: Float[torch.Tensor, "r 3"],
    directions: Float[torch.Tensor, "r 3"],
    step: float,
    generator: torch.Generator,
    share: float = 0.5,
) -> tuple[dict, dict[str, Float[torch.Tensor, "r 4"]]]:
    """Row 7: samples dropped at random let light through; dropped rays do not touch the others.

    Returns the row and the rays (premultiplied colour, opacity) with all samples and with `share` of them.
    """
    weights = torch.from_numpy(zoo.field_weights(index))
    samples = march(origins, directions, torch.from_numpy(zoo.occupied(index)), step)
    sigmas, rgbs = (part[0] for part in evaluate(weights, samples.positions(origins, directions)[None]))
    kept = torch.rand(len(sigmas), generator=generator) < share

    def rays(chosen: torch.Tensor) -> torch.Tensor:
        lengths = torch.full((int(chosen.sum()),), step)
        return composite(sigmas[chosen], rgbs[chosen], lengths, samples.ray_indices[chosen], samples.n_rays)

    found = {"all samples": rays(torch.ones_like(kept)), "samples dropped": rays(kept)}
    hit = found["all samples"][:, 3] > 0.05
    before, after = (float(one[hit, 3].mean()) for one in found.values())
    text = f"{share:.0%} of the samples kept: mean opacity of {int(hit.sum())} rays {before:.3f} -> {after:.3f}"
    row = card(7, "60 : 40 coordinates", "71 : 29, samples dropped at random", "whole rays dropped", text)
    return row, found


def schedule_card(curves: dict[str, tuple[np.ndarray, np.ndarray]], names: tuple[str, str]) -> dict:
    """Row 8: the thesis's schedule and the code's, at the end of training."""
    ends = [curves[name][1][-1] for name in names]
    text = f"last rate {ends[0]:.0e} against {ends[1]:.0e}; see the picture"
    return card(8, "400 epochs, then 100 at a tenth", "501 epochs at one rate", "one schedule, in run.json", text)


def component_right(components: torch.Tensor, labels: np.ndarray, train, test, k: int) -> Float[np.ndarray, "t"]:
    """1 where the nearest of `train`, by the first k of components (n, c), has the class of one of `test`, else 0."""
    near = torch.cdist(components[test, :k], components[train, :k]).argmin(1)
    return (labels[train][near] == labels[test]).astype(float)


def component_hits(components: torch.Tensor, labels: np.ndarray, train, test, k: int) -> float:
    """The share of those."""
    return float(component_right(components, labels, train, test, k).mean())


def variance_parts(field_weights: Float[torch.Tensor, "n w"]) -> dict[str, tuple[float, int]]:
    """Share of the variance that lies in parts of the vector, and how many weights each part has."""
    spread = field_weights.var(0, correction=0)
    low, used = kept_weights(8), kept_weights(24)
    held = [float(spread[part].sum() / spread.sum()) for part in (low, used)]
    return {
        "octaves 0 to 7,\nhidden, output": (held[0], len(low)),
        "octaves 8 to 23": (held[1] - held[0], len(used) - len(low)),
        "padding": (1 - held[1], len(spread) - len(used)),
    }


def rows_exchanged(
    field_weights: Float[torch.Tensor, "n w"], share: float, generator: torch.Generator
) -> Float[torch.Tensor, "n w"]:
    """NeRFs of which a share of the hidden matrices' rows have changed places: other functions."""
    first, n_rows = SLICES[1].start, (SLICES[2].stop - SLICES[1].start) // N_HIDDEN
    chosen = torch.randperm(n_rows, generator=generator)[: max(2, round(share * n_rows))]
    rows = field_weights[:, first : SLICES[2].stop].view(len(field_weights), n_rows, N_HIDDEN).clone()
    rows[:, chosen] = rows[:, chosen.roll(1)]
    other = field_weights.clone()
    other[:, first : SLICES[2].stop] = rows.flatten(1)
    return other


@torch.no_grad()
def movement(encode: Callable, before: Float[torch.Tensor, "n w"], after: Float[torch.Tensor, "n w"]) -> float:
    """How far embeddings move when NeRFs are altered; 1: as far as NeRFs lie from their mean."""
    first = encode(before)
    apart = float((first - first.mean(0)).norm(dim=1).mean())
    return float((encode(after) - first).norm(dim=1).mean()) / apart
