"""Small writes, on both databases: results, audit, the scope of teams, the future, and answers given again."""

import concurrent.futures
import dataclasses
import datetime as dt
import json
import multiprocessing
from pathlib import Path

import pytest
import sqlalchemy as sa

from csi_service.access import Caller
from csi_service.api.examples import RECORDS as EXAMPLES
from csi_service.errors import InvalidInputError, NotAllowedError
from csi_service.facts.kinds import KINDS
from csi_service.records import database as database_module
from csi_service.records.tables import ANSWERS, AUDIT, DAYS, HELD_FIELDS, RECORDS
from csi_service.schema.records import read_records, record_schema
from csi_service.store import calls as calls_module
from csi_service.store import sending as sending_module
from csi_service.store.answers import Answer, Once
from csi_service.store.folder import open_store
from csi_service.store.parts import fold_posted
from csi_service.store.sending import Sending
from tests.records.waiting import at_once

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
OPERATOR = Caller("ops", "operator", 1, "csi_0000000000")
OF_T1 = dataclasses.replace(OPERATOR, name="t1", teams=("T1",))
SURVEY = {"survey_id": "S1", "answered_at": "2026-03-02T23:30:00Z", "channel": "sms", "scale": "5", "score": 5}
CALL = EXAMPLES["calls"] | {"started_at": "2026-03-02T01:00:00Z"}


def tell(results):
    return Answer(200, json.dumps(results))


def send(sending, kind, body, caller=OPERATOR, now=NOW, once=None):
    items = read_records(record_schema(kind), body)
    return sending.send(KINDS[kind], items, caller, now, tell, once)


def statuses(answer):
    return [result["status"] for result in json.loads(answer.body)]


def rows(store, table, *conditions):
    with store.database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).where(*conditions)).mappings()]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_created_then_unchanged(store, kind):
    sending = Sending(store)
    assert statuses(send(sending, kind, EXAMPLES[kind])) == ["created"]
    assert statuses(send(sending, kind, EXAMPLES[kind])) == ["unchanged"]
    (kept,) = rows(store, RECORDS[kind])
    assert kept["revision"] == 1
    assert kept["import_id"] is None


def test_a_survey_counts_on_its_local_day_and_its_day_is_marked(store):
    send(Sending(store), "surveys", SURVEY)
    # 23:30 in UTC is 07:30 of the next day in Shanghai
    assert [row["day"] for row in rows(store, RECORDS["surveys"])] == [dt.date(2026, 3, 3)]
    assert [(row["kind"], row["day"]) for row in rows(store, DAYS)] == [("surveys", dt.date(2026, 3, 3))]


def test_the_fields_given_are_noted_once(store):
    sending = Sending(store)
    send(sending, "surveys", SURVEY)
    send(sending, "surveys", SURVEY | {"survey_id": "S2", "team": None})
    assert {row["field"] for row in rows(store, HELD_FIELDS)} == {*SURVEY, "team"}
    assert {row["import_id"] for row in rows(store, HELD_FIELDS)} == {0}


def test_a_failed_write_notes_no_fields(store):
    sending = Sending(store)

    def fail(results):
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        sending.send(KINDS["surveys"], read_records(record_schema("surveys"), SURVEY), OPERATOR, NOW, fail)
    assert rows(store, RECORDS["surveys"]) == []
    send(sending, "surveys", SURVEY)
    assert {row["field"] for row in rows(store, HELD_FIELDS)} == set(SURVEY)


def test_each_change_is_in_the_audit_trail_with_before_and_after(store):
    sending = Sending(store)
    send(sending, "surveys", SURVEY)
    send(sending, "surveys", SURVEY)
    send(sending, "surveys", SURVEY | {"score": 1, "comment": "慢"})
    noted = rows(store, AUDIT)
    assert [(row["action"], row["kind"], row["subject"], row["actor"]) for row in noted] == [
        ("create", "surveys", "S1", "ops"),
        ("replace", "surveys", "S1", "ops"),
    ]
    assert noted[0]["before"] is None
    assert (noted[1]["before"]["score"], noted[1]["after"]["score"], noted[1]["after"]["comment"]) == (5, 1, "慢")


def test_a_record_replaces_the_kept_one_as_a_whole(store):
    sending = Sending(store)
    send(sending, "surveys", SURVEY | {"comment": "fine"})
    assert statuses(send(sending, "surveys", SURVEY)) == ["replaced"]
    assert [row["comment"] for row in rows(store, RECORDS["surveys"])] == [None]


