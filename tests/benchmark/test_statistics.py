"""The comparison's statistics against naive references in float64."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from hmlc_ray.benchmark.statistics import holm, hypervolume, mean_interval, paired

VALUES = [0.83, -0.31, 1.42, 0.94, 0.27]


def test_the_interval_is_that_of_all_resamples() -> None:
    """Five values have 3125 resamples, few enough to enumerate; the interval is drawn from 9999 of them."""
    means = [statistics.fmean(sample) for sample in itertools.product(VALUES, repeat=len(VALUES))]
    found = mean_interval(VALUES)
    assert found.mean == pytest.approx(statistics.fmean(VALUES))
    assert np.mean(np.array(means) < found.low) == pytest.approx(0.025, abs=0.006)
    assert np.mean(np.array(means) > found.high) == pytest.approx(0.025, abs=0.006)


def test_the_interval_is_the_same_each_time() -> None:
    assert mean_interval(VALUES) == mean_interval(list(VALUES))


@pytest.mark.parametrize("values", [[0.4], [0.4, 0.4, 0.4]])
def test_values_without_spread_have_an_interval_of_no_width(values: list[float]) -> None:
    found = mean_interval(values)
    assert (found.mean, found.low, found.high) == pytest.approx((0.4, 0.4, 0.4))


def test_the_paired_test_is_students() -> None:
    n, mean = len(VALUES), statistics.fmean(VALUES)
    value = mean / (statistics.stdev(VALUES) / math.sqrt(n))
    assert paired(VALUES).p_value == pytest.approx(2 * student.sf(abs(value), n - 1))


def test_wins_ties_and_losses_are_counted() -> None:
    found = paired([0.5, 0.0, -0.1, 0.2, 0.0])
    assert (found.wins, found.ties, found.losses, found.pairs) == (2, 2, 1, 5)


def test_no_difference_at_all_is_no_evidence() -> None:
    assert paired([0.0, 0.0, 0.0]).p_value == 1.0
    assert math.isnan(paired([0.3]).p_value)


def naive_holm(p_values: list[float]) -> list[float]:
    """Each p-value times the number of those that are not smaller, and never below that of a smaller one."""
    m = len(p_values)
    order = sorted(range(m), key=lambda i: (p_values[i], i))
    return [min(1.0, max((m - rank) * p_values[order[rank]] for rank in range(order.index(i) + 1))) for i in range(m)]


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_the_step_down_procedure(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(naive_holm(p_values))


def test_holm_of_the_literature() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_is_not_a_number() -> None:
    found = holm([0.02, math.nan, 0.03])
    assert found[0] == pytest.approx(0.04)
    assert math.isnan(found[1])


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6))
def test_the_hypervolume_is_the_area_of_dominated_squares(points: list[tuple[int, int]]) -> None:
    squares = sum(any(x < a and y < b for a, b in points) for x in range(12) for y in range(12))
    assert hypervolume(points) == squares
