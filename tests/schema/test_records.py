"""Records one by one: what each field takes, the rules between fields, and lists of records."""

import datetime as dt

import pytest
from marshmallow import ValidationError

from csi_service.api.examples import RECORDS
from csi_service.errors import InvalidInputError
from csi_service.facts.duck import workspace
from csi_service.facts.kinds import KINDS
from csi_service.facts.rules import Rules
from csi_service.schema.cells import TYPES
from csi_service.schema.records import read_records, record_schema

SURVEY = {"survey_id": "S1", "answered_at": "2026-03-02T09:12:58+08:00", "channel": "sms", "scale": "5", "score": 5}
EVALUATION = {"evaluation_id": "E1", "call_id": "C1", "evaluated_at": "2026-03-02T01:00:00Z"}
CALL = {"call_id": "C1", "started_at": "2026-03-02T01:00:00Z", "answered": True}


def load(kind, record):
    return record_schema(kind).load(record)


def faults(kind, record):
    """Return (pointer, code) of each problem of one record."""
    (sent,) = read_records(record_schema(kind), record)
    return [(problem.where, problem.code) for problem in sent.problems]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_is_read_with_every_field(kind):
    loaded = load(kind, RECORDS[kind])
    assert list(loaded) == [field.name for field in KINDS[kind].fields]
    assert {name for name, value in loaded.items() if value is not None} >= set(RECORDS[kind])


def test_an_instant_becomes_utc_without_a_zone():
    # 09:12:58 at +08:00 is 01:12:58 in UTC; 23:30 at -05:30 is 05:00 of the next day
    assert load("surveys", SURVEY)["answered_at"] == dt.datetime.fromisoformat("2026-03-02T01:12:58")
    moved = SURVEY | {"answered_at": "2026-03-02 23:30-05:30"}
    assert load("surveys", moved)["answered_at"] == dt.datetime.fromisoformat("2026-03-03T05:00:00")
    assert load("surveys", SURVEY | {"answered_at": "2026-03-02T01:00:00.25Z"})["answered_at"].microsecond == 250_000


@pytest.mark.parametrize(
    ("type_", "value", "read"),
    [
        ("text", " 张三 ", "张三"),
        ("text", "x" * 64, "x" * 64),
        ("comment", "x" * 10_000, "x" * 10_000),
        ("flag", False, False),
        ("seconds", 0, 0.0),
        ("number", -1e15, -1e15),
        ("count", 3.0, 3.0),
        ("day", "2024-02-29", dt.date(2024, 2, 29)),
        ("word", "SMS", "sms"),
        ("word", "短信", "sms"),  # the name that files have for it too
        ("word", "微信", "微信"),
        ("scale", "nps", "nps"),
        ("level", 5, 5),
        ("level", 5.0, 5),
        ("level", "very_dissatisfied", 1),
        ("level", "基本满意", 4),
        ("period", "2026-W05", "2026-W05"),
        ("selection", "random", "random"),
        ("instants", ["2026-03-02T09:00+08:00", "2026-03-01T00:00Z"], ["2026-03-01T00:00:00", "2026-03-02T01:00:00"]),
    ],
)  # fmt: skip
def test_a_value_is_read(type_, value, read):
    found = TYPES[type_][0](value)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("type_", "value", "code"),
    [
        ("text", "x" * 65, "length"),
        ("text", "  ", "blank"),
        ("text", 7, "type"),
        ("text", "a\x00b", "character"),
        ("text", "a\ud800", "character"),
        ("comment", "x" * 10_001, "length"),
        ("flag", 1, "type"),
        ("flag", "true", "type"),
        ("seconds", -1, "negative"),
        ("seconds", 1e16, "range"),
        ("seconds", float("nan"), "non_finite"),
        ("seconds", True, "type"),
        ("number", "5", "type"),
        ("number", float("inf"), "non_finite"),
        ("count", 1.5, "whole"),
        ("count", -1, "negative"),
        ("instant", "2026-03-02T09:12:58", "offset"),
        ("instant", "2026-03-02", "offset"),
        ("instant", "2026-02-30T09:12:58Z", "calendar"),
        ("instant", "1999-12-31T00:00:00Z", "range"),
        ("instant", "2100-01-01T00:00:00Z", "range"),
        ("instant", "0001-01-01T00:00:00+14:00", "calendar"),
        ("instant", "2026-03-02T25:00:00Z", "instant"),
        ("instant", "2026-W10-1T00:00:00Z", "instant"),
        ("instant", 1_772_000_000, "type"),
        ("instants", "2026-03-02T09:12:58Z", "type"),
        ("instants", ["2026-03-02T09:12:58Z"] * 1_001, "type"),
        ("day", "2026-3-2", "day"),
        ("day", "2026-02-30", "calendar"),
        ("day", "1999-12-31", "range"),
        ("word", "text message", "channel"),
        ("word", "x" * 33, "channel"),
        ("scale", "6", "choice"),
        ("scale", 5, "choice"),
        ("level", 6, "bad_level"),
        ("level", True, "bad_level"),
        ("level", 4.5, "bad_level"),
        ("level", "good", "bad_level"),
        ("period", "2026-13", "period"),
        ("period", "9999-W53", "period"),
        ("period", "1999", "range"),
        ("selection", "all", "choice"),
    ],
)  # fmt: skip
def test_a_value_is_refused(type_, value, code):
    with pytest.raises(ValidationError) as caught:
        TYPES[type_][0](value)
    assert [message.code for message in caught.value.messages] == [code]


