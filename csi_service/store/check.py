"""Whether the kept counters are what a fresh count of the records gives."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

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
_TEXTS = ("day", *DIMENSIONS, "batch", "selection", "raters")


@dataclass(frozen=True, slots=True)
class Difference:
    """A day of an output whose kept counters are not those of a fresh count, by one of the groupings."""

    output: str
    grouping: str
    day: dt.date


def wrong_counters(store: Store, sets: Sequence[WeightSet]) -> Iterator[Difference]:
    """Yield the days whose counters differ from a fresh count of the records, for each variant that the sets ask for.

    Raises:
        DamagedError: a file of calls cannot be read.
    """
    with store.database.reading() as connection:
        span, held = days_with_records(connection), counters.held_fields(connection)
    seen: set[tuple[str, str]] = set()
    for weights in sets if span is not None else ():
        first, last = span or (dt.date.min, dt.date.min)
        while first <= last:
            end = min(last, first + dt.timedelta(days=DAYS_AT_ONCE - 1))
            asked = Asked(weights, held, first, end)
            yield from _wrong_within(store, asked, seen)
            first = end + dt.timedelta(days=1)
        seen |= set(Asked(weights, held, first, last).variants.items())


def _wrong_within(store: Store, asked: Asked, seen: set[tuple[str, str]]) -> Iterator[Difference]:
    recount.refresh(store, asked)
    wanted = {name: variant for name, variant in asked.variants.items() if (name, variant) not in seen}
    with workspace() as (duck, _), store.database.reading() as connection:
        days = [asked.first + dt.timedelta(days=number) for number in range((asked.last - asked.first).days + 1)]
        horizons = {name: counters.horizon(connection, name) for name in asked.windows}
        recount.prepare(store, connection, duck, days, asked, recount.max_window(asked))
        fresh = recount.count(duck, asked, list(wanted), horizons)
        for grouping in GROUPINGS:
            kept = counters.read(connection, wanted, grouping, asked.first, asked.last)
            for name in wanted:
                found = frame(kept[name]) if name in kept else pd.DataFrame({"day": []})
                for day in _unlike(found, fresh[name][grouping], set(days)):
                    yield Difference(name, ",".join(grouping), day)


def _unlike(kept: pd.DataFrame, fresh: pd.DataFrame, days: set[dt.date]) -> list[dt.date]:
    return sorted(day for day in days if _rows(kept, day) != _rows(fresh, day))


def _rows(table: pd.DataFrame, day: dt.date) -> dict[tuple[str, ...], dict[str, float]]:
    """The sums of a day by group, without those that are 0; to nine digits, as their order differs."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    chosen = table[table["day"] == pd.Timestamp(day)]
    for cells in chosen.to_dict("records"):
        row = {str(name): value for name, value in cells.items()}
        key = tuple(str(row[name]) for name in _TEXTS if name in row and name not in ("day", "raters"))
        sums = {name: float(value) for name, value in row.items() if name not in _TEXTS}
        found[key] = {name: float(f"{value:.9g}") for name, value in sums.items() if value == value and value != 0}
    return found
