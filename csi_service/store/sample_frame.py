"""The calls that a sampling plan draws from: counted by stratum and picked by their place, never all in memory."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import sqlalchemy as sa

from csi_service.core.calculators.external import SCALES
from csi_service.core.sample_plans import SamplePlan, interleave, plan_sizes
from csi_service.core.sampling import draw_places
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.facts.duck import literal, load_rows, workspace
from csi_service.facts.kinds import UNASSIGNED
from csi_service.facts.partitions import relation, telling_damage
from csi_service.records.tables import RECORDS
from csi_service.schema.plans import MOST_SIZE
from csi_service.store.folder import Store
from csi_service.store.import_books import held
from csi_service.store.parts import read_parts

_AT_ONCE = 50_000
_HANDLING = "coalesce(talk_seconds, 0) + coalesce(hold_seconds, 0) + coalesce(wrap_seconds, 0)"


@dataclass(frozen=True, slots=True)
class Stratum:
    """The calls with the same members of the plan's dimensions, and the batch that those drawn of them make.

    `evaluated` of its calls have been evaluated already and are left out; `sample` are (to be) drawn.
    """

    batch: str
    members: tuple[str, ...]
    calls: int
    evaluated: int
    sample: int = 0

    @property
    def population(self) -> int:
        """The calls that the sample stands for."""
        return self.calls - self.evaluated


@dataclass(frozen=True, slots=True)
class DrawnCall:
    """A drawn call and the batch of its stratum."""

    call_id: str
    started_at: dt.datetime
    team: str | None
    agent: str | None
    batch: str


@contextlib.contextmanager
def drawing(store: Store) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an engine; its folder below `work` is held, so that who clears up there leaves it alone."""
    folder = store.work / f"plan-{uuid.uuid4().hex}"
    with held(folder), workspace(below=folder) as (duck, _):
        yield duck


@telling_damage()
def make_frame(
    store: Store,
    connection: sa.Connection,
    duck: duckdb.DuckDBPyConnection,
    plan: SamplePlan,
    teams: Sequence[str] | None,
) -> None:
    """Make the view `frame` of the calls that a plan may draw, of some teams only (None: all); calls are folded.

    Raises:
        InvalidInputError: calls named by hand that are none of the period.
        DamagedError: a file of calls cannot be read.
    """
    parts = [part for part in read_parts(connection) if plan.period.first <= part.day <= plan.period.last]
    conditions = ["true" if plan.calls or plan.rule else "answered"]
    if teams is not None:
        conditions.append(f"team IN ({', '.join(map(literal, teams))})")
    if plan.calls:
        load_rows(duck, "hand_calls", {"call_id": "VARCHAR"}, [{"call_id": call} for call in plan.calls])
        conditions.append("call_id IN (SELECT call_id FROM hand_calls)")
    conditions += _rule(connection, duck, plan)
    evaluated = "false"
    if not plan.calls:
        table = RECORDS["evaluations"]
        since = _first_instant(plan)
        _load_ids(duck, "evaluated_calls", connection, sa.select(table.c.call_id).where(table.c.evaluated_at >= since))
        evaluated = "call_id IN (SELECT call_id FROM evaluated_calls)"
    members = ", ".join(f"coalesce({name}, {literal(UNASSIGNED)})" for name in plan.strata)
    duck.execute(
        f"CREATE TEMP VIEW frame AS SELECT call_id, started_at, team, agent, "
        f"CAST([{members}] AS VARCHAR[]) AS members, {evaluated} AS evaluated "
        f"FROM {relation(store.calls, parts)} WHERE {' AND '.join(conditions)}"
    )
    if plan.calls:
        _check_named(duck, plan)


def _first_instant(plan: SamplePlan) -> dt.datetime:
    """A bound that no call of the period lies before, in UTC: the offsets of zones stay within a day."""
    first = max(plan.period.first, dt.date(1970, 1, 2))
    return dt.datetime.combine(first, dt.time()) - dt.timedelta(days=1)


def _load_ids(
    duck: duckdb.DuckDBPyConnection, table: str, connection: sa.Connection, query: sa.Select[tuple[str]]
) -> None:
    """Make a table of the call numbers that a query finds, some at a time."""
    duck.execute(f"CREATE OR REPLACE TEMP TABLE {table} (call_id VARCHAR)")
    found = connection.execution_options(yield_per=_AT_ONCE).execute(query.distinct())
    for some in found.partitions(_AT_ONCE):
        load_rows(duck, "some_ids", {"call_id": "VARCHAR"}, [{"call_id": row[0]} for row in some])
        duck.execute(f"INSERT INTO {table} SELECT call_id FROM some_ids")


