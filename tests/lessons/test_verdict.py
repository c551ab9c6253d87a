"""A verdict follows the interval: each answer has a control that would get another one."""

import doctest
import math

import numpy as np
import pytest

import n2v.lessons.verdict as page
from n2v.errors import BadInput
from n2v.lessons.verdict import AGREES, CANNOT_TELL, DISAGREES, verdict
from n2v.tasks.metrics import wilson_interval


def test_its_examples_run():
    assert doctest.testmod(page).attempted >= 3 and doctest.testmod(page).failed == 0


@pytest.mark.parametrize(
    "interval, place, word",
    [
        ((0.1, 0.3), {"above": 0}, AGREES),
        ((-0.1, 0.3), {"above": 0}, CANNOT_TELL),
        ((0.0, 0.3), {"above": 0}, CANNOT_TELL),  # an end on the threshold is not above it
        ((-0.3, -0.1), {"above": 0}, DISAGREES),
        ((-0.3, -0.1), {"below": 0}, AGREES),
        ((0.1, 0.3), {"below": 0}, DISAGREES),
        ((29.0, 31.0), {"within": (28, 32)}, AGREES),
        ((27.0, 31.0), {"within": (28, 32)}, CANNOT_TELL),
        ((20.0, 24.0), {"within": (28, 32)}, DISAGREES),
        ((20.0, 40.0), {"within": (28, 32)}, CANNOT_TELL),
        ((math.nan, 0.3), {"above": 0}, CANNOT_TELL),
    ],
)
def test_the_whole_interval_decides(interval, place, word):
    low, high = interval
    found = verdict("A claim", np.nanmean(interval), low, high, **place)
    assert found.word == word
    assert ("at this size" in str(found)) == (word == CANNOT_TELL)


def test_more_items_turn_cannot_tell_into_an_answer_and_never_into_the_wrong_one():
    """The same true accuracy at growing sizes; the claim is true, so no size may disagree."""
    words = [verdict("Over 80 %", 0.85, *wilson_interval(0.85 * n, n), above=0.8, n=n).word for n in (20, 100, 2000)]
    assert words == [CANNOT_TELL, CANNOT_TELL, AGREES]
    rng, wrong = np.random.default_rng(0), 0
    for right in rng.binomial(200, 0.8, 1000).tolist():  # a claim that is false by nothing
        wrong += verdict("Over 80 %", right / 200, *wilson_interval(right, 200), above=0.8).word == AGREES
    assert wrong < 50  # 2.5 % expected


def test_it_says_what_was_measured_and_what_would_agree():
    found = verdict("Weights <b> lose", 0.1234, 0.1, 0.15, below=0.2, n=1234, unit="dB")
    assert str(found) == (
        "Weights <b> lose: agrees. Measured 0.123 dB (0.1 to 0.15), n = 1,234; "
        "it agrees when all of the interval is below 0.2."
    )
    assert "Weights &lt;b&gt; lose: <b>agrees</b>" in found._repr_html_()
    assert "12 (no interval)" in str(verdict("Few", 12, math.nan, math.nan, above=1))
    assert str(verdict("Counted", 3, 3, 3, above=1)) == "Counted: agrees. Measured 3; it agrees when it is above 1."


def test_what_is_no_question_is_refused():
    for places in ({}, {"above": 0, "below": 1}):
        with pytest.raises(BadInput, match="give one of above"):
            verdict("A claim", 0.5, 0.4, 0.6, **places)
    with pytest.raises(BadInput, match="0.7 is outside 0.4 to 0.6"):
        verdict("A claim", 0.7, 0.4, 0.6, above=0)
