"""Errors as problem+json: which status each class of error has, and the one handler of what nobody expected."""

import http
import logging
import threading
import uuid
from typing import Any

from flask import Flask, Response, g, request
from flask_smorest import Api, Blueprint
from flask_smorest.utils import prepare_response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from csi_service import errors
from csi_service.api.body import MalformedError, answer, best_language
from csi_service.core.told import Told
from csi_service.errors import CsiError, DocumentError, InvalidInputError, Problem
from csi_service.language import marked, tell, told_error, translator
from csi_service.schema.fields import described
from csi_service.schema.problem import ProblemBody, entries, summary

PROBLEM = "application/problem+json"
STATUS: dict[type[CsiError], int] = {  # the nearest class of an error's ancestry counts
    errors.CsiError: 500,
    errors.UserError: 400,
    errors.InvalidInputError: 422,
    errors.NotFoundError: 404,
    errors.FileRefusedError: 422,
    errors.NotAllowedError: 403,
    errors.ConflictError: 409,
    errors.OutdatedError: 412,
    errors.StoreBusyError: 503,
    errors.StoreFullError: 507,
    errors.DamagedError: 503,
    errors.OperatorError: 503,
    errors.DocumentError: 503,
    errors.WeightsError: 503,
    errors.FormError: 503,
    errors.MappingError: 503,
    errors.SettingsError: 503,
}
RETRY_SECONDS: dict[type[CsiError], int] = {errors.StoreBusyError: 1, errors.StoreFullError: 60}
_TITLES = (  # Python 3.13 calls 413 and 422 otherwise than 3.12
    marked("Bad Request"), marked("Unauthorized"), marked("Forbidden"), marked("Not Found"),
    marked("Method Not Allowed"), marked("Not Acceptable"), marked("Conflict"), marked("Precondition Failed"),
    marked("Request Entity Too Large"), marked("Content Too Large"), marked("Unsupported Media Type"),
    marked("Unprocessable Entity"), marked("Unprocessable Content"), marked("Precondition Required"),
    marked("Too Many Requests"), marked("Internal Server Error"), marked("Service Unavailable"),
    marked("Insufficient Storage"),
)  # fmt: skip
_log = logging.getLogger(__name__)


def problem(status: int, detail: str, problems: tuple[Problem, ...] = (), **more: Any) -> Response:
    """Return an answer that tells what went wrong, in the language that the caller likes best."""
    language = best_language()
    translate = translator(language)
    title = translate(http.HTTPStatus(status).phrase)
    body = {"type": "about:blank", "title": title, "status": status, "detail": tell(detail, translate), **more}
    if problems:
        body["errors"] = entries(problems, translate)
    response = answer(body, status, PROBLEM)
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return response


def on_csi_error(error: CsiError) -> Response:
    """Answer an error raised on purpose."""
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status >= 500:
        _log.error("refused", extra={"route": _route(), "error": type(error).__name__, "detail": str(error)})
    translate = translator(best_language())
    if isinstance(error, InvalidInputError):
        return problem(status, summary(error.problems, translate), error.problems)
    detail = told_error(error, translate)
    own = isinstance(error, DocumentError)
    response = problem(status, Told("The service's own {document}", document=detail) if own else detail)
    if type(error) in RETRY_SECONDS:
        response.headers["Retry-After"] = str(RETRY_SECONDS[type(error)])
    return response


def on_http_error(error: HTTPException) -> Response:
    """Answer an error of HTTP itself; its headers (Allow, Retry-After) are kept."""
    found = error.get_response()
    response = problem(found.status_code, _detail(error), error.problems if isinstance(error, MalformedError) else ())
    for name, value in found.headers:
        if name.lower() not in ("content-type", "content-length", "content-language", "vary"):
            response.headers[name] = value
    return response


def _detail(error: HTTPException) -> str:
    if isinstance(error, NotFound):
        return Told("There is nothing at {path}; /openapi.json lists what there is.", path=request.path)
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return Told(
            "{method} is not allowed at {path}; allowed are {allowed}.",
            method=request.method,
            path=request.path,
            allowed=allowed,
        )
    if isinstance(error, RequestEntityTooLarge):
        setting = g.get("limit_setting", "CSI_MAX_BODY_BYTES")
        most = request.max_content_length
        return Told("The body is larger than {most} bytes (setting {setting}).", most=most, setting=setting)
    return error.description or error.name


def on_fault(error: Exception) -> Response:
    """Answer what nobody expected: an id for the caller, the traceback for the log, and never the request's body."""
    fault = uuid.uuid4()
    _log.error("fault %s", fault, exc_info=error, extra={"route": _route()})
    text = Told("The service failed; its log tells more under {fault}.", fault=fault)
    return problem(500, text, instance=f"urn:uuid:{fault}")


def _route() -> str:
    """The method and the route's pattern; the path itself may hold a customer's number."""
    return f"{request.method} {request.url_rule or 'unmatched'}"


class ProblemApi(Api):
    """flask-smorest's Api whose errors and their documentation are problem+json."""

    ERROR_SCHEMA = ProblemBody

    def __init__(self, app: Flask) -> None:
        """Register the fields' own descriptions as well."""
        super().__init__(app)
        self.ma_plugin.converter.add_attribute_function(described)
        self._undocumented: list[Blueprint] = []
        self._lock = threading.Lock()

    def register_blueprint(self, found: Blueprint) -> None:
        """Register a blueprint's routes; their documentation is made when it is asked for, a tenth of a start."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][found.name] = self
        self._app.register_blueprint(found)
        self._undocumented.append(found)

    def document(self) -> Any:
        """Return the OpenAPI document of all routes."""
        with self._lock:
            for found in self._undocumented:
                found.register_views_in_doc(self, self._app, self.spec, name=found.name, parameters=None)
                self.spec.tag({"name": found.name, "description": found.description})
            self._undocumented.clear()
            return self.spec.to_dict()

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
