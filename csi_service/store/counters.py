"""Counters kept in the database: which groupings, how a day's sums are packed, what is out of date."""

import datetime as dt
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from csi_service.facts.duck import to_frame
from csi_service.facts.kinds import KINDS
from csi_service.facts.processors import NUMBER
from csi_service.records.database import chunks
from csi_service.records.tables import CALL_PARTS, COUNTED, COUNTERS, DAYS, HELD_FIELDS, RECORDS
from csi_service.rollup.outputs import OUTPUTS, Fields

pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own gives memory back and takes it anew: twice the time to pack
Grouping = tuple[str, ...]
# Kept for each day. The two counted from the records come first; the others are sums over the first.
FINEST: tuple[Grouping, Grouping] = (
    ("site", "team", "agent", "queue", "channel"),
    ("site", "team", "queue", "topic"),
)
GROUPINGS: tuple[Grouping, ...] = (
    ("site", "team"),
    ("site", "team", "agent"),
    ("site", "team", "queue", "channel"),
    *FINEST,
)
_LENGTH = struct.Struct("<I")
_CODEC = pa.Codec("zstd")
_IN_TURN = pa.ipc.IpcReadOptions(use_threads=False)
_SOURCE = {output.name: output.source for output in OUTPUTS}


@dataclass(frozen=True, slots=True)
class Due:
    """An output's day to count: the variant, the day, and the write that its counters must be as new as.

    `missing` tells that there are none at all, not even older ones.
    """

    output: str
    variant: str
    day: dt.date
    revision: int
    missing: bool


def grouping_for(dimensions: Collection[str]) -> Grouping | None:
    """Return the smallest kept grouping that has the dimensions; None where none has."""
    return next((grouping for grouping in GROUPINGS if set(dimensions) <= set(grouping)), None)


def held_fields(connection: sa.Connection) -> Fields:
    """Return by kind the fields that its records were given; none where there is no record of the kind."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind, name in connection.execute(sa.select(HELD_FIELDS.c.kind, HELD_FIELDS.c.field).distinct()).all():
        found[kind].add(name)
    return {kind: frozenset(names) for kind, names in found.items()}


def horizon(connection: sa.Connection, output: str) -> dt.datetime | None:
    """Return the latest instant known of an output's records, by which it is judged whose window has passed."""
    column = {"tickets": RECORDS["tickets"].c.latest_at, "repeats": CALL_PARTS.c.latest_at}[output]
    found: dt.datetime | None = connection.execute(sa.select(sa.func.max(column))).scalar_one()
    return found


def due(
    connection: sa.Connection,
    variants: Mapping[str, str],
    windows: Mapping[str, float],
    first: dt.date,
    last: dt.date,
) -> list[Due]:
    """Return what of the outputs (name: variant) is not counted, or out of date, on the days first..last.

    `windows` gives the days of the window that must pass, for the outputs that have one.
    """
    within = DAYS.c.day.between(first, last)
    newest: dict[str, dict[dt.date, int]] = {}
    for row in connection.execute(sa.select(DAYS).where(within, DAYS.c.kind.in_({*map(_SOURCE.get, variants)}))).all():
        newest.setdefault(row.kind, {})[row.day] = row.revision
    query = sa.select(COUNTED).where(_of(COUNTED, variants), COUNTED.c.day.between(first, last))
    found_rows = connection.execute(query).all()
    counted = {(row.output, row.day): row for row in found_rows if row.variant == variants[row.output]}
    horizons = {name: horizon(connection, name) for name in windows}
    found = []
    for output, variant in variants.items():
        for day, revision in newest.get(_SOURCE[output], {}).items():
            kept = counted.get((output, day))
            if (
                kept is None
                or kept.revision != revision
                or (output in windows and _undecided(kept.horizon, horizons[output], day, windows[output]))
            ):
                found.append(Due(output, variant, day, revision, kept is None))
    return found


def _undecided(before: dt.datetime | None, now: dt.datetime | None, day: dt.date, window_days: float) -> bool:
    """Whether another horizon may change whose window has passed; two days leave room for every time zone."""
    if before == now:
        return False
    end = dt.datetime.combine(day, dt.time()) + dt.timedelta(days=window_days + 2)
    return before is None or now is None or before < end or now < end


