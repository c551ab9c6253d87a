"""The fused GPU engine: many NeRFs in one launch (n2v/nerf/backends/triton_kernels.py)."""

import torch

from n2v.nerf.backends import triton_fit
from n2v.nerf.field import evaluate_reference, inside_box, to_unit_box
from n2v.nerf.layout import initial_vector
from n2v.nerf.pool import pack_batches


class TritonBackend:
    """Our kernels on a CUDA device; products in tf32 while fitting, in float32 when evaluating."""

    name = "triton"
    encodings = ("exact", "tcnn")

    def fit(self, view_sets, hulls, config, seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        batches = [
            pack_batches(view_set, hull, config.n_samples, config.step, config.n_steps, generator)
            for view_set, hull, generator in zip(view_sets, hulls, generators, strict=True)
        ]
        return triton_fit.optimise(batches, config, generators)

    def evaluate(self, field_weights, positions, encoding):
        unit = to_unit_box(positions)  # on the CPU, in its order of operations
        sigmas, rgbs = triton_fit.evaluate(field_weights.cuda(), unit.cuda(), encoding)
        return sigmas.cpu() * inside_box(unit), rgbs.cpu()

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
        return f"Triton {triton.__version__} on {torch.cuda.get_device_name(0)}"
