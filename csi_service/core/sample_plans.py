"""What a sampling plan comes to: the size of each stratum, and what the whole buys before a call is drawn."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csi_service.core.periods import Period
from csi_service.core.sample_sizes import plan_half_width, size_for_share
from csi_service.core.sampling import allocate
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

LEAST = 2  # calls of a stratum that a variance takes
HALF_WIDTHS = (0.05, 0.03)  # that people ask for
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """Which calls of a period are to be listened to, and by whom.

    `selection` is random, targeted or calibration. `strata` are the dimensions that each combination of members makes a
    stratum of. Calls are drawn (`size` in all, `min_per` a stratum; targeted ones of those that fit the `rule`, all of
    them where there is no size) or named by hand (`calls`). `expected_share` is the share that one expects to find.
    `raters` are names with shares of the work; in a calibration every one of them gets every call.
    """

    period: Period
    selection: str
    strata: tuple[str, ...]
    size: int | None
    min_per: int | None
    calls: tuple[str, ...]
    rule: Mapping[str, object]
    expected_share: float
    raters: Mapping[str, float]
    due_on: dt.date | None


@dataclass(frozen=True, slots=True)
class Bought:
    """What a sample buys: the half width of the 95 % interval of a share, and the sizes for two usual half widths.

    All are None where there is nothing to draw from.
    """

    half_width: float | None
    needed_for_5_points: int | None
    needed_for_3_points: int | None


def buys(sizes: Sequence[int], populations: Sequence[int], share: float = 0.5) -> Bought:
    """Return what sizes of strata buy for a share that one expects; 0.5 is the worst case.

    Raises:
        InvalidInputError: a share outside 0..1.

    Source: `sample_sizes.plan_half_width` and `size_for_share`, the latter for the calls of all strata together.
    """
    population = sum(populations)
    if not population:
        return Bought(None, None, None)
    needed = [size_for_share(share, half_width, population) for half_width in HALF_WIDTHS]
    half_width = plan_half_width(sizes, populations, share) if sum(sizes) else None
    return Bought(half_width, *needed)


def plan_sizes(populations: Mapping[str, int], size: int | None, least: int | None) -> dict[str, int]:
    """Return how many calls to draw from each stratum.

    `size` is the total, shared out in proportion to the populations with at least `least` a stratum (2 where None);
    without a total each stratum gets `least`. A stratum with fewer calls gives all of them.

    Raises:
        InvalidInputError: a total above the calls that there are (the message names the strata), or below what the
            strata get at least.

    >>> plan_sizes({"north": 9000, "south": 1000}, 100, None)
    {'north': 90, 'south': 10}
    >>> plan_sizes({"north": 9000, "south": 10}, None, 25)
    {'north': 25, 'south': 10}
    """
    if size is None:
        return {stratum: min(population, least or LEAST) for stratum, population in populations.items()}
    total = sum(populations.values())
    if size > total:
        named = [f"{stratum}: {population}" for stratum, population in populations.items()][:_MOST_NAMED]
        more = (
            Told(" and {count} more strata", count=len(populations) - _MOST_NAMED)
            if len(populations) > _MOST_NAMED
            else ""
        )
        text = Told(
            "is {size}, but there are {total} calls to draw from ({names}{more}); ask for at most that",
            size=size,
            total=total,
            names=", ".join(named),
            more=more,
        )
        raise InvalidInputError(Problem("size", text, size, "exceeds_stratum"))
    try:
        sizes = allocate(size, list(populations.values()), least=least or LEAST)
    except InvalidInputError as error:
        raise InvalidInputError(
            *(Problem("size", each.message, each.found, each.code) for each in error.problems)
        ) from error
    return dict(zip(populations, sizes, strict=True))


def interleave(drawn: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Return (stratum, call) of all strata in one order, in which each stratum advances evenly: half done is half each.

    >>> interleave({"north": ["a", "b", "c"], "south": ["x"]})
    [('north', 'a'), ('north', 'b'), ('south', 'x'), ('north', 'c')]
    """
    placed = [
        ((2 * place + 1) / (2 * len(calls)), stratum, call)
        for stratum, calls in drawn.items()
        for place, call in enumerate(calls)
    ]
    placed.sort(key=lambda each: each[0])
    return [(stratum, call) for _, stratum, call in placed]
