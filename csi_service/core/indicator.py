"""The parts a calculator is made of: evidence as a ratio, the indicator, the calculator, and the scored node."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csi_service.core.tables import Table
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Measures = Mapping[str, Array]

SHARE_TOLERANCE = 1e-9  # relative; sums of fractions may pass their count by rounding alone


class Reason(enum.IntEnum):
    """Why a figure is missing; NONE where it is there."""

    NONE = 0
    NOT_GIVEN = 1  # the data do not hold what the figure needs
    NO_DATA = 2  # the denominator is 0
    COVERAGE = 3  # too little of the weight has data

    @property
    def word(self) -> str | None:
        """The reason as it stands in answers and files; None for NONE."""
        return None if self is Reason.NONE else self.name.lower()


REASON_WORDS = tuple(reason.word for reason in Reason)
_NONE, _NOT_GIVEN, _NO_DATA = (np.int8(reason) for reason in (Reason.NONE, Reason.NOT_GIVEN, Reason.NO_DATA))


@dataclass(slots=True, eq=False)  # frozen would cost a third of a single calculation
class Ratio:
    """Evidence of one figure: numerator, denominator and their quotient, one entry a group; NaN is unknown.

    A bare value has no numerator and no denominator, and says so in `evidence`. `beside` are further views of the same
    cases; one named `mature_share` tells how much of the denominator can no longer change.
    """

    numerator: Array
    denominator: Array
    value: Array
    reason: Codes
    evidence: str = "counts"
    beside: Mapping[str, Array] = field(default_factory=dict)


def ratio(numerator: Array, denominator: Array, *, share: bool | Flags = True, what: str = "") -> Ratio:
    """Return the evidence numerator / denominator, one entry a group.

    A NaN on either side is `not_given`, a denominator of 0 is `no_data`; neither is an error. With `share` (for all
    groups, or one entry a group) the numerator counts a part of the denominator.

    Raises:
        InvalidInputError: negative or infinite counts, or a share whose numerator exceeds its denominator.

    >>> ratio(np.array([3.0, 0.0]), np.array([4.0, 0.0])).value.tolist()
    [0.75, nan]
    """
    unknown = np.isnan(numerator) | np.isnan(denominator)
    faults = (np.fmin(numerator, denominator) < 0) | np.isinf(numerator) | np.isinf(denominator)
    limit = np.where(share, denominator * (1 + SHARE_TOLERANCE), np.inf)
    if (faults | (numerator > limit)).any():
        raise InvalidInputError(_count_problem(numerator, denominator, limit, what))
    empty = denominator == 0
    value = np.minimum(numerator / np.where(empty, np.nan, denominator), np.where(share, 1.0, np.inf))
    return Ratio(numerator, denominator, value, np.where(unknown, _NOT_GIVEN, np.where(empty, _NO_DATA, _NONE)))


def _count_problem(numerator: Array, denominator: Array, limit: Array, what: str) -> Problem:
    if ((numerator < 0) | (denominator < 0)).any():
        return Problem(what, "numerator and denominator must not be negative", code="negative")
    if np.isinf(numerator).any() or np.isinf(denominator).any():
        return Problem(what, "numerator and denominator must be finite", code="non_finite")
    at = int(np.argmax(numerator > limit))
    text = Told(
        "numerator {numerator:g} exceeds denominator {denominator:g}; it must count a part of it",
        numerator=numerator[at],
        denominator=denominator[at],
    )
    return Problem(what, text, float(numerator[at]), "count_exceeds_n")


def filled(shape: tuple[int, ...], number: float) -> Array:
    """Return an array of one number; for a single group in a third of the time of `np.full`."""
    array = np.empty(shape)
    array.fill(number)
    return array


def given(value: Array) -> Ratio:
    """Return evidence that is a bare value, one entry a group; NaN is `not_given`."""
    unknown = filled(value.shape, np.nan)
    return Ratio(unknown, unknown, value, np.where(np.isnan(value), _NOT_GIVEN, _NONE), "value")


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure of a calculator: its key, its unit, the measures it reads and its formula.

    `share` tells that the numerator is a part of the denominator (so the value lies in 0..1).
    """

    name: str
    unit: str
    needs: tuple[str, ...]
    formula: Callable[[Measures, Any], Ratio]
    share: bool = True


