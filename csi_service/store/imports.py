"""Imports: files of records into the store, whole or not at all; bad rows of theirs are named and left out."""

import contextlib
import functools
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from csi_service.core.told import Told
from csi_service.errors import CsiError, FileRefusedError, StoreFullError
from csi_service.facts.duck import check_names, refusing, workspace
from csi_service.facts.kinds import KINDS
from csi_service.facts.partitions import relation, telling_damage
from csi_service.ingest import load
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer
from csi_service.ingest.mapping import Mapping as FileMapping
from csi_service.ingest.mapping import parse_mapping
from csi_service.ingest.outcome import Outcome, write_rejects
from csi_service.ingest.rows import Records
from csi_service.language import LANGUAGES, tell, translator
from csi_service.records.database import next_revision
from csi_service.store import import_books as books
from csi_service.store.audit import note
from csi_service.store.bulk import writing_staged
from csi_service.store.folder import CALLS_LOCK, IMPORT_LOCK, Store
from csi_service.store.import_books import CancelledError, Import, Now, find_import, hold, let_go, work_folder
from csi_service.store.import_calls import NOTHING, Merged, StagedDay, merge_calls, stage_calls, tag_of, telling_full
from csi_service.store.import_progress import STAGING_SHARE, Steps, StepsTold, estimated_rows, telling_stop, watched
from csi_service.store.import_records import put_staged, stage_records
from csi_service.store.import_told import outcome_body
from csi_service.store.parts import drop_unused, fold_locked, read_parts, switch
from csi_service.store.settle import tidy
from csi_service.store.writes import hold_fields

_BLOCK = 1024 * 1024
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Described:
    """A mapping document: its text, and its name for messages."""

    text: str
    name: str

    def parsed(self) -> FileMapping:
        """Return the mapping that it describes.

        Raises:
            MappingError: it breaks its rules.
        """
        return parse_mapping(self.text, self.name)


def digest_of(parts: Sequence[Path], kind: str, mapping: str | None, time_zone: str) -> str:
    """Return what tells whether the same was imported before, of the files' content, mapping, kind and zone."""
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        content = hashlib.blake2b(digest_size=32)
        with part.open("rb") as stream:
            while block := stream.read(_BLOCK):
                content.update(block)
        digest.update(content.digest())
    for text in (kind, mapping or "", time_zone):
        digest.update(hashlib.blake2b(text.encode(), digest_size=32).digest())
    return digest.hexdigest()


def zone_of(mapping: Described | None, time_zone: str | None, store: Store) -> str:
    """Return the zone of a file's local times: as told, else the mapping's, else the centre's.

    Raises:
        MappingError: a mapping that breaks its rules.
    """
    of_mapping = None if mapping is None else mapping.parsed().time_zone
    return time_zone or of_mapping or store.time_zone


def import_files(
    store: Store,
    kind: str,
    files: Sequence[Path],
    actor: str,
    now: Now,
    mapping: Described | None = None,
    time_zone: str | None = None,
    *,
    strict: bool = False,
    steps: Steps | None = None,
) -> Import:
    """Import files where they lie, and return what the book says of it then.

    Raises:
        FileRefusedError: a file that cannot be read as a whole; with `strict`, a rejected row. Nothing has changed.
        CancelledError: it was told to stop.
        StoreFullError: no room is left; nothing has changed.
    """
    zone = zone_of(mapping, time_zone, store)
    for path in files:
        if not path.is_file():
            raise FileRefusedError(Told("{path}: there is no such file", path=path))
    check_names(files)
    text = None if mapping is None else mapping.text
    digest = digest_of(files, kind, text, zone)
    handles: list[int | None] = []
    number = books.enter(
        store, kind, [path.name for path in files], digest, text, zone, actor, now(),
        lambda made: handles.append(hold(work_folder(store, made))),
    )  # fmt: skip
    try:
        with store.lock(IMPORT_LOCK):
            run_import(store, find_import(store, number), list(files), now, strict=strict, steps=steps)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | CancelledError)
        with contextlib.suppress(CsiError):
            books.end(store, number, books.CANCELLED if stopped else books.FAILED, now(), books.reason_of(error))
        raise
    finally:
        for handle in handles:
            if handle is not None:
                let_go(work_folder(store, number), handle)
    tidy(store, now())
    return find_import(store, number)


