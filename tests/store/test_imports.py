"""Imports into the store on both databases: what counts afterwards, what is the same again, what undoing restores."""

import csv
import datetime as dt
import random
import shutil

import duckdb
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csi_service.errors import ConflictError, FileRefusedError, MappingError, NotFoundError
from csi_service.records.tables import AUDIT, DAYS
from csi_service.store import import_calls
from csi_service.store import undo as undo_module
from csi_service.store.folder import open_store
from csi_service.store.import_books import find_import, list_imports, rejects_of, request_undo, tell_progress
from csi_service.store.import_queue import work_off
from tests.files import make_csv
from tests.make import ROOT
from tests.store.bring import HEADER, bring, calls_file, kept_calls, kept_records, nothing_left, now, row, undo
from tests.store.kept import ask, at, call, figures, put, survey

PWC = (ROOT / "examples/mappings/pwc_call_centre.toml").read_text(encoding="utf-8")
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


def counts(made, kind="calls"):
    outcome = next(each for each in made.outcomes if each["kind"] == kind)
    return tuple(outcome[name] for name in ("loaded", "created", "replaced", "unchanged", "repeated", "rejected"))


# --- calls


WAYS = {
    "usual": [row("C1", "2026-03-02 23:59:59"), row("C2", "2026-03-03 00:00:00", "T2", "", 5)],
    "a call thrice": [row("C1", f"2026-03-0{n} 09:00:00") for n in (2, 3, 2)],
    "many days": [row(f"C{n}", f"2026-03-{n % 28 + 1:02} 0{n % 9}:00:00", f"T{n % 3}", n % 40, "") for n in range(400)],
    "a bad rule": [row("C1", "2026-03-02 09:00:00"), row("C2", "2026-03-02 09:00:00", wait=-1)],
    "a bad cell": [row("C1", "2026-03-02 09:00:00"), row("C2", "2026-03-02 09:00:00", talk="long")],
    "an instant with its offset": [row("C1", "2026-03-02T20:00:00Z"), row("C2", "2026-03-02 09:00:00")],
}


@pytest.mark.parametrize("name", WAYS)
def test_the_same_calls_come_in_whether_the_reader_makes_the_values_or_their_texts_do(
    store, tmp_path, monkeypatch, name
):
    found, made_ready = [], []

    def stage_ready(*given):
        made_ready.append(real(*given))
        return made_ready[-1]

    real = import_calls._stage_ready
    for way in (stage_ready, lambda *given: None):
        monkeypatch.setattr(import_calls, "_stage_ready", way)
        made = bring(store, "calls", calls_file(tmp_path / "a.csv", *WAYS[name]))
        rejects = rejects_of(store, made).read_text(encoding="utf-8") if counts(made)[-1] else ""
        found.append((made.outcomes, rejects, [call | {"import_id": None} for call in kept_calls(store)]))
        undo(store, made.id)
    assert found[0] == found[1]
    of_values = name in ("usual", "a call thrice", "many days")
    assert [ready is not None for ready in made_ready] == [of_values], "this is the way that was meant"


def test_calls_count_on_their_local_days(store, tmp_path):
    made = bring(
        store,
        "calls",
        calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 23:59:59"), row("C2", "2026-03-03 00:00:00", "T2", "", 5)),
    )
    assert made.status == "done"
    assert counts(made) == (2, 2, 0, 0, 0, 0)
    first, second = kept_calls(store)
    assert first["started_at"] == at("2026-03-02 23:59:59") == dt.datetime.fromisoformat("2026-03-02 15:59:59")
    assert (first["day"], second["day"]) == (MONDAY, TUESDAY)
    assert (second["team"], second["wait_seconds"], second["talk_seconds"]) == ("T2", None, 5.0)
    assert first["import_id"] == made.id
    # the source has no column for hold and wrap: they are no part of its handling time
    assert (first["hold_seconds"], first["wrap_seconds"]) == (0.0, 0.0)
    assert (made.rows_read, made.share_done, made.error) == (2, 1.0, None)
    assert nothing_left(store)


def test_a_source_without_any_part_of_the_handling_time_leaves_it_unknown(store, tmp_path):
    header, line = ["call_id", "started_at", "answered"], ["C1", "2026-03-02 09:00:00", "Y"]
    bring(store, "calls", calls_file(tmp_path / "a.csv", line, header=header))
    (found,) = kept_calls(store)
    assert {found[f"{part}_seconds"] for part in ("talk", "hold", "wrap")} == {None}


