"""Appeals: once, by a lead, decided by another; the evaluation, the figures and the audit follow."""

import datetime as dt
import zoneinfo

import pytest
import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.periods import parse_period
from csi_service.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from csi_service.records.tables import RECORDS
from csi_service.store.appeals import AppealFilter, Decision, decide_appeal, file_appeal, list_appeals
from csi_service.store.audit import AuditFilter, read_audit
from tests.files import make_csv
from tests.store.bring import bring, undo
from tests.store.kept import ask, at, call, figures, make, put

NOW = dt.datetime(2026, 2, 2, 8, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
TIA = Caller("tia", "lead", 1, "csi_1", teams=("T1",))
UWE = Caller("uwe", "lead", 2, "csi_2")


@pytest.fixture
def judged(store):
    """A store with an evaluation of a call of team T1, agent A1, by Ann: 60 points, level 2; and a second one."""
    put(store, "calls", call("C1", "2026-01-10T09:00"), call("C2", "2026-01-10T10:00", team="T2"))
    put(
        store, "evaluations",
        make("evaluations", evaluation_id="E1", call_id="C1", evaluated_at=at("2026-01-12T10:00"), score=60.0, rating=2,
             delight=False, rater="ann"),
        make("evaluations", evaluation_id="E2", call_id="C2", evaluated_at=at("2026-01-12T11:00"), score=80.0, rating=4,
             delight=True, rater="ann"),
    )  # fmt: skip
    return store


def decision(upheld=True, note="heard again", withdraw=False, **values):
    return Decision(upheld, note, values, withdraw)


def kept(store, number="E1"):
    table = RECORDS["evaluations"]
    with store.database.reading() as connection:
        found = connection.execute(sa.select(table).where(table.c.evaluation_id == number)).one_or_none()
    return None if found is None else (found.score, found.rating, found.delight, found.rater)


def trail(store, **filters):
    with store.database.reading() as connection:
        return [(e.actor, e.action, e.kind, e.subject) for e in read_audit(connection, AuditFilter(**filters))[0]]


def listed(store, caller=UWE, cursor=None, limit=100, **filters):
    with store.database.reading() as connection:
        return list_appeals(connection, AppealFilter(**filters), caller, ZONE, cursor, limit)


def test_an_appeal_is_filed_once(judged):
    made = file_appeal(judged, "E1", "the customer was told", TIA, NOW)
    assert (made.evaluation_id, made.call_id, made.team, made.agent, made.rater) == ("E1", "C1", "T1", "A1", "ann")
    assert (made.status, made.reason, made.filed_by, made.filed_at) == ("open", "the customer was told", "tia", NOW)
    for caller in (TIA, UWE):
        with pytest.raises(ConflictError, match=r"'E1' was appealed against by tia on 2026-02-02 08:00 UTC"):
            file_appeal(judged, "E1", "again", caller, LATER)
    decide_appeal(judged, made.id, decision(upheld=False), UWE, LATER)
    with pytest.raises(ConflictError, match="rejected"):
        file_appeal(judged, "E1", "again", TIA, LATER)
    assert kept(judged) == (60, 2, False, "ann")


def test_another_team_s_evaluation_is_not_there(judged):
    for number in ("E2", "E9"):
        with pytest.raises(NotFoundError, match=f"there is no evaluation '{number}'"):
            file_appeal(judged, number, "x", TIA, NOW)
    assert listed(judged) == ([], None)


def test_the_day_s_figures_follow_an_appeal_that_is_upheld(judged):
    def mean():
        return figures(ask(judged, "2026-01-12"), "csi.internal.qa", "value")[()]

    assert mean() == pytest.approx((0.70,))  # (0.60 + 0.80) / 2
    made = file_appeal(judged, "E1", "the customer was told", TIA, NOW)
    assert mean() == pytest.approx((0.70,))
    done = decide_appeal(judged, made.id, decision(score=90.0, rating=4), UWE, LATER)
    assert (done.status, done.decided_by, done.decided_at, done.note) == ("upheld", "uwe", LATER, "heard again")
    assert kept(judged) == (90, 4, False, "ann")  # still Ann's
    assert mean() == pytest.approx((0.85,))  # (0.90 + 0.80) / 2
    assert listed(judged)[0] == [done]


def test_an_evaluation_may_be_withdrawn(judged):
    made = file_appeal(judged, "E1", "another call was heard", TIA, NOW)
    decide_appeal(judged, made.id, decision(withdraw=True), UWE, LATER)
    assert kept(judged) is None
    assert figures(ask(judged, "2026-01-12"), "csi.internal.qa", "value", "n")[()] == pytest.approx((0.80, 1))


def bring_evaluations(store, path, *scores):
    rows = [[f"E{number}", "C1", "2026-01-12 10:00:00", score, "ann"] for number, score in enumerate(scores, 1)]
    return bring(store, "evaluations", make_csv(path, [["evaluation_id", "call_id", "evaluated_at", "score", "rater"],
                                                       *rows]))  # fmt: skip


@pytest.mark.parametrize("decided", [{"score": 90.0}, {"withdraw": True}])
def test_no_import_undoes_what_was_decided(judged, tmp_path, decided):
    before = bring_evaluations(judged, tmp_path / "a.csv", 40, 40, 40)
    made = file_appeal(judged, "E1", "the customer was told", TIA, NOW)
    rejected = file_appeal(judged, "E2", "so was this one", TIA, NOW)
    decide_appeal(judged, made.id, decision(**decided), UWE, LATER)
    decide_appeal(judged, rejected.id, decision(upheld=False), UWE, LATER)
    stands = None if "withdraw" in decided else (90, None, None, "ann")
    assert kept(judged) == stands
    later = bring_evaluations(judged, tmp_path / "b.csv", 40, 50, 40, 70)
    (outcome,) = later.outcomes
    assert {name: outcome[name] for name in ("loaded", "created", "replaced", "unchanged")} == {
        "loaded": 4, "created": 1, "replaced": 1, "unchanged": 2,
    }  # fmt: skip
    assert (kept(judged), kept(judged, "E2")[0]) == (stands, 50)
    undo(judged, later.id)
    assert (kept(judged), kept(judged, "E2")[0]) == (stands, 40)
    undo(judged, before.id)
    assert kept(judged) == stands


def test_filing_and_decision_stand_in_the_audit(judged):
    made = file_appeal(judged, "E1", "the customer was told", TIA, NOW)
    decide_appeal(judged, made.id, decision(score=90.0), UWE, LATER)
    assert trail(judged, kind="appeals") == [
        ("uwe", "decide", "appeals", str(made.id)), ("tia", "create", "appeals", str(made.id)),
    ]  # fmt: skip
    with judged.database.reading() as connection:
        (entry,), _ = read_audit(connection, AuditFilter(kind="evaluations", subject="E1"))
    assert (entry.actor, entry.action, entry.before["score"], entry.after["score"]) == ("uwe", "replace", 60, 90)


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        (TIA, "you have filed this appeal"),
        (Caller("ann", "lead", 3, "csi_3"), "you have made this evaluation"),
        (Caller("ava", "lead", 4, "csi_4", agent="A1"), "a call of your own"),
    ],
)
def test_nobody_decides_in_their_own_matter(judged, caller, words):
    made = file_appeal(judged, "E1", "x", TIA, NOW)
    with pytest.raises(NotAllowedError, match=words):
        decide_appeal(judged, made.id, decision(score=90.0), caller, LATER)
    assert listed(judged)[0][0].status == "open"
    assert kept(judged) == (60, 2, False, "ann")


