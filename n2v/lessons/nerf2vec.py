"""Notebook 04: the visible checks; what encoders see; where thesis, code and sound practice differ (rows 4 to 8)."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from n2v.embed.encoder import N_ROWS, RowEncoder, kept_weights, weight_matrix
from n2v.embed.model import Nerf2Vec
from n2v.embed.targets import in_cells
from n2v.lessons.judge import Check
from n2v.nerf.composite import composite, over_background
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS, SLICES
from n2v.nerf.march import march
from n2v.nerf.nerf import Nerf
from n2v.scenes.objects import AABB
from n2v.zoo.store import Zoo


def _padded(vector: torch.Tensor) -> torch.Tensor:
    return nn.functional.pad(vector, (0, N_ROWS * N_HIDDEN - N_WEIGHTS))


check_matrix = Check(
    "matrix",
    [(torch.arange(1.0, N_WEIGHTS + 1),)],
    lambda vector: weight_matrix(vector[None])[0],
    {
        "the cut is row by row, not column by column": lambda vector: _padded(vector).view(N_HIDDEN, N_ROWS).T,
        "the zeros belong behind the weights": lambda vector: _padded(vector).roll(-N_WEIGHTS).view(N_ROWS, N_HIDDEN),
    },
)


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
    mistakes = {why: pattern.__getitem__ for why, pattern in patterns.items()}
    check = Check("shuffled rows", [(i,) for i in range(len(toys))], [0, 1, 1, 0, 0].__getitem__, mistakes)
    return check(lambda i: notices(toys[i], rows))


check_emptiness = Check(
    "emptiness",
    [(torch.tensor([0.0, 0.5, 10.0, 400.0]), 0.04)],
    lambda sigmas, step: -torch.expm1(-sigmas * step),
    {
        "that is the raw density: it has a unit and no upper end (the published code's mistake)": lambda s, step: s,
        "density times length is an optical depth; it exceeds 1, an opacity cannot": lambda s, step: s * step,
        "that is the share of light that gets through": lambda s, step: torch.exp(-s * step),
        "the length of the sample is missing": lambda s, step: 1 - torch.exp(-s),
        "clamping stops the gradient just where it is needed": lambda s, step: (s * step).clamp(max=1),
    },
)


def _split(layer, embedding, features, bias: float = 1.0) -> torch.Tensor:
    """A layer of (embedding, features) that multiplies the embedding once."""
    n = embedding.shape[1]
    once = embedding @ layer.weight[:, :n].T + bias * layer.bias
    return once[:, None] + features @ layer.weight[:, n:].T


def _swapped(layer, embedding, features) -> torch.Tensor:
    return layer(torch.cat([features, embedding[:, None].expand(-1, features.shape[1], -1)], -1))


def _layer_and_inputs() -> tuple:
    """With numbers of their own: importing this page leaves torch's dice alone."""
    stream, layer = torch.Generator().manual_seed(0), nn.utils.skip_init(nn.Linear, 40 + 3, 4).requires_grad_(False)
    for part in layer.parameters():
        part.copy_(torch.randn(part.shape, generator=stream) / 6)
    return layer, torch.randn(2, 40, generator=stream), torch.randn(2, 6, 3, generator=stream)


_share = Check(
    "embedding's share",
    [_layer_and_inputs()],
    _split,
    {
        "the bias counts twice, once in each part": lambda *given: _split(*given, bias=2.0),
        "the bias is missing": lambda *given: _split(*given, bias=0.0),
        "the embedding's share is missing": lambda layer, e, features: _split(layer, 0 * e, features),
        "the embedding comes first in the layer's input, then the position": _swapped,
    },
)


