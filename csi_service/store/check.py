"""Whether the kept counters are what a fresh count of the records gives."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import sqlalchemy as sa

from csi_service.core.weights import WeightSet
from csi_service.facts.duck import workspace
from csi_service.facts.kinds import DIMENSIONS
from csi_service.store import counters, recount
from csi_service.store.counters import GROUPINGS
from csi_service.store.facts import days_with_records
from csi_service.store.folder import Store
from csi_service.store.frames import frame
from csi_service.store.recount import Asked

DAYS_AT_ONCE = 31
_GROUPS = ("day", *DIMENSIONS, "batch", "selection")


@dataclass(frozen=True, slots=True)
class Difference:
    """A day of an output whose kept counters are not those of a fresh count, by one of the groupings."""

    output: str
    grouping: str
    day: dt.date


def wrong_counters(store: Store, sets: Sequence[WeightSet]) -> Iterator[Difference]:
    """Yield the days whose counters differ from a fresh count of the records, for each variant that the sets ask for.

    Nothing is written: a day that has not been counted since its last write has nothing yet that could be wrong.

    Raises:
        DamagedError: a file of calls cannot be read.
    """
    with store.database.reading() as connection:
        span, held = days_with_records(connection), counters.held_fields(connection)
    if span is None or not sets:
        return
    first, last = span
    while first <= last:
        end = min(last, first + dt.timedelta(days=DAYS_AT_ONCE - 1))
        yield from _wrong_within(store, [Asked(weights, held, first, end) for weights in sets])
        first = end + dt.timedelta(days=1)


def _wrong_within(store: Store, of_sets: Sequence[Asked]) -> Iterator[Difference]:
    """What differs in some days, the same ones for each of the sets."""
    first, last = of_sets[0].first, of_sets[0].last
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    seen: set[tuple[str, str]] = set()
    with workspace() as (duck, _), store.database.reading() as connection:
        recount.prepare(store, connection, duck, days, of_sets[0], max(map(recount.max_window, of_sets)))
        for asked in of_sets:
            wanted = {name: variant for name, variant in asked.variants.items() if (name, variant) not in seen}
            seen |= wanted.items()
            if wanted:
                yield from _wrong_of(connection, duck, asked, wanted, days)


def _wrong_of(
    connection: sa.Connection,
    duck: duckdb.DuckDBPyConnection,
    asked: Asked,
    wanted: Mapping[str, str],
    days: Sequence[dt.date],
) -> Iterator[Difference]:
    """What differs in the outputs that are wanted of a set; a day that is to be counted anew is left aside."""
    due = {(item.output, item.day)
           for item in counters.due(connection, asked.variants, asked.windows, asked.first, asked.last)}  # fmt: skip
    horizons = {name: counters.horizon(connection, name) for name in asked.windows}
    fresh = recount.count(duck, asked, list(wanted), horizons)
    for grouping in GROUPINGS:
        kept = counters.read(connection, wanted, grouping, asked.first, asked.last)
        for name in wanted:
            for day in _unlike(frame(kept[name]) if name in kept else None, fresh[name][grouping], days):
                if (name, day) not in due:
                    yield Difference(name, ",".join(grouping), day)


def _unlike(kept: pd.DataFrame | None, fresh: pd.DataFrame, days: Sequence[dt.date]) -> list[dt.date]:
    """The days whose sums are not the same in each group; to nine digits, as their order differs, and none is as 0."""
    within = fresh["day"].isin(pd.to_datetime(pd.Series(days)))
    tables = [table for table in (kept, fresh[within]) if table is not None and len(table)]
    if not tables:
        return []
    rows = pd.concat(tables, ignore_index=True)
    side = np.repeat([0, 1], [0 if kept is None else len(kept), within.sum()])
    groups = rows.groupby([name for name in _GROUPS if name in rows.columns], sort=False, dropna=False)
    place = groups.ngroup().to_numpy()
    sums = rows.drop(columns=[name for name in (*_GROUPS, "raters") if name in rows.columns]).to_numpy(np.float64)
    found = np.zeros((2, groups.ngroups, sums.shape[1]))
    found[side, place] = np.nan_to_num(sums)
    there = np.zeros((2, groups.ngroups))
    np.add.at(there, (side, place), 1)
    unlike = ~np.isclose(found[0], found[1], rtol=1e-9, atol=0).all(axis=1) | (there != 1).any(axis=0)
    return sorted(day.date() for day in rows["day"][unlike[place]].unique())
