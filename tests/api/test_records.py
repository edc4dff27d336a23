"""POST /calls, /surveys ...: statuses, pointers, answers given again, limits, and what a kill -9 leaves."""

import contextlib
import dataclasses
import datetime as dt
import http.client
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from csi_service.api.examples import RECORDS
from csi_service.app import create_app
from csi_service.facts.kinds import KINDS
from csi_service.records import database as databases
from csi_service.records.tables import AUDIT
from csi_service.records.tables import RECORDS as TABLES
from csi_service.settings import environment
from csi_service.store.folder import open_store
from tests.api.ask import PROBLEM, refuse
from tests.keys import keyed, new_key
from tests.make import ROOT

URL = "/api/v1/surveys"
SURVEY = {"survey_id": "S1", "answered_at": "2026-03-02T09:12:58+08:00", "channel": "sms", "scale": "5", "score": 5}
KILL_ROUNDS = int(os.environ.get("CSI_TEST_KILL_ROUNDS", "10"))
WITHIN_SECONDS = 60


@pytest.fixture
def client(app, services, viewer_key):
    """Return a client that sends the key of an operator."""
    return keyed(app, new_key(services, "operator"))


def kept(services, kind="surveys"):
    with services.store().database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(TABLES[kind])).mappings()]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_route(client, kind):
    url = f"/api/v1/{kind.replace('_', '-')}"
    created, again = client.post(url, json=RECORDS[kind]), client.post(url, json=RECORDS[kind])
    assert (created.status_code, again.status_code) == (201, 200)
    assert (created.json["status"], again.json["status"]) == ("created", "unchanged")
    assert created.json["index"] == 0
    assert created.json["id"].startswith(str(RECORDS[kind][KINDS[kind].identity[0]]))


def test_one_record_replaced(client, services):
    client.post(URL, json=SURVEY)
    answer = client.post(URL, json=SURVEY | {"score": 1})
    assert (answer.status_code, answer.json) == (200, {"index": 0, "id": "S1", "status": "replaced"})
    assert [row["score"] for row in kept(services)] == [1]


def test_one_record_refused(client, services):
    assert refuse(client, URL, SURVEY | {"score": 9, "x": 1}) == [("/x", "unknown_key")]
    assert refuse(client, URL, SURVEY | {"score": 9}) == [("/score", "rule")]
    assert refuse(client, URL, SURVEY | {"answered_at": "2098-01-01T00:00:00Z"}) == [("/answered_at", "future")]
    assert kept(services) == []


def test_a_list_with_results_for_each(client, services):
    answer = client.post(URL, json=[SURVEY, SURVEY | {"survey_id": "S2", "score": 9}, SURVEY | {"score": 4}])
    assert answer.status_code == 200
    results = answer.json["results"]
    counts = {name: number for name, number in answer.json.items() if name != "results"}
    assert counts == {"created": 1, "replaced": 1, "unchanged": 0, "rejected": 1}
    assert [(each["index"], each["id"], each["status"]) for each in results] == [
        (0, "S1", "created"), (1, None, "rejected"), (2, "S1", "replaced"),
    ]  # fmt: skip
    assert results[1]["errors"][0]["pointer"] == "/1/score"
    assert [row["score"] for row in kept(services)] == [4]


def test_a_list_of_which_nothing_can_be_kept(client):
    assert refuse(client, URL, [{**SURVEY, "score": 9}, 3]) == [("/0/score", "rule"), ("/1", "type")]
    assert refuse(client, URL, []) == [("", "length")]
    assert refuse(client, URL, "text") == [("", "type")]


def test_ten_thousand_records_in_one_request(client, services):
    body = [SURVEY | {"survey_id": f"S{number}", "comment": "很好" * 200} for number in range(10_000)]
    answer = client.post(URL, json=body)
    assert len(json.dumps(body)) > services.settings.max_body_bytes  # the usual limit does not hold here
    assert (answer.status_code, answer.json["created"]) == (200, 10_000)
    assert refuse(client, URL, [*body, SURVEY]) == [("", "length")]


