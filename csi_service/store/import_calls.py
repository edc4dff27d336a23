"""Calls of an import: staged as Parquet by day in one reading, then merged into the days' files."""

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from csi_service.errors import StoreFullError
from csi_service.facts.duck import file_literal, literal, run_with_progress
from csi_service.facts.kinds import KINDS
from csi_service.facts.partitions import COLUMNS, Part, place, relation, telling_damage, write_part
from csi_service.ingest.load import Importer, ready_records
from csi_service.ingest.rejects import collect_rejects, collect_structure_rejects
from csi_service.ingest.rows import Records
from csi_service.store.parts import days_holding, with_calls

HANDLING = ("talk_seconds", "hold_seconds", "wrap_seconds")
_FIELDS = tuple(field.name for field in KINDS["calls"].fields)
_NAMES = ", ".join(COLUMNS)
_OPTIONS = "FORMAT parquet, COMPRESSION zstd"
_NO_DAY = "day=__HIVE_DEFAULT_PARTITION__"  # where the engine puts rows whose day is NULL


@contextlib.contextmanager
def telling_full() -> Iterator[None]:
    """Tell a full disk from faults of the files that are read."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if "No space left" in text or "max_temp_directory_size" in text:
            raise StoreFullError("there is no room left on the data folder's disk; nothing was changed") from error
        raise


@dataclass(frozen=True, slots=True)
class StagedDay:
    """The calls of a day as they were brought: their files, how many they are, the least and the greatest number."""

    files: tuple[Path, ...]
    calls: int
    least_id: str
    greatest_id: str
    latest_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Merged:
    """What the days' files will be (None: no calls left), and what became of the calls that were brought."""

    days: Mapping[dt.date, Part | None]
    results: Mapping[str, int]


NOTHING = Merged({}, {"created": 0, "replaced": 0, "unchanged": 0})


def tag_of(import_id: int) -> str:
    """Return what the names of the files end in that an import writes."""
    return f"i{import_id}"


def stage_calls(
    importer: Importer,
    records: Records,
    folder: Path,
    import_id: int,
    progress: Callable[[float], None] | None = None,
) -> dict[dt.date, StagedDay]:
    """Write the good rows below a folder as Parquet by day, of each call the last row; keep the rejects.

    A part of the handling time that the source has no column for is 0 where it has one for another part.
    """
    duck = importer.connection
    with telling_full():
        ready = _stage_ready(importer, records, folder, import_id, progress)
        if ready is None:
            _write_days(duck, records, folder, import_id, progress)
            collect_structure_rejects(duck, records)
            if _count_bad(duck, folder):
                collect_rejects(duck, records)
        staged = _staged_days(duck, folder)
        if twice := _hashes_of_repeated(duck, staged):
            _keep_last(duck, ready or records, staged, twice, import_id)
            staged = _staged_days(duck, folder)
    records.outcome.loaded = sum(day.calls for day in staged.values())
    return staged


def _stage_ready(
    importer: Importer, records: Records, folder: Path, import_id: int, progress: Callable[[float], None] | None
) -> Records | None:
    """Stage what values the CSV reader itself can make; None, and nothing staged, where a row must be read as text."""
    try:
        ready = ready_records(importer, records)
        if ready is not None:
            _write_days(importer.connection, ready, folder, import_id, progress)
            if not _count_bad(importer.connection, folder):
                return ready
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if "No space left" in str(error):
            raise
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _write_days(
    duck: duckdb.DuckDBPyConnection,
    records: Records,
    folder: Path,
    import_id: int,
    progress: Callable[[float], None] | None,
) -> None:
    query = f"SELECT {_values(records, import_id)}, CASE WHEN good THEN day END AS day FROM {records.rows}"
    parted = f"{_OPTIONS}, PARTITION_BY (day), WRITE_PARTITION_COLUMNS true"
    run_with_progress(duck, f"COPY ({query}) TO {literal(str(folder))} ({parted})", progress)


def _values(records: Records, import_id: int) -> str:
    timed = any(part in records.fields for part in HANDLING)
    values = [
        f"CAST(0 AS DOUBLE) AS {name}" if timed and name in HANDLING and name not in records.fields else name
        for name in _FIELDS
    ]
    return f"{', '.join(values)}, CAST({import_id} AS BIGINT) AS import_id"


def _count_bad(duck: duckdb.DuckDBPyConnection, folder: Path) -> int:
    files = sorted((folder / _NO_DAY).glob("*.parquet"))
    if not files:
        return 0
    count: int = duck.execute(f"SELECT count(*) FROM {_read(files)}").fetchall()[0][0]
    for file in files:
        file.unlink()
    return count


def _read(files: Iterable[Path]) -> str:
    listed = ", ".join(file_literal(file) for file in files)
    return f"read_parquet([{listed}], hive_partitioning=false, filename=true)"


def _staged_days(duck: duckdb.DuckDBPyConnection, folder: Path) -> dict[dt.date, StagedDay]:
    files = sorted(folder.glob("day=*/*.parquet"))
    if not files:
        return {}
    latest = "max(started_at) FILTER (answered AND customer_id IS NOT NULL)"
    query = f"SELECT day, list(DISTINCT filename), count(*), min(call_id), max(call_id), {latest} FROM {_read(files)}"
    rows = duck.execute(f"{query} GROUP BY day ORDER BY day").fetchall()
    return {row[0]: StagedDay(tuple(sorted(map(Path, row[1]))), *row[2:]) for row in rows}


