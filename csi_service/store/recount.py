"""From records to counters: the days that were written to are counted whole, by one process at a time."""

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from csi_service.core.weights import WeightSet
from csi_service.facts.duck import workspace
from csi_service.facts.kinds import REFERRING
from csi_service.facts.partitions import Part, relation, telling_damage
from csi_service.metrics import RECOUNTED_DAYS
from csi_service.records.database import wait_for_writers
from csi_service.records.tables import DAYS, RECORDS
from csi_service.rollup import evaluations, surveys
from csi_service.rollup.outputs import OUTPUTS, Counting, Fields, variants
from csi_service.rollup.places import Scope
from csi_service.store import counters
from csi_service.store.counters import FINEST, GROUPINGS, Due, Grouping
from csi_service.store.folder import COUNT_LOCK, Store
from csi_service.store.parts import fold_posted, read_parts
from csi_service.store.places import calls_revision, find_places, writing_places
from csi_service.store.rows import load_records

CALLS_AT_ONCE = 4_000_000
DAYS_AT_ONCE = 400
_COUNTING = threading.Lock()
_OUTPUTS = {output.name: output for output in OUTPUTS}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader needs counted: the set's outputs (or `only` one) with their variants and windows, and the days."""

    weights: WeightSet
    fields: Fields
    first: dt.date
    last: dt.date
    only: str | None = None

    @property
    def variants(self) -> dict[str, str]:
        """The outputs that the set asks for, each with the variant that answers for it."""
        found = variants(self.weights, self.fields)
        return found if self.only is None else {name: found[name] for name in found if name == self.only}

    @property
    def windows(self) -> dict[str, float]:
        """The days that must pass before it is decided how a record counts, by output."""
        found = {name: _OUTPUTS[name].window_days for name in self.variants}
        return {name: window(self.weights) for name, window in found.items() if window is not None}


def refresh(store: Store, asked: Asked) -> int:
    """Count what is due of what is asked, after what was acknowledged before; return how many days of outputs.

    What is written meanwhile is due again and left to who asks later, so that steady writing holds up no reader.

    Raises:
        StoreBusyError: others held the files of calls for too long.
        DamagedError: a file of calls that is needed cannot be read.
    """
    fold_posted(store)
    left = {(item.output, item.day) for item in _due(store, asked)}
    if not left:
        return 0
    done = 0
    with store.lock(COUNT_LOCK):
        while found := [item for item in _due(store, asked) if (item.output, item.day) in left]:
            some = _first_days(store, found)
            if counted := _count_some(store, asked, some):
                left -= {(item.output, item.day) for item in some}
                done += counted
    RECOUNTED_DAYS.inc(done)
    return done


def read(store: Store, asked: Asked, grouping: Grouping) -> tuple[dict[str, pa.Table], int]:
    """Return the counters by output, as new as what was acknowledged before, and how many had to be counted first.

    Raises:
        DamagedError: a file of calls that is needed cannot be read.
    """
    done = 0
    noted: set[tuple[str, dt.date]] | None = None
    while True:
        with store.database.reading() as connection:
            found = counters.due(connection, asked.variants, asked.windows, asked.first, asked.last)
            gone = {(item.output, item.day) for item in found if item.missing}
            # Once counted, only counters that others dropped since, as too old for them, are counted once more.
            if not found or (noted is not None and not gone & noted):
                return counters.read(connection, asked.variants, grouping, asked.first, asked.last), done
        noted = {(item.output, item.day) for item in found} if noted is None else noted
        done += refresh(store, asked)


def _due(store: Store, asked: Asked) -> list[Due]:
    with store.database.reading() as connection:
        return counters.due(connection, asked.variants, asked.windows, asked.first, asked.last)


def columns(store: Store, asked: Asked) -> set[str]:
    """Return the measures that the outputs give, whether any record has come or not; those of a survey channel too."""
    key = tuple(sorted(asked.variants.items()))
    if key not in _COLUMNS:
        with workspace() as (duck, _), store.database.reading() as connection:
            prepare(store, connection, duck, [], asked, max_window(asked))
            frames = count(duck, asked, list(asked.variants), {}, ((),))
        of_outputs = (found[()] for name, found in frames.items() if name != "ratings")
        _COLUMNS[key] = {str(column) for frame in of_outputs for column in frame.columns} - {"day"}
    if "surveys" not in asked.variants:
        return _COLUMNS[key]
    with store.database.reading() as connection:
        channels = _survey_channels(connection)
    return _COLUMNS[key] | {f"{family}.{channel}" for family in surveys.FAMILIES for channel in channels}


_COLUMNS: dict[tuple[tuple[str, str], ...], set[str]] = {}  # by output and variant; the same in every store


def _survey_channels(connection: sa.Connection) -> list[str]:
    """The channels of all surveys, each found in the index right behind the one before."""
    channel = RECORDS["surveys"].c.channel
    found = sa.select(sa.func.min(channel).label("channel")).cte("found", recursive=True)
    behind = sa.select(sa.func.min(channel)).where(channel > found.c.channel).scalar_subquery()
    found = found.union_all(sa.select(behind).where(found.c.channel.is_not(None)))
    return list(connection.execute(sa.select(found.c.channel).where(found.c.channel.is_not(None))).scalars())


