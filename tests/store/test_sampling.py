"""Plans, draws and worklists on the store: strata and sizes, one draw, fair shares, scope, weights of the estimate."""

import datetime as dt
from collections import Counter

import pytest
import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from csi_service.records.tables import PLAN_CALLS, RECORDS
from csi_service.schema.plans import load_plan
from csi_service.store import places, plans
from csi_service.store.audit import AuditFilter, read_audit
from csi_service.store.draws import draw_plan
from csi_service.store.import_queue import recover
from csi_service.store.keys import create_key
from csi_service.store.plans import create_plan, find_batch, find_plan, list_batches
from csi_service.store.worklists import mark_away, progress, worklist
from tests.store.kept import ask, at, call, make, put, survey

NOW = dt.datetime(2026, 2, 2, 8, tzinfo=dt.UTC)
TODAY = dt.date(2026, 2, 2)
LEAD = Caller("lea", "lead", 1, "csi_0")
ANN, BEA = Caller("ann", "rater", 2, "csi_1"), Caller("bea", "rater", 3, "csi_2")


def lead_of(*teams):
    return Caller("tia", "lead", 9, "csi_9", teams=teams)


def calls(count, team="A", start=0, day="2026-01-10", **values):
    return [call(f"{team}{number:04}", f"{day}T09:00", team=team, **values) for number in range(start, start + count)]


def plan(batch="P", period="2026-01", raters=("ann", "bea"), caller=LEAD, store=None, **options):
    raters = [{"name": name} for name in raters] if not isinstance(raters, list) else raters
    body = {"batch": batch, "period": period, "plan": {"raters": raters, "seed": 7, **options}}
    return create_plan(store, load_plan(body), caller, 1, NOW)


def drawn(store, batch="P", caller=LEAD):
    return draw_plan(store, batch, caller, NOW)


def rows(store, batch="P"):
    query = sa.select(PLAN_CALLS).where(PLAN_CALLS.c.plan == batch).order_by(PLAN_CALLS.c.position, PLAN_CALLS.c.rater)
    with store.database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def batches(store):
    with store.database.reading() as connection:
        return {row.batch: row for row in connection.execute(sa.select(RECORDS["batches"]))}


def rate(store, row, level, number, rater=None):
    return put(
        store,
        "evaluations",
        make(
            "evaluations", evaluation_id=f"E{number}", call_id=row["call_id"], batch=row["batch"],
            rater=rater or row["rater"], rating=level, evaluated_at=at("2026-02-03T10:00"),
        ),
    )  # fmt: skip


def lists(store, caller, rater=None, batch="P", limit=100, today=TODAY):
    with store.database.reading() as connection:
        return worklist(connection, batch, caller, rater, limit, today)


def shares(store, batch="P"):
    with store.database.reading() as connection:
        found = progress(connection, [find_plan(connection, batch, LEAD)])[batch]
    return {share.rater: (share.calls, share.done) for share in found.shares}, found.unassigned


# --- planning


def test_a_plan_counts_its_strata_without_what_is_evaluated_unanswered_or_of_another_month(store):
    put(
        store,
        "calls",
        *calls(30),
        *calls(10, "B"),
        *calls(4, "B", 10, answered=False),
        *calls(5, "C", day="2026-02-01"),
    )
    put(store, "evaluations", make("evaluations", evaluation_id="E", call_id="A0001", score=1.0,
                                   evaluated_at=at("2026-01-12T10:00")))  # fmt: skip
    made = plan(store=store, strata=["team"], size=8)
    found = [(s.batch, s.members, s.calls, s.evaluated, s.population, s.sample) for s in made.strata]
    # 29 and 10 calls, 8 in all in proportion: 8 x 29/39 = 5.9 and 2.1
    assert found == [("P/1", ("A",), 30, 1, 29, 6), ("P/2", ("B",), 10, 0, 10, 2)]
    assert (made.drawn_at, batches(store)) == (None, {})


def test_a_minimum_per_agent_is_all_of_one_who_has_fewer(store):
    put(store, "calls", *calls(30, agent="A1"), *calls(3, "B", agent="A2"), *calls(5, "C", agent=None))
    made = plan(store=store, strata=["agent"], min_per=4)
    assert [(s.members, s.sample) for s in made.strata] == [(("A1",), 4), (("A2",), 3), (("unassigned",), 4)]


