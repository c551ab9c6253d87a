"""One parity suite over every engine that works here; the thesis's engine also dry, on stand-ins for its libraries."""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf import backends
from n2v.nerf.backends.tcnn_engine import TcnnBackend
from n2v.nerf.encoding import encode
from n2v.nerf.field import run_layers
from n2v.nerf.fit import fit
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.march import march
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import composite, psnr, render_image

QUICK = FitConfig.laptop(n_steps=120, n_samples=2048)


@pytest.fixture(params=backends.BACKENDS)
def backend(request):
    works, found = backends.try_out(request.param, apart=request.param in ("triton", "tcnn"))
    if not works:
        if request.config.getoption("--require-cuda") and request.param in ("triton", "tcnn"):
            pytest.fail(f"backend {request.param} does not work here: {found}")
        pytest.skip(f"backend {request.param} does not work here: {found}")
    return backends.load(request.param)


@pytest.fixture(scope="module")
def fitted(ball):
    """One NeRF and its hull by the reference."""
    result = fit([ball], replace(QUICK, backend="torch"), [3])[0]
    return torch.from_numpy(result.field_weights), torch.from_numpy(result.occupied), result.psnr_db


def pictures(backend, weights, occupied, c2w, encoding):
    def query(positions):
        sigmas, rgbs = backend.evaluate(weights[None], positions[None], encoding)
        return sigmas[0], rgbs[0]

    return render_image(query, occupied, c2w, 48)[..., :3]


def test_one_vector_gives_one_picture(backend, fitted, ball):
    """80 dB between any two float32 paths; 60 dB for tiny-cuda-nn's float16 layers."""
    weights, occupied, _ = fitted
    encoding = backend.encodings[0]
    reference = pictures(backends.load("torch"), weights, occupied, ball.held_out_c2w[0], encoding)
    found = pictures(backend, weights, occupied, ball.held_out_c2w[0], encoding)
    assert psnr(found, reference) > (60 if backend.name == "tcnn" else 80)
    altered = pictures(backend, weights * 1.01, occupied, ball.held_out_c2w[0], encoding)
    assert psnr(altered, reference) < 60  # one percent off is seen


def test_every_engine_fits_as_well_as_the_reference(backend, fitted, ball):
    config = replace(QUICK, backend=backend.name, encoding=backend.encodings[0])
    result = fit([ball], config, [3])[0]
    assert result.config.backend == backend.name and result.status == "ok"
    assert result.psnr_db > fitted[2] - 1.5  # 120 steps: the way differs, the quality does not
    padding = slice(17408 + 4 * 64, N_WEIGHTS)
    assert np.array_equal(result.field_weights[padding], initial_vector()[padding])


def test_unusable_names_and_encodings_are_refused():
    with pytest.raises(BadInput, match="unknown backend 'fast'; use one of: auto, torch"):
        backends.choose("fast")
    with pytest.raises(BadInput, match="has no 'tcnn' encoding"):
        backends.choose("native", "tcnn")
    assert backends.choose("auto", "tcnn")[0].name == "torch"


