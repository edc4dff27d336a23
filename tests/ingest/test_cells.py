"""Cells: which texts each type takes, what they mean, and the reason when they are refused."""

import pytest

from tests.files import make_csv, make_xlsx, opened, outcome_of
from tests.make import make_weights

REFUSED = object()
WORD = 'is a word, not a number; a mapping can turn words into numbers: values = { "satisfied" = 4 }'
CALLS = "call_id,started_at,answered,wait_seconds,ivr_steps"
SURVEYS = "survey_id,answered_at,channel,scale,score"
EVALUATIONS = "evaluation_id,call_id,evaluated_at,score,full_marks,rating"


def read(tmp_path, kind, header, rows, field, zone="UTC", mapping=""):
    """Return the value of a field in each row by its first cell, REFUSED where the row is rejected."""
    path = make_csv(tmp_path / f"{kind}.csv", "\n".join((header, *rows)))
    query = f"SELECT original[1], good, CAST({field} AS VARCHAR) FROM {kind}_rows"  # noqa: S608 - our own names
    with opened({kind: path}, mapping, zone=zone) as facts:
        found = facts._connection.execute(query).fetchall()
    return {name: value if good else REFUSED for name, good, value in found}


@pytest.mark.parametrize(
    ("zone", "text", "instant"),
    [
        ("UTC", "2021-01-05 10:00:00", "2021-01-05 10:00:00"),
        ("UTC", "2021-01-05T10:00:00Z", "2021-01-05 10:00:00"),
        ("UTC", "2021-01-05T10:00:00.25+08:00", "2021-01-05 02:00:00.25"),
        ("UTC", "2021-01-05 10:00+08", "2021-01-05 02:00:00"),  # as long as one with seconds and no offset
        ("UTC", "2021-01-05 10:00:00 +0800", "2021-01-05 02:00:00"),
        ("UTC", "2021/1/5 9:00", "2021-01-05 09:00:00"),
        ("UTC", " 2021-01-05 ", "2021-01-05 00:00:00"),
        ("Asia/Shanghai", "2021-01-05 10:00:00", "2021-01-05 02:00:00"),
        ("Asia/Shanghai", "2021-01-05 10:00:00Z", "2021-01-05 10:00:00"),
        ("Asia/Shanghai", "2021-01-05", "2021-01-04 16:00:00"),
        ("Europe/Berlin", "2021-07-05 10:00", "2021-07-05 08:00:00"),
        ("Europe/Berlin", "2021-03-28 01:59:59", "2021-03-28 00:59:59"),
        ("Europe/Berlin", "2021-03-28 02:30:00", REFUSED),  # skipped: clocks go from 02:00 to 03:00
        ("Europe/Berlin", "2021-03-28 02:30", REFUSED),
        ("Europe/Berlin", "2021-03-28 03:00:00", "2021-03-28 01:00:00"),
        ("Europe/Berlin", "2021-10-31 02:30:00", "2021-10-31 01:30:00"),  # repeated: the later one, winter time
        ("Europe/Berlin", "2021-10-31 02:30:00+02:00", "2021-10-31 00:30:00"),
        ("UTC", "1999-12-31 10:00:00", REFUSED),
        ("UTC", "2100-01-01 00:00:00", REFUSED),
        ("UTC", "2021-02-30 10:00:00", REFUSED),
        ("UTC", "2021-01-05 10:00:60", REFUSED),
        ("UTC", "2021-01-05 1:00:00 PM", REFUSED),  # the engine would pass over the PM
        ("UTC", "2021-1-5 9:5:8", "2021-01-05 09:05:08"),
        ("UTC", "2021-01-05\t10:00:00\v", "2021-01-05 10:00:00"),
        # as long as 2021-01-05 10:00:00, with the colon where it has one
        ("UTC", "2021-1-3 9:58+08:00", "2021-01-03 01:58:00"),
        ("Asia/Shanghai", "2021-01-05 10:00:5Z", "2021-01-05 10:00:05"),
        ("UTC", "2021-01-05 10:00: 8", REFUSED),
        ("UTC", "2021-01-05 10:1 :58", REFUSED),
        ("UTC", "02021-01-5 10:00:00", REFUSED),
        ("UTC", "2021-01-05 10:00:00 Europe/Berlin", REFUSED),
        ("UTC", "2021-01-05 10:00:00-99", REFUSED),
        ("UTC", "5/1/2021 10:00", REFUSED),
        ("UTC", "20210105", REFUSED),
        ("UTC", "infinity", REFUSED),
        ("Europe/Berlin", "infinity", REFUSED),
        ("UTC", "epoch", REFUSED),
        ("UTC", "44201.5", REFUSED),
    ],
)  # fmt: skip
def test_instants(tmp_path, zone, text, instant):
    assert read(tmp_path, "calls", CALLS, [f"c1,{text},Y,,"], "started_at", zone) == {"c1": instant}
    outcome = outcome_of({"calls": tmp_path / "calls.csv"}, zone=zone)  # the way by which calls are counted agrees
    assert outcome.loaded == (instant is not REFUSED)


