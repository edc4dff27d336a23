"""The rollup of ratings over the API: the query and the answer."""

from marshmallow import Schema, fields

from csi_service.core.levels import LEVELS, WEIGHTINGS
from csi_service.core.periods import FORMS
from csi_service.facts.kinds import SELECTIONS
from csi_service.schema.calculate import PeriodField
from csi_service.schema.kept_scores import About, Keys, Narrowed, Span

_LEVELS = ", ".join(LEVELS)


def _levels(text: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Float(allow_none=True),
        required=True,
        metadata={"description": f"{text}, by {_LEVELS}"},
    )


class RollupQuery(Narrowed):
    """The ratings of a period."""

    period = PeriodField(required=True, metadata={"description": f"local days: {FORMS}", "example": "2026-01"})
    by = Keys(metadata={"description": "group by one or two dimensions; repeated or with a comma"})


class SharesBody(Schema):
    """Level shares of a group or of all."""

    shares = _levels("exact share of each level")
    percents = _levels("the same as whole per cents that add up to 100, for showing")
    mean = fields.Float(required=True, allow_none=True, metadata={"description": "mean level, 1 to 5"})
    satisfied = fields.Float(required=True, allow_none=True, metadata={"description": "share of the satisfied levels"})
    n = fields.Float(required=True, metadata={"description": "rated calls"})
    batches = fields.Integer(required=True, metadata={"description": "batches that have ratings"})
    raters = fields.Integer(required=True, metadata={"description": "people who rated"})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "why there are no shares"})


class GroupShares(SharesBody):
    """Level shares of a group."""

    group = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class Part(Schema):
    """Level shares by group and in total."""

    groups = fields.List(fields.Nested(GroupShares), required=True)
    total = fields.Nested(SharesBody, required=True)


class ApartShares(Part):
    """Ratings of samples that were not chosen at random: pooled, no estimate of anything."""

    selection = fields.String(required=True, metadata={"enum": list(SELECTIONS[1:])})


class BatchShares(Schema):
    """A batch with its ratings."""

    batch = fields.String(required=True, allow_none=True, metadata={"description": "null: ratings that name none"})
    selection = fields.String(required=True, metadata={"enum": list(SELECTIONS)})
    first = fields.Date(required=True, allow_none=True)
    last = fields.Date(required=True, allow_none=True)
    population = fields.Float(required=True, allow_none=True, metadata={"description": "calls it stands for"})
    n = fields.Float(required=True, metadata={"description": "rated calls; 0: counts nothing"})
    counts = _levels("rated calls")


class RatingShares(Span, About, Part):
    """The raters' judgement of a period, over its random samples; not the customers' own, and no part of the CSI."""

    judged_by = fields.String(required=True, metadata={"enum": ["quality raters"]})
    weighting = fields.String(required=True, metadata={"enum": list(WEIGHTINGS)})
    fallback = fields.Boolean(
        required=True, metadata={"description": "a batch lacked its population, so each weighs its sample"}
    )
    empty_batches = fields.List(fields.String(), required=True, metadata={"description": "random ones without ratings"})
    apart = fields.List(fields.Nested(ApartShares), required=True, metadata={"description": "targeted, calibration"})
    batches = fields.List(fields.Nested(BatchShares), required=True)
