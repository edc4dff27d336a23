"""What `csi doctor` finds, on both databases: nothing in a healthy folder, and each planted fault by its name."""

import datetime as dt
import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from csi_service.records.tables import COUNTERS
from csi_service.store import doctor
from csi_service.store.audit import note
from csi_service.store.doctor import Place, examine, has_reset_fault
from csi_service.store.folder import Store, open_store
from csi_service.store.parts import UNUSED_SECONDS, fold_posted, read_parts
from csi_service.store.verdict import FAULT, GOOD, NOTE
from csi_service.weights_folder import WeightsFolder
from tests.make import WEIGHTS
from tests.store.kept import ask, call, put, survey
from tests.store.test_backup import files, tables

TODAY = dt.date(2026, 11, 24)


def fill(store: Store) -> Store:
    """Put calls of two days into files, with a survey, and have them counted."""
    put(store, "calls", call("C1", "2026-03-02 09:00", customer_id="K1"), call("C2", "2026-03-02 10:00"))
    put(store, "calls", call("C3", "2026-03-03 09:00", agent="A2"))
    put(store, "surveys", survey("S1", "2026-03-02 10:00", 5, call_id="C1"))
    fold_posted(store)
    ask(store, "2026-03", "team")
    return store


@pytest.fixture
def filled(store: Store) -> Store:
    return fill(store)


def look(
    store: Store, fast: bool = False, weights: Path = WEIGHTS, now: dt.datetime | None = None
) -> dict[str, list[str]]:
    """Return the texts by name and state, for instance "FAULT counters"."""
    url = "" if store.database.is_sqlite else store.database.url.render_as_string(hide_password=False)
    place = Place(store.folder, url, store.time_zone, WeightsFolder(weights))
    found: dict[str, list[str]] = {}
    for verdict in examine(place, now or dt.datetime.now(dt.UTC), TODAY, fast):
        found.setdefault(f"{verdict.state} {verdict.name}", []).append(verdict.text)
    return found


def faults(found: dict[str, list[str]]) -> list[str]:
    return [
        f"{name.removeprefix(FAULT).strip()}: {text}"
        for name in found
        if name.startswith(FAULT)
        for text in found[name]
    ]


def parts(store: Store) -> list[Path]:
    with store.database.reading() as connection:
        return [store.calls / part.file for part in read_parts(connection)]


@pytest.mark.parametrize("fast", [False, True])
def test_a_healthy_folder_has_no_fault(filled, fast):
    found = look(filled, fast)
    assert faults(found) == []
    assert found["good files of calls"][0].startswith("2 days, 3 calls")
    assert {"good data folder", "good migrations", "good time zone", "good weights", "good leftovers"} <= found.keys()
    assert ("good counters" in found) == (not fast)


@pytest.mark.parametrize("fast", [False, True])
def test_nothing_is_made_or_changed(filled, tmp_path, fast):
    def everything():
        paths = sorted(path for path in tmp_path.rglob("*") if not path.name.startswith("csi.sqlite-"))
        kept = {name: content for name, content in files(tmp_path).items() if "csi.sqlite" not in name}
        return paths, kept, tables(filled)

    put(filled, "calls", call("waits", "2026-03-02 09:00"))
    before = everything()
    look(filled, fast)
    assert everything() == before


def test_a_folder_that_is_not_there(store, tmp_path):
    place = Place(tmp_path / "none", "", "Asia/Shanghai", WeightsFolder(WEIGHTS))
    found = list(examine(place, dt.datetime.now(dt.UTC), TODAY))
    assert [(verdict.name, verdict.state) for verdict in found] == [("data folder", FAULT)]
    assert not (tmp_path / "none").exists()


def test_a_folder_that_others_may_enter_and_one_with_little_room(filled, monkeypatch):
    filled.folder.chmod(0o755)
    usage = shutil.disk_usage(filled.folder)
    found = {}
    for mebibytes in (1, 512, 2048):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _, free=mebibytes << 20: usage._replace(free=free))
        found |= look(filled, fast=True)
    assert "every user of this machine" in found["note data folder"][0]
    told = [found[f"{state} free space"] for state in ("FAULT", "note", "good")]
    assert told == [["0.0 GiB"], ["0.5 GiB"], ["2.0 GiB"]]


def test_a_lock_that_is_held_is_told(filled):
    with filled.lock("import.lock"):
        assert look(filled, fast=True)["good locks"] == ["at work now: import"]


