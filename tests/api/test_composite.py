import pytest

from tests.api.ask import COMPLAINT, COMPOSITE, EXTERNAL, INTERNAL, calculate, inline, refuse
from tests.make import GONE

URL = "/api/v1/calculate/composite"


def test_the_example_of_the_issue(client):
    answer = calculate(client, "composite", COMPOSITE)
    assert answer["value"] == pytest.approx((0.8977777777777778 + 0.92 + 0.775) / 3, abs=1e-12)
    assert answer["value"] == pytest.approx(0.8642592592592593, abs=1e-12)
    assert (answer["node"], answer["usual_order"], answer["partial"], answer["reason"]) == ("csi", False, False, None)
    assert answer["parts"]["internal"]["parts"]["qa"]["node"] == "csi.internal.qa"
    assert sum(part["contribution"] for part in answer["parts"].values()) == pytest.approx(answer["value"], abs=1e-12)


def test_finished_values_give_the_same(client):
    body = {"internal": {"value": 0.8977777777777778}, "external": {"value": 0.92}, "complaint": {"value": 0.775}}
    answer = calculate(client, "composite", body)
    assert answer["value"] == pytest.approx(0.8642592592592593, abs=1e-12)
    assert answer["usual_order"] is False
    assert {part["evidence"] for part in answer["parts"].values()} == {"value"}
    assert calculate(client, "composite", body | {"complaint": COMPLAINT})["value"] == pytest.approx(
        answer["value"], abs=1e-12
    )


def test_the_usual_order_is_told(client):
    answer = calculate(
        client, "composite", {"internal": {"value": 0.7}, "external": {"value": 0.9}, "complaint": {"value": 0.8}}
    )
    assert answer["usual_order"] is True


@pytest.mark.parametrize("absent", [{}, {"complaint": None}, {"complaint": {}}])
def test_one_missing_component_makes_it_partial(client, absent):
    answer = calculate(client, "composite", {"internal": INTERNAL, "external": EXTERNAL} | absent)
    assert answer["value"] == pytest.approx((0.8977777777777778 + 0.92) / 2, abs=1e-12)
    assert (answer["partial"], answer["missing"], answer["usual_order"]) == (True, ["complaint"], None)


def test_two_missing_components_leave_no_value(client):
    answer = calculate(client, "composite", {"external": EXTERNAL})
    assert (answer["value"], answer["reason"], answer["missing"]) == (None, "coverage", ["internal", "complaint"])
    assert answer["partial_value"] == pytest.approx(0.92, abs=1e-12)


def test_nothing_is_no_data(client):
    assert calculate(client, "composite", {})["reason"] == "no_data"


def test_the_outlook_comes_along(client):
    body = COMPOSITE | {"internal": INTERNAL | {"delight": {"numerator": 6, "denominator": 100}}}
    assert calculate(client, "composite", body)["outlook"]["outlook"] == "optimistic"


def test_problems_stand_at_their_places(client):
    body = {
        "internal": {"sla": {"numerator": 2, "denominator": 1}},
        "external": {"channels": {"a/b": {"numerator": 2, "denominator": 1}}},
    }
    assert refuse(client, URL, body) == [
        ("/internal/sla/numerator", "count_exceeds_n"),
        ("/external/channels/a~1b/numerator", "count_exceeds_n"),
    ]
    bare = {"external": {"channels": {"ivr": {"value": 0.9}, "sms": {"value": 0.8}}}}
    assert refuse(client, URL, bare) == [("/external/channels/ivr", "method")]
    wrong = {"internal": {"sla": 1, "x": 1}, "external": {"value": 2}, "digital": {}}
    assert {pointer for pointer, _ in refuse(client, URL, wrong)} == {
        "/internal/sla",
        "/internal/x",
        "/external/value",
        "/digital",
    }
    delight = {"internal": {"delight": {"numerator": 2, "denominator": 1}}}
    assert refuse(client, URL, delight) == [("/internal/delight/numerator", "count_exceeds_n")]


def test_a_set_that_weighs_two_components(client):
    weights = inline({"csi": {"total": 4, "internal": 3, "complaint": 1}, "external": GONE})
    answer = calculate(client, "composite", COMPOSITE | {"weights": weights})
    assert answer["value"] == pytest.approx((3 * 0.8977777777777778 + 0.775) / 4, abs=1e-12)
    assert answer["warnings"] == ["external is given, but the weights inline do not weigh it in csi"]
    assert "usual_order" not in answer


def test_a_set_without_csi_is_told(client):
    assert refuse(client, URL, COMPOSITE | {"weights": {"complaint": {}}}) == [("/weights", "weights_keys")]


def test_only_the_evidence_needs_a_table_of_its_component(client):
    weights = {"csi": {"internal": 0.5, "external": 0.5}}
    body = {"internal": {"value": 0.8}, "external": {"value": 0.9}, "weights": weights}
    assert calculate(client, "composite", body)["value"] == pytest.approx(0.85, abs=1e-12)
    assert refuse(client, URL, body | {"internal": INTERNAL}) == [("/weights", "weights_keys")]
