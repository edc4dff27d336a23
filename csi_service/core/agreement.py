"""Whether raters judge alike: Krippendorff's alpha, pairwise kappa, severity, confusion of levels, items that differ.

Frames of ratings have one row a call and rater: the columns call, rater and level (a whole number from 1 on; rows
without a level do not count).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csi_service.core.indicator import Array
from csi_service.core.intervals import adjust_p
from csi_service.core.levels import LEVELS
from csi_service.core.quantiles import t_two_sided
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

METRICS = ("ordinal", "nominal")
GOOD, TENTATIVE = 0.8, 0.667  # from here on alpha reads as good, as tentative; Krippendorff (2004), chapter 11
SEVERE_P, SEVERE_LEVELS, SEVERE_CALLS = 0.05, 0.25, 20  # adjusted p below, distance from, common calls from
_ALIKE = 1e-12  # deviations up to here are rounding


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha: 1 is perfect agreement, 0 what chance gives; None with its `reason` where there is none.

    `calls` are those rated at least twice, `ratings` their ratings. `reading` is `good`, `tentative` or `poor`: with
    poor agreement levels shall not be published. The reasons are `no_data` (no call rated twice) and `no_variation`
    (always the same level).
    """

    value: float | None
    reason: str | None
    reading: str | None
    calls: int
    ratings: int


def krippendorff_alpha(ratings: pd.DataFrame, metric: str = "ordinal", categories: int = len(LEVELS)) -> Alpha:
    """Return the agreement of any number of raters, of whom not everybody rates every call.

    The levels are 1..`categories`; the metric `nominal` takes any two different levels as equally far apart.

    Raises:
        InvalidInputError: a level that is none, a rater's second rating of a call, or an unknown metric.

    Source: Krippendorff, Content Analysis, 2nd ed. (2004), chapter 11: 1 - observed / expected disagreement.
    """
    if metric not in METRICS:
        raise InvalidInputError(
            Problem(
                "metric",
                Told("is {metric!r}; accepted are {names}", metric=metric, names=", ".join(METRICS)),
                metric,
                "method",
            )
        )
    counts = _counts(_checked(ratings, categories), categories)
    found = _coincidences(counts)
    marginal = found.sum(axis=1)
    total = float(counts.sum())
    distance = _distance(marginal, metric)
    expected = float((np.outer(marginal, marginal) * distance).sum())
    calls, paired = len(counts), int(total)
    if expected == 0:
        return Alpha(None, "no_variation" if paired else "no_data", None, calls, paired)
    value = 1 - (total - 1) * float((found * distance).sum()) / expected
    reading = "good" if value >= GOOD else "tentative" if value >= TENTATIVE else "poor"
    return Alpha(value, None, reading, calls, paired)


def confusion(ratings: pd.DataFrame, categories: int = len(LEVELS)) -> Array:
    """Return how often levels meet on one call, over all pairs of its raters: row by column, symmetric.

    A call rated by m raters counts m: each of its pairs in both orders, with 1 / (m - 1). A row sums to the ratings of
    that level, so row / sum is what the others gave where one rater gave that level. The diagonal is agreement.

    Raises:
        InvalidInputError: as `krippendorff_alpha`.

    Source: the coincidence matrix of Krippendorff (2004), chapter 11.
    """
    return _coincidences(_counts(_checked(ratings, categories), categories))


def weighted_kappa(a: Array, b: Array, categories: int = len(LEVELS)) -> float:
    """Return the quadratic kappa of two raters' levels of the same calls; NaN without variation or without calls.

    A call that one of them did not rate (NaN) leaves.

    Raises:
        InvalidInputError: lists of different lengths, or a level that is none.

    Source: Cohen, Weighted kappa (1968): 1 - mean squared difference / its mean over all pairs of one rating of each.

    >>> weighted_kappa(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))  # 1 - (2 / 3) / (12 / 9)
    0.5
    """
    if a.shape != b.shape:
        text = Told("has {size} levels, the first list {size2}; give one a call in both", size=b.size, size2=a.size)
        raise InvalidInputError(Problem("b", text, b.size, "length"))
    both = ~(np.isnan(a) | np.isnan(b))
    pair = pd.DataFrame({"a": a[both], "b": b[both], "pair": 0})
    _check_levels(pair["a"], categories)
    _check_levels(pair["b"], categories)
    return float(_kappa(pair, "pair").reindex([0])["kappa"].iloc[0])


