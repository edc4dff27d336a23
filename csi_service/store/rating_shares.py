"""The rollup of ratings: level shares of a period by group, of random samples, and apart those of the others."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from csi_service.core.groups import Groups, Places
from csi_service.core.indicator import Array, Node
from csi_service.core.levels import LEVELS, level_shares
from csi_service.core.periods import Period
from csi_service.core.ratings import LEVEL_COLUMNS, RandomRatings, rating_nodes
from csi_service.core.told import Told, chained
from csi_service.core.weights import WeightSet
from csi_service.facts.kinds import SELECTIONS
from csi_service.scoring import check_keys
from csi_service.store.facts import StoreFacts, open_facts
from csi_service.store.folder import Store
from csi_service.store.frames import frame, summed
from csi_service.store.reading import Query, hint, weights_of, why_slow
from csi_service.store.worklists import blind_batches


@dataclass(frozen=True, slots=True)
class Shares:
    """Level shares of the samples chosen in one way: by group (a row each of `groups`) and in total.

    `group_raters` and `total_raters` are how many people rated.
    """

    selection: str
    groups: pd.DataFrame
    by_group: Node
    total: Node
    group_raters: Array
    total_raters: int


@dataclass(frozen=True, slots=True)
class RatedBatch:
    """A batch of the period with its rated calls by level; `batch` is '' for ratings that name none.

    `first` and `last` are its local days, `population` the calls it stands for; None where nothing is known of it.
    """

    batch: str
    selection: str
    first: dt.date | None
    last: dt.date | None
    population: float | None
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rollup:
    """The ratings of a period: those of random samples (which alone estimate anything), the others, the batches."""

    query: Query
    period: Period
    in_progress: bool
    weights: WeightSet
    random: Shares
    apart: tuple[Shares, ...]
    batches: tuple[RatedBatch, ...]
    revision: int
    slow: str | None
    hint: str | None


def read_rating_shares(store: Store, sets: Sequence[WeightSet], period: Period, query: Query, today: dt.date) -> Rollup:
    """Return the rollup of a period's ratings by group; the same figures as the node `ratings` of its scores.

    Raises:
        InvalidInputError: group keys that are no dimensions, or no weights in effect in the period.
        DamagedError: a file of calls that is needed cannot be read.
    """
    check_keys(query.keys)
    weights = weights_of(sets, period, query)
    facts = open_facts(store, period, query.keys, query.filters, teams=query.teams, only="ratings")
    table, blind = _unblinded(facts, facts.rating_counters(weights), query.reader)
    rated = _empty(query.keys) if table is None or not len(table) else frame(summed(table))
    shares = {name: _shares(facts, rated, table, name, weights) for name in SELECTIONS}
    return Rollup(
        query=query,
        period=period,
        in_progress=period.last >= today,
        weights=weights,
        random=shares["random"],
        apart=tuple(part for name, part in shares.items() if name != "random" and part.total.n[0] > 0),
        batches=tuple(_batches(facts, rated)),
        revision=facts.revision,
        slow=why_slow(facts),
        hint=_hint(facts, blind, not len(rated)),
    )


def _unblinded(facts: StoreFacts, table: pa.Table | None, reader: str | None) -> tuple[pa.Table | None, Sequence[str]]:
    """The ratings without the calibrations in which the reader has still calls to judge, and which were left out."""
    if reader is None:
        return table, ()
    with facts.store.database.reading() as connection:  # after the ratings: one drawn meanwhile is left out as well
        blind = sorted(blind_batches(connection, reader))
    facts.batches = facts.batches[~facts.batches["batch"].isin(blind)]
    if table is None or not len(table):
        return table, ()
    of_blind = pc.is_in(table["batch"], value_set=pa.array(blind, table["batch"].type))
    return table.filter(pc.invert(of_blind)), sorted(table.filter(of_blind)["batch"].unique().to_pylist())


def _hint(facts: StoreFacts, blind: Sequence[str], empty: bool) -> str | None:
    other = hint(facts, empty and not blind)
    if not blind:
        return other
    text = Told("calibrations in which you have still calls to judge are left out: {batches}", batches=", ".join(blind))
    return text if other is None else chained([text, other], "{first}; {second}")


def _empty(keys: tuple[str, ...]) -> pd.DataFrame:
    texts = {name: pd.Series(dtype="str") for name in (*keys, "batch", "selection")}
    return pd.DataFrame(texts | {name: pd.Series(dtype="float64") for name in LEVEL_COLUMNS})


def _shares(
    facts: StoreFacts, rated: pd.DataFrame, table: pa.Table | None, selection: str, weights: WeightSet
) -> Shares:
    keys = list(facts.keys)
    of_selection = rated[rated["selection"] == selection]
    groups = of_selection[keys].drop_duplicates().sort_values(keys, ignore_index=True) if keys else pd.DataFrame()
    whole = pd.DataFrame(index=[0])
    parts = (groups, whole) if keys else (whole, whole)
    if selection == "random":
        ratings = RandomRatings.of(rated, _first(rated), facts.batches, [facts.period])
        by_group, total = (
            ratings.nodes(
                Groups.of(some, _first(some), 1, list(some.columns)),
                weights.rating_weighting,
                weights.satisfied_from_level,
            )[0]
            for some in parts
        )
    else:
        by_group, total = (_pooled(of_selection, some, weights) for some in parts)
    group_raters, total_raters = _raters(table, selection, groups)
    return Shares(selection, groups, by_group, total, group_raters, total_raters)


def _first(rows: pd.DataFrame) -> Places:
    """All rows lie in the first and only period."""
    return np.zeros(len(rows), dtype=np.intp)


def _pooled(rated: pd.DataFrame, groups: pd.DataFrame, weights: WeightSet) -> Node:
    """The level shares of samples that estimate nothing: each rated call weighs the same."""
    keys = list(groups.columns)
    counts = rated.groupby([*keys, "batch"], as_index=False, sort=True)[LEVEL_COLUMNS].sum()
    places = groups.reset_index(names="place").merge(counts, on=keys)["place"] if keys else np.zeros(len(counts))
    shares = level_shares(
        counts[LEVEL_COLUMNS].to_numpy(dtype=np.float64),
        np.full(len(counts), np.nan),
        np.asarray(places, dtype=np.intp),
        len(groups),
        "sample",
        weights.satisfied_from_level,
    )
    return rating_nodes(shares)


def _raters(table: pa.Table | None, selection: str, groups: pd.DataFrame) -> tuple[Array, int]:
    """How many people rated, by group and in total."""
    keys = list(groups.columns)
    if table is None or not len(table):
        return np.zeros(len(groups)), 0
    some = table.filter(pc.equal(table["selection"], selection)).combine_chunks()
    names = pc.list_flatten(some["raters"])
    total = pc.count_distinct(names).as_py()
    if not keys:
        return np.zeros(len(groups)), total
    rows = some.select(keys).take(pc.list_parent_indices(some["raters"])).append_column("rater", names)
    counted = pa.TableGroupBy(rows, keys).aggregate([("rater", "count_distinct")]).to_pandas()
    found = groups.merge(counted, on=keys, how="left")["rater_count_distinct"].fillna(0.0)
    return found.to_numpy(dtype=np.float64), total


def _batches(facts: StoreFacts, rated: pd.DataFrame) -> list[RatedBatch]:
    """The batches whose days meet the period, with or without ratings, then those that ratings name alone."""
    counts = rated.groupby(["batch", "selection"])[LEVEL_COLUMNS].sum()
    first, last = np.datetime64(facts.period.first), np.datetime64(facts.period.last)
    known = facts.batches
    due = known[(known["first"] <= last) & (known["last"] >= first) | known["batch"].isin(rated["batch"])]
    levels = {str(batch): tuple(row) for (batch, _), row in zip(counts.index, counts.to_numpy().tolist(), strict=True)}
    none = (0.0,) * len(LEVELS)
    columns = (due[name].tolist() for name in ("batch", "selection", "first", "last", "population"))
    found = [
        RatedBatch(batch, selection, since.date(), until.date(), calls if calls == calls else None,  # NaN is unknown
                   levels.get(batch, none))
        for batch, selection, since, until, calls in zip(*columns, strict=True)
    ]  # fmt: skip
    named = {batch.batch for batch in found}
    return found + [
        RatedBatch(str(batch), str(selection), None, None, None, levels[str(batch)])
        for batch, selection in counts.index
        if batch not in named
    ]
