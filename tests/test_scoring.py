"""Record files -> scores by period and group: weights by date, what is missing and why, warnings."""

import datetime as dt
from dataclasses import replace

import pytest

from csi_service.core.composite import missing, reason, walk
from csi_service.core.periods import parse_period
from csi_service.errors import FileRefusedError, InvalidInputError, NotFoundError
from csi_service.scoring import Request, check_keys, score_facts, with_others
from tests.files import make_csv, opened
from tests.make import make_weights

TODAY = dt.date(2021, 3, 15)
CALLS = "call_id,started_at,answered,team,wait_seconds,talk_seconds,resolved"


@pytest.fixture
def files(tmp_path):
    """Two teams in January and February; red has a complaint and evaluations, blue has neither."""
    calls = [
        "c1,2021-01-10 09:00:00,Y,red,10,200,Y", "c2,2021-01-10 09:00:00,Y,red,30,400,N",
        "c3,2021-01-11 09:00:00,Y,blue,15,600,Y", "c4,2021-01-11 09:00:00,N,blue,5,,",
        "c5,2021-02-10 09:00:00,Y,red,10,300,Y", "c6,2021-02-10 09:00:00,Y,red,30,300,Y",
    ]  # fmt: skip
    surveys = ["s1,2021-01-10,sms,5,5,c1", "s2,2021-01-10,sms,5,1,c2", "s3,2021-01-11,ivr,5,4,c3"]
    texts = {
        "calls": [CALLS, *calls],
        "surveys": ["survey_id,answered_at,channel,scale,score,call_id", *surveys],
        "complaints": ["complaint_id,received_at,call_id", "k1,2021-01-12,c1"],
        "evaluations": ["evaluation_id,call_id,evaluated_at,score", "e1,c1,2021-01-12,80", "e2,c2,2021-01-12,90"],
    }
    return {kind: make_csv(tmp_path / f"{kind}.csv", "\n".join(lines)) for kind, lines in texts.items()}


def scored(files, kinds, sets=None, today=TODAY, **request):
    with opened({kind: files[kind] for kind in kinds}, keys=request.get("keys", ())) as facts:
        return score_facts(facts, sets or [make_weights()], Request(**request), today)


def nodes(part):
    return dict(walk(part.roots[0]))


def test_groups_and_their_total(files):
    scores = scored(files, files, period=parse_period("2021-01"), keys=("team",))
    (part,), (total,) = scores.by_group, scores.total
    assert part.groups["team"].tolist() == ["blue", "red"]
    found = nodes(part)
    assert found["csi.internal.sla"].raw.tolist() == [0.5, 0.5]  # blue 1 of 2 offered, red 1 of 2
    assert found["csi.internal.aht"].raw.tolist() == [600, 300]
    assert found["csi.internal.fcr"].raw.tolist() == [1, 0.5]
    assert found["csi.internal.qa"].raw[1] == pytest.approx(0.85, abs=1e-12)
    assert reason(found["csi.internal.qa"], 0) == "no_data"
    assert found["csi.external"].raw.tolist() == [1, 0.5]
    assert found["csi.complaint"].numerator.tolist() == [0, 1]  # a list was given: none about blue is 0 complaints
    assert found["csi.complaint"].value.tolist() == [1, 0]
    whole = nodes(total)
    assert whole["csi.internal.sla"].raw[0] == 2 / 4
    assert whole["csi.internal.aht"].raw[0] == 1200 / 3
    assert whole["csi.external"].raw[0] == 2 / 3
    assert whole["csi.complaint"].raw[0] == pytest.approx(1 - 25 / 3, abs=1e-12)
    table = scores.table()
    assert table.columns[:3].tolist() == ["team", "period", "node"]
    assert len(table) == 2 * len(list(walk(part.roots[0])))


