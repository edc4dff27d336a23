import math

import pytest

from csi_service.core.calculators.external import CALCULATOR, SCALES
from csi_service.core.indicator import Reason, given
from csi_service.errors import InvalidInputError
from tests.make import GONE, make_weights, numbers, same

NAN = math.nan


def parameters_of(changes):
    return make_weights({f"external.{key}": value for key, value in changes.items()}).components["external"]


def o_csi(counts_of, **changes):
    """Score channels {name: (satisfied, responses, points)}; points may be left out, tuples have one number a group."""
    parameters = parameters_of(changes)
    families = ("satisfied_responses", "responses", "response_points")
    measures = {
        f"{family}.{name}": numbers(*counts) if isinstance(counts, tuple) else numbers(counts)
        for name, columns in counts_of.items()
        for family, counts in zip(families, columns, strict=False)
    }
    return CALCULATOR.index(CALCULATOR.evidence(measures, parameters), parameters, 0.5)


IVR, SMS = (180, 200), (33, 40)  # 0.9 and 0.825


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 213 / 240),
        ({"pooling": "equal"}, 0.8625),  # (0.9 + 0.825) / 2
        ({"pooling": "weights", "channels": {"ivr": 3, "sms": 1}}, 0.88125),  # (3 x 0.9 + 0.825) / 4
        ({"pooling": GONE, "channels": {"ivr": 0.03, "sms": 0.01}}, 0.88125),  # channel weights say the pooling
        ({"pooling": "weights", "channels": {"ivr": 0, "sms": 1}}, 0.825),
        ({"pooling": "weights", "channels": {"sms": 2, "callback": 5}}, 0.825),  # over those with responses
    ],
)
def test_channels_are_pooled_by_responses_equally_or_by_weights(changes, expected):
    node = o_csi({"ivr": IVR, "sms": SMS}, **changes)
    assert node.value[0] == pytest.approx(expected, abs=1e-12)
    assert sum(
        child.contribution[0] for child in node.children if not math.isnan(child.contribution[0])
    ) == pytest.approx(expected)


def test_each_channel_stands_beside_the_pooled_figure_with_its_share_and_evidence():
    node = o_csi({"sms": SMS, "ivr": IVR})
    assert [child.name for child in node.children] == ["ivr", "sms"]
    assert same([child.value[0] for child in node.children], [0.9, 0.825])
    assert same([child.weight[0] for child in node.children], [200 / 240, 40 / 240])
    assert same([child.contribution[0] for child in node.children], [180 / 240, 33 / 240])
    assert (node.numerator[0], node.denominator[0]) == (213, 240)
    assert node.notes == {"method": "satisfied", "pooling": "responses"}


def test_a_channel_without_responses_in_a_group_weighs_nothing_there():
    # group 0: both channels; group 1: text messages only; group 2: no response at all
    for changes in ({}, {"pooling": "equal"}, {"pooling": "weights", "channels": {"ivr": 1, "sms": 1}}):
        node = o_csi({"ivr": ((9, 0, 0), (10, 0, 0)), "sms": ((8, 7, 0), (10, 10, 0))}, **changes)
        assert same(node.value, [0.85, 0.7, NAN])
        assert node.reason.tolist() == [Reason.NONE, Reason.NONE, Reason.NO_DATA]
        assert same(node.coverage, [1, 1, 0])
        assert not node.partial.any()


def test_a_channel_without_weight_enters_neither_the_value_nor_the_evidence():
    # group 0: both channels; group 1: only the one without weight, so there is no figure
    node = o_csi({"ivr": ((9, 9), (10, 10)), "sms": ((8, 0), (10, 0))}, pooling="weights", channels={"sms": 1})
    assert same(node.value, [0.8, NAN])
    assert node.reason.tolist() == [Reason.NONE, Reason.NO_DATA]
    assert (node.numerator[0], node.denominator[0], node.n[0]) == (8, 10, 10)


@pytest.mark.parametrize("sizes", [(22, 21, 15, 7), (4, 27, 5, 10)])
def test_channels_that_are_all_satisfied_never_make_more_than_1(sizes):
    # the shares of these sizes sum to 1 and a rounding
    assert o_csi({f"c{place}": (size, size) for place, size in enumerate(sizes)}).value[0] == 1.0


def test_the_mean_of_the_scales_counts_points():
    assert o_csi({"ivr": (180, 200, 150), "sms": (33, 40, 30)}, method="mean").value[0] == pytest.approx(
        180 / 240, abs=1e-12
    )


@pytest.mark.parametrize(
    ("pooling", "satisfied", "mean"),
    [("responses", 33 / 40, 26 / 40), ("equal", (0.9 + 0.8) / 2, (0.8 + 0.6) / 2)],
)
def test_both_views_are_pooled_as_the_index_is_over_the_channels_with_responses(pooling, satisfied, mean):
    # group 0: 9 satisfied and 8 points of 10, and 24 and 18 of 30; group 1: text messages only; group 2: no response
    counts = {"ivr": ((9, 0, 0), (10, 0, 0), (8, 0, 0)), "sms": ((24, 7, 0), (30, 10, 0), (18, 6, 0))}
    node = o_csi(counts, pooling=pooling)
    assert same(node.beside["satisfied_share"], [satisfied, 0.7, NAN])
    assert same(node.beside["mean_score"], [mean, 0.6, NAN])


@pytest.mark.parametrize("sms", [(NAN, 10), (102, NAN)])
def test_a_channel_of_which_one_side_is_unknown_enters_neither_the_value_nor_the_evidence(sms):
    node = o_csi({"ivr": (8, 10), "sms": sms})
    assert node.value[0] == pytest.approx(0.8, abs=1e-12)
    assert (node.numerator[0], node.denominator[0]) == (8, 10)


def test_more_satisfied_than_responses_are_refused():
    with pytest.raises(InvalidInputError, match="numerator 11 exceeds denominator 10"):
        o_csi({"ivr": (11, 10)})


def test_bare_values_pool_equally_or_by_weights_but_not_by_responses():
    shares = {"ivr": given(numbers(0.9)), "sms": given(numbers(0.7))}
    equal = CALCULATOR.index(shares, parameters_of({"pooling": "equal"}), 0.5)
    assert (equal.value[0], equal.evidence) == (pytest.approx(0.8, abs=1e-12), "value")
    assert math.isnan(equal.denominator[0])
    with pytest.raises(InvalidInputError, match="pool 'equal' or by weights"):
        CALCULATOR.index(shares, parameters_of({}), 0.5)


def test_one_bare_value_needs_no_pooling():
    node = CALCULATOR.index({"all": given(numbers(0.92, NAN))}, parameters_of({}), 0.5)
    assert same(node.value, [0.92, NAN])
    assert node.evidence == "value"


def test_satisfied_from_lies_on_its_scale_and_is_the_spec_default():
    assert {scale: level for scale, (_, _, level) in SCALES.items()} == {
        "binary": 1,
        "3": 3,
        "5": 4,
        "7": 6,
        "10": 8,
        "nps": 9,
    }
    assert parameters_of({"satisfied_from.5": 5}).satisfied_from["5"] == 5
