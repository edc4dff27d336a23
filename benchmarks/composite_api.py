"""Requests per second of POST /calculate/composite through gunicorn, beside an empty Flask view in the same set-up.

Both servers run at once and are driven in turn (A B A B ...) by this process over kept-alive connections, so that other
work on the machine strikes both alike. Prints both rates, their ratio in each round and the median ratio.

    python benchmarks/composite_api.py [--rounds 30] [--seconds 0.5] [--connections 8]
"""

import argparse
import contextlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from csi_service.server import arguments
from csi_service.settings import load_settings

BODY = json.dumps(
    {
        "internal": {
            "sla": {"numerator": 935, "denominator": 1100},
            "aht": {"numerator": 360000, "denominator": 1000},
            "fcr": {"numerator": 400, "denominator": 500},
            "qa": {"numerator": 36, "denominator": 40},
        },
        "external": {
            "channels": {"ivr": {"numerator": 141, "denominator": 150}, "sms": {"numerator": 43, "denominator": 50}}
        },
        "complaint": {"complaints": {"numerator": 9, "denominator": 1000}},
    }
).encode()
PATH = "/api/v1/calculate/composite"
EMPTY = f"""
import flask

app = flask.Flask("empty")


@app.post("{PATH}")
def composite():
    flask.request.get_json()
    return {{}}
"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def gunicorn(application: str, folder: str) -> Iterator[int]:
    """Run gunicorn as `csi serve` does, with another application in its place; yield its port."""
    port = free_port()
    command = [
        *arguments(load_settings({**os.environ, "CSI_PORT": str(port)}))[:-1],
        "--log-level=warning",
        application,
    ]
    paths = os.pathsep.join([folder, str(Path(__file__).parents[1])])
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths})
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def request(port: int) -> bytes:
    """Return the bytes of one request."""
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        f"Content-Length: {len(BODY)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + BODY


def ask(connection: socket.socket, sent: bytes) -> bytes:
    """Send one request and return the head of its answer, the body read and dropped."""
    connection.sendall(sent)
    received = connection.recv(65_536)
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    missing = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(65_536))
    return head


def drive(port: int, seconds: float, connections: int) -> float:
    """Return the requests per second that a server answers with 200 over some connections at once."""
    sent, counts = request(port), [0] * connections
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.perf_counter() < end:
                head = ask(connection, sent)
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(head.decode())
                counts[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(connections)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def main() -> None:
    """Run the rounds and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores; body {len(BODY)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty_app.py").write_text(EMPTY, encoding="utf-8")
        with gunicorn("empty_app:app", folder) as empty, gunicorn("csi_service.wsgi:app", folder) as ours:
            for port in (empty, ours):
                drive(port, 1, options.connections)  # warm-up
            ratios = []
            for number in range(1, options.rounds + 1):
                base = drive(empty, options.seconds, options.connections)
                rate = drive(ours, options.seconds, options.connections)
                ratios.append(rate / base)
                print(
                    f"round {number}: empty view {base:7.0f}/s   composite {rate:7.0f}/s   ratio {rate / base:.3f}",
                    flush=True,
                )
    print(f"median ratio {statistics.median(ratios):.3f} (goal: at least 0.4)")


if __name__ == "__main__":
    sys.exit(main())
