"""Scores as text for a terminal."""

import re

import numpy as np
import pandas as pd
import pytest

from csi_service.core.composite import score
from csi_service.core.levels import level_shares
from csi_service.core.outlook import outlook
from csi_service.core.periods import parse_period
from csi_service.core.ratings import rating_nodes
from csi_service.report.text import percent, render, render_both, seconds
from csi_service.scoring import PeriodScores, Scores
from tests.make import GONE, MONTH, make_measures, make_weights, numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98765, "98.77 %"),  # half up
        (0.12345, "12.35 %"),
        (0.00005, "0.01 %"),
        (0.00004999, "0.00 %"),
        (0.285, "28.50 %"),
        (2 / 3, "66.67 %"),
        (1.0, "100.00 %"),
        (0.999949, "99.99 %"),
        (-0.5, "-50.00 %"),
        (-0.00001, "0.00 %"),  # no minus before a zero
        (-0.0, "0.00 %"),
        (1e30, f"{10**32}.00 %"),
        (5e-324, "0.00 %"),
        (float("nan"), "-"),
    ],
)
def test_a_fraction_is_rounded_half_up_to_two_decimals(value, text):
    assert percent(value) == text
    assert percent(np.float64(value)) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(f"{n}/20000", f"{(n + 1) // 2 / 100:.2f} %") for n in (1, 3, 4999, 12345, 19999)],
)
def test_quotients_in_the_middle_between_two_hundredths_are_rounded_up(share, text):
    top, bottom = map(int, share.split("/"))
    assert percent(top / bottom) == text


@pytest.mark.parametrize(
    ("value", "text"), [(226.125, "226.13 s"), (1234.5, "1,234.50 s"), (0.005, "0.01 s"), (float("nan"), "-")]
)
def test_seconds_are_rounded_the_same_way(value, text):
    assert seconds(value) == text


def part(label="2021-01", teams=("华东一组",), changes=None, others=(), in_progress=False):
    measures, weights = (
        make_measures({"handled_contacts": [1000] * len(teams or "1"), **(changes or {})}),
        make_weights(),
    )
    groups = pd.DataFrame({"team": list(teams)}) if teams else pd.DataFrame(index=[0])
    roots = (score(measures, len(groups), weights), *others)
    return PeriodScores(parse_period(label), in_progress, weights, groups, roots)


def scores(*parts, total=None, keys=("team",), warnings=()):
    return Scores(keys, list(parts), [total or part(teams=()) for _ in parts], list(warnings))


def test_one_group_is_shown_in_full_with_its_evidence():
    lines = render(scores(part())).splitlines()
    assert lines[0] == "2021-01 team 华东一组 - weights default (valid from 2000-01-01)"
    row = {line.split()[0]: re.sub(" +", " ", line.strip()) for line in lines[4:14]}
    assert row["CSI"] == "CSI 86.43 %"
    assert row["I-CSI"] == "I-CSI 89.78 % 33.33 % 29.93 %"
    assert row["SLA"] == "SLA 94.44 % 85.00 % 25.00 % 23.61 % 935 / 1,100"
    assert row["AHT"] == "AHT 83.33 % 360.00 s 5.00 % 4.17 % 360,000 / 1,000"
    assert row["C-CSI"] == "C-CSI 77.50 % 33.33 % 25.83 % 9 / 1,000"


def test_what_is_missing_is_said_with_its_reason():
    gone = {name: GONE for name in ("evaluations", "evaluation_scores", "points_earned", "points_possible")}
    none = {"responses.ivr": 0, "satisfied_responses.ivr": 0, "response_points.ivr": 0}
    text = render(scores(part(changes={**gone, **none, "complaints_received": 60})))
    assert re.search(r"I-CSI +- .* too little of its weight has data \(40\.00 %\); 89\.44 % over the parts", text)
    assert re.search(r"QA +- +- +60\.00 % +not in the data", text)
    assert re.search(r"C-CSI +0\.00 % +-50\.00 % .* floored", text)
    assert re.search(r"IVR .* no cases", text)
    assert re.search(r"^CSI .* partial: without I-CSI", text, re.MULTILINE)


