import json
import math

import pytest
from marshmallow import ValidationError

from csi_service.errors import Problem
from csi_service.schema.fields import fault
from csi_service.schema.problem import MOST_ENTRIES, entries, found_at, pointer, problems_of, shown, summary


@pytest.mark.parametrize(
    ("path", "text"), [((), ""), (("sla", "value"), "/sla/value"), (("a/b", "c~d", 0), "/a~1b/c~0d/0"), (("",), "/")]
)
def test_a_pointer_escapes_its_parts(path, text):
    assert pointer(path) == text


@pytest.mark.parametrize(
    ("path", "found"),
    [((), {"a": [1, {"b": 2}]}), (("a", 1, "b"), 2), (("a", 7), None), (("a", "b"), None), (("x",), None)],
)
def test_a_value_is_found_by_its_path(path, found):
    assert found_at({"a": [1, {"b": 2}]}, path) == found


def test_each_message_becomes_a_problem_at_its_place():
    body = {"list": [{"a": -1}, 2], "weights": {"x": {"y": 5}}}
    messages = {
        "list": {0: {"a": [fault("is negative", "negative")]}},
        "weights": [fault("is odd", "odd", ("x", "y"))],
        "_schema": ["bad"],
    }
    assert problems_of(ValidationError(messages), body) == (
        Problem("/list/0/a", "is negative", -1, "negative"),
        Problem("/weights/x/y", "is odd", 5, "odd"),
        Problem("", "bad", body, "invalid"),
    )


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (1.5, 1.5),
        (True, True),
        ([1], None),
        ({}, None),
        (None, None),
    ],
)
def test_a_value_is_shown_as_json_can_hold_it(value, seen):
    assert (type(shown(value)), shown(value)) == (type(seen), seen)


def test_a_long_text_is_shortened():
    assert shown("x" * 201) == "x" * 200 + "…"


def test_many_problems_are_cut_and_counted():
    problems = [Problem(f"/{number}", "is wrong", math.nan) for number in range(MOST_ENTRIES + 1)]
    assert len(entries(problems)) == MOST_ENTRIES
    json.dumps(entries(problems), allow_nan=False)
    assert summary(problems) == "101 values cannot be used, the first: /0: is wrong (the first 100 are listed)"
    assert summary(problems[:1]) == "/0: is wrong"
