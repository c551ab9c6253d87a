"""The fused kernel against its PyTorch twin and against float64."""

import ctypes
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch

from n2v.nerf import engines
from n2v.nerf.batches import Batches
from n2v.nerf.encoding import encode
from n2v.nerf.engines.native_engine import optimise_fused
from n2v.nerf.engines.torch_engine import backgrounds_of, fit_loss, optimise
from n2v.nerf.field import activate, evaluate, inside_box, run_layers, to_unit_box
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.native import fused
from n2v.nerf.recipe import FitConfig

WHY = fused.load_kernel()[1]
pytestmark = pytest.mark.skipif(fused.load_kernel()[0] is None, reason=f"no fused CPU kernel: {WHY}")


@pytest.fixture(scope="module")
def weights() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.from_numpy(initial_vector()) + 0.05 * torch.randn(N_WEIGHTS, generator=generator)


def some_batches(counts: list[int], n_places: int, seed: int = 0) -> Batches:
    """One batch whose ray r holds counts[r] samples, the rest of the places padding, one slot more than rays."""
    generator = torch.Generator().manual_seed(seed)
    n, n_slots = sum(counts), len(counts) + 1
    slots = torch.full((1, n_places), n_slots - 1)
    slots[0, :n] = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    lengths = torch.zeros(1, n_places)
    lengths[0, :n] = torch.rand(n, generator=generator) * 0.2
    targets = torch.zeros(1, n_slots, 4)
    targets[0, :-1] = torch.rand(len(counts), 4, generator=generator)
    is_ray = torch.ones(1, n_slots, dtype=torch.bool)
    is_ray[0, -1] = False
    return Batches(torch.rand(1, n_places, 3, generator=generator), slots, lengths, targets, is_ray)


def both_losses(weights, batches, config) -> tuple[float, torch.Tensor, float, torch.Tensor]:
    """Loss and gradient by the reference in float64, and by the kernel."""
    double = replace(batches, positions=batches.positions.double(), lengths=batches.lengths.double())
    leaf = weights.double()[None].requires_grad_()
    loss = fit_loss(leaf, [double], 0, config, [torch.Generator().manual_seed(3)])
    loss.backward()
    colours = backgrounds_of(batches, config, torch.Generator().manual_seed(3))
    counts = torch.bincount(batches.slots[0])[: int(batches.is_ray.sum())].int()
    gradient = torch.full((N_WEIGHTS,), torch.nan)  # it must be overwritten
    found = fused.loss_and_gradient(
        weights, batches.positions[0], batches.lengths[0], counts, batches.targets[0], colours, gradient
    )
    return loss.item(), leaf.grad[0], found, gradient


def test_encoding_agrees_with_float64_at_every_octave():
    positions = torch.rand(3000, 3, generator=torch.Generator().manual_seed(1))
    positions[:4] = torch.tensor([[0, 0.5, 1], [0.25, 0.75, 1e-7], [1 - 2**-24, 2**-24, 0.125], [0.1, 0.2, 0.3]])
    found = torch.empty(len(positions), 144)
    fused.library().n2v_encode(positions.data_ptr(), len(positions), found.data_ptr())
    worst = (found - encode(positions.double())).abs().amax(0)
    assert worst.max() < 4e-7  # 2.2e-7 seen


def test_evaluation_agrees_with_float64_and_is_zero_outside_the_box(weights):
    positions = torch.rand(2, 777, 3, generator=torch.Generator().manual_seed(2)) * 1.6 - 0.8
    both = torch.stack([weights, -weights])
    sigmas, rgbs = evaluate(both, positions)
    unit = to_unit_box(positions)  # in float32: at octave 23 one rounding of a position is a new sine
    true_sigmas, true_rgbs = activate(run_layers(encode(unit.double()), both.double()))
    true_sigmas = true_sigmas * inside_box(unit)
    assert (sigmas - true_sigmas).abs().max() < 1e-5 * true_sigmas.max()
    assert (rgbs - true_rgbs).abs().max() < 1e-5
    outside = (positions.abs() > 0.7).any(-1)
    assert outside.any() and not sigmas[outside].any() and sigmas[~outside].all()


def test_threads_do_not_change_a_number(weights):
    unit = torch.rand(1, 40_001, 3, generator=torch.Generator().manual_seed(2))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = fused.evaluate_fused(weights[None], unit)
        torch.set_num_threads(3)
        together = fused.evaluate_fused(weights[None], unit)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(alone[0], together[0]) and torch.equal(alone[1], together[1])


@pytest.mark.parametrize("background", ["ray", "batch"])
@pytest.mark.parametrize(
    "counts",
    [[5, 0, 1, 7], [1], [300, 3], [40] * 30, [0, 0, 2]],
    ids=["ragged", "one sample", "a ray longer than a chunk", "several chunks", "rays without samples"],
)
def test_loss_and_gradient_agree_with_float64(weights, counts, background):
    config = FitConfig(background=background)
    loss, gradient, found_loss, found = both_losses(weights, some_batches(counts, sum(counts) + 9), config)
    assert found_loss == pytest.approx(loss, rel=1e-5)
    assert (found - gradient).norm() < 2e-5 * gradient.norm()  # 2e-6 seen
    assert not found[17408 + 4 * 64 :].any()  # padding rows keep their initial values


def test_a_wrong_gradient_would_be_noticed(weights):
    config = FitConfig(background="ray")
    _, gradient, _, found = both_losses(weights, some_batches([5, 9, 1, 7], 30), config)
    altered = found.clone()
    altered[9216:13312] *= 1.001  # one matrix, a thousandth off
    assert (altered - gradient).norm() > 2e-5 * gradient.norm()


