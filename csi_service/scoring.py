"""The use cases: where measures, weights and formulas meet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from csi_service.core import levels
from csi_service.core.composite import score
from csi_service.core.indicator import Node
from csi_service.core.outlook import outlook
from csi_service.core.periods import Period, containing, spanning
from csi_service.core.ratings import rating_nodes
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet, in_effect
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.kinds import DIMENSIONS

if TYPE_CHECKING:  # it takes its time to load, and whoever names a use case may have other work to do meanwhile
    import pandas as pd

_LEVEL_COLUMNS = [f"level_{level}" for level in range(1, len(levels.LEVELS) + 1)]


class Facts(Protocol):
    """Where measures come from: files now, a store as well."""

    @property
    def batches(self) -> pd.DataFrame:
        """The sample batches."""

    def fields(self, kind: str) -> frozenset[str]:
        """Return the fields of a kind that the data hold."""

    def measures(self, weights: WeightSet) -> pd.DataFrame:
        """Return the measures by day and key under a set's parameters."""

    def rated_calls(self) -> pd.DataFrame | None:
        """Return the rated calls by day, key, batch and level."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the period (None: all days), its cut, the group keys, the weights (None: by date)."""

    period: Period | None = None
    grain: str | None = None
    keys: tuple[str, ...] = ()
    weights: WeightSet | None = None


@dataclass(frozen=True, slots=True)
class PeriodScores:
    """The scores of one period: its groups (one row each, the key columns), the roots of their trees, its weights."""

    period: Period
    in_progress: bool
    weights: WeightSet
    groups: pd.DataFrame
    roots: tuple[Node, ...]


@dataclass(slots=True)
class Scores:
    """Scores by period and group, and of all groups of a period together."""

    keys: tuple[str, ...]
    by_group: list[PeriodScores] = field(default_factory=list)
    total: list[PeriodScores] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def table(self) -> pd.DataFrame:
        """Return the long score table of the groups: key columns, period, then one row a node."""
        import pandas as pd

        from csi_service.core.score_table import long_table

        tables = [long_table(part.groups.assign(period=part.period.label), part.roots) for part in self.by_group]
        return pd.concat(tables, ignore_index=True)


def check_keys(keys: Sequence[str]) -> None:
    """Refuse group keys that are no dimensions or stand twice.

    Raises:
        InvalidInputError: with the dimensions that are known.
    """
    if any(key not in DIMENSIONS for key in keys) or len(set(keys)) < len(keys):
        text = Told(
            "{names}: group by different dimensions out of {names2}",
            names=", ".join(keys),
            names2=", ".join(DIMENSIONS),
        )
        raise InvalidInputError(Problem("by", text, list(keys), "dimension"))


def score_facts(facts: Facts, sets: Sequence[WeightSet], request: Request, today: dt.date) -> Scores:
    """Return the scores of the facts by period and group, each period with the set valid on its last day.

    Raises:
        FileRefusedError: the facts hold no record at all, or none in the period.
        NotFoundError: no weights are in effect on a period's last day.
    """
    scores = Scores(request.keys)
    rolled: dict[str, pd.DataFrame] = {}

    def measures(weights: WeightSet) -> pd.DataFrame:
        if weights.digest not in rolled:
            rolled[weights.digest] = facts.measures(weights)
        return rolled[weights.digest]

    for period in _periods(request, facts, measures(request.weights or in_effect(sets, today))):
        weights = request.weights or in_effect(sets, period.last)
        if request.weights and weights.effective > period.last:
            late = {"name": weights.name, "day": weights.effective, "period": period.label}
            _add(scores.warnings, Told("weights {name} are valid from {day} only, after {period}", **late))
        for warning in weights.warnings:
            _add(scores.warnings, Told("weights {name}: {warning}", name=weights.name, warning=warning))
        applied = _applied(weights, facts, scores.warnings)
        days = measures(weights)
        days = days[_within(days, period)]
        rated = facts.rated_calls()
        rated = rated if rated is None else rated[_within(rated, period)]
        in_progress = period.last >= today
        for keys, parts in ((request.keys, scores.by_group), ((), scores.total)):
            groups, nodes = _score_groups(days, rated, facts.batches, period, keys, applied)
            parts.append(PeriodScores(period, in_progress, weights, groups, nodes))
    return scores


def _periods(request: Request, facts: Facts, days: pd.DataFrame) -> list[Period]:
    if days.empty:
        raise FileRefusedError("there is no usable record to score")
    first, last = days["day"].min().date(), days["day"].max().date()
    whole = request.period or spanning(first, last)
    if request.period is None and request.grain is not None:  # whole weeks or months, also at both ends
        whole = spanning(containing(first, request.grain).first, containing(last, request.grain).last)
    if not _within(days, whole).any():
        raise FileRefusedError(
            Told(
                "there is no record in {label}; the records lie between {first} and {last}",
                label=whole.label,
                first=first,
                last=last,
            )
        )
    if request.grain is None:
        return [whole]
    return [part for part in whole.cut(request.grain) if _within(days, part).any()]


