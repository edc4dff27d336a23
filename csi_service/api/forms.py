"""GET /forms and GET /forms/<name>: the QA forms (质检规则) that evaluations are made by."""

from flask import Response
from flask_smorest import Blueprint

from csi_service.api.auth import requires
from csi_service.api.body import answer, spoken, told
from csi_service.core.forms import in_effect
from csi_service.errors import FormError, NotFoundError
from csi_service.language import told_problem
from csi_service.schema.forms import FormsList, FormWhole, named_body, whole_body
from csi_service.services import Services

_NAME = {
    "in": "path",
    "name": "name",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "description": "the file's name without its ending",
}


def blueprint(services: Services) -> Blueprint:
    """Return the routes."""
    found = Blueprint("forms", __name__, url_prefix="/api/v1/forms", description="QA forms: sections, items, points.")

    @found.route("", methods=["GET"], endpoint="list")
    @found.doc(
        operationId="list_forms",
        summary="All forms",
        description="Those of the folder forms in the data folder, over the shipped ones. One that breaks its rules is "
        "listed with its problems.",
    )
    @found.response(200, FormsList)
    @requires("form.read")
    def listed() -> Response:
        readable, rows = [], []
        for name in services.forms.names():
            try:
                form = services.forms.get(name)
            except FormError as error:
                rows.append(named_body(name, None, [told_problem(problem, spoken()) for problem in error.problems]))
            else:
                readable.append(form)
                rows.append(named_body(name, form, []))
        try:
            current = in_effect(readable, services.today()).name
        except NotFoundError:
            current = None
        return answer({"today": services.today().isoformat(), "current": current, "forms": rows})

    @found.route("/<name>", methods=["GET"], endpoint="one", parameters=[_NAME])
    @found.doc(operationId="get_form", summary="One form with all its items")
    @found.response(200, FormWhole)
    @found.alt_response(404, "NOT_FOUND")
    @found.alt_response(503, "SERVICE_UNAVAILABLE")
    @requires("form.read")
    def one(name: str) -> Response:
        return answer(told(whole_body(services.forms.get(name))))

    return found
