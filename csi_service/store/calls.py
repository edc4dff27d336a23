"""Calls by their numbers: those that were sent one by one and wait, and those that lie in the days' files."""

import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa

from csi_service.facts.kinds import KINDS
from csi_service.facts.partitions import COLUMNS, calls_in
from csi_service.store.folder import Store
from csi_service.store.parts import read_parts, with_calls
from csi_service.store.writes import Record, find_records


def find_calls(
    store: Store, connection: sa.Connection, calls: Collection[str], days: Collection[dt.date] | None = None
) -> dict[str, Record]:
    """Return the kept calls of these numbers; of those in files, only the ones of some days where these are given.

    A file is opened only where its numbers and these overlap.

    Raises:
        DamagedError: a file that has to be opened cannot be read.
    """
    if not calls:
        return {}
    posted = {key[0]: row for key, row in find_records(connection, KINDS["calls"], [(call,) for call in calls]).items()}
    wanted = sorted(set(calls) - posted.keys())
    parts = with_calls(read_parts(connection, days), wanted[0], wanted[-1]) if wanted else []
    return {row["call_id"]: row for row in calls_in(store.calls, parts, wanted, list(COLUMNS))} | posted
