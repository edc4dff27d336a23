"""A backup back into an empty data folder, and into an empty PostgreSQL database where one is set."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import ConflictError, FileRefusedError
from csi_service.facts.partitions import sync
from csi_service.records.database import Database, sqlite_url
from csi_service.records.migrations import known, migrate, upgrade
from csi_service.records.tables import METADATA
from csi_service.store.backup import DATABASE, FORMAT, FORMS, MANIFEST, Manifest, stream

Files = Mapping[str, Callable[[], BinaryIO]]
_BLOCK = 1024 * 1024


def restore(backup: Path, folder: Path, database_url: str = "") -> Manifest:
    """Make a data folder of a backup (a folder or a .tar) and return its manifest, which is checked first.

    Raises:
        FileRefusedError: it is no whole backup, the data folder is not empty, or it cannot be written.
        ConflictError: the PostgreSQL database is not empty.
    """
    with _opened(backup) as files:
        manifest = _checked(backup, files)
        _require_empty(folder, database_url)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in manifest.files:
                if name != DATABASE:
                    _copy(files[name], folder / name)
            beside = folder / f".{DATABASE}.part"
            _copy(files[DATABASE], beside)
            if database_url:
                _fill(beside, database_url)
                beside.unlink()
            else:
                beside.replace(folder / DATABASE)  # last of all: without it nothing is a data folder
            for path in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
                sync(path)
        except OSError as error:
            raise FileRefusedError(
                Told(
                    "{folder}: cannot be written ({reason}); empty it and try again",
                    folder=folder,
                    reason=error.strerror,
                )
            ) from error
    return manifest


@contextlib.contextmanager
def _opened(backup: Path) -> Iterator[Files]:
    if backup.is_dir():
        paths = sorted(path for path in backup.rglob("*") if path.is_file())
        yield {path.relative_to(backup).as_posix(): functools.partial(_file, path) for path in paths}
        return
    try:
        with tarfile.open(backup, "r:") as tar:
            yield {item.name: functools.partial(_member, tar, item) for item in tar if item.isfile()}
    except tarfile.TarError as error:
        raise FileRefusedError(
            Told(
                "{backup}: is no backup: neither a folder nor a .tar of one ({reason})",
                backup=backup,
                reason=str(error),
            )
        ) from error
    except OSError as error:
        raise FileRefusedError(
            Told("{backup}: cannot be read ({reason})", backup=backup, reason=error.strerror)
        ) from error


def _file(path: Path) -> BinaryIO:
    return path.open("rb")


def _member(tar: tarfile.TarFile, item: tarfile.TarInfo) -> BinaryIO:
    found: Any = tar.extractfile(item)
    return found  # type: ignore[no-any-return]


def _checked(backup: Path, files: Files) -> Manifest:
    """Read the manifest and compare each file with it."""
    if MANIFEST not in files:
        raise FileRefusedError(Told("{backup}: is no backup: it has no {manifest}", backup=backup, manifest=MANIFEST))
    with files[MANIFEST]() as stream:
        manifest = _manifest(backup, stream.read())
    for name, (size, digest) in manifest.files.items():
        if not _proper(name):
            raise FileRefusedError(
                Told("{backup}: its manifest names {name!r}, which is no file of a backup", backup=backup, name=name)
            )
        if name not in files:
            raise FileRefusedError(Told("{backup}: {name} is missing", backup=backup, name=name))
        with files[name]() as stream:
            found, read = hashlib.sha256(), 0
            while block := stream.read(_BLOCK):
                found.update(block)
                read += len(block)
        if (read, found.hexdigest()) != (size, digest):
            raise FileRefusedError(
                Told("{backup}: {name} is damaged: it is not what the manifest tells of it", backup=backup, name=name)
            )
    return manifest


def _manifest(backup: Path, content: bytes) -> Manifest:
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise FileRefusedError(
                Told(
                    "{backup}: its format is {format!r}; this program reads {known}, a newer one may read it",
                    backup=backup,
                    format=document["format"],
                    known=FORMAT,
                )
            )
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in document["files"].items()}
        manifest = Manifest(**{**document, "files": files})
        if DATABASE not in files:
            raise KeyError(DATABASE)
        if manifest.schema not in known():
            raise FileRefusedError(
                Told(
                    "{backup}: was made by csi {version}, whose database is of version {schema}; "
                    "this one knows up to {newest}",
                    backup=backup,
                    version=manifest.csi,
                    schema=manifest.schema,
                    newest=known()[-1],
                )
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileRefusedError(
            Told("{backup}: its {manifest} is damaged ({reason})", backup=backup, manifest=MANIFEST, reason=repr(error))
        ) from error
    return manifest


def _proper(name: str) -> bool:
    """Whether a name stays within the data folder and is one of those that a backup holds."""
    parts = PurePosixPath(name).parts
    plain = "/".join(parts) == name and ".." not in parts and "\x00" not in name
    return plain and (name == DATABASE or (parts[0] in ("calls", "uploads", FORMS) and len(parts) > 1))


def _require_empty(folder: Path, database_url: str) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileRefusedError(
            Told("{folder}: is not an empty folder; a backup is restored into an empty one only", folder=folder)
        )
    if database_url:
        database = Database(database_url)
        with database.reading() as connection:
            tables = sa.inspect(connection).get_table_names()
        database.close()
        if tables:
            raise ConflictError(
                Told(
                    "the database of CSI_DATABASE_URL holds {count} tables; a backup is restored into an empty one",
                    count=len(tables),
                )
            )


def _copy(source: Callable[[], BinaryIO], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source() as read, target.open("xb") as written:
        shutil.copyfileobj(read, written, _BLOCK)
        written.flush()
        os.fsync(written.fileno())


def _fill(copy: Path, database_url: str) -> None:
    """Put the tables of a SQLite file into an empty PostgreSQL database, in one transaction."""
    source, target = Database(sqlite_url(copy)), Database(database_url)
    try:
        migrate(source)
        with source.reading() as old, target.writing() as new:
            upgrade(new)
            for table in METADATA.sorted_tables:
                for rows in stream(old, table):
                    _copy_in(new, table, rows)
                _continue_numbers(new, table)
    finally:
        source.close()
        target.close()


def _copy_in(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Add rows with COPY, many times as quick as INSERT."""
    dialect = connection.dialect
    to_driver = {column.name: column.type.dialect_impl(dialect).bind_processor(dialect) for column in table.c}
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(quote(name) for name in to_driver)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {quote(table.name)} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([change(row[name]) if change else row[name] for name, change in to_driver.items()])


def _continue_numbers(connection: sa.Connection, table: sa.Table) -> None:
    """Let the database number new rows after the greatest number there is."""
    column = table.autoincrement_column
    if column is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(column))).having(sa.func.max(column) > 0))
