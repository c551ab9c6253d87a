"""Repeats by group: the mean and the interval of the t distribution."""

import numpy as np
import pytest

from n2v.tasks.repeats import over_repeats


def test_repeats_are_summarised_by_group_with_an_interval():
    rows = [{"space": "e", "pair": (0, i), "solid": value, "far": None} for i, value in enumerate((0.4, 0.6))]
    rows.append({"space": "w", "pair": (1, 2), "solid": 0.1, "far": 2.0})
    first, second = over_repeats(rows, ("space",), "pairs", ("pair",))
    assert list(first) == ["space", "pairs", "solid", "solid ±", "far", "far ±"]
    assert first["pairs"] == 2 and first["solid"] == pytest.approx(0.5) and first["far"] is None
    assert first["solid ±"] == pytest.approx(12.706 * np.sqrt(0.02) / np.sqrt(2), rel=1e-3)  # one degree of freedom
    assert second["solid"] == 0.1 and np.isnan(second["solid ±"])
