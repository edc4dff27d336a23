"""GET /ratings/rollup: level shares of a period by group."""

import dataclasses
import http
from typing import Any

from flask import Response, g
from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import dumps, told
from csi_service.api.kept_answers import CSV, KeptAnswers, Made
from csi_service.api.kept_scores import query_of
from csi_service.api.query import read_query
from csi_service.schema.kept_scores import LISTS
from csi_service.schema.rating_shares import RatingShares, RollupQuery
from csi_service.services import Services

_ABOUT = (
    "Random samples alone enter the shares, each batch weighing the calls that it stands for; targeted and calibration "
    "samples are listed apart, batches without ratings are named. A calibration is left out for who has still calls to "
    "judge in it. Accept: text/csv gives the groups as CSV. The answer has an ETag; If-None-Match is answered with 304 "
    "while nothing has changed."
)


def blueprint(services: Services) -> Blueprint:
    """Return the route."""
    found = Blueprint(
        "rating_shares", __name__, url_prefix="/api/v1/ratings", description="Quality raters' judgement of a period."
    )
    answers, query = KeptAnswers(services), RollupQuery()

    @requires("ratings.read")
    def view() -> Response:
        return answers.answer(lambda media: _make(services, read_query(query, LISTS), media), g.caller.name)

    documented = found.response(200, RatingShares)(view)
    for status in (304, 406, 422, 503):
        documented = found.alt_response(status, http.HTTPStatus(status).name)(documented)
    texts = {
        "operationId": "get_rating_shares",
        "summary": "Level shares of a period's ratings",
        "description": _ABOUT,
        "parameters": [{"in": "query", "schema": RollupQuery}],
    }
    view.__dict__["_apidoc"] = found.doc(**texts)(documented)._apidoc
    found.route("/rollup", endpoint="rollup", methods=["GET"])(view)
    return found


def _make(services: Services, asked: dict[str, Any], media: str) -> Made:
    from csi_service.report.rating_shares import rollup_body, rollup_csv
    from csi_service.store.rating_shares import read_rating_shares

    query, sets = dataclasses.replace(query_of(services, asked), reader=g.caller.name), services.dated_weights()
    rollup = read_rating_shares(services.store(), sets, asked["period"], query, services.today())
    if media == CSV:
        return Made(rollup_csv(rollup), rollup.revision)
    return Made(dumps(told(rollup_body(rollup))), rollup.revision)
