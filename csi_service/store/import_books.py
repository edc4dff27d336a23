"""The book of imports: what was asked for, how far it has come, what became of it; and who is at work on it.

A process at work on an import holds its folder below `work` by a lock that ends with the process. So an import that is
running by the book, and whose folder nobody holds, belongs to a process that died.
"""

import contextlib
import datetime as dt
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import ConflictError, CsiError, NotFoundError
from csi_service.facts.partitions import sync
from csi_service.language import ENGLISH, message_of
from csi_service.records.database import wait_for_writers
from csi_service.records.tables import IMPORTS
from csi_service.store.audit import note
from csi_service.store.folder import Store

WAITING, RUNNING, DONE, UNCHANGED = "waiting", "running", "done", "unchanged"
FAILED, CANCELLED, UNDOING, UNDONE = "failed", "cancelled", "undoing", "undone"
STATUSES = (WAITING, RUNNING, DONE, UNCHANGED, FAILED, CANCELLED, UNDOING, UNDONE)
OPEN = (WAITING, RUNNING, UNDOING)
_REJECTS = "rejects.{}csv"
Now = Callable[[], dt.datetime]


class CancelledError(CsiError):
    """An import was told to stop; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import as the book has it; instants are in UTC.

    `share_done` (0..1) and `rows_read` tell how far it has come; the rows are estimated until it has ended. `outcomes`
    holds one entry a kind: rows loaded, created, replaced, unchanged, repeated, rejected, the reasons of the rejects,
    columns not used. `same_as` is the earlier import of the same files, where there was nothing to do.
    """

    id: int
    kind: str
    status: str
    files: tuple[str, ...]
    digest: str
    mapping: str | None
    time_zone: str | None
    created_at: dt.datetime
    created_by: str
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    share_done: float
    rows_read: int
    cancel_requested: bool
    outcomes: tuple[dict[str, Any], ...]
    error: str | None
    revision: int | None
    same_as: int | None
    undone_by: str | None
    attempts: int
    settled_at: dt.datetime | None

    @property
    def by_command(self) -> bool:
        """Tell whether a command made it, which reads the files where they lie; else they were sent to the service."""
        return self.created_by.startswith("cli:")


def _import(row: sa.RowMapping) -> Import:
    found: dict[str, Any] = {str(name): value for name, value in row.items()}
    for name in ("created_at", "started_at", "finished_at", "settled_at"):
        if found[name] is not None:
            found[name] = found[name].replace(tzinfo=dt.UTC)
    return Import(**found | {"files": tuple(found["files"]), "outcomes": tuple(found["outcomes"] or ())})


def find_import(store: Store, number: int) -> Import:
    """Return an import.

    Raises:
        NotFoundError: there is none of that number.
    """
    with store.database.reading() as connection:
        return _read(connection, number)


def _read(connection: sa.Connection, number: int) -> Import:
    row = connection.execute(sa.select(IMPORTS).where(IMPORTS.c.id == number)).mappings().one_or_none()
    if row is None:
        raise NotFoundError(
            Told("there is no import {number}; the list of imports shows which there are", number=number)
        )
    return _import(row)


