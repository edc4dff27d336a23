"""Intervals of shares, one entry a group, and p values adjusted for having asked many questions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csi_service.core.indicator import Array, ratio
from csi_service.core.quantiles import beta_quantile
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

CONFIDENCE = 0.95
ADJUSTMENTS = ("holm", "bh")


def quarter_beta(x: Array, n: Array, confidence: float = CONFIDENCE) -> tuple[Array, Array]:
    """Return the lower and upper limits of the shares x / n; NaN where x or n is unknown or n is 0.

    Quantiles of beta(x + 1/4, n - x + 3/4) and beta(x + 3/4, n - x + 1/4), half-way between Jeffreys (1/2) and
    Clopper-Pearson (0 and 1); 0 is the lower limit of x = 0 and 1 the upper one of x = n. Fractions of cases
    are allowed.

    Raises:
        InvalidInputError: negative or infinite counts, or x above n.

    Source: this project's own choice of prior by enumerating the coverage, after Brown, Cai and DasGupta, Interval
    estimation for a binomial proportion (2001).

    >>> lower, upper = quarter_beta(np.array([0.0]), np.array([62.0]))
    >>> [float(lower[0]), bool(upper[0] <= 0.05)]  # none seen among 62: at most 5 %
    [0.0, True]
    """
    share = ratio(x, n).value
    tail = (1 - confidence) / 2
    known = ~np.isnan(share)
    yes = np.where(known, np.minimum(x, n), 0.0)
    no = np.where(known, n, 1.0) - yes
    lower = np.where(yes > 0, beta_quantile(tail, yes + 0.25, no + 0.75), 0.0)
    upper = np.where(no > 0, beta_quantile(1 - tail, yes + 0.75, no + 0.25), 1.0)
    return np.where(known, lower, np.nan), np.where(known, upper, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class StratifiedShare:
    """Shares with their limits, one entry a group; NaN where no cell has answers.

    `effective_n` is the size of the simple random sample that would tell as much, 0 without answers.
    """

    value: Array
    lower: Array
    upper: Array
    effective_n: Array


def stratified_share(
    x: Array, n: Array, weight: Array, group: NDArray[np.intp], groups: int, confidence: float = CONFIDENCE
) -> StratifiedShare:
    """Return the share of each group over its cells (batches, strata, channels).

    `x` of `n` answers a cell, `weight` what each cell stands for (its population, its sample, or any other number),
    `group` the group of each cell, 0..groups-1. The share is the sum of weight x share / the sum of weight, over the
    cells that have answers. For its variance each cell is shrunk by three more answers: half yes, half no, two at the
    group's share; from it follows an effective size and the quarter-beta limits. Populations are taken as large beside
    the samples, so the limits are on the safe side where they are not.

    Raises:
        InvalidInputError: counts that `quarter_beta` refuses; weights that are unknown, negative or sum to 0.

    Source: sum W_h p_h (Cochran, Sampling Techniques, 3rd ed., section 5.3); limits by effective size after Korn and
    Graubard, Confidence intervals for proportions with small expected number of positive counts (1998).
    """
    share = np.where(n > 0, ratio(x, n).value, 0.0)
    has = n > 0
    used = np.where(has, weight, 0.0)
    if not np.isfinite(used).all() or (used < 0).any():
        raise InvalidInputError(Problem("weight", "must be a number that is not negative", code="negative"))
    total = np.bincount(group, used, groups)
    if ((total == 0) & (np.bincount(group, has, groups) > 0)).any():
        raise InvalidInputError(Problem("weight", "sums to 0 over the cells that have answers", 0, "weights_sum"))
    part = used / np.where(total > 0, total, 1.0)[group]
    counted, asked = part > 0, np.where(has, n, 1.0)
    value = np.minimum(np.bincount(group, part * share, groups), 1.0)
    some_no = np.bincount(group, counted & (x < n), groups) > 0
    some_yes = np.bincount(group, counted & (x > 0), groups) > 0
    value = np.where(some_no, value, 1.0)
    shrunk = (np.where(has, x, 0.0) + 0.5 + 2 * value[group]) / (asked + 3)
    variance = np.bincount(group, part**2 * shrunk * (1 - shrunk) / asked, groups)
    kish = 1 / np.where(total > 0, np.bincount(group, part**2 / asked, groups), np.inf)
    plain = ~some_no | ~some_yes | (np.bincount(group, counted, groups) == 1)
    effective = np.where(plain, kish, value * (1 - value) / np.where(variance > 0, variance, np.inf))
    value = np.where(total > 0, value, np.nan)
    lower, upper = quarter_beta(value * effective, effective, confidence)
    return StratifiedShare(value, lower, upper, effective)


def adjust_p(p: Array, method: str) -> Array:
    """Return p values adjusted for their number; NaN stays NaN and does not count.

    `bh` keeps the share of false alarms among the alarms small (for dashboards), `holm` the chance of any false alarm
    (for claims about named teams).

    Raises:
        InvalidInputError: a p value outside 0..1, or a method that is neither.

    Source: Benjamini and Hochberg (1995), step-up; Holm (1979), step-down.

    >>> adjust_p(np.array([0.01, 0.5, 0.02]), "holm").tolist()
    [0.03, 0.5, 0.04]
    >>> adjust_p(np.array([0.01, 0.5, 0.02]), "bh").tolist()
    [0.03, 0.5, 0.03]
    """
    if method not in ADJUSTMENTS:
        raise InvalidInputError(
            Problem("method", Told("is {method!r}; accepted are holm and bh", method=method), method, "method")
        )
    if ((p < 0) | (p > 1)).any():
        raise InvalidInputError(Problem("p", "must lie between 0 and 1", code="range"))
    adjusted = p.copy()
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    count = order.size
    if method == "holm":
        steps = np.maximum.accumulate(p[order] * np.arange(count, 0, -1))
    else:
        steps = np.minimum.accumulate((p[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
