"""Multiply-adds of a training step, counted from the layers, and what they would cost on a processor: an estimate."""

from dataclasses import dataclass
from itertools import pairwise

from n2v.embed.matrix import N_ROWS
from n2v.embed.model import ModelConfig
from n2v.errors import BadInput
from n2v.nerf.layout import N_HIDDEN


@dataclass(frozen=True)
class StepCount:
    """Multiply-adds of one NeRF in one training step, forward and backward."""

    encoder: int
    decoder: int

    @property
    def total(self) -> int:
        return self.encoder + self.decoder


def count_step(config: ModelConfig, n_positions: int) -> StepCount:
    """Multiply-adds of one NeRF's matrix products, `n_positions` of them decoded; exact for the products.

    Backward, each layer takes one product for its weights and one for its input, unless that input needs no gradient
    (weights of the NeRF, encoded positions). Left out: sums, activations, batch norm, the rendering of targets.
    Oracle: torch's FlopCounterMode (tests/embed/test_counted.py).

    Raises:
        BadInput: another encoder than the thesis's.
    """
    if config.encoder.kind != "rows" or config.encoder.octaves is not None:
        raise BadInput(f"encoder '{config.encoder.kind}' is not counted", fix="use the thesis's: rows, all octaves")
    widths = [N_HIDDEN, *config.encoder.widths, config.encoder.embedding]
    layers = [a * b for a, b in pairwise(widths)]
    encoder = N_ROWS * (3 * sum(layers) - layers[0])
    hidden, features = config.decoder.hidden, 6 * config.decoder.n_octaves
    share = 3 * 2 * config.encoder.embedding * hidden  # of the first and the skip layer, once a NeRF
    position = 2 * 2 * features * hidden + 3 * (4 * hidden**2 + 4 * hidden)
    return StepCount(encoder, share + n_positions * position)


def estimated_nerfs_a_second(config: ModelConfig, n_positions: int, peak_tflops: float, reached: float = 0.4) -> float:
    """NeRFs a second of training on a processor of `peak_tflops` (1e12 operations a second, two a multiply-add).

    An estimate, not a measurement: `reached`, the share of the peak that such layers get, is assumed.
    """
    return peak_tflops * 1e12 * reached / (2 * count_step(config, n_positions).total)
