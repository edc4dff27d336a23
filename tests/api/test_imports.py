"""Imports over the API: sent as a form, followed, listed, cancelled, undone; and what is refused."""

import dataclasses
import errno
import io
import json
import shutil
import time
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa

from csi_service.api import imports as api_imports
from csi_service.app import create_app
from csi_service.records.tables import IMPORTS
from csi_service.store import import_queue
from csi_service.store.import_queue import work_off
from tests.api.ask import PROBLEM
from tests.keys import keyed, new_key
from tests.make import ROOT
from tests.store.bring import kept_calls

URL = "/api/v1/imports"
CALLS = b"call_id,started_at,answered,team\nC1,2026-03-02 09:00:00,Y,T1\nC2,2026-03-03 09:00:00,N,T2\n"
BAD = b"call_id,started_at,answered,team\nC1,2026-03-02 09:00:00,Y,T1\nC2,yesterday,N,=T2\n"


@pytest.fixture
def operator(app, services, migrated, monkeypatch):
    """Return a client with an operator's key; imports wait until the test works them off."""
    monkeypatch.setattr(import_queue, "start_worker", lambda settings: None)
    if not services.settings.data.exists():
        shutil.copytree(migrated, services.settings.data)
    return keyed(app, new_key(services, "operator"))


def form(*files, **fields):
    return fields | {"file": [(io.BytesIO(content), name) for name, content in files]}


def send(client, *files, status=202, **fields):
    answer = client.post(URL, data=form(*files, **fields), content_type="multipart/form-data")
    assert answer.status_code == status, answer.text
    return answer


def pointers(answer):
    assert answer.content_type == PROBLEM
    return [entry["pointer"] for entry in json.loads(answer.data)["errors"]]


def test_a_file_is_sent_followed_and_counts(operator, services):
    answer = send(operator, ("calls.csv", CALLS), kind="calls")
    assert answer.headers["Location"] == f"{URL}/1"
    assert (answer.json["status"], answer.json["files"], answer.json["created_by"]) == (
        "waiting",
        ["calls.csv"],
        "operator",
    )
    assert operator.get(answer.headers["Location"]).json["status"] == "waiting"
    work_off(services.store(), services.now)
    found = operator.get(answer.headers["Location"]).json
    assert (found["status"], found["share_done"], found["rows_read"]) == ("done", 1.0, 2)
    assert found["outcomes"] == [
        {
            "kind": "calls", "loaded": 2, "created": 2, "replaced": 0, "unchanged": 0, "repeated": 0, "rejected": 0,
            "reasons": [], "ignored_columns": [],
        }
    ]  # fmt: skip
    assert [each["call_id"] for each in kept_calls(services.store())] == ["C1", "C2"]


def test_what_became_of_an_import_is_told_in_the_caller_s_language(operator, services):
    send(operator, ("bad.csv", BAD), kind="calls")
    send(operator, ("none.csv", b"call_id,answered\nC1,Y\n"), kind="calls")
    work_off(services.store(), services.now)
    bad, none = (
        [operator.get(f"{URL}/{number}", headers={"Accept-Language": language}).json for language in ("en", "zh-CN")]
        for number in (1, 2)
    )
    assert [each["outcomes"][0]["reasons"] for each in bad] == [
        [{"reason": "started_at is not an instant such as 2021-01-31 09:12:58 between 2000 and 2099", "rows": 1}],
        [{"reason": "started_at 不是形如 2021-01-31 09:12:58 的时刻，或不介于 2000 与 2099 年之间", "rows": 1}],
    ]
    assert bad[0]["notes"] == []
    assert none[0]["error"].startswith("none.csv: has no column started_at for calls; its header reads: call_id")
    assert none[1]["error"].startswith("none.csv：没有 calls 所需的列 started_at")
    for language, reason in (("en", "is not an instant"), ("zh-CN", "不是形如")):
        with operator.get(f"{URL}/1/rejects", headers={"Accept-Language": language}) as answer:
            assert f"yesterday,{reason}" in answer.data.decode("utf-8-sig")
    listed = operator.get(URL, headers={"Accept-Language": "zh"}).json["imports"]
    assert listed == [none[1], bad[1]]


