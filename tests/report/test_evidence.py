"""Limits and chance, against the vectors of an independent implementation and the quantiles of scipy.stats."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from csi_service.report.evidence import Limits, chance_of, enough, limits
from tests.make import make_measures, make_weights, numbers, scores

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/vectors.json").read_text(encoding="utf-8"))["cases"]


def cases(function):
    """Return the cases of a function; not those that are refused long before."""
    found = [case for case in VECTORS if case["function"] == function and "error" not in case["expected"]]
    assert found
    return [pytest.param(case["inputs"], case["expected"], id=case["id"]) for case in found]


def limits_of(nodes, key="csi"):
    return limits(nodes["csi"])[key]


def plain(value):
    return None if math.isnan(value) else pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize(("inputs", "expected"), cases("c_csi"))
def test_the_limits_of_the_complaint_index(inputs, expected):
    weights = make_weights({"complaint.multiplier": inputs.get("multiplier", 25)})
    changes = {"complaints_received": inputs["complaints"], "contacts_answered": inputs["contacts"]}
    found = limits_of(scores(make_measures(changes), weights), "csi.complaint")
    for name in ("value", "lower", "upper"):
        assert expected[name] == plain(getattr(found, name)[0])


@pytest.mark.parametrize(("inputs", "expected"), cases("difference"))
def test_the_chance_of_a_difference(inputs, expected):
    before, after = (
        Limits(*(numbers(inputs[f"{name}{number}"]) for name in ("est", "lower", "upper"))) for number in (1, 2)
    )
    assert chance_of(before, after)[0] == pytest.approx(expected["p"], rel=1e-4, abs=1e-12)
    assert chance_of(after, before)[0] == chance_of(before, after)[0]  # the limits that face each other are the same


def test_the_chance_is_unknown_where_there_are_no_limits():
    exact, missing = Limits(*[numbers(0.5)] * 3), Limits(*[numbers(math.nan)] * 3)
    assert np.isnan(chance_of(exact, exact)).all()
    assert np.isnan(chance_of(exact, missing)).all()


def quarter(x, n):
    return np.array([stats.beta.ppf(0.025, x + 0.25, n - x + 0.75), stats.beta.ppf(0.975, x + 0.75, n - x + 0.25)])


def test_the_limits_of_an_index_come_from_those_of_its_parts():
    nodes = scores(make_measures())
    sla, qa = quarter(935, 1100) / 0.9, quarter(36, 40)  # a score is the share over its target, at most 1
    fcr = quarter(400, 500)
    sides = [(0.25, 0.85 / 0.9, sla), (0.10, 0.8, fcr), (0.60, 0.9, qa)]  # and 0.05 for a handling time: exact
    below = math.sqrt(sum((weight * (value - ends[0])) ** 2 for weight, value, ends in sides))
    above = math.sqrt(sum((weight * (min(ends[1], 1) - value)) ** 2 for weight, value, ends in sides))
    found = limits_of(nodes, "csi.internal")
    assert found.value - found.lower == pytest.approx(below, abs=1e-9)
    assert found.upper - found.value == pytest.approx(above, abs=1e-9)
    whole = limits_of(nodes, "csi")
    survey, complaint = quarter(184, 200), 1 - 25 * quarter(9, 1000)[::-1]
    below = math.hypot(below, 0.92 - survey[0], 0.775 - complaint[0]) / 3
    assert whole.value - whole.lower == pytest.approx(below, abs=1e-9)


@pytest.mark.parametrize(("inputs", "expected"), cases("o_csi"))
def test_the_limits_of_the_customers_answers_by_every_pooling(inputs, expected):
    pooling = inputs.get("pooling", "responses")
    weighed = {"external.pooling": "weights", "external.channels": pooling}
    weights = make_weights({"external.pooling": pooling} if isinstance(pooling, str) else weighed)
    answers = {
        f"{family}.{name}": channel[key]
        for name, channel in inputs["channels"].items()
        for family, key in (("responses", "n"), ("satisfied_responses", "x"))
    }
    found = limits_of(scores({name: numbers(count) for name, count in answers.items()}, weights), "csi.external")
    for name in ("value", "lower", "upper"):
        assert expected[name] == plain(getattr(found, name)[0])


def test_a_missing_part_leaves_the_rest_rescaled():
    nodes = scores(make_measures({"complaints_received": math.nan}))
    internal, survey = limits_of(nodes, "csi.internal"), limits_of(nodes, "csi.external")
    below = math.hypot((internal.value - internal.lower)[0], (survey.value - survey.lower)[0]) / 2
    assert (limits_of(nodes, "csi").value - limits_of(nodes, "csi").lower)[0] == pytest.approx(below, abs=1e-12)


@pytest.mark.parametrize(("answers", "fair"), [(29, False), (30, False), (400, True)])
def test_enough_are_thirty_cases_and_limits_within_ten_points(answers, fair):
    # 15 of 30: half width 0.17; 200 of 400: 0.05
    changes = {"responses.ivr": answers, "satisfied_responses.ivr": answers // 2, "response_points.ivr": answers // 2}
    none = {"responses.sms": 0, "satisfied_responses.sms": 0, "response_points.sms": 0}
    nodes = scores(make_measures(changes | none))
    assert bool(enough(nodes["csi.external"], limits_of(nodes, "csi.external"))[0]) is fair


def test_a_handling_time_needs_thirty_calls_too():
    key = "csi.internal.aht"
    few, many = (scores(make_measures({"handled_contacts": calls})) for calls in (29, 30))
    assert [bool(enough(nodes[key], limits_of(nodes, key))[0]) for nodes in (few, many)] == [False, True]
