"""Imports that are killed, find the disk full, are cancelled, or meet others: nothing half counts, nothing is lost."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from csi_service.errors import ConflictError, StoreFullError
from csi_service.settings import load_settings
from csi_service.store import import_books as books
from csi_service.store import import_progress, import_queue, imports
from csi_service.store.folder import IMPORT_LOCK, Store, open_store
from csi_service.store.import_books import find_import, request_cancel, request_undo, stored_name
from csi_service.store.import_queue import accept, ensure_worker, incoming, recover, work_off
from csi_service.store.parts import sweep_unused
from tests.store.bring import bring, calls_file, kept_calls, kept_records, nothing_left, now, row, undo

# Runs an import in a process of its own that kills itself without warning when it reaches a function (or has left it).
KILLED = """
import os, signal, sys
from pathlib import Path
from csi_service.store import imports, import_queue, undo
from csi_service.store.folder import open_store
from tests.store.bring import bring, now

folder, url, work, module, name, when, file = sys.argv[1:]
room = {"imports": imports, "undo": undo}[module]
real = getattr(room, name)

def killing(*given, **named):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(room, name, killing)
store = open_store(Path(folder), "Asia/Shanghai", url)
if work == "command":
    bring(store, "calls", Path(file))
elif work == "queue":
    import_queue.work_off(store, now)
else:
    undo.undo_import(store, 1, "cli:tester", now)
