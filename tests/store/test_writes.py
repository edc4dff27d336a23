"""Records into the tables, on both databases: what becomes of them and which days they touch."""

import datetime as dt

import pytest
import sqlalchemy as sa

from csi_service.facts.kinds import KINDS
from csi_service.records.database import next_revision
from csi_service.records.migrations import differences
from csi_service.records.tables import DAYS, RECORDS
from csi_service.store.folder import Store
from csi_service.store.writes import put_records

MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


def record(kind: str, **values: object) -> dict[str, object]:
    return {field.name: None for field in KINDS[kind].fields} | {"day": None} | values


def survey(number: str, day: dt.date, score: float, call: str | None = None) -> dict[str, object]:
    at = dt.datetime.combine(day, dt.time(4))
    return record(
        "surveys", survey_id=number, answered_at=at, channel="sms", scale="5", score=score, call_id=call, day=day
    )


def put(store: Store, kind: str, *records: dict[str, object]) -> list[str]:
    with store.database.writing() as connection:
        revision = next_revision(connection)
        return put_records(connection, KINDS[kind], records, revision, store.time_zone).results


def days(store: Store, kind: str) -> dict[dt.date, int]:
    with store.database.reading() as connection:
        return dict(connection.execute(sa.select(DAYS.c.day, DAYS.c.revision).where(DAYS.c.kind == kind)).all())


def test_the_schema_is_that_of_the_tables(store):
    with store.database.reading() as connection:
        assert differences(connection) == []


def test_a_record_is_created_then_unchanged_then_replaced(store):
    assert put(store, "surveys", survey("S1", MONDAY, 5)) == ["created"]
    assert put(store, "surveys", survey("S1", MONDAY, 5)) == ["unchanged"]
    assert days(store, "surveys") == {MONDAY: 1}
    assert put(store, "surveys", survey("S1", TUESDAY, 4)) == ["replaced"]
    assert days(store, "surveys") == {MONDAY: 3, TUESDAY: 3}


def test_of_two_alike_in_one_write_the_last_counts(store):
    assert put(store, "surveys", survey("S1", MONDAY, 5), survey("S1", MONDAY, 1)) == ["created", "replaced"]
    with store.database.reading() as connection:
        assert connection.execute(sa.select(RECORDS["surveys"].c.score)).scalars().all() == [1]


def test_a_second_survey_after_one_call_touches_the_day_of_the_first(store):
    put(store, "surveys", survey("S1", MONDAY, 5, "C1"))
    put(store, "surveys", survey("S2", TUESDAY, 5, "C1"))
    assert days(store, "surveys") == {MONDAY: 2, TUESDAY: 2}


def test_a_survey_that_moves_to_another_call_touches_the_days_of_both(store):
    of_days = [dt.date(2026, 3, day) for day in range(2, 7)]
    put(store, "surveys", survey("S1", of_days[0], 5, "C1"), survey("S2", of_days[1], 5, "C1"))
    put(store, "surveys", survey("S3", of_days[2], 5, "C2"), survey("S4", of_days[3], 5, "C3"))
    assert put(store, "surveys", survey("S1", of_days[4], 5, "C2"), survey("S4", of_days[3], 5, "C3")) == [
        "replaced",
        "unchanged",
    ]
    # of C1 the one that went and the one that stays, of C2 the one that came and the one that was there; none of C3
    assert days(store, "surveys") == dict(zip(of_days, [3, 3, 3, 2, 3], strict=True))


def test_an_evaluation_counts_within_its_batch_also_when_the_batch_comes_later(store):
    at = dt.datetime.combine(MONDAY, dt.time(17))  # 01:00 on Tuesday in Shanghai
    evaluation = record("evaluations", evaluation_id="E1", call_id="C1", evaluated_at=at, score=80.0, batch="B1")
    put(store, "evaluations", evaluation)
    assert days(store, "evaluations") == {TUESDAY: 1}
    put(store, "batches", record("batches", batch="B1", period="2026-02"))
    assert days(store, "evaluations") == {TUESDAY: 2, dt.date(2026, 2, 28): 2}
    with store.database.reading() as connection:
        assert connection.execute(sa.select(RECORDS["evaluations"].c.day)).scalars().all() == [dt.date(2026, 2, 28)]


def test_a_blank_team_is_part_of_an_invitation_s_identity(store):
    invitation = record("survey_invitations", day=MONDAY, channel="sms", invited=10.0)
    assert put(store, "survey_invitations", invitation) == ["created"]
    assert put(store, "survey_invitations", invitation | {"team": "T1"}) == ["created"]
    assert put(store, "survey_invitations", invitation | {"invited": 11.0}) == ["replaced"]


def test_a_failed_write_changes_nothing(store):
    def fail() -> None:
        with store.database.writing() as connection:
            put_records(
                connection, KINDS["surveys"], [survey("S1", MONDAY, 5)], next_revision(connection), store.time_zone
            )
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert days(store, "surveys") == {}
    with store.database.reading() as connection:
        assert connection.execute(sa.select(RECORDS["surveys"])).all() == []
