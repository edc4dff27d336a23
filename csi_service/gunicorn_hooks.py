"""gunicorn's configuration module: its lines in our log's format, what waits at a start, a worker's end."""

import os
import select
import sys
import time
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client.multiprocess import mark_process_dead

from csi_service.facts.processors import ALL, keep_to, least_taken
from csi_service.metrics import FOLDER
from csi_service.store.import_queue import ensure_worker

_TURN_SECONDS, _MOST_SECONDS = 0.0002, 0.002
_NEXT_MILLISECONDS = 2


class RootLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's logger that hands its lines to the process's log instead of writing them itself."""

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's own handlers away; the root logger has one."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's worker with threads, made for clients that keep connections open and ask on them all day.

    What it overrides is private: gunicorn is pinned below 28.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        """Start with no connection."""
        super().__init__(*given, **named)
        self.processor: int | None = None  # that its threads keep to
        self._due: set[Any] = set()  # connections whose request waits for a thread
        self._idle: set[Any] = set()  # those whose thread waits for the next request

    def init_process(self) -> None:
        """Begin to work, on the worker's own processor if it has one."""
        if self.processor is not None:
            keep_to([self.processor])
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Take a connection, the later the more of those held are idle, unless another worker has it by then.

        All workers are woken for a connection, and the first to come has it: those that a client keeps open all day may
        else lie with one worker, while the others have nothing to do. Clients that keep none open wait for nothing.
        """
        if idle := len(self.keepalived_conns) + len(self.pending_conns) + len(self._idle):
            time.sleep(min(idle * _TURN_SECONDS, _MOST_SECONDS))
        super().accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        """Give a connection's request to the threads."""
        self._due.add(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Answer a connection's request, and the next ones if they come at once and no other connection's waits.

        To give a connection back to the loop and take it again costs as much as a small answer.
        """
        self._due.discard(conn)
        kept = super().handle(conn)
        while kept is True and self.alive and not self._due and self._asks_again(conn):
            kept = super().handle(conn)
        return kept

    def _asks_again(self, conn: Any) -> bool:
        waiting = select.poll()
        waiting.register(conn.sock, select.POLLIN)
        self._idle.add(conn)
        asks = bool(waiting.poll(_NEXT_MILLISECONDS))
        self._idle.discard(conn)
        return asks


def pre_fork(server: Any, worker: Any) -> None:
    """Give a worker a processor of its own where there are as many workers as processors.

    Of a worker's threads Python lets one run at a time, and it takes far longer to wake the next on another processor
    than on the same. Where there are fewer workers, the system is left to find the processors that have nothing to do.
    """
    if isinstance(worker, PatientWorker) and 0 < len(ALL) <= server.num_workers:
        worker.processor = least_taken([each.processor for each in server.WORKERS.values()])


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
