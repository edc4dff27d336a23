import datetime as dt
import math

import pytest

from csi_service.core.weights import digest_of, in_effect, parse_weights, read_weights
from csi_service.errors import NotFoundError, WeightsError
from tests.make import GONE, WEIGHTS, make_document, make_weights, same

MINIMAL = """
title = "Small"
effective = 2026-01-01
source = "hand"
[csi]
complaint = 1
[complaint]
"""


def refusal_of(changes, base="default"):
    with pytest.raises(WeightsError) as refusal:
        make_weights(changes, base)
    return refusal.value


def dated(name):
    return parse_weights(MINIMAL.replace("2026-01-01", name), name)


# --- what a set says


def test_the_default_set_holds_the_defaults_of_the_spec():
    weights = make_weights()
    assert same(weights.csi.values(), [1 / 3] * 3)
    assert list(weights.components) == ["internal", "external", "complaint"]
    internal, external, complaint = weights.components.values()
    assert internal.weights == pytest.approx({"sla": 0.25, "aht": 0.05, "fcr": 0.10, "qa": 0.60})
    assert {name: rule.target for name, rule in internal.rules.items()} == {"sla": 0.9, "aht": 300, "fcr": 1, "qa": 1}
    assert {rule.method for rule in internal.rules.values()} == {"attainment"}
    assert internal.floors == {"sla": 0.80}
    assert (internal.service_level_method, internal.threshold_seconds, internal.short_abandon_seconds) == (
        "offered",
        20,
        0,
    )
    assert internal.handling_components == ("talk", "hold", "wrap")
    assert (internal.resolution_method, internal.resolution_window_days) == ("reactivation", 7)
    assert (external.method, external.pooling, external.low_response_rate) == ("satisfied", "responses", 0.10)
    assert external.satisfied_from == {"binary": 1, "3": 3, "5": 4, "7": 6, "10": 8, "nps": 9}
    assert (complaint.multiplier, complaint.count, complaint.contacts) == (25, "received", "answered")
    assert (weights.minimum_coverage, weights.optimistic_above) == (0.5, 0.05)
    assert (weights.rating_weighting, weights.satisfied_from_level) == ("population", 4)
    assert weights.warnings == ()


def test_what_a_set_leaves_out_is_the_default():
    spelt_out = make_weights()
    names = ("service_level", "handling_time", "first_contact_resolution", "quality")
    short = make_weights(
        {
            **{f"internal.{name}": GONE for name in names},
            "external": {},
            "complaint": {},
            "outlook": GONE,
            "ratings": GONE,
            "minimum_coverage": GONE,
        }
    )
    assert repr(short.components) == repr(spelt_out.components)  # an unused parameter is NaN, unlike itself
    assert (short.minimum_coverage, short.optimistic_above) == (0.5, 0.05)
    assert (short.rating_weighting, short.satisfied_from_level) == ("population", 4)


@pytest.mark.parametrize("name", ["default", "telecom", "bank"])
def test_the_shipped_sets_are_read_without_a_warning(name):
    weights = parse_weights((WEIGHTS / f"{name}.toml").read_text(encoding="utf-8"), name)
    assert (weights.name, weights.warnings) == (name, ())
    assert sum(weights.csi.values()) == pytest.approx(1, abs=1e-12)


def test_a_set_may_name_a_part_of_the_components_and_of_the_figures():
    document = make_document({"csi": {"total": 2, "internal": 1, "complaint": 1}, "external": GONE})
    document["internal"] = {"total": 40, "fcr": {"parts": 10}, "qa": {"parts": 30}}
    weights = read_weights(document, "small")
    assert weights.csi == {"internal": 0.5, "complaint": 0.5}
    assert list(weights.components) == ["internal", "complaint"]
    assert same(weights.components["internal"].weights.values(), [0.25, 0.75])
    assert not any("together" in warning for warning in weights.warnings)  # there is no aht beside fcr