@pytest.mark.parametrize(
    ("text", "mapped", "reason"),
    [
        ("2021-03-28 02:30:00", "", "falls into an hour that a clock change skips"),
        ("2021-03-28 02:30", "", "falls into an hour that a clock change skips"),
        ("28.03.2021 02:30", ', format = "%d.%m.%Y %H:%M"', "falls into an hour that a clock change skips"),
        ("28.03.1921 02:30", ', format = "%d.%m.%Y %H:%M"', "is not an instant written as"),
        ("2021-03-28 02:30:00 PM", "", "is not an instant such as 2021-01-31 09:12:58 between 2000 and 2099"),
        ("2021-03-28 02:30:00 Europe/Berlin", "", "is not an instant such as"),
        ("2100-03-28 02:30:00", "", "is not an instant such as"),
        ("soon", "", "is not an instant such as"),
    ],
)
def test_an_hour_that_the_clock_change_skips_is_told_from_what_is_no_instant(tmp_path, text, mapped, reason):
    columns = f'call_id = "id"\nanswered = "ok"\nstarted_at = {{ column = "at"{mapped} }}\n'
    path = make_csv(tmp_path / "a.csv", f"id,ok,at\nK1,Y,{text}\n")
    (reject,) = outcome_of({"calls": path}, f"[calls]\n{columns}", zone="Europe/Berlin").rejects
    assert reject.reasons[0].startswith(reason)
    assert "or falls" not in reject.reasons[0]


@pytest.mark.parametrize(
    ("source", "centre", "text", "day"),
    [
        ("UTC", "UTC", "2021-01-05 23:30:00", 5),
        ("UTC", "Asia/Shanghai", "2021-01-05 16:00:00", 6),
        ("UTC", "Asia/Shanghai", "2021-01-05 15:59:59", 5),
        ("Asia/Shanghai", "Asia/Shanghai", "2021-01-05 00:00:00", 5),
        ("Asia/Shanghai", "Asia/Shanghai", "2021-01-05 20:00:00Z", 6),
        ("Asia/Shanghai", "UTC", "2021-01-05 07:59:59", 4),
        ("UTC", "America/New_York", "2021-01-05 04:59:59", 4),
        ("UTC", "America/New_York", "2021-07-05 04:00:00", 5),
    ],
)  # fmt: skip
def test_days_are_cut_in_the_zone_of_the_centre(tmp_path, source, centre, text, day):
    path = make_csv(tmp_path / "calls.csv", f"{CALLS}\nc1,{text},Y,,\n")
    mapping = f'time_zone = "{source}"'
    with opened({"calls": path}, mapping, zone=source, centre=centre) as facts:
        assert facts.measures(make_weights())["day"].iloc[0].day == day


def test_durations_and_counts(tmp_path):
    good = {"5": "5.0", "0": "0.0", "-0": "-0.0", "5.5": "5.5", "1e3": "1000.0", " 7 ": "7.0", "": None, "5.": "5.0"}
    bad = ("-1", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "1e16", "x", "0x10", "true", "1 000", "00:05", "٣")
    rows = [f"{number},2021-01-05 10:00:00,Y,{text}," for number, text in enumerate((*good, *bad))]
    found = read(tmp_path, "calls", CALLS, rows, "wait_seconds")
    assert list(found.values()) == [*good.values(), *[REFUSED] * len(bad)]
    assert outcome_of({"calls": tmp_path / "calls.csv"}).loaded == len(good)
    rows = [f"{text},2021-01-05 10:00:00,Y,,{text}" for text in ("3", "3.5", "-3", "nan", "inf")]
    found = read(tmp_path, "calls", CALLS, rows, "ivr_steps")
    assert found == {"3": "3.0", "3.5": REFUSED, "-3": REFUSED, "nan": REFUSED, "inf": REFUSED}


def test_yes_and_no(tmp_path):
    words = {"Y": "true", "yes": "true", "TRUE": "true", " 1 ": "true", "是": "true", "已接通": "true", "n": "false"}
    words |= {"No": "false", "0": "false", "否": "false", "maybe": REFUSED, "2": REFUSED, "=1": REFUSED, "": REFUSED}
    rows = [f"{number},2021-01-05 10:00:00,{text},," for number, text in enumerate(words)]
    assert list(read(tmp_path, "calls", CALLS, rows, "answered").values()) == list(words.values())


