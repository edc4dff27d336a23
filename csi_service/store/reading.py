"""Scores out of the store: of a period by groups, and of a row of periods."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from csi_service.core.calculators import CALCULATORS
from csi_service.core.composite import score, walk
from csi_service.core.indicator import Node
from csi_service.core.levels import LEVELS
from csi_service.core.periods import Period
from csi_service.core.told import Told, chained
from csi_service.core.weights import WeightSet, in_effect
from csi_service.errors import InvalidInputError, NotFoundError, Problem
from csi_service.language import message_of
from csi_service.scoring import PeriodScores, check_keys, score_periods
from csi_service.store.facts import StoreFacts, nothing_in, open_facts
from csi_service.store.folder import Store

MOST_POINTS, MOST_GROUP_POINTS = 500, 5000
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: the group keys, the members that count by dimension, the weights (None: by date).

    `teams` are the only teams that the caller sees (None: all); another one is to them as one that does not exist.
    `reader` is the person who is left without the calibrations in which they have still calls to judge (None: nobody).
    """

    keys: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weights: WeightSet | None = None
    teams: tuple[str, ...] | None = None
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """The scores of one period by group and in total; None where it has no record."""

    period: Period
    in_progress: bool
    weights: WeightSet
    by_group: PeriodScores | None = None
    total: PeriodScores | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the points, the number of the last write then, what is worth knowing.

    `slow` tells why it was counted from the records (None: it was not), `hint` why something is empty.
    """

    query: Query
    points: tuple[Point, ...]
    revision: int
    warnings: tuple[str, ...] = ()
    slow: str | None = None
    hint: str | None = None


def read_scores(store: Store, sets: Sequence[WeightSet], period: Period, query: Query, today: dt.date) -> Reading:
    """Return the scores of a period by group.

    Raises:
        InvalidInputError: group keys that are no dimensions, or no weights in effect in the period.
        DamagedError: a file of calls that is needed cannot be read.
    """
    check_keys(query.keys)
    facts = open_facts(store, period, query.keys, query.filters, teams=query.teams, by_day=False)
    return _reading(facts, [period], sets, query, today)


def read_series(
    store: Store, sets: Sequence[WeightSet], period: Period, grain: str, query: Query, today: dt.date
) -> Reading:
    """Return the scores of each day, week or month of a period by group.

    Raises:
        InvalidInputError: as `read_scores`, and where there would be too many points or groups.
        DamagedError: a file of calls that is needed cannot be read.
    """
    check_keys(query.keys)
    days = (period.last - period.first).days + 1
    if days > MOST_POINTS * 31:  # not even cut into months
        raise _too_many(Told("{days} days", days=days))
    parts = period.cut(grain)
    if len(parts) > MOST_POINTS:
        raise _too_many(Told("{points} points, at most {most} are answered", points=len(parts), most=MOST_POINTS))
    facts = open_facts(store, period, query.keys, query.filters, teams=query.teams)
    groups = facts.measures(weights_of(sets, parts[-1], query))[list(query.keys)].drop_duplicates()
    if query.keys and len(groups) * len(parts) > MOST_GROUP_POINTS:
        raise _too_many(
            Told(
                "{groups} groups x {points} points, at most {most} are answered",
                groups=len(groups),
                points=len(parts),
                most=MOST_GROUP_POINTS,
            )
        )
    return _reading(facts, parts, sets, query, today)


def _too_many(found: str) -> InvalidInputError:
    text = Told("asks for too much: {found}; take a coarser grain, a shorter time or fewer groups", found=found)
    return InvalidInputError(Problem("/grain", text, code="too_many"))


def weights_of(sets: Sequence[WeightSet], period: Period, query: Query) -> WeightSet:
    """Return the set that a period is scored with.

    Raises:
        InvalidInputError: none is in effect on its last day.
    """
    try:
        return query.weights or in_effect(sets, period.last)
    except NotFoundError as error:
        raise InvalidInputError(Problem("/period", message_of(error), period.label, "no_weights")) from error


def _reading(
    facts: StoreFacts, periods: Sequence[Period], sets: Sequence[WeightSet], query: Query, today: dt.date
) -> Reading:
    points, warnings = read_points(facts, [(period, weights_of(sets, period, query)) for period in periods], today)
    empty = all(point.total is None for point in points)
    return Reading(query, points, facts.revision, warnings, why_slow(facts), hint(facts, empty))


def read_points(
    facts: StoreFacts, periods: Sequence[tuple[Period, WeightSet]], today: dt.date
) -> tuple[tuple[Point, ...], tuple[str, ...]]:
    """Return the scores of periods of the facts, each with its set, and the warnings."""
    scores = score_periods(facts, periods, facts.keys, today)
    found = {total.period: (by_group, total) for by_group, total in zip(scores.by_group, scores.total, strict=True)}
    points = (
        Point(period, period.last >= today, weights, *found.get(period, (None, None))) for period, weights in periods
    )
    return tuple(points), tuple(scores.warnings)


def why_slow(facts: StoreFacts) -> str | None:
    """Return why facts were counted from the records; None where they were not."""
    return Told("no counters are kept for these dimensions together; counted from the records") if facts.slow else None


def hint(facts: StoreFacts, empty: bool) -> str | None:
    """Return why the answer is empty, or which members of a filter have no record; None where nothing is odd."""
    unknown = [
        _unknown(facts, name, missing)
        for name, members in facts.filters.items()
        if facts.seen.get(name) and (missing := [member for member in members if member not in facts.seen[name]])
    ]
    if unknown:
        return chained(unknown, "{first}; {second}")
    if not empty:
        return None
    if any(facts.seen.values()):
        return Told("no record in {period} fits all filters together", period=facts.period.label)
    if facts.teams is not None:  # the days of other teams' records are not told
        return Told("there is no record of your teams in {period}", period=facts.period.label)
    with facts.store.database.reading() as connection:
        return nothing_in(connection, facts.period)


def _unknown(facts: StoreFacts, name: str, missing: Sequence[str]) -> str:
    known = sorted(facts.seen[name])
    more = Told(" and {count} more", count=len(known) - _MOST_NAMED) if known[_MOST_NAMED:] else ""
    listed = ", ".join(known[:_MOST_NAMED])
    return Told(
        "no record in {period} has the {name} {missing}; known are {listed}{more}",
        period=facts.period.label,
        name=name,
        missing=", ".join(missing),
        listed=listed,
        more=more,
    )


def nodes_of(part: PeriodScores | None) -> dict[str, Node]:
    """Return the nodes of a period's trees by their dotted keys."""
    return {} if part is None else {key: node for root in part.roots for key, node in walk(root)}


def check_node(name: str, where: str, weights: WeightSet, others: Sequence[str] = ()) -> None:
    """Refuse a name that no node of a set's tree can have (channels come with the data) and that is none of `others`.

    Raises:
        InvalidInputError: with the names that are known.
    """
    known = [*others, *known_nodes(weights)]
    channels = [f"csi.{calculator.name}." for calculator in CALCULATORS if calculator.per_channel]
    if name not in known and not name.startswith(tuple(channels)):
        listed = ", ".join([*known, *(f"{start}<channel>" for start in channels)])
        raise InvalidInputError(
            Problem(where, Told("is not known here; known are {listed}", listed=listed), name, "unknown_node")
        )


def known_nodes(weights: WeightSet) -> list[str]:
    """Return the dotted keys that the trees of a set have with any data."""
    tree = [key for key, _ in walk(score({}, 1, weights))]
    return [*tree, "outlook", "ratings", *(f"ratings.{level}" for level in LEVELS)]
