"""Which calls are listened to, and by whom: sizes of strata, a random draw, a worklist shared out among raters."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from csi_service.core.indicator import Array
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem


def allocate(
    total: int, populations: Sequence[int], deviations: Sequence[float] | None = None, least: int = 2
) -> list[int]:
    """Return how many calls to draw from each stratum, `total` in all: the whole numbers with the smallest variance.

    `populations` are the calls of each stratum, `deviations` the standard deviations of their scores (equal ones where
    None, which shares out in proportion). Each stratum gets at least `least`, or all its calls where it has fewer; 2 is
    what a variance takes, 25 a statement about one agent. Ties go to the earlier stratum.

    Raises:
        InvalidInputError: numbers out of their range, lists of different lengths, a total below what the strata get at
            least or above their calls.

    Source: Wright, The equivalence of Neyman optimum allocation for sampling and equal proportions for apportioning the
    U.S. House of Representatives (2012).

    >>> allocate(10, [100, 300])
    [3, 7]
    """
    spreads = np.ones(len(populations)) if deviations is None else np.asarray(deviations, np.float64)
    _check_strata(total, populations, spreads, least)
    sizes = np.minimum(np.asarray(populations, np.int64), least)
    weight = (np.asarray(populations, np.float64) * (spreads if spreads.any() else 1.0)) ** 2
    gain = np.where(
        sizes < populations, weight / np.maximum(sizes * (sizes + 1), 1), -1.0
    )  # how much the next call helps
    for _ in range(total - int(sizes.sum())):
        stratum = int(gain.argmax())
        sizes[stratum] += 1
        size = int(sizes[stratum])
        gain[stratum] = weight[stratum] / (size * (size + 1)) if size < populations[stratum] else -1.0
    return [int(size) for size in sizes]


def _check_strata(total: int, populations: Sequence[int], spreads: Array, least: int) -> None:
    problems = []
    if least < 1:
        problems.append(
            Problem("least", Told("is {least}; each stratum needs at least 1", least=least), least, "range")
        )
    if spreads.size != len(populations):
        text = Told("has {size} entries for {count} strata; give one each", size=spreads.size, count=len(populations))
        problems.append(Problem("deviations", text, None, "length"))
    for place, population in enumerate(populations):
        if not 0 <= population:
            problems.append(
                Problem(
                    f"populations[{place}]",
                    Told("is {population}; give 0 or more", population=population),
                    population,
                    "negative",
                )
            )
    if not (np.isfinite(spreads) & (spreads >= 0)).all():
        problems.append(Problem("deviations", "must be finite and not negative", None, "range"))
    if not problems:
        low, high = sum(min(population, least) for population in populations), sum(populations)
        if not low <= total <= high:
            text = Told(
                "is {total}; with at least {least} a stratum it lies between {low} and the {high} calls there are",
                total=total,
                least=least,
                low=low,
                high=high,
            )
            problems.append(Problem("total", text, total, "infeasible"))
    if problems:
        raise InvalidInputError(*problems)


def draw(ids: Mapping[str, Collection[str]], sizes: Mapping[str, int], seed: int) -> dict[str, list[str]]:
    """Return the drawn ids of each stratum, in random order: simple random samples without replacement.

    `ids` are the ids of each stratum, `sizes` how many to draw (none where it is not named). The same ids, sizes and
    seed give the same draw, in whatever order they come; a larger size goes on from the smaller one.

    Raises:
        InvalidInputError: one `Problem` for each stratum that is unknown, smaller than its size, or repeats an id.
    """
    problems = _draw_problems({stratum: len(listed) for stratum, listed in ids.items()}, sizes, seed)
    for stratum, listed in ids.items():
        if repeated := len(listed) - len(set(listed)):
            text = Told("names {repeated} calls more than once; each call is in its stratum once", repeated=repeated)
            problems.append(Problem(f"ids.{stratum}", text, repeated, "duplicate"))
    if problems:
        raise InvalidInputError(*problems)
    ordered = {stratum: sorted(listed) for stratum, listed in ids.items()}
    places = draw_places({stratum: len(listed) for stratum, listed in ordered.items()}, sizes, seed)
    return {stratum: [ordered[stratum][place] for place in drawn] for stratum, drawn in places.items()}


def draw_places(populations: Mapping[str, int], sizes: Mapping[str, int], seed: int) -> dict[str, list[int]]:
    """Return the drawn places, from 0, in each stratum's sorted list of ids: `draw` for lists that lie elsewhere.

    Raises:
        InvalidInputError: one `Problem` for each stratum that is unknown or smaller than its size.
    """
    if problems := _draw_problems(populations, sizes, seed):
        raise InvalidInputError(*problems)
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = {}
    for stratum in sorted(populations):
        order = np.argsort(generator.random(populations[stratum]), kind="stable")
        drawn[stratum] = [int(place) for place in order[: sizes.get(stratum, 0)]]
    return drawn


def _draw_problems(populations: Mapping[str, int], sizes: Mapping[str, int], seed: int) -> list[Problem]:
    problems = []
    if seed < 0:
        problems.append(Problem("seed", Told("is {seed}; give a whole number from 0 on", seed=seed), seed, "negative"))
    for stratum, size in sizes.items():
        where = f"sizes.{stratum}"
        if stratum not in populations:
            text = Told(
                "is no stratum of the calls; there are {value}", value=", ".join(sorted(populations)) or Told("none")
            )
            problems.append(Problem(where, text, stratum, "unknown_stratum"))
        elif size < 0:
            problems.append(Problem(where, Told("is {size}; give 0 or more", size=size), size, "negative"))
        elif size > (calls := populations[stratum]):
            text = Told(
                "is {size}, but the stratum has {calls} calls to draw from; ask for at most that many",
                size=size,
                calls=calls,
            )
            problems.append(Problem(where, text, size, "exceeds_stratum"))
    return problems


def apportion(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Return whole numbers in proportion to the shares that add up to `total`; on a tie the first named gets more.

    Raises:
        InvalidInputError: no shares, or a share that is not above 0.

    Source: the largest remainder method (Hare-Niemeyer).

    >>> apportion(10, {"ann": 1, "bea": 1, "cai": 2})
    {'ann': 3, 'bea': 2, 'cai': 5}
    """
    if not shares:
        raise InvalidInputError(
            Problem("raters", "names nobody; name at least one rater with a share", None, "missing")
        )
    wrong = [
        Problem(f"raters.{rater}", Told("is {share}; give a share above 0", share=share), share, "range")
        for rater, share in shares.items()
        if not (math.isfinite(share) and share > 0)
    ]
    if wrong:
        raise InvalidInputError(*wrong)
    whole = math.fsum(shares.values())
    exact = {rater: total * (share / whole) for rater, share in shares.items()}
    counts = {rater: int(value + 1e-9) for rater, value in exact.items()}
    left = total - sum(counts.values())
    for rater in sorted(counts, key=lambda rater: round(counts[rater] - exact[rater], 9))[:left]:
        counts[rater] += 1
    return counts


