import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.levels import level_shares, level_shares_apart, parse_level, whole_percents
from csi_service.errors import InvalidInputError
from tests.make import numbers, same

NAN = math.nan
A, B = [0, 0, 10, 60, 30], [10, 20, 30, 30, 10]  # the worked batches, populations 9,000 and 1,000


def rollup(batches, weights, group=None, groups=1, **options):
    counts = np.array(batches, dtype=np.float64).reshape(-1, 5)
    return level_shares(counts, numbers(*weights), np.array(group or [0] * len(batches), np.intp), groups, **options)


def by_hand(batches, weights):
    """Sum of W x n / sum of W over the batches with ratings, in fractions."""
    rated = [(batch, Fraction(weight)) for batch, weight in zip(batches, weights, strict=True) if sum(batch)]
    total = sum(weight for _, weight in rated)
    return [
        float(sum(weight * Fraction(batch[level], sum(batch)) for batch, weight in rated) / total) for level in range(5)
    ]


def test_by_population_a_batch_stands_for_its_calls():
    # 0.9 x A + 0.1 x B, level by level: 0.9 x 0.30 + 0.1 x 0.10 = 0.28 very satisfied
    shares = rollup([A, B], [9000, 1000])
    assert same(shares.shares[0], [0.01, 0.02, 0.12, 0.57, 0.28])
    assert same([shares.satisfied[0], shares.mean[0]], [0.85, 4.09])  # 0.01 + 0.04 + 0.36 + 2.28 + 1.40
    assert (shares.ratings[0], shares.batches[0]) == (200, 2)
    assert (shares.weighting, shares.fallback) == ("population", False)


def test_by_sample_the_ratings_are_pooled():
    shares = rollup([A, B], [9000, 1000], weighting="sample")  # 200 ratings: 10, 20, 40, 90, 40
    assert same(shares.shares[0], [0.05, 0.10, 0.20, 0.45, 0.20])
    assert (shares.weighting, shares.fallback) == ("sample", False)


def test_by_explicit_weights():
    shares = rollup([A, B], [3, 1], weighting="explicit")  # (3 x A + B) / 4
    assert same(shares.shares[0], [0.025, 0.05, 0.15, 0.525, 0.25])
    assert shares.weighting == "explicit"


def test_one_batch_without_population_takes_the_whole_rollup_to_the_sample_and_says_so():
    shares = rollup([A, B, A], [9000, NAN, 9000], group=[0, 0, 1], groups=2)
    assert same(shares.shares[0], [0.05, 0.10, 0.20, 0.45, 0.20])
    assert (shares.weighting, shares.fallback) == ("sample", True)


def test_of_several_rollups_each_is_as_it_is_alone_and_falls_back_alone():
    counts, weights = np.array([A, B, A, B], np.float64), numbers(9000, NAN, 9000, 1000)
    first, none, last = level_shares_apart(counts, weights, np.array([0, 0, 1, 2]), (1, 0, 2))
    assert (first.fallback, none.fallback, last.fallback) == (True, False, False)
    assert (first.weighting, last.weighting) == ("sample", "population")
    assert same(first.shares, rollup([A, B], [9000, NAN]).shares)
    assert same(last.shares, rollup([A, B], [9000, 1000], group=[0, 1], groups=2).shares)
    assert none.shares.shape == (0, 5)


def test_a_batch_without_ratings_counts_nothing():
    shares = rollup([A, [0] * 5, B], [9000, NAN, 1000])
    assert same(shares.shares[0], [0.01, 0.02, 0.12, 0.57, 0.28])
    assert (shares.batches[0], shares.fallback) == (2, False)


def test_a_batch_of_one_rating_counts_as_one_of_many_does():
    shares = rollup([A, [0, 0, 1, 0, 0]], [9000, 1000])
    assert same(shares.shares[0], [0, 0, 0.09 + 0.1, 0.54, 0.27])
    assert shares.batches[0] == 2
    assert rollup([A, [0, 0, 1, 0, 0]], [9000, NAN]).fallback


def test_groups_are_rolled_up_apart_and_one_without_ratings_has_no_shares():
    shares = rollup([A, B, [0] * 5], [9000, 1000, 500], group=[2, 0, 1], groups=4)
    assert same(shares.shares[0], [0.1, 0.2, 0.3, 0.3, 0.1])
    assert same(shares.shares[2], [0.0, 0.0, 0.1, 0.6, 0.3])
    assert np.isnan(shares.shares[[1, 3]]).all()
    assert np.isnan(shares.mean[[1, 3]]).all()
    assert np.isnan(shares.satisfied[[1, 3]]).all()
    assert shares.batches.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(("satisfied_from", "expected"), [(5, 0.28), (4, 0.85), (3, 0.97), (1, 1.0)])
def test_the_satisfied_levels_start_where_the_set_says(satisfied_from, expected):
    assert same(rollup([A, B], [9000, 1000], satisfied_from=satisfied_from).satisfied, [expected])


