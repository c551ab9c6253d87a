"""The reference engine: PyTorch, on the CPU or a CUDA device."""

import torch

from n2v.nerf.field import evaluate_reference
from n2v.nerf.optimise import optimise
from n2v.nerf.pool import training_batches


class TorchBackend:
    """Batched matrix products over NeRFs, gradients by autograd."""

    name = "torch"
    encodings = ("exact", "tcnn")

    def __init__(self, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    def fit(self, view_sets, hulls, config, seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        batches = [
            training_batches(view_set, hull, config, generator).to(self.device)
            for view_set, hull, generator in zip(view_sets, hulls, generators, strict=True)
        ]
        return optimise(batches, config, generators).cpu()

    def evaluate(self, field_weights, positions, encoding):
        with torch.no_grad():
            sigmas, rgbs = evaluate_reference(field_weights.to(self.device), positions.to(self.device), encoding)
        return sigmas.cpu(), rgbs.cpu()

    def probe(self) -> str:
        product = torch.ones(8, 8, device=self.device) @ torch.ones(8, 8, device=self.device)
        if float(product.sum()) != 512:
            raise RuntimeError(f"a matrix product came out wrong on {self.device}")
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        return f"PyTorch {torch.__version__} on {name}, {torch.get_num_threads()} CPU threads"
