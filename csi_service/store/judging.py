"""Whose judgement it may be, of which call, in which batch.

Nobody judges their own call, a rater judges in their own name only, and a call of another team is as one that is not
there.
"""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.told import Told
from csi_service.errors import Problem
from csi_service.facts.kinds import Kind
from csi_service.records.prepared import among, fetch
from csi_service.records.tables import APPEALS, DECIDED, PLAN_CALLS, PLAN_STRATA, PLANS
from csi_service.records.together import SharedWrite
from csi_service.schema.records import Sent
from csi_service.store.audit import keep_notes, notes
from csi_service.store.drafts import EVALUATIONS, Draft, refused
from csi_service.store.draws import people
from csi_service.store.folder import Store
from csi_service.store.form_answers import keep_answers, result_of
from csi_service.store.places import Located, keep_located, locate
from csi_service.store.writes import Record, find_records

FOR_OTHERS = "rating.for_others"
_PLANS_CALLED = sa.select(PLANS.c.batch, PLANS.c.batch.label("plan"), PLANS.c.drawn_at).where(
    among(PLANS.c.batch, "names")
)
_PLANS_WITH = (
    sa.select(PLAN_STRATA.c.batch, PLAN_STRATA.c.plan, PLANS.c.drawn_at)
    .select_from(sa.join(PLAN_STRATA, PLANS, PLAN_STRATA.c.plan == PLANS.c.batch))
    .where(among(PLAN_STRATA.c.batch, "names"))
)
_DRAWN = (
    sa.select(PLAN_CALLS.c.plan, PLAN_CALLS.c.batch, PLAN_CALLS.c.call_id)
    .where(among(PLAN_CALLS.c.call_id, "calls"), among(PLAN_CALLS.c.plan, "plans"))
    .distinct()
)
_DECIDED = DECIDED.where(among(APPEALS.c.evaluation_id, "evaluations"))


def decided_of(connection: sa.Connection, evaluations: Sequence[str]) -> set[str]:
    """Return which of some evaluations, by their numbers, an appeal has changed or withdrawn."""
    return {row["evaluation_id"] for row in fetch(connection, _DECIDED, {"evaluations": list(evaluations)})}


def stands(evaluation: str) -> str:
    """Return why an evaluation that was decided on appeal is not touched."""
    return Told("{number!r} was changed or withdrawn on appeal, and that stands", number=evaluation)


def made_id(prefix: str, record: Mapping[str, Any]) -> str:
    """Return the number of a judgement that brings none: the same for the same call, batch and rater."""
    whose = json.dumps([record["call_id"], record["batch"], record["rater"]], ensure_ascii=False)
    return f"{prefix}-{hashlib.sha256(whose.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What a judgement is held against: the raters' own agents, the plans and their calls, the kept evaluations."""

    agents: Mapping[str, str | None]
    plans: Mapping[str, bool]  # batch or plan: whether it is drawn
    drawn: Mapping[tuple[str, str], str]  # batch or plan, and call: the batch
    kept: Mapping[tuple[Any, ...], Record]
    decided: Collection[str]  # the evaluations that an appeal has changed or withdrawn


@dataclass(slots=True)
class Judging:
    """The judgements of one request on their way into the store."""

    drafts: Sequence[Draft]
    prefix: str  # of the numbers of those that bring none
    refuse_unknown: bool
    located: Located
    actor: str
    unmatched: set[str] = field(default_factory=set)  # by where they stand in the body

    @property
    def items(self) -> list[Sent]:
        """The judgements as they are sent on."""
        return [draft.sent for draft in self.drafts]

    def told(self, index: int) -> dict[str, Any]:
        """Return what is to be told of a judgement besides what became of it."""
        draft = self.drafts[index]
        unmatched = draft.sent.where in self.unmatched
        if draft.scored is None:
            return {"unmatched": unmatched}
        return {"unmatched": unmatched, "delight": draft.scored.delight, "form_result": result_of(draft.scored)}

    def screen(
        self, store: Store, connection: sa.Connection, kind: Kind, items: Sequence[Sent], caller: Caller
    ) -> list[Sent]:
        """Return the judgements with their numbers, raters and batches; refused where they may not be."""
        keep_located(connection, self.located)
        named = [item if item.record is None else _in_name(item, item.record, caller) for item in items]
        records = [item.record for item in named if item.record is not None]
        plans, drawn = _planned(connection, records)
        raters = {record["rater"] for record in records} - {None}
        agents = {name: person.agent for name, person in people(connection, raters).items()}
        known = _Known(agents, plans, drawn, {}, ())
        placed = [item if item.record is None else self._placed(item, item.record, known) for item in named]
        ids = [item.record["evaluation_id"] for item in placed if item.record is not None]
        kept = find_records(connection, EVALUATIONS, [(each,) for each in ids])
        known = dataclasses.replace(known, kept=kept, decided=decided_of(connection, ids))
        return [item if item.record is None else self._checked(item, item.record, caller, known) for item in placed]

    def _placed(self, item: Sent, record: Record, known: _Known) -> Sent:
        """The judgement with its batch and its number."""
        batch, call = record["batch"], record["call_id"]
        if batch in known.plans:
            if not known.plans[batch]:
                text = Told("is a plan that is not drawn yet: POST /api/v1/batches/{batch}/draw", batch=batch)
                return refused(item, Problem("/batch", text, batch, "not_drawn"))
            if (batch, call) not in known.drawn:
                text = Told("is a drawn batch, and the call {call!r} is not in it", call=call)
                return refused(item, Problem("/batch", text, batch, "not_drawn"))
            record = record | {"batch": known.drawn[batch, call]}
        if record["evaluation_id"] is None:
            record = record | {"evaluation_id": made_id(self.prefix, record)}
        return dataclasses.replace(item, record=record)

    def _checked(self, item: Sent, record: Record, caller: Caller, known: _Known) -> Sent:
        place = self.located.places.get(record["call_id"])
        if problem := check_judge(record, place, caller, known.agents.get(record["rater"])):
            return refused(item, problem)
        if place is None and self.refuse_unknown:
            text = Told("there is no call {record!r}; send the call first", record=record["call_id"])
            return refused(item, Problem("/call_id", text, record["call_id"], "unknown_call"))
        old = known.kept.get((record["evaluation_id"],))
        if old is not None and not may_replace(old, record, caller):
            text = Told("is taken by an evaluation that you may not replace; give another one")
            return refused(item, Problem("/evaluation_id", text, record["evaluation_id"], "not_allowed"))
        if record["evaluation_id"] in known.decided and (old is None or old != old | record):
            number = record["evaluation_id"]
            return refused(item, Problem("/evaluation_id", stands(number), number, "decided"))
        if place is None:
            self.unmatched.add(item.where)
        return item

    def beside(self, write: SharedWrite, sent: Sequence[Sent], at: dt.datetime) -> None:
        """Keep the answers to forms of the judgements that were kept."""
        places = {draft.sent.where: draft for draft in self.drafts}
        found = {}
        for item in sent:
            if item.record is not None:
                draft = places[item.where]
                found[item.record["evaluation_id"]] = None if draft.scored is None else (draft.scored, draft.answers)
        changes = keep_answers(write.connection, found)
        write.later(keep_notes, notes(at, self.actor, "form_answers", changes, write.revision))


