import math
from fractions import Fraction

import numpy as np
import pytest

from csi_service.core.composite import missing
from csi_service.core.index import aggregate, shares_of, weigh
from csi_service.core.indicator import Reason, given, leaf
from tests.make import make_table, numbers, same

NAN = math.nan
DEFAULT = [0.25, 0.05, 0.10, 0.60]  # sla, aht, fcr, qa


def mean_of(values, weights, minimum=0.5):
    return weigh([numbers(value) for value in values], weights, minimum)


def node_of(values, weights, minimum=0.5):
    children = [leaf(f"part{place}", given(numbers(value)), numbers(value)) for place, value in enumerate(values)]
    return aggregate("whole", children, {f"part{place}": weight for place, weight in enumerate(weights)}, minimum)


def test_with_every_part_the_index_is_the_weighted_sum():
    # 0.25 x 17/18 + 0.05 x 5/6 + 0.10 x 0.8 + 0.60 x 0.9 = 0.897777..., the worked example
    expected = Fraction(25, 100) * Fraction(17, 18) + Fraction(5, 100) * Fraction(5, 6) + Fraction(62, 100)
    scored = mean_of([17 / 18, 5 / 6, 0.8, 0.9], DEFAULT)
    assert scored.value[0] == pytest.approx(float(expected), abs=1e-12)
    assert scored.value[0] == pytest.approx(0.8977777777777778, abs=1e-12)
    assert (scored.coverage[0], scored.reason[0]) == (1.0, Reason.NONE)
    assert math.isnan(scored.partial_value[0])


@pytest.mark.parametrize(
    ("values", "coverage", "value", "partial_value", "reason"),
    [
        ([0.9, 0.8, 0.7, NAN], 0.40, NAN, 0.8375, Reason.COVERAGE),  # (0.225 + 0.04 + 0.07) / 0.40
        ([NAN, 0.8, 0.7, 0.9], 0.75, 0.65 / 0.75, NAN, Reason.NONE),  # 0.04 + 0.07 + 0.54 = 0.65
        ([NAN, NAN, NAN, 0.9], 0.60, 0.9, NAN, Reason.NONE),
        ([NAN, 0.8, NAN, NAN], 0.05, NAN, 0.8, Reason.COVERAGE),
        ([NAN, NAN, NAN, NAN], 0.00, NAN, NAN, Reason.NO_DATA),
    ],
)
def test_a_missing_part_drops_out_and_the_rest_is_rescaled(values, coverage, value, partial_value, reason):
    scored = mean_of(values, DEFAULT)
    assert same(scored.coverage, [coverage])
    assert same(scored.value, [value])
    assert same(scored.partial_value, [partial_value])
    assert scored.reason[0] == reason


@pytest.mark.parametrize("present", [[0.5], [0.2, 0.3], [0.1, 0.4], [0.1] * 5, [1 / 6] * 3, [0.43, 0.03, 0.04]])
def test_a_coverage_of_exactly_the_minimum_is_enough_whatever_it_is_summed_from(present):
    scored = mean_of([0.8] * len(present) + [NAN], [*present, 0.5])
    assert same(scored.value, [0.8])
    assert scored.reason[0] == Reason.NONE


def test_a_coverage_a_little_below_the_minimum_is_not_enough():
    scored = mean_of([0.8, NAN], [0.499999, 0.500001])
    assert same([scored.value[0], scored.partial_value[0]], [NAN, 0.8])


def test_an_operator_who_wants_no_partial_index_sets_1():
    assert math.isnan(mean_of([0.9, NAN], [0.95, 0.05], 1.0).value[0])
    assert mean_of([0.9, 0.9], [0.95, 0.05], 1.0).value[0] == pytest.approx(0.9, abs=1e-12)


def test_a_minimum_of_0_still_gives_no_value_without_any_data():
    assert mean_of([NAN, 0.4], [0.95, 0.05], 0.0).value[0] == pytest.approx(0.4, abs=1e-12)
    assert mean_of([NAN, NAN], [0.95, 0.05], 0.0).reason[0] == Reason.NO_DATA


