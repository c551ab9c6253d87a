"""Each switch of the published protocol, alone: what it changes, by a closed form where there is one."""

import math
from dataclasses import asdict, fields, replace

import pytest
import torch
from solids import ROWS_TINY

from n2v.embed import recipe as protocols
from n2v.embed.batches import TrainingSet
from n2v.embed.checkpoint import Progress
from n2v.embed.recipe import Protocol, SampleConfig
from n2v.embed.targets import aimed_rays, empty_points, pixel_rays
from n2v.embed.train import TrainConfig, batch_loss, descend, train
from n2v.errors import BadInput
from n2v.files import read_json
from n2v.nerf.field import evaluate
from n2v.nerf.march import march
from n2v.nerf.render import field_query, render_rays
from n2v.scenes.cameras import CAMERA_ANGLE_X, orbit_cameras

SAMPLES = SampleConfig.laptop(192, 64)


class Truth:
    """A perfect nerf2vec."""

    def __call__(self, field_weights, positions):
        return *evaluate(field_weights, positions), None


class Everywhere:
    """One density and the colour black, wherever one looks."""

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma

    def __call__(self, field_weights, positions):
        return torch.full(positions.shape[:2], self.sigma), torch.zeros_like(positions), None


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def recipe(samples=SAMPLES, **switches) -> TrainConfig:
    return replace(TrainConfig.laptop(), samples=samples, amp=False, protocol=Protocol(**switches))


def batch_of(training, config):
    return training.batch(torch.arange(3), config.samples, stream(), config.protocol)


def loss_of(model, training, config, batch, rays=True):
    """The loss of rays alone or of empty points alone, with its weight taken off."""
    part = {"is_empty": torch.zeros_like(batch.is_empty)} if rays else {"is_ray": torch.zeros_like(batch.is_ray)}
    loss, _ = batch_loss(model, training.field_weights[:3], replace(batch, **part), config, stream(1))
    return float(loss) / (config.foreground_weight if rays else config.background_weight)


def over_rays(batch, errors) -> float:
    return float(errors[batch.is_ray].mean())


@pytest.fixture(scope="module")
def training(zoo):
    return TrainingSet(zoo)


def test_composited_twice_is_wrong_by_the_light_that_passes(training):
    """With P = C + b (1 - a): P a + b (1 - a) minus P is (1 - a) (b a - C)."""
    config = recipe(composited_twice=True)
    batch = batch_of(training, config)
    colour, opacity = batch.targets[..., :3], batch.targets[..., 3:]
    background = torch.rand(3, SAMPLES.n_rays, 3, generator=stream(1))
    error = (1 - opacity) * (background * opacity - colour)
    expected = over_rays(batch, error**2 / 2)
    assert expected > 1e-6
    assert loss_of(Truth(), training, config, batch) == pytest.approx(expected, rel=1e-4)
    assert loss_of(Truth(), training, recipe(), batch) < 1e-12
    solid = replace(batch, targets=batch.targets.round())  # opacities 0 and 1: both forms agree
    pair = [loss_of(Truth(), training, one, solid) for one in (config, recipe())]
    assert pair[0] == pytest.approx(pair[1], rel=1e-6)


@pytest.mark.parametrize("sigma", [0.7, 40.0])
def test_density_as_alpha_has_no_bound(training, sigma):
    """Black at density s before b shows b (1 - s); as light that is blocked it is 1 - exp(-s step), below 1."""
    config = replace(recipe(density_as_alpha=True), background_loss="l1")
    batch = batch_of(training, config)
    backdrop = torch.rand(3, SAMPLES.n_rays, 3, generator=stream(1))[:, 0].mean(-1)
    share = batch.is_empty.sum(1) / batch.is_empty.sum()
    assert loss_of(Everywhere(sigma), training, config, batch, rays=False) == pytest.approx(
        sigma * float((backdrop * share).sum()), rel=1e-4
    )
    opacity = 1 - torch.exp(torch.tensor(-sigma * SAMPLES.step))
    found = loss_of(Everywhere(sigma), training, recipe(), batch, rays=False)
    assert found == pytest.approx(float(opacity), rel=1e-4) and found < 1