def _first_days(store: Store, found: Sequence[Due]) -> list[Due]:
    """As many of the days as can be counted in one go."""
    days = sorted({item.day for item in found})[:DAYS_AT_ONCE]
    with store.database.reading() as connection:
        sizes = {part.day: part.calls for part in read_parts(connection, days)}
    chosen: set[dt.date] = set()
    calls = 0
    for day in days:
        calls += sizes.get(day, 0)
        if chosen and calls > CALLS_AT_ONCE:
            break
        chosen.add(day)
    return [item for item in found if item.day in chosen]


def _count_some(store: Store, asked: Asked, items: Sequence[Due]) -> int:
    with workspace() as (duck, folder):
        with store.database.reading() as connection:
            calls_at = calls_revision(connection)
            horizons = {name: counters.horizon(connection, name) for name in asked.windows}
            looked_up = prepare(store, connection, duck, [item.day for item in items], asked, max_window(asked))
            frames = count(duck, asked, [item.output for item in items], horizons)
        packed = counters.pack_all(items, frames)  # which takes its time, so before the write
        with writing_places(store, duck, folder) as (connection, keep_places):
            wait_for_writers(connection)
            if looked_up and calls_revision(connection) != calls_at:
                return 0  # a call that records name may have come or gone: look again
            keep_places()
            return counters.keep(connection, items, packed, horizons)


def max_window(asked: Asked) -> float:
    """Return the days around a day whose calls its repeat contacts depend on."""
    return asked.windows.get("repeats", 0.0)


@telling_damage()
def prepare(
    store: Store,
    connection: sa.Connection,
    duck: duckdb.DuckDBPyConnection,
    days: Sequence[dt.date],
    asked: Asked,
    around_days: float = 0.0,
) -> int:
    """Make the tables that the outputs of these days are counted from; return how many places were looked up."""
    parts = read_parts(connection)
    wanted = set(days)
    of_days = [part for part in parts if part.day in wanted]
    duck.execute(f"CREATE OR REPLACE TEMP VIEW calls AS SELECT * FROM {relation(store.calls, of_days)}")
    if around_days:
        near = _near(parts, wanted, around_days)
        duck.execute(f"CREATE OR REPLACE TEMP VIEW calls_around AS SELECT * FROM {relation(store.calls, near)}")
    for kind in ("surveys", "survey_invitations", "complaints", "tickets", "evaluations", "batches"):
        load_records(connection, duck, kind, days)
    evaluations.load_batches(duck, True)
    named = " UNION ".join(f"SELECT call_id FROM {kind} WHERE call_id IS NOT NULL" for kind in REFERRING)
    return find_places(store, connection, duck, parts, named)


def _near(parts: Sequence[Part], days: set[dt.date], around_days: float) -> list[Part]:
    reach = dt.timedelta(days=int(around_days) + 2)
    wanted = sorted(days)
    return [part for part in parts if any(day - reach <= part.day <= day + reach for day in wanted)]


def count(
    duck: duckdb.DuckDBPyConnection,
    asked: Asked,
    outputs: Sequence[str],
    horizons: Mapping[str, dt.datetime | None],
    groupings: Sequence[Grouping] = GROUPINGS,
) -> dict[str, dict[Grouping, pd.DataFrame]]:
    """Return the frames of the outputs by grouping; the finest are counted, the others are their sums."""
    found: dict[str, dict[Grouping, pd.DataFrame]] = {}
    with telling_damage():
        for name in dict.fromkeys(outputs):
            job = Counting(duck, asked.fields, asked.weights, horizons.get(name))
            counted = {
                grouping: _OUTPUTS[name].roll_up(job, Scope(grouping, placed=True))
                for grouping in groupings
                if grouping in FINEST or groupings is not GROUPINGS
            }
            others = [grouping for grouping in groupings if grouping not in counted]
            if others:
                counted |= counters.coarser(duck, counted[FINEST[0]], others)
            found[name] = {grouping: counted[grouping] for grouping in groupings}
    return found


def count_unkept(store: Store, asked: Asked, grouping: Grouping) -> dict[str, pd.DataFrame]:
    """Return the frames of the asked days by a grouping that is not kept, counted from the records.

    One at a time in a process: each takes all processors and much memory.

    Raises:
        DamagedError: a file of calls that is needed cannot be read.
    """
    with _COUNTING, workspace() as (duck, _), store.database.reading() as connection:
        within = DAYS.c.day.between(asked.first, asked.last)
        days = sorted(connection.execute(sa.select(DAYS.c.day).distinct().where(within)).scalars())
        horizons = {name: counters.horizon(connection, name) for name in asked.windows}
        prepare(store, connection, duck, days, asked, max_window(asked))
        frames = count(duck, asked, list(asked.variants), horizons, (grouping,))
        inside = pd.to_datetime(pd.Series(days))
        return {
            name: found[grouping][found[grouping]["day"].isin(inside)].reset_index(drop=True)
            for name, found in frames.items()
        }
