"""The routes of imports: send files, follow, list, fetch the rejected rows, cancel, undo."""

import http
import zoneinfo
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask import Response, g, send_file, url_for
from flask_smorest import Blueprint

from csi_service.access import Caller
from csi_service.api.auth import requires
from csi_service.api.body import answer, best_language, spoken
from csi_service.api.multipart import Form, read_form
from csi_service.api.query import read_query
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, MappingError, NotAllowedError, Problem
from csi_service.facts.kinds import KINDS
from csi_service.language import line_of, tell
from csi_service.schema.fields import is_unicode
from csi_service.schema.imports import FORM, ImportBody, ImportPage, ImportsQuery
from csi_service.schema.scores import plain
from csi_service.services import Services
from csi_service.store.import_books import (
    Import,
    find_import,
    list_imports,
    rejects_of,
    request_cancel,
    request_undo,
    stored_name,
)
from csi_service.store.import_queue import accept, ensure_worker, incoming
from csi_service.store.import_told import told_notes, told_outcomes
from csi_service.store.imports import Described, zone_of

_NAMES = tuple(ImportBody().fields)
_MOST_NAME, _MOST_MAPPING = 255, 1 << 18
_ONE = "/<int(max=999999999999999):number>"
_NUMBER = {
    "in": "path",
    "name": "number",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999_999_999},
    "description": "the import's number",
}


def blueprint(services: Services) -> Blueprint:
    """Return the routes."""
    found = Blueprint("imports", __name__, url_prefix="/api/v1/imports", description="Files of records into the store.")
    query = ImportsQuery()

    @found.route("", methods=["POST"], endpoint="send")
    @_documented(
        found,
        (400, 413, 415, 422, 507),
        operationId="send_import",
        summary="Send files of records",
        description="Answered at once; the import itself follows. Location tells where to see how far it has come. "
        "What was answered with 202 is kept and taken up again after a crash.",
        requestBody={"required": True, "content": {"multipart/form-data": {"schema": FORM}}},
    )
    @found.response(202, ImportBody)
    @requires("import.write")
    def send() -> Response:
        _check_teams()
        made = _send(services)
        ensure_worker(services.store(), services.settings)
        return _accepted(services, made)

    @found.route("", methods=["GET"], endpoint="list")
    @_documented(
        found,
        (422,),
        operationId="list_imports",
        summary="All imports, the newest first",
        parameters=[{"in": "query", "schema": ImportsQuery}],
    )
    @found.response(200, ImportPage)
    @requires("import.read")
    def listed() -> Response:
        _check_teams()
        asked = read_query(query)
        cursor = asked.get("cursor")
        rows, after = list_imports(services.store(), None if cursor is None else int(cursor), asked["limit"])
        ensure_worker(services.store(), services.settings)
        bodies = [_body(services, row) for row in rows]
        page = {"imports": bodies, "next_cursor": None if after is None else str(after)}
        return answer(plain(page))

    _add_views(found, services)
    _add_changes(found, services)
    return found


def _add_views(found: Blueprint, services: Services) -> None:
    """Add the routes that show a single import."""

    @found.route(_ONE, methods=["GET"], endpoint="one")
    @_documented(found, (404,), operationId="get_import", summary="One import", parameters=[_NUMBER])
    @found.response(200, ImportBody)
    @requires("import.read")
    def one(number: int) -> Response:
        _check_teams()
        ensure_worker(services.store(), services.settings)
        return answer(plain(_body(services, find_import(services.store(), number))))

    @found.route(f"{_ONE}/rejects", methods=["GET"], endpoint="rejects")
    @_documented(
        found,
        (404,),
        operationId="get_rejects",
        summary="The rejected rows as CSV",
        description="Each with its file, line, reason (in the language of Accept-Language) and cells; mended, it can "
        "be sent as a file itself.",
        parameters=[_NUMBER],
    )
    @found.response(200, {"type": "string"}, content_type="text/csv")
    @requires("import.read")
    def rejects(number: int) -> Response:
        _check_teams()
        found = find_import(services.store(), number)
        path = rejects_of(services.store(), found, best_language())
        return send_file(path.resolve(), "text/csv; charset=utf-8", True, f"rejects-{found.id}.csv")


def _add_changes(found: Blueprint, services: Services) -> None:
    """Add the routes that end or undo an import."""

    @found.route(f"{_ONE}/cancel", methods=["POST"], endpoint="cancel")
    @_documented(
        found,
        (404, 409),
        operationId="cancel_import",
        summary="Cancel an import that waits or is running",
        description="One that is running stops within a second or two; nothing of it remains.",
        parameters=[_NUMBER],
    )
    @found.response(202, ImportBody)
    @requires("import.write")
    def cancel(number: int) -> Response:
        _check_teams()
        return _accepted(services, request_cancel(services.store(), number, _caller().name, services.now()))

    @found.route(f"{_ONE}/undo", methods=["POST"], endpoint="undo")
    @_documented(
        found,
        (404, 409),
        operationId="undo_import",
        summary="Undo an import",
        description="What came with it goes; what it had replaced comes back unless something newer stands there.",
        parameters=[_NUMBER],
    )
    @found.response(202, ImportBody)
    @requires("import.write")
    def undo(number: int) -> Response:
        _check_teams()
        made = request_undo(services.store(), number, _caller().name, services.now())
        ensure_worker(services.store(), services.settings)
        return _accepted(services, made)


