"""The report's model, by hand arithmetic on the month of `tests.make`: I-CSI 0.8978, O-CSI 0.92, C-CSI 0.775."""

import pytest

from csi_service.errors import InvalidInputError, NotFoundError
from csi_service.ingest.outcome import Outcome
from csi_service.report.quality import Counts, DataQuality
from csi_service.report.sentences import findings
from csi_service.report.words import words_of
from csi_service.scoring import Scores
from tests.make import GONE, MONTH, make_weights
from tests.report.reports import FewFacts, make_part, make_report, report_from

CSI = 0.8642592592592593  # (0.897777... + 0.92 + 0.775) / 3
NO_COMPLAINTS = {"complaints_received": GONE, "complaints_upheld": GONE}
NONE = {"complaints_received": 0}
NO_QA = {name: GONE for name in ("evaluations", "evaluation_scores", "points_earned", "points_possible")}


def test_figures_stand_beside_the_compared_period_with_their_effect_on_the_index():
    model = make_report(before=make_part("2020-12", {"complaints_received": 6}))
    csi, complaint = model.csi, model.figure("csi.complaint")
    assert csi.value == pytest.approx(CSI, abs=1e-12)
    assert complaint.before == pytest.approx(0.85, abs=1e-12)  # 1 - 25 x 6 / 1,000
    assert complaint.change == pytest.approx(-0.075, abs=1e-12)
    assert complaint.effect == pytest.approx(-0.025, abs=1e-12)  # a third of it
    assert csi.change == pytest.approx(-0.025, abs=1e-12)
    sla = model.figure("csi.internal.sla")
    assert (sla.raw, sla.numerator, sla.n) == (0.85, 935, 1100)
    assert sla.overall == pytest.approx(0.25 / 3, abs=1e-12)
    assert [figure.name for figure in model.components] == ["internal", "external", "complaint"]
    assert [figure.name for figure in model.figures if figure.key.count(".") == 2] == ["sla", "aht", "fcr", "qa"]


def test_every_figure_is_the_score_tables():
    teams, part = make_part(teams=("甲", "乙"), changes={"complaints_received": [9, 3]}), make_part()
    table = Scores(("team",), [teams], [part]).table().set_index(["team", "node"])
    model = make_report(total=part, groups=teams)
    total = Scores((), [part], [part]).table().set_index("node")
    for figure in model.figures:
        assert (figure.value, figure.raw) == tuple(total.loc[figure.key, ["value", "raw"]])
    for group in model.groups:
        for column, cell in zip(model.columns, group.cells, strict=True):
            row = table.loc[(group.names[0], column.key)]
            assert (cell.shown, cell.value) == (row["raw" if column.measured else "value"], row["value"])


def test_levels_outlook_order_and_channels():
    model = make_report()
    assert model.usual_order is False  # O 0.92 > C 0.775, but C < I
    assert (model.outlook.word, model.outlook.met, model.outlook.judged) == ("neutral", 3, 100)
    assert [level.percent for level in model.ratings.levels] == [5, 10, 25, 35, 25]
    assert model.ratings.mean == pytest.approx(3.65, abs=1e-12)  # (5 + 20 + 75 + 140 + 125) / 100
    assert model.ratings.satisfied == pytest.approx(0.60, abs=1e-12)
    ivr, sms = model.channels
    assert (ivr.response_rate, sms.response_rate) == (0.15, 0.05)  # 150 and 50 of 1,000
    assert (ivr.satisfied_share, sms.mean_score) == (0.94, 0.80)


def test_the_whole_per_cents_of_the_levels_add_up():
    model = make_report(total=make_part(rated=(1, 1, 1, 0, 0)))
    assert [level.percent for level in model.ratings.levels] == [34, 33, 33, 0, 0]
    assert model.ratings.levels[1].share == pytest.approx(1 / 3, abs=1e-12)


# --- what to look at


def rules(model):
    return [(item.rule, item.figure.name if item.figure else None) for item in model.attention]


def test_a_missing_component_comes_first():
    gone = make_part(changes=NO_COMPLAINTS)
    model = make_report(total=gone)
    assert rules(model)[0] == ("missing", "complaint")
    assert model.csi.partial
    assert model.csi.missing == ("complaint",)
    assert model.csi.value == pytest.approx((0.8977777777777778 + 0.92) / 2, abs=1e-12)