def test_beside_a_group_stand_all_the_others_of_its_period_together(files):
    with opened(files, keys=("team",)) as facts:
        request = Request(period=parse_period("2021-01"), keys=("team",))
        (part,) = score_facts(facts, [make_weights()], request, TODAY).by_group
        beside = dict(walk(with_others(facts, part).others))
    found = nodes(part)  # of two teams the others of one are the other one
    for name in ("csi", "csi.internal.aht", "csi.internal.qa", "csi.external", "csi.complaint"):
        assert beside[name].value.tolist() == pytest.approx(found[name].value[::-1].tolist(), abs=1e-15, nan_ok=True)
    assert beside["csi.internal.sla"].numerator.tolist() == [1, 1]


def test_without_a_complaint_list_the_component_is_missing_and_the_index_partial(files):
    (total,) = scored(files, ("calls", "surveys", "evaluations"), period=parse_period("2021-01")).total
    found = nodes(total)
    assert missing(found["csi"], 0) == ["complaint"]
    assert reason(found["csi.complaint"], 0) == "not_given"
    assert found["csi"].partial[0]
    both = (found["csi.internal"].value[0] + found["csi.external"].value[0]) / 2
    assert found["csi"].value[0] == pytest.approx(both, abs=1e-12)


def test_periods_are_cut_by_the_grain_and_marked_while_in_progress(files):
    scores = scored(files, ("calls",), grain="month", today=dt.date(2021, 2, 28))
    assert [(part.period.label, part.in_progress) for part in scores.total] == [("2021-01", False), ("2021-02", True)]
    assert [part.period.label for part in scored(files, ("calls",), grain="day").total] == [
        "2021-01-10", "2021-01-11", "2021-02-10",
    ]  # fmt: skip
    (whole,) = scored(files, ("calls",)).total
    assert (whole.period.first, whole.period.last) == (dt.date(2021, 1, 10), dt.date(2021, 2, 10))


def test_each_period_is_scored_with_the_set_valid_on_its_last_day(files):
    old = make_weights({"internal.service_level.threshold_seconds": 20})
    new = make_weights({"effective": dt.date(2021, 2, 1), "internal.service_level.threshold_seconds": 60})
    sets = [old, replace(new, name="2021-02-01")]
    scores = scored(files, ("calls",), sets, grain="month")
    assert [part.weights.name for part in scores.total] == ["default", "2021-02-01"]
    assert [nodes(part)["csi.internal.sla"].numerator[0] for part in scores.total] == [2, 2]
    named = scored(files, ("calls",), sets, grain="month", weights=sets[1])
    assert [nodes(part)["csi.internal.sla"].numerator[0] for part in named.total] == [3, 2]
    assert any("valid from 2021-02-01 only, after 2021-01" in warning for warning in named.warnings)
    with pytest.raises(NotFoundError, match="no weights are in effect on 2021-01-31"):
        scored(files, ("calls",), [sets[1]], grain="month")


def test_a_ticket_list_without_a_ticket_is_as_good_as_none(files, tmp_path):
    tickets = make_csv(tmp_path / "tickets.csv", "ticket_id,opened_at,closed_at\n")
    scores = scored({**files, "tickets": tickets}, ["calls", "tickets"], period=parse_period("2021-01"))
    assert nodes(scores.total[0])["csi.internal.fcr"].raw[0] == pytest.approx(2 / 3)  # c1 and c3 of c1, c2, c3
    assert any("no tickets" in warning for warning in scores.warnings)


def test_without_tickets_the_flag_stands_in_for_the_whole_run_and_says_so(files, tmp_path):
    scores = scored(files, ("calls",))
    assert nodes(scores.total[0])["csi.internal.fcr"].notes["resolution_method"] == "flag"
    assert len([warning for warning in scores.warnings if warning.startswith("FCR: ")]) == 1
    tickets = make_csv(tmp_path / "t.csv", "ticket_id,opened_at,closed_at,reactivated_at\nt1,2021-02-01,2021-02-02,\n")
    scores = scored(files | {"tickets": tickets}, ("calls", "tickets"), grain="month")
    january, february = (nodes(part)["csi.internal.fcr"] for part in scores.total)
    assert (reason(january, 0), february.raw[0]) == ("no_data", 1)
    assert not any(warning.startswith("FCR: ") for warning in scores.warnings)


