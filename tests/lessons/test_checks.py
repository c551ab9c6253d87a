"""The checks of the notebooks: they accept what is right, wait for what is missing, and name each mistake."""

import numpy as np
import pytest
import torch
from scipy import stats

from n2v.embed.encoder import EncoderConfig, RowEncoder, weight_matrix
from n2v.lessons import (
    classification,
    generation,
    interpolation,
    nerf2vec,
    one_nerf,
    one_ray,
    reconstruction,
    retrieval,
)
from n2v.lessons.judge import Check
from n2v.nerf.composite import composite
from n2v.nerf.encoding import encode
from n2v.nerf.layout import N_WEIGHTS
from n2v.tasks.generate import FlowConfig, train_flow
from n2v.tasks.generation_measures import novelty
from n2v.tasks.metrics import mcnemar

LESSONS = (classification, generation, interpolation, nerf2vec, one_nerf, one_ray, reconstruction, retrieval)
CHECKS = {f"{page.__name__}.{name}": one for page in LESSONS for name, one in vars(page).items() if type(one) is Check}
MISTAKES = [(name, said) for name, check in CHECKS.items() for said in check.mistakes]


def unwritten(*_):
    raise NotImplementedError


def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_every_lesson_with_checks_is_looked_at():
    assert len(CHECKS) > 25 and len(MISTAKES) > 100


@pytest.mark.parametrize("name", CHECKS)
def test_right_answers_pass_and_missing_ones_wait(name, capsys):
    check = CHECKS[name]
    assert check(check.right) is True and "right" in capsys.readouterr().out
    assert check(unwritten) is False and "not written yet" in capsys.readouterr().out
    assert check.lend(check.right) is check.lend(unwritten) is check.right


@pytest.mark.parametrize(("name", "said"), MISTAKES)
def test_a_mistake_is_told_from_all_others(name, said):
    """No wrong answer is blamed for another mistake because the two happen to agree."""
    with pytest.raises(AssertionError) as caught:
        CHECKS[name](CHECKS[name].mistakes[said])
    assert str(caught.value) == f"{CHECKS[name].name}: {said}"


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize(
    "given, said", [(None, "return missing"), ({"p": 1}, "dict came back"), (1e6, r"is right|wanted|same")]
)
def test_what_is_no_answer_is_named(name, given, said):
    with pytest.raises(AssertionError, match=said):
        CHECKS[name](lambda *_: given)


def test_arguments_stay_as_they_are():
    def spoils(alphas):
        return alphas.zero_()

    for _ in range(2):
        with pytest.raises(AssertionError, match="number 0 is 0.0000, but 1.0000 is right"):
            one_ray.check_transmittance(spoils)


def test_shapes_count():
    with pytest.raises(AssertionError, match=r"the shape is \(64, 336\), \(336, 64\) is wanted"):
        nerf2vec.check_matrix(lambda v: torch.cat([v, torch.zeros(3072)]).view(64, 336))
    with pytest.raises(AssertionError, match="2 numbers came back, 4 are wanted"):
        one_ray.check_opacity(lambda density, length: density[:2])
    assert nerf2vec.check_matrix(lambda v: np.concatenate([v.numpy(), np.zeros(3072, np.float32)]).reshape(336, 64))


def test_what_is_lent_is_what_the_library_computes():
    """Compositing and encoding of the page against n2v.nerf's own."""
    lengths, at = one_ray.LENGTHS, torch.zeros(4, dtype=torch.long)
    colour, opacity = composite(one_ray.DENSITIES, one_ray.COLOURS, lengths, at, 1)[0].split([3, 1])
    alphas = one_ray.check_opacity.right(one_ray.DENSITIES, lengths)
    found = one_ray.blended(alphas, one_ray.light_before(alphas), one_ray.COLOURS, torch.ones(3))
    assert torch.allclose(found, colour + 1 - opacity, atol=1e-6)
    x = torch.tensor(0.3)
    for k in range(5):
        assert torch.allclose(torch.stack(one_nerf.waves(x, k)), encode(x.expand(3))[2 * k : 2 * k + 2], atol=1e-4)


