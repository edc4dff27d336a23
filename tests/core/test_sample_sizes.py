import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from csi_service.core.intervals import quarter_beta
from csi_service.core.quantiles import t_quantile
from csi_service.core.sample_sizes import (
    plan_half_width,
    size_for_change,
    size_for_complaint_index,
    size_for_mean,
    size_for_none_seen,
    size_for_share,
)
from csi_service.errors import InvalidInputError
from tests.make import numbers

Z = 1.959963984540054  # of the normal table, 97.5 %


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ((0.9, 0.03), 385),  # 1.95996^2 x 0.09 / 0.0009 = 384.1
        ((0.9, 0.02), 865),  # 864.3
        ((0.9, 0.02, None, 2), 1729),  # 1,728.7
        ((0.5, 0.05), 385),  # 384.1
        ((0.5, 0.05, 1000), 278),  # 384.15 / (1 + 383.15 / 1000) = 277.7
        ((0.5, 0.05, 10), 10),  # 384.15 / (1 + 38.3) = 9.8
        ((0.5, 0.05, 1), 1),
        ((0.0, 0.05), 1),
        ((1.0, 0.05, 1), 1),
    ],
)
def test_answers_for_a_share(arguments, size):
    assert size_for_share(*arguments) == size


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.3), st.integers(1, 100_000))
def test_a_finite_population_needs_fewer_and_never_more_than_it_has(share, half_width, population):
    size = size_for_share(share, half_width, population)
    assert size <= min(population, size_for_share(share, half_width))
    assert Z * math.sqrt(share * (1 - share) / size_for_share(share, half_width)) <= half_width * (1 + 1e-12)


@pytest.mark.parametrize(
    ("rate", "half_width", "size"),
    [
        (0, 0.05, 785),  # 25 x 3.1379 / (2 x 0.05) = 784.5, with the 97.5 % point of gamma(3/4)
        (0.001, 0.05, 960),  # (1.95996 x 25 / 0.05)^2 x 0.001 x 0.999 = 959.4; likewise
        (0.005, 0.05, 4778),  # 4,777.8
        (0.01, 0.05, 9508),  # 9,507.6
        (0.02, 0.05, 18_824),  # 18,823.1
        (0.001, 0.02, 5997),  # 5,996.3
        (0.005, 0.02, 29_862),  # 29,861.3
        (0.01, 0.02, 59_423),  # 59,422.6
        (0.02, 0.02, 117_645),  # 117,644.7
    ],
)
def test_contacts_for_the_complaint_index(rate, half_width, size):
    assert size_for_complaint_index(rate, half_width) == size


def test_a_smaller_multiplier_needs_fewer_contacts():
    # (1.95996 x 10 / 0.05)^2 x 0.0099 = 1,521.2
    assert size_for_complaint_index(0.01, 0.05, multiplier=10) == 1522


@given(st.floats(0.001, 1))
def test_none_seen_among_so_many_shows_it_and_among_one_fewer_does_not(highest):
    size = size_for_none_seen(highest)

    def upper(n):
        return quarter_beta(numbers(0), numbers(n))[1][0]

    assert upper(size) <= highest
    assert size == 1 or upper(size - 1) > highest


def test_none_seen_among_62_shows_at_most_a_twentieth():
    # the upper quarter-beta limit of none: 0.05004 of 61, 0.04925 of 62
    assert [stats.beta.ppf(0.975, 0.75, n + 0.25) <= 0.05 for n in (61, 62)] == [False, True]
    assert size_for_none_seen(0.05) == 62


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [
        # z = 0.841621 at 80 %: (1.959964 sqrt(2 x .825 x .175) + 0.841621 sqrt(.16 + .1275))^2 / .0025
        (0.80, 0.85, 906),  # 905.4
        (0.90, 0.92, 3213),  # 3,212.9
        (0.005, 0.004, 70_321),  # 70,320.9
        (0.85, 0.80, 906),
    ],
)
def test_cases_for_a_change(before, after, size):
    assert size_for_change(before, after) == size


def test_more_power_takes_more_cases():
    # z = 1.281552 at 90 %: (1.959964 sqrt(2 x .825 x .175) + 1.281552 sqrt(.16 + .1275))^2 / .0025 = 1,211.9
    assert size_for_change(0.80, 0.85, power=0.9) == 1212


