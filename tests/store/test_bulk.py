"""Imports that put whole tables in place at once leave the same as imports record by record, whatever came before."""

import datetime as dt
import random
import shutil

import pytest
import sqlalchemy as sa

from csi_service.facts.kinds import KINDS
from csi_service.records.database import next_revision
from csi_service.records.tables import APPEALS, DAYS, RECORDS, REPLACED_RECORDS
from csi_service.store import imports
from csi_service.store.bulk import create_staged, fill, staged, writing_staged
from csi_service.store.folder import open_store
from csi_service.store.import_books import DONE, find_import
from csi_service.store.import_records import stage_records
from csi_service.store.writes import delete_records
from tests.files import make_csv
from tests.store import one_by_one
from tests.store.bring import bring, kept_records, undo
from tests.store.kept import at, make, put, survey
from tests.store.one_by_one import KIND_NAMES, from_json
from tests.store.test_imports import CHANGED, FILES

INSTANTS = ("answered_at", "received_at", "opened_at", "closed_at", "evaluated_at")


def record(rng, kind):
    """Make a record of a kind, by field, with local times; the numbers are few, so that they come again."""

    def some(*values):
        return rng.choice(values)

    number, day = rng.randrange(5), f"2026-03-0{rng.randrange(1, 8)}"
    clock = some("00:30:00", "09:00:00", "23:30:00.250000")
    call, team = some(None, "C1", "C2"), some(None, "T1", "张三队")
    made = {
        "surveys": {"survey_id": f"S{number}", "answered_at": f"{day} {clock}", "channel": "sms", "scale": "5",
                    "score": some(1.0, 5.0), "call_id": call, "comment": some(None, 'say "T1", 2026')},
        "survey_invitations": {"day": day, "channel": some("sms", "ivr"), "team": team, "invited": some(10.0, 20.0)},
        "complaints": {"complaint_id": f"P{number}", "received_at": f"{day} {clock}", "team": team,
                       "upheld": some(None, True, False)},
        "tickets": {"ticket_id": f"K{number}", "opened_at": f"{day} 00:10:00",
                    "closed_at": some(None, f"{day} {clock}"),
                    "reactivated_at": some(None, [f"{day} 10:00:00"], [f"{day} 10:00:00", f"{day} 11:00:00.5"])},
        "evaluations": {"evaluation_id": f"E{number}", "call_id": some("C1", "C2", "C3"), "delight": some(None, True),
                        "evaluated_at": f"{day} {clock}", "score": some(0.1 + 0.2, 100 / 3, 80.0), "team": team,
                        "batch": some(None, "B1", "B2")},
        "batches": {"batch": some("B1", "B2"), "period": some("2026-02", "2026-03", "2026-03-02"),
                    "population": some(None, 100.0)},
    }  # fmt: skip
    return made[kind]


def csv_of(rows):
    def text(value):
        if isinstance(value, list):
            return "; ".join(value)
        return "" if value is None else {True: "Y", False: "N"}.get(value, value) if value in (True, False) else value

    return [list(rows[0]), *([text(value) for value in row.values()] for row in rows)]


def typed(kind, row):
    values = {name: at(value) if name in INSTANTS and value else value for name, value in row.items()}
    if values.get("reactivated_at"):
        values["reactivated_at"] = [at(text).isoformat() for text in values["reactivated_at"]]
    if kind == "survey_invitations":
        values["day"] = dt.date.fromisoformat(row["day"])
    return make(kind, **values)


def steps(seed):
    """Yield what is done one after the other: an import, records sent alone, a deletion, an undoing or a decision."""
    rng = random.Random(seed)
    for number in range(1, 31):
        kind = rng.choice(KIND_NAMES)
        action = rng.choices(("import", "send", "delete", "undo", "decide"), (5, 2, 1, 3, 0.5))[0]
        rows = [record(rng, kind) for _ in range(rng.randrange(1, 6))]
        yield number, action, kind, rows, rng.random()


def do(store, folder, seed):
    """Do the steps; return what each import came to, and the days as they were marked after each step."""
    outcomes, brought = [], []
    for number, action, kind, rows, chance in steps(seed):
        if action == "import":
            made = bring(store, kind, make_csv(folder / f"{number}.csv", csv_of(rows)))
            outcomes.append((made.status, made.outcomes, made.rows_read))
            brought.append(made.id)
        elif action == "send":
            put(store, kind, *(typed(kind, row) for row in rows))
        elif action == "delete" and kind in ("evaluations", "surveys"):
            with store.database.writing() as connection:
                keys = [(next(iter(row.values())),) for row in rows]
                delete_records(connection, KINDS[kind], keys, next_revision(connection), store.time_zone)
        elif action == "decide":
            uphold(store, f"E{int(chance * 5)}")
        elif action == "undo":
            standing = [each for each in brought if find_import(store, each).status == DONE]
            if standing:
                undo(store, standing[int(chance * len(standing))])
        outcomes.append(rows_of(store, DAYS))
    return outcomes


