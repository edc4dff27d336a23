"""Many records at once: staged beside the tables while others may write, put in place in one short write.

On SQLite what is staged lies in a file of its own, attached to the connection; on PostgreSQL in temporary tables.
"""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from csi_service.records.database import Database
from csi_service.records.tables import RECORDS

_CACHE_KIB = 256 * 1024  # of a write of a million records; with SQLite's usual 2 MiB it takes twice as long
_FILE = "staged.sqlite"
_Values = tuple[Any, ...]


@contextlib.contextmanager
def writing_staged(database: Database, folder: Path, stage: Callable[[sa.Connection], None]) -> Iterator[sa.Connection]:
    """Yield a connection as `Database.writing` does, to which the tables are known that `stage` makes before.

    Until the block begins no other writer has to wait; `folder` is for what is staged.

    Raises:
        StoreBusyError: other writers held the database for too long.
        StoreFullError: no room is left.
    """
    if not database.is_sqlite:
        with database.writing() as connection:
            stage(connection)
            yield connection
        return
    path = folder / _FILE
    path.unlink(missing_ok=True)  # a process may have died over it
    own = Database(str(database.url))  # of one connection, to which the file stays attached until it is closed
    try:
        with own.reading() as connection:
            connection.exec_driver_sql("ATTACH ? AS staged", (str(path),))
            connection.exec_driver_sql(f"PRAGMA main.cache_size = -{_CACHE_KIB}")
            stage(connection)
        with own.writing() as connection:
            yield connection
    finally:
        own.close()


@functools.cache
def staged(kind: str) -> sa.Table:
    """Return the table of a kind's staged records, with all columns but the write's own."""
    return like(RECORDS[kind], "revision")


def like(table: sa.Table, *left_out: str) -> sa.Table:
    """Return a table for what is staged for another one."""
    columns = [sa.Column(column.name, column.type) for column in table.c if column.name not in left_out]
    return sa.Table(f"staged_{table.name}", sa.MetaData(), *columns)


_SPANS = sa.Table(
    "staged_spans",
    sa.MetaData(),
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("first", sa.Date),
    sa.Column("last", sa.Date),
)


def _create(connection: sa.Connection, name: str, rest: str) -> None:
    start, end = (
        ("CREATE TABLE staged.", "")
        if connection.dialect.name == "sqlite"
        else ("CREATE TEMP TABLE ", " ON COMMIT DROP")
    )
    connection.exec_driver_sql(f"{start}{name} {rest.format(end)}")


def create_staged(connection: sa.Connection, kind: str) -> sa.Table:
    """Make the table of a kind's staged records, empty."""
    table = staged(kind)
    create_like(connection, table, RECORDS[kind])
    return table


def create_like(connection: sa.Connection, table: sa.Table, other: sa.Table) -> None:
    """Make a table of what is staged for another one, empty."""
    _create(connection, table.name, f"{{}} AS SELECT {', '.join(table.c.keys())} FROM {other.name} WHERE false")


def create_spans(connection: sa.Connection) -> sa.Table:
    """Make a table of batches with the first and the last day of each one's period, empty."""
    _create(connection, _SPANS.name, "(batch TEXT PRIMARY KEY, first DATE, last DATE) {}")
    return _SPANS


def fill(connection: sa.Connection, table: sa.Table, names: Sequence[str], lists: Iterable[Sequence[_Values]]) -> None:
    """Put lists of rows, their values as the driver takes them, into a staging table."""
    listed = ", ".join(names)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" for _ in names)
        for rows in lists:
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({listed}) VALUES ({places})", list(rows))
        return
    query = f"COPY {table.name} ({listed}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    driver_error: Any = connection.dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(query) as copy:
            for rows in lists:
                for row in rows:
                    copy.write_row(row)
    except driver_error as error:
        raise sa.exc.DBAPIError.instance(query, None, error, driver_error, hide_parameters=True) from error
    connection.exec_driver_sql(f"ANALYZE {table.name}")


def is_one(kind: str) -> sa.ColumnElement[bool]:
    """Return the condition that a kept and a staged record are the same one."""
    table, new = RECORDS[kind], staged(kind)
    return sa.and_(*(table.c[column.name] == new.c[column.name] for column in table.primary_key))


def fields(kind: str) -> list[str]:
    """Return the columns in which a staged record may differ from the same one that is kept."""
    known = {"import_id", *RECORDS[kind].primary_key.columns.keys()}
    return [name for name in staged(kind).c.keys() if name not in known]


def differs(kind: str, *names: str) -> sa.ColumnElement[bool]:
    """Return the condition that a kept record and the same one as it is staged differ in one of the fields."""
    table, new = RECORDS[kind], staged(kind)
    return sa.or_(*(table.c[name].is_distinct_from(new.c[name]) for name in names or fields(kind)))


@dataclass(frozen=True, slots=True)
class Compared:
    """How many staged records are there already, how many of these differ, and in which fields."""

    there: int
    others: int
    fields: list[str]


def compare(connection: sa.Connection, kind: str, *where: sa.ColumnElement[bool]) -> Compared:
    """Compare the staged records with those that are kept.

    Only the fields that differ need to be written, which spares the indexes of the others.
    """
    names = fields(kind)
    counts = [sa.func.sum(sa.case((each, 1), else_=0)) for each in (differs(kind), *(differs(kind, n) for n in names))]
    both = staged(kind).join(RECORDS[kind], is_one(kind))
    row = connection.execute(sa.select(sa.func.count(), *counts).select_from(both).where(*where)).one()
    return Compared(row[0], row[1] or 0, [name for name, count in zip(names, row[2:], strict=True) if count])


def put(connection: sa.Connection, table: sa.Table, new: sa.Table, changed: Sequence[str], **own: int) -> None:
    """Insert what is staged, with the write's own values, or replace what is changed of what is there."""
    names = [name for name in new.c.keys() if name not in own]
    values = [*(new.c[name] for name in names), *(sa.literal(value) for value in own.values())]
    insert: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    others = {name: insert.excluded[name] for name in (*changed, *own)}
    key = list(table.primary_key.columns.keys())
    rows = insert.from_select([*names, *own], sa.select(*values).where(sa.true()))
    connection.execute(rows.on_conflict_do_update(index_elements=key, set_=others))
