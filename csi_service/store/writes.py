"""Records into the tables: what a write changes, and the days whose figures it changes, in one transaction.

A day's figures also depend on other days' records where several stand for one call: of two surveys after one call the
later is set aside, of two ratings by one rater the newer counts. So the days of all records of that call are marked.
"""

import datetime as dt
import functools
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from csi_service.core.periods import parse_period
from csi_service.facts.kinds import KINDS, Kind
from csi_service.records.database import chunks, upsert
from csi_service.records.prepared import among, fetch
from csi_service.records.tables import DAYS, HELD_FIELDS, RECORDS, REPLACED_RECORDS, STATE

Record = dict[str, Any]
_AT_ONCE = 500  # identities in one statement
TOGETHER = ("surveys", "evaluations")  # kinds of which several records may stand for one call


@dataclass(slots=True)
class Written:
    """What became of each record, in order: created, replaced or unchanged; the replaced ones as they were.

    `days` are those whose figures change.
    """

    results: list[str] = field(default_factory=list)
    before: list[Record | None] = field(default_factory=list)
    days: set[dt.date] = field(default_factory=set)


def put_records(
    connection: sa.Connection,
    kind: Kind,
    records: Sequence[Record],
    revision: int,
    time_zone: str,
) -> Written:
    """Insert or replace records of a kind and mark the days whose figures change; many at once: `import_records`.

    A record has every field of the kind (None where nothing is known; instants in UTC without a zone) and `day`. Of
    records with the same identity the last one counts.
    """
    written = put_unmarked(connection, kind, records, revision, time_zone)
    mark_days(connection, kind.name, written.days, revision)
    return written


def put_unmarked(
    connection: sa.Connection,
    kind: Kind,
    records: Sequence[Record],
    revision: int,
    time_zone: str,
) -> Written:
    """Do as `put_records`, but leave it to the caller to mark the days."""
    table = RECORDS[kind.name]
    records = [_keyed(kind, record) for record in records]
    if kind.name == "evaluations":
        _place_in_batches(connection, records, time_zone)
    if kind.name == "tickets":
        for record in records:
            record["latest_at"] = _latest(record)
    alike = _alike(connection, kind, records)
    identities = {_identity(kind, record) for record in records}
    olds = {key: row for key, row in ((_identity(kind, row), row) for row in alike) if key in identities}
    written, changed = Written(), dict[tuple[Any, ...], Record]()
    for record in records:
        key = _identity(kind, record)
        old = changed.get(key) or olds.get(key)
        same = old is not None and all(old[name] == record[name] for name in record)
        written.results.append("unchanged" if same else "created" if old is None else "replaced")
        written.before.append(old)
        if not same:
            changed[key] = record
            written.days |= {each["day"] for each in (old, record) if each is not None and each["day"] is not None}
    stored = [record | {"import_id": None, "revision": revision} for record in changed.values()]
    if kind.name in TOGETHER:
        before_and_after = [each for key, record in changed.items() for each in (record, olds.get(key, record))]
        calls = {each["call_id"] for each in before_and_after} - {None}
        written.days |= {row["day"] for row in alike if row["call_id"] in calls} - {None}
        written.days |= days_of_calls(connection, kind.name, calls - {record["call_id"] for record in records})
    for chunk in chunks(stored, 10_000):
        upsert(connection, table, chunk)
    if kind.name == "batches":
        place_evaluations(connection, [record["batch"] for record in changed.values()], revision, time_zone)
    return written


def delete_records(
    connection: sa.Connection, kind: Kind, identities: Sequence[tuple[Any, ...]], revision: int, time_zone: str
) -> list[Record]:
    """Delete records of a kind (calls excepted), mark the days whose figures change, and return them as they were.

    What an import had put aside of them goes as well: undoing it must not bring back what was deleted.
    """
    table = RECORDS[kind.name]
    olds = list(find_records(connection, kind, identities).values())
    days = {old["day"] for old in olds} - {None}
    if kind.name in TOGETHER:
        days |= days_of_calls(connection, kind.name, {old["call_id"] for old in olds} - {None})
    for old in olds:
        key = _identity(kind, old)
        own = [table.c[name] == value for name, value in zip(kind.identity, key, strict=True)]
        connection.execute(sa.delete(table).where(*own))
        aside = (REPLACED_RECORDS.c.kind == kind.name, REPLACED_RECORDS.c.identity == identity_text(key))
        connection.execute(sa.delete(REPLACED_RECORDS).where(*aside))
    if kind.name == "batches":
        place_evaluations(connection, [old["batch"] for old in olds], revision, time_zone)
    mark_days(connection, kind.name, days, revision)
    return olds


