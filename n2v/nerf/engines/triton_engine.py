"""The fused GPU engine: many NeRFs in one launch (n2v/nerf/engines/triton_kernels.py)."""

import torch

from n2v.nerf.batches import Batches, prepare
from n2v.nerf.engines import triton_fit
from n2v.nerf.engines.torch_engine import backgrounds_of, fit_loss
from n2v.nerf.field import evaluate_reference, to_unit_box, within_box
from n2v.nerf.layout import initial_vector
from n2v.nerf.recipe import FitConfig


class TritonBackend:
    """Our kernels on a CUDA device; products of float16 summed in float32."""

    name = "triton"
    encodings = ("exact", "tcnn")
    device = torch.device("cuda")

    def fit(self, view_sets, hulls, config, seeds):
        batches, generators = prepare(view_sets, hulls, config, seeds)
        return triton_fit.optimise_by_triton(batches, config, generators)

    def evaluate(self, field_weights, positions, encoding):
        unit = to_unit_box(positions)  # on the CPU, in its order of operations
        sigmas, rgbs = triton_fit.evaluate_by_triton(field_weights.cuda(), unit.cuda(), encoding)
        return within_box(sigmas.cpu(), unit), rgbs.cpu()

    def probe(self) -> str:
        import triton

        triton_fit.kernels()
        if not torch.cuda.is_available():
            raise RuntimeError(f"Triton {triton.__version__} is installed, but there is no CUDA device")
        weights = torch.from_numpy(initial_vector())[None]
        points = torch.rand(1, 100, 3, generator=torch.Generator().manual_seed(0)) - 0.5
        found, expected = self.evaluate(weights, points, "exact"), evaluate_reference(weights, points)
        worst = max(float((one - other).abs().max()) for one, other in zip(found, expected, strict=True))
        if not worst < 1e-3:
            raise RuntimeError(f"Triton {triton.__version__} evaluates {worst:.1e} away from PyTorch")
        check_step("cuda")
        return f"Triton {triton.__version__} on {torch.cuda.get_device_name(0)}"


def check_step(device: str) -> None:
    """Take one step of a tiny fit as `fit` takes them: the backward kernel needs the most shared memory of all.

    Loose, as products are of float16: the exact comparison is tests/nerf/test_triton.py.

    Raises:
        RuntimeError: gradient or step are not PyTorch's. What Triton raises where a kernel does not fit the card.
    """
    config, generator = FitConfig(n_steps=1), torch.Generator().manual_seed(0)
    n, n_rays = 100, 20
    slots, is_ray = torch.arange(n)[None] * n_rays // n, torch.arange(n_rays + 1)[None] < n_rays
    targets = torch.rand(1, n_rays + 1, 4, generator=generator)
    batches = Batches(torch.rand(1, n, 3, generator=generator), slots, torch.full((1, n), 0.1), targets, is_ray)
    weights = torch.from_numpy(initial_vector())[None]
    trainer = triton_fit.Trainer(triton_fit.Resident.of([batches], device), weights.clone().to(device), config)
    trainer.step(0, backgrounds_of(batches, config, torch.Generator().manual_seed(1))[None].to(device))
    leaf = weights.clone().requires_grad_()
    fit_loss(leaf, [batches], 0, config, [torch.Generator().manual_seed(1)]).backward()
    error = float((trainer.gradient.cpu() - leaf.grad).norm() / leaf.grad.norm())
    moved = float((trainer.weights.cpu() - weights).abs().max() / config.learning_rate)  # Adam's first step is the rate
    if not (error < 0.05 and abs(moved - 1) < 0.01):
        raise RuntimeError(f"a step's gradient is {error:.1e} away from PyTorch's, the step {moved:.2f} of its length")
