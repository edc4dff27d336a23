"""GET /scores, /scores/series and /scores/<node>/evidence: scores out of the data folder."""

import http
from typing import Any
from urllib.parse import quote

from flask import Response, g, request
from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import dumps, told
from csi_service.api.kept_answers import CSV, KeptAnswers, Made
from csi_service.api.query import read_query
from csi_service.api.weights_choice import named
from csi_service.core.periods import spanning
from csi_service.core.told import Told
from csi_service.errors import InvalidInputError, Problem
from csi_service.facts.kinds import DIMENSIONS
from csi_service.schema.kept_scores import (
    LISTS,
    EvidenceBody,
    EvidenceQuery,
    KeptScores,
    ScoresQuery,
    Series,
    SeriesQuery,
)
from csi_service.services import Services

Asked = dict[str, Any]
# The use cases are imported when they are first asked for: what they work with takes its time to load.


def blueprint(services: Services) -> Blueprint:
    """Return the three routes."""
    found = Blueprint("scores", __name__, url_prefix="/api/v1/scores", description="Scores of the data that are kept.")
    answers = KeptAnswers(services)
    scores, series, evidence = ScoresQuery(), SeriesQuery(), EvidenceQuery()

    def route(path: str, query: type, answered: type, **texts: Any) -> Any:
        def decorate(view: Any) -> Any:
            documented = found.response(200, answered)(requires("score.read")(view))
            for status in (304, 406, 422, 503):
                documented = found.alt_response(status, http.HTTPStatus(status).name)(documented)
            parameters = [{"in": "query", "schema": query}]
            view._apidoc = found.doc(parameters=parameters, **texts)(documented)._apidoc
            return found.route(path, methods=["GET"], parameters=_PATH if "<" in path else None)(view)

        return decorate

    @route("", ScoresQuery, KeptScores, operationId="get_scores", summary="Scores of a period", description=_SCORES)
    def get_scores() -> Response:
        return answers.answer(lambda media: _scores(services, read_query(scores, LISTS), media))

    @route("/series", SeriesQuery, Series, operationId="get_series", summary="Scores over time", description=_SERIES)
    def get_series() -> Response:
        return answers.answer(lambda media: _series(services, read_query(series, LISTS), media))

    @route(
        "/<node>/evidence",
        EvidenceQuery,
        EvidenceBody,
        operationId="get_evidence",
        summary="What a score rests on",
        description=_EVIDENCE,
    )
    def get_evidence(node: str) -> Response:
        return answers.answer(lambda media: _evidence(services, node, read_query(evidence, LISTS), media))

    return found


_PATH = [
    {
        "in": "path",
        "name": "node",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "description": "dotted key: csi, csi.internal, csi.internal.sla, csi.external.sms, outlook, ratings ...",
    }
]
_MEDIA = (
    "Accept: text/csv gives the rows as CSV; what JSON tells besides them stands in the header CSI-About then, "
    "and the next page in Link. The answer has an ETag; If-None-Match is answered with 304 while nothing has changed."
)
_SCORES = (
    "By group and in total, the total of all groups and not of the page alone. A member that no record has gives an "
    f"empty answer with a hint. {_MEDIA}"
)
_SERIES = f"At most 500 points, and 5,000 points x groups; a week or month cut off at an end is a range. {_MEDIA}"
_EVIDENCE = f"Numerator, denominator, what was left out and why, and the counters by day, as far as kept. {_MEDIA}"


def query_of(services: Services, asked: Asked) -> Any:
    """Return what a loaded query asks the store for, within what the caller sees."""
    from csi_service.store.reading import Query

    filters = {name: asked[name] for name in DIMENSIONS if name in asked}
    weights = named(services, asked["weights"]) if "weights" in asked else None
    return Query(asked.get("by", ()), filters, weights, g.caller.teams)


def _scores(services: Services, asked: Asked, media: str) -> Made:
    from csi_service.report import readings
    from csi_service.store import pages
    from csi_service.store.reading import check_node, nodes_of, read_scores

    query = query_of(services, asked)
    reading = read_scores(services.store(), services.dated_weights(), asked["period"], query, services.today())
    (point,) = reading.points
    paging = pages.Paging(asked.get("sort", ""), asked["limit"], asked.get("cursor"))
    if (name := paging.sort.removeprefix("-")) not in ("", *query.keys):
        check_node(name, "/sort", point.weights, query.keys)
    places, cursor = (
        ([], None) if point.by_group is None else pages.page(point.by_group, nodes_of(point.by_group), paging)
    )
    about = told(readings.span_body(point) | readings.about(reading) | {"next_cursor": cursor})
    rows = readings.flat(point, places, asked["depth"])
    if media == CSV:
        link = {} if cursor is None else {"Link": f'<{_next(cursor)}>; rel="next"'}
        return Made(readings.as_csv(query.keys, rows), reading.revision, _about(about) | link)
    whole = {"rows": list(rows)} if asked["shape"] == "flat" else readings.nested(point, places, asked["depth"])
    return Made(dumps(about | whole), reading.revision)


def _next(cursor: str) -> str:
    others = [(name, text) for name, text in request.args.items(multi=True) if name != "cursor"]
    return f"{request.path}?{'&'.join(f'{quote(name)}={quote(text)}' for name, text in [*others, ('cursor', cursor)])}"


def _about(about: Asked) -> dict[str, str]:
    from csi_service.report.readings import header_text

    return {"CSI-About": header_text(about)}


def _series(services: Services, asked: Asked, media: str) -> Made:
    from csi_service.report import readings
    from csi_service.store.reading import read_series

    first, last = asked["from_"].first, asked["to"].last
    if last < first:
        text = Told("ends on {last}, before from begins ({first}); give a later one", last=last, first=first)
        raise InvalidInputError(Problem("/to", text, asked["to"].label, "order"))
    query, sets = query_of(services, asked), services.dated_weights()
    reading = read_series(services.store(), sets, spanning(first, last), asked["grain"], query, services.today())
    days = {"first": first.isoformat(), "last": last.isoformat(), "grain": asked["grain"]}
    about = told(days | readings.about(reading))
    rows = (row for point in reading.points for row in readings.flat(point, None, asked["depth"]))
    if media == CSV:
        return Made(readings.as_csv(query.keys, rows), reading.revision, _about(about))
    if asked["shape"] == "flat":
        return Made(dumps(about | {"rows": list(rows)}), reading.revision)
    points = [readings.span_body(point) | readings.nested(point, None, asked["depth"]) for point in reading.points]
    return Made(dumps(about | {"points": points}), reading.revision)


def _evidence(services: Services, node: str, asked: Asked, media: str) -> Made:
    from csi_service.report import readings
    from csi_service.store.evidence import read_evidence

    query, sets = query_of(services, asked), services.dated_weights()
    evidence = read_evidence(services.store(), sets, node, asked["period"], query, services.today())
    reading = evidence.reading
    about = told(readings.span_body(reading.points[0]) | readings.about(reading))
    if media == CSV:
        return Made(readings.evidence_csv(evidence), reading.revision, _about(about))
    return Made(dumps(about | readings.evidence_body(evidence)), reading.revision)
