"""The thesis's engine: nerfacc 0.5.3 marches and composites, tiny-cuda-nn evaluates, one NeRF after another.

The recipe is nerfacc 0.3.5's example (the authors' script is unpublished), written against nerfacc 0.5.3's
`OccGridEstimator`. Weights are tiny-cuda-nn's flat vector as it is, so its "tcnn" encoding is the only one here.
"""

import torch

from n2v.errors import BadInput
from n2v.nerf.field import activate, to_unit_box, within_box
from n2v.nerf.layout import N_OCTAVES, N_WEIGHTS, initial_vector
from n2v.nerf.march import camera_rays
from n2v.scenes.objects import AABB

CONDA = "it is not on PyPI; on a machine with an NVIDIA GPU: conda env create -f environment.yml"
GRADIENT_SCALE = 1024.0  # float16 gradients below 6e-8 would vanish; Adam's step does not depend on the scale
GRID_EVERY = 16  # steps between occupancy updates (nerfacc's example)
TRANSMITTANCE_FLOOR = 1e-4  # samples behind it are culled
NETWORK = {"activation": "ReLU", "output_activation": "None", "n_neurons": 64, "n_hidden_layers": 3}


class TcnnBackend:
    """nerfacc + tiny-cuda-nn; `network` is "FullyFusedMLP" (the thesis) or "CutlassMLP" (its ablation)."""

    name = "tcnn"
    encodings = ("tcnn",)

    def __init__(self, network: str = "FullyFusedMLP", device: str = "cuda") -> None:
        self.network, self.device = network, torch.device(device)

    def fit(self, view_sets, hulls, config, seeds):
        return torch.stack([self._fit_one(*each, config) for each in zip(view_sets, seeds, strict=True)])

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
        drawn = field.params.detach().float().cpu()
        if not torch.equal(drawn, torch.from_numpy(initial_vector())):
            raise RuntimeError(f"tiny-cuda-nn's initial vector differs from ours at {int((drawn != 0).sum())} places")
        estimator = nerfacc.OccGridEstimator(list(AABB), 8).to(self.device)
        rays = torch.rand(4, 3, device=self.device), torch.rand(4, 3, device=self.device)
        estimator.sampling(*rays, render_step_size=0.1)
        return f"nerfacc {nerfacc.__version__} and tiny-cuda-nn's {self.network} run; initial vector equal bit by bit"

    def _field(self, seed: int = 999):
        """A tiny-cuda-nn network of the thesis's shape, from its own initial vector."""
        try:
            import tinycudann
        except ImportError:
            raise BadInput("tinycudann is not installed", fix=CONDA) from None
        encoding = {"otype": "Frequency", "n_frequencies": N_OCTAVES}
        field = tinycudann.NetworkWithInputEncoding(3, 4, encoding, {"otype": self.network, **NETWORK}, seed=seed)
        if field.params.numel() != N_WEIGHTS:
            raise RuntimeError(f"tiny-cuda-nn made {field.params.numel()} weights instead of {N_WEIGHTS}")
        return field

    def _fit_one(self, view_set, seed: int, config):
        import nerfacc

        generator = torch.Generator(self.device).manual_seed(seed)
        origins, directions, pixels = _all_rays(view_set, self.device)
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
            colour, alpha = pixels[chosen, :3], pixels[chosen, 3:]
            alive = opacity[:, 0] > 0
            error = torch.nn.functional.smooth_l1_loss(shown[alive], (colour * alpha + background * (1 - alpha))[alive])
            optimiser.zero_grad()
            (error * GRADIENT_SCALE).backward()
            optimiser.step()
            n_rays = min(len(pixels), max(1, n_rays * config.n_samples // n_samples))
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
    unit = to_unit_box(positions)
    sigmas, rgbs = activate(field(unit).float())
    return within_box(sigmas, unit), rgbs


def _all_rays(view_set, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every pixel of every training view: origins, directions, RGBA in [0, 1]."""
    rays = [
        camera_rays(c2w.float(), view_set.size_px, view_set.camera_angle_x) for c2w in torch.as_tensor(view_set.c2w)
    ]
    origins, directions = (torch.cat([pair[i] for pair in rays]).to(device) for i in (0, 1))
    return origins, directions, torch.from_numpy(view_set.images).view(-1, 4).to(device).float() / 255
