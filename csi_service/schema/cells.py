"""The types of the fields of records, in JSON: how a value of each is read, and its JSON Schema.

The types are those of `facts.kinds`, with the bounds that an import has for the same cells; JSON can say itself what a
text, a number and a flag are, so nothing is guessed here.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from csi_service.core.calculators.external import SCALES
from csi_service.core.levels import CHINESE, LEVEL_NAMES, LEVELS, parse_level
from csi_service.core.periods import parse_period
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError
from csi_service.facts.days import FIRST_YEAR, LAST_YEAR
from csi_service.facts.kinds import CHANNEL_WORDS, SELECTIONS
from csi_service.schema.fields import (
    MOST,
    Described,
    fault,
    is_unicode,
    kind_of,
    read_count,
    read_number,
    read_text,
    refusal,
)

MOST_ID, MOST_COMMENT, MOST_INSTANTS, MOST_ANSWERS = 64, 10_000, 1_000, 1_000
_DAY = r"\d{4}-\d\d-\d\d"
_INSTANT = re.compile(rf"{_DAY}[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-](0\d|1[0-4]):?[0-5]\d)", re.ASCII)
_WITHOUT_OFFSET = re.compile(rf"{_DAY}([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)
_ONLY_DAY = re.compile(_DAY, re.ASCII)
_CHANNEL = re.compile(r"[\w-]{1,32}")
_FIRST, _LAST = dt.datetime(FIRST_YEAR, 1, 2), dt.datetime(LAST_YEAR, 12, 30)  # noqa: DTZ001 - UTC, as facts keep it
_FIRST_DAY, _LAST_DAY = dt.date(FIRST_YEAR, 1, 1), dt.date(LAST_YEAR, 12, 31)
_EXAMPLE = "2026-01-31T09:12:58+08:00"


def read_cell_text(value: object, most: int = MOST_ID) -> str:
    """Return a text without space around it; ValidationError for anything else, and for a blank one."""
    text = read_text(value, most).strip()
    if not text:
        raise refusal("is blank; give a text, or null where nothing is known", "blank")
    return text


def read_comment(value: object) -> str:
    """Return a longer text."""
    return read_cell_text(value, MOST_COMMENT)


def read_flag(value: object) -> bool:
    """Return true or false as JSON writes it."""
    if type(value) is not bool:
        raise refusal(Told("must be true or false, found {found}", found=kind_of(value)), "type")
    return value


def read_any_number(value: object) -> float:
    """Return a finite number, negative ones too."""
    return read_number(value, -MOST)


def read_instant(value: object) -> dt.datetime:
    """Return an instant in UTC, without a zone; ValidationError for one whose offset is not told."""
    if type(value) is not str:
        raise refusal(
            Told(
                "must be an instant as a text such as {example}, found {found}", example=_EXAMPLE, found=kind_of(value)
            ),
            "type",
        )
    if _INSTANT.fullmatch(value) is None:
        if _WITHOUT_OFFSET.fullmatch(value):
            text = Told(
                "has no offset; write {example}, or end it with Z for UTC: a local time alone is another instant in "
                "every time zone, and a request names no zone",
                example=_EXAMPLE,
            )
            raise refusal(text, "offset")
        raise refusal(
            Told("is not an instant; write ISO 8601 with an offset, such as {example}", example=_EXAMPLE), "instant"
        )
    try:
        instant = dt.datetime.fromisoformat(value).astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise refusal("is not in the calendar", "calendar") from error
    if not _FIRST <= instant <= _LAST:
        raise refusal(
            Told("lies outside the years {first_year} to {last_year}", first_year=FIRST_YEAR, last_year=LAST_YEAR),
            "range",
        )
    return instant


def read_instants(value: object) -> list[str]:
    """Return instants as texts in UTC, in order."""
    if type(value) is not list or len(value) > MOST_INSTANTS:
        raise refusal(
            Told(
                "must be a list of at most {most_instants} instants, found {found}",
                most_instants=MOST_INSTANTS,
                found=kind_of(value),
            ),
            "type",
        )
    found, messages = [], {}
    for index, item in enumerate(value):
        try:
            found.append(read_instant(item))
        except ValidationError as error:
            messages[index] = error.messages
    if messages:
        raise ValidationError(messages)
    return [instant.isoformat() for instant in sorted(found)]


def read_day(value: object) -> dt.date:
    """Return a day."""
    if type(value) is not str or _ONLY_DAY.fullmatch(value) is None:
        raise refusal("must be a day as a text such as 2026-01-31", "day")
    try:
        day = dt.date.fromisoformat(value)
    except ValueError as error:
        raise refusal("is not in the calendar", "calendar") from error
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise refusal(
            Told("lies outside the years {first_year} to {last_year}", first_year=FIRST_YEAR, last_year=LAST_YEAR),
            "range",
        )
    return day


def read_channel(value: object) -> str:
    """Return a survey channel in small letters, by the one name that files have for it too."""
    text = read_text(value, MOST_ID).strip().lower()
    text = CHANNEL_WORDS.get(text, text)
    if _CHANNEL.fullmatch(text) is None:
        raise refusal("is not a channel; use 1 to 32 letters, digits, - and _, for instance ivr, sms", "channel")
    return text


def read_level(value: object) -> int:
    """Return a rating level 1 to 5, given as a number or a name."""
    try:
        return parse_level(int(value) if type(value) is float and value in (1, 2, 3, 4, 5) else value)
    except InvalidInputError as error:
        text = error.problems[0].message
        if type(value) not in (str, int, float):
            parts = {"found": kind_of(value), "names": LEVEL_NAMES}
            text = Told("must be a level 1 to 5, found {found}; accepted are {names}", **parts)
        raise refusal(text, "bad_level") from None


def read_period(value: object) -> str:
    """Return a period as people write it."""
    text = read_text(value, MOST_ID)
    try:
        period = parse_period(text)
    except InvalidInputError as error:
        raise refusal(error.problems[0].message, "period") from None
    if period.first < _FIRST_DAY or period.last > _LAST_DAY:
        raise refusal(
            Told("lies outside the years {first_year} to {last_year}", first_year=FIRST_YEAR, last_year=LAST_YEAR),
            "range",
        )
    return text.strip()


def read_answers(value: object) -> dict[str, bool | float | str]:
    """Return the answers to a QA form by the names of its items; what each may be is the form's to say."""
    if type(value) is not dict or not 1 <= len(value) <= MOST_ANSWERS:
        raise refusal(
            Told(
                "must be an object of 1 to {most_answers} answers by item, found {found}",
                most_answers=MOST_ANSWERS,
                found=kind_of(value),
            ),
            "type",
        )
    messages: dict[str, Any] = {}
    for name, answer in value.items():
        if type(answer) not in (bool, int, float, str):
            messages[name] = [
                fault(Told('must be true, false, points or "na", found {found}', found=kind_of(answer)), "type")
            ]
        elif type(answer) is float and not math.isfinite(answer):
            messages[name] = [fault("must be a finite number", "non_finite")]
        elif type(answer) is str and (len(answer) > MOST_ID or not is_unicode(answer)):
            messages[name] = [fault('must be true, false, points or "na"', "type")]
        elif len(name) > MOST_ID or not is_unicode(name):
            messages[name] = [fault("is not the name of an item", "unknown_item")]
    if messages:
        raise ValidationError(messages)
    return value


