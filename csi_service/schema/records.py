"""Records one by one: a strict schema for each record kind, made from the kind's own fields; the answers about them."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.facts.kinds import KINDS, Kind
from csi_service.facts.rules import Rules
from csi_service.language import Translate
from csi_service.schema.cells import Cell
from csi_service.schema.fields import StrictSchema, fault, kind_of
from csi_service.schema.problem import ErrorEntry, entries, problems_of, told_entries

MOST_RECORDS = 10_000
STATUSES = ("created", "replaced", "unchanged", "rejected")
HANDLING = ("talk_seconds", "hold_seconds", "wrap_seconds")
Record = dict[str, Any]


class RecordSchema(StrictSchema):
    """A record of one kind. Loads to every field of the kind, None where nothing is known; instants in UTC."""

    kind: Kind

    def __init__(self, **options: Any) -> None:
        """Look up once what every record is read with."""
        super().__init__(**options)
        self._readers = {name: field.read for name, field in self.load_fields.items() if isinstance(field, Cell)}
        self._required = [field.name for field in self.kind.fields if field.required]
        self._rules = Rules(self.kind)

    def load(self, data: Any, **_: Any) -> Record:
        """Return a record; field by field, which takes a fifth of the time of marshmallow's own way.

        Of the parts of a call's handling time, those whose keys are absent count as 0 where another is given: the
        system has no such part. A null is a time that is not known.

        Raises:
            ValidationError: a message for each field that is refused, or that breaks a rule between fields.
        """
        if type(data) is not dict:
            raise ValidationError([self.error_messages["type"]])
        record: Record = dict.fromkeys(self._readers)
        messages: dict[str, Any] = {}
        for name, value in data.items():
            read = self._readers.get(name)
            if read is None:
                messages[name] = [self.error_messages["unknown"]]
            elif value is not None:
                try:
                    record[name] = read(value)
                except ValidationError as error:
                    messages[name] = error.messages
        for name in self._required:
            if record[name] is None and name not in messages:
                texts = self.load_fields[name].error_messages
                messages[name] = [texts["null" if name in data else "required"]]
        if not messages:
            messages = {rule.field: [fault(rule.reason, "rule")] for rule in self._rules.broken_by(record)}
        if messages:
            raise ValidationError(messages)
        if self.kind.name == "calls" and any(part in data for part in HANDLING):
            record.update((part, 0.0) for part in HANDLING if part not in data)
        return record


@functools.cache
def record_schema(kind: str) -> RecordSchema:
    """Return the schema of a kind's records."""
    return schema_of(KINDS[kind])


def schema_of(found: Kind) -> RecordSchema:
    """Return the schema of records of these fields, which may be others than those kept of the kind."""
    cells = {
        field.name: Cell(field.type, required=field.required, allow_none=not field.required) for field in found.fields
    }
    name = f"{found.name.title().replace('_', '')}Record"
    schema = type(name, (RecordSchema,), {"__doc__": f"A record of {found.name}.", "kind": found, **cells})
    made: RecordSchema = schema()
    return made


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """A record as it was sent: where it stands in the body, what was read, the fields given, or what is wrong."""

    where: str
    record: Record | None
    given: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()


def read_records(schema: RecordSchema, body: Any) -> list[Sent]:
    """Return the record, or each record of the list, that a body holds; faulty ones with their problems.

    Raises:
        InvalidInputError: neither an object nor a list of 1 to 10,000.
    """
    if type(body) is dict:
        return [_read(schema, body, "")]
    if type(body) is not list:
        text = Told("must be a record as an object, or a list of records, found {found}", found=kind_of(body))
        raise InvalidInputError(Problem("", text, body, "type"))
    if not 1 <= len(body) <= MOST_RECORDS:
        text = Told("holds {count} records; give 1 to {most_records:,}", count=len(body), most_records=MOST_RECORDS)
        raise InvalidInputError(Problem("", text, code="length"))
    return [_read(schema, item, f"/{index}") for index, item in enumerate(body)]


def _read(schema: RecordSchema, item: Any, where: str) -> Sent:
    try:
        return Sent(where, schema.load(item), frozenset(item))
    except ValidationError as error:
        problems = problems_of(error, item)
    return Sent(where, None, problems=tuple(dataclasses.replace(each, where=where + each.where) for each in problems))


class RecordResult(Schema):
    """What became of one record."""

    index = fields.Integer(required=True, metadata={"description": "its place in the list, from 0"})
    id = fields.String(
        required=True, allow_none=True, metadata={"description": "its number; null where it was not read"}
    )
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    errors = fields.List(fields.Nested(ErrorEntry), metadata={"description": "why it was rejected"})


class RecordResults(Schema):
    """What became of the records of a list: how many, and each."""

    created = fields.Integer(required=True)
    replaced = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    rejected = fields.Integer(required=True)
    results = fields.List(fields.Nested(RecordResult), required=True)


def result_body(index: int, identity: str | None, status: str, problems: Sequence[Problem] = ()) -> Record:
    """Return what became of one record."""
    body: Record = {"index": index, "id": identity, "status": status}
    return {**body, "errors": entries(problems)} if problems else body


def told_result(result: Record, translate: Translate) -> Record:
    """Return what became of one record in the translator's language."""
    return result | {"errors": told_entries(result["errors"], translate)} if "errors" in result else result


def results_body(results: Sequence[Mapping[str, Any]]) -> Record:
    """Return what became of a list."""
    statuses = [result["status"] for result in results]
    return {**{status: statuses.count(status) for status in STATUSES}, "results": list(results)}
