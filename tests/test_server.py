import contextlib
import dataclasses
import http.client
import json
import os
import platform
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from csi_service import __version__
from csi_service.errors import SettingsError
from csi_service.facts.processors import ALL, keep_to
from csi_service.records.tables import RECORDS
from csi_service.server import arguments, check_address
from csi_service.services import build_services
from csi_service.settings import environment, load_settings
from csi_service.store.folder import open_store
from tests.api.ask import COMPOSITE, PROBLEM
from tests.keys import bearer, new_key
from tests.make import ROOT

WITHIN_SECONDS = 30
CHUNKED = (
    b"POST /api/v1/calculate/internal HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@dataclasses.dataclass(frozen=True)
class Server:
    """A running gunicorn, a key that it knows, and its log."""

    process: subprocess.Popen[bytes]
    port: int
    key: str
    log: Path

    def lines(self):
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def ask(self, path, data=None, kind="application/json"):
        headers = {"Content-Type": kind, **bearer(self.key)}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=WITHIN_SECONDS) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.status, answer.headers["Content-Type"], answer.read()

    def send(self, data):
        """Return what is answered to raw bytes until the connection is closed or no more comes for a while."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data.replace(b"KEY", self.key.encode()))
                while part := connection.recv(65_536):
                    received += part
                    if b"\r\n\r\n" in received:
                        connection.settimeout(0.5)
        return received


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(folder, **environ):
    """Run `csi serve` on a data folder with one worker; yield it with an operator's key."""
    given = {"CSI_DATA": str(folder), "CSI_PORT": str(free_port()), "CSI_WORKERS": "1"} | environ
    settings = load_settings(given)
    services = build_services(settings)
    key = new_key(services, "operator")
    services.store().database.close()
    log = folder.with_name(f"{folder.name}.log")
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "csi_service", "serve"],
            env=environment(settings) | {"PYTHONPATH": str(ROOT)},
            stderr=stderr,
        )
    try:
        for _ in range(WITHIN_SECONDS * 10):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", settings.port), timeout=1):
                break
            time.sleep(0.1)
        yield Server(process, settings.port, key, log)
    finally:
        process.kill()
        process.wait()


