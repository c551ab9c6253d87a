"""The decoders: (embedding, position) to density and colour.

`mlp` is the thesis's implicit decoder (Fig 3.6, 3.7), which does all its work for every position. `grid` does most of
it once an embedding: convolutions make a grid of features, a small network reads them between its points.
"""

from copy import copy, deepcopy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from n2v.embed.asking import LATTICE, Front, Residual
from n2v.embed.encoder import N_PARTS, EncoderConfig
from n2v.errors import BadInput
from n2v.nerf.encoding import encode
from n2v.nerf.field import activate, inside_box, to_unit_box
from n2v.nerf.nerf import Field
from n2v.nerf.occupancy import SIDE, cell_centres


@dataclass(frozen=True)
class DecoderConfig:
    """Defaults: the thesis."""

    hidden: int = 1024  # width of the layers ("mlp"); of what reads the shared part of an embedding ("grid")
    n_octaves: int = 24  # of the encoded position, as for the NeRFs ("mlp")
    kind: str = "mlp"  # "mlp" (thesis) or "grid"
    encoding: str = "exact"  # of the position, see n2v.nerf.encoding ("mlp")
    channels: int = 16  # of the last but one convolution ("grid")
    n_features: int = 8  # at each point of the grid ("grid")
    reader: int = 48  # width of the network that reads them ("grid")

    def __post_init__(self) -> None:
        if self.kind not in ("mlp", "grid"):
            raise BadInput(f"unknown decoder '{self.kind}'", fix="use one of: mlp, grid")


class MlpDecoder(nn.Module):
    """An input layer and two hidden ones, plus a projected skip of the input, then two hidden layers and four outputs.

    The first and the skip layer see (embedding, encoded position). A linear layer of a concatenation is a sum of two
    linear layers, and the embedding's one is the same for all of a NeRF's samples: it is computed once a NeRF
    (`embedding_share`) instead of once a sample. `forward_concatenated` is the plain form, kept as the reference;
    they agree to 1e-5 (tests/embed/test_decoder.py).
    """

    def __init__(self, embedding: int, config: DecoderConfig) -> None:
        super().__init__()
        self.n_octaves, self.encoding = config.n_octaves, config.encoding
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
        features = encode(unit, self.encoding, self.n_octaves)
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
        features = encode(unit, self.encoding, self.n_octaves)
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
        return sigmas * inside_box(unit), rgbs


class Finer(nn.Module):
    """Twice as many points along each side: every point's channels become those of its eight children."""

    def __init__(self, channels: int, after: int) -> None:
        super().__init__()
        self.split = nn.Conv3d(channels, 8 * after, 1)

    def forward(self, x: Float[torch.Tensor, "b c g g g"]) -> Float[torch.Tensor, "b d h h h"]:
        b, _, g, _, _ = x.shape
        children = self.split(x).view(b, -1, 2, 2, 2, g, g, g)
        return children.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, -1, 2 * g, 2 * g, 2 * g)


class GridDecoder(nn.Module):
    """An embedding becomes features on a grid of 32^3 points, once; each position reads eight of them.

    Numbers of an embedding that describe a part of the box (`EncoderConfig.n_local` a part) enter at that part, the
    others everywhere; three doublings lead from 4^3 parts to 32^3 points. Principal components of an asking encoder
    (`front`, shared with it) are turned back into what they stand for, join half-way, and are what the network's
    outputs are added to: before the first step the decoder shows them alone. Between points features are interpolated
    (trilinearly) and a small network turns them into density and colour. A position costs 1/400 of the thesis's
    decoder, so thousands of samples a NeRF and step are affordable.
    """

    def __init__(self, encoder: EncoderConfig, config: DecoderConfig, front: Front | None = None) -> None:
        super().__init__()
        c, self.fronts = config.channels, (front,) if front else ()  # a tuple: its numbers belong to the encoder
        self.n_local = encoder.n_local if encoder.kind == "asking" else 0
        self.n_shared = encoder.n_shared
        self.whole = nn.Sequential(
            nn.Linear(self.n_shared, config.hidden), nn.GELU(), nn.Linear(config.hidden, 4 * c * N_PARTS)
        )
        self.parts = nn.Conv3d(self.n_local, 4 * c, 1) if self.n_local else None
        self.trunk = nn.Sequential(
            Residual(4 * c), Finer(4 * c, 2 * c), Residual(2 * c), Finer(2 * c, c)
        )  # fmt: skip
        self.join = nn.Conv3d(c + 4 * len(self.fronts), c, 1)
        self.last = nn.Sequential(Residual(c), Finer(c, config.n_features))
        self.reader = nn.Sequential(
            nn.Linear(config.n_features + 4 * len(self.fronts), config.reader), nn.GELU(),
            nn.Linear(config.reader, config.reader), nn.GELU(), nn.Linear(config.reader, 4),
        )  # fmt: skip
        nn.init.zeros_(self.reader[-1].weight)
        nn.init.zeros_(self.reader[-1].bias)

    def embedding_share(self, embedding: Float[torch.Tensor, "b e"]) -> tuple[Float[torch.Tensor, "b f g g g"]]:
        """The grid of features, alone in a tuple: all that is done once a NeRF."""
        b = len(embedding)
        start = self.whole(embedding[:, : self.n_shared]).view(b, -1, 4, 4, 4)
        if self.parts is not None:
            start = start + self.parts(embedding[:, self.n_shared :].reshape(b, self.n_local, 4, 4, 4))
        found = self.trunk(start)
        if not self.fronts:
            return (self.last(self.join(found)),)
        coarse = self.fronts[0].back(embedding[:, : self.fronts[0].basis.shape[1]])
        features = self.last(self.join(torch.cat([found, coarse.to(found.dtype)], 1)))
        fine = nn.functional.interpolate(coarse, scale_factor=2, mode="trilinear", align_corners=False)
        return (torch.cat([features.float(), fine], 1),)

    def from_share(
        self, share: tuple[Float[torch.Tensor, "b f g g g"]], positions: Float[torch.Tensor, "b n 3"]
    ) -> tuple[Float[torch.Tensor, "b n"], Float[torch.Tensor, "b n 3"]]:
        """Densities and colours at positions in scene units, given `embedding_share`."""
        unit = to_unit_box(positions)
        places = (2 * unit - 1).flip(-1)[:, None, None]  # torch counts z first
        with torch.autocast(positions.device.type, enabled=False):
            features = nn.functional.grid_sample(share[0].float(), places, padding_mode="border", align_corners=False)
            features = features[:, :, 0, 0].transpose(1, 2)
            outputs = self.reader(features)
            outputs = outputs + raw_outputs(features[..., -4:]) if self.fronts else outputs
        sigmas, rgbs = activate(outputs)
        return sigmas * inside_box(unit), rgbs

    def forward(
        self, embedding: Float[torch.Tensor, "b e"], positions: Float[torch.Tensor, "b n 3"]
    ) -> tuple[Float[torch.Tensor, "b n"], Float[torch.Tensor, "b n 3"]]:
        return self.from_share(self.embedding_share(embedding), positions)


