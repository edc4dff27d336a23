"""The kept records as facts for scoring: measures out of the counters, or, for a rare grouping, out of the records."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from csi_service.core.periods import Period, parse_period
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet
from csi_service.facts.kinds import DIMENSIONS
from csi_service.records.tables import DAYS, RECORDS, STATE
from csi_service.rollup.outputs import Fields
from csi_service.store import counters, recount
from csi_service.store.folder import Store
from csi_service.store.frames import added, frame, pooled, summed, table_of
from csi_service.store.parts import fold_posted
from csi_service.store.recount import Asked

Filters = Mapping[str, Sequence[str]]  # dimension: the members that count; one that is not named is not restricted


@dataclass(slots=True)
class StoreFacts:
    """The facts of a period, by the group keys, within the filters; every write acknowledged before is in them.

    `teams` are the only teams there are, as far as the reader is concerned (None: all). Without `by_day` all days are
    summed up and stand on the period's first. `revision` is the store's at the time of reading; `counted_days` tells
    how much had to be counted first, `slow` that the grouping is not kept and was counted from the records, `only` the
    one output that is read (None: all). `seen` has the members of each dimension that is filtered by, whether they
    passed or not.
    """

    store: Store
    period: Period
    keys: tuple[str, ...]
    filters: Filters
    revision: int
    held: Fields
    batches: pd.DataFrame
    teams: tuple[str, ...] | None = None
    by_day: bool = True
    counted_days: int = 0
    slow: bool = False
    only: str | None = None
    seen: dict[str, set[str]] = field(default_factory=dict)
    _tables: dict[str, dict[str, pa.Table]] = field(default_factory=dict)
    _measures: dict[str, pd.DataFrame] = field(default_factory=dict)
    _last: WeightSet | None = None

    def fields(self, kind: str) -> frozenset[str]:
        """Return the fields that the kept records of a kind were given."""
        return self.held[kind]

    def measures(self, weights: WeightSet) -> pd.DataFrame:
        """Return the measures under a set's parameters: columns day, the keys, one a measure that is known.

        Raises:
            DamagedError: a file of calls that is needed cannot be read.
        """
        self._last = weights
        if weights.digest not in self._measures:
            tables = {name: table for name, table in self._counters(weights).items() if name != "ratings"}
            found = added(list(tables.values()), self.keys) if self.by_day else pooled(list(tables.values()), self.keys)
            found = found if self.by_day else self._on_first(found)
            self._measures[weights.digest] = self._with_noughts(found, weights) if len(found) else found
        return self._measures[weights.digest]

    def rated_calls(self) -> pd.DataFrame | None:
        """Return the rated calls by day, key, batch and level; None where no record carries a rating."""
        if "rating" not in self.held["evaluations"] or self._last is None:
            return None
        found = self._counters(self._last).get("ratings")
        if found is None:
            texts = ["day", *self.keys, "batch", "selection"]
            return pd.DataFrame({name: pd.Series(dtype="datetime64[s]" if name == "day" else "str") for name in texts}
                                | {f"level_{level}": pd.Series(dtype="float64") for level in range(1, 6)})  # fmt: skip
        return frame(found) if self.by_day else self._on_first(frame(summed(found)))

    def _with_noughts(self, found: pd.DataFrame, weights: WeightSet) -> pd.DataFrame:
        """The measures with those of which the period has no record but the store may have."""
        known = recount.columns(self.store, self._asked(weights))
        missing = sorted(known - set(found.columns))
        return found.assign(**dict.fromkeys(missing, 0.0)) if missing else found

    def rating_counters(self, weights: WeightSet) -> pa.Table | None:
        """Return the rated calls by day, key, batch and level, and who rated them; None where there are none.

        Raises:
            DamagedError: a file of calls that is needed cannot be read.
        """
        return self._counters(weights).get("ratings") if "rating" in self.held["evaluations"] else None

    def _on_first(self, whole: pd.DataFrame) -> pd.DataFrame:
        whole.insert(0, "day", pd.Timestamp(self.period.first).as_unit("s"))
        return whole

    def _counters(self, weights: WeightSet) -> dict[str, pa.Table]:
        if weights.digest not in self._tables:
            asked = self._asked(weights)
            dimensions = {*self.keys, *self.filters, *(["team"] if self.teams is not None else [])}
            grouping = counters.grouping_for(dimensions)
            if grouping is None:
                self.slow = True
                named = tuple(name for name in DIMENSIONS if name in dimensions)
                counted = recount.count_unkept(self.store, asked, named)
                tables = {name: table_of(found) for name, found in counted.items()}
            else:
                tables, counted_days = recount.read(self.store, asked, grouping)
                self.counted_days += counted_days
            self._tables[weights.digest] = {name: self._narrowed(table) for name, table in tables.items()}
            self._narrow_batches(tables.get("ratings"), self._tables[weights.digest].get("ratings"))
        return self._tables[weights.digest]

    def _asked(self, weights: WeightSet) -> Asked:
        return Asked(weights, self.held, self.period.first, self.period.last, self.only)

    def _narrow_batches(self, whole: pa.Table | None, narrowed: pa.Table | None) -> None:
        """Leave out the batches whose ratings all lie outside, and for a reader of some teams those without any."""
        inside = [] if narrowed is None else narrowed["batch"].unique().to_pylist()
        outside = set() if whole is None else {*whole["batch"].unique().to_pylist()} - {*inside}
        wanted = self.batches["batch"].isin(inside) if self.teams is not None else ~self.batches["batch"].isin(outside)
        self.batches = self.batches[wanted]

    def _narrowed(self, table: pa.Table) -> pa.Table:
        """The rows within the filters, without the dimensions that are only filtered by."""
        if self.teams is not None:
            table = _among(table, "team", self.teams)
        for name in self.filters:
            self.seen.setdefault(name, set()).update(table[name].unique().to_pylist())
        for name, members in self.filters.items():
            table = _among(table, name, members)
        others = [name for name in DIMENSIONS if name in table.column_names and name not in self.keys]
        return table.drop_columns(others)


def _among(table: pa.Table, name: str, members: Sequence[str]) -> pa.Table:
    column = table[name]
    return table.filter(pc.is_in(column, value_set=pa.array(list(members), column.type)))


def open_facts(
    store: Store,
    period: Period,
    keys: tuple[str, ...] = (),
    filters: Filters | None = None,
    *,
    teams: tuple[str, ...] | None = None,
    by_day: bool = True,
    only: str | None = None,
) -> StoreFacts:
    """Return the facts of a period as they are now; see `StoreFacts` for what narrows them."""
    fold_posted(store)
    with store.database.reading() as connection:
        revision = revision_of(connection)
        held, batches = counters.held_fields(connection), read_batches(connection)
    return StoreFacts(store, period, keys, filters or {}, revision, held, batches, teams, by_day, only=only)


def revision_of(connection: sa.Connection) -> int:
    """Return the number of the last write."""
    return int(connection.execute(sa.select(STATE.c.revision)).scalar_one())


def read_batches(connection: sa.Connection) -> pd.DataFrame:
    """Return the batches: batch, first and last local day, population (NaN unknown), selection."""
    table = RECORDS["batches"]
    query = sa.select(table.c.batch, table.c.period, table.c.population, table.c.selection)
    rows = connection.execute(query.order_by(table.c.batch)).all()
    spans = [parse_period(row.period) for row in rows]
    return pd.DataFrame(
        {
            "batch": pd.Series([row.batch for row in rows], dtype="str"),
            "first": pd.Series([span.first for span in spans], dtype="datetime64[s]"),
            "last": pd.Series([span.last for span in spans], dtype="datetime64[s]"),
            "population": pd.Series([row.population for row in rows], dtype="float64"),
            "selection": pd.Series([row.selection or "random" for row in rows], dtype="str"),
        }
    )


def days_with_records(connection: sa.Connection) -> tuple[dt.date, dt.date] | None:
    """Return the first and the last day that has records; None where there is none."""
    first, last = connection.execute(sa.select(sa.func.min(DAYS.c.day), sa.func.max(DAYS.c.day))).one()
    return None if first is None else (first, last)


def nothing_in(connection: sa.Connection, period: Period) -> str:
    """Tell that a period has no record, and between which days all records lie."""
    span = days_with_records(connection)
    if span is None:
        return Told("there is no record as yet")
    return Told(
        "there is no record in {period}; all records lie between {first} and {last}",
        period=period.label,
        first=span[0],
        last=span[1],
    )
