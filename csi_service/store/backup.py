"""A backup while the service runs: one state of the database, and the files that count in that state.

A backup is a folder, or a .tar of one: `manifest.json`, the database as `csi.sqlite` whatever database it came from,
the files below `calls`, `uploads` and `forms`. Files of calls never change, so on one file system they are linked, not
copied.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from csi_service import __version__
from csi_service.core.told import Told
from csi_service.errors import CsiError, DamagedError, FileRefusedError
from csi_service.facts.partitions import sync
from csi_service.records.database import Database, sqlite_url
from csi_service.records.migrations import migrate, version_of
from csi_service.records.tables import METADATA, STATE
from csi_service.store.folder import CALLS_LOCK, Store
from csi_service.store.import_books import held
from csi_service.store.parts import referred

MANIFEST, DATABASE, FORMS = "manifest.json", "csi.sqlite", "forms"
FORMAT = 1
ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: who made it when, of which write (`revision`), and each file's size and SHA-256."""

    format: int
    csi: str
    schema: str | None
    made_at: str
    database: str
    time_zone: str
    revision: int
    files: dict[str, tuple[int, str]]

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return sum(size for size, _ in self.files.values())


def back_up(store: Store, target: Path, now: dt.datetime) -> Manifest:
    """Write a backup to a new folder, or to a new file where the name ends in .tar; it appears whole or not at all.

    Raises:
        FileRefusedError: there is something of that name, or it cannot be written.
    """
    if target.exists() or not target.parent.is_dir():
        wrong = Told("is there already") if target.exists() else Told("its folder is not there")
        raise FileRefusedError(
            Told(
                "{target}: {wrong}; name a new folder or .tar file in a folder that exists", target=target, wrong=wrong
            )
        )
    made = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    links = store.work / f"backup-{uuid.uuid4().hex}"
    try:
        with held(links), _telling(target):
            made.mkdir(mode=0o700)
            manifest = _collect(store, links, made, now)
            (made / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
            if target.suffix == ".tar":
                _pack([made, links], made / "tar").replace(target)
            else:
                _gather(links, made)
                made.replace(target)
            sync(target.parent)
            return manifest
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _collect(store: Store, links: Path, made: Path, now: dt.datetime) -> Manifest:
    """Link the files that count and copy the database, both as they are at one moment; return what there is then."""
    _copy_forms(store.folder / FORMS, links / FORMS)
    _link_uploads(store, links / "uploads")
    with store.database.reading() as connection:
        with store.lock(CALLS_LOCK):  # nobody deletes a file; the connection's view begins in here
            _link_calls(store, links / "calls", sorted(referred(connection)))
        _link_uploads(store, links / "uploads")  # once more, for those that came in between
        state = connection.execute(sa.select(STATE)).one()
        schema = version_of(connection)
        _copy_database(connection, made / DATABASE)
    return Manifest(
        format=FORMAT,
        csi=__version__,
        schema=schema,
        made_at=now.isoformat(timespec="seconds"),
        database=store.database.url.get_backend_name(),
        time_zone=state.time_zone,
        revision=state.revision,
        files={name: (path.stat().st_size, digest_of(path)) for name, path in _files([made, links])},
    )


def _link_calls(store: Store, target: Path, names: list[str]) -> None:
    for name in names:
        try:
            _link(store.calls / name, target / name)
        except FileNotFoundError as error:
            raise DamagedError(Told("calls/{name} is missing; csi doctor tells what else is", name=name)) from error


def _link_uploads(store: Store, target: Path) -> None:
    """Keep what was sent for imports that wait, and the rejects of earlier ones; not what is still coming in."""
    for path in sorted(store.uploads.glob("[0-9]*/*")):
        with contextlib.suppress(FileExistsError, FileNotFoundError):  # linked before; done with in this moment
            _link(path, target / path.relative_to(store.uploads))


def _copy_forms(source: Path, target: Path) -> None:
    """Copy the centre's own QA forms: files that people change where they lie, so a link would change too."""
    for path in sorted(source.glob("*.toml")):
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)


def _link(source: Path, target: Path) -> None:
    """Link a file that never changes; copy it to another file system, or on one without links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        shutil.copyfile(source, target)


def _copy_database(connection: sa.Connection, path: Path) -> None:
    path.touch(mode=0o600)
    if connection.dialect.name == "sqlite":
        with contextlib.closing(sqlite3.connect(path)) as copy:
            connection.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
    else:
        database = Database(sqlite_url(path))
        migrate(database)
        with database.writing() as target:
            for table in METADATA.sorted_tables:
                for rows in stream(connection, table):
                    target.execute(sa.insert(table), rows)
        database.close()
    with contextlib.closing(sqlite3.connect(path)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def stream(connection: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, object]]]:
    """Yield a table's rows, some thousands at once."""
    found = connection.execute(sa.select(table), execution_options={"yield_per": ROWS_AT_ONCE})
    for rows in found.mappings().partitions():
        yield [dict(row) for row in rows]


def _files(folders: list[Path]) -> list[tuple[str, Path]]:
    found = [(path.relative_to(folder).as_posix(), path) for folder in folders for path in folder.rglob("*")]
    return sorted((name, path) for name, path in found if path.is_file())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _gather(links: Path, made: Path) -> None:
    """Put the files beside the database, safe against a crash."""
    for name, path in _files([links]):
        _link(path, made / name)
    for path in (*made.rglob("*"), made):
        sync(path)


def _pack(folders: list[Path], tar_path: Path) -> Path:
    """Pack the files of folders into a .tar, the manifest first, so that a reader sees it before all else."""
    files = sorted(_files(folders), key=lambda item: item[0] != MANIFEST)
    tar_path.touch(mode=0o600)
    with tarfile.open(tar_path, "w") as tar:
        for name, path in files:
            tar.add(path, name)
    sync(tar_path)
    return tar_path


@contextlib.contextmanager
def _telling(target: Path) -> Iterator[None]:
    try:
        yield
    except CsiError:
        raise
    except (OSError, sqlite3.Error, sa.exc.DatabaseError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileRefusedError(
            Told("{target}: the backup cannot be written ({reason}); there is none", target=target, reason=reason)
        ) from error
