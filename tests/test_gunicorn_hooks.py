"""The worker that lets the others take a connection first; the rest is seen at work in tests/test_server.py."""

import pytest

from csi_service import gunicorn_hooks
from csi_service.gunicorn_hooks import PatientWorker


@pytest.mark.parametrize(
    ("kept", "silent", "waits"),
    [(0, 0, []), (1, 0, [0.0002]), (0, 1, [0.0002]), (4, 3, [0.0014]), (9, 1, [0.002]), (500, 0, [0.002])],
)
def test_a_worker_waits_the_longer_the_more_idle_connections_it_holds(monkeypatch, kept, silent, waits):
    done = []
    monkeypatch.setattr(gunicorn_hooks.time, "sleep", lambda waited: done.append(pytest.approx(waited)))
    monkeypatch.setattr(gunicorn_hooks.ThreadWorker, "accept", lambda _, listener: done.append(listener))
    worker = object.__new__(PatientWorker)
    worker.keepalived_conns, worker.pending_conns = [None] * kept, [None] * silent
    worker.accept("listener")
    assert done == [*waits, "listener"]
