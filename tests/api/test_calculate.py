import pytest

from csi_service.core.calculators.internal import SERVICE_LEVEL_METHODS
from tests.api.ask import COMPLAINT, EXTERNAL, INTERNAL, calculate, inline, refuse
from tests.make import GONE

URL = "/api/v1/calculate/"
DAY = {"answered_timed": 1000, "contacts_abandoned": 60, "answered_within_threshold": 860}
DAY |= {"abandoned_within_threshold": 20, "abandoned_short": 10}


def test_the_internal_example_of_the_issue(client):
    answer = calculate(client, "internal", INTERNAL)
    values = {name: part["value"] for name, part in answer["parts"].items()}
    assert values == pytest.approx({"sla": 0.85 / 0.9, "aht": 300 / 360, "fcr": 0.8, "qa": 0.9}, abs=1e-12)
    assert answer["value"] == pytest.approx(0.25 * 0.85 / 0.9 + 0.05 * 300 / 360 + 0.1 * 0.8 + 0.6 * 0.9, abs=1e-12)
    assert answer["value"] == pytest.approx(0.8977777777777778, abs=1e-12)
    assert (answer["node"], answer["parts"]["sla"]["node"]) == ("csi.internal", "csi.internal.sla")
    assert sum(part["contribution"] for part in answer["parts"].values()) == pytest.approx(answer["value"], abs=1e-12)
    assert (answer["weights"]["name"], answer["warnings"], answer["missing"]) == ("default", [], [])


def test_bare_values_are_marked(client):
    bare = {"sla": {"value": 0.85}, "aht": {"value": 360}, "fcr": {"value": 0.8}, "qa": {"value": 0.9}}
    answer = calculate(client, "internal", bare)
    assert answer["value"] == pytest.approx(0.8977777777777778, abs=1e-12)
    assert {part["evidence"] for part in answer["parts"].values()} == {"value"}
    assert answer["parts"]["sla"]["numerator"] is None


OF_DAY = {  # 860 of 1,000 answered calls and 60 abandoned ones, of which 20 ended within the threshold, 10 at once
    "offered": 860 / (1000 + 60),
    "exclude_short": 860 / (1000 + 60 - 10),
    "credit_short": (860 + 10) / (1000 + 60),
    "late_abandons_only": 860 / (1000 + 60 - 20),
    "credit_abandons": (860 + 20) / (1000 + 60),
    "answered_only": 860 / 1000,
}


@pytest.mark.parametrize("method", SERVICE_LEVEL_METHODS)
def test_named_counts_are_counted_by_the_method_of_the_weights(client, method):
    answer = calculate(client, "internal", {"sla": DAY, "weights": inline({"internal.service_level.method": method})})
    assert answer["parts"]["sla"]["raw"] == pytest.approx(OF_DAY[method], abs=1e-12)
    assert answer["parts"]["sla"]["parameters"]["service_level_method"] == method


def test_counts_that_a_method_does_not_need_may_be_absent(client):
    counts = {"answered_timed": 1000, "answered_within_threshold": 860}
    weights = inline({"internal.service_level.method": "answered_only"})
    assert calculate(client, "internal", {"sla": counts, "weights": weights})["parts"]["sla"]["raw"] == 0.86


def test_a_count_that_the_method_needs_is_named(client):
    counts = {"tickets_closed": 100}
    assert refuse(client, f"{URL}internal", {"fcr": counts}) == [("/fcr/tickets_reactivated", "missing_count")]
    assert calculate(client, "internal", {"fcr": counts | {"tickets_reactivated": 8}})["parts"]["fcr"]["raw"] == 0.92
    whole = counts | {"tickets_reactivated": 8, "tickets_mature": 50}
    answer = calculate(client, "internal", {"fcr": whole})["parts"]["fcr"]
    assert (answer["mature_share"], answer["flags"]) == (0.5, ["provisional"])


