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
from csi_service.records.together import Together


class Counted:
    """The transactions of a store, counted; the one of number `broken` raises as it commits."""

    def __init__(self, store, broken=0, error=None):
        self.store, self.number, self.broken, self.error = store, 0, broken, error

    @contextlib.contextmanager
    def __call__(self):
        self.number += 1
        with self.store.database.writing() as connection:
            yield connection
            if self.number == self.broken:
                raise self.error


def note(name):
    """A write that notes a field and returns its number."""

    def work(connection):
        revision = next_revision(connection)
        connection.execute(sa.insert(HELD_FIELDS).values(kind="calls", field=name, import_id=0))
        return revision

    return work


def refused(connection):
    note("refused")(connection)
    raise ConflictError("not this one")


def noted(store):
    with store.database.reading() as connection:
        return sorted(connection.execute(sa.select(HELD_FIELDS.c.field)).scalars())


def wait_until(true):
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def at_once(together, *works):
    """Run works so that all of them wait while a first one is under way; return what each came to."""
    begun, go_on = threading.Event(), threading.Event()

    def first(connection):
        note("first")(connection)
        begun.set()
        assert go_on.wait(30)

    with ThreadPoolExecutor(len(works) + 1) as pool:
        leading = pool.submit(together.run, first)
        assert begun.wait(30)
        waiting = []
        for work in works:  # in their order, each once the one before it waits
            waiting.append(pool.submit(together.run, work))
            wait_until(lambda: len(together._due) == len(waiting))
        go_on.set()
        leading.result(30)
        return [each.exception(30) or each.result(30) for each in waiting]


def test_a_write_alone_is_kept_before_its_result_is_returned(store):
    assert store.database.together.run(note("one")) == 1
    assert noted(store) == ["one"]


def test_writes_that_come_meanwhile_are_made_in_one_transaction_each_with_its_own_number(store):
    counted = Counted(store)
    results = at_once(Together(counted), *(note(f"n{number}") for number in range(5)))
    assert counted.number == 2
    assert results == [2, 3, 4, 5, 6]
    assert noted(store) == ["first", "n0", "n1", "n2", "n3", "n4"]


@pytest.mark.parametrize(("writes", "transactions"), [(64, 1), (65, 2)])
def test_no_more_than_64_stand_in_one_transaction(store, writes, transactions):
    counted = Counted(store)
    at_once(Together(counted), *(note(f"n{number}") for number in range(writes)))
    assert counted.number == 1 + transactions  # after that of the first write
    assert len(noted(store)) == 1 + writes


def test_one_that_is_refused_leaves_nothing_and_the_others_are_kept(store):
    before, error, after = at_once(Together(Counted(store)), note("before"), refused, note("after"))
    assert isinstance(error, ConflictError)
    assert (before, after) == (2, 3)
    assert noted(store) == ["after", "before", "first"]


def test_a_fault_in_one_write_is_told_to_its_own_caller_only(store):
    kept, fault = at_once(Together(Counted(store)), note("kept"), lambda connection: 1 // 0)
    assert kept == 2
    assert isinstance(fault, ZeroDivisionError)


@pytest.mark.parametrize("error", [StoreBusyError("busy"), StoreFullError("full")])
def test_what_stops_the_store_stops_all_of_a_transaction_at_once(store, error):
    counted = Counted(store, broken=2, error=error)
    results = at_once(Together(counted), note("a"), note("b"))
    assert results == [error, error]
    assert counted.number == 2
    assert noted(store) == ["first"]


def test_after_a_failure_writes_go_on(store):
    together = Together(Counted(store, broken=1, error=StoreFullError("full")))
    with pytest.raises(StoreFullError):
        together.run(note("lost"))
    assert together.run(note("kept")) == 1
    assert noted(store) == ["kept"]
