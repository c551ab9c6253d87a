"""Fitting: it learns, it is independent of its neighbours in a batch, and it says when it failed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.nerf.batches import pack_batches
from n2v.nerf.engines.torch_engine import fit_loss, optimise
from n2v.nerf.fit import FitResult, fit, fit_apart, held_out_psnr, view_psnr
from n2v.nerf.layout import initial_vector
from n2v.nerf.occupancy import carve, cell_centres
from n2v.nerf.recipe import FitConfig

QUICK = FitConfig.laptop(n_steps=200, n_samples=1024)


@pytest.fixture(scope="module")
def fitted(ball, block):
    return fit([ball, block], QUICK, seeds=[5, 6])


def test_carved_hull_holds_the_ball_and_little_more(ball):
    hull = carve(ball, 24).reshape(-1)
    radius = cell_centres(24).norm(dim=-1)
    ball_radius = 0.65 / np.sqrt(3)  # placed(): half the bounding box's diagonal is 0.65
    assert hull[radius < ball_radius - 0.03].all()
    assert not hull[radius > ball_radius + 0.25].any()


def test_fit_learns_and_the_initial_vector_does_not_pass(fitted, ball):
    assert [result.object_id for result in fitted] == ["ball", "block"]
    assert min(result.psnr_db for result in fitted) > 20
    untrained = held_out_psnr(torch.from_numpy(initial_vector()), torch.from_numpy(fitted[0].occupied), ball, QUICK)
    assert untrained < fitted[0].psnr_db - 8
    assert all(result.status == "ok" for result in fitted)


def test_each_by_its_own_recipe_is_what_each_alone_becomes(fitted, ball, block):
    recipes = [QUICK, replace(QUICK, init_seed=5)]
    found = fit_apart([block, ball], recipes, seed=6)
    assert [one.object_id for one in found] == ["block", "ball"]
    assert np.array_equal(found[0].field_weights, fitted[1].field_weights)
    assert np.array_equal(found[1].field_weights, fit([ball], recipes[1], [6])[0].field_weights)
    assert found[1].config.init_seed == 5 and found[1].status == "ok"


def test_one_object_fitted_apart_twice_is_carved_once_for_each_grid(block, monkeypatch):
    carved = []
    monkeypatch.setattr("n2v.nerf.fit.carve", lambda *asked: carved.append(asked[1]) or carve(*asked))
    few = replace(QUICK, n_steps=5)
    coarse = replace(few, grid_resolution=24)
    found = fit_apart([block] * 3, [few, replace(few, init_seed=5), coarse], seed=6)
    assert carved == [few.grid_resolution, 24]
    assert [len(one.occupied) for one in found] == [few.grid_resolution, few.grid_resolution, 24]
    assert np.array_equal(found[2].occupied, fit([block], coarse, [6])[0].occupied)


def test_fit_is_repeatable_and_independent_of_its_neighbour(fitted, block):
    alone = fit([block], QUICK, seeds=[6])[0]
    assert alone.psnr_db == pytest.approx(fitted[1].psnr_db, abs=1.0)  # same draws, perhaps another summation order
    again = fit([block], QUICK, seeds=[6])[0]
    assert np.array_equal(alone.field_weights, again.field_weights)


def test_padding_rows_keep_their_initial_values(fitted):
    assert np.array_equal(fitted[0].field_weights[17664:], initial_vector()[17664:])
    assert not np.array_equal(fitted[0].field_weights[:17664], initial_vector()[:17664])


def test_batches_hold_whole_rays_once(ball):
    hull = carve(ball, 24)
    batches = pack_batches(ball, hull, 256, 0.04, 10_000, torch.Generator().manual_seed(0))
    assert batches.is_ray.sum() > 1000
    for slots, lengths in zip(batches.slots, batches.lengths, strict=True):
        assert (slots.diff() >= 0).all()
        assert int((lengths > 0).sum()) <= 256
        assert bool((lengths[1:] <= lengths[:-1] + 1e-6).all())  # padding only at the end


def test_loss_gradient_matches_float64(ball):
    """Autograd through encoding, layers and compositing in float32 against the same in float64."""
    batches = [pack_batches(ball, carve(ball, 24), 256, 0.04, 2, torch.Generator().manual_seed(0))]
    weights = torch.from_numpy(initial_vector())[None]
    gradients = []
    for dtype in (torch.float32, torch.float64):
        cast = [replace(part, positions=part.positions.to(dtype), lengths=part.lengths.to(dtype)) for part in batches]
        leaf = weights.detach().to(dtype).clone().requires_grad_()
        fit_loss(leaf, cast, 0, QUICK, [torch.Generator().manual_seed(1)]).backward()
        gradients.append(leaf.grad.double())
    error = (gradients[0] - gradients[1]).norm() / gradients[1].norm()
    assert error < 1e-4


def test_collapsed_or_broken_fits_are_not_ok():
    weights, grid = np.zeros(18432, np.float32), np.zeros((8, 8, 8), bool)
    collapsed = FitResult("x", weights, grid, 11.0, 1.0, 0, QUICK)
    assert collapsed.status == "failed: 11.0 dB on held-out views, below 15 dB"
    broken = FitResult("x", weights * np.nan, grid, 30.0, 1.0, 0, QUICK)
    assert broken.status == "failed: weights are not finite"
    dark = FitResult("x", weights, grid, np.nan, 1.0, 0, QUICK)
    assert dark.status == "failed: held-out pictures are not finite"


def test_one_picture_that_is_not_finite_makes_no_quality(ball):
    """Not even when the others are equal to the truth."""
    occupied, calls = torch.ones(8, 8, 8, dtype=torch.bool), []

    def query(positions):
        calls.append(len(positions))
        density = torch.nan if len(calls) == 2 else 0.0
        return torch.full((len(positions),), density), torch.ones(len(positions), 3)

    white = replace(ball, held_out_images=np.full_like(ball.held_out_images, 255))
    assert np.isnan(view_psnr(query, occupied, white, QUICK.step)) and len(calls) == len(white.held_out_images)
    assert view_psnr(query, occupied, white, QUICK.step) == 100


def test_a_diverged_nerf_spoils_no_other_of_its_batch(ball, block):
    """Spoilt pictures break gradients in the first step, and so weights and densities in the next."""
    config = replace(QUICK, n_steps=3)
    first, last = (
        pack_batches(one, carve(one, 24), 1024, config.step, 3, torch.Generator().manual_seed(0))
        for one in (ball, block)
    )
    spoilt = replace(first, targets=torch.full_like(first.targets, torch.nan))
    draws = lambda: [torch.Generator().manual_seed(i) for i in range(3)]  # noqa: E731
    sound = optimise([first, first, last], config, draws())
    found = optimise([first, spoilt, last], config, draws())
    assert found[1].isnan().any()
    moved = (sound[[0, 2]] - torch.from_numpy(initial_vector())).norm()
    assert moved > 0.1 and (found[[0, 2]] - sound[[0, 2]]).norm() < 1e-3 * moved  # 0 seen


def test_pictures_without_an_object_are_refused(ball):
    empty = replace(ball, images=np.zeros_like(ball.images))
    with pytest.raises(BadInput, match="ball: no ray meets the object"):
        fit([empty], QUICK)


def test_rate_follows_the_thesis_schedule():
    config = FitConfig(n_steps=1000)
    assert [config.rate_at(step) for step in (0, 499, 500, 750, 900)] == pytest.approx(
        [1e-2, 1e-2, 3.3e-3, 1.089e-3, 3.5937e-4]
    )
