"""Ratings and evaluations of calls over the API: the bodies, the lists with their filters, the answers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from csi_service.core.levels import CHINESE, LEVELS
from csi_service.core.periods import FORMS
from csi_service.facts.kinds import SELECTIONS, Field, Kind
from csi_service.schema.calculate import PeriodField
from csi_service.schema.cells import MOST_ID, read_level
from csi_service.schema.fields import Choice, Described, Text
from csi_service.schema.kept_scores import Keys
from csi_service.schema.paging import Paged
from csi_service.schema.records import RecordResult, RecordResults, schema_of


def _fields(text: str) -> tuple[Field, ...]:
    """Fields from name:type words; those with a ! must be given."""
    pairs = [word.split(":") for word in text.split()]
    return tuple(Field(name, type_.rstrip("!"), type_.endswith("!")) for name, type_ in pairs)


_JUDGED = "score:number full_marks:number delight:flag rating:level form:text form_version:text answers:answers"
RATING = schema_of(
    Kind(
        "ratings",
        ("call_id", "batch", "rater"),
        None,
        _fields("call_id:text! rating:level! batch:text rated_at:instant comment:comment rater:text"),
    )
)
RATING_CHANGE = schema_of(
    Kind("changed_ratings", (), None, _fields("rating:level! rated_at:instant comment:comment")),
)
EVALUATION = schema_of(
    Kind(
        "judged_calls",
        ("evaluation_id",),
        None,
        _fields(
            f"call_id:text! evaluation_id:text evaluated_at:instant {_JUDGED} batch:text rater:text comment:comment "
            "team:text agent:text queue:text"
        ),
    )
)
EVALUATION_CHANGE = schema_of(
    Kind("changed_evaluations", (), None, _fields(f"evaluated_at:instant {_JUDGED} comment:comment")),
)


class Level(Described, fields.Field[int]):
    """A level in a query: a number 1 to 5 or its name."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        return read_level(value)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return the numbers and names."""
        return {"type": "string", "enum": ["1", "2", "3", "4", "5", *LEVELS, *CHINESE]}


class JudgementsQuery(Paged):
    """Which ratings or evaluations to list; a filter that is absent lets all pass."""

    period = PeriodField(metadata={"description": f"the local days on which they count: {FORMS}"})
    rater = Text(MOST_ID, 1, metadata={"description": "who judged"})
    batch = Text(MOST_ID, 1, metadata={"description": "a batch, or a plan with all its strata"})
    call_id = Text(MOST_ID, 1, metadata={"description": "the call"})
    team = Text(MOST_ID, 1, metadata={"description": "the call's team"})
    agent = Text(MOST_ID, 1, metadata={"description": "the call's agent"})
    level = Level(metadata={"description": "rated so"})
    cursor = Text(400, 1, metadata={"description": "next_cursor of the page before this one"})


class StatisticsQuery(JudgementsQuery):
    """Which evaluations by a form to sum up."""

    class Meta:
        """What a sum has no use for."""

        exclude = ("limit", "cursor", "call_id", "level")

    period = PeriodField(required=True, metadata={"description": f"the local days on which they count: {FORMS}"})
    by = Keys(metadata={"description": "group by one or two dimensions of the calls"})
    form = Text(MOST_ID, 1, metadata={"description": "only those by this form"})
    selection = Choice(
        *SELECTIONS, load_default="random", metadata={"description": "how their calls were chosen; random by default"}
    )


class RatingResult(RecordResult):
    """What became of one rating."""

    unmatched = fields.Boolean(metadata={"description": "its call is not kept as yet; it counts for no team till then"})


class RatingResults(RecordResults):
    """What became of the ratings of a list: how many, and each."""

    unmatched = fields.Integer(required=True)
    results = fields.List(fields.Nested(RatingResult), required=True)


class SectionBody(Schema):
    """What a section of a form came to."""

    name = fields.String(required=True)
    score = fields.Float(required=True, allow_none=True, metadata={"description": "0 to 1; null: nothing applied"})
    earned = fields.Float(required=True)
    possible = fields.Float(required=True)
    weight = fields.Float(required=True, metadata={"description": "the share of the score that it really had"})


class FormResult(Schema):
    """What the answers to a form came to."""

    form = fields.String(required=True)
    version = fields.String(required=True, metadata={"description": "digest of the form as it was answered"})
    score = fields.Float(required=True, allow_none=True, metadata={"description": "0 to 1; null: nothing applied"})
    score_before_critical = fields.Float(required=True, allow_none=True)
    earned = fields.Float(required=True, metadata={"description": "points, after critical items"})
    possible = fields.Float(required=True, metadata={"description": "points of the items that applied"})
    sections = fields.List(fields.Nested(SectionBody), required=True)
    critical_failures = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, metadata={"description": "item: whom it hurts"}
    )
    na_share = fields.Float(required=True, metadata={"description": "share of the items answered na"})


class EvaluationResult(RatingResult):
    """What became of one evaluation; with the answers to a form, what they came to."""

    delight = fields.Boolean(allow_none=True)
    form_result = fields.Nested(FormResult)


class EvaluationResults(RatingResults):
    """What became of the evaluations of a list: how many, and each."""

    results = fields.List(fields.Nested(EvaluationResult), required=True)


class RatingBody(Schema):
    """A rating as it is kept."""

    id = fields.String(required=True)
    call_id = fields.String(required=True)
    rating = fields.Integer(required=True)
    level = fields.String(required=True, metadata={"enum": list(LEVELS)})
    level_zh = fields.String(required=True, metadata={"enum": list(CHINESE)})
    rated_at = fields.AwareDateTime(required=True)
    batch, rater, comment, team, agent = (fields.String(required=True, allow_none=True) for _ in range(5))
    unmatched = fields.Boolean(required=True, metadata={"description": "its call is not kept as yet"})
    day = fields.Date(required=True, metadata={"description": "the local day on which it counts"})
    revision = fields.Integer(required=True, metadata={"description": "as in the ETag"})


class EvaluationBody(Schema):
    """An evaluation as it is kept."""

    id = fields.String(required=True)
    call_id = fields.String(required=True)
    evaluated_at = fields.AwareDateTime(required=True)
    score, full_marks = (fields.Float(required=True, allow_none=True) for _ in range(2))
    delight = fields.Boolean(required=True, allow_none=True)
    rating = fields.Integer(required=True, allow_none=True)
    batch, rater, form, comment, team, agent = (fields.String(required=True, allow_none=True) for _ in range(6))
    answers = fields.Dict(required=True, allow_none=True, metadata={"description": "to the items of the form"})
    form_result = fields.Nested(FormResult, required=True, allow_none=True)
    unmatched = fields.Boolean(required=True, metadata={"description": "its call is not kept as yet"})
    day = fields.Date(required=True, metadata={"description": "the local day on which it counts"})
    revision = fields.Integer(required=True, metadata={"description": "as in the ETag"})


class RatingsPage(Schema):
    """Ratings, the newest day first."""

    ratings = fields.List(fields.Nested(RatingBody), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})


class EvaluationsPage(Schema):
    """Evaluations, the newest day first."""

    evaluations = fields.List(fields.Nested(EvaluationBody), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})
