import dataclasses
import math

import numpy as np
import pytest

from csi_service.core.composite import bare, compose, missing, reason
from tests.make import GONE, MONTH, make_measures, make_weights, numbers, same, scores

NAN = math.nan
NO_SURVEYS = {name: GONE for name in MONTH if "responses" in name or name.startswith("response_points")}
NO_COMPLAINTS = {"complaints_received": GONE, "complaints_upheld": GONE}
NO_EVALUATIONS = {name: GONE for name in ("evaluations", "evaluation_scores", "points_earned", "points_possible")}


def csi_of(internal, external, complaint, **changes):
    values = {"internal": internal, "external": external, "complaint": complaint}
    return compose([bare(name, numbers(value)) for name, value in values.items()], make_weights(changes))


def test_the_example_of_the_issue():
    nodes = scores(make_measures())
    assert nodes["csi.internal"].value[0] == pytest.approx(0.8977777777777778, abs=1e-12)
    assert nodes["csi.external"].value[0] == pytest.approx(0.92, abs=1e-12)
    assert nodes["csi.complaint"].value[0] == pytest.approx(0.775, abs=1e-12)
    # (0.897777... + 0.92 + 0.775) / 3 = 2.592777... / 3
    assert nodes["csi"].value[0] == pytest.approx(0.8642592592592593, abs=1e-12)
    assert nodes["csi"].raw[0] == pytest.approx(0.8642592592592593, abs=1e-12)
    assert nodes["csi"].beside["usual_order"][0] == 0  # O > C fails: 0.775 < 0.897777...
    assert (nodes["csi"].coverage[0], nodes["csi"].partial[0], reason(nodes["csi"], 0)) == (1, False, None)


def test_the_tree_is_walked_parents_first_with_dotted_keys():
    assert list(scores(make_measures())) == [
        "csi",
        *("csi.internal", "csi.internal.sla", "csi.internal.aht", "csi.internal.fcr", "csi.internal.qa"),
        *("csi.external", "csi.external.ivr", "csi.external.sms", "csi.complaint"),
    ]


@pytest.mark.parametrize(
    ("internal", "external", "complaint", "usual"),
    [
        (0.7, 0.9, 0.8, 1),
        (0.8, 0.9, 0.7, 0),
        (0.8, 0.7, 0.9, 0),
        (0.8, 0.9, 0.8, 0),  # strictly
        (0.7, 0.8, 0.8, 0),
        (NAN, 0.9, 0.8, NAN),
        (0.7, NAN, 0.8, NAN),
        (0.7, 0.9, NAN, NAN),
    ],
)
def test_the_usual_order_is_external_over_complaint_over_internal(internal, external, complaint, usual):
    assert same(csi_of(internal, external, complaint).beside["usual_order"], [usual])


def test_one_missing_component_makes_the_index_partial():
    csi = csi_of(0.8, NAN, 0.9)
    assert same([csi.value[0], csi.coverage[0]], [0.85, 2 / 3])
    assert (csi.partial[0], missing(csi, 0), reason(csi, 0)) == (True, ["external"], None)


def test_two_missing_components_leave_no_index():
    csi = csi_of(0.8, NAN, NAN)
    assert same([csi.value[0], csi.partial_value[0], csi.coverage[0]], [NAN, 0.8, 1 / 3])
    assert (csi.partial[0], missing(csi, 0), reason(csi, 0)) == (False, ["external", "complaint"], "coverage")


def test_no_component_is_no_data():
    csi = csi_of(NAN, NAN, NAN)
    assert (reason(csi, 0), reason(csi.children[0], 0)) == ("no_data", "not_given")
    assert np.isnan([csi.value[0], csi.partial_value[0]]).all()


def test_an_operator_who_wants_no_partial_index_gets_none():
    assert reason(csi_of(0.8, NAN, 0.9, minimum_coverage=1.0), 0) == "coverage"


