"""Other networks for the same pictures: the widths, encodings and losses that the thesis compared (App. A)."""

import time
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from n2v.nerf.encoding import encode
from n2v.nerf.field import activate, to_unit_box
from n2v.nerf.fit import view_psnr
from n2v.nerf.occupancy import carve
from n2v.nerf.optimise import rendering_loss
from n2v.nerf.pool import pack_batches
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import Query
from n2v.scenes.views import ViewSet


@dataclass(frozen=True)
class Variant:
    """A network: hidden width, and octaves of its frequency encoding (0: the position itself)."""

    width: int = 64
    n_octaves: int = 24

    @property
    def encoding(self) -> str:
        return "identity" if self.n_octaves == 0 else "frequency"


class VariantField(nn.Module):
    """Three hidden layers without biases, as the thesis's field, of any width (PyTorch's own initialisation)."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.n_octaves = variant.n_octaves
        n_inputs = 6 * variant.n_octaves or 3
        widths = [n_inputs, variant.width, variant.width, variant.width, 4]
        self.layers = nn.ModuleList(nn.Linear(first, second, bias=False) for first, second in pairwise(widths))

    def forward(self, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = encode(unit, "exact", self.n_octaves) if self.n_octaves else unit
        for layer in self.layers[:-1]:
            hidden = torch.relu(layer(hidden))
        return activate(self.layers[-1](hidden))

    def query(self) -> Query:
        """For n2v.nerf.render."""
        return lambda positions: self(to_unit_box(positions))


def fit_variant(
    view_set: ViewSet, variant: Variant, config: FitConfig, seed: int = 0
) -> tuple[VariantField, torch.Tensor, dict]:
    """Fit one variant with the usual recipe; returns it, the hull it was fitted in, and {psnr_db, fit_s, ...}."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    field = VariantField(variant)
    hull = carve(view_set, config.grid_resolution)
    batches = pack_batches(view_set, hull, config.n_samples, config.step, config.n_steps, generator)
    optimiser = torch.optim.Adam(field.parameters(), lr=config.learning_rate, eps=1e-15)
    started = time.perf_counter()
    for done in range(config.n_steps):
        optimiser.param_groups[0]["lr"] = config.rate_at(done)
        loss = rendering_loss(field, [batches], done, config, [generator])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fit_s = time.perf_counter() - started
    with torch.no_grad():
        psnr_db = view_psnr(field.query(), hull, view_set, config.step)
    numbers = {"encoding": variant.encoding, "width": variant.width, "octaves": variant.n_octaves}
    return field, hull, {**numbers, "psnr_db": psnr_db, "fit_s": fit_s}
