"""The checks of notebooks 06 and 08: they accept what is right, wait for what is missing, and name the mistake."""

import numpy as np
import pytest
from scipy import stats

from n2v.lessons import classification, retrieval
from n2v.tasks.metrics import average_precision, hit_at_k, mcnemar, wilson_interval
from n2v.tasks.read import nearest_neighbour
from n2v.tasks.retrieve import distances


def by_object(right, bases):
    return [right[np.array(bases) == one].mean() for one in sorted(set(bases))]


def of_each(n, labels, positions):
    return np.concatenate([positions[labels[positions] == one][:n] for one in np.unique(labels)])


def accuracy_with(n, values, labels, train, test, known=of_each, asked=None):
    chosen = known(n, labels, train)
    asked = chosen if asked == "own" else test
    return (nearest_neighbour(values[chosen], labels[chosen], values[asked]) == labels[asked]).mean()


def twin_rate(values, bases, k=1):
    order = np.argsort(distances(values, values), 1, kind="stable")
    return (np.array(bases)[order[:, k]] == np.array(bases)).mean()


def chance(n, m, k):
    return 1 - stats.hypergeom.pmf(0, n, m, k)


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
    (classification.check_mcnemar, mcnemar,
     lambda a, b: stats.binomtest(int((a & ~b).sum()), int((a ^ b).sum())).pvalue, "return 1"),
    (classification.check_mcnemar, mcnemar, lambda a, b: mcnemar(a, b) if (a ^ b).any() else 0.0, "1, not 0"),
    (classification.check_learning_curve, accuracy_with,
     lambda *given: accuracy_with(*given, known=lambda n, labels, train: train), "all training NeRFs"),
    (classification.check_learning_curve, accuracy_with,
     lambda *given: accuracy_with(*given, known=lambda n, labels, train: train[:n]), "n of each class"),
    (classification.check_learning_curve, accuracy_with,
     lambda *given: accuracy_with(*given, known=lambda n, y, _: of_each(n, y, np.arange(100))), "from `train`"),
    (classification.check_learning_curve, accuracy_with, lambda *given: accuracy_with(*given, asked="own"), "its own"),
    (retrieval.check_hit, lambda r, k: hit_at_k(r[None], k)[0], lambda r, k: r[:k].mean(), "precision@k"),
    (retrieval.check_average_precision, lambda r: average_precision(r[None])[0],
     lambda r: (r.cumsum() / np.arange(1, len(r) + 1)).mean(), "averaged over all ranks"),
    (retrieval.check_chance_hit, chance, lambda n, m, k: 1 - (1 - m / n) ** k, "without putting back"),
    (retrieval.check_cosine, lambda q, g: distances(q, g, "cosine"),
     lambda q, g: 1 - distances(q, g, "cosine"), "that is the cosine"),
    (retrieval.check_twin_rate, twin_rate, lambda values, bases: twin_rate(values, bases, 0), "leave it out"),
    (retrieval.check_twin_rate, twin_rate, lambda values, bases: 0.9, "`values` that are given"),
]  # fmt: skip


@pytest.mark.parametrize("check, right, wrong, said", CASES)
def test_checks_accept_wait_and_name_the_mistake(check, right, wrong, said, capsys):
    assert check(right) is True

    def missing(*_):
        raise NotImplementedError

    assert check(missing) is False and "not written yet" in capsys.readouterr().out
    with pytest.raises(AssertionError, match=said):
        check(wrong)


@pytest.mark.parametrize("check", dict.fromkeys(case[0] for case in CASES))
@pytest.mark.parametrize("given, said", [(None, "return missing"), ({"p": 1}, "dict came back")])
def test_what_is_no_number_is_named(check, given, said):
    with pytest.raises(AssertionError, match=said):
        check(lambda *_: given)


@pytest.mark.parametrize("check", dict.fromkeys(case[0] for case in CASES))
def test_every_mistake_has_a_number_of_its_own(check, monkeypatch):
    """No wrong answer is blamed for another mistake because the two happen to agree."""
    told = []

    def listen(name, answer, right, mistakes) -> bool:
        told.extend([right, *(call() for text, call in mistakes.items() if "`values`" not in text)])
        return True

    for lesson in (classification, retrieval):
        monkeypatch.setattr(lesson, "judge", listen)
    check(lambda *_: 0.5)
    assert len({tuple(np.round(np.ravel(one).astype(float), 5)) for one in told}) == len(told)


def test_plots_show_intervals_and_chance():
    row = {"value": 0.6, "low": 0.4, "high": 0.7, "chance": 0.1}
    table = {name: [{**row, "measure": measure} for measure in ("hit@1", "mAP")] for name in "ab"}
    readings = [{"features": "a", "measure": "head", **row}, {"features": "pictures", "status": "not run"}]
    drawn = {
        "retrieval": retrieval.plot_retrieval(table),
        "accuracy": classification.plot_accuracy(readings, chance=0.1),
        "parts": retrieval.plot_parts([{**row, "part": "first", "asked": asked} for asked in ("twin", "class")]),
    }
    for name, figure in drawn.items():
        axis = figure.axes[0]
        bars = [one for one in axis.containers if one.get_label() != "_nolegend_" and hasattr(one, "lines")]
        lines = [segment for one in axis.collections for segment in one.get_segments()]
        assert lines, name
        if name == "accuracy":
            assert np.allclose(sorted(lines[0][:, 0]), [40, 70]) and list(axis.lines[-1].get_xdata()) == [10, 10], bars
    assert [label.get_text() for label in drawn["accuracy"].axes[0].get_yticklabels()] == ["a"]


def test_the_coin_s_dark_bars_are_mcnemar_s_p():
    a, b = np.array([True] * 8 + [False]), np.array([False] * 8 + [True])
    title = classification.plot_coins(8, 1).axes[0].get_title()
    assert float(title.split("=")[1]) == pytest.approx(mcnemar(a, b), rel=0.05)
