"""Durable single surveys and ratings a second through POST, beside the commits a second of bare sqlite3.

`csi serve` runs as it is shipped, but for the number of workers; kept-alive connections post one record after the
other, each acknowledged only after its commit: 64 of them, as of many senders, and 8. The ratings are of calls that lie
in files and whose places are known, as those of a drawn sample are. The reference writes a row and commits it, again
and again, through Python's own sqlite3 (WAL, synchronous=FULL) on the same disk. Both run in turn (A B A B ...), so
that other work on the machine strikes both alike.

    python -m benchmarks.durable_posts [--rounds 15] [--seconds 1] [--setups surveys-2x64 surveys-2x8 ratings-2x64 ...]
"""

import argparse
import contextlib
import itertools
import json
import os
import selectors
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from benchmarks.made_store import fill
from benchmarks.servers import ask, free_port, head_of_answer, listening, new_key
from benchmarks.timing import machine
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store.places import keep_located, locate

GOAL = 0.3
CALLS = 426 * 200  # that are rated in turn
MOST_A_SECOND = 10_000  # more than a server of Python answers


@contextlib.contextmanager
def serving(data: Path, workers: int) -> Iterator[int]:
    """Run `csi serve` on a data folder; yield its port."""
    port = free_port()
    given = {"CSI_DATA": str(data), "CSI_PORT": str(port), "CSI_WORKERS": str(workers), "CSI_LOG_LEVEL": "warning"}
    with listening([sys.executable, "-m", "csi_service", "serve"], port, given):
        yield port


def fill_with_known_calls(data: str) -> None:
    """Put calls into files, and look up where they belong as a draw does."""
    store = build_services(load_settings({**os.environ, "CSI_DATA": data})).store()
    fill(store, CALLS)
    located = locate(store, [call_id(number) for number in range(CALLS)])
    with store.database.writing() as connection:
        keep_located(connection, located)
    store.database.close()


def call_id(number: int) -> str:
    """Return the number of a call."""
    return f"C{number:09}"


def survey(number: int) -> dict[str, object]:
    """Return a survey of its own."""
    return {
        "survey_id": f"S{number:09}",
        "answered_at": f"2026-03-{number % 28 + 1:02}T09:12:58+08:00",
        "channel": "sms",
        "scale": "5",
        "score": number % 5 + 1,
        "call_id": call_id(number),
        "team": f"T{number % 20}",
        "agent": f"A{number % 400}",
    }


def rating(number: int) -> dict[str, object]:
    """Return a rating, of a call of its own as long as there is one."""
    return {"call_id": call_id(number % CALLS), "rating": number % 5 + 1}


SETUPS = ["surveys-2x64", "surveys-2x8", "surveys-4x64", "ratings-2x64", "ratings-2x8", "ratings-4x64"]
MADE = {"surveys": survey, "ratings": rating}
ROLES = {"surveys": "operator", "ratings": "rater"}


class Clients:
    """Some kept-alive connections, each posting its next record as soon as the last one is acknowledged."""

    def __init__(self, port: int, connections: int, key: str, kind: str = "surveys") -> None:
        self.port, self.key, self.kind = port, key, kind
        self.numbers = itertools.count()
        self.connections = []
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port), timeout=10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ask(connection, self.request())  # as a pool does: each is opened because there is something to send
            self.connections.append(connection)

    def request(self) -> bytes:
        """Return the bytes of the next record's request."""
        body = json.dumps(MADE[self.kind](next(self.numbers))).encode()
        lines = [
            f"POST /api/v1/{self.kind} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Authorization: Bearer {self.key}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def drive(self, seconds: float) -> float:
        """Return the acknowledged records a second."""
        made = iter([self.request() for _ in range(int(seconds * MOST_A_SECOND))])  # before the clock runs
        acknowledged, under_way = 0, len(self.connections)
        with selectors.DefaultSelector() as selector:
            for connection in self.connections:
                selector.register(connection, selectors.EVENT_READ)
            start = time.perf_counter()
            for connection in self.connections:
                connection.sendall(next(made))
            while under_way:
                for key, _ in selector.select():
                    connection = cast(socket.socket, key.fileobj)
                    head = head_of_answer(connection)
                    if not head.startswith(b"HTTP/1.1 201"):
                        raise RuntimeError(head.decode())
                    acknowledged += 1
                    if time.perf_counter() < start + seconds:
                        connection.sendall(next(made))
                    else:
                        under_way -= 1
            return acknowledged / (time.perf_counter() - start)


class Bare:
    """The reference: one INSERT a commit through sqlite3."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute(
            "CREATE TABLE surveys (survey_id TEXT PRIMARY KEY, answered_at TEXT, channel TEXT, scale TEXT, score REAL, "
            "call_id TEXT, team TEXT, agent TEXT)"
        )
        self.numbers = itertools.count()

    def drive(self, seconds: float) -> float:
        """Return the commits a second."""
        end = time.perf_counter() + seconds
        done = 0
        while time.perf_counter() < end:
            number = next(self.numbers)
            row = (f"S{number:09}", "2026-03-02 01:12:58", "sms", "5", 4.0, f"C{number:09}", "T1", "A7")
            self.connection.execute("INSERT INTO surveys VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            done += 1
        return done / seconds


def main() -> None:
    """Run the rounds and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each of the two in a round")
    parser.add_argument("--setups", nargs="+", default=SETUPS, help="kind-workers x connections")
    options = parser.parse_args()
    print(machine())
    for setup in options.setups:
        kind, _, size = setup.partition("-")
        workers, connections = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            data = str(Path(folder, "data"))
            key = new_key(data, ROLES[kind])
            if kind == "ratings":
                fill_with_known_calls(data)
            bare = Bare(Path(folder, "bare.sqlite"))
            with serving(Path(data), workers) as port:
                clients = Clients(port, connections, key, kind)
                clients.drive(options.seconds)  # warm-up
                ratios = []
                for number in range(1, options.rounds + 1):
                    base, rate = bare.drive(options.seconds), clients.drive(options.seconds)
                    ratios.append(rate / base)
                    print(f"{number:3}: sqlite3 {base:6.0f}/s, posts {rate:6.0f}/s, ratio {ratios[-1]:.3f}", flush=True)
        what = f"{kind}, {workers} workers, {connections} connections"
        print(f"{what}: median ratio {statistics.median(ratios):.3f} (goal: at least {GOAL})")


if __name__ == "__main__":
    sys.exit(main())
