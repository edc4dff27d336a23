"""Errors as problem+json: which status each class of error has, and the one handler of what nobody expected."""

import http
import logging
import uuid
from typing import Any

from flask import Flask, Response, request
from flask_smorest import Api
from flask_smorest.utils import prepare_response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from csi_service import errors
from csi_service.api.body import MalformedError, answer
from csi_service.errors import CsiError, DocumentError, InvalidInputError, Problem
from csi_service.schema.fields import described
from csi_service.schema.problem import ProblemBody, entries, summary

PROBLEM = "application/problem+json"
STATUS: dict[type[CsiError], int] = {  # the nearest class of an error's ancestry counts
    errors.CsiError: 500,
    errors.UserError: 400,
    errors.InvalidInputError: 422,
    errors.NotFoundError: 404,
    errors.FileRefusedError: 422,
    errors.OperatorError: 503,
    errors.DocumentError: 503,
    errors.WeightsError: 503,
    errors.MappingError: 503,
    errors.SettingsError: 503,
}
_log = logging.getLogger(__name__)


def problem(status: int, detail: str, problems: tuple[Problem, ...] = (), **more: Any) -> Response:
    """Return an answer that tells what went wrong."""
    body = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    if problems:
        body["errors"] = entries(problems)
    return answer(body, status, PROBLEM)


def on_csi_error(error: CsiError) -> Response:
    """Answer an error raised on purpose."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status >= 500:
        _log.error("%s %s: %s: %s", request.method, request.path, type(error).__name__, error)
    if isinstance(error, InvalidInputError):
        return problem(status, summary(error.problems), error.problems)
    return problem(status, str(error) if not isinstance(error, DocumentError) else f"The service's own {error}")


def on_http_error(error: HTTPException) -> Response:
    """Answer an error of HTTP itself; its headers (Allow, Retry-After) are kept."""
    found = error.get_response()
    response = problem(found.status_code, _detail(error), error.problems if isinstance(error, MalformedError) else ())
    for name, value in found.headers:
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _detail(error: HTTPException) -> str:
    if isinstance(error, NotFound):
        return f"There is nothing at {request.path}; /openapi.json lists what there is."
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.method} is not allowed at {request.path}; allowed are {allowed}."
    if isinstance(error, RequestEntityTooLarge):
        return f"The body is larger than {request.max_content_length} bytes (setting CSI_MAX_BODY_BYTES)."
    return error.description or error.name


def on_fault(error: Exception) -> Response:
    """Answer what nobody expected: an id for the caller, the traceback for the log, and never the request's body."""
    fault = uuid.uuid4()
    _log.error("fault %s in %s %s", fault, request.method, request.path, exc_info=error)
    return problem(500, f"The service failed; its log tells more under {fault}.", instance=f"urn:uuid:{fault}")


class ProblemApi(Api):
    """flask-smorest's Api whose errors and their documentation are problem+json."""

    ERROR_SCHEMA = ProblemBody

    def __init__(self, app: Flask) -> None:
        """Register the fields' own descriptions as well."""
        super().__init__(app)
        self.ma_plugin.converter.add_attribute_function(described)

    def _register_responses(self) -> None:
        """Document each error as problem+json (overrides a private hook: flask-smorest is pinned below 0.48)."""
        for status in http.HTTPStatus:
            self._register_response(status.name, status.phrase, self.ERROR_SCHEMA if status >= 400 else None)
        self._register_response("DEFAULT_ERROR", "Problem", self.ERROR_SCHEMA)

    def _register_response(self, name: str, description: str, schema: type | None) -> None:
        response = {"description": description, **({"schema": schema} if schema else {})}
        prepare_response(response, self.spec, PROBLEM)
        self.spec.components.response(name, response, lazy=True)

    def _register_pagination_header(self) -> None:
        """Leave it out: nothing is paged."""

    def _register_error_handlers(self) -> None:
        self._app.register_error_handler(HTTPException, on_http_error)
        self._app.register_error_handler(CsiError, on_csi_error)
        self._app.register_error_handler(Exception, on_fault)
