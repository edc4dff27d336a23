"""JSON in and out: a strict reader of request bodies, and answers as UTF-8."""

import json
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import orjson
from flask import Response, g, request
from marshmallow import Schema, ValidationError
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_accept_header

from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.language import ENGLISH, Translate, chosen, tell, translator
from csi_service.schema.problem import pointer, problems_of

MOST_DEPTH = 32
_MOST_DIGITS = 18  # more do not fit a 64-bit integer; such a number is read as a float


class MalformedError(BadRequest):
    """A body that is no proper JSON; `problems` may point into it."""

    def __init__(self, description: str, *problems: Problem) -> None:
        """Keep what is wrong."""
        super().__init__(description)
        self.problems = problems


class _RepeatedKeyError(Exception):
    """An object holds a key twice."""


class _Pairs(list[tuple[str, Any]]):
    """An object with all its keys, repeated ones too."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKeyError
    return found


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


_TEXTS = ("warnings", "slow_because", "hint")
_READER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)
_PAIRS_READER = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=_integer)
_RARE_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False)


_FAULTS = {
    str(text): text  # as the decoder tells them
    for text in (
        Told("Expecting value"),
        Told("Expecting property name enclosed in double quotes"),
        Told("Expecting ':' delimiter"),
        Told("Expecting ',' delimiter"),
        Told("Unterminated string starting at"),
        Told("Invalid control character at"),
        Told("Invalid \\escape"),
        Told("Invalid \\uXXXX escape"),
        Told("Extra data"),
        Told("Illegal trailing comma before end of object"),
        Told("Illegal trailing comma before end of array"),
    )
}


def read_json(content: bytes) -> Any:
    """Return what a JSON text says; NaN and Infinity are read, for the fields to refuse them by name.

    Raises:
        MalformedError: empty, not UTF-8, not JSON, a key twice in an object, or nested too deeply.
    """
    if not content.strip():
        raise MalformedError("The body is empty; send a JSON object.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(
            Told(
                "The body is not UTF-8 ({reason} at byte {start}); send JSON as UTF-8.",
                reason=error.reason,
                start=error.start,
            )
        ) from error
    if text.startswith("\ufeff"):
        raise MalformedError("The body starts with a byte order mark (BOM); send it without.")
    try:
        found = _READER.decode(text)
    except _RepeatedKeyError as error:
        raise _repeated(text) from error
    except json.JSONDecodeError as error:
        raise MalformedError(
            Told(
                "The body is not JSON: {msg} at line {lineno}, column {colno}.",
                msg=_FAULTS.get(error.msg, error.msg),
                lineno=error.lineno,
                colno=error.colno,
            )
        ) from error
    except RecursionError as error:
        raise MalformedError(_TOO_DEEP) from error
    _check_depth(found, text)
    return found


_TOO_DEEP = Told("The body is nested too deeply; at most {most} levels are read.", most=MOST_DEPTH)


def _check_depth(found: Any, text: str) -> None:
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    level, depth = [found], 0
    while level:
        level = [
            item
            for part in level
            if isinstance(part, list | dict)
            for item in (part.values() if isinstance(part, dict) else part)
        ]
        depth += 1
        if depth > MOST_DEPTH:
            raise MalformedError(_TOO_DEEP)


def _repeated(text: str) -> MalformedError:
    """The error that points at the first key that stands twice."""
    try:
        where = pointer(_path_of_repeated(_PAIRS_READER.decode(text), ()))
    except RecursionError:
        return MalformedError(_TOO_DEEP)
    message = Told("stands twice in its object; give each key once")
    return MalformedError(
        Told("The key {where} {message}.", where=where, message=message), Problem(where, message, code="duplicate_key")
    )


def _path_of_repeated(found: Any, path: tuple[object, ...]) -> tuple[object, ...]:
    """The path of the first key that stands twice; empty where there is none."""
    seen: set[object] = set()
    for key, item in found if isinstance(found, _Pairs) else enumerate(found) if isinstance(found, list) else ():
        if key in seen:
            return (*path, key)
        seen.add(key)
        if below := _path_of_repeated(item, (*path, key)):
            return below
    return ()


def limit_body(most_bytes: int, setting: str) -> None:
    """Give the request at hand another limit than the usual one, and the setting's name for the refusal."""
    request.max_content_length = most_bytes
    g.limit_setting = setting


def read_body() -> Any:
    """Return the JSON body of the request at hand.

    Raises:
        UnsupportedMediaType: not sent as application/json.
        MalformedError: no proper JSON.
    """
    return read_json(json_content())


def json_content() -> bytes:
    """Return the bytes of the request's body, which is said to be JSON.

    Raises:
        UnsupportedMediaType: it is not sent as application/json.
        RequestEntityTooLarge: it is larger than the limit.
    """
    if request.environ.get("CONTENT_TYPE") == "application/json":
        return _content()
    if request.mimetype != "application/json":
        text = Told("Send the body as application/json, and say so in Content-Type.")
        if request.mimetype:
            text = Told("Send the body as application/json, not {found}.", found=request.mimetype)
        raise UnsupportedMediaType(text)
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("Send JSON as UTF-8; no other charset is read.")
    return _content()


def _content() -> bytes:
    """The bytes of the body; a chunked one above the limit is refused, where werkzeug would cut it off."""
    content = request.get_data(cache=False, parse_form_data=False)
    limit = request.max_content_length
    if limit is not None and len(content) >= limit and request.content_length is None:
        if request.environ["wsgi.input"].read(1):
            raise RequestEntityTooLarge
    return content


class BodyReader:
    """What flask-smorest calls to read arguments: the strict reader above, then a schema."""

    DEFAULT_VALIDATION_STATUS = 422

    def use_args(self, schema: Schema, **_: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Return a decorator that hands the loaded body to a view as its first argument."""

        def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def read_and_call(**path: Any) -> Any:
                body = read_body()
                try:
                    loaded = schema.load(body)
                except ValidationError as error:
                    raise InvalidInputError(*problems_of(error, body)) from error
                return view(loaded, **path)

            return read_and_call

        return decorate


def dumps(body: Any) -> bytes:
    """Return a body as JSON in UTF-8; half of a surrogate pair, which a refused value may hold, as its escape."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return _RARE_WRITER.encode(body).encode("utf-8", "backslashreplace")


def spoken() -> Translate:
    """Return the translator into the language that the caller likes best."""
    return translator(best_language())


def best_language() -> str:
    """Return the language that the caller likes best."""
    return _language(request.environ.get("HTTP_ACCEPT_LANGUAGE", ""))


def told(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body whose texts for people (its warnings, why it was slow, its hint) are in the caller's language."""
    if best_language() == ENGLISH:
        return body
    texts = {name: body[name] for name in _TEXTS if body.get(name)}
    return body | {
        name: [tell(each, spoken()) for each in text] if isinstance(text, list) else tell(text, spoken())
        for name, text in texts.items()
    }


@lru_cache(maxsize=256)
def _language(header: str) -> str:
    return chosen(parse_accept_header(header, LanguageAccept))


def answer(body: Any, status: int = 200, mimetype: str = "application/json") -> Response:
    """Return a body as a JSON answer."""
    return Response(dumps(body), status, mimetype=mimetype)
