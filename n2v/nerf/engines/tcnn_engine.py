"""The thesis's engine: nerfacc 0.5.3 marches and composites, tiny-cuda-nn evaluates, one NeRF after another.

The recipe is nerfacc 0.3.5's example (the authors' script is unpublished), written against nerfacc 0.5.3's
`OccGridEstimator`. Weights are tiny-cuda-nn's flat vector as it is, so its "tcnn" encoding is the only one here.
"""

import torch

from n2v.errors import BadInput
from n2v.nerf.batches import training_rays
from n2v.nerf.composite import over_background, premultiplied
from n2v.nerf.field import activate, evaluate_reference, to_unit_box, within_box
from n2v.nerf.layout import N_OCTAVES, N_WEIGHTS, initial_vector
from n2v.scenes.objects import AABB

NOT_ON_PYPI = "it is not on PyPI; on a machine with an NVIDIA GPU: conda env create -f environment.yml"
GRADIENT_SCALE = 1024.0  # float16 gradients below 6e-8 would vanish; Adam's step does not depend on the scale
GRID_EVERY = 16  # steps between occupancy updates (nerfacc's example)
TRANSMITTANCE_FLOOR = 1e-4  # samples behind it are culled
MOST_GROWTH = 2  # of the rays in a batch, a step: few surviving samples must not call for all pixels at once
NETWORK = {"activation": "ReLU", "output_activation": "None", "n_neurons": 64, "n_hidden_layers": 3}


