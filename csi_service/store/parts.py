"""The days' files of calls: which ones count, and the switch from old ones to new ones in one transaction."""

import contextlib
import dataclasses
import datetime as dt
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import sqlalchemy as sa

from csi_service.facts.duck import literal, load_rows, workspace
from csi_service.facts.kinds import REFERRING
from csi_service.facts.partitions import COLUMNS, Part, relation, sweep, telling_damage, write_part
from csi_service.records.database import chunks, next_revision, upsert
from csi_service.records.prepared import fetch
from csi_service.records.tables import CALL_PARTS, CALL_PLACES, RECORDS, REPLACED_PARTS
from csi_service.store.folder import CALLS_LOCK, Store
from csi_service.store.rows import insert, read_lists
from csi_service.store.writes import days_of_calls, mark_days

UNUSED_SECONDS = 900.0  # a reader that began with an old file has long ended by then
PATIENCE_SECONDS = 10.0  # of a reader, who keeps a thread of the service waiting
_AT_ONCE = 500
_POSTED = RECORDS["calls"]


def read_parts(connection: sa.Connection, days: Iterable[dt.date] | None = None) -> list[Part]:
    """Return the files that count, by day: all, or those of the days."""
    query = sa.select(CALL_PARTS).order_by(CALL_PARTS.c.day)
    if days is not None:
        query = query.where(CALL_PARTS.c.day.in_(list(days)))
    return [
        Part(row.day, row.file, row.calls, row.least_id, row.greatest_id, row.latest_at)
        for row in connection.execute(query).all()
    ]


_FIELDS = [CALL_PARTS.c[each.name] for each in dataclasses.fields(Part)]
_NEAR = (
    sa.select(*_FIELDS)
    .where(CALL_PARTS.c.least_id <= sa.bindparam("greatest"), CALL_PARTS.c.greatest_id >= sa.bindparam("least"))
    .order_by(CALL_PARTS.c.day)
)


def read_parts_with(connection: sa.Connection, least_id: str, greatest_id: str) -> list[Part]:
    """Return the files that count and may hold one of the call numbers in a range, by day."""
    return [Part(**row) for row in fetch(connection, _NEAR, {"least": least_id, "greatest": greatest_id})]


def with_calls(parts: Sequence[Part], least_id: str, greatest_id: str) -> list[Part]:
    """Return the files that may hold one of the call numbers in a range."""
    return [part for part in parts if part.least_id <= greatest_id and part.greatest_id >= least_id]


def switch(
    connection: sa.Connection,
    duck: duckdb.DuckDBPyConnection,
    days: Mapping[dt.date, Part | None],
    changed: str,
    revision: int,
    import_id: int | None = None,
) -> None:
    """Make new files count (None: the day has no calls any more), in the caller's write; the calls' lock is held.

    `changed` is a relation in `duck` (a table or view) with the `call_id` of every call that was added, changed or
    removed; records that name one of these calls count anew.
    """
    before = {part.day: part.file for part in read_parts(connection, days)}
    rows = [dataclasses.asdict(part) | {"revision": revision} for part in days.values() if part is not None]
    upsert(connection, CALL_PARTS, rows)
    gone = [day for day, part in days.items() if part is None]
    connection.execute(sa.delete(CALL_PARTS).where(CALL_PARTS.c.day.in_(gone)))
    if import_id is not None:
        kept = [{"import_id": import_id, "day": day, "file": before.get(day)} for day in days]
        upsert(connection, REPLACED_PARTS, kept)
    mark_days(connection, "calls", days, revision)
    _move_records(connection, duck, changed, revision)


def _move_records(connection: sa.Connection, duck: duckdb.DuckDBPyConnection, changed: str, revision: int) -> None:
    """Forget where the calls that changed belonged, and mark the days of the records that name one of them."""
    moved: list[str] = []
    for some in chunks(_perhaps_placed(connection, duck, changed), _AT_ONCE):
        gone = sa.delete(CALL_PLACES).where(CALL_PLACES.c.call_id.in_(some)).returning(CALL_PLACES.c.call_id)
        moved += connection.execute(gone).scalars()  # they are looked up anew when they are needed next
    for kind in REFERRING:
        mark_days(connection, kind, days_of_calls(connection, kind, moved), revision)


def _perhaps_placed(connection: sa.Connection, duck: duckdb.DuckDBPyConnection, changed: str) -> list[str]:
    """The calls that changed; where fewer places are kept than that, those of them whose places are.

    Both may be a million and others wait to write meanwhile, so the fewer ones are looked up among the many.
    """
    count = duck.execute(f"SELECT count(*) FROM {changed}").fetchall()[0][0]
    some = sa.select(CALL_PLACES.c.call_id).limit(count + 1).subquery()
    placed = connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    query = f"SELECT call_id FROM {changed}"
    if placed <= count:
        duck.execute("CREATE OR REPLACE TEMP TABLE placed_calls (call_id VARCHAR)")
        insert(duck, "placed_calls", {"call_id": "VARCHAR"}, read_lists(connection, sa.select(CALL_PLACES.c.call_id)))
        query += " WHERE call_id IN (SELECT call_id FROM placed_calls)"
    return [row[0] for row in duck.execute(query).fetchall()] if placed else []


