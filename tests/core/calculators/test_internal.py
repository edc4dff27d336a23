import math

import pytest

from csi_service.core.calculators import internal
from csi_service.core.composite import missing
from csi_service.core.indicator import Reason, given
from csi_service.errors import InvalidInputError
from tests.make import GONE, MONTH, make_measures, make_weights, numbers, same

NAN = math.nan
# ICMI's day: A 1000 answered, a 860 of them in time, B 60 abandoned, b 20 of them in time, x 10 at once.
DAY = {
    "contacts_answered": 1000,
    "answered_timed": 1000,
    "answered_within_threshold": 860,
    "contacts_abandoned": 60,
    "abandoned_within_threshold": 20,
    "abandoned_short": 10,
}


def parameters_of(**changes):
    return make_weights({f"internal.{key.replace('__', '.')}": value for key, value in changes.items()}).components[
        "internal"
    ]


def node_of(measures, **changes):
    parameters = parameters_of(**changes)
    known = make_measures(dict.fromkeys(MONTH, NAN) | measures)
    return internal.CALCULATOR.index(internal.CALCULATOR.evidence(known, parameters), parameters, 0.5)


def scores_of(node):
    return {child.name: child.value[0] for child in node.children}


@pytest.mark.parametrize(
    ("method", "numerator", "denominator", "percent"),
    [
        ("offered", 860, 1060, 81.13),
        ("exclude_short", 860, 1050, 81.90),
        ("credit_short", 870, 1060, 82.08),
        ("late_abandons_only", 860, 1040, 82.69),
        ("credit_abandons", 880, 1060, 83.02),
        ("answered_only", 860, 1000, 86.00),
    ],
)
def test_the_six_service_level_methods_on_icmis_day(method, numerator, denominator, percent):
    evidence = internal.service_level(make_measures(DAY), parameters_of(service_level__method=method))
    assert (evidence.numerator[0], evidence.denominator[0]) == (numerator, denominator)
    assert round(evidence.value[0] * 100, 2) == percent


def test_calls_whose_wait_is_unknown_are_left_out_on_both_sides():
    # 100 of the 1,000 answered calls have no wait: 800 in time of 900 that can be judged, 60 abandoned
    day = make_measures({**DAY, "answered_timed": 900, "answered_within_threshold": 800})
    assert internal.service_level(day, parameters_of()).value[0] == pytest.approx(800 / 960, abs=1e-12)


@pytest.mark.parametrize(("method", "expected"), [("reactivation", 0.80), ("repeat_contact", 0.75), ("flag", 0.70)])
def test_first_contact_resolution_by_tickets_repeats_or_flags(method, expected):
    evidence = internal.first_contact_resolution(
        make_measures(), parameters_of(first_contact_resolution__method=method)
    )
    assert evidence.value[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("method", "mature", "provisional"),
    [("reactivation", 1.0, False), ("repeat_contact", 0.9, True), ("flag", None, None)],
)
def test_resolution_is_provisional_while_a_window_is_open(method, mature, provisional):
    # all 500 tickets are old enough, 720 of the 800 first contacts, and a flag needs no window
    fcr = node_of(MONTH, first_contact_resolution__method=method).children[2]
    assert fcr.flags.get("provisional", [None])[0] == provisional
    assert fcr.beside.get("mature_share", [None])[0] == mature


def test_one_ticket_is_enough_to_tell_whether_its_window_has_passed():
    for mature in (0, 1):
        one = {"tickets_closed": 1, "tickets_reactivated": 0, "tickets_mature": mature}
        fcr = node_of(MONTH | one).children[2]
        assert (fcr.beside["mature_share"][0], fcr.flags["provisional"][0]) == (mature, mature == 0)


def test_8_of_100_closed_tickets_reactivated_are_92_percent():
    tickets = make_measures({"tickets_closed": 100, "tickets_reactivated": 8})
    assert internal.first_contact_resolution(tickets, parameters_of()).value[0] == pytest.approx(0.92, abs=1e-12)


def test_more_reactivated_than_closed_tickets_are_refused():
    with pytest.raises(InvalidInputError, match="fcr"):
        internal.first_contact_resolution(make_measures({"tickets_reactivated": 501}), parameters_of())


@pytest.mark.parametrize(("method", "expected"), [("mean_of_scores", 0.7), ("points", 11 / 15)])
def test_quality_is_the_mean_of_scores_or_of_points(method, expected):
    # 3/5 and 8/10: the mean of 0.6 and 0.8 is 0.700; 11 of 15 points are 0.733
    forms = make_measures(
        {"evaluations": 2, "evaluation_scores": 3 / 5 + 8 / 10, "points_earned": 11, "points_possible": 15}
    )
    assert internal.quality(forms, parameters_of(quality__method=method)).value[0] == pytest.approx(expected, abs=1e-12)


def test_handling_time_is_the_mean_of_the_handled_calls():
    assert internal.handling_time(make_measures({"handled_contacts": 900}), parameters_of()).value[0] == 400.0