def test_the_good_ones_of_a_list_are_kept_together(store):
    body = [SURVEY, SURVEY | {"survey_id": "S2", "score": 9}, SURVEY | {"survey_id": "S3"}, SURVEY]
    answer = send(Sending(store), "surveys", body)
    assert statuses(answer) == ["created", "rejected", "created", "unchanged"]
    assert [result["id"] for result in json.loads(answer.body)] == ["S1", None, "S3", "S1"]
    assert {row["revision"] for row in rows(store, RECORDS["surveys"])} == {1}


def test_a_list_without_a_good_one_changes_nothing(store):
    with pytest.raises(InvalidInputError) as caught:
        send(Sending(store), "surveys", [SURVEY | {"score": 9}, 7])
    assert [problem.where for problem in caught.value.problems] == ["/0/score", "/1"]
    assert rows(store, AUDIT) == []


def test_the_future_is_refused_beyond_a_day(store):
    sending = Sending(store)
    skewed = SURVEY | {"answered_at": "2026-03-11T12:00:00Z"}  # exactly one day ahead
    assert statuses(send(sending, "surveys", skewed)) == ["created"]
    with pytest.raises(InvalidInputError, match="lies in the future"):
        send(sending, "surveys", SURVEY | {"answered_at": "2026-03-11T12:00:00.000001Z"})
    ticket = EXAMPLES["tickets"] | {"reactivated_at": ["2026-03-01T00:00:00Z", "2026-03-12T00:00:00Z"]}
    with pytest.raises(InvalidInputError) as caught:
        send(sending, "tickets", ticket)
    assert [(problem.where, problem.code) for problem in caught.value.problems] == [("/reactivated_at/1", "future")]
    # noon of 10 March in UTC is 20:00 in Shanghai; a day ahead is 11 March
    invitation = EXAMPLES["survey_invitations"]
    send(sending, "survey_invitations", invitation | {"day": "2026-03-11"})
    with pytest.raises(InvalidInputError, match="lies in the future"):
        send(sending, "survey_invitations", invitation | {"day": "2026-03-12"})


def test_a_record_older_than_all_others_is_kept(store):
    assert statuses(send(Sending(store), "calls", CALL | {"started_at": "2000-01-03T00:00:00Z"})) == ["created"]


# --- calls in files


def test_a_call_in_a_file_is_known(store):
    sending = Sending(store)
    send(sending, "calls", CALL)
    fold_posted(store)
    assert rows(store, RECORDS["calls"]) == []
    assert statuses(send(sending, "calls", CALL)) == ["unchanged"]
    assert statuses(send(sending, "calls", CALL | {"agent": "A8"})) == ["replaced"]
    fold_posted(store)
    assert statuses(send(sending, "calls", CALL | {"agent": "A8"})) == ["unchanged"]
    assert [row["action"] for row in rows(store, AUDIT)] == ["create", "replace"]
    assert rows(store, AUDIT)[1]["before"]["agent"] == "A7"


# --- teams


def test_a_key_of_a_team_writes_its_own_records_only(store):
    sending = Sending(store)
    answer = send(sending, "surveys", [SURVEY | {"team": "T1"}, SURVEY | {"survey_id": "S2", "team": "T2"}], OF_T1)
    assert statuses(answer) == ["created", "rejected"]
    assert json.loads(answer.body)[1]["errors"][0]["code"] == "not_allowed"
    for other in ({"team": "T2"}, {}):
        with pytest.raises(NotAllowedError, match="T1"):
            send(sending, "surveys", SURVEY | {"survey_id": "S3"} | other, OF_T1)
    with pytest.raises(NotAllowedError):
        send(sending, "batches", EXAMPLES["batches"], OF_T1)


def test_a_key_of_a_team_replaces_no_record_of_another(store):
    sending = Sending(store)
    send(sending, "surveys", SURVEY | {"team": "T2"})
    with pytest.raises(NotAllowedError):
        send(sending, "surveys", SURVEY | {"team": "T1"}, OF_T1)
    send(sending, "calls", CALL | {"team": "T2"})
    fold_posted(store)
    elsewhere = CALL | {"team": "T1", "started_at": "2026-03-04T01:00:00Z"}  # the file of another day holds it
    with pytest.raises(NotAllowedError):
        send(sending, "calls", elsewhere, OF_T1)


@pytest.mark.parametrize("folded", [False, True])
def test_the_team_of_the_call_that_a_record_names_decides(store, folded):
    sending = Sending(store)
    send(sending, "calls", [CALL | {"team": "T2"}, CALL | {"call_id": "C-2", "team": "T1"}])
    if folded:
        fold_posted(store)
    with pytest.raises(NotAllowedError):
        send(sending, "surveys", SURVEY | {"team": "T1", "call_id": CALL["call_id"]}, OF_T1)
    assert statuses(send(sending, "surveys", SURVEY | {"call_id": "C-2"}, OF_T1)) == ["created"]
    unknown = SURVEY | {"survey_id": "S2", "call_id": "C-3", "team": "T1"}
    assert statuses(send(sending, "surveys", unknown, OF_T1)) == ["created"]


