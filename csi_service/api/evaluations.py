"""Ratings and evaluations: POST, GET, PUT and DELETE under /ratings and /evaluations; the two differ in what they show.

A rating is an evaluation without a score, and an evaluation with a rating stands in both lists.
"""

import functools
import http
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Response, g, request
from flask_smorest import Blueprint
from werkzeug.exceptions import PreconditionRequired
from werkzeug.routing import BaseConverter

from csi_service.api.auth import requires
from csi_service.api.body import answer, dumps, read_body, spoken
from csi_service.api.examples import RATING_EXAMPLE, RECORDS
from csi_service.api.query import read_query
from csi_service.api.records import ONCE_PARAMETER, read_once, respond
from csi_service.core.levels import CHINESE, LEVELS
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.language import Translate
from csi_service.schema.evaluations import (
    EVALUATION,
    EVALUATION_CHANGE,
    RATING,
    RATING_CHANGE,
    EvaluationBody,
    EvaluationResult,
    EvaluationResults,
    EvaluationsPage,
    JudgementsQuery,
    RatingBody,
    RatingResult,
    RatingResults,
    RatingsPage,
)
from csi_service.schema.fields import kind_of
from csi_service.schema.records import MOST_RECORDS, RecordSchema, Sent, read_records, results_body, told_result
from csi_service.services import Services
from csi_service.store.answers import Answer, find_answer
from csi_service.store.drafts import EVALUATIONS as KIND
from csi_service.store.drafts import Draft, draft_evaluation, draft_rating
from csi_service.store.evaluations import (
    Fits,
    Kept,
    Wanted,
    change_evaluation,
    delete_evaluation,
    find_evaluation,
    list_evaluations,
)
from csi_service.store.judging import Judging, judge
from csi_service.store.sending import Sending

Body = dict[str, Any]


class JudgementId(BaseConverter):
    """The id of a rating or evaluation in a path, slashes included; two words are no ids but what is summed up."""

    regex = "(?!(?:rollup|statistics|.+/appeal)$).+"
    part_isolating = False


@dataclass(frozen=True, slots=True)
class Door:
    """One of the two: its path and the prefix of its numbers, its schemas, its example; `rated` for the ratings."""

    name: str
    rated: bool
    sent: RecordSchema
    change: RecordSchema
    shown: type
    page: type
    result: type
    results: type
    example: Body

    @property
    def prefix(self) -> str:
        """The first letter of the numbers that are made here."""
        return self.name[0]

    def draft(self, item: Sent, services: Services, kept: Kept | None = None) -> Draft:
        """Return a body as a draft; one that changes a kept judgement keeps its time unless it tells another."""
        now, usual = services.now(), None if kept is None else kept.record["evaluated_at"]
        if self.rated:
            return draft_rating(item, now, usual)
        return draft_evaluation(item, now, services.forms, services.store().time_zone, usual)

    def body(self, kept: Kept) -> Body:
        """Return a kept judgement as it is shown."""
        return rating_body(kept) if self.rated else evaluation_body(kept)


DOORS = (
    Door("ratings", True, RATING, RATING_CHANGE, RatingBody, RatingsPage, RatingResult, RatingResults, RATING_EXAMPLE),
    Door(
        "evaluations",
        False,
        EVALUATION,
        EVALUATION_CHANGE,
        EvaluationBody,
        EvaluationsPage,
        EvaluationResult,
        EvaluationResults,
        RECORDS["evaluations"],
    ),
)
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "the ETag of the judgement as you have read it; * for whichever it is",
    "schema": {"type": "string", "pattern": '^("[0-9]{1,18}"|[*])$'},
}
_NUMBER = {
    "in": "path",
    "name": "number",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "not": {"enum": ["rollup", "statistics"]}},
    "description": "its id",
}


def blueprint(services: Services) -> Blueprint:
    """Return the routes."""
    found = Blueprint(
        "evaluations", __name__, url_prefix="/api/v1", description="Quality raters' judgements, one by one."
    )
    found.record(lambda state: state.app.url_map.converters.update(judgement_id=JudgementId))
    sending = functools.cache(lambda: Sending(services.store()))
    for door in DOORS:
        _add_post(found, services, sending, door)
        _add_list(found, services, door)
        _add_one(found, services, door)
    return found


