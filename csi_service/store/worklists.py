"""Worklists: a rater's next calls, how far everybody is, and what moves when somebody is away."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.sampling import hand_over
from csi_service.core.told import Told
from csi_service.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from csi_service.records.database import next_revision
from csi_service.records.tables import PLAN_CALLS, PLAN_RATERS, PLANS, RECORDS
from csi_service.store.audit import note
from csi_service.store.draws import NOBODY, people
from csi_service.store.folder import Store
from csi_service.store.plans import Plan, find_plan

_EVALUATIONS = RECORDS["evaluations"]
# A call is done by a rater once their evaluation of it in its batch is there.
_DONE = sa.exists().where(
    _EVALUATIONS.c.call_id == PLAN_CALLS.c.call_id,
    _EVALUATIONS.c.batch == PLAN_CALLS.c.batch,
    _EVALUATIONS.c.rater == PLAN_CALLS.c.rater,
)


@dataclass(frozen=True, slots=True)
class Share:
    """A rater's part of a plan: the share that was named, the calls given and those done."""

    rater: str
    share: float
    away: bool
    calls: int
    done: int

    @property
    def left(self) -> int:
        """The calls still to do."""
        return self.calls - self.done


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan is: by rater, and the calls that none of the raters may rate."""

    shares: tuple[Share, ...]
    unassigned: int

    @property
    def calls(self) -> int:
        """The calls that were given out; one that several rate counts for each."""
        return sum(share.calls for share in self.shares)

    @property
    def done(self) -> int:
        """Those of them that are done."""
        return sum(share.done for share in self.shares)


@dataclass(frozen=True, slots=True)
class Worklist:
    """A rater's part of a plan with the next calls; `overdue` once the plan's last day has passed."""

    plan: Plan
    share: Share
    overdue: bool
    calls: tuple[Mapping[str, Any], ...]


def is_overdue(plan: Plan, left: int, today: dt.date) -> bool:
    """Tell whether something is left to do after a plan's last day."""
    return left > 0 and plan.wanted.due_on is not None and plan.wanted.due_on < today


def progress(connection: sa.Connection, plans: Sequence[Plan]) -> dict[str, Progress]:
    """Return how far each plan is, by its name."""
    table, names = PLAN_CALLS, [plan.batch for plan in plans]
    done = sa.func.count(sa.case((_DONE, 1)))
    query = sa.select(table.c.plan, table.c.rater, sa.func.count(), done).where(table.c.plan.in_(names))
    rows = connection.execute(query.group_by(table.c.plan, table.c.rater))
    counted = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    return {
        plan.batch: Progress(
            tuple(
                Share(name, plan.wanted.raters[name], name in plan.away, *counted.get((plan.batch, name), (0, 0)))
                for name in plan.raters
            ),
            counted.get((plan.batch, NOBODY), (0, 0))[0],
        )
        for plan in plans
    }


def worklist(
    connection: sa.Connection, batch: str, caller: Caller, rater: str | None, limit: int, today: dt.date
) -> Worklist:
    """Return the next calls of a rater (None: the caller) in their order.

    Raises:
        NotFoundError: there is no such plan, it has no such rater, or none that the caller may see.
        NotAllowedError: a rater asks for another's list.
        ConflictError: it is not drawn yet.
    """
    plan = find_plan(connection, batch, caller)
    name = caller.name if rater is None else rater
    if name != caller.name and (caller.role == "rater" or not plan.open_to(caller)):
        raise NotAllowedError("a rater sees their own list only; leave out rater")
    if name not in plan.raters:
        raise NotFoundError(
            Told(
                "{name!r} is no rater of the plan {batch!r}; they are {names}",
                name=name,
                batch=plan.batch,
                names=", ".join(plan.raters),
            )
        )
    if plan.drawn_at is None:
        raise ConflictError(Told("the plan {batch!r} is not drawn yet", batch=plan.batch))
    table = PLAN_CALLS
    columns = [table.c[name] for name in ("call_id", "batch", "started_at", "team", "agent")]
    query = sa.select(*columns).where(table.c.plan == plan.batch, table.c.rater == name, ~_DONE)
    if caller.teams is not None:
        query = query.where(table.c.team.in_(caller.teams))
    rows = [dict(row) for row in connection.execute(query.order_by(table.c.position).limit(limit)).mappings()]
    share = next(each for each in progress(connection, [plan])[plan.batch].shares if each.rater == name)
    calls = tuple(row | {"started_at": row["started_at"].replace(tzinfo=dt.UTC)} for row in rows)
    return Worklist(plan, share, is_overdue(plan, share.left, today), calls)


