"""Backups of both databases, restored into both; while writers are at work; and backups that are not whole."""

import datetime as dt
import io
import json
import tarfile
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from csi_service.errors import ConflictError, DamagedError, FileRefusedError
from csi_service.facts.kinds import KINDS
from csi_service.records.database import next_revision
from csi_service.records.tables import AUDIT, KEYS, METADATA, RECORDS, STATE
from csi_service.store import backup
from csi_service.store.audit import note
from csi_service.store.backup import back_up
from csi_service.store.check import wrong_counters
from csi_service.store.folder import Store, open_store
from csi_service.store.keys import KeyRing, create_key
from csi_service.store.parts import fold_posted, read_parts
from csi_service.store.restore import restore
from csi_service.store.writes import hold_fields, put_records
from tests.make import make_weights
from tests.postgresql import fresh_database
from tests.store.kept import ask, call, figures, put, survey

NOW = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)


@pytest.fixture
def filled(store: Store) -> Store:
    """Return a store with calls of two days in files, calls that wait, surveys, a key and an audit entry."""
    put(store, "calls", call("C1", "2026-03-02 09:00"), call("C2", "2026-03-02 10:00", answered=False, team="客服"))
    put(store, "calls", call("C3", "2026-03-03 09:00", agent="A2"))
    fold_posted(store)
    put(store, "calls", call("C4", "2026-03-03 11:00"))
    put(store, "surveys", survey("S1", "2026-03-02 10:00", 5, call_id="C1"), survey("S2", "2026-03-03 10:00", 1))
    key(store)
    with store.database.writing() as connection:
        note(connection, NOW, "cli:tests", "create", "surveys", "S1", None, {"score": 5.0, "comment": "满意"})
    return store


def key(store: Store, name: str = "board") -> str:
    return create_key(store.database, name, "viewer", "cli:tests", NOW, ("T1",), None, None)[1]


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest) -> str:
    """Return the address of a database to restore into."""
    return fresh_database(request.getfixturevalue("postgresql_server")) if request.param == "postgresql" else ""


