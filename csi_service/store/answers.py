"""Answers to requests that bring a key of their own, kept for a day: the same request again gets the same answer."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.records.database import upsert
from csi_service.records.prepared import fetch, run
from csi_service.records.tables import ANSWERS
from csi_service.store.folder import Store

KEPT = dt.timedelta(hours=24)  # how long an answer can be had again
_FOUND = sa.select(ANSWERS).where(
    ANSWERS.c.caller == sa.bindparam("of_caller"),
    ANSWERS.c.key == sa.bindparam("of_key"),
    ANSWERS.c.at > sa.bindparam("after"),
)
_FORGOTTEN = sa.delete(ANSWERS).where(ANSWERS.c.at <= sa.bindparam("until"))


@dataclass(frozen=True, slots=True)
class Once:
    """What makes a request the same as an earlier one: the sender's own key for it, the route, the body's digest."""

    key: str
    route: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request, in full; `replayed` tells that an earlier request did the work."""

    status: int
    body: str
    replayed: bool = False


def find_answer(store: Store, caller: Caller, once: Once | None, now: dt.datetime) -> Answer | None:
    """Return the kept answer to a request; None where it has no key or is new.

    To be asked before whatever may refuse the request: what it is judged by may have changed since it was answered.

    Raises:
        InvalidInputError: its key came with another request.
    """
    if once is None:
        return None
    with store.database.reading() as connection:
        return answered(connection, caller, once, now.astimezone(dt.UTC).replace(tzinfo=None))


def answered(connection: sa.Connection, caller: Caller, once: Once, at: dt.datetime) -> Answer | None:
    """Do as `find_answer`, on a connection; `at` is in UTC, without a zone.

    Raises:
        InvalidInputError: as `find_answer`.
    """
    rows = fetch(connection, _FOUND, {"of_caller": caller.name, "of_key": once.key, "after": at - KEPT})
    if not rows:
        return None
    (found,) = rows
    if (found["route"], found["body_digest"]) != (once.route, once.digest):
        text = Told(
            "the Idempotency-Key {key!r} came with another request within the last 24 hours; use a new one",
            key=once.key,
        )
        raise InvalidInputError(Problem("", text, code="idempotency_key"))
    return Answer(found["status"], found["body"], replayed=True)


def keep_answer(connection: sa.Connection, caller: Caller, once: Once, answer: Answer, at: dt.datetime) -> None:
    """Keep an answer in the write that it tells of; those that cannot be had again any more go."""
    run(connection, _FORGOTTEN, [{"until": at - KEPT}])
    row = {"caller": caller.name, "key": once.key, "route": once.route, "body_digest": once.digest}
    upsert(connection, ANSWERS, [row | {"status": answer.status, "body": answer.body, "at": at}])
