import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.sampling import allocate, apportion, draw, draw_places, hand_over, share_out
from csi_service.errors import InvalidInputError

# --- sizes of strata


def variance(sizes, populations, deviations):
    return sum((N * sd) ** 2 / n for n, N, sd in zip(sizes, populations, deviations, strict=True) if N)


def test_equal_deviations_share_out_in_proportion():
    assert allocate(10, [100, 100, 300]) == [2, 2, 6]


def test_calls_go_where_scores_vary_and_where_there_are_many():
    # N sd: 10, 30; after 2 and 2: 100/6 < 900/6 -> 3, 900/12 -> 4, 900/20 -> 5, 900/30 = 30 -> 6, 21.4 > 16.7 -> 7
    assert allocate(9, [100, 100], [0.1, 0.3]) == [2, 7]


def test_a_stratum_never_gives_more_than_it_has():
    # N sd: 27, 9, 100; the third call of the first is worth 729/6 = 121.5, of the last the 9th 138.9, the 10th 111.1
    assert allocate(12, [3, 1, 100], [9, 9, 1]) == [2, 1, 9]
    assert allocate(14, [3, 1, 100], [9, 9, 1]) == [3, 1, 10]
    assert allocate(104, [3, 1, 100], [9, 9, 1]) == [3, 1, 100]
    assert allocate(4, [5, 0, 5]) == [2, 0, 2]


def test_ties_go_to_the_earlier_stratum_and_no_deviation_at_all_is_an_equal_one():
    assert allocate(8, [50, 50, 50]) == [3, 3, 2]
    assert allocate(8, [50, 50, 50], [0, 0, 0]) == [3, 3, 2]


STRATA = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.05, 0.1, 0.2])), min_size=1, max_size=3)


@given(STRATA, st.integers(1, 3), st.data())
def test_no_other_whole_numbers_have_a_smaller_variance(strata, least, data):
    populations, deviations = [N for N, _ in strata], [sd for _, sd in strata]
    low = [min(least, N) for N in populations]
    total = data.draw(st.integers(sum(low), sum(populations)))
    found = allocate(total, populations, deviations, least)
    assert sum(found) == total
    every = product(*(range(lower, N + 1) for lower, N in zip(low, populations, strict=True)))
    best = min(variance(sizes, populations, deviations) for sizes in every if sum(sizes) == total)
    assert variance(found, populations, deviations) == pytest.approx(best, rel=1e-12)
    assert all(lower <= n <= N for lower, n, N in zip(low, found, populations, strict=True))


@pytest.mark.parametrize(
    ("arguments", "where", "words"),
    [
        ((3, [10, 10]), "total", "is 3; with at least 2 a stratum it lies between 4 and the 20 calls there are"),
        ((21, [10, 10]), "total", "between 4 and the 20"),
        ((4, [10, 10], [0.1]), "deviations", "has 1 entries for 2 strata"),
        ((4, [10, 10], [0.1, math.nan]), "deviations", "finite"),
        ((4, [10, 10], [0.1, -1]), "deviations", "not negative"),
        ((4, [10, -1]), "populations[1]", "0 or more"),
        ((4, [10, 10], None, 0), "least", "at least 1"),
    ],
)  # fmt: skip
def test_an_impossible_allocation_is_refused(arguments, where, words):
    with pytest.raises(InvalidInputError) as refusal:
        allocate(*arguments)
    (problem,) = refusal.value.problems
    assert problem.where == where
    assert words in problem.message


# --- the draw

IDS = {"north": [f"n{number:03}" for number in range(50)], "south": [f"s{number:03}" for number in range(20)]}


def test_a_draw_has_its_sizes_without_repetition_out_of_its_strata():
    drawn = draw(IDS, {"north": 10, "south": 20}, 7)
    assert [len(drawn[stratum]) for stratum in ("north", "south")] == [10, 20]
    assert len(set(drawn["north"])) == 10
    assert set(drawn["north"]) <= set(IDS["north"])
    assert sorted(drawn["south"]) == IDS["south"]


def test_the_seed_and_nothing_else_decides():
    drawn = draw(IDS, {"north": 10, "south": 5}, 7)
    shuffled = {name: random.Random(1).sample(IDS[name], len(IDS[name])) for name in reversed(IDS)}
    assert draw(shuffled, {"south": 5, "north": 10}, 7) == drawn
    assert draw({name: set(ids) for name, ids in IDS.items()}, {"south": 5, "north": 10}, 7) == drawn
    assert draw(IDS, {"north": 10, "south": 5}, 8) != drawn


