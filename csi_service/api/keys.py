"""GET /key: what the service knows of the caller's own key."""

from flask import Response, g
from flask_smorest import Blueprint

from csi_service.access import Caller
from csi_service.api.auth import requires
from csi_service.api.body import answer
from csi_service.schema.keys import OwnKey
from csi_service.schema.scores import plain
from csi_service.services import Services


def blueprint(services: Services) -> Blueprint:
    """Return the route."""
    found = Blueprint("keys", __name__, url_prefix="/api/v1/key", description="The key that a request comes with.")

    @found.route("", methods=["GET"], endpoint="own")
    @found.doc(operationId="get_own_key", summary="Your own key: whose it is, its role, its teams, its end")
    @found.response(200, OwnKey)
    @requires("key.read")
    def own() -> Response:
        caller: Caller = g.caller
        names = ("name", "prefix", "role", "teams", "agent", "expires_at")
        return answer(plain({name: getattr(caller, name) for name in names}))

    return found
