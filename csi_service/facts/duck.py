"""DuckDB, opened with bounds: memory, threads, a temporary folder that goes away, no downloads."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from csi_service.errors import FileRefusedError

MEMORY_LIMIT = "1000MiB"
POLL_SECONDS = 0.1


@contextmanager
def workspace(memory_limit: str = MEMORY_LIMIT) -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Yield an in-memory connection and its temporary folder; both are gone afterwards.

    What does not fit into memory spills into the folder.
    """
    with tempfile.TemporaryDirectory(prefix="csi-") as folder:
        connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "threads": os.cpu_count() or 1,
                "temp_directory": folder,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        try:
            connection.execute(
                "SET TimeZone = 'UTC'; SET enable_progress_bar = true; SET enable_progress_bar_print = false"
            )
            yield connection, Path(folder)
        finally:
            connection.close()


def run_with_progress(
    connection: duckdb.DuckDBPyConnection, query: str, progress: Callable[[float], None] | None
) -> duckdb.DuckDBPyConnection:
    """Run a query and tell `progress` the share done, 0..1, while it runs."""
    if progress is None:
        return connection.execute(query)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            progress(min(max(connection.query_progress(), 0.0) / 100, 1.0))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return connection.execute(query)
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
        raise FileRefusedError(f"{files}: cannot be read to the end; {_advice(error, found)} ({found})") from error


def _advice(error: duckdb.Error, found: str) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"it takes more memory than the {MEMORY_LIMIT} allowed, or the temporary folder is full"
    if "state machine" in found:
        return "lines end in different ways, or a quotation mark stands where none may; write the file anew as CSV"
    if "gzip" in found.lower():
        return "the gzip data are damaged; make the file anew"
    return "its data are damaged or of a kind that cannot be read; make the file anew"


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
