"""The worker that shares connections with the others, and whose threads wait a moment for a client's next request.

The rest is seen at work in tests/test_server.py.
"""

import dataclasses
import socket
import types

import pytest

from csi_service import gunicorn_hooks
from csi_service.facts import processors
from csi_service.gunicorn_hooks import PatientWorker


@pytest.fixture
def worker():
    made = object.__new__(PatientWorker)
    made.alive, made._due, made._idle, made.processor = True, set(), set(), None
    return made


@pytest.mark.parametrize(
    ("kept", "silent", "idle", "waits"),
    [
        (0, 0, 0, []),
        (1, 0, 0, [0.0002]),
        (0, 1, 0, [0.0002]),
        (0, 0, 1, [0.0002]),
        (4, 2, 1, [0.0014]),
        (9, 1, 0, [0.002]),
        (500, 0, 0, [0.002]),
    ],
)
def test_a_worker_waits_the_longer_the_more_idle_connections_it_holds(monkeypatch, worker, kept, silent, idle, waits):
    done = []
    monkeypatch.setattr(gunicorn_hooks.time, "sleep", lambda waited: done.append(pytest.approx(waited)))
    monkeypatch.setattr(gunicorn_hooks.ThreadWorker, "accept", lambda _, listener: done.append(listener))
    worker.keepalived_conns, worker.pending_conns, worker._idle = [None] * kept, [None] * silent, set(range(idle))
    worker.accept("listener")
    assert done == [*waits, "listener"]


class Connection:
    """gunicorn's, as far as it is used."""

    def __init__(self, sock):
        self.sock = sock


class Client:
    """A client that sends its next requests as soon as the last one is answered; `then` is called with each answer."""

    def __init__(self, monkeypatch, requests, then=lambda: None, kept=True):
        self.answered, self.requests, self.then, self.kept = 0, requests, then, kept
        ours, self.theirs = socket.socketpair()
        self.conn = Connection(ours)
        self.send()
        monkeypatch.setattr(gunicorn_hooks.ThreadWorker, "handle", self.handle)

    def send(self):
        if self.requests:
            self.requests -= 1
            self.theirs.send(b"x")

    def handle(self, conn):
        """Stand for gunicorn's own handling of one request."""
        assert conn.sock.recv(1) == b"x"
        self.answered += 1
        self.send()
        self.then()
        return self.kept

    def close(self):
        self.conn.sock.close()
        self.theirs.close()


def handled(monkeypatch, worker, requests, **how):
    """Return how many requests were answered before the connection was given back, and whether it is kept."""
    client = Client(monkeypatch, requests, **how)
    worker._due.add(client.conn)
    kept = worker.handle(client.conn)
    client.close()
    assert client.conn not in worker._due | worker._idle
    return client.answered, kept


def test_the_next_requests_of_a_connection_are_answered_by_the_same_thread(monkeypatch, worker):
    assert handled(monkeypatch, worker, 5) == (5, True)


def test_a_connection_that_asks_no_more_is_given_back(monkeypatch, worker):
    assert handled(monkeypatch, worker, 1) == (1, True)


def test_a_connection_that_is_not_kept_is_given_back_at_once(monkeypatch, worker):
    assert handled(monkeypatch, worker, 3, kept=False) == (1, False)


def test_a_connection_is_given_back_at_once_where_another_waits_for_a_thread(monkeypatch, worker):
    assert handled(monkeypatch, worker, 3, then=lambda: worker._due.add("another")) == (1, True)


def test_a_worker_that_is_stopped_gives_its_connections_back_at_once(monkeypatch, worker):
    assert handled(monkeypatch, worker, 3, then=lambda: setattr(worker, "alive", False)) == (1, True)


def test_a_connection_counts_as_idle_while_its_next_request_is_waited_for(monkeypatch, worker):
    seen = []

    class Poll:
        register = staticmethod(lambda sock, event: None)

        @staticmethod
        def poll(milliseconds):
            seen.append((len(worker._idle), milliseconds))
            return []

    monkeypatch.setattr(gunicorn_hooks.select, "poll", Poll)
    handled(monkeypatch, worker, 1)
    assert seen == [(1, 2)]


def test_what_is_given_to_the_threads_is_due_until_one_takes_it(monkeypatch, worker):
    monkeypatch.setattr(gunicorn_hooks.ThreadWorker, "enqueue_req", lambda self, conn: seen.append(set(self._due)))
    seen = []
    worker.enqueue_req("connection")
    assert seen == [{"connection"}]


@dataclasses.dataclass(frozen=True)
class Arbiter:
    """gunicorn's, as far as it is used."""

    num_workers: int
    WORKERS: dict


@pytest.mark.parametrize(
    ("workers", "others", "own"),
    [(1, [], None), (2, [], 0), (2, [0], 1), (2, [1], 0), (4, [0, 1], 0), (4, [0, 1, 0], 1), (4, [1, 0, 1], 0)],
)
def test_a_worker_has_a_processor_of_its_own_where_there_are_enough_workers(monkeypatch, worker, workers, others, own):
    for module in (gunicorn_hooks, processors):
        monkeypatch.setattr(module, "ALL", frozenset({0, 1}))
    there = {number: types.SimpleNamespace(processor=processor) for number, processor in enumerate(others)}
    gunicorn_hooks.pre_fork(Arbiter(workers, there), worker)
    assert worker.processor == own


def test_where_the_system_tells_no_processors_workers_run_anywhere(monkeypatch, worker):
    monkeypatch.setattr(gunicorn_hooks, "ALL", frozenset())
    gunicorn_hooks.pre_fork(Arbiter(2, {}), worker)
    assert worker.processor is None


def test_another_kind_of_worker_is_left_alone():
    gunicorn_hooks.pre_fork(Arbiter(1000, {}), object())
