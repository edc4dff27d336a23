"""Batches, their plans, worklists and progress as answers."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from csi_service.facts.kinds import SELECTIONS
from csi_service.schema.cells import MOST_ID, Cell
from csi_service.schema.fields import StrictSchema, Text
from csi_service.schema.paging import Limit, Paged

Body = dict[str, Any]


class BatchesQuery(Paged):
    """Which page of the batches."""

    cursor = Text(MOST_ID, 1, metadata={"description": "next_cursor of the page before this one"})


class WorklistQuery(StrictSchema):
    """Whose list is asked for, and how many of its calls."""

    rater = Cell("text", metadata={"description": "whose; without it your own"})
    limit = Limit(load_default=20, metadata={"description": "calls at most; 20 by default"})


class AwayBody(StrictSchema):
    """Whether a rater is away."""

    away = Cell("flag", required=True, metadata={"description": "true: their undone calls go to the others"})


def _count(text: str) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": text})


class Buys(Schema):
    """What a random sample buys for a share of its calls; null where it enters no estimate."""

    half_width = fields.Float(
        required=True, allow_none=True, metadata={"description": "of the 95 % interval, a fraction"}
    )
    needed_for_5_points = fields.Integer(
        required=True, allow_none=True, metadata={"description": "calls for +-0.05, of all its population"}
    )
    needed_for_3_points = fields.Integer(required=True, allow_none=True, metadata={"description": "calls for +-0.03"})


class StratumBody(Buys):
    """A stratum: the batch that its drawn calls make, and what it stands for."""

    batch = fields.String(required=True, metadata={"description": "what an evaluation of its calls names"})
    members = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    calls = _count("its calls of the period that could be drawn")
    evaluated = _count("those that were evaluated already, and are left out")
    population = _count("the calls that its sample stands for: what is left")
    sample = _count("calls that are drawn")
    short = fields.Boolean(required=True, metadata={"description": "it has fewer calls than the plan's min_per"})


class ShareBody(Schema):
    """A rater's part."""

    name = fields.String(required=True)
    share = fields.Float(required=True)
    away = fields.Boolean(required=True)
    calls = _count("given to them")
    done = _count("those that they have evaluated")
    left = _count("those still to do")


class ProgressBody(Schema):
    """How far a drawn plan is."""

    calls = _count("given out; of a calibration each counts for each rater")
    done = _count("evaluated")
    left = _count("still to do")
    unassigned = _count("calls that none of the raters may rate")
    overdue = fields.Boolean(required=True, metadata={"description": "the last day has passed and something is left"})


class BatchBody(Schema):
    """A batch: a plan with its draw and progress, or a plain record."""

    batch = fields.String(required=True)
    period = fields.String(required=True)
    selection = fields.String(required=True, metadata={"enum": list(SELECTIONS)})
    population = fields.Float(required=True, allow_none=True)
    stratum = fields.String(allow_none=True, metadata={"description": "of a plain record"})
    description = fields.String(allow_none=True, metadata={"description": "of a plain record"})
    plan = fields.Dict(required=True, allow_none=True, metadata={"description": "as sent; null: a plain record"})
    seed = fields.Integer()
    in_progress = fields.Boolean(metadata={"description": "the period has not ended; later calls are in no draw"})
    teams = fields.List(
        fields.String(), allow_none=True, metadata={"description": "the only teams that it draws from; null: all"}
    )
    created_at = fields.AwareDateTime()
    created_by = fields.String()
    drawn_at = fields.AwareDateTime(allow_none=True)
    drawn_by = fields.String(allow_none=True)
    due_on = fields.Date(allow_none=True)
    sample = fields.Integer(metadata={"description": "calls that are drawn, all strata together"})
    buys = fields.Nested(Buys)
    strata = fields.List(fields.Nested(StratumBody))
    raters = fields.List(fields.Nested(ShareBody))
    progress = fields.Nested(ProgressBody)


class BatchPage(Schema):
    """Batches by name; plans without their strata."""

    batches = fields.List(fields.Nested(BatchBody), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata={"description": "null on the last page"})


class WorklistCall(Schema):
    """A call to rate."""

    call_id = fields.String(required=True)
    batch = fields.String(required=True, metadata={"description": "to be named by its evaluation"})
    started_at = fields.AwareDateTime(required=True)
    team = fields.String(required=True, allow_none=True)
    agent = fields.String(required=True, allow_none=True)


class WorklistBody(Schema):
    """A rater's next calls, in the order in which they are to be worked off."""

    batch = fields.String(required=True)
    rater = fields.String(required=True)
    due_on = fields.Date(required=True, allow_none=True)
    overdue = fields.Boolean(required=True)
    calls_in_all = _count("given to the rater")
    done = _count("those evaluated")
    left = _count("those still to do")
    calls = fields.List(fields.Nested(WorklistCall), required=True)


def record_body(record: Mapping[str, Any]) -> Body:
    """Return a plain batch record."""
    named = {name: record[name] for name in ("batch", "period", "population", "stratum", "description")}
    return {**named, "selection": record["selection"] or "random", "plan": None}


def worklist_body(found: Any) -> Body:
    """Return a worklist."""
    return {
        "batch": found.plan.batch,
        "rater": found.share.rater,
        "due_on": found.plan.wanted.due_on,
        "overdue": found.overdue,
        "calls_in_all": found.share.calls,
        "done": found.share.done,
        "left": found.share.left,
        "calls": list(found.calls),
    }