def _choice(words: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if type(value) is not str or value not in words:
            raise refusal(Told("must be one of {names}, as a text", names=", ".join(words)), "choice")
        return value

    return read


def _text_shape(most: int) -> dict[str, Any]:
    pattern = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"  # some signs are space to Python only
    return {"type": "string", "minLength": 1, "maxLength": most, "pattern": pattern}


_INSTANT_SHAPE = {"type": "string", "format": "date-time", "example": _EXAMPLE}
TYPES: dict[str, tuple[Callable[[object], Any], dict[str, Any]]] = {
    "text": (read_cell_text, _text_shape(MOST_ID)),
    "comment": (read_comment, _text_shape(MOST_COMMENT)),
    "flag": (read_flag, {"type": "boolean"}),
    "number": (read_any_number, {"type": "number", "minimum": -MOST, "maximum": MOST}),
    "seconds": (read_number, {"type": "number", "minimum": 0, "maximum": MOST}),
    "count": (read_count, {"type": "integer", "minimum": 0, "maximum": int(MOST)}),
    "instant": (read_instant, _INSTANT_SHAPE),
    "instants": (read_instants, {"type": "array", "maxItems": MOST_INSTANTS, "items": _INSTANT_SHAPE}),
    "day": (read_day, {"type": "string", "format": "date", "example": "2026-01-31"}),
    "word": (read_channel, {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[a-z0-9_-]+$"}),
    "scale": (_choice(tuple(SCALES)), {"type": "string", "enum": list(SCALES)}),
    "selection": (_choice(SELECTIONS), {"type": "string", "enum": list(SELECTIONS)}),
    "level": (
        read_level,
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 5}, {"enum": [*LEVELS, *CHINESE]}]},
    ),
    "answers": (
        read_answers,
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": MOST_ANSWERS,
            "additionalProperties": {"anyOf": [{"type": "boolean"}, {"type": "number"}, {"type": "string"}]},
        },
    ),
    "period": (read_period, {"type": "string", "maxLength": MOST_ID, "example": "2026-01"}),
}


class Cell(Described, fields.Field[Any]):
    """A field of a record: a value of one of the types."""

    def __init__(self, type_: str, **options: Any) -> None:
        """Look up how its type is read."""
        super().__init__(**options)
        self.read, self._shape = TYPES[type_]

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Any:
        return self.read(value)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the JSON Schema of the type."""
        return dict(self._shape)