def test_padding_in_the_mean_dilutes_what_most_nerfs_get_wrong(training):
    """The same error at every point: its mean falls to the share of places that hold a point."""
    config = recipe(padding_in_mean=True)
    batch = batch_of(training, config)
    counts = batch.is_empty.sum(1)
    assert counts.min() < counts.max()
    opacity = float(1 - torch.exp(torch.tensor(-3 * SAMPLES.step)))
    expected = opacity * float(counts.sum()) / (3 * int(counts.max()))
    assert loss_of(Everywhere(3.0), training, config, batch, rays=False) == pytest.approx(expected, rel=1e-4)
    assert loss_of(Everywhere(3.0), training, recipe(), batch, rays=False) == pytest.approx(opacity, rel=1e-4)


def test_stored_cameras_are_thirty_six_eyes_and_pixels(training):
    """Every ray starts at one of 36 points, through the centre of a pixel of a picture 224 wide."""
    origins, directions = pixel_rays(2, 400, stream())
    cameras = torch.from_numpy(orbit_cameras(36, seed=0))
    apart = torch.cdist(origins.view(-1, 3), cameras[:, :3, 3])
    assert float(apart.min(1)[0].max()) < 2e-3 and len(apart.argmin(1).unique()) == 36
    local = (directions.view(-1, 1, 3) @ cameras[apart.argmin(1), :3, :3])[:, 0]
    pixel = local[:, :2] / -local[:, 2:] * (112 / math.tan(CAMERA_ANGLE_X / 2)) + 112
    torch.testing.assert_close(pixel - pixel.floor(), torch.full_like(pixel, 0.5), atol=2e-3, rtol=0)
    ample = replace(SAMPLES, n_foreground=4000)
    share = [batch_of(training, recipe(ample, stored_cameras=on)).is_ray.float().mean() for on in (True, False)]
    assert share[0] < 0.7 and share[1] > 0.95  # many pixels miss the object


def test_padding_is_filled_with_empty_points(training):
    batch = batch_of(training, recipe(padding_in_mean=True, empty_uniform=True))
    free = batch.lengths == 0
    assert free.any() and batch.is_empty[:, : SAMPLES.n_foreground][free].float().mean() > 0.7
    assert not batch.is_empty[:, : SAMPLES.n_foreground][~free].any()


def test_dropped_samples_are_missing_from_the_prediction_only(zoo, training):
    """With a budget of 60 the NeRF itself, as the prediction, is thinner than its own target."""
    few = replace(SAMPLES, n_foreground=60)
    config = recipe(few, samples_dropped=True)
    batch = batch_of(training, config)
    weights, occupied = training.field_weights, torch.from_numpy(zoo.occupied(training.indices))
    origins, directions = aimed_rays(occupied, few.n_rays, stream())
    sigmas, _ = evaluate(weights, batch.positions[:, :60])
    for i in range(3):
        whole = render_rays(field_query(weights[i]), occupied[i], origins[i], directions[i], few.step)
        torch.testing.assert_close(batch.targets[i], whole, atol=1e-5, rtol=1e-4)
        counts = march(origins[i], directions[i], occupied[i], few.step).counts()
        kept = torch.bincount(batch.slots[i][batch.lengths[i] > 0] - i * few.n_rays, minlength=few.n_rays)
        assert int(kept.sum()) == 60 < int(counts.sum()) and (kept <= counts).all()
        assert ((kept > 0) & (kept < counts)).any()  # rays with gaps: their intervals are not stretched
        depth = torch.zeros(few.n_rays).index_add(0, batch.slots[i] - i * few.n_rays, sigmas[i] * batch.lengths[i])
        opacity = 1 - torch.exp(-depth)
        assert (opacity <= batch.targets[i, :, 3] + 1e-4).all()
    assert loss_of(Truth(), training, config, batch) > 1e-3
    plenty = recipe(replace(SAMPLES, n_foreground=4000), samples_dropped=True)
    assert loss_of(Truth(), training, plenty, batch_of(training, plenty)) < 1e-12
    whole_rays = recipe(few)
    assert loss_of(Truth(), training, whole_rays, batch_of(training, whole_rays)) < 1e-12


