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


DoAll = Callable[[SharedWrite, Sequence[Sequence[Any]]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Portion:
    """What a write has looked up or put in together with the same of other writes: rows, and what is done with them.

    `do_all` takes the rows of several writes and returns for each what became of them. Of writes with a key in common
    each sees what the one before it put in.
    """

    do_all: DoAll
    rows: Sequence[Any]
    keys: Collection[object] = ()


def look_up(look: Callable[[sa.Connection, Sequence[Any]], Any]) -> DoAll:
    """Return what looks up the rows of several writes at once, and tells each of them all that was found."""

    def do_all(shared: SharedWrite, lists: Sequence[Sequence[Any]]) -> Sequence[Any]:
        return [look(shared.connection, [row for rows in lists for row in rows])] * len(lists)

    return do_all


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

        It may yield portions, and is sent what became of their rows; writes that begin with the same kind of portion
        go side by side. `work` changes nothing but the database, as it may be called again: where it stands with others
        in a transaction and one of them raises, each is made by itself. Before it yields a portion with keys it does
        nothing that is not the same when done twice: where another has one of the keys, it is called again after it.

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


@dataclass(frozen=True, slots=True)
class _Halted:
    """A write that waits for what becomes of its portion."""

    write: _Due
    steps: Steps[Any]
    portion: Portion


class _Round:
    """Writes that go side by side from one portion to the next; `late` are those with a key of one before them."""

    def __init__(self) -> None:
        self.halted: list[_Halted] = []
        self.late: list[_Due] = []
        self._owners: dict[object, _Due] = {}

    def go_on(self, write: _Due, steps: Steps[Any], became: Any = None) -> None:
        """Let a write go on to its next portion, or to its result."""
        try:
            portion = steps.send(became)
        except StopIteration as end:
            write.result = end.value
            return
        if {self._owners.setdefault(key, write) for key in portion.keys} <= {write}:
            self.halted.append(_Halted(write, steps, portion))
        else:
            self.late.append(write)

    def make_portions(self, shared: SharedWrite) -> None:
        """Do what is to be done with the portions that are of one kind with the first, and let their writes go on."""
        do_all = self.halted[0].portion.do_all
        alike = [each for each in self.halted if each.portion.do_all == do_all]
        self.halted = [each for each in self.halted if each.portion.do_all != do_all]
        found = do_all(shared, [each.portion.rows for each in alike])
        for each, became in zip(alike, found, strict=True):
            self.go_on(each.write, each.steps, became)


def _make_round(shared: SharedWrite, due: deque[_Due], writes: list[_Due]) -> None:
    """Make those that are due and begin alike, and list them; who was late is due again."""
    side_by_side = _Round()
    halted = side_by_side.halted
    while due and len(writes) < _MOST:
        write = due.popleft()
        writes.append(write)
        side_by_side.go_on(write, write.work(shared))
        if halted and halted[-1].portion.do_all != halted[0].portion.do_all:
            halted.pop()
            due.appendleft(writes.pop())
            break
    while side_by_side.halted:
        side_by_side.make_portions(shared)
    for write in reversed(side_by_side.late):
        writes.remove(write)
        due.appendleft(write)
