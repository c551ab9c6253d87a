"""The implicit decoder: (embedding, position) to density and colour (thesis Fig 3.6, 3.7)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import nn

from n2v.nerf.encoding import encode
from n2v.nerf.field import activate, to_unit_box


@dataclass(frozen=True)
class DecoderConfig:
    """Defaults: the thesis."""

    hidden: int = 1024
    n_octaves: int = 24  # of the encoded position, as for the NeRFs


class Decoder(nn.Module):
    """An input layer and two hidden ones, plus a projected skip of the input, then two hidden layers and four outputs.

    The first and the skip layer see (embedding, encoded position). A linear layer of a concatenation is a sum of two
    linear layers, and the embedding's one is the same for all of a NeRF's samples: it is computed once a NeRF
    (`embedding_share`) instead of once a sample. `forward_concatenated` is the plain form, kept as the reference;
    they agree to 1e-5 (tests/embed/test_decoder.py).
    """

    def __init__(self, embedding: int, config: DecoderConfig) -> None:
        super().__init__()
        self.n_octaves = config.n_octaves
        n_inputs = embedding + 6 * config.n_octaves
        self.n_embedding = embedding
        self.first = nn.Linear(n_inputs, config.hidden)
        self.skip = nn.Linear(n_inputs, config.hidden)
        self.before = nn.ModuleList(nn.Linear(config.hidden, config.hidden) for _ in range(2))
        self.after = nn.ModuleList(nn.Linear(config.hidden, config.hidden) for _ in range(2))
        self.last = nn.Linear(config.hidden, 4)

    def embedding_share(self, embedding: Float[torch.Tensor, "b e"]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the embedding adds to the first and to the skip layer, biases included: two (b, hidden)."""
        n = self.n_embedding
        return tuple(
            nn.functional.linear(embedding, layer.weight[:, :n], layer.bias) for layer in (self.first, self.skip)
        )

    def from_share(
        self, share: tuple[torch.Tensor, torch.Tensor], positions: Float[torch.Tensor, "b n 3"]
    ) -> tuple[Float[torch.Tensor, "b n"], Float[torch.Tensor, "b n 3"]]:
        """Densities and colours at positions in scene units, given `embedding_share`."""
        unit = to_unit_box(positions)
        features = encode(unit, "exact", self.n_octaves)
        n = self.n_embedding
        first = nn.functional.linear(features, self.first.weight[:, n:]) + share[0][:, None]
        skip = nn.functional.linear(features, self.skip.weight[:, n:]) + share[1][:, None]
        return self._rest(first, skip, unit)

    def forward(
        self, embedding: Float[torch.Tensor, "b e"], positions: Float[torch.Tensor, "b n 3"]
    ) -> tuple[Float[torch.Tensor, "b n"], Float[torch.Tensor, "b n 3"]]:
        return self.from_share(self.embedding_share(embedding), positions)

    def forward_concatenated(
        self, embedding: Float[torch.Tensor, "b e"], positions: Float[torch.Tensor, "b n 3"]
    ) -> tuple[Float[torch.Tensor, "b n"], Float[torch.Tensor, "b n 3"]]:
        """The same function as written in the thesis: the embedding repeated for every sample."""
        unit = to_unit_box(positions)
        features = encode(unit, "exact", self.n_octaves)
        inputs = torch.cat([embedding[:, None].expand(-1, positions.shape[1], -1), features], -1)
        return self._rest(self.first(inputs), self.skip(inputs), unit)

    def _rest(self, first: torch.Tensor, skip: torch.Tensor, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.relu_(first)
        for layer in self.before:
            hidden = torch.relu_(layer(hidden))
        hidden = hidden + torch.relu_(skip)
        for layer in self.after:
            hidden = torch.relu_(layer(hidden))
        sigmas, rgbs = activate(self.last(hidden).float())
        return sigmas * ((unit > 0) & (unit < 1)).all(-1), rgbs
