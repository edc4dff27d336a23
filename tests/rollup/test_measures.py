"""Records of each kind -> measures: small files whose figures are worked out by hand in the comments."""

import pytest

from tests.files import make_csv, measures_of, opened, totals_of
from tests.make import GONE, make_weights

CALLS = "call_id,started_at,answered,team,agent,customer_id,topic,wait_seconds,talk_seconds,hold_seconds,resolved"


@pytest.fixture
def calls(tmp_path):
    rows = [
        CALLS,
        "c1,2021-01-04 09:00:00,Y,red,ann,k1,bill,20,100,10,Y",  # at the threshold: in time
        "c2,2021-01-04 09:00:01,Y,red,ann,k2,bill,20.5,200,,N",  # hold blank: no handling time
        "c3,2021-01-04 09:00:02,N,red,bob,k3,bill,4,,,",  # a short abandon
        "c4,2021-01-04 09:00:03,N,blue,bob,k4,bill,5,,,",  # at the limit: not short
        "c5,2021-01-05 09:00:00,Y,blue,cat,k5,bill,,300,20,",  # wait unknown, flag blank
        "c6,2021-01-05 09:00:00,Y,,cat,k6,bill,0,50,0,Y",
    ]
    return make_csv(tmp_path / "calls.csv", "\n".join(rows))


def test_calls(calls):
    weights = make_weights({"internal.service_level.short_abandon_seconds": 5})
    assert totals_of({"calls": calls}, weights=weights) == {
        "contacts_answered": 4,
        "contacts_abandoned": 2,
        "answered_timed": 3,
        "answered_within_threshold": 2,
        "abandoned_within_threshold": 2,
        "abandoned_short": 1,
        "handled_contacts": 3,
        "handle_seconds": 110 + 320 + 50,
        "handle_seconds_squared": 110**2 + 320**2 + 50**2,
        "resolution_flagged": 3,
        "resolution_confirmed": 2,
    }
    talk = make_weights({"internal.handling_time.components": ["talk", "wrap"]})  # the data hold no wrap
    frame = measures_of({"calls": calls}, weights=talk, keys=("team",)).groupby("team").sum(numeric_only=True)
    assert frame["handle_seconds"].to_dict() == {"red": 300, "blue": 300, "unassigned": 50}
    assert frame["contacts_answered"].to_dict() == {"red": 2, "blue": 1, "unassigned": 1}


@pytest.mark.parametrize(
    ("second", "window", "repeated"),
    [
        ("2021-01-08 09:00:00", 7, 1),
        ("2021-01-11 09:00:00", 7, 1),  # exactly at the window's end
        ("2021-01-11 09:00:01", 7, 0),
        ("2021-01-04 12:00:00", 0.125, 1),
        ("2021-01-04 12:00:01", 0.125, 0),
    ],
)  # fmt: skip
def test_repeat_contacts_at_the_edge_of_the_window(tmp_path, second, window, repeated):
    rows = [
        "call_id,started_at,answered,customer_id,topic",
        "c1,2021-01-04 09:00:00,Y,k1,bill",
        f"c2,{second},Y,k1,bill",
        f"c3,{second},Y,k1,other",  # another topic: a first contact of its own
        f"c4,{second},Y,,bill",  # nobody knows who
        f"c5,{second},N,k1,bill",  # not answered
    ]
    method = {"internal.first_contact_resolution.method": "repeat_contact"}
    weights = make_weights(method | {"internal.first_contact_resolution.window_days": window})
    found = totals_of({"calls": make_csv(tmp_path / "c.csv", "\n".join(rows))}, weights=weights)
    assert found["first_contacts_repeated"] == repeated
    assert found["first_contacts"] == 3 - repeated
    within = repeated and (window, second) not in ((7, "2021-01-11 09:00:00"), (0.125, "2021-01-04 12:00:00"))
    assert found["first_contacts_mature"] == (0 if within else 1)  # only c1's window may have passed


