"""Small writes: records sent alone or as a list, kept in one transaction together with the answer to them."""

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.told import Told, as_told
from csi_service.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError, Problem, UserError
from csi_service.facts.kinds import KINDS, REFERRING, Kind
from csi_service.records.tables import CALL_PARTS
from csi_service.records.together import DoAll, Portion, SharedWrite, Steps, look_up
from csi_service.schema.records import Sent, result_body
from csi_service.store.answers import Answer, Once, answered, keep_answer
from csi_service.store.audit import Change, keep_notes, notes
from csi_service.store.calls import find_calls
from csi_service.store.folder import Store
from csi_service.store.places import Located, keep_located, locate
from csi_service.store.writes import (
    Record,
    Written,
    find_records,
    hold_fields,
    keep_marks,
    local_day,
    marks,
    put_unmarked,
)

SKEW = dt.timedelta(days=1)  # a sender's clock may be ahead by that much


Tell = Callable[[list[Record]], Answer]  # from what became of each record to the answer
_ALONE: dict[str, type[UserError]] = {  # what refuses the only record with a status of its own
    "not_allowed": NotAllowedError,
    "own_call": NotAllowedError,
    "not_found": NotFoundError,
    "form_version": ConflictError,
    "decided": ConflictError,
}


class Gate(Protocol):
    """What items pass on their way into the store."""

    def prepare(self) -> None:
        """Look up what the screening lacks; files are opened here, not within the write."""

    def screen(self, write: SharedWrite, items: Sequence[Sent]) -> Steps[Sequence[Sent] | None]:
        """Return the items, within the write, refused where they may not be; None where it takes `prepare` first."""

    def beside(self, write: SharedWrite, sent: Sequence[Sent], at: dt.datetime) -> Steps[None]:
        """Put in what else belongs to the items, which are kept by now."""


class Sending:
    """Takes what is sent to a store; remembers which fields are noted as given already."""

    def __init__(self, store: Store) -> None:
        """Remember nothing as yet."""
        self._store = store
        self._held: dict[str, set[str]] = {name: set() for name in KINDS}
        self._put_all = {name: functools.partial(_put_all, store, kind) for name, kind in KINDS.items()}

    def send(
        self,
        kind: Kind,
        items: Sequence[Sent],
        caller: Caller,
        now: dt.datetime,
        tell: Tell,
        once: Once | None = None,
        gate: Gate | None = None,
    ) -> Answer:
        """Keep the records that can be kept, all together, and return the answer that `tell` makes of the results.

        The items pass `gate`, usually one that looks at their teams.

        Raises:
            InvalidInputError: no record can be kept, or the key of an earlier request comes with another body.
            NotAllowedError: the only record is of a team that the caller may not write for, or refused by the gate.
            NotFoundError, ConflictError: the only record is refused by the gate.
            StoreBusyError, StoreFullError: nothing was kept.
        """
        at = now.astimezone(dt.UTC).replace(tzinfo=None)
        items = [_dated(kind, item, at, self._store.time_zone) for item in items]
        if all(item.problems for item in items):
            raise _refusal(items)
        in_files = self._known_calls(items) if kind.name == "calls" else {}
        gate = gate or _OwnTeams(self._store, kind, caller, items)
        put = functools.partial(self._put, kind, items, caller, at, in_files, tell, once, gate)
        while (made := self._store.database.together.run(put)) is None:
            gate.prepare()
        answer, given = made
        self._held[kind.name] |= given
        return answer

    def _put(
        self,
        kind: Kind,
        items: Sequence[Sent],
        caller: Caller,
        at: dt.datetime,
        in_files: dict[str, Record],
        tell: Tell,
        once: Once | None,
        gate: Gate,
        write: SharedWrite,
    ) -> Steps[tuple[Answer, set[str]] | None]:
        """Put the records in, in a write; return the answer and the fields noted as given, None as a gate does."""
        connection = write.connection
        if once is not None and (kept := answered(connection, caller, once, at)) is not None:
            return kept, set()
        passed = yield from gate.screen(write, items)
        if passed is None:
            return None
        if all(item.problems for item in passed):
            raise _refusal(passed)
        sent = [item for item in passed if item.record is not None]
        records = [item.record for item in sent if item.record is not None]
        keys = _identities(kind, records) if once is None else [*_identities(kind, records), (caller.name, once.key)]
        written = yield Portion(self._put_all[kind.name], records, keys)
        _compare(written, records, in_files)
        given = {name for item in sent for name in item.given} - self._held[kind.name]
        if given:
            hold_fields(connection, kind.name, given)
        changes = changes_of(kind, records, written)
        write.later(keep_notes, notes(at, caller.name, kind.name, changes, write.revision))
        yield from gate.beside(write, sent, at)
        answer = tell(_results(kind, passed, written))
        if once is not None:
            keep_answer(connection, caller, once, answer, at)
        return answer, given

    def _known_calls(self, items: Sequence[Sent]) -> dict[str, Record]:
        records = [item.record for item in items if item.record is not None]
        with self._store.database.reading() as connection:
            ids, days = [record["call_id"] for record in records], {record["day"] for record in records}
            return find_calls(self._store, connection, ids, days)


