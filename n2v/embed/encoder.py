"""Two encoders: the thesis's, blind to where a weight sits, and one that uses the shared initial vector."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from n2v.embed.matrix import weight_matrix
from n2v.errors import BadInput
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS, SLICES


@dataclass(frozen=True)
class EncoderConfig:
    """Defaults: the thesis (Fig 3.4, section 4.1)."""

    kind: str = "rows"  # "rows" (thesis) or "aligned"
    widths: tuple[int, ...] = (512, 512, 1024, 1024)  # of the row layers ("rows")
    embedding: int = 1024  # numbers in an embedding
    n_components: int = 256  # principal components kept ("aligned")
    hidden: int = 512  # of the small network behind them ("aligned")
    noise: float = 0.0  # standard deviation added to the components while training ("aligned")
    layers: str = "all"  # or "hidden": first and last matrix are not shown to the encoder (thesis App. C)


def hidden_layers_only(field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b w"]:
    """The same vectors with the first and the last matrix set to zero."""
    kept = torch.zeros(N_WEIGHTS, dtype=torch.bool, device=field_weights.device)
    kept[SLICES[1].start : SLICES[2].stop] = True
    return field_weights * kept


def make_encoder(config: EncoderConfig) -> nn.Module:
    """The encoder a configuration names."""
    if config.kind == "rows":
        return RowEncoder(config)
    if config.kind == "aligned":
        return AlignedEncoder(config)
    raise BadInput(f"unknown encoder '{config.kind}'", fix="use one of: rows, aligned")


class RowEncoder(nn.Module):
    """Every row through the same layers (linear, batch norm, ReLU), a last linear layer, then the maximum over rows.

    The maximum forgets where a row stood: exchanging two rows of the weight matrix changes nothing
    (tests/embed/test_encoder.py). Source: thesis Fig 3.4.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        layers, width = [], N_HIDDEN
        for next_width in config.widths:
            layers += [nn.Linear(width, next_width), nn.BatchNorm1d(next_width), nn.ReLU()]
            width = next_width
        self.layers = nn.Sequential(*layers, nn.Linear(width, config.embedding))

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        return self.encode_rows(weight_matrix(field_weights))

    def encode_rows(self, rows: Float[torch.Tensor, "b r 64"]) -> Float[torch.Tensor, "b e"]:
        """Embedding of a stack of rows."""
        return self.layers(rows.flatten(0, 1)).view(*rows.shape[:2], -1).amax(1)


class AlignedEncoder(nn.Module):
    """Principal components of the weights, scaled to unit mean variance, then a small network with a linear skip.

    All NeRFs start from one vector, so weight i means the same in each of them and a linear map over the whole
    vector can read it. `fit_front` must have seen the training NeRFs before the first use.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.noise = config.noise
        self.register_buffer("mean", torch.zeros(N_WEIGHTS))
        self.register_buffer("basis", torch.zeros(N_WEIGHTS, config.n_components))
        self.skip = nn.Linear(config.n_components, config.embedding)
        self.layers = nn.Sequential(
            nn.Linear(config.n_components, config.hidden),
            nn.LayerNorm(config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.embedding),
        )

    @torch.no_grad()
    def fit_front(self, field_weights: Float[torch.Tensor, "n w"]) -> None:
        """Set mean and basis from training NeRFs; with fewer NeRFs than components the rest stays zero."""
        mean = field_weights.mean(0)
        centred = field_weights - mean
        values, vectors = torch.linalg.eigh(centred @ centred.T)  # n x n: n is far below 18,432
        n = min(self.basis.shape[1], len(field_weights) - 1)
        values, vectors = values.flip(0)[:n].clamp(min=1e-12), vectors.flip(1)[:, :n]
        directions = centred.T @ vectors / values.sqrt()
        scale = (values.mean() / len(field_weights)).sqrt()
        self.mean.copy_(mean)
        self.basis.zero_()
        self.basis[:, :n] = directions / scale

    def components(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b c"]:
        """Scaled principal components, always in float32."""
        with torch.autocast(field_weights.device.type, enabled=False):
            return (field_weights.float() - self.mean) @ self.basis

    def forward(self, field_weights: Float[torch.Tensor, "b w"]) -> Float[torch.Tensor, "b e"]:
        components = self.components(field_weights)
        if self.training and self.noise:
            components = components + self.noise * torch.randn_like(components)
        return self.skip(components) + self.layers(components)
