"""The groups of a period in an order, and a page of them: where it goes on is found by rank, whatever came or went."""

import base64
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

from csi_service.core.indicator import Node
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.scoring import PeriodScores

MOST_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Paging:
    """How groups are ordered and how many are wanted.

    `sort` is a group key or a node's dotted key, after a minus sign from the greatest down; empty: by the group keys.
    `cursor` is where the page before ended.
    """

    sort: str = ""
    limit: int = MOST_GROUPS
    cursor: str | None = None


@total_ordering
class _Down:
    """A text that comes before those that it would come after."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and self.text == other.text

    def __lt__(self, other: "_Down") -> bool:
        return self.text > other.text

    __hash__ = None  # type: ignore[assignment]


def page(part: PeriodScores, nodes: Mapping[str, Node], paging: Paging) -> tuple[list[int], str | None]:
    """Return the places of the page's groups in their order, and the cursor of the next page (None: no more).

    Groups without a value come last, those of the same value by their keys.

    Raises:
        InvalidInputError: a cursor of another list.
    """
    keys = tuple(part.groups.columns)
    name, down = paging.sort.removeprefix("-"), paging.sort.startswith("-")
    groups = list(zip(*(part.groups[key] for key in keys), strict=True)) or [()]
    values = nodes[name].value.tolist() if name in nodes else [None] * len(groups)

    def rank(value: float | None, group: Sequence[str]) -> tuple[Any, ...]:
        if name in keys:
            first = group[keys.index(name)]
            return (_Down(first) if down else first, *group)
        if value is None or value != value:
            return (True, 0.0, *group)
        return (False, -value if down else value, *group)

    ranks = [rank(value, group) for value, group in zip(values, groups, strict=True)]
    order = sorted(range(len(groups)), key=ranks.__getitem__)
    start = 0
    if paging.cursor is not None:
        value, group = _read_cursor(paging, keys)
        start = bisect_right(order, rank(value, group), key=ranks.__getitem__)
    places = order[start : start + paging.limit]
    more = start + paging.limit < len(order)
    return places, _cursor(paging, keys, values[places[-1]], groups[places[-1]]) if more else None


def _cursor(paging: Paging, keys: Sequence[str], value: float | None, group: Sequence[str]) -> str:
    known = None if value is None or value != value else value
    text = json.dumps([paging.sort, list(keys), known, list(group)], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(paging: Paging, keys: Sequence[str]) -> tuple[float | None, list[str]]:
    text = paging.cursor or ""
    try:
        sort, of_keys, value, group = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        fits = (sort, of_keys) == (paging.sort, list(keys)) and type(group) is list and len(group) == len(keys)
        fits = fits and (value is None or type(value) is float) and all(type(member) is str for member in group)
    except (ValueError, TypeError, RecursionError):  # the last: nested a thousand times
        fits = False
    if not fits:
        right = Told("is no cursor of this list; give next_cursor of the page before, with the same by and sort")
        raise InvalidInputError(Problem("/cursor", right, text, "cursor"))
    return value, group
