"""Problems as JSON bodies (RFC 9457): one entry for each offending field, with its pointer, message and value."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.language import ENGLISH, Translate, tell, told_problem, translator
from csi_service.schema.fields import Fault

MOST_ENTRIES = 100
_MOST_CHARACTERS = 200
_IN_ENGLISH = translator(ENGLISH)
_ABSENT = object()


class ErrorEntry(Schema):
    """One offending value."""

    pointer = fields.String(
        required=True, metadata={"description": "JSON pointer into the body; empty for the whole body"}
    )
    message = fields.String(required=True, metadata={"description": "what is wrong and what would be right"})
    code = fields.String(required=True, metadata={"description": "a short stable word for programs"})
    value = fields.Raw(
        metadata={"description": "the value found; absent where none was found and for lists and objects"}
    )


class ProblemBody(Schema):
    """An answer that tells what went wrong (application/problem+json)."""

    type = fields.String(required=True, metadata={"description": "always about:blank; the status says the kind"})
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(
        metadata={"description": "for a fault of the service: the id under which its log tells more"}
    )
    errors = fields.List(fields.Nested(ErrorEntry))


def pointer(path: Sequence[object]) -> str:
    """Return the JSON pointer (RFC 6901) of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def at(path: Sequence[object], error: InvalidInputError) -> InvalidInputError:
    """Return an error of the core with the place in the body that it is about."""
    return InvalidInputError(
        *(Problem(pointer(path), problem.message, problem.found, problem.code) for problem in error.problems)
    )


def found_at(body: object, path: Sequence[object]) -> object:
    """Return the value at a path of a parsed body; None where there is none."""
    for part in path:
        if isinstance(body, Mapping):
            body = body.get(part, _ABSENT)
        elif isinstance(body, list) and isinstance(part, int) and part < len(body):
            body = body[part]
        else:
            return None
    return None if body is _ABSENT else body


def problems_of(error: ValidationError, body: object) -> tuple[Problem, ...]:
    """Return a problem for each message of a schema's refusal of a body."""
    problems = []
    for path, message in _messages(error.messages, ()):
        if isinstance(message, Fault):
            path = (*path, *message.path)
            found = found_at(body, path) if message.found is None else message.found
            problems.append(Problem(pointer(path), message.text, found, message.code))
        else:
            problems.append(Problem(pointer(path), message, found_at(body, path)))
    return tuple(problems)


def _messages(messages: Any, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            yield from _messages(below, path if key == "_schema" else (*path, key))
    else:
        for message in messages:
            yield path, message


def entries(problems: Sequence[Problem], translate: Translate | None = None) -> list[dict[str, Any]]:
    """Return the `errors` of a body: at most 100, values shortened and always writable as JSON.

    Without a translator they are in English, and `told_entries` can tell them in another language later.
    """
    listed = []
    for problem in problems[:MOST_ENTRIES]:
        entry: dict[str, Any] = {"pointer": problem.where, "message": problem.message, "code": problem.code}
        if (value := shown(problem.found)) is not None:
            entry["value"] = value
        listed.append(entry)
    return listed if translate is None else told_entries(listed, translate)


def told_entries(listed: Sequence[Mapping[str, Any]], translate: Translate) -> list[dict[str, Any]]:
    """Return the `errors` of a body in the translator's language."""
    return [{**entry, "message": tell(entry["message"], translate)} for entry in listed]


def shown(value: object) -> object:
    """Return a value as an answer may repeat it: numbers, true, false and short texts; None for anything else."""
    if isinstance(value, str):
        return value if len(value) <= _MOST_CHARACTERS else value[:_MOST_CHARACTERS] + "…"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, bool | int | float) else None


def summary(problems: Sequence[Problem], translate: Translate = _IN_ENGLISH) -> str:
    """Return the problems as one sentence: how many there are, and the first."""
    first = told_problem(problems[0], translate)
    if len(problems) == 1:
        return first
    if len(problems) <= MOST_ENTRIES:
        text = Told("{count} values cannot be used, the first: {first}", count=len(problems), first=first)
    else:
        text = Told(
            "{count} values cannot be used, the first: {first} (the first {most} are listed)",
            count=len(problems),
            first=first,
            most=MOST_ENTRIES,
        )
    return tell(text, translate)
