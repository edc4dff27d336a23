"""The queue of what was sent to be imported: taken in, worked off by one process, taken up again after a crash."""

import contextlib
import fcntl
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from csi_service.errors import CsiError, NotFoundError
from csi_service.facts.partitions import sync
from csi_service.facts.processors import on_all
from csi_service.settings import Settings, environment
from csi_service.store import import_books as books
from csi_service.store.folder import CALLS_LOCK, IMPORT_LOCK, Store
from csi_service.store.import_books import (
    Import,
    Now,
    find_import,
    hold,
    let_go,
    open_imports,
    stored_name,
    work_folder,
)
from csi_service.store.import_calls import tag_of
from csi_service.store.imports import digest_of, run_sent
from csi_service.store.parts import drop_unused
from csi_service.store.settle import tidy
from csi_service.store.undo import undo_import

QUEUE_LOCK = "queue.lock"
MOST_ATTEMPTS = 3
_INCOMING = "incoming-"
_TRIES, _TRY_SECONDS = 5, 0.1
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def incoming(store: Store) -> Iterator[Path]:
    """Yield an empty folder to put sent files into; it is gone at the end unless `accept` has taken it."""
    folder = store.uploads / f"{_INCOMING}{uuid.uuid4().hex}"
    handle = hold(folder)
    try:
        yield folder
    finally:
        if handle is not None:
            let_go(folder, handle)


def accept(
    store: Store,
    sent: Path,
    kind: str,
    names: list[str],
    mapping: str | None,
    time_zone: str,
    actor: str,
    now: Now,
) -> Import:
    """Enter the files of a folder (stored_name(0), (1), ...) as an import that waits; they are safe from then on."""
    files = [sent / stored_name(index) for index in range(len(names))]
    digest = digest_of(files, kind, mapping, time_zone)
    for path in (*files, sent):
        sync(path)

    def keep(number: int) -> None:
        books.keep_upload(store, number, sent)

    number = books.enter(store, kind, names, digest, mapping, time_zone, actor, now(), keep)
    return find_import(store, number)


def start_worker(settings: Settings) -> None:
    """Start a process that works the queue off; where one is at it already, the new one ends at once."""
    command = [sys.executable, "-m", "csi_service", "imports", "work"]
    with on_all():
        child = subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # what stops the service must not stop an import half-way
        )
    threading.Thread(target=child.wait, daemon=True).start()


def ensure_worker(store: Store, settings: Settings) -> None:
    """Start a process that works the queue off where something waits and nobody is at it."""
    if _next(store) is None:
        return
    with _queue(store) as free:
        pass
    if free:
        start_worker(settings)


@contextlib.contextmanager
def _queue(store: Store) -> Iterator[bool]:
    """Hold the queue for the block; yield whether it was free."""
    with (store.folder / QUEUE_LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def work_off(store: Store, now: Now) -> None:
    """Do the imports and undoings that wait, the oldest first, until none is left; where a process is at it, nothing.

    Who enters an import starts a process that calls this afterwards: either the process at work sees the import, or it
    has let go of the queue.
    """
    tries = 0
    while _next(store) is not None and tries < _TRIES:
        with _queue(store) as free:
            while free and (found := _next(store)) is not None:
                _work(store, found, now)
                if find_import(store, found.id).status in books.OPEN:
                    _log.error("import %s could not be ended; it is taken up at the next start", found.id)
                    return
            if free:
                tidy(store, now())
        tries += 1  # the queue may have been held for a moment only, by one who looked
        time.sleep(_TRY_SECONDS)


def _next(store: Store) -> Import | None:
    """The oldest that waits for this queue; one that was running when its process died waits again."""
    due = (found for found in open_imports(store) if found.status == books.UNDOING or not found.by_command)
    return next(due, None)


def _work(store: Store, found: Import, now: Now) -> None:
    if found.status == books.UNDOING:
        try:
            undo_import(store, found.id, found.undone_by or "", now)
        except CsiError:
            pass  # the book tells
        except Exception:  # noqa: BLE001 - a fault ends this undoing, not those that wait behind it
            _log.exception("import %s could not be undone", found.id)
        return
    if found.attempts >= MOST_ATTEMPTS:
        text = f"given up: the process that imported it ended {found.attempts} times before it was done"
        books.change(
            store, found.id, [books.WAITING, books.RUNNING], status=books.FAILED, finished_at=now(), error=text
        )
        books.drop_sent(store, found)
        return
    with store.lock(IMPORT_LOCK):
        run_sent(store, found, now)


def recover(store: Store, now: Now) -> list[str]:
    """Clear up after processes that died, and return a line on each thing found; for the start of the service.

    An import made by a command is failed then, as nobody knows where its files are; what was sent to the service waits
    for a worker again (`ensure_worker`). Unfinished files go.
    """
    said = []
    for found in open_imports(store):
        handle = hold(work_folder(store, found.id))
        if handle is None:
            continue  # alive
        with store.lock(CALLS_LOCK):
            dropped = drop_unused(store, tag_of(found.id)) + drop_unused(store, f"u{found.id}")
        let_go(work_folder(store, found.id), handle)
        if found.status != books.UNDOING and found.by_command:
            text = "its process ended before it was done; nothing was changed; import the files again"
            if books.end(store, found.id, books.FAILED, now(), text):
                said.append(f"import {found.id}: {text}")
        elif found.status != books.WAITING:
            said.append(f"import {found.id} was interrupted and is taken up again")
        if dropped:
            said.append(f"import {found.id}: {len(dropped)} unfinished files of calls deleted")
    return said + _sweep_folders(store)


def _sweep_folders(store: Store) -> list[str]:
    """Delete the folders of imports and uploads at which nobody is any more."""
    alive = {str(found.id) for found in open_imports(store)}
    left = [path for path in sorted(store.work.iterdir()) if path.name not in alive]
    left += sorted(store.uploads.glob(f"{_INCOMING}*"))
    said = []
    for path in left:
        if not path.is_dir():
            path.unlink(missing_ok=True)
        elif (handle := hold(path)) is not None:
            let_go(path, handle)
        else:
            continue
        said.append(f"{path.relative_to(store.folder)}: left by a process that died; deleted")
    _sweep_sent(store)
    return said


def _sweep_sent(store: Store) -> None:
    """Delete files that were sent for imports that have ended, or that never came to be."""
    for folder in sorted(store.uploads.glob("[0-9]*")):
        handle = hold(folder)
        if handle is None:
            continue  # being accepted
        try:  # looked up only now, as it may have been accepted a moment ago
            found = find_import(store, int(folder.name))
        except NotFoundError:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            if found.status not in books.OPEN:
                books.drop_sent(store, found)
        finally:
            os.close(handle)
