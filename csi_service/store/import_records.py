"""Records of an import other than calls: from the engine's good rows into the tables, in the caller's write."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb
import sqlalchemy as sa

from csi_service.facts.kinds import Kind
from csi_service.store.writes import Record, put_records

_AT_ONCE = 10_000


def put_staged(
    connection: sa.Connection,
    duck: duckdb.DuckDBPyConnection,
    kind: Kind,
    revision: int,
    time_zone: str,
    import_id: int,
) -> Counter[str]:
    """Put the rows of the engine's table of a kind into the database; return how many came out how."""
    results: Counter[str] = Counter()
    for records in _staged(duck, kind):
        results.update(put_records(connection, kind, records, revision, time_zone, import_id).results)
    return results


def _staged(duck: duckdb.DuckDBPyConnection, kind: Kind) -> Iterator[list[Record]]:
    names = list(dict.fromkeys([*(field.name for field in kind.fields), "day"]))
    lists = [field.name for field in kind.fields if field.type == "instants"]
    found = duck.execute(f"SELECT {', '.join(names)} FROM {kind.name}")
    while rows := found.fetchmany(_AT_ONCE):
        records = [dict(zip(names, row, strict=True)) for row in rows]
        for record in records:
            for name in lists:
                record[name] = _texts(record[name])
        yield records


def _texts(instants: list[dt.datetime] | None) -> Any:
    return None if instants is None else [instant.isoformat() for instant in instants]
