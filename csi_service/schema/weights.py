"""Weights as part of a body: the name of a set, or a whole set sent along; and the answers about sets."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from csi_service.core import tables
from csi_service.core.told import Told
from csi_service.core.weights import WeightSet, read_weights
from csi_service.errors import WeightsError
from csi_service.schema.fields import MOST, Described, StrictSchema, Text, fault, is_unicode, kind_of, refusal
from csi_service.schema.problem import ErrorEntry
from csi_service.schema.scores import plain, weights_body

MOST_DEPTH = 6
MOST_TOML = 65_536  # characters; the shipped sets have 3,000
_NAME = {"type": "string", "minLength": 1, "maxLength": 64}


class WeightsChoice(Described, fields.Field[Any]):
    """The name of a set in the weights folder, or a whole set sent along; loads to the name or to the set."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str | WeightSet:
        if type(value) is str:
            if not 1 <= len(value) <= 64:
                raise refusal("must be a name of 1 to 64 characters", "length")
            return value
        if type(value) is not dict:
            raise refusal(
                Told("must be the name of a set or an object with a whole set, found {found}", found=kind_of(value)),
                "type",
            )
        faults = faults_of_document(value)
        if not faults:
            try:
                return read_weights(value, "inline", complete=False)
            except WeightsError as error:
                faults = faults_of(error, value)
        raise ValidationError(faults)

    def describe(self, converter: Any) -> dict[str, Any]:
        """Return both shapes; the keys of a set are those of a weights file."""
        inline = {
            "type": "object",
            "description": "a whole set, with the keys of a weights file; title and effective may be absent",
        }
        return {"oneOf": [_NAME, inline]}


def faults_of_document(document: Mapping[str, Any]) -> list[str]:
    """Return what no document may hold: deep nesting, whole numbers beyond 1e15, texts that are not Unicode."""
    return list(_faults(document, ()))


def _faults(value: object, path: tuple[object, ...]) -> Iterator[str]:
    if len(path) > MOST_DEPTH:
        yield fault(Told("is nested deeper than {most_depth} levels", most_depth=MOST_DEPTH), "depth", path)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not is_unicode(key):
                yield fault("has a key with half of a surrogate pair", "character", path)
            yield from _faults(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, (*path, index))
    elif isinstance(value, str) and ("\x00" in value or not is_unicode(value)):
        yield fault("holds NUL or half of a surrogate pair", "character", path)
    elif isinstance(value, int) and abs(value) > MOST:
        yield fault("is too large a number", "range", path, "too large")


def faults_of(error: WeightsError, document: Mapping[str, Any]) -> list[str]:
    """Return the problems of a document with the paths that their dotted keys stand for."""
    return [
        fault(problem.message, problem.code, _path(problem.where, document), problem.found)
        for problem in error.problems
    ]


def _path(where: str, document: object) -> tuple[object, ...]:
    """The path of a dotted key; a key that holds a dot itself is found as long as it stands in the document."""
    path: list[object] = []
    parts = where.split(".") if where else []
    while parts:
        lengths = range(len(parts), 0, -1)
        known = document if isinstance(document, Mapping) else {}
        taken = next((length for length in lengths if ".".join(parts[:length]) in known), 1)
        key = ".".join(parts[:taken])
        document, parts = known.get(key), parts[taken:]
        path.append(key)
    return tuple(path)


class CheckBody(StrictSchema):
    """A weights document to check: the text of a TOML file, or its content as JSON."""

    toml = Text(MOST_TOML, metadata={"description": "the text of a weights file", "example": "[csi]\ninternal = 1\n"})
    document = fields.Dict(
        keys=fields.String(),
        error_messages={"invalid": fault("must be an object with the content of a weights file", "type")},
        metadata={"description": "the content of a weights file as JSON"},
    )


def read_toml(text: str) -> dict[str, Any]:
    """Return the content of a TOML text.

    Raises:
        WeightsError: not TOML; the message has line and column.
    """
    return tables.read_toml(text, "toml", WeightsError)


class Checked(Schema):
    """What was found in a weights document."""

    valid = fields.Boolean(required=True)
    digest = fields.String(
        required=True, allow_none=True, metadata={"description": "SHA-256 of the content; null where it is not valid"}
    )
    problems = fields.List(fields.Nested(ErrorEntry), required=True)
    warnings = fields.List(fields.String(), required=True)


class WeightsNamed(Schema):
    """What an answer says of the weights it was made with."""

    name = fields.String(required=True, metadata={"description": "the set's name; inline for one sent along"})
    title = fields.String(required=True)
    title_zh = fields.String(required=True)
    effective = fields.Date(required=True, metadata={"description": "first day of validity"})
    digest = fields.String(required=True, metadata={"description": "SHA-256 of the set's content"})


class WeightsWhole(WeightsNamed):
    """A set with its whole content."""

    author = fields.String(required=True)
    source = fields.String(required=True)
    warnings = fields.List(fields.String(), required=True)
    document = fields.Dict(keys=fields.String(), required=True, metadata={"description": "the content of the file"})


class WeightsListed(Schema):
    """A set in the list; one that breaks its rules has problems and no digest."""

    name = fields.String(required=True)
    valid = fields.Boolean(required=True)
    title = fields.String(allow_none=True, required=True)
    title_zh = fields.String(allow_none=True, required=True)
    effective = fields.Date(allow_none=True, required=True)
    digest = fields.String(allow_none=True, required=True)
    problems = fields.List(fields.String(), required=True)


class WeightsList(Schema):
    """All sets."""

    in_effect = fields.String(required=True, allow_none=True, metadata={"description": "the set valid today"})
    today = fields.Date(required=True)
    weights = fields.List(fields.Nested(WeightsListed), required=True)


def whole_body(weights: WeightSet) -> dict[str, Any]:
    """Return a set with its whole content."""
    texts = {"author": weights.author, "source": weights.source, "warnings": list(weights.warnings)}
    return {**weights_body(weights), **texts, "document": plain(weights.document)}


def listed_body(name: str, weights: WeightSet | None, problems: list[str]) -> dict[str, Any]:
    """Return a set as the list shows it; None is one that cannot be read."""
    if weights is None:
        return {
            "name": name,
            "valid": False,
            "title": None,
            "title_zh": None,
            "effective": None,
            "digest": None,
            "problems": problems,
        }
    return {**weights_body(weights), "valid": True, "problems": problems}


def list_body(today: dt.date, in_effect: str | None, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the list of all sets."""
    return {"today": today.isoformat(), "in_effect": in_effect, "weights": listed}