def test_a_port_that_is_taken_is_told_with_a_way_out(monkeypatch):
    monkeypatch.setattr("csi_service.server._TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}.*another port with --port"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run gunicorn as `csi serve` does, with a limit of 10,000 bytes."""
    with running(tmp_path_factory.mktemp("data"), CSI_MAX_BODY_BYTES="10000") as found:
        yield found


def test_it_calculates(server):
    status, kind, body = server.ask("/api/v1/calculate/composite", json.dumps(COMPOSITE).encode())
    assert (status, kind) == (200, "application/json")
    assert json.loads(body)["value"] == pytest.approx(0.8642592592592593, abs=1e-12)


def test_it_serves_the_page_and_its_files(server):
    assert server.ask("/docs")[:2] == (200, "text/html; charset=utf-8")
    assert server.ask("/docs/static/docs.css")[0] == 200


def test_a_body_above_the_limit_is_refused(server):
    status, kind, _ = server.ask("/api/v1/calculate/composite", b" " * 100_000)
    assert (status, kind) == (413, PROBLEM)


def test_a_chunked_body_above_the_limit_is_refused(server):
    head = CHUNKED.replace(b"internal", b"composite")
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    answer = server.send(head + chunk * 4 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    assert PROBLEM.encode() in answer


def test_a_chunked_body_is_read(server):
    assert server.send(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200")


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
    answer = server.send(data + b"\r\n")
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer
    assert server.ask("/healthz")[0] == 200


def test_it_stops_within_seconds(server):
    assert server.ask("/healthz")[0] == 200
    start = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert time.monotonic() - start < 5


def test_every_line_of_the_log_is_json_and_the_first_tells_the_versions(tmp_path):
    with running(tmp_path / "data") as server:
        server.ask("/healthz")
        server.send(b"GET / HTTP/9.9\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(WITHIN_SECONDS) == 0
    lines = server.lines()
    (start,) = [line for line in lines if line["event"] == "start"]
    assert {name: start[name] for name in ("csi", "python", "duckdb", "sqlite", "database", "data")} == {
        "csi": __version__,
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "sqlite": sqlite3.sqlite_version,
        "database": "sqlite",
        "data": str(tmp_path / "data"),
    }
    assert [(line["route"], line["status"]) for line in lines if line["event"] == "request"] == [("/healthz", 200)]
    assert any(line["logger"] == "gunicorn.error" and line["event"].startswith("Listening at") for line in lines)


def test_a_data_folder_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "csi_service", "serve", "--data", str(tmp_path / "file/data")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False)
    assert ran.returncode == 2
    assert ran.stderr == f"csi: {tmp_path}/file/data: cannot be used as the data folder (Not a directory)\n"


# --- metrics over several workers


def requests_counted(server):
    status, _, body = server.ask("/metrics")
    assert status == 200
    samples = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    return {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in samples
        if sample.name == "csi_requests_total"
    }


def begun(server, number):
    """Return the process ids of the workers once so many have begun, killed ones too."""
    for _ in range(WITHIN_SECONDS * 20):
        events = [line["event"] for line in server.lines() if "Booting worker" in line["event"]]
        if len(events) == number:
            break
        time.sleep(0.05)
    assert len(events) == number
    return [int(event.rpartition(" ")[2]) for event in events]


def connections_of(pid, port):
    """Return how many connections to a port a process holds."""
    held = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_socket()}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [line[9] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "01"]  # established
    return sum(f"socket:[{inode}]" in held for inode in ours)


def test_connections_that_stay_open_are_shared_among_the_workers(tmp_path):
    with running(tmp_path / "data", CSI_WORKERS="2") as server, contextlib.ExitStack() as stack:
        workers = begun(server, 2)
        server.ask("/healthz")
        for _ in range(12):
            opened = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert opened.recv(1000).startswith(b"HTTP/1.1 200")
        held = [connections_of(pid, server.port) for pid in workers]
    assert sum(held) == 12
    assert min(held) >= 2


def processors_of(pid):
    """Return the processors that the threads of a process may run on, where all may run on the same."""
    found = {frozenset(os.sched_getaffinity(int(task.name))) for task in Path(f"/proc/{pid}/task").iterdir()}
    assert len(found) == 1
    return found.pop()


def within_two_processors(function):
    """Return what a function returns in a thread, and the programs it starts, that have two processors at most."""
    with ThreadPoolExecutor(1, initializer=lambda: keep_to(sorted(ALL)[:2])) as thread:
        return thread.submit(function).result()


def test_as_many_workers_as_processors_have_one_each_also_after_one_was_killed(tmp_path):
    two = sorted(ALL)[:2]

    def look():
        with running(tmp_path / "data", CSI_WORKERS=str(len(two))) as server:
            first = begun(server, len(two))
            server.ask("/healthz")
            before = [processors_of(pid) for pid in first]
            os.kill(first[0], signal.SIGKILL)
            after = [processors_of(pid) for pid in begun(server, len(two) + 1)[1:]]
            return before, after

    before, after = within_two_processors(look)
    assert sorted(map(list, before)) == sorted(map(list, after)) == [[processor] for processor in two]


def test_fewer_workers_than_processors_run_on_any(tmp_path):
    def look():
        with running(tmp_path / "data", CSI_WORKERS="1") as server:
            return [processors_of(pid) for pid in begun(server, 1)]

    assert within_two_processors(look) == [frozenset(sorted(ALL)[:2])]


def test_the_counts_of_all_workers_are_summed_also_of_one_that_was_killed(tmp_path):
    with running(tmp_path / "data", CSI_WORKERS="3") as server:
        for _ in range(60):
            server.ask("/healthz")
        assert requests_counted(server)["/healthz", "2xx"] == 60
        for pid in begun(server, 3):  # two may have answered all before the third has begun
            os.kill(pid, signal.SIGKILL)
        begun(server, 6)
        for _ in range(30):
            server.ask("/healthz")
        found = [requests_counted(server) for _ in range(6)]
        assert [counts["/healthz", "2xx"] for counts in found] == [90] * 6
        assert [counts["/metrics", "2xx"] for counts in found] == [1, 2, 3, 4, 5, 6]


def test_the_folder_of_the_counts_goes_and_those_of_killed_services_too(tmp_path, monkeypatch):
    (tmp_path / "tmp/csi-metrics-killed").mkdir(parents=True)
    (tmp_path / "tmp/csi-metrics-killed/counter_1.db").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with running(tmp_path / "data") as server:
        (folder,) = (tmp_path / "tmp").iterdir()
        assert folder.name != "csi-metrics-killed"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(WITHIN_SECONDS) == 0
    assert list((tmp_path / "tmp").iterdir()) == []


# --- a graceful stop


def survey(number):
    at = "2026-03-02T10:00:00Z"
    return {"survey_id": number, "answered_at": at, "channel": "sms", "scale": "5", "score": 5}


def test_writes_under_way_end_before_the_stop_and_every_acknowledged_one_is_there(tmp_path):
    """A list of 10,000 is at work, and single ones come in, when the stop is told."""
    acknowledged, refused, large, sent = [], [], [], threading.Event()
    with running(tmp_path / "data", CSI_WORKERS="2", CSI_THREADS="4") as server:

        def send_many():
            body = json.dumps([survey(f"L{number}") for number in range(10_000)]).encode()
            head = {"Content-Type": "application/json", "Content-Length": len(body), "Expect": "100-continue"}
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, WITHIN_SECONDS)) as sending:
                sending.putrequest("POST", "/api/v1/surveys")
                for name, value in (head | bearer(server.key)).items():
                    sending.putheader(name, str(value))
                sending.endheaders()
                assert sending.sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 100"  # a worker has begun with it
                sending.send(body)
                sent.set()
                large.append(sending.getresponse().status)

        def send_single(name):
            for number in range(10_000):
                try:
                    status, _, body = server.ask("/api/v1/surveys", json.dumps(survey(f"{name}-{number}")).encode())
                except OSError:
                    return
                if status != 201:
                    refused.append((status, body))
                    return
                acknowledged.append(f"{name}-{number}")

        threads = [threading.Thread(target=send_single, args=(name,)) for name in "ABC"]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + WITHIN_SECONDS
        while len(acknowledged) < 5:
            assert time.monotonic() < deadline, refused
            time.sleep(0.01)
        threads.append(threading.Thread(target=send_many))
        threads[-1].start()
        assert sent.wait(WITHIN_SECONDS)
        assert large == []  # at work
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(WITHIN_SECONDS)
        assert time.monotonic() - start < WITHIN_SECONDS
        for thread in threads:
            thread.join()
    assert (code, large, refused) == (0, [200], [])
    store = open_store(tmp_path / "data", "Asia/Shanghai")
    with store.database.reading() as connection:
        kept = set(connection.execute(sa.select(RECORDS["surveys"].c.survey_id)).scalars())
    store.database.close()
    assert set(acknowledged) <= kept
    assert {f"L{number}" for number in range(10_000)} <= kept


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
