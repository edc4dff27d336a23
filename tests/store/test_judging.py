"""Judgements in the store, on both databases: whose, of which call, listed, changed by one of many, deleted."""

import datetime as dt
import json
import threading

import pytest
import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.core.levels import LEVELS
from csi_service.core.periods import parse_period
from csi_service.errors import (
    ConflictError,
    DamagedError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    OutdatedError,
)
from csi_service.facts import partitions
from csi_service.facts.kinds import KINDS
from csi_service.forms_folder import FormsFolder, shipped_forms
from csi_service.records.database import next_revision
from csi_service.records.tables import AUDIT, DAYS, FORM_ANSWERS, PLAN_CALLS, PLAN_STRATA, PLANS, RECORDS
from csi_service.schema.evaluations import EVALUATION, RATING, RATING_CHANGE
from csi_service.schema.records import read_records
from csi_service.store import judging as judging_module
from csi_service.store.answers import Answer
from csi_service.store.appeals import Decision, decide_appeal, file_appeal
from csi_service.store.drafts import EVALUATIONS, draft_evaluation, draft_rating
from csi_service.store.evaluations import (
    Wanted,
    change_evaluation,
    delete_evaluation,
    find_evaluation,
    list_evaluations,
)
from csi_service.store.judging import judge
from csi_service.store.parts import fold_posted
from csi_service.store.places import locate
from csi_service.store.rating_shares import read_rating_shares
from csi_service.store.reading import Query
from csi_service.store.sending import Sending
from csi_service.store.writes import delete_records
from tests.files import make_csv
from tests.make import make_weights
from tests.records.waiting import at_once
from tests.store.bring import bring, undo
from tests.store.kept import at, call, make, put

NOW = dt.datetime(2026, 11, 24, 4, tzinfo=dt.UTC)
RITA = Caller("rita", "rater", 1, "csi_1")
LENA = Caller("lena", "lead", 2, "csi_2")
FORMS = FormsFolder(shipped_forms(), shipped_forms())
MONDAY, TUESDAY = dt.date(2026, 3, 2), dt.date(2026, 3, 3)


@pytest.fixture
def kept(store):
    put(store, "calls", *(call(f"C{n}", "2026-03-02 09:00", team="AB"[n % 2], agent=f"{n}") for n in range(6)))
    return store


def send(store, *bodies, caller=RITA, unknown="accept", prefix="r", sending=None):
    """Send ratings (or with the prefix e evaluations) as one list and return what became of each."""
    schema = RATING if prefix == "r" else EVALUATION
    drafts = [
        draft_rating(item, NOW) if prefix == "r" else draft_evaluation(item, NOW, FORMS, store.time_zone)
        for item in read_records(schema, list(bodies))
    ]
    judging = judge(store, drafts, prefix, unknown, caller)
    told = []

    def tell(results):
        told.extend(result | judging.told(result["index"]) for result in results)
        return Answer(200, "")

    (sending or Sending(store)).send(EVALUATIONS, judging.items, caller, NOW, tell, gate=judging)
    return told


def rating(number, level, day=2, **more):
    return {"call_id": number, "rating": level, "rated_at": f"2026-03-0{day}T12:00:00+08:00", **more}


def change(store, kept, level, fits, caller=RITA):
    (item,) = read_records(RATING_CHANGE, {"rating": level})
    draft = draft_rating(item, NOW, kept.record["evaluated_at"])
    return change_evaluation(store, kept, draft, fits, caller, NOW, rated=True)


def days(store):
    with store.database.reading() as connection:
        query = sa.select(DAYS.c.day, DAYS.c.revision).where(DAYS.c.kind == "evaluations")
        return dict(connection.execute(query).all())


def shares(store, *keys):
    found = read_rating_shares(store, [], parse_period("2026-03"), Query(keys, {}, make_weights()), NOW.date())
    return [float(child.value[0]) for child in found.random.total.children]


def test_the_two_batches_come_out_to_the_last_digits(store):
    # By hand: 0.9 x (0, 0, 0.1, 0.6, 0.3) + 0.1 x (0.1, 0.2, 0.3, 0.3, 0.1)
    put(store, "batches", make("batches", batch="A", period="2026-03", population=9000.0))
    put(store, "batches", make("batches", batch="B", period="2026-03", population=1000.0))
    bodies = [
        rating(f"{batch}{level}-{number}", LEVELS[level - 1], batch=batch)
        for batch, counts in (("A", (0, 0, 10, 60, 30)), ("B", (10, 20, 30, 30, 10)))
        for level, count in enumerate(counts, 1)
        for number in range(count)
    ]
    assert [told["status"] for told in send(store, *bodies)] == ["created"] * 200
    assert shares(store) == pytest.approx([0.01, 0.02, 0.12, 0.57, 0.28], abs=1e-12)


