"""Imports for the tests of the store: small files, and all that a store keeps, to compare before and after."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from csi_service.facts.partitions import relation
from csi_service.records.tables import HELD_FIELDS, RECORDS
from csi_service.store.folder import Store
from csi_service.store.import_books import Import
from csi_service.store.imports import Described, import_files
from csi_service.store.parts import fold_posted, read_parts, referred
from csi_service.store.undo import undo_import
from tests.files import make_csv

HEADER = ["call_id", "started_at", "answered", "team", "wait_seconds", "talk_seconds"]


def now() -> dt.datetime:
    return dt.datetime(2026, 11, 24, 4, tzinfo=dt.UTC)


def row(number: str, start: str, team: str = "T1", wait: object = 10, talk: object = 100) -> list[object]:
    return [number, start, "Y", team, wait, talk]


def calls_file(path: Path, *rows: list[object], header: list[str] = HEADER) -> Path:
    return make_csv(path, [header, *rows])


def bring(store: Store, kind: str, *files: Path, mapping: str | None = None, **how: Any) -> Import:
    described = None if mapping is None else Described(mapping, "mapping.toml")
    return import_files(store, kind, files, "cli:tester", now, described, **how)


def undo(store: Store, number: int) -> Import:
    return undo_import(store, number, "cli:tester", now)


def kept_calls(store: Store) -> list[dict[str, Any]]:
    """Return all calls that count, by number."""
    fold_posted(store)
    with store.database.reading() as connection:
        parts = read_parts(connection)
    found = duckdb.sql(relation(store.calls, parts)).order("call_id")
    names = found.columns
    rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    assert sum(part.calls for part in parts) == len(rows)
    for part in parts:
        own = [each for each in rows if each["day"] == part.day]
        latest = [each["started_at"] for each in own if each["answered"] and each["customer_id"] is not None]
        ids = [each["call_id"] for each in own]
        assert (part.calls, part.least_id, part.greatest_id) == (len(own), min(ids), max(ids))
        assert part.latest_at == max(latest, default=None)
    return rows


def kept_records(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Return all records that are kept, by kind; without the number of the write that put them there."""
    kept: dict[str, list[dict[str, Any]]] = {"calls": kept_calls(store)}
    with store.database.reading() as connection:
        for kind, table in RECORDS.items():
            if kind != "calls":
                rows = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
                kept[kind] = [{name: value for name, value in each.items() if name != "revision"} for each in rows]
        fields = sa.select(HELD_FIELDS).order_by(*HELD_FIELDS.c)
        kept["fields"] = [dict(each) for each in connection.execute(fields).mappings()]
    return kept


def nothing_left(store: Store) -> bool:
    """Tell whether no unfinished file is left: none at work, and no file of calls that nothing refers to."""
    files = {path.relative_to(store.calls).as_posix() for path in store.calls.rglob("*") if path.is_file()}
    with store.database.reading() as connection:
        return not any(store.work.iterdir()) and files <= referred(connection)