def test_a_floored_complaint_index_enters_raw_unclamped():
    nodes = scores(make_measures({"complaints_received": 60}))  # raw 1 - 25 x 0.06 = -0.5
    i, o = 0.8977777777777778, 0.92
    assert same([nodes["csi"].value[0], nodes["csi"].raw[0]], [(i + o) / 3, (i + o - 0.5) / 3])
    assert nodes["csi.complaint"].flags["floored"][0]


def test_surveys_but_no_complaint_list_give_the_mean_of_the_other_two():
    nodes = scores(make_measures(NO_COMPLAINTS))
    assert nodes["csi"].value[0] == pytest.approx((0.8977777777777778 + 0.92) / 2, abs=1e-12)
    assert (nodes["csi"].partial[0], missing(nodes["csi"], 0)) == (True, ["complaint"])
    assert reason(nodes["csi.complaint"], 0) == "not_given"


def test_calls_alone_give_no_index_and_the_reasons_why():
    nodes = scores(make_measures(NO_SURVEYS | NO_COMPLAINTS | NO_EVALUATIONS))
    assert reason(nodes["csi.internal"], 0) == "coverage"
    assert nodes["csi.internal"].coverage[0] == pytest.approx(0.40)
    assert reason(nodes["csi.external"], 0) == "not_given"
    assert reason(nodes["csi"], 0) == "no_data"
    assert math.isnan(nodes["csi"].value[0])


def test_one_component_of_three_is_too_little():
    nodes = scores(make_measures(NO_SURVEYS | NO_COMPLAINTS))
    assert (reason(nodes["csi"], 0), missing(nodes["csi"], 0)) == ("coverage", ["external", "complaint"])


def test_measures_of_nothing_score_nothing():
    nodes = scores({})
    assert {reason(node, 0) for node in nodes.values()} == {"no_data", "not_given"}


def test_a_set_that_weighs_two_components_scores_these_two():
    weights = make_weights({"csi": {"total": 4, "internal": 3, "complaint": 1}, "external": GONE})
    nodes = scores(make_measures(), weights)
    assert "csi.external" not in nodes
    assert nodes["csi"].value[0] == pytest.approx((3 * 0.8977777777777778 + 0.775) / 4, abs=1e-12)
    assert nodes["csi"].beside == {}


def test_the_shipped_sets_really_differ():
    indices = [
        scores(make_measures(), make_weights(base=base))["csi"].value[0] for base in ("default", "telecom", "bank")
    ]
    assert min(abs(one - other) for one, other in zip(indices, indices[1:] + indices[:1], strict=True)) > 0.005


def test_200_000_groups_score_like_each_group_alone():
    groups, random = 200_000, np.random.default_rng(1)
    measures = {name: np.floor(random.uniform(0.2, 1.0, groups) * count) for name, count in MONTH.items()}
    whole = {"answered_within_threshold": "answered_timed", "evaluation_scores": "evaluations"}
    whole |= {"tickets_reactivated": "tickets_closed", "tickets_mature": "tickets_closed"}
    for part in ("satisfied_responses", "response_points"):
        whole |= {f"{part}.{channel}": f"responses.{channel}" for channel in ("ivr", "sms")}
    for part, total in whole.items():
        measures[part] = np.minimum(measures[part], measures[total])
    for name in MONTH:  # every figure is missing or empty somewhere
        measures[name][random.random(groups) < 0.05] = NAN
    for total in ("evaluations", "tickets_closed", "responses.ivr"):
        nothing = random.random(groups) < 0.05
        for column in (total, *(part for part, of in whole.items() if of == total)):
            measures[column][nothing] = 0
    together = scores(measures)
    for group in random.choice(groups, 60, replace=False):
        alone = scores({name: column[group : group + 1] for name, column in measures.items()})
        assert alone.keys() == together.keys()
        for key, node in alone.items():
            for field in dataclasses.fields(node):
                column = getattr(together[key], field.name)
                if isinstance(column, np.ndarray):
                    assert np.array_equal(column[group : group + 1], getattr(node, field.name), equal_nan=True), (
                        key,
                        field.name,
                    )