def test_no_file_is_opened_within_the_write_of_a_key_of_a_team(store, monkeypatch):
    sending = Sending(store)
    send(sending, "calls", [CALL | {"team": "T2"}, CALL | {"call_id": "C-2", "team": "T1"}])
    fold_posted(store)
    writing, opened = [], []
    put, real = database_module.next_revision, calls_module.calls_in

    def begun(connection):
        writing.append(True)
        return put(connection)

    monkeypatch.setattr(database_module, "next_revision", begun)

    def looked(folder, parts, *wanted):
        if parts:
            opened.append(len(writing))
        return real(folder, parts, *wanted)

    monkeypatch.setattr(calls_module, "calls_in", looked)
    assert statuses(send(sending, "surveys", SURVEY | {"call_id": "C-2"}, OF_T1)) == ["created"]
    with pytest.raises(NotAllowedError):
        send(sending, "calls", CALL | {"team": "T1"}, OF_T1)
    assert len(writing) == 2
    assert opened == [1]  # what became of the call, looked up before the second write


@pytest.mark.parametrize("folded", [False, True])
def test_a_call_that_comes_between_the_look_and_the_write_decides(store, monkeypatch, folded):
    sending, real = Sending(store), sending_module.locate

    def then_comes(*args):
        found = real(*args)
        send(sending, "calls", CALL | {"team": "T2"})
        if folded:
            fold_posted(store)
        return found

    monkeypatch.setattr(sending_module, "locate", then_comes)
    with pytest.raises(NotAllowedError):
        send(sending, "surveys", SURVEY | {"team": "T1", "call_id": CALL["call_id"]}, OF_T1)
    assert rows(store, RECORDS["surveys"]) == []


# --- answers given again


ONCE = Once("k1", "/surveys", "digest")


def test_the_same_request_again_gets_the_same_answer_and_changes_nothing(store):
    sending = Sending(store)
    first = send(sending, "surveys", SURVEY, once=ONCE)
    send(sending, "surveys", SURVEY | {"score": 1})
    again = send(Sending(store), "surveys", SURVEY, once=ONCE)
    assert (again.body, again.status, first.replayed, again.replayed) == (first.body, 200, False, True)
    assert [row["score"] for row in rows(store, RECORDS["surveys"])] == [1]


@pytest.mark.parametrize("other", [{"digest": "other"}, {"route": "/calls"}])
def test_the_same_key_with_another_request_is_refused(store, other):
    sending = Sending(store)
    send(sending, "surveys", SURVEY, once=ONCE)
    with pytest.raises(InvalidInputError, match="k1"):
        send(sending, "surveys", SURVEY | {"score": 2}, once=dataclasses.replace(ONCE, **other))
    assert [row["score"] for row in rows(store, RECORDS["surveys"])] == [5]


def test_two_callers_may_use_the_same_key(store):
    sending = Sending(store)
    send(sending, "surveys", SURVEY, once=ONCE)
    other = dataclasses.replace(OPERATOR, name="other")
    assert statuses(send(sending, "surveys", SURVEY | {"score": 2}, other, once=ONCE)) == ["replaced"]


def test_a_refused_request_keeps_no_answer(store):
    sending = Sending(store)
    with pytest.raises(InvalidInputError):
        send(sending, "surveys", SURVEY | {"score": 9}, once=ONCE)
    mended = dataclasses.replace(ONCE, digest="mended")
    assert statuses(send(sending, "surveys", SURVEY, once=mended)) == ["created"]


def test_an_answer_is_kept_for_a_day(store):
    sending = Sending(store)
    send(sending, "surveys", SURVEY, once=ONCE)
    day = dt.timedelta(hours=24)
    assert send(sending, "surveys", SURVEY, now=NOW + day - dt.timedelta(seconds=1), once=ONCE).replayed
    assert not send(sending, "surveys", SURVEY, now=NOW + day, once=ONCE).replayed
    send(sending, "surveys", SURVEY, now=NOW + 3 * day, once=dataclasses.replace(ONCE, key="k2"))
    assert [row["key"] for row in rows(store, ANSWERS)] == ["k2"]  # the old one is gone


