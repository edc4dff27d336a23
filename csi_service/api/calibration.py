"""GET /calibration: whether raters judge alike."""

import http

from flask import Response, g
from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import answer
from csi_service.api.query import read_query
from csi_service.schema.calibration import CalibrationBody, CalibrationQuery, calibration_body
from csi_service.schema.scores import plain
from csi_service.services import Services

_ABOUT = (
    "From the ratings of calls that several people rated, whatever they were rated for. With poor agreement "
    "publish_levels is false. Scores are never corrected by it."
)


def blueprint(services: Services) -> Blueprint:
    """Return the route."""
    found = Blueprint("calibration", __name__, url_prefix="/api/v1/calibration", description="Agreement of raters.")
    query = CalibrationQuery()

    @found.route("", methods=["GET"], endpoint="get")
    @found.doc(
        operationId="get_calibration",
        summary="Whether raters judge alike",
        description=_ABOUT,
        parameters=[{"in": "query", "schema": CalibrationQuery}],
    )
    @found.response(200, CalibrationBody)
    @found.alt_response(404, http.HTTPStatus(404).name)
    @found.alt_response(422, http.HTTPStatus(422).name)
    @found.alt_response(503, http.HTTPStatus(503).name)
    @requires("calibration.read")
    def get() -> Response:
        from csi_service.store.calibration import calibrate  # it works with pandas, which takes its time to load

        asked = read_query(query)
        period, batch = asked.get("period"), asked.get("batch")
        agreement = calibrate(services.store(), period, batch, g.caller)
        return answer(plain(calibration_body(agreement, period and period.label, batch)))

    return found
