"""From a measured value to a score in 0..1: the four score methods, their parameters and their formulas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from csi_service.core.indicator import Array
from csi_service.core.tables import Table
from csi_service.core.told import Told


@dataclass(frozen=True, slots=True)
class Rule:
    """How a value becomes a score: the method and its parameters, in the unit of the value (NaN where unused)."""

    method: str
    target: float = math.nan
    worst: float = math.nan
    low: float = math.nan
    high: float = math.nan
    lower_is_better: bool = False

    def notes(self) -> dict[str, object]:
        """Return the method and the parameters that it uses."""
        used = {"target": self.target, "worst": self.worst, "low": self.low, "high": self.high}
        return {"method": self.method, **{key: value for key, value in used.items() if not math.isnan(value)}}


def read_rule(
    table: Table, methods: Sequence[str], *, target: float, most: float, lower_is_better: bool = False
) -> Rule:
    """Read `method` and the parameters that the method uses; values lie above 0 and at most `most`."""
    method = table.choice("method", methods, methods[0])
    if method == "raw":
        return Rule(method)
    if method == "band":
        low, high = table.number("low", above=0, most=most), table.number("high", above=0, most=most)
        if low > high:
            table.report(
                "low",
                Told("is {low:g}, above high {high:g}; low must be at most high", low=low, high=high),
                low,
                "range",
            )
        return Rule(method, low=low, high=high, lower_is_better=lower_is_better)
    aim = table.number("target", target, above=0, most=most)
    if method == "attainment":
        return Rule(method, target=aim, lower_is_better=lower_is_better)
    worst = table.number("worst", least=0, most=most)
    if (worst <= aim) if lower_is_better else (worst >= aim):
        side = Told("above") if lower_is_better else Told("below")
        table.report(
            "worst",
            Told("is {worst:g}; it must lie {side} the target {aim:g}", worst=worst, side=side, aim=aim),
            worst,
            "range",
        )
    return Rule(method, target=aim, worst=worst, lower_is_better=lower_is_better)


def attain(value: Array, rule: Rule) -> Array:
    """Return the score in 0..1 of each value; NaN stays NaN.

    `raw` is the value; `attainment` the value over its target (or the target over the value where lower is better),
    capped at 1; `piecewise` the place between `worst` and `target`, clamped; `band` 1 inside [low, high] and falling
    in proportion outside.

    Source: the goalposts and distance-to-reference normalisations of the OECD/JRC Handbook on Constructing Composite
    Indicators (2008), step 5; none of them depends on other groups.

    >>> attain(np.array([0.85, 0.95]), Rule("attainment", target=0.9)).round(4).tolist()
    [0.9444, 1.0]
    >>> attain(np.array([360.0]), Rule("attainment", target=300, lower_is_better=True)).round(4).tolist()
    [0.8333]
    """
    if rule.method == "raw":
        return value
    if rule.method == "attainment":
        if rule.lower_is_better:
            return rule.target / np.maximum(value, rule.target)
        return np.minimum(value / rule.target, 1.0)
    if rule.method == "piecewise":
        return np.clip((value - rule.worst) / (rule.target - rule.worst), 0.0, 1.0)
    return np.minimum(np.minimum(value / rule.low, rule.high / np.maximum(value, rule.high)), 1.0)