def test_a_rating_is_replaced_by_the_same_rater_s_newer_one_only(kept):
    first = send(kept, rating("C1", 2), caller=LENA)[0]
    assert send(kept, rating("C1", 4))[0]["id"] != first["id"]
    assert send(kept, rating("C1", 5), caller=LENA)[0] == first | {"status": "replaced"}
    found, cursor = list_evaluations(kept, Wanted(call_id="C1"), None)
    assert sorted((each.record["rater"], each.record["rating"]) for each in found) == [("lena", 5), ("rita", 4)]
    assert cursor is None
    assert shares(kept) == [0, 0, 0, 0.5, 0.5]  # one call that two rated


def test_pages_hold_everything_once_and_in_order(kept):
    put(kept, "batches", make("batches", batch="F", period="2026-02"))
    send(kept, *(rating(f"C{n}", n % 5 + 1, day=n % 3 + 1, batch="F" if n == 4 else None) for n in range(6)))
    whole, _ = list_evaluations(kept, Wanted(), None)
    found, cursor = list_evaluations(kept, Wanted(), None, limit=2)
    while cursor:
        more, cursor = list_evaluations(kept, Wanted(), None, cursor, limit=2)
        found += more
    assert [each.record for each in found] == [each.record for each in whole]
    order = [(each.record["day"], each.record["evaluated_at"], each.record["evaluation_id"]) for each in whole]
    assert order == sorted(order, reverse=True)
    assert whole[-1].record["day"] == dt.date(2026, 2, 28)  # within its batch's period
    assert {each.record["call_id"] for each in list_evaluations(kept, Wanted(), ["B"])[0]} == {"C1", "C3", "C5"}
    of_agent = list_evaluations(kept, Wanted(agent="2", period=parse_period("2026-03")), None)[0]
    assert [(each.record["call_id"], each.team, each.unmatched) for each in of_agent] == [("C2", "A", False)]


def test_imported_evaluations_are_placed_when_they_are_first_listed(kept, tmp_path):
    rows = [["evaluation_id", "call_id", "evaluated_at", "score"]]
    rows += [[f"E{n}", f"C{n}", "2026-03-03 10:00:00", 90] for n in range(8)]
    number = bring(kept, "evaluations", make_csv(tmp_path / "e.csv", rows)).id
    of_b, _ = list_evaluations(kept, Wanted(team="B"), None, limit=2)
    assert [(each.record["evaluation_id"], each.unmatched) for each in of_b] == [("E5", False), ("E3", False)]
    unmatched = [each.record["evaluation_id"] for each in list_evaluations(kept, Wanted(), None)[0] if each.unmatched]
    assert unmatched == ["E7", "E6"]
    assert list_evaluations(kept, Wanted(rated=True), None)[0] == []
    undo(kept, number)
    assert list_evaluations(kept, Wanted(), None)[0] == []


def test_a_call_that_moves_takes_its_rating_along(kept):
    number = send(kept, rating("C1", 5), rating("C9", 5))[0]["id"]
    with pytest.raises(NotFoundError):
        find_evaluation(kept, number, Caller("x", "lead", 1, "csi_0", teams=("A",)))
    put(kept, "calls", call("C1", "2026-03-02 09:00", team="A"), call("C9", "2026-03-02 09:00", team="A"))
    found, _ = list_evaluations(kept, Wanted(), ["A"])
    assert sorted((each.record["call_id"], each.unmatched) for each in found) == [("C1", False), ("C9", False)]


def test_unknown_calls_are_refused_where_they_are_to_be(kept):
    told = send(kept, rating("C1", 5), rating("C9", 5), unknown="refuse")
    assert [each["status"] for each in told] == ["created", "rejected"]
    (problem,) = told[1]["errors"]
    assert (problem["pointer"], problem["code"], "'C9'" in problem["message"]) == ("/1/call_id", "unknown_call", True)


