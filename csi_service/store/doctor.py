"""Whether a data folder is well: the folder, its database, its files of calls, its counters, the weights, the clock.

Nothing is mended. A check ends as `good`, as a `note` (it works, but somebody should know) or as a `FAULT`.
"""

import datetime as dt
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.core.weights import WeightSet
from csi_service.errors import CsiError, NotFoundError, WeightsError
from csi_service.language import message_of
from csi_service.records.database import Database, sqlite_url
from csi_service.records.migrations import differences, newest, version_of
from csi_service.records.tables import AUDIT, DAYS, IMPORTS, STATE
from csi_service.store.check import wrong_counters
from csi_service.store.doctor_calls import check_calls, check_leftovers
from csi_service.store.folder import Store
from csi_service.store.verdict import FAULT, GOOD, NOTE, Verdict
from csi_service.weights_folder import WeightsFolder

LITTLE_BYTES, NO_BYTES = 1 << 30, 100 << 20
_SHOWN, _LENGTH = 10, 80
_SKEW = dt.timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at: a data folder and its settings."""

    folder: Path
    database_url: str
    time_zone: str
    weights: WeightsFolder


def examine(place: Place, now: dt.datetime, today: dt.date, fast: bool = False) -> Iterator[Verdict]:
    """Yield what each check found; `fast` leaves out what reads every call and every record."""
    yield from _folder(place.folder)
    file = place.folder / "csi.sqlite"
    if not place.folder.is_dir():
        return
    yield from _locks(place.folder)
    if not place.database_url and not file.is_file():
        yield Verdict(
            "database",
            FAULT,
            Told("{file} is missing; csi serve makes an empty one, csi restore a full one", file=file),
        )
        return
    database = Database(place.database_url or sqlite_url(file))
    try:
        sets, told = _weights(place.weights, today)
        yield from chain(_library(database), _guarded("database", _database(database, place, fast)), told)
        store = Store(place.folder, database, place.time_zone)
        if not _usable(database):
            yield Verdict("files of calls", NOTE, "not looked at, as the database cannot be used")
            return
        yield from _guarded("files of calls", check_calls(store, fast))
        yield from _guarded("leftovers", check_leftovers(store, time.time()))
        if not fast:
            yield from _guarded("counters", _counters(store, sets))
        yield from _guarded("clock", _clock(database, now, today))
    finally:
        database.close()


def _guarded(name: str, verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
    """The verdicts, and a fault where their check itself cannot go on."""
    try:
        yield from verdicts
    except (CsiError, sa.exc.SQLAlchemyError, OSError) as error:
        text = message_of(error) if isinstance(error, CsiError) else " ".join(str(error).split())
        yield Verdict(name, FAULT, text)


def _folder(folder: Path) -> Iterator[Verdict]:
    if not folder.is_dir():
        yield Verdict(
            "data folder", FAULT, Told("{folder}: there is no such folder; csi serve makes it", folder=folder)
        )
        return
    closed = [path for path in (folder, *folder.glob("*/")) if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    closed += [path for path in folder.glob("*") if path.is_file() and not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        yield Verdict("data folder", FAULT, Told("{path} cannot be read and written by this user", path=closed[0]))
    elif folder.stat().st_mode & 0o007:
        yield Verdict(
            "data folder",
            NOTE,
            Told("{folder}: every user of this machine can enter it; chmod o-rwx {folder}", folder=folder),
        )
    else:
        yield Verdict("data folder", GOOD, str(folder))
    free = shutil.disk_usage(folder).free
    state = FAULT if free < NO_BYTES else NOTE if free < LITTLE_BYTES else GOOD
    yield Verdict("free space", state, f"{free / 2**30:,.1f} GiB")


def _locks(folder: Path) -> Iterator[Verdict]:
    held = []
    for path in sorted(folder.glob("*.lock")):
        try:
            with path.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(path.stem)
        except OSError as error:
            yield Verdict(
                "locks",
                FAULT,
                Told("{path}: this file system does not lock files ({reason})", path=path, reason=error.strerror),
            )
            return
    yield Verdict("locks", GOOD, Told("at work now: {names}", names=", ".join(held)) if held else Told("none is held"))


def _library(database: Database) -> Iterator[Verdict]:
    if not database.is_sqlite:
        return
    found = sqlite3.sqlite_version_info
    text = f"SQLite {sqlite3.sqlite_version}"
    if has_reset_fault(found):
        yield Verdict(
            "database library",
            NOTE,
            Told(
                "{text} has the WAL-reset fault (mended in 3.51.3, 3.50.7 and 3.44.6), "
                "which this program's single writer keeps rare; a newer library or PostgreSQL is better",
                text=text,
            ),
        )
    else:
        yield Verdict("database library", GOOD, text)


def has_reset_fault(version: tuple[int, int, int]) -> bool:
    """Tell whether a SQLite version can damage its file when a checkpoint and a writer race.

    Source: SQLite's release notes: 3.7.0 to 3.51.2, mended in 3.51.3 and, for older lines, in 3.50.7 and 3.44.6.
    """
    if version[:2] in ((3, 50), (3, 44)):
        return version < ((3, 50, 7) if version[1] == 50 else (3, 44, 6))
    return (3, 7, 0) <= version < (3, 51, 3)


def _usable(database: Database) -> bool:
    try:
        with database.reading() as connection:
            return version_of(connection) == newest()
    except (CsiError, sa.exc.SQLAlchemyError):
        return False


def _database(database: Database, place: Place, fast: bool) -> Iterator[Verdict]:
    with database.reading() as connection:
        yield from _quick_check(connection, fast) if database.is_sqlite else _server(connection)
        version = version_of(connection)
        if version != newest():
            yield Verdict(
                "migrations",
                FAULT,
                Told(
                    "the database is of version {version}, this program of {newest}", version=version, newest=newest()
                ),
            )
            return
        unlike = differences(connection)
        if unlike:
            first = unlike[0][:_LENGTH]
            text = Told("{count} differences to the program's tables: {first}", count=len(unlike), first=first)
            yield Verdict("migrations", FAULT, text)
        else:
            yield Verdict("migrations", GOOD, Told("version {version}", version=version))
        zone = connection.execute(sa.select(STATE.c.time_zone)).scalar_one_or_none()
        if zone not in (None, place.time_zone):
            yield Verdict(
                "time zone",
                FAULT,
                Told("days are cut in {zone}, but CSI_TIME_ZONE is {wanted}", zone=zone, wanted=place.time_zone),
            )
        else:
            yield Verdict("time zone", GOOD, place.time_zone)


def _quick_check(connection: sa.Connection, fast: bool) -> Iterator[Verdict]:
    if fast:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")
        yield Verdict("database", GOOD, "can be opened; its pages were not looked at (--fast)")
        return
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(5)").all()]
    good = found == ["ok"]
    text = Told("every page is in order") if good else "; ".join(found)
    yield Verdict("database", GOOD if good else FAULT, text)


def _server(connection: sa.Connection) -> Iterator[Verdict]:
    version = connection.exec_driver_sql("SHOW server_version").scalar_one()
    off = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "off"
    ]
    if off:
        yield Verdict(
            "database",
            NOTE,
            Told(
                "PostgreSQL {version} with {names} off: a power cut can lose writes",
                version=version,
                names=", ".join(off),
            ),
        )
    else:
        yield Verdict("database", GOOD, f"PostgreSQL {version}")


def _weights(folder: WeightsFolder, today: dt.date) -> tuple[list[WeightSet], list[Verdict]]:
    """The sets that can be read, and what is said of the folder."""
    sets, faults = [], []
    try:
        for name in folder.names():
            try:
                sets.append(folder.get(name))
            except WeightsError as error:
                faults.append(Verdict("weights", FAULT, message_of(error)))
    except NotFoundError as error:
        return [], [Verdict("weights", FAULT, message_of(error))]
    if not any(item.effective <= today for item in sets):
        faults.append(Verdict("weights", FAULT, Told("{folder}: no set is valid today", folder=folder.folder)))
    return sets, faults or [
        Verdict("weights", GOOD, Told("{count} sets in {folder}", count=len(sets), folder=folder.folder))
    ]


def _counters(store: Store, sets: list[WeightSet]) -> Iterator[Verdict]:
    wrong = wrong_counters(store, sets)
    found = list(islice(wrong, _SHOWN))
    for item in found:
        yield Verdict(
            "counters",
            FAULT,
            Told(
                "{output} of {day} by {grouping}: not what a fresh count gives",
                output=item.output,
                day=item.day,
                grouping=item.grouping,
            ),
        )
    if not found:
        yield Verdict("counters", GOOD, "as a fresh count of the records gives them")


def _clock(database: Database, now: dt.datetime, today: dt.date) -> Iterator[Verdict]:
    with database.reading() as connection:
        latest = [
            connection.execute(sa.select(sa.func.max(column))).scalar_one()
            for column in (AUDIT.c.at, IMPORTS.c.created_at)
        ]
        ahead = connection.execute(sa.select(sa.func.max(DAYS.c.day)).where(DAYS.c.day > today)).scalar_one()
        theirs = now
        if not database.is_sqlite:
            theirs = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    newest_entry = max((at.replace(tzinfo=dt.UTC) for at in latest if at is not None), default=now)
    if newest_entry > now + _SKEW:
        yield Verdict(
            "clock",
            FAULT,
            Told("it is {now:%Y-%m-%d %H:%M} UTC here, but something was written {at}", now=now, at=newest_entry),
        )
    elif abs(theirs - now) > _SKEW:
        yield Verdict(
            "clock",
            FAULT,
            Told("the database's clock and this machine's differ by {difference}", difference=abs(theirs - now)),
        )
    elif ahead is not None:
        yield Verdict(
            "clock", NOTE, Told("records are dated up to {ahead}, and it is {today}", ahead=ahead, today=today)
        )
    else:
        yield Verdict("clock", GOOD, f"{now:%Y-%m-%d %H:%M} UTC")
