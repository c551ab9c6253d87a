"""The encoders: the thesis's, blind to where a weight sits, and three that use the shared initial vector.

| kind | idea |
|---|---|
| rows | the thesis: every row of the weight matrix through the same layers, maximum over rows |
| placed | the same, but each row first gets a scale and a shift of its own, and mean and maximum are kept |
| tokens | a token a neuron: w - w0 through a projection that each neuron has to itself |
| aligned | principal components of the whole vector, a small network with a linear skip |
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import nn

from n2v.embed.matrix import weight_matrix
from n2v.errors import BadInput
from n2v.nerf.layout import N_HIDDEN, N_OCTAVES, N_OUTPUTS, N_WEIGHTS, SHAPES, SLICES, initial_vector

N_EXACT = 4096  # NeRFs up to which principal components are exact; beyond, randomised (Halko et al., arXiv 0909.4061)


@dataclass(frozen=True)
class EncoderConfig:
    """Defaults: the thesis (Fig 3.4, section 4.1)."""

    kind: str = "rows"  # "rows" (thesis), "placed", "tokens" or "aligned"
    widths: tuple[int, ...] = (512, 512, 1024, 1024)  # of the row layers ("rows", "placed"); the first, of a token
    embedding: int = 1024  # numbers in an embedding
    n_components: int = 256  # principal components kept ("aligned")
    hidden: int = 512  # of the small network behind them ("aligned")
    noise: float = 0.0  # standard deviation added to the components while training ("aligned")
    layers: str = "all"  # or "hidden": first and last matrix are not shown to the encoder (thesis App. C)
    octaves: int | None = None  # read these octaves of the input matrix and no padding; None: all 18,432 numbers
    dropout: float = 0.0  # share of weights hidden while training ("tokens", "aligned")
    heads: int = 0  # of a self-attention layer over the tokens; 0: none ("tokens")

    def __post_init__(self) -> None:
        if self.octaves is not None and not 1 <= self.octaves <= N_OCTAVES:
            raise BadInput(f"{self.octaves} octaves", fix=f"use 1 to {N_OCTAVES}, or None for all weights")
        if self.kind == "tokens" and self.heads and self.widths[0] % self.heads:
            raise BadInput(f"{self.heads} heads for tokens of {self.widths[0]}", fix="use a divisor")


def hidden_layers_only(field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b w"]:
    """The same vectors with the first and the last matrix set to zero."""
    kept = torch.zeros(N_WEIGHTS, dtype=torch.bool, device=field_weights.device)
    kept[SLICES[1].start : SLICES[2].stop] = True
    return field_weights * kept


def kept_weights(octaves: int | None) -> Int[torch.Tensor, "k"]:
    """Positions of the weights that an encoder reads, in order.

    None: all. Otherwise the first `octaves` octaves of each axis of the input matrix, the hidden matrices and the
    four used rows of the last one. What is left out is equal in every NeRF (padding) or moved by noise alone
    (octaves that the samples along a ray cannot resolve: notebooks 02 and 03).
    """
    kept = torch.ones(N_WEIGHTS, dtype=torch.bool)
    if octaves is not None:
        first = kept[SLICES[0]].view(SHAPES[0][0], 3, N_OCTAVES, 2)  # CONVENTIONS.md: axis, octave, sine or cosine
        first[:, :, octaves:] = False
        kept[SLICES[-1]].view(SHAPES[-1])[N_OUTPUTS:] = False
    return kept.nonzero()[:, 0]


def make_encoder(config: EncoderConfig) -> nn.Module:
    """The encoder a configuration names."""
    if config.kind not in ENCODERS:
        raise BadInput(f"unknown encoder '{config.kind}'", fix=f"use one of: {', '.join(ENCODERS)}")
    return ENCODERS[config.kind](config)


def row_layers(config: EncoderConfig) -> nn.Sequential:
    """Linear, batch norm, ReLU for each width (thesis Fig 3.4, without its last layer)."""
    layers, width = [], N_HIDDEN
    for next_width in config.widths:
        layers += [nn.Linear(width, next_width), nn.BatchNorm1d(next_width), nn.ReLU()]
        width = next_width
    return nn.Sequential(*layers)


class RowEncoder(nn.Module):
    """Every row through the same layers (linear, batch norm, ReLU), a last linear layer, then the maximum over rows.

    The maximum forgets where a row stood: exchanging two rows of the weight matrix changes nothing
    (tests/embed/test_encoder.py). With `octaves` given, the weights that are read are cut at 64 without gaps: 276 rows
    with all 24 octaves, the thesis's 336 without its 60 equal ones. Source: thesis Fig 3.4.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.octaves = config.octaves
        self.register_buffer("kept", kept_weights(config.octaves), persistent=False)
        self.layers = nn.Sequential(*row_layers(config), nn.Linear(config.widths[-1], config.embedding))

    def rows(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b r 64"]:
        """What the layers read."""
        if self.octaves is None:
            return weight_matrix(field_weights)
        return field_weights[:, self.kept].view(len(field_weights), -1, N_HIDDEN)

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        return self.encode_rows(self.rows(field_weights))

    def encode_rows(self, rows: Float[torch.Tensor, "b r 64"]) -> Float[torch.Tensor, "b e"]:
        """Embedding of a stack of rows."""
        return self.layers(rows.flatten(0, 1)).view(*rows.shape[:2], -1).amax(1)


class PlacedRowEncoder(RowEncoder):
    """The row encoder, told where a row stands: row r becomes scale_r * row + shift_r, learned, entry by entry.

    Mean and maximum over rows are both kept, and a linear layer makes the embedding of them: the maximum alone passes
    each feature's gradient to a single row.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__(config)
        n_rows = self.rows(torch.zeros(1, N_WEIGHTS)).shape[1]
        self.scale = nn.Parameter(torch.ones(n_rows, N_HIDDEN))
        self.shift = nn.Parameter(torch.zeros(n_rows, N_HIDDEN))
        self.layers = row_layers(config)
        self.last = nn.Linear(2 * config.widths[-1], config.embedding)

    def encode_rows(self, rows: Float[torch.Tensor, "b r 64"]) -> Float[torch.Tensor, "b e"]:
        """Embedding of a stack of rows, each in its place."""
        placed = rows * self.scale + self.shift
        features = self.layers(placed.flatten(0, 1)).view(*rows.shape[:2], -1)
        return self.last(torch.cat([features.mean(1), features.amax(1)], -1))


class TokenEncoder(nn.Module):
    """A token for each of the 196 neurons: its own weights, minus where they started, through its own projection.

    What a neuron's weights mean depends on the neuron, so sharing the first layer (as rows do) is what has to go; the
    layers behind it are shared. With `heads`, tokens also look at each other once.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.widths[0]
        kept = kept_weights(config.octaves if config.octaves is not None else N_OCTAVES)
        self.n_first = len(kept) - (2 * N_HIDDEN + N_OUTPUTS) * N_HIDDEN  # kept weights of the input matrix
        self.dropout = config.dropout
        self.register_buffer("kept", kept, persistent=False)
        self.register_buffer("start", torch.from_numpy(initial_vector())[kept], persistent=False)
        self.first = nn.Parameter(torch.empty(N_HIDDEN, self.n_first // N_HIDDEN, width))
        self.others = nn.Parameter(torch.empty(2 * N_HIDDEN + N_OUTPUTS, N_HIDDEN, width))
        for values in (self.first, self.others):
            nn.init.normal_(values, std=values.shape[1] ** -0.5)
        self.bias = nn.Parameter(torch.zeros(len(self.first) + len(self.others), width))
        self.norm = nn.LayerNorm(width)
        self.attention = (
            nn.TransformerEncoderLayer(width, config.heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            if config.heads
            else nn.Identity()
        )
        self.shared = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.last = nn.Linear(2 * width, config.embedding)

    def tokens(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b t d"]:
        """One token a neuron: 64 of the input matrix, 128 hidden, 4 outputs."""
        moved = nn.functional.dropout(field_weights[:, self.kept] - self.start, self.dropout, self.training)
        first = moved[:, : self.n_first].view(len(moved), N_HIDDEN, -1)
        others = moved[:, self.n_first :].view(len(moved), -1, N_HIDDEN)
        parts = [torch.einsum("bnw,nwd->bnd", *pair) for pair in ((first, self.first), (others, self.others))]
        return nn.functional.gelu(self.norm(torch.cat(parts, 1) + self.bias))

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        tokens = self.attention(self.tokens(field_weights))
        tokens = tokens + self.shared(tokens)
        return self.last(torch.cat([tokens.mean(1), tokens.amax(1)], -1))


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


ENCODERS = {"rows": RowEncoder, "placed": PlacedRowEncoder, "tokens": TokenEncoder, "aligned": AlignedEncoder}