def test_sends_of_one_transaction_are_told_each_of_its_own(store):
    sending = Sending(store)
    of = [SURVEY | {"survey_id": number} for number in ("S1", "S2", "S3")]
    send(sending, "surveys", of[1])
    one, two, call = at_once(
        store,
        lambda: send(sending, "surveys", of[0]),
        lambda: send(sending, "surveys", [of[1], of[2] | {"score": 9}, of[2]]),
        lambda: send(sending, "calls", CALL),
    )
    assert statuses(one) == ["created"]
    assert statuses(two) == ["unchanged", "rejected", "created"]
    assert statuses(call) == ["created"]
    assert [row["subject"] for row in rows(store, AUDIT)] == ["S2", "S1", "S3", CALL["call_id"]]
    assert {row["revision"] for row in rows(store, RECORDS["surveys"], RECORDS["surveys"].c.survey_id != "S2")} == {2}


def test_two_sends_of_a_record_in_one_transaction_come_one_after_the_other(store):
    sending = Sending(store)
    sends = [lambda score=score: send(sending, "surveys", SURVEY | {"score": score}) for score in (5, 4, 4)]
    assert [statuses(answer) for answer in at_once(store, *sends)] == [["created"], ["replaced"], ["unchanged"]]
    assert [row["score"] for row in rows(store, RECORDS["surveys"])] == [4]
    assert [(row["before"] or {}).get("score") for row in rows(store, AUDIT)] == [None, 5]


def test_a_key_of_a_team_replaces_no_record_of_another_that_came_in_the_same_transaction(store):
    sending = Sending(store)
    kept, refused = at_once(
        store,
        lambda: send(sending, "surveys", SURVEY | {"team": "T2"}),
        lambda: send(sending, "surveys", SURVEY | {"team": "T1"}, OF_T1),
    )
    assert statuses(kept) == ["created"]
    assert isinstance(refused, NotAllowedError)
    assert [row["team"] for row in rows(store, RECORDS["surveys"])] == ["T2"]


@pytest.mark.parametrize("number", ["S1", "S2"])
def test_the_same_key_with_another_request_in_one_transaction_is_refused(store, number):
    sending = Sending(store)
    other = dataclasses.replace(ONCE, digest="other")
    first, second = at_once(
        store,
        lambda: send(sending, "surveys", SURVEY, once=ONCE),
        lambda: send(sending, "surveys", SURVEY | {"survey_id": number, "score": 1}, once=other),
    )
    assert statuses(first) == ["created"]
    assert isinstance(second, InvalidInputError)
    assert [(row["survey_id"], row["score"]) for row in rows(store, RECORDS["surveys"])] == [("S1", 5)]


def test_the_same_request_twice_in_one_transaction_is_made_once(store):
    sending = Sending(store)
    first, again = at_once(store, *[lambda: send(sending, "surveys", SURVEY, once=ONCE)] * 2)
    assert (first.replayed, again.replayed, again.body) == (False, True, first.body)
    assert len(rows(store, AUDIT)) == 1


def send_at_once(folder: str, url: str, barrier_size: int, score: float | None, number: int) -> list[str]:
    """Send from several threads of one process: the same request, or (without a score) each its own survey."""
    store = open_store(Path(folder), "Asia/Shanghai", url)
    sending = Sending(store)

    def one(thread: int) -> str:
        own = SURVEY | ({"score": score} if score else {"survey_id": f"P{number}-{thread}"})
        return send(sending, "surveys", own, once=ONCE if score else None).body

    with concurrent.futures.ThreadPoolExecutor(barrier_size) as threads:
        bodies = list(threads.map(one, range(barrier_size)))
    store.database.close()
    return bodies


def from_processes(store, score):
    """Return what 20 senders in 4 processes were answered."""
    url = "" if store.database.is_sqlite else store.database.url.render_as_string(hide_password=False)
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(4, spawn) as processes:
        sent = [processes.submit(send_at_once, str(store.folder), url, 5, score, number) for number in range(4)]
        return [body for each in sent for body in each.result()]


def test_twenty_at_once_make_one_record_and_twenty_equal_answers(store):
    bodies = from_processes(store, 4.0)
    assert len(bodies) == 20
    assert len(set(bodies)) == 1
    assert [result["status"] for result in json.loads(bodies[0])] == ["created"]
    assert len(rows(store, RECORDS["surveys"])) == len(rows(store, AUDIT)) == 1


def test_writers_of_several_processes_lose_nothing(store):
    bodies = from_processes(store, None)
    assert [json.loads(body)[0]["status"] for body in bodies] == ["created"] * 20
    kept = rows(store, RECORDS["surveys"])
    assert {row["survey_id"] for row in kept} == {f"P{number}-{thread}" for number in range(4) for thread in range(5)}
    numbers = {row["revision"] for row in kept}  # of the transactions, which several of a process may share
    assert numbers == set(range(1, len(numbers) + 1))