def list_imports(store: Store, before: int | None = None, limit: int = 100) -> tuple[list[Import], int | None]:
    """Return imports, the newest first, from below the number `before`; and where to go on (None: they end)."""
    query = sa.select(IMPORTS).order_by(IMPORTS.c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(IMPORTS.c.id < before)
    with store.database.reading() as connection:
        found = [_import(row) for row in connection.execute(query).mappings()]
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def open_imports(store: Store) -> list[Import]:
    """Return the imports that wait or are worked on, the oldest first."""
    query = sa.select(IMPORTS).where(IMPORTS.c.status.in_(OPEN)).order_by(IMPORTS.c.id)
    with store.database.reading() as connection:
        return [_import(row) for row in connection.execute(query).mappings()]


def enter(
    store: Store,
    kind: str,
    files: Sequence[str],
    digest: str,
    mapping: str | None,
    time_zone: str,
    actor: str,
    at: dt.datetime,
    before_commit: Callable[[int], None],
) -> int:
    """Enter a new import as waiting and return its number; `before_commit` is called with it before anybody sees it."""
    with store.database.writing() as connection:
        wait_for_writers(connection)
        row = {
            "kind": kind,
            "status": WAITING,
            "files": list(files),
            "digest": digest,
            "mapping": mapping,
            "time_zone": time_zone,
            "created_at": at,
            "created_by": actor,
        }
        number = int(connection.execute(sa.insert(IMPORTS).values(row).returning(IMPORTS.c.id)).scalar_one())
        before_commit(number)
        return number


def change(store: Store, number: int, statuses: Sequence[str], **values: Any) -> bool:
    """Change what the book says of an import that has one of the statuses; tell whether it had."""
    with store.database.writing() as connection:
        wait_for_writers(connection)
        return change_within(connection, number, statuses, **values)


def change_within(connection: sa.Connection, number: int, statuses: Sequence[str], **values: Any) -> bool:
    """Do as `change` within the caller's write."""
    where = (IMPORTS.c.id == number, IMPORTS.c.status.in_(list(statuses)))
    return connection.execute(sa.update(IMPORTS).where(*where).values(values)).rowcount == 1


def end(store: Store, number: int, status: str, at: dt.datetime, error: str | None) -> bool:
    """Note that an import has ended without having changed anything; tell whether it was open."""
    return change(store, number, [WAITING, RUNNING], status=status, finished_at=at, error=error)


def reason_of(error: BaseException) -> str:
    """Return what the book tells of an error that ended an import or an undoing."""
    if isinstance(error, CsiError):
        text = message_of(error)
        return text if len(text.splitlines()) == 1 else " ".join(text.split())
    if isinstance(error, KeyboardInterrupt):
        return Told("stopped")
    return Told("a fault of the program: {name}", name=type(error).__name__)


def finish(connection: sa.Connection, number: int, **values: Any) -> None:
    """Note within the write that makes an import count that it is done.

    Raises:
        CancelledError: it was told to stop.
    """
    going_on = (IMPORTS.c.id == number, IMPORTS.c.status == RUNNING, IMPORTS.c.cancel_requested.is_(False))
    done = sa.update(IMPORTS).where(*going_on).values(status=DONE, share_done=1.0, error=None, **values)
    if connection.execute(done).rowcount != 1:
        raise CancelledError("the import was cancelled; nothing was changed")


def tell_progress(store: Store, number: int, share: float, rows: int) -> bool:
    """Note how far an import has come while it is running; tell whether it is to be cancelled.

    Raises:
        StoreBusyError: another writer holds the database; it can be told a moment later.
    """
    with store.database.jotting() as connection:
        running = (IMPORTS.c.id == number, IMPORTS.c.status == RUNNING)  # who finishes it tells the real figures
        told = sa.update(IMPORTS).where(*running).values(share_done=share, rows_read=rows)
        return bool(connection.execute(told.returning(IMPORTS.c.cancel_requested)).scalar_one_or_none())


def request_cancel(store: Store, number: int, actor: str, at: dt.datetime) -> Import:
    """Cancel an import that waits; ask one that is running to stop.

    Raises:
        NotFoundError: there is no such import.
        ConflictError: it has ended.
    """
    with store.database.writing() as connection:
        wait_for_writers(connection)
        found = _read(connection, number)
        if found.status == WAITING and not found.by_command:
            change_within(connection, number, [WAITING], status=CANCELLED, finished_at=at, cancel_requested=True)
        elif found.status in (WAITING, RUNNING):
            change_within(connection, number, [WAITING, RUNNING], cancel_requested=True)
        else:
            raise ConflictError(
                Told(
                    "import {number} is {status}; only one that waits or is running can be cancelled",
                    number=number,
                    status=Told(found.status),
                )
            )
        note(connection, at, actor, "cancel", "import", str(number))
        return _read(connection, number)


def check_undoable(store: Store, found: Import, at: dt.datetime) -> None:
    """Make sure that what an import has replaced is still kept.

    Raises:
        ConflictError: it ended too long ago.
    """
    ended = found.finished_at
    if found.settled_at is not None or (ended is not None and at - ended > dt.timedelta(days=store.undo_days)):
        text = Told(
            "import {number} ended on {ended:%Y-%m-%d} UTC; what an import has replaced is kept for {days} days "
            "(CSI_UNDO_DAYS), so it cannot be undone any more",
            number=found.id,
            ended=ended,
            days=store.undo_days,
        )
        raise ConflictError(text)


def request_undo(store: Store, number: int, actor: str, at: dt.datetime) -> Import:
    """Put an import that counts into the queue of those to be undone.

    Raises:
        NotFoundError: there is no such import.
        ConflictError: it does not count, or what it has replaced is not kept any more.
    """
    with store.database.writing() as connection:
        wait_for_writers(connection)
        found = _read(connection, number)
        if found.status == DONE:
            check_undoable(store, found, at)
        if not change_within(connection, number, [DONE], status=UNDOING, undone_by=actor, error=None):
            raise ConflictError(
                Told(
                    "import {number} is {status}; only one that is done can be undone",
                    number=number,
                    status=Told(found.status),
                )
            )
        return _read(connection, number)


def standing_twin(store: Store, found: Import) -> int | None:
    """Return the earlier import of the same files that counts, unless a later one has replaced what it brought in."""
    same = (IMPORTS.c.digest == found.digest, IMPORTS.c.status == DONE, IMPORTS.c.id != found.id)
    with store.database.reading() as connection:
        twin = (
            connection.execute(sa.select(IMPORTS).where(*same).order_by(IMPORTS.c.revision.desc()).limit(1))
            .mappings()
            .one_or_none()
        )
        if twin is None:
            return None
        earlier = _import(twin)
        kinds = {outcome["kind"] for outcome in earlier.outcomes}
        later = sa.select(IMPORTS).where(IMPORTS.c.revision > earlier.revision, IMPORTS.c.status.in_((DONE, UNDOING)))
        for row in connection.execute(later).mappings():
            if any(outcome["replaced"] and outcome["kind"] in kinds for outcome in _import(row).outcomes):
                return None
        return earlier.id


# --- who is at work


def work_folder(store: Store, number: int) -> Path:
    """Return the folder of an import's unfinished files."""
    return store.work / str(number)


def upload_folder(store: Store, number: int) -> Path:
    """Return the folder of what was sent for an import, and of its rejects."""
    return store.uploads / str(number)


def hold(folder: Path) -> int | None:
    """Make a folder and hold it; return the handle that holds it, None where another process does.

    The hold ends when the handle is closed or the process ends.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue  # swept in this very moment
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists() and folder.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        os.close(handle)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a folder for the block, and remove it at the end; yield whether it could be held."""
    handle = hold(folder)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            let_go(folder, handle)


def let_go(folder: Path, handle: int) -> None:
    """Remove a folder that this process holds."""
    shutil.rmtree(folder, ignore_errors=True)
    os.close(handle)


def clear(folder: Path) -> None:
    """Delete what lies in a folder that this process holds."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def keep_upload(store: Store, number: int, sent: Path) -> None:
    """Make a folder of sent files an import's own, safe against a crash."""
    target = upload_folder(store, number)
    shutil.rmtree(target, ignore_errors=True)  # of an import that never came to be
    sent.replace(target)
    sync(store.uploads)


def sent_files(store: Store, found: Import) -> list[Path]:
    """Return the files that were sent for an import, in order."""
    folder = upload_folder(store, found.id)
    return [folder / stored_name(index) for index in range(len(found.files))]


def stored_name(index: int) -> str:
    """Return the name under which the service keeps a sent file; never the sender's."""
    return f"sent-file-{index:04}.data"


def rejects_file(store: Store, number: int, language: str) -> Path:
    """Return where the rejected rows of an import are kept: in each language, as nobody knows who will ask."""
    return upload_folder(store, number) / _REJECTS.format("" if language == ENGLISH else f"{language}.")


def rejects_of(store: Store, found: Import, language: str = ENGLISH) -> Path:
    """Return the file of an import's rejected rows.

    Raises:
        NotFoundError: it has none.
    """
    number = found.id if found.same_as is None else found.same_as
    for path in (rejects_file(store, number, language), rejects_file(store, number, ENGLISH)):
        if path.is_file():
            return path
    raise NotFoundError(Told("import {id} has no rejected rows", id=found.id))


def drop_sent(store: Store, found: Import) -> None:
    """Delete the files that were sent for an import that has ended."""
    for path in sent_files(store, found):
        path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        upload_folder(store, found.id).rmdir()  # it stays where it holds rejects
