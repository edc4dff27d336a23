"""The five rating levels: their names, their shares over sample batches, and percentages that add up to 100."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csi_service.core.groups import parts_of
from csi_service.core.indicator import Array
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

LEVELS = ("very_dissatisfied", "dissatisfied", "neutral", "satisfied", "very_satisfied")
CHINESE = ("非常不满意", "不满意", "一般", "基本满意", "非常满意")
LEVEL_NAMES = ", ".join(
    " ".join(names) for names in zip("12345", LEVELS, CHINESE, strict=True)
)  # as messages list them
WEIGHTINGS = ("population", "sample", "explicit")


def parse_level(rating: object) -> int:
    """Return the level 1..5 of a rating given as a number or as the level's name in English or Chinese.

    Raises:
        InvalidInputError: anything else; the message lists the names.

    >>> [parse_level(5), parse_level("4"), parse_level("neutral"), parse_level("非常不满意")]
    [5, 4, 3, 1]
    """
    if isinstance(rating, int) and not isinstance(rating, bool) and 1 <= rating <= len(LEVELS):
        return rating
    if isinstance(rating, str):
        word = rating.strip().lower().replace(" ", "_")
        if word in ("1", "2", "3", "4", "5"):
            return int(word)
        for words in (LEVELS, CHINESE):
            if word in words:
                return words.index(word) + 1
    text = Told("{rating!r} is not a rating; accepted are {names}", rating=rating, names=LEVEL_NAMES)
    raise InvalidInputError(Problem("", text, rating, "bad_level"))


@dataclass(frozen=True, slots=True)
class LevelShares:
    """Level shares of some groups; each array has one row a group.

    `shares` has five columns that sum to 1 (NaN without ratings), `satisfied` is the share of the satisfied levels,
    `mean` the mean level 1..5, `ratings` the number of rated calls, `batches` the batches that have
    ratings. `fallback` tells that a batch lacked its population, so that every batch weighs its sample.
    """

    shares: Array
    satisfied: Array
    mean: Array
    ratings: Array
    batches: Array
    weighting: str
    fallback: bool


def level_shares(
    counts: Array,
    weight: Array,
    group: NDArray[np.intp],
    groups: int,
    weighting: str = "population",
    satisfied_from: int = 4,
) -> LevelShares:
    """Return the level shares of each group over its batches.

    `counts` has one row a batch and five columns (rated calls a level, fractions allowed), `weight` what each batch
    stands for (its population, or an explicit weight; NaN unknown), `group` the group of each batch, 0..groups-1.
    Share of a level = sum of weight x share within the batch / sum of weight, over the batches that have ratings. With
    weighting `sample`, and where any weight is unknown, a batch weighs its number of ratings: the pooled share.

    Raises:
        InvalidInputError: counts that are negative or not finite, weights that are negative or sum to 0.

    Source: the stratified estimate of a share, sum W_h p_h (Cochran, Sampling Techniques, 3rd ed., section 5.3).
    """
    (found,) = level_shares_apart(counts, weight, group, (groups,), weighting, satisfied_from)
    return found


def level_shares_apart(
    counts: Array,
    weight: Array,
    group: NDArray[np.intp],
    sizes: Sequence[int],
    weighting: str = "population",
    satisfied_from: int = 4,
) -> list[LevelShares]:
    """Return what `level_shares` does for several roll-ups at once.

    `sizes` are their numbers of groups; `group` counts through all of them. An unknown weight takes its own roll-up
    alone to the sample.
    """
    if counts.size and not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise InvalidInputError(Problem("counts", "must be finite and not negative", code="levels"))
    groups = sum(sizes)
    rated = counts.sum(axis=1)
    has = rated > 0
    rollup = np.repeat(np.arange(len(sizes)), sizes)[group]
    unknown = np.bincount(rollup, has & np.isnan(weight), len(sizes)) > 0
    fallback = unknown & (weighting != "sample")
    used = rated if weighting == "sample" else np.where(fallback[rollup], rated, np.where(has, weight, 0.0))
    if not (used >= 0).all():
        raise InvalidInputError(Problem("population", "must not be negative", code="negative"))
    if not np.isfinite(used).all():
        raise InvalidInputError(Problem("population", "must be finite", code="non_finite"))
    within = counts / np.where(has, rated, 1.0)[:, None]
    total = np.bincount(group, used, groups)
    ratings = np.bincount(group, rated, groups).astype(np.float64)
    if ((total == 0) & (ratings > 0)).any():
        raise InvalidInputError(Problem("population", "sums to 0 over the batches that have ratings", 0, "weights_sum"))
    divisor = np.where(total > 0, total, np.nan)
    shares = np.stack(
        [np.bincount(group, used * within[:, level], groups) / divisor for level in range(len(LEVELS))], axis=1
    )
    satisfied = shares[:, satisfied_from - 1 :].sum(axis=1)
    mean = shares @ np.arange(1.0, len(LEVELS) + 1)
    batches = np.bincount(group, has, groups).astype(np.float64)
    return [
        LevelShares(
            shares=shares[part],
            satisfied=satisfied[part],
            mean=mean[part],
            ratings=ratings[part],
            batches=batches[part],
            weighting="sample" if fell_back else weighting,
            fallback=fell_back,
        )
        for fell_back, part in zip(fallback.tolist(), parts_of(sizes), strict=True)
    ]


def whole_percents(shares: Sequence[float], digits: int = 0) -> list[float]:
    """Return the shares as percentages of `digits` decimals that add up to exactly 100 (for showing, not for counting).

    Each is cut, and what is left to 100 goes to the largest remainders, the first on a tie.

    Source: the largest remainder method (Hare-Niemeyer).

    >>> whole_percents([1 / 3, 1 / 3, 1 / 3])
    [34.0, 33.0, 33.0]
    """
    scale = 10**digits
    exact = [share * 100 * scale for share in shares]
    cut = [int(value + 1e-9) for value in exact]
    left = round(sum(exact)) - sum(cut)
    for index in sorted(range(len(exact)), key=lambda index: cut[index] - exact[index])[:left]:
        cut[index] += 1
    return [value / scale for value in cut]
