"""What the benchmarks of the API share: real servers, keys to them, and clients that keep asking."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from csi_service.server import arguments
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store.keys import create_key

START_SECONDS = 30


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def data_of(folder: str) -> str:
    """Return the data folder of a benchmark's own folder."""
    return str(Path(folder, "data"))


def new_key(data: str, role: str) -> str:
    """Return a key of a role to a data folder."""
    services = build_services(load_settings({**os.environ, "CSI_DATA": data}))
    database = services.store().database
    key = create_key(database, "benchmark", role, "cli:benchmark", services.now())[1]
    database.close()
    return key


@contextlib.contextmanager
def gunicorn(application: str, folder: str) -> Iterator[int]:
    """Run gunicorn as `csi serve` does, or with an application beside ours in its place; yield its port.

    That one has as many workers and threads, but gunicorn's own kind of worker: what it would run with anywhere.
    Requests are not logged: the empty view beside ours logs none either.
    """
    port = free_port()
    command = [
        *(sys.executable, "-m", "gunicorn"),
        *arguments(load_settings({**os.environ, "CSI_PORT": str(port)}))[:-1],
        "--log-level=warning",
        *([] if application == "csi_service.wsgi:app" else ["--worker-class=gthread"]),
        application,
    ]
    paths = os.pathsep.join([folder, str(Path(__file__).parents[1])])
    with listening(command, port, {"PYTHONPATH": paths, "CSI_DATA": data_of(folder), "CSI_LOG_LEVEL": "warning"}):
        yield port


@contextlib.contextmanager
def listening(command: Sequence[str], port: int, variables: Mapping[str, str]) -> Iterator[None]:
    """Run a server and go on once it takes connections; it is ended afterwards."""
    server = subprocess.Popen(command, env={**os.environ, **variables})
    try:
        for _ in range(START_SECONDS * 10):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        time.sleep(1)  # the first worker listens before the others do
        yield
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def ask(connection: socket.socket, sent: bytes) -> bytes:
    """Send one request and return the head of its answer."""
    connection.sendall(sent)
    return head_of_answer(connection)


def head_of_answer(connection: socket.socket) -> bytes:
    """Wait for an answer and return its head, the body read and dropped."""
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

    def __init__(self, port: int, connections: int, sent: bytes) -> None:
        self.sent = sent
        self.connections = []
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(connection, sent)  # as a pool does: each is opened because there is something to ask
            self.connections.append(connection)

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


def compare(sent: Mapping[int, bytes], connections: int, slices: int) -> list[float]:
    """Return the requests per second of servers (port: request), driven in turn for a tenth of a second at a time.

    Connections are opened anew each time, as it is partly chance which worker takes one.
    """
    loads = [Load(port, connections, request) for port, request in sent.items()]
    totals = [[0, 0.0] for _ in loads]
    for _ in range(slices):
        for total, load in zip(totals, loads, strict=True):
            count, seconds = load.drive(0.1)
            total[0] += count
            total[1] += seconds
    for load in loads:
        load.close()
    return [count / seconds for count, seconds in totals]