def raw_outputs(answers: Float[torch.Tensor, "b n 4"]) -> Float[torch.Tensor, "b n 4"]:
    """What `activate` turns into density and colour of an answer (opacity over a lattice cell, premultiplied RGB)."""
    opacity = answers[..., :1].clamp(0.001, 0.999)
    density = (-torch.log1p(-opacity) / (SIDE / LATTICE)).log() + 1
    return torch.cat([torch.logit((answers[..., 1:] / opacity).clamp(0.01, 0.99)), density], -1)


Decoder = MlpDecoder | GridDecoder


def make_decoder(encoder: EncoderConfig, config: DecoderConfig, front: Front | None = None) -> Decoder:
    """The decoder a configuration names, for an encoder's embeddings."""
    return MlpDecoder(encoder.embedding, config) if config.kind == "mlp" else GridDecoder(encoder, config, front)


OPACITY_FLOOR = 0.1  # a cell counts as empty when a sample of one step in it blocks less light than this


class DecodedField(Field):
    """What one embedding describes.

    An embedding has no occupancy of its own: without one given, the decoder is asked at the centres of `resolution`
    cells a side, with samples of `step` (scene units), when it is first needed.
    """

    def __init__(
        self,
        decoder: Decoder,
        embedding: Float[torch.Tensor, "e"] | Float[np.ndarray, "e"],
        resolution: int = 32,
        step: float = 0.04,
        occupied: Bool[torch.Tensor, "g g g"] | None = None,
    ) -> None:
        self.decoder, self.resolution, self.shown_step = decoder, resolution, step
        if occupied is not None:
            self.occupied = occupied
        with torch.no_grad():
            there = {"dtype": torch.float32, "device": next(decoder.parameters()).device}
            self._share = decoder.embedding_share(torch.as_tensor(embedding, **there)[None])

    def to(self, device: torch.device | str) -> "DecodedField":
        """The same, with a decoder of its own, on a device."""
        other = copy(self)
        other.decoder = deepcopy(self.decoder).to(device)
        other._share = tuple(part.to(device) for part in self._share)
        if "occupied" in vars(self):
            other.occupied = self.occupied.to(device)
        return other

    @torch.no_grad()
    def query(self, positions: Float[torch.Tensor, "n 3"]) -> tuple[torch.Tensor, torch.Tensor]:
        """Densities (n,) per scene unit and colours (n, 3) in [0, 1] at positions in scene units."""
        sigmas, rgbs = self.decoder.from_share(self._share, positions[None])
        return sigmas[0], rgbs[0]

    @cached_property
    def occupied(self) -> Bool[torch.Tensor, "g g g"]:
        """Cells whose centre blocks more than OPACITY_FLOOR of the light in one step, and those that touch one."""
        centres = cell_centres(self.resolution, self._share[0].device).split(1 << 15)
        opacity = torch.cat([-torch.expm1(-self.query(part)[0] * self.shown_step) for part in centres])
        dense = (opacity > OPACITY_FLOOR).view(1, 1, *3 * [self.resolution])
        return torch.nn.functional.max_pool3d(dense.float(), 3, 1, 1)[0, 0] > 0
