"""Writes of several threads in one transaction: one commit, and one wait for the database, for all that are due."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from csi_service.errors import DamagedError, StoreBusyError, StoreFullError

Result = TypeVar("Result")
Writing = Callable[[], contextlib.AbstractContextManager[sa.Connection]]
_MOST = 64  # in one transaction, so that none waits for long
_OF_ALL = (StoreBusyError, StoreFullError, DamagedError)  # what stops any write


class _Due:
    """A write that is due, and afterwards its result or what was raised."""

    def __init__(self, work: Callable[[sa.Connection], Any]) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None


class Together:
    """Makes writes; those that come while one is under way are made together after it."""

    def __init__(self, writing: Writing) -> None:
        """Make them in transactions that `writing` opens."""
        self._writing = writing
        self._due: deque[_Due] = deque()
        self._lock = threading.Lock()

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Return what `work` returns once its write is durable; where it raises, nothing of it is kept.

        `work` changes nothing but the database, as it may be called again after all it did was undone: where it stands
        with others in a transaction and one of them raises, each is made by itself.

        Raises:
            StoreBusyError, StoreFullError: as `Database.writing` does.
        """
        own = _Due(work)
        self._due.append(own)
        with self._lock:
            while not own.done:
                self._make([self._due.popleft() for _ in range(min(len(self._due), _MOST))])
        if own.error is not None:
            raise own.error
        result: Result = own.result
        return result

    def _make(self, writes: Sequence[_Due]) -> None:
        try:
            with self._writing() as connection:
                results = [write.work(connection) for write in writes]
        except BaseException as error:  # noqa: BLE001 - raised again where each write was asked for
            if len(writes) > 1 and not isinstance(error, _OF_ALL):
                for write in writes:
                    self._make([write])
                return
            for write in writes:
                write.error, write.done = error, True
            return
        for write, result in zip(writes, results, strict=True):
            write.result, write.done = result, True