def test_strata_cross_their_dimensions(store):
    put(store, "calls", *calls(4, queue="Q1"), *calls(4, "A", 4, queue="Q2"), *calls(4, "B", queue="Q1"))
    made = plan(store=store, strata=["team", "queue"], min_per=1)
    assert [s.members for s in made.strata] == [("A", "Q1"), ("A", "Q2"), ("B", "Q1")]


def test_calls_in_files_and_calls_just_sent_are_drawn_alike(store):
    put(store, "calls", *calls(5))
    assert plan(store=store, size=2).strata[0].population == 5
    put(store, "calls", *calls(5, start=5))
    assert plan(store=store, size=2).strata[0].population == 10


@pytest.mark.parametrize(
    ("options", "where", "code", "words"),
    [
        ({"size": 41}, "/plan/size", "exceeds_stratum", "is 41, but there are 40 calls to draw from (calls of 2026-01"),
        ({"size": 41, "strata": ["team"]}, "/plan/size", "exceeds_stratum", "(team 'A': 30, team 'B': 10)"),
        ({"size": 3, "strata": ["team"]}, "/plan/size", "infeasible", "it lies between 4 and the 40 calls"),
        ({"size": 5, "period": "2025-12"}, "/plan", "no_calls", "no call of 2025-12"),
        ({"selection": "targeted", "calls": ["A0001", "Z"]}, "/plan/calls/1", "unknown_call", "no call of 2026-01"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_before_it_is_kept(store, options, where, code, words):
    put(store, "calls", *calls(30), *calls(10, "B"))
    with pytest.raises(InvalidInputError) as refused:
        plan(store=store, **options)
    (problem,) = refused.value.problems
    assert (problem.where, problem.code) == (where, code)
    assert words in problem.message
    with store.database.reading() as connection:
        assert list_batches(connection, LEAD) == ([], None)


def test_an_undrawn_plan_may_be_replaced_and_a_name_belongs_to_one_batch(store):
    put(store, "calls", *calls(30))
    plan(store=store, size=5)
    assert plan(store=store, size=6, raters=("cai",)).raters == ("cai",)
    put(store, "batches", make("batches", batch="old", period="2026-01"))
    with pytest.raises(ConflictError, match="there is a batch 'old' already"):
        plan("old", store=store, size=5)
    drawn(store)
    with pytest.raises(ConflictError, match="was drawn by lea"):
        plan(store=store, size=7)


# --- drawing


def test_a_draw_makes_a_batch_of_each_stratum_with_its_population(store):
    put(store, "calls", *calls(30), *calls(10, "B"))
    plan(store=store, strata=["team"], size=8)
    made = drawn(store)
    assert (made.drawn_at, made.drawn_by) == (NOW, "lea")
    found = batches(store)
    assert {name: (row.population, row.stratum, row.selection, row.period) for name, row in found.items()} == {
        "P/1": (30, "A", "random", "2026-01"),
        "P/2": (10, "B", "random", "2026-01"),
    }
    kept = rows(store)
    assert Counter(row["batch"] for row in kept) == {"P/1": 6, "P/2": 2}
    assert len({row["call_id"] for row in kept}) == 8
    assert all(row["team"] == ("A" if row["batch"] == "P/1" else "B") for row in kept)
    # both strata advance evenly: the middle of 2 is the middle of 6
    assert [row["batch"] for row in kept] == ["P/1", "P/1", "P/2", "P/1", "P/1", "P/1", "P/2", "P/1"]


def test_the_same_seed_draws_the_same_calls_in_whatever_order_they_came(store):
    put(store, "calls", *reversed(calls(40)))
    for name, seed in (("P", 7), ("Q", 7), ("R", 8)):
        plan(name, store=store, size=10, seed=seed)
        drawn(store, name)
    found = {name: [row["call_id"] for row in rows(store, name)] for name in "PQR"}
    assert found["P"] == found["Q"]
    assert set(found["P"]) != set(found["R"])


def test_judgements_of_drawn_calls_open_no_file(store, monkeypatch):
    put(store, "calls", *calls(40))
    plan(store=store, size=10)
    drawn(store)
    monkeypatch.setattr(places, "calls_in", None)
    found = places.locate(store, [row["call_id"] for row in rows(store)])
    assert {place["team"] for place in found.places.values()} == {"A"}
    assert len(found.places) == 10


def test_a_plan_is_drawn_once(store):
    put(store, "calls", *calls(30))
    plan(store=store, size=5)
    drawn(store)
    kept = rows(store)
    with pytest.raises(ConflictError, match=r"was drawn by lea on 2026-02-02 08:00 UTC: 5 calls with the seed 7"):
        drawn(store)
    assert rows(store) == kept
    with pytest.raises(NotFoundError, match="'nothing'"):
        drawn(store, "nothing")


def test_a_stratum_that_has_shrunk_below_its_size_refuses_the_draw(store):
    put(store, "calls", *calls(6))
    plan(store=store, size=5)
    for number in range(2):
        put(store, "evaluations", make("evaluations", evaluation_id=f"E{number}", call_id=f"A000{number}", score=1.0,
                                       evaluated_at=at("2026-01-12T10:00")))  # fmt: skip
    with pytest.raises(InvalidInputError, match="is 5, but there are 4 calls to draw from"):
        drawn(store)
    assert (rows(store), batches(store)) == ([], {})


def test_plan_and_draw_stand_in_the_audit(store):
    put(store, "calls", *calls(30))
    plan(store=store, size=5)
    drawn(store)
    with store.database.reading() as connection:
        entries, _ = read_audit(connection, AuditFilter(actor="lea"))
    assert [(entry.action, entry.kind, entry.subject) for entry in entries] == [
        ("draw", "plans", "P"), ("create", "batches", "P"), ("create", "plans", "P"),
    ]  # fmt: skip
    assert entries[0].after == {"calls": 5, "seed": 7, "strata": 1}


# --- the estimate


def test_the_strata_weigh_their_populations(store):
    """The example of two batches, 9,000 and 1,000 calls, 100 rated in each, at a tenth of its size.

    North: 10 neutral, 60 satisfied, 30 very satisfied of 100; south: 10, 20, 30, 30, 10. Shares by hand, with 0.9 and
    0.1: 0.1 x 0.1 = 0.01; 0.1 x 0.2 = 0.02; 0.9 x 0.1 + 0.1 x 0.3 = 0.12; 0.9 x 0.6 + 0.1 x 0.3 = 0.57; 0.9 x 0.3 +
    0.1 x 0.1 = 0.28.
    """
    put(store, "calls", *calls(900, "north"), *calls(100, "south"))
    plan(store=store, strata=["team"], min_per=10, raters=("ann",))
    drawn(store)
    levels = {"north": [3] + [4] * 6 + [5] * 3, "south": [1, 2, 2, 3, 3, 3, 4, 4, 4, 5]}
    for number, row in enumerate(rows(store)):
        rate(store, row, levels[row["team"]].pop(), number)
    assert levels == {"north": [], "south": []}
    table = ask(store, "2026-01").table()
    names = ("very_dissatisfied", "dissatisfied", "neutral", "satisfied", "very_satisfied")
    found = [float(table[table["node"] == f"ratings.{name}"]["value"].iloc[0]) for name in names]
    assert found == pytest.approx([0.01, 0.02, 0.12, 0.57, 0.28], abs=1e-12)


# --- targeted and calibration


def test_calls_are_picked_by_rule(store):
    put(
        store, "calls", *calls(20), call("gone", "2026-01-10T10:00", answered=False),
        call("long", "2026-01-10T10:00", talk_seconds=500.0, hold_seconds=90.0, wrap_seconds=10.0, transfers=2.0),
        call("short", "2026-01-10T10:00", talk_seconds=500.0, hold_seconds=90.0, transfers=0.0),
    )  # fmt: skip
    put(store, "surveys", survey("S1", "2026-01-11T09:00", 3, call_id="A0001"))  # 4 of 5 is satisfied
    put(store, "surveys", survey("S2", "2026-01-11T09:00", 4, call_id="A0002"), survey("S3", "2026-01-11T09:00", 1))
    put(store, "complaints", make("complaints", complaint_id="K", call_id="A0003", received_at=at("2026-01-20T10:00")))
    rules = {
        "abandoned": ({"answered": False}, {"gone"}),
        "long": ({"handle_seconds_from": 600}, {"long"}),
        "passed on": ({"transfers_from": 1}, {"long"}),
        "unhappy": ({"dissatisfied": True}, {"A0001"}),
        "complained": ({"complained": True}, {"A0003"}),
    }
    for name, (rule, expected) in rules.items():
        plan(name, store=store, selection="targeted", rule=rule)
        drawn(store, name)
        assert {row["call_id"] for row in rows(store, name)} == expected, name
    assert {row.selection for row in batches(store).values()} == {"targeted"}


def test_calls_are_picked_by_hand_even_evaluated_ones(store):
    put(store, "calls", *calls(9))
    rate(store, {"call_id": "A0001", "batch": None}, 3, 1, "ann")
    plan(store=store, selection="targeted", calls=["A0001", "A0002"])
    drawn(store)
    assert sorted(row["call_id"] for row in rows(store)) == ["A0001", "A0002"]


def test_in_a_calibration_everybody_gets_every_call_but_their_own(store):
    create_key(store.database, "cai", "rater", "cli:t", NOW, agent="A9")
    put(store, "calls", *calls(5), call("own", "2026-01-11T09:00", agent="A9"))
    plan(store=store, selection="calibration", calls=[f"A000{n}" for n in range(5)] + ["own"],
         raters=("ann", "bea", "cai"))  # fmt: skip
    drawn(store)
    assert shares(store) == ({"ann": (6, 0), "bea": (6, 0), "cai": (5, 0)}, 0)
    assert batches(store)["P"].selection == "calibration"
    row = rows(store)[0]
    rate(store, row | {"rater": "ann"}, 5, 1)
    assert len(lists(store, ANN).calls) == 5
    assert len(lists(store, BEA).calls) == 6  # hers is not done by Ann's
    assert set(lists(store, BEA).calls[0]) == {"call_id", "batch", "started_at", "team", "agent"}  # and she rates blind
    mark_away(store, "P", "ann", True, LEAD, NOW)
    assert shares(store)[0]["bea"] == (6, 0)


# --- worklists


def test_calls_are_shared_out_in_proportion_and_nobody_gets_their_own(store):
    create_key(store.database, "bea", "rater", "cli:t", NOW, agent="A2")
    put(store, "calls", *calls(20, agent="A1"), *calls(10, "B", agent="A2"))
    plan(store=store, size=30, raters=[{"name": "ann", "share": 2}, {"name": "bea", "share": 1}])
    drawn(store)
    assert shares(store) == ({"ann": (20, 0), "bea": (10, 0)}, 0)
    assert all(row["rater"] == "ann" for row in rows(store) if row["agent"] == "A2")


def test_a_call_that_none_of_the_raters_may_rate_is_told(store):
    create_key(store.database, "ann", "rater", "cli:t", NOW, agent="A1")
    put(store, "calls", *calls(4, agent="A1"), *calls(2, "B", agent="A2"))
    plan(store=store, size=6, raters=("ann",))
    drawn(store)
    assert shares(store) == ({"ann": (2, 0)}, 4)


def test_a_rater_whose_key_is_limited_gets_calls_of_those_teams_only(store):
    create_key(store.database, "bea", "rater", "cli:t", NOW, teams=("B",))
    put(store, "calls", *calls(10), *calls(10, "B"))
    plan(store=store, size=20)
    drawn(store)
    assert all(row["team"] == "B" for row in rows(store) if row["rater"] == "bea")
    assert shares(store)[0] == {"ann": (10, 0), "bea": (10, 0)}


def test_a_worklist_goes_on_after_what_is_done(store):
    put(store, "calls", *calls(20))
    plan(store=store, size=10, due_on="2026-02-01")
    with pytest.raises(ConflictError, match="not drawn yet"):
        lists(store, ANN)
    drawn(store)
    first = lists(store, ANN, limit=2)
    assert (first.share.calls, first.share.done, len(first.calls), first.overdue) == (5, 0, 2, True)
    assert lists(store, ANN, today=dt.date(2026, 2, 1)).overdue is False  # the last day itself
    rate(store, dict(first.calls[0]), 4, 1, "ann")
    rate(store, dict(first.calls[1]), 4, 2, "bea")  # another's does not make it done
    second = lists(store, ANN)
    assert second.calls[0]["call_id"] == first.calls[1]["call_id"]
    assert (second.share.done, second.share.left) == (1, 4)
    for number, each in enumerate(second.calls, 10):
        rate(store, dict(each), 4, number, "ann")
    done = lists(store, ANN)
    assert (done.calls, done.share.left, done.overdue) == ((), 0, False)


def test_a_rater_sees_their_own_list_and_a_lead_any(store):
    put(store, "calls", *calls(20))
    plan(store=store, size=10)
    drawn(store)
    assert {each["call_id"] for each in lists(store, LEAD, "ann").calls} == {
        each["call_id"] for each in lists(store, ANN, "ann").calls
    }
    with pytest.raises(NotAllowedError, match="own list only"):
        lists(store, ANN, "bea")
    with pytest.raises(NotFoundError, match="they are ann, bea"):
        lists(store, LEAD)


def test_who_is_away_hands_over_what_is_undone(store):
    put(store, "calls", *calls(40))
    plan(store=store, size=20, raters=("ann", "bea", "cai"))
    drawn(store)
    before = rows(store)
    mine = [row for row in before if row["rater"] == "ann"]
    rate(store, mine[0], 4, 1)
    made = mark_away(store, "P", "ann", True, LEAD, NOW)
    assert made.away == {"ann"}
    found, _ = shares(store)  # 20 calls: 7, 7, 6; of Ann's seven one is done and six move, three to each
    assert found == {"ann": (1, 1), "bea": (10, 0), "cai": (9, 0)}
    others = {row["call_id"]: row["rater"] for row in before if row["rater"] != "ann"}
    assert all(row["rater"] == others[row["call_id"]] for row in rows(store) if row["call_id"] in others)
    mark_away(store, "P", "bea", True, LEAD, NOW)
    assert shares(store)[0] == {"ann": (1, 1), "bea": (0, 0), "cai": (19, 0)}
    with pytest.raises(ConflictError, match="nobody is left to take over the calls of ann, bea, cai"):
        mark_away(store, "P", "cai", True, LEAD, NOW)
    assert mark_away(store, "P", "ann", False, LEAD, NOW).away == {"bea"}
    assert shares(store)[0]["cai"] == (19, 0)
    with pytest.raises(NotFoundError, match="'dan' is no rater"):
        mark_away(store, "P", "dan", True, LEAD, NOW)


# --- scope


def test_a_key_limited_to_teams_draws_their_calls_only_and_sees_no_others_plan(store):
    put(store, "calls", *calls(30), *calls(10, "B"))
    plan("all", store=store, size=5)
    made = plan("mine", store=store, size=5, caller=lead_of("B"))
    assert (made.teams, made.strata[0].population) == (("B",), 10)
    assert {row["team"] for row in rows(store, drawn(store, "mine", lead_of("B")).batch)} == {"B"}
    with pytest.raises(NotFoundError):
        drawn(store, "all", lead_of("B"))
    with pytest.raises(NotFoundError):
        drawn(store, "mine", lead_of("A"))
    with pytest.raises(ConflictError, match="give the plan another name"):
        plan("all", store=store, size=5, caller=lead_of("B"))
    with pytest.raises(InvalidInputError, match="no call of 2026-01 that is known here"):
        plan("x", store=store, selection="targeted", calls=["A0001"], caller=lead_of("B"))
    put(store, "batches", make("batches", batch="plain", period="2026-01"))
    with store.database.reading() as connection:
        assert [each.batch for each in list_batches(connection, LEAD)[0]] == ["all", "mine", "plain"]
        assert [each.batch for each in list_batches(connection, lead_of("A", "B"))[0]] == ["mine"]
        for batch in ("all", "plain", "nothing"):
            with pytest.raises(NotFoundError):
                find_batch(connection, batch, lead_of("B"))
        assert find_batch(connection, "plain", LEAD).record["period"] == "2026-01"


def test_batches_come_in_pages(store):
    put(store, "calls", *calls(10))
    for name in "abc":
        plan(name, store=store, size=2)
    drawn(store, "a")
    put(store, "batches", *(make("batches", batch=f"z{number}", period="2026-01") for number in range(3)))
    found, cursor = [], None
    while True:
        with store.database.reading() as connection:
            some, cursor = list_batches(connection, LEAD, cursor, 4)
        found += [each.batch for each in some]
        if cursor is None:
            break
    assert found == ["a", "b", "c", "z0", "z1", "z2"]


def test_a_plan_is_found_by_the_batch_of_a_stratum_too(store):
    put(store, "calls", *calls(30), *calls(10, "B"))
    plan(store=store, strata=["team"], size=8)
    with store.database.reading() as connection:
        assert find_plan(connection, "P/2", LEAD).batch == "P"


def test_who_clears_up_leaves_a_plan_that_is_being_made_alone(store, monkeypatch):
    put(store, "calls", *calls(20))
    real, said = plans.make_frame, []

    def make(*given):
        said.append(recover(store, lambda: NOW))
        return real(*given)

    monkeypatch.setattr(plans, "make_frame", make)
    plan(store=store, size=5)
    assert said == [[]]
    assert list(store.work.iterdir()) == []