def _hashes_of_repeated(duck: duckdb.DuckDBPyConnection, staged: Mapping[dt.date, StagedDay]) -> list[int]:
    """The hashes of call numbers that stand more than once; hardly ever one of a number that does not."""
    if not staged:
        return []
    found = duck.execute(f"SELECT hash(call_id) AS id FROM {all_of(staged)}").fetchnumpy()["id"]
    ordered = np.sort(np.asarray(found))
    return [int(value) for value in np.unique(ordered[1:][ordered[1:] == ordered[:-1]])]


def all_of(staged: Mapping[dt.date, StagedDay]) -> str:
    """Return SQL of all staged calls."""
    return _read(file for day in staged.values() for file in day.files)


def _keep_last(
    duck: duckdb.DuckDBPyConnection,
    records: Records,
    staged: Mapping[dt.date, StagedDay],
    twice: list[int],
    import_id: int,
) -> None:
    """Write the days anew that hold a call twice, or that share one with another day: the last row of each stays."""
    duck.register("twice_hashes", {"id": np.array(twice, np.uint64)})
    try:
        duck.execute("CREATE OR REPLACE TEMP TABLE twice AS SELECT id FROM twice_hashes")
    finally:
        duck.unregister("twice_hashes")
    rows = f"SELECT {_values(records, import_id)}, day, row_number() OVER () AS place FROM {records.rows} WHERE good"
    repeated = f"SELECT * FROM ({rows}) WHERE hash(call_id) IN (SELECT id FROM twice)"
    duck.execute(f"CREATE OR REPLACE TEMP TABLE repeated AS {repeated}")
    last = "place IN (SELECT max(place) FROM repeated GROUP BY call_id)"
    records.outcome.repeated = duck.execute(f"DELETE FROM repeated WHERE NOT {last}").fetchall()[0][0]
    days = f"SELECT DISTINCT day FROM {all_of(staged)} WHERE hash(call_id) IN (SELECT id FROM twice)"
    for (day,) in duck.execute(days).fetchall():
        query = (
            f"SELECT {_NAMES} FROM {_read(staged[day].files)} WHERE hash(call_id) NOT IN (SELECT id FROM twice) "
            f"UNION ALL SELECT {_NAMES} FROM repeated WHERE day = {literal(day.isoformat())}"
        )
        mended = staged[day].files[0].with_name("mended.part")
        duck.execute(f"COPY ({query}) TO {literal(str(mended))} ({_OPTIONS})")
        for file in staged[day].files:
            file.unlink()
        mended.rename(mended.with_suffix(".parquet"))


def merge_calls(
    duck: duckdb.DuckDBPyConnection,
    folder: Path,
    parts: Iterable[Part],
    staged: Mapping[dt.date, StagedDay],
    tag: str,
    check: Callable[[float], None],
) -> Merged:
    """Write the files of the days that change; `check` is told the share done before each and may raise.

    A call that is kept already gives way to the one that was brought, even where they are the same: should the earlier
    import be undone, the call is there all the same.
    """
    kept = {part.day: part for part in parts}
    unchanged, replaced = _find_held(duck, folder, list(kept.values()), staged)
    leaving = {row[0] for row in duck.execute("SELECT DISTINCT old_day FROM held").fetchall()}
    days = sorted(leaving | staged.keys())
    made: dict[dt.date, Part | None] = {}
    for number, day in enumerate(days):
        check(number / len(days))
        new = staged.get(day)
        if new is not None and day not in kept and len(new.files) == 1:
            with telling_damage():
                name = place(new.files[0], folder, day, tag)
            made[day] = Part(day, name, new.calls, new.least_id, new.greatest_id, new.latest_at)
        else:
            query = _merged(folder, day, kept.get(day), new, day in leaving)
            made[day] = write_part(duck, query, folder, day, tag)
    created = sum(day.calls for day in staged.values()) - replaced - unchanged
    return Merged(made, {"created": created, "replaced": replaced, "unchanged": unchanged})


def _find_held(
    duck: duckdb.DuckDBPyConnection, folder: Path, parts: Sequence[Part], staged: Mapping[dt.date, StagedDay]
) -> tuple[int, int]:
    """Note in the table `held` which staged calls are kept already; count those that are the same, and the others."""
    duck.execute("CREATE OR REPLACE TEMP TABLE held (call_id VARCHAR, old_day DATE, same BOOLEAN)")
    if not staged:
        return 0, 0
    least = min(day.least_id for day in staged.values())
    greatest = max(day.greatest_id for day in staged.values())
    near = with_calls(parts, least, greatest)
    days = days_holding(duck, folder, near, all_of(staged))
    if days:
        same = " AND ".join(f"old.{name} IS NOT DISTINCT FROM new.{name}" for name in (*_FIELDS, "day"))
        old = relation(folder, [part for part in near if part.day in days])
        with telling_damage():
            duck.execute(
                f"INSERT INTO held SELECT old.call_id, old.day, {same} "
                f"FROM {old} AS old JOIN {all_of(staged)} AS new ON old.call_id = new.call_id"
            )
    counts: tuple[int, int] = duck.execute(
        "SELECT count(*) FILTER (same), count(*) FILTER (NOT same) FROM held"
    ).fetchall()[0]
    return counts


def _merged(folder: Path, day: dt.date, old: Part | None, new: StagedDay | None, leaving: bool) -> str:
    """SQL of a day's calls after the merge: those that stay, and the new ones."""
    selects = []
    if old is not None:
        gone = f"SELECT call_id FROM held WHERE old_day = {literal(day.isoformat())}"
        where = f" WHERE call_id NOT IN ({gone})" if leaving else ""
        selects.append(f"SELECT {_NAMES} FROM {relation(folder, [old])} AS old{where}")
    if new is not None:
        selects.append(f"SELECT {_NAMES} FROM {_read(new.files)} AS new")
    return " UNION ALL ".join(selects)
