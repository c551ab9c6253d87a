"""Several processes, one training: started by torchrun, gradients averaged by DDP, batch norm over all of them."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import nn

from n2v.errors import BadInput


@dataclass(frozen=True)
class Ranks:
    """This process among its peers; the first one alone writes files."""

    rank: int = 0
    world: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean over the processes of a number without gradient."""
        if self.world == 1:
            return value
        total = value.detach().double()
        dist.all_reduce(total)
        return (total / self.world).float()

    def gathered(self, rows: torch.Tensor) -> torch.Tensor:
        """The rows of all processes, in the order of their ranks; a gradient comes back as the sum of theirs."""
        if self.world == 1:
            return rows
        counts = torch.zeros(self.world, dtype=torch.int64, device=rows.device)
        counts[self.rank] = len(rows)
        dist.all_reduce(counts)
        mine = torch.arange(len(rows), device=rows.device) + counts[: self.rank].sum()
        whole = rows.new_zeros(int(counts.sum()), *rows.shape[1:])
        return SumOfAll.apply(whole.index_copy(0, mine, rows))

    def agreed(self, value: float) -> float:
        """The first process's value, in all of them: clocks differ, decisions must not."""
        if self.world == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier()


ALONE = Ranks()


@contextmanager
def processes(device: str | None = None) -> Iterator[Ranks]:
    """This process's place among those that torchrun started (WORLD_SIZE), else alone.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl, a GPU a process); None: CUDA where there is one.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise BadInput("no CUDA device", where="--device cuda", fix="use --device cpu, or see: n2v doctor")
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks(device=torch.device(device))
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Ranks(dist.get_rank(), world, torch.device(device))
    finally:
        dist.destroy_process_group()


def distributed(model: nn.Module, ranks: Ranks) -> nn.Module:
    """The model to call while training: itself, or in DDP with batch norm over the whole batch.

    Shares `model`'s parameters and buffers, which become the first process's. torch's own SyncBatchNorm needs CUDA;
    `SharedBatchNorm` is the same sum over processes on any device, so that two processes take the step that one would
    (tests/embed/test_parallel.py, to 1e-5).
    """
    if ranks.world == 1:
        return model
    share_batch_norm(model)
    for value in model.buffers():  # once: they stay equal, and a principal basis is too large to send in every step
        dist.broadcast(value, 0)
    where = [ranks.device.index] if ranks.device.type == "cuda" else None
    options = inspect.signature(nn.parallel.DistributedDataParallel).parameters
    unsynced = "forward_sync_buffers" if "forward_sync_buffers" in options else "broadcast_buffers"  # torch 2.13
    return nn.parallel.DistributedDataParallel(model, device_ids=where, **{unsynced: False})


def share_batch_norm(model: nn.Module) -> None:
    """Put a SharedBatchNorm, with the same parameters and buffers, in the place of every batch norm."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm1d:
                shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
                shared._parameters, shared._buffers = child._parameters, child._buffers
                setattr(parent, name, shared)


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch norm of (n, features) whose mean and variance are those of all processes' rows together."""

    def forward(self, rows: Float[torch.Tensor, "n f"]) -> Float[torch.Tensor, "n f"]:
        if not self.training:
            return super().forward(rows)
        values = rows.float()
        n = SumOfAll.apply(values.new_tensor([float(len(values))]))
        mean = SumOfAll.apply(values.sum(0)) / n
        centred = values - mean
        variance = SumOfAll.apply(centred.square().sum(0)) / n
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        return (centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias).to(rows.dtype)


class SumOfAll(torch.autograd.Function):
    """Sum over the processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx, value: torch.Tensor) -> torch.Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
