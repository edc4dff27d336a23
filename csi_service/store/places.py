"""The dimensions of the calls that other records name: looked up in the files once, kept until the call changes."""

from collections.abc import Sequence

import duckdb
import sqlalchemy as sa

from csi_service.facts.duck import load_rows
from csi_service.facts.kinds import DIMENSIONS
from csi_service.facts.partitions import Part, relation
from csi_service.records.database import chunks, upsert
from csi_service.records.tables import CALL_PLACES
from csi_service.store.folder import Store
from csi_service.store.parts import with_calls

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
    found = {row[0]: dict(zip(_COLUMNS, row, strict=True)) | {"found": True} for row in duck.execute(query).fetchall()}
    nowhere = {"found": False} | dict.fromkeys(DIMENSIONS)
    return [found.get(call, {"call_id": call, **nowhere}) for call in calls]


def keep_places(connection: sa.Connection, places: Sequence[dict[str, object]]) -> None:
    """Keep places that were looked up."""
    for chunk in chunks(places, 10_000):
        upsert(connection, CALL_PLACES, chunk)
