"""GET /weights, GET /weights/<name> and POST /weights/check."""

from typing import Any

from flask import Response
from marshmallow import ValidationError
from werkzeug.routing import BaseConverter

from csi_service.api.auth import requires
from csi_service.api.blueprint import BodyBlueprint
from csi_service.api.body import answer, spoken, told
from csi_service.api.weights_choice import names_of
from csi_service.core.weights import in_effect, read_weights
from csi_service.errors import InvalidInputError, NotFoundError, Problem, WeightsError
from csi_service.language import tell, told_problem
from csi_service.schema.fields import fault
from csi_service.schema.problem import entries, problems_of
from csi_service.schema.weights import (
    CheckBody,
    Checked,
    WeightsList,
    WeightsWhole,
    faults_of,
    faults_of_document,
    list_body,
    listed_body,
    read_toml,
    whole_body,
)
from csi_service.services import Services


class SetName(BaseConverter):
    """The name of a set in a path; `check` is no set but the route that checks one."""

    regex = "(?!check$)[^/]+"


def blueprint(services: Services) -> BodyBlueprint:
    """Return the routes of the weights."""
    found = BodyBlueprint(
        "weights", __name__, url_prefix="/api/v1/weights", description="Sets of weights, targets and methods."
    )

    @found.route("", methods=["GET"], endpoint="list")
    @found.doc(
        operationId="list_weights",
        summary="All sets",
        description="A set that breaks its rules is listed with its problems.",
    )
    @found.response(200, WeightsList)
    @requires("weights.read")
    def listed() -> Response:
        return answer(_list(services))

    @found.route("/<set_name:name>", methods=["GET"], endpoint="one", parameters=[_NAME])
    @found.doc(operationId="get_weights", summary="One set with its whole content")
    @found.response(200, WeightsWhole)
    @found.alt_response(404, "NOT_FOUND")
    @found.alt_response(503, "SERVICE_UNAVAILABLE")
    @requires("weights.read")
    def one(name: str) -> Response:
        names_of(services)
        return answer(told(whole_body(services.weights.get(name))))

    @found.route("/check", methods=["POST"], endpoint="check")
    @found.body(
        CheckBody(),
        {"toml": _EXAMPLE},
        Checked,
        operationId="check_weights",
        summary="Check a weights document",
        description=_CHECK,
    )
    @requires("weights.read")
    def check(body: dict[str, Any]) -> Response:
        return answer(_check(body))

    return found


_NAME = {
    "in": "path",
    "name": "name",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "not": {"const": "check"}},
    "description": "the file's name without its ending",
}
_CHECK = (
    "Give the text of a file as toml, or its content as document. "
    "A document that breaks its rules is answered with 200 and its problems."
)
_EXAMPLE = """title = "Ours"
effective = 2027-01-01
source = "Quality board"

[csi]
total = 3
internal = 1
external = 1
complaint = 1

[internal]
total = 100
sla = { parts = 25 }
aht = { parts = 5 }
fcr = { parts = 10 }
qa = { parts = 60 }

[external]

[complaint]
multiplier = 25
"""


def _list(services: Services) -> dict[str, Any]:
    readable, listed = [], []
    for name in names_of(services):
        try:
            weights = services.weights.get(name)
        except WeightsError as error:
            listed.append(listed_body(name, None, [told_problem(problem, spoken()) for problem in error.problems]))
        else:
            readable.append(weights)
            listed.append(listed_body(name, weights, []))
    today = services.today()
    try:
        current = in_effect(readable, today).name
    except NotFoundError:
        current = None
    return list_body(today, current, listed)


def _check(body: dict[str, Any]) -> dict[str, Any]:
    if len(body) != 1:
        raise InvalidInputError(Problem("", "give either toml or document", code="shape"))
    (key,) = body
    try:
        document = read_toml(body["toml"]) if key == "toml" else body["document"]
        faults = faults_of_document(document)
        if not faults:
            weights = read_weights(document, key)
            warnings = [tell(warning, spoken()) for warning in weights.warnings]
            return {"valid": True, "digest": weights.digest, "problems": [], "warnings": warnings}
    except WeightsError as error:
        faults = [fault(problem.message, problem.code, (), problem.found) for problem in error.problems]
        if error.problems[0].code != "syntax":
            faults = faults_of(error, document)
    root = body if key == "document" else {"toml": {}}
    problems = problems_of(ValidationError({key: faults}), root)
    return {"valid": False, "digest": None, "problems": entries(problems, spoken()), "warnings": []}
