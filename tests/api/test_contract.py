"""The service against its own OpenAPI document: every check that schemathesis has, on made-up requests.

One allowance: a body that fits its schema may be refused where what is wrong is a relation that JSON Schema cannot
state, and then only with the codes of such relations.
"""

import json

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import positive_data_acceptance

from csi_service.app import create_app
from csi_service.services import build_services
from csi_service.settings import load_settings

RELATIONS = {
    "count_exceeds_n",  # a numerator above its denominator
    "negative",  # more reactivated tickets than closed ones
    "range",  # a quotient beyond 1e15
    "missing_count",  # a count that the weights' method needs
    "method",  # bare values where responses are pooled
    "unknown_weights",
    "no_weights",
    "period",  # a day that no month has
    "duplicate",  # a batch twice
    "missing",  # the weight of a batch, with weighting explicit
    "weights_sum",
    "shape",  # toml and document together
}

schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app(build_services(load_settings({}))))


def related(response) -> bool:
    """Tell whether a refusal is about relations only; a set sent along has rules of its own below /weights."""
    if response.status_code != 422:
        return False
    entries = json.loads(response.content)["errors"]
    return all(entry["code"] in RELATIONS or entry["pointer"].startswith("/weights") for entry in entries)


@schema.parametrize()
@settings(max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_its_own_contract(case):
    response = case.call()
    case.validate_response(response, excluded_checks=[positive_data_acceptance] if related(response) else [])
