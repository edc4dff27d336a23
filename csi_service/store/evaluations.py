"""Kept ratings and evaluations: found, listed by pages, changed and deleted by who read them as they are."""

import datetime as dt
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.periods import Period
from csi_service.core.told import Told
from csi_service.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    OutdatedError,
    Problem,
    StoreBusyError,
)
from csi_service.records.database import next_revision, wait_for_writers
from csi_service.records.tables import CALL_PLACES, FORM_ANSWERS, PLAN_STRATA, RECORDS
from csi_service.schema.fields import is_unicode
from csi_service.store.audit import Change, note_many
from csi_service.store.drafts import EVALUATIONS, Draft
from csi_service.store.draws import people
from csi_service.store.folder import Store
from csi_service.store.form_answers import keep_answers, kept_result
from csi_service.store.judging import FOR_OTHERS, check_judge, decided_of, stands
from csi_service.store.parts import fold_posted
from csi_service.store.places import keep_located, locate
from csi_service.store.sending import changes_of
from csi_service.store.worklists import blinded
from csi_service.store.writes import Record, delete_records, find_records, hold_fields, put_records

_TABLE = RECORDS["evaluations"]
_NAMES = [field.name for field in EVALUATIONS.fields]
_TEAM = sa.func.coalesce(CALL_PLACES.c.team, _TABLE.c.team)
_AGENT = sa.func.coalesce(CALL_PLACES.c.agent, _TABLE.c.agent)
_STAYING = ("evaluation_id", "call_id", "batch", "rater", "team", "agent", "queue")
_OF_RATING = ("rating", "evaluated_at", "comment")
_UNPLACED = 10_000  # calls whose places are looked up at once
_ROUNDS = 200
Fits = Callable[[int], bool]  # whether a revision is the one that the caller has read


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which evaluations: those that fit everything that is not None; `rated` are those with a rating alone.

    `reader` is left without others' judgements of the calls that they have still to judge in a calibration.
    """

    period: Period | None = None
    rater: str | None = None
    batch: str | None = None
    call_id: str | None = None
    team: str | None = None
    agent: str | None = None
    level: int | None = None
    form: str | None = None
    rated: bool = False
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An evaluation with the team and agent of its call; `unmatched` tells that the call is not kept as yet.

    `answers` and `result` are those of its form, None where it has none.
    """

    record: Record
    team: str | None
    agent: str | None
    unmatched: bool
    answers: Mapping[str, Any] | None
    result: Mapping[str, Any] | None

    @property
    def revision(self) -> int:
        """The number of the write that put it there."""
        return int(self.record["revision"])


def list_evaluations(
    store: Store, wanted: Wanted, teams: Sequence[str] | None, cursor: str | None = None, limit: int = 100
) -> tuple[list[Kept], str | None]:
    """Return evaluations of some teams (None: all), the newest day first, and the cursor that goes on (None: the end).

    Raises:
        InvalidInputError: a cursor of another list.
        DamagedError: a file of calls that has to be opened cannot be read.
    """
    query = query_of(conditions_of(wanted, teams)).limit(limit + 1)
    if cursor is not None:
        query = query.where(_after(cursor))
    rows = placed_rows(store, query)
    found = [_kept(row) for row in rows[:limit]]
    return found, _cursor(found[-1].record) if len(rows) > limit else None


def find_evaluation(store: Store, number: str, caller: Caller, rated: bool = False) -> Kept:
    """Return an evaluation (with `rated` one that has a rating) by its number.

    Raises:
        NotFoundError: there is none, or it is of another team.
    """
    query = query_of(
        [*conditions_of(Wanted(rated=rated, reader=caller.name), caller.teams), _TABLE.c.evaluation_id == number]
    )
    rows = placed_rows(store, query)
    if not rows:
        if rated:
            raise NotFoundError(Told("there is no rating {number!r}", number=number))
        raise NotFoundError(Told("there is no evaluation {number!r}", number=number))
    return _kept(rows[0])


