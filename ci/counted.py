"""Multiply-adds of a training step of nerf2vec, counted by torch on tensors without numbers."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from n2v.embed.model import ModelConfig, Nerf2Vec
from n2v.nerf.layout import N_WEIGHTS


def multiply_adds(config: ModelConfig, n_positions: int) -> int:
    """Of one NeRF's matrix products, forward and backward, `n_positions` positions decoded."""
    model = Nerf2Vec(config).to("meta").train()
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        sigmas, rgbs, _ = model(torch.zeros(2, N_WEIGHTS), torch.zeros(2, n_positions, 3))
        (sigmas.sum() + rgbs.sum()).backward()
    return counter.get_total_flops() // 4  # two NeRFs (batch norm wants more than one), two operations a multiply-add
