"""Every Triton kernel against its PyTorch twin, in interpreter mode on the CPU; on a GPU where there is one."""

from dataclasses import replace

import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf import engines
from n2v.nerf.batches import Batches
from n2v.nerf.encoding import encode
from n2v.nerf.engines import triton_engine, triton_fit
from n2v.nerf.engines.native_engine import NativeBackend
from n2v.nerf.engines.torch_engine import backgrounds_of, fit_loss, optimise
from n2v.nerf.field import activate, run_layers
from n2v.nerf.layout import N_WEIGHTS, initial_vector
from n2v.nerf.recipe import FitConfig

pytest.importorskip("triton", reason="triton is not installed: its kernels were NOT tested")
GPU = torch.cuda.is_available()
DEVICE = "cuda" if GPU else "cpu"
HALF_FIELD, HALF_GRADIENT = 3e-3, 0.02  # relative, of float16 operands; 1.0e-3 and 6.5e-3 seen
PLAIN = {"half": GPU, "dark": 0.0}
EXACT = not GPU  # float32 products exist in the interpreter alone; a GPU is held to float16's tolerance


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
@pytest.mark.parametrize("encoding", ["exact", "tcnn"])
def test_fields_agree_with_the_reference(weights, n, encoding, half):
    if not half and not EXACT:
        pytest.skip("float32 products are the interpreter's alone")
    unit = torch.rand(3, n, 3, generator=torch.Generator().manual_seed(n))
    sigmas, rgbs = triton_fit.evaluate_by_triton(weights.to(DEVICE), unit.to(DEVICE), encoding, half)
    features = encode(unit.double(), encoding).double() if encoding == "exact" else encode(unit, encoding).double()
    true_sigmas, true_rgbs = activate(run_layers(features, weights.double()))
    worst = HALF_FIELD if half else 2e-6 if encoding == "exact" else 2e-3  # float16 sines: one rounding either way
    assert (sigmas.cpu() - true_sigmas).abs().max() < worst * true_sigmas.max()  # float32 5e-7 seen, float16 1e-3
    assert (rgbs.cpu() - true_rgbs).abs().max() < worst


def test_no_positions_give_nothing(weights):
    sigmas, rgbs = triton_fit.evaluate_by_triton(weights.to(DEVICE), torch.zeros(3, 0, 3, device=DEVICE))
    assert sigmas.shape == (3, 0) and rgbs.shape == (3, 0, 3)


def trainer_of(parts, weights, config: FitConfig, half=not EXACT, dark=0.0) -> triton_fit.Trainer:
    data = triton_fit.Resident.of(parts, DEVICE)
    return triton_fit.Trainer(data, weights.clone().to(DEVICE), config, half, dark)


def gradients(weights, config: FitConfig, step: int, half=not EXACT, dark=0.0, parts=RAGGED):
    """Loss and gradient of three ragged NeRFs by the kernels, and by autograd (in float64 but for `tcnn`)."""
    trainer = trainer_of(parts, weights, config, half, dark)
    draws = [backgrounds_of(part, config, torch.Generator().manual_seed(i)) for i, part in enumerate(parts)]
    colours = torch.zeros(3, max(map(len, draws)), 3)
    for i, drawn in enumerate(draws):
        colours[i, : len(drawn)] = drawn
    trainer.loss_and_gradient(trainer.data.rows_at(step), colours.to(DEVICE))
    real = torch.float64 if config.encoding == "exact" else torch.float32
    leaf = weights.to(real, copy=True).requires_grad_()
    precise = [replace(part, positions=part.positions.to(real), lengths=part.lengths.to(real)) for part in parts]
    loss = fit_loss(leaf, precise, step, config, [torch.Generator().manual_seed(i) for i in range(3)])
    loss.backward()
    return trainer.errors.sum().item(), trainer.gradient.cpu(), loss.item(), leaf.grad


@pytest.mark.parametrize("background", ["ray", "batch"])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_loss_and_gradient_agree_with_float64(weights, background, step):
    found_loss, found, loss, gradient = gradients(weights, FitConfig(n_steps=3, background=background), step)
    assert found_loss == pytest.approx(loss, rel=1e-5 if EXACT else 1e-3)
    for mine, true in zip(found, gradient, strict=True):
        assert (mine - true).norm() < (2e-5 if EXACT else HALF_GRADIENT) * true.norm()  # 3e-6 seen
        assert not mine[17664:].any()  # padding rows