def placed_rows(store: Store, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """Return the rows of a query made by `query_of`, after the calls that they name were looked up where need be."""
    fold_posted(store)
    for _ in range(_ROUNDS):
        with store.database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
            unplaced = [row["call_id"] for row in rows if row["place"] is None]
            if unplaced:
                more = query.where(CALL_PLACES.c.call_id.is_(None)).limit(_UNPLACED)
                unplaced = [row["call_id"] for row in connection.execute(more).mappings()]
        if not unplaced:
            return rows
        located = locate(store, unplaced)
        with store.database.writing() as connection:
            wait_for_writers(connection)
            keep_located(connection, located)
        fold_posted(store)
    raise StoreBusyError("calls came and went all the while; ask again")


def query_of(conditions: Sequence[sa.ColumnElement[bool]]) -> sa.Select[Any]:
    """Return the query of evaluations with their calls' places and the answers to their forms, as far as known."""
    answers = [FORM_ANSWERS.c[name].label(f"form_{name}") for name in _ANSWERS]
    joined = _TABLE.outerjoin(CALL_PLACES, CALL_PLACES.c.call_id == _TABLE.c.call_id).outerjoin(
        FORM_ANSWERS,
        sa.and_(FORM_ANSWERS.c.evaluation_id == _TABLE.c.evaluation_id, FORM_ANSWERS.c.revision == _TABLE.c.revision),
    )
    columns = [_TABLE.c[name] for name in (*_NAMES, "day", "revision")]
    places = [
        CALL_PLACES.c.call_id.label("place"),
        CALL_PLACES.c.found,
        _TEAM.label("of_team"),
        _AGENT.label("of_agent"),
    ]
    query = sa.select(*columns, *places, *answers).select_from(joined).where(*conditions)
    return query.order_by(_TABLE.c.day.desc(), _TABLE.c.evaluated_at.desc(), _TABLE.c.evaluation_id.desc())


_ANSWERS = (
    "form", "digest", "answers", "shares", "score", "score_before_critical", "earned", "possible", "sections",
    "critical_failures", "na_share",
)  # fmt: skip


def conditions_of(wanted: Wanted, teams: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of what is wanted of some teams (None: all), for `query_of`."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.period is not None:
        found.append(_TABLE.c.day.between(wanted.period.first, wanted.period.last))
    if wanted.batch is not None:
        strata = sa.select(PLAN_STRATA.c.batch).where(PLAN_STRATA.c.plan == wanted.batch)
        found.append(sa.or_(_TABLE.c.batch == wanted.batch, _TABLE.c.batch.in_(strata)))
    exact = {"rater": wanted.rater, "call_id": wanted.call_id, "rating": wanted.level, "form": wanted.form}
    found += [_TABLE.c[name] == value for name, value in exact.items() if value is not None]
    if wanted.rated:
        found.append(_TABLE.c.rating.is_not(None))
    if wanted.reader is not None:
        found.append(~blinded(wanted.reader))
    unknown = CALL_PLACES.c.call_id.is_(None)  # it is looked up, then asked again
    if teams is not None:
        found.append(sa.or_(unknown, _TEAM.in_(list(teams))))
    if wanted.team is not None:
        found.append(sa.or_(unknown, _TEAM == wanted.team))
    if wanted.agent is not None:
        found.append(sa.or_(unknown, _AGENT == wanted.agent))
    return found


def _kept(row: Mapping[str, Any]) -> Kept:
    record = {name: row[name] for name in (*_NAMES, "day", "revision")}
    answers = {name: row[f"form_{name}"] for name in _ANSWERS}
    has = answers["digest"] is not None
    return Kept(
        record,
        row["of_team"],
        row["of_agent"],
        not row["found"],
        answers["answers"] if has else None,
        kept_result(answers) if has else None,
    )


def _cursor(record: Mapping[str, Any]) -> str:
    place = [record["day"].isoformat(), record["evaluated_at"].isoformat(), record["evaluation_id"]]
    return urlsafe_b64encode(json.dumps(place, ensure_ascii=False).encode()).decode().rstrip("=")


def _after(cursor: str) -> sa.ColumnElement[bool]:
    try:
        day, at, number = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = (dt.date.fromisoformat(day), dt.datetime.fromisoformat(at), number)
        fits = type(number) is str and "\x00" not in number and is_unicode(number) and place[1].tzinfo is None
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise InvalidInputError(
            Problem("/cursor", "is no cursor of this list; give next_cursor of the page before", cursor, "cursor")
        )
    return sa.tuple_(_TABLE.c.day, _TABLE.c.evaluated_at, _TABLE.c.evaluation_id) < sa.tuple_(
        *(sa.literal(value, column.type) for value, column in zip(place, _PLACE, strict=True))
    )


_PLACE = (_TABLE.c.day, _TABLE.c.evaluated_at, _TABLE.c.evaluation_id)


def change_evaluation(
    store: Store, kept: Kept, draft: Draft, fits: Fits, caller: Caller, now: dt.datetime, rated: bool
) -> int:
    """Put a draft in the place of an evaluation, whose call, batch and rater stay, and return its revision.

    With `rated` the rating, its time and the comment alone are changed; a score, and the answers that it follows from,
    stay as they are.

    Raises:
        NotFoundError, NotAllowedError, OutdatedError, ConflictError: see `_standing`.
        InvalidInputError: the draft cannot be kept.
    """
    if draft.sent.record is None:
        raise InvalidInputError(*draft.sent.problems)
    changed, at = draft.sent.record, now.astimezone(dt.UTC).replace(tzinfo=None)
    with store.database.writing() as connection:
        revision = next_revision(connection)
        old = _standing(connection, kept, fits, caller)
        kept_names = [name for name in _NAMES if name not in _OF_RATING] if rated else _STAYING
        record = {name: changed[name] for name in _NAMES} | {name: old[name] for name in kept_names}
        record["day"] = old["day"]
        written = put_records(connection, EVALUATIONS, [record], revision, store.time_zone)
        hold_fields(connection, "evaluations", draft.sent.given - set(kept_names))
        note_many(connection, at, caller.name, "evaluations", changes_of(EVALUATIONS, [record], written), revision)
        if not rated:
            answered = None if draft.scored is None else (draft.scored, draft.answers)
            answers = keep_answers(connection, {str(record["evaluation_id"]): answered})
            note_many(connection, at, caller.name, "form_answers", answers, revision)
        elif written.results != ["unchanged"]:
            own = (FORM_ANSWERS.c.evaluation_id == old["evaluation_id"], FORM_ANSWERS.c.revision == old["revision"])
            connection.execute(sa.update(FORM_ANSWERS).where(*own).values(revision=revision))
    return int(old["revision"]) if written.results == ["unchanged"] else revision


def delete_evaluation(store: Store, kept: Kept, fits: Fits, caller: Caller, now: dt.datetime, rated: bool) -> None:
    """Delete an evaluation; with `rated` one that is a rating alone.

    Raises:
        NotFoundError, NotAllowedError, OutdatedError, ConflictError: see `_standing`.
        ConflictError: it carries a score too, and only its rating was to go.
    """
    at = now.astimezone(dt.UTC).replace(tzinfo=None)
    with store.database.writing() as connection:
        revision = next_revision(connection)
        old = _standing(connection, kept, fits, caller)
        number = old["evaluation_id"]
        if rated and old["score"] is not None:
            raise ConflictError(
                Told("{number!r} carries a score too; DELETE /api/v1/evaluations/{number} deletes both", number=number)
            )
        delete_records(connection, EVALUATIONS, [(number,)], revision, store.time_zone)
        before = {name: old[name] for name in _NAMES}
        note_many(connection, at, caller.name, "evaluations", [Change("delete", number, before)], revision)
        answers = keep_answers(connection, {number: None})
        note_many(connection, at, caller.name, "form_answers", answers, revision)


def _standing(connection: sa.Connection, kept: Kept, fits: Fits, caller: Caller) -> Record:
    """The evaluation as it is within the write.

    Raises:
        NotFoundError: it was deleted since it was found.
        NotAllowedError: it is another rater's, or of the caller's own call.
        OutdatedError: it is not as the caller has read it.
        ConflictError: it was changed on appeal.
    """
    number = kept.record["evaluation_id"]
    old = find_records(connection, EVALUATIONS, [(number,)]).get((number,))
    if old is None:
        raise NotFoundError(Told("there is no evaluation {number!r}", number=number))
    if old["rater"] != caller.name and not caller.may(FOR_OTHERS):
        raise NotAllowedError(
            Told(
                "{number!r} is a judgement of {value}; change your own only",
                number=number,
                value=old["rater"] or "another system",
            )
        )
    if not fits(old["revision"]) or old["call_id"] != kept.record["call_id"]:
        text = Told('somebody has changed it since; its ETag is "{revision}" now', revision=old["revision"])
        raise OutdatedError(Told("{number!r} is not as you have read it: {text}", number=number, text=text))
    if decided_of(connection, [number]):
        raise ConflictError(stands(number))
    agents = people(connection, [old["rater"]] if old["rater"] else [])
    place = None if kept.unmatched else {"team": kept.team, "agent": kept.agent}
    problem = check_judge(old, place, caller, next((person.agent for person in agents.values()), None))
    if problem is not None and problem.code == "own_call":
        raise NotAllowedError(problem.message)
    return old