def test_what_is_absent_or_null_is_missing(client):
    answer = calculate(
        client, "internal", {"sla": INTERNAL["sla"], "aht": INTERNAL["aht"], "fcr": INTERNAL["fcr"], "qa": None}
    )
    assert (answer["value"], answer["reason"], answer["missing"]) == (None, "coverage", ["qa"])
    assert answer["coverage"] == pytest.approx(0.4, abs=1e-12)
    assert answer["partial_value"] == pytest.approx((0.25 * 0.85 / 0.9 + 0.05 * 300 / 360 + 0.1 * 0.8) / 0.4, abs=1e-12)
    assert answer["parts"]["qa"]["reason"] == "not_given"


@pytest.mark.parametrize(
    ("name", "reason"), [("internal", "no_data"), ("external", "not_given"), ("complaint", "not_given")]
)
def test_no_evidence_is_no_value_with_its_reason(client, name, reason):
    answer = calculate(client, name, {})
    assert (answer["value"], answer["reason"]) == (None, reason)
    assert {part["reason"] for part in answer.get("parts", {}).values()} <= {"not_given"}


@pytest.mark.parametrize(
    ("name", "body"),
    [
        *[("internal", {figure: {"numerator": 0, "denominator": 0}}) for figure in INTERNAL],
        ("internal", {"sla": dict.fromkeys(DAY, 0)}),
        ("internal", {"fcr": {"tickets_closed": 0, "tickets_reactivated": 0, "tickets_mature": 0}}),
        (
            "external",
            {"channels": {"ivr": {"numerator": 0, "denominator": 0}, "sms": {"numerator": 0, "denominator": 0}}},
        ),
        ("complaint", {"complaints": {"numerator": 5, "denominator": 0}}),
        ("complaint", {"complaints": {"complaints_received": 5, "contacts_answered": 0}}),
    ],
)
def test_a_zero_denominator_is_no_data_and_no_error(client, name, body):
    answer = calculate(client, name, body)
    assert (answer["value"], answer["reason"]) == (None, "no_data")


def test_the_outlook_stands_beside(client):
    answer = calculate(client, "internal", INTERNAL | {"delight": {"numerator": 5, "denominator": 100}})
    assert (answer["outlook"]["outlook"], answer["outlook"]["value"]) == ("neutral", 0.05)
    assert answer["value"] == calculate(client, "internal", INTERNAL)["value"]
    assert "outlook" not in calculate(client, "internal", INTERNAL)
    nobody = calculate(client, "internal", {"delight": {"numerator": 0, "denominator": 0}})
    assert (nobody["outlook"]["outlook"], nobody["outlook"]["reason"]) == ("unknown", "no_data")


def test_the_external_example_of_the_issue(client):
    answer = calculate(client, "external", EXTERNAL)
    assert answer["value"] == pytest.approx(0.92, abs=1e-12)
    assert {name: part["value"] for name, part in answer["parts"].items()} == pytest.approx({"ivr": 0.94, "sms": 0.86})


def test_channels_may_be_given_as_counts(client):
    counts = {
        "ivr": {"responses": 150, "satisfied_responses": 141},
        "sms": {"responses": 50, "satisfied_responses": 43},
    }
    assert calculate(client, "external", {"channels": counts})["value"] == pytest.approx(0.92, abs=1e-12)


def test_bare_channels_cannot_be_pooled_by_responses(client):
    bare = {"channels": {"ivr": {"value": 0.94}, "sms": {"value": 0.86}}}
    assert refuse(client, f"{URL}external", bare) == [("/channels/ivr", "method")]
    assert calculate(client, "external", bare | {"weights": inline({"external.pooling": "equal"})})[
        "value"
    ] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("numerator", "value", "raw", "flags"),
    [(9, 0.775, 0.775, []), (60, 0, -0.5, ["floored"]), (2000, 0, -49, ["floored"])],
)
def test_the_complaint_examples_of_the_issue(client, numerator, value, raw, flags):
    answer = calculate(client, "complaint", {"complaints": {"numerator": numerator, "denominator": 1000}})
    assert answer["value"] == pytest.approx(value, abs=1e-12)
    assert answer["raw"] == pytest.approx(raw, abs=1e-12)
    assert answer["flags"] == flags