@pytest.mark.parametrize("encoding", ["exact", "tcnn"])
def test_half_precision_gradients_are_close(weights, encoding):
    _, found, _, gradient = gradients(weights, FitConfig(n_steps=3, background="ray", encoding=encoding), 0, True)
    for mine, true in zip(found, gradient, strict=True):
        assert (mine - true).norm() < HALF_GRADIENT * true.norm()


def dense() -> list[Batches]:
    """The same rays through thirty times as much matter: most of the light is gone before most of the samples."""
    return [replace(part, lengths=part.lengths * 30) for part in RAGGED]


def test_samples_in_the_dark_count_for_nothing(weights):
    config = FitConfig(n_steps=3)
    whole_loss, whole, _, _ = gradients(weights, config, 0, parts=dense())
    loss, found, _, _ = gradients(weights, config, 0, dark=1e-4, parts=dense())
    trainer = trainer_of(dense(), weights, config, dark=1e-4)
    trainer.loss_and_gradient(trainer.data.rows_at(0), torch.zeros(3, 1, 3, device=DEVICE))
    n_lit, n_samples = int(trainer.lit.sum()), int((trainer.data.lengths[trainer.data.rows_at(0).long()] > 0).sum())
    assert n_lit < 0.7 * n_samples
    assert loss == pytest.approx(whole_loss, rel=1e-4) and loss != whole_loss
    assert (found - whole).norm() < 1e-3 * whole.norm()
    _, dim, _, _ = gradients(weights, config, 0, dark=0.3, parts=dense())
    assert (dim - whole).norm() > 0.01 * whole.norm()  # a floor this high is seen


def test_a_nerf_does_not_depend_on_who_shares_its_launch(monkeypatch):
    config = FitConfig(n_steps=2, background="ray")
    wide = batches_of([[9] * 60, [5] * 100], 700, seed=4)  # several parts, tiles and ray blocks
    crowd = [batches_of([[3] * 90], 700, seed=5), wide, batches_of([[7] * 70], 700, seed=6)]

    def fitted(parts):
        at = [part is wide for part in parts].index(True)
        generators = [torch.Generator().manual_seed(7 if i == at else i) for i in range(len(parts))]
        return triton_fit.optimise_by_triton(parts, config, generators, device=DEVICE)[at]

    assert triton_fit.parts_for(700) > 1
    alone = fitted([wide])
    assert torch.equal(alone, fitted(crowd))
    monkeypatch.setattr(triton_fit, "parts_for", lambda n: 1)
    assert not torch.equal(alone, fitted([wide]))  # another number of sums is seen


class Altered:
    """A kernel after each of whose launches `alter(arguments, options)` is called."""

    def __init__(self, kernel, alter):
        self.kernel, self.alter = kernel, alter

    def __getitem__(self, grid):
        def run(*arguments, **options):
            self.kernel[grid](*arguments, **options)
            self.alter(arguments, options)

        return run


def turn_density_slope(arguments, _options):
    arguments[10].mul_(torch.tensor([1.0, 1, 1, -1], device=arguments[10].device))


def test_a_wrong_sign_in_the_gradient_would_be_noticed(weights, monkeypatch):
    run_kernels = triton_fit.kernels()
    monkeypatch.setattr(run_kernels, "composite_backward", Altered(run_kernels.composite_backward, turn_density_slope))
    _, found, _, gradient = gradients(weights, FitConfig(n_steps=3), 0)
    assert (found - gradient).norm() > 0.1 * gradient.norm()


def test_the_probe_takes_a_step_and_notices_a_wrong_one(monkeypatch):
    triton_engine.check_step(DEVICE)
    run_kernels = triton_fit.kernels()
    with monkeypatch.context() as patch:
        patch.setattr(run_kernels, "composite_backward", Altered(run_kernels.composite_backward, turn_density_slope))
        with pytest.raises(RuntimeError, match="gradient is .* away from PyTorch's"):
            triton_engine.check_step(DEVICE)
    with monkeypatch.context() as patch:
        patch.setattr(run_kernels, "adam", Altered(run_kernels.adam, lambda arguments, _: arguments[0].mul_(2)))
        with pytest.raises(RuntimeError, match="of its length"):
            triton_engine.check_step(DEVICE)