def tables(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table."""
    with store.database.reading() as connection:
        found = {table.name: connection.execute(sa.select(table)).all() for table in METADATA.sorted_tables}
    return {name: sorted(repr([_plain(value) for value in row]) for row in rows) for name, rows in found.items()}


def _plain(value: object) -> object:
    """A value; of an object, whose keys PostgreSQL orders as it likes, the sorted items."""
    return sorted(value.items()) if isinstance(value, dict) else value


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["kept", "kept.tar"])
def test_what_is_restored_is_what_was_there(filled, tmp_path, target_url, name):
    scores = figures(ask(filled, "2026-03", "team"), "csi.internal.sla", "value")
    before = tables(filled)
    manifest = back_up(filled, tmp_path / name, NOW)
    restored = restore(tmp_path / name, tmp_path / "again", target_url)
    assert restored == manifest
    assert manifest.revision == json.loads(before["state"][0].replace("'", '"'))[1]
    found = open_store(tmp_path / "again", "Asia/Shanghai", target_url)
    assert tables(found) == before
    with filled.database.reading() as connection:
        counting = {part.file for part in read_parts(connection)}
    assert files(found.calls) == {name: content for name, content in files(filled.calls).items() if name in counting}
    again = figures(ask(found, "2026-03", "team"), "csi.internal.sla", "value")
    assert repr(again) == repr(scores)  # NaN where a group has none
    assert scores[("T1",)] == (1.0,)  # each call was answered within the threshold
    found.database.close()


def test_a_restored_store_can_be_written_to(filled, tmp_path, target_url):
    back_up(filled, tmp_path / "kept", NOW)
    restore(tmp_path / "kept", tmp_path / "again", target_url)
    found = open_store(tmp_path / "again", "Asia/Shanghai", target_url)
    assert put(found, "surveys", survey("S3", "2026-03-03 12:00", 4)) == ["created"]
    text = key(found, "second")  # the database's own numbers go on after those that came along
    assert KeyRing(found.database).caller(text, NOW).name == "second"
    with found.database.reading() as connection:
        assert connection.execute(sa.select(KEYS.c.id).order_by(KEYS.c.id)).scalars().all() == [1, 2]
        numbers = connection.execute(sa.select(AUDIT.c.id)).scalars().all()
    assert len(set(numbers)) == len(numbers)
    found.database.close()


def test_a_backup_under_load_is_one_state(store, tmp_path, target_url):
    """A writer puts in a call and its survey in one write, folds now and then; each backup has both of each or none."""
    stop, errors = threading.Event(), []

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                with store.database.writing() as connection:
                    revision = next_revision(connection)
                    day = f"2026-03-{number % 5 + 1:02}"
                    for kind, record in (
                        ("calls", call(f"C{number}", f"{day} 09:00")),
                        ("surveys", survey(f"S{number}", f"{day} 10:00", 5, call_id=f"C{number}")),
                    ):
                        put_records(connection, KINDS[kind], [record], revision, store.time_zone)
                        hold_fields(connection, kind, {name for name in record if record[name] is not None} - {"day"})
                if number % 7 == 0:
                    fold_posted(store)
        except Exception as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            back_up(store, tmp_path / f"kept{number}.tar", NOW)
    finally:
        stop.set()
        writer.join()
    assert errors == []
    restore(tmp_path / "kept3.tar", tmp_path / "again", target_url)
    found = open_store(tmp_path / "again", "Asia/Shanghai", target_url)
    with found.database.reading() as connection:
        surveys = connection.execute(sa.select(sa.func.count()).select_from(RECORDS["surveys"])).scalar_one()
        waiting = connection.execute(sa.select(sa.func.count()).select_from(RECORDS["calls"])).scalar_one()
        parts = read_parts(connection)
    assert surveys > 0
    assert waiting + sum(part.calls for part in parts) == surveys
    assert all((found.calls / part.file).is_file() for part in parts)
    assert figures(ask(found, "2026-03"), "csi.external.sms", "n") == {(): (surveys,)}
    assert list(wrong_counters(found, [make_weights()])) == []
    found.database.close()


def test_files_of_calls_are_linked_and_the_rest_is_for_the_owner_alone(filled, tmp_path):
    back_up(filled, tmp_path / "kept", NOW)
    with filled.database.reading() as connection:
        names = [part.file for part in read_parts(connection)]
    for name in names:
        assert (tmp_path / "kept/calls" / name).stat().st_ino == (filled.calls / name).stat().st_ino
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    back_up(filled, tmp_path / "kept.tar", NOW)
    assert (tmp_path / "kept.tar").stat().st_mode & 0o077 == 0
    with tarfile.open(tmp_path / "kept.tar") as tar:
        assert tar.getnames()[0] == "manifest.json"
    assert list(filled.work.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("name", ["kept", "kept.tar"])
def test_the_centre_s_own_forms_come_along_as_they_were(filled, tmp_path, name):
    (filled.folder / "forms").mkdir()
    form = filled.folder / "forms" / "ours.toml"
    form.write_text("title = 1", encoding="utf-8")
    back_up(filled, tmp_path / name, NOW)
    with form.open("a", encoding="utf-8") as changed:
        changed.write("0")
    restore(tmp_path / name, tmp_path / "again", "")
    assert files(tmp_path / "again/forms") == {"ours.toml": b"title = 1"}


def test_what_waits_to_be_imported_and_the_rejects_come_along(filled, tmp_path):
    (filled.uploads / "7").mkdir()
    (filled.uploads / "7" / "rejects.csv").write_text("kind,file\n", encoding="utf-8")
    (filled.uploads / "incoming-1").mkdir()
    (filled.uploads / "incoming-1" / "half").write_text("x", encoding="utf-8")
    back_up(filled, tmp_path / "kept", NOW)
    restore(tmp_path / "kept", tmp_path / "again", "")
    assert files(tmp_path / "again/uploads") == {"7/rejects.csv": b"kind,file\n"}


def test_a_name_that_is_taken_or_lies_nowhere_is_refused(filled, tmp_path):
    (tmp_path / "kept").mkdir()
    with pytest.raises(FileRefusedError, match="is there already"):
        back_up(filled, tmp_path / "kept", NOW)
    with pytest.raises(FileRefusedError, match="its folder is not there"):
        back_up(filled, tmp_path / "no/kept", NOW)


def test_a_backup_that_cannot_be_made_leaves_nothing(filled, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_pack", fail)
    with pytest.raises(FileRefusedError, match="No space left on device"):
        back_up(filled, tmp_path / "kept.tar", NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert list(filled.work.iterdir()) == []


def test_a_missing_file_of_calls_is_named(filled, tmp_path):
    with filled.database.reading() as connection:
        name = read_parts(connection)[0].file
    (filled.calls / name).unlink()
    with pytest.raises(DamagedError, match=f"calls/{name} is missing"):
        back_up(filled, tmp_path / "kept", NOW)
    assert not (tmp_path / "kept").exists()


# --- backups that are not whole, and places that are not empty


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return a backup's folder of a store with one call."""
    made = open_store(tmp_path / "made", "Asia/Shanghai")
    put(made, "calls", call("C1", "2026-03-02 09:00"))
    fold_posted(made)
    back_up(made, tmp_path / "kept", NOW)
    made.database.close()
    return tmp_path / "kept"


def change(kept: Path, **values: object) -> None:
    manifest = json.loads((kept / "manifest.json").read_text(encoding="utf-8"))
    (kept / "manifest.json").write_text(json.dumps(manifest | values), encoding="utf-8")


def refused(kept: Path, text: str) -> None:
    with pytest.raises(FileRefusedError, match=text):
        restore(kept, kept.with_name("again"))
    assert not kept.with_name("again").exists()


def test_a_changed_a_missing_and_a_cut_file_are_found_before_anything_is_written(kept):
    (name,) = (kept / "calls").rglob("*.parquet")
    content = name.read_bytes()
    name.unlink()  # a link: the data folder's own file must stay as it is
    refused(kept, "parquet is missing")
    name.write_bytes(content[:-1])
    refused(kept, "parquet is damaged")
    name.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    refused(kept, "parquet is damaged")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"format": 2}, "its format is 2; this program reads 1"),
        ({"schema": "9999"}, "whose database is of version 9999; this one knows up to"),
        ({"files": {}}, "manifest.json is damaged"),
        ({"files": 3}, "manifest.json is damaged"),
        ({"colour": "red"}, "manifest.json is damaged"),
        ({"files": {"csi.sqlite": [1, ""], "calls/../../x": [1, ""]}}, "no file of a backup|csi.sqlite is damaged"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(kept, values, text):
    change(kept, **values)
    refused(kept, text)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "calls/../../x", "calls", "other/x", "calls//x", "./calls/x"])
