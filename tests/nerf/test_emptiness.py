"""A NeRF contains its emptiness: points outside the hull are asked about, in every engine, and it helps."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from n2v.nerf.batches import EMPTY_LENGTH, EmptySpace, looks, training_batches
from n2v.nerf.engines.native_engine import optimise_fused
from n2v.nerf.engines.torch_engine import optimise
from n2v.nerf.fit import fit
from n2v.nerf.layout import initial_vector
from n2v.nerf.march import cell_indices
from n2v.nerf.occupancy import carve, grids_of
from n2v.nerf.recipe import FitConfig
from n2v.scenes.objects import AABB

QUICK = FitConfig.laptop(n_steps=200, n_samples=1024)
LOW, SIDE = AABB[0], AABB[3] - AABB[0]


def is_occupied(positions, occupied):
    return occupied.reshape(-1)[cell_indices(positions, occupied.shape[0])]


def batches_of(view_set, config):
    hull = carve(view_set, 24)
    return hull, training_batches(view_set, hull, config, torch.Generator().manual_seed(0))


def test_weights_alone_tell_the_grid_and_those_fitted_in_the_hull_do_not(block):
    asked, in_hull = (fit([block], replace(QUICK, n_empty=n), [5])[0] for n in (128, 0))
    fills = []
    for one in (asked, in_hull):
        stored, alone = grids_of(torch.from_numpy(one.field_weights), carve(block, 48))
        assert torch.equal(stored, torch.from_numpy(one.occupied)) and bool((alone | ~stored).all())
        fills.append(float(alone.float().mean() / stored.float().mean()))
    assert fills[0] < 1.1 < 2 < fills[1]
    assert asked.psnr_alone_db > asked.psnr_db - 1 and in_hull.psnr_alone_db < in_hull.psnr_db - 5
    assert asked.psnr_db > in_hull.psnr_db - 2  # 200 steps


def test_empty_points_are_transparent_rays_of_one_sample_outside_the_hull(ball):
    hull, batches = batches_of(ball, replace(QUICK, n_empty=20, n_steps=4))
    n = batches.empty.n_points
    assert n == 20 and batches.positions.shape[1] == QUICK.n_samples
    points = batches.positions[:, :n].reshape(-1, 3) * SIDE + LOW
    assert not is_occupied(points, hull).any()
    assert (batches.lengths[:, :n] == EMPTY_LENGTH).all() and not batches.targets[:, :n].any()
    assert (batches.slots[:, : n + 1] == torch.arange(n + 1)).all() and batches.is_ray[:, :n].all()
    assert is_occupied(batches.positions[0, n : n + 100] * SIDE + LOW, hull).all()


def test_emptiness_never_outweighs_the_pictures(ball):
    _, batches = batches_of(ball, replace(QUICK, n_empty=900, n_steps=2))
    n, n_rays = batches.empty.n_points, float(batches.is_ray.sum(1).float().mean())
    assert n <= n_rays - n + 1
    full = torch.ones(24, 24, 24, dtype=torch.bool)
    everywhere = training_batches(ball, full, QUICK, torch.Generator().manual_seed(0))
    assert everywhere.empty.n_points == 0  # a hull that fills the box leaves nothing empty
    everywhere.look_again(torch.from_numpy(initial_vector()), "exact")


def test_fits_with_few_and_many_empty_points_share_one_computation(ball, block):
    config = replace(QUICK, n_empty=900, n_steps=3)
    parts = [batches_of(view_set, config)[1] for view_set in (ball, block)]
    assert parts[0].empty.n_points != parts[1].empty.n_points
    assert {part.positions.shape[1] for part in parts} == {config.n_samples}
    together = fit([ball, block], replace(config, backend="torch"), [0, 0], force=True)
    alone = [fit([one], replace(config, backend="torch"), [0], force=True)[0] for one in (ball, block)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.field_weights, other.field_weights, atol=2e-4)


def test_a_look_finds_fog_and_only_fog(monkeypatch, ball):
    """Dense only where x > 0: that is where half of the points go."""
    hull = carve(ball, 24)
    space = EmptySpace.around(hull, 40, torch.Generator().manual_seed(1))
    positions = torch.full((3, 50, 3), 0.25)
    dense = lambda weights, points, encoding: (torch.where(points[..., 0] > 0, 100.0, 0.0), None)  # noqa: E731
    monkeypatch.setattr("n2v.nerf.batches.evaluate", dense)
    assert space.look(torch.zeros(4), positions, "exact") > 100
    assert (positions[:, :20, 0] > 0.5).all() and not is_occupied(positions[0, :20] * SIDE + LOW, hull).any()
    assert (positions[:, 20:] == 0.25).all()
    monkeypatch.setattr("n2v.nerf.batches.evaluate", lambda _, points, __: (torch.zeros(points.shape[:2]), None))
    assert space.look(torch.zeros(4), torch.zeros(1, 1, 3), "exact") == 0


def test_looks_are_spread_over_a_fit():
    assert looks(1000) == {250, 500, 750} and looks(1) == {0}


@pytest.mark.parametrize("n_empty", [0, 64])
def test_engines_take_the_same_way_with_points_that_move(ball, n_empty):
    config = replace(QUICK, n_steps=12, n_samples=512, n_empty=n_empty, learning_rate=1e-3)
    ways = []
    for optimiser in ("native", "torch"):
        _, batches = batches_of(ball, config)
        generator = torch.Generator().manual_seed(7)
        ways.append(
            optimise_fused(batches, config, generator)
            if optimiser == "native"
            else optimise([batches], config, [generator])[0]
        )
    moved = (ways[1] - torch.from_numpy(initial_vector())).norm()
    assert moved > 0.1 and (ways[0] - ways[1]).norm() < 0.02 * moved
