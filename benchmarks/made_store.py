"""A made data folder of any size for the benchmarks: 14 months, 40 teams, 1,000 agents, calls and what follows."""

import datetime as dt

from csi_service.facts.duck import workspace
from csi_service.facts.kinds import KINDS
from csi_service.facts.partitions import COLUMNS, write_part
from csi_service.records.database import next_revision
from csi_service.store.folder import Store
from csi_service.store.parts import switch
from csi_service.store.writes import hold_fields, put_records

FIRST, DAYS = dt.date(2025, 9, 1), 426  # to the end of October 2026
_CALL = {  # SQL of each column over i (the call's number) and a, its agent's number
    "call_id": "printf('C%09d', i)",
    "answered": "i % 20 > 0",
    "site": "printf('S%d', a // 250)",
    "team": "printf('T%02d', a // 25)",
    "agent": "CASE WHEN i % 20 > 0 THEN printf('A%04d', a) END",
    "queue": "printf('Q%02d', a // 100 * 2 + i % 2)",
    "channel": "CASE WHEN i % 5 = 0 THEN 'chat' ELSE 'voice' END",
    "topic": "printf('topic %02d', hash(i) % 30)",
    "customer_id": "printf('K%08d', hash(i) % 5000000)",
    "wait_seconds": "CAST(hash(i + 1) % 60 AS DOUBLE)",
    "talk_seconds": "CAST(60 + hash(i + 2) % 300 AS DOUBLE)",
    "hold_seconds": "CAST(hash(i + 3) % 20 AS DOUBLE)",
    "wrap_seconds": "CAST(hash(i + 4) % 60 AS DOUBLE)",
    "resolved": "hash(i + 5) % 10 > 1",
}


def fill(store: Store, calls: int) -> None:
    """Put the calls into the folder's files, evenly over the days, and a fixed number of other records beside them."""
    a_day = calls // DAYS
    with workspace() as (duck, _):
        made = {
            day: write_part(duck, _calls(day, number * a_day, a_day), store.calls, day, "made")
            for number, day in enumerate(_days())
        }
        with store.database.writing() as connection:
            duck.execute("CREATE TABLE none_changed (call_id VARCHAR)")
            switch(connection, duck, made, "none_changed", next_revision(connection))
            hold_fields(connection, "calls", ["started_at", *_CALL])
    for kind in ("surveys", "survey_invitations", "complaints", "tickets", "evaluations"):
        rows = [_record(kind, day, number) for day in _days() for number in range(40)]
        with store.database.writing() as connection:
            put_records(connection, KINDS[kind], rows, next_revision(connection), store.time_zone)
            hold_fields(connection, kind, _VALUES[kind])


def _days() -> list[dt.date]:
    return [FIRST + dt.timedelta(days=number) for number in range(DAYS)]


def _calls(day: dt.date, start: int, count: int) -> str:
    at = f"TIMESTAMP '{day} 00:00:00' + INTERVAL 1 SECOND * (i % 36000)"  # 8 to 18 o'clock in Shanghai
    known = _CALL | {"started_at": at, "day": f"DATE '{day}'"}
    columns = ", ".join(f"CAST({known.get(name, 'NULL')} AS {type_}) AS {name}" for name, type_ in COLUMNS.items())
    numbers = f"SELECT i, CAST(hash(i) % 1000 AS INTEGER) AS a FROM range({start}, {start + count}) AS r(i)"
    return f"SELECT {columns} FROM ({numbers})"


_VALUES: dict[str, tuple[str, ...]] = {
    "surveys": ("survey_id", "answered_at", "channel", "scale", "score", "team", "agent"),
    "survey_invitations": ("day", "channel", "team", "invited"),
    "complaints": ("complaint_id", "received_at", "team", "agent"),
    "tickets": ("ticket_id", "opened_at", "closed_at", "team", "agent"),
    "evaluations": ("evaluation_id", "call_id", "evaluated_at", "score", "delight", "rating", "team", "agent"),
}


def _record(kind: str, day: dt.date, number: int) -> dict[str, object]:
    """Return the day's record of a number, one a team."""
    at = dt.datetime.combine(day, dt.time(4))
    of_day = f"{day:%Y%m%d}{number:03}"
    known: dict[str, object] = {
        "survey_id": of_day, "answered_at": at, "channel": ("ivr", "sms")[number % 2], "scale": "5",
        "score": float(number % 5 + 1) if kind == "surveys" else float(70 + number % 30), "team": f"T{number:02}",
        "agent": f"A{number * 25 + day.toordinal() % 25:04}", "invited": 5.0, "complaint_id": of_day, "received_at": at,
        "ticket_id": of_day, "opened_at": at, "closed_at": at, "evaluation_id": of_day, "call_id": f"E{of_day}",
        "evaluated_at": at, "delight": number % 11 == 0, "rating": number % 5 + 1, "day": day,
    }  # fmt: skip
    blank: dict[str, object] = {field.name: None for field in KINDS[kind].fields}
    return blank | {name: known[name] for name in (*_VALUES[kind], "day")}