def run_sent(store: Store, found: Import, now: Now) -> None:
    """Import the files that were sent for an import, under the lock of imports; the book tells how it ended."""
    handle = hold(work_folder(store, found.id))
    if handle is None:
        return  # another process is at it
    books.clear(work_folder(store, found.id))  # a process may have died over it
    names = {path.name: shown for path, shown in zip(books.sent_files(store, found), found.files, strict=True)}
    try:
        run_import(store, found, books.sent_files(store, found), now, shown=names)
    except CancelledError:
        _end(store, found, books.CANCELLED, now, None)
    except CsiError as error:
        _end(store, found, books.FAILED, now, _with_names(books.reason_of(error), names))
    except Exception as error:  # noqa: BLE001 - a fault ends this import, not those that wait behind it
        _log.exception("import %s failed", found.id)
        _end(store, found, books.FAILED, now, books.reason_of(error))
    finally:
        let_go(work_folder(store, found.id), handle)
    if find_import(store, found.id).status != books.RUNNING:
        books.drop_sent(store, found)


def _end(store: Store, found: Import, status: str, now: Now, error: str | None) -> None:
    with contextlib.suppress(StoreFullError):  # then the next start of the service tells it
        books.end(store, found.id, status, now(), error)


def run_import(
    store: Store,
    found: Import,
    files: Sequence[Path],
    now: Now,
    *,
    strict: bool = False,
    steps: Steps | None = None,
    shown: Mapping[str, str] | None = None,
) -> None:
    """Do an import under the lock of imports, its folder held; `shown` are the files' names for people.

    Raises:
        CsiError: as `import_files`; the book is the caller's then.
    """
    begun = {"status": books.RUNNING, "started_at": now(), "attempts": found.attempts + 1}
    if (
        not books.change(store, found.id, [books.WAITING, books.RUNNING], **begun)
        or find_import(store, found.id).cancel_requested
    ):
        raise CancelledError("the import was cancelled; nothing was changed")
    twin = books.standing_twin(store, found)
    if twin is not None:
        ended = {"finished_at": now(), "share_done": 1.0, "rows_read": 0}
        books.change(store, found.id, [books.RUNNING], status=books.UNCHANGED, same_as=twin, **ended)
        return
    described = FileMapping() if found.mapping is None else parse_mapping(found.mapping, "mapping")
    zones = Zones(found.time_zone or store.time_zone, store.time_zone)
    told = StepsTold(estimated_rows(files), steps)
    below = work_folder(store, found.id)
    with (
        workspace(below=below, opens=[*files, below, store.calls]) as (duck, folder),
        watched(store, found, duck, told),
    ):
        with refusing(", ".join(dict.fromkeys(path.name for path in files))), telling_stop(told), telling_full():
            importer = Importer(duck, folder, described, zones)
            records = load.open_all(importer, _by_kind(found.kind, files, described))
            staged = _stage(store, importer, found, records, told)
        outcomes = [each.outcome for each in records.values()]
        _rename(outcomes, shown or {})
        _keep_rejects(store, found, outcomes)
        if steps is not None:
            steps.account(outcomes)
        if strict and any(outcome.rejected for outcome in outcomes):
            raise FileRefusedError("rows were rejected and --strict was given; nothing was imported")
        with telling_stop(told), telling_full(), telling_damage():
            _bring_in(store, duck, found, records, staged, told, now)


def _by_kind(kind: str, files: Sequence[Path], described: FileMapping) -> dict[str, Sequence[Path]]:
    paths: dict[str, Sequence[Path]] = {kind: files}
    for name, each in described.kinds.items():
        if each.taken_from == kind:
            paths[name] = files
    return paths