def mark_away(store: Store, batch: str, rater: str, away: bool, caller: Caller, now: dt.datetime) -> Plan:
    """Note that a rater of a plan is away, or back; the undone calls of one who is away go to the others.

    In a calibration nothing moves, as everybody has every call. What has moved stays when somebody is back.

    Raises:
        NotFoundError: there is no such plan, or it has no such rater.
        ConflictError: nobody would be left to take the calls.
    """
    with store.database.writing() as connection:
        revision = next_revision(connection)
        plan = find_plan(connection, batch, caller)
        if not plan.open_to(caller) or rater not in plan.raters:
            raise NotFoundError(Told("{rater!r} is no rater of the plan {batch!r}", rater=rater, batch=batch))
        if (rater in plan.away) == away:
            return plan
        changed = PLAN_RATERS.c.plan == plan.batch, PLAN_RATERS.c.rater == rater
        connection.execute(sa.update(PLAN_RATERS).where(*changed).values(away=away))
        moved = 0
        if away and plan.drawn_at is not None and plan.wanted.selection != "calibration":
            moved = _hand_over(connection, plan, plan.away | {rater})
        connection.execute(sa.update(PLANS).where(PLANS.c.batch == plan.batch).values(revision=revision))
        before, after = {"rater": rater, "away": not away}, {"rater": rater, "away": away, "moved": moved}
        note(connection, now, caller.name, "replace", "plan_raters", f"{plan.batch}/{rater}", before, after, revision)
        return find_plan(connection, batch, caller)


def _hand_over(connection: sa.Connection, plan: Plan, away: frozenset[str]) -> int:
    """Give the undone calls of those who are away to the others; return how many moved."""
    table = PLAN_CALLS
    query = sa.select(table.c.call_id, table.c.rater, table.c.team, table.c.agent, _DONE.label("done"))
    query = query.where(table.c.plan == plan.batch, table.c.rater != NOBODY).order_by(table.c.position)
    rows = connection.execute(query).all()
    known = people(connection, plan.raters)
    barred = {
        row.call_id: [name for name, person in known.items() if not person.may_rate(row.team, row.agent)]
        for row in rows
    }
    before = {row.call_id: row.rater for row in rows}
    try:
        after = hand_over(before, {row.call_id for row in rows if row.done}, away, plan.wanted.raters, barred)
    except InvalidInputError as error:
        raise ConflictError(
            Told("nobody is left to take over the calls of {names}", names=", ".join(sorted(away)))
        ) from error
    moved = [
        {"call": call, "old": before[call], "new": rater} for call, rater in after.items() if rater != before[call]
    ]
    if moved:
        one = (
            table.c.plan == plan.batch,
            table.c.call_id == sa.bindparam("call"),
            table.c.rater == sa.bindparam("old"),
        )
        connection.execute(sa.update(table).where(*one).values(rater=sa.bindparam("new")), moved)
    return len(moved)


def blind_batches(connection: sa.Connection, name: str) -> frozenset[str]:
    """Return the batches of calibrations in which a person has still calls to judge."""
    joined = sa.join(PLAN_CALLS, PLANS, PLANS.c.batch == PLAN_CALLS.c.plan)
    due = (PLAN_CALLS.c.rater == name, PLANS.c.selection == "calibration", ~_DONE)
    query = sa.select(PLAN_CALLS.c.batch).distinct().select_from(joined).where(*due)
    return frozenset(connection.execute(query).scalars())


def blinded(name: str) -> sa.ColumnElement[bool]:
    """Return what is true of an evaluation that a person may not see yet.

    It is another's, of a call that the person has still to judge in the same calibration, which is blind.
    """
    own = _EVALUATIONS.alias()
    done = sa.exists().where(
        own.c.call_id == PLAN_CALLS.c.call_id, own.c.batch == PLAN_CALLS.c.batch, own.c.rater == name
    )
    due = sa.exists().where(
        PLAN_CALLS.c.call_id == _EVALUATIONS.c.call_id,
        PLAN_CALLS.c.batch == _EVALUATIONS.c.batch,
        PLAN_CALLS.c.rater == name,
        PLANS.c.batch == PLAN_CALLS.c.plan,
        PLANS.c.selection == "calibration",
        ~done,
    )
    return sa.and_(sa.func.coalesce(_EVALUATIONS.c.rater, NOBODY) != name, due)
