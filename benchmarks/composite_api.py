"""Requests per second of POST /calculate/composite through gunicorn, beside an empty Flask view in the same set-up.

Both servers run at once and are driven in turn (A B A B ...) by this process over kept-alive connections, so that other
work on the machine strikes both alike. Prints both rates, their ratio in each round and the median ratio.

    python benchmarks/composite_api.py [--rounds 15] [--slices 10] [--connections 8]
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
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store.keys import create_key

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


def data_of(folder: str) -> str:
    """Return the data folder of a benchmark's own folder."""
    return str(Path(folder, "data"))


def new_key(folder: str) -> str:
    """Return a viewer's key that the servers of a folder know."""
    services = build_services(load_settings({**os.environ, "CSI_DATA": data_of(folder)}))
    database = services.store().database
    key = create_key(database, "benchmark", "viewer", "cli:benchmark", services.now())[1]
    database.close()
    return key


@contextlib.contextmanager
def gunicorn(application: str, folder: str) -> Iterator[int]:
    """Run gunicorn as `csi serve` does, with another application in its place; yield its port."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn"),
        *arguments(load_settings({**os.environ, "CSI_PORT": str(port)}))[:-1],
        "--log-level=warning",
        application,
    ]
    paths = os.pathsep.join([folder, str(Path(__file__).parents[1])])
    server = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths, "CSI_DATA": data_of(folder)})
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(30)


def request(port: int, key: str) -> bytes:
    """Return the bytes of one request."""
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {key}",
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


class Load:
    """Some kept-alive connections to a server, each asking again as soon as it was answered."""

    def __init__(self, port: int, connections: int, key: str) -> None:
        self.sent = request(port, key)
        self.connections = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(connections)]
        for connection in self.connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drive(self, seconds: float) -> tuple[int, float]:
        """Return the requests answered with 200 and the seconds that they took."""
        counts = [0] * len(self.connections)
        start = time.perf_counter()

        def client(number: int) -> None:
            while time.perf_counter() < start + seconds:
                head = ask(self.connections[number], self.sent)
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(head.decode())
                counts[number] += 1

        threads = [threading.Thread(target=client, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts), time.perf_counter() - start

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


def compare(loads: tuple[Load, Load], slices: int) -> tuple[float, float]:
    """Return the requests per second of both servers, driven in turn for a tenth of a second at a time."""
    totals = [[0, 0.0], [0, 0.0]]
    for _ in range(slices):
        for total, load in zip(totals, loads, strict=True):
            count, seconds = load.drive(0.1)
            total[0] += count
            total[1] += seconds
    return totals[0][0] / totals[0][1], totals[1][0] / totals[1][1]


def main() -> None:
    """Run the rounds and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slices", type=int, default=10, help="tenths of a second for each server in a round")
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    cores = f"{os.cpu_count()} cores"
    print(f"{platform.platform()}, Python {platform.python_version()}, {cores}; body {len(BODY)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty_app.py").write_text(EMPTY, encoding="utf-8")
        with gunicorn("empty_app:app", folder) as empty, gunicorn("csi_service.wsgi:app", folder) as ours:
            key = new_key(folder)
            loads = (Load(empty, options.connections, key), Load(ours, options.connections, key))
            compare(loads, 10)  # warm-up
            ratios = []
            for number in range(1, options.rounds + 1):
                base, rate = compare(loads, options.slices)
                ratios.append(rate / base)
                print(
                    f"{number:3}: empty view {base:6.0f}/s, composite {rate:6.0f}/s, ratio {ratios[-1]:.3f}", flush=True
                )
            for load in loads:
                load.close()
    print(f"median ratio {statistics.median(ratios):.3f} (goal: at least 0.4)")


if __name__ == "__main__":
    sys.exit(main())