def fold_posted(store: Store) -> None:
    """Put the calls that were sent one by one into their days' files; what comes meanwhile waits.

    Raises:
        StoreBusyError: others held the files for too long, as an import does that merges many days.
    """
    if not _any_posted(store):
        return
    with store.lock(CALLS_LOCK, PATIENCE_SECONDS):
        fold_locked(store)


def _any_posted(store: Store) -> bool:
    with store.database.reading() as connection:
        return connection.execute(sa.select(_POSTED.c.call_id).limit(1)).first() is not None


def fold_locked(store: Store) -> None:
    """Do as `fold_posted` for one who holds the calls' lock."""
    with store.database.reading() as connection:
        posted = [dict(row) for row in connection.execute(sa.select(_POSTED)).mappings()]
        parts = read_parts(connection)
    if not posted:
        return
    last = max(row["revision"] for row in posted)
    with workspace(opens=[store.calls]) as (duck, _):
        load_rows(duck, "posted", COLUMNS, posted)
        days = {row["day"] for row in posted}
        ids = [row["call_id"] for row in posted]
        days |= days_holding(duck, store.calls, with_calls(parts, min(ids), max(ids)), "posted")
        made = rewrite(duck, store.calls, parts, days, "posted", f"w{last}")
        with store.database.writing() as connection:
            revision = next_revision(connection)
            switch(connection, duck, made, "posted", revision)
            connection.execute(sa.delete(_POSTED).where(_POSTED.c.revision <= last))
    retire(store, [part for part in parts if part.day in made])


def days_holding(duck: duckdb.DuckDBPyConnection, folder: Path, parts: Sequence[Part], calls: str) -> set[dt.date]:
    """Return the days whose files hold one of the calls of a relation."""
    if not parts:
        return set()
    query = f"SELECT DISTINCT day FROM {relation(folder, parts)} WHERE call_id IN (SELECT call_id FROM {calls})"
    with telling_damage():
        return {row[0] for row in duck.execute(query).fetchall()}


def rewrite(
    duck: duckdb.DuckDBPyConnection,
    folder: Path,
    parts: Sequence[Part],
    days: Iterable[dt.date],
    added: str,
    tag: str,
) -> dict[dt.date, Part | None]:
    """Write each day's file anew: its calls without those of the relation `added`, and with those of that day."""
    kept = {part.day: part for part in parts}
    made: dict[dt.date, Part | None] = {}
    names = ", ".join(COLUMNS)
    for day in sorted(days):
        old = relation(folder, [kept[day]] if day in kept else [])
        query = (
            f"SELECT {names} FROM {old} AS old WHERE call_id NOT IN (SELECT call_id FROM {added}) "
            f"UNION ALL SELECT {names} FROM {added} AS new WHERE day = {literal(day.isoformat())}"
        )
        made[day] = write_part(duck, query, folder, day, tag)
    return made


def sweep_unused(store: Store, age_seconds: float = UNUSED_SECONDS) -> list[Path]:
    """Delete files of calls that nothing refers to and that nobody can be reading or making any more."""
    with store.lock(CALLS_LOCK):
        with store.database.reading() as connection:
            kept = referred(connection)
        return sweep(store.calls, kept, time.time() - age_seconds)


def retire(store: Store, replaced: Sequence[Part]) -> None:
    """Begin the last minutes of files that were just replaced, and end those of their months' earlier ones.

    Whoever began to read a file before it was replaced can go on for `UNUSED_SECONDS`. The calls' lock is held.
    """
    for part in replaced:
        with contextlib.suppress(FileNotFoundError):  # a damaged folder; csi doctor names what lacks
            os.utime(store.calls / part.file)
    with store.database.reading() as connection:
        kept = referred(connection)
    months = sorted({part.file.partition("/")[0] for part in replaced})
    sweep(store.calls, kept, time.time() - UNUSED_SECONDS, months)


def drop_unused(store: Store, tag: str) -> list[Path]:
    """Delete the files whose names end in a tag and that never counted; for one who holds the calls' lock."""
    with store.database.reading() as connection:
        kept = referred(connection)
    found = [path for ending in ("parquet", "part") for path in sorted(store.calls.glob(f"*/*.{tag}.{ending}"))]
    dropped = [path for path in found if path.relative_to(store.calls).as_posix() not in kept]
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped


def referred(connection: sa.Connection) -> set[str]:
    """Return the files of calls that count, or that an import put aside for its undoing."""
    put_aside = sa.select(REPLACED_PARTS.c.file).where(REPLACED_PARTS.c.file.is_not(None))
    return {part.file for part in read_parts(connection)} | set(connection.execute(put_aside).scalars())