def test_tickets_count_on_the_day_of_closing_with_what_came_back_in_the_window(tmp_path):
    rows = [
        "ticket_id,opened_at,closed_at,reactivated_at,team",
        "t1,2021-01-01 10:00:00,2021-01-04 10:00:00,,red",
        "t2,2021-01-01 10:00:00,2021-01-04 10:00:00,2021-01-11 10:00:00,red",  # exactly 7 days: within
        "t3,2021-01-01 10:00:00,2021-01-04 10:00:00,2021-01-11 10:00:01,red",
        "t4,2021-01-01 10:00:00,2021-01-04 10:00:00,2021-01-03 10:00:00; 2021-01-05 10:00:00; 2021-01-06 10:00:00,red",
        "t5,2021-01-01 10:00:00,2021-01-04 10:00:00,2021-01-03 10:00:00,red",  # before the closing
        "t6,2021-01-01 10:00:00,,2021-01-03 10:00:00,red",  # open
        "t7,2021-01-01 10:00:00,2021-01-04 10:00:01,,blue",
        "t8,2021-01-01 10:00:00,2021-01-04 10:00:02,,blue",  # the latest instant is 7 days and 1 s after 10:00:00
    ]
    path = make_csv(tmp_path / "t.csv", "\n".join(rows))
    frame = measures_of({"tickets": path}, keys=("team",)).set_index("team")
    assert frame.loc["red", ["tickets_closed", "tickets_reactivated", "tickets_mature"]].tolist() == [5, 2, 5]
    assert frame.loc["blue", ["tickets_closed", "tickets_reactivated", "tickets_mature"]].tolist() == [2, 0, 1]
    assert set(frame["day"].dt.day) == {4}


def test_what_no_column_tells_of_is_not_counted_as_none(tmp_path):
    tickets = make_csv(tmp_path / "t.csv", "ticket_id,opened_at,closed_at\nt1,2021-01-01,2021-01-04\n")
    complaints = make_csv(tmp_path / "k.csv", "complaint_id,received_at\n1,2021-01-05\n")
    found = totals_of({"tickets": tickets, "complaints": complaints})
    assert (found["tickets_closed"], found["complaints_received"]) == (1, 1)
    assert not {"tickets_reactivated", "complaints_upheld"} & set(found.keys())


SURVEYS = "survey_id,answered_at,channel,scale,score,call_id,customer_id,agent,team,sent_at"


@pytest.mark.parametrize(
    ("scale", "score", "satisfied", "points"),
    [
        ("binary", 1, 1, 1), ("binary", 0, 0, 0), ("3", 3, 1, 1), ("3", 2, 0, 0.5), ("5", 4, 1, 0.75), ("5", 3, 0, 0.5),
        ("7", 6, 1, 5 / 6), ("7", 5, 0, 4 / 6), ("10", 8, 1, 7 / 9), ("10", 7, 0, 6 / 9), ("nps", 9, 1, 0.9),
        ("nps", 8, 0, 0.8),
    ],
)  # fmt: skip
def test_survey_scores_on_every_scale(tmp_path, scale, score, satisfied, points):
    path = make_csv(tmp_path / "s.csv", f"{SURVEYS}\ns1,2021-01-05,sms,{scale},{score},,,,,\n")
    found = totals_of({"surveys": path})
    assert found["responses.sms"] == 1
    assert found["satisfied_responses.sms"] == satisfied
    assert found["response_points.sms"] == pytest.approx(points, abs=1e-15)