def _documented(
    found: Blueprint, view: Any, statuses: tuple[int, ...], answers: Mapping[int, Any], **texts: Any
) -> Any:
    """The view itself with its documentation, without flask-smorest's wrappers."""
    documented = view
    for number, (status, schema) in enumerate(answers.items()):
        wrap = found.response if number == 0 else found.alt_response
        options = {} if schema is None else {"schema": schema}
        documented = wrap(status, **options)(documented)
    for status in statuses:
        documented = found.alt_response(status, http.HTTPStatus(status).name)(documented)
    view._apidoc = found.doc(**texts)(documented)._apidoc
    return view


def _add_post(found: Blueprint, services: Services, sending: Any, door: Door) -> None:
    path = f"/{door.name}"

    @requires("rating.write")
    def view() -> Response:
        body, once = read_once(services, path)
        store = services.store()
        if (before := find_answer(store, g.caller, once, services.now())) is not None:
            return respond(before)
        drafts = [door.draft(item, services) for item in read_records(door.sent, body)]
        judging = judge(store, drafts, door.prefix, services.settings.unknown_calls, g.caller)
        tell = functools.partial(_tell, judging, type(body) is dict, spoken())
        kept = sending().send(KIND, judging.items, g.caller, services.now(), tell, once, judging)
        return respond(kept)

    listed = {"type": "array", "items": door.sent, "minItems": 1, "maxItems": MOST_RECORDS}
    content = {
        "schema": {"oneOf": [door.sent, listed]},
        "examples": {"one": {"value": door.example}, "several": {"value": [door.example]}},
    }
    _documented(
        found,
        view,
        (400, 404, 409, 413, 415, 422, 503, 507),
        {200: {"oneOf": [door.results, door.result]}, 201: door.result},
        operationId=f"post_{door.name}",
        summary=f"Send {door.name}",
        description=_POST_ABOUT[door.name],
        parameters=[ONCE_PARAMETER],
        requestBody={"required": True, "content": {"application/json": content}},
    )
    found.route(path, endpoint=f"post_{door.name}", methods=["POST"])(view)


_POST_ABOUT = {
    "ratings": (
        f"One rating of a call, or a list of up to {MOST_RECORDS:,}: 1 to 5 or the level's name. A newer rating of "
        "the same call in the same batch by the same rater replaces the older one. You rate in your own name; who may "
        "write for others names the rater. Nobody rates their own call. Where batch names a drawn plan, the call must "
        "be in it. unmatched tells that the call is not kept as yet."
    ),
    "evaluations": (
        f"One evaluation of a call, or a list of up to {MOST_RECORDS:,}: a score of full_marks (100), or the answers "
        "to a QA form, from which score and delight follow; a rating beside. Without form the one in effect on the day "
        "of the evaluation applies; form_version, the version that was read, is refused with 409 where the form has "
        "changed since. Without evaluation_id a newer evaluation of the same call in the same batch by the same rater "
        "replaces the older one. Whose, and of which call, it may be is as with ratings."
    ),
}


def _tell(judging: Judging, alone: bool, translate: Translate, results: list[Body]) -> Answer:
    told = [
        told_result(result, translate) if result["status"] == "rejected" else result | judging.told(result["index"])
        for result in results
    ]
    if alone:
        return Answer(201 if told[0]["status"] == "created" else 200, dumps(told[0]).decode())
    unmatched = sum(result.get("unmatched", False) for result in told)
    counts = results_body(told)
    listed = counts.pop("results")
    return Answer(200, dumps({**counts, "unmatched": unmatched, "results": listed}).decode())


def _add_list(found: Blueprint, services: Services, door: Door) -> None:
    query = JudgementsQuery()

    @requires("rating.read")
    def view() -> Response:
        asked = read_query(query)
        limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
        wanted = Wanted(**asked, rated=door.rated, reader=g.caller.name)
        kept, after = list_evaluations(services.store(), wanted, g.caller.teams, cursor, limit)
        return answer({door.name: [door.body(each) for each in kept], "next_cursor": after})

    _documented(
        found,
        view,
        (422, 503),
        {200: door.page},
        operationId=f"list_{door.name}",
        summary=f"Kept {door.name}, the newest day first",
        parameters=[{"in": "query", "schema": JudgementsQuery}],
    )
    found.route(f"/{door.name}", endpoint=f"list_{door.name}", methods=["GET"])(view)


