"""Strict field types, written once: what JSON calls a number, a text, a choice, and nothing that merely looks like it.

Each field tells its JSON Schema by `describe`, so that the OpenAPI document and the checks cannot drift apart.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields

from csi_service.core.told import Told

MOST = 1e15  # largest figure taken: whole numbers stay exact, and no formula overflows
PLAIN_TEXT = "^[^\\u0000]*$"
_KINDS = {
    bool: Told("true or false"),
    str: Told("a text"),
    list: Told("a list"),
    dict: Told("an object"),
    int: Told("a number"),
    float: Told("a number"),
    type(None): Told("null"),
}


class Fault(str):
    """A message of a refusal as marshmallow carries it, with a short stable code.

    `text` is the message as it was given, which may be a `Told`; `path` leads from the field to the offending value
    inside it, `found` is shown where it is not the value itself.
    """

    __slots__ = ("code", "found", "path", "text")
    text: str
    code: str
    path: tuple[object, ...]
    found: object


def fault(message: str, code: str = "invalid", path: tuple[object, ...] = (), found: object = None) -> Fault:
    """Return a message with its code, and where it is about a part of the field's value, the path to it."""
    made = Fault(message)
    made.text, made.code, made.path, made.found = message, code, path, found
    return made


def refusal(message: str, code: str = "invalid") -> ValidationError:
    """Return the error of a field whose value is refused."""
    return ValidationError([fault(message, code)])


def kind_of(value: object) -> str:
    """Return what JSON calls a value, for messages."""
    return _KINDS.get(type(value), type(value).__name__)


def read_number(value: object, least: float = 0.0, most: float = MOST) -> float:
    """Return a finite number in least..most.

    Raises:
        ValidationError: true and false, texts, null, NaN, infinities (1e400 too), and what lies outside.
    """
    if type(value) is not float and type(value) is not int:
        raise refusal(
            Told(
                "must be a number, found {found}; give a number from {least:g} to {most:g}",
                found=kind_of(value),
                least=least,
                most=most,
            ),
            "type",
        )
    if least <= value <= most:
        return float(value)
    if value != value or abs(value) > sys.float_info.max:  # NaN, infinity, or digits beyond any float
        raise refusal(
            Told("must be a finite number; give a number from {least:g} to {most:g}", least=least, most=most),
            "non_finite",
        )
    raise refusal(
        Told("is {value:g}; give a number from {least:g} to {most:g}", value=value, least=least, most=most),
        "negative" if value < 0 <= least else "range",
    )


def read_text(value: object, most: int) -> str:
    """Return a text of at most `most` characters that every store and encoding can hold.

    Raises:
        ValidationError: no text, too long, with NUL or with a lone surrogate.
    """
    if type(value) is not str:
        raise refusal(Told("must be a text, found {found}", found=kind_of(value)), "type")
    if len(value) > most:
        raise refusal(Told("has {count} characters; at most {most} are taken", count=len(value), most=most), "length")
    if "\x00" in value:
        raise refusal("holds the character NUL; leave it out", "character")
    if not is_unicode(value):
        raise refusal("holds half of a surrogate pair (\\ud800 to \\udfff); give whole characters", "character")
    return value


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: no lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


class Described:
    """A field that tells its own JSON Schema; `converter` makes references to other schemas."""

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the JSON Schema of a valid value."""
        raise NotImplementedError


def described(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a field of this file's kind for apispec; nothing for marshmallow's own fields."""
    if not isinstance(field, Described):
        return {}
    ret.clear()
    schema = field.describe(converter)
    if field.allow_none:  # type: ignore[attr-defined]  # every one of them is a marshmallow field as well
        schema = (
            {"anyOf": [schema, {"type": "null"}]}
            if "type" not in schema
            else {**schema, "type": [schema["type"], "null"]}
        )
    texts = {key: text for key, text in field.metadata.items() if key in ("description", "example")}  # type: ignore[attr-defined]
    return {**schema, **texts}


class Number(Described, fields.Field[float]):
    """A finite number between two bounds."""

    def __init__(self, least: float = 0.0, most: float = MOST, **options: Any) -> None:
        """Keep the bounds, both included."""
        super().__init__(**options)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> float:
        return read_number(value, self.least, self.most)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"type": "number", "minimum": self.least, "maximum": self.most}


class Count(Described, fields.Field[float]):
    """A whole number from 0 up; 3.0 is whole, 3.7 and "3" are not."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> float:
        return read_count(value)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the bounds."""
        return {"type": "integer", "minimum": 0, "maximum": int(MOST)}


def read_count(value: object) -> float:
    """Return a whole number from 0 up, ValidationError for anything else."""
    number = read_number(value)
    if number % 1:
        raise refusal(Told("is {number:g}; give a whole number", number=number), "whole")
    return number


class Text(Described, fields.Field[str]):
    """A text of limited length without NUL and lone surrogates."""

    def __init__(self, most: int, least: int = 0, **options: Any) -> None:
        """Keep the limits of the length."""
        super().__init__(**options)
        self.most, self.least = most, least

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        text = read_text(value, self.most)
        if len(text) < self.least:
            if self.least == 1:
                raise refusal(Told("must have at least {least} character", least=self.least), "length")
            raise refusal(Told("must have at least {least} characters", least=self.least), "length")
        return text

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the limits."""
        return {"type": "string", "minLength": self.least, "maxLength": self.most, "pattern": PLAIN_TEXT}


class Choice(Described, fields.Field[str]):
    """One of some words, written exactly so."""

    def __init__(self, *choices: str, **options: Any) -> None:
        """Keep the words."""
        super().__init__(**options)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if type(value) is not str or value not in self.choices:
            raise refusal(Told("must be one of {names}", names=", ".join(self.choices)), "choice")
        return value

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the words."""
        return {"type": "string", "enum": list(self.choices)}


class StrictSchema(Schema):
    """A body that is an object of known keys; its messages say what is known."""

    def __init__(self, **options: Any) -> None:
        """Write the messages that name the keys."""
        super().__init__(**options)
        self.error_messages = {
            **self.error_messages,
            "unknown": fault(
                Told("is not a known key here; known are {known}", known=known(self.load_fields)), "unknown_key"
            ),
            "type": fault("must be a JSON object", "type"),
        }
        for name, field in self.load_fields.items():
            field.error_messages = {
                **field.error_messages,
                "required": fault(Told("is missing; give {name}", name=name), "missing"),
                "null": fault("must not be null; give a value", "type"),
            }


class PlainSchema(StrictSchema):
    """A strict body without required keys, defaults and checks across keys, loaded in a quarter of the time."""

    def load(self, data: Any, **options: Any) -> dict[str, Any]:
        """Return the loaded values by key; ValidationError as any schema raises it."""
        found = self.load_fields
        if type(data) is not dict or not data.keys() <= found.keys():
            return dict(super().load(data, **options))
        loaded, messages = {}, {}
        for name, item in data.items():
            try:
                loaded[name] = found[name].deserialize(item)
            except ValidationError as error:
                messages[name] = error.messages
        if messages:
            raise ValidationError(messages)
        return loaded


def known(names: Sequence[str] | Mapping[str, Any]) -> str:
    """Return the names for a message."""
    return ", ".join(names) or Told("none")