@pytest.mark.parametrize(
    ("scale", "inside", "outside"),
    [
        ("binary", (0, 1), (-1, 2, 0.5)),
        ("0/1", (0, 1), (2,)),
        ("3", (1, 2.5, 3), (0, 4)),
        ("5", (1, 5), (0, 6, -5)),
        ("7", (1, 7), (0, 8)),
        ("10", (1, 10), (0, 11)),
        ("nps", (0, 10), (-1, 11)),
        ("NPS", (0,), ("", "nan", "good")),
        ("4", (), (1, 4)),
        ("", (), (1,)),
    ],
)  # fmt: skip
def test_a_score_outside_its_scale_is_a_rejected_row(tmp_path, scale, inside, outside):
    rows = [f"{score},2021-01-05 10:00:00,ivr,{scale},{score}" for score in (*inside, *outside)]
    found = read(tmp_path, "surveys", SURVEYS, rows, "score")
    assert [value is REFUSED for value in found.values()] == [False] * len(inside) + [True] * len(outside)


def test_ratings_are_levels_or_their_names(tmp_path):
    levels = {"5": "5", "Satisfied": "4", "very dissatisfied": "1", "very_satisfied": "5", "一般": "3", " 4 ": "4"}
    rows = [f"{name},c1,2021-01-05 10:00:00,90,,{name}" for name in (*levels, "ok", "6", "0", "4.0")]
    found = read(tmp_path, "evaluations", EVALUATIONS, rows, "rating")
    assert list(found.values()) == [*levels.values(), *[REFUSED] * 4]
    outcome = outcome_of({"evaluations": tmp_path / "evaluations.csv"})
    assert outcome.rejects[0].reasons[0].startswith("is not a rating; accepted are 1 very_dissatisfied 非常不满意")


@pytest.mark.parametrize(
    ("score", "full", "rating", "fault"),
    [
        ("100", "", "", None),
        ("8", "10", "", None),
        ("", "", "5", None),
        ("101", "", "", "score must lie between 0 and full_marks"),
        ("11", "10", "", "score must lie between 0 and full_marks"),
        ("-1", "", "", "score must lie between 0 and full_marks"),
        ("", "", "", "score is missing; give a score, a rating or both"),
        ("5", "0", "", "full_marks must be above 0"),
        ("5", "inf", "", "full_marks is not a finite number"),
        ("5", "1O0", "", "full_marks is not a finite number"),
        ("很好", "", "", f"score {WORD}"),
        ("very good", "", "", f"score {WORD}"),
    ],
)  # fmt: skip
def test_evaluations_keep_their_rules(tmp_path, score, full, rating, fault):
    path = make_csv(tmp_path / "e.csv", f"{EVALUATIONS}\ne1,c1,2021-01-05 10:00:00,{score},{full},{rating}\n")
    outcome = outcome_of({"evaluations": path})
    assert outcome.loaded == (fault is None)
    if fault:
        assert fault in [reason for reason, _ in outcome.reasons()]


def test_periods_of_batches_are_those_of_the_calendar(tmp_path):
    good = ("2021", "2021-01", "2021-Q4", "2021-W01", "2020-W53", "2021-01-31", "2021-01-04..2021-01-31")
    bad = ("2021-13", "2021-Q5", "2021-W53", "2021-W00", "2021-02-30", "2021-01-31..2021-01-04", "0000", "9999", "soon")
    rows = "\n".join(f"{number},{period},100" for number, period in enumerate((*good, *bad)))
    outcome = outcome_of({"batches": make_csv(tmp_path / "b.csv", f"batch,period,population\n{rows}\n")})
    assert (outcome.loaded, [reject.values[0] for reject in outcome.rejects]) == (len(good), list(bad))


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("t1,2021-01-05 10:00:00,2021-01-06 10:00:00,2021-01-07 10:00:00; 2021-01-09 10:00:00 | 2021-01-08", None),
        ("t1,2021-01-05 10:00:00,,", None),
        ("t1,2021-01-05 10:00:00,2021-01-04 10:00:00,", "closed_at lies before opened_at"),
        ("t1,2021-01-05 10:00:00,2021-01-06 10:00:00,2021-01-07; soon", "reactivated_at is not an instant"),
    ],
)  # fmt: skip
def test_tickets_keep_their_rules(tmp_path, row, fault):
    outcome = outcome_of(
        {"tickets": make_csv(tmp_path / "t.csv", f"ticket_id,opened_at,closed_at,reactivated_at\n{row}\n")}
    )
    assert outcome.loaded == (fault is None)
    assert fault is None or outcome.reasons()[0][0].startswith(fault)


def test_a_row_with_several_faults_names_them_all_the_same_for_every_type_of_file(tmp_path):
    rows = [CALLS.split(","), ["c1", "2021-01-05 10:00:00", "Y", "5", "1"], ["c2", "soon", "?", "-5", "1"]]
    faults = []
    for make, name in ((make_csv, "a.csv"), (make_xlsx, "a.xlsx")):
        (reject,) = outcome_of({"calls": make(tmp_path / name, rows)}).rejects
        faults.append((reject.line, reject.columns, reject.values))
    assert faults == [(3, ("started_at", "answered", "wait_seconds"), ("soon", "?", "-5"))] * 2