def test_a_part_without_weight_changes_neither_value_nor_coverage():
    scored = mean_of([0.9, NAN], [1.0, 0.0])
    assert same([scored.value[0], scored.coverage[0]], [0.9, 1.0])
    split = mean_of([0.9, 0.9, NAN, 0.9], [0.06, 0.57, 0.0, 0.37])  # these three sum to 1 less a rounding
    assert split.coverage[0] == 1.0


@pytest.mark.parametrize("parts", [(25, 5, 10, 60), (1, 1, 1), (1, 6, 3, 3), (9, 18, 1)])
def test_parts_that_are_all_1_never_make_more_than_1(parts):
    assert mean_of([1.0] * len(parts), [part / sum(parts) for part in parts]).value[0] <= 1


def test_children_come_back_with_weight_and_contributions_that_sum_to_the_value():
    node = node_of([0.9, NAN, 0.7, 0.6], DEFAULT)
    assert same([child.weight[0] for child in node.children], DEFAULT)
    # 0.225 / 0.95, nothing, 0.07 / 0.95, 0.36 / 0.95
    assert same([child.contribution[0] for child in node.children], [0.225 / 0.95, NAN, 0.07 / 0.95, 0.36 / 0.95])
    assert np.nansum([child.contribution[0] for child in node.children]) == pytest.approx(node.value[0], abs=1e-12)
    assert (node.partial[0], missing(node, 0)) == (True, ["part1"])


def test_without_an_index_there_are_no_contributions():
    node = node_of([0.9, NAN], [0.4, 0.6])
    assert np.isnan([child.contribution[0] for child in node.children]).all()
    assert not node.partial[0]


def test_raw_is_made_from_the_scores_before_clamping():
    children = [leaf(name, given(numbers(value)), numbers(value)) for name, value in (("a", 0.9), ("b", 0.0))]
    node = aggregate("whole", children, {"a": 0.5, "b": 0.5}, 0.5, [numbers(0.9), numbers(-0.5)])
    assert same([node.value[0], node.raw[0]], [0.45, 0.2])


def test_each_group_is_weighed_alone():
    scored = weigh([numbers(0.8, NAN, NAN), numbers(0.6, 0.6, NAN)], [0.5, 0.5], 0.5)
    assert same(scored.value, [0.7, 0.6, NAN])
    assert same(scored.coverage, [1.0, 0.5, 0.0])


@pytest.mark.parametrize(
    ("parts", "total", "expected"),
    [
        ({"sla": 25, "aht": 5, "fcr": 10, "qa": 60}, 100, DEFAULT),
        ({"internal": 1, "external": 1, "complaint": 1}, 3, [1 / 3] * 3),
        ({"a": 0.3333333333, "b": 0.6666666667}, 1, [0.3333333333, 0.6666666667]),
    ],
)
def test_parts_that_add_up_become_shares(parts, total, expected):
    table, problems, _ = make_table({}, "internal")
    assert same(shares_of(table, parts, total).values(), expected)
    assert problems == []


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        ({"sla": 0.25, "aht": 0.05, "fcr": 0.10, "qa": 0.57}, 1),  # 0.97
        ({"a": 0.5, "b": 0.50000001}, 1),
        ({"a": 1, "b": 1}, 3),
        ({"a": 0.0}, 1),
        ({"a": 1e-9, "b": 1e-9}, 1e-9),  # twice its total, however small the total is
    ],
)
def test_parts_that_do_not_add_up_are_reported_with_their_sum(parts, total):
    table, problems, _ = make_table({}, "internal")
    shares_of(table, parts, total)
    assert [(problem.where, problem.code) for problem in problems] == [("internal", "weights_sum")]
    assert f"add up to {sum(parts.values()):g}" in problems[0].message
