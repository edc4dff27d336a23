"""Periods of local days: parse and format a day, ISO week, month, quarter, year or any range; cut by a grain."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem

GRAINS = ("day", "week", "month")
FORMS = Told("2021-01 (month), 2021-W05 (ISO week), 2021-Q1, 2021, 2021-01-31 (day) or 2021-01-04..2021-01-31")
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Local days from `first` to `last`, both included, with the label that people write for it."""

    first: dt.date
    last: dt.date
    label: str

    def cut(self, grain: str) -> list[Period]:
        """Return the days, ISO weeks or months of the period, in order.

        A week or month at an end of the period that is not wholly inside it is clipped and labelled as a range.
        """
        parts = []
        day = self.first
        while day <= self.last:
            whole = containing(day, grain)
            if whole.first >= self.first and whole.last <= self.last:
                part = whole
            else:
                part = spanning(max(whole.first, self.first), min(whole.last, self.last))
            parts.append(part)
            if part.last >= self.last:
                break
            day = part.last + _ONE_DAY
        return parts


def containing(day: dt.date, grain: str) -> Period:
    """Return the day, ISO week (Monday to Sunday) or month that contains a day.

    >>> containing(dt.date(2021, 1, 3), "week").label
    '2020-W53'
    """
    if grain == "day":
        return Period(day, day, day.isoformat())
    if grain == "week":
        year, week, weekday = day.isocalendar()
        first = day - (weekday - 1) * _ONE_DAY
        last = first + min(6 * _ONE_DAY, dt.date.max - first)  # the calendar ends on a Friday
        return Period(first, last, f"{year:04d}-W{week:02d}")
    return _months(day.year, day.month, 1, f"{day.year:04d}-{day.month:02d}")


def spanning(first: dt.date, last: dt.date) -> Period:
    """Return the period of the days first..last, with the short label where they are a whole one (day ... year)."""
    named = (containing(first, "day"), containing(first, "month"), containing(first, "week"))
    for whole in (*named, _quarter(first.year, (first.month + 2) // 3), _year(first.year)):
        if (whole.first, whole.last) == (first, last):
            return whole
    return Period(first, last, f"{first.isoformat()}..{last.isoformat()}")


def parse_period(text: str) -> Period:
    """Return the period that a text names.

    Raises:
        InvalidInputError: no known form, a date that does not exist, or an end before the beginning.

    >>> parse_period("2021-W05").first.isoformat()
    '2021-02-01'
    """
    try:
        period = _parse(text.strip())
    except (ValueError, OverflowError):
        period = None
    if period is None:
        told = Told("{text!r} is not a period; write {forms}", text=text, forms=FORMS)
    elif period.last < period.first:
        told = Told("{text!r} ends before it begins", text=text)
    else:
        return period
    raise InvalidInputError(Problem("period", told, text, "period"))


def _parse(text: str) -> Period | None:
    if ".." in text:
        first, last = (dt.date.fromisoformat(side.strip()) for side in text.split("..", 1))
        return spanning(first, last)
    if match := re.fullmatch(r"(\d{4})-W(\d{2})", text, re.ASCII):
        return containing(dt.date.fromisocalendar(int(match[1]), int(match[2]), 1), "week")
    if match := re.fullmatch(r"(\d{4})-Q([1-4])", text, re.ASCII):
        return _quarter(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII):
        return _months(int(match[1]), int(match[2]), 1, text)
    if re.fullmatch(r"\d{4}", text, re.ASCII):
        return _year(int(text))
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return containing(dt.date.fromisoformat(text), "day")
    return None


def _year(year: int) -> Period:
    return Period(dt.date(year, 1, 1), dt.date(year, 12, 31), f"{year:04d}")


def _quarter(year: int, quarter: int) -> Period:
    return _months(year, 3 * quarter - 2, 3, f"{year:04d}-Q{quarter}")


def _months(year: int, month: int, count: int, label: str) -> Period:
    after = year * 12 + month - 1 + count
    last = dt.date(after // 12, after % 12 + 1, 1) - _ONE_DAY if after < 12 * 10_000 else dt.date.max
    return Period(dt.date(year, month, 1), last, label)
