"""From scored parts to an index: weigh, rescale over the parts that have data, say how much of the weight that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from csi_service.core.indicator import Array, Codes, Node, Reason, filled
from csi_service.core.tables import Table
from csi_service.core.told import Told

SUM_TOLERANCE = 1e-9
_NONE, _NO_DATA, _COVERAGE = (np.int8(reason) for reason in (Reason.NONE, Reason.NO_DATA, Reason.COVERAGE))
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
    effective: Array
    contributions: Array


def weigh(values: Sequence[Array], weights: Sequence[float], minimum_coverage: float) -> Coverage:
    """Return the weighted mean over the values that are there (NaN is missing); the weights sum to 1.

    With every part present the mean is the weighted sum. From `minimum_coverage` of the weight upwards it is the
    weighted sum over the coverage; below there is no value. `effective` is each part's weight after rescaling,
    `contributions` what it adds to the value, one row a part.

    Source: arithmetic aggregation with a data threshold, OECD/JRC Handbook (2008), step 6; the threshold as in COINr.
    """
    stacked = np.array(values)
    shares = np.array(weights)[:, None]
    weighted = stacked * shares
    total = weighted.sum(axis=0)
    if not np.isnan(total).any():  # every part has data in every group: the usual case, without the bookkeeping below
        shape = total.shape
        reasons = np.zeros(shape, dtype=np.int8)
        value = np.minimum(total, 1.0)
        return Coverage(value, filled(shape, np.nan), filled(shape, 1.0), reasons, shares, weighted)
    there = ~np.isnan(stacked)
    complete = (there | (shares == 0)).all(axis=0)
    coverage = np.where(complete, 1.0, (there * shares).sum(axis=0))
    divisor = np.where(coverage > 0, coverage, np.nan)
    mean = np.minimum(np.where(there, weighted, 0.0).sum(axis=0) / divisor, 1.0)  # rounding may pass 1
    enough = coverage >= minimum_coverage - _COVERAGE_TOLERANCE
    value = np.where(enough, mean, np.nan)
    missing = np.where(coverage == 0, _NO_DATA, _COVERAGE)
    effective = np.where(there & enough, shares / divisor, np.nan)
    return Coverage(
        value,
        np.where(enough, np.nan, mean),
        coverage,
        np.where(np.isnan(value), missing, _NONE),
        effective,
        effective * stacked,
    )


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
    raw = scored.value
    if unclamped is not None:
        added = scored.effective * np.array(unclamped)
        raw = np.where(np.isnan(scored.value), np.nan, np.where(np.isnan(added), 0.0, added).sum(axis=0))
    unknown = filled(scored.value.shape, np.nan)
    return Node(
        name=name,
        raw=raw,
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
            child.weighed(filled(unknown.shape, share), contribution)
            for child, share, contribution in zip(children, shares, scored.contributions, strict=True)
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
            Told(
                "the parts add up to {found:g} ({names}); they must add up to the total {total:g}",
                found=found,
                names=names,
                total=total,
            ),
            found,
            "weights_sum",
        )
    return {name: part / total for name, part in parts.items()}