"""
PHASES = {
    "staged": ("imports", "stage_calls", "after"),
    "files written": ("imports", "merge_calls", "after"),
    "before the commit": ("imports", "note", "after"),
    "after the switch": ("imports", "_write", "after"),
}


def url_of(store: Store) -> str:
    return "" if store.database.is_sqlite else store.database.url.render_as_string(hide_password=False)


def die(store: Store, work: str, phase: tuple[str, str, str], file: Path | None = None) -> None:
    command = [sys.executable, "-c", KILLED, str(store.folder), url_of(store), work, *phase, str(file or "")]
    ended = subprocess.run(command, check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def send(store: Store, *files: Path, kind: str = "calls") -> books.Import:
    with incoming(store) as folder:
        for number, path in enumerate(files):
            shutil.copy(path, folder / stored_name(number))
        return accept(store, folder, kind, [path.name for path in files], None, "Asia/Shanghai", "tester", now)


@pytest.fixture
def files(tmp_path):
    """Return two files of calls, of which the second replaces and adds."""
    first = [row(f"C{n}", f"2026-03-0{n % 3 + 1} 09:00:00") for n in range(30)]
    second = [row(f"C{n}", f"2026-03-0{n % 4 + 1} 09:00:00", "T2") for n in range(20, 50)]
    return calls_file(tmp_path / "a.csv", *first), calls_file(tmp_path / "b.csv", *second)


# --- killed


@pytest.mark.parametrize("phase", list(PHASES)[:3])
def test_a_command_that_is_killed_before_the_switch_changed_nothing(store, files, phase):
    bring(store, "calls", files[0])
    before = kept_records(store)
    die(store, "command", PHASES[phase], files[1])
    assert kept_records(store) == before
    assert find_import(store, 2).status == "running"
    said = recover(store, now)
    assert any("import 2" in line and "its process ended" in line for line in said)
    assert find_import(store, 2).status == "failed"
    assert nothing_left(store)
    assert recover(store, now) == []
    assert bring(store, "calls", files[1]).status == "done"
    assert len(kept_calls(store)) == 50


def test_a_command_that_is_killed_after_the_switch_counts(store, files):
    bring(store, "calls", files[0])
    die(store, "command", PHASES["after the switch"], files[1])
    assert find_import(store, 2).status == "done"
    assert len(kept_calls(store)) == 50
    assert recover(store, now) == ["work/2: left by a process that died; deleted"]
    assert nothing_left(store)
    assert bring(store, "calls", files[1]).status == "unchanged"


@pytest.mark.parametrize("phase", PHASES)
def test_what_was_sent_is_taken_up_again_after_a_kill(store, files, phase):
    bring(store, "calls", files[0])
    sent = send(store, files[1])
    die(store, "queue", PHASES[phase])
    recover(store, now)
    work_off(store, now)
    assert find_import(store, sent.id).status == "done"
    assert len(kept_calls(store)) == 50
    assert {each["team"] for each in kept_calls(store) if each["import_id"] == sent.id} == {"T2"}
    assert {each["call_id"] for each in kept_calls(store) if each["team"] == "T1"} == {f"C{n}" for n in range(20)}
    assert nothing_left(store)
    assert not list(store.uploads.rglob("*.data")), "what was sent is not needed any more"


def test_an_import_that_kills_its_process_again_and_again_is_given_up(store, files):
    sent = send(store, files[0])
    other = send(store, files[1])
    for _ in range(import_queue.MOST_ATTEMPTS):
        die(store, "queue", PHASES["staged"])
    work_off(store, now)
    found = find_import(store, sent.id)
    assert (found.status, found.error) == (
        "failed", "given up: the process that imported it ended 3 times before it was done"
    )  # fmt: skip
    assert find_import(store, other.id).status == "done"


@pytest.mark.parametrize(
    "phase", [("undo", "_days_before", "after"), ("undo", "note", "after"), ("undo", "_write", "after")]
)
def test_an_undoing_that_is_killed_can_be_done_again(store, files, phase):
    before = kept_records(store)
    bring(store, "calls", files[0])
    during = kept_records(store)
    die(store, "undo", phase)
    ended = phase[1] == "_write"
    assert kept_records(store) == (before if ended else during)
    recover(store, now)
    sweep_unused(store, 0)
    assert nothing_left(store)
    if ended:
        with pytest.raises(ConflictError):
            undo(store, 1)
    else:
        undo(store, 1)
    assert kept_records(store) == before


def test_recovering_leaves_those_alone_who_are_at_work(store, files):
    folder = books.work_folder(store, 1)
    sent = send(store, files[0])
    handle = books.hold(folder)  # as its process does
    (folder / "half").write_text("half a file")
    assert handle is not None
    assert recover(store, now) == []
    assert (folder / "half").exists()
    os.close(handle)
    books.change(store, sent.id, ["waiting"], status="running")
    assert recover(store, now) == ["import 1 was interrupted and is taken up again"]
    assert not folder.exists()


def test_files_of_an_import_that_never_came_to_be_are_swept(store, files):
    with incoming(store) as folder:
        shutil.copy(files[0], folder / stored_name(0))
        books.keep_upload(store, 1, folder)  # as within the write that enters it, which then fails
        assert recover(store, now) == []
        assert (store.uploads / "1").is_dir(), "it is being accepted"
    recover(store, now)
    assert not any(store.uploads.iterdir())


def test_half_an_upload_is_swept(store):
    (store.uploads / "incoming-1").mkdir()
    (store.uploads / "incoming-1" / "part-0000").write_text("half")
    with incoming(store) as folder:
        assert recover(store, now) == ["uploads/incoming-1: left by a process that died; deleted"]
        assert folder.is_dir()
    assert not any(store.uploads.iterdir())


# --- the queue


def test_what_was_sent_waits_in_order_and_keeps_its_names(store, files, tmp_path):
    bad = calls_file(tmp_path / "bad.csv", ["x"], header=["x"])
    first, second, third = send(store, files[0]), send(store, bad), send(store, files[1], files[0])
    assert [found.status for found in (first, second, third)] == ["waiting"] * 3
    work_off(store, now)
    assert find_import(store, first.id).status == "done"
    failed = find_import(store, second.id)
    assert failed.status == "failed"
    assert failed.error.startswith("bad.csv: has no column call_id")
    assert "csi mapping suggest bad.csv" in failed.error
    assert find_import(store, third.id).files == ("b.csv", "a.csv")
    assert find_import(store, third.id).outcomes[0]["repeated"] == 10


def test_a_worker_of_its_own_works_the_queue_off(store, files):
    settings = load_settings({"CSI_DATA": str(store.folder), "CSI_DATABASE_URL": url_of(store)})
    ensure_worker(store, settings)  # nothing waits: nothing starts
    sent = send(store, files[0])
    for _ in range(3):
        ensure_worker(store, settings)
    deadline = time.monotonic() + 60
    while find_import(store, sent.id).status in books.OPEN and time.monotonic() < deadline:
        time.sleep(0.1)
    assert find_import(store, sent.id).status == "done"
    assert len(kept_calls(store)) == 30


def test_undoing_waits_in_the_queue_as_well(store, files):
    bring(store, "calls", files[0])
    assert request_undo(store, 1, "somebody", now()).status == "undoing"
    with pytest.raises(ConflictError, match="import 1 is undoing"):
        request_undo(store, 1, "somebody", now())
    assert len(kept_calls(store)) == 30
    work_off(store, now)
    found = find_import(store, 1)
    assert (found.status, found.undone_by) == ("undone", "somebody")
    assert kept_calls(store) == []


# --- cancelled


def test_what_waits_is_cancelled_at_once(store, files):
    sent = send(store, files[0])
    assert request_cancel(store, sent.id, "tester", now()).status == "cancelled"
    work_off(store, now)
    assert find_import(store, sent.id).status == "cancelled"
    assert kept_calls(store) == []
    with pytest.raises(ConflictError, match="import 1 is cancelled"):
        request_cancel(store, sent.id, "tester", now())


def test_what_is_running_stops_and_leaves_nothing(store, tmp_path):
    rows = [row(f"C{n}", f"2026-03-{n % 28 + 1:02} 09:00:00") for n in range(400_000)]
    sent = send(store, calls_file(tmp_path / "a.csv", *rows))

    def cancel() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if find_import(store, sent.id).status == "running":
                request_cancel(store, sent.id, "tester", now())
                return
            time.sleep(0.01)

    asker = threading.Thread(target=cancel)
    asker.start()
    work_off(store, now)
    asker.join()
    assert find_import(store, sent.id).status == "cancelled"
    assert kept_calls(store) == []
    assert nothing_left(store)
    assert not list(store.uploads.rglob("*.data"))


def test_a_cancel_that_comes_before_the_switch_is_heard(store, files, monkeypatch):
    sent = send(store, files[0])
    real = imports.merge_calls

    def merge(*given):
        request_cancel(store, sent.id, "tester", now())
        return real(*given)

    monkeypatch.setattr(imports, "merge_calls", merge)
    monkeypatch.setattr(import_progress, "POLL_SECONDS", 60.0)  # it is seen in the last write at the latest
    work_off(store, now)
    assert find_import(store, sent.id).status == "cancelled"
    assert kept_calls(store) == []
    assert nothing_left(store)


# --- together


def test_two_imports_at_once_end_as_one_after_the_other(store, tmp_path):
    one = [row(f"C{n}", f"2026-03-0{n % 3 + 1} 09:00:00", "one") for n in range(3000)]
    two = [row(f"C{n}", f"2026-03-0{n % 3 + 2} 09:00:00", "two") for n in range(1500, 4500)]
    sent = send(store, calls_file(tmp_path / "two.csv", *two))
    settings = load_settings({"CSI_DATA": str(store.folder), "CSI_DATABASE_URL": url_of(store)})
    ensure_worker(store, settings)
    made = bring(store, "calls", calls_file(tmp_path / "one.csv", *one))
    deadline = time.monotonic() + 60
    while (other := find_import(store, sent.id)).status in books.OPEN and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (made.status, other.status) == ("done", "done")
    newer = "one" if made.revision > other.revision else "two"
    found = {each["call_id"]: each["team"] for each in kept_calls(store)}
    shared = {f"C{n}" for n in range(1500, 3000)}
    assert len(found) == 4500
    assert {found[number] for number in shared} == {newer}
    later = made if newer == "one" else other
    assert later.outcomes[0]["replaced"] == 1500


def test_the_second_waits_visibly_while_the_first_is_at_it(store, files, monkeypatch):
    real, asked = Store.lock, threading.Event()

    def lock(self, name, *given):
        if name == IMPORT_LOCK and threading.current_thread() is worker:
            asked.set()
        return real(self, name, *given)

    monkeypatch.setattr(Store, "lock", lock)
    sent = send(store, files[0])
    worker = threading.Thread(target=work_off, args=(store, now))
    with store.lock(IMPORT_LOCK):
        worker.start()
        assert asked.wait(30)
        assert find_import(store, sent.id).status == "waiting"
    worker.join()
    assert find_import(store, sent.id).status == "done"


# --- a full disk


@pytest.fixture
def small_disk(tmp_path):
    """Yield a folder with room for 24 MiB; mounting it needs root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["/usr/bin/mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        assert "CI" not in os.environ, mounted.stderr
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["/usr/bin/umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk up to so many bytes."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free
    with filler.open("wb") as stream:
        stream.write(b"\0" * max(free - leave, 0))
    return filler


@pytest.mark.parametrize("leave", [300_000, 600_000, 1_000_000, 1_400_000])
def test_a_full_disk_changes_nothing_and_the_import_works_once_there_is_room(small_disk, tmp_path, leave):
    store = open_store(small_disk / "data", "Asia/Shanghai")
    with contextlib.closing(store.database):
        bring(store, "calls", calls_file(tmp_path / "a.csv", *[row(f"A{n}", "2026-03-02 09:00:00") for n in range(10)]))
        before = kept_records(store)
        rows = [
            row(f"C{os.urandom(12).hex()}", f"2026-03-{n % 28 + 1:02} 09:00:00", os.urandom(8).hex())
            for n in range(60_000)
        ]
        path = calls_file(tmp_path / "b.csv", *rows)
        filler = fill(small_disk, leave)
        with pytest.raises(StoreFullError):
            bring(store, "calls", path)
        assert kept_records(store) == before
        assert nothing_left(store)
        filler.unlink()
        assert find_import(store, 2).status in ("failed", "running")
        recover(store, now)
        assert find_import(store, 2).status == "failed"
        assert bring(store, "calls", path).status == "done"
        assert len(kept_calls(store)) == 60_010


def test_a_full_disk_under_other_records_changes_nothing(small_disk, tmp_path):
    store = open_store(small_disk / "data", "Asia/Shanghai")
    with contextlib.closing(store.database):
        before = kept_records(store)
        lines = [f"P{os.urandom(12).hex()},2026-03-02 09:00:00,{os.urandom(20).hex()}" for _ in range(60_000)]
        path = tmp_path / "p.csv"
        path.write_text("\n".join(["complaint_id,received_at,team", *lines]) + "\n")
        filler = fill(small_disk, 1_500_000)
        with pytest.raises(StoreFullError):
            bring(store, "complaints", path)
        filler.unlink()
        assert kept_records(store) == before
        assert bring(store, "complaints", path).status == "done"
        assert len(kept_records(store)["complaints"]) == 60_000
