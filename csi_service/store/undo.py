"""Undoing an import: what came with it goes, what it had replaced comes back unless something newer stands there.

Afterwards the store is as if the import had never been: where a later import had replaced what this one brought in, and
is undone as well, what was there before both comes back.
"""

import contextlib
import datetime as dt
from collections.abc import Iterable

import duckdb
import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import ConflictError, CsiError
from csi_service.facts.duck import literal, workspace
from csi_service.facts.partitions import COLUMNS, Part, relation, telling_damage, write_part
from csi_service.records.database import next_revision
from csi_service.records.tables import HELD_FIELDS, IMPORTS, RECORDS, REPLACED_PARTS
from csi_service.store import import_books as books
from csi_service.store.audit import note
from csi_service.store.bulk import compare, is_one, staged, writing_staged
from csi_service.store.folder import CALLS_LOCK, IMPORT_LOCK, Store
from csi_service.store.import_books import DONE, UNDOING, UNDONE, Import, Now, find_import, hold, let_go, work_folder
from csi_service.store.import_calls import telling_full
from csi_service.store.parts import drop_unused, fold_locked, read_parts, retire, switch
from csi_service.store.put_aside import pass_on, stage_replaced
from csi_service.store.writes import TOGETHER, SameCallDays, find_same_call_days, mark_days, place_evaluations

_NAMES = ", ".join(COLUMNS)


def undo_import(store: Store, number: int, actor: str, now: Now) -> Import:
    """Undo an import that counts, in one write.

    Raises:
        NotFoundError: there is no such import.
        ConflictError: it does not count (any more), what it had replaced is not kept any more, or another process is at
            it.
        StoreFullError: no room is left; nothing has changed.
    """
    handle = hold(work_folder(store, number))
    try:
        with store.lock(IMPORT_LOCK):
            found = find_import(store, number)
            if found.status not in (DONE, UNDOING) or handle is None:
                raise ConflictError(
                    Told(
                        "import {number} is {status}; only one that is done can be undone",
                        number=number,
                        status=Told(found.status),
                    )
                )
            if found.status == DONE:  # one whose undoing waits was asked for in time
                books.check_undoable(store, found, now())
            try:
                _undo(store, found, actor, now)
            except Exception as error:  # it goes on counting, and those that wait behind it have their turn
                with contextlib.suppress(CsiError):
                    told = Told("cannot be undone: {reason}", reason=books.reason_of(error))
                    books.change(store, number, [UNDOING], status=DONE, error=told)
                raise
    finally:
        if handle is not None:
            let_go(work_folder(store, number), handle)
    return find_import(store, number)


def _undo(store: Store, found: Import, actor: str, now: Now) -> None:
    kinds = [outcome["kind"] for outcome in found.outcomes]
    if "calls" not in kinds:
        _write(store, found, kinds, actor, now, None, {})
        return
    below = work_folder(store, found.id)
    with store.lock(CALLS_LOCK), workspace(below=below, opens=[store.calls]) as (duck, _), telling_full():
        fold_locked(store)
        with store.database.reading() as connection:
            parts = read_parts(connection)
        try:
            days = _days_before(store, duck, found)
            _write(store, found, kinds, actor, now, duck, days)
        except BaseException:
            drop_unused(store, f"u{found.id}")
            raise
        retire(store, [part for part in parts if part.day in days])


def _write(
    store: Store,
    found: Import,
    kinds: Iterable[str],
    actor: str,
    now: Now,
    duck: duckdb.DuckDBPyConnection | None,
    days: dict[dt.date, Part | None],
) -> None:
    same_calls = {}

    def stage(connection: sa.Connection) -> None:
        for name in kinds:
            if name != "calls":
                stage_replaced(connection, name, found.id)
                same_calls[name] = _same_calls(connection, name, found.id)

    with writing_staged(store.database, work_folder(store, found.id), stage) as connection:
        revision = next_revision(connection)
        if not books.change_within(connection, found.id, [DONE, UNDOING], status=UNDONE, undone_by=actor, error=None):
            raise ConflictError(Told("import {id} was undone meanwhile", id=found.id))
        if duck is not None and days:
            switch(connection, duck, days, "undone_calls", revision)
        for name in kinds:
            if name != "calls":
                _undo_records(connection, name, found.id, same_calls[name], revision, store.time_zone)
        connection.execute(sa.delete(HELD_FIELDS).where(HELD_FIELDS.c.import_id == found.id))
        before = {"files": list(found.files), "outcomes": list(found.outcomes)}
        note(connection, now(), actor, "undo", "import", str(found.id), before, None, revision)


# --- calls


