"""Launching the Triton kernels: evaluation, one step's loss and gradient, and whole fits of many NeRFs at once.

Everything stays on the device during a fit; the host only queues launches (nine a step) and uploads background
colours in blocks of steps. Weight gradients are summed in a number of parts that depends on nothing but the samples a
step, and then in one fixed order, without atomics: on one kind of card a fit repeats bit by bit, whoever shares its
launch (tests/nerf/test_triton.py).
"""

from dataclasses import dataclass, replace
from types import ModuleType

import torch
from jaxtyping import Float, Int

from n2v.errors import MissingPart
from n2v.nerf.batches import Batches, looks
from n2v.nerf.engines.torch_engine import backgrounds_of
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS, initial_vector
from n2v.nerf.recipe import FitConfig

RAYS = 64  # rays a program, one a lane
PART = 1024  # weights a program in the sums and in Adam; divides 18,432
PARTS_AT_ONCE = 8  # partial sums it loads together
MOST_PARTS = 128  # of a NeRF's gradient: one NeRF alone about fills a large card
SAMPLES_A_PART = 256
BLOCK_STEPS = 64  # steps whose backgrounds are uploaded together
HALF_SCALE = 1024.0  # lifts gradients over float16's smallest number; Adam sees them unscaled
DARK = 1e-4  # light below which a sample counts for nothing (nerfacc's early_stop_eps)
# Samples a tile, warps, stages of loads ahead: chosen by registers, shared memory and stalls of what the compiler
# makes (tests/nerf/test_compiled.py holds them to it), not by running time
TILES = {"field_forward": (128, 8, 1), "field_backward": (128, 8, 1), "input_backward": (128, 4, 2)}
SMALL_TILES = {**TILES, "field_backward": (64, 4, 1)}  # for 99 KiB of shared memory a program


def kernels() -> ModuleType:
    """The compiled kernels' module; MissingPart where Triton is not installed."""
    try:
        from n2v.nerf.engines import triton_kernels
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
        counts = torch.tensor([len(part) for part in batches], device=device)
        joined = {
            "positions": torch.cat([part.positions for part in batches]),
            "lengths": torch.cat([part.lengths for part in batches]),
            "starts": torch.cat([starts for starts, _, _ in rows]),
            "ends": torch.cat([ends for _, ends, _ in rows]),
            "targets": torch.cat([_wider(part.targets, n_slots) for part in batches]),
            "shares": torch.cat([shares for _, _, shares in rows]),
        }
        placed = {name: value.contiguous().to(device) for name, value in joined.items()}
        return cls(**placed, first=counts.cumsum(0) - counts, counts=counts)

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
    flat = part.slots + torch.arange(b, device=part.slots.device)[:, None] * r
    counts = torch.bincount(flat.view(-1), minlength=b * r).view(b, r) * part.is_ray
    ends = counts.cumsum(1)
    shares = part.is_ray.float() / part.is_ray.sum(1, keepdim=True)
    return tuple(_wider(values, n_slots) for values in ((ends - counts).int(), ends.int(), shares))


def _wider(values: torch.Tensor, n: int) -> torch.Tensor:
    """Pad the second dimension with zeros up to n."""
    padding = values.new_zeros(len(values), n - values.shape[1], *values.shape[2:])
    return torch.cat([values, padding], 1)


def is_interpreted() -> bool:
    """Whether the kernels run as Python (TRITON_INTERPRET=1), without the hardware's sine."""
    import triton

    return not isinstance(kernels().field_forward, triton.JITFunction)


