"""Field, marching and compositing against loops, closed forms and finite differences."""

import math

import numpy as np
import pytest
import torch

from n2v.nerf.composite import blend_weights, composite, optical_depths, over_background, premultiplied
from n2v.nerf.encoding import encode
from n2v.nerf.field import TruncatedExp, evaluate, run_layers, to_unit_box
from n2v.nerf.layout import initial_vector
from n2v.nerf.march import box_range, camera_rays, cell_indices, march
from n2v.nerf.occupancy import cell_centres, learned_occupancy, pack_bits, unpack_bits
from n2v.nerf.render import field_query, psnr, render_image, render_rays

LOOKING_DOWN = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1.8], [0, 0, 0, 1]])


def float64_composite(sigmas, rgbs, lengths, ray_indices, n_rays):
    """One ray and one sample at a time, in float64."""
    colour, opacity = np.zeros((n_rays, 3)), np.zeros(n_rays)
    light = np.ones(n_rays)
    for sigma, rgb, length, ray in zip(sigmas, rgbs, lengths, ray_indices, strict=True):
        alpha = 1 - math.exp(-float(sigma) * float(length))
        colour[ray] += light[ray] * alpha * rgb.double().numpy()
        opacity[ray] += light[ray] * alpha
        light[ray] *= 1 - alpha
    return colour, opacity


def packed_samples(n_rays=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 40, (n_rays,), generator=generator)
    ray_indices = torch.repeat_interleave(counts)
    n = len(ray_indices)
    sigmas = torch.exp(4 * torch.randn(n, generator=generator))  # from transparent to 1e6 and more
    return sigmas, torch.rand(n, 3, generator=generator), torch.full((n,), 0.04), ray_indices, n_rays


def test_composite_matches_float64_loop():
    inputs = packed_samples()
    true_colour, true_opacity = float64_composite(*inputs)
    assert np.abs(composite(*inputs).numpy() - np.c_[true_colour, true_opacity]).max() < 1e-5


def test_premultiplied_and_straight_give_one_pixel():
    straight = torch.tensor([[0.5, 1.0, 0.0, 0.25], [0.2, 0.2, 0.2, 1.0]])
    behind = torch.tensor([[0.0, 0.0, 1.0]])
    assert torch.allclose(premultiplied(straight)[0], torch.tensor([0.125, 0.25, 0.0, 0.25]))
    assert torch.allclose(over_background(premultiplied(straight), behind)[0], torch.tensor([0.125, 0.25, 0.75]))
    assert torch.allclose(over_background(premultiplied(straight))[1], straight[1, :3])


def test_weights_and_light_left_sum_to_one():
    sigmas, _, lengths, ray_indices, n_rays = packed_samples(seed=1)
    weights = blend_weights(sigmas * lengths, ray_indices, n_rays)
    depth = torch.zeros(n_rays, dtype=torch.float64).index_add(0, ray_indices, (sigmas * lengths).double())
    left = torch.exp(-depth)
    total = torch.zeros(n_rays, dtype=torch.float64).index_add(0, ray_indices, weights.double())
    assert (total + left - 1).abs().max() < 1e-5


def test_infinite_density_is_a_wall():
    sigmas, rgbs = torch.tensor([0.0, math.inf, math.inf, 2.0]), torch.eye(4)[:, :3]
    wall, fog = composite(sigmas, rgbs, torch.full((4,), 0.1), torch.tensor([0, 0, 0, 1]), 2)
    assert torch.allclose(wall, torch.tensor([0.0, 1.0, 0.0, 1.0])) and float(wall[3]) == 1
    assert float(fog[3]) == pytest.approx(1 - math.exp(-0.2))


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_broken_ray_spoils_no_other(broken):
    """One running sum serves all rays: forward it reaches the later ones, backward the earlier ones."""
    ray_indices, values = torch.tensor([0, 0, 1, 1, 2, 2]), torch.tensor([0.3, 2.0, 0.1, 0.1, 0.5, 1.0])
    others = ray_indices != broken
    true_depths = values.clone().requires_grad_()
    true_weights = blend_weights(true_depths, ray_indices, 3)
    (torch.arange(6) * true_weights).sum().backward()
    for spoilt in ([2 * broken], [2 * broken, 2 * broken + 1]):
        depths = values.clone().index_fill(0, torch.tensor(spoilt), math.nan).requires_grad_()
        weights = blend_weights(depths, ray_indices, 3)
        assert weights[spoilt].isnan().all() and torch.equal(weights[others], true_weights[others])
        pulls = torch.arange(6.0).index_fill(0, torch.tensor(spoilt), math.nan)
        (pulls * weights).sum().backward()
        assert torch.allclose(depths.grad[others], true_depths.grad[others], rtol=1e-6)
    depths = values.clone().requires_grad_()  # a sound ray whose colour is not
    (pulls * blend_weights(depths, ray_indices, 3)).sum().backward()
    assert depths.grad[spoilt].isnan().all()
    assert torch.allclose(depths.grad[others], true_depths.grad[others], rtol=1e-6)


