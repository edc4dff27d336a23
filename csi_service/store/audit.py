"""The audit trail: who changed what and when, noted in the transaction of the change itself; only ever added to."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.core.periods import Period
from csi_service.records.prepared import run
from csi_service.records.tables import AUDIT
from csi_service.store.writes import as_json

_INSERT = sa.insert(AUDIT)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one thing: a verb, its number or name, and the thing before and after (None: there is none)."""

    action: str
    subject: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries to read: exact words (None: any), and the instants from (included) to (excluded)."""

    actor: str | None = None
    action: str | None = None
    kind: str | None = None
    subject: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change as it was noted; `at` is in UTC, `revision` the number of the write (None: it touched no figures)."""

    id: int
    at: dt.datetime
    actor: str
    action: str
    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    revision: int | None


def note(
    connection: sa.Connection,
    at: dt.datetime,
    actor: str,
    action: str,
    kind: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    revision: int | None = None,
) -> None:
    """Note one change in the caller's write; days and instants are kept as ISO text."""
    note_many(connection, at, actor, kind, [Change(action, subject, before, after)], revision)


def note_many(
    connection: sa.Connection,
    at: dt.datetime,
    actor: str,
    kind: str,
    changes: Iterable[Change],
    revision: int | None = None,
) -> None:
    """Note the changes of one write, in order."""
    keep_notes(connection, notes(at, actor, kind, changes, revision))


def notes(
    at: dt.datetime, actor: str, kind: str, changes: Iterable[Change], revision: int | None
) -> list[Mapping[str, Any]]:
    """Return the changes of one write as rows of the trail, in order."""
    return [
        {
            "at": at,
            "actor": actor,
            "action": change.action,
            "kind": kind,
            "subject": change.subject,
            "before": None if change.before is None else as_json(change.before),
            "after": None if change.after is None else as_json(change.after),
            "revision": revision,
        }
        for change in changes
    ]


def keep_notes(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows to the trail."""
    if rows:
        run(connection, _INSERT, rows)


def read_audit(
    connection: sa.Connection, filters: AuditFilter, cursor: int | None = None, limit: int = 100
) -> tuple[list[AuditEntry], int | None]:
    """Return the entries that fit, the newest first, and the cursor that continues (None: there are no more)."""
    query = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit + 1)
    found = asdict(filters)
    since, until = found.pop("since"), found.pop("until")
    query = query.where(*(AUDIT.c[name] == value for name, value in found.items() if value is not None))
    if since is not None:
        query = query.where(AUDIT.c.at >= since)
    if until is not None:
        query = query.where(AUDIT.c.at < until)
    if cursor is not None:
        query = query.where(AUDIT.c.id < cursor)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    entries = [AuditEntry(**row | {"at": row["at"].replace(tzinfo=dt.UTC)}) for row in rows[:limit]]
    return entries, entries[-1].id if len(rows) > limit else None


def instants_of(period: Period, time_zone: dt.tzinfo) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return the first instant of a period of local days and the first one after it (None: the end of all time)."""

    def midnight(day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(), time_zone)

    return (
        None if period.first == dt.date.min else midnight(period.first),
        None if period.last == dt.date.max else midnight(period.last + dt.timedelta(days=1)),
    )