def test_several_groups_are_lines_with_a_total_and_a_star_where_partial():
    several = part(teams=("一组", "二组"), changes={"complaints_received": [9, np.nan]})
    text = render(scores(several, warnings=["one", "two"]))
    header, _, first, second, total, *rest = text.splitlines()
    assert header.split() == ["period", "team", "CSI", "I-CSI", "O-CSI", "C-CSI", "SLA", "AHT", "FCR", "QA", "contacts"]
    assert first.split()[:4] == ["2021-01", "一组", "86.43", "%"]
    assert second.split()[:4] == ["2021-01", "二组", "90.89", "%*"]  # (0.8978 + 0.92) / 2
    assert total.split()[:2] == ["2021-01", "(all)"]
    assert total.split()[-1] == "1,000"
    assert rest[1].startswith("* partial")
    assert rest[-2:] == ["Note: one", "Note: two"]


def test_the_group_without_a_name_is_the_last_line():
    text = render(scores(part(teams=("unassigned", "华东一组")), total=part(teams=("",))))
    lines = [line.split()[1] for line in text.splitlines() if line.startswith("2021-01 ")]
    assert lines == ["华东一组", "unassigned", "(all)"]


def test_a_group_with_neither_contacts_nor_figures_is_left_out():
    nothing = {name: [value, 0] for name, value in MONTH.items()}
    text = render(scores(part(teams=("A", "B"), changes=nothing)))
    assert [line.split()[1] for line in text.splitlines() if line.startswith("2021-01 ")] == ["A", "(all)"]


def test_periods_are_lines_and_one_that_has_not_ended_says_so():
    periods = [part(label, teams=(), in_progress=label == "2021-02") for label in ("2021-01", "2021-02")]
    lines = render(scores(*periods, keys=())).splitlines()
    assert lines[2].startswith("2021-01 ")
    assert lines[3].startswith("2021-02 (not ended) ")
    assert "not ended yet" in render(scores(periods[1], keys=()))


def test_both_views_are_the_total_in_full_and_a_line_a_group():
    text = render_both(scores(part(teams=("甲", "乙"))))
    assert text.startswith("2021-01 - weights default")
    assert re.search(r"^2021-01  乙 ", text, re.MULTILINE)


def test_the_usual_order_is_told_where_all_three_are_known():
    assert "Usual order O > C > I: does not hold" in render(scores(part()))
    good = {"complaints_received": 4, "handle_seconds": 360_000}  # C = 0.90, between O 0.92 and I 0.8978
    assert "Usual order O > C > I: holds" in render(scores(part(changes=good)))
    assert "Usual order" not in render(scores(part(changes={"complaints_received": GONE})))


def test_outlook_and_ratings_stand_below():
    shares = level_shares(
        np.array([[0.0, 0, 10, 60, 30], [10, 20, 30, 30, 10]]),
        numbers(9000, 1000),
        np.array([0, 0]),
        1,
        "population",
        4,
    )
    others = (outlook(numbers(3), numbers(100), 0.05), rating_nodes(shares, ("C\x1b[2J",)))
    text = render(scores(part(others=others)))
    assert "\nOutlook: neutral (3 / 100 recordings met an excitement need)\n" in text
    assert "\nRatings by QA, 200 calls in 2 batches, weighed by population: mean level 4.09 of 5\n" in text
    assert re.findall(r"(\d+) %  #*$", text, re.MULTILINE) == ["1", "2", "12", "57", "28"]
    assert "  batches without ratings: C?[2J\n" in text


def test_without_ratings_and_recordings_the_text_says_so():
    shares = level_shares(np.zeros((0, 5)), numbers(), np.zeros(0, np.intp), 1, "population", 4)
    text = render(scores(part(others=(outlook(numbers(0), numbers(0), 0.05), rating_nodes(shares, ("C",))))))
    assert "\nOutlook: unknown\n" in text
    assert "\nRatings: none\n  batches without ratings: C\n" in text


def test_names_cannot_steer_the_terminal_or_break_the_table():
    text = render(scores(part(teams=("a\n\x1b[31m", "b"))))
    assert "a??[31m" in text
    assert "\x1b" not in text
    assert [line.split()[:2] for line in text.splitlines()[2:5]] == [
        ["2021-01", "a??[31m"],
        ["2021-01", "b"],
        ["2021-01", "(all)"],
    ]
