"""Latent-GAN and flow matching on distributions that are known."""

import math

import numpy as np
import pytest
import torch

from n2v.errors import BadInput
from n2v.tasks.generate import (
    FlowConfig,
    GanConfig,
    draw_noise,
    follow,
    gradient_penalty,
    make_networks,
    train_flow,
    train_latent_gan,
    training_pair,
)
from n2v.tasks.generation_measures import frechet_distance

CENTRES, SHARES = np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, -4.0]]), np.array([0.2, 0.5, 0.3])


def mixture(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three round Gaussians of standard deviation 0.5 in the plane, and which one each point is of."""
    rng = np.random.default_rng(seed)
    which = rng.choice(3, n, p=SHARES)
    return (CENTRES[which] + 0.5 * rng.normal(size=(n, 2))).astype(np.float32), which


@pytest.mark.parametrize("length", [0.0, 1.0, 2.5])
def test_gradient_penalty_of_a_linear_critic_has_a_closed_form(length):
    critic = torch.nn.Linear(5, 1)
    direction = torch.tensor([[3.0, 0.0, 0.0, 4.0, 0.0]]) / 5
    critic.weight.data = length * direction
    real, made = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0))
    penalty = gradient_penalty(critic, real, made, torch.zeros(7, 0))
    assert penalty.item() == pytest.approx((length - 1) ** 2, abs=1e-6)
    if length:
        (gradient,) = torch.autograd.grad(penalty, critic.weight)  # of (|w| - 1)^2: 2 (|w| - 1) w / |w|
        assert torch.allclose(gradient, 2 * (length - 1) * direction, atol=1e-5)


def test_the_class_is_no_part_of_the_gradient():
    critic = torch.nn.Linear(3, 1)
    critic.weight.data = torch.tensor([[1.0, 0.0, 100.0]])  # the last input is the class
    found = gradient_penalty(critic, torch.zeros(4, 2), torch.ones(4, 2), torch.ones(4, 1))
    assert found.item() == pytest.approx(0, abs=1e-6)


def test_gan_learns_a_distribution_that_noise_does_not_have():
    rng = np.random.default_rng(2)
    real = (rng.normal(size=(60, 3)) @ rng.normal(size=(3, 12)) + 4).astype(np.float32)
    gan = train_latent_gan(real, GanConfig(8, 1.0, 32, (32, 32), n_steps=200, learning_rate=2e-3), seed=0)
    made = gan.sample(200, 1)
    blind = rng.normal(size=made.shape).astype(np.float32)
    assert frechet_distance(made, real) < 0.3 * frechet_distance(blind, real)
    assert np.array_equal(made, gan.sample(200, 1)) and not np.array_equal(made, gan.sample(200, 2))


def test_conditional_gan_makes_the_class_asked_for():
    values, which = mixture(300, 0)
    config = GanConfig(4, 1.0, 32, (32, 32), n_steps=250, learning_rate=3e-3)
    made = train_latent_gan(values, config, 0, which).sample(300, 0, np.repeat([0, 1, 2], 100))
    nearest = np.linalg.norm(made[:, None] - CENTRES, axis=2).argmin(1)
    assert (nearest == np.repeat([0, 1, 2], 100)).mean() > 0.8


def test_final_relu_cannot_make_negative_numbers():
    real = np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
    made = train_latent_gan(real, GanConfig(noise=4, hidden=16, n_steps=5, final_relu=True)).sample(50)
    assert made.min() >= 0 > real.min()


def test_flow_recovers_a_mixture():
    """Means within 0.3, shares within 0.06, standard deviations within 0.2 of three Gaussians in the plane."""
    values, _ = mixture(2000, 0)
    made = train_flow(values, FlowConfig(hidden=64, n_steps=1500), 0).sample(2000, 1)
    nearest = np.linalg.norm(made[:, None] - CENTRES, axis=2).argmin(1)
    for i in range(3):
        mine = made[nearest == i]
        assert np.abs(mine.mean(0) - CENTRES[i]).max() < 0.3
        assert np.median(np.abs(mine - mine.mean(0))) / 0.6745 == pytest.approx(0.5, abs=0.2)
        assert (nearest == i).mean() == pytest.approx(SHARES[i], abs=0.06)


def test_conditional_flow_makes_the_class_asked_for():
    values, which = mixture(500, 0)
    flow = train_flow(values, FlowConfig(hidden=32, n_steps=300), 0, which)
    made = flow.sample(300, 0, np.repeat([0, 1, 2], 100))
    nearest = np.linalg.norm(made[:, None] - CENTRES, axis=2).argmin(1)
    assert (nearest == np.repeat([0, 1, 2], 100)).mean() > 0.95


def test_samplers_follow_a_known_velocity():
    """x' = x doubles e-fold; Heun's error falls with the square of the step, Euler's with the step."""
    start = torch.ones(1, 1, dtype=torch.float64)
    errors = {
        (method, n): abs(float(follow(lambda x, t: x, start, n, method)) - math.e)
        for method in ("euler", "heun")
        for n in (10, 20)
    }
    assert errors["euler", 10] / errors["euler", 20] == pytest.approx(2, rel=0.1)
    assert errors["heun", 10] / errors["heun", 20] == pytest.approx(4, rel=0.1)
    points, speed = training_pair(torch.zeros(1, 2), torch.ones(1, 2), torch.tensor([[0.25]]))
    assert points.tolist() == [[0.25, 0.25]] and speed.tolist() == [[1, 1]]
    with pytest.raises(BadInput, match="0 steps"):
        follow(lambda x, t: x, start, 0)


def test_what_cannot_be_trained_or_asked_for_is_refused():
    real = np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
    for train in (train_latent_gan, train_flow):
        with pytest.raises(BadInput, match="3 embeddings; give at least 4"):
            train(real[:3])
        with pytest.raises(BadInput, match="not finite"):
            train(real * np.nan)
        with pytest.raises(BadInput, match="2 labels for 30"):
            train(real, labels=np.array([0, 1]))
    gan = train_latent_gan(real, GanConfig(n_steps=1))
    with pytest.raises(BadInput, match="trained without labels"):
        gan.sample(2, 0, 1)
    with pytest.raises(BadInput, match="give a label"):
        train_flow(real, FlowConfig(n_steps=1), labels=np.arange(30) % 3).sample(2)


def test_the_thesis_configuration():
    """Noise of 1,024 numbers with standard deviation .2; a critic with two hidden layers and five steps."""
    config = GanConfig()
    generator, critic = make_networks(64, 0, config)
    assert [layer.out_features for layer in generator if isinstance(layer, torch.nn.Linear)] == [128, 64]
    assert [layer.out_features for layer in critic if isinstance(layer, torch.nn.Linear)] == [128, 128, 1]
    noise = draw_noise(500, config, torch.Generator().manual_seed(0))
    assert noise.shape == (500, 1024) and noise.std().item() == pytest.approx(0.2, rel=0.02)
    assert (config.n_critic, config.learning_rate) == (5, 1e-4)


def test_labels_beyond_the_thirteen():
    points, which = mixture(60, 0)
    for train, config in ((train_latent_gan, GanConfig(n_steps=2)), (train_flow, FlowConfig(n_steps=2))):
        assert train(points, config, 0, 13 + which).sample(3, 0, label=15).shape == (3, 2)
