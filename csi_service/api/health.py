"""GET /healthz: the process answers. GET /readyz: it can do its work."""

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from csi_service.api.body import answer
from csi_service.core.weights import in_effect
from csi_service.errors import NotFoundError, OperatorError
from csi_service.language import message_of
from csi_service.services import Services
from csi_service.store.folder import check_database


class Health(Schema):
    """The state of the service."""

    status = fields.String(required=True)


def blueprint(services: Services) -> Blueprint:
    """Return the two routes."""
    found = Blueprint("health", __name__, description="For load balancers and orchestrators.")

    @found.route("/healthz", methods=["GET"])
    @found.doc(operationId="healthz", summary="The process answers")
    @found.response(200, Health)
    def healthz() -> Response:
        return answer({"status": "ok"})

    @found.route("/readyz", methods=["GET"])
    @found.doc(
        operationId="readyz",
        summary="The service can do its work",
        description="The database answers and is of this program's version; the weights of today can be read.",
    )
    @found.response(200, Health)
    @found.alt_response(503, "SERVICE_UNAVAILABLE")
    def readyz() -> Response:
        check_database(services.store())
        try:
            in_effect(services.dated_weights(), services.today())
        except NotFoundError as error:
            raise OperatorError(message_of(error)) from error
        return answer({"status": "ready"})

    return found
