import pandas as pd
import pytest

from csi_service.core.form_scores import score_answers
from csi_service.core.form_statistics import (
    answer_frame,
    evaluation_frame,
    item_statistics,
    na_shares,
    score_statistics,
)
from csi_service.core.forms import read_form
from tests.core.test_form_scores import NA_ALLOWED
from tests.core.test_forms import document

FORM = read_form(document(NA_ALLOWED), "small")  # hello 4, truth 6 (critical for the customer), joy 2 points
SCORED = [
    ("e1", "ann", score_answers(FORM, {"hello": True, "truth": True, "joy": False})),  # 10 / 12
    ("e2", "ann", score_answers(FORM, {"hello": 2, "truth": False, "joy": "na"})),  # 0, before 2 / 10
    ("e3", "bea", score_answers(FORM, {"hello": "na", "truth": True, "joy": "na"})),  # 6 / 6
    ("e4", "bea", score_answers(FORM, {"hello": "na", "truth": "na", "joy": "na"})),  # none
]
EVALUATIONS = evaluation_frame((evaluation, found) for evaluation, _, found in SCORED)
ANSWERS = answer_frame(SCORED)


def test_the_critical_share_stands_beside_the_mean_with_and_without_it():
    (row,) = score_statistics(EVALUATIONS).to_dict("records")
    assert row == pytest.approx(
        {
            "evaluations": 3,
            "mean": (10 / 12 + 0 + 1) / 3,
            "mean_before_critical": (10 / 12 + 0.2 + 1) / 3,
            "critical_share": 1 / 3,
            "critical_share_customer": 1 / 3,
            "critical_share_business": 0,
            "critical_share_compliance": 0,
        }
    )


def test_scores_are_told_by_group_and_nobody_is_lost():
    found = score_statistics(EVALUATIONS.assign(team=["a", "a", None, "a"]), by=["team"])
    assert found["evaluations"].tolist() == [2, 1]
    assert found["mean"].tolist() == pytest.approx([10 / 24, 1])
    assert found["critical_share"].tolist() == [0.5, 0]


def test_without_evaluations_there_are_no_means():
    for frame in (EVALUATIONS.iloc[:0], EVALUATIONS.iloc[3:], evaluation_frame([])):
        (row,) = score_statistics(frame).to_dict("records")
        assert row["evaluations"] == 0
        assert pd.isna(row["mean"])
        assert pd.isna(row["critical_share"])
    assert score_statistics(evaluation_frame([]).assign(team=[]), by=["team"]).empty


def test_how_often_each_item_is_met():
    found = item_statistics(ANSWERS)
    assert found.index.tolist() == ["hello", "truth", "joy"]
    assert found["answers"].tolist() == [4, 4, 4]
    assert found["judged"].tolist() == [2, 3, 1]
    assert found["na_share"].tolist() == [0.5, 0.25, 0.75]
    assert found["met_share"].tolist() == pytest.approx([1 / 2, 2 / 3, 0])
    assert found["mean_share"].tolist() == pytest.approx([(1 + 0.5) / 2, 2 / 3, 0])


def test_an_item_that_nobody_judged_has_no_share():
    found = item_statistics(ANSWERS[ANSWERS["evaluation"] == "e4"])
    assert found["na_share"].tolist() == [1, 1, 1]
    assert found[["met_share", "mean_share"]].isna().all(axis=None)


def test_how_often_each_rater_says_that_an_item_does_not_apply():
    found = na_shares(ANSWERS)
    assert found.index.tolist() == ["ann", "bea"]
    assert found["evaluations"].tolist() == [2, 2]
    assert found["answers"].tolist() == [6, 6]
    assert found["na_share"].tolist() == pytest.approx([1 / 6, 5 / 6])