def _within(frame: pd.DataFrame, period: Period) -> pd.Series[bool]:
    return (frame["day"] >= np.datetime64(period.first)) & (frame["day"] <= np.datetime64(period.last))


def _applied(weights: WeightSet, facts: Facts, warnings: list[str]) -> WeightSet:
    """The set as it applies to the data: the calls' flag where there are no tickets, the parts of AHT that exist."""
    process = weights.components.get("internal")
    if process is None:
        return weights
    calls = facts.fields("calls")
    if process.resolution_method == "reactivation" and not facts.fields("tickets") and "resolved" in calls:
        weights = weights.with_component("internal", resolution_method="flag")
        _add(
            warnings,
            Told("fcr: the data hold no tickets, so the calls' resolved flag stands in for first contact resolution"),
        )
    held = tuple(part for part in process.handling_components if f"{part}_seconds" in calls)
    if held and held != process.handling_components:
        weights = weights.with_component("internal", handling_components=held)
        parts = {"held": ", ".join(held), "all": ", ".join(process.handling_components)}
        _add(warnings, Told("aht: the data hold {held} time only, of {all}", **parts))
    return weights


def _add(warnings: list[str], text: str) -> None:
    if text not in warnings:
        warnings.append(text)


def _score_groups(
    days: pd.DataFrame,
    rated: pd.DataFrame | None,
    batches: pd.DataFrame,
    period: Period,
    keys: tuple[str, ...],
    weights: WeightSet,
) -> tuple[pd.DataFrame, tuple[Node, ...]]:
    """The groups of a period (one row each) and the roots of their score trees."""
    names = [name for name in days.columns if name != "day" and name not in DIMENSIONS]
    if keys:
        pooled = days.groupby(list(keys), as_index=False, sort=True)[names].sum()
    else:
        pooled = days[names].sum().to_frame().T
    groups = pooled[list(keys)].reset_index(drop=True)
    measures = {name: pooled[name].to_numpy(dtype=np.float64) for name in names}
    roots = [score(measures, len(groups), weights)]
    if "delight_judged" in measures:
        roots.append(outlook(measures["delight_met"], measures["delight_judged"], weights.optimistic_above))
    if rated is not None:
        roots.append(score_ratings(rated, batches, period, groups, weights))
    return groups, tuple(roots)


def score_ratings(
    rated: pd.DataFrame, batches: pd.DataFrame, period: Period, groups: pd.DataFrame, weights: WeightSet
) -> Node:
    """Return the node of the ratings of random samples by group, each batch weighing the calls that it stands for.

    `rated` are the period's rated calls by key, batch and level, `batches` as `Facts` has them, `groups` one row each.
    """
    import pandas as pd

    random = rated[rated["selection"] == "random"]
    batch, names = pd.factorize(random["batch"], sort=True)
    group = _places(random, groups)
    placed = group >= 0
    pairs, pair = np.unique(group[placed] * len(names) + batch[placed], return_inverse=True)
    counts = np.zeros((len(pairs), len(_LEVEL_COLUMNS)))
    np.add.at(counts, pair, random[_LEVEL_COLUMNS].to_numpy(dtype=np.float64)[placed])
    populations = batches.set_index("batch")["population"].reindex(names).to_numpy(dtype=np.float64)
    shares = levels.level_shares(
        counts,
        populations[pairs % max(len(names), 1)],
        pairs // max(len(names), 1),
        len(groups),
        weights.rating_weighting,
        weights.satisfied_from_level,
    )
    due = batches[(batches["first"] <= np.datetime64(period.last)) & (batches["last"] >= np.datetime64(period.first))]
    empty = due.loc[(due["selection"] == "random") & ~due["batch"].isin(names), "batch"]
    return rating_nodes(shares, tuple(empty))


def _places(rows: pd.DataFrame, groups: pd.DataFrame) -> NDArray[np.intp]:
    """The number of each row's group; -1 where it is none of them."""
    import pandas as pd

    keys = list(groups.columns)
    if not keys:
        return np.zeros(len(rows), dtype=np.intp)
    whole, asked = (
        pd.Index(frame[keys[0]]) if len(keys) == 1 else pd.MultiIndex.from_frame(frame[keys])
        for frame in (groups, rows)
    )
    return np.asarray(whole.get_indexer(asked), dtype=np.intp)
