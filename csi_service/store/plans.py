"""Sampling plans: kept, counted before anything is drawn, found for those who may see them."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.sample_plans import Bought, SamplePlan, buys
from csi_service.core.told import Told
from csi_service.errors import ConflictError, NotFoundError
from csi_service.facts.kinds import KINDS
from csi_service.records.database import next_revision
from csi_service.records.tables import PLAN_CALLS, PLAN_RATERS, PLAN_STRATA, PLANS, RECORDS
from csi_service.schema.plans import load_plan, plan_of
from csi_service.schema.scores import plain
from csi_service.store.answers import Answer, Once, answered, keep_answer
from csi_service.store.audit import note
from csi_service.store.folder import Store
from csi_service.store.parts import fold_posted
from csi_service.store.sample_frame import Stratum, count_strata, drawing, make_frame
from csi_service.store.writes import find_records

_BATCHES = RECORDS["batches"]


@dataclass(frozen=True, slots=True)
class Plan:
    """A kept plan; instants are in UTC, `teams` are the only teams whose calls it draws (None: all).

    `strata` are as counted when it was planned, or when it was drawn; `raters` are in the order of the plan.
    """

    batch: str
    wanted: SamplePlan
    sent: Mapping[str, Any]
    seed: int
    teams: tuple[str, ...] | None
    created_at: dt.datetime
    created_by: str
    drawn_at: dt.datetime | None
    drawn_by: str | None
    revision: int
    strata: tuple[Stratum, ...]
    raters: tuple[str, ...]
    away: frozenset[str]

    def buys(self, strata: Sequence[Stratum]) -> Bought:
        """Return what some of its strata buy; nothing where the plan is not random and so enters no estimate."""
        if self.wanted.selection != "random":
            return Bought(None, None, None)
        sizes, populations = [each.sample for each in strata], [each.population for each in strata]
        return buys(sizes, populations, self.wanted.expected_share)

    def open_to(self, caller: Caller) -> bool:
        """Tell whether a caller may see all of it: a key that is limited to teams does so where it draws theirs only.

        Its raters see it as well, each their own calls.
        """
        return caller.teams is None or (self.teams is not None and {*self.teams} <= {*caller.teams})


@dataclass(frozen=True, slots=True)
class Listed:
    """A batch in the list of all: a plan, or a plain record that no plan has made."""

    batch: str
    plan: Plan | None
    record: Mapping[str, Any] | None


Tell = Callable[[sa.Connection, Plan], Answer]  # from a plan just kept to the answer, within its write


def create_plan(store: Store, body: Mapping[str, Any], caller: Caller, seed: int, now: dt.datetime) -> Plan:
    """Count what a plan (as `schema.plans` loads it) may draw, and keep it in place of an undrawn one of that name.

    `seed` is for a plan that brings none.

    Raises:
        InvalidInputError: there is nothing, or not enough, to draw from.
        ConflictError: a plan of that name is drawn, or another batch has the name.
    """
    made = _counted(store, body, caller, seed)
    with store.database.writing() as connection:
        return _put(connection, made, caller, now, next_revision(connection))


def send_plan(
    store: Store, body: Mapping[str, Any], caller: Caller, seed: int, now: dt.datetime, tell: Tell, once: Once | None
) -> Answer:
    """Do as `create_plan`, and keep the answer that `tell` makes of the plan for the same request sent again.

    Raises:
        InvalidInputError, ConflictError: as `create_plan`; or the key of an earlier request comes with another body.
    """
    counted, at = _counted(store, body, caller, seed), now.astimezone(dt.UTC).replace(tzinfo=None)
    with store.database.writing() as connection:
        revision = next_revision(connection)
        if once is not None and (kept := answered(connection, caller, once, at)) is not None:
            return kept
        answer = tell(connection, _put(connection, counted, caller, now, revision))
        if once is not None:
            keep_answer(connection, caller, once, answer, at)
    return answer


@dataclass(frozen=True, slots=True)
class _Counted:
    """A plan that may be kept: as it was wanted and sent, with the strata that it may draw from."""

    batch: str
    wanted: SamplePlan
    sent: Mapping[str, Any]
    strata: Sequence[Stratum]


def _counted(store: Store, body: Mapping[str, Any], caller: Caller, seed: int) -> _Counted:
    wanted, batch = plan_of(dict(body)), str(body["batch"])
    sent = {"seed": seed} | {name: plain(value) for name, value in body["plan"].items()}
    return _Counted(batch, wanted, sent, count(store, batch, wanted, caller.teams))


def _put(connection: sa.Connection, counted: _Counted, caller: Caller, now: dt.datetime, revision: int) -> Plan:
    """Keep a plan in place of an undrawn one of that name, in a write."""
    batch, wanted, sent = counted.batch, counted.wanted, counted.sent
    old = _read(connection, PLANS.c.batch == batch)
    if old and not old[0].open_to(caller):
        raise _taken(batch)
    if old:
        _check_undrawn(old[0])
    check_names(connection, counted.strata, batch)
    _forget(connection, batch)
    row = {
        "batch": batch,
        "period": wanted.period.label,
        "selection": wanted.selection,
        "plan": sent,
        "seed": sent["seed"],
        "due_on": wanted.due_on,
        "teams": None if caller.teams is None else list(caller.teams),
        "created_at": now,
        "created_by": caller.name,
        "revision": revision,
    }
    connection.execute(sa.insert(PLANS), [row])
    keep_strata(connection, batch, counted.strata)
    raters = [
        {"plan": batch, "rater": rater, "position": place, "share": share, "away": False}
        for place, (rater, share) in enumerate(wanted.raters.items())
    ]
    connection.execute(sa.insert(PLAN_RATERS), raters)
    before = old[0].sent if old else None
    note(connection, now, caller.name, "replace" if old else "create", "plans", batch, before, sent, revision)
    (made,) = _read(connection, PLANS.c.batch == batch)
    return made


def count(store: Store, batch: str, wanted: SamplePlan, teams: Sequence[str] | None) -> list[Stratum]:
    """Return the strata of a plan as the calls are now.

    Raises:
        InvalidInputError: there is nothing, or not enough, to draw from.
        DamagedError: a file of calls cannot be read.
    """
    fold_posted(store)
    with drawing(store) as duck, store.database.reading() as connection:
        make_frame(store, connection, duck, wanted, teams)
        return count_strata(duck, batch, wanted)


def check_names(connection: sa.Connection, strata: Sequence[Stratum], plan: str) -> None:
    """Refuse strata whose batches would take the place of others.

    Raises:
        ConflictError: a batch of that name is kept.
    """
    names = [(stratum.batch,) for stratum in strata] + [(plan,)]
    if taken := find_records(connection, KINDS["batches"], names):
        raise _taken(next(iter(taken))[0])


def _taken(batch: str) -> ConflictError:
    return ConflictError(Told("there is a batch {batch!r} already; give the plan another name", batch=batch))


def keep_strata(connection: sa.Connection, plan: str, strata: Sequence[Stratum]) -> None:
    """Keep a plan's strata in place of those of an earlier count."""
    connection.execute(sa.delete(PLAN_STRATA).where(PLAN_STRATA.c.plan == plan))
    names = ("batch", "members", "calls", "evaluated", "sample")
    rows = [
        {"plan": plan, "number": number} | {name: plain(getattr(stratum, name)) for name in names}
        for number, stratum in enumerate(strata, 1)
    ]
    connection.execute(sa.insert(PLAN_STRATA), rows)


