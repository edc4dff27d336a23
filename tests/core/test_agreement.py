import math
from itertools import combinations, product

import krippendorff
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.agreement import (
    Alpha,
    confusion,
    item_differences,
    krippendorff_alpha,
    pairwise,
    severity,
    weighted_kappa,
)
from csi_service.errors import InvalidInputError
from tests.make import numbers, same

NAN = math.nan


def ratings_of(table):
    """Return the frame of a table {rater: levels of the calls c0, c1, ...}; None is no rating."""
    rows = [(f"c{place}", rater, level) for rater, levels in table.items() for place, level in enumerate(levels)]
    return pd.DataFrame(rows, columns=["call", "rater", "level"]).astype({"level": np.float64})


TABLES = st.integers(1, 8).flatmap(
    lambda calls: st.lists(
        st.lists(st.sampled_from([None, 1, 2, 3, 4, 5]), min_size=calls, max_size=calls), min_size=2, max_size=5
    )
)
TWO = ratings_of({"ann": [1, 2, 3, 3], "bea": [1, 2, 3, 2]})

# --- alpha


def test_alpha_by_hand():
    # coincidences 1-1: 2, 2-2: 2, 3-3: 2, 2-3: 1 and 1; marginals 2 3 3 of 8
    # ordinal distance of 2 and 3: (3 + 3) / 2 = 3, of 1 and 2: 2.5, of 1 and 3: 2 + 3 + 3 - 2.5 = 5.5
    # observed 2 x 9 = 18; expected 2 x (2x3x6.25 + 3x3x9 + 2x3x30.25) = 600; alpha = 1 - 7 x 18 / 600
    found = krippendorff_alpha(TWO)
    assert found == Alpha(pytest.approx(0.79), None, "tentative", 4, 8)
    # nominal: observed 2, expected 2 x (6 + 9 + 6) = 42
    assert krippendorff_alpha(TWO, "nominal").value == pytest.approx(1 - 7 * 2 / 42)


@given(TABLES, st.sampled_from(["ordinal", "nominal"]))
def test_alpha_is_that_of_the_krippendorff_package(table, metric):
    found = krippendorff_alpha(ratings_of({f"r{place}": levels for place, levels in enumerate(table)}), metric)
    data = np.array([[NAN if level is None else level for level in levels] for levels in table])
    paired = data[:, (~np.isnan(data)).sum(axis=0) > 1]
    given_levels = np.unique(paired[~np.isnan(paired)])
    if given_levels.size < 2:
        assert (found.value, found.reason) == (None, "no_variation" if given_levels.size else "no_data")
    else:
        expected = krippendorff.alpha(reliability_data=data, level_of_measurement=metric, value_domain=[1, 2, 3, 4, 5])
        assert found.value == pytest.approx(expected, abs=1e-12)
        assert (found.calls, found.ratings) == (paired.shape[1], np.count_nonzero(~np.isnan(paired)))


@pytest.mark.parametrize(
    ("table", "reading"),
    [
        ({"ann": [1, 2, 3, 4, 5], "bea": [1, 2, 3, 4, 5]}, "good"),
        ({"ann": [1, 2, 3, 3], "bea": [1, 2, 3, 2]}, "tentative"),
        ({"ann": [1, 5, 1, 5], "bea": [5, 1, 1, 5]}, "poor"),
    ],
)  # fmt: skip
def test_alpha_is_read_in_words(table, reading):
    assert krippendorff_alpha(ratings_of(table)).reading == reading


def test_without_a_call_rated_twice_or_without_variation_there_is_no_alpha():
    assert krippendorff_alpha(ratings_of({"ann": [1, None], "bea": [None, 4]})) == Alpha(None, "no_data", None, 0, 0)
    assert krippendorff_alpha(ratings_of({"ann": [4, 4, 1], "bea": [4, 4, None]})) == Alpha(
        None, "no_variation", None, 2, 4
    )


@pytest.mark.parametrize("level", [0, 6, 3.5, math.inf])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(InvalidInputError, match=r"level: is .*whole number from 1 to 5") as refusal:
        krippendorff_alpha(ratings_of({"ann": [level], "bea": [1]}))
    assert refusal.value.code == "bad_level"