def test_fractions_that_sum_to_1_need_no_total():
    weights = make_weights({"csi": {"internal": 0.5, "external": 0.3, "complaint": 0.2}})
    assert weights.csi == {"internal": 0.5, "external": 0.3, "complaint": 0.2}


def test_a_set_sent_along_with_a_call_may_lack_title_date_and_other_tables():
    weights = read_weights({"complaint": {"multiplier": 12}}, "inline", complete=False)
    assert weights.components["complaint"].multiplier == 12
    assert list(weights.components) == ["complaint"]


def test_parameters_can_be_changed_in_a_copy():
    weights = make_weights()
    changed = weights.with_component("complaint", multiplier=10.0)
    assert (changed.components["complaint"].multiplier, weights.components["complaint"].multiplier) == (10, 25)
    assert (changed.digest, changed.components["internal"]) == (weights.digest, weights.components["internal"])


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "where", "code", "words"),
    [
        ({"internal.sla.parts": 22}, "internal", "weights_sum", "add up to 97 (sla 22 + aht 5 + fcr 10 + qa 60)"),
        ({"csi": {"internal": 0.32, "external": 0.33, "complaint": 0.32}}, "csi", "weights_sum", "add up to 0.97"),
        ({"csi.complaint": 2}, "csi", "weights_sum", "total 3"),
        ({"csi.internal": -0.1}, "csi.internal", "negative", "at least 0"),
        ({"internal.fcr.parts": math.nan}, "internal.fcr.parts", "non_finite", "must be finite"),
        ({"csi.total": math.inf}, "csi.total", "non_finite", "must be finite"),
        ({"csi.internal": True}, "csi.internal", "type", "not true or false"),
        ({"complaint.multiplier": "3.5"}, "complaint.multiplier", "type", "not the text '3.5'"),
        ({"complaint.multiplier": 0.5}, "complaint.multiplier", "range", "at least 1"),
        ({"complaint.contacts": "all"}, "complaint.contacts", "method", "answered, offered"),
        ({"colour": "red"}, "colour", "unknown_key", "csi"),
        ({"csi.digital": 0}, "csi.digital", "unknown_key", "internal"),
        ({"internal.sla.weight": 25}, "internal.sla.weight", "unknown_key", "parts"),
        ({"internal.asa": {"parts": 0}}, "internal.asa", "unknown_key", "sla"),
        ({"internal.sla.range": [30, 20]}, "internal.sla.range", "range", "low <= high"),
        ({"internal.sla.range": [20, math.nan]}, "internal.sla.range", "range", "[low, high]"),
        ({"internal.sla.target": 90}, "internal.sla.target", "range", "at most 1"),
        ({"internal.aht.method": "raw"}, "internal.aht.method", "method", "attainment, piecewise, band"),
        ({"internal.aht.unit": "minutes"}, "internal.aht.unit", "method", "seconds"),
        ({"internal.service_level.method": "icmi"}, "internal.service_level.method", "method", "exclude_short"),
        ({"internal.handling_time.components": ["chat"]}, "internal.handling_time.components", "range", "wrap"),
        ({"external.method": "nps"}, "external.method", "method", "satisfied, mean"),
        ({"external.pooling": "weights"}, "external.channels", "missing", "positive weight"),
        ({"external.channels": {"ivr": 1}}, "external.channels", "method", "pooling"),  # the set says 'responses'
        ({"external.satisfied_from.5": 6}, "external.satisfied_from.5", "range", "at most 5"),
        ({"minimum_coverage": 50}, "minimum_coverage", "range", "at most 1"),
        ({"ratings.weighting": "explicit"}, "ratings.weighting", "method", "population, sample"),
        ({"ratings.satisfied_from": 3.5}, "ratings.satisfied_from", "range", "whole level"),
        ({"ratings.satisfied_from": "4"}, "ratings.satisfied_from", "type", "must be a number"),
        ({"title": GONE}, "title", "missing", "give a text"),
        ({"title": " "}, "title", "type", "not blank"),
        ({"source": GONE}, "source", "missing", "give a text"),
        ({"effective": GONE}, "effective", "missing", "2026-01-31"),
        ({"effective": "1 January"}, "effective", "type", "2026-01-31"),
        ({"complaint": GONE}, "complaint", "missing", "table"),
        ({"csi": {"total": 1, "internal": 0.5, "external": 0.5}}, "complaint", "weights_keys", "not weighed in [csi]"),
    ],
)  # fmt: skip
def test_a_fault_in_a_set_is_told_with_its_key_and_what_would_be_right(changes, where, code, words):
    refusal = refusal_of(changes)
    first = refusal.problems[0]
    assert (first.where, first.code) == (where, code)
    assert words in first.message
    assert str(refusal).startswith("default: ")
    assert all(problem.where.startswith(where) for problem in refusal.problems)  # nothing else is blamed for it
    assert "is nan" not in str(refusal)