def test_texts_that_were_kept_ready_made_are_told_as_they_are(operator, services):
    send(operator, ("bad.csv", BAD), kind="calls")
    work_off(services.store(), services.now)
    outcome = {"kind": "calls", "loaded": 1, "reasons": [{"reason": "as it was", "rows": 1}], "ignored_columns": []}
    with services.store().database.writing() as connection:
        connection.execute(sa.update(IMPORTS).values(outcomes=[outcome]))
        connection.execute(sa.text("UPDATE imports SET error = 'not read'"))
    found = operator.get(f"{URL}/1", headers={"Accept-Language": "zh"}).json
    assert (found["error"], found["notes"]) == ("not read", [])
    assert found["outcomes"][0]["reasons"] == outcome["reasons"]


def test_what_else_is_to_be_known_of_an_import_is_told(operator, services):
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("Feb")):
        for cells in (["call_id", "started_at", "answered"], ["C1", "2026-03-02 09:00:00", "Y"]):
            sheet.append(cells)
    book.active.title = "Jan"
    book.save(content := io.BytesIO())
    send(operator, ("a.xlsx", content.getvalue()), kind="calls", time_zone="Europe/Zurich")
    work_off(services.store(), services.now)
    told = [operator.get(f"{URL}/1", headers={"Accept-Language": each}).json["notes"] for each in ("en", "zh")]
    assert told[0] == [
        "a.xlsx: the sheet 'Jan' was read, not Feb; sheet = \"...\" in a mapping chooses another",
        "Its local times are read in Europe/Zurich; the days are cut in Asia/Shanghai, CSI_TIME_ZONE of this folder.",
    ]
    assert told[1][0].startswith("a.xlsx：读取的是工作表 'Jan'")
    assert "Europe/Zurich" in told[1][1]


def test_the_worker_starts_by_itself(app, services, viewer_key):
    client = keyed(app, new_key(services, "operator"))
    where = send(client, ("calls.csv", CALLS), kind="calls").headers["Location"]
    deadline = time.monotonic() + 60
    while (found := client.get(where).json)["status"] in ("waiting", "running") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found["status"] == "done"


def test_a_mapping_is_sent_as_text_or_as_a_file_and_a_file_may_give_several_kinds(operator, services):
    mapping = (ROOT / "examples/mappings/pwc_call_centre.toml").read_bytes()
    header = b"Call Id,Agent,Date,Time,Topic,Answered (Y/N),Resolved,"
    header += b"Speed of answer in seconds,AvgTalkDuration,Satisfaction rating"
    line = b"ID1,Diane,2021-01-01,09:12:58,Contract related,Y,Y,109,00:02:23,3"
    file = ("pwc.csv", header + b"\n" + line + b"\n")
    first = send(operator, file, kind="calls", mapping=mapping.decode())
    second = send(operator, file, kind="calls", mapping=(io.BytesIO(mapping), "pwc.toml"))
    work_off(services.store(), services.now)
    done, same = (operator.get(answer.headers["Location"]).json for answer in (first, second))
    assert [outcome["kind"] for outcome in done["outcomes"]] == ["calls", "surveys"]
    assert (done["time_zone"], same["status"], same["same_as"]) == ("Europe/Zurich", "unchanged", 1)


def test_names_of_senders_are_never_paths(operator, services):
    before = {path for path in services.settings.data.parent.rglob("*")}
    send(operator, ("../../../evil.csv", CALLS), ("/etc/passwd", CALLS), kind="calls")
    made = {path.name for path in services.settings.data.parent.rglob("*")} - {path.name for path in before}
    assert made == {"1", "sent-file-0000.data", "sent-file-0001.data"} | {
        name for name in made if "sqlite" in name or "lock" in name
    }
    work_off(services.store(), services.now)
    assert operator.get(f"{URL}/1").json["files"] == ["../../../evil.csv", "/etc/passwd"]
    assert operator.get(f"{URL}/1").json["outcomes"][0]["repeated"] == 2