def _keyed(kind: Kind, record: Mapping[str, Any]) -> Record:
    """The record with '' for a blank part of its identity, as a key must have a value."""
    return {name: "" if value is None and name in kind.identity else value for name, value in record.items()}


def _latest(ticket: Mapping[str, Any]) -> dt.datetime:
    back = [dt.datetime.fromisoformat(text) for text in ticket["reactivated_at"] or ()]
    closed = [] if ticket["closed_at"] is None else [ticket["closed_at"]]
    latest: dt.datetime = max([ticket["opened_at"], *closed, *back])
    return latest


def _identity(kind: Kind, record: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(record[name] for name in kind.identity)


def find_records(
    connection: sa.Connection, kind: Kind, identities: Iterable[tuple[Any, ...]]
) -> dict[tuple[Any, ...], Record]:
    """Return the records of these identities that are kept."""
    wanted = list(dict.fromkeys(identities))
    if not wanted:
        return {}
    if len(kind.identity) == 1:
        rows = fetch(connection, _of_identities(kind.name), {"identities": [key[0] for key in wanted]})
        return {(row[kind.identity[0]],): row for row in rows}
    found = {}
    for chunk in chunks(wanted, _AT_ONCE):
        for row in connection.execute(_of_tuples(kind.name), {"keys": chunk}).mappings():
            found[_identity(kind, dict(row))] = dict(row)
    return found


@functools.cache
def _of_identities(kind: str) -> sa.Select[Any]:
    """The records whose number is in the list `identities`."""
    table, (number,) = RECORDS[kind], KINDS[kind].identity
    return sa.select(table).where(among(table.c[number], "identities"))


@functools.cache
def _of_tuples(kind: str) -> sa.Select[Any]:
    """The records whose identities, of several columns, are in the list `keys`."""
    table = RECORDS[kind]
    columns = [table.c[name] for name in KINDS[kind].identity]
    return sa.select(table).where(sa.tuple_(*columns).in_(sa.bindparam("keys", expanding=True)))


def _alike(connection: sa.Connection, kind: Kind, records: Sequence[Record]) -> list[Record]:
    """The kept records of the same identities and, where several may stand for one call, of the same calls."""
    identities = [_identity(kind, record) for record in records]
    if kind.name not in TOGETHER:
        return list(find_records(connection, kind, identities).values())
    calls = {record["call_id"] for record in records} - {None}
    return fetch(connection, _alike_of(kind.name), {"identities": [key[0] for key in identities], "calls": list(calls)})


@functools.cache
def _alike_of(kind: str) -> sa.Select[Any]:
    """The records whose number is in the list `identities`, or whose call is in the list `calls`."""
    table, (number,) = RECORDS[kind], KINDS[kind].identity
    return sa.select(table).where(sa.or_(among(table.c[number], "identities"), among(table.c.call_id, "calls")))


def days_of_calls(connection: sa.Connection, kind: str, calls: Iterable[str]) -> set[dt.date]:
    """Return the days of a kind's records that name one of the calls."""
    wanted = list(calls)
    return {row["day"] for row in fetch(connection, _days_of(kind), {"calls": wanted})} if wanted else set()


@functools.cache
def _days_of(kind: str) -> sa.Select[Any]:
    """The days of the records that name one of the list `calls`."""
    table = RECORDS[kind]
    named = among(table.c.call_id, "calls")
    return sa.select(table.c.day).distinct().where(named, table.c.day.is_not(None))


def same_call_days(connection: sa.Connection, kind: str, calls: Any, found: set[dt.date]) -> set[dt.date]:
    """Return the days found and those of all records of a kind that name one of the calls of a query.

    The calls are looked at only where the kind has other days at all.
    """
    table = RECORDS[kind]
    days = sa.select(table.c.day).distinct().where(table.c.day.is_not(None))
    if set(connection.execute(days).scalars()) <= found:
        return found
    return found | set(connection.execute(days.where(table.c.call_id.in_(calls))).scalars())


@dataclass(frozen=True, slots=True)
class SameCallDays:
    """The days of the records of a kind that stand for the same calls as some others, as they were at a revision."""

    kind: str
    days: frozenset[dt.date]
    revision: int

    def days_now(self, connection: sa.Connection) -> set[dt.date]:
        """Return these days and, so that none is missed, those that were written to since."""
        if self.kind not in TOGETHER:
            return set()
        since = sa.select(DAYS.c.day).where(DAYS.c.kind == self.kind, DAYS.c.revision > self.revision)
        return {*self.days, *connection.execute(since).scalars()}


def find_same_call_days(connection: sa.Connection, kind: str, calls: Sequence[sa.Select[Any]]) -> SameCallDays:
    """Return the days of a kind's records that name one of the calls of some queries, which takes long for many."""
    revision = connection.execute(sa.select(STATE.c.revision)).scalar_one()
    days = same_call_days(connection, kind, sa.union(*calls), set()) if calls else set()
    return SameCallDays(kind, frozenset(days), revision)


def mark_days(connection: sa.Connection, kind: str, days: Iterable[dt.date], revision: int) -> None:
    """Say that the counters of these days must be as new as this write."""
    keep_marks(connection, marks(kind, days, revision))


def marks(kind: str, days: Iterable[dt.date], revision: int) -> list[Mapping[str, Any]]:
    """Return what says that the counters of days must be as new as a write."""
    return [{"kind": kind, "day": day, "revision": revision} for day in sorted(days)]


def keep_marks(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put marks of days in place of earlier ones."""
    upsert(connection, DAYS, rows)


def hold_fields(connection: sa.Connection, kind: str, names: Iterable[str], import_id: int = 0) -> None:
    """Note the fields that records of a kind were given (by an import, or one by one: 0)."""
    upsert(connection, HELD_FIELDS, [{"kind": kind, "field": name, "import_id": import_id} for name in sorted(names)])


def identity_text(key: Iterable[Any]) -> str:
    """Return an identity as one text."""
    return "\x1f".join(map(str, key))


def as_json(record: Mapping[str, Any]) -> Record:
    """Return a record as JSON can hold it: days and instants as ISO text."""
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in record.items()}


def local_day(instant: dt.datetime, time_zone: str) -> dt.date:
    """Return the local day of an instant in UTC without a zone."""
    return instant.replace(tzinfo=dt.UTC).astimezone(zoneinfo.ZoneInfo(time_zone)).date()


def _place_in_batches(connection: sa.Connection, records: Sequence[Record], time_zone: str) -> None:
    """An evaluation counts on its day, but within its batch's period."""
    names = {record["batch"] for record in records if record["batch"] is not None}
    batches = find_records(connection, KINDS["batches"], [(name,) for name in names])
    for record in records:
        day = local_day(record["evaluated_at"], time_zone)
        batch = batches.get((record["batch"],))
        record["day"] = day if batch is None else _within(day, batch["period"])


def _within(day: dt.date, period: str) -> dt.date:
    span = parse_period(period)
    return max(min(day, span.last), span.first)


def place_evaluations(connection: sa.Connection, batches: Sequence[str], revision: int, time_zone: str) -> None:
    """Count the evaluations of batches anew on their days after a batch was changed, and mark these days."""
    table = RECORDS["evaluations"]
    own = [table.c[name] for name in ("evaluation_id", "evaluated_at", "batch", "day")]
    days = sa.select(table.c.day).distinct()
    for chunk in chunks(batches, _AT_ONCE):
        of_batches = table.c.batch.in_(chunk)
        marked = set(connection.execute(days.where(of_batches)).scalars())
        moved: list[Record] = []
        found = connection.execute(sa.select(*own).where(of_batches), execution_options={"yield_per": 10_000})
        for some in found.mappings().partitions():
            rows = [dict(row) for row in some]
            _place_in_batches(connection, rows, time_zone)
            moved += [
                {"number": row["evaluation_id"], "to": row["day"]}
                for row, old in zip(rows, some, strict=True)
                if row["day"] != old["day"]
            ]
        if moved:
            move = sa.update(table).where(table.c.evaluation_id == sa.bindparam("number"))
            connection.execute(move.values(day=sa.bindparam("to")), moved)
        marked |= set(connection.execute(days.where(of_batches)).scalars())
        same_calls = same_call_days(connection, "evaluations", sa.select(table.c.call_id).where(of_batches), marked)
        mark_days(connection, "evaluations", same_calls, revision)
