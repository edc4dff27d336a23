"""A text for people that can be told again in another language: its pattern, and the values that stand in it."""

from __future__ import annotations

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

    def __new__(cls, pattern: str, **values: Any) -> Told:
        """Fill the pattern; a value may itself be a `Told`."""
        text = super().__new__(cls, pattern.format(**values))
        text.pattern = pattern
        text.values = values
        return text

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Make copies and pickles from the pattern."""
        return (self.pattern,), self.values
