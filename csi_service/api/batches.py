"""Batches and their plans: planned, drawn, listed, worked off. POST /batches itself stands in records.py."""

import http
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from flask import Response, g
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError

from csi_service.access import Caller
from csi_service.api.auth import requires
from csi_service.api.body import answer, dumps, read_body
from csi_service.api.query import read_query
from csi_service.errors import InvalidInputError
from csi_service.schema.batches import (
    AwayBody,
    BatchBody,
    BatchesQuery,
    BatchPage,
    WorklistBody,
    WorklistQuery,
    record_body,
    worklist_body,
)
from csi_service.schema.cells import MOST_ID
from csi_service.schema.plans import MOST_NAME, PlannedBatch, load_plan
from csi_service.schema.problem import problems_of
from csi_service.schema.scores import plain
from csi_service.services import Services
from csi_service.store.answers import Answer, Once
from csi_service.store.draws import draw_plan
from csi_service.store.plans import Listed, Plan, find_batch, list_batches, send_plan
from csi_service.store.sample_frame import Stratum
from csi_service.store.worklists import Progress, is_overdue, mark_away, progress, worklist

PLAN = PlannedBatch()
Body = dict[str, Any]
_SEED_BITS = 31


def _path(name: str, most: int, about: str) -> Body:
    schema = {"type": "string", "minLength": 1, "maxLength": most, "pattern": "^[^/]+$"}
    return {"in": "path", "name": name, "required": True, "schema": schema, "description": about}


_BATCH = _path("batch", MOST_NAME, "the plan's name")
_ANY = _path("batch", MOST_ID, "the name of a batch or plan")
_RATER = _path("rater", MOST_ID, "the name of the rater's key")
_DRAW = (
    "Each stratum becomes a batch with its population, so that shares are weighted rightly; its calls are shared out "
    "to the raters, who never get calls of their own or of teams that their keys do not see. A plan is drawn once."
)
_AWAY = (
    "The undone calls of one who is away go to the others, in proportion to their shares; in a calibration nothing "
    "moves. What has moved stays when somebody is back."
)


def blueprint(services: Services) -> Blueprint:
    """Return the routes."""
    found = Blueprint("batches", __name__, url_prefix="/api/v1/batches", description="Samples: plans and worklists.")

    @found.route("", methods=["GET"], endpoint="list")
    @_documented(
        found, (422,), operationId="list_batches", summary="All batches, plans with their progress", query=BatchesQuery
    )
    @found.response(200, BatchPage)
    @requires("batch.read")
    def listed() -> Response:
        asked = read_query(BatchesQuery())
        with services.store().database.reading() as connection:
            rows, cursor = list_batches(connection, _caller(), asked.get("cursor"), asked["limit"])
            done = progress(connection, [row.plan for row in rows if row.plan is not None])
        bodies = [_body(services, row, done, strata=False) for row in rows]
        return answer(plain({"batches": bodies, "next_cursor": cursor}))

    @found.route("/<batch>", methods=["GET"], endpoint="one", parameters=[_ANY])
    @_documented(found, (404,), operationId="get_batch", summary="A batch: its plan, draw and progress by rater")
    @found.response(200, BatchBody)
    @requires("batch.read")
    def one(batch: str) -> Response:
        with services.store().database.reading() as connection:
            row = find_batch(connection, batch, _caller())
            done = progress(connection, [row.plan] if row.plan is not None else [])
        return answer(plain(_body(services, row, done)))

    _of_a_plan(found, services)
    return found


