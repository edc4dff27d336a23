"""What a plan comes to: sizes of strata, what they buy, the order of work."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.sample_plans import Bought, buys, interleave, plan_sizes
from csi_service.errors import InvalidInputError

STRATA = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 60), min_size=1, max_size=6)


def test_a_total_is_shared_out_in_proportion_with_a_minimum():
    assert plan_sizes({"a": 9000, "b": 1000}, 100, None) == {"a": 90, "b": 10}
    assert plan_sizes({"a": 9000, "b": 1000}, 100, 25) == {"a": 75, "b": 25}


def test_without_a_total_each_stratum_gets_the_minimum_or_all_it_has():
    assert plan_sizes({"a": 30, "b": 3, "c": 0}, None, 25) == {"a": 25, "b": 3, "c": 0}


@given(STRATA, st.data())
def test_sizes_add_up_and_fit_into_their_strata(populations, data):
    least = data.draw(st.integers(1, 5))
    low = sum(min(count, least) for count in populations.values())
    size = data.draw(st.integers(low, sum(populations.values())))
    sizes = plan_sizes(populations, size, least)
    assert sum(sizes.values()) == size
    assert all(min(least, populations[name]) <= sizes[name] <= populations[name] for name in populations)


def test_a_total_beyond_the_calls_names_the_strata():
    with pytest.raises(InvalidInputError) as refused:
        plan_sizes({f"s{n}": n for n in range(7)}, 22, None)
    (problem,) = refused.value.problems
    assert (problem.where, problem.code, problem.found) == ("size", "exceeds_stratum", 22)
    text = "is 22, but there are 21 calls to draw from (s0: 0, s1: 1, s2: 2, s3: 3, s4: 4 and 2 more strata)"
    assert problem.message.startswith(text)
    with pytest.raises(InvalidInputError, match="size: is 3; with at least 2 a stratum it lies between 4 and the 20"):
        plan_sizes({"a": 10, "b": 10}, 3, None)


def test_what_a_sample_buys():
    found = buys([385], [10**9], 0.5)
    # 1.959964^2 x 0.25 / 0.05^2 = 384.15, / 0.03^2 = 1067.07
    assert (found.needed_for_5_points, found.needed_for_3_points) == (385, 1068)
    assert found.half_width == pytest.approx(1.959964 * 0.5 / math.sqrt(385), rel=0.01)  # the plain normal interval
    assert buys([385], [10**9], 0.9).half_width < found.half_width
    # out of 500: 384.15 / (1 + 383.15 / 500) = 217.5; 1067.07 / (1 + 1066.07 / 500) = 340.7
    assert (buys([5], [500]).needed_for_5_points, buys([5], [500]).needed_for_3_points) == (218, 341)
    assert buys([0], [0]) == Bought(None, None, None)
    assert buys([0], [10]).half_width is None


def test_each_call_stands_at_the_middle_of_its_part_of_its_stratum():
    # of six they are at 1, 3, 5, 7, 9, 11 twelfths, of two at 3 and 9, of one at 6
    order = interleave({"a": range(6), "b": range(2), "c": range(1)})
    assert order == [("a", 0), ("a", 1), ("b", 0), ("a", 2), ("c", 0), ("a", 3), ("a", 4), ("b", 1), ("a", 5)]


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 20), min_size=1))
def test_each_stratum_advances_evenly(sizes):
    drawn = {name: [f"{name}{place}" for place in range(size)] for name, size in sizes.items()}
    order = interleave(drawn)
    assert sorted(order) == sorted((name, call) for name, calls in drawn.items() for call in calls)
    total = len(order)
    for name, calls in drawn.items():
        assert [call for stratum, call in order if stratum == name] == calls
        for done in range(1, total + 1):
            part = sum(stratum == name for stratum, _ in order[:done])
            assert abs(part - len(calls) * done / total) <= len(drawn)
