"""Appeals: an agent's lead disputes an evaluation once, another lead decides, the day's figures follow."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.periods import Period
from csi_service.core.told import Told
from csi_service.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError, Problem
from csi_service.facts.kinds import KINDS
from csi_service.facts.rules import Rules
from csi_service.records.database import next_revision
from csi_service.records.tables import APPEALS, FORM_ANSWERS, UPHELD
from csi_service.store.audit import instants_of, note, note_many
from csi_service.store.evaluations import find_evaluation
from csi_service.store.folder import Store
from csi_service.store.form_answers import keep_answers
from csi_service.store.writes import Record, delete_records, find_records, hold_fields, put_records

OPEN, REJECTED = "open", "rejected"
STATUSES = (OPEN, UPHELD, REJECTED)
NEW_VALUES = ("score", "rating", "delight")
_KIND = KINDS["evaluations"]
_FIELDS = tuple(field.name for field in _KIND.fields)
_RULES = Rules(_KIND)


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal against an evaluation of a call of a team; instants are in UTC.

    `rater` is who had evaluated when it was filed; `status` is open, upheld or rejected.
    """

    id: int
    evaluation_id: str
    call_id: str
    team: str | None
    agent: str | None
    rater: str | None
    status: str
    reason: str
    filed_at: dt.datetime
    filed_by: str
    decided_at: dt.datetime | None
    decided_by: str | None
    note: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided: rejected, or upheld with new values (only those that change) or the evaluation withdrawn."""

    upheld: bool
    note: str
    values: Mapping[str, Any]
    withdraw: bool = False


@dataclass(frozen=True, slots=True)
class AppealFilter:
    """Which appeals to read; None lets all pass. `filed` is a period of local days."""

    status: str | None = None
    team: str | None = None
    agent: str | None = None
    rater: str | None = None
    filed_by: str | None = None
    filed: Period | None = None


def file_appeal(store: Store, evaluation_id: str, reason: str, caller: Caller, now: dt.datetime) -> Appeal:
    """Keep an appeal against an evaluation and return it.

    Raises:
        NotFoundError: there is no such evaluation of a team that the caller sees.
        ConflictError: it was appealed against before, whatever became of that.
    """
    kept = find_evaluation(store, evaluation_id, caller)
    with store.database.writing() as connection:
        revision = next_revision(connection)
        evaluation = _evaluation(connection, evaluation_id)
        if evaluation is None:
            raise NotFoundError(Told("there is no evaluation {evaluation_id!r}", evaluation_id=evaluation_id))
        earlier = _read(connection, APPEALS.c.evaluation_id == evaluation_id)
        if earlier:
            at, by = f"{earlier[0].filed_at:%Y-%m-%d %H:%M} UTC", earlier[0].filed_by
            text = Told(
                "was appealed against by {by} on {at} (appeal {number}, {status}); once is all",
                by=by,
                at=at,
                number=earlier[0].id,
                status=Told(earlier[0].status),
            )
            raise ConflictError(Told("the evaluation {evaluation_id!r} {text}", evaluation_id=evaluation_id, text=text))
        row = {
            "evaluation_id": evaluation_id,
            "call_id": evaluation["call_id"],
            "team": kept.team,
            "agent": kept.agent,
            "rater": evaluation["rater"],
            "status": OPEN,
            "reason": reason,
            "filed_at": now,
            "filed_by": caller.name,
            "revision": revision,
        }
        connection.execute(sa.insert(APPEALS), [row])
        (made,) = _read(connection, APPEALS.c.evaluation_id == evaluation_id)
        after = {name: row[name] for name in ("evaluation_id", "status", "reason")}
        note(connection, now, caller.name, "create", "appeals", str(made.id), None, after, revision)
    return made


def decide_appeal(store: Store, number: int, decision: Decision, caller: Caller, now: dt.datetime) -> Appeal:
    """Decide an open appeal; one that is upheld changes the evaluation or withdraws it, and the figures follow.

    Raises:
        NotFoundError: there is no such appeal of a team that the caller sees.
        NotAllowedError: the caller has filed it, or has made the evaluation.
        ConflictError: it is decided already, or the evaluation has gone meanwhile.
        InvalidInputError: new values that break the evaluation's rules.
    """
    with store.database.writing() as connection:
        revision = next_revision(connection)
        found = _read(connection, APPEALS.c.id == number)
        if not found or not caller.allows_team(found[0].team):
            raise NotFoundError(Told("there is no appeal {number}", number=number))
        appeal, evaluation = found[0], _evaluation(connection, found[0].evaluation_id)
        _check_judge(appeal, evaluation, caller)
        if appeal.status != OPEN:
            raise ConflictError(
                Told(
                    "appeal {number} was {status} by {decided_by} already",
                    number=number,
                    status=Told(appeal.status),
                    decided_by=appeal.decided_by,
                )
            )
        if decision.upheld:
            _uphold(connection, store, appeal, evaluation, decision, caller, now, revision)
        decided = {
            "status": UPHELD if decision.upheld else REJECTED,
            "decided_at": now,
            "decided_by": caller.name,
            "note": decision.note,
            "revision": revision,
        }
        connection.execute(sa.update(APPEALS).where(APPEALS.c.id == number).values(**decided))
        after = {"status": decided["status"], "note": decision.note}
        note(connection, now, caller.name, "decide", "appeals", str(number), {"status": OPEN}, after, revision)
        (made,) = _read(connection, APPEALS.c.id == number)
    return made


def list_appeals(
    connection: sa.Connection,
    filters: AppealFilter,
    caller: Caller,
    zone: dt.tzinfo,
    cursor: int | None = None,
    limit: int = 100,
) -> tuple[list[Appeal], int | None]:
    """Return the appeals that fit, the newest first, and the cursor that continues (None: there are no more).

    A key limited to teams sees those of its teams, a rater those against their own evaluations.
    """
    named = {name: value for name, value in asdict(filters).items() if name != "filed" and value is not None}
    conditions = [APPEALS.c[name] == value for name, value in named.items()]
    if filters.filed is not None:
        since, until = instants_of(filters.filed, zone)
        conditions += [APPEALS.c.filed_at >= since] if since else []
        conditions += [APPEALS.c.filed_at < until] if until else []
    if caller.teams is not None:
        conditions.append(APPEALS.c.team.in_(caller.teams))
    if caller.role == "rater":
        conditions.append(APPEALS.c.rater == caller.name)
    if cursor is not None:
        conditions.append(APPEALS.c.id < cursor)
    found = _read(connection, *conditions, limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def _check_judge(appeal: Appeal, evaluation: Record | None, caller: Caller) -> None:
    if caller.name == appeal.filed_by:
        raise NotAllowedError("you have filed this appeal; another lead decides it")
    if caller.name in (appeal.rater, evaluation and evaluation["rater"]):
        raise NotAllowedError("you have made this evaluation; another lead decides about it")
    if caller.agent is not None and caller.agent == appeal.agent:
        raise NotAllowedError("this is about a call of your own; another lead decides about it")


def _evaluation(connection: sa.Connection, evaluation_id: str) -> Record | None:
    return find_records(connection, _KIND, [(evaluation_id,)]).get((evaluation_id,))


def _uphold(
    connection: sa.Connection,
    store: Store,
    appeal: Appeal,
    evaluation: Record | None,
    decision: Decision,
    caller: Caller,
    now: dt.datetime,
    revision: int,
) -> None:
    """Change the evaluation, or withdraw it."""
    if evaluation is None:
        raise ConflictError(
            Told(
                "the evaluation {evaluation!r} is not there any more; reject the appeal",
                evaluation=appeal.evaluation_id,
            )
        )
    after = None if decision.withdraw else _changed(evaluation, decision.values)
    _replace(connection, store, evaluation, after, revision)
    verb, told = ("delete", None) if after is None else ("replace", _shown(after))
    number, before = appeal.evaluation_id, _shown(evaluation)
    note(connection, now, caller.name, verb, "evaluations", number, before, told, revision)
    _keep_answers(connection, evaluation, after, caller, now, revision)


def _changed(evaluation: Record, values: Mapping[str, Any]) -> Record:
    """The evaluation with new values; its rules hold."""
    if all(evaluation[name] == value for name, value in values.items()):
        text = Told("changes nothing: these values stand there already; give others, or reject the appeal")
        raise InvalidInputError(Problem("", text, code="no_change"))
    after = {name: evaluation[name] for name in (*_FIELDS, "day")} | dict(values)
    if broken := _RULES.broken_by(after):
        raise InvalidInputError(*(Problem(f"/{rule.field}", rule.reason, after[rule.field], "rule") for rule in broken))
    return after


def _replace(connection: sa.Connection, store: Store, before: Record, after: Record | None, revision: int) -> None:
    if after is None:
        delete_records(connection, _KIND, [(before["evaluation_id"],)], revision, store.time_zone)
        return
    put_records(connection, _KIND, [after], revision, store.time_zone)
    hold_fields(connection, _KIND.name, [name for name in NEW_VALUES if after[name] is not None])


def _keep_answers(
    connection: sa.Connection, before: Record, after: Record | None, caller: Caller, now: dt.datetime, revision: int
) -> None:
    """Answers to a form stay beside the score that followed from them, and go with it."""
    number = before["evaluation_id"]
    if after is not None and (after["score"], after["delight"]) == (before["score"], before["delight"]):
        own = (FORM_ANSWERS.c.evaluation_id == number, FORM_ANSWERS.c.revision == before["revision"])
        connection.execute(sa.update(FORM_ANSWERS).where(*own).values(revision=revision))
        return
    note_many(connection, now, caller.name, "form_answers", keep_answers(connection, {number: None}), revision)


def _shown(evaluation: Record) -> Record:
    return {name: evaluation[name] for name in _FIELDS}


def _read(connection: sa.Connection, *conditions: sa.ColumnElement[bool], limit: int | None = None) -> list[Appeal]:
    query = sa.select(APPEALS).where(*conditions).order_by(APPEALS.c.id.desc()).limit(limit)
    return [
        Appeal(**{name: _utc(value) for name, value in row.items()}) for row in connection.execute(query).mappings()
    ]


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value