def _stage(
    store: Store, importer: Importer, found: Import, records: Mapping[str, Records], told: StepsTold
) -> dict[Any, StagedDay]:
    """Read all kinds into the engine or, calls, into files; nothing of the store is touched."""
    staged: dict[Any, StagedDay] = {}
    each = STAGING_SHARE / len(records)
    for index, (kind, read) in enumerate(records.items()):
        told.check()

        def tell(share: float, kind: str = kind, start: float = index * each) -> None:
            told.tell(kind, share, start, start + each)

        if kind == "calls":
            staged = stage_calls(importer, read, work_folder(store, found.id) / "calls", found.id, tell)
        else:
            load.stage(importer.connection, read, tell)
        told.check()
    return staged


def _bring_in(
    store: Store,
    duck: duckdb.DuckDBPyConnection,
    found: Import,
    records: Mapping[str, Records],
    staged: dict[Any, StagedDay],
    told: StepsTold,
    now: Now,
) -> None:
    """Make the staged rows count, all in one write."""
    if "calls" not in records:
        _write(store, duck, found, records, NOTHING, now)
        return

    def check(share: float) -> None:
        told.check()
        told.tell("merging", share, STAGING_SHARE, 1.0)

    with store.lock(CALLS_LOCK):
        fold_locked(store)
        with store.database.reading() as connection:
            parts = read_parts(connection)
        try:
            merged = merge_calls(duck, store.calls, parts, staged, tag_of(found.id), check)
            check(1.0)
            _write(store, duck, found, records, merged, now)
        except BaseException:
            drop_unused(store, tag_of(found.id))
            raise


def _write(
    store: Store,
    duck: duckdb.DuckDBPyConnection,
    found: Import,
    records: Mapping[str, Records],
    merged: Merged,
    now: Now,
) -> None:
    same_calls = {}

    def stage(connection: sa.Connection) -> None:
        for kind in records:
            if kind != "calls":
                same_calls[kind] = stage_records(connection, duck, KINDS[kind])

    with writing_staged(store.database, work_folder(store, found.id), stage) as connection:
        revision = next_revision(connection)
        results: dict[str, Mapping[str, int]] = {"calls": merged.results}
        if merged.days:
            made = relation(store.calls, [part for part in merged.days.values() if part is not None])
            changed = f"(SELECT * FROM {made} AS made WHERE import_id = {found.id})"
            switch(connection, duck, merged.days, changed, revision, found.id)
        for kind, read in records.items():
            if kind != "calls":
                results[kind] = put_staged(
                    connection, KINDS[kind], same_calls[kind], revision, store.time_zone, found.id
                )
            if read.outcome.loaded:
                hold_fields(connection, kind, read.fields, found.id)
        outcomes = [outcome_body(read.outcome, results[kind]) for kind, read in records.items()]
        rows = sum(each.outcome.loaded + each.outcome.repeated + each.outcome.rejected for each in records.values())
        books.finish(connection, found.id, finished_at=now(), rows_read=rows, outcomes=outcomes, revision=revision)
        after = {"files": list(found.files), "outcomes": outcomes}
        note(connection, now(), found.created_by, "import", "import", str(found.id), None, after, revision)


def _keep_rejects(store: Store, found: Import, outcomes: Sequence[Outcome]) -> None:
    if any(outcome.rejects for outcome in outcomes):
        with telling_damage():  # a full disk
            books.upload_folder(store, found.id).mkdir(exist_ok=True)
            for language in LANGUAGES:
                in_language = functools.partial(tell, translate=translator(language))
                write_rejects(books.rejects_file(store, found.id, language), outcomes, in_language)


def _rename(outcomes: Sequence[Outcome], shown: Mapping[str, str]) -> None:
    """Put the names of the files as they were sent into outcomes."""
    for outcome in outcomes:
        outcome.files = [shown.get(name, name) for name in outcome.files]
        outcome.rejects = [replace(reject, file=shown.get(reject.file, reject.file)) for reject in outcome.rejects]
        outcome.notes = [_with_names(note, shown) for note in outcome.notes]


def _with_names(text: str, shown: Mapping[str, str]) -> str:
    if isinstance(text, Told):
        values = {
            name: _with_names(each, shown) if isinstance(each, str) else each for name, each in text.values.items()
        }
        return Told(text.pattern, **values)
    for stored, name in shown.items():
        text = text.replace(stored, name)
    return text