def uphold(store, number):
    """Note that an appeal against an evaluation was upheld; what it has changed was sent alone."""
    row = {"evaluation_id": number, "call_id": "C1", "status": "upheld", "reason": "x", "revision": 1}
    row |= {"filed_at": at("2026-03-09 09:00"), "filed_by": "tia"}
    if number not in {each["evaluation_id"] for each in rows_of(store, APPEALS)}:
        with store.database.writing() as connection:
            connection.execute(sa.insert(APPEALS), [row])


def rows_of(store, table):
    with store.database.reading() as connection:
        found = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]


def state(store):
    """Return all that is kept: records, with the writes that put them there, and what is put aside."""
    aside = [row | {"record": from_json(row["kind"], row["record"])} for row in rows_of(store, REPLACED_RECORDS)]
    return kept_records(store) | {kind: rows_of(store, RECORDS[kind]) for kind in KIND_NAMES} | {"aside": aside}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_the_same_is_left_as_record_by_record(store, tmp_path, migrated, monkeypatch, seed):
    outcomes = do(store, tmp_path, seed)
    shutil.copytree(migrated, tmp_path / "other")
    other = open_store(tmp_path / "other", "Asia/Shanghai")
    with monkeypatch.context() as patched:
        one_by_one.use(patched)
        expected = do(other, tmp_path, seed)
    found, wanted = state(store), state(other)
    other.database.close()
    assert outcomes == expected
    for name, values in wanted.items():
        assert found[name] == values, name


@pytest.mark.parametrize("kind", FILES)
def test_what_came_back_is_the_same_when_it_is_brought_again(store, tmp_path, kind):
    bring(store, kind, make_csv(tmp_path / "a.csv", FILES[kind]))
    undo(store, bring(store, kind, make_csv(tmp_path / "b.csv", CHANGED[kind])).id)
    again = bring(store, kind, make_csv(tmp_path / "c.csv", FILES[kind] + "\n")).outcomes[0]
    assert (again["unchanged"], again["created"], again["replaced"]) == (FILES[kind].count("\n") - 1, 0, 0)


def test_an_undoing_marks_the_days_of_what_stands_beside_what_comes_back(store, tmp_path):
    bring(store, "surveys", make_csv(tmp_path / "a.csv", FILES["surveys"]))
    made = bring(store, "surveys", make_csv(tmp_path / "b.csv", FILES["surveys"].replace("C1", "C2")))
    put(store, "surveys", survey("S9", "2026-03-09 09:00:00", 5, call_id="C1"))
    undo(store, made.id)
    marked = {row["day"].day: row["revision"] for row in rows_of(store, DAYS)}
    assert marked == {2: 4, 3: 4, 9: 4}


def test_what_is_sent_while_records_are_brought_is_counted_with_them(store, tmp_path, monkeypatch):
    def bring_slowly(*given):
        found = stage_records(*given)
        put(store, "surveys", survey("S9", "2026-03-09 09:00:00", 5, call_id="C1"))
        return found

    monkeypatch.setattr(imports, "stage_records", bring_slowly)
    made = bring(store, "surveys", make_csv(tmp_path / "a.csv", FILES["surveys"]))
    assert {row["day"].day: row["revision"] for row in rows_of(store, DAYS)} == dict.fromkeys((2, 3, 9), made.revision)
    assert made.revision == 2


def test_others_write_while_records_are_brought(store, tmp_path):
    def bring_slowly(connection):
        table = create_staged(connection, "complaints")
        fill(connection, table, ["complaint_id"], [[("P1",)], [("P2",), ("P3",)]])
        assert put(store, "complaints", make("complaints", complaint_id="P0", received_at=at("2026-03-02 09:00"))) == [
            "created"
        ]

    with writing_staged(store.database, tmp_path, bring_slowly) as connection:
        assert next_revision(connection) == 2
        assert connection.execute(sa.select(staged("complaints").c.complaint_id)).scalars().all() == ["P1", "P2", "P3"]
    assert [row["complaint_id"] for row in rows_of(store, RECORDS["complaints"])] == ["P0"]
    with writing_staged(store.database, tmp_path, lambda connection: create_staged(connection, "complaints")):
        pass  # nothing is left of the first
