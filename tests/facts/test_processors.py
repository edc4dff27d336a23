"""Which processors threads run on: those of DuckDB and of an import on all, whoever starts them."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from csi_service.facts import processors
from csi_service.facts.duck import workspace
from csi_service.facts.processors import ALL, keep_to, least_taken, on_all
from csi_service.settings import load_settings
from csi_service.store import import_queue

FIRST = {min(ALL)}


@pytest.fixture
def kept():
    """A thread that keeps to the first processor."""
    with ThreadPoolExecutor(1, initializer=lambda: keep_to(FIRST)) as thread:
        yield lambda function: thread.submit(function).result(30)


def now():
    return os.sched_getaffinity(0)


def test_a_thread_keeps_to_its_own_but_for_a_block(kept):
    def look():
        before = now()
        with on_all():
            within = now()
        return before, within, now()

    assert kept(look) == (FIRST, ALL, FIRST)
    assert now() == ALL  # of this thread


def test_it_keeps_to_its_own_after_a_fault(kept):
    def fail():
        with on_all():
            raise KeyError("fault")

    with pytest.raises(KeyError, match="fault"):
        kept(fail)
    assert kept(now) == FIRST


def test_processors_that_are_gone_are_no_fault(kept):
    assert kept(lambda: keep_to([max(ALL) + 1000])) is None
    assert kept(now) == FIRST


def test_a_system_that_tells_no_processors_has_no_blocks(monkeypatch, kept):
    monkeypatch.setattr(processors, "ALL", frozenset())

    def look():
        with on_all():
            return now()

    assert kept(look) == FIRST


@pytest.mark.parametrize(
    ("taken", "least"),
    [([], 4), ([None, None], 4), ([4], 5), ([5, 4], 7), ([4, 5, 7], 4), ([4, 5, 7, 5, 4], 7), ([5, 7, 5, 7], 4)],
)
def test_the_least_taken_processor_is_found(monkeypatch, taken, least):
    monkeypatch.setattr(processors, "ALL", frozenset({7, 5, 4}))
    assert least_taken(taken) == least


def test_the_engine_s_threads_run_on_all(kept):
    def opened():
        before = set(tasks())
        with workspace() as (duck, _):
            duck.execute("SELECT sum(i) FROM range(3000000) numbers(i)").fetchall()
            return [allowed(task) for task in set(tasks()) - before]

    found = kept(opened)
    assert len(found) >= len(ALL) - 1
    assert set(found) <= {ALL}


def tasks():
    return Path("/proc/self/task").iterdir()


def allowed(task):
    """Return the processors that a thread may run on."""
    return frozenset(os.sched_getaffinity(int(task.name)))


def test_an_import_runs_on_all(monkeypatch, kept):
    class Started:
        def __init__(self, *_, **__):
            started.append(now())

        def wait(self):
            return 0

    started = []
    monkeypatch.setattr(import_queue.subprocess, "Popen", Started)
    kept(lambda: import_queue.start_worker(load_settings({})))
    assert started == [ALL]