def _forget(connection: sa.Connection, plan: str) -> None:
    for table in (PLAN_STRATA, PLAN_RATERS, PLAN_CALLS):
        connection.execute(sa.delete(table).where(table.c.plan == plan))
    connection.execute(sa.delete(PLANS).where(PLANS.c.batch == plan))


def _check_undrawn(plan: Plan) -> None:
    if plan.drawn_at is not None:
        calls, at = sum(stratum.sample for stratum in plan.strata), f"{plan.drawn_at:%Y-%m-%d %H:%M} UTC"
        text = Told(
            "was drawn by {name} on {at}: {calls} calls with the seed {seed}; it stays as it is",
            name=plan.drawn_by,
            at=at,
            calls=calls,
            seed=plan.seed,
        )
        raise ConflictError(Told("the plan {batch!r} {text}", batch=plan.batch, text=text))


def undrawn(connection: sa.Connection, batch: str, caller: Caller) -> Plan:
    """Return a plan that the caller may draw.

    Raises:
        NotFoundError: there is none, or none that the caller may see whole.
        ConflictError: it is drawn already.
    """
    found = _read(connection, PLANS.c.batch == batch)
    if not found or not found[0].open_to(caller):
        raise NotFoundError(Told("there is no plan {batch!r}", batch=batch))
    _check_undrawn(found[0])
    return found[0]


