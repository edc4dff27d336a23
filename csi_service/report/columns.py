"""Text in columns for a terminal: what may be shown, and how wide it is."""

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


def in_columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> Iterator[str]:
    """Yield the rows as aligned columns with a line under the first; the columns of `left` stand to the left."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        padded = [(cell, " " * (most - width(cell))) for cell, most in zip(row, widths, strict=True)]
        cells = [cell + space if index in left else space + cell for index, (cell, space) in enumerate(padded)]
        yield "  ".join(cells).rstrip()
        if number == 0:
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))
