import math

import numpy as np
import pytest

from csi_service.core.calculators.external import CALCULATOR as EXTERNAL
from csi_service.core.indicator import REASON_WORDS, Reason, given, leaf, ratio
from csi_service.errors import InvalidInputError
from tests.make import make_table, numbers, same

NAN, INF = math.nan, math.inf


def test_reasons_have_words_and_none_has_not():
    assert REASON_WORDS == (None, "not_given", "no_data", "coverage")


@pytest.mark.parametrize(
    ("numerator", "denominator", "value", "reason"),
    [
        (3, 4, 0.75, Reason.NONE),
        (0, 4, 0.0, Reason.NONE),
        (4, 4, 1.0, Reason.NONE),
        (0, 0, NAN, Reason.NO_DATA),
        (NAN, 4, NAN, Reason.NOT_GIVEN),
        (3, NAN, NAN, Reason.NOT_GIVEN),
        (NAN, NAN, NAN, Reason.NOT_GIVEN),
        (NAN, 0, NAN, Reason.NOT_GIVEN),
    ],
)
def test_ratio_gives_the_quotient_or_the_reason_why_there_is_none(numerator, denominator, value, reason):
    evidence = ratio(numbers(numerator), numbers(denominator))
    assert same(evidence.value, [value])
    assert evidence.reason[0] == reason
    assert same(evidence.numerator, [numerator])
    assert same(evidence.denominator, [denominator])


def test_ratio_judges_each_group_alone():
    evidence = ratio(numbers(1, 0, NAN, 2), numbers(2, 0, 5, 8))
    assert same(evidence.value, [0.5, NAN, NAN, 0.25])
    assert evidence.reason.tolist() == [Reason.NONE, Reason.NO_DATA, Reason.NOT_GIVEN, Reason.NONE]


def test_ratio_of_no_groups_is_empty():
    assert ratio(numbers(), numbers()).value.size == 0


@pytest.mark.parametrize(
    ("numerator", "denominator", "code"),
    [
        (5, 4, "count_exceeds_n"),
        (1, 0, "count_exceeds_n"),
        (-1, 4, "negative"),
        (1, -4, "negative"),
        (-INF, 4, "negative"),
        (INF, INF, "non_finite"),
        (1, INF, "non_finite"),
        (INF, NAN, "non_finite"),
    ],
)
def test_ratio_refuses_impossible_counts_in_any_group(numerator, denominator, code):
    with pytest.raises(InvalidInputError) as refusal:
        ratio(numbers(0, 2, numerator, NAN), numbers(2, 2, denominator, 1), what="sla")
    assert refusal.value.code == code
    assert str(refusal.value).startswith("sla: ")


def test_ratio_names_the_counts_that_do_not_fit():
    with pytest.raises(InvalidInputError, match="numerator 5 exceeds denominator 4"):
        ratio(numbers(1, 4, 5), numbers(2, 4, 4))


def test_a_mean_may_exceed_1_and_a_share_may_not():
    assert ratio(numbers(360_000), numbers(1000), share=False).value[0] == 360.0
    with pytest.raises(InvalidInputError, match="must not be negative"):
        ratio(numbers(-1), numbers(1000), share=False)


def test_a_sum_of_fractions_may_pass_its_count_by_rounding_and_the_share_stays_at_1():
    scores = sum([0.1] * 3) / 0.3  # 1.0000000000000002
    assert scores > 1
    assert ratio(numbers(scores), numbers(1)).value[0] == 1.0


def test_a_bare_value_carries_no_counts_and_says_so():
    evidence = given(numbers(0.83, NAN))
    assert evidence.evidence == "value"
    assert evidence.reason.tolist() == [Reason.NONE, Reason.NOT_GIVEN]
    assert same(evidence.value, [0.83, NAN])
    assert np.isnan(evidence.numerator).all()
    assert np.isnan(evidence.denominator).all()


def test_a_leaf_is_covered_where_it_has_a_value_and_never_partial():
    node = leaf("qa", given(numbers(0.5, NAN)), numbers(0.6, NAN))
    assert same(node.raw, [0.5, NAN])
    assert same(node.coverage, [1, 0])
    assert node.partial.tolist() == [False, False]


def test_channels_are_found_in_the_measures_in_order_of_their_names():
    measures = {
        name: numbers(4) for name in ("responses.sms", "responses.ivr", "satisfied_responses.ivr", "evaluations")
    }
    evidence = EXTERNAL.evidence(measures, EXTERNAL.read(make_table({})[0]))
    assert list(evidence) == ["ivr", "sms"]
    assert evidence["ivr"].value[0] == 1.0
    assert evidence["sms"].reason[0] == Reason.NOT_GIVEN  # responses without anyone saying how many were satisfied
