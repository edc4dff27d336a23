import datetime as dt
import math

import pytest

from tests.make import make_table

WORDS = ("talk", "hold", "wrap")


def read(reader, value, *arguments, **options):
    """Read the key `key` of the table [top] with a method of Table; return the value and the one problem, or None."""
    table, problems, _ = make_table({"key": value}, "top")
    found = getattr(table, reader)("key", *arguments, **options)
    table.close()
    assert len(problems) <= 1
    return found, problems[0] if problems else None


@pytest.mark.parametrize(
    ("reader", "value", "arguments", "expected"),
    [
        ("number", 3, (), 3.0),
        ("number", -0.5, (), -0.5),
        ("text", "Default", (), "Default"),
        ("text", "默认", (), "默认"),
        ("choice", "hold", (WORDS,), "hold"),
        ("choices", ["wrap", "talk"], (WORDS,), ("wrap", "talk")),
        ("day", dt.date(2026, 1, 31), (), dt.date(2026, 1, 31)),
        ("day", "2026-01-31", (), dt.date(2026, 1, 31)),
        ("span", [20, 30], ((0, 1),), (20.0, 30.0)),
        ("span", [5, 5], ((0, 1),), (5.0, 5.0)),
    ],
)
def test_a_good_value_is_read(reader, value, arguments, expected):
    assert read(reader, value, *arguments) == (expected, None)


@pytest.mark.parametrize(
    ("reader", "value", "arguments", "code", "words"),
    [
        ("number", "3.5", (), "type", "not the text '3.5'"),
        ("number", True, (), "type", "not true or false"),
        ("number", [1], (), "type", "not a list"),
        ("number", {}, (), "type", "not a table"),
        ("number", math.nan, (), "non_finite", "must be finite"),
        ("number", math.inf, (), "non_finite", "must be finite"),
        ("number", float("-1e400"), (), "non_finite", "must be finite"),
        pytest.param("number", 10**400, (), "non_finite", "must be finite", id="a whole number beyond every float"),
        ("text", "", (), "type", "not blank"),
        ("text", "  ", (), "type", "not blank"),
        ("text", 3, (), "type", "must be a text"),
        ("choice", "sit", (WORDS,), "method", "talk, hold, wrap"),
        ("choice", 3, (WORDS,), "method", "talk, hold, wrap"),
        ("choice", ["talk"], (WORDS,), "method", "talk, hold, wrap"),
        ("choices", [], (WORDS,), "range", "talk, hold, wrap"),
        ("choices", "talk", (WORDS,), "range", "talk, hold, wrap"),
        ("choices", ["talk", "talk"], (WORDS,), "range", "different"),
        ("choices", ["talk", ["hold"]], (WORDS,), "range", "talk, hold, wrap"),
        ("day", "2026-02-30", (), "type", "2026-01-31"),
        ("day", "soon", (), "type", "2026-01-31"),
        ("day", dt.datetime(2026, 1, 31), (), "type", "2026-01-31"),  # noqa: DTZ001 - as TOML gives it
        ("day", 20260131, (), "type", "2026-01-31"),
        ("span", [30, 20], ((0, 1),), "range", "low <= high"),
        ("span", [1], ((0, 1),), "range", "[low, high]"),
        ("span", [1, 2, 3], ((0, 1),), "range", "[low, high]"),
        ("span", ["1", 2], ((0, 1),), "range", "[low, high]"),
        ("span", [0, True], ((0, 1),), "range", "[low, high]"),
        ("span", [0, math.nan], ((0, 1),), "range", "[low, high]"),
        pytest.param("span", [0, 10**400], ((0, 1),), "range", "[low, high]", id="a bound beyond every float"),
        ("table", 3, (), "type", "must be a table"),
        ("tables", {}, (), "type", "must be a list of tables"),
    ],
)
def test_a_bad_value_is_one_problem_that_names_its_key_and_what_is_right(reader, value, arguments, code, words):
    _, problem = read(reader, value, *arguments)
    assert problem is not None
    assert (problem.where, problem.code) == ("top.key", code)
    assert words in problem.message


@pytest.mark.parametrize(
    ("reader", "arguments"),
    [("number", ()), ("text", ()), ("choice", (WORDS,)), ("choices", (WORDS,)), ("day", ()), ("table", ())],
)
def test_null_is_never_read_as_a_value(reader, arguments):
    _, problem = read(reader, None, *arguments, **({"required": True} if reader == "table" else {}))
    assert problem is not None


@pytest.mark.parametrize(
    ("value", "limits", "code", "words"),
    [
        (0.9, {"least": 1}, "range", "at least 1"),
        (1.1, {"most": 1}, "range", "at most 1"),
        (0, {"above": 0}, "range", "above 0"),
        (-0.1, {"least": 0}, "negative", "at least 0"),
        (90, {"above": 0, "most": 1}, "range", "at most 1 and above 0"),
    ],
)
def test_a_number_outside_its_limits_is_told_them(value, limits, code, words):
    found, problem = read("number", value, **limits)
    assert math.isnan(found)
    assert (problem.code, problem.found) == (code, value)
    assert words in problem.message


@pytest.mark.parametrize("value", [0, 1])
def test_the_limits_themselves_are_accepted(value):
    assert read("number", value, least=0, most=1) == (float(value), None)


@pytest.mark.parametrize(
    ("reader", "arguments"), [("number", ()), ("text", ()), ("choice", (WORDS,)), ("choices", (WORDS,)), ("day", ())]
)
def test_a_missing_key_is_reported_unless_it_has_a_default(reader, arguments):
    table, problems, _ = make_table({}, "top")
    getattr(table, reader)("key", *arguments)
    assert [(problem.where, problem.code) for problem in problems] == [("top.key", "missing")]


def test_a_default_stands_in_for_a_missing_key():
    table, problems, _ = make_table({})
    assert table.number("n", 0.5) == 0.5
    assert table.text("t", "") == ""
    assert table.choice("c", WORDS, "hold") == "hold"
    assert table.span("s", (1, 2)) == (1, 2)
    assert table.table("none").keys() == ()
    assert table.tables("none") == []
    assert problems == []


def test_a_required_table_that_is_missing_is_reported():
    table, problems, _ = make_table({})
    table.table("csi", required=True)
    assert [(problem.where, problem.code) for problem in problems] == [("csi", "missing")]


def test_a_key_that_nobody_asked_for_is_reported_with_the_known_ones():
    table, problems, _ = make_table({"taget": 0.9}, "internal.sla")
    table.number("target", 0.9)
    table.number("parts", 1)
    table.close()
    assert [str(problem) for problem in problems] == [
        "internal.sla.taget: is not a known key here; known are parts, target"
    ]


def test_tables_share_their_problems_and_know_their_place():
    table, problems, warnings = make_table({"inner": {"a": "x"}, "rows": [{"b": True}, 3]})
    table.table("inner").number("a")
    for row in table.tables("rows"):
        row.number("b", 0)
    table.table("inner").warn("a", "is odd")
    assert [problem.where for problem in problems] == ["inner.a", "rows[1]", "rows[0].b"]
    assert warnings == ["inner.a: is odd"]


@pytest.mark.parametrize("document", [[], "text", 3, None])
def test_a_document_that_is_no_table_is_reported(document):
    _, problems, _ = make_table(document)
    assert [problem.code for problem in problems] == ["type"]
