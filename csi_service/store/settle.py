"""Old imports settle: they cannot be undone any more, and what they had put aside for that is dropped."""

import contextlib
import datetime as dt
from collections.abc import Collection

import sqlalchemy as sa

from csi_service.errors import CsiError
from csi_service.records.database import chunks, wait_for_writers
from csi_service.records.tables import IMPORTS, REPLACED_PARTS, REPLACED_RECORDS
from csi_service.store.folder import Store
from csi_service.store.import_books import DONE, UNDONE
from csi_service.store.parts import sweep_unused

_GRACE = dt.timedelta(days=1)  # an undoing that was begun in time has long ended by then
_AT_ONCE = 500


def settle_imports(store: Store, now: dt.datetime) -> list[int]:
    """Drop what the imports had put aside whose time to be undone is over, and return their numbers.

    An undone import keeps it while another, which had replaced its calls, can be undone: then what was there before
    both comes back.
    """
    limit = now - dt.timedelta(days=store.undo_days) - _GRACE
    ended = (IMPORTS.c.settled_at.is_(None), IMPORTS.c.finished_at < limit)
    over = sa.select(IMPORTS.c.id, IMPORTS.c.status).where(*ended, IMPORTS.c.status.in_((DONE, UNDONE)))
    with store.database.reading() as connection:
        if connection.execute(over.limit(1)).first() is None:
            return []
    with store.database.writing() as connection:
        wait_for_writers(connection)
        statuses = {row.id: row.status for row in connection.execute(over)}
        needed = _needed(connection, statuses.keys())
        settled = sorted(number for number, status in statuses.items() if status == DONE or number not in needed)
        for some in chunks(settled, _AT_ONCE):
            parts, records = REPLACED_PARTS.c.import_id.in_(some), REPLACED_RECORDS.c.import_id.in_(some)
            connection.execute(sa.update(REPLACED_PARTS).where(parts).values(file=None))
            connection.execute(sa.delete(REPLACED_RECORDS).where(records))
            connection.execute(sa.update(IMPORTS).where(IMPORTS.c.id.in_(some)).values(settled_at=now))
    if settled:
        sweep_unused(store)
    return settled


def tidy(store: Store, now: dt.datetime) -> None:
    """Settle old imports after a new one; where that cannot be done now, it is done the next time."""
    with contextlib.suppress(CsiError):
        settle_imports(store, now)


def _needed(connection: sa.Connection, over: Collection[int]) -> set[int]:
    """The imports whose files an undoing may still come to, each by way of one that changed one of its days."""
    days: dict[int, set[dt.date]] = {}
    aside = sa.select(REPLACED_PARTS.c.import_id, REPLACED_PARTS.c.day)
    unsettled = sa.select(IMPORTS.c.id).where(IMPORTS.c.settled_at.is_(None))
    for number, day in connection.execute(aside.where(REPLACED_PARTS.c.import_id.in_(unsettled))):
        days.setdefault(number, set()).add(day)
    needed = days.keys() - over
    waiting = [*needed]
    while waiting:
        touched = days[waiting.pop()]
        found = {number for number in days.keys() - needed if touched & days[number]}
        needed |= found
        waiting += found
    return needed