def pairwise(ratings: pd.DataFrame, categories: int = len(LEVELS)) -> pd.DataFrame:
    """Return the agreement of each two raters who share calls, one row a pair, by name (a before b).

    Columns: a, b, calls, kappa (quadratic, NaN without variation), same_share (equal levels), difference (mean level of
    a less that of b).

    Raises:
        InvalidInputError: as `krippendorff_alpha`.
    """
    frame = _checked(ratings, categories)
    pairs = frame.merge(frame, on="call", suffixes=("_a", "_b"))
    pairs = pairs[pairs["rater_a"] < pairs["rater_b"]]
    found = _kappa(pairs.rename(columns={"level_a": "a", "level_b": "b"}), "rater_a", "rater_b")
    return found.rename_axis(index=["a", "b"]).reset_index()


def severity(ratings: pd.DataFrame) -> pd.DataFrame:
    """Return how much higher or lower than the others each rater judges, one row a rater, by name.

    Columns: rater, severity (mean of own level less the mean of the others' on the same call; negative is strict),
    calls (those that somebody else rated too), p (t test against 0; NaN with fewer than 2 calls), p_adjusted
    (Benjamini-Hochberg over the raters), flagged (adjusted p below 0.05, at least a quarter of a level, at least 20
    calls: talk it over and calibrate again; scores are never corrected by it). Always the same deviation has p 0,
    always none p 1. Levels may be any numbers here, such as scores.

    Raises:
        InvalidInputError: a level that is not finite, or a rater's second rating of a call.

    Source: leave-one-out deviation with Student's t test; Benjamini and Hochberg (1995).
    """
    frame = _checked(ratings)
    grouped = frame.groupby("call", observed=True)["level"]
    others = grouped.transform("size") - 1
    shared = others > 0
    rest = (grouped.transform("sum") - frame["level"]) / others.where(shared, np.nan)
    deviation = (frame["level"] - rest)[shared].groupby(frame["rater"][shared], sort=True, observed=True)
    calls, mean, spread = deviation.size(), deviation.mean(), deviation.std()
    p = _t_test(*(np.asarray(column, np.float64) for column in (mean, spread, calls)))
    adjusted = adjust_p(p, "bh")
    found = pd.DataFrame({"severity": mean, "calls": calls, "p": p, "p_adjusted": adjusted})
    clear = (found["p_adjusted"] < SEVERE_P) & (found["calls"] >= SEVERE_CALLS)
    found["flagged"] = clear & (found["severity"].abs() >= SEVERE_LEVELS)
    return found.rename_axis("rater").reset_index()


def item_differences(answers: pd.DataFrame) -> pd.DataFrame:
    """Return how far raters differ on each item of a form, the item that differs most first.

    `answers` has one row a call, rater and item: the columns call, rater, item and share (earned share of the item's
    points, NaN for "does not apply"). Columns: item, pairs (pairs of raters of one call), differing_share (pairs that
    do not give the same answer; "does not apply" is an answer), na_share (pairs of which one only says that it does not
    apply), mean_difference (mean distance of the shares where both judged, NaN where never).

    Raises:
        InvalidInputError: a rater's second answer to an item of a call.
    """
    _refuse_twice(answers, ("call", "rater", "item"))
    names = list(dict.fromkeys(answers["item"]))
    pairs = answers.merge(answers, on=["call", "item"], suffixes=("_a", "_b"))
    pairs = pairs[pairs["rater_a"] < pairs["rater_b"]]
    distance = (pairs["share_a"] - pairs["share_b"]).abs()
    one_na = pairs["share_a"].isna() ^ pairs["share_b"].isna()
    table = pd.DataFrame(
        {"differing_share": one_na | (distance > _ALIKE), "na_share": one_na, "mean_difference": distance}
    ).astype(np.float64)
    grouped = table.groupby(pairs["item"], sort=False, observed=True)
    found = grouped.mean()
    found.insert(0, "pairs", grouped.size())
    found = found.loc[[name for name in names if name in found.index]].rename_axis("item")
    return found.reset_index().sort_values(
        ["differing_share", "mean_difference"], ascending=False, kind="stable", ignore_index=True
    )


