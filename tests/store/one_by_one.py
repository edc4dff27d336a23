"""Imports and their undoing record by record: what putting whole tables in place at once must come to."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from csi_service.facts.kinds import KINDS
from csi_service.records.database import upsert
from csi_service.records.tables import APPEALS, RECORDS, REPLACED_RECORDS, Instant
from csi_service.store import imports, undo, writes
from csi_service.store.writes import TOGETHER, days_of_calls, identity_text, local_day, mark_days

Record = dict[str, Any]
KIND_NAMES = tuple(name for name in KINDS if name != "calls")


def use(monkeypatch: Any) -> None:
    """Let imports, their undoing and the placing of evaluations go record by record."""
    engines: list[Any] = []
    monkeypatch.setattr(imports, "stage_records", lambda _, duck, __: engines.append(duck))
    monkeypatch.setattr(imports, "put_staged", lambda at, kind, _, *given: put(engines[-1], at, kind, *given))
    monkeypatch.setattr(undo, "stage_replaced", lambda *_: None)
    monkeypatch.setattr(undo, "_same_calls", lambda *_: None)
    monkeypatch.setattr(undo, "_undo_records", lambda at, kind, number, _, *given: take_back(at, kind, number, *given))
    monkeypatch.setattr(writes, "place_evaluations", place)


def put(duck: Any, connection: Any, kind: Any, revision: int, time_zone: str, import_id: int) -> dict[str, int]:
    """Put the rows of the engine's table in place, one by one; return how many came out how."""
    results = {"created": 0, "replaced": 0, "unchanged": 0}
    days: set[Any] = set()
    found = duck.table(kind.name)
    for row in found.fetchall():
        record = dict(zip(found.columns, row, strict=True))
        del record["good"]
        record |= {name: "" for name in kind.identity if record[name] is None}
        if kind.name == "tickets":
            back = record["reactivated_at"]
            instants = [record["opened_at"], record["closed_at"], *(back or ())]
            record["latest_at"] = max(each for each in instants if each is not None)
            record["reactivated_at"] = None if back is None else [each.isoformat() for each in back]
        if kind.name == "evaluations":
            record["day"] = placed(connection, record, time_zone)
        old = find(connection, kind.name, [record[name] for name in kind.identity])
        decided = kind.name == "evaluations" and record["evaluation_id"] in upheld(connection)
        same = decided or (old is not None and old == old | record)
        result = "unchanged" if same else "created" if old is None else "replaced"
        results[result] += 1
        if result != "unchanged":
            days |= {record["day"], old and old["day"]}
        if kind.name in TOGETHER:
            days |= days_of_calls(connection, kind.name, {record["call_id"], old and old["call_id"]} - {None})
        if decided:
            continue
        upsert(connection, RECORDS[kind.name], [record | {"import_id": import_id, "revision": revision}])
        if old is not None:
            entry = {
                "import_id": import_id,
                "kind": kind.name,
                "identity": identity_text(record[n] for n in kind.identity),
            }
            upsert(connection, REPLACED_RECORDS, [entry | {"record": writes.as_json(old)}])
    mark_days(connection, kind.name, days - {None}, revision)
    if kind.name == "batches":
        batches = [row[0] for row in duck.execute("SELECT batch FROM batches").fetchall()]
        place(connection, batches, revision, time_zone)
    return results


def upheld(connection: Any) -> set[str]:
    """Return the evaluations about which an appeal was upheld."""
    return set(connection.execute(sa.select(APPEALS.c.evaluation_id).where(APPEALS.c.status == "upheld")).scalars())


def find(connection: Any, kind: str, identity: list[Any]) -> Record | None:
    """Return the record of an identity."""
    key = zip(RECORDS[kind].primary_key, identity, strict=True)
    row = connection.execute(sa.select(RECORDS[kind]).where(*(column == value for column, value in key))).mappings()
    return next(map(dict, row), None)


def placed(connection: Any, evaluation: Record, time_zone: str) -> dt.date:
    """Return the day on which an evaluation counts."""
    day = local_day(evaluation["evaluated_at"], time_zone)
    batch = None if evaluation["batch"] is None else find(connection, "batches", [evaluation["batch"]])
    span = None if batch is None else writes.parse_period(batch["period"])
    return day if span is None else span.first if day < span.first else span.last if day > span.last else day


def place(connection: Any, batches: Any, revision: int, time_zone: str) -> None:
    """Count the evaluations of batches anew on their days."""
    table = RECORDS["evaluations"]
    for row in connection.execute(sa.select(table).where(table.c.batch.in_(list(batches)))).mappings().all():
        day = placed(connection, dict(row), time_zone)
        connection.execute(sa.update(table).where(table.c.evaluation_id == row["evaluation_id"]).values(day=day))
        days = {row["day"], day} | days_of_calls(connection, "evaluations", {row["call_id"]})
        mark_days(connection, "evaluations", days, revision)


def take_back(connection: Any, kind: str, import_id: int, revision: int, time_zone: str) -> None:
    """Delete an import's records one by one, or put what each had replaced in its place."""
    table, book = RECORDS[kind], REPLACED_RECORDS
    aside = {row["identity"]: row["record"] for row in entries(connection, kind) if row["import_id"] == import_id}
    owned = connection.execute(sa.select(table).where(table.c.import_id == import_id)).mappings().all()
    days: set[Any] = {row["day"] for row in owned}
    if kind in TOGETHER:
        days |= days_of_calls(connection, kind, {row["call_id"] for row in owned} - {None})
    for row in owned:
        own = [column == row[column.name] for column in table.primary_key]
        connection.execute(sa.delete(table).where(*own))
    for row in owned:
        record = aside.get(identity_text(row[column.name] for column in table.primary_key))
        if record is not None:
            back = from_json(kind, record)
            upsert(connection, table, [back | {"revision": revision}])
            days |= {back["day"]}
            if kind in TOGETHER:
                days |= days_of_calls(connection, kind, {back["call_id"]} - {None})
    for row in entries(connection, kind):
        where = [book.c[name] == row[name] for name in ("import_id", "kind", "identity")]
        if row["record"]["import_id"] == import_id and row["identity"] in aside:
            connection.execute(sa.update(book).where(*where).values(record=aside[row["identity"]]))
        elif import_id in (row["record"]["import_id"], row["import_id"]):
            connection.execute(sa.delete(book).where(*where))
    mark_days(connection, kind, days - {None}, revision)
    if kind == "batches":
        place(connection, [row["batch"] for row in owned], revision, time_zone)


def entries(connection: Any, kind: str) -> list[Record]:
    """Return what imports have put aside of a kind."""
    rows = connection.execute(sa.select(REPLACED_RECORDS).where(REPLACED_RECORDS.c.kind == kind)).mappings()
    return [dict(row) for row in rows]


def from_json(kind: str, record: Record) -> Record:
    """Return a record from the JSON in which it was put aside."""
    read = dict(record)
    for name, value in record.items():
        type_ = RECORDS[kind].c[name].type
        if value is not None and isinstance(type_, Instant):
            read[name] = dt.datetime.fromisoformat(value)
        elif value is not None and isinstance(type_, sa.Date):
            read[name] = dt.date.fromisoformat(value)
    return read