def test_scores_follow_an_import_and_its_undoing(store, tmp_path):
    put(store, "calls", call("C0", "2026-03-02 09:00:00", team="T9"))
    rows = [row(f"C{n}", "2026-03-02 09:00:00", "T1" if n < 7 else "T2", 10 if n < 4 else 30) for n in range(1, 11)]
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", *rows))
    # team T1: 3 of 6 calls answered within 20 s
    assert figures(ask(store, "2026-03", "team"), "csi.internal.sla", "raw")[("T1",)] == (0.5,)
    undo(store, made.id)
    assert figures(ask(store, "2026-03", "team"), "csi.internal.sla", "raw") == {("T9",): (1.0,)}


def test_the_write_is_audited_and_marks_its_days(store, tmp_path):
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00")))
    with store.database.reading() as connection:
        (entry,) = connection.execute(sa.select(AUDIT)).mappings()
        marked = connection.execute(sa.select(DAYS)).all()
    assert (entry["actor"], entry["action"], entry["kind"]) == ("cli:tester", "import", "import")
    assert (entry["subject"], entry["revision"]) == (str(made.id), made.revision)
    assert entry["after"]["files"] == ["a.csv"]
    assert marked == [("calls", MONDAY, made.revision)]


def test_of_a_call_that_stands_twice_the_last_row_counts_also_across_days_and_files(store, tmp_path):
    first = calls_file(
        tmp_path / "a.csv",
        row("C1", "2026-03-02 09:00:00", "old"),
        row("C2", "2026-03-02 09:00:00", "old"),
        row("C1", "2026-03-03 09:00:00", "older"),
        row("C3", "2026-03-02 09:00:00"),
    )
    second = calls_file(
        tmp_path / "b.csv", row("C2", "2026-03-04 09:00:00", "new"), row("C1", "2026-03-02 10:00:00", "new")
    )
    made = bring(store, "calls", first, second)
    assert counts(made) == (3, 3, 0, 0, 3, 0)
    found = {each["call_id"]: (each["team"], each["day"]) for each in kept_calls(store)}
    assert found == {"C1": ("new", MONDAY), "C2": ("new", dt.date(2026, 3, 4)), "C3": ("T1", MONDAY)}


def test_the_last_row_counts_in_a_file_that_is_read_by_several_threads(store, tmp_path):
    rng = random.Random(5)
    rows, expected = [], {}
    for place in range(200_000):
        number = f"C{rng.randrange(150_000)}"
        rows.append(row(number, f"2026-03-{rng.randrange(1, 29):02} 09:00:00", f"T{place}"))
        expected[number] = f"T{place}"
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", *rows))
    assert counts(made) == (len(expected), len(expected), 0, 0, 200_000 - len(expected), 0)
    assert {each["call_id"]: each["team"] for each in kept_calls(store)} == expected


def test_the_same_numbers_with_new_values_replace(store, tmp_path):
    bring(
        store,
        "calls",
        calls_file(
            tmp_path / "a.csv",
            row("C1", "2026-03-02 09:00:00"),
            row("C2", "2026-03-02 09:00:00"),
            row("C3", "2026-03-02 09:00:00"),
        ),
    )
    again = calls_file(
        tmp_path / "b.csv",
        row("C1", "2026-03-02 09:00:00"),  # the same
        row("C2", "2026-03-03 09:00:00", "T9"),  # another day
        row("C4", "2026-03-03 09:00:00"),
    )
    made = bring(store, "calls", again)
    assert counts(made) == (3, 1, 1, 1, 0, 0)
    found = {each["call_id"]: (each["team"], each["day"], each["import_id"]) for each in kept_calls(store)}
    assert found == {
        "C1": ("T1", MONDAY, 2), "C2": ("T9", TUESDAY, 2), "C3": ("T1", MONDAY, 1), "C4": ("T1", TUESDAY, 2)
    }  # fmt: skip


def test_a_day_that_loses_its_only_call_is_gone(store, tmp_path):
    bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00")))
    bring(store, "calls", calls_file(tmp_path / "b.csv", row("C1", "2026-03-03 09:00:00")))
    assert [each["day"] for each in kept_calls(store)] == [TUESDAY]


