"""Evidence of figures and components as fields of a body, made from what a calculator says of itself."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from csi_service.core.indicator import Calculator, Indicator
from csi_service.core.measures import MEASURES
from csi_service.core.told import Told
from csi_service.schema.fields import (
    MOST,
    Described,
    PlainSchema,
    fault,
    is_unicode,
    kind_of,
    read_count,
    read_number,
    refusal,
)

Numbers = dict[str, float]
RATIO = frozenset({"numerator", "denominator"})
BARE = frozenset({"value"})
OUTLOOK_BESIDE = "internal"  # the component beside which the outlook stands
_WHOLE = frozenset(
    measure.name.removesuffix(".*") for measure in MEASURES if measure.unit not in ("seconds", "fractions", "points")
)
_MEANING = {measure.name.removesuffix(".*"): measure.meaning for measure in MEASURES}
_CHANNEL = {"minLength": 1, "maxLength": 64, "pattern": "^[^\\u0000-\\u001f.]*$"}
_SHAPES = Told("give numerator and denominator, or value, or the counts")


def numbers_schema(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    """Return the JSON Schema of an object of numbers."""
    shape = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**shape, "required": required} if required else {**shape, "minProperties": 1}


class Figure(Described, fields.Field[Numbers]):
    """The evidence of one figure: numerator and denominator, or a bare value, or the counts that its formula reads."""

    def __init__(self, indicator: Indicator, **options: Any) -> None:
        """Read from the indicator which counts there are and how far a value may go."""
        super().__init__(allow_none=True, **options)
        self.most = 1.0 if indicator.share else MOST
        self.unit = indicator.unit
        self.needs = indicator.needs
        self.counts = frozenset(indicator.needs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Numbers:
        return self.read(value)

    def read(self, value: Any) -> Numbers:
        """Return the numbers of the evidence; ValidationError where it has none of the three shapes."""
        if type(value) is not dict:
            raise refusal(
                Told("must be an object, found {found}; {shapes}", found=kind_of(value), shapes=_SHAPES), "type"
            )
        keys = value.keys()
        if keys == RATIO:
            numbers = _read(value, frozenset(), MOST)
            if numbers["numerator"] > MOST * numbers["denominator"] > 0:
                raise ValidationError(
                    {
                        "denominator": [
                            fault(
                                Told("is too small for its numerator; their quotient exceeds {most:g}", most=MOST),
                                "range",
                            )
                        ]
                    }
                )
            return numbers
        if keys == BARE:
            return _read(value, frozenset(), self.most)
        if keys and keys <= self.counts:
            return _read(value, _WHOLE, MOST)
        raise ValidationError(self._misshapen(keys))

    def _misshapen(self, keys: Any) -> dict[str, list[str]] | list[str]:
        """Say what is wrong with a set of keys that is none of the three shapes."""
        counts = ", ".join(self.needs)
        unknown = [key for key in keys if key not in RATIO | BARE | self.counts]
        if unknown:
            text = Told("is not a known key here; {shapes} {counts}", shapes=_SHAPES, counts=counts)
            return {key: [fault(text, "unknown_key")] for key in unknown}
        if not keys:
            return [
                fault(
                    Told("is empty; {shapes} {counts}; null where there is no evidence", shapes=_SHAPES, counts=counts),
                    "missing",
                )
            ]
        if keys < RATIO:
            absent = next(iter(RATIO - keys))
            return {absent: [fault(Told("is missing; {shapes} {counts}", shapes=_SHAPES, counts=counts), "missing")]}
        return [
            fault(
                Told(
                    "mixes {names}; {shapes} {counts}, one of the three",
                    names=", ".join(sorted(keys)),
                    shapes=_SHAPES,
                    counts=counts,
                ),
                "shape",
            )
        ]

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the three shapes."""
        number = {"type": "number", "minimum": 0, "maximum": MOST}
        ratio = numbers_schema({"numerator": number, "denominator": number}, ["numerator", "denominator"])
        value = {"type": "number", "minimum": 0, "maximum": self.most, "description": f"unit: {self.unit}"}
        bare = numbers_schema({"value": value}, ["value"])
        counts = {
            need: {
                "type": "integer" if need in _WHOLE else "number",
                "minimum": 0,
                "maximum": int(MOST),
                "description": _MEANING.get(need, need),
            }
            for need in self.needs
        }
        return {"oneOf": [ratio, bare, numbers_schema(counts, [])]}


