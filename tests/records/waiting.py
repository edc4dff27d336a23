"""Writes of several threads, held until all of them are due."""

import contextlib
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from csi_service.records.database import next_revision
from csi_service.records.together import SharedWrite, Together


class Counted:
    """The transactions of a store, counted; the one of number `broken` raises as it commits."""

    def __init__(self, store, broken=0, error=None):
        self.store, self.number, self.broken, self.error = store, 0, broken, error
        self.opening = None  # called before a transaction is opened

    @contextlib.contextmanager
    def __call__(self):
        self.number += 1
        if self.opening is not None:
            self.opening()
        with self.store.database.writing() as connection:
            shared = SharedWrite(connection, next_revision(connection))
            yield shared
            shared.finish()
            if self.number == self.broken:
                raise self.error


def wait_until(true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


class Waiting:
    """Threads whose writes wait for the first transaction to be opened."""

    def __init__(self, counted):
        self.together = Together(counted)
        self.go_on = threading.Event()
        counted.opening = lambda: self.go_on.wait(30)

    def run(self, *works):
        """Return what each work came to; they come in their order."""
        return self.call(*(functools.partial(self.together.run, work) for work in works))

    def call(self, *functions):
        """Return what each function, which makes one write, came to."""
        with ThreadPoolExecutor(len(functions)) as pool:
            waiting = []
            for function in functions:
                waiting.append(pool.submit(function))
                wait_until(lambda: len(self.together._due) == len(waiting))
            self.go_on.set()
            return [each.exception(30) or each.result(30) for each in waiting]


def at_once(store, *sends):
    """Return what sends came to that stand in one transaction, in their order."""
    waiting = Waiting(Counted(store))
    store.database.together = waiting.together
    return waiting.call(*sends)
