"""Appeals: POST /evaluations/<id>/appeal, POST /appeals/<number>/decision, GET /appeals."""

import http
from collections.abc import Iterable
from typing import Any

from flask import Response, g
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError

from csi_service.access import Caller
from csi_service.api.auth import requires
from csi_service.api.body import answer, read_body
from csi_service.api.query import read_query
from csi_service.errors import InvalidInputError
from csi_service.schema.appeals import (
    NEW_VALUES,
    UPHELD,
    AppealBody,
    AppealPage,
    AppealShown,
    AppealsQuery,
    DecisionBody,
)
from csi_service.schema.problem import problems_of
from csi_service.schema.scores import plain
from csi_service.services import Services
from csi_service.store.appeals import Appeal, AppealFilter, Decision, decide_appeal, file_appeal, list_appeals

Body = dict[str, Any]
_NAMES = tuple(AppealShown().fields)
_EVALUATION = {
    "in": "path",
    "name": "number",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    "description": "the evaluation's id",
}
_APPEAL = {
    "in": "path",
    "name": "number",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999_999_999},
    "description": "the appeal's number",
}
_FILE = "By a lead who sees the agent's team; once for each evaluation, whatever becomes of it."
_DECIDE = (
    "By another lead: neither who filed it nor who evaluated. Upheld with new values the evaluation is replaced, or "
    "withdrawn if so asked, and the figures of its day follow; both stand in the audit trail."
)


def blueprint(services: Services) -> Blueprint:
    """Return the routes."""
    found = Blueprint("appeals", __name__, url_prefix="/api/v1", description="Disputed evaluations.")

    @found.route("/evaluations/<path:number>/appeal", methods=["POST"], endpoint="file", parameters=[_EVALUATION])
    @_documented(
        found, (404, 409), AppealBody, operationId="file_appeal", summary="Dispute an evaluation", description=_FILE
    )
    @found.response(201, AppealShown)
    @requires("appeal.write")
    def file(number: str) -> Response:
        reason = _load(AppealBody())["reason"]
        return answer(_shown(file_appeal(services.store(), number, reason, _caller(), services.now())), 201)

    @found.route(
        "/appeals/<int(max=999999999999999):number>/decision", methods=["POST"], endpoint="decide", parameters=[_APPEAL]
    )
    @_documented(
        found, (404, 409), DecisionBody, operationId="decide_appeal", summary="Decide an appeal", description=_DECIDE
    )
    @found.response(200, AppealShown)
    @requires("appeal.decide")
    def decide(number: int) -> Response:
        sent = _load(DecisionBody())
        values = {name: sent[name] for name in NEW_VALUES if name in sent}
        decision = Decision(sent["decision"] == UPHELD, sent["note"], values, sent["withdraw"])
        return answer(_shown(decide_appeal(services.store(), number, decision, _caller(), services.now())))

    _add_list(found, services)
    return found


def _add_list(found: Blueprint, services: Services) -> None:
    @found.route("/appeals", methods=["GET"], endpoint="list")
    @found.doc(
        operationId="list_appeals",
        summary="Appeals, the newest first",
        description="A rater sees those against their own evaluations.",
        parameters=[{"in": "query", "schema": AppealsQuery}],
    )
    @found.response(200, AppealPage)
    @found.alt_response(422, http.HTTPStatus(422).name)
    @found.alt_response(503, http.HTTPStatus(503).name)
    @requires("appeal.read")
    def listed() -> Response:
        asked = read_query(AppealsQuery())
        limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
        filters = AppealFilter(filed=asked.pop("period", None), **asked)
        zone = services.settings.time_zone
        with services.store().database.reading() as connection:
            rows, after = list_appeals(
                connection, filters, _caller(), zone, None if cursor is None else int(cursor), limit
            )
        return answer({"appeals": [_shown(row) for row in rows], "next_cursor": None if after is None else str(after)})


def _documented(found: Blueprint, refusals: Iterable[int], body: type[Schema], **texts: Any) -> Any:
    """Return a decorator that documents a view, its body and its refusals."""
    texts["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}

    def decorate(view: Any) -> Any:
        for status in (400, *refusals, 413, 415, 422, 503, 507):
            view = found.alt_response(status, http.HTTPStatus(status).name)(view)
        return found.doc(**texts)(view)

    return decorate


def _caller() -> Caller:
    caller: Caller = g.caller
    return caller


def _load(schema: Schema) -> Body:
    body = read_body()
    try:
        return dict(schema.load(body))
    except ValidationError as error:
        raise InvalidInputError(*problems_of(error, body)) from error


def _shown(appeal: Appeal) -> Body:
    return dict(plain({name: getattr(appeal, name) for name in _NAMES}))