def check_share(first_layer: Callable) -> bool:
    """`first_layer(layer, embedding, features)`: right, and without repeating the embedding (multiplications count)."""
    if not _share(first_layer):
        return False
    with FlopCounterMode(display=False) as counted, torch.no_grad():
        first_layer(*_share.cases[0])
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

    def of(part: slice, queries=test, gallery=train) -> float:
        return component_hits(components[:, part], labels, gallery, queries, components.shape[1])

    mistakes = {
        "each training NeRF's neighbour was looked for; ask for the test NeRFs'": lambda k: of(slice(k), train, test),
        "all components were used": lambda k: of(slice(None)),
        "those are the last components, which carry least": lambda k: of(slice(-k, None)),
        "the first component is left out": lambda k: of(slice(1, k + 1)),
        "only component k is used": lambda k: of(slice(k - 1, k)),
        "the test NeRFs are among the candidates: each finds itself": lambda k: 1.0,
        "that is the share of misses": lambda k: 1 - of(slice(k)),
    }
    return Check("components", [(k,) for k in ks], lambda k: of(slice(k)), mistakes, 1e-6)(hits_with)


def card(number: int, thesis: str, code: str, ours: str, measured: str) -> dict:
    """One row of the table."""
    return {"#": number, "thesis says": thesis, "code does": code, "we do": ours, "we measured": measured}


def loss_card(generator: torch.Generator) -> dict:
    """Row 4: on colours in [0, 1] smooth L1 is half the squared error, so it is no L1 at all."""
    pair = torch.rand(2, 10_000, generator=generator)
    losses = (nn.functional.smooth_l1_loss, nn.functional.mse_loss, nn.functional.l1_loss)
    smooth, squared, absolute = (float(loss(*pair)) for loss in losses)
    text = f"smooth L1 / squared error = {smooth / squared:.6f}; smooth L1 / L1 = {smooth / absolute:.2f}"
    return card(4, "L1", "smooth L1", "smooth L1 on rays, L1 on empty points", text)


def compositing_card(targets: Float[torch.Tensor, "r 4"], generator: torch.Generator) -> dict:
    """Row 5: targets composited a second time are wrong exactly where a ray is half transparent."""
    background, opacity = torch.rand(len(targets), 3, generator=generator), targets[:, 3]
    once = over_background(targets, background)
    twice = over_background(torch.cat([once * targets[:, 3:], targets[:, 3:]], -1), background)
    error, half = (twice - once).abs().mean(1), (opacity > 0.2) & (opacity < 0.8)
    text = (
        f"{float(half.float().mean()):.0%} of {len(targets):,} rays are between 20 and 80 % opaque: mean error of "
        f"their target {float(error[half].mean()):.3f} (solid rays {float(error[opacity > 0.99].mean()):.4f})"
    )
    return card(5, "composited once", "composited twice", "once", text)


@torch.no_grad()
def emptiness_card(model: Nerf2Vec, zoo: Zoo, indices, step: float, generator: torch.Generator) -> dict:
    """Row 6: a raw density is no opacity; it says so about a decoder, at points outside each NeRF's occupied cells."""
    sigmas = []
    for index in map(int, indices):
        points = torch.rand(2000, 3, generator=generator) * (AABB[3] - AABB[0]) + AABB[0]
        free = points[~in_cells(torch.from_numpy(zoo.occupied(index)), points[None])[0]]
        sigmas.append(model.decode(model.embed(zoo[index])).query(free)[0])
    sigmas = torch.cat(sigmas)
    opacity = -torch.expm1(-sigmas * step)
    text = (
        f"{len(sigmas):,} empty points: mean density {float(sigmas.mean()):.2f}, largest {float(sigmas.max()):.0f}; "
        f"mean opacity of a sample {float(opacity.mean()):.4f}, largest {float(opacity.max()):.2f}"
    )
    return card(6, "opacity", "raw density in its place, padding in the mean", "1 - exp(-density step)", text)