def test_calls_rated_twice_count_once_with_the_mean_of_their_levels():
    # one call, rated 4 by one rater and 5 by another, beside one rated 1: halves at 4 and 5
    assert same(rollup([[1, 0, 0, 0.5, 0.5]], [10]).shares[0], [0.5, 0, 0, 0.25, 0.25])


@pytest.mark.parametrize(
    ("batch", "population", "code"),
    [
        ([-1, 0, 0, 0, 2], 10, "levels"),
        ([NAN, 0, 0, 0, 2], 10, "levels"),
        ([math.inf, 0, 0, 0, 2], 10, "levels"),
        ([1, 0, 0, 0, 2], -10, "negative"),
        ([1, 0, 0, 0, 2], 0, "weights_sum"),
        ([1, 0, 0, 0, 2], math.inf, "non_finite"),
    ],
)
def test_impossible_batches_are_refused(batch, population, code):
    with pytest.raises(InvalidInputError) as refusal:
        rollup([batch], [population])
    assert refusal.value.code == code


BATCH = st.lists(st.integers(0, 500), min_size=5, max_size=5).filter(any)
BATCHES = st.lists(st.tuples(BATCH, st.integers(1, 10**6)), min_size=1, max_size=6)


@given(BATCHES, st.sampled_from(["population", "sample"]))
def test_shares_sum_to_1_and_equal_the_sum_by_hand(batches, weighting):
    counts, populations = zip(*batches, strict=True)
    shares = rollup(counts, populations, weighting=weighting).shares[0]
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)
    assert same(shares, by_hand(counts, populations if weighting == "population" else [sum(count) for count in counts]))


@given(BATCHES, st.randoms(use_true_random=False))
def test_the_order_of_batches_changes_nothing(batches, random):
    shuffled = random.sample(batches, len(batches))
    left, right = (rollup(*zip(*some, strict=True)).shares[0] for some in (batches, shuffled))
    assert same(left, right)


@given(BATCHES, BATCH)
def test_splitting_a_batch_changes_nothing(batches, part):
    counts, populations = (list(column) for column in zip(*batches, strict=True))
    first = counts[0]
    rest = [max(whole - taken, 0) for whole, taken in zip(first, part, strict=True)]
    taken = [whole - left for whole, left in zip(first, rest, strict=True)]
    pooled = rollup(counts, populations, weighting="sample").shares[0]
    assert same(pooled, rollup([taken, rest, *counts[1:]], [1, *populations], weighting="sample").shares[0])
    # by population the halves stand for half of the calls each
    half = populations[0] / 2
    halves = rollup([first, *counts], [half, half, *populations[1:]])
    assert same(rollup(counts, populations).shares[0], halves.shares[0])


@pytest.mark.parametrize(
    ("rating", "level"),
    [
        (1, 1),
        (5, 5),
        ("3", 3),
        (" 4 ", 4),
        ("very_dissatisfied", 1),
        ("Very Satisfied", 5),
        ("一般", 3),
        ("基本满意", 4),
        ("非常满意", 5),
    ],
)
def test_a_rating_is_a_number_or_a_name(rating, level):
    assert parse_level(rating) == level


@pytest.mark.parametrize("rating", ["ok", "", "6", "0", 0, 6, -1, True, 4.5, None, "4.0", "satisfied!", [4]])
def test_anything_else_is_no_rating_and_the_message_lists_the_names(rating):
    with pytest.raises(
        InvalidInputError, match=r"1 very_dissatisfied 非常不满意, .* 5 very_satisfied 非常满意"
    ) as refusal:
        parse_level(rating)
    assert refusal.value.code == "bad_level"


@pytest.mark.parametrize(
    ("shares", "digits", "expected"),
    [
        ([1 / 3, 1 / 3, 1 / 3], 0, [34, 33, 33]),  # the first on a tie
        ([0.005, 0.005, 0.99], 0, [1, 0, 99]),
        ([0.166, 0.334, 0.5], 0, [17, 33, 50]),  # 16.6, 33.4: what is left goes to the larger remainder
        ([0.01, 0.02, 0.12, 0.57, 0.28], 0, [1, 2, 12, 57, 28]),
        ([1 / 3, 1 / 3, 1 / 3], 2, [33.34, 33.33, 33.33]),
        ([0, 0, 0, 0, 1], 0, [0, 0, 0, 0, 100]),
    ],
)
def test_shown_percentages_go_by_largest_remainder(shares, digits, expected):
    assert whole_percents(shares, digits) == pytest.approx(expected, abs=1e-9)


@given(BATCH, st.sampled_from([0, 1, 2]))
def test_shown_percentages_add_up_to_100_and_differ_from_the_exact_by_less_than_a_step(counts, digits):
    exact = [Fraction(count, sum(counts)) for count in counts]
    shown = whole_percents([float(share) for share in exact], digits)
    assert sum(round(percent * 10**digits) for percent in shown) == 100 * 10**digits
    assert all(abs(percent - float(share) * 100) < 10**-digits for percent, share in zip(shown, exact, strict=True))
