"""Reports: the document of a period, its publication, what was published."""

import datetime as dt
import hashlib
import http
from dataclasses import asdict
from typing import Any

from flask import Response, g, request

from csi_service.api.auth import requires
from csi_service.api.blueprint import BodyBlueprint
from csi_service.api.body import answer, best_language
from csi_service.api.docs import DOCUMENT_POLICY
from csi_service.api.query import read_query
from csi_service.core.periods import Period, parse_period
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, NotAllowedError, NotFoundError
from csi_service.schema.problem import at
from csi_service.schema.reports import (
    LISTS,
    LIVE,
    DocumentQuery,
    PublishBody,
    PublishedBody,
    PublishedList,
    ReportQuery,
    ReportState,
)
from csi_service.schema.scores import plain
from csi_service.services import Services
from csi_service.store.published import Published, find_published, list_published, read_file

TYPES = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_PERIOD = {
    "in": "path",
    "name": "period",
    "required": True,
    "schema": {"type": "string", "minLength": 4, "maxLength": 40},
    "description": "in any form: 2021-01, 2021-W05, 2021-Q1, 2021, 2021-01-04..2021-01-31",
}
_FORMAT = {"in": "path", "name": "format_", "required": True, "schema": {"type": "string", "enum": list(TYPES)}}


def blueprint(services: Services) -> BodyBlueprint:
    """Return the routes."""
    found = BodyBlueprint("reports", __name__, url_prefix="/api/v1/reports", description="Reports that are forwarded.")
    document, state = DocumentQuery(), ReportQuery()

    @_reads(found, "", None, PublishedList, operationId="list_reports", summary="Published reports")
    def listed() -> Response:
        _centre_only()
        return answer({"reports": [_body(each) for each in list_published(services.store())]})

    @_reads(
        found,
        "/<period>.<any(html, pdf, xlsx):format_>", DocumentQuery, None, _PERIOD, _FORMAT,
        operationId="get_report", summary="A period's report as a document", description=_DOCUMENT,
    )  # fmt: skip
    def get_document(period: str, format_: str) -> Response:
        return _document(services, period, format_, read_query(document, LISTS))

    @_reads(
        found,
        "/<period>",
        ReportQuery,
        ReportState,
        _PERIOD,
        operationId="get_report_state",
        summary="What was published",
    )
    def get_state(period: str) -> Response:
        _centre_only()
        return _state(services, period, read_query(state, LISTS))

    @found.route("/<period>/publish", methods=["POST"], parameters=[_PERIOD])
    @found.body(
        PublishBody(), {"by": ["team"]}, PublishedBody,
        operationId="publish_report", summary="Freeze a period's report", description=_PUBLISH,
    )  # fmt: skip
    @requires("report.publish")
    def publish(body: dict[str, Any], period: str) -> Response:
        from csi_service.report import kept

        _centre_only()
        wanted = _wanted(services, period, tuple(body["by"]), body["compare"])
        before = find_published(services.store(), wanted.asked.period.label, wanted.asked.keys)
        made = kept.publish(
            services.store(), services.dated_weights(), wanted, services.now(), g.caller.name, body.get("reason")
        )
        return answer(_body(made), 201 if made not in before else 200)

    return found


def _reads(
    found: BodyBlueprint, path: str, query: type | None, answered: type | None, *parameters: Any, **texts: Any
) -> Any:
    """Return a decorator that documents a view that reads, and routes it."""

    def decorate(view: Any) -> Any:
        documented = found.response(200, answered, content_type=None)(requires("report.read")(view))
        for status in (404, 422, 503):
            documented = found.alt_response(status, http.HTTPStatus(status).name)(documented)
        asked = [{"in": "query", "schema": query}] if query is not None else []
        documented = found.doc(parameters=asked, **texts)(documented)
        view._apidoc = documented._apidoc
        return found.route(path, methods=["GET"], parameters=list(parameters) or None)(view)

    return decorate