def test_a_source_that_cannot_tell_of_reactivations_or_justified_complaints_gives_no_perfect_figure(files, tmp_path):
    tickets = make_csv(tmp_path / "t.csv", "ticket_id,opened_at,closed_at\nt1,2021-01-11,2021-01-12\n")
    upheld = make_weights({"complaint.count": "upheld_only"})
    kinds = ("calls", "tickets", "complaints")
    found = nodes(scored(files | {"tickets": tickets}, kinds, [upheld], period=parse_period("2021-01")).total[0])
    assert [reason(found[f"csi.{key}"], 0) for key in ("internal.fcr", "complaint")] == ["not_given", "not_given"]


def test_the_parts_of_the_handling_time_that_the_data_hold_are_named(files):
    scores = scored(files, ("calls",))
    assert nodes(scores.total[0])["csi.internal.aht"].notes["components"] == ("talk",)
    assert "AHT: the data hold talk time only, of talk, hold, wrap-up" in scores.warnings


def test_the_batches_of_the_issue_by_population_and_by_sample(tmp_path):
    """A (stands for 9,000 calls): 0, 0, 10, 60, 30 of 100; B (1,000): 10, 20, 30, 30, 10 of 100."""
    levels = {"a": (0, 0, 10, 60, 30), "b": (10, 20, 30, 30, 10)}
    rows = [
        f"{batch}{level}-{number},{batch}{level}-{number},2021-01-10,{level},{batch},r1"
        for batch, counts in levels.items()
        for level, count in enumerate(counts, 1)
        for number in range(count)
    ]
    header = "evaluation_id,call_id,evaluated_at,rating,batch,rater"
    evaluations = make_csv(tmp_path / "e.csv", "\n".join([header, *rows]))
    batches = make_csv(
        tmp_path / "b.csv", "batch,period,population\na,2021-01,9000\nb,2021-01,1000\nempty,2021-01,50\n"
    )
    for method, expected in (
        ("population", (0.01, 0.02, 0.12, 0.57, 0.28)),
        ("sample", (0.05, 0.10, 0.20, 0.45, 0.20)),
    ):
        weights = make_weights({"ratings.weighting": method})
        with opened({"evaluations": evaluations, "batches": batches}) as facts:
            (total,) = score_facts(facts, [weights], Request(), TODAY).total
        ratings = total.roots[-1]
        assert ratings.name == "ratings"
        assert [child.value[0] for child in ratings.children] == pytest.approx(expected, abs=1e-12)
        assert ratings.notes["empty_batches"] == ("empty",)
    unknown = make_csv(tmp_path / "u.csv", "batch,period,population\na,2021-01,9000\nb,2021-01,\n")
    with opened({"evaluations": evaluations, "batches": unknown}) as facts:
        ratings = score_facts(facts, [make_weights()], Request(), TODAY).total[0].roots[-1]
    assert (ratings.notes["weighting"], ratings.notes["fallback"]) == ("sample", True)


def test_nothing_to_score_is_said_plainly(files, tmp_path):
    empty = make_csv(tmp_path / "empty.csv", CALLS)
    with pytest.raises(FileRefusedError, match="there is no usable record to score"):
        scored({"calls": empty}, ("calls",))
    with pytest.raises(
        FileRefusedError, match="no record in 2020-05; the records lie between 2021-01-10 and 2021-02-10"
    ):
        scored(files, ("calls",), period=parse_period("2020-05"))


@pytest.mark.parametrize("keys", [("colour",), ("team", "team")])
def test_keys_are_different_dimensions(keys):
    with pytest.raises(InvalidInputError, match="site, team, agent, queue, channel, topic"):
        check_keys(keys)
    check_keys(("team", "site"))