def share_out(
    calls: Sequence[str], shares: Mapping[str, float], barred: Mapping[str, Collection[str]] | None = None
) -> dict[str, str]:
    """Return the rater of each call: numbers in proportion to the raters' shares, dealt in turn along the list.

    `barred` names, for a call, the raters who do not get it, such as the one who handled it; another gets one more
    where that can't be helped, and a call that nobody else can rate is left out.

    Raises:
        InvalidInputError: shares that `apportion` refuses.
    """
    quota = apportion(len(calls), shares)
    given = dict.fromkeys(quota, 0)
    raters = {}
    able = {call: [rater for rater in quota if rater not in (barred or {}).get(call, ())] for call in calls}
    for call in sorted(calls, key=lambda call: len(able[call])):  # first those that the fewest can take
        if able[call]:
            open_to = [rater for rater in able[call] if given[rater] < quota[rater]] or able[call]
            rater = min(open_to, key=lambda rater: (given[rater] + 0.5) / max(quota[rater], 0.25))
            given[rater] += 1
            raters[call] = rater
    return {call: raters[call] for call in calls if call in raters}


def hand_over(
    raters: Mapping[str, str],
    done: Collection[str],
    away: Collection[str],
    shares: Mapping[str, float],
    barred: Mapping[str, Collection[str]] | None = None,
) -> dict[str, str]:
    """Return the rater of each call after some raters went away: their undone calls move, every other one stays.

    `raters` is the worklist as shared out, `done` the calls that are rated. What moves is shared out among the raters
    left in proportion to their shares, on a tie to the one with the least to do for that share; a call that none of
    them can rate stays.

    Raises:
        InvalidInputError: nobody is left, or shares that `apportion` refuses.
    """
    moving = [call for call, rater in raters.items() if rater in away and call not in done]
    if not moving:
        return dict(raters)
    load = Counter(rater for call, rater in raters.items() if call not in done)
    left = {
        rater: shares[rater]
        for rater in sorted(shares, key=lambda rater: load[rater] / shares[rater])
        if rater not in away
    }
    moved = share_out(moving, left, barred)
    return {call: moved.get(call, rater) for call, rater in raters.items()}
