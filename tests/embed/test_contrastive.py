"""The term that keeps versions of one object together: its value, its gradient, its batches, what it does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from solids import write_zoo

from n2v.embed.batches import TrainingSet
from n2v.embed.decoder import DecoderConfig
from n2v.embed.encoder import EncoderConfig
from n2v.embed.loss import contrastive_loss, versions_together
from n2v.embed.model import ModelConfig
from n2v.embed.recipe import SampleConfig, TrainConfig
from n2v.embed.train import train
from n2v.nerf.layout import N_WEIGHTS, initial_vector


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_hand(embeddings, bases, temperature) -> float:
    """Khosla et al. (2020), eq. 2, in float64, pair by pair."""
    z = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    terms = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        versions = [p for p in others if bases[p] == bases[i]]
        total = sum(np.exp(z[i] @ z[a] / temperature) for a in others)
        if versions:
            terms.append(-np.mean([np.log(np.exp(z[i] @ z[p] / temperature) / total) for p in versions]))
    return float(np.mean(terms)) if terms else 0.0


@pytest.mark.parametrize("bases", [[0, 0, 0, 1, 1, 2], [0, 1, 1, 2, 3, 1], [0, 1, 2, 3, 4, 5]])
def test_the_value_is_that_of_the_paper(bases):
    embeddings = torch.randn(6, 8, generator=stream())
    expected = by_hand(embeddings.double().numpy(), bases, 0.3)
    assert float(contrastive_loss(embeddings, torch.tensor(bases), 0.3)) == pytest.approx(expected, abs=1e-5)


def test_the_gradient_is_finite_where_nothing_has_a_version_and_where_a_nerf_is_alone():
    for n in (1, 3):
        embeddings = torch.randn(n, 8, generator=stream(), requires_grad=True)
        loss = contrastive_loss(embeddings, torch.arange(n))
        loss.backward()
        assert float(loss.detach()) == 0 and not embeddings.grad.any()


def test_versions_follow_each_other_and_every_epoch_has_its_own_order():
    bases = torch.tensor([0, 1, 2, 0, 1, 2, 0, 3])
    orders = [versions_together(bases, stream(seed)) for seed in range(6)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(8))
        assert len(torch.unique_consecutive(bases[order])) == 4
    assert len({tuple(order.tolist()) for order in orders}) > 3
    assert len({order[bases[order] == 0][0].item() for order in orders}) > 1  # within an object as well


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    """Eight objects in three versions: a base is a direction in weight space, a version a much larger common one.

    Neighbours by the weights themselves are therefore versions of the same number, not of the same object.
    """
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((11, N_WEIGHTS)).astype(np.float32) * 0.003
    names = [f"o{i}{suffix}" for i in range(8) for suffix in ("", "_A1", "_A2")]
    weights = [initial_vector() + directions[i] + 4 * directions[8 + k] for i in range(8) for k in range(3)]
    bases = {
        name: {"base_id": name[:2], "shape_group": name[:2], "version": i % 3, "split": "train"}
        for i, name in enumerate(names)
    }
    grids = np.zeros((24, 48, 48, 48), bool)
    grids[:, 16:32, 16:32, 16:32] = True
    return write_zoo(tmp_path_factory.mktemp("versions"), names, np.stack(weights), grids, **bases)


def share_of_own_neighbours(embeddings, bases) -> float:
    """Of how many NeRFs the nearest other one (cosine) is a version of the same object."""
    z = torch.nn.functional.normalize(embeddings, dim=-1)
    nearest = (z @ z.T - 2 * torch.eye(len(z))).argmax(1)
    return float((bases[nearest] == bases).float().mean())


def test_training_with_it_brings_versions_together_and_without_it_does_not(versions, tmp_path):
    config = replace(
        TrainConfig.laptop(n_steps=60), samples=SampleConfig.laptop(64, 32), learning_rate=3e-3, amp=False,
        n_validation=0,
    )  # fmt: skip
    size = ModelConfig(EncoderConfig("aligned", embedding=16, n_components=16, hidden=32), DecoderConfig(16, 4))
    training, found = TrainingSet(versions), {}
    assert torch.bincount(training.bases).tolist() == [3] * 8
    for weight in (0.0, 0.5):
        model = train(versions, replace(config, contrastive_weight=weight), size, tmp_path / str(weight))
        with torch.no_grad():
            found[weight] = share_of_own_neighbours(model.encode(training.field_weights), training.bases)
    assert found[0.5] > 0.9 > 0.5 > found[0.0]
