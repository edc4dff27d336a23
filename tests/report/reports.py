"""Reports for the tests: from measures of a few groups, without files."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from csi_service.core.composite import score
from csi_service.core.earlier import previous
from csi_service.core.levels import level_shares
from csi_service.core.outlook import outlook
from csi_service.core.periods import Period, parse_period
from csi_service.core.ratings import rating_nodes
from csi_service.core.weights import WeightSet
from csi_service.ingest.outcome import Outcome
from csi_service.report.collect import Asked, report_of
from csi_service.report.monthly import Compared, ReportModel, build_report
from csi_service.report.quality import Counts, DataQuality
from csi_service.scoring import PeriodScores
from tests.make import make_measures, make_weights

TODAY = dt.date(2026, 11, 24)
Changes = Mapping[str, Any]
RARE = (
    "<b>A & B</b>",
    "\"quoted\" 'name'",
    "长" * 40 + "x" * 40,
    "团队 🚀👍🏽",
    "𠮷田𪚥㐂",
    "=1+1",
    "#strong[x] *y* $z$ @a",
    "a\tb\x07",
)


def make_part(
    label: str = "2021-01",
    changes: Changes | None = None,
    teams: Sequence[str] = (),
    *,
    rated: Sequence[float] | None = (5, 10, 25, 35, 25),
    delight: tuple[float, float] | None = (3, 100),
    weights: WeightSet | None = None,
    in_progress: bool = False,
) -> PeriodScores:
    """Return the scores of `tests.make.MONTH` with some measures changed, one row a team (without teams: one row)."""
    used = weights or make_weights()
    count = len(teams) or 1
    measures = make_measures({"handled_contacts": [1000] * count, **(changes or {})})
    roots = [score(measures, count, used)]
    if delight is not None:
        roots.append(outlook(np.full(count, delight[0]), np.full(count, delight[1]), 0.05))
    if rated is not None:
        counts = np.array([rated] * count, dtype=np.float64)
        shares = level_shares(counts, np.full(count, 9000.0), np.arange(count), count)
        roots.append(rating_nodes(shares, ("2021-01-b",)))
    groups = pd.DataFrame({"team": list(teams)}) if teams else pd.DataFrame(index=[0])
    others = {name: values.sum() - values for name, values in measures.items()}
    return PeriodScores(
        parse_period(label), in_progress, used, groups, tuple(roots), score(others, count, used) if teams else None
    )


def make_report(
    total: PeriodScores | None = None,
    before: PeriodScores | None = None,
    groups: PeriodScores | None = None,
    trend: Sequence[PeriodScores | None] = (),
    counts: Counts | None = None,
    quality: DataQuality | None = None,
    **more: Any,
) -> ReportModel:
    """Return a report of the total, compared with the month before; `trend` are the periods before, oldest first."""
    now = total or make_part()
    compared = previous(now.period)
    series: list[tuple[Period, PeriodScores | None]] = [(now.period, now)]
    for part in reversed(trend):
        earlier = previous(series[0][0])
        assert earlier is not None
        series.insert(0, (earlier, part))
    return build_report(
        groups,
        now,
        Compared("previous", compared, None if before is None else before.weights),
        before,
        series,
        counts or Counts({"ivr": 1000, "sms": 1000}, {"ivr": 2, "sms": 0}, 4, 3, {"targeted": 12}),
        quality or DataQuality(31, 0, 2000, 10, 0.0),
        **more,
    )


class FewFacts:
    """Facts of some days, as a store or files would give them."""

    def __init__(self, days: Mapping[tuple[str, str], Changes], **fields: Sequence[str]) -> None:
        rows = [{"day": pd.Timestamp(day), "team": team, **values} for (day, team), values in days.items()]
        self.frame = pd.DataFrame(rows)
        self.frame["day"] = self.frame["day"].astype("datetime64[s]")
        self.batches = pd.DataFrame({"batch": [], "first": [], "last": [], "population": [], "selection": []}).astype(
            {"first": "datetime64[s]", "last": "datetime64[s]"}
        )
        self.asked = 0
        self._fields = fields

    def fields(self, kind: str) -> frozenset[str]:
        return frozenset(self._fields.get(kind, ()))

    def measures(self, weights: WeightSet) -> pd.DataFrame:
        self.asked += 1
        return self.frame

    def rated_calls(self) -> pd.DataFrame | None:
        return None


def report_from(
    facts: FewFacts,
    period: str,
    keys: tuple[str, ...] = (),
    compare: str = "previous",
    outcomes: Sequence[Outcome] = (),
) -> ReportModel:
    return report_of(facts, [make_weights()], Asked(parse_period(period), keys, compare), TODAY, outcomes)
