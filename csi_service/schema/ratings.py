"""Body and answer of the five-level ratings: sample batches in, level shares out."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from csi_service.core.levels import CHINESE, LEVEL_NAMES, LEVELS, WEIGHTINGS
from csi_service.core.told import Told
from csi_service.schema.calculate import options
from csi_service.schema.fields import (
    MOST,
    Choice,
    Described,
    Number,
    StrictSchema,
    Text,
    fault,
    kind_of,
    read_number,
    refusal,
)
from csi_service.schema.weights import WeightsNamed

SELECTIONS = ("random", "targeted", "calibration")
_RATINGS: dict[object, int] = {
    **{level: level for level in range(1, len(LEVELS) + 1)},
    **{name: level for names in (LEVELS, CHINESE) for level, name in enumerate(names, 1)},
}


class LevelCounts(Described, fields.Field[list[float]]):
    """How many calls were rated at each level: five numbers from level 1 up, or an object of level names."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> list[float]:
        if type(value) is list and len(value) == len(LEVELS):
            items: dict[Any, Any] = dict(enumerate(value))
        elif type(value) is dict:
            if unknown := [name for name in value if name not in LEVELS]:
                text = fault(Told("is no level; known are {names}", names=", ".join(LEVELS)), "unknown_key")
                raise ValidationError({name: [text] for name in unknown})
            items = dict.fromkeys(LEVELS, 0) | value
        else:
            found = Told("a list of {count}", count=len(value)) if type(value) is list else kind_of(value)
            raise refusal(
                Told(
                    "must be a list of {count} numbers or an object of level names, found {found}",
                    count=len(LEVELS),
                    found=found,
                ),
                "levels",
            )
        counts, messages = [], {}
        for key, item in items.items():
            try:
                counts.append(read_number(item))
            except ValidationError as error:
                messages[key] = error.messages
        if messages:
            raise ValidationError(messages)
        return counts

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return both shapes."""
        number = {"type": "number", "minimum": 0, "maximum": MOST}
        listed = {"type": "array", "items": number, "minItems": len(LEVELS), "maxItems": len(LEVELS)}
        named = {"type": "object", "properties": dict.fromkeys(LEVELS, number), "additionalProperties": False}
        return {"oneOf": [listed, named]}


class Ratings(Described, fields.Field[list[float]]):
    """One rating for each rated call, as a number 1 to 5 or the level's name; loads to the counts by level."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> list[float]:
        if type(value) is not list:
            raise refusal(Told("must be a list of ratings, found {found}", found=kind_of(value)), "type")
        counts, messages = [0.0] * len(LEVELS), {}
        for index, rating in enumerate(value):
            level = _RATINGS.get(rating) if type(rating) in (int, float, str) else None
            if level is None:
                messages[index] = [fault(Told("is not a rating; accepted are {names}", names=LEVEL_NAMES), "bad_level")]
            else:
                counts[level - 1] += 1
        if messages:
            raise ValidationError(messages)
        return counts

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the levels as numbers and names."""
        number = {"type": "integer", "minimum": 1, "maximum": len(LEVELS)}
        return {
            "type": "array",
            "items": {"anyOf": [number, {"enum": [*LEVELS, *CHINESE]}]},
            "example": [5, "satisfied", "一般"],
        }


class Batch(StrictSchema):
    """A sample batch: the calls it stands for and its ratings, as counts by level or one by one."""

    batch = Text(64, 1, required=True, metadata={"description": "the batch's id", "example": "2026-01-A"})
    selection = Choice(
        *SELECTIONS,
        load_default="random",
        metadata={"description": "how its calls were chosen; only random ones enter the shares"},
    )
    population = Number(allow_none=True, load_default=None, metadata={"description": "calls that the batch stands for"})
    weight = Number(allow_none=True, load_default=None, metadata={"description": "its weight, with weighting explicit"})
    counts = LevelCounts(metadata={"description": "rated calls by level, instead of ratings"})
    ratings = Ratings(metadata={"description": "one rating a call, instead of counts"})

    @validates_schema(skip_on_field_errors=False)
    def either(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse counts and ratings together."""
        if "counts" in data and "ratings" in data:
            raise ValidationError([fault("gives counts and ratings; give one of the two", "shape")])


class CalculateRatings(StrictSchema.from_dict(options(), name="Options")):  # type: ignore[misc]  # made at run time
    """Sample batches of ratings given by quality raters."""

    batches = fields.List(
        fields.Nested(Batch), required=True, error_messages={"invalid": fault("must be a list of batches", "type")}
    )
    weighting = Choice(*WEIGHTINGS, metadata={"description": "what a batch weighs; without it as the weights say"})

    @validates_schema(skip_on_field_errors=True)
    def consistent(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a batch that stands twice, and explicit weighting without weights."""
        seen: set[str] = set()
        faults = []
        for index, batch in enumerate(data["batches"]):
            if batch["batch"] in seen:
                faults.append(fault("stands twice; give each batch once", "duplicate", (index, "batch")))
            seen.add(batch["batch"])
            if data.get("weighting") == "explicit" and batch["weight"] is None and batch["selection"] == "random":
                faults.append(
                    fault("is missing; with weighting explicit each random batch has one", "missing", (index, "weight"))
                )
        if faults:
            raise ValidationError({"batches": faults})


def _levels(text: str, kind: fields.Field[Any]) -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=kind, required=True, metadata={"description": text})


class Apart(Schema):
    """A batch that was not chosen at random, with its own counts."""

    batch = fields.String(required=True)
    selection = fields.String(required=True, metadata={"enum": list(SELECTIONS[1:])})
    n = fields.Float(required=True)
    counts = _levels("rated calls by level", fields.Float())


class RatingsScored(Schema):
    """Level shares over the random batches: the raters' judgement, not the customers' own."""

    node = fields.String(required=True)
    shares = _levels("share of each level, exact", fields.Float(allow_none=True))
    percents = _levels("the same as whole per cents that add up to 100, for showing", fields.Float(allow_none=True))
    satisfied = fields.Float(required=True, allow_none=True, metadata={"description": "share of the satisfied levels"})
    mean = fields.Float(required=True, allow_none=True, metadata={"description": "mean level, 1 to 5"})
    n = fields.Float(required=True, metadata={"description": "rated calls"})
    batches = fields.Integer(required=True, metadata={"description": "random batches that have ratings"})
    weighting = fields.String(required=True, metadata={"enum": list(WEIGHTINGS)})
    fallback = fields.Boolean(
        required=True, metadata={"description": "a batch lacked its population, so each weighs its sample"}
    )
    empty_batches = fields.List(fields.String(), required=True)
    reason = fields.String(required=True, allow_none=True)
    judged_by = fields.String(required=True, metadata={"enum": ["quality raters"]})
    apart = fields.List(
        fields.Nested(Apart), required=True, metadata={"description": "targeted and calibration batches"}
    )
    weights = fields.Nested(WeightsNamed, required=True)
    warnings = fields.List(fields.String(), required=True)
