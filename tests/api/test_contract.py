"""The service against its own OpenAPI document: every check that schemathesis has, on made-up requests.

One allowance: a body that fits its schema may be refused where what is wrong is a relation that JSON Schema cannot
state, and then only with the codes of such relations.
"""

import json
import tempfile

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import positive_data_acceptance
from schemathesis.specs.openapi.checks import missing_required_header

from csi_service.app import create_app
from csi_service.services import build_services
from csi_service.settings import load_settings
from csi_service.store import import_queue
from tests.keys import bearer, new_key

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
    "no_calls",  # a plan for a period without calls
    "unknown_call",  # a plan for calls that are not kept
    "exceeds_stratum",  # a plan for more calls than are kept
    "idempotency_key",  # a key that came with another request
    "rule",  # a score outside its scale, a closing before its opening
    "future",  # an instant more than a day ahead
    "instant",  # an offset beyond 14 hours, a leap second
    "dimension",  # more than two, or one twice
    "unknown_node",
    "cursor",
    "order",  # from after to
    "too_many",  # points of a series
    "unknown_form",
    "unknown_item",  # an answer that the form does not ask for
    "form_version",  # of a list: alone it is a conflict
    "not_drawn",  # a rating in a plan that does not hold its call
}

folder = tempfile.TemporaryDirectory()  # requests are made while tests are collected, before there is any fixture
services = build_services(load_settings({"CSI_DATA": folder.name}))
schema = schemathesis.openapi.from_wsgi("/openapi.json", create_app(services))


@pytest.fixture(scope="module")
def key():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_queue, "start_worker", lambda settings: None)  # imports are only taken in
        yield new_key(services, "admin")
    services.store().database.close()
    folder.cleanup()


def related(response) -> bool:
    """Tell whether a refusal is about relations only; sets and mappings sent along have rules of their own."""
    if response.status_code != 422:
        return False
    entries = json.loads(response.content)["errors"]
    own_rules = ("/weights", "/mapping", "/time_zone")
    return bool(entries) and all(
        entry["code"] in RELATIONS or entry["pointer"].startswith(own_rules) for entry in entries
    )


@schema.parametrize()
@settings(max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
def test_the_service_keeps_its_own_contract(case, key):
    headers = bearer(key) | {"Accept-Encoding": "identity"}  # schemathesis does not unpack what it gets from WSGI
    response = case.call(headers=headers)
    allowed = [positive_data_acceptance] if related(response) else []
    if response.status_code == 428:  # says the same of If-Match as 400 would, and more exactly
        allowed.append(missing_required_header)
    case.validate_response(response, headers=headers, excluded_checks=allowed)
