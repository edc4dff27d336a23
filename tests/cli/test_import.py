"""csi import and csi imports as a caller meets them: exit codes, what is said, what is kept."""

import json
import os
import pwd
import signal
import subprocess
import sys
import time

import openpyxl
import pytest

from csi_service.store.folder import CALLS_LOCK, open_store
from csi_service.store.import_books import list_imports
from tests.cli.terminal import complaint, csi
from tests.files import make_csv
from tests.store.bring import calls_file, kept_calls, nothing_left, row

USER = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def file(tmp_path):
    return calls_file(tmp_path / "calls.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "2026-03-03 09:00:00", "T2"))


def teams(data):
    store = open_store(data, "Asia/Shanghai")
    found = {each["call_id"]: each["team"] for each in kept_calls(store)}
    store.database.close()
    return found


def test_an_import_says_what_became_of_the_rows(data, file):
    ran = csi("import", "calls", file, "--data", data)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.splitlines() == [
        "Import 1 is done. csi imports undo 1 takes it back.",
        "calls: 2 imported (2 created, 0 replaced, 0 unchanged), 0 rejected",
    ]
    assert teams(data) == {"C1": "T1", "C2": "T2"}


def test_the_folder_may_come_from_the_environment(data, file):
    assert csi("import", "calls", file, CSI_DATA=str(data)).code == 0
    assert len(teams(data)) == 2


def test_times_of_another_zone_than_that_of_the_days_are_told(data, file):
    ran = csi("import", "calls", file, "--time-zone", "Europe/Zurich", "--data", data)
    told = "Its local times are read in Europe/Zurich; the days are cut in Asia/Shanghai, CSI_TIME_ZONE of this folder."
    assert ran.err.splitlines()[2:] == [told]


def test_the_same_file_again_says_so(data, file):
    csi("import", "calls", file, "--data", data)
    ran = csi("import", "calls", file, "--data", data)
    assert (ran.code, ran.err) == (0, "Import 2: the same as import 1, which still counts; nothing to do.\n")


def test_new_values_replace_and_undoing_brings_the_old_ones_back(data, file, tmp_path):
    csi("import", "calls", file, "--data", data)
    again = calls_file(tmp_path / "again.csv", row("C2", "2026-03-03 09:00:00", "T9"), row("C3", "2026-03-03 09:00:00"))
    ran = csi("import", "calls", again, "--data", data)
    assert "2 imported (1 created, 1 replaced, 0 unchanged)" in ran.err
    assert teams(data) == {"C1": "T1", "C2": "T9", "C3": "T1"}
    assert csi("imports", "undo", 2, "--data", data).err == "Import 2 is undone.\n"
    assert teams(data) == {"C1": "T1", "C2": "T2"}
    assert complaint(csi("imports", "undo", 2, "--data", data)) == (
        "import 2 is undone; only one that is done can be undone"
    )


def test_rejects_are_written_and_can_be_fetched_later(data, tmp_path):
    bad = calls_file(tmp_path / "bad.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "yesterday"))
    ran = csi("import", "calls", bad, "--rejects", tmp_path / "rejects.csv", "--data", data)
    assert ran.code == 0
    assert "1 imported (1 created, 0 replaced, 0 unchanged), 1 rejected" in ran.err
    assert "  1 x started_at is not an instant" in ran.err
    written = (tmp_path / "rejects.csv").read_bytes()
    assert b"calls,bad.csv,3,started_at,yesterday" in written
    assert csi("imports", "rejects", 1, "--data", data).data == written
    assert "csi imports rejects" not in ran.err


def test_where_the_rejects_are_is_said_unless_they_were_written(data, tmp_path):
    bad = calls_file(tmp_path / "bad.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "yesterday"))
    ran = csi("import", "calls", bad, "--data", data)
    assert ran.err.splitlines()[-1] == "csi imports rejects 1 gives the rejected rows."


def test_sheets_that_are_not_read_are_named(data, tmp_path):
    book = openpyxl.Workbook()
    for sheet, number in ((book.active, "C1"), (book.create_sheet("Feb"), "C2")):
        for cells in (["call_id", "started_at", "answered"], [number, "2026-03-02 09:00:00", "Y"]):
            sheet.append(cells)
    book.active.title = "Jan"
    book.save(tmp_path / "a.xlsx")
    ran = csi("import", "calls", tmp_path / "a.xlsx", "--data", data)
    said = "a.xlsx: the sheet 'Jan' was read, not Feb; sheet = \"...\" in a mapping chooses another"
    assert ran.err.splitlines()[-1] == said
    assert teams(data) == {"C1": None}


def test_strict_refuses_writes_the_rejects_and_changes_nothing(data, tmp_path):
    bad = calls_file(tmp_path / "bad.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "yesterday"))
    ran = csi("import", "calls", bad, "--strict", "--rejects", tmp_path / "rejects.csv", "--data", data)
    assert complaint(ran) == "rows were rejected and --strict was given; nothing was imported"
    assert b"yesterday" in (tmp_path / "rejects.csv").read_bytes()
    assert teams(data) == {}


def test_a_mapping_and_a_zone_are_taken(data, tmp_path):
    path = make_csv(tmp_path / "a.csv", "Id,Start,Yes\nC1,2026-03-02 23:00:00,Y\n")
    mapping = tmp_path / "m.toml"
    mapping.write_text('time_zone = "Asia/Shanghai"\n[calls]\ncall_id = "Id"\nstarted_at = "Start"\nanswered = "Yes"\n')
    csi("import", "calls", path, "--mapping", mapping, "--data", data)
    csi("import", "calls", path, "--mapping", mapping, "--time-zone", "Europe/Zurich", "--data", data)
    store = open_store(data, "Asia/Shanghai")
    (found,) = kept_calls(store)
    store.database.close()
    assert found["started_at"].isoformat() == "2026-03-02T22:00:00"  # 23:00 in Zurich's winter, UTC+1
    assert found["day"].isoformat() == "2026-03-03"  # 06:00 in Shanghai


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "cats", "x.csv"], "'cats' is not one of 'calls'"),
        (["import", "calls"], "Missing argument 'FILE...'"),
        (["import", "calls", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["import", "calls", "{file}", "--mapping", "no.toml"], "no.toml: there is no such file"),
        (["import", "calls", "{file}", "--time-zone", "Mars"], "give an IANA name"),
        (["import", "calls", "{file}", "--rejects", "no/where/r.csv"], "there is no folder no/where"),
        (["import", "surveys", "{file}"], "has no column survey_id"),
        (["imports", "undo", "7"], "there is no import 7"),
        (["imports", "show", "7"], "there is no import 7"),
        (["imports", "cancel", "7"], "there is no import 7"),
    ],
)
def test_what_cannot_be_done_ends_with_one_line_and_code_2(data, file, arguments, said):
    ran = csi(*[each.format(file=file) for each in arguments], CSI_DATA=str(data))
    assert said in complaint(ran)


@pytest.mark.parametrize("command", [["import", "calls"], ["score", "--calls"]])
@pytest.mark.parametrize("name", [b"caf\xe9.csv", b"caf\xe9/calls.csv"])
def test_a_name_that_is_not_utf_8_is_refused_in_one_line(data, file, command, name):
    path = file.parent / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    file.rename(path)
    ran = csi(*command, path, CSI_DATA=str(data))
    assert "caf\\xe9" in complaint(ran)
    assert "is not UTF-8" in ran.err
    if command[0] == "import":
        assert csi("imports", "list", "--data", data).out.count("\n") == 2  # the head alone


def test_imports_are_listed_and_shown(data, file, tmp_path):
    csi("import", "calls", file, "--data", data)
    csi("import", "surveys", file, "--data", data)
    head, _, second, first = csi("imports", "list", "--data", data).out.splitlines()
    assert head.split() == ["number", "status", "kind", "files", "made", "by", "loaded", "rejected", "rows"]
    assert [cell for cell in first.split() if ":" not in cell or cell == USER][-3:] == [USER, "2", "0"]
    assert second.split()[:3] == ["2", "failed", "surveys"]
    shown = csi("imports", "show", 2, "--data", data).out
    assert shown.startswith("Import 2 of surveys from calls.csv: failed\n")
    assert "has no column survey_id" in shown
    assert "calls: 2 imported" in csi("imports", "show", 1, "--data", data).out


def test_of_many_files_the_first_is_listed_and_how_many_more(data, tmp_path):
    files = [calls_file(tmp_path / f"{n}.csv", row(f"C{n}", "2026-03-02 09:00:00")) for n in (1, 2, 3)]
    csi("import", "calls", *files, "--data", data)
    *_, line = csi("imports", "list", "--data", data).out.splitlines()
    assert line.split()[:5] == ["1", "done", "calls", "1.csv", "+2"]
    assert "from 1.csv, 2.csv, 3.csv: done" in csi("imports", "show", 1, "--data", data).out


@pytest.mark.parametrize("seconds", [0, 0.1, 0.2, 0.3, 2])  # it is read, staged, and waits for the lock
def test_ctrl_c_stops_an_import_and_leaves_nothing(data, tmp_path, seconds):
    rows = [row(f"C{n}", f"2026-03-{n % 28 + 1:02} 09:00:00") for n in range(400_000)]
    path = calls_file(tmp_path / "a.csv", *rows)
    store = open_store(data, "Asia/Shanghai")
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # which background jobs ignore
    code = f"{heeds}; from csi_service.cli import main; main()"
    command = [sys.executable, "-c", code, "import", "calls", str(path), "--data", str(data)]
    with store.lock(CALLS_LOCK):  # it does not end before
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not list_imports(store)[0] or list_imports(store)[0][0].status != "running":
            assert run.poll() is None
            time.sleep(0.02)
        time.sleep(seconds)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert (run.returncode, said.split("\n")) == (130, ["", "csi: stopped", ""])
    assert list_imports(store)[0][0].status == "cancelled"
    assert kept_calls(store) == []
    assert nothing_left(store)
    store.database.close()


@pytest.mark.parametrize(("form", "start"), [("json", '{"'), ("text", "20")])
def test_the_worker_logs_as_the_service_does(data, form, start):
    code = (
        "import logging, sys; from csi_service.cli import imports, main; "
        "imports.work_off = lambda *given: logging.getLogger('worker').error('a fault', extra={'import': 7}); "
        "sys.argv = ['csi', 'imports', 'work']; main()"
    )
    environ = {**os.environ, "CSI_DATA": str(data), "CSI_LOG_FORMAT": form}
    ran = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    (line,) = ran.stderr.splitlines()
    assert line.startswith(start)
    if form == "json":
        told = json.loads(line)
        assert (told["event"], told["level"], told["logger"], told["import"]) == ("a fault", "error", "worker", 7)
