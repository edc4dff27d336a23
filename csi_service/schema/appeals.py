"""Appeals as bodies: filed with a reason, decided with a note and what changes; listed."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from csi_service.core.told import Told
from csi_service.schema.audit import Cursor
from csi_service.schema.calculate import PeriodField
from csi_service.schema.cells import Cell
from csi_service.schema.fields import Choice, StrictSchema, fault
from csi_service.schema.paging import Paged

UPHELD, REJECTED = "upheld", "rejected"
STATUSES = ("open", UPHELD, REJECTED)
NEW_VALUES = ("score", "rating", "delight")


class AppealBody(StrictSchema):
    """Why an evaluation is disputed."""

    reason = Cell("comment", required=True)


class DecisionBody(StrictSchema):
    """What becomes of an appeal; one that is upheld names the evaluation's new values, or withdraws it."""

    decision = Choice(UPHELD, REJECTED, required=True)
    note = Cell("comment", required=True, metadata={"description": "why"})
    score = Cell("number", metadata={"description": "the new score, of the evaluation's full marks"})
    rating = Cell("level", metadata={"description": "the new level"})
    delight = Cell("flag", metadata={"description": "whether an excitement need was met after all"})
    withdraw = Cell("flag", load_default=False, metadata={"description": "true: the evaluation counts no more"})

    @validates_schema(skip_on_field_errors=True)
    def fits(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse what does not fit the decision."""
        given = [name for name in NEW_VALUES if name in data] + ["withdraw"] * data["withdraw"]
        if data["decision"] == REJECTED and given:
            text = Told("cannot be given with a rejection, which changes nothing")
            raise ValidationError({name: [fault(text, "shape")] for name in given})
        if data["decision"] == UPHELD and not given:
            text = Told("changes nothing; give score, rating or delight as they are to be, or withdraw: true")
            raise ValidationError([fault(text, "missing")])
        if data["withdraw"] and len(given) > 1:
            raise ValidationError({"withdraw": [fault("stands beside new values; give one of the two", "shape")]})


class AppealsQuery(Paged):
    """Which appeals to list; a filter that is absent lets all pass."""

    status = Choice(*STATUSES)
    team = Cell("text")
    agent = Cell("text")
    rater = Cell("text", metadata={"description": "who evaluated"})
    filed_by = Cell("text")
    period = PeriodField(metadata={"description": "the local days on which they were filed, in any form of a period"})
    cursor = Cursor(18, metadata={"description": "next_cursor of the page before this one"})


class AppealShown(Schema):
    """An appeal and what became of it."""

    id = fields.Integer(required=True)
    evaluation_id = fields.String(required=True)
    call_id = fields.String(required=True)
    team = fields.String(required=True, allow_none=True)
    agent = fields.String(required=True, allow_none=True)
    rater = fields.String(required=True, allow_none=True, metadata={"description": "who evaluated"})
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    reason = fields.String(required=True)
    filed_at = fields.AwareDateTime(required=True)
    filed_by = fields.String(required=True)
    decided_at = fields.AwareDateTime(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class AppealPage(Schema):
    """Appeals, the newest first."""

    appeals = fields.List(fields.Nested(AppealShown), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})