def shuffled(dimension: int, equal=lambda a, b: torch.allclose(a, b, atol=1e-5)):
    def notices(one, values):
        order = torch.randperm(values.shape[dimension], generator=stream())
        return not equal(one.encode_rows(values), one.encode_rows(values.index_select(dimension, order)))

    return notices


def test_blindness_is_told_from_shuffled_columns():
    rows = weight_matrix(torch.randn(1, N_WEIGHTS, generator=stream()))
    encoder = RowEncoder(EncoderConfig("rows", widths=(8, 8), embedding=6)).eval()
    assert nerf2vec.check_blindness(shuffled(1), encoder, rows)
    wrong = {
        "the columns were shuffled": shuffled(2),
        "every encoder": lambda *_: True,
        "no encoder": lambda *_: False,
        "wrong way round": lambda *both: not shuffled(1)(*both),
        "exact": shuffled(1, torch.equal),
        "nothing came back": lambda *_: None,
    }
    for words, answer in wrong.items():
        with pytest.raises(AssertionError, match=words):
            nerf2vec.check_blindness(answer, encoder, rows)


def test_a_slow_layer_is_right_but_slow():
    def repeats(layer, embedding, features):
        return layer(torch.cat([embedding[:, None].expand(-1, features.shape[1], -1), features], -1))

    assert nerf2vec.check_share(nerf2vec._share.right) is True and nerf2vec.check_share(unwritten) is False
    with pytest.raises(AssertionError, match="right, but slow"):
        nerf2vec.check_share(repeats)


def test_components_are_asked_for_several_k():
    """A mistake that gives the right share for one k by chance is not named for it."""
    values, labels = torch.randn(60, 20, generator=stream()), np.arange(60) % 3
    train, test = np.arange(40), np.arange(40, 60)

    def hits(part, queries=test, gallery=train):
        near = torch.cdist(values[queries][:, part], values[gallery][:, part]).argmin(1)
        return float((labels[gallery][near] == labels[queries]).mean())

    assert nerf2vec.check_components(lambda k: hits(slice(k)), values, labels, train, test)
    wrong = {
        "each training NeRF's": lambda k: hits(slice(k), train, test),
        "all components": lambda k: hits(slice(None)),
        "last components": lambda k: hits(slice(-k, None)),
        "first component is left out": lambda k: hits(slice(1, k + 1)),
        "only component k": lambda k: hits(slice(k - 1, k)),
        "share of misses": lambda k: 1 - hits(slice(k)),
        "is right": lambda k: hits(slice(2)) if k == 2 else 0.123,
    }
    for words, answer in wrong.items():
        with pytest.raises(AssertionError, match=words):
            nerf2vec.check_components(answer, values, labels, train, test)


def test_a_projection_without_the_mean_is_named():
    train = torch.randn(6, 40, generator=stream())

    def kept(values, vector, k):
        mean = values.mean(0)
        basis = torch.linalg.svd(values - mean, full_matrices=False)[2][:k]
        return mean + (vector - mean) @ basis.T @ basis

    assert reconstruction.check_projection(kept, train, torch.randn(40, generator=stream()))
    with pytest.raises(AssertionError, match="not put back"):
        reconstruction.check_projection(lambda t, v, k: kept(t, v, k) - t.mean(0), train, torch.ones(40))


def test_two_who_never_differ_have_no_coin():
    assert classification.check_mcnemar(mcnemar) is True and classification.check_mcnemar(unwritten) is False
    with pytest.raises(AssertionError, match="return 1"):
        classification.check_mcnemar(lambda a, b: stats.binomtest(int((a & ~b).sum()), int((a ^ b).sum())).pvalue)


def test_the_experiment_is_measured_with_the_library():
    rng = np.random.default_rng(0)
    train, held_out = rng.normal(size=(24, 6)).astype(np.float32), rng.normal(size=(6, 6)).astype(np.float32)
    config = FlowConfig(hidden=32, n_steps=40)

    def by_heart(n_objects):
        known = train[:n_objects]
        return novelty(train_flow(known, config, 0).sample(64, 0), known, held_out)["copies"]

    assert generation.check_by_heart(by_heart, train, held_out, config) is True
