"""An encoder that respects what the weights of a ReLU network do not say: the order and the scale of its neurons.

Exchanging two neurons of a layer, or multiplying one's incoming weights by c > 0 and dividing its outgoing ones by c,
changes no answer of the network. Here it changes no number of the embedding either (to rounding), by construction:
scales are moved to the output matrix, neurons of a layer pass through the same layers, and only sums and maxima over
them are kept. Source: the graph view of Kofinas et al. 2024 (arXiv 2403.12143), reduced to one sweep forward and one
back along the network's own matrices.
"""

import torch
from jaxtyping import Float
from torch import nn

from n2v.embed.encoder import EncoderConfig
from n2v.nerf.layout import N_FEATURES, N_OCTAVES, N_OUTPUTS, split_weights


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