class TcnnBackend:
    """nerfacc + tiny-cuda-nn; `network` is "FullyFusedMLP" (the thesis) or "CutlassMLP" (its ablation)."""

    name = "tcnn"
    encodings = ("tcnn",)

    def __init__(self, network: str = "FullyFusedMLP", device: str = "cuda") -> None:
        self.network, self.device = network, torch.device(device)

    def fit(self, view_sets, hulls, config, seeds):
        fitted = []
        for view_set, seed in zip(view_sets, seeds, strict=True):
            with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
                torch.manual_seed(seed)  # nerfacc draws the points of its grid from the global generator
                fitted.append(self._fit_one(view_set, seed, config))
        return torch.stack(fitted)

    def evaluate(self, field_weights, positions, encoding):
        if encoding not in self.encodings:
            raise BadInput(f"tiny-cuda-nn has no '{encoding}' encoding", fix="use --backend torch")
        field = self._field()
        parts = []
        with torch.no_grad():
            for weights, points in zip(field_weights, positions, strict=True):
                field.params.copy_(weights.to(self.device))
                parts.append([part.cpu() for part in _query(field, points.to(self.device))])
        sigmas, rgbs = zip(*parts, strict=True)
        return torch.stack(sigmas), torch.stack(rgbs)

    def probe(self) -> str:
        import nerfacc

        field = self._field()
        drawn, ours = field.params.detach().float().cpu(), torch.from_numpy(initial_vector())
        if not torch.equal(drawn, ours):
            n = int((drawn != ours).sum())
            raise RuntimeError(f"tiny-cuda-nn's initial vector differs from ours at {n} places")
        points = torch.rand(100, 3, generator=torch.Generator().manual_seed(0)) * 1.2 - 0.6
        found = _query(field, points.to(self.device))
        expected = evaluate_reference(ours[None], points[None], "tcnn")
        pairs = zip(found, expected, strict=True)
        worst = max(float((one.detach().cpu() - other[0]).abs().max()) for one, other in pairs)
        if not worst < 1e-2:
            raise RuntimeError(f"tiny-cuda-nn evaluates {worst:.1e} away from PyTorch")
        origins = points[:16].to(self.device) * 0.1
        estimator = nerfacc.OccGridEstimator(list(AABB), 8).to(self.device)
        estimator.binaries.fill_(True)
        directions = torch.nn.functional.normalize(points[16:32]).to(self.device)
        shown, _, n_samples = self._render(field, estimator, origins, directions, origins.new_zeros(3), 0.1)
        (shown.mean() * GRADIENT_SCALE).backward()
        if not n_samples or not bool(field.params.grad.isfinite().all() and field.params.grad.any()):
            raise RuntimeError(f"a render of {n_samples} samples has no usable gradient")
        return f"nerfacc {nerfacc.__version__} and tiny-cuda-nn's {self.network} run; initial vector equal bit by bit"

    def _field(self, seed: int = 999):
        """A tiny-cuda-nn network of the thesis's shape, from its own initial vector."""
        try:
            import tinycudann
        except ImportError:
            raise BadInput("tinycudann is not installed", fix=NOT_ON_PYPI) from None
        encoding = {"otype": "Frequency", "n_frequencies": N_OCTAVES}
        field = tinycudann.NetworkWithInputEncoding(3, 4, encoding, {"otype": self.network, **NETWORK}, seed=seed)
        if field.params.numel() != N_WEIGHTS:
            raise RuntimeError(f"tiny-cuda-nn made {field.params.numel()} weights instead of {N_WEIGHTS}")
        return field

    def _fit_one(self, view_set, seed: int, config):
        import nerfacc

        generator = torch.Generator(self.device).manual_seed(seed)
        origins, directions, pixels = training_rays(view_set, None, self.device)
        field = self._field(config.init_seed)
        estimator = nerfacc.OccGridEstimator(list(AABB), config.grid_resolution, levels=1).to(self.device)
        optimiser = torch.optim.Adam([field.params], lr=config.learning_rate, eps=1e-15)
        n_rays = max(1, config.n_samples // 1024)
        for done in range(config.n_steps):
            optimiser.param_groups[0]["lr"] = config.rate_at(done)
            estimator.train()
            estimator.update_every_n_steps(
                done, lambda x: _query(field, x)[0][:, None] * config.step, occ_thre=0.01, n=GRID_EVERY
            )
            chosen = torch.randint(len(pixels), (n_rays,), generator=generator, device=self.device)
            shape = (n_rays, 3) if config.background == "ray" else (3,)
            background = torch.rand(shape, generator=generator, device=self.device)
            shown, opacity, n_samples = self._render(
                field, estimator, origins[chosen], directions[chosen], background, config.step
            )
            if n_samples == 0:
                continue
            alive = opacity[:, 0] > 0
            if not alive.any():
                continue  # a mean of nothing is not a number, and Adam would spread it
            truth = over_background(premultiplied(pixels[chosen]), background)
            error = torch.nn.functional.smooth_l1_loss(shown[alive], truth[alive])
            optimiser.zero_grad()
            (error * GRADIENT_SCALE).backward()
            optimiser.step()
            n_rays = min(len(pixels), MOST_GROWTH * n_rays, max(1, n_rays * config.n_samples // n_samples))
        return field.params.detach().float().cpu()

    @staticmethod
    def _render(field, estimator, origins, directions, background, step: float):
        """Colour (r, 3) over the background, opacity (r, 1) and the number of samples that survived culling."""
        import nerfacc

        def at(t_starts, t_ends, ray_indices):
            t_mids = (t_starts + t_ends)[:, None] / 2
            return _query(field, origins[ray_indices] + directions[ray_indices] * t_mids)

        ray_indices, t_starts, t_ends = estimator.sampling(
            origins,
            directions,
            sigma_fn=lambda *samples: at(*samples)[0],
            render_step_size=step,
            early_stop_eps=TRANSMITTANCE_FLOOR,
        )
        if not len(t_starts):
            return background.expand(len(origins), 3), origins.new_zeros(len(origins), 1), 0
        colour, opacity, _, _ = nerfacc.rendering(
            t_starts, t_ends, ray_indices, n_rays=len(origins),
            rgb_sigma_fn=lambda *samples: at(*samples)[::-1], render_bkgd=background,
        )  # fmt: skip
        return colour, opacity, len(t_starts)


def _query(field, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Density (0 outside the box) and colour at positions (n, 3) in scene units."""
    if not len(positions):  # the network takes no empty batch
        return positions.new_zeros(0), positions.new_zeros(0, 3)
    unit = to_unit_box(positions)
    sigmas, rgbs = activate(field(unit).float())
    return within_box(sigmas, unit), rgbs
