"""Texts that can be told again: kept as JSON and told in another language later on."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csi_service.core.told import Told, chained, told_as_body, told_from_body
from csi_service.language import tell, translator

VALUES = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
TEXTS = st.recursive(
    st.builds(lambda value: Told("no calls on {day}", day=value), VALUES),
    lambda texts: st.builds(lambda one, other: Told("{one}; {other}", one=one, other=other), texts, texts | st.text()),
    max_leaves=5,
)


@given(TEXTS | st.text())
def test_a_text_is_the_same_once_it_was_kept(text):
    again = told_from_body(json.loads(json.dumps(told_as_body(text))))
    assert again == text
    assert not isinstance(text, Told) or tell(again, "<{}>".format) == tell(text, "<{}>".format)


def test_it_is_told_in_another_language_afterwards():
    reason = Told("{column} {reason}", column="call_id", reason=Told("is blank; every row needs it"))
    text = chained([reason, Told("{count:,} rejected", count=1234)], "{first}; {second}")
    again = told_from_body(json.loads(json.dumps(told_as_body(text))))
    assert again == "call_id is blank; every row needs it; 1,234 rejected"
    assert tell(again, translator("zh")) == tell(text, translator("zh")) != again


@pytest.mark.parametrize("value", [Path("a.csv"), ["x"], None])
def test_other_values_are_kept_as_they_are_shown(value):
    text = Told("{value}: gone", value=value)
    assert told_from_body(told_as_body(text)) == text
