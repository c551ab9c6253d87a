"""Launching the Triton kernels: evaluation, one step's loss and gradient, and whole fits of many NeRFs at once.

Everything stays on the device during a fit; the host only queues launches (seven a step) and uploads background
colours in blocks of steps. Weight gradients are summed by each program over its own tiles and then in one fixed
order, without atomics, so that a fit repeats bit by bit on one device.
"""

from dataclasses import dataclass, replace
from types import ModuleType

import torch
from jaxtyping import Float, Int

from n2v.errors import MissingPart
from n2v.nerf.emptiness import looks
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.optimise import backgrounds_of
from n2v.nerf.pool import Batches
from n2v.nerf.recipe import FitConfig

TILE = 64  # samples a tile: 64 x 144 features and three 64 x 64 products stay in registers and shared memory
RAYS = 64  # rays a program, one a lane
PART = 1024  # weights a program in the sums and in Adam; divides 18,432
BLOCK_STEPS = 64  # steps whose backgrounds are uploaded together
FP16_SCALE = 1024.0  # lifts gradients over float16's smallest number; Adam sees them unscaled


def kernels() -> ModuleType:
    """The compiled kernels' module; MissingPart where Triton is not installed."""
    try:
        from n2v.nerf.backends import triton_kernels
    except ImportError:
        raise MissingPart("triton", "gpu") from None
    return triton_kernels


@dataclass(frozen=True)
class Resident:
    """All batches of k NeRFs on a device, a row each; `rows_at(step)` says which row each NeRF uses.

    Shapes: positions (b, n, 3), lengths (b, n), starts, ends (b, r) int32, targets (b, r, 4), shares (b, r).
    Memory: 16 bytes a sample and 28 a ray. The laptop recipe's 1,000 batches of 2,048 samples are 33 MB a NeRF; the
    thesis's 224 px views cut into batches of 2^18 are about 1 GB a NeRF, so some 64 fit on an 80 GB device.
    """

    positions: Float[torch.Tensor, "b n 3"]
    lengths: Float[torch.Tensor, "b n"]
    starts: Int[torch.Tensor, "b r"]
    ends: Int[torch.Tensor, "b r"]
    targets: Float[torch.Tensor, "b r 4"]
    shares: Float[torch.Tensor, "b r"]
    first: Int[torch.Tensor, "k"]
    counts: Int[torch.Tensor, "k"]

    @classmethod
    def of(cls, batches: list[Batches], device: torch.device | str) -> "Resident":
        """Lay the batches of all NeRFs out one after another, rays padded to the widest."""
        n_slots = max(part.targets.shape[1] for part in batches)
        rows = [_ray_ranges(part, n_slots) for part in batches]
        counts = torch.tensor([len(part) for part in batches])
        joined = {
            "positions": torch.cat([part.positions for part in batches]),
            "lengths": torch.cat([part.lengths for part in batches]),
            "starts": torch.cat([starts for starts, _, _ in rows]),
            "ends": torch.cat([ends for _, ends, _ in rows]),
            "targets": torch.cat([_wider(part.targets, n_slots) for part in batches]),
            "shares": torch.cat([shares for _, _, shares in rows]),
        }
        placed = {name: value.contiguous().to(device) for name, value in joined.items()}
        return cls(**placed, first=(counts.cumsum(0) - counts).to(device), counts=counts.to(device))

    def look_again(self, batches: list[Batches], field_weights: Float[torch.Tensor, "k w"], encoding: str) -> None:
        """`Batches.look_again` of each NeRF, on the positions here."""
        own = self.positions.split(self.counts.tolist())
        for part, positions, weights in zip(batches, own, field_weights, strict=True):
            replace(part, positions=positions).look_again(weights, encoding)

    def rows_at(self, step: int) -> Int[torch.Tensor, "k"]:
        """Row of each NeRF's batch at a step, int32; batches come round again."""
        return (self.first + step % self.counts).int()