def find_plan(connection: sa.Connection, batch: str, caller: Caller) -> Plan:
    """Return a plan by its name, or by that of one of its strata's batches.

    Raises:
        NotFoundError: there is none, or none that the caller may see.
    """
    of_stratum = sa.select(PLAN_STRATA.c.plan).where(PLAN_STRATA.c.batch == batch)
    found = _read(connection, sa.or_(PLANS.c.batch == batch, PLANS.c.batch.in_(of_stratum)))
    if not found or not (found[0].open_to(caller) or caller.name in found[0].raters):
        raise NotFoundError(Told("there is no plan {batch!r}", batch=batch))
    return found[0]


def find_batch(connection: sa.Connection, batch: str, caller: Caller) -> Listed:
    """Return a batch that the caller may see; one without a plan is of no team.

    Raises:
        NotFoundError: there is none.
    """
    try:
        return Listed(batch, find_plan(connection, batch, caller), None)
    except NotFoundError:
        planned = connection.execute(sa.select(PLAN_STRATA.c.batch).where(PLAN_STRATA.c.batch == batch)).first()
        record = find_records(connection, KINDS["batches"], [(batch,)]).get((batch,))
        if record is None or planned is not None or not caller.allows_team(None):
            raise NotFoundError(Told("there is no batch {batch!r}", batch=batch)) from None
        return Listed(batch, None, record)


def list_batches(
    connection: sa.Connection, caller: Caller, cursor: str | None = None, limit: int = 100
) -> tuple[list[Listed], str | None]:
    """Return plans, and batches that no plan has made, by name, and the cursor that continues (None: no more)."""
    made = sa.select(PLAN_STRATA.c.batch)
    names = sa.union(sa.select(PLANS.c.batch), sa.select(_BATCHES.c.batch).where(_BATCHES.c.batch.not_in(made)))
    listed: list[Listed] = []
    while len(listed) <= limit:
        found = names.subquery()
        query = sa.select(found.c.batch).order_by(found.c.batch).limit(limit + 1)
        if cursor is not None:
            query = query.where(found.c.batch > cursor)
        some = list(connection.execute(query).scalars())
        listed += _seen(connection, some, caller)
        if len(some) <= limit:
            break
        cursor = some[-1]
    return listed[:limit], listed[limit - 1].batch if len(listed) > limit else None


def _seen(connection: sa.Connection, names: Sequence[str], caller: Caller) -> list[Listed]:
    plans = {plan.batch: plan for plan in _read(connection, PLANS.c.batch.in_(names))}
    records = find_records(connection, KINDS["batches"], [(name,) for name in names if name not in plans])
    found = [Listed(name, plans.get(name), records.get((name,))) for name in names]
    return [
        each
        for each in found
        if (caller.allows_team(None) if each.plan is None else each.plan.open_to(caller))
        or (each.plan is not None and caller.name in each.plan.raters)
    ]


def _read(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> list[Plan]:
    rows = connection.execute(sa.select(PLANS).where(condition).order_by(PLANS.c.batch)).all()
    names = [row.batch for row in rows]
    strata: dict[str, list[Stratum]] = {name: [] for name in names}
    query = sa.select(PLAN_STRATA).where(PLAN_STRATA.c.plan.in_(names)).order_by(PLAN_STRATA.c.number)
    for row in connection.execute(query):
        strata[row.plan].append(Stratum(row.batch, tuple(row.members), row.calls, row.evaluated, row.sample))
    raters: dict[str, dict[str, bool]] = {name: {} for name in names}
    query = sa.select(PLAN_RATERS).where(PLAN_RATERS.c.plan.in_(names)).order_by(PLAN_RATERS.c.position)
    for row in connection.execute(query):
        raters[row.plan][row.rater] = row.away
    return [
        Plan(
            batch=row.batch,
            wanted=_wanted(row),
            sent=row.plan,
            seed=row.seed,
            teams=None if row.teams is None else tuple(row.teams),
            created_at=row.created_at.replace(tzinfo=dt.UTC),
            created_by=row.created_by,
            drawn_at=None if row.drawn_at is None else row.drawn_at.replace(tzinfo=dt.UTC),
            drawn_by=row.drawn_by,
            revision=row.revision,
            strata=tuple(strata[row.batch]),
            raters=tuple(raters[row.batch]),
            away=frozenset(rater for rater, away in raters[row.batch].items() if away),
        )
        for row in rows
    ]


def _wanted(row: Any) -> SamplePlan:
    return plan_of(load_plan({"batch": row.batch, "period": row.period, "plan": row.plan}))