@pytest.mark.parametrize(
    "key", ["csi.internal", "csi.total", "minimum_coverage", "complaint.multiplier", "title", "effective", "complaint"]
)
def test_null_in_a_set_from_json_is_refused(key):
    assert any(problem.where == key for problem in refusal_of({key: None}).problems)


def test_every_fault_of_a_set_is_told_at_once():
    refusal = refusal_of({"csi.internal": -1, "complaint.multiplier": "x", "internal.qa.target": 2, "title": GONE})
    assert {problem.where for problem in refusal.problems} >= {
        "csi.internal",
        "complaint.multiplier",
        "internal.qa.target",
        "title",
    }


def test_a_set_that_weighs_nothing_is_refused():
    assert (refusal_of({"csi": GONE}).problems[0].where, refusal_of({"csi": GONE}).problems[0].code) == (
        "csi",
        "missing",
    )
    problems = refusal_of({"csi": {"total": 1}, "internal": GONE, "external": GONE, "complaint": GONE}).problems
    assert any(
        problem.code == "weights_keys" and "internal, external, complaint" in problem.message for problem in problems
    )
    problems = refusal_of({"internal": {"total": 1}}).problems
    assert any(problem.code == "weights_keys" and "sla, aht, fcr, qa" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "Small"', "title = Small"),
        ("effective = 2026-01-01", "effective = 2026-02-30"),  # no such day
        ("complaint = 1", "complaint = 1\ncomplaint = 2"),  # a key twice
        ("complaint = 1", "complaint = " + "[" * 5000 + "]" * 5000),
        ("complaint = 1", "complaint = " + "9" * 5000),
    ],
    ids=["no text", "no such day", "a key twice", "nested 5,000 deep", "5,000 digits"],
)
def test_what_is_not_toml_is_refused(old, new):
    with pytest.raises(WeightsError, match=r"^small: "):
        parse_weights(MINIMAL.replace(old, new), "small")


def test_1e400_in_a_file_is_refused_as_not_finite():
    with pytest.raises(WeightsError, match=r"csi\.complaint: must be finite, found inf"):
        parse_weights(MINIMAL.replace("complaint = 1", "complaint = 1e400"), "small")


def test_a_dated_file_is_named_after_its_first_day():
    assert parse_weights(MINIMAL, "2026-01-01").effective == dt.date(2026, 1, 1)
    assert parse_weights(MINIMAL, "any-other-name").effective == dt.date(2026, 1, 1)
    with pytest.raises(WeightsError, match=r"effective: is 2026-01-01; .* this file is 2026-01-02\.toml"):
        parse_weights(MINIMAL, "2026-01-02")


# --- what is accepted with a warning