def test_calls_sent_alone_and_imported_ones_replace_one_another(store, tmp_path):
    put(store, "calls", call("C1", "2026-03-02 09:00:00", team="sent"), call("C2", "2026-03-02 09:00:00", team="sent"))
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "2026-03-03 09:00:00", "brought")))
    assert counts(made) == (1, 0, 1, 0, 0, 0)
    put(store, "calls", call("C2", "2026-03-04 09:00:00", team="sent again"))
    assert {each["call_id"]: each["team"] for each in kept_calls(store)} == {"C1": "brought", "C2": "sent again"}


# --- other kinds

FILES = {
    "surveys": "survey_id,answered_at,channel,scale,score,call_id,team\nS1,2026-03-02 09:00:00,sms,5,4,C1,T1\n"
    "S2,2026-03-03 09:00:00,sms,5,5,C1,T1\nS3,2026-03-03 10:00:00,ivr,10,7,,T2\n",
    "survey_invitations": "day,channel,invited,team\n2026-03-02,sms,10,T1\n2026-03-02,sms,20,\n",
    "complaints": "complaint_id,received_at,team,upheld\nP1,2026-03-02 09:00:00,T1,Y\nP2,2026-03-02 09:00:00,,\n",
    "tickets": "ticket_id,opened_at,closed_at,reactivated_at\nT1,2026-03-02 09:00:00,2026-03-03 09:00:00,"
    "2026-03-04 09:00:00; 2026-03-05 09:00:00\nT2,2026-03-02 09:00:00,,\n",
    "evaluations": "evaluation_id,call_id,evaluated_at,score,batch,rating,delight\n"
    "E1,C1,2026-04-02 09:00:00,80,B1,satisfied,Y\nE2,C1,2026-03-02 09:00:00,90,,,N\n",
    "batches": "batch,period,population\nB1,2026-03,100\nB2,2026-04,\n",
}
CHANGED = {
    "surveys": FILES["surveys"].replace("5,4,C1", "5,1,C2").replace("S3", "S4"),
    "survey_invitations": FILES["survey_invitations"].replace(",20,", ",25,"),
    "complaints": FILES["complaints"].replace("03-02", "03-06").replace("P2", "P3"),
    "tickets": FILES["tickets"].replace("2026-03-04 09:00:00; ", ""),
    "evaluations": FILES["evaluations"].replace("80", "70").replace("E2", "E3"),
    "batches": FILES["batches"].replace("2026-03", "2026-02"),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_is_imported_replaced_and_undone(store, tmp_path, kind):
    for other in FILES:  # the others are there and must stay as they are
        if other != kind:
            bring(store, other, make_csv(tmp_path / f"{other}.csv", FILES[other]))
    empty = kept_records(store)
    rows = FILES[kind].count("\n") - 1
    first = bring(store, kind, make_csv(tmp_path / "a.csv", FILES[kind]))
    assert counts(first, kind) == (rows, rows, 0, 0, 0, 0)
    before = kept_records(store)
    assert len(before[kind]) == rows
    second = bring(store, kind, make_csv(tmp_path / "b.csv", CHANGED[kind]))
    assert counts(second, kind)[2] > 0
    assert kept_records(store) != before
    undo(store, second.id)
    assert kept_records(store) == before
    undo(store, first.id)
    assert kept_records(store) == empty


def test_one_file_may_give_several_kinds(store, tmp_path):
    header = (
        "Call Id,Agent,Date,Time,Topic,Answered (Y/N),Resolved,"
        "Speed of answer in seconds,AvgTalkDuration,Satisfaction rating"
    )
    lines = [
        "ID1,Diane,2021-01-01,09:12:58,Contract related,Y,Y,109,00:02:23,3",
        "ID2,Becky,2021-01-01,23:30:00,Technical Support,N,N,,,",
    ]
    before = kept_records(store)
    made = bring(store, "calls", make_csv(tmp_path / "pwc.csv", "\n".join([header, *lines]) + "\n"), mapping=PWC)
    assert (counts(made), counts(made, "surveys")) == ((2, 2, 0, 0, 0, 0), (1, 1, 0, 0, 0, 0))
    # the file's times are Zurich's, one hour ahead of UTC; the days are Shanghai's, eight hours ahead of it
    assert [each["day"].day for each in kept_calls(store)] == [1, 2]
    (kept,) = kept_records(store)["surveys"]
    assert (kept["call_id"], kept["score"], kept["channel"], kept["answered_at"]) == (
        "ID1", 3.0, "ivr", dt.datetime.fromisoformat("2021-01-01 08:12:58")
    )  # fmt: skip
    undo(store, made.id)
    assert kept_records(store) == before


def test_a_later_survey_of_the_same_call_is_noticed_on_the_day_of_the_earlier(store, tmp_path):
    put(store, "surveys", survey("S0", "2026-03-01 09:00:00", 5, call_id="C1"))
    made = bring(store, "surveys", make_csv(tmp_path / "a.csv", FILES["surveys"]))
    with store.database.reading() as connection:
        marked = dict(connection.execute(sa.select(DAYS.c.day, DAYS.c.revision).where(DAYS.c.kind == "surveys")).all())
    assert marked == {dt.date(2026, 3, 1): made.revision, MONDAY: made.revision, TUESDAY: made.revision}


# --- the same again


def test_the_same_file_again_is_no_work(store, tmp_path):
    path = calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"))
    first = bring(store, "calls", path)
    before = kept_records(store)
    second = bring(store, "calls", path.rename(tmp_path / "b.csv"))
    assert (second.status, second.same_as, second.revision) == ("unchanged", first.id, None)
    assert kept_records(store) == before


@pytest.mark.parametrize("change", ["mapping", "zone", "kind", "content"])
def test_another_mapping_zone_kind_or_content_is_not_the_same(store, tmp_path, change):
    header, line = ["call_id", "started_at", "answered", "team"], ["C1", "2026-03-02 09:00:00", "Y", "T1"]
    bring(store, "calls", calls_file(tmp_path / "a.csv", line, header=header))
    how = {}
    kind, path = "calls", tmp_path / "a.csv"
    if change == "mapping":
        how["mapping"] = '[calls]\ncall_id = "call_id"\nstarted_at = "started_at"\nanswered = "answered"\n'
    elif change == "zone":
        how["time_zone"] = "Europe/Zurich"
    elif change == "kind":
        kind = "surveys"
        how["mapping"] = (
            '[surveys]\nsurvey_id = "call_id"\nanswered_at = "started_at"\nchannel = { constant = "sms" }\n'
            'scale = { constant = "5" }\nscore = { constant = "4" }\n'
        )
    else:
        path = calls_file(tmp_path / "b.csv", [*line[:3], "T2"], header=header)
    assert bring(store, kind, path, **how).status == "done"


def test_a_file_is_read_again_once_a_later_one_has_replaced_its_rows(store, tmp_path):
    first = calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00", "T1"))
    second = calls_file(tmp_path / "b.csv", row("C1", "2026-03-02 09:00:00", "T2"))
    other = calls_file(tmp_path / "c.csv", row("C9", "2026-03-02 09:00:00", "T1"))
    bring(store, "calls", first)
    bring(store, "calls", other)  # replaces nothing
    assert bring(store, "calls", first).status == "unchanged"
    bring(store, "calls", second)
    assert bring(store, "calls", first).status == "done"
    assert {each["call_id"]: each["team"] for each in kept_calls(store)} == {"C1": "T1", "C9": "T1"}


def test_a_file_is_read_again_once_its_import_is_undone(store, tmp_path):
    path = calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"))
    undo(store, bring(store, "calls", path).id)
    assert kept_calls(store) == []
    assert bring(store, "calls", path).status == "done"
    assert [each["import_id"] for each in kept_calls(store)] == [2]


# --- what is refused


def test_a_file_that_cannot_be_read_as_a_whole_changes_nothing(store, tmp_path):
    with pytest.raises(FileRefusedError, match="has no column call_id"):
        bring(store, "calls", make_csv(tmp_path / "a.csv", "x,y\n1,2\n"))
    found = find_import(store, 1)
    assert (found.status, found.revision) == ("failed", None)
    assert found.error.startswith("a.csv: has no column call_id")
    assert kept_calls(store) == []
    assert nothing_left(store)


def test_a_second_file_with_other_columns_refuses_both(store, tmp_path):
    first = calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"))
    second = calls_file(tmp_path / "b.csv", row("C2", "2026-03-02 09:00:00")[:4], header=HEADER[:4])
    with pytest.raises(FileRefusedError, match="its columns differ"):
        bring(store, "calls", first, second)
    assert kept_calls(store) == []


def test_what_never_began_leaves_no_import(store, tmp_path):
    with pytest.raises(FileRefusedError, match="there is no such file"):
        bring(store, "calls", tmp_path / "nowhere.csv")
    with pytest.raises(MappingError):
        bring(store, "calls", calls_file(tmp_path / "a.csv"), mapping="calls = 5")
    assert list_imports(store) == ([], None)


def test_bad_rows_are_named_and_the_mended_file_loads(store, tmp_path):
    made = bring(
        store,
        "calls",
        calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "yesterday"), row("", "2026-03-02")),
    )
    assert counts(made) == (1, 1, 0, 0, 0, 2)
    assert made.rows_read == 3
    assert sum(reason["rows"] for reason in made.outcomes[0]["reasons"]) == 2
    path = rejects_of(store, made)
    lines = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert [(line["line"], line["column"], line["value"]) for line in lines] == [
        ("3", "started_at", "yesterday"),
        ("4", "call_id", ""),
    ]
    text = path.read_text(encoding="utf-8-sig").replace("C2,yesterday", "C2,2026-03-02")
    mended = make_csv(tmp_path / "mended.csv", "\ufeff" + text)
    assert counts(bring(store, "calls", mended)) == (1, 1, 0, 0, 0, 1)
    assert [each["call_id"] for each in kept_calls(store)] == ["C1", "C2"]