def test_a_file_that_cannot_be_used_fails_with_the_name_it_was_sent_under(operator, services):
    send(operator, ("my calls.csv", b"a,b\n1,2\n"), kind="calls")
    work_off(services.store(), services.now)
    found = operator.get(f"{URL}/1").json
    assert found["status"] == "failed"
    assert found["error"].startswith("my calls.csv: has no column call_id")


def test_rejected_rows_are_fetched_as_csv(operator, services):
    send(operator, ("calls.csv", BAD), kind="calls")
    assert operator.get(f"{URL}/1/rejects").status_code == 404
    work_off(services.store(), services.now)
    answer = operator.get(f"{URL}/1/rejects")
    assert answer.status_code == 200
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    head, line = answer.data.decode("utf-8-sig").splitlines()
    assert head == "kind,file,line,column,value,reason,call_id,started_at,answered,team"
    assert line.startswith("calls,calls.csv,3,started_at,yesterday,")
    assert line.endswith(",C2,yesterday,N,'=T2")
    answer.close()


def test_the_list_comes_in_pages(operator):
    for number in range(5):
        send(operator, (f"{number}.csv", CALLS), kind="calls")
    first = operator.get(f"{URL}?limit=2").json
    assert [found["id"] for found in first["imports"]] == [5, 4]
    second = operator.get(f"{URL}?limit=3&cursor={first['next_cursor']}").json
    assert [found["id"] for found in second["imports"]] == [3, 2, 1]
    assert second["next_cursor"] is None
    assert operator.get(f"{URL}?limit=0").status_code == 422
    assert operator.get(f"{URL}?cursor=x").status_code == 422


def test_cancel_and_undo(operator, services):
    for name in ("a.csv", "b.csv"):
        send(operator, (name, CALLS), kind="calls")
    assert operator.post(f"{URL}/2/cancel").json["status"] == "cancelled"
    assert operator.post(f"{URL}/2/cancel").status_code == 409
    assert operator.post(f"{URL}/1/undo").status_code == 409
    work_off(services.store(), services.now)
    answer = operator.post(f"{URL}/1/undo")
    assert (answer.status_code, answer.json["status"]) == (202, "undoing")
    assert operator.post(f"{URL}/1/undo").status_code == 409
    work_off(services.store(), services.now)
    assert operator.get(f"{URL}/1").json["status"] == "undone"
    assert operator.post(f"{URL}/1/undo").status_code == 409
    assert kept_calls(services.store()) == []


@pytest.mark.parametrize("number", ["9", "0", "999999999999999"])
@pytest.mark.parametrize(("method", "end"), [("get", ""), ("get", "/rejects"), ("post", "/cancel"), ("post", "/undo")])
def test_an_import_that_is_not_there_is_not_found(operator, number, method, end):
    answer = getattr(operator, method)(f"{URL}/{number}{end}")
    assert (answer.status_code, answer.content_type) == (404, PROBLEM)


@pytest.mark.parametrize(
    ("fields", "files", "expected"),
    [
        ({}, 1, ["/kind"]),
        ({"kind": "cats"}, 1, ["/kind"]),
        ({"kind": "calls"}, 0, ["/file"]),
        ({"kind": ["calls", "calls"]}, 1, ["/kind"]),
        ({"kind": "calls", "colour": "red"}, 1, ["/colour"]),
        ({"kind": "calls", "time_zone": "Mars/Base"}, 1, ["/time_zone"]),
        ({"kind": "calls", "mapping": "calls = "}, 1, ["/mapping"]),
        ({"kind": "calls", "mapping": "[calls]\ncall_id = 'x'\n"}, 1, ["/mapping"]),
        ({"kind": "cats", "time_zone": "x"}, 0, ["/kind", "/time_zone", "/file"]),
    ],
)
def test_a_form_that_breaks_its_rules_names_each_field(operator, services, fields, files, expected):
    answer = send(operator, *[("calls.csv", CALLS)] * files, status=422, **fields)
    assert sorted(pointers(answer)) == sorted(expected)
    assert operator.get(URL).json["imports"] == []
    assert not any(services.store().uploads.iterdir())


