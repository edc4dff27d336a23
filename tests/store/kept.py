"""Small records for the tests of the store, put in as the service puts them in."""

import datetime as dt
from typing import Any

from csi_service.core.periods import parse_period
from csi_service.facts.kinds import KINDS
from csi_service.records.database import next_revision
from csi_service.scoring import Request, Scores, score_facts
from csi_service.store.facts import open_facts
from csi_service.store.folder import Store
from csi_service.store.writes import hold_fields, local_day, put_records
from tests.make import make_weights

Record = dict[str, Any]


def at(text: str) -> dt.datetime:
    """Return the instant in UTC, without a zone, of a local time in Shanghai (UTC+8)."""
    return dt.datetime.fromisoformat(text) - dt.timedelta(hours=8)


def make(kind: str, **values: Any) -> Record:
    """Return a record of a kind with the day that it is counted on."""
    record = {field.name: None for field in KINDS[kind].fields} | {"day": None} | values
    counted_on = KINDS[kind].counted_on
    if counted_on not in (None, "day") and record[counted_on] is not None:
        record["day"] = local_day(record[counted_on], "Asia/Shanghai")
    return record


def call(number: str, start: str, **values: Any) -> Record:
    defaults: Record = {"answered": True, "team": "T1", "agent": "A1", "wait_seconds": 10.0, "talk_seconds": 100.0}
    return make("calls", call_id=number, started_at=at(start), **{**defaults, **values})


def survey(number: str, answered: str, score: float, **values: Any) -> Record:
    fields = {"channel": "sms", "scale": "5", **values}
    return make("surveys", survey_id=number, answered_at=at(answered), score=score, **fields)


def put(store: Store, kind: str, *records: Record) -> list[str]:
    with store.database.writing() as connection:
        revision = next_revision(connection)
        written = put_records(connection, KINDS[kind], records, revision, store.time_zone)
        given = {name for record in records for name, value in record.items() if value is not None}
        hold_fields(connection, kind, given & {field.name for field in KINDS[kind].fields})
    return written.results


def ask(store: Store, period: str, *keys: str, weights: Any = None, **filters: list[str]) -> Scores:
    """Return the scores of a period as the store gives them."""
    span = parse_period(period)
    facts = open_facts(store, span, keys, filters)
    request = Request(period=span, keys=keys, weights=weights or make_weights())
    return score_facts(facts, [], request, dt.date(2026, 11, 24))


def figures(scores: Scores, node: str, *names: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Return figures of a node by group."""
    table = scores.table()
    rows = table[table["node"] == node]
    return {
        tuple(row[key] for key in scores.keys): tuple(row[name] for name in names) for row in rows.to_dict("records")
    }
