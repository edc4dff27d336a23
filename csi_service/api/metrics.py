"""GET /metrics: what happened, for Prometheus, summed over all workers."""

from flask import Response, g
from flask_smorest import Blueprint
from marshmallow import fields
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from csi_service import metrics
from csi_service.api.auth import requires
from csi_service.errors import NotAllowedError
from csi_service.services import Services
from csi_service.store.gauges import Gauges


def blueprint(services: Services) -> Blueprint:
    """Return the route."""
    found = Blueprint("metrics", __name__, description="For Prometheus.")

    @found.route("/metrics", methods=["GET"])
    @found.doc(
        operationId="metrics",
        summary="Counts and durations since the start",
        description="In Prometheus's text format, over all worker processes; counts of imports are those of the store.",
    )
    @found.response(200, fields.String(), content_type="text/plain")
    @requires("metrics.read")
    def read() -> Response:
        if g.caller.teams is not None:
            raise NotAllowedError("the metrics tell of all teams; a key that is limited to some may not see them")
        body = generate_latest(metrics.registry(Gauges(services.store())))
        return Response(body, content_type=CONTENT_TYPE_LATEST)

    return found
