"""The fused GPU engine: encoding, layers and their gradient for many NeRFs in one launch; all else is torch_engine's.

Weight gradients are summed in a number of parts that depends on the samples a step alone, without atomics.
"""

from types import ModuleType

import torch
from jaxtyping import Float

from n2v.errors import BadInput, MissingPart
from n2v.nerf.batches import Batches
from n2v.nerf.engines.torch_engine import TorchBackend, fit_loss
from n2v.nerf.field import evaluate_reference
from n2v.nerf.layout import N_HIDDEN, N_WEIGHTS, initial_vector
from n2v.nerf.recipe import FitConfig

MOST_PARTS = 128  # of a NeRF's gradient: one NeRF alone about fills a large card
SAMPLES_A_PART = 256
HALF_SCALE = 1024.0  # lifts gradients over float16's smallest number
# Samples a tile, warps, stages of loads ahead: chosen by registers, shared memory and stalls of what the compiler
# makes (tests/nerf/test_compiled.py holds them to it), not by running time
TILES = {"field_forward": (128, 8, 1), "field_backward": (128, 8, 1), "input_backward": (128, 4, 2)}
SMALL_TILES = {**TILES, "field_backward": (64, 4, 1)}  # for 99 KiB of shared memory a program


class TritonBackend(TorchBackend):
    """Our kernels on a CUDA device; products of float16 summed in float32."""

    name = "triton"
    encodings = ("exact",)

    def __init__(self, device: str = "cuda") -> None:
        super().__init__(device)

    @staticmethod
    def outputs(field_weights, unit, encoding):
        return fused_outputs(field_weights, unit, encoding)

    def probe(self) -> str:
        import triton

        kernels()
        if not torch.cuda.is_available():
            raise RuntimeError(f"Triton {triton.__version__} is installed, but there is no CUDA device")
        weights = torch.from_numpy(initial_vector())[None]
        points = torch.rand(1, 100, 3, generator=torch.Generator().manual_seed(0)) - 0.5
        found, expected = self.evaluate(weights, points, "exact"), evaluate_reference(weights, points)
        worst = max(float((one - other).abs().max()) for one, other in zip(found, expected, strict=True))
        error = gradient_error(self.device)
        if not (worst < 1e-3 and error < 0.05):  # loose, as products are of float16: tests/nerf/test_triton.py is exact
            raise RuntimeError(f"Triton {triton.__version__}: values {worst:.1e}, gradient {error:.1e} off PyTorch's")
        return f"Triton {triton.__version__} on {torch.cuda.get_device_name(0)}"


def gradient_error(device: torch.device | str) -> float:
    """Relative error of a tiny batch's gradient: the backward kernel needs the most shared memory of all.

    Raises what Triton raises where a kernel does not fit the card.
    """
    config, generator = FitConfig(n_steps=1), torch.Generator().manual_seed(0)
    n, n_rays = 100, 20
    slots, is_ray = torch.arange(n)[None] * n_rays // n, torch.arange(n_rays + 1)[None] < n_rays
    targets = torch.rand(1, n_rays + 1, 4, generator=generator)
    batches = Batches(torch.rand(1, n, 3, generator=generator), slots, torch.full((1, n), 0.1), targets, is_ray)
    found = []
    for outputs, place in ((fused_outputs, device), (TorchBackend.outputs, "cpu")):
        leaf = torch.from_numpy(initial_vector())[None].to(place).requires_grad_()
        fit_loss(leaf, [batches.to(place)], 0, config, [torch.Generator().manual_seed(1)], outputs).backward()
        found.append(leaf.grad.cpu())
    return float((found[0] - found[1]).norm() / found[1].norm())


def kernels() -> ModuleType:
    """The compiled kernels' module; MissingPart where Triton is not installed."""
    try:
        from n2v.nerf.engines import triton_field
    except ImportError:
        raise MissingPart("triton", "gpu") from None
    return triton_field


def fused_outputs(
    field_weights: Float[torch.Tensor, "k w"],
    unit: Float[torch.Tensor, "k n 3"],
    encoding: str = "exact",
    half: bool = True,
) -> Float[torch.Tensor, "k n 4"]:
    """`n2v.nerf.field.raw_outputs` by the kernels, on the tensors' device, with gradients to the weights.

    Accuracy: float16 operands, see CONVENTIONS.md; `half=False` (interpreted only) is float32 throughout.

    Raises:
        BadInput: another encoding than "exact".
    """
    if encoding != "exact":
        raise BadInput(f"the fused GPU kernels have no '{encoding}' encoding", fix="use --backend torch")
    return _Outputs.apply(field_weights.contiguous(), unit.contiguous(), half)


class _Outputs(torch.autograd.Function):
    @staticmethod
    def forward(ctx, field_weights, unit, half):
        ctx.save_for_backward(field_weights, unit)
        ctx.half = half
        (k, n), outputs = unit.shape[:2], unit.new_empty(*unit.shape[:2], 4)
        if n:
            _launch("field_forward", (parts_for(n), k), half, unit, field_weights, outputs, n)
        return outputs

    @staticmethod
    def backward(ctx, pulls):
        (field_weights, unit), half = ctx.saved_tensors, ctx.half
        (k, n), scale = unit.shape[:2], HALF_SCALE if half else 1.0
        grid = parts_for(n), k
        deltas = torch.empty(k, n, N_HIDDEN, dtype=torch.float16 if half else torch.float32, device=unit.device)
        partials = unit.new_empty(*grid, N_WEIGHTS)
        scaled = (pulls * scale).contiguous()
        _launch("field_backward", grid, half, unit, field_weights, scaled, deltas, partials, n)
        _launch("input_backward", grid, half, unit, deltas, partials, n)
        return partials.sum(0) / scale, None, None


def parts_for(n: int) -> int:
    """Programs, and partial sums, of a NeRF with n samples: of n alone, so that k and the card do not matter."""
    return max(1, min(n // SAMPLES_A_PART, MOST_PARTS))


def _launch(name: str, grid: tuple[int, int], half: bool, *arguments) -> None:
    """Run a kernel; where no card computes, the interpreter takes the tiles of large ones."""
    device = arguments[0].device
    capability = torch.cuda.get_device_capability(device) if device.type == "cuda" else (9, 0)
    getattr(kernels(), name)[grid](*arguments, **layer_options(name, half, capability))


def layer_options(kernel: str, half: bool, capability: tuple[int, int]) -> dict:
    """What a kernel is compiled for.

    Args:
        kernel: Its name.
        half: float16 operands, float32 sums; False: float32 operands, which only the interpreter has.
        capability: Of the card, as torch gives it: consumer cards have less shared memory.
    """
    import triton

    small = capability[0] in (8, 12) and capability != (8, 0)
    block, warps, stages = (SMALL_TILES if small else TILES)[kernel]
    hardware = isinstance(kernels().field_forward, triton.JITFunction)  # not with TRITON_INTERPRET=1
    if hardware and not half:
        raise ValueError("products of float32 are for the interpreter: compiled, they would spill every register")
    return {
        "BLOCK": block, "HALF": half, "HARDWARE": hardware,
        "num_warps": warps, "num_stages": stages, "enable_fp_fusion": True,  # harmless: 2^k x is exact
    }  # fmt: skip