def test_a_body_beyond_the_limit_names_its_setting(services, viewer_key):
    small = dataclasses.replace(services.settings, max_records_bytes=2_000)
    app = create_app(dataclasses.replace(services, settings=small))
    answer = keyed(app, new_key(services, "operator")).post(URL, json=[SURVEY] * 100)
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)
    assert "CSI_MAX_RECORDS_BYTES" in answer.json["detail"]


def test_half_a_surrogate_pair_in_a_list_is_answered(client):
    body = json.dumps([SURVEY, SURVEY | {"survey_id": "S2", "comment": "\ud800"}])
    headers = {"Idempotency-Key": "k"}
    answers = [client.post(URL, data=body, content_type="application/json", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].data == answers[1].data


# --- the key of a request


def post_once(client, body, key="k1"):
    return client.post(URL, json=body, headers={"Idempotency-Key": key})


def test_the_same_request_again_is_answered_as_before(client, services):
    first, again = post_once(client, SURVEY), post_once(client, SURVEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


def test_an_answer_is_given_again_whatever_stands_against_the_request_by_now(client, services):
    first = post_once(client, SURVEY)
    set_back = dataclasses.replace(services, now=lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    late = create_app(set_back).test_client()
    late.environ_base |= client.environ_base
    assert late.post(URL, json=SURVEY | {"survey_id": "S9"}).json["errors"][0]["code"] == "future"
    assert post_once(late, SURVEY).data == first.data


def test_the_same_key_with_another_body_is_refused(client):
    post_once(client, SURVEY)
    answer = post_once(client, SURVEY | {"score": 4})
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "idempotency_key")


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "钥匙".encode().decode("latin-1")])
def test_a_key_that_cannot_be_one_is_refused(client, key):
    assert post_once(client, SURVEY, key).status_code == 400
    assert post_once(client, SURVEY, "x" * 255).status_code == 201


# --- who, and when it cannot be done


@pytest.mark.parametrize("role", ["viewer", "rater", "lead", "analyst"])
def test_other_roles_may_not(app, services, viewer_key, role):
    key = viewer_key if role == "viewer" else new_key(services, role)
    assert keyed(app, key).post(URL, json=SURVEY).status_code == 403
    assert kept(services) == []


def test_a_key_of_a_team(app, services, viewer_key):
    client = keyed(app, new_key(services, "operator", "of T1", teams=("T1",)))
    assert client.post(URL, json=SURVEY | {"team": "T1"}).status_code == 201
    answer = client.post(URL, json=SURVEY | {"survey_id": "S2", "team": "T2"})
    assert (answer.status_code, answer.content_type) == (403, PROBLEM)


