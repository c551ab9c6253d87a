"""Gradients of a first step on four NeRFs, by however many processes torchrun started; the first one writes them.

torchrun --nproc-per-node=2 one_step.py ZOO OUT.safetensors
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from solids import ROWS_TINY

from n2v.embed.batches import TrainingSet
from n2v.embed.model import Nerf2Vec
from n2v.embed.parallel import Ranks, distributed, processes
from n2v.embed.recipe import Protocol, SampleConfig
from n2v.embed.train import TrainConfig, batch_loss
from n2v.zoo.store import Zoo

CONFIG = replace(
    TrainConfig.laptop(), samples=SampleConfig.laptop(96, 32), amp=False, protocol=Protocol(one_background=True),
    contrastive_weight=1.0,
)  # one background: what is random is then the same however the batch is cut  # fmt: skip
BASES = torch.tensor([0, 1, 0, 1])  # versions in different processes


def one_step(zoo: Zoo, ranks: Ranks, first: int, stop: int) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients, and the running statistics, of NeRFs first..stop - 1 of the global batch."""
    training = TrainingSet(zoo, None)
    torch.manual_seed(3)
    model = Nerf2Vec(ROWS_TINY)
    net = distributed(model, ranks).train()
    batch = training.batch(torch.arange(4), CONFIG.samples, torch.Generator().manual_seed(0)).part(first, stop)
    weights = training.field_weights[first:stop]
    stream, bases = torch.Generator().manual_seed(1), BASES[first:stop]
    loss, _ = batch_loss(net, weights, batch, CONFIG, stream, ranks, bases)
    loss.backward()
    found = {name: value.grad.clone() for name, value in model.named_parameters()}
    return float(loss.detach()), found | {name: value for name, value in model.named_buffers() if "running" in name}


def main(zoo: str, out: str) -> None:
    with processes("cpu") as ranks:
        size = 4 // ranks.world
        loss, found = one_step(Zoo(Path(zoo)), ranks, ranks.rank * size, (ranks.rank + 1) * size)
        found["loss"] = ranks.mean(torch.tensor([loss]))
        if ranks.first:
            save_file(found, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
