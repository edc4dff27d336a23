"""The dimensions of the calls that other records name: looked up in the files once, kept until the call changes."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from csi_service.facts.kinds import DIMENSIONS
from csi_service.facts.partitions import Part, calls_in, relation
from csi_service.records.database import chunks, last_revision, upsert
from csi_service.records.prepared import among, fetch
from csi_service.records.tables import CALL_PLACES, DAYS, RECORDS
from csi_service.store.bulk import create_like, fill, like, put, writing_staged
from csi_service.store.folder import Store
from csi_service.store.parts import read_parts_with, with_calls
from csi_service.store.rows import insert, read_lists

_MANY = 10_000  # calls
_COLUMNS = dict.fromkeys(("call_id", *DIMENSIONS), "VARCHAR")
_KEPT = {"call_id": "VARCHAR", "found": "BOOLEAN"} | dict.fromkeys(DIMENSIONS, "VARCHAR")
_STAGED = like(CALL_PLACES)
_WAITING = RECORDS["calls"]  # sent alone, and in no file as yet
_DIMENSIONS = [[table.c[name] for name in DIMENSIONS] for table in (CALL_PLACES, _WAITING)]
_PLACES = sa.union_all(
    sa.select(CALL_PLACES.c.call_id, CALL_PLACES.c.found, sa.false().label("waits"), *_DIMENSIONS[0]).where(
        among(CALL_PLACES.c.call_id, "calls")
    ),
    sa.select(_WAITING.c.call_id, sa.true(), sa.true(), *_DIMENSIONS[1]).where(among(_WAITING.c.call_id, "calls")),
)
_CALLS_AT = sa.select(sa.func.coalesce(sa.func.max(DAYS.c.revision), 0).label("revision")).where(DAYS.c.kind == "calls")


def find_places(
    store: Store, connection: sa.Connection, duck: duckdb.DuckDBPyConnection, parts: Sequence[Part], named: str
) -> int:
    """Make the table `places` of the calls that a query names, and `new_places` of those that were not kept as yet.

    Returns how many these are.
    """
    duck.execute(f"CREATE OR REPLACE TEMP TABLE named AS {named}")
    listed = ", ".join(f"{name} {type_}" for name, type_ in _KEPT.items())
    duck.execute(f"CREATE OR REPLACE TEMP TABLE known_places ({listed})")
    insert(duck, "known_places", _KEPT, _read_known(connection, duck))
    duck.execute(
        "CREATE OR REPLACE TEMP TABLE wanted_calls AS "
        "SELECT call_id FROM named WHERE call_id NOT IN (SELECT call_id FROM known_places)"
    )
    missing = _look_up(store, duck, parts)
    duck.execute(
        f"CREATE OR REPLACE TEMP TABLE places AS SELECT {', '.join(_COLUMNS)} "
        "FROM (SELECT * FROM known_places UNION ALL SELECT * FROM new_places) "
        "WHERE found AND call_id IN (SELECT call_id FROM named)"
    )
    return missing


def _read_known(connection: sa.Connection, duck: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Any]]:
    """The kept places of the table `named`, or, where it has most of them, all that are kept."""
    kept, query = CALL_PLACES.c.call_id, sa.select(*(CALL_PLACES.c[name] for name in _KEPT))
    wanted = [row[0] for row in duck.execute("SELECT call_id FROM named").fetchall()]
    if len(wanted) > _MANY and connection.execute(sa.select(sa.func.count(kept))).scalar_one() < len(wanted) * 8:
        yield from read_lists(connection, query)
        return
    for chunk in chunks(wanted, 500):
        yield from read_lists(connection, query.where(kept.in_(chunk)))


def _look_up(store: Store, duck: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> int:
    """Make the table `new_places` of the table `wanted_calls` out of the files; return how many these are."""
    of_all = "SELECT count(*), min(call_id), max(call_id) FROM wanted_calls"
    missing, least, greatest = duck.execute(of_all).fetchall()[0]
    near = with_calls(parts, least, greatest) if missing else []
    columns = ", ".join(_COLUMNS)
    duck.execute(
        f"CREATE OR REPLACE TEMP TABLE found_calls AS SELECT {columns} FROM {relation(store.calls, near)} "
        "WHERE call_id IN (SELECT call_id FROM wanted_calls)"
    )
    dimensions = ", ".join(f"found_calls.{name}" for name in DIMENSIONS)
    duck.execute(
        f"CREATE OR REPLACE TEMP TABLE new_places AS SELECT call_id, found_calls.call_id IS NOT NULL AS found, "
        f"{dimensions} FROM wanted_calls LEFT JOIN found_calls USING (call_id)"
    )
    return int(missing)


def calls_revision(connection: sa.Connection) -> int:
    """Return the number of the last write that touched the files of calls; places looked up before it are doubtful."""
    return int(fetch(connection, _CALLS_AT, {})[0]["revision"])


@dataclass(frozen=True, slots=True)
class Located:
    """Calls by their numbers as they were found: the dimensions of each, None for one that is not kept.

    `looked_up` are those that files were opened for, `revision` is the number of the last write before that.
    """

    places: Mapping[str, Mapping[str, Any] | None]
    looked_up: Sequence[dict[str, object]]
    revision: int


def known_places(connection: sa.Connection, calls: Sequence[str]) -> dict[str, Mapping[str, Any] | None]:
    """Return the places of those calls that wait or are known without opening a file; None for one that is not kept."""
    rows = sorted(fetch(connection, _PLACES, {"calls": calls}), key=itemgetter("waits"))  # what waits is newer
    return {row["call_id"]: row if row["found"] else None for row in rows}


def locate(store: Store, calls: Iterable[str]) -> Located:
    """Return where calls belong: those that were sent alone and wait, those that are known, those in files.

    Raises:
        DamagedError: a file that has to be opened cannot be read.
    """
    wanted = sorted(set(calls))
    with store.database.reading() as connection:
        revision = last_revision(connection)
        found = known_places(connection, wanted)
        missing = [call for call in wanted if call not in found]
        looked_up: list[dict[str, object]] = []
        if missing:
            parts = read_parts_with(connection, missing[0], missing[-1])
            rows = calls_in(store.calls, parts, missing, list(_COLUMNS))
            looked_up = _or_nowhere(missing, {row["call_id"]: row for row in rows})
        found |= {str(row["call_id"]): row if row["found"] else None for row in looked_up}
    return Located(found, looked_up, revision)


def _or_nowhere(calls: Sequence[str], rows: Mapping[str, dict[str, object]]) -> list[dict[str, object]]:
    nowhere = {"found": False} | dict.fromkeys(DIMENSIONS)
    return [rows[call] | {"found": True} if call in rows else {"call_id": call, **nowhere} for call in calls]


def keep_located(connection: sa.Connection, located: Located) -> None:
    """Keep what was looked up, in a write, unless calls have come or gone since."""
    if located.looked_up and calls_revision(connection) <= located.revision:
        keep_places(connection, located.looked_up)


def keep_places(connection: sa.Connection, places: Sequence[dict[str, object]]) -> None:
    """Keep places that were looked up."""
    for chunk in chunks(places, 10_000):
        upsert(connection, CALL_PLACES, chunk)


def new_places(duck: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """Return the places of the table `new_places`."""
    rows = duck.execute(f"SELECT {', '.join(_KEPT)} FROM new_places").fetchall()
    return [dict(zip(_KEPT, row, strict=True)) for row in rows]


@contextlib.contextmanager
def writing_places(
    store: Store, duck: duckdb.DuckDBPyConnection, folder: Path
) -> Iterator[tuple[sa.Connection, Callable[[], None]]]:
    """Yield a connection as `Database.writing` does, and what keeps in that write the places of `new_places`."""
    if duck.execute("SELECT count(*) FROM new_places").fetchall()[0][0] < _MANY:
        with store.database.writing() as connection:
            yield connection, lambda: keep_places(connection, new_places(duck))
        return

    def stage(connection: sa.Connection) -> None:
        create_like(connection, _STAGED, CALL_PLACES)
        found = duck.execute("SELECT count(*) FROM new_places WHERE found").fetchall()[0][0]
        names = list(_KEPT) if found else ["call_id", "found"]
        rows = duck.execute(f"SELECT {', '.join(names)} FROM new_places ORDER BY call_id")
        fill(connection, _STAGED, names, iter(lambda: rows.fetchmany(_MANY), []))

    with writing_staged(store.database, folder, stage) as connection:
        yield connection, lambda: put(connection, CALL_PLACES, _STAGED, [*DIMENSIONS, "found"])
