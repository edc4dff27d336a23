"""From scored parts to an index: weigh, rescale over the parts that have data, and say how much of the weight that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from csi_service.core.indicator import Array, Codes, Flags, Node, Reason
from csi_service.core.tables import Table

SUM_TOLERANCE = 1e-9
_COVERAGE_TOLERANCE = 1e-12  # a half made of tenths must still count as a half


@dataclass(frozen=True, slots=True)
class Coverage:
    """The weighted mean of the parts that have data, one entry a group.

    `value` is NaN below the least coverage, where `partial_value` holds the rescaled mean for information.
    """

    value: Array
    partial_value: Array
    coverage: Array
    reason: Codes
    effective: tuple[Array, ...]


def weigh(values: Sequence[Array], weights: Sequence[float], minimum_coverage: float) -> Coverage:
    """Return the weighted mean over the values that are there (NaN is missing); the weights sum to 1.

    With every part present the mean is the weighted sum. From `minimum_coverage` of the weight upwards it is the
    weighted sum over the coverage; below there is no value. `effective` is each part's weight after rescaling.

    Source: arithmetic aggregation with a data threshold, OECD/JRC Handbook (2008), step 6; the threshold as in COINr.
    """
    coverage = np.zeros_like(values[0])
    total = np.zeros_like(values[0])
    complete: Flags = np.ones(values[0].shape, dtype=np.bool_)
    present = []
    for value, weight in zip(values, weights, strict=True):
        there = ~np.isnan(value)
        present.append(there)
        complete &= there
        coverage += np.where(there, weight, 0.0)
        total += np.where(there, weight * value, 0.0)
    coverage = np.where(complete, 1.0, coverage)
    divisor = np.where(coverage > 0, coverage, np.nan)
    mean = np.minimum(np.where(complete, total, total / divisor), 1.0)  # rounding may pass 1
    enough = coverage >= minimum_coverage - _COVERAGE_TOLERANCE
    value = np.where(enough, mean, np.nan)
    nothing = coverage == 0
    reason = np.where(
        ~np.isnan(value), np.int8(Reason.NONE), np.where(nothing, np.int8(Reason.NO_DATA), np.int8(Reason.COVERAGE))
    ).astype(np.int8, copy=False)
    effective = tuple(
        np.where(there & enough, weight / divisor, np.nan) for there, weight in zip(present, weights, strict=True)
    )
    return Coverage(value, np.where(enough, np.nan, mean), coverage, reason, effective)


def aggregate(
    name: str,
    children: Sequence[Node],
    weights: Mapping[str, float],
    minimum_coverage: float,
    unclamped: Sequence[Array] | None = None,
) -> Node:
    """Return the index of its children, weighed by `weights` (child name -> share, sum 1).

    The children come back with their weight and their contribution; contributions sum to the value. `unclamped` are
    the children's scores before clamping, from which `raw` is made; their values where it is None.
    """
    shares = [weights[child.name] for child in children]
    scored = weigh([child.value for child in children], shares, minimum_coverage)
    raw = np.zeros_like(scored.value)
    for score, effective in zip(unclamped or [child.value for child in children], scored.effective, strict=True):
        raw += np.where(np.isnan(effective), 0.0, effective * score)
    unknown = np.full(scored.value.shape, np.nan)
    return Node(
        name=name,
        raw=np.where(np.isnan(scored.value), np.nan, raw),
        value=scored.value,
        reason=scored.reason,
        numerator=unknown,
        denominator=unknown,
        coverage=scored.coverage,
        partial_value=scored.partial_value,
        weight=unknown,
        contribution=unknown,
        n=unknown,
        children=tuple(
            replace(child, weight=np.full(unknown.shape, share), contribution=effective * child.value)
            for child, share, effective in zip(children, shares, scored.effective, strict=True)
        ),
    )


def read_total(table: Table) -> float:
    """Read the stated sum of the parts of a weights table: a number above 0, 1 where it is not stated."""
    return table.number("total", 1.0, above=0)


def shares_of(table: Table, parts: Mapping[str, float], total: float) -> dict[str, float]:
    """Return each part as a share of the stated total; reports parts that do not add up to it."""
    found = sum(parts.values())
    if abs(found - total) > SUM_TOLERANCE * total:
        names = " + ".join(f"{name} {part:g}" for name, part in parts.items())
        table.report(
            "",
            f"the parts add up to {found:g} ({names}); they must add up to the total {total:g}",
            found,
            "weights_sum",
        )
    return {name: part / total for name, part in parts.items()}