def pack_all(
    counted: Sequence[Due], frames: Mapping[str, Mapping[Grouping, pd.DataFrame]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the counters of counted days (frames by output and grouping) by output, as they are kept."""
    packed: dict[str, list[dict[str, Any]]] = {}
    for output in dict.fromkeys(item.output for item in counted):
        items = [item for item in counted if item.output == output]
        packed[output] = [
            {"output": output, "variant": items[0].variant, "grouping": ",".join(grouping), "day": day, "rows": rows}
            for grouping, frame in frames[output].items()
            for day, rows in pack(frame, {item.day for item in items})
        ]
    return packed


def keep(
    connection: sa.Connection,
    counted: Sequence[Due],
    packed: Mapping[str, Sequence[Mapping[str, Any]]],
    horizons: Mapping[str, dt.datetime | None],
) -> int:
    """Put counted days (as `pack_all` packs them) in place of what was kept; return how many days of outputs.

    A day that was written to meanwhile is due again, but whoever asked before that write has its answer.
    """
    for output in dict.fromkeys(item.output for item in counted):
        items = [item for item in counted if item.output == output]
        days = [item.day for item in items]
        for some in chunks(days, 500):
            _drop(connection, output, items[0].variant, some)
        connection.execute(
            sa.insert(COUNTED),
            [
                {"output": output, "variant": item.variant, "day": item.day, "revision": item.revision,
                 "horizon": horizons.get(output)}
                for item in items
            ],
        )  # fmt: skip
        if rows := packed[output]:
            connection.execute(sa.insert(COUNTERS), rows)
    return len(counted)


def _drop(connection: sa.Connection, output: str, variant: str, days: Sequence[dt.date]) -> None:
    """Delete the counters of the days: the variant's own, and those of others that are out of date."""
    newest = sa.select(DAYS.c.revision).where(DAYS.c.kind == _SOURCE[output], DAYS.c.day == COUNTED.c.day)
    outdated = sa.or_(COUNTED.c.variant == variant, COUNTED.c.revision < newest.scalar_subquery())
    gone = sa.and_(COUNTED.c.output == output, COUNTED.c.day.in_(days), outdated)
    of_variants: dict[str, list[dt.date]] = {}
    for row in connection.execute(sa.select(COUNTED.c.variant, COUNTED.c.day).where(gone)).all():
        of_variants.setdefault(row.variant, []).append(row.day)
    for name, some in of_variants.items():
        here = sa.and_(COUNTERS.c.output == output, COUNTERS.c.variant == name)
        connection.execute(sa.delete(COUNTERS).where(here, COUNTERS.c.day.in_(some)))
    connection.execute(sa.delete(COUNTED).where(gone))


def pack(frame: pd.DataFrame, days: Collection[dt.date]) -> Iterator[tuple[dt.date, bytes]]:
    """Yield each day's rows, without the day: the length of an Arrow stream in 4 bytes, then the stream in zstd.

    Packed as a whole it is half as long, and unpacked in a quarter of the time, as with its columns packed one by one.
    """
    marks = frame["day"].to_numpy()
    order = marks.argsort(kind="stable")
    marks = marks[order]
    unordered = pa.Table.from_pandas(frame.drop(columns="day"), preserve_index=False)
    table = unordered.replace_schema_metadata(None).combine_chunks().take(pa.array(order))
    starts = [0, *(marks[1:] != marks[:-1]).nonzero()[0] + 1, len(marks)] if len(marks) else []
    found = [(pd.Timestamp(marks[start]).date(), table.slice(start, end - start)) for start, end in pairwise(starts)]
    wanted = [(day, rows) for day, rows in found if day in days]
    with ThreadPoolExecutor(NUMBER) as threads:
        yield from zip([day for day, _ in wanted], threads.map(_packed, [rows for _, rows in wanted]), strict=True)


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    stream = sink.getvalue()
    packed: bytes = _LENGTH.pack(stream.size) + _CODEC.compress(stream, asbytes=True)
    return packed


def _unpack(rows: bytes) -> pa.Table:
    (length,) = _LENGTH.unpack_from(rows)
    stream = _CODEC.decompress(memoryview(rows)[_LENGTH.size :], length)
    return pa.ipc.open_stream(stream, options=_IN_TURN).read_all()


def read(
    connection: sa.Connection, variants: Mapping[str, str], grouping: Grouping, first: dt.date, last: dt.date
) -> dict[str, pa.Table]:
    """Return the kept counters of the days first..last by output: `day`, the keys, the sums."""
    query = sa.select(COUNTERS.c.output, COUNTERS.c.variant, COUNTERS.c.day, COUNTERS.c.rows).where(
        _of(COUNTERS, variants),
        COUNTERS.c.grouping == ",".join(grouping),
        COUNTERS.c.day.between(first, last),
    )
    found: dict[str, list[tuple[dt.date, pa.Table]]] = {}
    for output, variant, day, rows in connection.execute(query):
        if variant == variants[output]:
            found.setdefault(output, []).append((day, _unpack(rows)))
    return {name: _joined(sorted(tables, key=itemgetter(0))) for name, tables in found.items()}


def _joined(tables: Sequence[tuple[dt.date, pa.Table]]) -> pa.Table:
    """One table of several days', the day as its first column."""
    alike = all(table.schema.equals(tables[0][1].schema) for _, table in tables)
    whole = pa.concat_tables([table for _, table in tables], promote_options="none" if alike else "permissive")
    days = np.repeat(np.array([day for day, _ in tables], "datetime64[D]"), [len(table) for _, table in tables])
    return whole.add_column(0, "day", pa.array(days))


def _of(table: sa.Table, variants: Mapping[str, str]) -> sa.ColumnElement[bool]:
    """Rows of the outputs and of any of the variants; pairs of both would make SQLite read the whole table."""
    return sa.and_(table.c.output.in_(list(variants)), table.c.variant.in_(sorted(set(variants.values()))))


def coarser(
    duck: duckdb.DuckDBPyConnection, frame: pd.DataFrame, groupings: Sequence[Grouping]
) -> dict[Grouping, pd.DataFrame]:
    """Return a finer grouping's frame summed up to coarser ones; lists become the lists of their different members."""
    kept = [name for name in ("batch", "selection") if name in frame.columns]
    sums = [
        f"list_distinct(flatten(list({name}))) AS {name}" if name == "raters" else f'sum("{name}") AS "{name}"'
        for name in frame.columns
        if name not in {"day", *kept, *FINEST[0], *FINEST[1]}
    ]
    duck.register("finer", pa.Table.from_pandas(frame, preserve_index=False))
    found = {}
    for grouping in groupings:
        groups = ", ".join(["day", *grouping, *kept])
        found[grouping] = to_frame(duck, f"SELECT {', '.join([groups, *sums])} FROM finer GROUP BY {groups}")
    duck.unregister("finer")
    return found
