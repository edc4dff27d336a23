"""GET /audit: who changed what and when."""

import http
from dataclasses import asdict

from flask import Response, g
from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import answer
from csi_service.api.query import read_query
from csi_service.errors import NotAllowedError
from csi_service.schema.audit import AuditPage, AuditQuery
from csi_service.schema.scores import plain
from csi_service.services import Services
from csi_service.store.audit import AuditFilter, instants_of, read_audit


def blueprint(services: Services) -> Blueprint:
    """Return the route."""
    found = Blueprint("audit", __name__, url_prefix="/api/v1/audit", description="Every change, with its author.")
    query = AuditQuery()

    @found.route("", methods=["GET"], endpoint="list")
    @found.doc(
        operationId="list_audit",
        summary="Who changed what, the newest first",
        parameters=[{"in": "query", "schema": AuditQuery}],
    )
    @found.response(200, AuditPage)
    @found.alt_response(422, http.HTTPStatus(422).name)
    @requires("audit.read")
    def listed() -> Response:
        if g.caller.teams is not None:
            raise NotAllowedError("the audit trail tells of all teams; a key that is limited to some may not see it")
        asked = read_query(query)
        limit, cursor = asked.pop("limit"), asked.pop("cursor", None)
        period = asked.pop("period", None)
        since, until = (None, None) if period is None else instants_of(period, services.settings.time_zone)
        filters = AuditFilter(**asked, since=since, until=until)
        with services.store().database.reading() as connection:
            entries, after = read_audit(connection, filters, None if cursor is None else int(cursor), limit)
        page = {"entries": [asdict(entry) for entry in entries], "next_cursor": None if after is None else str(after)}
        return answer(plain(page))

    return found