def test_a_call_that_was_sent_a_moment_ago_is_known(kept):
    put(kept, "calls", call("C7", "2026-03-02 09:00", team="A", agent="7"))
    limited = Caller("rita", "rater", 1, "csi_1", teams=("A",))
    assert send(kept, rating("C7", 5), caller=limited, unknown="refuse")[0]["unmatched"] is False


def test_a_call_that_was_sent_anew_a_moment_ago_is_where_it_is_now(kept):
    fold_posted(kept)
    send(kept, rating("C1", 5))
    assert locate(kept, ["C1"]).looked_up == []  # its place is kept
    put(kept, "calls", call("C1", "2026-03-02 09:00", team="Z", agent="9"))
    place = locate(kept, ["C1"]).places["C1"]
    assert (place["team"], place["agent"]) == ("Z", "9")


def test_a_file_of_calls_is_opened_once_for_a_call_and_not_within_the_write(kept, monkeypatch):
    fold_posted(kept)
    found, writing, real = [], [], kept.database.together.run

    def run(work):
        writing.append(True)
        try:
            return real(work)
        finally:
            writing.pop()

    def looked(store, calls):
        found.append((set(calls), len(writing)))
        return locate(store, calls)

    monkeypatch.setattr(kept.database.together, "run", run)
    monkeypatch.setattr(judging_module, "locate", looked)
    assert send(kept, rating("C1", 5))[0]["unmatched"] is False
    assert send(kept, rating("C1", 4), caller=LENA)[0]["unmatched"] is False
    assert found == [({"C1"}, 0)]
    told = send(kept, rating("C1", 3), rating("C2", 3), rating("C9", 3))
    assert [each["unmatched"] for each in told] == [False, False, True]
    assert found[1:] == [({"C1", "C2", "C9"}, 0)]


def test_a_call_that_comes_between_the_look_and_the_write_decides(kept, monkeypatch):
    limited = Caller("rita", "rater", 1, "csi_1", teams=("A",))

    def then_comes(store, calls):
        found = locate(store, calls)
        put(store, "calls", call("C2", "2026-03-02 09:00", team="B", agent="2"))
        return found

    monkeypatch.setattr(judging_module, "locate", then_comes)
    told = send(kept, rating("C2", 5), rating("C4", 5), caller=limited)
    assert [each["status"] for each in told] == ["rejected", "created"]


def test_judgements_of_one_transaction_are_each_held_against_their_own(kept):
    answers = {name: True for name in FORMS.get("default").items}
    send(kept, rating("C2", 1))
    of = {"sending": Sending(kept)}
    one, anew, scored, list_ = at_once(
        kept,
        lambda: send(kept, rating("C1", 5), **of),
        lambda: send(kept, rating("C2", 4), **of),
        lambda: send(kept, {"call_id": "C3", "answers": answers}, caller=LENA, prefix="e", **of),
        lambda: send(kept, rating("C4", 3), rating("C9", 9), rating("C0", 2), caller=LENA, **of),
    )
    assert [each["status"] for each in (*one, *anew, *scored, *list_)] == [
        *("created", "replaced", "created"),
        *("created", "rejected", "created"),
    ]
    assert scored[0]["form_result"]["score"] == 1
    with kept.database.reading() as connection:
        query = sa.select(AUDIT.c.actor, AUDIT.c.kind, AUDIT.c.action, AUDIT.c.subject)
        noted = sorted(connection.execute(query.where(AUDIT.c.kind.in_(["evaluations", "form_answers"]))).all())
    assert noted == sorted(
        [
            ("rita", "evaluations", "create", anew[0]["id"]),
            ("rita", "evaluations", "create", one[0]["id"]),
            ("rita", "evaluations", "replace", anew[0]["id"]),
            ("lena", "evaluations", "create", scored[0]["id"]),
            ("lena", "form_answers", "create", scored[0]["id"]),
            ("lena", "evaluations", "create", list_[0]["id"]),
            ("lena", "evaluations", "create", list_[2]["id"]),
        ]
    )


def test_judgements_that_are_refused_leave_the_others_of_their_transaction(kept):
    limited, of = Caller("cara", "rater", 3, "csi_3", teams=("A",)), {"sending": Sending(kept)}
    one, refused, other = at_once(
        kept,
        lambda: send(kept, rating("C1", 5), **of),
        lambda: send(kept, rating("C5", 5), rating("C3", 5), caller=limited, **of),  # of team B both
        lambda: send(kept, rating("C2", 5), caller=limited, **of),
    )
    assert [each["status"] for each in (*one, *other)] == ["created"] * 2
    assert isinstance(refused, InvalidInputError)
    assert [problem.code for problem in refused.problems] == ["not_found", "not_found"]