def _of_a_plan(found: Blueprint, services: Services) -> None:
    """Add the routes of what is done with a plan."""

    @found.route("/<batch>/draw", methods=["POST"], endpoint="draw", parameters=[_BATCH])
    @_documented(found, (404, 409, 422), operationId="draw_batch", summary="Draw a plan's calls", description=_DRAW)
    @found.response(200, BatchBody)
    @requires("sample.write")
    def draw(batch: str) -> Response:
        return _answer_plan(services, draw_plan(services.store(), batch, _caller(), services.now()))

    @found.route("/<batch>/worklist", methods=["GET"], endpoint="worklist", parameters=[_BATCH])
    @_documented(
        found,
        (404, 409, 422),
        operationId="get_worklist",
        summary="A rater's next calls",
        description="A rater sees their own list, a lead or analyst any.",
        query=WorklistQuery,
    )
    @found.response(200, WorklistBody)
    @requires("batch.read")
    def next_calls(batch: str) -> Response:
        asked = read_query(WorklistQuery())
        rater = asked.get("rater")
        with services.store().database.reading() as connection:
            list_ = worklist(connection, batch, _caller(), rater, asked["limit"], services.today())
        return answer(plain(worklist_body(list_)))

    @found.route("/<batch>/raters/<rater>", methods=["PUT"], endpoint="rater", parameters=[_BATCH, _RATER])
    @_documented(
        found,
        (400, 404, 409, 413, 415, 422),
        operationId="put_batch_rater",
        summary="Say that a rater is away, or back",
        description=_AWAY,
        requestBody={"required": True, "content": {"application/json": {"schema": AwayBody}}},
    )
    @found.response(200, BatchBody)
    @requires("sample.write")
    def put_rater(batch: str, rater: str) -> Response:
        away = _away(read_body())
        return _answer_plan(services, mark_away(services.store(), batch, rater, away, _caller(), services.now()))


def _documented(found: Blueprint, refusals: Iterable[int], query: type[Schema] | None = None, **texts: Any) -> Any:
    """Return a decorator that documents a view, its query and its refusals."""
    if query is not None:
        texts["parameters"] = [{"in": "query", "schema": query}]

    def decorate(view: Any) -> Any:
        for status in (*refusals, 503):
            view = found.alt_response(status, http.HTTPStatus(status).name)(view)
        return found.doc(**texts)(view)

    return decorate


def is_plan(body: object) -> bool:
    """Tell whether a body sent to /batches is a plan, and no plain record."""
    return type(body) is dict and "plan" in body


def plan(services: Services, body: Any, once: Once | None) -> Answer:
    """Keep a plan that was sent to /batches and return what it buys, as the answer to be kept."""

    def tell(connection: sa.Connection, made: Plan) -> Answer:
        return Answer(201, dumps(plain(_plan_body(services, connection, made))).decode())

    seed = secrets.randbits(_SEED_BITS)
    return send_plan(services.store(), load_plan(body), _caller(), seed, services.now(), tell, once)


def _caller() -> Caller:
    caller: Caller = g.caller
    return caller


def _away(body: Any) -> bool:
    try:
        return bool(AwayBody().load(body)["away"])
    except ValidationError as error:
        raise InvalidInputError(*problems_of(error, body)) from error


def _answer_plan(services: Services, made: Plan) -> Response:
    with services.store().database.reading() as connection:
        return answer(plain(_plan_body(services, connection, made)))


def _plan_body(services: Services, connection: sa.Connection, made: Plan) -> Body:
    return _body(services, Listed(made.batch, made, None), progress(connection, [made]))


def _body(services: Services, row: Listed, done: dict[str, Progress], strata: bool = True) -> Body:
    if row.plan is None:
        return record_body(row.record or {})
    made, today = row.plan, services.today()
    named = ("batch", "seed", "teams", "created_at", "created_by", "drawn_at", "drawn_by")
    body = {name: getattr(made, name) for name in named} | {
        "period": made.wanted.period.label,
        "selection": made.wanted.selection,
        "in_progress": made.wanted.period.last >= today,
        "due_on": made.wanted.due_on,
        "plan": made.sent,
        "population": sum(stratum.population for stratum in made.strata),
        "sample": sum(stratum.sample for stratum in made.strata),
        "buys": asdict(made.buys(made.strata)),
        **_progress_body(made, done[made.batch], today),
    }
    return body | ({"strata": [_stratum_body(made, stratum) for stratum in made.strata]} if strata else {})


def _progress_body(made: Plan, done: Progress, today: Any) -> Body:
    left = done.calls - done.done
    whole = {"calls": done.calls, "done": done.done, "left": left, "unassigned": done.unassigned}
    names = ("share", "away", "calls", "done", "left")
    raters = [{"name": each.rater} | {name: getattr(each, name) for name in names} for each in done.shares]
    return {"progress": whole | {"overdue": is_overdue(made, left, today)}, "raters": raters}


def _stratum_body(made: Plan, stratum: Stratum) -> Body:
    named = ("batch", "calls", "evaluated", "population", "sample")
    return {name: getattr(stratum, name) for name in named} | {
        "members": dict(zip(made.wanted.strata, stratum.members, strict=True)),
        "short": stratum.population < (made.wanted.min_per or 0),
        **asdict(made.buys([stratum])),
    }