def layer_options(kernel: str, encoding: str, half: bool, capability: tuple[int, int]) -> dict:
    """What a kernel of the layers is compiled for.

    Never with fused multiply-adds, which would round the angle of the `tcnn` encoding once instead of twice.

    Args:
        kernel: Its name.
        encoding: See n2v.nerf.encoding.
        half: float16 operands, float32 sums; False: float32 operands, which only the interpreter has.
        capability: Of the card, as torch gives it: consumer cards have less shared memory.
    """
    small = capability[0] in (8, 12) and capability != (8, 0)
    block, warps, stages = (SMALL_TILES if small else TILES)[kernel]
    hardware = not is_interpreted()
    if hardware and not half:
        raise ValueError("products of float32 are for the interpreter: compiled, they would spill every register")
    return {
        "BLOCK": block, "TCNN": encoding == "tcnn", "HALF": half, "HARDWARE": hardware,
        "num_warps": warps, "num_stages": stages, "enable_fp_fusion": False,
    }  # fmt: skip


def _capability(device: torch.device) -> tuple[int, int]:
    """Of the card that computes; where there is none, the interpreter takes the sizes of large ones."""
    return torch.cuda.get_device_capability(device) if device.type == "cuda" else (9, 0)


def _programs_for(k: int, n: int, block: int, device: torch.device) -> int:
    """Forward programs a NeRF: several rounds of two a multiprocessor, each with a few tiles if there are enough."""
    n_units = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 2
    return max(1, min(n // (4 * block), -(-16 * n_units // k)))


def parts_for(n: int) -> int:
    """Partial sums of a NeRF's gradient over n samples: a function of n alone, so that k and the card do not matter."""
    return max(1, min(n // SAMPLES_A_PART, MOST_PARTS))


def evaluate_by_triton(
    field_weights: Float[torch.Tensor, "k w"],
    unit: Float[torch.Tensor, "k n 3"],
    encoding: str = "exact",
    half: bool = True,
) -> tuple[Float[torch.Tensor, "k n"], Float[torch.Tensor, "k n 3"]]:
    """Density (before the test for the box) and colour at positions in [0, 1]^3, on the tensors' device.

    Accuracy: float16 operands, see CONVENTIONS.md; `half=False` (interpreted only) is float32 throughout.
    """
    k, n = unit.shape[:2]
    fields = unit.new_empty(k, n, 4)
    if n:
        rows = torch.arange(k, dtype=torch.int32, device=unit.device)
        layers = layer_options("field_forward", encoding, half, _capability(unit.device))
        grid = (_programs_for(k, n, layers["BLOCK"], unit.device), k)
        kernels().field_forward[grid](unit.contiguous(), rows, field_weights.contiguous(), fields, n, **layers)
    return fields[..., 3], fields[..., :3]


class Trainer:
    """The buffers of one fit, and its launches.

    Memory: 176 bytes a sample of one step (46 MB a NeRF with 2^18), and 74 kB a part of its gradient (9 MB).
    """

    def __init__(
        self,
        data: Resident,
        weights: Float[torch.Tensor, "k w"],
        config: FitConfig,
        half: bool = True,
        dark: float = DARK,
    ) -> None:
        self.data, self.weights, self.config, self.dark = data, weights.contiguous(), config, dark
        self.scale = HALF_SCALE if half else 1.0
        self.k, self.n, self.n_rays = k, n, n_rays = len(weights), data.positions.shape[1], data.starts.shape[1]
        self.layers = {name: layer_options(name, config.encoding, half, _capability(weights.device)) for name in TILES}
        self.n_programs, self.n_parts = (
            _programs_for(k, n, self.layers["field_forward"]["BLOCK"], weights.device),
            parts_for(n),
        )
        self.fields, self.pulls = weights.new_zeros(k, n, 4), weights.new_zeros(k, n, 4)
        self.light, self.points = weights.new_zeros(k, n), weights.new_zeros(k, n, 3)
        self.deltas = torch.zeros(k, n, N_HIDDEN, dtype=torch.float16 if half else torch.float32, device=weights.device)
        self.shown, self.picture_pulls = weights.new_zeros(k, n_rays, 4), weights.new_zeros(k, n_rays, 4)
        self.errors = weights.new_zeros(k, n_rays)
        self.lit, self.lit_ends = torch.zeros(2, k, n_rays, dtype=torch.int32, device=weights.device)
        self.partials = weights.new_zeros(self.n_parts, k, N_WEIGHTS)
        self.gradient, self.mean, self.square = (torch.zeros_like(self.weights) for _ in range(3))
        self.bad = torch.zeros(k, dtype=torch.int32, device=weights.device)
        self.taken = torch.zeros(2, k, dtype=torch.int32, device=weights.device)
        steps = torch.arange(1, config.n_steps + 2, dtype=torch.float64)
        corrections = torch.stack([1 - 0.9**steps, (1 - 0.999**steps).sqrt()], 1)
        self.corrections = corrections.float().to(weights.device)

    def loss_and_gradient(self, rows: Int[torch.Tensor, "k"], backgrounds: Float[torch.Tensor, "k c 3"]) -> None:
        """Fill `errors` (their sum over rays is each NeRF's loss) and `gradient`, as torch_engine.fit_loss."""
        run, data, sizes = kernels(), self.data, (self.n, self.n_rays)
        rays, parts = (-(-self.n_rays // RAYS), self.k), (self.n_parts, self.k)
        run.field_forward[(self.n_programs, self.k)](
            data.positions, rows, self.weights, self.fields, self.n, **self.layers["field_forward"]
        )
        run.composite_forward[rays](
            self.fields, data.lengths, rows, data.starts, data.ends, self.shown, self.light, self.lit, *sizes,
            self.dark, BLOCK=RAYS,
        )  # fmt: skip
        torch.cumsum(self.lit, 1, dtype=torch.int32, out=self.lit_ends)
        run.loss_gradient[rays](
            self.shown, data.targets, data.shares, rows, backgrounds, self.picture_pulls, self.errors, self.n_rays,
            PER_RAY=backgrounds.shape[1] > 1, BLOCK=RAYS,
        )  # fmt: skip
        run.composite_backward[rays](
            data.positions, self.fields, data.lengths, rows, data.starts, self.lit, self.lit_ends, self.light,
            self.picture_pulls, self.points, self.pulls, *sizes, self.scale, BLOCK=RAYS,
        )  # fmt: skip
        run.field_backward[parts](
            self.points, self.lit_ends, self.weights, self.pulls, self.deltas, self.partials, *sizes,
            **self.layers["field_backward"],
        )  # fmt: skip
        run.input_backward[parts](
            self.points, self.lit_ends, self.deltas, self.partials, *sizes, **self.layers["input_backward"]
        )
        run.add_partials[(N_WEIGHTS // PART, self.k)](
            self.partials, self.gradient, self.bad, self.n_parts, 1 / self.scale, PARTS=PARTS_AT_ONCE, BLOCK=PART
        )

    def step(self, done: int, backgrounds: Float[torch.Tensor, "k c 3"]) -> None:
        """One step of every NeRF; one whose gradient was ever not finite keeps the weights it had (`bad` is 1)."""
        self.loss_and_gradient(self.data.rows_at(done), backgrounds)
        now, after = self.taken[done % 2], self.taken[(done + 1) % 2]
        kernels().adam[(N_WEIGHTS // PART, self.k)](
            self.weights, self.gradient, self.mean, self.square, self.bad, now, after, self.corrections,
            self.config.rate_at(done), BLOCK=PART,
        )  # fmt: skip


def optimise_by_triton(
    batches: list[Batches],
    config: FitConfig,
    generators: list[torch.Generator],
    initial: Float[torch.Tensor, "w"] | None = None,
    device: str = "cuda",
    half: bool = True,
    dark: float = DARK,
) -> Float[torch.Tensor, "k w"]:
    """`torch_engine.optimise`, fused: same batches, backgrounds and schedule; weights come back on the CPU.

    `half` and `dark` as in `layer_options` and n2v.nerf.engines.triton_kernels. How long it takes: CONVENTIONS.md
    has an estimate from the compiled code; nothing was measured.
    """
    start = torch.from_numpy(initial_vector(config.init_seed)) if initial is None else initial
    data = Resident.of(batches, device)
    trainer = Trainer(data, start.to(device).repeat(len(batches), 1), config, half, dark)
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
