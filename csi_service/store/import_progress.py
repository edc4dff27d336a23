"""How far an import has come, told to the book and to who watches; and how it is stopped."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from csi_service.errors import StoreBusyError, StoreFullError
from csi_service.ingest.outcome import Outcome
from csi_service.store.folder import Store
from csi_service.store.import_books import CancelledError, Import, tell_progress

Progress = Callable[[str, float], None]
POLL_SECONDS = 0.5
STAGING_SHARE = 0.9  # of the way; the rest is merging and writing
_SAMPLE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Steps:
    """Whom an import tells on its way: the step at work with its share done, and the outcomes before they count."""

    step: Progress
    account: Callable[[Sequence[Outcome]], None]


@dataclass(slots=True)
class StepsTold:
    """How far an import has come, for whoever watches it, and whether it was told to stop."""

    rows: int
    steps: Steps | None = None
    share: float = 0.0
    cancelled: threading.Event = field(default_factory=threading.Event)

    def tell(self, label: str, share: float, start: float, end: float) -> None:
        """Note the share done of a step that stretches from one share of the whole to another."""
        self.share = max(self.share, start + (end - start) * share)
        if self.steps is not None:
            self.steps.step(label, share)

    def check(self) -> None:
        """Stop here where that was asked for.

        Raises:
            CancelledError: it was.
        """
        if self.cancelled.is_set():
            raise CancelledError("the import was cancelled; nothing was changed")


def estimated_rows(files: Sequence[Path]) -> int:
    """Return about how many rows the files have, from the length of the first lines."""
    rows = 0.0
    for path in files:
        with path.open("rb") as stream:
            sample = stream.read(_SAMPLE_BYTES)
        rows += sample.count(b"\n") * path.stat().st_size / max(len(sample), 1)
    return round(rows)


@contextlib.contextmanager
def watched(store: Store, found: Import, duck: duckdb.DuckDBPyConnection, told: StepsTold) -> Iterator[None]:
    """Tell the book how far the import has come, and stop the engine where the book says so."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            with contextlib.suppress(StoreBusyError, StoreFullError):  # told the next time
                rows = round(told.rows * min(told.share / STAGING_SHARE, 1.0))
                if tell_progress(store, found.id, told.share, rows):
                    told.cancelled.set()
            if told.cancelled.is_set():
                duck.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


@contextlib.contextmanager
def telling_stop(told: StepsTold) -> Iterator[None]:
    """Tell a query that was stopped on purpose from faults."""
    try:
        yield
    except duckdb.InterruptException:
        told.check()
        raise