def test_a_second_rating_of_a_call_by_the_same_rater_is_refused():
    twice = pd.concat([TWO, TWO.iloc[[1]]])
    for function in (krippendorff_alpha, severity, pairwise, confusion):
        with pytest.raises(InvalidInputError, match="call c1, rater ann comes twice"):
            function(twice)


def test_an_unknown_metric_is_refused():
    with pytest.raises(InvalidInputError, match="accepted are ordinal, nominal"):
        krippendorff_alpha(TWO, "cosine")


# --- confusion of levels


def test_confusion_counts_which_levels_meet():
    table = confusion(ratings_of({"ann": [1, 2, 4], "bea": [1, 3, None], "cai": [2, None, None]}))
    # the first call has three raters: its 6 ordered pairs count a half each: 1-1 twice, 1-2 and 2-1 twice
    assert table[0].tolist() == [1, 1, 0, 0, 0]
    assert table[1].tolist() == [1, 0, 1, 0, 0]
    assert table[2].tolist() == [0, 1, 0, 0, 0]
    assert table[3:].sum() == 0


@given(TABLES)
def test_confusion_is_symmetric_and_counts_every_rating_that_has_a_partner(table):
    frame = ratings_of({f"r{place}": levels for place, levels in enumerate(table)})
    found = confusion(frame)
    assert np.allclose(found, found.T)
    partners = frame.dropna().groupby("call")["level"].transform("size")
    assert found.sum() == pytest.approx((partners > 1).sum())


# --- pairs


def kappa_by_hand(a, b):
    observed = sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / len(a)
    expected = sum((x - y) ** 2 for x, y in product(a, b)) / len(a) ** 2
    return NAN if expected == 0 else 1 - observed / expected


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=15))
def test_kappa_is_one_less_the_squared_differences_over_those_of_all_cross_pairs(pairs):
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = weighted_kappa(numbers(*a), numbers(*b))
    assert same([found], [kappa_by_hand(a, b) if pairs else NAN])


def test_calls_that_one_of_the_two_did_not_rate_leave():
    assert weighted_kappa(numbers(1, NAN, 2, 3, 5), numbers(1, 4, 3, 2, NAN)) == pytest.approx(0.5)


def test_kappa_refuses_what_does_not_fit():
    with pytest.raises(InvalidInputError, match="has 1 levels, the first list 2"):
        weighted_kappa(numbers(1, 2), numbers(1))
    with pytest.raises(InvalidInputError, match="whole number from 1 to 5"):
        weighted_kappa(numbers(1, 2), numbers(1, 9))


@given(TABLES)
def test_every_two_raters_who_share_calls_are_compared(table):
    found = pairwise(ratings_of({f"r{place}": levels for place, levels in enumerate(table)}))
    rows = {(row["a"], row["b"]): row for row in found.to_dict("records")}
    for one, two in combinations(range(len(table)), 2):
        both = [(a, b) for a, b in zip(table[one], table[two], strict=True) if a and b]
        row = rows.pop((f"r{one}", f"r{two}"), None)
        assert (row is None) == (not both)
        if row:
            a, b = zip(*both, strict=True)
            kappa, alike = kappa_by_hand(a, b), sum(x == y for x, y in both) / len(both)
            expected = [len(both), kappa, alike, (sum(a) - sum(b)) / len(both)]
            assert same([row[name] for name in ("calls", "kappa", "same_share", "difference")], expected)
    assert not rows


# --- severity


def severity_by(table):
    return severity(ratings_of(table)).set_index("rater")


def test_severity_by_hand():
    # ann less the mean of the others: 1 - 3 = -2, 2 - 4 = -2, 5 - 4 = 1 (only bea): -1; deviation from it -1 -1 2,
    # variance 6 / 2 = 3, t = -1 / sqrt(3 / 3) = -1; two degrees: p = 1 - 1 / sqrt(1 + 2) x 1
    found = severity_by({"ann": [1, 2, 5], "bea": [2, 4, 4], "cai": [4, 4, None]}).loc["ann"]
    assert (found["severity"], found["calls"]) == (-1, 3)
    assert found["p"] == pytest.approx(1 - 1 / math.sqrt(3), abs=1e-12)  # P(|t| > 1) for t with 2 degrees of freedom
    assert not found["flagged"]  # three calls are too few