def _add_one(found: Blueprint, services: Services, door: Door) -> None:
    def find(number: str) -> Kept:
        return find_evaluation(services.store(), number, g.caller, door.rated)

    @requires("rating.read")
    def get(number: str) -> Response:
        kept = find(number)
        return _tagged(answer(door.body(kept)), kept.revision)

    @requires("rating.write")
    def put(number: str) -> Response:
        fits, body = _if_match(), read_body()
        kept = find(number)
        if type(body) is not dict:
            raise InvalidInputError(
                Problem("", Told("must be an object, found {found}", found=kind_of(body)), code="type")
            )
        (item,) = read_records(door.change, body)
        revision = change_evaluation(
            services.store(), kept, door.draft(item, services, kept), fits, g.caller, services.now(), door.rated
        )
        return _tagged(answer(door.body(find(number))), revision)

    @requires("rating.write")
    def delete(number: str) -> Response:
        fits = _if_match()
        delete_evaluation(services.store(), find(number), fits, g.caller, services.now(), door.rated)
        return Response(status=204)

    _document_one(found, door, {"get": get, "put": put, "delete": delete})


def _document_one(found: Blueprint, door: Door, views: dict[str, Any]) -> None:
    """Document the views of a single record by their verbs, and route them."""
    one = door.name.removesuffix("s")
    change = {"required": True, "content": {"application/json": {"schema": door.change}}}
    texts: dict[str, dict[str, Any]] = {
        "get": {"summary": f"One {one}; its ETag is what a change of it is sent with"},
        "put": {
            "summary": f"Change one {one}; call, batch and rater stay",
            "parameters": [_IF_MATCH],
            "requestBody": change,
        },
        "delete": {"summary": f"Delete one {one}", "parameters": [_IF_MATCH]},
    }
    refusals = {
        "get": (404, 503),
        "put": (400, 404, 409, 412, 413, 415, 422, 428, 503, 507),
        "delete": (404, 409, 412, 428, 503, 507),
    }
    for verb, view in views.items():
        answers = {204: None} if verb == "delete" else {200: door.shown}
        _documented(found, view, refusals[verb], answers, operationId=f"{verb}_{one}", **texts[verb])
        found.route(
            f"/{door.name}/<judgement_id:number>",
            endpoint=f"{verb}_{one}",
            methods=[verb.upper()],
            parameters=[_NUMBER],
        )(view)


def _if_match() -> Fits:
    """Whether a revision is one of those that the request names."""
    if "HTTP_IF_MATCH" not in request.environ:
        raise PreconditionRequired("Send If-Match with the ETag of the judgement as you have read it.")
    tags = request.if_match
    return lambda revision: tags.contains(str(revision))


def _tagged(response: Response, revision: int) -> Response:
    response.headers["ETag"] = f'"{revision}"'
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def rating_body(kept: Kept) -> Body:
    """Return a rating as it is shown."""
    record, level = kept.record, kept.record["rating"] - 1
    return {
        "id": record["evaluation_id"],
        "call_id": record["call_id"],
        "rating": record["rating"],
        "level": LEVELS[level],
        "level_zh": CHINESE[level],
        "rated_at": f"{record['evaluated_at'].isoformat()}+00:00",
        **_common(kept),
    }


def evaluation_body(kept: Kept) -> Body:
    """Return an evaluation as it is shown."""
    record = kept.record
    names = ("score", "full_marks", "delight", "rating", "form")
    return {
        "id": record["evaluation_id"],
        "call_id": record["call_id"],
        "evaluated_at": f"{record['evaluated_at'].isoformat()}+00:00",
        **{name: record[name] for name in names},
        **_common(kept),
        "answers": kept.answers,
        "form_result": kept.result,
    }


def _common(kept: Kept) -> Body:
    return {
        **{name: kept.record[name] for name in ("batch", "rater", "comment")},
        "team": kept.team,
        "agent": kept.agent,
        "unmatched": kept.unmatched,
        "day": kept.record["day"].isoformat(),
        "revision": kept.revision,
    }
