"""Writes of several threads in one transaction: one commit, and one wait for the database, for all that are due."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from csi_service.errors import DamagedError, StoreBusyError, StoreFullError

Result = TypeVar("Result")
Rows = Sequence[Mapping[str, Any]]
Put = Callable[[sa.Connection, Rows], None]
_MOST = 64  # in one transaction, so that none waits for long
_OF_ALL = (StoreBusyError, StoreFullError, DamagedError)  # what stops any write


class SharedWrite:
    """A transaction of one write or several: its number, and what is put in at its end, all at once."""

    def __init__(self, connection: sa.Connection, revision: int) -> None:
        """Start with nothing to put in."""
        self.connection = connection
        self.revision = revision
        self._rows: dict[Put, list[Mapping[str, Any]]] = {}

    def later(self, put: Put, rows: Rows) -> None:
        """Have rows put in at the end, together with those of other writes."""
        if rows:
            self._rows.setdefault(put, []).extend(rows)

    def finish(self) -> None:
        """Put in what is to be put in at the end."""
        for put, rows in self._rows.items():
            put(self.connection, rows)


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows that a write has put in together with those of others that have the same `put_all`.

    `put_all` takes the rows of several writes and returns for each what became of them. Of writes with a key in common
    each sees what the one before it put in.
    """

    put_all: Callable[[SharedWrite, Sequence[Rows]], Sequence[Any]]
    rows: Rows
    keys: Collection[object]


Sharing = Callable[[], contextlib.AbstractContextManager[SharedWrite]]
Steps = Generator[Portion, Any, Result]
Work = Callable[[SharedWrite], Steps[Result]]


class _Due:
    """A write that is due, and afterwards its result or what was raised."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.waiting = threading.Lock()  # its thread waits for this to be released: it is made, or leads
        self.waiting.acquire()
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None


class Together:
    """Makes writes; those that come while the database is waited for, or while others are made, are made with them.

    The thread of the first that is due makes them all; the next one leads as soon as they are durable.
    """

    def __init__(self, sharing: Sharing) -> None:
        """Make them in transactions that `sharing` opens and finishes."""
        self._sharing = sharing
        self._due: deque[_Due] = deque()
        self._led = False
        self._lock = threading.Lock()  # of the two above

    def run(self, work: Work[Result]) -> Result:
        """Return what `work` returns once its write is durable; where it raises, nothing of it is kept.

        It may yield a portion, once, and is sent what became of its rows. `work` changes nothing but the database, and
        before it yields nothing that is not the same when done twice, as it may be called again: where it stands with
        others in a transaction and one of them raises, each is made by itself.

        Raises:
            StoreBusyError, StoreFullError: as `Database.writing` does.
        """
        own = _Due(work)
        with self._lock:
            self._due.append(own)
            leads, self._led = not self._led, True
        if not leads:
            own.waiting.acquire()
        if not own.done:
            self._lead()
        if own.error is not None:
            raise own.error
        result: Result = own.result
        return result

    def _lead(self) -> None:
        """Make what is due, and let the next that came meanwhile lead before those that are made go on."""
        made = self._make_due()
        with self._lock:
            self._led = bool(self._due)
            if self._led:
                self._due[0].waiting.release()
        for write in made:
            write.done = True
            write.waiting.release()

    def _make_due(self) -> Sequence[_Due]:
        """Make what is due once the database's turn has come, and what comes while that is made."""
        writes: list[_Due] = []
        try:
            with self._sharing() as shared:
                while self._due and len(writes) < _MOST:
                    _make_round(shared, self._due, writes)
        except BaseException as error:  # noqa: BLE001 - raised again where each write was asked for
            writes = writes or [self._due.popleft() for _ in range(min(len(self._due), _MOST))]
            for write in writes:
                write.error = error
            if len(writes) > 1 and not isinstance(error, _OF_ALL):
                for write in writes:
                    self._make_alone(write)
        return writes

    def _make_alone(self, write: _Due) -> None:
        write.error = None
        try:
            with self._sharing() as shared:
                _make_round(shared, deque([write]), [])
        except BaseException as error:  # noqa: BLE001 - raised again where the write was asked for
            write.error = error


def _make_round(shared: SharedWrite, due: deque[_Due], writes: list[_Due]) -> None:
    """Make those that are due, and list them, until one has rows of another kind or a key that one before it has."""
    halted: list[tuple[_Due, Steps[Any], Portion]] = []
    keys = set[object]()
    while due and len(writes) < _MOST:
        write = due.popleft()
        writes.append(write)
        steps = write.work(shared)
        try:
            portion = next(steps)
        except StopIteration as end:
            write.result = end.value
            continue
        if halted and (portion.put_all != halted[0][2].put_all or not keys.isdisjoint(portion.keys)):
            due.appendleft(writes.pop())
            break
        halted.append((write, steps, portion))
        keys.update(portion.keys)
    if halted:
        found = halted[0][2].put_all(shared, [portion.rows for _, _, portion in halted])
        for (write, steps, _), became in zip(halted, found, strict=True):
            try:
                steps.send(became)
            except StopIteration as end:
                write.result = end.value
