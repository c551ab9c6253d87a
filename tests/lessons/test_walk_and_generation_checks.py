"""The checks of notebooks 07 and 09: they accept what is right, wait for what is missing, and name the mistake."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from n2v.lessons import generation, interpolation
from n2v.tasks.generate import FlowConfig, GanConfig, follow, make_networks, train_flow, training_pair
from n2v.tasks.generation_measures import coverage, novelty
from n2v.tasks.interpolate import lerp, slerp, smoothness

CROSSING = interpolation.check_crossing
RIGHT = {
    interpolation.check_between: lambda a, b, gamma: lerp(a, b, (gamma,))[0],
    interpolation.check_around: lambda a, b, gamma: slerp(a, b, (gamma,))[0],
    interpolation.check_worst_share: lambda frames: smoothness(torch.from_numpy(frames))["worst_share"],
    interpolation.check_same_neurons: lambda rows, target: linear_sum_assignment(-target @ rows.T)[1],
    CROSSING: lambda points, gammas, predict: gammas[(predict(points) != predict(points)[0]).argmax()],
    generation.check_penalty: lambda gradients: ((gradients.norm(dim=1) - 1) ** 2).mean(),
    generation.check_pair: training_pair,
    generation.check_euler: lambda velocity, start, n: follow(velocity, start, n, "euler"),
    generation.check_coverage: coverage,
    generation.check_copies: lambda made, train, held_out: novelty(made, train, held_out)["copies"],
}
MISTAKES = [
    (interpolation.check_between, lambda a, b, gamma: gamma * a + (1 - gamma) * b, "exchanged"),
    (interpolation.check_around, lambda a, b, gamma: (1 - gamma) * a + gamma * b, "cuts the corner"),
    (interpolation.check_worst_share, lambda x: _steps(x).max() / _steps(x).mean(), "sum of the steps"),
    (interpolation.check_worst_share, lambda x: (_steps(x) ** 2).max() / (_steps(x) ** 2).sum(), "root"),
    (interpolation.check_same_neurons, lambda rows, target: linear_sum_assignment(target @ rows.T)[1], "least"),
    (interpolation.check_same_neurons, lambda rows, target: (rows @ target.T).argmax(1), "inverse order"),
    (CROSSING, lambda points, gammas, predict: (predict(points) != predict(points)[0]).argmax(), "not gamma"),
    (generation.check_penalty, lambda gradients: (gradients.norm(dim=1) ** 2).mean(), "compared with 1"),
    (generation.check_penalty, lambda gradients: ((gradients.norm(dim=1) - 1) ** 2).sum(), "not their sum"),
    (generation.check_pair, lambda noise, real, t: (t * noise + (1 - t) * real, noise - real), "not back"),
    (generation.check_pair, lambda noise, real, t: ((1 - t) * noise + t * real, noise - real), "real - noise"),
    (generation.check_euler, lambda velocity, start, n: start + velocity(start, 0.0), "last one ended"),
    (generation.check_coverage, lambda made, real: coverage(made, real) * len(real), "count"),
    (generation.check_copies, lambda made, train, held_out: novelty(made, train)["copies"], "own versions"),
]


def _steps(pictures):
    return np.sqrt(((pictures[1:] - pictures[:-1]) ** 2).mean((1, 2, 3)))


@pytest.mark.parametrize("check", RIGHT, ids=lambda check: check.__name__)
def test_right_answers_pass_and_missing_ones_wait(check, capsys):
    def missing(*_):
        raise NotImplementedError

    assert check(RIGHT[check]) is True
    assert check(missing) is False and "not written yet" in capsys.readouterr().out


@pytest.mark.parametrize("check, answer, said", MISTAKES)
def test_mistakes_are_named(check, answer, said):
    with pytest.raises(AssertionError, match=said):
        check(answer)


def test_the_experiment_is_measured_with_the_library():
    rng = np.random.default_rng(0)
    train, held_out = rng.normal(size=(24, 6)).astype(np.float32), rng.normal(size=(6, 6)).astype(np.float32)
    config = FlowConfig(hidden=32, n_steps=40)

    def by_heart(n_objects):
        known = train[:n_objects]
        return novelty(train_flow(known, config, 0).sample(64, 0), known, held_out)["copies"]

    assert generation.check_by_heart(by_heart, train, held_out, config) is True


def test_the_latent_gan_is_drawn_as_it_is_trained():
    """The critic sees made and real embeddings; the decoder has no part in the loss; layers are those that are made."""
    into = {name: parts[3] for name, parts in generation.LATENT_GAN.items()}

    def before(name):
        direct = {part for part, ways in into.items() if name in ways}
        return direct.union(*map(before, direct))

    assert before("loss") == {"noise", "generator", "made", "real", "critic"}
    assert before("object") == {"noise", "generator", "made", "decoder"}
    networks = dict(zip(("generator", "critic"), make_networks(8, 0, GanConfig()), strict=True))
    layers = {name: [type(layer).__name__ for layer in network] for name, network in networks.items()}
    assert layers == {"generator": ["Linear", "ReLU", "Linear"], "critic": ["Linear", "LeakyReLU"] * 2 + ["Linear"]}
    assert (
        "3 linear" in generation.LATENT_GAN["critic"][1]
        and f"{GanConfig().noise:,}" in generation.LATENT_GAN["noise"][1]
    )
