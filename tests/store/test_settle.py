"""The end of undoing: refused after CSI_UNDO_DAYS; what was put aside for it is dropped once nothing needs it."""

import dataclasses
import datetime as dt
import os

import pytest
import sqlalchemy as sa

from csi_service.errors import ConflictError
from csi_service.records.tables import REPLACED_PARTS, REPLACED_RECORDS
from csi_service.store.import_books import DONE, UNDOING, change, find_import, request_undo
from csi_service.store.import_queue import work_off
from csi_service.store.imports import import_files
from csi_service.store.settle import settle_imports
from csi_service.store.undo import undo_import
from tests.files import make_csv
from tests.store.bring import calls_file, kept_calls, nothing_left, row

SURVEYS = ["survey_id", "answered_at", "channel", "scale", "score"]


def on(day):
    """Return the clock of a day; imports can be undone for 90."""
    return lambda: dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=day)


def bring(store, day, path, kind="calls"):
    return import_files(store, kind, [path], "cli:tester", on(day)).id


def undo(store, number, day):
    return undo_import(store, number, "cli:tester", on(day))


def settle(store, day):
    """Settle as on a day, the files old enough to go."""
    for path in store.calls.rglob("*.parquet"):
        os.utime(path, (0, 0))
    return settle_imports(store, on(day)())


def teams(store):
    return {call["call_id"]: call["team"] for call in kept_calls(store)}


def aside(store):
    with store.database.reading() as connection:
        files = sa.select(sa.func.count()).where(REPLACED_PARTS.c.file.is_not(None))
        records = sa.select(sa.func.count()).select_from(REPLACED_RECORDS)
        return connection.execute(files).scalar_one(), connection.execute(records).scalar_one()


@pytest.fixture
def files(tmp_path):
    """Return four files with the same call, each of another team, and a day later than the last."""
    return [calls_file(tmp_path / f"{n}.csv", row("C1", f"2026-03-0{n + 2} 09:00:00", f"T{n}")) for n in range(4)]


def test_after_its_days_an_import_cannot_be_undone(store, files):
    first = bring(store, 0, files[0])
    for ask in (lambda day: undo(store, first, day), lambda day: request_undo(store, first, "ann", on(day)())):
        with pytest.raises(ConflictError, match=r"import 1 ended on 2026-01-01 UTC; .* for 90 days \(CSI_UNDO_DAYS\)"):
            ask(91)
    assert (find_import(store, first).status, teams(store)) == (DONE, {"C1": "T0"})
    assert undo(store, first, 90).status == "undone"
    assert teams(store) == {}


def test_what_was_put_aside_goes_with_the_last_day(store, files, tmp_path):
    bring(store, 0, files[0])
    bring(store, 0, make_csv(tmp_path / "s.csv", [SURVEYS, ["S1", "2026-03-02 10:00:00", "sms", "5", "4"]]), "surveys")
    later = make_csv(tmp_path / "t.csv", [SURVEYS, ["S1", "2026-03-02 10:00:00", "sms", "5", "1"]])
    ids = [bring(store, 10, files[1]), bring(store, 10, later, "surveys")]
    assert settle(store, 91) == []
    assert aside(store) == (1, 1)
    assert settle(store, 92) == [1, 2]
    assert aside(store) == (1, 1), "theirs was nothing; that of the later ones is kept"
    assert settle(store, 101) == []
    assert len([*store.calls.rglob("*.parquet")]) == 2
    assert settle(store, 102) == ids
    assert aside(store) == (0, 0)
    assert len([*store.calls.rglob("*.parquet")]) == 1
    assert nothing_left(store)
    assert teams(store) == {"C1": "T1"}
    assert settle(store, 1000) == []


def test_it_stays_so_where_the_days_are_made_more_later(store, files):
    bring(store, 0, files[0])
    settle(store, 92)
    with pytest.raises(ConflictError, match=r"kept for 365 days .* cannot be undone any more"):
        undo(dataclasses.replace(store, undo_days=365), 1, 92)


def test_an_undoing_that_waits_since_before_is_done(store, files):
    bring(store, 0, files[0])
    bring(store, 0, files[1])
    request_undo(store, 2, "ann", on(90)())
    assert find_import(store, 2).status == UNDOING
    assert settle(store, 120) == [1]
    work_off(store, on(120))
    assert (find_import(store, 2).status, teams(store)) == ("undone", {"C1": "T0"})


def test_an_undone_import_keeps_what_an_undoing_may_still_come_to(store, files):
    """The call went T0 -> T1 -> T2, each on a day of its own; without both imports it is T0's again."""
    bring(store, 0, files[0])
    bring(store, 0, files[1])
    bring(store, 60, files[2])
    undo(store, 2, 80)
    assert settle(store, 120) == [1]
    assert teams(store) == {"C1": "T2"}
    undo(store, 3, 120)
    assert teams(store) == {"C1": "T0"}
    assert settle(store, 120) == []
    assert settle(store, 152) == [2, 3]
    assert aside(store) == (0, 0)
    assert teams(store) == {"C1": "T0"}


def test_an_undone_import_is_kept_also_for_another_undone_one(store, files):
    """The second changed no day of the fourth, which can be undone, but one of the third, as that did of the fourth."""
    for path in files[:3]:
        bring(store, 0, path)
    bring(store, 60, files[3])
    undo(store, 2, 80)
    undo(store, 3, 80)
    assert settle(store, 120) == [1]
    undo(store, 4, 120)
    assert teams(store) == {"C1": "T0"}


def test_an_import_settles_those_before_it(store, files):
    bring(store, 0, files[0])
    bring(store, 100, files[1])
    assert find_import(store, 1).settled_at == on(100)()
    assert find_import(store, 2).settled_at is None


def test_one_that_is_open_does_not_settle(store, files):
    bring(store, 0, files[0])
    change(store, 1, [DONE], status=UNDOING)
    assert settle(store, 500) == []