def test_without_recordings_the_internal_index_is_missing_and_its_parts_are_not_named_as_well():
    model = make_report(total=make_part(changes=NO_QA))
    assert [item for item in rules(model) if item[0] == "missing"] == [("missing", "internal")]
    assert model.figure("csi.internal").reason == "coverage"
    assert model.figure("csi.internal").partial_value == pytest.approx(0.8944444444444445, abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"answered_within_threshold": 869}, ("floor", "sla")),  # 0.79, floor 0.80
        ({"complaints_received": 41}, ("floored", "complaint")),  # 1 - 25 x 0.041 < 0
        ({"responses.ivr": 12, "satisfied_responses.ivr": 6, "response_points.ivr": 6, "responses.sms": 0,
          "satisfied_responses.sms": 0, "response_points.sms": 0}, ("thin", "external")),
    ],
)  # fmt: skip
def test_a_figure_that_needs_a_look_is_named(changes, rule):
    assert rule in rules(make_report(total=make_part(changes=changes)))


def test_the_floor_itself_is_not_beyond_it():
    model = make_report(total=make_part(changes={"answered_within_threshold": 880}))  # 0.80 exactly
    assert ("floor", "sla") not in rules(model)


def test_the_fall_that_costs_most_is_named_once_and_only_beyond_chance():
    worse = {"answered_within_threshold": 890, "complaints_received": 9}  # SLA 0.85 -> 0.809; 1,100 calls
    model = make_report(total=make_part(changes=worse), before=make_part("2020-12"))
    assert [item for item in rules(model) if item[0] == "fall"] == [("fall", "sla")]
    sla = model.figure("csi.internal.sla")
    assert sla.chance < 0.05
    slight = make_report(total=make_part(changes={"complaints_received": 10}), before=make_part("2020-12"))
    assert slight.figure("csi.complaint").effect == pytest.approx(-0.025 / 3, abs=1e-12)
    assert slight.figure("csi.complaint").chance > 0.5  # ten complaints instead of nine
    assert "fall" not in [rule for rule, _ in rules(slight)]


@pytest.mark.parametrize(
    ("now", "earlier"),
    [
        ({"handled_contacts": 5, "handle_seconds": 3600}, {}),  # 720 s after 360 s; nobody can tell how sure
        ({}, {"handled_contacts": 5, "handle_seconds": 1500}),  # 360 s after 300 s
        ({"evaluations": 29, "evaluation_scores": 3}, {}),  # far beyond chance
    ],
)
def test_a_fall_on_fewer_than_thirty_cases_is_not_named(now, earlier):
    model = make_report(total=make_part(changes=now), before=make_part("2020-12", changes=earlier))
    assert "fall" not in [rule for rule, _ in rules(model)]


def test_a_low_response_rate_is_named_by_the_limit_of_the_weights():
    assert ("responses", "sms") in rules(make_report())  # 50 of 1,000
    lower = make_weights({"external.low_response_rate": 0.05})
    assert "responses" not in [rule for rule, _ in rules(make_report(total=make_part(weights=lower)))]


def test_the_groups_behind_the_others_are_named_by_the_first_index_that_tells_them_apart():
    satisfied = {"satisfied_responses.ivr": [75, 141, 141]}  # of 150
    model = make_report(make_part(changes=NONE), groups=make_part(teams=("c", "b", "a"), changes=satisfied))
    (found,) = [item for item in model.attention if item.rule == "groups"]
    place = [column.key for column in model.columns].index(found.figure.key)
    assert found.figure.key.count(".") < 2
    behind = [group.names for group in model.groups if group.cells[place].tone < 0]
    assert [group.names for group in found.groups] == behind == [("c",)]
    page = dict(findings(model, words_of("en")))
    # of 200 answers 75 + 43 are satisfied: 0.59; with the other components' 0.8978 and 0.775 a mean of 0.7543
    told = {"external": "59.00", "csi": "75.43"}[found.figure.name]
    (evidence,) = [text for what, text in page.items() if what.startswith("Behind the other groups")]
    assert evidence.startswith(f"c {told}\u00a0% (contacts: 1,000); 1 of 3 groups, by more than chance; all together ")
    alike = make_report(make_part(changes=NONE), groups=make_part(teams=("b", "a")))
    assert "groups" not in [item.rule for item in alike.attention]


def test_a_channel_without_answers_makes_no_other_index_where_each_answer_counts_once():
    gone = {name: 0 for name in MONTH if name.endswith(".sms")}
    now, before = make_part(changes=gone), make_part("2020-12")
    assert make_report(now, before).figure("csi.external").comparable
    equal = make_weights({"external.pooling": "equal"})
    now, before = make_part(changes=gone, weights=equal), make_part("2020-12", weights=equal)
    assert not make_report(now, before).figure("csi.external").comparable