def _rule(connection: sa.Connection, duck: duckdb.DuckDBPyConnection, plan: SamplePlan) -> Iterator[str]:
    """The conditions of a rule in SQL; those on other records through tables of the calls that they name."""
    rule = plan.rule
    for name in ("answered", "resolved"):
        if name in rule:
            yield name if rule[name] else f"NOT {name}"
    if "handle_seconds_from" in rule:
        yield f"{_HANDLING} >= {rule['handle_seconds_from']}"
    if "transfers_from" in rule:
        yield f"transfers >= {rule['transfers_from']}"
    surveys, complaints = RECORDS["surveys"], RECORDS["complaints"]
    if "dissatisfied" in rule:
        low = (sa.and_(surveys.c.scale == name, surveys.c.score < level) for name, (_, _, level) in SCALES.items())
        query = sa.select(surveys.c.call_id).where(surveys.c.call_id.is_not(None), sa.or_(*low))
        _load_ids(duck, "dissatisfied_calls", connection, query)
        yield "call_id IN (SELECT call_id FROM dissatisfied_calls)"
    if "complained" in rule:
        query = sa.select(complaints.c.call_id).where(complaints.c.call_id.is_not(None))
        _load_ids(duck, "complained_calls", connection, query)
        yield "call_id IN (SELECT call_id FROM complained_calls)"


def _check_named(duck: duckdb.DuckDBPyConnection, plan: SamplePlan) -> None:
    found = {row[0] for row in duck.execute("SELECT call_id FROM frame").fetchall()}
    text = Told("is no call of {label} that is known here", label=plan.period.label)
    if problems := [
        Problem(f"/plan/calls/{place}", text, call, "unknown_call")
        for place, call in enumerate(plan.calls)
        if call not in found
    ]:
        raise InvalidInputError(*problems)


@telling_damage()
def count_strata(duck: duckdb.DuckDBPyConnection, name: str, plan: SamplePlan) -> list[Stratum]:
    """Return the strata of the frame in the order of their members, with the size of each; `name` is the plan's.

    Raises:
        InvalidInputError: there is no call to draw from, or fewer than the plan asks for.
    """
    query = "SELECT members, count(*), count(*) FILTER (evaluated) FROM frame GROUP BY members ORDER BY members"
    rows = duck.execute(query).fetchall()
    strata = [
        Stratum(name if len(rows) == 1 else f"{name}/{number}", tuple(members), calls, evaluated)
        for number, (members, calls, evaluated) in enumerate(rows, 1)
    ]
    if not sum(stratum.population for stratum in strata):
        done = sum(stratum.evaluated for stratum in strata)
        text = (
            Told("finds no call of {period} to draw: all {done} are evaluated", period=plan.period.label, done=done)
            if done
            else Told("finds no call of {period} to draw", period=plan.period.label)
        )
        raise InvalidInputError(Problem("/plan", text, None, "no_calls"))
    return [replace(stratum, sample=size) for stratum, size in zip(strata, _sizes(plan, strata), strict=True)]


def _sizes(plan: SamplePlan, strata: Sequence[Stratum]) -> Iterable[int]:
    populations = {describe(plan, stratum.members): stratum.population for stratum in strata}
    if plan.size is None and plan.min_per is None:
        if sum(populations.values()) > MOST_SIZE:
            text = Told(
                "is missing; the rule fits {sum} calls, at most {most_size} can be given out",
                sum=sum(populations.values()),
                most_size=MOST_SIZE,
            )
            raise InvalidInputError(Problem("/plan/size", text, None, "missing"))
        return populations.values()
    least = plan.min_per if plan.min_per is not None or plan.selection == "random" else 1
    try:
        return plan_sizes(populations, plan.size, least).values()
    except InvalidInputError as error:
        raise InvalidInputError(*(replace(each, where=f"/plan/{each.where}") for each in error.problems)) from error


def describe(plan: SamplePlan, members: Sequence[str]) -> str:
    """Return a stratum in words."""
    named = [f"{name} {member!r}" for name, member in zip(plan.strata, members, strict=True)]
    return ", ".join(named) or Told("calls of {period}", period=plan.period.label)


@telling_damage()
def draw_calls(duck: duckdb.DuckDBPyConnection, strata: Sequence[Stratum], seed: int) -> list[DrawnCall]:
    """Return the drawn calls of the frame, in the order in which they are worked off: each stratum advances evenly."""
    drawn = draw_places(
        {stratum.batch: stratum.population for stratum in strata},
        {stratum.batch: stratum.sample for stratum in strata},
        seed,
    )
    rows = [
        {"members": list(stratum.members), "batch": stratum.batch, "place": place, "nth": nth}
        for stratum in strata
        for nth, place in enumerate(drawn[stratum.batch])
    ]
    load_rows(duck, "drawn", {"members": "VARCHAR[]", "batch": "VARCHAR", "place": "BIGINT", "nth": "BIGINT"}, rows)
    found = duck.execute(
        """
        WITH placed AS (
            SELECT members, call_id, row_number() OVER (PARTITION BY members ORDER BY call_id) - 1 AS place
            FROM frame WHERE NOT evaluated
        ),
        picked AS (SELECT call_id, batch, nth FROM placed JOIN drawn USING (members, place))
        SELECT call_id, started_at, team, agent, batch FROM frame JOIN picked USING (call_id) ORDER BY batch, nth
        """
    ).fetchall()
    calls = {row[0]: DrawnCall(*row) for row in found}
    by_stratum: dict[str, list[str]] = {stratum.batch: [] for stratum in strata}
    for call in calls.values():
        by_stratum[call.batch].append(call.call_id)
    return [calls[call] for _, call in interleave(by_stratum)]