def _documented(found: Blueprint, refusals: Iterable[int], **texts: Any) -> Any:
    """Return a decorator that documents a view and its refusals."""

    def decorate(view: Any) -> Any:
        for status in (*refusals, 503):
            view = found.alt_response(status, http.HTTPStatus(status).name)(view)
        return found.doc(**texts)(view)

    return decorate


def _caller() -> Caller:
    caller: Caller = g.caller
    return caller


def _check_teams() -> None:
    """An import holds the records of all teams, and changes them."""
    if _caller().teams is not None:
        raise NotAllowedError("imports hold records of all teams; a key that is limited to some may not see them")


def _body(services: Services, found: Import) -> dict[str, Any]:
    texts = {
        "outcomes": told_outcomes(found, spoken()),
        "notes": told_notes(found, services.store().time_zone, spoken()),
        "error": None if found.error is None else tell(found.error, spoken()),
    }
    return {name: texts[name] if name in texts else getattr(found, name) for name in _NAMES}


def _accepted(services: Services, made: Import) -> Response:
    response = answer(plain(_body(services, made)), 202)
    response.headers["Location"] = url_for("imports.one", number=made.id)
    return response


# --- what is sent


def _send(services: Services) -> Import:
    store = services.store()
    with incoming(store) as folder:
        form = read_form(folder, services.settings.max_upload_bytes)
        kind, mapping, zone = _read(form)
        names: list[str] = []
        for name, shown, path in form.files:
            if name == "file":
                path.rename(folder / stored_name(len(names)))
                names.append(shown)
            else:
                path.unlink()
        described = None if mapping is None else Described(mapping, "mapping")
        try:
            source_zone = zone_of(described, zone, store)
        except MappingError as error:
            raise InvalidInputError(
                *(Problem("/mapping", line_of(each), each.found, each.code) for each in error.problems)
            ) from error
        return accept(store, folder, kind, names, mapping, source_zone, _caller().name, services.now)


def _read(form: Form) -> tuple[str, str | None, str | None]:
    """The kind, the mapping and the zone that a form names."""
    texts = {name: list(found) for name, found in form.fields.items()}
    for name, _, path in form.files:
        if name == "mapping":
            texts.setdefault(name, []).append(_decoded(path))
    problems = [
        Problem(f"/{name}", "is no field of this form: kind, file, mapping, time_zone", code="unknown_field")
        for name in dict.fromkeys([*texts, *(name for name, _, _ in form.files)])
        if name not in FORM["properties"]  # type: ignore[operator]  # a JSON Schema, typed as object
    ]
    problems += [
        Problem(f"/{name}", "stands twice in the form; give it once", code="duplicate_key")
        for name, found in texts.items()
        if len(found) > 1
    ]
    kind, mapping, zone = (texts.get(name, [None])[0] for name in ("kind", "mapping", "time_zone"))
    _check_size(len((mapping or "").encode("utf-8", "replace")))
    if kind not in KINDS:
        text = Told(
            "is {value}; give one of {names}", value="missing" if kind is None else repr(kind), names=", ".join(KINDS)
        )
        problems.append(Problem("/kind", text, kind, "missing" if kind is None else "choice"))
    if zone is not None and zone not in zoneinfo.available_timezones():
        problems.append(
            Problem(
                "/time_zone", Told("is {zone!r}; give an IANA name such as Asia/Shanghai", zone=zone), zone, "range"
            )
        )
    files = [shown for name, shown, _ in form.files if name == "file"]
    if not files or not all(files):
        problems.append(Problem("/file", "is missing; send at least one file with a name", None, "missing"))
    for where, given in (*(("/file", shown) for shown in files), ("/mapping", mapping or "")):
        if "\0" in given or not is_unicode(given):
            problems.append(Problem(where, "holds signs that are no text", None, "character"))
    too_long = Told("has a name of more than {most_name} characters", most_name=_MOST_NAME)
    problems += [Problem("/file", too_long, None, "length") for text in files if len(text) > _MOST_NAME]
    if problems:
        raise InvalidInputError(*problems)
    return str(kind), mapping, zone


def _check_size(size: int) -> None:
    if size > _MOST_MAPPING:
        text = Told("has {size:,} bytes; a mapping has {most:,} at most", size=size, most=_MOST_MAPPING)
        raise InvalidInputError(Problem("/mapping", text, code="length"))


def _decoded(path: Path) -> str:
    _check_size(path.stat().st_size)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(Problem("/mapping", "is not UTF-8 text", code="encoding")) from error
