"""Internal index I-CSI: how well the centre met the basic and expected needs, from its own process figures.

The method is this project's own, after a practitioner's article on raising customer satisfaction: service level,
handling time, first contact resolution and recording scores, weighed; at 1 those needs are wholly met.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from csi_service.core.attainment import Rule, attain, read_rule
from csi_service.core.index import aggregate, read_total, shares_of
from csi_service.core.indicator import Array, Calculator, Indicator, Measures, Node, Ratio, leaf, ratio
from csi_service.core.tables import Table
from csi_service.core.told import Told

SHARE_METHODS = ("attainment", "raw", "piecewise")
TIME_METHODS = ("attainment", "piecewise", "band")
# Per KPI: score methods, default target, largest sensible parameter, sensible range of its weight.
KPIS = {
    "sla": (SHARE_METHODS, 0.90, 1.0, (0.20, 0.30)),
    "aht": (TIME_METHODS, 300.0, 86_400.0, (0.05, 0.05)),
    "fcr": (SHARE_METHODS, 1.00, 1.0, (0.05, 0.10)),
    "qa": (SHARE_METHODS, 1.00, 1.0, (0.60, 0.70)),
}
TOGETHER = (("aht", "fcr"), (0.10, 0.15))  # these two weights belong in this range together
SERVICE_LEVEL_METHODS = (
    "offered",
    "exclude_short",
    "credit_short",
    "late_abandons_only",
    "credit_abandons",
    "answered_only",
)
RESOLUTION_METHODS = ("reactivation", "repeat_contact", "flag")
HANDLING_COMPONENTS = ("talk", "hold", "wrap")
QUALITY_METHODS = ("mean_of_scores", "points")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What an operator sets for the internal index; shares are fractions of 1, times are seconds.

    `notes` are by figure what its score says of the parameters it was made with.
    """

    weights: Mapping[str, float]
    rules: Mapping[str, Rule]
    floors: Mapping[str, float]
    service_level_method: str = "offered"
    threshold_seconds: float = 20.0
    short_abandon_seconds: float = 0.0
    handling_components: tuple[str, ...] = HANDLING_COMPONENTS
    resolution_method: str = "reactivation"
    resolution_window_days: float = 7.0
    quality_method: str = "mean_of_scores"
    notes: Mapping[str, Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        """Put the notes together, once for all scores."""
        methods: dict[str, dict[str, Any]] = {
            "sla": {"service_level_method": self.service_level_method, "threshold_seconds": self.threshold_seconds},
            "aht": {"components": self.handling_components},
            "fcr": {"resolution_method": self.resolution_method},
            "qa": {"quality_method": self.quality_method},
        }
        floors = {name: {"floor": floor} for name, floor in self.floors.items()}
        notes = {name: {**self.rules[name].notes(), **methods[name], **floors.get(name, {})} for name in self.weights}
        object.__setattr__(self, "notes", notes)


def read(table: Table) -> Parameters:
    """Read the `[internal]` table of a weights document."""
    total = read_total(table)
    parts: dict[str, float] = {}
    rules, floors = {}, {}
    for name, (methods, target, most, sensible) in KPIS.items():
        if name not in table:
            continue  # a set may name a part of the figures
        kpi = table.table(name)
        parts[name] = kpi.number("parts", least=0)
        low, high = kpi.span("range", (sensible[0] * total, sensible[1] * total))
        if not low - 1e-9 * total <= parts[name] <= high + 1e-9 * total:
            found = {"part": parts[name], "total": total, "low": low, "high": high}
            text = Told("{part:g} of {total:g} lies outside the sensible range {low:g} to {high:g}", **found)
            kpi.warn("parts", text)
        rules[name] = read_rule(kpi, methods, target=target, most=most, lower_is_better=name == "aht")
        if "floor" in kpi:
            floors[name] = kpi.number("floor", least=0, most=most)
        kpi.choice("unit", ("seconds",) if name == "aht" else ("fraction",), "seconds" if name == "aht" else "fraction")
        kpi.text("source", "")
        kpi.close()
    if not parts:
        table.report("", Told("names no figure; accepted are {names}", names=", ".join(KPIS)), None, "weights_keys")
    _check_together(table, parts, total)
    level = table.table("service_level")
    handling, resolution, quality = (
        table.table("handling_time"),
        table.table("first_contact_resolution"),
        table.table("quality"),
    )
    parameters = Parameters(
        weights=shares_of(table, parts, total),
        rules=rules,
        floors=floors,
        service_level_method=level.choice("method", SERVICE_LEVEL_METHODS, "offered"),
        threshold_seconds=level.number("threshold_seconds", 20, least=0, most=86_400),
        short_abandon_seconds=level.number("short_abandon_seconds", 0, least=0, most=86_400),
        handling_components=handling.choices("components", HANDLING_COMPONENTS, HANDLING_COMPONENTS),
        resolution_method=resolution.choice("method", RESOLUTION_METHODS, "reactivation"),
        resolution_window_days=resolution.number("window_days", 7, above=0, most=366),
        quality_method=quality.choice("method", QUALITY_METHODS, "mean_of_scores"),
    )
    for part in (level, handling, resolution, quality, table):
        part.text("source", "")
        part.close()
    return parameters


def _check_together(table: Table, parts: Mapping[str, float], total: float) -> None:
    """Warn of two weights that lie outside their range together."""
    both, (least, most) = TOGETHER
    together = sum(parts.get(name, 0.0) for name in both) / total
    if not least - 1e-9 <= together <= most + 1e-9 and set(both) <= parts.keys():
        span = {"names": " + ".join(both), "together": together, "least": least, "most": most}
        table.warn(
            "", Told("{names} weigh {together:g} together, outside the sensible range {least:g} to {most:g}", **span)
        )


def service_level(m: Measures, p: Parameters) -> Ratio:
    """Return the calls answered in time over the calls counted, by the method chosen; a fraction a group.

    Answered calls whose wait is unknown cannot be judged and are left out on both sides.

    Source: ICMI, "Service Level Calculations", QueueTips March 2005 (the first five methods); Genesys Cloud, "Configure
    the service level calculation" (`exclude_short`).

    >>> day = {"answered_timed": 1000, "contacts_abandoned": 60, "answered_within_threshold": 860}
    >>> float(service_level({k: np.array([v], float) for k, v in day.items()}, UNWEIGHED).value.round(4)[0])
    0.8113
    """
    answered, in_time = m["answered_timed"], m["answered_within_threshold"]
    if p.service_level_method == "answered_only":
        return ratio(in_time, answered, what="sla")
    abandoned = m["contacts_abandoned"]
    if p.service_level_method == "exclude_short":
        return ratio(in_time, answered + abandoned - m["abandoned_short"], what="sla")
    if p.service_level_method == "credit_short":
        return ratio(in_time + m["abandoned_short"], answered + abandoned, what="sla")
    if p.service_level_method == "late_abandons_only":
        return ratio(in_time, answered + abandoned - m["abandoned_within_threshold"], what="sla")
    if p.service_level_method == "credit_abandons":
        return ratio(in_time + m["abandoned_within_threshold"], answered + abandoned, what="sla")
    return ratio(in_time, answered + abandoned, what="sla")


def handling_time(m: Measures, p: Parameters) -> Ratio:
    """Return the mean handling time of the answered calls, seconds a group.

    Source: average handle time = (talk + hold + after-call work) / handled contacts, the field's usual definition.
    """
    return ratio(m["handle_seconds"], m["handled_contacts"], share=False, what="aht")


def first_contact_resolution(m: Measures, p: Parameters) -> Ratio:
    """Return the share of issues resolved at the first contact, by the method chosen; a fraction a group.

    An issue whose window has not passed yet counts, and makes the figure provisional.

    Source: ticket reactivation and repeat contact within a window, and the agent's flag, as the field uses them side by
    side (SQM Group on internal and external measures of first call resolution).
    """
    if p.resolution_method == "flag":
        return ratio(m["resolution_confirmed"], m["resolution_flagged"], what="fcr")
    if p.resolution_method == "reactivation":
        issues, came_back, mature = m["tickets_closed"], m["tickets_reactivated"], m["tickets_mature"]
    else:
        issues, came_back, mature = m["first_contacts"], m["first_contacts_repeated"], m["first_contacts_mature"]
    resolved = ratio(issues - came_back, issues, what="fcr")
    return replace(resolved, beside={"mature_share": mature / np.where(issues > 0, issues, np.nan)})


def quality(m: Measures, p: Parameters) -> Ratio:
    """Return the mean recording score as a fraction of full marks, one a group.

    Source: mean of percentages or of points, the two rules that NICE CXone Quality Management offers.
    """
    if p.quality_method == "points":
        return ratio(m["points_earned"], m["points_possible"], what="qa")
    return ratio(m["evaluation_scores"], m["evaluations"], what="qa")


def index(ratios: Mapping[str, Ratio], p: Parameters, minimum_coverage: float) -> Node:
    """Return I-CSI: the weighted mean of the scores of its figures."""
    children = []
    for name in p.weights:
        evidence, rule = ratios[name], p.rules[name]
        floor = p.floors.get(name)
        below = {} if floor is None else {"below_floor": _outside(evidence.value, floor, rule.lower_is_better)}
        children.append(leaf(name, evidence, attain(evidence.value, rule), below, p.notes[name]))
    return aggregate("internal", children, p.weights, minimum_coverage)


def _outside(value: Array, floor: float, lower_is_better: bool) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return value > floor if lower_is_better else value < floor


UNWEIGHED = Parameters(weights={}, rules={}, floors={})  # how calls are counted where a set has no internal index

CALCULATOR = Calculator(
    name="internal",
    title="I-CSI",
    read=read,
    index=index,
    indicators=(
        Indicator(
            "sla",
            "fraction",
            (
                "answered_within_threshold",
                "answered_timed",
                "contacts_abandoned",
                "abandoned_within_threshold",
                "abandoned_short",
            ),
            service_level,
        ),
        Indicator("aht", "seconds", ("handle_seconds", "handled_contacts"), handling_time, share=False),
        Indicator(
            "fcr",
            "fraction",
            (
                "tickets_closed",
                "tickets_reactivated",
                "tickets_mature",
                "first_contacts",
                "first_contacts_repeated",
                "first_contacts_mature",
                "resolution_confirmed",
                "resolution_flagged",
            ),
            first_contact_resolution,
        ),
        Indicator("qa", "fraction", ("evaluation_scores", "evaluations", "points_earned", "points_possible"), quality),
    ),
)
