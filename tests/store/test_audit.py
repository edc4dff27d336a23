"""The audit trail, on both databases: noted with the write or not at all, read in pages, filtered."""

import datetime as dt
import zoneinfo

import pytest

from csi_service.core.periods import parse_period
from csi_service.records.database import next_revision
from csi_service.store.audit import AuditFilter, Change, instants_of, note, note_many, read_audit

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
SHANGHAI = zoneinfo.ZoneInfo("Asia/Shanghai")  # UTC+8 all year


def read(store, limit=100, cursor=None, **filters):
    with store.database.reading() as connection:
        return read_audit(connection, AuditFilter(**filters), cursor, limit)


@pytest.fixture
def five(store):
    """Five entries, one an hour from noon on: A creates S1 and S2, B replaces S1, then deletes it, A imports."""
    with store.database.writing() as connection:
        revision = next_revision(connection)
        for hour, (actor, action, kind, subject) in enumerate(
            [
                ("A", "create", "surveys", "S1"),
                ("A", "create", "surveys", "S2"),
                ("B", "replace", "surveys", "S1"),
                ("B", "delete", "surveys", "S1"),
                ("A", "import", "import", "7"),
            ]
        ):
            at = NOON + dt.timedelta(hours=hour)
            note(connection, at, actor, action, kind, subject, revision=revision)
    return store


def test_an_entry_tells_who_when_what_before_and_after(store):
    before = {"score": 4.0, "day": dt.date(2026, 11, 23), "comment": None}
    after = {"score": 5.0, "answered_at": dt.datetime(2026, 11, 24, 4), "comment": "很好 <b>"}  # noqa: DTZ001
    with store.database.writing() as connection:
        note(connection, NOON, "anna", "replace", "surveys", "S1", before, after, next_revision(connection))
    (entry,), more = read(store)
    assert (entry.at, entry.actor, entry.action, entry.kind, entry.subject) == (
        NOON, "anna", "replace", "surveys", "S1",
    )  # fmt: skip
    assert entry.before == {"score": 4.0, "day": "2026-11-23", "comment": None}
    assert entry.after == {"score": 5.0, "answered_at": "2026-11-24T04:00:00", "comment": "很好 <b>"}
    assert (entry.revision, more) == (1, None)


def test_an_instant_in_another_zone_is_kept_in_utc(store):
    with store.database.writing() as connection:
        note(connection, NOON.astimezone(SHANGHAI), "anna", "create", "key", "x")
    (entry,), _ = read(store)
    assert (entry.at, entry.at.tzinfo, entry.before, entry.after, entry.revision) == (NOON, dt.UTC, None, None, None)


def test_many_changes_of_one_write_keep_their_order(store):
    with store.database.writing() as connection:
        changes = [Change("create", f"S{number}", after={"n": number}) for number in range(1000)]
        note_many(connection, NOON, "anna", "surveys", changes, next_revision(connection))
        note_many(connection, NOON, "anna", "surveys", [])
    entries, _ = read(store, limit=1000)
    assert [(entry.subject, entry.before, entry.after) for entry in reversed(entries)] == [
        (f"S{number}", None, {"n": number}) for number in range(1000)
    ]


def test_a_write_that_fails_leaves_no_entry(store):
    def fail():
        with store.database.writing() as connection:
            note(connection, NOON, "anna", "create", "surveys", "S1", revision=next_revision(connection))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail()
    assert read(store) == ([], None)


@pytest.mark.parametrize(
    ("filters", "hours"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"actor": "B"}, [3, 2]),
        ({"action": "create"}, [1, 0]),
        ({"kind": "import"}, [4]),
        ({"kind": "surveys", "subject": "S1"}, [3, 2, 0]),
        ({"actor": "A", "subject": "S1"}, [0]),
        ({"actor": "a"}, []),
        ({"since": NOON + dt.timedelta(hours=3)}, [4, 3]),
        ({"until": NOON + dt.timedelta(hours=3)}, [2, 1, 0]),
        ({"since": (NOON + dt.timedelta(hours=1)).astimezone(SHANGHAI), "until": NOON + dt.timedelta(hours=2)}, [1]),
    ],
)
def test_filters_choose_entries_and_the_newest_comes_first(five, filters, hours):
    entries, more = read(five, **filters)
    assert [(entry.at - NOON) / dt.timedelta(hours=1) for entry in entries] == hours
    assert more is None


def test_pages_follow_one_another_without_gap_or_repetition_while_entries_come_in(five):
    first, cursor = read(five, limit=2)
    with five.database.writing() as connection:
        note(connection, NOON, "C", "create", "surveys", "S9", revision=next_revision(connection))
    second, cursor = read(five, limit=2, cursor=cursor)
    third, end = read(five, limit=2, cursor=cursor)
    assert [entry.action for entry in (*first, *second, *third)] == ["import", "delete", "replace", "create", "create"]
    assert end is None


def test_a_last_page_that_is_full_is_the_last(five):
    assert len(read(five, limit=5)[0]) == 5
    assert read(five, limit=5)[1] is None


def test_the_instants_of_a_period_are_midnights_in_its_zone():
    first, after = instants_of(parse_period("2026-11"), SHANGHAI)
    assert first == dt.datetime(2026, 10, 31, 16, tzinfo=dt.UTC)
    assert after == dt.datetime(2026, 11, 30, 16, tzinfo=dt.UTC)


@pytest.mark.parametrize("text", ["0001", "0001-01-01", "9999-12-31", "9999", "0001-01-01..9999-12-31"])
def test_the_ends_of_the_calendar_are_periods_too(five, text):
    since, until = instants_of(parse_period(text), SHANGHAI)
    assert len(read(five, since=since, until=until)[0]) == (5 if ".." in text else 0)
