"""When the demo happens: its months and days, the outage, and the instant at which all records end."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from csi_service.core.told import Told
from csi_service.demo.centre import Ints

MONTHS = 14
OUTAGE_MONTH = 8  # the 9th of the 14
DAY_SECONDS = 86_400
_MONTH_FORM = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")  # from 2000: Shanghai had summer time until 1991


@dataclass(frozen=True, eq=False)
class Span:
    """One value a day: local seconds since 1970 at midnight, month 0..13, weekday 0..6, outage or not.

    Nothing is recorded at or after `end`: what would end later is still open in the files.
    """

    months: tuple[str, ...]
    midnight: Ints
    month: Ints
    weekday: Ints
    outage: npt.NDArray[np.bool_]
    end: int

    def known(self, at: Ints) -> Ints:
        """The instants, missing (-1) where they lie after the end."""
        return np.where(at < self.end, at, -1)


def build_span(last_month: str) -> Span:
    """The 14 months up to and including `last_month`; ValueError unless it is YYYY-MM."""
    if not _MONTH_FORM.fullmatch(last_month):
        raise ValueError(
            Told("last_month: found {last_month!r}, accepted is YYYY-MM from 2000-01 to 2099-12", last_month=last_month)
        )
    after = np.datetime64(last_month, "M") + np.timedelta64(1, "M")
    months = np.arange(after - np.timedelta64(MONTHS, "M"), after)
    days = np.arange(months[0].astype("datetime64[D]"), after.astype("datetime64[D]"))
    month = days.astype("datetime64[M]").astype(np.int64) - months[0].astype(np.int64)
    number = days.astype(np.int64)
    weekday = (number + 3) % 7  # 1970-01-01 was a Thursday
    outage = np.zeros(days.size, dtype=np.bool_)
    second_tuesday = np.flatnonzero((month == OUTAGE_MONTH) & (weekday == 1))[1]
    outage[second_tuesday : second_tuesday + 2] = True
    end = (int(number[-1]) + 1) * DAY_SECONDS
    return Span(tuple(map(str, months)), number * DAY_SECONDS, month, weekday, outage, end)


def in_office_hours(after: Ints, days_later: Ints, rng: np.random.Generator) -> Ints:
    """Instants between 09:00 and 18:00 so many days after `after`; on the same day within 90 minutes."""
    share = rng.random(after.size)
    later = (after // DAY_SECONDS + days_later) * DAY_SECONDS + 9 * 3600 + (share * 9 * 3600).astype(np.int64)
    return np.where(days_later == 0, after + 60 + (share * 5340).astype(np.int64), later)