# --- bad figures


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *[(word, "non_finite") for word in (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"9" * 5000)],
        *[(word, "type") for word in (b'"3.5"', b"true", b"null", b"[1]")],
        (b"-0.1", "negative"),
        (b"1.01", "range"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_bad_number_is_refused_at_its_place(client, value, code):
    body = b'{"sla": {"value": ' + value + b'}, "qa": {"numerator": ' + value + b', "denominator": 1}}'
    found = refuse(client, f"{URL}internal", body)
    assert ("/sla/value", code) in found
    if value != b"1.01":
        assert found[1][0] == "/qa/numerator"
    if code == "non_finite":
        assert b'"value":"' in client.post(f"{URL}internal", data=body, content_type="application/json").data


def test_every_numerator_above_its_denominator_is_told(client):
    body = {name: {"numerator": 3, "denominator": 2} for name in ("sla", "fcr", "qa")} | {
        "aht": {"numerator": 3, "denominator": 2}
    }
    assert refuse(client, f"{URL}internal", body) == [
        (f"/{name}/numerator", "count_exceeds_n") for name in ("sla", "fcr", "qa")
    ]


def test_counts_that_contradict_each_other_are_refused(client):
    assert refuse(client, f"{URL}internal", {"sla": DAY | {"answered_within_threshold": 2000}}) == [
        ("/sla", "count_exceeds_n")
    ]
    assert refuse(client, f"{URL}internal", {"fcr": {"tickets_closed": 1, "tickets_reactivated": 2}}) == [
        ("/fcr", "negative")
    ]


def test_delight_met_more_often_than_judged_is_refused(client):
    body = {"delight": {"numerator": 3, "denominator": 2}}
    assert refuse(client, f"{URL}internal", body) == [("/delight/numerator", "count_exceeds_n")]


# --- which weights


def test_a_set_is_chosen_by_name(client):
    answer = calculate(client, "complaint", COMPLAINT | {"weights": "telecom"})
    assert answer["value"] == pytest.approx(1 - 20 * 0.009, abs=1e-12)
    assert answer["weights"]["title_zh"] == "电信运营商"


def test_an_unknown_name_is_refused_with_the_names(client):
    answer = client.post(f"{URL}internal", json={"weights": "nope"})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/weights")
    assert "bank, default, telecom" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("name", ["../default", "default.toml", "a/b", "\x00", "\ud800"])
def test_a_name_is_no_path(client, name):
    assert refuse(client, f"{URL}internal", {"weights": name}) == [("/weights", "unknown_weights")]


def test_a_set_may_be_sent_along_in_part(client):
    answer = calculate(client, "complaint", COMPLAINT | {"weights": {"complaint": {"multiplier": 10}}})
    assert answer["value"] == pytest.approx(0.91, abs=1e-12)
    assert answer["weights"]["name"] == "inline"
    fractions = {"internal": {"sla": {"parts": 0.3}, "qa": {"parts": 0.7}}}
    answer = calculate(client, "internal", INTERNAL | {"weights": fractions})
    assert answer["value"] == pytest.approx(0.3 * 0.85 / 0.9 + 0.7 * 0.9, abs=1e-12)
    assert "aht is given, but the weights inline do not weigh it in internal" in answer["warnings"]


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ({"internal": {"sla": {"parts": 0.37}, "qa": {"parts": 0.6}}}, [("/weights/internal", "weights_sum")]),
        ({"internal": {"sla": {"parts": -0.1}, "qa": {"parts": 1.1}}}, [("/weights/internal/sla/parts", "negative")]),
        ({"internal": {"sla": {"parts": True}}}, [("/weights/internal/sla/parts", "type")]),
        ({"internal": {"sla": {"parts": "1"}}}, [("/weights/internal/sla/parts", "type")]),
        ({"internal": {"sla": {"parts": 10**400}}}, [("/weights/internal/sla/parts", "non_finite")]),
        ({"complaint": {"multiplier": 0.5}}, [("/weights/complaint/multiplier", "range")]),
        (
            {"complaint": {"_schema": 1}, "_schema": 1},
            [("/weights/complaint/_schema", "unknown_key"), ("/weights/_schema", "unknown_key")],
        ),
        ({"external": {"channels": {"a.b": -1}}}, [("/weights/external/channels/a.b", "negative")]),
        ({"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}, [("/weights/a/a/a/a/a/a/a", "depth")]),
        ({"source": "\ud800"}, [("/weights/source", "character")]),
        ({"source": "\x00"}, [("/weights/source", "character")]),
        ([], [("/weights", "type")]),
        (7, [("/weights", "type")]),
        ("", [("/weights", "length")]),
        ({}, [("/weights", "weights_keys")]),
    ],
)
def test_a_set_sent_along_is_read_strictly(client, weights, found):
    problems = refuse(client, f"{URL}internal", {"weights": weights})
    assert set(found) <= set(problems)


def test_a_set_that_makes_a_figure_overflow_is_told(client):
    for multiplier in (1e308, 1.7e308):
        body = {
            "complaints": {"numerator": 1e15, "denominator": 1},
            "weights": {"complaint": {"multiplier": multiplier}},
        }
        found = refuse(client, f"{URL}complaint", body)
        assert found[0][0].startswith("/weights")


def test_the_period_chooses_the_set_valid_on_its_last_day(client):
    assert calculate(client, "internal", INTERNAL | {"period": "2021-01"})["weights"]["name"] == "default"
    assert refuse(client, f"{URL}internal", {"period": "1999-Q4"}) == [("/period", "no_weights")]
    answer = calculate(client, "complaint", {"period": "1999", "weights": "default"})
    assert "weights default are valid from 2000-01-01 only, after 1999" in answer["warnings"]


@pytest.mark.parametrize(
    ("path", "body", "warning"),
    [
        ("complaint", {"period": "1999", "weights": "default"}, "权重 default 自 2000-01-01 起才生效，晚于 1999"),
        ("composite", {"period": "1999", "weights": "default"}, "权重 default 自 2000-01-01 起才生效，晚于 1999"),
        (
            "ratings",
            {"batches": [{"batch": "A", "weight": 2, "ratings": [5], "population": 9}]},
            "批次的 weight 仅在加权方式为 explicit 时使用；此处未使用",
        ),
    ],
)
def test_warnings_are_in_the_caller_s_language(client, path, body, warning):
    answer = client.post(URL + path, json=body, headers={"Accept-Language": "zh-CN,en;q=0.5"})
    assert answer.json["warnings"] == [warning]


@pytest.mark.parametrize("period", ["2021-13", "2021-02-30", "January", "", "2021-W54", 2021, None, "0000", "x" * 100])
def test_a_period_that_is_none_is_refused(client, period):
    (found,) = refuse(client, f"{URL}internal", {"period": period})
    assert found[0] == "/period"


def test_the_ranges_that_the_weights_leave_are_warned_of(client):
    weights = inline({"internal.sla.parts": 35, "internal.qa.parts": 50})
    answer = calculate(client, "internal", {"weights": weights})
    assert any("20 to 30" in warning for warning in answer["warnings"])


def test_a_set_without_the_component_is_told(client):
    weights = inline({"external": GONE, "csi": {"total": 2, "internal": 1, "complaint": 1}})
    assert refuse(client, f"{URL}external", EXTERNAL | {"weights": weights}) == [("/weights", "weights_keys")]