def test_an_import_without_rejects_has_no_file_of_them(store, tmp_path):
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00")))
    with pytest.raises(NotFoundError, match="has no rejected rows"):
        rejects_of(store, made)


def test_with_strict_any_reject_keeps_all_out(store, tmp_path):
    path = calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "yesterday"))
    with pytest.raises(FileRefusedError, match="rows were rejected and --strict was given"):
        bring(store, "calls", path, strict=True)
    assert kept_calls(store) == []
    assert find_import(store, 1).status == "failed"
    assert rejects_of(store, find_import(store, 1)).is_file()
    assert bring(store, "calls", path).status == "done"


def test_a_file_of_bad_rows_only_counts_as_read(store, tmp_path):
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "yesterday")))
    assert counts(made) == (0, 0, 0, 0, 0, 1)
    assert kept_calls(store) == []
    assert undo(store, made.id).status == "undone"


# --- undoing


def test_undoing_twice_is_refused(store, tmp_path):
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00")))
    assert undo(store, made.id).status == "undone"
    with pytest.raises(ConflictError, match="import 1 is undone"):
        undo(store, made.id)
    with pytest.raises(NotFoundError):
        undo(store, 99)


def chain(store, tmp_path, kind):
    """Bring three versions of the same records and return what is kept before, and after each."""
    states = [kept_records(store)]
    for number, team in enumerate(("T1", "T2", "T3")):
        if kind == "calls":
            rows = [row(f"C{n}", f"2026-03-0{2 + (n + number) % 3} 09:00:00", team) for n in range(number, 4 + number)]
            bring(store, "calls", calls_file(tmp_path / f"{number}.csv", *rows))
        else:
            lines = [f"P{n},2026-03-0{2 + (n + number) % 3} 09:00:00,{team}" for n in range(number, 4 + number)]
            text = "\n".join(["complaint_id,received_at,team", *lines]) + "\n"
            bring(store, "complaints", make_csv(tmp_path / f"{number}.csv", text))
        states.append(kept_records(store))
    return states


