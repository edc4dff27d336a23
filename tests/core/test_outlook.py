import math

import pytest

from csi_service.core.indicator import Reason
from csi_service.core.outlook import label, outlook
from csi_service.errors import InvalidInputError
from tests.make import numbers


@pytest.mark.parametrize(
    ("met", "judged", "threshold", "expected"),
    [
        (0, 300, 0.05, "pessimistic"),
        (1, 300, 0.05, "neutral"),
        (5, 100, 0.05, "neutral"),  # exactly 5 % is not above 5 %
        (7, 140, 0.05, "neutral"),
        (6, 100, 0.05, "optimistic"),
        (300, 300, 0.05, "optimistic"),
        (6, 100, 0.10, "neutral"),
        (1, 300, 0.0, "optimistic"),
        (0, 300, 0.0, "pessimistic"),
        (0, 0, 0.05, "unknown"),
        (math.nan, math.nan, 0.05, "unknown"),
    ],
)
def test_outlook_of_a_share_of_delight(met, judged, threshold, expected):
    node = outlook(numbers(met), numbers(judged), threshold)
    assert label(node, 0) == expected
    assert sum(bool(flag[0]) for flag in node.flags.values()) == (expected != "unknown")


def test_outlook_carries_its_evidence_and_its_threshold():
    node = outlook(numbers(12, 0, math.nan), numbers(190, 0, math.nan), 0.05)
    assert node.value[0] == pytest.approx(12 / 190, abs=1e-12)
    assert (node.numerator[0], node.denominator[0]) == (12, 190)
    assert node.reason.tolist() == [Reason.NONE, Reason.NO_DATA, Reason.NOT_GIVEN]
    assert node.notes == {"optimistic_above": 0.05}


def test_more_delight_than_evaluations_is_refused():
    with pytest.raises(InvalidInputError, match="delight: numerator 3 exceeds denominator 2"):
        outlook(numbers(3), numbers(2), 0.05)