def _checked(ratings: pd.DataFrame, categories: int | None = None) -> pd.DataFrame:
    """Return the rows that have a level, checked."""
    frame = ratings.loc[ratings["level"].notna(), ["call", "rater", "level"]].astype({"level": np.float64})
    _refuse_twice(frame, ("call", "rater"))
    _check_levels(frame["level"], categories)
    return frame


def _check_levels(level: "pd.Series[float]", categories: int | None) -> None:
    wrong = ~np.isfinite(level)
    accepted = Told("give a finite number")
    if categories is not None:
        wrong |= (level < 1) | (level > categories) | (level % 1 != 0)
        accepted = Told("give a whole number from 1 to {categories}", categories=categories)
    if wrong.any():
        found = float(level[wrong].iloc[0])
        raise InvalidInputError(
            Problem("level", Told("is {found:g}; {accepted}", found=found, accepted=accepted), found, "bad_level")
        )


def _refuse_twice(frame: pd.DataFrame, keys: Sequence[str]) -> None:
    twice = frame[frame.duplicated(list(keys))]
    if len(twice):
        names = ", ".join(f"{key} {twice[key].iloc[0]}" for key in keys)
        raise InvalidInputError(
            Problem("", Told("{names} comes twice; give the newest only", names=names), None, "duplicate")
        )


def _counts(frame: pd.DataFrame, categories: int) -> Array:
    """Return how often each level was given, one row a call that has at least two ratings."""
    call, names = pd.factorize(frame["call"])
    table = np.zeros((len(names), categories))
    np.add.at(table, (call, frame["level"].to_numpy(np.intp) - 1), 1)
    return np.asarray(table[table.sum(axis=1) > 1])


def _coincidences(counts: Array) -> Array:
    others = counts / (counts.sum(axis=1, keepdims=True) - 1)
    return np.asarray(counts.T @ others - np.diag(others.sum(axis=0)))


def _distance(marginal: Array, metric: str) -> Array:
    """Return the squared distance of each two levels."""
    if metric == "nominal":
        return 1 - np.eye(marginal.size)
    middle = np.cumsum(marginal) - marginal / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def _kappa(pairs: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """Return calls, kappa, same_share and difference of the columns a and b, one row a group of the key columns."""
    a, b = pairs["a"], pairs["b"]
    table = pd.DataFrame({"a": a, "b": b, "squares": a**2 + b**2, "product": a * b, "same": (a == b) * 1.0})
    grouped = table.groupby([pairs[key] for key in keys], sort=True, observed=True)
    sums, calls = grouped.sum(), grouped.size()
    observed = calls * (sums["squares"] - 2 * sums["product"])
    expected = calls * sums["squares"] - 2 * sums["a"] * sums["b"]
    return pd.DataFrame(
        {
            "calls": calls,
            "kappa": 1 - observed / expected.where(expected > 0, np.nan),
            "same_share": sums["same"] / calls,
            "difference": (sums["a"] - sums["b"]) / calls,
        }
    )


def _t_test(mean: Array, spread: Array, n: Array) -> Array:
    """Return the two-sided p of means against 0; NaN for n below 2."""
    enough = n > 1
    varies = spread > _ALIKE
    t = mean / np.where(varies, spread / np.sqrt(n), 1.0)
    p = t_two_sided(t, np.where(enough, n - 1, 1.0))
    p = np.where(varies, p, np.where(np.abs(mean) > _ALIKE, 0.0, 1.0))
    return np.where(enough, p, np.nan)
