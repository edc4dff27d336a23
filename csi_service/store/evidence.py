"""The evidence of one figure: the node, and the counters that its formula reads, by day."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from csi_service.core.composite import Known, components
from csi_service.core.indicator import Array, Indicator, Node
from csi_service.core.left_out import LeftOut, left_out
from csi_service.core.levels import LEVELS
from csi_service.core.measures import MEASURES
from csi_service.core.periods import Period
from csi_service.core.weights import WeightSet
from csi_service.errors import InvalidInputError
from csi_service.store.facts import open_facts
from csi_service.store.folder import Store
from csi_service.store.reading import (
    Point,
    Query,
    Reading,
    check_node,
    hint,
    nodes_of,
    read_points,
    weights_of,
    why_slow,
)

_MEANINGS = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True, slots=True)
class Counter:
    """An additive measure that a figure reads: its unit, what it counts, its sum in the period."""

    name: str
    unit: str
    meaning: str
    total: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one figure rests on: its node (None where the period has no data for it), counters, and their days.

    `days` has one row a day that has records: the day, then each counter in the order of `counters`.
    """

    reading: Reading
    name: str
    node: Node | None
    counters: tuple[Counter, ...]
    days: tuple[tuple[dt.date, tuple[float, ...]], ...]
    left_out: tuple[LeftOut, ...]


def read_evidence(
    store: Store, sets: Sequence[WeightSet], name: str, period: Period, query: Query, today: dt.date
) -> Evidence:
    """Return the evidence of the node of a dotted name for all groups of a period together.

    Raises:
        InvalidInputError: no such node, or no weights in effect in the period.
        DamagedError: a file of calls that is needed cannot be read.
    """
    weights = weights_of(sets, period, query)
    check_node(name, "/node", weights)
    facts = open_facts(store, period, (), query.filters, teams=query.teams)
    (point,), warnings = read_points(facts, [(period, weights)], today)
    days = facts.measures(weights)
    if name.partition(".")[0] == "ratings":
        days = _rating_days(facts.rated_calls())
    sums = {str(column): float(total) for column, total in days.drop(columns="day").sum().items()}
    names = _counters_of(name, weights, sums)
    counters = tuple(_counter(counter, sums[counter]) for counter in names)
    table = days[["day", *names]].groupby("day", sort=True).sum() if names else days[:0]
    rows = zip(table.index, table.to_numpy(dtype=np.float64).tolist(), strict=True) if names else ()
    found = _known(point, query, facts.revision, warnings, why_slow(facts), hint(facts, point.total is None))
    return Evidence(
        found,
        name,
        nodes_of(point.total).get(name),
        counters,
        tuple((pd.Timestamp(day).date(), tuple(row)) for day, row in rows),
        tuple(_left_out(name, weights, sums)) if point.total is not None else (),
    )


def _known(
    point: Point, query: Query, revision: int, warnings: Sequence[str], slow: str | None, empty: str | None
) -> Reading:
    return Reading(query, (point,), revision, tuple(warnings), slow, empty)


def _counter(name: str, total: float) -> Counter:
    known = _MEANINGS.get(name) or _MEANINGS.get(f"{name.partition('.')[0]}.*")
    if known is not None:
        return Counter(name, known.unit, known.meaning, total)
    if name in LEVELS:
        return Counter(name, "calls", "calls of random samples that were rated so", total)
    return Counter(
        name, "calls", f"rated calls of {name.removesuffix('_calls')} samples, kept out of the figure", total
    )


def _rating_days(rated: pd.DataFrame | None) -> pd.DataFrame:
    """The rated calls by day: those of random samples by level, those of other samples in sum."""
    columns = [f"level_{number}" for number in range(1, len(LEVELS) + 1)]
    if rated is None:
        return pd.DataFrame({"day": pd.Series(dtype="datetime64[s]")})
    random = rated[rated["selection"] == "random"]
    days = random[["day", *columns]].rename(columns=dict(zip(columns, LEVELS, strict=True)))
    others = [
        pd.DataFrame({"day": some["day"], f"{selection}_calls": some[columns].sum(axis=1)})
        for selection, some in rated[rated["selection"] != "random"].groupby("selection")
    ]
    return pd.concat([days, *others], ignore_index=True).fillna(0.0)


def _figures(name: str, weights: WeightSet) -> Iterator[tuple[str, Indicator, Any]]:
    """The component, indicator and parameters of each figure at or below a node."""
    _, _, below = name.partition(".")
    component, _, figure = below.partition(".")
    for calculator in components(weights):
        if component in ("", calculator.name):
            parameters = weights.components[calculator.name]
            weighed = getattr(parameters, "weights", None)
            for indicator in calculator.indicators:
                if figure in ("", indicator.name) and (weighed is None or indicator.name in weighed):
                    yield calculator.name, indicator, parameters
            if calculator.per_channel is not None:
                yield calculator.name, calculator.per_channel, parameters


class _Watched(Known):
    """Measures that remember which of them a formula has asked for."""

    def __init__(self, measures: Mapping[str, Array]) -> None:
        super().__init__(measures, 1)
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Array:
        self.asked.append(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.append(name)
        return super().get(name, default)


def _counters_of(name: str, weights: WeightSet, sums: Mapping[str, float]) -> list[str]:
    """The measures that the formulas at or below a node read, as far as they are known."""
    root = name.partition(".")[0]
    if root == "ratings":
        return list(sums)
    if root == "outlook":
        return [known for known in ("delight_met", "delight_judged") if known in sums]
    found: list[str] = []
    for component, indicator, parameters in _figures(name, weights):
        if component == "external":
            channel = name.removeprefix("csi.external.") if name.count(".") == 2 else ""
            families = (*indicator.needs, "responses_set_aside", "invitations")
            found += [
                known
                for known in sums
                if known.partition(".")[0] in families and channel in ("", known.partition(".")[2])
            ]
        else:
            found += _asked(indicator, sums, parameters)
    return [known for known in dict.fromkeys(found) if known in sums]


def _asked(indicator: Indicator, sums: Mapping[str, float], parameters: Any) -> list[str]:
    watched = _Watched({name: np.array([value]) for name, value in sums.items()})
    try:
        indicator.formula(watched, parameters)
    except InvalidInputError:
        pass  # counts that contradict themselves are counts all the same
    return watched.asked


def _left_out(name: str, weights: WeightSet, sums: Mapping[str, float]) -> Iterator[LeftOut]:
    if name.partition(".")[0] == "ratings":
        for selection, total in sums.items():
            if selection.endswith("_calls"):
                yield LeftOut(total, "calls", f"rated in {selection.removesuffix('_calls')} samples")
        return
    if name.partition(".")[0] == "outlook":
        return
    channels = [known.partition(".")[2] for known in sums if known.startswith("responses_set_aside.")]
    for component, indicator, parameters in _figures(name, weights):
        if component == "external":
            wanted = [name.removeprefix("csi.external.")] if name.count(".") == 2 else channels
        else:
            wanted = [indicator.name]
        for figure in wanted:
            yield from left_out(component, figure, sums, parameters)
