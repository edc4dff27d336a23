"""The dimensions of the calls that other records name: looked up in the files once, kept until the call changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from csi_service.errors import DamagedError
from csi_service.facts.duck import load_rows, workspace
from csi_service.facts.kinds import DIMENSIONS, KINDS
from csi_service.facts.partitions import Part, relation, telling_damage
from csi_service.records.database import chunks, upsert
from csi_service.records.tables import CALL_PLACES, DAYS
from csi_service.store.folder import Store
from csi_service.store.parts import read_parts, with_calls
from csi_service.store.writes import find_records

_FEW = 8  # files
_COLUMNS = dict.fromkeys(("call_id", *DIMENSIONS), "VARCHAR")


def find_places(
    store: Store, connection: sa.Connection, duck: duckdb.DuckDBPyConnection, parts: Sequence[Part], named: str
) -> list[dict[str, object]]:
    """Make the table `places` of the calls that a query names; return the places that were not kept as yet."""
    wanted = [row[0] for row in duck.execute(named).fetchall()]
    known: list[dict[str, object]] = []
    for chunk in chunks(wanted, 500):
        query = sa.select(CALL_PLACES).where(CALL_PLACES.c.call_id.in_(chunk))
        known += [dict(row) for row in connection.execute(query).mappings()]
    missing = sorted(set(wanted) - {str(row["call_id"]) for row in known})
    looked_up = _look_up(store, duck, parts, missing) if missing else []
    load_rows(duck, "places", _COLUMNS, [row for row in known + looked_up if row["found"]])
    return looked_up


def _look_up(
    store: Store, duck: duckdb.DuckDBPyConnection, parts: Sequence[Part], calls: Sequence[str]
) -> list[dict[str, object]]:
    load_rows(duck, "wanted_calls", {"call_id": "VARCHAR"}, [{"call_id": call} for call in calls])
    where = relation(store.calls, with_calls(parts, calls[0], calls[-1]))
    query = f"SELECT {', '.join(_COLUMNS)} FROM {where} WHERE call_id IN (SELECT call_id FROM wanted_calls)"
    return _or_nowhere(calls, {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in duck.execute(query).fetchall()})


def calls_revision(connection: sa.Connection) -> int:
    """Return the number of the last write that touched the files of calls; places looked up before it are doubtful."""
    query = sa.select(sa.func.coalesce(sa.func.max(DAYS.c.revision), 0)).where(DAYS.c.kind == "calls")
    return int(connection.execute(query).scalar_one())


@dataclass(frozen=True, slots=True)
class Located:
    """Calls by their numbers as they were found: the dimensions of each, None for one that is not kept.

    `looked_up` are those that files were opened for, after the write `calls_at`.
    """

    places: Mapping[str, Mapping[str, Any] | None]
    looked_up: Sequence[dict[str, object]]
    calls_at: int


def locate(store: Store, calls: Iterable[str]) -> Located:
    """Return where calls belong: those that were sent alone and wait, those that are known, those in files.

    Raises:
        DamagedError: a file that has to be opened cannot be read.
    """
    wanted = sorted(set(calls))
    with store.database.reading() as connection:
        calls_at = calls_revision(connection)
        waiting = find_records(connection, KINDS["calls"], [(call,) for call in wanted])
        found: dict[str, Mapping[str, Any] | None] = {key[0]: row for key, row in waiting.items()}
        for chunk in chunks([call for call in wanted if call not in found], 500):
            rows = connection.execute(sa.select(CALL_PLACES).where(CALL_PLACES.c.call_id.in_(chunk))).mappings()
            found |= {row["call_id"]: dict(row) if row["found"] else None for row in rows}
        missing = [call for call in wanted if call not in found]
        looked_up: list[dict[str, object]] = []
        if missing:
            looked_up = _open_files(store, with_calls(read_parts(connection), missing[0], missing[-1]), missing)
        found |= {str(row["call_id"]): row if row["found"] else None for row in looked_up}
    return Located(found, looked_up, calls_at)


def _open_files(store: Store, parts: Sequence[Part], calls: Sequence[str]) -> list[dict[str, object]]:
    """Look calls up in files; few of these are read straight, as DuckDB alone takes 30 ms to start."""
    if len(parts) > _FEW:
        with workspace() as (duck, _), telling_damage():
            return _look_up(store, duck, parts, calls)
    wanted = pa.array(calls)
    rows: list[dict[str, object]] = []
    for part in parts:
        try:
            table = pq.ParquetFile(store.calls / part.file).read(list(_COLUMNS), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise DamagedError(f"a file of calls cannot be read: {part.file}: {str(error).splitlines()[0]}") from error
        rows += table.filter(pc.is_in(table["call_id"], value_set=wanted)).to_pylist()
    return _or_nowhere(calls, {str(row["call_id"]): row for row in rows})


def _or_nowhere(calls: Sequence[str], rows: Mapping[str, dict[str, object]]) -> list[dict[str, object]]:
    nowhere = {"found": False} | dict.fromkeys(DIMENSIONS)
    return [rows[call] | {"found": True} if call in rows else {"call_id": call, **nowhere} for call in calls]


def keep_located(connection: sa.Connection, located: Located) -> None:
    """Keep what was looked up, in a write, unless calls have come or gone since."""
    if located.looked_up and calls_revision(connection) == located.calls_at:
        keep_places(connection, located.looked_up)


def keep_places(connection: sa.Connection, places: Sequence[dict[str, object]]) -> None:
    """Keep places that were looked up."""
    for chunk in chunks(places, 10_000):
        upsert(connection, CALL_PLACES, chunk)
