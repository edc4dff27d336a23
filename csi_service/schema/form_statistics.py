"""Statistics of evaluations by QA forms over the API: the answer."""

from marshmallow import Schema, fields

from csi_service.facts.kinds import SELECTIONS


def _share(text: str) -> fields.Float:
    return fields.Float(required=True, allow_none=True, metadata={"description": text})


class ScoreStatistics(Schema):
    """The scores of some evaluations, and how many had a critical failure."""

    evaluations = fields.Integer(required=True, metadata={"description": "those with a score"})
    mean = _share("mean score, 0 to 1")
    mean_before_critical = _share("the same as if no critical item zeroed anything")
    critical_share = _share("share of evaluations in which a critical item failed")
    critical_share_customer = _share("one that hurts the customer")
    critical_share_business = _share("one that hurts the business")
    critical_share_compliance = _share("one that breaks a rule or law")


class GroupStatistics(ScoreStatistics):
    """The same of a group."""

    group = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


class RaterStatistics(Schema):
    """How often a rater says that an item does not apply."""

    rater = fields.String(required=True)
    evaluations = fields.Integer(required=True)
    answers = fields.Integer(required=True)
    na_share = _share("share of the answers that were na")


class ItemStatistics(Schema):
    """How an item of a form was answered."""

    form = fields.String(required=True)
    item = fields.String(required=True)
    answers = fields.Integer(required=True)
    judged = fields.Integer(required=True, metadata={"description": "answers without na"})
    na_share = _share("share of the answers that were na")
    met_share = _share("share of those judged that earned all points")
    mean_share = _share("mean share of the points earned, of those judged")


class FormStatisticsBody(Schema):
    """Evaluations by forms of a period."""

    period = fields.String(required=True)
    selection = fields.String(required=True, metadata={"enum": list(SELECTIONS)})
    by = fields.List(fields.String(), required=True)
    evaluations = fields.Integer(required=True, metadata={"description": "all by a form, those without a score too"})
    total = fields.Nested(ScoreStatistics, required=True)
    groups = fields.List(fields.Nested(GroupStatistics), required=True)
    raters = fields.List(fields.Nested(RaterStatistics), required=True)
    items = fields.List(fields.Nested(ItemStatistics), required=True)
