"""Every request is logged in a line and counted: its id, route, status, time and caller; no body, no value, no key."""

import logging
import random
import re
import time
from functools import cache

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram

from csi_service import logs
from csi_service.metrics import REQUEST_SECONDS, REQUESTS

ID_HEADER = "X-Request-ID"
UNMATCHED = "unmatched"
_GIVEN_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = logging.getLogger(__name__)


def watch(app: Flask) -> None:
    """Watch an application's requests; called before anything else is hooked into it, so that it sees all the rest."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        g.request_id = given if _GIVEN_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        logs.bind(g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        response.headers[ID_HEADER] = g.request_id
        method = request.method if request.method in _METHODS else "other"
        route = UNMATCHED if request.url_rule is None else _pattern(request.url_rule.rule)
        _count(method, route, response.status_code, seconds)
        if _log.isEnabledFor(logging.INFO):
            facts = {"method": method, "route": route, "status": response.status_code}
            _log.info("request", extra={**facts, "milliseconds": round(seconds * 1000, 3), **_caller()})
        return response


def _count(method: str, route: str, status: int, seconds: float) -> None:
    _requests(method, route, status // 100).inc()
    _seconds(method, route).observe(seconds)


@cache
def _requests(method: str, route: str, status_class: int) -> Counter:
    return REQUESTS.labels(method, route, f"{status_class}xx")


@cache
def _seconds(method: str, route: str) -> Histogram:
    return REQUEST_SECONDS.labels(method, route)


def _caller() -> dict[str, str]:
    """The name and the prefix of the key that the request came with, where it was a valid one."""
    caller = g.get("caller")
    return {} if caller is None else {"caller": caller.name, "key": caller.prefix}


@cache
def _pattern(rule: str) -> str:
    """A route as the API's documentation writes it: /weights/{name}."""
    return re.sub(r"<(?:[^:<>]*:)?([^<>]+)>", r"{\1}", rule)
