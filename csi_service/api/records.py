"""POST /<kind>: records of each kind, one as an object or many as a list, kept before they are answered."""

import functools
import hashlib
import http
import json
from typing import Any

from flask import Response, g, request
from flask_smorest import Blueprint

from csi_service.api import batches
from csi_service.api.auth import permit, requires
from csi_service.api.body import MalformedError, dumps, json_content, limit_body, read_json, spoken
from csi_service.api.examples import PLAN, RECORDS
from csi_service.core.told import Told
from csi_service.facts.kinds import KINDS, Kind
from csi_service.language import Translate
from csi_service.schema.batches import BatchBody
from csi_service.schema.records import (
    MOST_RECORDS,
    RecordResult,
    RecordResults,
    read_records,
    record_schema,
    results_body,
    told_result,
)
from csi_service.services import Services
from csi_service.store.answers import Answer, Once, find_answer
from csi_service.store.sending import Sending

IDEMPOTENCY_KEY, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
_MOST_KEY = 255
_ABOUT = (
    "One record as an object, or a list of up to {most:,}. A record whose number is kept already replaces the kept one "
    "as a whole. What can be kept of a list is kept, all together, before the answer, which tells for each record what "
    "became of it; where nothing can be kept the answer is 422 with a pointer to each fault. {identity}"
)
_KEY_ABOUT = (
    f"1 to {_MOST_KEY} visible characters of your own, another one for each request: the same request sent again "
    f"within 24 hours changes nothing and gets the same answer, with the header {REPLAYED}: true"
)
ONCE_PARAMETER = {
    "in": "header",
    "name": IDEMPOTENCY_KEY,
    "description": _KEY_ABOUT,
    "schema": {"type": "string", "minLength": 1, "maxLength": _MOST_KEY, "pattern": "^[!-~]+$"},
}
_ERRORS = (400, 413, 415, 422, 503, 507)


def blueprint(services: Services) -> Blueprint:
    """Return a route for each record kind."""
    found = Blueprint("records", __name__, url_prefix="/api/v1", description="Calls, surveys and the like, sent in.")
    sending = functools.cache(lambda: Sending(services.store()))
    for kind in KINDS.values():
        if kind.name != "evaluations":  # they have rules and routes of their own
            _add(found, services, sending, kind)
    return found


def _add(found: Blueprint, services: Services, sending: Any, kind: Kind) -> None:
    schema = record_schema(kind.name)
    path = f"/{kind.name.replace('_', '-')}"
    planned = kind.name == "batches"

    def send(body: Any, once: Once | None) -> Answer:
        items = read_records(schema, body)
        tell = functools.partial(_tell_one if type(body) is dict else _tell_all, spoken())
        kept: Answer = sending().send(kind, items, g.caller, services.now(), tell, once)
        return kept

    @requires("batch.write" if planned else "record.write")
    def view() -> Response:
        body, once = read_once(services, path)
        plan = planned and batches.is_plan(body)
        permit(g.caller, "sample.write" if plan else "record.write")
        given = find_answer(services.store(), g.caller, once, services.now())
        if plan:
            return _located(respond(given or batches.plan(services, body, once)))
        return respond(given or send(body, once))

    documented = _document(found, kind, schema)(view)
    found.route(path, endpoint=kind.name, methods=["POST"])(documented)


def _document(found: Blueprint, kind: Kind, schema: Any) -> Any:
    """Return a decorator that documents a view and returns the view itself, without flask-smorest's wrappers."""
    listed = {"type": "array", "items": schema, "minItems": 1, "maxItems": MOST_RECORDS}
    examples = {"one": {"value": RECORDS[kind.name]}, "several": {"value": [RECORDS[kind.name]]}}
    shapes: list[Any] = [schema, listed]
    created: Any = RecordResult
    if kind.name == "batches":
        shapes.append(batches.PLAN)
        examples["plan"] = {"value": PLAN}
        created = {"oneOf": [RecordResult, BatchBody]}
    content = {"schema": {"oneOf": shapes}, "examples": examples}
    identity = " and ".join(kind.identity)
    texts = {
        "operationId": f"post_{kind.name}",
        "summary": f"Send {kind.name.replace('_', ' ')}",
        "description": _ABOUT.format(most=MOST_RECORDS, identity=f"A record is known by its {identity}."),
        "parameters": [ONCE_PARAMETER],
        "requestBody": {"required": True, "content": {"application/json": content}},
    }

    def decorate(view: Any) -> Any:
        kept = {"oneOf": [RecordResults, RecordResult]}
        documented = found.response(200, kept, description="A list, or a record that was kept already")(view)
        documented = found.alt_response(201, schema=created, description="A new record alone")(documented)
        for status in _ERRORS:
            documented = found.alt_response(status, http.HTTPStatus(status).name)(documented)
        view._apidoc = found.doc(**texts)(documented)._apidoc
        return view

    return decorate


def read_once(services: Services, path: str) -> tuple[Any, Once | None]:
    """Return the body of records of the request at hand, and by what it is known again; None where it has no key."""
    limit_body(services.settings.max_records_bytes, "CSI_MAX_RECORDS_BYTES")
    key, content = _once_key(), json_content()
    once = None if key is None else Once(key, path, hashlib.sha256(content).hexdigest())
    return read_json(content), once


def _once_key() -> str | None:
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not 1 <= len(key) <= _MOST_KEY or any(not "!" <= sign <= "~" for sign in key):
        raise MalformedError(
            Told(
                "The {idempotency_key} must have 1 to {most_key} visible ASCII characters.",
                idempotency_key=IDEMPOTENCY_KEY,
                most_key=_MOST_KEY,
            )
        )
    return str(key)


def _tell_one(translate: Translate, results: list[dict[str, Any]]) -> Answer:
    (result,) = results
    return Answer(201 if result["status"] == "created" else 200, dumps(told_result(result, translate)).decode())


def _tell_all(translate: Translate, results: list[dict[str, Any]]) -> Answer:
    return Answer(200, dumps(results_body([told_result(result, translate) for result in results])).decode())


def _located(response: Response) -> Response:
    """The answer to a plan with the place where it is found."""
    response.headers["Location"] = f"{request.path}/{json.loads(response.get_data())['batch']}"
    return response


def respond(kept: Answer) -> Response:
    """Return a kept answer as the response to the request at hand."""
    response = Response(kept.body, kept.status, mimetype="application/json")
    if kept.replayed:
        response.headers[REPLAYED] = "true"
    return response