def test_a_busy_database_says_when_to_try_again(client, services, monkeypatch):
    client.post(URL, json=SURVEY)
    monkeypatch.setattr(databases, "_BUSY_SECONDS", 0.1)
    with services.store().database.writing():
        answer = client.post(URL, json=SURVEY | {"survey_id": "S2"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert client.post(URL, json=SURVEY | {"survey_id": "S2"}).status_code == 201


def test_a_full_disk_changes_nothing(client, services):
    client.post(URL, json=SURVEY)
    database = services.store().database

    def fill(connection, *_):
        connection.execute("PRAGMA max_page_count=1")  # SQLite takes the file's present size as the least

    database.close()
    sa.event.listen(database.engine, "connect", fill)
    body = [SURVEY | {"survey_id": f"F{number}", "comment": "x" * 5_000} for number in range(100)]
    answer = client.post(URL, json=body)
    assert (answer.status_code, answer.headers["Retry-After"]) == (507, "60")
    assert [row["survey_id"] for row in kept(services)] == ["S1"]
    assert client.post(URL, json=SURVEY).status_code == 200  # the connection that failed can be used
    sa.event.remove(database.engine, "connect", fill)
    database.close()
    assert client.post(URL, json=body).json["created"] == 100


# --- a real server


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(settings):
    """Run `csi serve` in a process group of its own, killed at the end; yield its process."""
    command = [sys.executable, "-m", "csi_service", "serve"]
    given = environment(settings) | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=given, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            for _ in range(WITHIN_SECONDS * 20):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", settings.port), timeout=1):
                    break
                time.sleep(0.05)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Senders(threading.Thread):
    """Posts one survey after the other until the server is gone; `acknowledged` are those that were answered."""

    def __init__(self, port, key, numbers, most=None):
        super().__init__()
        self.port, self.key, self.numbers, self.most = port, key, numbers, most
        self.acknowledged, self.statuses = [], set()

    def run(self):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN_SECONDS)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            while self.most is None or len(self.acknowledged) < self.most:
                name = f"S{next(self.numbers)}"
                connection.request("POST", URL, json.dumps(SURVEY | {"survey_id": name}), headers)
                answer = connection.getresponse()
                answer.read()
                self.statuses.add(answer.status)
                if answer.status == 201:
                    self.acknowledged.append(name)


@pytest.fixture
def real(tmp_path, migrated, services, viewer_key):
    """Return the settings of a server with two workers on the services' folder, and an operator's key."""
    settings = dataclasses.replace(services.settings, port=free_port(), workers=2)
    return settings, new_key(services, "operator")


def created(settings):
    """Return the kept surveys, and how often each was created by the audit trail's account."""
    store = open_store(settings.data, str(settings.time_zone), settings.database_url)
    with store.database.reading() as connection:
        names = list(connection.execute(sa.select(TABLES["surveys"].c.survey_id)).scalars())
        query = sa.select(AUDIT.c.subject).where(AUDIT.c.kind == "surveys", AUDIT.c.action == "create")
        noted = list(connection.execute(query).scalars())
    store.database.close()
    return names, noted


def test_what_was_acknowledged_before_a_kill_is_there_once(real):
    settings, key = real
    numbers, acknowledged = itertools.count(), []
    chance = random.Random(7)
    for _ in range(KILL_ROUNDS):
        with serving(settings) as process:
            senders = [Senders(settings.port, key, numbers) for _ in range(8)]
            for sender in senders:
                sender.start()
            time.sleep(chance.uniform(0.3, 1.2))
            os.killpg(process.pid, signal.SIGKILL)
            for sender in senders:
                sender.join()
                acknowledged += sender.acknowledged
                assert sender.statuses <= {201}
    names, noted = created(settings)
    assert len(acknowledged) > 5 * KILL_ROUNDS  # the stream was one
    assert set(acknowledged) <= set(names)
    assert sorted(names) == sorted(noted)  # each once, and none without its entry


BESIDE = """
import datetime as dt, sys
from pathlib import Path
from csi_service.access import Caller
from csi_service.facts.kinds import KINDS
from csi_service.schema.records import read_records, record_schema
from csi_service.store.folder import open_store
from csi_service.store.answers import Answer
from csi_service.store.sending import Sending
import json

folder, zone, survey = sys.argv[1:]
store = open_store(Path(folder), zone)
for number in range(100):
    items = read_records(record_schema("surveys"), json.loads(survey) | {"survey_id": f"B{number}"})
    caller, now = Caller("beside", "operator", 1, ""), dt.datetime.now(dt.UTC)
    Sending(store).send(KINDS["surveys"], items, caller, now, lambda _: Answer(200, ""))
store.database.close()
"""


def test_two_workers_and_another_process_write_at_once(real):
    settings, key = real
    with serving(settings):
        command = [sys.executable, "-c", BESIDE, str(settings.data), str(settings.time_zone), json.dumps(SURVEY)]
        beside = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
        senders = [Senders(settings.port, key, itertools.count(1_000 * place), 50) for place in range(4)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert beside.wait(WITHIN_SECONDS) == 0
    names, noted = created(settings)
    sent = {name for sender in senders for name in sender.acknowledged}
    assert [sender.statuses for sender in senders] == [{201}] * 4
    assert set(names) == sent | {f"B{number}" for number in range(100)}
    assert len(names) == len(noted) == 300
