"""Where a record belongs: its dimensions, taken from the call that it names, else from itself, else unassigned."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from csi_service.facts.duck import literal
from csi_service.facts.kinds import DIMENSIONS, REFERRING, UNASSIGNED, Kind


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rollup groups by: the dimensions.

    `placed` tells that the table `places` holds the dimensions of the calls that other records name.
    """

    keys: tuple[str, ...]
    placed: bool = False


def load_places(connection: duckdb.DuckDBPyConnection, calls: str, tables: Sequence[str]) -> None:
    """Make `places`: the dimensions of the calls (a relation) that the records of the tables name."""
    named = " UNION ".join(f"SELECT call_id FROM {table} WHERE call_id IS NOT NULL" for table in tables)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE places AS SELECT call_id, {', '.join(DIMENSIONS)} FROM {calls} "
        f"WHERE call_id IN ({named})"
    )


def joined(kind: Kind, scope: Scope) -> str:
    """Return SQL of a kind's table as `r`, joined with the places of its calls as `p` where there are any."""
    return f"{kind.name} AS r" + (
        " LEFT JOIN places AS p USING (call_id)" if scope.placed and kind.name in REFERRING else ""
    )


def key_columns(kind: Kind, scope: Scope) -> list[str]:
    """Return SQL of each key column of a kind's rows, for the relation of `joined`."""
    own = {field.name for field in kind.fields} - (
        {"channel"} if kind.name != "calls" else set()
    )  # elsewhere it is another thing
    columns = []
    for key in scope.keys:
        parts = ([f"p.{key}"] if scope.placed and kind.name in REFERRING else []) + ([f"r.{key}"] if key in own else [])
        columns.append(f"coalesce({', '.join([*parts, literal(UNASSIGNED)])}) AS {key}")
    return columns
