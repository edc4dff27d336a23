"""Records out of the tables into the engine, as far as some days' figures need them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import duckdb
import sqlalchemy as sa

from csi_service.facts.duck import load_rows
from csi_service.facts.kinds import KINDS
from csi_service.records.database import chunks
from csi_service.records.tables import RECORDS
from csi_service.store.writes import TOGETHER

_SQL_TYPES = {
    "instant": "TIMESTAMP", "instants": "TIMESTAMP[]", "flag": "BOOLEAN", "seconds": "DOUBLE", "number": "DOUBLE",
    "count": "DOUBLE", "day": "DATE", "level": "TINYINT",
}  # fmt: skip


def load_records(
    connection: sa.Connection, duck: duckdb.DuckDBPyConnection, kind: str, days: Sequence[dt.date]
) -> None:
    """Make the table of a kind: its records of the days, those of other days that share a call, and all batches.

    Blank parts of an identity ('') are NULL, as in files.
    """
    table = RECORDS[kind]
    columns = {field.name: _SQL_TYPES.get(field.type, "VARCHAR") for field in KINDS[kind].fields} | {"day": "DATE"}
    names = [table.c[name] for name in columns]
    rows: list[Any] = []
    if kind == "batches":
        rows = list(connection.execute(sa.select(*names)).mappings())
    for chunk in chunks(sorted(set(days)), 500) if kind != "batches" else ():
        of_days = table.c.day.in_(chunk)
        wanted = sa.select(*names).where(of_days)
        rows += connection.execute(wanted).mappings()
    if kind in TOGETHER:
        rows = _with_their_calls(connection, table, names, rows, set(days))
    texts = {name for name in KINDS[kind].identity if columns[name] == "VARCHAR"}
    lists = {name for name, type_ in columns.items() if type_.endswith("[]")}
    plain = [
        {
            name: None
            if name in texts and value == ""
            else [dt.datetime.fromisoformat(text) for text in value]
            if name in lists and value is not None
            else value
            for name, value in row.items()
        }
        for row in rows
    ]
    load_rows(duck, kind, columns, plain)


def _with_their_calls(
    connection: sa.Connection, table: sa.Table, names: Sequence[Any], rows: list[Any], days: set[dt.date]
) -> list[Any]:
    calls = sorted({row["call_id"] for row in rows if row["call_id"] is not None})
    for chunk in chunks(calls, 500):
        found = connection.execute(sa.select(*names).where(table.c.call_id.in_(chunk))).mappings()
        rows += [row for row in found if row["day"] not in days]
    return rows
