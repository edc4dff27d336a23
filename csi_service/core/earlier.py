"""The periods before a period: the one just before it, and the same one of the year before."""

import datetime as dt
import re

from csi_service.core.periods import Period, containing, parse_period, spanning
from csi_service.errors import InvalidInputError

_ONE_DAY = dt.timedelta(days=1)


def previous(period: Period) -> Period | None:
    """Return the period of the same form just before; None before the first day of the calendar.

    A range is followed backwards by a range of as many days.

    >>> [previous(parse_period(text)).label for text in ("2021-01", "2021-W01", "2021-Q1", "2021", "2021-03-01")]
    ['2020-12', '2020-W53', '2020-Q4', '2020', '2021-02-28']
    """
    if period.first == dt.date.min:
        return None
    last = period.first - _ONE_DAY
    if re.fullmatch(r"\d{4}-Q\d", period.label):
        return _named(f"{last.year:04d}-Q{(last.month + 2) // 3}")
    if re.fullmatch(r"\d{4}", period.label):
        return _named(f"{last.year:04d}")
    for grain, form in (("month", r"\d{4}-\d{2}"), ("week", r"\d{4}-W\d{2}"), ("day", r"\d{4}-\d{2}-\d{2}")):
        if re.fullmatch(form, period.label):
            return containing(last, grain)
    days = period.last - period.first
    return spanning(last - days, last) if days <= last - dt.date.min else None


def year_before(period: Period) -> Period | None:
    """Return the same period of the year before; None where there is none (week 53, the first year).

    >>> [year_before(parse_period(text)).label for text in ("2021-01", "2021-W05", "2021-Q1", "2024-02-29")]
    ['2020-01', '2020-W05', '2020-Q1', '2023-02-28']
    """
    if period.first.year == dt.MINYEAR:
        return None
    if re.fullmatch(r"\d{4}(-\d{2}|-W\d{2}|-Q\d)?", period.label):
        return _named(f"{int(period.label[:4]) - 1:04d}{period.label[4:]}")
    return spanning(_year_before(period.first), _year_before(period.last))


def _named(label: str) -> Period | None:
    try:
        return parse_period(label)
    except InvalidInputError:  # the year before has no week 53
        return None


def _year_before(day: dt.date) -> dt.date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
