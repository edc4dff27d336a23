"""Whose judgement it may be, of which call, in which batch.

Nobody judges their own call, a rater judges in their own name only, and a call of another team is as one that is not
there.
"""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.told import Told
from csi_service.errors import Problem
from csi_service.records.prepared import among, fetch
from csi_service.records.tables import APPEALS, DECIDED, PLAN_CALLS, PLAN_STRATA, PLANS
from csi_service.records.together import Portion, SharedWrite, Steps, look_up
from csi_service.schema.records import Sent
from csi_service.store.audit import Change, keep_notes, notes
from csi_service.store.drafts import EVALUATIONS, Draft, refused
from csi_service.store.draws import people
from csi_service.store.folder import Store
from csi_service.store.form_answers import Answered, keep_answers, result_of
from csi_service.store.places import Located, keep_located, known_places, locate
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
class _Around:
    """What a judgement is held against: the calls and their places, the raters' own agents, the plans and their calls.

    A call that is neither waiting nor known as yet has no place here.
    """

    places: Mapping[str, Mapping[str, Any] | None]
    agents: Mapping[str, str | None]
    plans: Mapping[str, bool]  # batch or plan: whether it is drawn
    drawn: Mapping[tuple[str, str], str]  # batch or plan, and call: the batch


@dataclass(frozen=True, slots=True)
class _Before:
    """The judgements of some numbers that are kept, and which of these an appeal has changed or withdrawn."""

    kept: Mapping[tuple[Any, ...], Record]
    decided: Collection[str]


@dataclass(slots=True)
class Judging:
    """The judgements of one request on their way into the store: a gate, as `Sending.send` takes it."""

    store: Store
    drafts: Sequence[Draft]
    prefix: str  # of the numbers of those that bring none
    refuse_unknown: bool
    caller: Caller
    located: Located | None = None
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

    def prepare(self) -> None:
        """Look up the calls, in their files where need be.

        Raises:
            DamagedError: a file of calls that has to be opened cannot be read.
        """
        self.located = locate(self.store, _calls_of(self.items))

    def screen(self, write: SharedWrite, items: Sequence[Sent]) -> Steps[Sequence[Sent] | None]:
        """Return the judgements with their numbers, raters and batches; refused where they may not be."""
        self.unmatched.clear()
        named = [item if item.record is None else _in_name(item, item.record, self.caller) for item in items]
        records = [item.record for item in named if item.record is not None]
        around: _Around = yield Portion(_LOOK_AROUND, records)
        places = around.places
        if self.located is not None:
            places = {**self.located.places, **places}
            keep_located(write.connection, self.located)
        if not places.keys() >= _calls_of(named):
            return None
        placed = [item if item.record is None else self._placed(item, item.record, around) for item in named]
        ids = [item.record["evaluation_id"] for item in placed if item.record is not None]
        before: _Before = yield Portion(_LOOK_BEFORE, ids)
        return [
            item
            if item.record is None
            else self._checked(item, item.record, places[item.record["call_id"]], around, before)
            for item in placed
        ]

    def _placed(self, item: Sent, record: Record, known: _Around) -> Sent:
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

    def _checked(
        self, item: Sent, record: Record, place: Mapping[str, Any] | None, around: _Around, before: _Before
    ) -> Sent:
        if problem := check_judge(record, place, self.caller, around.agents.get(record["rater"])):
            return refused(item, problem)
        if place is None and self.refuse_unknown:
            text = Told("there is no call {record!r}; send the call first", record=record["call_id"])
            return refused(item, Problem("/call_id", text, record["call_id"], "unknown_call"))
        old = before.kept.get((record["evaluation_id"],))
        if old is not None and not may_replace(old, record, self.caller):
            text = Told("is taken by an evaluation that you may not replace; give another one")
            return refused(item, Problem("/evaluation_id", text, record["evaluation_id"], "not_allowed"))
        if record["evaluation_id"] in before.decided and (old is None or old != old | record):
            number = record["evaluation_id"]
            return refused(item, Problem("/evaluation_id", stands(number), number, "decided"))
        if place is None:
            self.unmatched.add(item.where)
        return item

    def beside(self, write: SharedWrite, sent: Sequence[Sent], at: dt.datetime) -> Steps[None]:
        """Keep the answers to forms of the judgements that were kept."""
        places = {draft.sent.where: draft for draft in self.drafts}
        found = {}
        for item in sent:
            if item.record is not None:
                draft = places[item.where]
                found[item.record["evaluation_id"]] = None if draft.scored is None else (draft.scored, draft.answers)
        changes = yield Portion(_keep_all_answers, list(found.items()))
        write.later(keep_notes, notes(at, self.caller.name, "form_answers", changes, write.revision))


def _calls_of(items: Iterable[Sent]) -> set[str]:
    return {item.record["call_id"] for item in items if item.record is not None}


def _look_around(connection: sa.Connection, records: Sequence[Record]) -> _Around:
    places = known_places(connection, [record["call_id"] for record in records])
    raters = {record["rater"] for record in records} - {None}
    agents = {name: person.agent for name, person in people(connection, raters).items()}
    return _Around(places, agents, *_planned(connection, records))


def _look_before(connection: sa.Connection, evaluations: Sequence[str]) -> _Before:
    kept = find_records(connection, EVALUATIONS, [(number,) for number in evaluations])
    return _Before(kept, decided_of(connection, evaluations))


_LOOK_AROUND, _LOOK_BEFORE = look_up(_look_around), look_up(_look_before)


def _keep_all_answers(
    write: SharedWrite, found: Sequence[Sequence[tuple[str, Answered | None]]]
) -> Sequence[Sequence[Change]]:
    """Keep the answers to forms of several writes; return for each what changed."""
    changes = keep_answers(write.connection, dict(each for of_one in found for each in of_one))
    return [[change for change in changes if change.subject in numbers] for numbers in map(dict, found)]


def judge(store: Store, drafts: Sequence[Draft], prefix: str, unknown_calls: str, caller: Caller) -> Judging:
    """Return judgements on their way into the store; `unknown_calls` is accept or refuse.

    Raises:
        DamagedError: a file of calls that has to be opened cannot be read.
    """
    judging = Judging(store, drafts, prefix, unknown_calls == "refuse", caller)
    if len(drafts) > 1:  # a single call's place is mostly known, and is looked up within the write
        judging.prepare()
    return judging


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
