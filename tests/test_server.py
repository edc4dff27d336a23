import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from csi_service.server import arguments
from csi_service.settings import environment, load_settings
from tests.api.ask import COMPOSITE, PROBLEM
from tests.make import ROOT

WITHIN_SECONDS = 30
CHUNKED = (
    b"POST /api/v1/calculate/internal HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """Run gunicorn as `csi serve` does, with a limit of 10,000 bytes; yield its process and port."""
    settings = load_settings({"CSI_PORT": str(free_port()), "CSI_MAX_BODY_BYTES": "10000", "CSI_WORKERS": "1"})
    process = subprocess.Popen(
        arguments(settings), env=environment(settings) | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE
    )
    try:
        for _ in range(WITHIN_SECONDS * 10):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", settings.port), timeout=1):
                break
            time.sleep(0.1)
        yield process, settings.port
    finally:
        process.kill()
        process.communicate()


def ask(port, path, data=None, kind="application/json"):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": kind})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=WITHIN_SECONDS) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.status, answer.headers["Content-Type"], answer.read()


def send(port, data):
    """Return what the server answers to raw bytes until it closes the connection or says no more for a while."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection, contextlib.suppress(OSError):
        connection.sendall(data)
        while part := connection.recv(65_536):
            received += part
            if b"\r\n\r\n" in received:
                connection.settimeout(0.5)
    return received


def test_it_calculates(server):
    status, kind, body = ask(server[1], "/api/v1/calculate/composite", json.dumps(COMPOSITE).encode())
    assert (status, kind) == (200, "application/json")
    assert json.loads(body)["value"] == pytest.approx(0.8642592592592593, abs=1e-12)


def test_it_serves_the_page_and_its_files(server):
    assert ask(server[1], "/docs")[:2] == (200, "text/html; charset=utf-8")
    assert ask(server[1], "/docs/static/docs.css")[0] == 200


def test_a_body_above_the_limit_is_refused(server):
    status, kind, _ = ask(server[1], "/api/v1/calculate/composite", b" " * 100_000)
    assert (status, kind) == (413, PROBLEM)


def test_a_chunked_body_above_the_limit_is_refused(server):
    head = CHUNKED.replace(b"internal", b"composite")
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    answer = send(server[1], head + chunk * 4 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert PROBLEM.encode() in answer


def test_a_chunked_body_is_read(server):
    assert send(server[1], CHUNKED + b"2\r\n{}\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % number for number in range(200)) + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        CHUNKED.replace(b"Host: x", b"Content-Length: 2") + b"0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["line", "headers", "header", "smuggling", "tls"],
)
def test_a_request_that_is_no_proper_http_is_refused(server, data):
    answer = send(server[1], data + b"\r\n")
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert ask(server[1], "/healthz")[0] == 200


def test_it_stops_within_seconds(server):
    process, port = server
    assert ask(port, "/healthz")[0] == 200
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - start < 5


def test_an_ipv6_address_is_put_into_brackets():
    settings = dataclasses.replace(load_settings({}), host="::1")
    assert "--bind=[::1]:8000" in arguments(settings)
    assert "--no-control-socket" in arguments(settings)
    assert "--forwarded-allow-ips=127.0.0.1" in arguments(settings)


def test_the_settings_reach_the_server_through_its_environment():
    settings = dataclasses.replace(load_settings({}), port=9999, max_body_bytes=2048)
    assert {name: environment(settings)[name] for name in ("CSI_PORT", "CSI_MAX_BODY_BYTES")} == {
        "CSI_PORT": "9999",
        "CSI_MAX_BODY_BYTES": "2048",
    }
    assert environment(settings).get("PATH") == os.environ.get("PATH")