@pytest.mark.parametrize("kind", ["calls", "complaints"])
def test_imports_undone_from_the_last_go_back_step_by_step(store, tmp_path, kind):
    states = chain(store, tmp_path, kind)
    for number in (3, 2, 1):
        undo(store, number)
        assert kept_records(store) == states[number - 1]


@pytest.mark.parametrize("kind", ["calls", "complaints"])
@pytest.mark.parametrize("order", [(1, 2, 3), (2, 1, 3), (2, 3, 1), (1, 3, 2), (3, 1, 2)])
def test_imports_undone_in_any_order_leave_what_was_there_before_them(store, tmp_path, kind, order):
    states = chain(store, tmp_path, kind)
    for number in order:
        undo(store, number)
    assert kept_records(store) == states[0]


@pytest.mark.parametrize("kind", ["calls", "complaints"])
def test_what_a_later_import_brought_stays(store, tmp_path, kind):
    chain(store, tmp_path, kind)
    newest = {each[next(iter(each))]: each for each in kept_records(store)[kind] if each["team"] == "T3"}
    undo(store, 1)
    undo(store, 2)
    kept = {each[next(iter(each))]: each for each in kept_records(store)[kind]}
    assert len(newest) == 4
    assert kept == newest


def test_what_two_imports_hold_alike_stays_when_the_first_is_undone(store, tmp_path):
    first = bring(
        store,
        "calls",
        calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "2026-03-02 09:00:00")),
    )
    bring(
        store,
        "calls",
        calls_file(tmp_path / "b.csv", row("C1", "2026-03-02 09:00:00"), row("C3", "2026-03-02 09:00:00")),
    )
    text = FILES["complaints"]
    third = bring(store, "complaints", make_csv(tmp_path / "c.csv", text))
    bring(store, "complaints", make_csv(tmp_path / "d.csv", text.replace("P2", "P3")))
    undo(store, first.id)
    undo(store, third.id)
    assert [each["call_id"] for each in kept_calls(store)] == ["C1", "C3"]
    assert [each["complaint_id"] for each in kept_records(store)["complaints"]] == ["P1", "P3"]


