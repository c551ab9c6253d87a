"""Other networks: sizes as asked, and the encoding's advantage is there to be measured."""

from dataclasses import replace

import torch

from n2v.nerf.ablation import VariantField, fit_variant
from n2v.nerf.occupancy import carve
from n2v.nerf.recipe import FitConfig
from n2v.scenes.cameras import orbit_cameras
from n2v.scenes.raycast import render_rgba
from n2v.scenes.shapes import make_object
from n2v.scenes.views import ViewSet


def test_variant_of_the_thesis_has_its_number_of_weights():
    n_weights = sum(value.numel() for value in VariantField(64, 24).parameters())
    assert n_weights == 17_664  # 18,432 without the twelve padding rows of 64


def test_a_bare_position_has_a_bias_from_padding():
    """tiny-cuda-nn fills 3 inputs up to 16 with ones."""
    field = VariantField(32, 0)
    first = field.layers[0].weight
    assert first.shape == (32, 16)
    unit = torch.rand(5, 3)
    (sigmas, _), bias = field(unit), first.detach()[:, 3:].sum(1)
    hidden = torch.relu(unit @ first[:, :3].T + bias)
    for layer in field.layers[1:-1]:
        hidden = torch.relu(layer(hidden))
    assert torch.allclose(sigmas, torch.exp(field.layers[-1](hidden)[:, 3] - 1), atol=1e-5)


def test_frequency_beats_identity_and_both_repeat():
    made = make_object("display", 1, "flat")
    c2w, held_out = orbit_cameras(16, 0), orbit_cameras(3, 1)
    one = ViewSet(
        "display", "display", render_rgba(made, c2w, 48), c2w,
        held_out_images=render_rgba(made, held_out, 48), held_out_c2w=held_out,
    )  # fmt: skip
    config = replace(FitConfig.laptop(150, 1024), grid_resolution=32)
    hull = carve(one, 32)
    found = {n: fit_variant(one, config, n_octaves=n, hull=hull)[1] for n in (0, 24)}
    assert found[24]["psnr_db"] > found[0]["psnr_db"] + 1
    assert (found[0]["encoding"], found[24]["encoding"]) == ("identity", "frequency")
    again = fit_variant(one, config, hull=hull)[1]
    assert torch.isclose(torch.tensor(again["psnr_db"]), torch.tensor(found[24]["psnr_db"]), atol=1e-3)