def test_a_channel_by_which_nobody_of_a_group_answered_counts_0_there(tmp_path):
    rows = [
        SURVEYS,
        "s1,2021-01-05,sms,5,5,,,,red,",
        "s2,2021-01-06,sms,5,1,,,,blue,",
        "s3,2021-01-06,ivr,5,4,,,,blue,",
    ]
    frame = measures_of({"surveys": make_csv(tmp_path / "s.csv", "\n".join(rows))}, keys=("team",)).set_index("team")
    names = ["responses.sms", "satisfied_responses.sms", "responses.ivr", "satisfied_responses.ivr"]
    assert frame[names].T.to_dict("list") == {"red": [1, 1, 0, 0], "blue": [1, 0, 1, 1]}


def test_suspect_responses_are_set_aside_and_counted_apart(tmp_path, calls):
    rows = [
        SURVEYS,
        "s1,2021-01-05 10:00:00,sms,5,5,c1,k1,,,2021-01-05 09:59:57",  # 3 s: a customer's
        "s2,2021-01-05 10:00:00,sms,5,5,c2,k2,,,2021-01-05 09:59:58",  # 2 s: a link scanner's
        "s3,2021-01-05 11:00:00,sms,5,1,c1,k1,,,",  # the same call and channel again
        "s4,2021-01-05 11:00:00,ivr,5,1,c1,k1,,,",  # the same call, another channel
        "s5,2021-01-05 11:00:00,sms,5,5,c5,cat,,,",  # cat about cat's own call
        "s6,2021-01-05 11:00:00,sms,5,5,,dan,dan,,",  # likewise, without a call
        "s7,2021-01-05 11:00:00,sms,5,2,,,,,",
        "s8,2021-01-05 12:00:00,sms,5,2,,,,,",  # no call: nobody can tell that it is the same
    ]
    found = totals_of({"calls": calls, "surveys": make_csv(tmp_path / "s.csv", "\n".join(rows))})
    assert (found["responses.sms"], found["satisfied_responses.sms"], found["responses_set_aside.sms"]) == (3, 1, 4)
    assert (found["responses.ivr"], found["satisfied_responses.ivr"], found["responses_set_aside.ivr"]) == (1, 0, 0)


def test_dimensions_come_from_the_call_then_from_the_record_else_unassigned(tmp_path, calls):
    rows = [
        "complaint_id,received_at,call_id,team,channel,upheld",
        "1,2021-01-05,c1,green,media,Y",  # of the call: red
        "2,2021-01-05,,green,media,N",
        "3,2021-01-05,c999,,media,",
        "4,2021-01-05,c6,green,media,Y",  # the call names no team
        "5,2021-01-05,c6,,media,",
    ]
    files = {"calls": calls, "complaints": make_csv(tmp_path / "k.csv", "\n".join(rows))}
    received = measures_of(files, keys=("team",)).groupby("team")["complaints_received"].sum().to_dict()
    assert received == {"red": 1, "green": 2, "unassigned": 2, "blue": 0}
    assert totals_of(files)["complaints_received"] == 5
    assert totals_of(files)["complaints_upheld"] == 2
    channels = measures_of(files, keys=("channel",)).groupby("channel")["complaints_received"].sum()
    assert channels.to_dict() == {"unassigned": 5}  # a complaint's channel is not a call's
    alone = measures_of({"complaints": files["complaints"]}, keys=("team",)).groupby("team").sum(numeric_only=True)
    assert alone["complaints_received"].to_dict() == {"green": 3, "unassigned": 2}


EVALUATIONS = "evaluation_id,call_id,evaluated_at,score,full_marks,delight,rating,batch,rater,team"
BATCHES = "batch,period,population,selection\njan,2021-01,9000,\nhand,2021-01,10,targeted\ncal,2021-01,,calibration\n"