def test_two_raters_are_each_others_mirror():
    found = severity_by({"ann": [1, 2, 3, 4], "bea": [2, 2, 5, 4]})
    assert found["severity"].tolist() == [-0.75, 0.75]
    assert found["p"].iloc[0] == pytest.approx(found["p"].iloc[1])
    assert same(found["p_adjusted"], found["p"])  # 2 x p / 2


def test_calls_rated_alone_say_nothing():
    found = severity_by({"ann": [1, 2, 3], "bea": [None, None, 3], "cai": [None, None, None]})
    assert found.index.tolist() == ["ann", "bea"]
    assert found["calls"].tolist() == [1, 1]
    assert found["p"].isna().all()
    assert not found["flagged"].any()


@pytest.mark.parametrize(
    ("strict", "lenient", "flagged"),
    [
        ([3] * 20, [4] * 20, True),  # always one level: p 0
        ([3] * 19, [4] * 19, False),  # too few calls
        ([3] * 20, [3] * 20, False),  # no difference at all: p 1
        ([3] * 16 + [4] * 4, [4] * 12 + [3] * 4 + [4] * 4, True),  # 12 of 20 stricter by 1: 0.6
        ([3] * 96 + [4] * 24, [3] * 96 + [5] * 24, False),  # clear, but a fifth of a level only
    ],
)  # fmt: skip
def test_a_flag_takes_a_clear_a_large_and_a_well_founded_difference(strict, lenient, flagged):
    found = severity_by({"strict": strict, "lenient": lenient})
    assert found["flagged"].tolist() == [flagged, flagged]


def test_always_the_same_deviation_is_certain_and_none_is_no_evidence():
    assert severity_by({"ann": [0.1, 0.2, 0.7], "bea": [0.4, 0.5, 1.0]})["p"].tolist() == [0, 0]
    assert severity_by({"ann": [3, 4], "bea": [3, 4]})["p"].tolist() == [1, 1]


@given(TABLES)
def test_severity_is_the_leave_one_out_mean_by_a_loop(table):
    found = severity(ratings_of({f"r{place}": levels for place, levels in enumerate(table)})).set_index("rater")
    for rater, levels in enumerate(table):
        deviations = []
        for call, own in enumerate(levels):
            others = [row[call] for place, row in enumerate(table) if place != rater and row[call]]
            if own and others:
                deviations.append(own - sum(others) / len(others))
        assert (f"r{rater}" in found.index) == bool(deviations)
        if deviations:
            row = found.loc[f"r{rater}"]
            assert row["severity"] == pytest.approx(sum(deviations) / len(deviations), abs=1e-12)
            assert row["calls"] == len(deviations)


# --- items of a form


def answers_of(rows):
    return pd.DataFrame(rows, columns=["call", "rater", "item", "share"]).astype({"share": np.float64})


def test_the_items_that_raters_judge_differently_come_first():
    found = item_differences(
        answers_of(
            [
                *[("c1", rater, "hello", share) for rater, share in (("ann", 1), ("bea", 1), ("cai", 1))],
                *[("c1", rater, "truth", share) for rater, share in (("ann", 1), ("bea", 0), ("cai", 0.5))],
                *[("c1", rater, "joy", share) for rater, share in (("ann", NAN), ("bea", NAN), ("cai", 1))],
                *[("c2", rater, "joy", share) for rater, share in (("ann", 1), ("bea", 1))],
                ("c3", "ann", "wit", 0),  # rated by one
            ]
        )
    )
    assert found["item"].tolist() == ["truth", "joy", "hello"]
    assert found["pairs"].tolist() == [3, 4, 3]
    assert found["differing_share"].tolist() == [1, 0.5, 0]
    assert found["na_share"].tolist() == [0, 0.5, 0]
    assert same(found["mean_difference"], [(1 + 0.5 + 0.5) / 3, 0, 0])


def test_two_who_both_say_na_agree_and_have_no_distance():
    (row,) = item_differences(answers_of([("c1", "ann", "joy", NAN), ("c1", "bea", "joy", NAN)])).to_dict("records")
    assert (row["differing_share"], row["na_share"]) == (0, 0)
    assert math.isnan(row["mean_difference"])


def test_without_answers_there_are_no_items():
    assert item_differences(answers_of([])).empty


def test_a_second_answer_to_an_item_is_refused():
    with pytest.raises(InvalidInputError, match="call c1, rater ann, item joy comes twice"):
        item_differences(answers_of([("c1", "ann", "joy", 1), ("c1", "ann", "joy", 0)]))