def test_a_file_system_without_locks(filled, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    assert "does not lock files" in look(filled, fast=True)["FAULT locks"][0]


def test_a_missing_a_cut_and_a_changed_file_of_calls_are_named(filled):
    first, second = parts(filled)
    content = first.read_bytes()
    first.write_bytes(content[: len(content) // 2])
    second.unlink()
    for fast in (False, True):
        told = faults(look(filled, fast))
        assert any(first.name in text and "cannot be read" in text for text in told)
        assert any(second.name in text and "is missing" in text for text in told)


def test_damage_within_the_values_is_found_by_the_full_look_alone(filled):
    path = parts(filled)[0]
    content = bytearray(path.read_bytes())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")  # the sizes are told there
    content[4:footer] = bytes(footer - 4)
    path.write_bytes(content)
    assert faults(look(filled, fast=True)) == []
    assert any(path.name in text for text in faults(look(filled)))


def test_a_file_that_is_not_what_the_database_says(filled):
    first, second = parts(filled)
    shutil.copyfile(second, first)
    told = [text for text in faults(look(filled)) if text.startswith("files of calls")]
    assert len(told) == 1
    assert "holds (1, 'C3', 'C3'" in told[0]
    assert "says (2, 'C1', 'C2'" in told[0]
    assert any("holds (1,), but the database says (2,)" in text for text in faults(look(filled, fast=True)))


def test_files_that_nothing_needs(filled):
    path = filled.calls / "2026-03" / "2026-03-09.w1.parquet"
    path.write_bytes(b"x" * 2**20)
    assert look(filled, fast=True)["good leftovers"] == ["none"]  # somebody may be making it
    look_at = time.time() + UNUSED_SECONDS + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor.time, "time", lambda: look_at)
        assert look(filled, fast=True)["note leftovers"] == ["1 files of calls (1.0 MiB) that nothing needs any more"]


def test_a_counter_that_is_wrong(filled):
    with filled.database.writing() as connection:
        first = sa.select(sa.func.min(COUNTERS.c.output)).scalar_subquery()
        gone = sa.delete(COUNTERS).where(COUNTERS.c.output == first, COUNTERS.c.day == dt.date(2026, 3, 2))
        outputs = set(connection.execute(gone.returning(COUNTERS.c.output)).scalars())
    told = faults(look(filled))
    assert len(outputs) == 1
    assert told
    assert all(text.startswith(f"counters: {min(outputs)} of 2026-03-02 by ") for text in told)


def test_another_schema_and_a_newer_one(filled):
    with filled.database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE answers")
    assert any("add_table" in text for text in faults(look(filled, fast=True)))
    with filled.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = look(filled, fast=True)
    assert found["FAULT migrations"][0].startswith("the database is of version 9999, this program of ")
    assert "not looked at" in found["note files of calls"][0]


def test_another_time_zone(filled):
    elsewhere = Store(filled.folder, filled.database, "Europe/Berlin")
    assert look(elsewhere, fast=True)["FAULT time zone"] == [
        "days are cut in Asia/Shanghai, but CSI_TIME_ZONE is Europe/Berlin"
    ]


def test_a_broken_set_and_none_that_is_valid(filled, tmp_path):
    (tmp_path / "weights").mkdir()
    assert "no set is valid today" in look(filled, fast=True, weights=tmp_path / "weights")["FAULT weights"][0]
    (tmp_path / "weights/default.toml").write_bytes((WEIGHTS / "default.toml").read_bytes())
    (tmp_path / "weights/2027-01-01.toml").write_text("[csi", encoding="utf-8")
    (told,) = look(filled, fast=True, weights=tmp_path / "weights")["FAULT weights"]
    assert "2027-01-01" in told


def test_a_clock_that_went_back_and_records_of_the_future(filled):
    put(filled, "surveys", survey("S9", "2027-01-01 10:00", 5))
    assert look(filled, fast=True)["note clock"][0].startswith("records are dated up to 2027-01-01")
    with filled.database.writing() as connection:
        note(connection, dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), "cli:tests", "create", "surveys", "S9")
    assert "but something was written" in look(filled, fast=True)["FAULT clock"][0]


def test_the_clocks_of_two_machines(filled):
    if filled.database.is_sqlite:
        assert "FAULT clock" not in look(filled, fast=True)
    else:
        found = look(filled, fast=True, now=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        assert "the database's clock and this machine's differ by" in found["FAULT clock"][0]


# --- SQLite alone


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Store:
    made = fill(open_store(tmp_path / "store", "Asia/Shanghai"))
    made.database.close()
    return made


def test_a_damaged_database_file(sqlite_store):
    path = sqlite_store.folder / "csi.sqlite"
    content = bytearray(path.read_bytes())
    content[8192:40960] = os.urandom(40960 - 8192)
    path.write_bytes(content)
    assert any(text.startswith(("database: ", "migrations: ")) for text in faults(look(sqlite_store)))


def test_a_file_that_is_no_database(sqlite_store):
    (sqlite_store.folder / "csi.sqlite").write_bytes(b"no database" * 1000)
    found = look(sqlite_store)
    assert "damaged" in found["FAULT database"][0]
    assert "not looked at" in found["note files of calls"][0]


def test_a_missing_database_file_is_not_made_anew(sqlite_store):
    path = sqlite_store.folder / "csi.sqlite"
    path.unlink()
    assert "is missing" in look(sqlite_store)["FAULT database"][0]
    assert not path.exists()


@pytest.mark.parametrize(
    ("version", "faulty"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_which_libraries_have_the_reset_fault(version, faulty):
    assert has_reset_fault(version) is faulty


def test_the_library_is_named(sqlite_store):
    found = look(sqlite_store, fast=True)
    assert "SQLite " in (found.get(f"{NOTE} database library") or found[f"{GOOD} database library"])[0]
