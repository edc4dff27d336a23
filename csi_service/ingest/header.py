"""Header names: how they are cleaned, and how many columns a file may have."""

import re
from collections.abc import Iterable

MAX_COLUMNS = 2000


def header_of(cells: Iterable[str]) -> tuple[str, ...]:
    """Return the names without space around them; a line break within a name reads as a space."""
    return tuple(re.sub(r"\s*[\r\n]\s*", " ", cell.strip()) for cell in cells)
