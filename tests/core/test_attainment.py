import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.attainment import Rule, attain, read_rule
from tests.make import make_table, numbers

ALL = ("attainment", "raw", "piecewise", "band")
SHARE = Rule("attainment", target=0.90)
TIME = Rule("attainment", target=300, lower_is_better=True)
FROM_TO = Rule("piecewise", worst=0.50, target=0.90)
FROM_TO_TIME = Rule("piecewise", worst=600, target=180, lower_is_better=True)
BAND = Rule("band", low=150, high=320, lower_is_better=True)


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (SHARE, 0.85, 17 / 18),  # 0.85 / 0.90, the worked example
        (SHARE, 0.0, 0.0),
        (SHARE, 0.90, 1.0),
        (SHARE, 0.95, 1.0),  # capped
        (TIME, 360, 5 / 6),  # 300 / 360, the worked example
        (TIME, 300, 1.0),
        (TIME, 240, 1.0),
        (TIME, 0, 1.0),
        (Rule("raw"), 0.83, 0.83),
        (FROM_TO, 0.50, 0.0),
        (FROM_TO, 0.40, 0.0),
        (FROM_TO, 0.60, 0.25),  # 0.1 of the way of 0.4
        (FROM_TO, 0.97, 1.0),
        (FROM_TO_TIME, 600, 0.0),
        (FROM_TO_TIME, 700, 0.0),
        (FROM_TO_TIME, 390, 0.5),  # half of the way from 600 to 180
        (FROM_TO_TIME, 100, 1.0),
        (BAND, 150, 1.0),
        (BAND, 320, 1.0),
        (BAND, 200, 1.0),
        (BAND, 120, 0.8),  # 120 / 150: cut off early
        (BAND, 400, 0.8),  # 320 / 400
        (BAND, 0, 0.0),
    ],
)
def test_score_of_a_value(rule, value, expected):
    assert attain(numbers(value), rule)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rule", [SHARE, TIME, Rule("raw"), FROM_TO, FROM_TO_TIME, BAND])
def test_a_missing_value_has_no_score(rule):
    assert math.isnan(attain(numbers(math.nan), rule)[0])


@given(st.sampled_from([SHARE, Rule("raw"), FROM_TO]), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_share_never_scores_lower_and_scores_lie_in_0_to_1(rule, one, other):
    low, high = attain(np.sort(numbers(one, other)), rule)
    assert 0 <= low <= high <= 1


@given(st.sampled_from([TIME, FROM_TO_TIME]), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_longer_time_never_scores_higher_and_scores_lie_in_0_to_1(rule, one, other):
    short, long = attain(np.sort(numbers(one, other)), rule)
    assert 0 <= long <= short <= 1


@given(st.floats(0, 1e6))
def test_a_band_scores_in_0_to_1(value):
    assert 0 <= attain(numbers(value), BAND)[0] <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"method": "attainment", "target": 0.9}),
        ({"method": "raw"}, {"method": "raw"}),
        ({"method": "piecewise", "worst": 0.5}, {"method": "piecewise", "target": 0.9, "worst": 0.5}),
        ({"method": "piecewise", "worst": 0, "target": 0.8}, {"method": "piecewise", "target": 0.8, "worst": 0.0}),
        ({"method": "band", "low": 0.2, "high": 0.2}, {"method": "band", "low": 0.2, "high": 0.2}),
    ],
)
def test_a_rule_is_read_and_names_only_the_parameters_it_uses(values, expected):
    table, problems, _ = make_table(values)
    assert read_rule(table, ALL, target=0.9, most=1.0).notes() == expected
    table.close()
    assert problems == []


@pytest.mark.parametrize(
    ("values", "lower_is_better", "where", "code"),
    [
        ({"method": "best"}, False, "method", "method"),
        ({"target": 0}, False, "target", "range"),
        ({"target": 90}, False, "target", "range"),  # 90 for 0.90
        ({"method": "piecewise"}, False, "worst", "missing"),
        ({"method": "piecewise", "worst": 0.9}, False, "worst", "range"),
        ({"method": "piecewise", "worst": 0.9}, True, "worst", "range"),
        ({"method": "piecewise", "worst": -0.1}, False, "worst", "negative"),
        ({"method": "band", "low": 0.4, "high": 0.3}, True, "low", "range"),
        ({"method": "band", "low": 0, "high": 0.3}, True, "low", "range"),
        ({"method": "band", "low": 0.4}, True, "high", "missing"),
        ({"method": "raw", "target": 0.9}, False, "target", "unknown_key"),  # nothing would read it
    ],
)
def test_a_rule_with_a_fault_is_refused(values, lower_is_better, where, code):
    table, problems, _ = make_table(values)
    read_rule(table, ALL, target=0.9, most=1.0, lower_is_better=lower_is_better)
    table.close()
    assert [(problem.where, problem.code) for problem in problems] == [(where, code)]