def test_the_missing_offset_says_why():
    (sent,) = read_records(record_schema("surveys"), SURVEY | {"answered_at": "2026-03-02T09:12:58"})
    assert "Z for UTC" in sent.problems[0].message
    assert "time zone" in sent.problems[0].message


def test_a_fault_inside_a_list_of_instants_is_pointed_at():
    ticket = RECORDS["tickets"] | {"reactivated_at": ["2026-03-02T09:12:58Z", "noon"]}
    assert faults("tickets", ticket) == [("/reactivated_at/1", "instant")]


def test_required_fields_unknown_fields_and_null():
    assert faults("surveys", {key: SURVEY[key] for key in SURVEY if key != "scale"}) == [("/scale", "missing")]
    assert faults("surveys", SURVEY | {"scale": None}) == [("/scale", "type")]
    assert faults("surveys", SURVEY | {"colour": "red"}) == [("/colour", "unknown_key")]
    assert load("surveys", SURVEY | {"team": None})["team"] is None
    assert faults("surveys", {**SURVEY, "score": "5", "scale": "6"}) == [("/scale", "choice"), ("/score", "type")]


@pytest.mark.parametrize(
    ("kind", "record", "field"),
    [
        ("surveys", SURVEY | {"score": 6}, "score"),
        ("surveys", SURVEY | {"scale": "binary", "score": 2}, "score"),
        ("surveys", SURVEY | {"scale": "binary", "score": 0.5}, "score"),
        ("surveys", SURVEY | {"scale": "3", "score": 0}, "score"),
        ("surveys", SURVEY | {"scale": "nps", "score": 11}, "score"),
        ("evaluations", EVALUATION, "score"),  # neither score nor rating
        ("evaluations", EVALUATION | {"score": 101}, "score"),  # of 100 where full_marks is absent
        ("evaluations", EVALUATION | {"score": -1}, "score"),
        ("evaluations", EVALUATION | {"rating": 3, "full_marks": 0}, "full_marks"),
        ("complaints", RECORDS["complaints"] | {"resolved_at": "2026-01-31T09:12:57+08:00"}, "resolved_at"),
        ("tickets", RECORDS["tickets"] | {"closed_at": "2026-01-30T10:00:00+08:30"}, "closed_at"),  # 30 minutes before
    ],
)  # fmt: skip
def test_a_rule_between_fields_is_broken(kind, record, field):
    assert faults(kind, record) == [(f"/{field}", "rule")]


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("surveys", SURVEY | {"scale": "nps", "score": 0}),
        ("surveys", SURVEY | {"scale": "7", "score": 6.5}),
        ("evaluations", EVALUATION | {"rating": "一般"}),
        ("evaluations", EVALUATION | {"score": 120, "full_marks": 120}),
        ("complaints", RECORDS["complaints"] | {"resolved_at": RECORDS["complaints"]["received_at"]}),
        ("complaints", RECORDS["complaints"] | {"resolved_at": "2026-01-31T09:12:58.000001+08:00"}),
    ],
)
def test_a_rule_between_fields_is_kept(kind, record):
    assert faults(kind, record) == []


SCORES = [
    (scale, score) for scale in ("binary", "3", "5", "7", "10", "nps") for score in (-1, 0, 0.5, 1, 3, 5, 7, 10, 11)
]


def test_both_engines_judge_a_rule_alike():
    rules = Rules(KINDS["surveys"])
    (rule,) = KINDS["surveys"].rules
    with workspace() as (duck, _):
        for scale, score in SCORES:
            query = f"SELECT coalesce({rule.broken}, false) FROM (SELECT ? AS scale, CAST(? AS DOUBLE) AS score)"  # noqa: S608
            (said,) = duck.execute(query, [scale, score]).fetchone()
            assert bool(rules.broken_by({"scale": scale, "score": float(score)})) == said, (scale, score)


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ({}, (None, None, None)),
        ({"talk_seconds": 90}, (90.0, 0.0, 0.0)),  # the system has no hold and no wrap
        ({"talk_seconds": 90, "wrap_seconds": None}, (90.0, 0.0, None)),  # the wrap of this call is not known
        ({"talk_seconds": 90, "hold_seconds": 5, "wrap_seconds": 7}, (90.0, 5.0, 7.0)),
    ],
)
def test_parts_of_the_handling_time_that_are_not_sent(given, parts):
    loaded = load("calls", CALL | given)
    assert (loaded["talk_seconds"], loaded["hold_seconds"], loaded["wrap_seconds"]) == parts


def test_a_list_keeps_the_good_and_tells_the_bad():
    sent = read_records(record_schema("surveys"), [SURVEY, SURVEY | {"score": 9}, 3])
    assert [item.record is not None for item in sent] == [True, False, False]
    assert sent[0].given == set(SURVEY)
    assert [(problem.where, problem.code) for item in sent for problem in item.problems] == [
        ("/1/score", "rule"),
        ("/2", "type"),
    ]


@pytest.mark.parametrize("body", [None, "x", 3, [], [SURVEY] * 10_001], ids=["null", "text", "number", "none", "many"])
def test_what_is_neither_a_record_nor_a_list_of_them_is_refused(body):
    with pytest.raises(InvalidInputError):
        read_records(record_schema("surveys"), body)
