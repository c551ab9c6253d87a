"""The compiled kernel's functions on tensors: evaluation, the loss and its gradient, Adam."""

import ctypes
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int

from n2v.errors import BadInput
from n2v.nerf.layout import N_WEIGHTS
from n2v.nerf.native.build import load_kernel

WORTH_THREADS = 1 << 14  # positions below which one thread is as fast


def library() -> ctypes.CDLL:
    """The kernel; BadInput says why there is none."""
    found, why = load_kernel()
    if found is None:
        raise BadInput(f"no fused CPU kernel: {why}", fix="use --backend torch")
    return found


def can_evaluate(field_weights: torch.Tensor, positions: torch.Tensor, encoding: str) -> bool:
    """Whether `evaluate_fused` may stand in: exact sines, CPU, float32, no gradient wanted, kernel at hand."""
    wants_gradient = torch.is_grad_enabled() and (field_weights.requires_grad or positions.requires_grad)
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 for t in (field_weights, positions))
    return encoding == "exact" and plain and not wants_gradient and load_kernel()[0] is not None


def evaluate_fused(
    field_weights: Float[torch.Tensor, "k w"], unit: Float[torch.Tensor, "k n 3"]
) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
    """Density (before the test for the box) and colour at positions in [0, 1]^3; all of torch's threads are used."""
    field_weights, unit = field_weights.contiguous(), unit.contiguous()
    sigmas, rgbs = unit.new_empty(unit.shape[:2]), unit.new_empty(unit.shape)
    run, n = library().n2v_evaluate, unit.shape[1]
    n_parts = min(torch.get_num_threads(), -(-n * len(unit) // WORTH_THREADS)) or 1
    size = -(-n // n_parts) or 1
    jobs = [
        (field_weights[k], unit[k, at : at + size], sigmas[k, at : at + size], rgbs[k, at : at + size])
        for k in range(len(unit))
        for at in range(0, n, size)
    ]

    def work(job: tuple) -> None:
        weights, positions, densities, colours = job
        run(weights.data_ptr(), positions.data_ptr(), len(positions), densities.data_ptr(), colours.data_ptr())

    list(map(work, jobs) if n_parts == 1 else _threads(torch.get_num_threads()).map(work, jobs))
    return sigmas, rgbs


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n, thread_name_prefix="n2v")


@dataclass
class Adam:
    """torch.optim.Adam over one weight vector, in place."""

    weights: Float[torch.Tensor, "w"]
    step: int = 0

    def __post_init__(self) -> None:
        self.mean, self.square = torch.zeros(N_WEIGHTS), torch.zeros(N_WEIGHTS)

    def update(self, gradient: Float[torch.Tensor, "w"], learning_rate: float) -> None:
        """One step."""
        self.step += 1
        vectors = (self.weights, gradient, self.mean, self.square)
        library().n2v_adam(*(v.data_ptr() for v in vectors), self.step, learning_rate, 0.9, 0.999, 1e-15)


def loss_and_gradient(
    field_weights: Float[torch.Tensor, "w"],
    positions: Float[torch.Tensor, "n 3"],
    lengths: Float[torch.Tensor, "n"],
    counts: Int[torch.Tensor, "r"],
    targets: Float[torch.Tensor, "slots 4"],
    backgrounds: Float[torch.Tensor, "colours 3"],
    gradient: Float[torch.Tensor, "w"],
) -> float:
    """Mean smooth L1 of one NeRF's batch of whole rays; writes its gradient into `gradient`.

    Arguments as in n2v.nerf.batches.Batches, one batch of them; `counts` (int32) are the samples on each ray, and
    `backgrounds` one colour for the batch, or one a slot.

    Source: n2v.nerf.engines.torch_engine.rendering_loss, its oracle (tests/nerf/test_native.py).
    """
    stride = 0 if len(backgrounds) == 1 else 3
    return library().n2v_loss(
        field_weights.data_ptr(), positions.data_ptr(), lengths.data_ptr(), counts.data_ptr(), len(counts),
        targets.data_ptr(), backgrounds.data_ptr(), stride, gradient.data_ptr(),
    )  # fmt: skip