def test_the_example_of_the_issue():
    node = node_of(MONTH)
    assert scores_of(node) == pytest.approx({"sla": 17 / 18, "aht": 5 / 6, "fcr": 0.8, "qa": 0.9}, abs=1e-12)
    assert same([child.raw[0] for child in node.children], [0.85, 360, 0.80, 0.90])
    # 0.25 x 0.94444 + 0.05 x 0.83333 + 0.10 x 0.8 + 0.60 x 0.9 = 0.236111 + 0.041667 + 0.08 + 0.54
    assert node.value[0] == pytest.approx(0.8977777777777778, abs=1e-12)
    assert same([child.contribution[0] for child in node.children], [0.25 * 17 / 18, 0.05 * 5 / 6, 0.08, 0.54])
    assert (node.coverage[0], node.partial[0], missing(node, 0)) == (1.0, False, [])


def test_at_the_targets_the_index_is_1():
    reached = {
        "answered_within_threshold": 990,
        "handle_seconds": 300_000,
        "tickets_reactivated": 0,
        "evaluation_scores": 40,
    }
    assert node_of(MONTH | reached).value[0] == pytest.approx(1.0, abs=1e-12)


def test_every_zero_denominator_is_no_data():
    node = node_of(dict.fromkeys(MONTH, 0))
    assert math.isnan(node.value[0])
    assert {child.reason[0] for child in node.children} == {Reason.NO_DATA}
    assert node.reason[0] == Reason.NO_DATA


def test_without_evaluations_the_index_is_not_covered():
    node = node_of(MONTH | {"evaluations": 0, "evaluation_scores": 0})
    assert math.isnan(node.value[0])
    assert (node.reason[0], missing(node, 0)) == (Reason.COVERAGE, ["qa"])
    # (0.236111 + 0.041667 + 0.08) / 0.40
    assert same([node.coverage[0], node.partial_value[0]], [0.40, (0.25 * 17 / 18 + 0.05 * 5 / 6 + 0.08) / 0.40])


@pytest.mark.parametrize(("in_time", "below"), [(935, False), (880, False), (879, True), (NAN, False)])
def test_the_floor_raises_a_flag_and_changes_no_score(in_time, below):
    measures = MONTH | {"answered_within_threshold": in_time}  # of 1,100: 880 are 0.80
    with_floor, without = node_of(measures), node_of(measures, sla__floor=GONE)
    assert bool(with_floor.children[0].flags["below_floor"][0]) is below
    assert "below_floor" not in without.children[0].flags
    assert same(with_floor.value, without.value)


@pytest.mark.parametrize(("floor", "below"), [(350, True), (360, False), (400, False)])
def test_a_floor_of_handling_time_flags_what_lies_above_it(floor, below):
    assert bool(node_of(MONTH, aht__floor=floor).children[1].flags["below_floor"][0]) is below


def test_every_figure_names_its_methods_and_parameters():
    notes = {child.name: child.notes for child in node_of(MONTH, service_level__method="answered_only").children}
    attainment = {"method": "attainment"}
    level = {"service_level_method": "answered_only", "threshold_seconds": 20}
    assert notes == {
        "sla": attainment | level | {"target": 0.9, "floor": 0.8},
        "aht": attainment | {"target": 300, "components": ("talk", "hold", "wrap")},
        "fcr": attainment | {"target": 1.0, "resolution_method": "reactivation"},
        "qa": attainment | {"target": 1.0, "quality_method": "mean_of_scores"},
    }


def test_other_score_methods_of_a_figure():
    node = node_of(
        MONTH,
        sla={"parts": 25, "method": "piecewise", "worst": 0.60, "target": 0.90},  # (0.85 - 0.60) / 0.30
        aht={"parts": 5, "method": "band", "low": 150, "high": 270},  # 270 / 360
        fcr={"parts": 10, "method": "raw"},
    )
    assert scores_of(node) == pytest.approx({"sla": 5 / 6, "aht": 0.75, "fcr": 0.80, "qa": 0.90}, abs=1e-12)


def test_a_set_that_names_two_figures_scores_these_two():
    parameters = make_weights({"internal": {"total": 4, "qa": {"parts": 3}, "fcr": {"parts": 1}}}).components[
        "internal"
    ]
    node = internal.CALCULATOR.index(internal.CALCULATOR.evidence(make_measures(), parameters), parameters, 0.5)
    assert scores_of(node) == pytest.approx({"fcr": 0.8, "qa": 0.9})
    assert node.value[0] == pytest.approx(0.875, abs=1e-12)  # (3 x 0.9 + 0.8) / 4


def test_bare_values_are_scored_like_evidence():
    bare = {name: given(numbers(value)) for name, value in {"sla": 0.85, "aht": 360, "fcr": 0.8, "qa": 0.9}.items()}
    node = internal.CALCULATOR.index(bare, parameters_of(), 0.5)
    assert node.value[0] == pytest.approx(0.8977777777777778, abs=1e-12)
    assert {child.evidence for child in node.children} == {"value"}
