"""Agreement of raters as an answer."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from csi_service.core.levels import LEVELS
from csi_service.schema.calculate import PeriodField
from csi_service.schema.cells import Cell
from csi_service.schema.fields import StrictSchema, fault


class CalibrationQuery(StrictSchema):
    """Whose ratings: those of a period, of a batch or plan, or of both."""

    period = PeriodField(metadata={"description": "in any form of a period"})
    batch = Cell("text", metadata={"description": "a batch, or a plan with all its strata"})

    @validates_schema(skip_on_field_errors=True)
    def some(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a query for everything."""
        if not data:
            raise ValidationError([fault("names neither period nor batch; give one of them, or both", "missing")])


def _number(text: str) -> fields.Float:
    return fields.Float(required=True, allow_none=True, metadata={"description": text})


def _count(text: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": text})


class AlphaBody(Schema):
    """Krippendorff's alpha for ordered levels: 1 is perfect agreement, 0 what chance gives."""

    value = _number("null with a reason where there is none")
    reason = fields.String(required=True, allow_none=True, metadata={"enum": ["no_data", "no_variation", None]})
    reading = fields.String(
        required=True,
        allow_none=True,
        metadata={"enum": ["good", "tentative", "poor", None], "description": "from 0.8, from 0.667, below"},
    )
    calls = _count("calls that several people rated")
    ratings = _count("their ratings")


class PairBody(Schema):
    """How alike two raters are on the calls that both rated."""

    a = fields.String(required=True)
    b = fields.String(required=True)
    calls = _count("rated by both")
    kappa = _number("quadratic kappa; null where their levels do not vary")
    same_share = _number("share of equal levels")
    difference = _number("mean level of a less that of b")


class SeverityBody(Schema):
    """How much higher or lower than the others a rater judges the same calls."""

    rater = fields.String(required=True)
    severity = _number("levels; negative is strict")
    calls = _count("those that somebody else rated too")
    p = _number("of a t test against 0; null with fewer than 2 calls")
    p_adjusted = _number("the same, adjusted for the number of raters (Benjamini-Hochberg)")
    flagged = fields.Boolean(required=True, metadata={"description": "clear enough to talk it over"})


class ConfusionBody(Schema):
    """Which levels met on one call, over all pairs of its raters; the diagonal is agreement."""

    levels = fields.List(fields.String(), required=True)
    table = fields.List(fields.List(fields.Float()), required=True)


class ItemBody(Schema):
    """How far raters differ on an item of a form."""

    form = fields.String(required=True)
    item = fields.String(required=True)
    pairs = _count("pairs of raters who answered it for one call")
    differing_share = _number("pairs that do not give the same answer")
    na_share = _number("pairs of which one only says that it does not apply")
    mean_difference = _number("mean distance of the earned shares where both judged")


class CalibrationBody(Schema):
    """Whether raters judge alike."""

    period = fields.String(required=True, allow_none=True)
    batch = fields.String(required=True, allow_none=True)
    alpha = fields.Nested(AlphaBody, required=True)
    raters = _count("people who rated a call that another rated too")
    publish_levels = fields.Boolean(
        required=True,
        allow_none=True,
        metadata={"description": "false: agreement is too poor for levels to be published; null: it is not known"},
    )
    pairs = fields.List(fields.Nested(PairBody), required=True)
    severity = fields.List(fields.Nested(SeverityBody), required=True)
    confusion = fields.Nested(ConfusionBody, required=True)
    items = fields.List(fields.Nested(ItemBody), required=True, metadata={"description": "what differs most first"})
    items_reason = fields.String(
        required=True, allow_none=True, metadata={"enum": ["no_data", None], "description": "why there are no items"}
    )


def calibration_body(found: Any, period: str | None, batch: str | None) -> dict[str, Any]:
    """Return the agreement of raters as it is answered."""
    alpha = {name: getattr(found.alpha, name) for name in ("value", "reason", "reading", "calls", "ratings")}
    return {
        "period": period,
        "batch": batch,
        "alpha": alpha,
        "raters": found.raters,
        "publish_levels": found.publish_levels,
        "pairs": found.pairs,
        "severity": found.severity,
        "confusion": {"levels": list(LEVELS), "table": found.confusion},
        "items": found.items,
        "items_reason": None if found.items else "no_data",
    }
