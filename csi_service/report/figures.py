"""One figure of a report: a node of the score tree in one group, beside the same node of the compared period."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from csi_service.core.calculators import CALCULATORS
from csi_service.core.composite import missing, reason, walk
from csi_service.core.indicator import Node
from csi_service.report.evidence import LEAST_CASES, THIN, Limits, chance_of, limits
from csi_service.schema.scores import number
from csi_service.scoring import PeriodScores

_UNITS = {figure.name: figure.unit for calculator in CALCULATORS for figure in calculator.indicators}
CHANCE = 0.05  # a difference that chance makes less often is told


@dataclass(frozen=True, slots=True)
class Figure:
    """A score with its evidence; None stands for what is missing.

    `value` is the score in 0..1, `raw` the figure as measured in its `unit`, `weight` the share of the parent,
    `overall` the share of the whole index, `adds` what it adds to the parent. `before` and `raw_before` are those of
    the compared period. `half_width` is half the distance between the 95 % limits of the score, `chance` how likely a
    difference as large as the one to the compared period is by chance alone.
    """

    key: str
    name: str
    unit: str
    value: float | None
    raw: float | None
    before: float | None
    raw_before: float | None
    weight: float | None
    overall: float
    adds: float | None
    numerator: float | None
    denominator: float | None
    numerator_before: float | None
    denominator_before: float | None
    n: float | None
    n_before: float | None
    coverage: float
    partial_value: float | None
    reason: str | None
    missing: tuple[str, ...]
    missing_before: tuple[str, ...]
    flags: tuple[str, ...]
    parameters: Mapping[str, Any]
    half_width: float | None
    chance: float | None

    @property
    def change(self) -> float | None:
        """The score less the score of the compared period."""
        return None if self.value is None or self.before is None else self.value - self.before

    @property
    def partial(self) -> bool:
        """Whether the score is there although a part of its weight has no data."""
        return self.value is not None and self.coverage < 1

    @property
    def comparable(self) -> bool:
        """Whether both periods' scores were made from the same parts."""
        return self.missing == self.missing_before

    @property
    def alike(self) -> bool:
        """Whether a difference needs no star: there is none, or both scores were made from the same parts."""
        return self.comparable or self.change is None

    @property
    def effect(self) -> float | None:
        """What the change of the score is worth in the whole index."""
        return None if self.change is None else self.change * self.overall

    @property
    def told(self) -> bool:
        """Whether the change lies beyond chance, or nobody can tell; never on a few cases."""
        few = any(cases is not None and cases < LEAST_CASES for cases in (self.n, self.n_before))
        return self.change is not None and not few and (self.chance is None or self.chance < CHANCE)

    @property
    def too_thin(self) -> bool:
        """Whether the score rests on too few cases to be relied on."""
        return self.half_width is not None and self.half_width > THIN


def figures_of(part: PeriodScores, before: PeriodScores | None) -> dict[str, Figure]:
    """Return the figures of the index by dotted key, parents first; both periods have one row."""
    earlier = {} if before is None else dict(walk(before.roots[0]))
    now, then = limits(part.roots[0]), {} if before is None else limits(before.roots[0])
    figures: dict[str, Figure] = {}
    for key, node in walk(part.roots[0]):
        parent = figures.get(key.rpartition(".")[0])
        weight = number(node.weight, 0)
        overall = 1.0 if parent is None else parent.overall * (weight or 0.0)
        figures[key] = _figure(key, node, earlier.get(key), weight, overall, now[key], then.get(key))
    return figures


def _figure(
    key: str, node: Node, before: Node | None, weight: float | None, overall: float, found: Limits, then: Limits | None
) -> Figure:
    chance = np.full(1, np.nan) if then is None else chance_of(then, found)
    return Figure(
        key=key,
        name=node.name,
        unit=_UNITS.get(node.name, "fraction"),
        value=number(node.value, 0),
        raw=number(node.raw, 0),
        before=None if before is None else number(before.value, 0),
        raw_before=None if before is None else number(before.raw, 0),
        weight=weight,
        overall=overall,
        adds=number(node.contribution, 0),
        numerator=number(node.numerator, 0),
        denominator=number(node.denominator, 0),
        numerator_before=None if before is None else number(before.numerator, 0),
        denominator_before=None if before is None else number(before.denominator, 0),
        n=number(node.n, 0),
        n_before=None if before is None else number(before.n, 0),
        coverage=float(node.coverage[0]),
        partial_value=number(node.partial_value, 0),
        reason=reason(node, 0),
        missing=_missing(node),
        missing_before=() if before is None else _missing(before),
        flags=tuple(flag for flag, up in node.flags.items() if up[0]),
        parameters=dict(node.notes),
        half_width=number(found.half_width, 0),
        chance=number(chance, 0),
    )


def _missing(node: Node) -> tuple[str, ...]:
    """The parts without a figure; channels whose answers count one by one are no parts that could be missed."""
    return () if node.notes.get("pooling") == "responses" else tuple(missing(node, 0))
