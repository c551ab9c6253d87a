"""The checks of notebooks 06 and 08: they accept what is right, wait for what is missing, and name the mistake."""

import numpy as np
import pytest
from scipy import stats

from n2v.lessons import classification, retrieval
from n2v.tasks.metrics import average_precision, hit_at_k, mcnemar, wilson_interval
from n2v.tasks.read import nearest_neighbour
from n2v.tasks.retrieve import distances

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(60, 8)).astype(np.float32)
LABELS = RNG.integers(0, 3, 60)
BASES = [f"object {i % 20}" for i in range(60)]
TRAIN, TEST = np.arange(40), np.arange(40, 60)


def by_object(right, bases):
    return [right[np.array(bases) == one].mean() for one in sorted(set(bases))]


def accuracy_with(n, asked=TEST, each=True):
    known = np.concatenate([TRAIN[LABELS[TRAIN] == one][:n] for one in range(3)]) if each else TRAIN
    return (nearest_neighbour(VALUES[known], LABELS[known], VALUES[asked]) == LABELS[asked]).mean()


def twin_rate(values, k=1):
    order = np.argsort(distances(values, values), 1, kind="stable")
    return (np.array(BASES)[order[:, k]] == np.array(BASES)).mean()


def chance(n, m, k):
    return 1 - stats.hypergeom.pmf(0, n, m, k)


def curve(answer):
    return classification.check_learning_curve(answer, VALUES, LABELS, TRAIN, TEST)


CASES = [  # check, right answer, wrong answer, a word of what is said
    (classification.check_majority_floor, lambda c: np.bincount(c).max() / len(c),
     lambda c: np.bincount(c).max(), "divide the count"),
    (classification.check_wilson, wilson_interval, lambda k, n: wilson_interval(k, n)[::-1], "comes second"),
    (classification.check_wilson, wilson_interval,
     lambda k, n: (k / n - 1.96 * (k / n * (1 - k / n) / n) ** 0.5, k / n + 1.96 * (k / n * (1 - k / n) / n) ** 0.5),
     "normal interval"),
    (classification.check_by_object, by_object,
     lambda right, bases: [right[np.array(bases) == one].sum() for one in sorted(set(bases))], "number of versions"),
    (classification.check_mcnemar, mcnemar,
     lambda a, b: stats.binomtest(int((a & ~b).sum()), len(a)).pvalue, "leave the others out"),
    (classification.check_summary, lambda t, n: np.percentile(t[n:], [50, 25, 75]),
     lambda t, n: np.percentile(t, [50, 25, 75]), "warm-up"),
    (curve, accuracy_with, lambda n: accuracy_with(n, each=False), "all training NeRFs"),
    (retrieval.check_hit, lambda r, k: hit_at_k(r[None], k)[0], lambda r, k: r[:k].mean(), "precision@k"),
    (retrieval.check_average_precision, lambda r: average_precision(r[None])[0],
     lambda r: (r.cumsum() / np.arange(1, len(r) + 1)).mean(), "averaged over all ranks"),
    (retrieval.check_chance_hit, chance, lambda n, m, k: 1 - (1 - m / n) ** k, "without putting back"),
    (retrieval.check_cosine, lambda q, g: distances(q, g, "cosine"),
     lambda q, g: 1 - distances(q, g, "cosine"), "that is the cosine"),
    (lambda answer: retrieval.check_twin_rate(answer, VALUES, BASES), twin_rate,
     lambda values: twin_rate(values, 0), "leave it out"),
]  # fmt: skip


@pytest.mark.parametrize("check, right, wrong, said", CASES)
def test_checks_accept_wait_and_name_the_mistake(check, right, wrong, said, capsys):
    assert check(right) is True

    def missing(*_):
        raise NotImplementedError

    assert check(missing) is False and "not written yet" in capsys.readouterr().out
    with pytest.raises(AssertionError, match=said):
        check(wrong)
