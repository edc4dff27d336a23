"""Drawing a plan: its strata become batches with their populations, its calls go to the raters."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.sampling import share_out
from csi_service.core.told import Told
from csi_service.errors import ConflictError
from csi_service.facts.kinds import KINDS
from csi_service.records.database import chunks, next_revision, upsert
from csi_service.records.prepared import among, fetch
from csi_service.records.tables import KEYS, PLAN_CALLS, PLANS
from csi_service.schema.cells import MOST_ID
from csi_service.store.audit import Change, note, note_many
from csi_service.store.folder import Store
from csi_service.store.parts import fold_posted
from csi_service.store.places import keep_located, locate
from csi_service.store.plans import Plan, check_names, find_plan, keep_strata, undrawn
from csi_service.store.sample_frame import DrawnCall, Stratum, count_strata, draw_calls, drawing, make_frame
from csi_service.store.writes import Record, hold_fields, put_records

NOBODY = ""  # the rater of a call that none of the raters may rate


@dataclass(frozen=True, slots=True)
class Person:
    """What a rater's key tells: the own agent number, whose calls they do not judge, and the only teams (None: all)."""

    agent: str | None = None
    teams: tuple[str, ...] | None = None

    def may_rate(self, team: str | None, agent: str | None) -> bool:
        """Tell whether a call of that team and agent may be given to them."""
        own = self.agent is not None and self.agent == agent
        return not own and (self.teams is None or team in self.teams)


def draw_plan(store: Store, batch: str, caller: Caller, now: dt.datetime) -> Plan:
    """Draw a plan's calls as the store is now, and return it.

    Raises:
        NotFoundError: there is none, or none that the caller may see whole.
        ConflictError: it is drawn already, or was changed meanwhile.
        InvalidInputError: there is nothing, or not enough, to draw from.
        DamagedError: a file of calls cannot be read.
    """
    fold_posted(store)
    with drawing(store) as duck, store.database.reading() as connection:
        plan = undrawn(connection, batch, caller)
        make_frame(store, connection, duck, plan.wanted, plan.teams)
        strata = [stratum for stratum in count_strata(duck, batch, plan.wanted) if stratum.sample]
        calls = draw_calls(duck, strata, plan.seed)
    located = locate(store, [call.call_id for call in calls])  # once for all, not with each judgement
    with store.database.writing() as connection:
        revision = next_revision(connection)
        if undrawn(connection, batch, caller).revision != plan.revision:
            raise ConflictError(
                Told("the plan {batch!r} was changed while it was being drawn; draw it again", batch=batch)
            )
        check_names(connection, strata, batch)
        _keep_batches(connection, store, plan, strata, caller, now, revision)
        keep_strata(connection, batch, strata)
        keep_located(connection, located)
        rows = list(_given_out(plan, calls, people(connection, plan.raters)))
        for chunk in chunks(rows, 10_000):
            upsert(connection, PLAN_CALLS, chunk)
        drawn = {"drawn_at": now, "drawn_by": caller.name, "revision": revision}
        connection.execute(sa.update(PLANS).where(PLANS.c.batch == batch).values(**drawn))
        told = {"calls": len(calls), "seed": plan.seed, "strata": len(strata)}
        note(connection, now, caller.name, "draw", "plans", batch, None, told, revision)
        return find_plan(connection, batch, caller)


def _keep_batches(
    connection: sa.Connection,
    store: Store,
    plan: Plan,
    strata: Sequence[Stratum],
    caller: Caller,
    now: dt.datetime,
    revision: int,
) -> None:
    records = [_record(plan, stratum) for stratum in strata]
    put_records(connection, KINDS["batches"], records, revision, store.time_zone)
    hold_fields(connection, "batches", [field.name for field in KINDS["batches"].fields])
    fields = [{name: value for name, value in record.items() if name != "day"} for record in records]
    changes = [Change("create", record["batch"], None, record) for record in fields]
    note_many(connection, now, caller.name, "batches", changes, revision)


def _record(plan: Plan, stratum: Stratum) -> Record:
    named = ", ".join(f"{name} {member}" for name, member in zip(plan.wanted.strata, stratum.members, strict=True))
    return {
        "batch": stratum.batch,
        "period": plan.wanted.period.label,
        "population": float(stratum.population),
        "stratum": " / ".join(stratum.members)[:MOST_ID] or None,
        "description": f"plan {plan.batch}" + (f": {named}" if named else ""),
        "selection": plan.wanted.selection,
        "day": None,
    }


_NAMED = sa.select(KEYS.c.name, KEYS.c.agent, KEYS.c.teams).where(among(KEYS.c.name, "names")).order_by(KEYS.c.id)


def people(connection: sa.Connection, names: Iterable[str]) -> dict[str, Person]:
    """Return what is known of people by the names of their keys; the latest key of a name counts."""
    wanted = list(names)
    known = {
        row["name"]: Person(row["agent"], None if row["teams"] is None else tuple(row["teams"]))
        for row in fetch(connection, _NAMED, {"names": wanted})
    }
    return {name: known.get(name, Person()) for name in wanted}


def _given_out(plan: Plan, calls: Sequence[DrawnCall], known: Mapping[str, Person]) -> Iterator[dict[str, Any]]:
    """The calls with their raters: one each, or of a calibration all who may, where these are two at least."""
    able = {
        call.call_id: [name for name, person in known.items() if person.may_rate(call.team, call.agent)]
        for call in calls
    }
    if plan.wanted.selection == "calibration":
        raters = {call: names if len(names) > 1 else [] for call, names in able.items()}
    else:
        barred = {call: [name for name in known if name not in names] for call, names in able.items()}
        given = share_out([call.call_id for call in calls], plan.wanted.raters, barred)
        raters = {call: [name] for call, name in given.items()}
    for position, call in enumerate(calls):
        for rater in raters.get(call.call_id) or [NOBODY]:
            yield {
                "plan": plan.batch,
                "call_id": call.call_id,
                "rater": rater,
                "batch": call.batch,
                "position": position,
                "started_at": call.started_at,
                "team": call.team,
                "agent": call.agent,
            }
