"""From facts to a report: the scores of the period, the compared one and the trend, the counts beside them."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csi_service.core.composite import score
from csi_service.core.earlier import previous, year_before
from csi_service.core.periods import Period
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet, in_effect
from csi_service.errors import InvalidInputError, NotFoundError, Problem
from csi_service.facts.kinds import DIMENSIONS, UNASSIGNED
from csi_service.ingest.outcome import Outcome
from csi_service.report.monthly import Compared, ReportModel, build_report
from csi_service.report.quality import Counts, Coverage, DataQuality
from csi_service.scoring import (
    Facts,
    PeriodScores,
    RememberedFacts,
    Request,
    Scores,
    check_keys,
    score_facts,
    with_others,
)

COMPARED: Mapping[str, Callable[[Period], Period | None]] = {"previous": previous, "year": year_before}
TREND_PERIODS = 13  # so that the same month of the year before stands at the other end


@dataclass(frozen=True, slots=True)
class Asked:
    """The report that is asked for: its period, its group keys, what it compares with, its weights (None: by date)."""

    period: Period
    keys: tuple[str, ...] = ()
    compare: str = "previous"
    weights: WeightSet | None = None


def report_of(
    facts: Facts, sets: Sequence[WeightSet], asked: Asked, today: dt.date, outcomes: Sequence[Outcome] = ()
) -> ReportModel:
    """Return the report of a period; one without any record is a report too, which says so.

    `outcomes` tell what became of the rows of the files behind the facts (none: unknown); they are read last, when the
    facts have counted everything.

    Raises:
        InvalidInputError: unknown keys or comparison.
        NotFoundError: no weights are in effect on the period's last day.
        FileRefusedError: the facts cannot be read to the end.
    """
    check_keys(asked.keys)
    if asked.compare not in COMPARED:
        text = Told(
            "{compare!r} is no comparison; accepted are {names}", compare=asked.compare, names=", ".join(COMPARED)
        )
        raise InvalidInputError(Problem("compare", text, asked.compare, "compare"))
    remembered = RememberedFacts(facts)
    weights = asked.weights or in_effect(sets, asked.period.last)
    days = _within(remembered.measures(weights), asked.period)

    def scored(period: Period | None, keys: tuple[str, ...] = ()) -> Scores | None:
        return _scored(remembered, sets, period, keys, asked.weights, today)

    scores = scored(asked.period, asked.keys)
    total = _nothing(asked.period, weights, remembered, today) if scores is None else scores.total[0]
    compared = COMPARED[asked.compare](asked.period)
    before = _total(scored(compared))
    return build_report(
        with_others(_Named(remembered, asked.keys), scores.by_group[0]) if scores is not None and asked.keys else None,
        total,
        Compared(asked.compare, compared, None if before is None else before.weights),
        before,
        [(period, _total(scored(period))) for period in trailing(asked.period)],
        _counts(remembered, days, asked.period),
        _quality(days, asked, today, outcomes),
        empty=scores is None,
        warnings=[] if scores is None else scores.warnings,
    )


class _Named(RememberedFacts):
    """Facts whose records without a name by one of the keys count nothing; a key that names nothing is left aside."""

    def __init__(self, facts: Facts, keys: tuple[str, ...]) -> None:
        super().__init__(facts)
        self._keys = keys

    def measures(self, weights: WeightSet) -> pd.DataFrame:
        days = super().measures(weights)
        keys = [key for key in self._keys if (days[key] != UNASSIGNED).any()]
        named = (days[keys] != UNASSIGNED).all(axis=1)
        numbers = days.columns.difference(["day", *DIMENSIONS])
        return days.assign(**{name: days[name].where(named, 0.0) for name in numbers})


def _scored(
    facts: RememberedFacts,
    sets: Sequence[WeightSet],
    period: Period | None,
    keys: tuple[str, ...],
    weights: WeightSet | None,
    today: dt.date,
) -> Scores | None:
    """The scores of a period; None where it has no record, or no weights were in effect yet."""
    if period is None:
        return None
    try:
        valid = weights or in_effect(sets, period.last)
    except NotFoundError:
        return None
    if _within(facts.measures(valid), period).empty:
        return None
    return score_facts(facts, sets, Request(period, None, keys, weights), today)


def _total(scores: Scores | None) -> PeriodScores | None:
    return None if scores is None else scores.total[0]


def trailing(period: Period) -> list[Period]:
    """The periods of the trend, the oldest first."""
    periods = [period]
    while len(periods) < TREND_PERIODS and (earlier := previous(periods[-1])) is not None:
        periods.append(earlier)
    return periods[::-1]


def _nothing(period: Period, weights: WeightSet, facts: RememberedFacts, today: dt.date) -> PeriodScores:
    """The scores of a period without a record: what other periods have counts 0 here."""
    days = facts.measures(weights)
    measures = {name: np.zeros(1) for name in days.columns if name != "day" and name not in DIMENSIONS}
    return PeriodScores(period, period.last >= today, weights, pd.DataFrame(index=[0]), (score(measures, 1, weights),))


def _within(frame: pd.DataFrame, period: Period) -> pd.DataFrame:
    first, last = pd.Timestamp(period.first), pd.Timestamp(period.last)
    return frame[(frame["day"] >= first) & (frame["day"] <= last)]


def _counts(facts: RememberedFacts, days: pd.DataFrame, period: Period) -> Counts:
    sums = _sums(days)
    upheld = sums.get("complaints_upheld") if "upheld" in facts.fields("complaints") else None
    families = {
        family: {name.partition(".")[2]: value for name, value in sums.items() if name.startswith(f"{family}.")}
        for family in ("invitations", "responses_set_aside")
    }
    rated = facts.rated_calls()
    if rated is None or (rated := _within(rated, period)).empty:
        nobody = None if rated is None else 0
        return Counts(families["invitations"], families["responses_set_aside"], upheld, nobody)
    levels = [name for name in rated.columns if name.startswith("level_")]
    by_selection = rated.groupby("selection")[levels].sum().sum(axis=1)
    raters = rated.loc[rated["selection"] == "random", "raters"]
    return Counts(
        families["invitations"],
        families["responses_set_aside"],
        upheld,
        len({rater for some in raters for rater in some if rater is not None}),
        {str(name): float(count) for name, count in by_selection.items() if name != "random"},
    )


def _sums(days: pd.DataFrame) -> dict[str, float]:
    numbers = days.drop(columns="day").select_dtypes("number")
    return {str(name): float(value) for name, value in numbers.sum().items()}


def _quality(days: pd.DataFrame, asked: Asked, today: dt.date, outcomes: Sequence[Outcome]) -> DataQuality:
    passed = min(asked.period.last, today - dt.timedelta(days=1))
    number = max((passed - asked.period.first).days + 1, 0)
    sums = _sums(days)
    calls = [name for name in ("contacts_answered", "contacts_abandoned") if name in days.columns]
    with_calls = days.loc[days[calls].sum(axis=1) > 0, "day"] if calls else days["day"][:0]
    seen = int((with_calls <= pd.Timestamp(passed)).groupby(with_calls).any().sum()) if number else 0
    return DataQuality(
        days=number,
        days_without_calls=number - seen if calls else None,
        rows_counted=sum(outcome.loaded for outcome in outcomes) if outcomes else None,
        rows_rejected=sum(outcome.rejected for outcome in outcomes) if outcomes else None,
        unassigned_share=_unassigned(days, asked.keys, calls),
        coverage=_coverage(sums),
    )


def _unassigned(days: pd.DataFrame, keys: tuple[str, ...], calls: list[str]) -> float | None:
    """The share of the contacts that lack a name by one of the keys."""
    if not keys or not calls:
        return None
    contacts = days[calls].sum(axis=1)
    nameless = (days[list(keys)] == UNASSIGNED).any(axis=1)
    return float(contacts[nameless].sum() / contacts.sum()) if contacts.sum() > 0 else None


def _coverage(sums: Mapping[str, float]) -> tuple[Coverage, ...]:
    answered = sums.get("contacts_answered")
    answers = [value for name, value in sums.items() if name.startswith("responses.")]
    counted = {
        "sla": sums.get("answered_timed"),
        "aht": sums.get("handled_contacts"),
        "qa": sums.get("evaluations"),
        "external": sum(answers) if answers else None,
    }
    return (
        *(Coverage(figure, number, answered) for figure, number in counted.items()),
        Coverage("fcr", sums.get("tickets_mature"), sums.get("tickets_closed")),
    )
