"""What a GPU must not meet: tensors made on the CPU by default around a fit, and a step that waits."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from n2v.nerf.ablation import VariantField
from n2v.nerf.batches import training_batches
from n2v.nerf.engines import triton_engine
from n2v.nerf.engines.torch_engine import fit_loss, rendering_loss
from n2v.nerf.field import raw_outputs
from n2v.nerf.fit import held_out_psnr
from n2v.nerf.layout import initial_vector
from n2v.nerf.nerf import Nerf, Turntable
from n2v.nerf.occupancy import carve, check_silhouettes, grids_of
from n2v.nerf.recipe import FitConfig
from n2v.nerf.render import render_image
from n2v.scenes.cameras import front_camera

MAKERS = {torch.arange, torch.empty, torch.eye, torch.full, torch.linspace, torch.ones, torch.tensor, torch.zeros}
RETURNS = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique",
    "bincount",
    "equal",
    "is_nonzero",
    "repeat_interleave",
)
CONFIG = replace(FitConfig.laptop(6, 2048), n_empty=64, step=0.05, grid_resolution=16)


class Homeless(TorchFunctionMode):
    """Counts tensors that are made without saying where: on the CPU, where they would meet others on a GPU."""

    def __init__(self):
        self.made = Counter()

    def __torch_function__(self, function, types, arguments=(), options=None):
        made = function(*arguments, **(options or {}))
        if function in MAKERS and (options or {}).get("device") is None and made.dim():  # numbers go everywhere
            self.made[function.__name__] += 1
        return made


class Returns(TorchDispatchMode):
    """Counts operations whose result, or its size, the host has to wait for."""

    def __init__(self):
        self.waited = Counter()

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        name = function.overloadpacket.__name__
        if name.startswith(RETURNS) or (
            name == "index" and any(one.dtype == torch.bool for one in arguments[1] if one is not None)
        ):
            self.waited[name] += 1
        return function(*arguments, **(options or {}))


def prepared(view_set, device="cpu"):
    hull = carve(view_set, CONFIG.grid_resolution, device)
    check_silhouettes(view_set, hull)
    return hull, training_batches(view_set, hull, CONFIG, torch.Generator().manual_seed(0))


def test_what_is_prepared_and_measured_says_where(ball):
    weights, config = torch.from_numpy(initial_vector()), replace(CONFIG, encoding="tcnn")  # the other has a CPU kernel
    with Homeless() as mode:
        hull, batches = prepared(ball)
        held_out_psnr(weights, grids_of(weights, hull, "tcnn")[0], ball, config)
    assert mode.made == {} and len(batches)
    with Homeless() as mode:
        torch.arange(3)
    assert mode.made == {"arange": 1}


def test_pictures_and_variants_say_where(ball):
    """What is made on the way to a picture is made where the field is, and so is a variant's loss."""
    nerf = Nerf("a", torch.from_numpy(initial_vector()), carve(ball, 16), 0.05, "tcnn")
    config = replace(CONFIG, n_steps=1)
    variant, batches = VariantField(8, 4), prepared(ball)[1]
    with Homeless() as mode:
        picture = nerf.to("cpu").image(size_px=8)
        assert nerf.views(Turntable(2, 8)).shape == (2, 8, 8, 4)
        rendering_loss(variant, [batches], 0, config, [torch.Generator().manual_seed(0)]).backward()
        render_image(variant.query(), nerf.occupied, front_camera(), 8, step=0.05)
    assert mode.made == {} and torch.equal(picture, nerf.image(size_px=8))
    elsewhere = nerf.to("meta")
    assert {elsewhere.field_weights.device.type, elsewhere.occupied.device.type} == {"meta"}


class Idle:
    """A kernel that is launched and does nothing."""

    def __getitem__(self, grid):
        return lambda *arguments, **options: None


@pytest.mark.parametrize("outputs", ["raw_outputs", "fused_outputs"])
def test_no_loss_waits_for_the_device(ball, outputs, monkeypatch):
    if outputs == "fused_outputs":
        pytest.importorskip("triton", reason="triton is not installed: its steps were NOT counted")
        for name in triton_engine.TILES:
            monkeypatch.setattr(triton_engine.kernels(), name, Idle())
    network = {"raw_outputs": raw_outputs, "fused_outputs": triton_engine.fused_outputs}[outputs]
    _, batches = prepared(ball)
    weights = torch.from_numpy(initial_vector()).repeat(2, 1).requires_grad_()
    draws = [torch.Generator().manual_seed(i) for i in range(2)]
    with Returns() as mode:
        loss = fit_loss(weights, [batches] * 2, 0, CONFIG, draws, network)
        loss.backward()
    assert mode.waited == {}
    with Returns() as mode:
        float(loss.detach())
        weights.detach()[weights > 0]
    assert sum(mode.waited.values()) >= 2
