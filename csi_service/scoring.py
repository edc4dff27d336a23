"""The use cases: where measures, weights and formulas meet."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from csi_service.core.composite import score
from csi_service.core.groups import Groups, others, periods_of, sums
from csi_service.core.indicator import Array, Node
from csi_service.core.outlook import outlook
from csi_service.core.periods import Period, containing, spanning
from csi_service.core.ratings import RandomRatings
from csi_service.core.told import Told, as_told, chained
from csi_service.core.weights import WeightSet, in_effect
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.kinds import DIMENSIONS

PARTS = {"talk": Told("talk"), "hold": Told("hold"), "wrap": Told("wrap-up")}  # of the handling time

if TYPE_CHECKING:  # it takes its time to load, and whoever names a use case may have other work to do meanwhile
    import pandas as pd


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


class RememberedFacts:
    """Facts that are rolled up once for each set of weights, however many periods are scored."""

    def __init__(self, facts: Facts) -> None:
        """Wrap the facts; nothing is asked of them yet."""
        self._facts = facts
        self._measures: dict[str, pd.DataFrame] = {}
        self._rated: list[pd.DataFrame | None] = []

    @property
    def batches(self) -> pd.DataFrame:
        """The sample batches."""
        return self._facts.batches

    def fields(self, kind: str) -> frozenset[str]:
        """Return the fields of a kind that the data hold."""
        return self._facts.fields(kind)

    def measures(self, weights: WeightSet) -> pd.DataFrame:
        """Return the measures by day and key under a set's parameters."""
        if weights.digest not in self._measures:
            self._measures[weights.digest] = self._facts.measures(weights)
        return self._measures[weights.digest]

    def rated_calls(self) -> pd.DataFrame | None:
        """Return the rated calls by day, key, batch and level."""
        if not self._rated:
            self._rated.append(self._facts.rated_calls())
        return self._rated[0]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: the period (None: all days), its cut, the group keys, the weights (None: by date)."""

    period: Period | None = None
    grain: str | None = None
    keys: tuple[str, ...] = ()
    weights: WeightSet | None = None


@dataclass(frozen=True, slots=True)
class PeriodScores:
    """The scores of one period: its groups (one row each, the key columns), the roots of their trees, its weights.

    `others` is, where groups are to be compared, the index of all other groups together, one entry a group.
    """

    period: Period
    in_progress: bool
    weights: WeightSet
    groups: pd.DataFrame
    roots: tuple[Node, ...]
    others: Node | None = None


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
    """Refuse group keys that are no dimensions, and those that stand twice.

    Raises:
        InvalidInputError: with the dimensions that are known.
    """
    unknown = [key for key in keys if key not in DIMENSIONS]
    if unknown:
        text = Told("{name!r} is no dimension; there are {known}", name=unknown[0], known=", ".join(DIMENSIONS))
        raise InvalidInputError(Problem("by", text, list(keys), "dimension"))
    if len(set(keys)) < len(keys):
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
    facts = RememberedFacts(facts)
    periods = _periods(request, facts.measures(request.weights or in_effect(sets, today)))
    weighed = [(period, request.weights or in_effect(sets, period.last)) for period in periods]
    return score_periods(facts, weighed, request.keys, today)


def score_periods(
    facts: Facts, periods: Sequence[tuple[Period, WeightSet]], keys: tuple[str, ...], today: dt.date
) -> Scores:
    """Return the scores of periods, each with its set; those without a record are left out.

    The periods are in order and do not overlap. All that share a set are scored in one go.
    """
    scores = Scores(keys)
    found: dict[Period, tuple[PeriodScores, PeriodScores]] = {}
    warnings: dict[str, list[str]] = {}
    for weights in {weights.digest: weights for _, weights in periods}.values():
        of_set = [period for period, used in periods if used.digest == weights.digest]
        applied, warnings[weights.digest] = _applied(weights, facts)
        found |= _score_together(facts, of_set, weights, applied, keys, today)
    for period, weights in periods:
        if period in found:
            by_group, total = found[period]
            scores.by_group.append(by_group)
            scores.total.append(total)
            if weights.effective > period.last:
                late = {"name": weights.name, "day": weights.effective, "period": period.label}
                _add(scores.warnings, Told("weights {name} are valid from {day} only, after {period}", **late))
            for warning in warnings[weights.digest]:
                _add(scores.warnings, warning)
    return scores


def _periods(request: Request, days: pd.DataFrame) -> list[Period]:
    if days.empty:
        raise FileRefusedError("there is no usable record to score")
    first, last = days["day"].min().date(), days["day"].max().date()
    whole = request.period or spanning(first, last)
    if request.period is None and request.grain is not None:  # whole weeks or months, also at both ends
        whole = spanning(containing(first, request.grain).first, containing(last, request.grain).last)
    if not (periods_of(days, [whole]) >= 0).any():
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
    return _recorded(days, whole.cut(request.grain))


def _recorded(days: pd.DataFrame, periods: Sequence[Period]) -> list[Period]:
    """Those of the periods that have a record."""
    places = periods_of(days, periods)
    return [periods[place] for place in np.unique(places[places >= 0])]


def _applied(weights: WeightSet, facts: Facts) -> tuple[WeightSet, list[str]]:
    """The set as it applies to the data, and its warnings.

    The calls' flag stands in where there are no tickets, and handling time has the parts that exist.
    """
    warnings: list[str] = [
        Told("weights {name}: {warning}", name=weights.name, warning=as_told(warning)) for warning in weights.warnings
    ]
    process = weights.components.get("internal")
    if process is None:
        return weights, warnings
    calls = facts.fields("calls")
    if process.resolution_method == "reactivation" and not facts.fields("tickets") and "resolved" in calls:
        weights = weights.with_component("internal", resolution_method="flag")
        warnings.append(
            Told("FCR: the data hold no tickets, so the calls' resolved flag stands in for first contact resolution")
        )
    held = tuple(part for part in process.handling_components if f"{part}_seconds" in calls)
    if held and held != process.handling_components:
        weights = weights.with_component("internal", handling_components=held)
        parts = {"held": _listed(held), "all": _listed(process.handling_components)}
        warnings.append(Told("AHT: the data hold {held} time only, of {all}", **parts))
    return weights, warnings


def _listed(parts: Sequence[str]) -> str:
    return chained([PARTS[part] for part in parts], "{first}, {second}")


def _add(warnings: list[str], text: str) -> None:
    if text not in warnings:
        warnings.append(text)


def _score_together(
    facts: Facts,
    periods: Sequence[Period],
    weights: WeightSet,
    applied: WeightSet,
    keys: tuple[str, ...],
    today: dt.date,
) -> dict[Period, tuple[PeriodScores, PeriodScores]]:
    """The scores by group and in total of those of the periods that have records: each of their groups is one group."""
    days = facts.measures(weights)
    periods = _recorded(days, periods)
    if not periods:
        return {}
    groups, by_group = _grouped(days, periods, keys)
    rated = facts.rated_calls()
    ratings = None if rated is None else RandomRatings.of(rated, periods_of(rated, periods), facts.batches, periods)

    def scored(groups: Groups, measures: Mapping[str, Array]) -> list[PeriodScores]:
        trees = _trees(measures, groups, ratings, applied)
        return [
            PeriodScores(period, period.last >= today, weights, frame, tree)
            for period, frame, tree in zip(periods, groups.frames(), trees, strict=True)
        ]

    found = scored(groups, by_group)
    if not keys:
        return dict(zip(periods, zip(found, found, strict=True), strict=True))
    whole = Groups.of(groups.frame, groups.period, len(periods), ())
    total = scored(whole, sums(by_group, groups.period, len(periods)))
    return dict(zip(periods, zip(found, total, strict=True), strict=True))


def _grouped(days: pd.DataFrame, periods: Sequence[Period], keys: tuple[str, ...]) -> tuple[Groups, dict[str, Array]]:
    """The groups of periods and their measures."""
    place = periods_of(days, periods)
    days, place = days.iloc[place >= 0], place[place >= 0]
    names = [str(name) for name in days.columns if name != "day" and name not in DIMENSIONS]
    groups = Groups.of(days, place, len(periods), keys)
    by_row = {name: days[name].to_numpy(dtype=np.float64) for name in names}
    return groups, sums(by_row, groups.places(days, place), len(groups.period))


def with_others(facts: Facts, part: PeriodScores) -> PeriodScores:
    """Return the scores of a period's groups with those of, for each of them, all the other groups together."""
    applied, _ = _applied(part.weights, facts)
    keys = tuple(map(str, part.groups.columns))
    groups, measures = _grouped(facts.measures(part.weights), [part.period], keys)
    return dataclasses.replace(part, others=score(others(measures), len(groups.period), applied))


def _trees(
    measures: Mapping[str, Array], groups: Groups, ratings: RandomRatings | None, weights: WeightSet
) -> list[tuple[Node, ...]]:
    """The roots of the score trees of each period's groups."""
    roots = [score(measures, len(groups.period), weights)]
    if "delight_judged" in measures:
        roots.append(outlook(measures["delight_met"], measures["delight_judged"], weights.optimistic_above))
    trees = [tuple(root.part(part) for root in roots) for part in groups.parts]
    if ratings is None:
        return trees
    rated = ratings.nodes(groups, weights.rating_weighting, weights.satisfied_from_level)
    return [(*tree, node) for tree, node in zip(trees, rated, strict=True)]
