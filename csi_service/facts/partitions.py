"""The files of calls: one Parquet file a local day, never changed once it is named; a new one takes its place."""

import contextlib
import datetime as dt
import errno
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from csi_service.core.told import Told
from csi_service.errors import DamagedError, StoreFullError
from csi_service.facts.duck import file_literal, literal, load_rows, workspace
from csi_service.facts.kinds import DIMENSIONS, KINDS

CALLS = KINDS["calls"]
_FEW = 8  # files
_SQL_TYPES = {"instant": "TIMESTAMP", "flag": "BOOLEAN", "seconds": "DOUBLE", "count": "DOUBLE"}
# Of each file: the fields of a call, the local day, and the import that it came with (NULL: sent alone).
COLUMNS = {
    **{field.name: _SQL_TYPES.get(field.type, "VARCHAR") for field in CALLS.fields},
    "day": "DATE",
    "import_id": "BIGINT",
}
_REPEATED = list(DIMENSIONS)  # their values repeat: read as such in a third of the time


@dataclass(frozen=True, slots=True)
class Part:
    """A day's file of calls: its path below the folder, how many it holds, the least and the greatest call number.

    `latest_at` is the latest start of an answered call whose customer is known (UTC).
    """

    day: dt.date
    file: str
    calls: int
    least_id: str
    greatest_id: str
    latest_at: dt.datetime | None


def relation(folder: Path, parts: Iterable[Part]) -> str:
    """Return SQL of the calls of the parts; of none, an empty relation with the same columns."""
    files = ", ".join(file_literal(folder / part.file) for part in parts)
    if not files:
        columns = ", ".join(f"CAST(NULL AS {type_}) AS {name}" for name, type_ in COLUMNS.items())
        return f"(SELECT {columns} WHERE false)"
    return f"(SELECT {', '.join(COLUMNS)} FROM read_parquet([{files}]))"


def calls_in(folder: Path, parts: Sequence[Part], calls: Sequence[str], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the calls of some numbers that the parts hold, with these columns.

    Few files are read straight: DuckDB alone takes 20 ms to start.

    Raises:
        DamagedError: a file cannot be read.
    """
    if not parts:
        return []
    if len(parts) <= _FEW:
        wanted = pa.array(calls, pa.string())
        return [row for part in parts for row in _read_straight(folder, part, wanted, columns)]
    with workspace() as (duck, _), telling_damage():
        load_rows(duck, "wanted_calls", {"call_id": "VARCHAR"}, [{"call_id": call} for call in calls])
        named = "call_id IN (SELECT call_id FROM wanted_calls)"
        rows = duck.execute(f"SELECT {', '.join(columns)} FROM {relation(folder, parts)} WHERE {named}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _read_straight(folder: Path, part: Part, wanted: pa.Array, columns: Sequence[str]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        with pa.OSFile(str(folder / part.file)) as opened:
            file = pq.ParquetFile(opened, read_dictionary=_REPEATED)
            for group in range(file.num_row_groups):
                numbers = file.read_row_group(group, ["call_id"], use_threads=False)["call_id"]
                found = pc.is_in(numbers, value_set=wanted)
                if pc.any(found).as_py():
                    rows += file.read_row_group(group, list(columns), use_threads=False).filter(found).to_pylist()
    except (pa.ArrowException, OSError) as error:
        reason = f"{part.file}: {str(error).splitlines()[0]}"
        raise DamagedError(Told("a file of calls cannot be read: {reason}", reason=reason)) from error
    return rows


def file_name(day: dt.date, tag: str) -> str:
    """Return the path below the folder of a day's file; the tag makes it unlike the day's earlier ones."""
    return f"{day:%Y-%m}/{day.isoformat()}.{tag}.parquet"


def write_part(connection: duckdb.DuckDBPyConnection, query: str, folder: Path, day: dt.date, tag: str) -> Part | None:
    """Write a query's calls (the columns of a part) as a day's file, safe against a crash; None where it has no row.

    Raises:
        StoreFullError: no room is left; nothing of the file remains.
    """
    target = folder / file_name(day, tag)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".part")
    try:
        with telling_damage():
            connection.execute(f"COPY ({query}) TO {literal(str(beside))} (FORMAT parquet, COMPRESSION zstd)")
            return adopt(connection, beside, folder, day, tag)
    finally:
        beside.unlink(missing_ok=True)


def adopt(connection: duckdb.DuckDBPyConnection, made: Path, folder: Path, day: dt.date, tag: str) -> Part | None:
    """Make a finished file (on the same file system) the file of a day; None where it has no row."""
    latest = "max(started_at) FILTER (answered AND customer_id IS NOT NULL)"
    query = f"SELECT count(*), min(call_id), max(call_id), {latest} FROM read_parquet({file_literal(made)})"
    found = connection.execute(query).fetchall()[0]
    if not found[0]:
        return None
    return Part(day, place(made, folder, day, tag), *found)


def place(made: Path, folder: Path, day: dt.date, tag: str) -> str:
    """Move a finished file (on the same file system) to its place, safe against a crash; return its path there."""
    name = file_name(day, tag)
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    sync(made)
    made.replace(target)
    sync(target.parent)
    return name


def sync(path: Path) -> None:
    """Wait until a file, or what a folder lists, is safe on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_DAMAGE = (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException)


@contextlib.contextmanager
def telling_damage() -> Iterator[None]:
    """Tell files of calls that cannot be read, and a full disk, from faults of the program."""
    try:
        yield
    except duckdb.Error as error:
        if not isinstance(error, _DAMAGE) and type(error) is not duckdb.Error:  # a header's fault has no class
            raise
        if "No space left" in str(error):
            raise StoreFullError("there is no room left on the data folder's disk; nothing was changed") from error
        raise DamagedError(
            Told("a file of calls cannot be read: {reason}", reason=str(error).splitlines()[0])
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreFullError("there is no room left on the data folder's disk; nothing was changed") from error
        raise


def sweep(folder: Path, kept: Collection[str], before: float, months: Iterable[str] = ("*",)) -> list[Path]:
    """Delete the files of months that are neither kept nor younger than `before` (a time stamp); return them."""
    swept = [
        path
        for month in months
        for path in sorted(folder.glob(f"{month}/*.par*"))
        if path.suffix in (".parquet", ".part")
        and path.relative_to(folder).as_posix() not in kept
        and path.stat().st_mtime < before
    ]
    for path in swept:
        path.unlink(missing_ok=True)
    return swept
