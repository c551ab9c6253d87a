"""The reference engine: Adam on the rendering loss, several NeRFs in one batched computation, gradients by autograd."""

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float

from n2v.nerf.batches import Batches, looks, prepare
from n2v.nerf.composite import composite, over_background, premultiplied
from n2v.nerf.field import activate, raw_outputs, to_unit_box, within_box
from n2v.nerf.layout import initial_vector
from n2v.nerf.recipe import FitConfig

Outputs = Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor]  # as n2v.nerf.field.raw_outputs


class TorchBackend:
    """PyTorch, on the CPU or a CUDA device."""

    name = "torch"
    encodings = ("exact", "tcnn")
    outputs = staticmethod(raw_outputs)

    def __init__(self, device: str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    def fit(self, view_sets, hulls, config, seeds):
        batches, generators = prepare(view_sets, hulls, config, seeds)
        return optimise([part.to(self.device) for part in batches], config, generators, outputs=self.outputs).cpu()

    @torch.no_grad()
    def evaluate(self, field_weights, positions, encoding):
        unit = to_unit_box(positions.to(self.device))
        sigmas, rgbs = activate(self.outputs(field_weights.to(self.device), unit, encoding))
        return within_box(sigmas, unit).cpu(), rgbs.cpu()

    def probe(self) -> str:
        product = torch.ones(8, 8, device=self.device) @ torch.ones(8, 8, device=self.device)
        if float(product.sum()) != 512:
            raise RuntimeError(f"a matrix product came out wrong on {self.device}")
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        return f"PyTorch {torch.__version__} on {name}, {torch.get_num_threads()} CPU threads"


def optimise(
    batches: list[Batches],
    config: FitConfig,
    generators: list[torch.Generator],
    outputs: Outputs = raw_outputs,
) -> Float[torch.Tensor, "k w"]:
    """Adam over k independent NeRFs, from the shared initial vector.

    Empty points of the batches move on the way (`Batches.look_again`).
    """
    start = torch.from_numpy(initial_vector(config.init_seed))
    field_weights = start.to(batches[0].positions.device).repeat(len(batches), 1).requires_grad_()

    def loss_at(done: int) -> torch.Tensor:
        if done in looks(config.n_steps):
            for part, weights in zip(batches, field_weights.detach(), strict=True):
                part.look_again(weights, config.encoding)
        return fit_loss(field_weights, batches, done, config, generators, outputs)

    descend([field_weights], loss_at, config)
    return field_weights.detach()


def descend(parameters: Iterable[torch.Tensor], loss_at: Callable[[int], torch.Tensor], config: FitConfig) -> None:
    """Adam with the recipe's schedule; `loss_at` gives the loss of each step."""
    optimiser = torch.optim.Adam(parameters, lr=config.learning_rate, eps=1e-15, fused=True)
    for done in range(config.n_steps):
        optimiser.param_groups[0]["lr"] = config.rate_at(done)
        loss = loss_at(done)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def fit_loss(
    field_weights: Float[torch.Tensor, "k w"],
    batches: list[Batches],
    done: int,
    config: FitConfig,
    generators: list[torch.Generator],
    outputs: Outputs = raw_outputs,
) -> Float[torch.Tensor, ""]:
    """Loss of k NeRFs on their batches at step `done`; see `rendering_loss`."""

    def network(unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return activate(outputs(field_weights, unit, config.encoding))

    return rendering_loss(network, batches, done, config, generators)


def rendering_loss(
    network: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    batches: list[Batches],
    done: int,
    config: FitConfig,
    generators: list[torch.Generator],
    measure: Callable[..., torch.Tensor] = torch.nn.functional.smooth_l1_loss,
) -> Float[torch.Tensor, ""]:
    """Sum over k fields of the mean error between composited and true colour, rays over a random background.

    `network` takes positions (k, n, 3) in [0, 1]^3 to densities (k, n) and colours (k, n, 3). smooth L1 is half the
    squared error on [0, 1]: the thesis says L1, its code computes this.
    """
    places = [done % len(part) for part in batches]
    n_slots = max(part.targets.shape[1] for part in batches)
    pick = list(zip(batches, places, strict=True))
    positions = torch.stack([part.positions[at] for part, at in pick])
    lengths = torch.stack([part.lengths[at] for part, at in pick])
    slots = torch.stack([part.slots[at] + k * n_slots for k, (part, at) in enumerate(pick)])
    targets = torch.stack([_widen(part.targets[at], n_slots) for part, at in pick])
    is_ray = torch.stack([_widen(part.is_ray[at], n_slots) for part, at in pick]).float()
    drawn = [backgrounds_of(part, config, generator) for part, generator in zip(batches, generators, strict=True)]
    backgrounds = torch.stack([colours if len(colours) == 1 else _widen(colours, n_slots) for colours in drawn])
    backgrounds = backgrounds.to(positions.device)

    shown = composite(*network(positions), lengths, slots, len(batches) * n_slots).view(len(batches), n_slots, 4)
    truth = over_background(premultiplied(targets), backgrounds)
    errors = measure(over_background(shown, backgrounds), truth, reduction="none").mean(-1)
    return ((errors * is_ray).sum(-1) / is_ray.sum(-1)).sum()


def backgrounds_of(batches: Batches, config: FitConfig, generator: torch.Generator) -> Float[torch.Tensor, "colours 3"]:
    """Random background of the next batch: a colour for each of its own slots, or one for all.

    The number drawn depends on this object alone, so a NeRF does not change with its neighbours in a group.
    """
    n = batches.targets.shape[1] if config.background == "ray" else 1
    return torch.rand(n, 3, generator=generator)


def _widen(rows: torch.Tensor, n: int) -> torch.Tensor:
    """Pad the first dimension with zeros up to n."""
    return torch.cat([rows, rows.new_zeros(n - len(rows), *rows.shape[1:])]) if len(rows) < n else rows