def _days_before(store: Store, duck: duckdb.DuckDBPyConnection, found: Import) -> dict[dt.date, Part | None]:
    """Write the days' files as they are without the import; the table `undone_calls` tells the calls that change."""
    with store.database.reading() as connection:
        parts = read_parts(connection)
        touched, _ = _put_aside(connection, found.id)
        undone = set(connection.execute(sa.select(IMPORTS.c.id).where(IMPORTS.c.status == UNDONE)).scalars())
    kept = {part.day: part for part in parts}
    present = relation(store.calls, [kept[day] for day in touched if day in kept])
    with telling_damage():
        duck.execute(f"CREATE TEMP TABLE gone AS SELECT call_id, day FROM {present} WHERE import_id = {found.id}")
        _collect_restored(store, duck, parts, found.id, undone | {found.id})
        days = {
            row[0] for row in duck.execute("SELECT DISTINCT day FROM gone UNION SELECT day FROM restored").fetchall()
        }
        duck.execute("CREATE TEMP TABLE undone_calls AS SELECT call_id FROM restored UNION SELECT call_id FROM gone")
    made = {}
    for day in sorted(days):
        old = relation(store.calls, [kept[day]] if day in kept else [])
        query = (
            f"SELECT {_NAMES} FROM {old} AS old WHERE import_id IS DISTINCT FROM {found.id} "
            f"UNION ALL SELECT {_NAMES} FROM restored WHERE day = {literal(day.isoformat())}"
        )
        made[day] = write_part(duck, query, store.calls, day, f"u{found.id}")
    return made


def _put_aside(connection: sa.Connection, import_id: int) -> tuple[list[dt.date], list[str]]:
    """The days that an import changed, and the files that counted before it."""
    query = sa.select(REPLACED_PARTS.c.day, REPLACED_PARTS.c.file).where(REPLACED_PARTS.c.import_id == import_id)
    rows = connection.execute(query).all()
    return [row.day for row in rows], [row.file for row in rows if row.file is not None]


def _collect_restored(
    store: Store, duck: duckdb.DuckDBPyConnection, parts: list[Part], import_id: int, undone: set[int]
) -> None:
    """Make the table `restored`: the calls that the import had replaced, where none of that number is there else.

    A call that came with an import that is undone by now gives way to what that import had replaced.
    """
    columns = ", ".join(f"{name} {type_}" for name, type_ in COLUMNS.items())
    duck.execute(f"CREATE TEMP TABLE restored ({columns})")
    gone = _list(undone)
    waiting = [(import_id, "call_id IN (SELECT call_id FROM gone)")]
    while waiting:
        number, wanted = waiting.pop()
        with store.database.reading() as connection:
            _, files = _put_aside(connection, number)
        if not files:
            continue
        query = f"SELECT {_NAMES} FROM {_files(store, files)} WHERE {wanted}"
        duck.execute(f"CREATE OR REPLACE TEMP TABLE found AS {query}")
        duck.execute(f"INSERT INTO restored SELECT * FROM found WHERE coalesce(import_id NOT IN ({gone}), true)")
        older = duck.execute(f"SELECT DISTINCT import_id FROM found WHERE import_id IN ({gone})").fetchall()
        for (other,) in older:
            table = f"of_{other}_{number}"
            duck.execute(f"CREATE TEMP TABLE {table} AS SELECT call_id FROM found WHERE import_id = {other}")
            waiting.append((other, f"call_id IN (SELECT call_id FROM {table})"))


def _list(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _files(store: Store, files: Iterable[str]) -> str:
    return relation(store.calls, [Part(dt.date.min, file, 0, "", "", None) for file in files])


# --- records


def _same_calls(connection: sa.Connection, kind: str, import_id: int) -> SameCallDays:
    """The days of the records that stand for the calls of an import's records and of those that come back."""
    if kind not in TOGETHER:
        return find_same_call_days(connection, kind, [])
    table, old = RECORDS[kind], staged(kind)
    own = table.c.import_id == import_id
    restored = sa.select(old.c.call_id).select_from(old.join(table, sa.and_(is_one(kind), own)))
    return find_same_call_days(connection, kind, [sa.select(table.c.call_id).where(own), restored])


def _undo_records(
    connection: sa.Connection, kind: str, import_id: int, same_calls: SameCallDays, revision: int, time_zone: str
) -> None:
    """Delete the records of an import; those that it had replaced, which are staged, take their place again."""
    table, old = RECORDS[kind], staged(kind)
    own = table.c.import_id == import_id
    back = sa.and_(is_one(kind), own)
    query = sa.union(sa.select(table.c.day).where(own), sa.select(old.c.day).select_from(old.join(table, back)))
    days = {day for day in connection.execute(query).scalars() if day is not None} | same_calls.days_now(connection)
    batches = list(connection.execute(sa.select(table.c.batch).where(own)).scalars()) if kind == "batches" else []
    values = {name: old.c[name] for name in ("import_id", *compare(connection, kind, own).fields)}
    connection.execute(sa.update(table).values(**values, revision=revision).where(back))
    connection.execute(sa.delete(table).where(own))
    pass_on(connection, kind, import_id)
    mark_days(connection, kind, days, revision)
    if batches:
        place_evaluations(connection, batches, revision, time_zone)
