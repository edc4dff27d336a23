"""A text for people that can be told again in another language: its pattern, and the values that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
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


def chained(texts: Sequence[str], link: str) -> str:
    """Return texts in a row, each two of them linked by a pattern of {first} and {second}; "" for none.

    >>> chained(["a", "b", "c"], "{first} and {second}")
    'a and b and c'
    """
    if len(texts) < 2:
        return as_told(texts[0]) if texts else ""
    half = len(texts) // 2  # not one within the other: a long row would be nested too deeply
    return Told(link, first=chained(texts[:half], link), second=chained(texts[half:], link))
