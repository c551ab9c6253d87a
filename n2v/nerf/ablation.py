"""Other networks for the same pictures: the widths, encodings and losses that the thesis compared (App. A).

One field at a time, written for reading; `n2v.nerf.fit` is the fast way to the thesis's own network.
"""

import math
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn

from n2v.errors import BadInput
from n2v.nerf.batches import pack_batches
from n2v.nerf.encoding import encode
from n2v.nerf.engines.torch_engine import descend, rendering_loss
from n2v.nerf.field import activate, to_unit_box
from n2v.nerf.fit import view_psnr
from n2v.nerf.layout import N_HIDDEN, N_OCTAVES, N_OUTPUTS
from n2v.nerf.occupancy import SIDE
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import Query
from n2v.scenes.views import ViewSet

N_PADDED = 16  # inputs and outputs of a tiny-cuda-nn network are padded to a multiple of it
LOSSES = {
    "smooth_l1": nn.functional.smooth_l1_loss,  # the authors' code: error^2 / 2 while the error is below 1
    "l1": nn.functional.l1_loss,  # the thesis's text
    "mse": nn.functional.mse_loss,  # NeRF, arXiv 2003.08934
}


class VariantField(nn.Module):
    """Three hidden layers without biases, as the thesis's field, of any width; 0 octaves: of the bare position.

    Xavier uniform as tiny-cuda-nn draws it, the four outputs counted as 16. A bare position comes with thirteen ones:
    tiny-cuda-nn pads inputs with ones to a multiple of 16 (`IdentityEncoding`), which makes a bias of the first layer.
    """

    def __init__(self, width: int = N_HIDDEN, n_octaves: int = N_OCTAVES) -> None:
        super().__init__()
        self.n_octaves = n_octaves
        widths = [6 * n_octaves or N_PADDED, *[width] * 3, N_OUTPUTS]
        self.layers = nn.ModuleList(nn.Linear(first, second, bias=False) for first, second in pairwise(widths))
        for layer in self.layers:
            bound = math.sqrt(6 / (layer.in_features + max(layer.out_features, N_PADDED)))
            nn.init.uniform_(layer.weight, -bound, bound)

    def forward(self, unit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        padded = (0, N_PADDED - unit.shape[-1])
        hidden = encode(unit, "exact", self.n_octaves) if self.n_octaves else nn.functional.pad(unit, padded, value=1.0)
        for layer in self.layers[:-1]:
            hidden = torch.relu(layer(hidden))
        return activate(self.layers[-1](hidden))

    def query(self) -> Query:
        """For n2v.nerf.render."""
        return lambda positions: self(to_unit_box(positions))


def fit_variant(
    view_set: ViewSet,
    config: FitConfig,
    seed: int = 0,
    *,
    width: int = N_HIDDEN,
    n_octaves: int = N_OCTAVES,
    loss: str = "smooth_l1",
    hull: Bool[torch.Tensor, "g g g"],
) -> tuple[VariantField, dict]:
    """Fit one variant with the usual recipe, from random weights, on a CUDA device if there is one.

    Returns it, on the CPU, and {psnr_db, fit_s, ...}.

    Args:
        view_set: Pictures; its held-out ones give the PSNR.
        config: Recipe; its encoding and initial vector are not used.
        seed: Of the initial weights, the order of rays and the backgrounds.
        width, n_octaves: Of the network, see `VariantField`.
        loss: One of LOSSES, on pixel colours (thesis 3.2).
        hull: Where to look (see `carve`); a grid of one true cell looks everywhere.

    Raises:
        BadInput: unknown loss.
    """
    if loss not in LOSSES:
        raise BadInput(f"unknown loss '{loss}'", fix=f"use one of: {', '.join(LOSSES)}")
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    field, hull = VariantField(width, n_octaves).to(device), hull.to(device)
    batches = pack_batches(view_set, hull, config.n_samples, config.step, config.n_steps, generator)
    started = time.perf_counter()
    descend(
        field.parameters(),
        lambda done: rendering_loss(field, [batches], done, config, [generator], LOSSES[loss]),
        config,
    )
    fit_s = time.perf_counter() - started
    with torch.no_grad():
        psnr_db = view_psnr(field.query(), hull, view_set, config.step)
    encoding = "frequency" if n_octaves else "identity"
    numbers = {"encoding": encoding, "width": width, "octaves": n_octaves, "seed": seed, "loss": loss}
    rays = float(batches.is_ray.sum()) / len(batches)
    return field.cpu(), {**numbers, "psnr_db": psnr_db, "fit_s": fit_s, "rays_a_step": rays}


def over_seeds(rows: Sequence[dict], by: Sequence[str]) -> list[dict]:
    """Mean and standard deviation of psnr_db, and median fit_s, over the seeds of equal `by` values, in order."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    found = []
    for key, members in groups.items():
        values = np.array([row["psnr_db"] for row in members])
        spread = float(values.std(ddof=1)) if len(values) > 1 else None
        fit_s = float(np.median([row["fit_s"] for row in members]))
        measured = {"psnr_db": float(values.mean()), "psnr_sd_db": spread, "fit_s": fit_s, "n_seeds": len(members)}
        found.append({**dict(zip(by, key, strict=True)), **measured})
    return found


def resolved_octaves(step: float) -> float:
    """The octave whose half period is one sample length (Nyquist): what lies above cannot be followed along a ray.

    Octave k, sin(2^k pi x) of x in [0, 1], has half periods of SIDE / 2^k scene units.
    """
    return math.log2(SIDE / step)


def neighbour_correlation(distance: float, n_octaves: int = N_OCTAVES) -> Float[np.ndarray, "k"]:
    """Correlation of each octave's features between two places `distance` apart (scene units), any direction.

    1: the octave hardly notices; 0: the second value is independent of the first, noise. In exact arithmetic
    sin(z) / z with z = 2^k pi distance / SIDE, the mean of cos over all directions
    (tests/nerf/test_ablation.py); at a distance of rounding errors, what float32 makes of it.
    """
    n_pairs, generator = 20_000, torch.Generator().manual_seed(0)
    first = (torch.rand(n_pairs, 3, generator=generator) - 0.5) * (0.9 * SIDE)
    towards = nn.functional.normalize(torch.randn(n_pairs, 3, generator=generator), dim=-1)
    features = [
        encode(to_unit_box(at), "exact", n_octaves).view(n_pairs, 3, n_octaves, 2).double()
        for at in (first, first + distance * towards)
    ]
    return (features[0] * features[1]).sum(-1).mean((0, 1)).numpy()