@dataclass(slots=True, eq=False)  # as Ratio
class Node:
    """One scored figure for all groups, with its parts.

    All arrays have one entry a group. `raw` is the figure as measured (for an index: before clamping), `value` the
    score in 0..1, `weight` the declared share of the parent, `contribution` what the value adds to the parent (the
    contributions of a node's children sum to its value), `n` how many cases it rests on, `coverage` the share of weight
    that has data, `partial_value` the rescaled figure where coverage is too small for a value. `flags` are named
    booleans a group, `beside` further figures that do not enter the value, `notes` the parameters that applied to all
    groups.
    """

    name: str
    raw: Array
    value: Array
    reason: Codes
    numerator: Array
    denominator: Array
    coverage: Array
    partial_value: Array
    weight: Array
    contribution: Array
    n: Array
    evidence: str = "counts"
    flags: Mapping[str, Flags] = field(default_factory=dict)
    beside: Mapping[str, Array] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    children: tuple[Node, ...] = ()

    @property
    def partial(self) -> Flags:
        """True where the value is there although a part of the weight has no data."""
        partial: Flags = ~np.isnan(self.value) & (self.coverage < 1)
        return partial

    def part(self, groups: slice) -> Node:
        """Return the node of some of the groups alone."""
        return Node(
            self.name,
            self.raw[groups],
            self.value[groups],
            self.reason[groups],
            self.numerator[groups],
            self.denominator[groups],
            self.coverage[groups],
            self.partial_value[groups],
            self.weight[groups],
            self.contribution[groups],
            self.n[groups],
            self.evidence,
            {name: flags[groups] for name, flags in self.flags.items()},
            {name: values[groups] for name, values in self.beside.items()},
            self.notes,
            tuple(child.part(groups) for child in self.children),
        )

    def weighed(self, weight: Array, contribution: Array) -> Node:
        """Return the node as a part of another one: with its weight there and what it adds."""
        return Node(
            self.name,
            self.raw,
            self.value,
            self.reason,
            self.numerator,
            self.denominator,
            self.coverage,
            self.partial_value,
            weight,
            contribution,
            self.n,
            self.evidence,
            self.flags,
            self.beside,
            self.notes,
            self.children,
        )


def leaf(
    name: str,
    ratio: Ratio,
    value: Array,
    flags: Mapping[str, Flags] | None = None,
    notes: Mapping[str, Any] | None = None,
    raw: Array | None = None,
    children: tuple[Node, ...] = (),
) -> Node:
    """Return a node made from its evidence and its score; its parts come weighed already."""
    nothing = filled(value.shape, np.nan)
    if "mature_share" in ratio.beside:
        flags = {**(flags or {}), "provisional": ratio.beside["mature_share"] < 1}
    return Node(
        name=name,
        raw=ratio.value if raw is None else raw,
        value=value,
        reason=ratio.reason,
        numerator=ratio.numerator,
        denominator=ratio.denominator,
        coverage=np.where(np.isnan(value), 0.0, 1.0),
        partial_value=nothing,
        weight=nothing,
        contribution=nothing,
        n=ratio.denominator,
        evidence=ratio.evidence,
        flags=flags or {},
        beside=ratio.beside,
        notes=notes or {},
        children=children,
    )


@dataclass(frozen=True, slots=True)
class Calculator:
    """A component index: how its weights table is read, what it measures, how it is scored.

    `read` turns the component's weights table into its parameters. `indicators` are the figures with names of their
    own; `per_channel`, where set, is measured once for each survey channel in the data. `index` turns the evidence of
    the figures (by name), the parameters and the least coverage into the scored node.
    """

    name: str
    title: str
    read: Callable[[Table], Any]
    index: Callable[[Mapping[str, Ratio], Any, float], Node]
    indicators: tuple[Indicator, ...] = ()
    per_channel: Indicator | None = None

    def evidence(self, measures: Measures, parameters: Any) -> dict[str, Ratio]:
        """Return the evidence of each figure from measures; one entry a group."""
        if self.per_channel is None:
            return {indicator.name: indicator.formula(measures, parameters) for indicator in self.indicators}
        family = self.per_channel.needs[0]
        channels = sorted(name.partition(".")[2] for name in measures if name.startswith(f"{family}."))
        return {
            channel: self.per_channel.formula(
                {
                    need: measures[f"{need}.{channel}"]
                    for need in self.per_channel.needs
                    if f"{need}.{channel}" in measures
                },
                parameters,
            )
            for channel in channels
        }