def test_at_most_three_findings_in_the_order_of_the_rules():
    bad = {**NO_COMPLAINTS, "answered_within_threshold": 500, "handle_seconds": 720_000}
    quality = DataQuality(31, 4, 100, 50, 0.5)
    model = make_report(total=make_part(changes=bad), before=make_part("2020-12"), quality=quality)
    assert rules(model) == [("missing", "complaint"), ("floor", "sla"), ("fall", "aht")]  # each figure once
    # 31 days, 4 of them empty; a third of the rows rejected; half of the contacts without a group
    calm = make_report(make_part(changes=NONE), quality=quality, counts=Counts())
    assert [rule for rule, _ in rules(calm)] == ["days", "rejected", "unassigned"]


def test_nothing_to_look_at():
    assert make_report(make_part(changes=NONE), counts=Counts()).attention == ()


# --- groups


def test_groups_are_sorted_by_name_with_the_nameless_last():
    model = make_report(groups=make_part(teams=("乙", "unassigned", "a", "甲")))
    assert [group.names for group in model.groups] == [("a",), ("乙",), ("甲",), ("unassigned",)]


def test_a_group_is_coloured_where_it_differs_beyond_chance_from_the_others_and_by_how_much():
    answered = {"answered_within_threshold": [700, 900, 935]}  # of 1,100: 0.64, 0.82, 0.85; the others of each:
    model = make_report(groups=make_part(teams=("far", "near", "same"), changes=answered))  # 0.834, 0.743, 0.727
    sla = [column.key for column in model.columns].index("csi.internal.sla")
    tones = {group.names[0]: [cell.tone for cell in group.cells] for group in model.groups}
    assert (tones["far"][sla], tones["near"][sla], tones["same"][sla]) == (-2, 2, 2)
    assert {tone for name in tones for place, tone in enumerate(tones[name]) if place != sla} <= {0, -1, 1}
    even = {name: [value, 10 * value] for name, value in MONTH.items()} | {"answered_within_threshold": [940, 9600]}
    worse, better = make_report(groups=make_part(teams=("a", "b"), changes=even)).groups
    assert (worse.cells[sla].tone, better.cells[sla].tone) == (0, 0)  # 0.855 of 1,100 beside 0.873 of 11,000: z = 1.6
    even["answered_within_threshold"] = [900, 9600]
    worse, better = make_report(groups=make_part(teams=("a", "b"), changes=even)).groups
    assert (worse.cells[sla].tone, better.cells[sla].tone) == (-2, 2)  # 0.818: 0.061 apart, over a target of 0.90


def test_two_equal_halves_are_told_apart_as_by_a_test_of_two_shares():
    halves = {name: [value, value] for name, value in MONTH.items()} | {"answered_within_threshold": [930, 888]}
    model = make_report(groups=make_part(teams=("a", "b"), changes=halves))
    sla = [column.key for column in model.columns].index("csi.internal.sla")
    # 0.845 and 0.807 of 1,100: z = 0.0382 / sqrt(2 x 0.826 x 0.174 / 1,100) = 2.36; half of it against the whole
    assert [group.cells[sla].tone for group in model.groups] == [1, -1]


def test_a_small_group_is_too_thin_and_never_coloured():
    few = {name: [value, value / 50] for name, value in MONTH.items()}  # 20 contacts
    model = make_report(groups=make_part(teams=("big", "small"), changes={**few, "complaints_received": [9, 20]}))
    big, small = model.groups
    assert (big.too_thin, small.too_thin) == (False, True)
    assert small.contacts == 20
    assert {cell.tone for cell in small.cells} == {0}


def test_a_group_without_an_index_is_not_too_thin_for_that():
    model = make_report(groups=make_part(teams=("a", "b"), changes=NO_COMPLAINTS | NO_QA))
    assert [(group.cells[0].shown, group.too_thin) for group in model.groups] == [(None, False)] * 2


def test_what_has_no_name_is_neither_coloured_nor_compared_with():
    """Calls that were abandoned before an agent had them would make every agent better than the others."""
    lost = {**dict.fromkeys(DAY, 0), "contacts_abandoned": 500}
    days = {("2021-01-10", "a"): DAY, ("2021-01-10", "b"): DAY, ("2021-01-10", "unassigned"): lost}
    model = report_from(FewFacts(days), "2021-01", ("team",))
    sla = [column.key for column in model.columns].index("csi.internal.sla")
    assert [(group.names, group.cells[sla].tone) for group in model.groups] == [
        (("a",), 0),
        (("b",), 0),
        (("unassigned",), 0),
    ]
    assert report_from(FewFacts({("2021-01-10", "unassigned"): DAY}), "2021-01", ("team",)).groups


def test_one_group_and_a_thousand():
    assert len(make_report(groups=make_part(teams=("only",))).groups) == 1
    assert len(make_report(groups=make_part(teams=[f"T{n:04}" for n in range(1000)])).groups) == 1000


