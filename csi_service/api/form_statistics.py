"""GET /evaluations/statistics: what evaluations by QA forms came to, item by item and rater by rater."""

import http

from flask import Response, g
from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import answer
from csi_service.api.query import read_query
from csi_service.schema.evaluations import StatisticsQuery
from csi_service.schema.form_statistics import FormStatisticsBody
from csi_service.schema.kept_scores import LISTS
from csi_service.services import Services

_ABOUT = (
    "Critical failures stand beside the mean, which is told with them and as if they zeroed nothing. Evaluations of "
    "random samples only, unless selection says otherwise."
)


def blueprint(services: Services) -> Blueprint:
    """Return the route."""
    found = Blueprint(
        "form_statistics", __name__, url_prefix="/api/v1/evaluations", description="Evaluations by forms, summed up."
    )
    query = StatisticsQuery()

    @found.route("/statistics", methods=["GET"], endpoint="statistics")
    @found.doc(
        operationId="get_form_statistics",
        summary="Evaluations by QA forms, summed up",
        description=_ABOUT,
        parameters=[{"in": "query", "schema": StatisticsQuery}],
    )
    @found.response(200, FormStatisticsBody)
    @found.alt_response(422, http.HTTPStatus(422).name)
    @found.alt_response(503, "SERVICE_UNAVAILABLE")
    @requires("rating.read")
    def statistics() -> Response:
        from csi_service.report.form_statistics import statistics_body
        from csi_service.store.evaluations import Wanted
        from csi_service.store.form_statistics import read_form_statistics

        asked = read_query(query, LISTS - {"team", "agent"})
        keys, selection = asked.pop("by", ()), asked.pop("selection")
        wanted = Wanted(**asked, reader=g.caller.name)
        told = read_form_statistics(services.store(), wanted, selection, keys, g.caller.teams)
        about = {"period": asked["period"].label, "selection": selection}
        return answer(about | statistics_body(told, keys))

    return found
