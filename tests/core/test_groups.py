import numpy as np
import pandas as pd
import pytest

from csi_service.core.groups import Groups, others, periods_of, sums
from csi_service.core.periods import parse_period

DAYS = pd.DataFrame(
    {
        "day": np.array(["2026-03-02", "2026-03-01", "2026-03-01", "2026-03-05", "2026-03-02"], "datetime64[s]"),
        "team": pd.Series(["T2", "T2", "T1", "T3", "T1"], dtype="str"),
        "queue": pd.Series(["Q1", "Q2", "Q1", "Q1", "Q1"], dtype="str"),
    }
)
PERIODS = [parse_period(text) for text in ("2026-03-01", "2026-03-02..2026-03-03", "2026-03-05")]


def test_a_row_lies_in_the_period_of_its_day_or_in_none():
    assert periods_of(DAYS, PERIODS).tolist() == [1, 0, 0, 2, 1]
    assert periods_of(DAYS, PERIODS[1:2]).tolist() == [0, -1, -1, -1, 0]
    assert periods_of(DAYS[:0], PERIODS).tolist() == []


def test_groups_are_numbered_through_period_by_period_in_the_order_of_their_keys():
    groups = Groups.of(DAYS, periods_of(DAYS, PERIODS), 3, ("team",))
    assert [frame["team"].tolist() for frame in groups.frames()] == [["T1", "T2"], ["T1", "T2"], ["T3"]]
    assert groups.parts == [slice(0, 2), slice(2, 4), slice(4, 5)]
    assert groups.period.tolist() == [0, 0, 1, 1, 2]
    assert groups.places(DAYS, periods_of(DAYS, PERIODS)).tolist() == [3, 1, 0, 4, 2]


def test_a_row_of_another_member_or_of_a_member_in_another_period_has_no_group():
    groups = Groups.of(DAYS, periods_of(DAYS, PERIODS), 3, ("team", "queue"))
    rows = pd.DataFrame({"team": ["T1", "T1", "T9", "T3"], "queue": ["Q1", "Q2", "Q1", "Q1"]}, dtype="str")
    assert groups.places(rows, np.array([1, 1, 1, 0])).tolist() == [2, -1, -1, -1]
    assert groups.places(rows, np.array([2, 2, 2, 2])).tolist() == [-1, -1, -1, 4]


def test_without_keys_each_period_is_one_group():
    groups = Groups.of(DAYS, periods_of(DAYS, PERIODS), 3, ())
    assert groups.sizes == (1, 1, 1)
    assert [len(frame) for frame in groups.frames()] == [1, 1, 1]
    assert groups.places(DAYS, np.array([2, 1, 0, -1, 3])).tolist() == [2, 1, 0, -1, -1]


def test_sums_are_by_group():
    found = sums({"calls": np.array([1.0, 2.0, 4.0, 8.0, 16.0])}, np.array([1, 0, 0, 2, 1]), 4)
    assert found["calls"].tolist() == [6.0, 17.0, 8.0, 0.0]


def test_the_others_of_a_group_are_all_but_that_group():
    values = np.array([0.1, 0.2, 0.7, 0.0])
    assert others({"a": values})["a"] == pytest.approx([0.9, 0.8, 0.3, 1.0], abs=1e-15)
    # taken away from a whole of 1e16 + 1, which is 1e16 as a float, nothing would be left of the 1
    assert others({"a": np.array([1e16, 1.0])})["a"].tolist() == [1.0, 1e16]
    assert others({"a": np.array([0.1, 0.0, 0.0])})["a"].tolist() == [0.0, 0.1, 0.1]
    assert others({"a": np.array([3.0])})["a"].tolist() == [0.0]