def judge(store: Store, drafts: Sequence[Draft], prefix: str, unknown_calls: str, actor: str) -> Judging:
    """Return judgements with the calls that they name looked up; `unknown_calls` is accept or refuse,
    `actor` the name in the audit trail.

    Raises:
        DamagedError: a file of calls that has to be opened cannot be read.
    """
    calls = [draft.sent.record["call_id"] for draft in drafts if draft.sent.record is not None]
    return Judging(drafts, prefix, unknown_calls == "refuse", locate(store, calls), actor)


def _in_name(item: Sent, record: Record, caller: Caller) -> Sent:
    """The judgement in its rater's name: the caller's own, or another's where the caller may write for others."""
    rater = record["rater"]
    if rater is None:
        brought = caller.role == "operator"  # from another system, which perhaps does not tell
        return dataclasses.replace(item, record=record | {"rater": None if brought else caller.name})
    if rater != caller.name and not caller.may(FOR_OTHERS):
        text = Told(
            "is {rater!r}; you may judge in your own name only, which is {name!r}", rater=rater, name=caller.name
        )
        return refused(item, Problem("/rater", text, rater, "not_allowed"))
    return item


def _planned(
    connection: sa.Connection, records: Sequence[Record]
) -> tuple[dict[str, bool], dict[tuple[str, str], str]]:
    """Of the batches named: which are plans or parts of one, whether drawn, and the batch that each call is in."""
    names = sorted({record["batch"] for record in records} - {None})
    if not names:
        return {}, {}
    plans: dict[str, bool] = {}
    of_batch: dict[str, set[str]] = {}
    for query in (_PLANS_CALLED, _PLANS_WITH):
        for row in fetch(connection, query, {"names": names}):
            plans[row["batch"]] = plans.get(row["batch"], False) or row["drawn_at"] is not None
            of_batch.setdefault(row["plan"], set()).add(row["batch"])
    calls = sorted({record["call_id"] for record in records if record["batch"] in plans})
    drawn: dict[tuple[str, str], str] = {}
    for row in fetch(connection, _DRAWN, {"calls": calls, "plans": list(of_batch)}) if calls else ():
        drawn |= {(row[name], row["call_id"]): row["batch"] for name in ("plan", "batch")}
    return plans, drawn


def check_judge(
    record: Mapping[str, Any], place: Mapping[str, Any] | None, caller: Caller, agent: str | None
) -> Problem | None:
    """Return why a caller may not put this judgement of a call there; None where nothing stands against it.

    `place` has the call's dimensions (None: it is not kept), `agent` is the rater's own agent number. A call that is
    kept without a team is none of a limited caller's, whatever team the judgement names.
    """
    call, own = record["call_id"], {caller.agent, agent} - {None}
    if caller.teams is not None and (place is None or not caller.allows_team(place["team"])):
        return Problem("/call_id", Told("there is no call {call!r}", call=call), call, "not_found")
    if ((place["agent"] if place else None) or record["agent"]) in own:
        return Problem(
            "/call_id",
            Told("the call {call!r} is the rater's own; nobody judges their own", call=call),
            call,
            "own_call",
        )
    if place is None and own:
        text = Told(
            "there is no call {call!r} as yet, so it cannot be told whether it is the rater's own; send it later",
            call=call,
        )
        return Problem("/call_id", text, call, "unknown_call")
    return None


def may_replace(old: Mapping[str, Any], record: Mapping[str, Any], caller: Caller) -> bool:
    """Tell whether a caller may put a judgement in the place of a kept one: one's own, of the same call."""
    if caller.teams is not None and old["call_id"] != record["call_id"]:
        return False
    return caller.may(FOR_OTHERS) or (old["rater"] == caller.name and old["call_id"] == record["call_id"])
