"""The fused CPU engine: each NeRF's training step runs inside one core's cache."""

import torch
from jaxtyping import Float

from n2v.errors import BadInput
from n2v.nerf.batches import Batches, looks, prepare
from n2v.nerf.engines.torch_engine import backgrounds_of
from n2v.nerf.field import to_unit_box, within_box
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.native import fused
from n2v.nerf.recipe import FitConfig


class NativeBackend:
    """n2v/nerf/native/fused.cpp."""

    name = "native"
    encodings = ("exact",)
    device = torch.device("cpu")

    def fit(self, view_sets, hulls, config, seeds):
        fitted = []
        for each in zip(view_sets, hulls, seeds, strict=True):  # one after another: a core's memory holds one's batches
            (batches,), (generator,) = prepare(*([one] for one in each[:2]), config, [each[2]])
            fitted.append(optimise_fused(batches, config, generator))
        return torch.stack(fitted)

    def evaluate(self, field_weights, positions, encoding):
        if encoding not in self.encodings:
            raise BadInput(f"the fused CPU kernel has no '{encoding}' encoding", fix="use --backend torch")
        unit = to_unit_box(positions)
        sigmas, rgbs = fused.evaluate_fused(field_weights, unit)
        return within_box(sigmas, unit), rgbs

    def probe(self) -> str:
        library, found = fused.load_kernel()
        if library is None:
            raise RuntimeError(found)
        return f"fused C++ kernel, {found}"


def optimise_fused(
    batches: Batches, config: FitConfig, generator: torch.Generator, initial: Float[torch.Tensor, "w"] | None = None
) -> Float[torch.Tensor, "w"]:
    """`torch_engine.optimise` for one NeRF: same batches, backgrounds and schedule, one compiled call a step."""
    start = torch.from_numpy(initial_vector(config.init_seed)) if initial is None else initial
    adam = fused.Adam(start.clone())
    gradient = torch.empty(N_WEIGHTS)
    rays = batches.is_ray.sum(1).tolist()
    counts = [torch.bincount(slots, minlength=n)[:n].int() for slots, n in zip(batches.slots, rays, strict=True)]
    for done in range(config.n_steps):
        if done in looks(config.n_steps):
            batches.look_again(adam.weights, config.encoding)
        at = done % len(batches)
        samples = batches.positions[at], batches.lengths[at], counts[at], batches.targets[at]
        fused.loss_and_gradient(adam.weights, *samples, backgrounds_of(batches, config, generator), gradient)
        adam.update(gradient, config.rate_at(done))
    return adam.weights