def test_two_ratings_of_a_call_by_one_rater_in_one_transaction_come_one_after_the_other(kept):
    sending = Sending(kept)
    sends = [lambda level=level: send(kept, rating("C1", level), sending=sending) for level in (5, 4, 4)]
    told = [each["status"] for (each,) in at_once(kept, *sends)]
    assert told == ["created", "replaced", "unchanged"]
    assert shares(kept) == [0, 0, 0, 1, 0]


def test_calls_are_found_alike_in_few_files_and_in_many(kept, monkeypatch):
    fold_posted(kept)
    few = locate(kept, ["C1", "C2", "C9"])
    monkeypatch.setattr(partitions, "_FEW", 0)
    assert locate(kept, ["C1", "C2", "C9"]) == few
    found = {number: place and (place["team"], place["agent"]) for number, place in few.places.items()}
    assert found == {"C1": ("B", "1"), "C2": ("A", "2"), "C9": None}


@pytest.mark.parametrize("few", [0, 8])
def test_a_damaged_file_of_calls_is_told(kept, monkeypatch, few):
    monkeypatch.setattr(partitions, "_FEW", few)
    fold_posted(kept)
    (file,) = kept.calls.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(DamagedError, match="a file of calls cannot be read"):
        send(kept, rating("C1", 5))


def test_a_kept_call_without_a_team_is_none_of_a_limited_caller_s(kept):
    put(kept, "calls", call("C7", "2026-03-02 09:00", team=None, agent=None))
    limited = Caller("lena", "lead", 2, "csi_2", teams=("A",))
    bodies = [{"call_id": number, "score": 100, "team": "A"} for number in ("C7", "C1", "C9", "C2")]
    *refused, own = send(kept, *bodies, caller=limited, prefix="e")
    problems = [[(entry["code"], entry["message"]) for entry in each["errors"]] for each in refused]
    assert problems == [[("not_found", f"there is no call '{number}'")] for number in ("C7", "C1", "C9")]
    assert own["status"] == "created"
    assert send(kept, bodies[0], caller=LENA, prefix="e")[0]["status"] == "created"


# --- drawn plans


@pytest.fixture
def drawn(kept):
    """A drawn plan P with the call C0 in its stratum P/1 and C1 in P/2, and a plan that is not drawn."""
    plan = {"period": "2026-03", "selection": "random", "plan": {}, "seed": 1, "created_at": NOW, "created_by": "x"}
    rows = [
        plan | {"batch": "P", "drawn_at": NOW, "revision": 1},
        plan | {"batch": "Q", "drawn_at": None, "revision": 1},
    ]
    with kept.database.writing() as connection:
        connection.execute(sa.insert(PLANS), rows)
        strata = {"members": [], "calls": 9, "evaluated": 0, "sample": 1}
        for number in (1, 2):
            row = {"batch": f"P/{number}", "plan": "P", "number": number}
            connection.execute(sa.insert(PLAN_STRATA), [row | strata])
            given = {"plan": "P", "batch": f"P/{number}", "call_id": f"C{number - 1}", "rater": "rita"}
            connection.execute(sa.insert(PLAN_CALLS), [given | {"position": number, "started_at": NOW}])
        connection.execute(sa.insert(PLAN_STRATA), [{"batch": "Q/1", "plan": "Q", "number": 1} | strata])
    put(kept, "batches", *(make("batches", batch=f"P/{n}", period="2026-03", population=9.0) for n in (1, 2)))
    return kept


def test_a_rating_for_a_drawn_plan_goes_to_the_stratum_of_its_call(drawn):
    first, second = send(drawn, rating("C0", 5, batch="P"), rating("C1", 4, batch="P"))
    again = send(drawn, rating("C0", 3, batch="P/1"))
    assert again[0] == first | {"status": "replaced"}
    found, _ = list_evaluations(drawn, Wanted(batch="P"), None)
    batches = {each.record["evaluation_id"]: each.record["batch"] for each in found}
    assert batches == {first["id"]: "P/1", second["id"]: "P/2"}


@pytest.mark.parametrize(("number", "batch"), [("C2", "P"), ("C1", "P/1"), ("C0", "Q"), ("C0", "Q/1")])
def test_what_was_not_drawn_is_not_rated_there(drawn, number, batch):
    told = send(drawn, rating(number, 5, batch=batch), rating("C0", 5))
    assert [entry["code"] for entry in told[0]["errors"]] == ["not_drawn"]
    assert told[1]["status"] == "created"