def test_the_draw_follows_the_raw_stream_of_the_generator():
    # the top 53 bits of each word of PCG64, stratum after stratum by name; the smallest numbers are drawn
    words = np.random.PCG64(7).random_raw(70) >> 11
    order = sorted(range(50), key=lambda place: words[place])
    assert draw(IDS, {"north": 10}, 7)["north"] == [IDS["north"][place] for place in order[:10]]
    order = sorted(range(20), key=lambda place: words[50 + place])
    assert draw(IDS, {"south": 3}, 7)["south"] == [IDS["south"][place] for place in order[:3]]


def test_a_larger_draw_goes_on_from_the_smaller_one():
    assert draw(IDS, {"north": 20, "south": 1}, 3)["north"][:10] == draw(IDS, {"north": 10}, 3)["north"]
    assert draw(IDS, {}, 3) == {"north": [], "south": []}


def test_every_call_is_as_likely_as_every_other():
    counts = dict.fromkeys(IDS["south"], 0)
    for seed in range(2000):
        for call in draw(IDS, {"south": 5}, seed)["south"]:
            counts[call] += 1
    # each of 20 is drawn with probability 1/4: 500 of 2,000, deviation sqrt(2000 x 3/16) = 19.4; 5 of them
    assert all(abs(count - 500) < 97 for count in counts.values())


@pytest.mark.parametrize(
    ("sizes", "seed", "where", "code", "words"),
    [
        ({"south": 21}, 1, "sizes.south", "exceeds_stratum", "is 21, but the stratum has 20 calls"),
        ({"west": 1}, 1, "sizes.west", "unknown_stratum", "there are north, south"),
        ({"north": -1}, 1, "sizes.north", "negative", "0 or more"),
        ({"north": 1}, -1, "seed", "negative", "from 0 on"),
    ],
)  # fmt: skip
def test_an_impossible_draw_is_refused(sizes, seed, where, code, words):
    with pytest.raises(InvalidInputError) as refusal:
        draw(IDS, sizes, seed)
    (problem,) = refusal.value.problems
    assert (problem.where, problem.code) == (where, code)
    assert words in problem.message


def test_every_stratum_that_is_too_small_is_told_and_so_are_repeated_calls():
    with pytest.raises(InvalidInputError) as refusal:
        draw({"a": ["1"], "b": ["2", "2"]}, {"a": 2, "b": 3}, 1)
    assert [problem.where for problem in refusal.value.problems] == ["sizes.a", "sizes.b", "ids.b"]


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 30), min_size=1), st.integers(0, 9))
def test_places_are_those_of_the_draw_itself(populations, seed):
    ids = {stratum: [f"{stratum}{number:02}" for number in range(count)] for stratum, count in populations.items()}
    sizes = {stratum: count // 2 for stratum, count in populations.items()}
    places = draw_places(populations, sizes, seed)
    assert draw(ids, sizes, seed) == {name: [ids[name][place] for place in listed] for name, listed in places.items()}
    with pytest.raises(InvalidInputError, match=r"sizes\.a: is 31, but the stratum has 30 calls"):
        draw_places({"a": 30}, {"a": 31}, seed)


# --- the worklist


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (10, {"ann": 50, "bea": 30, "cai": 20}, [5, 3, 2]),
        (10, {"ann": 1, "bea": 1, "cai": 1}, [4, 3, 3]),  # 3.33 each: the one left to the first
        (7, {"ann": 0.1, "bea": 0.6, "cai": 0.3}, [1, 4, 2]),  # 0.7, 4.2, 2.1
        (0, {"ann": 1}, [0]),
    ],
)
def test_calls_are_shared_out_by_largest_remainder(total, shares, counts):
    assert list(apportion(total, shares).values()) == counts


@given(st.integers(0, 500), st.dictionaries(st.text(min_size=1), st.floats(0.01, 100), min_size=1, max_size=8))
def test_a_share_is_kept_to_less_than_one_call(total, shares):
    found = apportion(total, shares)
    assert sum(found.values()) == total
    whole = sum(shares.values())
    assert all(abs(found[rater] - total * share / whole) < 1 + 1e-6 for rater, share in shares.items())


@pytest.mark.parametrize(
    ("shares", "where"), [({}, "raters"), ({"ann": 0}, "raters.ann"), ({"ann": 1, "bea": math.nan}, "raters.bea")]
)
def test_shares_that_are_none_are_refused(shares, where):
    with pytest.raises(InvalidInputError) as refusal:
        apportion(5, shares)
    assert [problem.where for problem in refusal.value.problems] == [where]