def test_evaluations_and_their_batches(tmp_path):
    rows = [
        EVALUATIONS,
        "e1,c1,2021-01-10,3,5,Y,,jan,r1,red",
        "e2,c2,2021-02-03,8,10,N,,jan,r1,red",  # made late: counts on 31 January
        "e3,c3,2020-12-30,90,,,5,jan,r1,red",  # made early: 1 January; delight not judged
        "e4,c4,2021-01-10,,,,4,jan,r1,red",  # a rating only
        "e5,c5,2021-01-10,0,,Y,1,hand,r1,red",
        "e6,c6,2021-01-10,0,,Y,1,cal,r1,red",
        "e7,c7,2021-02-03,50,,,,,r1,blue",  # without a batch
    ]
    files = {
        "evaluations": make_csv(tmp_path / "e.csv", "\n".join(rows)),
        "batches": make_csv(tmp_path / "b.csv", BATCHES),
    }
    assert totals_of(files) == {
        "delight_judged": 2,
        "delight_met": 1,
        "evaluations": 4,
        "evaluation_scores": pytest.approx(0.6 + 0.8 + 0.9 + 0.5, abs=1e-12),
        "evaluation_scores_squared": pytest.approx(0.36 + 0.64 + 0.81 + 0.25, abs=1e-12),
        "points_earned": 3 + 8 + 90 + 50,
        "points_possible": 5 + 10 + 100 + 100,
    }
    frame = measures_of(files)
    assert frame.loc[frame["evaluations"] > 0, "day"].dt.strftime("%m-%d").tolist() == [
        "01-01",
        "01-10",
        "01-31",
        "02-03",
    ]


def test_rated_calls_count_once_by_the_newest_rating_of_each_rater(tmp_path):
    rows = [
        EVALUATIONS,
        "e1,c1,2021-01-10,,,,1,jan,r1,red",
        "e2,c1,2021-01-11,,,,5,jan,r1,red",  # r1 again: replaces e1
        "e3,c1,2021-01-09,,,,3,jan,r2,red",  # r2 sees it otherwise: half each
        "e4,c2,2021-01-10,,,,2,jan,r1,red",
        "e5,c3,2021-01-10,,,,4,hand,r1,red",
    ]
    files = {
        "evaluations": make_csv(tmp_path / "e.csv", "\n".join(rows)),
        "batches": make_csv(tmp_path / "b.csv", BATCHES),
    }
    with opened(files) as facts:
        rated = facts.rated_calls().set_index(["selection", "day"])
        days = [day.day for _, day in rated.index]
        levels = [f"level_{level}" for level in range(1, 6)]
        assert rated.loc["random", levels].to_numpy().sum(axis=0).tolist() == [0, 1, 0.5, 0, 0.5]
        assert rated.loc["targeted", levels].to_numpy().sum() == 1
        assert sorted(days) == [10, 10, 11]
        assert facts.batches["population"].tolist()[:2] == [9000, 10]
    with opened({"calls": make_csv(tmp_path / "c.csv", "call_id,started_at,answered\nc1,2021-01-05,Y\n")}) as facts:
        assert facts.rated_calls() is None


WITHOUT_SURVEYS = {"csi.external": GONE, "csi.total": 2, "external": GONE}


@pytest.mark.parametrize(
    ("kind", "text", "changes"),
    [
        ("batches", BATCHES, {}),
        ("surveys", f"{SURVEYS}\n", {}),
        ("surveys", f"{SURVEYS}\ns1,2021-01-05,sms,5,5,,,,,\n", WITHOUT_SURVEYS),
        ("tickets", "ticket_id,opened_at\nt1,2021-01-05\n", {}),
        ("complaints", "complaint_id,received_at\n", {}),
        ("evaluations", f"{EVALUATIONS}\n", {}),
        ("survey_invitations", "day,channel,invited\n", {}),
        ("calls", f"{CALLS}\n", {}),
    ],
)  # fmt: skip
def test_kinds_without_any_countable_row_give_an_empty_frame(tmp_path, kind, text, changes):
    for keys in ((), ("team", "agent")):
        frame = measures_of({kind: make_csv(tmp_path / "x.csv", text)}, weights=make_weights(changes), keys=keys)
        assert list(frame.columns[: len(keys) + 1]) == ["day", *keys]
        assert len(frame) == 0
