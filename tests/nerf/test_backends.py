"""One parity suite over every engine that works here."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf import engines
from n2v.nerf.fit import fit
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import psnr, render_image

QUICK = FitConfig.laptop(n_steps=120, n_samples=2048)


@pytest.fixture(params=engines.BACKENDS)
def backend(request):
    works, found = engines.try_out(request.param, apart=request.param in ("triton", "tcnn"))
    if not works:
        if request.config.getoption("--require-cuda") and request.param in ("triton", "tcnn"):
            pytest.fail(f"backend {request.param} does not work here: {found}")
        pytest.skip(f"backend {request.param} does not work here: {found}")
    return engines.load_engine(request.param)


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
    """80 dB between our paths, float16 products included (91 dB interpreted); 60 dB for tiny-cuda-nn's float16 sums."""
    weights, occupied, _ = fitted
    encoding = backend.encodings[0]
    reference = pictures(engines.load_engine("torch"), weights, occupied, ball.held_out_c2w[0], encoding)
    found = pictures(backend, weights, occupied, ball.held_out_c2w[0], encoding)
    assert psnr(found, reference) > (60 if backend.name == "tcnn" else 80)
    altered = pictures(backend, weights * 1.01, occupied, ball.held_out_c2w[0], encoding)
    assert psnr(altered, reference) < 60  # one percent off is seen


def test_every_engine_fits_as_well_as_the_reference(backend, fitted, ball):
    config = replace(QUICK, backend=backend.name, encoding=backend.encodings[0])
    if backend.name == "tcnn":  # it begins with a full grid where ours begin with the hull
        config = replace(config, n_steps=8 * config.n_steps)
    result = fit([ball], config, [3])[0]
    assert result.config.backend == backend.name and result.status == "ok"
    assert result.psnr_db > fitted[2] - 1.5  # 120 steps: the way differs, the quality does not
    padding = slice(17408 + 4 * 64, N_WEIGHTS)
    assert np.array_equal(result.field_weights[padding], initial_vector()[padding])


def test_unusable_names_and_encodings_are_refused():
    with pytest.raises(BadInput, match="unknown backend 'fast'; use one of: auto, torch"):
        engines.choose_engine("fast")
    with pytest.raises(BadInput, match="has no 'tcnn' encoding"):
        engines.choose_engine("native", "tcnn")
    assert engines.choose_engine("auto", "tcnn")[0].name == "torch"


def test_what_is_for_other_machines_is_not_probed_here(monkeypatch):
    monkeypatch.setattr(engines, "try_out", lambda *_, **__: pytest.fail("probed"))
    for name, encoding in (("auto", "exact"), ("triton", "exact"), ("tcnn", "tcnn")):
        config, why = engines.settle_engine(QUICK, name, elsewhere=True)
        assert (config.backend, config.encoding) == (name, encoding) and "each machine" in why
    with pytest.raises(engines.NoEngine, match="unknown backend 'fast'"):
        engines.settle_engine(QUICK, "fast", elsewhere=True)
    with pytest.raises(engines.NoEngine, match="'native' has no 'tcnn' encoding"):
        engines.settle_engine(replace(QUICK, encoding="tcnn"), "native", elsewhere=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("name", ["triton", "tcnn"])
def test_gpu_engines_without_a_gpu_are_one_clear_line(name):
    with pytest.raises(BadInput, match=f"backend '{name}' does not work here: .*run: n2v doctor"):
        engines.choose_engine(name)


def test_a_probe_that_crashes_its_process_is_a_reason(monkeypatch):
    monkeypatch.setattr(engines, "PROBE_S", 0.01)
    assert engines.try_out("torch", apart=True) == (False, "no answer in 0.01 s")
    monkeypatch.undo()
    works, found = engines.try_out("torch", apart=True)
    assert works and found.startswith("PyTorch")
    with pytest.raises(BadInput, match="unknown backend"):
        engines.try_out("fast", apart=True)