CALLS = [f"c{number:02}" for number in range(20)]


def test_calls_are_dealt_in_turn_so_that_nobody_gets_one_stratum():
    found = share_out(CALLS, {"ann": 2, "bea": 1, "cai": 1})
    assert list(found) == CALLS
    for quarter in range(0, 20, 4):
        hand = [found[call] for call in CALLS[quarter : quarter + 4]]
        assert sorted(hand) == ["ann", "ann", "bea", "cai"]


def test_nobody_gets_their_own_call():
    own = {call: ["ann"] for call in CALLS[10:]} | {"c00": ["somebody else"]}
    found = share_out(CALLS, {"ann": 1, "bea": 1}, own)
    assert all(found[call] == "bea" for call in CALLS[10:])  # 10 calls each: ann has the first ten
    assert all(found[call] == "ann" for call in CALLS[:10])
    assert set(share_out(CALLS, {"ann": 3, "bea": 1}, own).values()) == {"ann", "bea"}
    assert list(share_out(CALLS, {"ann": 1}, own)) == CALLS[:10]  # nobody else is there


def test_a_call_may_be_closed_to_several_raters():
    barred = {"c00": ["ann", "bea"], "c01": ["ann", "bea", "cai"], "c02": ["ann"]}
    found = share_out(CALLS[:6], {"ann": 1, "bea": 1, "cai": 1}, barred)
    assert "c01" not in found
    assert found["c00"] == "cai"
    assert found["c02"] != "ann"


RATERS = ("ann", "bea", "cai", "dan")


@given(st.lists(st.sampled_from(RATERS), max_size=40), st.integers(1, 4), st.randoms())
def test_the_numbers_hold_whoever_may_not_rate_what(agents, raters, rng):
    shares = {rater: rng.randint(1, 4) for rater in RATERS[:raters]}
    calls = [f"c{place}" for place in range(len(agents))]
    own = dict(zip(calls, agents, strict=True))
    found = share_out(calls, shares, {call: [agent] for call, agent in own.items()})
    assert all(rater != own[call] for call, rater in found.items())
    if raters > 1:
        assert list(found) == calls
    assert share_out(calls, shares) == share_out(calls, shares, {})
    counts = [list(share_out(calls, shares).values()).count(rater) for rater in shares]
    assert counts == list(apportion(len(calls), shares).values())


def test_who_goes_away_hands_over_the_undone_calls_and_nothing_else_moves():
    shares = {"ann": 2, "bea": 1, "cai": 1}
    before = share_out(CALLS, shares)
    ann = [call for call in CALLS if before[call] == "ann"]
    after = hand_over(before, done=ann[:4], away=["ann"], shares=shares)
    assert list(after) == CALLS
    assert all(after[call] == before[call] for call in CALLS if call not in ann[4:])
    assert sorted(after[call] for call in ann[4:]) == ["bea"] * 3 + ["cai"] * 3
    assert hand_over(after, [], [], shares) == after


def test_what_is_left_over_goes_to_the_one_with_the_least_to_do():
    raters = {"c0": "ann", "c1": "bea", "c2": "bea", "c3": "cai"}
    after = hand_over(raters, done=[], away=["ann"], shares={"ann": 1, "bea": 1, "cai": 1})
    assert after == {**raters, "c0": "cai"}
    # two calls at 3 : 1 are 1.5 and 0.5; bea has one call for three shares, cai two for one
    raters = {"c0": "ann", "c1": "ann", "c2": "bea", "c3": "cai", "c4": "cai"}
    after = hand_over(raters, done=[], away=["ann"], shares={"ann": 1, "cai": 1, "bea": 3})
    assert after == {**raters, "c0": "bea", "c1": "bea"}


def test_a_call_that_none_of_those_left_can_rate_stays():
    raters = {"c0": "ann", "c1": "bea"}
    assert hand_over(raters, [], ["ann"], {"ann": 1, "bea": 1}, barred={"c0": ["bea"]}) == raters


def test_when_everybody_is_away_it_is_said():
    with pytest.raises(InvalidInputError, match="names nobody"):
        hand_over({"c0": "ann"}, [], ["ann"], {"ann": 1})
    assert hand_over({"c0": "ann"}, ["c0"], ["ann"], {"ann": 1}) == {"c0": "ann"}  # nothing is left to do
