import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from csi_service.schema.fields import MOST, Choice, Count, Number, StrictSchema, Text, read_number

NOT_NUMBERS = [True, False, "3.5", "", None, [], {}, [1], "NaN"]


class Sample(StrictSchema):
    number = Number(0, 1)
    count = Count()
    text = Text(5, 1)
    word = Choice("yes", "no")
    needed = Number(required=True)


def refused(body: object) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        Sample().load({"needed": 1} | body if isinstance(body, dict) else body)
    return caught.value.messages


@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_what_only_looks_like_a_number_is_refused(value):
    with pytest.raises(ValidationError) as caught:
        read_number(value)
    assert caught.value.messages[0].code == "type"
    assert "must be a number" in caught.value.messages[0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e400, 10**400, -(10**400)])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValidationError) as caught:
        read_number(value)
    assert caught.value.messages[0].code == "non_finite"


@pytest.mark.parametrize(
    ("value", "code"), [(-0.1, "negative"), (1.1, "range"), (10**300, "range"), (-(10**300), "negative")]
)
def test_what_lies_outside_is_refused_with_its_bounds(value, code):
    with pytest.raises(ValidationError) as caught:
        read_number(value, 0, 1)
    assert caught.value.messages[0].code == code
    assert "from 0 to 1" in caught.value.messages[0]


@given(st.floats(0, MOST) | st.integers(0, int(MOST)))
def test_every_number_between_the_bounds_is_taken_as_it_is(value):
    assert read_number(value) == value


@pytest.mark.parametrize(("value", "taken"), [(3, 3), (3.0, 3), (0, 0)])
def test_a_count_is_whole(value, taken):
    assert Sample().load({"needed": 1, "count": value})["count"] == taken


@pytest.mark.parametrize("value", [3.7, -1, "3", True, "３"])
def test_what_is_no_whole_number_is_no_count(value):
    assert refused({"count": value}).keys() == {"count"}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\x00", "character"),
        ("\ud800", "character"),
        ("", "length"),
        ("toolong", "length"),
        (1, "type"),
        (None, "type"),
    ],
)
def test_a_text_is_one_that_every_store_can_hold(value, code):
    assert refused({"text": value})["text"][0].code == code


@pytest.mark.parametrize("value", ["maybe", "YES", 1, None, ["yes"]])
def test_a_choice_is_written_exactly(value):
    assert refused({"word": value}).keys() == {"word"}


def test_an_unknown_key_is_told_with_the_known_ones():
    (message,) = refused({"nummer": 1})["nummer"]
    assert message.code == "unknown_key"
    assert "number, count, text, word, needed" in message


@pytest.mark.parametrize("body", [[], "x", 1, None])
def test_a_body_is_an_object(body):
    assert refused(body) == {"_schema": ["must be a JSON object"]}


def test_what_is_missing_is_named():
    with pytest.raises(ValidationError) as caught:
        Sample().load({})
    assert caught.value.messages == {"needed": ["is missing; give needed"]}
