"""A text for people that can be told again in another language: its pattern, and the values that stand in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Told(str):
    """A text that keeps its pattern and values; to everything else it is its English text.

    >>> text = Told("no calls on {day}", day="1 May")
    >>> (text, text.pattern)
    ('no calls on 1 May', 'no calls on {day}')
    """

    __slots__ = ("pattern", "values")

    pattern: str
    values: dict[str, Any]

    def __new__(cls, pattern: str, /, **values: Any) -> Told:
        """Fill the pattern; a value may itself be a `Told`."""
        text = super().__new__(cls, pattern.format(**values))
        text.pattern = pattern
        text.values = values
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Make copies and pickles from the pattern."""
        return (self.pattern,), self.values


def as_told(text: str) -> Told:
    """Return a text that can be told: itself, or one without values.

    >>> as_told("no {calls}")
    'no {calls}'
    """
    return text if isinstance(text, Told) else Told(text.replace("{", "{{").replace("}", "}}"))


def told_as_body(text: str) -> dict[str, Any]:
    """Return a text as JSON can hold it, so that it can be told in another language later on.

    >>> told_as_body(Told("{count:,} calls", count=1000))
    {'pattern': '{count:,} calls', 'values': {'count': 1000}}
    """
    told = as_told(text)
    values = {name: _as_body(value) for name, value in told.values.items()}
    return {"pattern": told.pattern, "values": values}


def _as_body(value: Any) -> Any:
    if isinstance(value, Told):
        return told_as_body(value)
    return value if isinstance(value, str | int | float) else str(value)


def told_from_body(body: Mapping[str, Any]) -> Told:
    """Return the text that `told_as_body` made a body of.

    >>> told_from_body({"pattern": "{count:,} calls", "values": {"count": 1000}})
    '1,000 calls'
    """
    values = {
        name: told_from_body(value) if isinstance(value, Mapping) else value for name, value in body["values"].items()
    }
    return Told(body["pattern"], **values)


def chained(texts: Sequence[str], link: str) -> str:
    """Return texts in a row, each two of them linked by a pattern of {first} and {second}; "" for none.

    >>> chained(["a", "b", "c"], "{first} and {second}")
    'a and b and c'
    """
    if len(texts) < 2:
        return as_told(texts[0]) if texts else ""
    half = len(texts) // 2  # not one within the other: a long row would be nested too deeply
    return Told(link, first=chained(texts[:half], link), second=chained(texts[half:], link))
