"""An encoder that asks: the NeRF's answers on a lattice, read by 3-D convolutions.

With a NeRF that contains its emptiness the answers follow from the weights alone, so this is a map from weights. Which
neuron is which, how they are scaled, and where the fit began change no answer, so it needs no shared start.
"""

import torch
from jaxtyping import Float, UInt8
from torch import nn

from n2v.embed.encoder import N_PARTS, EncoderConfig, leading_directions
from n2v.nerf.field import evaluate
from n2v.nerf.occupancy import SIDE, cell_centres

LATTICE = 32  # questions along a side
Answers = UInt8[torch.Tensor, "b 4 g g g"] | Float[torch.Tensor, "b 4 g g g"]  # in 1/255, or in [0, 1]
COARSE = 16  # points along a side of what principal components describe


@torch.no_grad()
def ask(field_weights: Float[torch.Tensor, "b w"], encoding: str = "exact") -> UInt8[torch.Tensor, "b 4 g g g"]:
    """What b NeRFs answer at the centres of 32^3 cells: opacity of a sample as long as a cell, and premultiplied RGB.

    In steps of 1/255: finer than what two fits of the same object agree on.
    """
    centres = cell_centres(LATTICE, field_weights.device)
    answers = []
    for one in field_weights.split(1):  # 32,768 positions at a time
        sigmas, rgbs = evaluate(one, centres[None], encoding)
        opacity = -torch.expm1(-sigmas * (SIDE / LATTICE))
        answers.append(torch.cat([opacity[:, None], (rgbs * opacity[..., None]).transpose(1, 2)], 1))
    return torch.cat(answers).mul_(255).round_().to(torch.uint8).view(-1, 4, LATTICE, LATTICE, LATTICE)


class Residual(nn.Module):
    """x + convolutions of x; nothing is added before the first step."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Float[torch.Tensor, "b c g g g"]) -> Float[torch.Tensor, "b c g g g"]:
        gelu = nn.functional.gelu
        return x + self.second(gelu(self.first(gelu(self.norm(x)))))


class AskingEncoder(nn.Module):
    """Three readings of 32^3 answers, one after the other in the embedding.

    1. `n_components` principal components of the answers pooled to 16^3, in closed form (`fit_front`): what
       objects have in common, without a step of training.
    2. What convolutions find in the whole box, through two layers. With the components these are the leading
       `EncoderConfig.n_shared` numbers.
    3. `n_local` numbers for each of 4^3 parts of the box: a part of an unseen object need not belong to an object like
       those seen.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        c, self.noise = config.channels, config.noise
        self.front = Front(config.n_components)
        self.trunk = nn.Sequential(
            nn.Conv3d(4, c, 4, 2, 1), nn.GELU(),
            nn.Conv3d(c, 2 * c, 4, 2, 1), nn.GroupNorm(8, 2 * c), nn.GELU(), Residual(2 * c),
            nn.Conv3d(2 * c, 4 * c, 4, 2, 1), Residual(4 * c), nn.GroupNorm(8, 4 * c), nn.GELU(),
        )  # fmt: skip
        self.whole = nn.Sequential(
            nn.Flatten(1), nn.Linear(4 * c * N_PARTS, config.hidden), nn.GELU(),
            nn.Linear(config.hidden, config.n_shared - config.n_components),
        )  # fmt: skip
        self.parts = nn.Conv3d(4 * c, config.n_local, 1)

    def inputs(self, field_weights: Float[torch.Tensor, "b w"], encoding: str) -> UInt8[torch.Tensor, "b 4 g g g"]:
        """What `forward` reads of b NeRFs."""
        return ask(field_weights, encoding)

    @torch.no_grad()
    def fit_front(self, answers: UInt8[torch.Tensor, "n 4 g g g"]) -> None:
        """Set the components from what training NeRFs answer."""
        self.front.fit(answers)

    def forward(self, answers: Answers) -> Float[torch.Tensor, "b e"]:
        if answers.dtype == torch.uint8:
            answers = answers.float() / 255
        found = self.trunk(answers)
        parts = (self.front(answers), self.whole(found), self.parts(found).flatten(1))
        embedding = torch.cat([part.float() for part in parts], 1)
        if self.training and self.noise:
            embedding = embedding + self.noise * embedding.detach().std(0) * torch.randn_like(embedding)
        return embedding


class Front(nn.Module):
    """Principal components of pooled answers, scaled to a mean variance of 1, and the way back. Nothing is learned."""

    def __init__(self, n_components: int) -> None:
        super().__init__()
        size = 4 * COARSE**3
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("basis", torch.zeros(size, n_components))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def fit(self, answers: UInt8[torch.Tensor, "n 4 g g g"]) -> None:
        """Mean and directions; with fewer NeRFs than components the rest stays zero."""
        values = torch.cat([pooled(part) for part in answers.split(256)])
        self.mean.copy_(values.mean(0))
        variances, directions = leading_directions(values.sub_(self.mean), self.basis.shape[1])
        self.basis.zero_()
        self.basis[:, : len(variances)] = directions
        self.scale.copy_(variances.mean().sqrt())

    def forward(self, answers: Answers) -> Float[torch.Tensor, "b c"]:
        with torch.autocast(answers.device.type, enabled=False):
            return (pooled(answers) - self.mean) @ self.basis / self.scale

    def back(self, components: Float[torch.Tensor, "b c"]) -> Float[torch.Tensor, "b 4 h h h"]:
        """The answers, pooled, that components stand for."""
        with torch.autocast(components.device.type, enabled=False):
            values = components.float() * self.scale @ self.basis.T + self.mean
        return values.view(-1, 4, COARSE, COARSE, COARSE)


def pooled(answers: Answers) -> Float[torch.Tensor, "b p"]:
    """Means over 2^3 answers, flat, in [0, 1]."""
    values = answers.float() / 255 if answers.dtype == torch.uint8 else answers.float()
    return nn.functional.avg_pool3d(values, LATTICE // COARSE).flatten(1)