def _ray_ranges(part: Batches, n_slots: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """First and last-plus-one sample of each ray (int32), and its share of the mean (0 for padding)."""
    b, r = part.is_ray.shape
    flat = part.slots + torch.arange(b)[:, None] * r
    counts = torch.bincount(flat.view(-1), minlength=b * r).view(b, r) * part.is_ray
    ends = counts.cumsum(1)
    shares = part.is_ray.float() / part.is_ray.sum(1, keepdim=True)
    return tuple(_wider(values, n_slots) for values in ((ends - counts).int(), ends.int(), shares))


def _wider(values: torch.Tensor, n: int) -> torch.Tensor:
    """Pad the second dimension with zeros up to n."""
    padding = values.new_zeros(len(values), n - values.shape[1], *values.shape[2:])
    return torch.cat([values, padding], 1)


def layer_options(encoding: str, precision: str) -> dict:
    """What the kernels of the layers are compiled for.

    Never with fused multiply-adds, which would round the angle of the `tcnn` encoding once instead of twice.
    """
    return {"BLOCK": TILE, "TCNN": encoding == "tcnn", "PRECISION": precision, "enable_fp_fusion": False}


def programs_for(k: int, n: int, device: torch.device) -> int:
    """Programs a NeRF: enough to fill the device, no more than there are tiles."""
    n_units = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2
    return max(1, min(-(-n // TILE), -(-n_units // k)))


def evaluate(
    field_weights: Float[torch.Tensor, "k w"],
    unit: Float[torch.Tensor, "k n 3"],
    encoding: str = "exact",
    precision: str = "ieee",
) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
    """Density (before the test for the box) and colour at positions in [0, 1]^3, on the tensors' device.

    `precision` of the products: "ieee" float32 (for parity), "tf32" or "fp16" operands, always float32 sums.
    """
    k, n = unit.shape[:2]
    fields = unit.new_empty(k, n, 4)
    if n:
        rows = torch.arange(k, dtype=torch.int32, device=unit.device)
        grid = (programs_for(k, n, unit.device), k)
        kernels().field_forward[grid](
            unit.contiguous(), rows, field_weights.contiguous(), fields, n, **layer_options(encoding, precision)
        )
    return fields[..., 3], fields[..., :3]


class Trainer:
    """The buffers of one fit, and its launches."""

    def __init__(self, data: Resident, weights: Float[torch.Tensor, "k w"], config: FitConfig, precision: str) -> None:
        self.data, self.weights, self.config, self.precision = data, weights.contiguous(), config, precision
        k, n, n_rays = len(weights), data.positions.shape[1], data.starts.shape[1]
        self.k, self.n, self.n_rays = k, n, n_rays
        self.n_programs = programs_for(k, n, weights.device)
        self.fields, self.gradients = weights.new_zeros(k, n, 4), weights.new_zeros(k, n, 4)
        self.light = weights.new_zeros(k, n)
        self.shown, self.pulls = weights.new_zeros(k, n_rays, 4), weights.new_zeros(k, n_rays, 4)
        self.errors = weights.new_zeros(k, n_rays)
        self.partials = weights.new_zeros(self.n_programs, k, N_WEIGHTS)
        self.gradient, self.mean, self.square = (torch.zeros_like(self.weights) for _ in range(3))
        self.bad = torch.zeros(k, dtype=torch.int32, device=weights.device)
        self.taken = torch.zeros(2, k, dtype=torch.int32, device=weights.device)
        steps = torch.arange(1, config.n_steps + 2, dtype=torch.float64)
        corrections = torch.stack([1 - 0.9**steps, (1 - 0.999**steps).sqrt()], 1)
        self.corrections = corrections.float().to(weights.device)

    def loss_and_gradient(self, rows: Int[torch.Tensor, "k"], backgrounds: Float[torch.Tensor, "k c 3"]) -> None:
        """Fill `errors` (their sum over rays is each NeRF's loss) and `gradient`, as n2v.nerf.optimise.batch_loss."""
        run, data, scale = kernels(), self.data, FP16_SCALE if self.precision == "fp16" else 1.0
        tiles, rays = (self.n_programs, self.k), (-(-self.n_rays // RAYS), self.k)
        layers = layer_options(self.config.encoding, self.precision)
        ranges = (data.lengths, rows, data.starts, data.ends)
        run.field_forward[tiles](data.positions, rows, self.weights, self.fields, self.n, **layers)
        run.composite_forward[rays](self.fields, *ranges, self.shown, self.light, self.n, self.n_rays, BLOCK=RAYS)
        run.loss_gradient[rays](
            self.shown, data.targets, data.shares, rows, backgrounds, self.pulls, self.errors, self.n_rays,
            PER_RAY=backgrounds.shape[1] > 1, BLOCK=RAYS,
        )  # fmt: skip
        run.composite_backward[rays](
            self.fields, *ranges, self.light, self.pulls, self.gradients, self.n, self.n_rays, BLOCK=RAYS
        )
        run.field_backward[tiles](
            data.positions, data.lengths, rows, self.weights, self.fields, self.gradients, self.partials, self.n, scale,
            **layers,
        )  # fmt: skip
        run.add_partials[(N_WEIGHTS // PART, self.k)](
            self.partials, self.gradient, self.bad, self.n_programs, 1 / scale, BLOCK=PART
        )

    def step(self, done: int, backgrounds: Float[torch.Tensor, "k c 3"]) -> None:
        """One step of every NeRF; one whose gradient was ever not finite keeps the weights it had (`bad` is 1)."""
        self.loss_and_gradient(self.data.rows_at(done), backgrounds)
        now, after = self.taken[done % 2], self.taken[(done + 1) % 2]
        kernels().adam[(N_WEIGHTS // PART, self.k)](
            self.weights, self.gradient, self.mean, self.square, self.bad, now, after, self.corrections,
            self.config.rate_at(done), BLOCK=PART,
        )  # fmt: skip


def optimise(
    batches: list[Batches],
    config: FitConfig,
    generators: list[torch.Generator],
    initial: Float[torch.Tensor, "w"] | None = None,
    device: str = "cuda",
    precision: str = "tf32",
) -> Float[torch.Tensor, "k w"]:
    """`n2v.nerf.optimise.optimise`, fused: same batches, backgrounds and schedule; weights come back on the CPU.

    Estimated from counted operations, not measured: 92 kFLOP a sample at a third of an H100's tf32 rate (about
    400 TFLOP/s) is 0.7 ns a sample, so 1,000 steps of 2,048 samples take about 1.5 ms of the device a NeRF.
    """
    start = torch.from_numpy(initial_vector(config.init_seed)) if initial is None else initial
    data = Resident.of(batches, device)
    trainer = Trainer(data, start.to(device).repeat(len(batches), 1), config, precision)
    n_colours = data.starts.shape[1] if config.background == "ray" else 1
    for first in range(0, config.n_steps, BLOCK_STEPS):
        block = range(first, min(first + BLOCK_STEPS, config.n_steps))
        colours = torch.zeros(len(block), len(batches), n_colours, 3)
        for place, _ in enumerate(block):
            for k, (part, generator) in enumerate(zip(batches, generators, strict=True)):
                drawn = backgrounds_of(part, config, generator)
                colours[place, k, : len(drawn)] = drawn
        colours = colours.to(device)
        for place, done in enumerate(block):
            if done in looks(config.n_steps):
                data.look_again(batches, trainer.weights, config.encoding)
            trainer.step(done, colours[place])
    return trainer.weights.cpu()
