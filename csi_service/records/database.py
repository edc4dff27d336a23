"""The database: SQLite with durable settings or PostgreSQL, opened with the same transactions."""

import contextlib
import functools
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from csi_service.core.told import Told
from csi_service.errors import CsiError, DamagedError, SettingsError, StoreBusyError, StoreFullError
from csi_service.records.prepared import fetch, run
from csi_service.records.tables import STATE
from csi_service.records.together import SharedWrite, Together

Item = TypeVar("Item")
_BUSY_SECONDS = 10
_TURN_SECONDS = 0.0002
_REVISION = sa.select(STATE.c.revision)
_PATIENCE = f"busy_timeout={_BUSY_SECONDS * 1000}"
_RAISED = sa.update(STATE).values(revision=STATE.c.revision + 1).returning(STATE.c.revision)
_LOG_PAGES = "wal_autocheckpoint=2000"  # 8 MB: a page that many writes change is copied once, and none waits long
_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", _LOG_PAGES, _PATIENCE)


class Database:
    """Transactions on one database; a pool of connections a process, opened when first used."""

    def __init__(self, url: str) -> None:
        """Point at a database by its SQLAlchemy address; nothing is opened yet."""
        self.url = sa.make_url(url)
        if self.url.drivername == "postgresql":
            self.url = self.url.set(drivername="postgresql+psycopg")
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        try:
            self.engine = sa.create_engine(
                self.url,
                connect_args={"timeout": _BUSY_SECONDS} if self.is_sqlite else {},
                pool_pre_ping=not self.is_sqlite,
                max_overflow=-1,  # the service's threads are the bound
                hide_parameters=True,  # an error's text may reach the log, and no record's values with it
            )
        except ModuleNotFoundError as error:
            text = Told("CSI_DATABASE_URL needs {module}: install csi-service[postgresql]", module=error.name)
            raise SettingsError(text) from error
        self.together = Together(self._sharing)
        self._shared: sa.Connection | None = None  # the one that shared writes are made on
        self._watch: Any = None  # the connection that `pulse` has to itself
        self._seen: tuple[object, object] = (None, None)  # the file's version and the number of the last write then
        self._lock = threading.Lock()
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _set_up)
            sa.event.listen(self.engine, "begin", _begin)
        else:
            sa.event.listen(self.engine, "connect", _wait_no_longer)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction that sees one state of the database and changes nothing."""
        with _told(), self.engine.connect() as connection:
            options: dict[str, Any] = {"ro": True} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = connection.execution_options(**options)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction that is durable once the block ends; an error undoes it all.

        Raises:
            StoreBusyError: other writers held the database for too long.
            StoreFullError: no room is left on its disk.
        """
        with _told(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _sharing(self) -> Iterator[SharedWrite]:
        with self._writing_often() if self.is_sqlite else self.writing() as connection:
            shared = SharedWrite(connection, next_revision(connection))
            yield shared
            shared.finish()

    @contextlib.contextmanager
    def _writing_often(self) -> Iterator[sa.Connection]:
        """Do as `writing`, on a connection that is kept for the shared writes, of which there is one at a time.

        Of SQLite only: a server may be restarted meanwhile, so its connections are looked at before each use.
        """
        with _told():
            if self._shared is None:
                self._shared = self.engine.connect().execution_options(hasty=True)
                driver: Any = self._shared.connection.driver_connection
                driver.execute("PRAGMA busy_timeout=0")
            with self._shared.begin():
                yield self._shared

    @contextlib.contextmanager
    def jotting(self) -> Iterator[sa.Connection]:
        """Yield a connection as `writing` does, but for what may be dropped: no other writer is waited for.

        Raises:
            StoreBusyError: another writer holds the database.
        """
        with _told(), self.engine.connect() as connection:
            connection = connection.execution_options(patience=0)
            with connection.begin():
                if not self.is_sqlite:
                    connection.exec_driver_sql("SET LOCAL lock_timeout = 1")  # ms
                yield connection

    def pulse(self) -> object:
        """Return a token that differs from an earlier one once a write (`next_revision`) has been made."""
        with _told(), self._lock:
            return self._revision()

    def glance(self, query: str) -> tuple[Any, ...]:
        """Return the one row of an SQL query as it is now, the quickest way there is: on the connection of `pulse`."""
        with _told(), self._lock:
            self._revision()  # opens it, anew where the server was restarted
            ask = self._watch.execute if self.is_sqlite else self._watch.exec_driver_sql
            return tuple(ask(query).fetchone())

    def _revision(self) -> object:
        return self._sqlite_revision() if self.is_sqlite else self._postgresql_revision()

    def _sqlite_revision(self) -> object:
        if self._watch is None:
            self._watch = sqlite3.connect(str(self.url.database), check_same_thread=False)
            self._seen = (None, None)
        (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        if version != self._seen[0]:  # somebody wrote, perhaps without a number
            self._seen = (version, self._watch.execute("SELECT revision FROM state").fetchone()[0])
        return self._seen[1]

    def _postgresql_revision(self) -> object:
        try:
            return self._watched_revision()
        except (sa.exc.OperationalError, sa.exc.PendingRollbackError):  # the server was restarted, now or before
            self._unwatch()
            return self._watched_revision()

    def _watched_revision(self) -> object:
        if self._watch is None:  # one round trip a call, where the pool's connections take four
            self._watch = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._watch.execute(_REVISION).scalar_one()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def close(self) -> None:
        """Close the connections; the next use opens new ones (as a process must after a fork)."""
        with self._lock:
            self._unwatch()
        if self._shared is not None:
            self._shared.detach()
            self._shared.close()
            self._shared = None
        self.engine.dispose()


def chunks(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield the items in lists of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def sqlite_url(path: Path) -> str:
    """Return the address of a SQLite file."""
    return f"sqlite:///{path}"


def next_revision(connection: sa.Connection) -> int:
    """Return the number of the write that this transaction makes; writers wait for one another here."""
    return int(fetch(connection, _RAISED, {})[0]["revision"])


def last_revision(connection: sa.Connection) -> int:
    """Return the number of the last write that this transaction sees."""
    return int(fetch(connection, _REVISION, {})[0]["revision"])


def wait_for_writers(connection: sa.Connection) -> None:
    """Let no other write come between this transaction's reads and its end, without making a write of its own."""
    connection.execute(sa.select(STATE.c.revision).with_for_update())


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows with the same keys, or replace those of the same primary key."""
    if rows:
        run(connection, _insertion(connection.dialect.name, table, tuple(rows[0])), rows)


@functools.cache
def _insertion(dialect: str, table: sa.Table, names: tuple[str, ...]) -> Any:
    """The statement of an `upsert`; to make one takes longer than to run it."""
    insert: Any = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    key = [column.name for column in table.primary_key]
    others = {name: insert.excluded[name] for name in names if name not in key}
    if others:
        return insert.on_conflict_do_update(index_elements=key, set_=others)
    return insert.on_conflict_do_nothing(index_elements=key)


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin by itself
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _wait_no_longer(connection: Any, _record: object) -> None:
    """Let PostgreSQL give up waiting for another writer as SQLite does; it would wait for ever."""
    connection.execute(f"SET lock_timeout = '{_BUSY_SECONDS}s'")
    connection.commit()


def _begin(connection: sa.Connection) -> None:
    """Begin; a writer asks for its turn every 0.2 ms, as SQLite itself sleeps ever longer, up to 0.1 s."""
    options = connection.get_execution_options()
    driver: Any = connection.connection.driver_connection
    if options.get("ro"):
        driver.execute("BEGIN")
        return
    end = time.monotonic() + options.get("patience", _BUSY_SECONDS)
    if options.get("hasty"):
        _wait_for_turn(driver, end)
        return
    driver.execute("PRAGMA busy_timeout=0")
    try:
        _wait_for_turn(driver, end)
    finally:
        driver.execute(f"PRAGMA {_PATIENCE}")


def _wait_for_turn(driver: Any, end: float) -> None:
    while not _begun(driver, time.monotonic() < end):
        time.sleep(_TURN_SECONDS)


def _begun(driver: Any, again: bool) -> bool:
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if again and "locked" in str(error):
            return False
        raise sa.exc.OperationalError("BEGIN IMMEDIATE", None, error) from error
    return True


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell a full disk, a damaged file and a database that is busy or gone from faults of the program."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        operational = isinstance(error, sa.exc.OperationalError | sqlite3.OperationalError)
        meant = _meant(str(getattr(error, "orig", error)).lower(), operational)
        if meant is None:
            raise
        raise meant from error


def _meant(text: str, operational: bool) -> CsiError | None:
    """What a driver's error means to the caller; None for a fault of the program."""
    if "malformed" in text or "not a database" in text:
        return DamagedError("the database's file is damaged; csi doctor tells more")
    if not operational:
        return None
    if "disk is full" in text or "no space left" in text or "could not extend" in text:
        return StoreFullError("there is no room left on the database's disk; nothing was changed")
    if "locked" in text or "busy" in text or "lock timeout" in text or "deadlock" in text:
        return StoreBusyError("the database was busy with other writers; send the same again")
    if "connection" in text or "unable to open" in text or "the database system is" in text:
        return StoreBusyError("the database does not answer; try again later")
    return None
