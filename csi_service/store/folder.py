"""The data folder: where things lie in it, its database, its locks."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError, SettingsError, StoreBusyError
from csi_service.records.database import Database, sqlite_url
from csi_service.records.migrations import migrate, newest, version_of
from csi_service.records.tables import STATE

UNDO_DAYS = 90
CALLS_LOCK, COUNT_LOCK, IMPORT_LOCK = "calls.lock", "count.lock", "import.lock"
_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Store:
    """A data folder: `calls` holds a Parquet file a local day, `work` what is being made, `uploads` what came in.

    `time_zone` is the zone in which its days are cut; an import can be undone for `undo_days` after its end.
    """

    folder: Path
    database: Database
    time_zone: str
    undo_days: int = UNDO_DAYS

    @property
    def calls(self) -> Path:
        """The folder of the files of calls."""
        return self.folder / "calls"

    @property
    def work(self) -> Path:
        """The folder of unfinished files; on the same file system, so that a finished one can be moved."""
        return self.folder / "work"

    @property
    def uploads(self) -> Path:
        """The folder of files to import."""
        return self.folder / "uploads"

    @contextlib.contextmanager
    def lock(self, name: str, patience: float | None = None) -> Iterator[None]:
        """Hold a lock that one thread of one process has at a time; it ends with the process.

        Raises:
            StoreBusyError: others held it for `patience` seconds (None: it is waited for as long as it takes).
        """
        with (self.folder / name).open("a") as file:
            if patience is None:
                fcntl.flock(file, fcntl.LOCK_EX)
            else:
                _wait_for(file, time.monotonic() + patience)
            yield


def _wait_for(file: IO[str], end: float) -> None:
    """Take a file's lock before an instant of the monotonic clock."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise StoreBusyError("the data folder was busy with other writers; send the same again") from error
            time.sleep(_POLL_SECONDS)
        else:
            return


def open_store(folder: Path, time_zone: str, database_url: str = "", undo_days: int = UNDO_DAYS) -> Store:
    """Return the store of a folder, made or brought up to date where need be.

    Raises:
        FileRefusedError: the folder cannot be made or written to.
        SettingsError: its days are cut in another zone, or a newer program has written it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # customers' numbers are nobody else's concern
        for part in ("calls", "work", "uploads"):
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileRefusedError(
            Told("{folder}: cannot be used as the data folder ({strerror})", folder=folder, strerror=error.strerror)
        ) from error
    database = Database(database_url or sqlite_url(folder / "csi.sqlite"))
    store = Store(folder, database, time_zone, undo_days)
    with store.lock(COUNT_LOCK):
        migrate(database)
        _check_zone(database, time_zone)
    return store


def check_database(store: Store) -> None:
    """Make sure that the database answers and that its tables are this program's.

    Raises:
        StoreBusyError: it does not answer.
        SettingsError: its tables are of another program's version.
    """
    with store.database.reading() as connection:
        found = version_of(connection)
    if found != newest():
        raise SettingsError(
            Told(
                "the database is of version {found}, but this program works with {newest}", found=found, newest=newest()
            )
        )


def _check_zone(database: Database, time_zone: str) -> None:
    with database.reading() as connection:
        found = connection.execute(sa.select(STATE.c.time_zone)).scalar_one_or_none()
    if found is None:
        with database.writing() as connection:
            connection.execute(STATE.insert().values(id=1, revision=0, time_zone=time_zone))
    elif found != time_zone:
        raise SettingsError(
            Told(
                "CSI_TIME_ZONE is {time_zone!r}, but the data folder's days are cut in {found!r}; set that",
                time_zone=time_zone,
                found=found,
            )
        )