def test_what_is_for_other_machines_is_not_probed_here(monkeypatch):
    monkeypatch.setattr(backends, "try_out", lambda *_, **__: pytest.fail("probed"))
    for name, encoding in (("auto", "exact"), ("triton", "exact"), ("tcnn", "tcnn")):
        config, why = backends.settle(QUICK, name, elsewhere=True)
        assert (config.backend, config.encoding) == (name, encoding) and "each machine" in why
    with pytest.raises(backends.NoEngine, match="unknown backend 'fast'"):
        backends.settle(QUICK, "fast", elsewhere=True)
    with pytest.raises(backends.NoEngine, match="'native' has no 'tcnn' encoding"):
        backends.settle(replace(QUICK, encoding="tcnn"), "native", elsewhere=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("name", ["triton", "tcnn"])
def test_gpu_engines_without_a_gpu_are_one_clear_line(name):
    with pytest.raises(BadInput, match=f"backend '{name}' does not work here: .*run: n2v doctor"):
        backends.choose(name)


def test_a_probe_that_crashes_its_process_is_a_reason(monkeypatch):
    monkeypatch.setattr(backends, "PROBE_S", 0.01)
    assert backends.try_out("torch", apart=True) == (False, "no answer in 0.01 s")
    monkeypatch.undo()
    works, found = backends.try_out("torch", apart=True)
    assert works and found.startswith("PyTorch")
    with pytest.raises(BadInput, match="unknown backend"):
        backends.try_out("fast", apart=True)


class StandInNetwork(torch.nn.Module):
    """tiny-cuda-nn's NetworkWithInputEncoding by our reference."""

    def __init__(self, n_inputs, n_outputs, encoding, network, seed):
        super().__init__()
        assert (n_inputs, n_outputs, encoding["n_frequencies"]) == (3, 4, 24) and network["n_neurons"] == 64
        self.params = torch.nn.Parameter(torch.from_numpy(initial_vector(seed)))

    def forward(self, unit):
        return run_layers(encode(unit, "tcnn")[None], self.params[None])[0].half()


class StandInGrid(torch.nn.Module):
    """nerfacc's OccGridEstimator with a full grid that is marched by our code."""

    def __init__(self, aabb, resolution, levels=1):
        super().__init__()
        self.occupied = torch.ones([min(resolution, 8)] * 3, dtype=torch.bool)
        self.updates = 0

    def update_every_n_steps(self, step, occ_eval_fn, occ_thre, n):
        if step % n == 0:
            self.updates += 1
            assert occ_eval_fn(torch.zeros(5, 3)).shape == (5, 1)

    def sampling(self, origins, directions, sigma_fn=None, render_step_size=1e-3, early_stop_eps=0.0):
        samples = march(origins, directions, self.occupied, render_step_size)
        if sigma_fn is not None and len(samples.t_starts):
            assert sigma_fn(samples.t_starts, samples.t_ends, samples.ray_indices).shape == samples.t_starts.shape
        return samples.ray_indices, samples.t_starts, samples.t_ends


def stand_in_rendering(t_starts, t_ends, ray_indices, n_rays, rgb_sigma_fn, render_bkgd):
    rgbs, sigmas = rgb_sigma_fn(t_starts, t_ends, ray_indices)
    colour, opacity = composite(sigmas, rgbs, t_ends - t_starts, ray_indices, n_rays)
    return colour + render_bkgd * (1 - opacity[:, None]), opacity[:, None], None, {}


@pytest.fixture
def stand_ins(monkeypatch):
    nerfacc, tinycudann = ModuleType("nerfacc"), ModuleType("tinycudann")
    nerfacc.OccGridEstimator, nerfacc.rendering, nerfacc.__version__ = StandInGrid, stand_in_rendering, "0.5.3"
    tinycudann.NetworkWithInputEncoding = StandInNetwork
    monkeypatch.setitem(sys.modules, "nerfacc", nerfacc)
    monkeypatch.setitem(sys.modules, "tinycudann", tinycudann)


def test_the_thesis_engine_learns_on_stand_ins(stand_ins, ball):
    """Its loop, not its libraries: they need a GPU (the parity suite above)."""
    engine = TcnnBackend(device="cpu")
    assert "equal bit by bit" in engine.probe()
    config = replace(QUICK, n_steps=40, n_samples=4096, step=0.08, background="batch", encoding="tcnn")
    weights = engine.fit([ball], [None], config, [1])[0]
    start = torch.from_numpy(initial_vector())
    everywhere = torch.ones(8, 8, 8, dtype=torch.bool)
    truth = torch.from_numpy(ball.held_out_images[0][..., 3]).float() / 255

    def opacity_error(vector):
        shown = render_image(
            lambda p: tuple(v[0] for v in engine.evaluate(vector[None], p[None], "tcnn")),
            everywhere, ball.held_out_c2w[0], 32, step=0.08,
        )  # fmt: skip
        return float((shown[..., 3] - truth).abs().mean())

    assert opacity_error(weights) < 0.6 * opacity_error(start)
    assert torch.equal(weights[17664:], start[17664:])


def test_another_initial_vector_is_noticed(stand_ins, monkeypatch):
    monkeypatch.setattr(StandInNetwork, "__init__", lambda self, *_, seed: torch.nn.Module.__init__(self) or setattr(
        self, "params", torch.nn.Parameter(torch.zeros(N_WEIGHTS))))  # fmt: skip
    with pytest.raises(RuntimeError, match="initial vector differs"):
        TcnnBackend(device="cpu").probe()
