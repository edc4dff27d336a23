"""Records of an import other than calls: the engine's good rows staged beside the tables, then put in place.

What becomes of them, and which days are marked, is what `writes.put_records` does record by record; but what was
decided on appeal about an evaluation stands.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import sqlalchemy as sa

from csi_service.core.periods import parse_period
from csi_service.facts.kinds import Kind
from csi_service.records.database import upsert
from csi_service.records.tables import DECIDED, RECORDS, Instant
from csi_service.store.bulk import compare, create_spans, create_staged, differs, fill, is_one, put, staged
from csi_service.store.put_aside import put_aside
from csi_service.store.writes import TOGETHER, SameCallDays, find_same_call_days, mark_days, place_evaluations

_AT_ONCE = 10_000
_LATEST = "greatest(opened_at, closed_at, list_max(reactivated_at))"


def stage_records(connection: sa.Connection, duck: duckdb.DuckDBPyConnection, kind: Kind) -> SameCallDays:
    """Stage the rows of the engine's table of a kind; return the days of the records that stand for the same calls."""
    table = create_staged(connection, kind.name)
    names = [name for name in table.c.keys() if name != "import_id"]
    fill(connection, table, names, _rows(duck, kind, table, connection.dialect.name == "sqlite"))
    if kind.name not in TOGETHER:
        return find_same_call_days(connection, kind.name, [])
    kept = RECORDS[kind.name]
    replaced = sa.select(kept.c.call_id).select_from(table.join(kept, is_one(kind.name)))
    return find_same_call_days(connection, kind.name, [sa.select(table.c.call_id), replaced])


def _rows(
    duck: duckdb.DuckDBPyConnection, kind: Kind, table: sa.Table, sqlite: bool
) -> Iterator[list[tuple[Any, ...]]]:
    """Rows as the driver takes them, in the order of their identities, as is best for the tables' indexes."""
    columns = [column for column in table.c if column.name != "import_id"]
    values = ", ".join(_value(kind, column, sqlite) for column in columns)
    found = duck.execute(f"SELECT {values} FROM {kind.name} ORDER BY {', '.join(kind.identity)}")
    lists = [place for place, column in enumerate(columns) if isinstance(column.type, sa.JSON)]
    while rows := found.fetchmany(_AT_ONCE):
        if lists:
            rows = [tuple(_texts(cell) if place in lists else cell for place, cell in enumerate(row)) for row in rows]
        yield rows


def _value(kind: Kind, column: sa.Column[Any], sqlite: bool) -> str:
    name = f"coalesce({column.name}, '')" if column.name in kind.identity and column.name != "day" else column.name
    if column.name == "latest_at":
        name = _LATEST
    if sqlite and isinstance(column.type, Instant):
        return f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')"
    if sqlite and isinstance(column.type, sa.Date):
        return f"CAST({name} AS VARCHAR)"
    return name


def _texts(instants: list[dt.datetime] | None) -> str | None:
    return None if instants is None else json.dumps([instant.isoformat() for instant in instants])


def put_staged(
    connection: sa.Connection, kind: Kind, same_calls: SameCallDays, revision: int, time_zone: str, import_id: int
) -> Counter[str]:
    """Put the staged rows into the kind's table, mark the days; return how many came out how."""
    new, decided = staged(kind.name), 0
    if kind.name == "evaluations":
        decided = _leave_decided(connection, new)
        _place_in_batches(connection, new)
    whole = connection.execute(sa.select(sa.func.count()).select_from(new)).scalar_one()
    found = compare(connection, kind.name)
    mark_days(connection, kind.name, _days(connection, kind.name) | same_calls.days_now(connection), revision)
    if found.there:
        put_aside(connection, kind.name, import_id)
    put(connection, RECORDS[kind.name], new, found.fields, import_id=import_id, revision=revision)
    if kind.name == "batches":
        place_evaluations(connection, list(connection.execute(sa.select(new.c.batch)).scalars()), revision, time_zone)
    unchanged = found.there - found.others + decided
    return Counter(created=whole - found.there, replaced=found.others, unchanged=unchanged)


def _leave_decided(connection: sa.Connection, new: sa.Table) -> int:
    """Leave out the evaluations that an upheld appeal has changed or withdrawn; return how many."""
    return connection.execute(sa.delete(new).where(new.c.evaluation_id.in_(DECIDED))).rowcount


def _place_in_batches(connection: sa.Connection, new: sa.Table) -> None:
    """An evaluation counts on its day, but within its batch's period."""
    batches = RECORDS["batches"]
    named = sa.select(batches.c.batch, batches.c.period).where(batches.c.batch.in_(sa.select(new.c.batch)))
    rows = [(row.batch, parse_period(row.period)) for row in connection.execute(named)]
    if not rows:
        return
    spans = create_spans(connection)
    upsert(connection, spans, [{"batch": batch, "first": span.first, "last": span.last} for batch, span in rows])
    within = sa.case((new.c.day < spans.c.first, spans.c.first), else_=spans.c.last)
    outside = sa.or_(new.c.day < spans.c.first, new.c.day > spans.c.last)
    connection.execute(sa.update(new).values(day=within).where(new.c.batch == spans.c.batch, outside))


def _days(connection: sa.Connection, kind: str) -> set[dt.date]:
    """The days of what is created or replaced."""
    table, new = RECORDS[kind], staged(kind)
    there = table.primary_key.columns[0].is_not(None)
    created_or_replaced = sa.select(new.c.day).select_from(new.outerjoin(table, is_one(kind)))
    query = sa.union(
        created_or_replaced.where(sa.or_(sa.not_(there), differs(kind))),
        sa.select(table.c.day).select_from(new.join(table, is_one(kind))).where(differs(kind)),
    )
    return {day for day in connection.execute(query).scalars() if day is not None}