# --- from facts


DAY = {name: value for name, value in MONTH.items() if "." not in name}


def test_a_report_comes_from_facts_that_are_asked_once_for_each_set_of_weights():
    facts = FewFacts({("2021-01-10", "甲"): DAY, ("2020-12-10", "甲"): {**DAY, "complaints_received": 6}})
    model = report_from(facts, "2021-01", ("team",))
    assert facts.asked == 1
    assert model.compared.period.label == "2020-12"
    assert model.figure("csi.complaint").before == pytest.approx(0.85, abs=1e-12)
    assert [point.period.label for point in model.trend][::12] == ["2020-01", "2021-01"]
    assert [point.csi is None for point in model.trend] == [True] * 11 + [False] * 2
    assert model.quality.days_without_calls == 30


def test_the_comparison_may_be_the_same_month_of_the_year_before():
    facts = FewFacts({("2021-01-10", "甲"): DAY, ("2020-01-10", "甲"): {**DAY, "complaints_received": 6}})
    model = report_from(facts, "2021-01", compare="year")
    assert (model.compared.how, model.compared.period.label) == ("year", "2020-01")
    assert model.figure("csi.complaint").change == pytest.approx(-0.075, abs=1e-12)


def test_a_month_without_data_is_a_report_that_says_so():
    model = report_from(FewFacts({("2020-12-10", "甲"): DAY}), "2021-01", ("team",))
    assert model.empty
    assert model.csi.value is None
    assert model.csi.reason == "no_data"
    assert (model.groups, model.attention) == ((), ())
    assert model.csi.before == pytest.approx((0.8977777777777778 + 0.775) / 2, abs=1e-12)  # no surveys there either
    assert model.quality.days_without_calls == 31


def test_a_month_that_has_not_ended_is_marked_and_counts_the_days_that_have_passed():
    model = report_from(FewFacts({("2026-11-10", "甲"): DAY}), "2026-11")
    assert model.in_progress
    assert (model.quality.days, model.quality.days_without_calls) == (23, 22)  # today is the 24th
    assert model.trend[-1].in_progress


def test_contacts_without_a_group_and_what_the_data_lack_are_told():
    facts = FewFacts(
        {("2021-01-10", "甲"): DAY, ("2021-01-11", "unassigned"): {**DAY, "contacts_answered": 900}},
        complaints=("upheld",),
    )
    model = report_from(facts, "2021-01", ("team",))
    assert model.quality.unassigned_share == pytest.approx(1000 / 2100, abs=1e-12)  # 900 + 100, and 1,100 others
    coverage = {part.figure: part for part in model.quality.coverage}
    assert (coverage["qa"].counted, coverage["qa"].of) == (80, 1900)
    assert coverage["external"].share is None  # no surveys
    assert model.counts.complaints_upheld == 8
    assert model.quality.rejected_share is None  # nobody told of rows


def test_rejected_rows_come_from_the_outcomes():
    outcomes = [Outcome("calls", loaded=95, rejected=3), Outcome("surveys", loaded=0, rejected=2)]
    facts = FewFacts({("2021-01-10", "甲"): DAY})
    model = report_from(facts, "2021-01", outcomes=outcomes)
    assert (model.quality.rows_counted, model.quality.rows_rejected, model.quality.rejected_share) == (95, 5, 0.05)


def test_unknown_keys_comparisons_and_days_before_the_first_weights_are_refused():
    facts = FewFacts({("2021-01-10", "甲"): DAY})
    with pytest.raises(InvalidInputError, match="shoe"):
        report_from(facts, "2021-01", ("shoe",))
    with pytest.raises(InvalidInputError, match="previous, year"):
        report_from(facts, "2021-01", compare="best")
    with pytest.raises(NotFoundError, match="valid from 2000-01-01"):
        report_from(facts, "1999-12")


def test_the_trend_knows_which_components_lack_a_part():
    points = make_report(make_part(changes=NO_QA), trend=[make_part(weights=make_weights())]).trend
    assert [point.partial_parts for point in points] == [frozenset(), frozenset()]  # below the least coverage
    no_tickets = {name: GONE for name in MONTH if name.startswith("tickets_")}
    points = make_report(make_part(changes=no_tickets), trend=[make_part()]).trend
    assert [point.partial_parts for point in points] == [frozenset(), frozenset({"internal"})]


def test_trailing_periods_before_the_first_weights_are_gaps():
    model = report_from(FewFacts({("2000-01-10", "甲"): DAY}), "2000-01")
    assert [point.csi is None for point in model.trend] == [True] * 12 + [False]
