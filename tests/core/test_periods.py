import datetime as dt
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csi_service.core.periods import FORMS, GRAINS, containing, parse_period, spanning
from csi_service.errors import InvalidInputError

DAYS = st.dates(dt.date(1999, 1, 1), dt.date(2032, 12, 31))

BAD = """
0000-12 0000-Q4 0001-00
2021-13 2021-00 2021-1 21-01 2021-W54 2021-W53 2021-W00 2021-W5 2021-w05 2021W05 2021-Q0 2021-Q5 2021-q1 0000
0000-01 10000 2023-02-29 2021-02-30 1900-02-29 2021-01-32 2021/01/31 20210131 2021-01-31T00:00
2021-01-04.. ..2021-01-04 .. 2021-01..2021-03 2021-01-04...2021-01-31 2021-01-04..2021-01-31..2021-02-01
2021-01-04..2021-02-29 -2021 ２０２１-０１ January
"""


def day(text):
    return dt.date.fromisoformat(text)


def labels(text, grain):
    return [part.label for part in parse_period(text).cut(grain)]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2021-01", "2021-01-01", "2021-01-31"),
        ("2021-04", "2021-04-01", "2021-04-30"),
        ("2021-12", "2021-12-01", "2021-12-31"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("1900-02", "1900-02-01", "1900-02-28"),  # a century without a leap day
        ("2000-02", "2000-02-01", "2000-02-29"),
        ("2021-W05", "2021-02-01", "2021-02-07"),
        ("2021-W01", "2021-01-04", "2021-01-10"),  # 1 to 3 January 2021 belong to 2020
        ("2020-W53", "2020-12-28", "2021-01-03"),
        ("2024-W01", "2024-01-01", "2024-01-07"),
        ("2025-W01", "2024-12-30", "2025-01-05"),
        ("2021-Q1", "2021-01-01", "2021-03-31"),
        ("2021-Q4", "2021-10-01", "2021-12-31"),
        ("2021", "2021-01-01", "2021-12-31"),
        ("9999", "9999-01-01", "9999-12-31"),
        ("9999-11", "9999-11-01", "9999-11-30"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("9999-Q4", "9999-10-01", "9999-12-31"),
        ("0001-W01", "0001-01-01", "0001-01-07"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        ("2021-01-04..2021-01-31", "2021-01-04", "2021-01-31"),
        ("2020-12-30..2021-01-02", "2020-12-30", "2021-01-02"),
        ("9999-12-30..9999-12-31", "9999-12-30", "9999-12-31"),
        (" 2021-01 ", "2021-01-01", "2021-01-31"),
        ("2021-01-04 .. 2021-01-30", "2021-01-04", "2021-01-30"),
    ],
)
def test_a_period_is_read(text, first, last):
    period = parse_period(text)
    assert (period.first, period.last) == (day(first), day(last))


@pytest.mark.parametrize(
    "text", ["2021-01", "2021-W05", "2020-W53", "2021-Q3", "2021", "2024-02-29", "2021-01-04..2021-01-30", "0001-W02"]
)
def test_the_label_is_what_people_write(text):
    assert parse_period(text).label == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("2021-01-05..2021-01-05", "2021-01-05"),
        ("2021-02-01..2021-02-28", "2021-02"),
        ("2021-01-04..2021-01-10", "2021-W01"),
        ("2021-01-01..2021-03-31", "2021-Q1"),
        ("2021-10-01..2021-12-31", "2021-Q4"),
        ("2021-02-01..2021-04-30", "2021-02-01..2021-04-30"),  # three months, but no quarter
        ("2021-01-01..2021-12-31", "2021"),
    ],
)
def test_a_range_that_is_a_whole_day_week_month_quarter_or_year_is_labelled_so(text, label):
    assert parse_period(text).label == label


@pytest.mark.parametrize("text", [*BAD.split(), "", " ", "last month", "2021-01\n2021-02"])
def test_anything_else_is_refused_with_the_list_of_forms(text):
    with pytest.raises(InvalidInputError) as refusal:
        parse_period(text)
    assert FORMS in str(refusal.value)
    assert refusal.value.code == "period"


@pytest.mark.parametrize("text", ["2026-10-31..2026-10-01", "2021-01-05 .. 2021-01-04", "9999-12-31..0001-01-01"])
def test_a_period_that_ends_before_it_begins_is_told_so(text):
    with pytest.raises(InvalidInputError) as refusal:
        parse_period(text)
    assert str(refusal.value) == f"period: {text!r} ends before it begins"
    assert refusal.value.code == "period"


@pytest.mark.parametrize(
    ("text", "grain", "expected"),
    [
        ("2021-01-30..2021-02-02", "day", ["2021-01-30", "2021-01-31", "2021-02-01", "2021-02-02"]),
        ("2021-W05", "week", ["2021-W05"]),
        (  # January 2021 starts on a Friday and ends on a Sunday
            "2021-01",
            "week",
            ["2021-01-01..2021-01-03", "2021-W01", "2021-W02", "2021-W03", "2021-W04"],
        ),
        ("2021-01-04..2021-01-12", "week", ["2021-W01", "2021-01-11..2021-01-12"]),
        ("2021-01-03..2021-01-10", "week", ["2021-01-03", "2021-W01"]),  # one day is left of 2020-W53
        ("2020-12-28..2021-01-10", "week", ["2020-W53", "2021-W01"]),
        ("2021-Q1", "month", ["2021-01", "2021-02", "2021-03"]),
        ("2020-12-15..2021-02-28", "month", ["2020-12-15..2020-12-31", "2021-01", "2021-02"]),
        ("2021-01-04..2021-01-05", "month", ["2021-01-04..2021-01-05"]),
        ("9999-11-29..9999-12-01", "day", ["9999-11-29", "9999-11-30", "9999-12-01"]),
    ],
)
def test_a_period_is_cut_and_its_ends_are_clipped(text, grain, expected):
    assert labels(text, grain) == expected


@pytest.mark.parametrize("grain", GRAINS)
def test_the_last_year_of_the_calendar_can_be_cut(grain):
    parts = parse_period("9999").cut(grain)
    assert (parts[0].first, parts[-1].last) == (day("9999-01-01"), day("9999-12-31"))


@given(DAYS, st.integers(0, 800), st.sampled_from(GRAINS))
def test_the_parts_of_a_period_follow_each_other_and_cover_it(first, length, grain):
    period = spanning(first, first + dt.timedelta(days=length))
    parts = period.cut(grain)
    assert (parts[0].first, parts[-1].last) == (period.first, period.last)
    for part, after in itertools.pairwise(parts):
        assert after.first == part.last + dt.timedelta(days=1)
    assert all(part.first <= part.last for part in parts)


@given(DAYS, st.sampled_from(GRAINS))
def test_a_part_contains_its_day_and_its_label_reads_back(date, grain):
    period = containing(date, grain)
    assert period.first <= date <= period.last
    assert parse_period(period.label) == period


@given(DAYS, st.integers(0, 800))
def test_the_label_of_a_span_reads_back(first, length):
    period = spanning(first, first + dt.timedelta(days=length))
    assert parse_period(period.label) == period


@given(st.text(max_size=25))
@example("9999-W52")  # its last day is beyond the calendar
@example("9999-12-27..9999-12-31")
def test_no_text_at_all_breaks_the_reader(text):
    try:
        period = parse_period(text)
    except InvalidInputError:
        return
    assert period.first <= period.last
