"""Writes of several threads in one transaction, on both databases."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from csi_service.errors import ConflictError, StoreBusyError, StoreFullError
from csi_service.records.database import next_revision
from csi_service.records.tables import HELD_FIELDS
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


def note(name):
    """A write that notes a field and returns its number."""

    def work(shared):
        shared.connection.execute(sa.insert(HELD_FIELDS).values(kind="calls", field=name, import_id=0))
        return shared.revision

    return work


def refused(shared):
    note("refused")(shared)
    raise ConflictError("not this one")


def noted(store):
    with store.database.reading() as connection:
        return sorted(connection.execute(sa.select(HELD_FIELDS.c.field)).scalars())


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
        with ThreadPoolExecutor(len(works)) as pool:
            waiting = []
            for work in works:
                waiting.append(pool.submit(self.together.run, work))
                wait_until(lambda: len(self.together._due) == len(waiting))
            self.go_on.set()
            return [each.exception(30) or each.result(30) for each in waiting]


def test_a_write_alone_is_kept_before_its_result_is_returned(store):
    assert store.database.together.run(note("one")) == 1
    assert noted(store) == ["one"]


def test_writes_that_come_while_the_database_is_waited_for_are_made_in_one_transaction(store):
    counted = Counted(store)
    assert Waiting(counted).run(*(note(f"n{number}") for number in range(5))) == [1] * 5
    assert counted.number == 1
    assert noted(store) == ["n0", "n1", "n2", "n3", "n4"]


def test_a_write_that_comes_while_another_is_made_is_made_with_it(store):
    counted = Counted(store)
    together, begun, go_on = Together(counted), threading.Event(), threading.Event()

    def first(shared):
        begun.set()
        assert go_on.wait(30)
        return note("first")(shared)

    with ThreadPoolExecutor(2) as pool:
        leading = pool.submit(together.run, first)
        assert begun.wait(30)
        later = pool.submit(together.run, note("later"))
        wait_until(lambda: len(together._due) == 1)
        go_on.set()
        assert (leading.result(30), later.result(30)) == (1, 1)
    assert counted.number == 1


@pytest.mark.parametrize(("writes", "transactions"), [(64, 1), (65, 2)])
def test_no_more_than_64_stand_in_one_transaction(store, writes, transactions):
    counted = Counted(store)
    results = Waiting(counted).run(*(note(f"n{number:02}") for number in range(writes)))
    assert counted.number == transactions
    assert results == [1] * 64 + [2] * (writes - 64)
    assert noted(store) == [f"n{number:02}" for number in range(writes)]


def test_what_is_put_in_later_is_put_in_once_for_all(store):
    put_in = []

    def put(connection, rows):
        put_in.append([row["name"] for row in rows])

    def work(name):
        return lambda shared: shared.later(put, [{"name": name}] if name else [])

    Waiting(Counted(store)).run(work("a"), work(""), work("b"))
    assert put_in == [["a", "b"]]


def test_one_that_is_refused_leaves_nothing_and_the_others_are_kept(store):
    before, error, after = Waiting(Counted(store)).run(note("before"), refused, note("after"))
    assert isinstance(error, ConflictError)
    assert (before, after) == (1, 2)
    assert noted(store) == ["after", "before"]


def test_a_fault_in_one_write_is_told_to_its_own_caller_only(store):
    kept, fault = Waiting(Counted(store)).run(note("kept"), lambda shared: 1 // 0)
    assert kept == 1
    assert isinstance(fault, ZeroDivisionError)


@pytest.mark.parametrize("error", [StoreBusyError("busy"), StoreFullError("full")])
def test_what_stops_the_store_stops_all_of_a_transaction_at_once(store, error):
    counted = Counted(store, broken=1, error=error)
    assert Waiting(counted).run(note("a"), note("b")) == [error, error]
    assert counted.number == 1
    assert noted(store) == []


def test_a_store_that_cannot_be_opened_stops_all_that_wait_for_it(store):
    def opening():
        raise StoreBusyError("busy")

    counted = Counted(store)
    waiting = Waiting(counted)
    begin = counted.opening
    counted.opening = lambda: (begin(), opening())
    errors = waiting.run(note("a"), note("b"), note("c"))
    assert [type(error) for error in errors] == [StoreBusyError] * 3
    assert counted.number == 1
    counted.opening = None
    assert waiting.together.run(note("kept")) == 1


def test_after_a_failure_writes_go_on(store):
    together = Together(Counted(store, broken=1, error=StoreFullError("full")))
    with pytest.raises(StoreFullError):
        together.run(note("lost"))
    assert together.run(note("kept")) == 1
    assert noted(store) == ["kept"]


def test_many_threads_that_write_again_and_again_are_all_answered(store):
    counted = Counted(store)
    together = Together(counted)

    def some(thread):
        return [together.run(note(f"{thread}-{number}")) for number in range(20)]

    with ThreadPoolExecutor(12) as pool:
        numbers = [pool.submit(some, thread) for thread in range(12)]
        found = [number for each in numbers for number in each.result(60)]
    assert len(noted(store)) == len(found) == 240
    assert set(found) == set(range(1, counted.number + 1))