def _put_all(store: Store, kind: Kind, write: SharedWrite, sent: Sequence[Sequence[Record]]) -> list[Written]:
    """Put in the records of several sends, none of which has a number in common with another; return what became of
    them for each."""
    records = [record for of_one in sent for record in of_one]
    whole = put_unmarked(write.connection, kind, records, write.revision, store.time_zone)
    write.later(keep_marks, marks(kind.name, whole.days, write.revision))
    results, before = iter(whole.results), iter(whole.before)
    return [Written(list(islice(results, len(of_one))), list(islice(before, len(of_one)))) for of_one in sent]


def _dated(kind: Kind, item: Sent, at: dt.datetime, time_zone: str) -> Sent:
    """The item with the local day that its record counts on, or refused where it lies in the future."""
    if item.record is None:
        return item
    record = dict(item.record)
    latest = at + SKEW
    bounds: dict[str, Any] = {"instant": latest, "instants": latest.isoformat()}
    problems = []
    for field in kind.fields:
        value = record[field.name]
        if value is None or field.type not in ("instant", "instants", "day"):
            continue
        bound = bounds[field.type] if field.type in bounds else local_day(latest, time_zone)
        for ending, each in enumerate(value) if field.type == "instants" else [(None, value)]:
            if each > bound:
                where = f"{item.where}/{field.name}" + ("" if ending is None else f"/{ending}")
                text = Told(
                    "lies in the future; the service's clock says {isoformat}Z",
                    isoformat=at.isoformat(timespec="seconds"),
                )
                problems.append(Problem(where, text, str(each), "future"))
    if problems:
        return dataclasses.replace(item, record=None, problems=tuple(problems))
    if kind.counted_on != "day":
        instant = None if kind.counted_on is None else record[kind.counted_on]
        record["day"] = None if instant is None else local_day(instant, time_zone)
    return dataclasses.replace(item, record=record)


def _named(kind: Kind, items: Sequence[Sent]) -> set[str]:
    """The calls that the items name, or are."""
    if kind.name not in (*REFERRING, "calls"):
        return set()
    return {item.record["call_id"] for item in items if item.record is not None} - {None}


