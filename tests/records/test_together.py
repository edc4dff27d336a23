"""Writes of several threads in one transaction, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from csi_service.errors import ConflictError, StoreBusyError, StoreFullError
from csi_service.records.tables import HELD_FIELDS
from csi_service.records.together import Portion, Together, look_up
from tests.records.waiting import Counted, Waiting, wait_until


def steps(function):
    """A write that puts nothing in together with others."""

    def work(shared):
        return function(shared)
        yield

    return work


def insert(shared, *names):
    rows = [{"kind": "calls", "field": name, "import_id": 0} for name in names]
    shared.connection.execute(sa.insert(HELD_FIELDS), rows)
    return shared.revision


def note(name):
    """A write that notes a field and returns its number."""
    return steps(lambda shared: insert(shared, name))


@steps
def refused(shared):
    insert(shared, "refused")
    raise ConflictError("not this one")


class Putting:
    """Puts in what several writes note; remembers which it put in at once."""

    def __init__(self):
        self.calls = []

    def __call__(self, shared, lists):
        self.calls.append([list(names) for names in lists])
        insert(shared, *(name for names in lists for name in names))
        return [f"put {'+'.join(names)}" for names in lists]

    def of(self, *names, keys=None):
        """A write that has names noted and returns what became of them, in capitals."""

        def work(shared):
            became = yield Portion(self, names, names if keys is None else keys)
            return became.upper()

        return work


def noted(store):
    with store.database.reading() as connection:
        return sorted(connection.execute(sa.select(HELD_FIELDS.c.field)).scalars())


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

    @steps
    def first(shared):
        begun.set()
        assert go_on.wait(30)
        return insert(shared, "first")

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
        return steps(lambda shared: shared.later(put, [{"name": name}] if name else []))

    Waiting(Counted(store)).run(work("a"), work(""), work("b"))
    assert put_in == [["a", "b"]]


def test_portions_are_put_in_at_once_and_each_write_is_told_of_its_own(store):
    putting = Putting()
    told = Waiting(Counted(store)).run(putting.of("a", "b"), note("alone"), putting.of("c"))
    assert told == ["PUT A+B", 1, "PUT C"]
    assert putting.calls == [[["a", "b"], ["c"]]]
    assert noted(store) == ["a", "alone", "b", "c"]


def test_a_portion_with_a_key_of_another_is_put_in_after_it_in_the_same_transaction(store):
    counted, putting = Counted(store), Putting()
    seen = []

    def second(shared):
        seen.append(sorted(shared.connection.execute(sa.select(HELD_FIELDS.c.field)).scalars()))
        yield from putting.of("c", keys=["b"])(shared)

    Waiting(counted).run(putting.of("a", "b"), second, putting.of("d"))
    assert putting.calls == [[["a", "b"], ["d"]], [["c"]]]
    assert seen == [[], ["a", "b", "d"]]  # it was asked again, and saw what was put in
    assert counted.number == 1


class Looking:
    """Looks up what is noted already; remembers which names it was asked for at once."""

    def __init__(self):
        self.calls = []
        self.look_up = look_up(self._look)

    def _look(self, connection, names):
        self.calls.append(list(names))
        return set(connection.execute(sa.select(HELD_FIELDS.c.field)).scalars())

    def then(self, putting, *names):
        """A write that looks names up, has them noted where none is, and returns what it saw and what became of it."""

        def work(shared):
            seen = yield Portion(self.look_up, names)
            return sorted(seen), (yield Portion(putting, names, names)) if seen.isdisjoint(names) else "known"

        return work


def test_writes_look_up_at_once_and_then_put_in_at_once(store):
    counted, looking, putting = Counted(store), Looking(), Putting()
    told = Waiting(counted).run(looking.then(putting, "a", "b"), looking.then(putting, "c"))
    assert told == [([], "put a+b"), ([], "put c")]
    assert looking.calls == [["a", "b", "c"]]
    assert putting.calls == [[["a", "b"], ["c"]]]
    assert counted.number == 1


def test_who_has_looked_up_what_another_puts_in_looks_again_after_it(store):
    counted, looking, putting = Counted(store), Looking(), Putting()
    works = [looking.then(putting, *names) for names in ("ab", "bc", "d", "ce")]
    told = Waiting(counted).run(*works)
    assert told == [([], "put a+b"), (["a", "b", "d"], "known"), ([], "put d"), (["a", "b", "d"], "put c+e")]
    assert looking.calls == [["a", "b", "b", "c", "d", "c", "e"], ["b", "c", "c", "e"]]
    assert putting.calls == [[["a", "b"], ["d"]], [["c", "e"]]]
    assert counted.number == 1


def test_who_ends_early_leaves_the_others_to_go_on(store):
    counted, looking, putting = Counted(store), Looking(), Putting()
    store.database.together.run(putting.of("a"))
    told = Waiting(counted).run(looking.then(putting, "a"), looking.then(putting, "b"))
    assert told == [(["a"], "known"), (["a"], "put b")]


def test_portions_of_two_kinds_are_put_in_in_their_order(store):
    one, other, order = Putting(), Putting(), []
    for putting in (one, other):
        putting.calls = order
    Waiting(Counted(store)).run(one.of("a"), other.of("b"), one.of("c"))
    assert order == [[["a"]], [["b"]], [["c"]]]


def test_one_that_is_refused_after_its_portion_was_put_in_leaves_nothing(store):
    putting = Putting()

    def regretted(shared):
        yield Portion(putting, ["regretted"], ["regretted"])
        raise ConflictError("not this one")

    before, error, after = Waiting(Counted(store)).run(putting.of("before"), regretted, putting.of("after"))
    assert isinstance(error, ConflictError)
    assert (before, after) == ("PUT BEFORE", "PUT AFTER")
    assert noted(store) == ["after", "before"]
    assert putting.calls[1:] == [[["before"]], [["regretted"]], [["after"]]]  # each by itself


def test_one_that_is_refused_leaves_nothing_and_the_others_are_kept(store):
    before, error, after = Waiting(Counted(store)).run(note("before"), refused, note("after"))
    assert isinstance(error, ConflictError)
    assert (before, after) == (1, 2)
    assert noted(store) == ["after", "before"]


def test_a_fault_in_one_write_is_told_to_its_own_caller_only(store):
    kept, fault = Waiting(Counted(store)).run(note("kept"), steps(lambda shared: 1 // 0))
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
