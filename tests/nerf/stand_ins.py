"""What the thesis's engine needs of a GPU, on the CPU: tiny-cuda-nn's network, and nerfacc's three CUDA primitives.

nerfacc 0.5.3 itself runs (its classes, its checks, its occupancy updates); only what it hands to its CUDA extension
is replaced. tiny-cuda-nn's network is written from the documented behaviour of its PyTorch module: float32 master
weights cast to float16 a call, batches padded to 256 rows, float16 outputs cut to the wanted width, gradients scaled
by 128 inside, errors for what it does not know.
"""

import sys
from types import ModuleType

import pytest
import torch

from n2v.nerf.encoding import encode
from n2v.nerf.layout import initial_vector, split_weights
from n2v.nerf.march import march

GRANULARITY, LOSS_SCALE = 256, 128.0


def layers(unit: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
    """(n, 16) raw outputs; every layer rounded to float16."""
    *inner, last = (matrix[0] for matrix in split_weights(params[None].float()))
    hidden = encode(unit, "tcnn")
    for matrix in inner:
        hidden = torch.relu(hidden @ matrix.T).half().float()
    return (hidden @ last.T).half()


class NativeCall(torch.autograd.Function):
    """Forward and backward of the network as its bindings run them."""

    @staticmethod
    def forward(ctx, unit, params):
        assert unit.dtype == torch.float32 and unit.is_contiguous() and params.dtype == torch.float16
        if not len(unit) or len(unit) % GRANULARITY:
            raise RuntimeError(f"batch of {len(unit)}, not a positive multiple of {GRANULARITY}")
        ctx.save_for_backward(unit, params)
        return layers(unit, params)

    @staticmethod
    def backward(ctx, gradient):
        unit, params = ctx.saved_tensors
        with torch.enable_grad():
            leaf = params.detach().float().requires_grad_()
            layers(unit, leaf).backward((gradient * LOSS_SCALE).half())
        return None, leaf.grad.half() / LOSS_SCALE


class Network(torch.nn.Module):
    """tinycudann.NetworkWithInputEncoding."""

    def __init__(self, n_input_dims, n_output_dims, encoding_config, network_config, seed=1337):
        super().__init__()
        widths = {"FullyFusedMLP": (16, 32, 64, 128), "CutlassMLP": range(1, 1 << 16)}
        if encoding_config["otype"] != "Frequency" or network_config["otype"] not in widths:
            raise RuntimeError(f"unknown encoding or network: {encoding_config['otype']}, {network_config['otype']}")
        if network_config["n_neurons"] not in widths[network_config["otype"]]:
            raise RuntimeError(f"{network_config['otype']} has no width {network_config['n_neurons']}")
        known = {"otype", "activation", "output_activation", "n_neurons", "n_hidden_layers"}
        assert set(network_config) <= known and network_config["n_hidden_layers"] == 3
        assert (n_input_dims, encoding_config["n_frequencies"]) == (3, 24)
        self.n_output_dims, self.params = n_output_dims, torch.nn.Parameter(torch.from_numpy(initial_vector(seed)))

    def forward(self, unit):
        padded = torch.nn.functional.pad(unit, [0, 0, 0, -len(unit) % GRANULARITY])
        output = NativeCall.apply(padded.float().contiguous(), self.params.half().contiguous())
        return output[: len(unit), : self.n_output_dims]


def traverse_grids(rays_o, rays_d, binaries, aabbs, near_planes=None, far_planes=None, step_size=1e-3, cone_angle=0.0):
    """nerfacc.grid.traverse_grids for one level, constant steps and near planes at 0; every sample has own edges."""
    from nerfacc.data_specs import RayIntervals, RaySamples

    assert binaries.shape[0] == aabbs.shape[0] == 1 and cone_angle == 0 and not near_planes.any()
    assert torch.allclose(rays_d.norm(dim=-1), torch.ones(len(rays_d)), atol=1e-5), "directions are not of length 1"
    samples = march(rays_o, rays_d, binaries, step_size)
    edges = torch.stack([samples.t_starts, samples.t_ends], 1).view(-1)
    left = torch.tensor([True, False]).repeat(len(samples.t_starts))
    packed = pack_info(samples.ray_indices, len(rays_o))
    intervals = RayIntervals(edges, packed * 2, samples.ray_indices.repeat_interleave(2), left, ~left)
    return intervals, RaySamples(samples.t_starts, packed, samples.ray_indices), far_planes


def pack_info(ray_indices, n_rays):
    """nerfacc.pack.pack_info, which refuses the CPU."""
    counts = torch.bincount(ray_indices, minlength=n_rays)
    return torch.stack([counts.cumsum(0) - counts, counts], 1)


def exclusive_sum(inputs, packed_info):
    """nerfacc.scan.exclusive_sum of flattened inputs."""
    starts, counts = packed_info.unbind(1)
    before = inputs.double().cumsum(0) - inputs.double()
    at = starts.clamp(max=max(len(inputs) - 1, 0)).repeat_interleave(counts)
    return (before - before[at]).float()


@pytest.fixture
def stand_ins(monkeypatch):
    """nerfacc and tinycudann, usable without a GPU."""
    pytest.importorskip("nerfacc", reason="nerfacc is not installed (extra dev): the thesis's engine was NOT tested")
    from nerfacc import volrend
    from nerfacc.estimators import occ_grid

    monkeypatch.setattr(occ_grid, "traverse_grids", traverse_grids)
    monkeypatch.setattr(volrend, "pack_info", pack_info)
    monkeypatch.setattr(volrend, "exclusive_sum", exclusive_sum)
    tinycudann = ModuleType("tinycudann")
    tinycudann.NetworkWithInputEncoding = Network
    monkeypatch.setitem(sys.modules, "tinycudann", tinycudann)