def test_auto_falls_back_where_the_backward_kernel_does_not_fit(monkeypatch):
    class TooLarge:
        def __getitem__(self, grid):
            raise RuntimeError("out of resource: shared memory, required: 210688, limit: 166912")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: "a card")
    monkeypatch.setattr("torch.Tensor.cuda", lambda tensor: tensor.to(DEVICE))
    monkeypatch.setattr(triton_engine, "check_step", lambda _, check=triton_engine.check_step: check(DEVICE))
    here = engines.try_out
    monkeypatch.setattr(engines, "try_out", lambda name, apart: here(name))
    assert engines.choose_engine()[0].name == "triton"
    monkeypatch.setattr(triton_fit.kernels(), "field_backward", TooLarge())
    engine, why = engines.choose_engine()
    assert engine.name == "torch" and "not triton (RuntimeError: out of resource: shared memory" in why


def test_layers_are_never_launched_with_fused_multiply_adds(weights, monkeypatch):
    told = []
    for name in triton_fit.TILES:
        kernel = getattr(triton_fit.kernels(), name)
        note = lambda _, options, name=name: told.append((name, options["enable_fp_fusion"]))  # noqa: E731
        monkeypatch.setattr(triton_fit.kernels(), name, Altered(kernel, note))
    triton_fit.evaluate_by_triton(weights.to(DEVICE), torch.rand(3, 5, 3, device=DEVICE), "tcnn")
    gradients(weights, FitConfig(n_steps=3), 0)
    assert told == [("field_forward", False), *((name, False) for name in triton_fit.TILES)]


def test_fits_follow_the_reference(weights):
    config = FitConfig(n_steps=4, background="ray", learning_rate=1e-3)
    generators = lambda: [torch.Generator().manual_seed(7 + i) for i in range(3)]  # noqa: E731
    found = triton_fit.optimise_by_triton(RAGGED, config, generators(), device=DEVICE, **PLAIN)
    reference = optimise(RAGGED, config, generators())
    moved = (reference - torch.from_numpy(initial_vector())).norm()
    assert moved > 0.1
    assert (found - reference).norm() < 0.02 * moved
    again = triton_fit.optimise_by_triton(RAGGED, config, generators(), device=DEVICE, **PLAIN)
    assert torch.equal(found, again)  # sums have one order: no atomics


def test_one_broken_nerf_stands_still_and_disturbs_nobody():
    config = FitConfig(n_steps=3, background="batch")
    generators = lambda: [torch.Generator().manual_seed(i) for i in range(2)]  # noqa: E731
    good, broken = RAGGED[0], RAGGED[2]
    spoilt = replace(broken, targets=torch.full_like(broken.targets, torch.nan))
    alone = triton_fit.optimise_by_triton([good, broken], config, generators(), device=DEVICE, **PLAIN)
    together = triton_fit.optimise_by_triton([good, spoilt], config, generators(), device=DEVICE, **PLAIN)
    assert torch.equal(alone[0], together[0])
    assert torch.equal(together[1], torch.from_numpy(initial_vector()))
    assert not torch.equal(alone[1], together[1])


@pytest.mark.cuda
def test_fits_on_a_gpu_reach_the_reference(ball):
    from n2v.nerf.fit import fit

    config = FitConfig.laptop(300, 2048)
    ours = fit([ball], replace(config, backend="triton"))[0]
    reference = fit([ball], replace(config, backend="torch"))[0]
    assert abs(ours.psnr_db - reference.psnr_db) < 0.5


def test_missing_triton_names_its_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "n2v.nerf.engines.triton_kernels", None)
    monkeypatch.delattr("n2v.nerf.engines.triton_kernels", raising=False)
    with pytest.raises(BadInput, match=r"\[gpu\]"):
        triton_fit.kernels()
    assert NativeBackend.name == "native"  # other engines do not need it
