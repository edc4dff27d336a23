import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.calculators.complaint import CALCULATOR
from csi_service.core.indicator import Reason
from tests.make import make_measures, make_weights

NAN = math.nan


def node_of(measures, **changes):
    parameters = make_weights({f"complaint.{key}": value for key, value in changes.items()}).components["complaint"]
    return CALCULATOR.index(CALCULATOR.evidence(make_measures(measures), parameters), parameters, 0.5)


def c_csi(complaints, contacts, **changes):
    return node_of({"complaints_received": complaints, "contacts_answered": contacts}, **changes)


@pytest.mark.parametrize(
    ("complaints", "contacts", "multiplier", "raw", "value", "floored"),
    [
        (9, 1000, 25, 0.775, 0.775, False),  # 1 - 25 x 0.009
        (60, 1000, 25, -0.5, 0.0, True),  # 1 - 25 x 0.06
        (0, 1000, 25, 1.0, 1.0, False),
        (40, 1000, 25, 0.0, 0.0, False),  # exactly 1 / multiplier: the clamp has nothing to do
        (41, 1000, 25, -0.025, 0.0, True),
        (9, 1200, 12, 0.91, 0.91, False),
        (7, 5, 25, -34.0, 0.0, True),  # more complaints than contacts are allowed
        (30, 100, 1, 0.7, 0.7, False),
    ],
)
def test_complaint_index(complaints, contacts, multiplier, raw, value, floored):
    node = c_csi(complaints, contacts, multiplier=multiplier)
    assert node.raw[0] == pytest.approx(raw, abs=1e-12)
    assert node.value[0] == pytest.approx(value, abs=1e-12)
    assert bool(node.flags["floored"][0]) is floored
    assert (node.numerator[0], node.denominator[0], node.reason[0]) == (complaints, contacts, Reason.NONE)


@pytest.mark.parametrize(
    ("complaints", "contacts", "reason"),
    [(0, 0, Reason.NO_DATA), (3, 0, Reason.NO_DATA), (NAN, 1000, Reason.NOT_GIVEN), (3, NAN, Reason.NOT_GIVEN)],
)
def test_without_contacts_or_a_complaint_list_there_is_no_index(complaints, contacts, reason):
    node = c_csi(complaints, contacts)
    assert math.isnan(node.value[0])
    assert math.isnan(node.raw[0])
    assert node.reason[0] == reason
    assert not node.flags["floored"][0]


def test_contacts_are_answered_or_offered_and_complaints_all_or_upheld():
    month = {"complaints_received": 9, "complaints_upheld": 4, "contacts_answered": 1000, "contacts_abandoned": 250}
    assert node_of(month).value[0] == pytest.approx(0.775, abs=1e-12)
    assert node_of(month, contacts="offered").value[0] == pytest.approx(0.82, abs=1e-12)  # 1 - 25 x 9 / 1250
    assert node_of(month, count="upheld_only").value[0] == pytest.approx(0.9, abs=1e-12)  # 1 - 25 x 4 / 1000
    both = node_of(month, count="upheld_only", contacts="offered")
    assert both.value[0] == pytest.approx(0.92, abs=1e-12)
    assert both.notes == {"multiplier": 25, "count": "upheld_only", "contacts": "offered"}


@given(st.integers(0, 2000), st.integers(1, 10**6), st.integers(1, 100), st.integers(0, 50))
def test_more_complaints_never_raise_the_index_and_it_lies_in_0_to_1(complaints, contacts, multiplier, more):
    before, after = (c_csi(count, contacts, multiplier=multiplier) for count in (complaints, complaints + more))
    assert 0 <= after.value[0] <= before.value[0] <= 1
    exact = 1 - Fraction(multiplier * complaints, contacts)
    assert before.raw[0] == pytest.approx(float(exact), abs=1e-12, rel=1e-12)
    assert before.value[0] == pytest.approx(float(max(exact, 0)), abs=1e-12)
