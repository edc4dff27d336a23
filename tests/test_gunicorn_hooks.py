"""The worker that lets the others take a connection first; the rest is seen at work in tests/test_server.py."""

import pytest

from csi_service import gunicorn_hooks
from csi_service.gunicorn_hooks import PatientWorker


@pytest.mark.parametrize(("open_already", "seconds"), [(0, 0), (1, 0.0002), (7, 0.0014), (10, 0.002), (500, 0.002)])
def test_a_worker_waits_the_longer_the_more_connections_it_has(monkeypatch, open_already, seconds):
    done = []
    monkeypatch.setattr(gunicorn_hooks.time, "sleep", lambda waited: done.append(pytest.approx(waited)))
    monkeypatch.setattr(gunicorn_hooks.ThreadWorker, "accept", lambda _, listener: done.append(listener))
    worker = object.__new__(PatientWorker)
    worker.nr_conns = open_already
    worker.accept("listener")
    assert done == [seconds, "listener"]