@pytest.mark.parametrize(
    ("changes", "warnings"),
    [
        (
            {"internal.sla.parts": 35, "internal.qa.parts": 50},
            [
                "internal.sla.parts: 35 of 100 lies outside the sensible range 20 to 30",
                "internal.qa.parts: 50 of 100 lies outside the sensible range 60 to 70",
            ],
        ),
        (
            {"internal.aht.parts": 0, "internal.fcr.parts": 5, "internal.sla.parts": 30, "internal.qa.parts": 65},
            [
                "internal.aht.parts: 0 of 100 lies outside the sensible range 5 to 5",
                "internal: aht + fcr weigh 0.05 together, outside the sensible range 0.1 to 0.15",
            ],
        ),
        ({"internal.sla.range": [0, 20]}, ["internal.sla.parts: 25 of 100 lies outside the sensible range 0 to 20"]),
        ({"internal.sla.parts": 20, "internal.qa.parts": 65}, []),  # the ends of a range are sensible
        ({"internal.sla.parts": 30, "internal.fcr.parts": 5}, []),
    ],
)
def test_a_weight_outside_its_sensible_range_is_accepted_with_a_warning_that_names_the_range(changes, warnings):
    assert list(make_weights(changes).warnings) == warnings


def test_the_sensible_ranges_need_not_stand_in_the_set():
    internal = {"sla": {"parts": 0.4}, "aht": {"parts": 0.05}, "fcr": {"parts": 0.05}, "qa": {"parts": 0.5}}
    warnings = make_weights({"internal": internal}).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["internal.sla.parts", "internal.qa.parts"]
    assert "range 0.2 to 0.3" in warnings[0]


# --- digest and choice by date


def test_the_digest_depends_on_the_content_only():
    document = make_document()
    turned = {key: document[key] for key in reversed(document)}
    turned["internal"] = {key: document["internal"][key] for key in reversed(document["internal"])}
    assert read_weights(turned, "other").digest == make_weights().digest
    spaced = MINIMAL.replace(" = ", "=") + "# a comment\n"
    assert parse_weights(spaced, "a").digest == parse_weights(MINIMAL, "b").digest
    assert len(make_weights().digest) == 64


@pytest.mark.parametrize(
    "changes", [{"complaint.multiplier": 26}, {"title": "Other"}, {"title_zh": "其他"}, {"ratings": GONE}]
)
def test_every_change_of_content_changes_the_digest(changes):
    assert make_weights(changes).digest != make_weights().digest


def test_a_text_that_no_encoding_holds_still_has_a_digest():
    assert len(digest_of({"title": "\ud800"})) == 64  # JSON may carry half of a surrogate pair


@pytest.mark.parametrize(
    ("day", "name"),
    [
        ("2000-01-01", "default"),
        ("2025-12-31", "default"),
        ("2026-01-01", "2026-01-01"),
        ("2026-06-30", "2026-01-01"),
        ("2026-07-01", "2026-07-01"),
        ("2099-01-01", "2026-07-01"),
    ],
)
def test_the_latest_set_that_has_begun_is_in_effect(day, name):
    sets = [
        dated("2026-07-01"),
        make_weights(),
        make_weights(base="telecom"),
        dated("2026-01-01"),
        make_weights(base="bank"),
    ]
    assert in_effect(sets, dt.date.fromisoformat(day)).name == name


def test_a_dated_set_goes_before_a_default_of_the_same_day():
    assert in_effect([dated("2000-01-01"), make_weights()], dt.date(2000, 1, 1)).name == "2000-01-01"


def test_before_the_first_set_the_message_names_its_first_day():
    sets = [dated("2026-07-01"), dated("2026-01-01")]
    with pytest.raises(
        NotFoundError, match="no weights are in effect on 2025-12-31: the first one is valid from 2026-01-01"
    ):
        in_effect(sets, dt.date(2025, 12, 31))


def test_without_dated_sets_and_default_nothing_is_in_effect():
    with pytest.raises(NotFoundError, match="neither a dated set nor a default one"):
        in_effect([make_weights(base="telecom")], dt.date(2026, 1, 1))