def test_a_name_outside_of_the_data_folder_is_refused(kept, name):
    change(kept, files={name: [1, ""], "csi.sqlite": [1, ""]})
    refused(kept, "no file of a backup")


def test_what_is_no_backup_is_refused(tmp_path, kept):
    (kept / "manifest.json").unlink()
    refused(kept, "it has no manifest.json")
    (tmp_path / "calls.csv").write_text("call_id\n" * 1000, encoding="utf-8")
    refused(tmp_path / "calls.csv", "is no backup")
    refused(tmp_path / "none.tar", "cannot be read")
    with tarfile.open(tmp_path / "odd.tar", "w") as tar:
        item = tarfile.TarInfo("manifest.json")
        item.size = 4
        tar.addfile(item, io.BytesIO(b"[1]\n"))
    refused(tmp_path / "odd.tar", "manifest.json is damaged")


def test_only_an_empty_place_is_restored_into(kept, tmp_path, postgresql_server):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(FileRefusedError, match="not an empty folder"):
        restore(kept, tmp_path / "full")
    url = fresh_database(postgresql_server)
    restore(kept, tmp_path / "one", url)
    with pytest.raises(ConflictError, match="restored into an empty one"):
        restore(kept, tmp_path / "two", url)
    assert not (tmp_path / "two").exists()


def test_the_state_of_a_write_under_way_is_not_in_the_backup(store, tmp_path):
    with store.database.writing() as connection:
        next_revision(connection)
        back_up(store, tmp_path / "kept", NOW)
    assert restore(tmp_path / "kept", tmp_path / "again").revision == 0
    with store.database.reading() as connection:
        assert connection.execute(sa.select(STATE.c.revision)).scalar_one() == 1