def test_infinite_density_where_nothing_counts_is_nothing():
    sigmas = torch.tensor([math.inf, 2.0, math.nan], requires_grad=True)
    depths = optical_depths(sigmas, torch.tensor([0.0, 0.5, 0.0]))
    assert depths.tolist() == [0, 1, 0]
    depths.sum().backward()
    assert sigmas.grad.tolist() == [0, 0.5, 0]
    ray = composite(sigmas[:2].detach(), torch.ones(2, 3), torch.tensor([0.0, 0.5]), torch.tensor([0, 0]), 1)[0]
    assert ray.isfinite().all() and float(ray[3]) == pytest.approx(1 - math.exp(-1))


@pytest.mark.parametrize("gradient", [False, True])
def test_infinite_density_outside_the_box_is_zero(gradient):
    """Weights so large that every density is infinite or 0; with and without the compiled kernel."""
    weights = 50 * torch.from_numpy(initial_vector())[None]
    points = torch.rand(1, 400, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    inside, _ = evaluate(weights, points)
    assert inside.isinf().any()
    outside = (points + 1.5).requires_grad_(gradient)
    leaf = weights.clone().requires_grad_(gradient)
    sigmas, rgbs = evaluate(leaf, outside)
    assert not sigmas.any()
    if gradient:
        (sigmas.sum() + rgbs.sum()).backward()
        assert leaf.grad.isfinite().all()


def test_composite_gradient_matches_finite_differences():
    ray_indices = torch.tensor([0, 0, 0, 2, 2])
    lengths = torch.full((5,), 0.3, dtype=torch.float64)
    sigmas = torch.tensor([0.5, 1.0, 3.0, 0.2, 2.0], dtype=torch.float64, requires_grad=True)
    rgbs = torch.rand(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s, c: composite(s, c, lengths, ray_indices, 3), (sigmas, rgbs))


def test_no_samples_render_background_and_keep_the_graph():
    sigmas = torch.zeros(0, requires_grad=True)
    rays = composite(sigmas, torch.zeros(0, 3), torch.zeros(0), torch.zeros(0, dtype=torch.long), 4)
    rays.sum().backward()
    assert rays.shape == (4, 4) and not rays.detach().any() and sigmas.grad is not None
    empty = torch.zeros(8, 8, 8, dtype=torch.bool)
    picture = render_image(field_query(torch.zeros(18432)), empty, LOOKING_DOWN, 8)
    assert torch.allclose(picture[..., :3], torch.tensor(1.0)) and float(picture[..., 3].max()) == 0


def test_uniform_slab_has_closed_form_opacity():
    """Constant density over the whole box: opacity is 1 - exp(-sigma * chord), to the lattice's ends."""
    occupied = torch.ones(16, 16, 16, dtype=torch.bool)

    def fog(positions):
        return torch.full((len(positions),), 0.8), torch.ones(len(positions), 3)

    origins, directions = camera_rays(LOOKING_DOWN, 9, 0.8575560450553894)
    opacity = render_rays(fog, occupied, origins, directions, step=0.002)[:, 3]
    near, far = box_range(origins, directions)
    truth = 1 - torch.exp(-0.8 * (far - near).clamp(min=0))
    assert (opacity - truth).abs().max() < 0.8 * 0.002 + 1e-4  # at most half a step at each end


def test_march_equals_brute_force():
    """Every lattice midpoint of every ray, tested one by one."""
    generator = torch.Generator().manual_seed(3)
    occupied = torch.rand(2, 12, 12, 12, generator=generator) > 0.7
    occupied[1, 6:] = False
    origins = 2 * torch.nn.functional.normalize(torch.randn(40, 3, generator=generator), dim=-1)
    directions = torch.nn.functional.normalize(-origins + 0.3 * torch.randn(40, 3, generator=generator), dim=-1)
    grid_indices = torch.arange(40) % 2
    step = 0.03
    samples = march(origins, directions, occupied, step, grid_indices)
    expected = []
    for ray in range(40):
        for i in range(200):
            mid = (torch.tensor(float(i)) * step + (torch.tensor(float(i)) * step + step)) / 2
            position = origins[ray] + directions[ray] * mid
            cell = ((position + 0.7) / 1.4 * 12).long()
            inside = bool((position.abs() < 0.7).all())
            if inside and bool(occupied[grid_indices[ray]][tuple(cell.clamp(0, 11))]):
                expected.append((ray, i))
    found = list(zip(samples.ray_indices.tolist(), (samples.t_starts / step).round().long().tolist(), strict=True))
    assert len(set(found) ^ set(expected)) <= len(expected) // 200  # midpoints within rounding of a cell face
    assert len(expected) > 300


def test_camera_rays_closed_form():
    origins, directions = camera_rays(LOOKING_DOWN, 4, math.pi / 2)
    assert torch.allclose(origins, torch.tensor([0.0, 0.0, 1.8]).expand(16, 3))
    top_left = torch.tensor([-0.75, 0.75, -1.0])
    assert torch.allclose(directions[0], top_left / top_left.norm(), atol=1e-6)
    assert torch.allclose(directions.norm(dim=-1), torch.ones(16), atol=1e-6)


def test_density_is_zero_outside_the_box_and_matches_float64_inside():
    weights = torch.from_numpy(initial_vector())[None]
    inside = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0)) * 1.3 - 0.65
    sigmas, rgbs = evaluate(weights, inside)
    features = encode(
        to_unit_box(inside)
    ).double()  # from the same float32 positions: octave 23 amplifies their rounding
    outputs = run_layers(features, weights.double())
    assert torch.allclose(sigmas.double(), torch.exp(outputs[..., 3] - 1), rtol=1e-5)
    assert torch.allclose(rgbs.double(), torch.sigmoid(outputs[..., :3]), atol=1e-6)
    outside, _ = evaluate(weights, inside + 1.5)
    assert float(outside.abs().max()) == 0