def test_an_appeal_is_decided_once_and_by_those_who_see_the_team(judged):
    made = file_appeal(judged, "E1", "x", TIA, NOW)
    with pytest.raises(NotFoundError, match=f"there is no appeal {made.id}"):
        decide_appeal(judged, made.id, decision(upheld=False), Caller("x", "lead", 5, "csi_5", teams=("T2",)), LATER)
    with pytest.raises(NotFoundError, match="there is no appeal 999"):
        decide_appeal(judged, 999, decision(upheld=False), UWE, LATER)
    decide_appeal(judged, made.id, decision(upheld=False), UWE, LATER)
    with pytest.raises(ConflictError, match="was rejected by uwe already"):
        decide_appeal(judged, made.id, decision(score=90.0), UWE, LATER)
    assert kept(judged) == (60, 2, False, "ann")


def test_new_values_that_break_a_rule_leave_the_appeal_open(judged):
    made = file_appeal(judged, "E1", "x", TIA, NOW)
    with pytest.raises(InvalidInputError) as refused:
        decide_appeal(judged, made.id, decision(score=101.0), UWE, LATER)
    assert [(each.where, each.found) for each in refused.value.problems] == [("/score", 101.0)]
    with pytest.raises(InvalidInputError, match="changes nothing"):
        decide_appeal(judged, made.id, decision(score=60.0, rating=2), UWE, LATER)
    assert (listed(judged)[0][0].status, trail(judged, action="decide")) == ("open", [])


def test_an_evaluation_that_went_away_cannot_be_changed_any_more(judged):
    made = file_appeal(judged, "E1", "x", TIA, NOW)
    with judged.database.writing() as connection:
        connection.execute(sa.delete(RECORDS["evaluations"]))
    with pytest.raises(ConflictError, match="not there any more"):
        decide_appeal(judged, made.id, decision(score=90.0), UWE, LATER)
    assert decide_appeal(judged, made.id, decision(upheld=False), UWE, LATER).status == "rejected"


def test_appeals_are_filtered_by_what_and_when_and_come_in_pages(judged):
    first = file_appeal(judged, "E1", "x", TIA, NOW)
    second = file_appeal(judged, "E2", "x", UWE, dt.datetime(2026, 2, 2, 16, tzinfo=dt.UTC))  # midnight in Shanghai
    assert listed(judged) == ([second, first], None)
    assert listed(judged, limit=1) == ([second], second.id)
    assert listed(judged, limit=2) == ([second, first], None)
    assert listed(judged, cursor=second.id) == ([first], None)
    assert listed(judged, status="open", team="T1")[0] == [first]
    assert listed(judged, status="upheld")[0] == []
    assert listed(judged, filed_by="uwe", agent="A1", rater="ann")[0] == [second]
    assert listed(judged, filed=parse_period("2026-02-02"))[0] == [first]
    assert listed(judged, filed=parse_period("2026-02-03"))[0] == [second]
    assert listed(judged, caller=TIA)[0] == [first]
    assert listed(judged, caller=Caller("ann", "rater", 6, "csi_6"))[0] == [second, first]
    assert listed(judged, caller=Caller("bea", "rater", 7, "csi_7"))[0] == []
