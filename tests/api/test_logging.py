"""What the log tells of requests, and what it must not tell."""

import io
import json
import logging
import sys

import pytest

from csi_service import logs
from csi_service.api.auth import requires
from tests.keys import keyed, new_key


@pytest.fixture
def lines():
    """Yield a function that returns the log's lines since the start, as JSON; afterwards all is as it was."""
    root, stream = logging.getLogger(), io.StringIO()
    level, handler = root.level, logging.StreamHandler(stream)
    handler.setFormatter(logs.json_formatter())
    root.addHandler(handler)
    root.setLevel("INFO")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)
    logs.structlog.contextvars.clear_contextvars()


def test_a_request_is_one_line(client, lines):
    answer = client.get("/api/v1/weights/default?phone=13800138000")
    (line,) = [line for line in lines() if line["event"] == "request"]
    line.pop("message", None)  # added by the test runner's own handler
    assert line.pop("milliseconds") > 0
    assert line.pop("time").endswith("Z")
    assert line.pop("key").startswith("csi_")
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "csi_service.api.watch",
        "request_id": answer.headers["X-Request-ID"],
        "method": "GET",
        "route": "/api/v1/weights/{name}",
        "status": 200,
        "caller": "viewer",
    }


def test_no_body_no_value_and_no_key_is_told(services, app, lines, viewer_key):
    client = keyed(app, viewer_key)
    client.post("/api/v1/calculate/internal?customer=13800138001", json={"phone": "13800138002"})
    client.get("/api/v1/weights/13800138003")
    client.get("/13800138004")
    client.get("/api/v1/weights", headers={"Authorization": "Bearer csi_secret1380013_8005"})
    text = json.dumps(lines())
    assert len(lines()) >= 4
    assert "1380013" not in text
    assert viewer_key not in text


@pytest.mark.parametrize("given", ["a", "A-1_b.c:9", "x" * 64])
def test_an_id_that_came_along_is_kept(client, lines, given):
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given
    assert lines()[-1]["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", 'a"b', "坐席", "a/b", "a\tb"])
def test_another_is_replaced(client, lines, given):
    environ = {"HTTP_X_REQUEST_ID": given.encode().decode("latin-1")}
    answered = client.get("/healthz", environ_overrides=environ).headers["X-Request-ID"]
    assert len(answered) == 32
    assert int(answered, 16) >= 0
    assert lines()[-1]["request_id"] == answered
    assert client.get("/healthz").headers["X-Request-ID"] != answered


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/nowhere/17", ("GET", "unmatched", 404)),
        ("BREW", "/healthz", ("other", "unmatched", 405)),
        ("GET", "/docs/static/docs.css", ("GET", "/docs/static/{filename}", 200)),
    ],
)
def test_what_is_told_takes_few_values(client, lines, method, path, expected):
    client.open(path, method=method).close()
    line = lines()[-1]
    assert (line["method"], line["route"], line["status"]) == expected


def test_a_refused_caller_has_no_name(app, viewer_key, lines):
    app.test_client().get("/api/v1/weights")
    assert lines()[-1]["status"] == 401
    assert "caller" not in lines()[-1]


def test_a_fault_has_its_traceback_without_the_values_of_variables(app, client, lines):
    @app.get("/broken/<number>")
    @requires("calculate")
    def broken(number):
        phone = number
        raise RuntimeError("engine" if phone else "")

    answer = client.get("/broken/13800138000")
    fault, request = lines()[-2:]
    assert (answer.status_code, request["status"]) == (500, 500)
    assert fault["level"] == "error"
    assert fault["request_id"] == request["request_id"] == answer.headers["X-Request-ID"]
    assert fault["route"] == "GET /broken/<number>"
    assert answer.json["instance"].removeprefix("urn:uuid:") in fault["event"]
    (found,) = fault["exception"]
    assert (found["exc_type"], found["exc_value"]) == ("RuntimeError", "engine")
    assert found["frames"][-1]["name"] == "broken"
    assert all(frame.get("locals") is None for frame in found["frames"])
    assert "13800138000" not in json.dumps(lines())


def test_text_outside_of_ascii_stays_readable(services, app, viewer_key, lines):
    keyed(app, new_key(services, name="客服系统")).get("/api/v1/weights")
    assert lines()[-1]["caller"] == "客服系统"
    handler = next(found for found in logging.getLogger().handlers if type(found) is logging.StreamHandler)
    assert "客服系统" in handler.stream.getvalue()


def test_an_error_of_the_database_hides_the_values(services, app, client, lines):
    import sqlalchemy as sa

    @app.get("/clash")
    @requires("calculate")
    def clash():
        with services.store().database.writing() as connection:
            connection.execute(sa.text("INSERT INTO nowhere VALUES (:phone)"), {"phone": "13800138000"})

    assert client.get("/clash").status_code == 500
    assert "nowhere" in json.dumps(lines())
    assert "13800138000" not in json.dumps(lines())


# --- the two formats


def logged(run):
    """Return what a fresh process's configured log wrote."""
    import subprocess

    code = f"import logging; from csi_service import logs; {run}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_json_is_one_object_a_line_and_levels_below_are_left_out():
    found = logged(
        "logs.configure('json', 'warning'); log = logging.getLogger('a.b'); log.info('no');"
        " log.warning('two\\nlines', extra={'days': 3}); import warnings; warnings.warn('old')"
    )
    first, second = map(json.loads, found)
    assert (first["event"], first["days"], first["logger"], first["level"]) == ("two\nlines", 3, "a.b", "warning")
    assert "UserWarning: old" in second["event"]


def test_text_is_for_people():
    (line,) = logged("logs.configure('text', 'info'); logs.bind('r1'); logging.info('request', extra={'status': 200})")
    assert line.endswith("INFO request request_id=r1 status=200")