def test_only_forms_are_taken(operator):
    assert operator.post(URL, json={"kind": "calls"}).status_code == 415
    assert operator.post(URL, data=b"x", content_type="multipart/form-data").status_code == 400
    assert operator.post(URL, data=b"x", content_type="multipart/form-data; boundary=a").status_code == 400


def test_forms_have_a_limit_of_their_own(services, migrated, monkeypatch):
    monkeypatch.setattr(import_queue, "start_worker", lambda settings: None)
    shutil.copytree(migrated, services.settings.data)
    limits = dataclasses.replace(services.settings, max_upload_bytes=5000, max_body_bytes=1024)
    client = keyed(create_app(dataclasses.replace(services, settings=limits)), new_key(services, "operator"))
    answer = send(client, ("calls.csv", CALLS * 100), status=413, kind="calls")
    assert "5000 bytes (setting CSI_MAX_UPLOAD_BYTES)" in answer.json["detail"]
    assert not any(services.store().uploads.iterdir())
    send(client, ("calls.csv", CALLS * 20), kind="calls")


def test_no_room_for_the_files_is_507_and_leaves_nothing(operator, services, monkeypatch):
    real = Path.open

    def full(self, mode="r", *given, **named):
        if self.name.startswith("part-"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, mode, *given, **named)

    monkeypatch.setattr(Path, "open", full)
    send(operator, ("calls.csv", CALLS), status=507, kind="calls")
    assert not any(services.store().uploads.iterdir())


@pytest.mark.parametrize(
    ("role", "read", "write"), [("viewer", 403, 403), ("analyst", 200, 403), ("operator", 200, 202)]
)
def test_who_may(app, services, viewer_key, monkeypatch, role, read, write):
    monkeypatch.setattr(import_queue, "start_worker", lambda settings: None)
    client = keyed(app, new_key(services, role, "somebody"))
    assert client.get(URL).status_code == read
    send(client, ("calls.csv", CALLS), status=write, kind="calls")


def test_a_key_of_some_teams_sees_no_import(app, services, viewer_key, monkeypatch):
    monkeypatch.setattr(import_queue, "start_worker", lambda settings: None)
    client = keyed(app, new_key(services, "operator", teams=("T1",)))
    assert client.get(URL).status_code == 403
    assert client.get(f"{URL}/1").status_code == 403
    send(client, ("calls.csv", CALLS), status=403, kind="calls")


def test_a_mapping_that_is_too_long_is_refused_and_not_cut(operator, monkeypatch):
    monkeypatch.setattr(api_imports, "_MOST_MAPPING", 20)
    for mapping in ("#" * 21, (io.BytesIO(b"#" * 21), "m.toml")):
        answer = send(operator, ("a.csv", CALLS), status=422, kind="calls", mapping=mapping)
        assert pointers(answer) == ["/mapping"]
        assert "21" in answer.json["detail"]


@pytest.mark.parametrize("part", ["a", '"\u2028"', '"\x85"'])  # the latter two end lines in Python, but not in TOML
def test_a_mapping_whose_keys_would_take_all_memory_is_refused(operator, part):
    mapping = ".".join([part] * 10_000) + " = 1"
    answer = send(operator, ("a.csv", CALLS), status=422, kind="calls", mapping=mapping)
    assert pointers(answer) == ["/mapping"]
    assert "200 dots in line 1" in answer.json["detail"]


def test_a_file_without_a_name_is_none(operator):
    head = b'Content-Disposition: form-data; name="'
    parts = (head + b'kind"\r\n\r\ncalls', head + b'file"; filename=""\r\n\r\n')  # as browsers send an empty choice
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
    answer = operator.post(URL, data=body, content_type="multipart/form-data; boundary=B")
    assert (answer.status_code, pointers(answer)) == (422, ["/file"])