def test_truncated_exp_gradient():
    x = torch.tensor([-2.0, 3.0, 15.0, 40.0], requires_grad=True)
    TruncatedExp.apply(x).sum().backward()
    assert torch.allclose(x.grad, torch.exp(torch.tensor([-2.0, 3.0, 15.0, 15.0])))


def test_bits_round_trip():
    grids = np.random.default_rng(0).random((3, 16, 16, 16)) > 0.5
    packed = pack_bits(grids)
    assert packed.shape == (3, 512) and np.array_equal(unpack_bits(packed, 16), grids)


def test_cells_and_positions_agree():
    occupied = torch.zeros(8, 8, 8, dtype=torch.bool)
    occupied[1, 2, 3] = True
    inside = occupied.reshape(-1)[cell_indices(cell_centres(8), 8)]
    assert inside.nonzero()[:, 0].tolist() == [1 * 64 + 2 * 8 + 3]


def test_learned_occupancy_keeps_dense_cells_of_the_hull_only(monkeypatch):
    weights = torch.zeros(18432)  # all outputs 0: density exp(-1) everywhere
    hull = torch.zeros(8, 8, 8, dtype=torch.bool)
    hull[2:5] = True
    for floor, grid in ((0.3, hull), (0.4, hull & False)):
        monkeypatch.setattr("n2v.nerf.occupancy.DENSITY_FLOOR", floor)
        assert torch.equal(learned_occupancy(weights, hull), grid)


@pytest.mark.parametrize("mse, expected", [(0.01, 20.0), (1e-3, 30.0)])
def test_psnr_of_a_known_error(mse, expected):
    truth = torch.full((10, 10, 3), 0.5)
    assert psnr(truth + math.sqrt(mse), truth) == pytest.approx(expected, abs=1e-4)
    assert psnr(truth, truth) == math.inf


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_psnr_of_what_is_no_picture_is_not_a_number(broken):
    truth = torch.full((10, 10, 3), 0.5)
    shown = truth.clone()
    shown[3, 4, 1] = broken
    assert math.isnan(psnr(shown, truth)) and math.isnan(psnr(truth, shown)) and math.isnan(psnr(shown, shown))


def test_compositing_agrees_with_nerfacc():
    """nerfacc's batched functions run on a CPU: equal sample counts on every ray, so packed and batched agree."""
    nerfacc = pytest.importorskip("nerfacc", reason="nerfacc is not installed (extra dev): its oracle was not asked")
    generator = torch.Generator().manual_seed(3)
    n_rays, n = 40, 25
    sigmas = torch.exp(3 * torch.randn(n_rays, n, generator=generator))
    lengths = torch.rand(n_rays, n, generator=generator) * 0.1
    ends = lengths.cumsum(1)
    rgbs = torch.rand(n_rays, n, 3, generator=generator)
    theirs, _, _ = nerfacc.render_weight_from_density(ends - lengths, ends, sigmas)
    rays = torch.arange(n_rays).repeat_interleave(n)
    ours = blend_weights((sigmas * lengths).view(-1), rays, n_rays).view(n_rays, n)
    assert (ours - theirs).abs().max() < 1e-5
    shown = composite(sigmas, rgbs, lengths, rays.view(n_rays, n), n_rays)
    assert (shown[:, :3] - nerfacc.accumulate_along_rays(theirs, rgbs)).abs().max() < 1e-5
    assert (shown[:, 3] - nerfacc.accumulate_along_rays(theirs)[:, 0]).abs().max() < 1e-5
