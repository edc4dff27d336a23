"""gunicorn's configuration module: its lines in our log's format, what waits at a start, a worker's end."""

import os
import sys
import time
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client.multiprocess import mark_process_dead

from csi_service.metrics import FOLDER
from csi_service.store.import_queue import ensure_worker

_TURN_SECONDS, _MOST_SECONDS = 0.0002, 0.002


class RootLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger that hands its lines to the process's log instead of writing them itself."""

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's own handlers away; the root logger has one."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's worker with threads that takes a new connection the later the more it holds that are kept open, idle.

    All workers are woken for a connection, and the first to come has it: the connections that a client keeps open all
    day may else lie with one worker, while the others have nothing to do. Clients that keep none open wait for nothing.
    """

    def accept(self, listener: Any) -> None:
        """Wait a little, and take the connection if no other worker has by then."""
        if idle := len(self.keepalived_conns) + len(self.pending_conns):
            time.sleep(min(idle * _TURN_SECONDS, _MOST_SECONDS))
        super().accept(listener)  # private: gunicorn is pinned below 28


def post_worker_init(worker: Any) -> None:
    """Let the first worker of a start take up the imports that wait since the last stop."""
    ours = sys.modules.get("csi_service.wsgi")  # another application may be run with these hooks
    if worker.age == 1 and ours is not None:
        ensure_worker(ours.services.store(), ours.services.settings)


def child_exit(_server: object, worker: Any) -> None:
    """Forget the figures of an ended worker that hold only while one lives; what it counted stays."""
    if os.environ.get(FOLDER):
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # its library has no type there


logger_class = RootLogger