def test_uniform_points_miss_the_surface(training):
    occupied = torch.zeros(1, 16, 16, 16, dtype=torch.bool)
    occupied[0, 8, 8, 8] = True
    near = [
        float(((empty_points(occupied, 400, stream(), share)[0] - 0.044).abs() < 0.31).all(-1).float().mean())
        for share in (0.0, 0.5)
    ]
    assert near[0] < 0.2 and near[1] > 0.5
    batches = [batch_of(training, recipe(empty_uniform=uniform)) for uniform in (True, False)]
    shares = [float(batch.is_empty[:, SAMPLES.n_foreground :].float().mean()) for batch in batches]
    assert shares[0] > shares[1]  # those beside an object fall into it more often


def test_half_squares_are_half_the_squared_error(training):
    """The thesis says L1. Nothing predicted: the error is C - b a on rays; and 1 - exp(-s step) on empty points."""
    l1 = replace(recipe(), foreground_loss="l1")
    squares = replace(l1, protocol=Protocol(half_squares=True))
    batch = batch_of(training, l1)
    background = torch.rand(3, SAMPLES.n_rays, 3, generator=stream(1))
    error = batch.targets[..., :3] - background * batch.targets[..., 3:]
    assert loss_of(Everywhere(0.0), training, l1, batch) == pytest.approx(over_rays(batch, error.abs()), rel=1e-4)
    half = over_rays(batch, error**2 / 2)
    assert loss_of(Everywhere(0.0), training, squares, batch) == pytest.approx(half, rel=1e-4)
    opacity = float(1 - torch.exp(torch.tensor(-2 * SAMPLES.step)))
    found = [loss_of(Everywhere(2.0), training, one, batch, rays=False) for one in (l1, squares)]
    assert found == pytest.approx([opacity, opacity**2 / 2], rel=1e-3)


def test_one_background_is_behind_all_rays(training):
    config = recipe(one_background=True)
    batch = batch_of(training, config)
    background = torch.rand(1, 1, 3, generator=stream(1))
    error = batch.targets[..., :3] - background * batch.targets[..., 3:]
    found = loss_of(Everywhere(0.0), training, config, batch)
    assert found == pytest.approx(over_rays(batch, error**2 / 2), rel=1e-4)


def test_constant_rate():
    shares = (0, 0.01, 0.5, 0.81, 0.99)
    for config in (TrainConfig(), TrainConfig.laptop()):
        published = replace(config, protocol=Protocol(constant_rate=True))
        assert {published.rate_at(share) for share in shares} == {config.learning_rate}
        assert len({config.rate_at(share) for share in shares}) > 1


def toy(value: float, enabled: bool) -> Progress:
    model = torch.nn.Linear(3, 1, bias=False)
    torch.nn.init.constant_(model.weight, value)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    return Progress(model, optimiser, torch.amp.GradScaler("cpu", enabled=enabled))


def test_a_scaler_that_is_never_stepped_is_harmless_until_it_overflows():
    """AdamW's step is its gradient over its own size: 2^10 cancels. An infinite gradient does not."""
    inputs = torch.tensor([[1.0, -2.0, 0.5]])
    left, stepped = toy(0.3, False), toy(0.3, True)
    for state, config in ((left, recipe(scaler_not_stepped=True)), (stepped, recipe())):
        for _ in range(5):
            descend(state.model(inputs).square().sum(), state, config)
    torch.testing.assert_close(left.model.weight, stepped.model.weight, atol=1e-6, rtol=1e-5)
    assert float((left.model.weight.detach() - 0.3).abs().min()) > 0.01
    for state, config in ((left, recipe(scaler_not_stepped=True)), (stepped, recipe())):
        before = state.model.weight.detach().clone()
        descend((state.model(inputs) * 1e37).sum(), state, config)
        state.before = before
    assert torch.isnan(left.model.weight).any()
    assert torch.equal(stepped.model.weight, stepped.before)
    assert stepped.n_overflows == 1 and stepped.scaler.get_scale() == 2.0**15


def test_one_name_turns_everything(zoo, tmp_path):
    assert all(asdict(protocols.get("as_published")).values()) and not any(asdict(protocols.get("corrected")).values())
    assert len(fields(Protocol)) == 10
    with pytest.raises(BadInput, match="corrected, as_published"):
        protocols.get("thesis")
    config = replace(TrainConfig.laptop(n_steps=3), samples=SAMPLES, protocol=Protocol.as_published())
    model = train(zoo, config, ROWS_TINY, tmp_path)
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    assert read_json(tmp_path / "run.json")["config"]["protocol"]["composited_twice"] is True
