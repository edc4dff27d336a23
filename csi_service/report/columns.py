"""Text in columns for a terminal: what may be shown, how wide it is, and in which order names stand."""

import re
import unicodedata
from collections.abc import Iterator, Sequence


def visible(text: str) -> str:
    """Return a text without signs that move the cursor, colour the terminal or hide; each reads as `?` instead."""
    return "".join("?" if unicodedata.category(sign)[0] == "C" else sign for sign in text)


def width(text: str) -> int:
    """Return the places that a text takes: a Chinese character takes two, a combining accent none."""
    wide = sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
    return wide - sum(unicodedata.category(sign) in ("Mn", "Me") for sign in text)


def padded(text: str, places: int) -> str:
    """Return a text with space behind it, as wide as so many places."""
    return text + " " * (places - width(text))


def ordered(names: Sequence[str]) -> list[str]:
    """Return what names are sorted by: the numbers in them count as such, Chinese ones too.

    >>> sorted(["T10", "T9", "华东三组", "华东一组", "华东十组"], key=lambda name: ordered([name]))
    ['T9', 'T10', '华东一组', '华东三组', '华东十组']
    """
    return [re.sub(r"\d+", lambda digits: digits[0].zfill(20), _TENS.sub(_number, name)) for name in names]


_NUMERALS = "一二三四五六七八九"
_TENS = re.compile(rf"([{_NUMERALS}]?)十([{_NUMERALS}]?)|([{_NUMERALS}])")


def _number(found: re.Match[str]) -> str:
    tens, ones, alone = found.groups()
    if alone:
        return str(_NUMERALS.index(alone) + 1)
    return str(10 * (_NUMERALS.index(tens) + 1 if tens else 1) + (_NUMERALS.index(ones) + 1 if ones else 0))


def in_columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> Iterator[str]:
    """Yield the rows as aligned columns with a line under the first; the columns of `left` stand to the left."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        padded = [(cell, " " * (most - width(cell))) for cell, most in zip(row, widths, strict=True)]
        cells = [cell + space if index in left else space + cell for index, (cell, space) in enumerate(padded)]
        yield "  ".join(cells).rstrip()
        if number == 0:
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))