@pytest.mark.parametrize(
    ("deviation", "half_width", "size"),
    [
        (0.12, 0.05, 25),  # t = 2.0639 of 24 degrees: 2.0639 x 0.12 / 5 = 0.0495; one fewer: 0.0507
        (0.12, 0.03, 64),  # t = 1.9983 of 63 degrees: 1.9983 x 0.12 / 8 = 0.02998; one fewer: 0.0302
        (0, 0.1, 2),
    ],
)
def test_scores_for_a_mean(deviation, half_width, size):
    assert size_for_mean(deviation, half_width) == size


@given(st.floats(0.001, 0.5), st.floats(0.01, 0.5))
def test_so_many_scores_are_enough_and_one_fewer_is_not(deviation, half_width):
    size = size_for_mean(deviation, half_width)

    def reached(n):
        return t_quantile(0.975, n - 1) * deviation / math.sqrt(n)

    assert reached(size) <= half_width
    assert size == 2 or reached(size - 1) > half_width


@pytest.mark.parametrize(
    ("call", "where", "code"),
    [
        (lambda: size_for_share(1.2, 0.1), "share", "range"),
        (lambda: size_for_share(math.nan, 0.1), "share", "non_finite"),
        (lambda: size_for_share(0.5, 0), "half_width", "range"),
        (lambda: size_for_share(0.5, 0.1, 0), "population", "range"),
        (lambda: size_for_share(0.5, 0.1, design_effect=0), "design_effect", "range"),
        (lambda: size_for_share(0.5, 0.1, confidence=1), "confidence", "range"),
        (lambda: size_for_share(0.5, 1e-9), "", "infeasible"),
        (lambda: size_for_share(0.5, 1e-200), "", "infeasible"),
        (lambda: size_for_complaint_index(-0.1, 0.1), "rate", "negative"),
        (lambda: size_for_complaint_index(0.1, 0.1, 0.5), "multiplier", "range"),
        (lambda: size_for_none_seen(0), "highest_share", "range"),
        (lambda: size_for_none_seen(1e-15), "", "infeasible"),
        (lambda: size_for_change(0.5, 0.5), "after", "infeasible"),
        (lambda: size_for_change(0.5, 0.6, power=1), "power", "range"),
        (lambda: size_for_mean(-1, 0.1), "deviation", "negative"),
        (lambda: size_for_mean(1, 1e-9), "", "infeasible"),
        (lambda: plan_half_width([10], [100], 1.5), "share", "range"),
        (lambda: plan_half_width([10], [100], confidence=0), "confidence", "range"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call, where, code):
    with pytest.raises(InvalidInputError) as refusal:
        call()
    assert (refusal.value.problems[0].where, refusal.value.code) == (where, code)


# --- what a plan buys


def test_a_plan_of_one_stratum_buys_the_plain_interval():
    lower, upper = quarter_beta(numbers(50), numbers(100))
    assert plan_half_width([100], [5000]) == pytest.approx((upper[0] - lower[0]) / 2)
    assert plan_half_width([100], [5000]) == pytest.approx(Z * 0.5 / 10, abs=0.002)  # nearly Wald's 0.098
    assert plan_half_width([100], [5000], share=0.9) < plan_half_width([100], [5000])


def test_a_plan_of_the_size_asked_for_buys_the_half_width():
    assert plan_half_width([size_for_share(0.5, 0.03)], [1e6]) == pytest.approx(0.03, abs=3e-4)


def test_a_plan_out_of_proportion_buys_less():
    populations = [9000, 1000]
    fair, unfair = plan_half_width([90, 10], populations), plan_half_width([10, 90], populations)
    assert fair < unfair
    # nine tenths of the weight on 10 answers: about 1.96 x sqrt(0.81 / 10 / 4 + 0.01 / 90 / 4) = 0.28
    assert unfair == pytest.approx(Z * math.sqrt(0.81 / 40 + 0.01 / 360), abs=0.03)


def test_strata_without_calls_drop_out_and_a_plan_without_any_buys_nothing():
    assert plan_half_width([100, 0], [5000, 700]) == plan_half_width([100], [5000])
    assert np.isnan(plan_half_width([0, 0], [5000, 700]))
    assert np.isnan(plan_half_width([], []))