_DOCUMENT = """The newest published version where the report was published, else one of the data as they are now; of
several who ask for the same at once, one makes it. A key limited to teams gets a report of these, always live."""
_PUBLISH = """Keeps the figures, the weights' digest, the data revision, the version of the program and the documents in
every format and language. Published already, it stays as it is; with `reason` a further version restates it."""


def _wanted(services: Services, period: str, keys: tuple[str, ...], compare: str) -> Any:
    from csi_service.report.collect import Asked  # brings the report's own libraries with it
    from csi_service.report.kept import Wanted

    return Wanted(Asked(_period(period), keys, compare), services.today(), g.caller.teams)


def _period(text: str) -> Period:
    try:
        return parse_period(text)
    except InvalidInputError as error:
        stem, dot, ending = text.rpartition(".")
        if dot and not stem.endswith("."):  # 2026-10.doc, and no span of days
            formats = ", ".join(TYPES)
            raise NotFoundError(
                Told("a report has no format {ending!r}; there are {formats}", ending=ending, formats=formats)
            ) from error
        raise at(("period",), error) from error


def _centre_only() -> None:
    if g.caller.teams is not None:
        raise NotAllowedError("published reports tell of the whole centre; this key sees some teams only")


def _document(services: Services, period: str, format_: str, query: dict[str, Any]) -> Response:
    from csi_service.report import kept

    wanted = _wanted(services, period, query.get("by", ()), query["compare"])
    language = query.get("lang") or best_language()
    version = query.get("version", LIVE if g.caller.teams is not None else None)
    if version not in (None, LIVE):
        _centre_only()
    store, asked = services.store(), wanted.asked
    published = None if version == LIVE else _chosen(find_published(store, asked.period.label, asked.keys), version)
    content = None if published is None else read_file(store, published, format_, language)
    if content is None:
        content = kept.made_report(store, services.dated_weights(), wanted, format_, language)
    made = Response(content, content_type=TYPES[format_])
    name = f"csi-{asked.period.label}-{language}.{format_}"
    made.headers["Content-Disposition"] = f'{"inline" if format_ != "xlsx" else "attachment"}; filename="{name}"'
    made.headers["Csi-Report-Version"] = LIVE if published is None else str(published.version)
    made.headers["Content-Language"] = language
    made.headers["Cache-Control"] = "private, no-cache"
    made.headers["Vary"] = "Accept-Language, Authorization"
    if format_ == "html":
        made.headers["Content-Security-Policy"] = DOCUMENT_POLICY
    made.set_etag(hashlib.sha256(content).hexdigest()[:32])
    made.make_conditional(request)
    return made


def _chosen(versions: list[Published], version: str | None) -> Published | None:
    if version is None:
        return versions[0] if versions else None
    for each in versions:
        if each.version == int(version):
            return each
    numbers = ", ".join(str(each.version) for each in versions) or Told("none")
    raise NotFoundError(
        Told(
            "there is no published version {version} of this report; there are: {numbers}",
            version=version,
            numbers=numbers,
        )
    )


def _state(services: Services, period: str, query: dict[str, Any]) -> Response:
    from csi_service.report import kept

    wanted = _wanted(services, period, query.get("by", ()), query["compare"])
    store = services.store()
    versions = find_published(store, wanted.asked.period.label, wanted.asked.keys)
    model = kept.live_report(store, services.dated_weights(), wanted)
    changed = kept.changes_since(versions[0], model) if versions else {}
    return answer(
        {
            "period": wanted.asked.period.label,
            "by": list(wanted.asked.keys),
            "importing": model.importing,
            "published": [_body(each) for each in versions],
            "changed": [{"node": key, "published": old, "now": now} for key, (old, now) in changed.items()],
        }
    )


def _body(published: Published) -> dict[str, Any]:
    body = asdict(published)
    body["by"] = list(body.pop("keys"))
    body["published_at"] = published.published_at.replace(tzinfo=dt.UTC)
    return dict(plain(body))
