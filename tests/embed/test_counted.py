"""Counted operations against torch's own counter."""

import pytest
import torch
from solids import ALIGNED_TINY, ROWS_TINY
from torch.utils.flop_counter import FlopCounterMode

from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.embed.recipe import count_step, estimated_nerfs_a_second
from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS

LAPTOP = ModelConfig(EncoderConfig("rows", (128, 128, 256, 256), 256), DecoderConfig(256, 10))


@pytest.mark.parametrize("config", [ROWS_TINY, LAPTOP, ModelConfig()], ids=["tiny", "laptop", "thesis"])
def test_count_is_what_torch_counts(config):
    """Exactly, forward and backward, on tensors without numbers; torch counts two operations a multiply-add."""
    model = Nerf2Vec(config).to("meta").train()
    with torch.device("meta"):
        weights, positions = torch.zeros(3, N_WEIGHTS), torch.zeros(3, 500, 3)
        with FlopCounterMode(display=False) as counter:
            sigmas, rgbs, _ = model(weights, positions)
            (sigmas.sum() + rgbs.sum()).backward()
    assert counter.get_total_flops() == 2 * 3 * count_step(config, 500).total


def test_thesis_size_step():
    """35,000 coordinates of one NeRF: the encoder is half a percent of the work."""
    count = count_step(ModelConfig(), 35_000)
    assert 4.6e11 < count.total < 4.7e11 and count.encoder < 0.007 * count.total
    fast, slow = (estimated_nerfs_a_second(ModelConfig(), 35_000, peak) for peak in (989, 98.9))
    assert fast == pytest.approx(10 * slow) and 400 < fast < 450


def test_other_encoders_are_not_guessed():
    with pytest.raises(BadInput, match="aligned"):
        count_step(ALIGNED_TINY, 10)
