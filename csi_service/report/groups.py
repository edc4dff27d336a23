"""The groups of a report as a heat table: sorted by name, coloured only where a difference is more than chance."""

import math
from dataclasses import dataclass

import numpy as np

from csi_service.core.composite import walk
from csi_service.core.indicator import Array, Flags, Node
from csi_service.core.intervals import adjust_p
from csi_service.facts.kinds import UNASSIGNED
from csi_service.report.columns import ordered
from csi_service.report.evidence import LEAST_CASES, Limits, chance_of, enough, limits
from csi_service.report.figures import CHANCE
from csi_service.scoring import PeriodScores

FAR = 0.05  # a difference of five points is coloured strongly


@dataclass(frozen=True, slots=True)
class GroupColumn:
    """A column of the heat table: the node's key and name, and whether it shows what was measured or the score."""

    key: str
    name: str
    measured: bool


@dataclass(frozen=True, slots=True)
class GroupCell:
    """A figure of a group; `tone` is 1 or 2 where better than the other named groups together, -1 or -2 where worse."""

    shown: float | None
    value: float | None
    tone: int
    partial: bool
    n: float | None


@dataclass(frozen=True, slots=True)
class Group:
    """One group: its names by key, contacts, cells by column; `too_thin` where its index is not to be relied on."""

    names: tuple[str, ...]
    contacts: float | None
    cells: tuple[GroupCell, ...]
    too_thin: bool


def group_columns(part: PeriodScores) -> tuple[GroupColumn, ...]:
    """Return the columns: the index, its components, and the figures of those that are no survey channel."""
    keys = [(key, node.name) for key, node in walk(part.roots[0]) if not key.startswith("csi.external.")]
    ordered = sorted(keys, key=lambda pair: pair[0].count("."))
    return tuple(GroupColumn(key, name, key.count(".") > 1) for key, name in ordered)


def groups_of(part: PeriodScores, total: PeriodScores) -> tuple[Group, ...]:
    """Return the groups by name, those without a name last; one without contacts and figures is left out.

    A group is compared with all other named groups: a whole that holds the group itself hides half of a difference, and
    what has no name is often of another kind, as calls that were abandoned before an agent had them.
    """
    columns = group_columns(total)
    nodes = dict(walk(part.roots[0]))
    found = limits(part.roots[0], channels=False)
    names = [tuple(map(str, row)) for row in part.groups.itertuples(index=False, name=None)]
    named = np.array([UNASSIGNED not in each for each in names])
    tones = _tones(nodes, found, part.others, [column.key for column in columns], named)
    index = found["csi"]
    contacts = _contacts(nodes, len(part.groups))
    unsure = ~np.isnan(index.value) & ~enough(nodes["csi"], index)
    thin = unsure | (contacts < LEAST_CASES)
    cells = zip(*(_cells(nodes[c.key], tones[c.key], c.measured) for c in columns), strict=True)
    rows = (Group(*row) for row in zip(names, _plain(contacts), cells, thin.tolist(), strict=True))
    shown = (group for group in rows if group.contacts or any(cell.shown is not None for cell in group.cells))
    return tuple(sorted(shown, key=lambda group: (UNASSIGNED in group.names, ordered(group.names))))


def _contacts(nodes: dict[str, Node], groups: int) -> Array:
    complaint = nodes.get("csi.complaint")
    return np.full(groups, np.nan) if complaint is None else complaint.denominator


def _cells(node: Node, tones: list[int], measured: bool) -> list[GroupCell]:
    shown = _plain(node.raw if measured else node.value)
    return [
        GroupCell(*cell)
        for cell in zip(shown, _plain(node.value), tones, node.partial.tolist(), _plain(node.n), strict=True)
    ]


def _plain(values: Array) -> list[float | None]:
    return [None if math.isnan(value) else value for value in values.tolist()]


def _tones(
    nodes: dict[str, Node], found: dict[str, Limits], others: Node | None, keys: list[str], named: Flags
) -> dict[str, list[int]]:
    if others is None:
        return {key: [0] * len(nodes[key].value) for key in keys}
    rest, rests = dict(walk(others)), limits(others, channels=False)
    return {key: _apart(nodes[key], found[key], rest[key], rests[key], named) for key in keys}


def _apart(node: Node, found: Limits, rest: Node, rests: Limits, named: Flags) -> list[int]:
    fair = named & enough(node, found) & ~node.partial & enough(rest, rests) & ~rest.partial
    chances = np.where(fair, chance_of(rests, found), np.nan)
    apart = found.value - rests.value
    size = np.where(np.abs(apart) >= FAR, 2, 1)
    tones = np.where(adjust_p(chances, "bh") < CHANCE, np.sign(apart) * size, 0)
    return [int(tone) for tone in tones]
