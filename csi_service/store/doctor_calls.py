"""Whether the files of calls are there, whole, and what the database says of them; and what is left over."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from csi_service.core.told import Told
from csi_service.errors import DamagedError
from csi_service.facts.duck import file_literal, workspace
from csi_service.facts.partitions import COLUMNS, Part, relation, telling_damage
from csi_service.store.folder import Store
from csi_service.store.parts import UNUSED_SECONDS, read_parts, referred
from csi_service.store.verdict import FAULT, GOOD, NOTE, Verdict

_SHOWN = 10
_LATEST = "max(started_at) FILTER (answered AND customer_id IS NOT NULL)"


def check_calls(store: Store, fast: bool) -> Iterator[Verdict]:
    """Yield a fault for each file that is missing, cannot be read or is not what the database says of it."""
    with store.database.reading() as connection:
        parts = read_parts(connection)
        aside = referred(connection) - {part.file for part in parts}
    with workspace() as (duck, _):
        faults = [fault for part in parts if (fault := _fault(duck, store.calls, part, fast))]
        faults += [Told("{name}: is missing; the import that put it aside cannot be undone", name=name)
                   for name in sorted(aside) if not (store.calls / name).is_file()]  # fmt: skip
        if not faults and not fast:
            faults += _repeated(duck, store.calls, parts)
    for fault in faults[:_SHOWN]:
        yield Verdict("files of calls", FAULT, fault)
    if len(faults) > _SHOWN:
        yield Verdict("files of calls", FAULT, Told("and {count} more", count=len(faults) - _SHOWN))
    if not faults:
        calls = sum(part.calls for part in parts)
        depth = Told("sizes only (--fast)") if fast else Told("every value can be read, each call stands once")
        yield Verdict(
            "files of calls",
            GOOD,
            Told("{days:,} days, {calls:,} calls; {depth}", days=len(parts), calls=calls, depth=depth),
        )


def _fault(duck: duckdb.DuckDBPyConnection, folder: Path, part: Part, fast: bool) -> str:
    """What is wrong with a day's file; empty for nothing."""
    path = folder / part.file
    if not path.is_file():
        return Told("{file}: is missing", file=part.file)
    try:
        with telling_damage():
            found = _read(duck, path, fast)
    except (DamagedError, duckdb.Error) as error:  # a damaged name of a column, for instance
        return Told("{file}: {reason}", file=part.file, reason=str(error).splitlines()[0])
    told = (part.calls,) if fast else (part.calls, part.least_id, part.greatest_id, part.latest_at, part.day, part.day)
    return (
        ""
        if found == told
        else Told("{file}: holds {found}, but the database says {told}", file=part.file, found=found, told=told)
    )


def _read(duck: duckdb.DuckDBPyConnection, path: Path, fast: bool) -> tuple[object, ...]:
    if fast:
        query = f"SELECT num_rows FROM parquet_file_metadata({file_literal(path)})"
        return tuple(duck.execute(query).fetchall()[0])
    everything = f"bit_xor(hash({', '.join(COLUMNS)}))"  # so that every value of every column is read
    query = (
        f"SELECT count(*), min(call_id), max(call_id), {_LATEST}, min(day), max(day), {everything} "
        f"FROM read_parquet({file_literal(path)})"
    )
    return tuple(duck.execute(query).fetchall()[0][:-1])


def _repeated(duck: duckdb.DuckDBPyConnection, folder: Path, parts: Sequence[Part]) -> list[str]:
    query = f"SELECT call_id FROM {relation(folder, parts)} GROUP BY call_id HAVING count(*) > 1 ORDER BY 1 LIMIT 3"
    found = [row[0] for row in duck.execute(query).fetchall()]
    return [Told("calls stand on more than one day, for instance {names}", names=", ".join(found))] if found else []


def check_leftovers(store: Store, now: float) -> Iterator[Verdict]:
    """Yield how much lies in the folder of calls that nothing refers to any more (`now`: a time stamp)."""
    with store.database.reading() as connection:
        kept = referred(connection)
    stats = [
        path.stat()
        for path in store.calls.rglob("*")
        if path.is_file() and path.relative_to(store.calls).as_posix() not in kept
    ]
    old = [found for found in stats if _changed(found) < now - UNUSED_SECONDS]
    if old:
        size = sum(found.st_size for found in old) / 2**20
        yield Verdict(
            "leftovers",
            NOTE,
            Told("{count:,} files of calls ({size:,.1f} MiB) that nothing needs any more", count=len(old), size=size),
        )
    else:
        yield Verdict("leftovers", GOOD, "none")


def _changed(found: os.stat_result) -> float:
    return max(found.st_mtime, found.st_ctime)
