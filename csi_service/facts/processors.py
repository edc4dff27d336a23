"""On which of the machine's processors threads run."""

import contextlib
import os
from collections.abc import Collection, Iterator

# Those that this process was given when it began; none where the system does not tell.
ALL = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset[int]()
NUMBER = len(ALL) or os.cpu_count() or 1


def least_taken(taken: Collection[int | None]) -> int:
    """Return the processor that is named least often."""
    counts = [processor for processor in taken if processor is not None]
    return min(sorted(ALL), key=counts.count)


def keep_to(processors: Collection[int]) -> None:
    """Let this thread, and those that it starts, run on these processors only."""
    with contextlib.suppress(OSError):  # they may have been taken away since
        os.sched_setaffinity(0, processors)


@contextlib.contextmanager
def on_all() -> Iterator[None]:
    """Let this thread run on all processors for the block; threads and processes started in it stay free."""
    if not ALL:
        yield
        return
    own = os.sched_getaffinity(0)
    keep_to(ALL)
    try:
        yield
    finally:
        keep_to(own)