# --- changes


def test_of_twenty_who_change_one_rating_at_once_one_wins(kept):
    number = send(kept, rating("C1", 1))[0]["id"]
    read = find_evaluation(kept, number, LENA)
    outcomes = []
    start = threading.Barrier(20)

    def edit(writer):
        start.wait()
        try:
            change(kept, read, writer % 4 + 2, lambda revision: revision == read.revision, LENA)
            outcomes.append("won")
        except OutdatedError:
            outcomes.append("outdated")

    threads = [threading.Thread(target=edit, args=(writer,)) for writer in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["outdated"] * 19 + ["won"]
    with kept.database.reading() as connection:
        actions = connection.execute(sa.select(AUDIT.c.action, AUDIT.c.actor).order_by(AUDIT.c.id)).all()
    assert [tuple(row) for row in actions] == [("create", "rita"), ("replace", "lena")]


def test_a_change_is_refused_to_another_rater_and_on_one_s_own_call(kept):
    number = send(kept, rating("C1", 1))[0]["id"]
    read = find_evaluation(kept, number, RITA)
    with pytest.raises(NotAllowedError, match="rita"):
        change(kept, read, 5, lambda _: True, Caller("otto", "rater", 3, "csi_3"))
    with pytest.raises(NotAllowedError, match="own"):
        change(kept, read, 5, lambda _: True, Caller("lena", "lead", 2, "csi_2", agent="1"))
    delete_evaluation(kept, read, lambda _: True, RITA, NOW, rated=True)
    with pytest.raises(NotFoundError):
        change(kept, read, 5, lambda _: True, RITA)


def test_a_deletion_touches_the_days_of_the_call_s_other_ratings(kept):
    first = send(kept, rating("C1", 1, day=2))[0]["id"]
    send(kept, rating("C1", 3, day=3), caller=LENA)
    before = days(kept)
    assert shares(kept) == [0.5, 0, 0.5, 0, 0]
    delete_evaluation(kept, find_evaluation(kept, first, RITA), lambda _: True, RITA, NOW, rated=True)
    after = days(kept)
    assert set(after) == {MONDAY, TUESDAY}
    assert all(after[day] > before[day] for day in after)
    assert shares(kept) == [0, 0, 1, 0, 0]


def test_what_is_deleted_does_not_come_back_when_an_import_is_undone(kept, tmp_path):
    def file(name, score):
        head = ["evaluation_id", "call_id", "evaluated_at", "score"]
        return make_csv(tmp_path / name, [head, ["E1", "C1", "2026-03-03 10:00:00", score]])

    bring(kept, "evaluations", file("a.csv", 80))
    later = bring(kept, "evaluations", file("b.csv", 90)).id
    delete_evaluation(kept, find_evaluation(kept, "E1", LENA), lambda _: True, LENA, NOW, rated=False)
    undo(kept, later)
    with kept.database.reading() as connection:
        assert connection.execute(sa.select(RECORDS["evaluations"])).all() == []


def test_what_was_deleted_stays_away_when_its_file_is_brought_again(kept, tmp_path):
    file = make_csv(tmp_path / "a.csv", [["evaluation_id", "call_id", "evaluated_at", "score"],
                                         ["E1", "C1", "2026-03-03 10:00:00", 80]])  # fmt: skip
    first = bring(kept, "evaluations", file)
    delete_evaluation(kept, find_evaluation(kept, "E1", LENA), lambda _: True, LENA, NOW, rated=False)
    again = bring(kept, "evaluations", file)
    assert (again.status, again.same_as) == ("unchanged", first.id)
    with pytest.raises(NotFoundError):
        find_evaluation(kept, "E1", LENA)


def test_a_deleted_batch_leaves_its_evaluations_on_their_own_days(kept):
    put(kept, "batches", make("batches", batch="F", period="2026-02"))
    put(kept, "evaluations", make("evaluations", evaluation_id="E1", call_id="C1", evaluated_at=at("2026-03-03 10:00"),
                                  score=80.0, batch="F"))  # fmt: skip
    with kept.database.writing() as connection:
        revision = next_revision(connection)
        gone = delete_records(connection, KINDS["batches"], [("F",), ("none",)], revision, kept.time_zone)
    assert [each["batch"] for each in gone] == ["F"]
    assert days(kept) == {dt.date(2026, 2, 28): revision, TUESDAY: revision}


# --- forms


def test_answers_are_kept_with_the_evaluation_and_gone_with_it(kept):
    answers = {name: True for name in FORMS.get("default").items} | {"empathy": "na", "need_found": 4}
    (told,) = send(kept, {"call_id": "C1", "answers": answers}, prefix="e")
    with kept.database.reading() as connection:
        (row,) = connection.execute(sa.select(FORM_ANSWERS)).mappings().all()
    # 95 points apply, 4 of need_found's 8 are missing
    assert (row["earned"], row["possible"], row["score"]) == (91, 95, pytest.approx(91 / 95, abs=1e-12))
    assert (row["digest"], row["answers"]) == (FORMS.get("default").digest, answers)
    assert (row["shares"]["empathy"], row["shares"]["need_found"]) == (None, 0.5)
    found = find_evaluation(kept, told["id"], RITA)
    assert json.loads(json.dumps(found.result)) == told["form_result"]
    assert send(kept, {"call_id": "C1", "answers": answers | {"empathy": False}}, prefix="e")[0]["status"] == "replaced"
    delete_evaluation(kept, find_evaluation(kept, told["id"], RITA), lambda _: True, RITA, NOW, rated=False)
    with kept.database.reading() as connection:
        assert connection.execute(sa.select(FORM_ANSWERS)).all() == []
        query = sa.select(AUDIT.c.action).where(AUDIT.c.kind == "form_answers").order_by(AUDIT.c.id)
        assert list(connection.execute(query).scalars()) == ["create", "replace", "delete"]


def test_a_form_that_weighs_its_sections_scores_by_their_weights(kept, tmp_path):
    text = (shipped_forms() / "default.toml").read_text(encoding="utf-8")
    text = text.replace("[sections.traffic_efficiency]", "total = 4\n[sections.traffic_efficiency]\nparts = 2")
    for section in ("business_ability", "communication"):
        text = text.replace(f"[sections.{section}]", f"[sections.{section}]\nparts = 1")
    (tmp_path / "weighed.toml").write_text(text, encoding="utf-8")
    forms = FormsFolder(tmp_path, shipped_forms())
    answers = {name: True for name in forms.get("weighed").items} | {"greeting": False}  # 20 of traffic's 25
    (item,) = read_records(EVALUATION, {"call_id": "C1", "form": "weighed", "answers": answers})
    record = draft_evaluation(item, NOW, forms, kept.time_zone).sent.record
    # 0.5 x 0.8 + 0.25 + 0.25 = 0.9 of 100 points
    assert (record["score"] / record["full_marks"], record["full_marks"]) == (pytest.approx(0.9, abs=1e-12), 100)


@pytest.mark.parametrize("withdraw", [False, True])
def test_what_was_decided_on_appeal_stands_against_all_who_judge(kept, withdraw):
    number = send(kept, rating("C1", 2))[0]["id"]
    appeal = file_appeal(kept, number, "the customer was told", LENA, NOW)
    uma = Caller("uma", "lead", 3, "csi_3")
    decide_appeal(kept, appeal.id, Decision(True, "heard", {} if withdraw else {"rating": 4}, withdraw), uma, NOW)
    for caller in (RITA, LENA, Caller("sync", "operator", 4, "csi_4")):
        with pytest.raises(InvalidInputError, match=f"'{number}' was changed or withdrawn on appeal"):
            send(kept, rating("C1", 2, rater="rita"), caller=caller)
    found, _ = list_evaluations(kept, Wanted(call_id="C1"), None)
    assert [each.record["rating"] for each in found] == ([] if withdraw else [4])
    for each in found:
        for act in (
            lambda one: change(kept, one, 1, lambda _: True),
            lambda one: delete_evaluation(kept, one, lambda _: True, RITA, NOW, rated=True),
        ):
            with pytest.raises(ConflictError, match="changed or withdrawn on appeal"):
                act(each)


def test_sending_what_was_decided_on_appeal_changes_nothing(kept):
    number = send(kept, rating("C1", 2))[0]["id"]
    appeal = file_appeal(kept, number, "the customer was told", LENA, NOW)
    decide_appeal(kept, appeal.id, Decision(True, "heard", {"rating": 4}), Caller("uma", "lead", 3, "csi_3"), NOW)
    assert send(kept, rating("C1", 4))[0]["status"] == "unchanged"
