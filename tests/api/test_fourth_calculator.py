"""A calculator more needs no edit in schema and api: its route, its body and its documentation come by themselves."""

import dataclasses

import numpy as np
import pytest

from csi_service.app import create_app
from csi_service.core import calculators, composite, weights
from csi_service.core.index import aggregate
from csi_service.core.indicator import Calculator, Indicator, leaf, ratio
from tests.api.ask import COMPOSITE, calculate, inline, refuse
from tests.keys import keyed
from tests.make import make_weights


@dataclasses.dataclass(frozen=True)
class Parameters:
    goal: float


def read(table):
    parameters = Parameters(table.number("goal", 1, above=0, most=1))
    table.close()
    return parameters


def containment(measures, parameters):
    return ratio(measures["chats_solved"], measures["chats"])


def index(ratios, parameters, minimum_coverage):
    child = leaf("containment", ratios["containment"], np.minimum(ratios["containment"].value / parameters.goal, 1))
    return aggregate("digital", [child], {"containment": 1.0}, minimum_coverage)


DIGITAL = Calculator(
    "digital", "D-CSI", read, index, (Indicator("containment", "fraction", ("chats_solved", "chats"), containment),)
)


@pytest.fixture
def client(monkeypatch, services, viewer_key):
    four = (*calculators.CALCULATORS, DIGITAL)
    for module in (calculators, composite, weights):
        monkeypatch.setattr(module, "CALCULATORS", four)
    return keyed(create_app(services), viewer_key)


def test_it_has_its_route(client):
    body = {"containment": {"chats": 100, "chats_solved": 60}, "weights": {"digital": {"goal": 0.8}}}
    answer = calculate(client, "digital", body)
    assert (answer["node"], answer["parts"]["containment"]["node"]) == ("csi.digital", "csi.digital.containment")
    assert answer["value"] == pytest.approx(0.75)
    wrong = {"containment": {"numerator": 3, "denominator": 2}, "weights": {"digital": {}}}
    assert refuse(client, "/api/v1/calculate/digital", wrong) == [("/containment/numerator", "count_exceeds_n")]


def test_it_enters_the_composite_where_the_weights_say_so(client):
    digital = {"digital": {"containment": {"numerator": 6, "denominator": 10}}}
    changed = {"csi": {"total": 4, "internal": 1, "external": 1, "complaint": 1, "digital": 1}, "digital": {}}
    answer = calculate(client, "composite", COMPOSITE | digital | {"weights": inline(changed)})
    assert answer["value"] == pytest.approx((0.8977777777777778 + 0.92 + 0.775 + 0.6) / 4, abs=1e-12)
    old = calculate(client, "composite", COMPOSITE)
    assert "digital" not in old["parts"]
    assert old["weights"]["digest"] == make_weights().digest


def test_it_is_documented(client):
    document = client.get("/openapi.json").json
    assert "/api/v1/calculate/digital" in document["paths"]
    assert "containment" in document["components"]["schemas"]["CalculateDigital"]["properties"]
    assert "digital" in document["components"]["schemas"]["CalculateComposite"]["properties"]