def test_what_was_sent_alone_afterwards_stays(store, tmp_path):
    made = bring(
        store,
        "calls",
        calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00"), row("C2", "2026-03-02 09:00:00")),
    )
    other = bring(store, "surveys", make_csv(tmp_path / "s.csv", FILES["surveys"]))
    put(store, "calls", call("C1", "2026-03-03 09:00:00", team="sent"))
    put(store, "surveys", survey("S1", "2026-03-05 09:00:00", 2))
    undo(store, made.id)
    undo(store, other.id)
    assert [(each["call_id"], each["team"]) for each in kept_calls(store)] == [("C1", "sent")]
    assert [(each["survey_id"], each["score"]) for each in kept_records(store)["surveys"]] == [("S1", 2.0)]


# --- any files

_CALLS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 4), st.sampled_from(["T1", "T2"])), min_size=1, max_size=25
)


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(rows=_CALLS, cut=st.floats(0, 1), seed=st.integers(0, 9))
def test_a_permutation_in_two_files_is_the_same_as_one_file(tmp_path_factory, migrated, rows, cut, seed):
    tmp_path = tmp_path_factory.mktemp("any")
    lines = list({n: row(f"C{n}", f"2026-03-{day:02} 09:00:00", team) for n, day, team in rows}.values())
    shuffled = random.Random(seed).sample(lines, len(lines))
    at_ = round(cut * len(lines))
    kept = []
    for name, parts in (("one", [lines]), ("two", [shuffled[:at_], shuffled[at_:]])):
        shutil.copytree(migrated, tmp_path / name)
        store = open_store(tmp_path / name, "Asia/Shanghai")
        try:
            bring(store, "calls", calls_file(tmp_path / "base.csv", row("C1", "2026-03-09 09:00:00", "base")))
            before = kept_records(store)
            made = [
                bring(store, "calls", calls_file(tmp_path / f"{name}{number}.csv", *part))
                for number, part in enumerate(parts)
            ]
            kept.append([{**each, "import_id": min(each["import_id"], 2)} for each in kept_calls(store)])
            for each in made:
                undo(store, each.id)
            assert kept_records(store) == before
        finally:
            store.database.close()
    assert kept[0] == kept[1]


def test_progress_that_is_told_late_changes_nothing(store, tmp_path):
    made = bring(store, "calls", calls_file(tmp_path / "a.csv", row("C1", "2026-03-02 09:00:00")))
    assert tell_progress(store, made.id, 0.4, 77) is False
    assert find_import(store, made.id) == made


def test_an_undoing_that_fails_ends_and_lets_others_go_on(store, tmp_path, monkeypatch):
    def fail(*_):
        raise duckdb.OutOfMemoryException("no memory")

    first, second = (
        bring(store, "calls", calls_file(tmp_path / f"{name}.csv", row(name, "2026-03-02 09:00:00"))) for name in "ab"
    )
    for made in (first, second):
        request_undo(store, made.id, "somebody", now())
    real = undo_module._days_before
    monkeypatch.setattr(undo_module, "_days_before", lambda *of: (fail if of[2].id == first.id else real)(*of))
    work_off(store, now)
    found = find_import(store, first.id)
    assert (found.status, found.error) == ("done", "cannot be undone: a fault of the program: OutOfMemoryException")
    assert find_import(store, second.id).status == "undone"
    assert [each["call_id"] for each in kept_calls(store)] == ["a"]
