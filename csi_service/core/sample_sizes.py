"""How many calls, answers or recordings a statement takes, and what a plan of given sizes buys."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from csi_service.core.intervals import CONFIDENCE, quarter_beta, stratified_share
from csi_service.core.quantiles import gamma_quantile, normal_quantile, t_quantile
from csi_service.core.tables import bounds_of
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

MOST = 10**12  # sizes beyond it are refused: nobody can draw them


def size_for_share(
    share: float,
    half_width: float,
    population: float | None = None,
    design_effect: float = 1.0,
    confidence: float = CONFIDENCE,
) -> int:
    """Return how many answers give a share to +- `half_width`; fewer are needed out of a finite `population`.

    `design_effect` is by how much clustering multiplies the variance (1: none).

    Raises:
        InvalidInputError: a number out of its range, or a size that nobody can draw.

    Source: Cochran, Sampling Techniques, 3rd ed., section 4.4.

    >>> size_for_share(0.9, 0.03)
    385
    """
    _check("share", share, least=0, most=1)
    _check("half_width", half_width, above=0)
    _check("design_effect", design_effect, above=0)
    size = _square(_z(confidence) / half_width) * share * (1 - share) * design_effect
    if population is not None and size > 0:
        _check("population", population, least=1)
        size = size / (1 + (size - 1) / population)
    return _whole(size)


def size_for_complaint_index(
    rate: float, half_width: float, multiplier: float = 25.0, confidence: float = CONFIDENCE
) -> int:
    """Return how many contacts give a C-CSI to +- `half_width` at a complaint rate; at 0, with no complaint seen.

    Raises:
        InvalidInputError: a number out of its range, or a size that nobody can reach.

    Source: the normal approximation of `multiplier` x a share; at rate 0 the quarter-beta limit of no complaint.

    >>> [size_for_complaint_index(0, 0.05), size_for_complaint_index(0.01, 0.05)]
    [785, 9508]
    """
    _check("rate", rate, least=0, most=1)
    _check("half_width", half_width, above=0)
    _check("multiplier", multiplier, least=1)
    if rate == 0:
        return _whole(multiplier * gamma_quantile(1 - (1 - confidence) / 2, 0.75) / (2 * half_width))
    return _whole(_square(_z(confidence) * multiplier / half_width) * rate * (1 - rate))


def size_for_none_seen(highest_share: float, confidence: float = CONFIDENCE) -> int:
    """Return how many cases without a single event show that its share is at most `highest_share`.

    Raises:
        InvalidInputError: a share outside 0..1 (0 itself can't be shown), or a size that nobody can draw.

    Source: the upper quarter-beta limit of 0 events.

    >>> size_for_none_seen(0.05)
    62
    """
    _check("highest_share", highest_share, above=0, most=1)
    zero = np.zeros(1)
    return _smallest(lambda n: bool(quarter_beta(zero, np.array([float(n)]), confidence)[1][0] <= highest_share), 1)


def size_for_change(before: float, after: float, power: float = 0.8, confidence: float = CONFIDENCE) -> int:
    """Return how many cases in each of two groups show with a `power` that their shares differ.

    Raises:
        InvalidInputError: a number out of its range, equal shares, or a size that nobody can draw.

    Source: Fleiss, Statistical Methods for Rates and Proportions, 2nd ed., section 3.2 (without continuity correction).

    >>> size_for_change(0.80, 0.85)
    906
    """
    _check("before", before, least=0, most=1)
    _check("after", after, least=0, most=1)
    if not 0 < power < 1:
        raise InvalidInputError(
            Problem("power", Told("is {power}; give a number between 0 and 1", power=power), power, "range")
        )
    if before == after:
        raise InvalidInputError(Problem("after", "equals before; there is no change to show", after, "infeasible"))
    middle = (before + after) / 2
    apart = _z(confidence) * math.sqrt(2 * middle * (1 - middle))
    apart += normal_quantile(power) * math.sqrt(before * (1 - before) + after * (1 - after))
    return _whole(_square(apart / (before - after)))


def size_for_mean(deviation: float, half_width: float, confidence: float = CONFIDENCE) -> int:
    """Return how many scores of a standard `deviation` give their mean to +- `half_width`; at least 2.

    Raises:
        InvalidInputError: a number out of its range, or a size that nobody can draw.

    Source: Student's t interval, the smallest n with t x deviation / sqrt(n) <= half_width.

    >>> size_for_mean(0.12, 0.05)
    25
    """
    _check("deviation", deviation, least=0)
    _check("half_width", half_width, above=0)
    tail = 1 - (1 - _checked(confidence)) / 2
    return _smallest(lambda n: t_quantile(tail, n - 1) * deviation / math.sqrt(n) <= half_width, 2)


def plan_half_width(
    sizes: Sequence[int], populations: Sequence[float], share: float = 0.5, confidence: float = CONFIDENCE
) -> float:
    """Return the half width of the interval that a plan buys for a share, if every stratum shows that share.

    `sizes` are the calls drawn from each stratum, `populations` the calls that it stands for; strata of size 0 drop
    out. A share of 0.5 is the worst case. NaN for a plan without calls.

    Raises:
        InvalidInputError: negative or infinite numbers, or a share outside 0..1.

    Source: as `intervals.stratified_share`.
    """
    _check("share", share, least=0, most=1)
    n = np.asarray(sizes, np.float64)
    weight = np.asarray(populations, np.float64)
    found = stratified_share(n * share, n, weight, np.zeros(n.size, np.intp), 1, _checked(confidence))
    return float((found.upper[0] - found.lower[0]) / 2)


def _smallest(enough: Callable[[int], bool], first: int) -> int:
    """Return the smallest whole number from `first` on that is enough; more of it stays enough."""
    high = first
    while not enough(high):
        high *= 2
        if high > MOST:
            raise InvalidInputError(
                Problem("", Told("takes more than {most} cases; ask for less", most=MOST), None, "infeasible")
            )
    low = max(first - 1, high // 2) if high > first else first - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _square(number: float) -> float:
    return number * number  # infinite where `**` would raise


def _whole(size: float) -> int:
    if not size <= MOST:
        raise InvalidInputError(
            Problem("", Told("takes more than {most} cases; ask for less", most=MOST), None, "infeasible")
        )
    return max(1, math.ceil(size))


def _z(confidence: float) -> float:
    return normal_quantile(1 - (1 - _checked(confidence)) / 2)


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        text = Told("is {confidence}; give a number between 0 and 1", confidence=confidence)
        raise InvalidInputError(Problem("confidence", text, confidence, "range"))
    return confidence


def _check(
    where: str, value: float, *, least: float = -math.inf, most: float = math.inf, above: float = -math.inf
) -> None:
    if not math.isfinite(value):
        raise InvalidInputError(Problem(where, Told("must be finite, found {value}", value=value), value, "non_finite"))
    if not (least <= value <= most and value > above):
        text = Told("is {value:g}; give a number {accepted}", value=value, accepted=bounds_of(least, most, above))
        raise InvalidInputError(Problem(where, text, value, "negative" if value < 0 <= least else "range"))