def test_huge_densities_stay_finite(weights):
    loud = weights.clone()
    loud[17408 + 3 * 64 : 17408 + 4 * 64] = 5.0
    batches = some_batches([20, 20], 40)
    _, _, loss, gradient = both_losses(loud, batches, FitConfig(background="ray"))
    assert np.isfinite(loss) and torch.isfinite(gradient).all()


def test_adam_is_torchs():
    generator = torch.Generator().manual_seed(4)
    start = torch.randn(N_WEIGHTS, generator=generator)
    ours, leaf = fused.Adam(start.clone()), start.clone().requires_grad_()
    theirs = torch.optim.Adam([leaf], lr=1e-2, eps=1e-15)
    for rate in (1e-2, 1e-2, 3e-3):
        gradient = torch.randn(N_WEIGHTS, generator=generator)
        gradient[:100] = 0  # no gradient, no step, although eps is tiny
        theirs.param_groups[0]["lr"] = rate
        leaf.grad = gradient.clone()
        theirs.step()
        ours.update(gradient, rate)
    assert (ours.weights - leaf.detach()).abs().max() < 1e-6
    assert torch.equal(ours.weights[:100], start[:100])


def test_a_fit_follows_the_references_trajectory():
    config = FitConfig(n_steps=30, background="ray", learning_rate=1e-3)
    batches = some_batches([12] * 20, 256)
    fused_weights = optimise_fused(batches, config, torch.Generator().manual_seed(7))
    reference = optimise([batches], config, [torch.Generator().manual_seed(7)])[0]
    moved = (reference - torch.from_numpy(initial_vector())).norm()
    assert moved > 0.5
    assert (fused_weights - reference).norm() < 0.02 * moved  # rounding grows along the way; 0.002 seen
    other = optimise_fused(batches, config, torch.Generator().manual_seed(8))
    assert (other - reference).norm() > 0.1 * moved  # other backgrounds, another way


def test_gradients_and_published_encoding_take_the_reference(weights, monkeypatch):
    monkeypatch.setattr(fused, "evaluate_fused", lambda *_: pytest.fail("the kernel has no gradient"))
    leaf = weights[None].clone().requires_grad_()
    sigmas, _ = evaluate(leaf, torch.zeros(1, 2, 3))
    sigmas.sum().backward()
    assert leaf.grad.abs().sum() > 0
    evaluate(weights[None], torch.zeros(1, 2, 3), "tcnn")


def test_without_a_compiler_auto_takes_torch_and_says_why(monkeypatch):
    monkeypatch.setenv(fused.SWITCH, "0")
    fused.load_kernel.cache_clear()
    try:
        backend, why = engines.choose_engine("auto")
        assert backend.name == "torch" and "N2V_NATIVE=0" in why
        assert activate(run_layers(encode(torch.zeros(1, 2, 3)), torch.zeros(1, N_WEIGHTS)))[0].shape == (1, 2)
    finally:
        monkeypatch.undo()
        fused.load_kernel.cache_clear()


def test_a_source_that_does_not_compile_is_a_reason_not_a_crash(monkeypatch, tmp_path):
    broken = tmp_path / "fused.cpp"
    broken.write_text("this is not C++")
    monkeypatch.setattr(fused, "FUSED_SOURCE", broken)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fused.load_kernel.cache_clear()
    try:
        library, why = fused.load_kernel()
        assert library is None and "could not be compiled" in why
        assert not list((tmp_path / "cache").rglob("*.so"))
    finally:
        monkeypatch.undo()
        fused.load_kernel.cache_clear()


def test_a_library_that_encodes_wrongly_is_not_used(monkeypatch, tmp_path):
    wrong = tmp_path / "fused.cpp"
    wrong.write_text(fused.FUSED_SOURCE.read_text().replace("odd ? 0.25f : 0.0f", "odd ? 0.3f : 0.0f"))
    monkeypatch.setattr(fused, "FUSED_SOURCE", wrong)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fused.load_kernel.cache_clear()
    try:
        library, why = fused.load_kernel()
        assert library is None and "not used" in why
    finally:
        monkeypatch.undo()
        fused.load_kernel.cache_clear()


@pytest.mark.parametrize("flag", ["-mavx2", "-mno-avx"])
def test_narrow_vectors_give_the_same_numbers(weights, tmp_path, monkeypatch, flag):
    """Other processors have 8 or 4 lanes: compiled here and run here."""
    path = tmp_path / "fused.so"
    command = [fused.find_compiler(), *fused.FLAGS, flag, str(fused.FUSED_SOURCE), "-o", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"this compiler has no {flag}")
    library = fused.declare(ctypes.CDLL(str(path)))
    assert library.n2v_lanes() < 16
    unit = torch.rand(1, 50, 3, generator=torch.Generator().manual_seed(5))
    expected = fused.evaluate_fused(weights[None], unit)
    monkeypatch.setattr(fused, "library", lambda: library)
    for found, true in zip(fused.evaluate_fused(weights[None], unit), expected, strict=True):
        assert (found - true).abs().max() < 1e-5 * true.max()
    loss, gradient, found_loss, found = both_losses(weights, some_batches([5, 0, 300, 7], 320), FitConfig())
    assert found_loss == pytest.approx(loss, rel=1e-5)
    assert (found - gradient).norm() < 2e-5 * gradient.norm()