@torch.no_grad()
def dropping_card(nerf: Nerf, rays: tuple[torch.Tensor, torch.Tensor], step: float, generator: torch.Generator) -> dict:
    """Row 7: samples dropped at random let light through. `rays`: origins and directions (r, 3)."""
    samples = march(*rays, nerf.occupied, step)
    sigmas, rgbs = nerf.query(samples.positions(*rays))
    kept = torch.rand(len(sigmas), generator=generator) < 0.5
    all_of, some = (
        composite(sigmas[one], rgbs[one], torch.full((int(one.sum()),), step), samples.ray_indices[one], samples.n_rays)
        for one in (torch.ones_like(kept), kept)
    )
    hit = all_of[:, 3] > 0.05
    before, after = (float(one[hit, 3].mean()) for one in (all_of, some))
    text = f"half of the samples kept: mean opacity of {int(hit.sum())} rays {before:.3f} -> {after:.3f}"
    return card(7, "60 : 40 coordinates", "71 : 29, samples dropped at random", "whole rays dropped", text)


def schedule_card(thesis_end: float, code_end: float) -> dict:
    """Row 8: the last learning rates of the thesis's schedule and of the code's."""
    text = f"last rate {thesis_end:.0e} against {code_end:.0e}; see the picture"
    return card(8, "400 epochs, then 100 at a tenth", "501 epochs at one rate", "one schedule, in run.json", text)


def component_right(components: torch.Tensor, labels: np.ndarray, train, test, k: int) -> Float[np.ndarray, "t"]:
    """1 where the nearest of `train`, by the first k of components (n, c), has the class of one of `test`, else 0."""
    near = torch.cdist(components[test, :k], components[train, :k]).argmin(1)
    return (labels[train][near] == labels[test]).astype(float)


def component_hits(components: torch.Tensor, labels: np.ndarray, train, test, k: int) -> float:
    """The share of those."""
    return float(component_right(components, labels, train, test, k).mean())


def variance_parts(field_weights: Float[torch.Tensor, "n w"]) -> list[dict]:
    """Parts of the vector: rows of a name, its share of the variance over NeRFs, and its share of the weights."""
    spread = field_weights.var(0, correction=0)
    low, used = torch.zeros(2, len(spread), dtype=torch.bool)
    low[kept_weights(8)], used[kept_weights(24)] = True, True
    parts = {"octaves 0 to 7, hidden, output": low, "octaves 8 to 23": used & ~low, "padding": ~used}
    rows = []
    for name, mask in parts.items():
        shares = {"of the variance": spread[mask].sum() / spread.sum(), "of the weights": mask.float().mean()}
        rows.append({"part": name} | {of: float(share) for of, share in shares.items()})
    return rows


def answer_layers(answers: torch.Tensor, n_layers: int = 5) -> dict[int, np.ndarray]:
    """Answers (4, g, g, g; opacity and colour, uint8) over white: height -> picture (g, g, 3).

    The object's height is cut into n_layers parts; of each part the fullest layer is shown.
    """
    values = answers.float().numpy() / 255
    fill = values[0].sum((0, 1))
    parts = np.array_split(np.flatnonzero(fill > 1), n_layers)
    heights = [part[fill[part].argmax()] for part in parts]
    return {int(z): (values[1:, :, :, z] + 1 - values[:1, :, :, z]).transpose(2, 1, 0)[::-1] for z in heights}


def rows_exchanged(
    field_weights: Float[torch.Tensor, "n w"], share: float, generator: torch.Generator
) -> Float[torch.Tensor, "n w"]:
    """NeRFs of which a share of the hidden matrices' rows have changed places: other functions."""
    hidden = slice(SLICES[1].start, SLICES[2].stop)
    other, rows = field_weights.clone(), field_weights[:, hidden].reshape(len(field_weights), -1, N_HIDDEN).clone()
    chosen = torch.randperm(rows.shape[1], generator=generator)[: max(2, round(share * rows.shape[1]))]
    rows[:, chosen] = rows[:, chosen.roll(1)]
    other[:, hidden] = rows.flatten(1)
    return other


@torch.no_grad()
def movement(encode: Callable, before: Float[torch.Tensor, "n w"], after: Float[torch.Tensor, "n w"]) -> float:
    """How far embeddings move when NeRFs are altered; 1: as far as NeRFs lie from their mean."""
    first = encode(before)
    apart = float((first - first.mean(0)).norm(dim=1).mean())
    return float((encode(after) - first).norm(dim=1).mean()) / apart
