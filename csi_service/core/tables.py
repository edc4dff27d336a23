"""Strict reading of a configuration table: each value is asked for by name, what was not asked for is refused."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from csi_service.core.told import Told, chained
from csi_service.errors import DocumentError, Problem

_MISSING = object()
_MOST_DOTS = 200  # a line; a key of 100,000 dotted parts takes the parser minutes and 23 GB


def read_toml(text: str, name: str, error: type[DocumentError]) -> dict[str, Any]:
    """Return the document of a TOML text; raises `error` for the document `name` where it is none."""
    for number, line in enumerate(text.split("\n"), 1):  # only these end a line in TOML
        if line.count(".") > _MOST_DOTS:
            many = Told("has more than {most_dots} dots in line {number}", most_dots=_MOST_DOTS, number=number)
            raise error(name, (Problem("", many, code="syntax"),))
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as fault:  # ValueError: TOMLDecodeError, and a number of too many digits
        known = isinstance(fault, tomllib.TOMLDecodeError)
        text = str(fault) if known else Told("a number too long or tables nested too deeply")
        raise error(name, (Problem("", Told("is not valid TOML: {text}", text=text), code="syntax"),)) from fault


class Table:
    """One table of a document, read key by key; problems are collected, never raised.

    A reader asks for every key it knows and then calls `close()`, which reports the keys that nobody asked for.
    """

    def __init__(self, values: object, where: str, problems: list[Problem], warnings: list[str]) -> None:
        """Wrap `values`; `where` is the dotted name of the table ("" for the document itself)."""
        self.where = where
        self.problems = problems
        self.warnings = warnings
        self._values: Mapping[str, Any] = {}
        self._asked: set[str] = set()
        if isinstance(values, Mapping):
            self._values = values
        else:
            self.report("", "must be a table of keys and values", values, "type")

    def name(self, key: str) -> str:
        """Return the dotted name of a key of this table."""
        return ".".join(part for part in (self.where, key) if part)

    def report(self, key: str, message: str, found: object = None, code: str = "invalid") -> None:
        """Add a problem with a key of this table."""
        self.problems.append(Problem(self.name(key), message, found, code))

    def warn(self, key: str, message: str) -> None:
        """Add a warning about a key of this table: accepted, but worth telling."""
        self.warnings.append(Told("{key}: {message}", key=self.name(key), message=message))

    def keys(self) -> Sequence[str]:
        """Return the keys that stand in the table, in order."""
        return tuple(self._values)

    def __contains__(self, key: str) -> bool:
        """Tell whether the table holds the key."""
        return key in self._values

    def peek(self, key: str) -> Any:
        """Return the bare value of a key, None where it is absent; the caller checks it."""
        self._asked.add(key)
        return self._values.get(key)

    def _take(self, key: str, default: Any, accepted: Callable[[], str]) -> Any:
        self._asked.add(key)
        value = self._values.get(key, _MISSING)
        if value is _MISSING:
            if default is _MISSING:
                self.report(key, Told("is missing; {accepted}", accepted=accepted()), None, "missing")
                return None
            return default
        return value

    def number(
        self,
        key: str,
        default: Any = _MISSING,
        *,
        least: float = -math.inf,
        most: float = math.inf,
        above: float = -math.inf,
    ) -> float:
        """Return a finite number with least <= number <= most and number > above; NaN after a reported problem."""

        def accepted() -> str:
            bounds = bounds_of(least, most, above)
            return Told("give a number {accepted}", accepted=bounds) if bounds else Told("give a number")

        value = self._take(key, default, accepted)
        if value is None and key not in self:
            return math.nan
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.report(
                key,
                Told("must be a number, not {kind}; {accepted}", kind=_kind(value), accepted=accepted()),
                value,
                "type",
            )
            return math.nan
        if not _finite(value):
            self.report(
                key,
                Told("must be finite, found {value}; {accepted}", value=value, accepted=accepted()),
                value,
                "non_finite",
            )
            return math.nan
        if not (least <= value <= most and value > above):
            self.report(
                key,
                Told("is {value:g}; {accepted}", value=value, accepted=accepted()),
                value,
                "negative" if value < 0 <= least else "range",
            )
            return math.nan
        return float(value)

    def text(self, key: str, default: Any = _MISSING) -> str:
        """Return a text that is not blank; "" after a reported problem."""
        value = self._take(key, default, lambda: Told("give a text"))
        if value == default or key not in self:
            return str(value or "")
        if not isinstance(value, str) or not value.strip():
            self.report(key, Told("must be a text that is not blank, found {value!r}", value=value), value, "type")
            return ""
        return value

    def flag(self, key: str, default: Any = _MISSING) -> bool:
        """Return true or false; false after a reported problem."""
        value = self._take(key, default, lambda: Told("give true or false"))
        if not isinstance(value, bool):
            if key in self:
                self.report(key, Told("must be true or false, found {value!r}", value=value), value, "type")
            return False
        return value

    def choice(self, key: str, choices: Sequence[str], default: Any = _MISSING) -> str:
        """Return one of the choices; the first choice after a reported problem."""
        names = ", ".join(choices)
        value = self._take(key, default, lambda: Told("give one of {names}", names=names))
        if value == default:
            return str(value)
        if value not in choices:
            if key in self:
                accepted = Told("is {value!r}; accepted is one of {names}", value=value, names=names)
                self.report(key, accepted, value, "method")
            return choices[0]
        return str(value)

    def choices(self, key: str, choices: Sequence[str], default: Any = _MISSING) -> tuple[str, ...]:
        """Return a list of different choices, at least one; all choices after a reported problem."""
        value = self._take(key, default, lambda: Told("give a list"))
        if (
            not isinstance(value, list | tuple)
            or not value
            or any(item not in choices for item in value)
            or len(set(value)) < len(value)
        ):
            if key in self:
                self.report(
                    key,
                    Told(
                        "must be a list of different words out of {names}, found {value!r}",
                        names=", ".join(choices),
                        value=value,
                    ),
                    value,
                    "range",
                )
            return tuple(choices)
        return tuple(value)

    def day(self, key: str, default: Any = _MISSING) -> dt.date:
        """Return a date; the first date of the calendar after a reported problem."""
        value = self._take(key, default, lambda: Told("give a date such as 2026-01-31"))
        if isinstance(value, str):
            try:
                return dt.date.fromisoformat(value)
            except ValueError:
                pass
        if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
            if key in self:
                self.report(key, Told("must be a date such as 2026-01-31, found {value!r}", value=value), value, "type")
            return dt.date.min
        return value

    def span(self, key: str, default: Any) -> tuple[float, float]:
        """Return a pair (low, high) of finite numbers with low <= high; the default after a reported problem."""
        value = self._take(key, default, lambda: Told("give [low, high]"))
        numbers = isinstance(value, list | tuple) and all(
            isinstance(item, int | float) and not isinstance(item, bool) and _finite(item) for item in value
        )
        if not numbers or len(value) != 2 or value[0] > value[1]:
            self.report(
                key,
                Told("must be two numbers [low, high] with low <= high, found {value!r}", value=value),
                value,
                "range",
            )
            return (-math.inf, math.inf)
        return (float(value[0]), float(value[1]))

    def table(self, key: str, *, required: bool = False) -> Table:
        """Return the table under a key; an empty one where it is absent and not required."""
        value = self._take(key, _MISSING if required else {}, lambda: Told("give a table"))
        return Table({} if key not in self else value, self.name(key), self.problems, self.warnings)

    def tables(self, key: str) -> list[Table]:
        """Return the list of tables under a key; none where it is absent."""
        value = self._take(key, [], lambda: Told("give a list of tables"))
        if not isinstance(value, list):
            self.report(key, Told("must be a list of tables, found {kind}", kind=_kind(value)), value, "type")
            return []
        return [
            Table(item, f"{self.name(key)}[{index}]", self.problems, self.warnings) for index, item in enumerate(value)
        ]

    def close(self) -> None:
        """Report each key that nobody asked for, with the keys that are known."""
        for key in self._values:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked)) or Told("none")
                self.report(
                    key,
                    Told("is not a known key here; known are {known}", known=known),
                    self._values[key],
                    "unknown_key",
                )


def bounds_of(least: float, most: float, above: float) -> str:
    """Return the bounds of a number in words, those that are finite; "" for none."""
    bounds = (
        (least, Told("at least {bound:g}", bound=least)),
        (most, Told("at most {bound:g}", bound=most)),
        (above, Told("above {bound:g}", bound=above)),
    )
    return chained([text for bound, text in bounds if math.isfinite(bound)], "{first} and {second}")


def _finite(number: float) -> bool:
    """Tell whether a number fits a float; whole numbers may be too large for one."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _kind(value: object) -> str:
    if isinstance(value, str):
        return Told("the text {value!r}", value=value)
    return _KINDS.get(type(value), type(value).__name__)


_KINDS = {type(None): "null", bool: Told("true or false"), list: Told("a list"), dict: Told("a table")}
