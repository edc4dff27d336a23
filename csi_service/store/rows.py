"""Records out of the tables into the engine, as far as some days' figures need them."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from csi_service.facts.kinds import KINDS
from csi_service.records.tables import RECORDS
from csi_service.store.writes import TOGETHER

_SQL_TYPES = {
    "instant": "TIMESTAMP", "instants": "TIMESTAMP[]", "flag": "BOOLEAN", "seconds": "DOUBLE", "number": "DOUBLE",
    "count": "DOUBLE", "day": "DATE", "level": "TINYINT",
}  # fmt: skip
_AT_ONCE = 50_000


def load_records(
    connection: sa.Connection, duck: duckdb.DuckDBPyConnection, kind: str, days: Sequence[dt.date]
) -> None:
    """Make the table of a kind: its records of the days, those of other days that share a call, and all batches.

    Blank parts of an identity ('') are NULL, as in files; comments are, too, as no figure needs them.
    """
    table, fields = RECORDS[kind], KINDS[kind].fields
    columns = {field.name: _SQL_TYPES.get(field.type, "VARCHAR") for field in fields} | {"day": "DATE"}
    unread = {field.name for field in fields if field.type == "comment"}
    names = [name for name in columns if name not in unread]
    blank = {name for name in KINDS[kind].identity if columns[name] == "VARCHAR"}
    query = sa.select(*(sa.func.nullif(table.c[name], "") if name in blank else table.c[name] for name in names))
    listed = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
    duck.execute(f"CREATE OR REPLACE TEMP TABLE {kind} ({listed})")
    for part in _parts(connection, table, query, sorted(set(days))):
        insert(duck, kind, {name: columns[name] for name in names}, read_lists(connection, part))


def _parts(connection: sa.Connection, table: sa.Table, query: sa.Select[Any], days: Sequence[dt.date]) -> Iterator[Any]:
    """The queries of the wanted records of a table."""
    if table is RECORDS["batches"]:
        yield query
    elif days:
        yield query.where(table.c.day.in_(days))
        others = sa.select(table.c.day).where(table.c.day.not_in(days)).limit(1)
        if table.name in TOGETHER and connection.execute(others).first() is not None:
            calls = sa.select(table.c.call_id).where(table.c.day.in_(days))
            yield query.where(table.c.call_id.in_(calls), table.c.day.not_in(days))


def read_lists(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:
    """Yield lists of the rows of a query with the values as the driver gives them, which is quickest."""
    raw = query.with_only_columns(*(sa.type_coerce(column, sa.types.NULLTYPE) for column in query.selected_columns))
    found = connection.execute(raw, execution_options={"yield_per": _AT_ONCE})
    yield from found.partitions()


def insert(
    duck: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], lists: Iterable[Sequence[Any]]
) -> None:
    """Put lists of rows, as the driver gave them, into a table of the engine; `columns` gives each one's SQL type."""
    values = ", ".join(f"CAST({name} AS {type_}) AS {name}" for name, type_ in columns.items())
    for rows in lists:
        cells = zip(*rows, strict=True)
        arrays = {name: _array(each, type_) for (name, type_), each in zip(columns.items(), cells, strict=True)}
        duck.register("rows_read", pa.table(arrays))
        duck.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM rows_read")
        duck.unregister("rows_read")


def _array(cells: Sequence[Any], type_: str) -> pa.Array:
    if type_.endswith("[]"):
        cells = [json.loads(cell) if isinstance(cell, str) else cell for cell in cells]
        return pa.array(cells, pa.list_(pa.string()))
    return pa.array(cells)