def _read(value: dict[str, Any], whole: frozenset[str], most: float) -> Numbers:
    numbers, messages = {}, {}
    for key, item in value.items():
        try:
            numbers[key] = read_count(item) if key in whole else read_number(item, 0.0, most)
        except ValidationError as error:
            messages[key] = error.messages
    if messages:
        raise ValidationError(messages)
    return numbers


class Channels(Described, fields.Field[dict[str, Numbers]]):
    """The evidence of a figure that is measured once for each survey channel; a channel of null has none."""

    def __init__(self, indicator: Indicator, **options: Any) -> None:
        """Take what each channel holds from the indicator."""
        super().__init__(allow_none=True, **options)
        self.figure = Figure(indicator)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> dict[str, Numbers]:
        if type(value) is not dict:
            raise refusal(
                Told("must be an object of channels such as ivr, sms, callback, found {found}", found=kind_of(value)),
                "type",
            )
        channels: dict[str, Numbers] = {}
        messages = {}
        for name, item in value.items():
            try:
                if not (1 <= len(name) <= 64 and is_unicode(name)) or any(
                    character < " " or character == "." for character in name
                ):
                    raise refusal("is no channel name; 1 to 64 characters, no dot and no control character", "channel")
                if item is not None:
                    channels[name] = self.figure.read(item)
            except ValidationError as error:
                messages[name] = error.messages
        if messages:
            raise ValidationError(messages)
        return channels

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return an object of channels."""
        figure = {"oneOf": [*self.figure.describe(converter)["oneOf"], {"type": "null"}]}
        return {"type": "object", "propertyNames": _CHANNEL, "additionalProperties": figure}


def component_fields(calculator: Calculator) -> dict[str, fields.Field[Any]]:
    """Return the fields of a component's evidence, by name: its figures, or its channels."""
    if calculator.per_channel is not None:
        return {"channels": Channels(calculator.per_channel)}
    found: dict[str, fields.Field[Any]] = {indicator.name: Figure(indicator) for indicator in calculator.indicators}
    if calculator.name == OUTLOOK_BESIDE:
        found["delight"] = Delight()
    return found


class Delight(Described, fields.Field[Numbers]):
    """Evaluations in which an excitement need was met (numerator) of those that say so either way (denominator)."""

    def __init__(self, **options: Any) -> None:
        """Allow null: nobody judged it."""
        super().__init__(allow_none=True, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> Numbers:
        if type(value) is not dict or value.keys() != RATIO:
            raise refusal(
                "must be an object of numerator (excitement need met) and denominator (evaluations that say so)",
                "shape",
            )
        return _read(value, RATIO, MOST)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the two counts."""
        count = {"type": "integer", "minimum": 0, "maximum": int(MOST)}
        return numbers_schema({"numerator": count, "denominator": count}, ["numerator", "denominator"])


class Component(Described, fields.Field[dict[str, Any]]):
    """A component of the composite: its evidence, or its finished value; null where there is none."""

    def __init__(self, schema: PlainSchema, **options: Any) -> None:
        """Take the schema of the evidence."""
        super().__init__(allow_none=True, **options)
        self.schema = schema

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise refusal(
                Told(
                    "must be an object, found {found}; give the component's evidence or its value", found=kind_of(value)
                ),
                "type",
            )
        if value.keys() == BARE:
            return dict(_read(value, frozenset(), 1.0))
        return self.schema.load(value)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return both shapes."""
        bare = numbers_schema({"value": {"type": "number", "minimum": 0, "maximum": 1}}, ["value"])
        return {"oneOf": [converter.resolve_nested_schema(self.schema), bare]}