class _OwnTeams:
    """Lets a caller send what is theirs: the record, the one that it replaces, and its call; all if not limited."""

    def __init__(self, store: Store, kind: Kind, caller: Caller, items: Sequence[Sent]) -> None:
        """Look up the calls that the items name, whose teams decide for a caller who is limited to some."""
        self._store, self._kind, self._caller = store, kind, caller
        self._named = _named(kind, items)
        self._located = None if caller.teams is None else locate(store, self._named)

    def prepare(self) -> None:
        """Look up nothing more."""

    def screen(self, write: SharedWrite, items: Sequence[Sent]) -> Steps[Sequence[Sent] | None]:
        """Return the items, refused where anything is of another team."""
        if self._located is None:
            return items
        if self._kind.name != "calls":  # whose places would be forgotten as soon as they are put in
            keep_located(write.connection, self._located)
        records = [item.record for item in items if item.record is not None]
        kept = yield Portion(_look_up_kept(self._kind.name), _identities(self._kind, records))
        teams = self._teams_now(write.connection, self._located)
        return [self._checked(item, kept, teams) for item in items]

    def beside(self, write: SharedWrite, sent: Sequence[Sent], at: dt.datetime) -> Steps[None]:
        """Put in nothing else."""
        yield from ()

    def _teams_now(self, connection: sa.Connection, located: Located) -> dict[str, str | None]:
        """The teams of the calls as they are in the write: as located, but for those that came or moved since."""
        found = {number: place["team"] for number, place in located.places.items() if place is not None}
        since = connection.execute(sa.select(CALL_PARTS.c.day).where(CALL_PARTS.c.revision > located.revision))
        newer = find_calls(self._store, connection, self._named, list(since.scalars()))
        return found | {number: call["team"] for number, call in newer.items()}

    def _checked(self, item: Sent, kept: Mapping[tuple[Any, ...], Record], teams: Mapping[str, str | None]) -> Sent:
        if item.record is None or all(map(self._caller.allows_team, self._owners(item.record, kept, teams))):
            return item
        names = ", ".join(self._caller.teams or ())
        text = Told("is not of a team that you may write for; yours are {names}", names=names)
        return dataclasses.replace(item, record=None, problems=(Problem(item.where, text, code="not_allowed"),))

    def _owners(
        self, record: Record, kept: Mapping[tuple[Any, ...], Record], teams: Mapping[str, str | None]
    ) -> Iterable[str | None]:
        call = record.get("call_id")
        if call is None or call not in teams or self._kind.name == "calls":
            yield record.get("team")
        if call is not None and call in teams:
            yield teams[call]
        identity = _identity(self._kind, record)
        if identity in kept:
            yield kept[identity].get("team")


@functools.cache
def _look_up_kept(kind: str) -> DoAll:
    """What looks up the kept records of a kind by their identities."""
    return look_up(lambda connection, identities: find_records(connection, KINDS[kind], identities))


def _refusal(items: Sequence[Sent]) -> UserError:
    problems = [problem for item in items for problem in item.problems]
    first = problems[0]
    if items[0].where == "" and first.code in _ALONE:
        return _ALONE[first.code](
            first.message if first.where else Told("the record {message}", message=as_told(first.message))
        )
    return InvalidInputError(*problems)


def _compare(written: Written, records: Sequence[Record], in_files: dict[str, Record]) -> None:
    """Tell calls that lie in a file already from new ones."""
    for place, record in enumerate(records if in_files else ()):
        old = in_files.get(record["call_id"])
        if old is not None and written.results[place] == "created":
            same = all(old[name] == value for name, value in record.items())
            written.results[place] = "unchanged" if same else "replaced"
            written.before[place] = old


def _identity(kind: Kind, record: Record) -> tuple[Any, ...]:
    return tuple("" if record[name] is None else record[name] for name in kind.identity)


def _identities(kind: Kind, records: Iterable[Record]) -> list[tuple[Any, ...]]:
    return [_identity(kind, record) for record in records]


def _name(kind: Kind, record: Record) -> str:
    return "/".join(map(str, _identity(kind, record)))


def changes_of(kind: Kind, records: Sequence[Record], written: Written) -> list[Change]:
    """Return what the audit trail notes of records that were put in."""
    names = [field.name for field in kind.fields]
    verbs = {"created": "create", "replaced": "replace"}
    return [
        Change(
            verbs[result],
            _name(kind, record),
            None if before is None else {name: before[name] for name in names},
            {name: record[name] for name in names},
        )
        for record, result, before in zip(records, written.results, written.before, strict=True)
        if result in verbs
    ]


def _results(kind: Kind, items: Sequence[Sent], written: Written) -> list[Record]:
    statuses = iter(written.results)
    return [
        result_body(index, None, "rejected", item.problems)
        if item.record is None
        else result_body(index, _name(kind, item.record), next(statuses))
        for index, item in enumerate(items)
    ]
