"""DuckDB, opened with bounds: memory, threads, the files it may touch, a temporary folder that goes away."""

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from csi_service.core.told import Told
from csi_service.errors import FileRefusedError
from csi_service.facts.processors import NUMBER, on_all

MEMORY_LIMIT = "1000MiB"
POLL_SECONDS = 0.1


@contextmanager
def workspace(
    memory_limit: str = MEMORY_LIMIT, below: Path | None = None, opens: Iterable[Path] | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Yield an in-memory connection and its temporary folder; both are gone afterwards.

    What does not fit into memory spills into the folder; it lies `below` another, by default the system's own.
    For files from elsewhere give all files and folders that the engine `opens`: it can open, read and write nothing
    else then, load no extension, and change no setting, whatever stands in the files.

    Raises:
        KeyboardInterrupt: Ctrl-C came, also while the engine was at work.
    """
    with on_all(), _stopped_as_python(), tempfile.TemporaryDirectory(prefix="csi-", dir=below) as folder:
        connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "threads": NUMBER,
                "temp_directory": folder,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        try:
            connection.execute(
                "SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false"
            )
            if opens is not None:
                _lock(connection, [*opens, Path(folder)])
            yield connection, Path(folder)
        finally:
            connection.close()


@contextmanager
def _stopped_as_python() -> Iterator[None]:
    """Raise what Python raises at Ctrl-C; the engine, where it is at work then, raises an error of its own."""
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from error


def _lock(connection: duckdb.DuckDBPyConnection, opens: Sequence[Path]) -> None:
    """Bound the engine to some files and folders, for good; a path is checked as it is asked for and as it is found."""
    check_names(opens)
    for setting, paths in (
        ("allowed_directories", [path for path in opens if path.is_dir()]),
        ("allowed_paths", [path for path in opens if not path.is_dir()]),
    ):
        forms = sorted({form for path in paths for form in (str(path), str(path.resolve()), _exactly(path))})
        connection.execute(f"SET {setting} = [{', '.join(map(literal, forms))}]")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def check_names(paths: Iterable[Path]) -> None:
    """Refuse files and folders whose names no engine and no database can be given.

    Raises:
        FileRefusedError: a name, or that of a folder above, is not UTF-8.
    """
    for path in paths:
        try:
            str(path.resolve()).encode()
            str(path).encode()
        except UnicodeEncodeError as error:
            shown = os.fsencode(path).decode(errors="backslashreplace")
            raise FileRefusedError(Told("{path}: the name is not UTF-8; rename it", path=shown)) from error


def run_with_progress(
    connection: duckdb.DuckDBPyConnection, query: str, progress: Callable[[float], None] | None
) -> duckdb.DuckDBPyConnection:
    """Run a query and tell `progress` the share done, 0..1, while it runs."""
    with watched(connection, progress):
        return connection.execute(query)


@contextmanager
def watched(connection: duckdb.DuckDBPyConnection, progress: Callable[[float], None] | None) -> Iterator[None]:
    """Tell `progress` the share done, 0..1, of the query that runs in the block."""
    if progress is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            progress(min(max(connection.query_progress(), 0.0) / 100, 1.0))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        progress(1.0)


@contextmanager
def refusing(files: str) -> Iterator[None]:
    """Refuse the files where the engine fails over what is in them or runs out of room; bugs pass through."""
    try:
        yield
    except (duckdb.DataError, duckdb.OperationalError, duckdb.InvalidInputException) as error:
        found = str(error).splitlines()[0]
        raise FileRefusedError(
            Told(
                "{files}: cannot be read to the end; {advice} ({found})",
                files=files,
                advice=_advice(error, found),
                found=found,
            )
        ) from error


def _advice(error: duckdb.Error, found: str) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return Told(
            "it takes more memory than the {limit} allowed, or the temporary folder is full", limit=MEMORY_LIMIT
        )
    if "state machine" in found:
        return Told(
            "lines end in different ways, or a quotation mark stands where none may; write the file anew as CSV"
        )
    if "gzip" in found.lower():
        return Told("the gzip data are damaged; make the file anew")
    return Told("its data are damaged or of a kind that cannot be read; make the file anew")


_ARROW_TYPES = {
    "VARCHAR": "string",
    "TIMESTAMP": "timestamp[us]",
    "DATE": "date32",
    "DOUBLE": "float64",
    "BOOLEAN": "bool",
    "BIGINT": "int64",
    "TINYINT": "int8",
}


def load_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, object]],
) -> None:
    """Make a temporary table of rows; `columns` gives the SQL type of each (a list of a type ends in [])."""
    import pyarrow as pa

    def arrow(type_: str) -> Any:
        if type_.endswith("[]"):
            return pa.list_(arrow(type_[:-2]))
        return pa.type_for_alias(_ARROW_TYPES[type_])

    arrays = {name: pa.array([row[name] for row in rows], arrow(type_)) for name, type_ in columns.items()}
    connection.register("loaded_rows", pa.table(arrays))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {identifier(table)} AS SELECT * FROM loaded_rows")
    connection.unregister("loaded_rows")


def to_frame(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """Return a query's result as a frame by way of Arrow, which is quicker than `df()` where there are many texts.

    Sums of whole numbers, which the engine gives as decimals, are floats.
    """
    found = connection.sql(query)
    columns = [
        f'CAST("{name}" AS DOUBLE) AS "{name}"' if type_ == "HUGEINT" else f'"{name}"'
        for name, type_ in zip(found.columns, found.types, strict=True)
    ]
    return found.project(", ".join(columns)).to_arrow_table().to_pandas(date_as_object=False)


def file_literal(path: Path) -> str:
    """Return a file's path as an SQL literal for reading: signs of a pattern in its name stand for themselves."""
    return literal(_exactly(path))


def _exactly(path: Path) -> str:
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
