import pytest
from marshmallow import ValidationError

from csi_service.core.calculators import complaint, external, internal
from csi_service.schema.calculate import component_schema, composite_schema

INTERNAL = component_schema(internal.CALCULATOR)
EXTERNAL = component_schema(external.CALCULATOR)
COMPOSITE = composite_schema((internal.CALCULATOR, external.CALCULATOR, complaint.CALCULATOR))


@pytest.mark.parametrize(
    "evidence",
    [
        {"numerator": 1, "denominator": 2},
        {"value": 0.5},
        {"answered_timed": 3, "contacts_abandoned": 1, "answered_within_threshold": 2},
        None,
    ],
)
def test_a_figure_is_given_in_one_of_three_shapes_or_null(evidence):
    assert INTERNAL.load({"sla": evidence}) == {"sla": evidence}


@pytest.mark.parametrize(
    ("evidence", "messages"),
    [
        ({}, {"sla": ["is empty"]}),
        ({"numerator": 1}, {"sla": {"denominator": ["is missing"]}}),
        ({"value": 0.5, "numerator": 1}, {"sla": ["mixes numerator, value"]}),
        ({"value": 0.5, "numerator": 1, "denominator": 2}, {"sla": ["mixes denominator, numerator, value"]}),
        ({"value": 0.5, "answered_timed": 1}, {"sla": ["mixes answered_timed, value"]}),
        ({"wert": 0.5}, {"sla": {"wert": ["is not a known key here"]}}),
        ({"value": 1.1}, {"sla": {"value": ["is 1.1; give a number from 0 to 1"]}}),
        (
            {"numerator": -1, "denominator": True},
            {"sla": {"numerator": ["is -1"], "denominator": ["must be a number"]}},
        ),
        ({"answered_timed": 1.5}, {"sla": {"answered_timed": ["is 1.5; give a whole number"]}}),
        (0.85, {"sla": ["must be an object, found a number"]}),
        ([1, 2], {"sla": ["must be an object, found a list"]}),
    ],
)
def test_any_other_shape_is_refused_where_it_is_wrong(evidence, messages):
    with pytest.raises(ValidationError) as caught:
        INTERNAL.load({"sla": evidence})
    assert starts(caught.value.messages, messages)


def starts(found: object, expected: object) -> bool:
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(starts(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, list):
        return isinstance(found, list) and all(
            text.startswith(start) for text, start in zip(found, expected, strict=True)
        )
    return False


def test_a_mean_time_may_exceed_one():
    assert INTERNAL.load({"aht": {"value": 360}}) == {"aht": {"value": 360}}


def test_a_quotient_that_overflows_is_refused():
    with pytest.raises(ValidationError) as caught:
        INTERNAL.load({"aht": {"numerator": 1e15, "denominator": 1e-300}})
    assert caught.value.messages.keys() == {"aht"}


def test_sums_of_fractions_need_not_be_whole():
    assert INTERNAL.load({"qa": {"evaluation_scores": 0.9, "evaluations": 1}})["qa"]["evaluation_scores"] == 0.9


def test_a_channel_of_null_is_left_out():
    body = {"channels": {"ivr": {"value": 0.9}, "sms": None}}
    assert EXTERNAL.load(body) == {"channels": {"ivr": {"value": 0.9}}}


@pytest.mark.parametrize("name", ["", "a.b", "a\n", "x" * 65, "\ud800"])
def test_a_channel_has_a_plain_name(name):
    with pytest.raises(ValidationError) as caught:
        EXTERNAL.load({"channels": {name: {"value": 0.9}}})
    assert caught.value.messages == {
        "channels": {name: ["is no channel name; 1 to 64 characters, no dot and no control character"]}
    }


def test_a_component_is_given_by_evidence_or_value():
    body = {"internal": {"value": 0.9}, "external": {"channels": {"ivr": {"value": 0.9}}}, "complaint": None}
    assert COMPOSITE.load(body) == body


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"internal": {"value": 1.2}}, {"internal": {"value": ["is 1.2"]}}),
        ({"internal": {"sla": {"value": 2}}}, {"internal": {"sla": {"value": ["is 2"]}}}),
        ({"internal": {"value": 0.9, "sla": None}}, {"internal": {"value": ["is not a known key here"]}}),
        ({"internal": 0.9}, {"internal": ["must be an object, found a number"]}),
        ({"digital": {}}, {"digital": ["is not a known key here; known are internal, external, complaint"]}),
    ],
)
def test_a_component_that_is_neither_is_refused(body, messages):
    with pytest.raises(ValidationError) as caught:
        COMPOSITE.load(body)
    assert starts(caught.value.messages, messages)
