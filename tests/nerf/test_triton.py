"""Every Triton kernel against its PyTorch twin, in interpreter mode on the CPU; on a GPU where there is one."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf import engines
from n2v.nerf.batches import Batches
from n2v.nerf.encoding import encode
from n2v.nerf.engines import triton_engine
from n2v.nerf.engines.native_engine import NativeBackend
from n2v.nerf.engines.torch_engine import TorchBackend, fit_loss, optimise
from n2v.nerf.engines.triton_engine import fused_outputs, gradient_error, kernels, parts_for
from n2v.nerf.field import activate, run_layers
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.recipe import FitConfig

pytest.importorskip("triton", reason="triton is not installed: its kernels were NOT tested")
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
HALF_FIELD, HALF_GRADIENT = 3e-3, 0.02  # relative, of float16 operands; 1.0e-3 and 6.5e-3 seen
EXACT = not GPU  # float32 products exist in the interpreter alone; a GPU is held to float16's tolerance
PLAIN = partial(fused_outputs, half=not EXACT)


@pytest.fixture(scope="module")
def weights() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.from_numpy(initial_vector()) + 0.05 * torch.randn(3, N_WEIGHTS, generator=generator)


def batches_of(counts: list[list[int]], n_places: int, seed: int = 0) -> Batches:
    """Batches whose ray r holds counts[b][r] samples; the rest of the places and one slot are padding."""
    generator = torch.Generator().manual_seed(seed)
    b, n_slots = len(counts), max(map(len, counts)) + 1
    slots = torch.full((b, n_places), n_slots - 1)
    lengths, targets = torch.zeros(b, n_places), torch.zeros(b, n_slots, 4)
    is_ray = torch.zeros(b, n_slots, dtype=torch.bool)
    for i, row in enumerate(counts):
        n = sum(row)
        slots[i, :n] = torch.arange(len(row)).repeat_interleave(torch.tensor(row))
        lengths[i, :n] = torch.rand(n, generator=generator) * 0.2 + 1e-3
        targets[i, : len(row)] = torch.rand(len(row), 4, generator=generator)
        is_ray[i, : len(row)] = True
    return Batches(torch.rand(b, n_places, 3, generator=generator), slots, lengths, targets, is_ray)


RAGGED = [
    batches_of([[5, 0, 1, 7], [3, 3]], 70),  # places beyond one tile, a ray without samples
    batches_of([[1]], 70, seed=1),  # one sample
    batches_of([[40, 0, 0, 29], [70], [2, 2, 2]], 70, seed=2),
]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("n", [1, 63, 128, 130, 1100])
def test_fields_agree_with_the_reference(weights, n, half):
    if not half and not EXACT:
        pytest.skip("float32 products are the interpreter's alone")
    unit = torch.rand(3, n, 3, generator=torch.Generator().manual_seed(n))
    sigmas, rgbs = activate(fused_outputs(weights.to(DEVICE), unit.to(DEVICE), half=half).cpu())
    true_sigmas, true_rgbs = activate(run_layers(encode(unit.double()), weights.double()))
    worst = HALF_FIELD if half else 2e-6
    assert (sigmas - true_sigmas).abs().max() < worst * true_sigmas.max()  # float32 5e-7 seen, float16 1e-3
    assert (rgbs - true_rgbs).abs().max() < worst


def test_no_positions_give_nothing(weights):
    leaf = weights.to(DEVICE, copy=True).requires_grad_()
    found = fused_outputs(leaf, torch.zeros(3, 0, 3, device=DEVICE))
    found.sum().backward()
    assert found.shape == (3, 0, 4) and not leaf.grad.any()
    with pytest.raises(BadInput, match="no 'tcnn' encoding"):
        fused_outputs(leaf, torch.zeros(3, 1, 3, device=DEVICE), "tcnn")


def gradients(weights, config: FitConfig, step: int, outputs=PLAIN, parts=RAGGED):
    """Loss and gradient of ragged NeRFs by the kernels, and by autograd in float64."""
    draws = lambda: [torch.Generator().manual_seed(i) for i in range(len(parts))]  # noqa: E731
    mine = weights.to(DEVICE, copy=True).requires_grad_()
    found = fit_loss(mine, [part.to(DEVICE) for part in parts], step, config, draws(), outputs)
    found.backward()
    leaf = weights.double().requires_grad_()
    precise = [replace(part, positions=part.positions.double(), lengths=part.lengths.double()) for part in parts]
    loss = fit_loss(leaf, precise, step, config, draws())
    loss.backward()
    return found.item(), mine.grad.cpu(), loss.item(), leaf.grad


@pytest.mark.parametrize("background", ["ray", "batch"])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_loss_and_gradient_agree_with_float64(weights, background, step):
    found_loss, found, loss, gradient = gradients(weights, FitConfig(n_steps=3, background=background), step)
    assert found_loss == pytest.approx(loss, rel=1e-5 if EXACT else 1e-3)
    for mine, true in zip(found, gradient, strict=True):
        assert (mine - true).norm() < (2e-5 if EXACT else HALF_GRADIENT) * true.norm()  # 3e-6 seen
        assert not mine[17664:].any()  # padding rows


def test_half_precision_gradients_are_close(weights):
    _, found, _, gradient = gradients(weights, FitConfig(n_steps=3, background="ray"), 0, fused_outputs)
    for mine, true in zip(found, gradient, strict=True):
        assert (mine - true).norm() < HALF_GRADIENT * true.norm()


def test_sums_have_one_order_whoever_shares_a_launch(weights, monkeypatch):
    """No atomics: the gradient is the same bit by bit, alone, in a crowd and again."""
    unit = torch.rand(3, 700, 3, generator=torch.Generator().manual_seed(4)).to(DEVICE)

    def gradient(chosen):
        leaf = weights[chosen].to(DEVICE).requires_grad_()
        fused_outputs(leaf, unit[chosen]).square().sum().backward()
        return leaf.grad

    assert parts_for(700) > 1
    alone = gradient([1])[0]
    assert torch.equal(alone, gradient([0, 1, 2])[1]) and torch.equal(alone, gradient([1])[0])
    monkeypatch.setattr(triton_engine, "parts_for", lambda n: 1)
    assert not torch.equal(alone, gradient([1])[0])  # another number of sums is seen


class Altered:
    """A kernel before each of whose launches `alter(arguments, options)` is called."""

    def __init__(self, kernel, alter):
        self.kernel, self.alter = kernel, alter

    def __getitem__(self, grid):
        def run(*arguments, **options):
            self.alter(arguments, options)
            self.kernel[grid](*arguments, **options)

        return run


def turn_density_slope(arguments, _options):
    arguments[2].mul_(torch.tensor([1.0, 1, 1, -1], device=arguments[2].device))


def test_a_wrong_sign_in_the_gradient_would_be_noticed(weights, monkeypatch):
    assert gradient_error(DEVICE) < HALF_GRADIENT
    monkeypatch.setattr(kernels(), "field_backward", Altered(kernels().field_backward, turn_density_slope))
    _, found, _, gradient = gradients(weights, FitConfig(n_steps=3), 0)
    assert (found - gradient).norm() > 0.1 * gradient.norm()
    assert gradient_error(DEVICE) > 0.05  # the probe's limit


@pytest.mark.skipif(GPU, reason="there is a GPU: the probe itself is tried")
def test_a_card_on_which_a_step_does_not_work_is_left_to_torch(monkeypatch):
    """Evaluation alone would pass the probe: the backward kernel asks for most."""

    class TooLarge:
        def __getitem__(self, grid):
            raise RuntimeError("out of resource: shared memory, required: 210688, limit: 166912")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "a card")
    monkeypatch.setattr(triton_engine.TritonBackend, "__init__", lambda self: TorchBackend.__init__(self, DEVICE))
    here = engines.try_out
    monkeypatch.setattr(engines, "try_out", lambda name, apart: here(name))
    assert engines.choose_engine()[0].name == "triton"
    monkeypatch.setattr(kernels(), "field_backward", TooLarge())
    engine, why = engines.choose_engine()
    assert engine.name == "torch" and "not triton (RuntimeError: out of resource: shared memory" in why


def test_fits_follow_the_reference(weights):
    config = FitConfig(n_steps=4, background="ray", learning_rate=1e-3)
    parts = [part.to(DEVICE) for part in RAGGED]
    generators = lambda: [torch.Generator().manual_seed(7 + i) for i in range(3)]  # noqa: E731
    found = optimise(parts, config, generators(), outputs=PLAIN).cpu()
    reference = optimise(RAGGED, config, generators())
    moved = (reference - torch.from_numpy(initial_vector())).norm()
    assert moved > 0.1
    assert (found - reference).norm() < 0.02 * moved


def test_one_broken_nerf_disturbs_nobody():
    config = FitConfig(n_steps=3, background="batch")
    good, broken = RAGGED[0], RAGGED[2]
    spoilt = replace(broken, targets=torch.full_like(broken.targets, torch.nan))

    def fitted(*parts):
        generators = [torch.Generator().manual_seed(i) for i in range(2)]
        return optimise([part.to(DEVICE) for part in parts], config, generators, outputs=PLAIN).cpu()

    alone, together = fitted(good, broken), fitted(good, spoilt)
    assert torch.allclose(alone[0], together[0], atol=1e-6) and together[1].isnan().any()


@pytest.mark.cuda
def test_fits_on_a_gpu_reach_the_reference(ball):
    from n2v.nerf.fit import fit

    config = FitConfig.laptop(300, 2048)
    ours = fit([ball], replace(config, backend="triton"))[0]
    reference = fit([ball], replace(config, backend="torch"))[0]
    assert abs(ours.psnr_db - reference.psnr_db) < 0.5


def test_missing_triton_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "n2v.nerf.engines.triton_field", None)
    monkeypatch.delattr("n2v.nerf.engines.triton_field", raising=False)
    with pytest.raises(BadInput, match=r"\[gpu\]"):
        kernels()
    assert NativeBackend.name == "native"  # other engines do not need it
