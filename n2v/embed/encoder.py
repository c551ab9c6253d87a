"""The encoders: the thesis's, blind to where a weight sits; one for a shared initial vector; two that need none.

| kind | idea | reads |
|---|---|---|
| rows | the thesis: every row of the weight matrix through the same layers, maximum over rows | weights |
| aligned | principal components of the whole vector, a small network with a linear skip | weights of one shared start |
| asking | answers of the NeRF on a lattice, 3-D convolutions (n2v.embed.asking) | any NeRF |
| symmetric | messages along the network's own edges (n2v.embed.encoder) | any order and scale of neurons |
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.errors import BadInput
from n2v.nerf.layout import N_FEATURES, N_HIDDEN, N_OCTAVES, N_OUTPUTS, N_WEIGHTS, SHAPES, SLICES, split_weights

N_PARTS = 4**3  # parts of the box that an asking encoder describes one by one
N_EXACT = 4096  # NeRFs up to which principal components are exact; beyond, randomised (Halko et al., arXiv 0909.4061)


@dataclass(frozen=True)
class EncoderConfig:
    """Defaults: the thesis (Fig 3.4, section 4.1)."""

    kind: str = "rows"  # "rows" (thesis), "aligned", "asking" or "symmetric"
    widths: tuple[int, ...] = (512, 512, 1024, 1024)  # of the row layers ("rows")
    embedding: int = 1024  # numbers in an embedding
    n_components: int = 256  # principal components kept: of weights ("aligned"), of answers ("asking")
    hidden: int = 512  # of the small network behind them ("aligned", "asking", "symmetric")
    noise: float = (
        0.0  # added while training, in standard deviations: of components ("aligned"), of embeddings ("asking")
    )
    layers: str = "all"  # or "hidden": the rows of the first and last matrix are left out ("rows"; thesis App. C)
    octaves: int | None = None  # read these octaves of the input matrix and no padding; None: all 18,432 numbers
    dropout: float = 0.0  # share of weights hidden while training ("aligned")
    channels: int = 16  # of the first convolution ("asking")
    n_local: int = 12  # numbers of an embedding that describe one of its 4^3 parts of the box ("asking")

    def __post_init__(self) -> None:
        if self.octaves is not None and not 1 <= self.octaves <= N_OCTAVES:
            raise BadInput(f"{self.octaves} octaves", fix=f"use 1 to {N_OCTAVES}, or None for all weights")
        if self.kind == "asking" and not 0 < self.n_local * N_PARTS < self.embedding - self.n_components:
            what = f"{self.n_components} components and {self.n_local} numbers for each of {N_PARTS} parts"
            raise BadInput(f"{what} in an embedding of {self.embedding}", fix="use fewer of them")

    @property
    def n_shared(self) -> int:
        """Leading numbers of an embedding that versions of an object are asked to share (n2v.embed.loss)."""
        return self.embedding - self.n_local * N_PARTS if self.kind == "asking" else self.embedding


def kept_weights(octaves: int | None, layers: str = "all") -> Int[torch.Tensor, "k"]:
    """Positions of the weights that an encoder reads, in order.

    None: all. Otherwise the first `octaves` octaves of each axis of the input matrix, the hidden matrices and the
    four used rows of the last one. What is left out is equal in every NeRF (padding) or moved by noise alone
    (octaves that the samples along a ray cannot resolve: notebooks 02 and 03). With `layers` "hidden", the hidden
    matrices alone.
    """
    if layers == "hidden":
        return torch.arange(SLICES[1].start, SLICES[2].stop)
    kept = torch.ones(N_WEIGHTS, dtype=torch.bool)
    if octaves is not None:
        first = kept[SLICES[0]].view(SHAPES[0][0], 3, N_OCTAVES, 2)  # CONVENTIONS.md: axis, octave, sine or cosine
        first[:, :, octaves:] = False
        kept[SLICES[-1]].view(SHAPES[-1])[N_OUTPUTS:] = False
    return kept.nonzero()[:, 0]


def make_encoder(config: EncoderConfig) -> nn.Module:
    """The encoder a configuration names."""
    from n2v.embed.asking import AskingEncoder

    known = {"rows": RowEncoder, "aligned": AlignedEncoder, "asking": AskingEncoder, "symmetric": SymmetricEncoder}
    if config.kind not in known:
        raise BadInput(f"unknown encoder '{config.kind}'", fix=f"use one of: {', '.join(known)}")
    return known[config.kind](config)


class RowEncoder(nn.Module):
    """Every row through the same layers (linear, batch norm, ReLU), a last linear layer, then the maximum over rows.

    The maximum forgets where a row stood: exchanging two rows of the weight matrix changes nothing
    (tests/embed/test_encoder.py). With `octaves` given, the weights that are read are cut at 64 without gaps: 276 rows
    with all 24 octaves, the thesis's 336 without its 60 equal ones. Source: thesis Fig 3.4.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.whole = config.octaves is None and config.layers == "all"
        self.register_buffer("kept", kept_weights(config.octaves, config.layers), persistent=False)
        layers, width = [], N_HIDDEN
        for next_width in config.widths:
            layers += [nn.Linear(width, next_width), nn.BatchNorm1d(next_width), nn.ReLU()]
            width = next_width
        self.layers = nn.Sequential(*layers, nn.Linear(width, config.embedding))

    def rows(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b r 64"]:
        """What the layers read."""
        if self.whole:
            return weight_matrix(field_weights)
        return field_weights[:, self.kept].view(len(field_weights), -1, N_HIDDEN)

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        return self.encode_rows(self.rows(field_weights))

    def encode_rows(self, rows: Float[torch.Tensor, "b r 64"]) -> Float[torch.Tensor, "b e"]:
        """Embedding of a stack of rows."""
        return self.layers(rows.flatten(0, 1)).view(*rows.shape[:2], -1).amax(1)


class AlignedEncoder(nn.Module):
    """Principal components of the weights, scaled to unit mean variance, then a small network with a linear skip.

    All NeRFs start from one vector, so weight i means the same in each of them and a linear map over the whole
    vector can read it. `fit_front` must have seen the training NeRFs before the first use. Its basis has a row a
    weight that is read: with `octaves` fewer, and the model is smaller for it.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.noise, self.dropout, self.everything = config.noise, config.dropout, config.octaves is None
        self.register_buffer("kept", kept_weights(config.octaves), persistent=False)
        self.register_buffer("mean", torch.zeros(len(self.kept)))
        self.register_buffer("basis", torch.zeros(len(self.kept), config.n_components))
        self.skip = nn.Linear(config.n_components, config.embedding)
        self.layers = nn.Sequential(
            nn.Linear(config.n_components, config.hidden),
            nn.LayerNorm(config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.embedding),
        )

    def read(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b k"]:
        """The weights that the front reads, in float32."""
        return field_weights.float() if self.everything else field_weights.float()[:, self.kept]

    @torch.no_grad()
    def fit_front(self, field_weights: Float[torch.Tensor, "n w"]) -> None:
        """Set mean and basis from training NeRFs; with fewer NeRFs than components the rest stays zero."""
        values = self.read(field_weights.to(self.mean.device))
        mean = values.mean(0)
        variances, directions = leading_directions(values - mean, self.basis.shape[1])
        self.mean.copy_(mean)
        self.basis.zero_()
        self.basis[:, : len(variances)] = directions / variances.mean().sqrt()

    def components(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b c"]:
        """Scaled principal components, always in float32."""
        with torch.autocast(field_weights.device.type, enabled=False):
            moved = self.read(field_weights) - self.mean
            return nn.functional.dropout(moved, self.dropout, self.training) @ self.basis

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        components = self.components(field_weights)
        if self.training and self.noise:
            components = components + self.noise * torch.randn_like(components)
        return self.skip(components) + self.layers(components)


def leading_directions(
    centred: Float[torch.Tensor, "n w"], n_components: int
) -> tuple[Float[torch.Tensor, "c"], Float[torch.Tensor, "w c"]]:
    """Variances and unit directions of the principal components, largest first; at most n - 1 of them."""
    n = min(n_components, len(centred) - 1)
    if len(centred) > N_EXACT:
        _, singular, directions = torch.svd_lowrank(centred, q=n + 32, niter=4)
        return singular[:n] ** 2 / len(centred), directions[:, :n]
    values, vectors = torch.linalg.eigh(centred @ centred.T)  # n x n: n is far below 18,432
    values, vectors = values.flip(0)[:n].clamp(min=1e-12), vectors.flip(1)[:, :n]
    return values / len(centred), centred.T @ vectors / values.sqrt()


N_PADDING = 48 * N_HIDDEN  # (64 - 16) * 64 zeros: the output matrix brought to 64 rows
N_ROWS = (N_WEIGHTS + N_PADDING) // N_HIDDEN  # 336


def weight_matrix(field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b rows 64"]:
    """Row-major re-cut at 64 numbers a row.

    Rows 0-143 are the 64 x 144 input matrix (so each neuron's 144 weights straddle rows), 144-271 the two hidden
    matrices, 272-275 the four outputs, 276-287 padding equal in every NeRF, 288-335 zeros.
    """
    padded = torch.nn.functional.pad(field_weights, (0, N_PADDING))
    return padded.view(len(field_weights), N_ROWS, N_HIDDEN)


def unscaled(matrices: list[Float[torch.Tensor, "b _ _"]]) -> list[Float[torch.Tensor, "b _ _"]]:
    """The same function with every hidden neuron's incoming weights of length 1, from the input on."""
    free = []
    for matrix, after in zip(matrices, [*matrices[1:], None], strict=True):
        matrix = matrix if not free else matrix * lengths[:, None]
        if after is None:
            return [*free, matrix]
        lengths = matrix.norm(dim=2).clamp(min=1e-8)
        free.append(matrix / lengths[..., None])
    raise ValueError("no matrices")


class SymmetricEncoder(nn.Module):
    """One sweep of messages from input to output and one back, then mean and maximum over each layer's neurons."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        octaves, width = config.octaves or N_OCTAVES, config.channels * 8
        columns = torch.arange(N_FEATURES) // 2 % N_OCTAVES < octaves
        self.register_buffer("columns", columns.nonzero()[:, 0], persistent=False)

        def layers(n_inputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.LayerNorm(n_inputs), nn.Linear(n_inputs, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
            )

        self.forth = nn.ModuleList([layers(len(self.columns)), layers(width), layers(width)])
        self.out = layers(width + N_OUTPUTS)
        self.back = nn.ModuleList([layers(2 * width), layers(2 * width), layers(2 * width)])
        self.last = nn.Sequential(
            nn.Linear(6 * width + N_OUTPUTS * width, config.hidden), nn.LayerNorm(config.hidden), nn.GELU(),
            nn.Linear(config.hidden, config.embedding),
        )  # fmt: skip

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        first, second, third, last = split_weights(field_weights.float())
        first, second, third, last = unscaled([first[..., self.columns], second, third, last[:, :N_OUTPUTS]])
        neurons = [self.forth[0](first)]
        for matrix, step in zip((second, third), self.forth[1:], strict=True):
            neurons.append(step(matrix @ neurons[-1]))
        named = torch.eye(N_OUTPUTS, device=last.device).expand(len(last), -1, -1)
        outputs = self.out(torch.cat([last @ neurons[-1], named], -1))
        found, told = [], outputs
        for matrix, neuron, step in zip((last, third, second), reversed(neurons), self.back, strict=True):
            told = step(torch.cat([neuron, matrix.transpose(1, 2) @ told], -1))
            found += [told.mean(1), told.amax(1)]
        return self.last(torch.cat([*found, outputs.flatten(1)], -1))
